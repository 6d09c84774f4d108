/* The discrete Picard condition and the noise level. Letter: k coefficients. */
#include "simmer/regress/picard.h"

#include <math.h>

#include "simmer/regress/truncated.h"

/* Directions outside the columns whose sum of squares alone gives sigma to about 20 %. */
enum { ENOUGH_OUTSIDE = 10, LEAST_PLATEAU = 5, LEAST_LINE = 3, LEAST_SLOPE = 4 };

/* Variance of ln|z| for a Gaussian z: pi^2 / 8. */
static const double scatter = 1.2337005501361697;

/* Sums for a least-squares line through points (x, y). */
typedef struct {
  double n, x, y, xx, xy, yy;
} line_sums;

static void add_point(line_sums *sums, double x, double y) {
  sums->n += 1.0;
  sums->x += x;
  sums->y += y;
  sums->xx += x * x;
  sums->xy += x * y;
  sums->yy += y * y;
}

static line_sums subtract(const line_sums *a, const line_sums *b) {
  return (line_sums){a->n - b->n,   a->x - b->x,   a->y - b->y,
                     a->xx - b->xx, a->xy - b->xy, a->yy - b->yy};
}

/* Squared distances from the best constant, and from the best line with its slope. */
static double miss_constant(const line_sums *s) {
  return s->n > 0.0 ? fmax(s->yy - s->y * s->y / s->n, 0.0) : 0.0;
}

static double miss_line(const line_sums *s, double *slope) {
  const double spread = s->xx - s->x * s->x / s->n;
  const double product = s->xy - s->x * s->y / s->n;
  *slope = spread > 0.0 ? product / spread : 0.0;
  return fmax(miss_constant(s) - *slope * product, 0.0);
}

/* First coefficient of the plateau, or k when there is none. Coefficients that are exactly 0 say
 * nothing. */
static int64_t find_plateau(const smr_spectrum *spectrum) {
  const int64_t k = spectrum->k;
  line_sums all = {0};
  for (int64_t i = 0; i < k; i++) {
    if (spectrum->beta[i] != 0.0) {
      add_point(&all, (double)i, log(fabs(spectrum->beta[i])));
    }
  }
  if (all.n < LEAST_LINE + LEAST_PLATEAU) {
    return k;
  }
  double slope = 0.0;
  const double weight = log(all.n); /* of a parameter */
  const double alone = fmin(miss_constant(&all) / scatter + weight,
                            miss_line(&all, &slope) / scatter + 2.0 * weight);
  double best = alone;
  int64_t start = k;
  line_sums before = {0};
  for (int64_t i = 0; i < k; i++) {
    const line_sums after = subtract(&all, &before);
    if (before.n >= LEAST_LINE && after.n >= LEAST_PLATEAU) {
      const double miss = miss_line(&before, &slope) + miss_constant(&after);
      const double cost = miss / scatter + 4.0 * weight;
      if (slope < 0.0 && cost < best) {
        best = cost;
        start = i;
      }
    }
    if (spectrum->beta[i] != 0.0) {
      add_point(&before, (double)i, log(fabs(spectrum->beta[i])));
    }
  }
  return start;
}

double smr_picard_noise(const smr_spectrum *spectrum) {
  const int64_t outside = spectrum->n - spectrum->has_intercept - spectrum->k;
  if (outside >= ENOUGH_OUTSIDE) {
    return sqrt(spectrum->tail / (double)outside);
  }
  const int64_t start = find_plateau(spectrum);
  if (start == spectrum->k) {
    return outside > 0 ? sqrt(spectrum->tail / (double)outside) : (double)NAN;
  }
  double squares = outside > 0 ? spectrum->tail : 0.0;
  double count = outside > 0 ? (double)outside : 0.0;
  for (int64_t i = start; i < spectrum->k; i++) {
    squares += spectrum->beta[i] * spectrum->beta[i];
    count += spectrum->beta[i] != 0.0 ? 1.0 : 0.0;
  }
  return sqrt(squares / count);
}

/* P(any of k draws beyond sigma sqrt(2 ln(20 k))) <= 1/20, since P(|z| > t) <= exp(-t^2/2). */
static int64_t find_level(const smr_spectrum *spectrum, int64_t most, double sigma) {
  const double reach = sigma > 0.0 ? sigma * sqrt(2.0 * log(20.0 * (double)spectrum->k)) : 0.0;
  int64_t level = most;
  while (level > 0 && fabs(spectrum->beta[level - 1]) <= reach) {
    level--;
  }
  return level;
}

smr_picard smr_picard_check(const smr_spectrum *spectrum, double sigma) {
  smr_picard picard = {0, NAN, NAN, SMR_PICARD_UNDECIDED};
  line_sums beta = {0}, s = {0}, quotient = {0};
  picard.level = find_level(spectrum, smr_truncated_count(spectrum), sigma);
  for (int64_t i = 0; i < picard.level; i++) {
    if (spectrum->beta[i] == 0.0) {
      continue;
    }
    const double log_beta = log10(fabs(spectrum->beta[i])), log_s = log10(spectrum->s[i]);
    add_point(&beta, (double)i, log_beta);
    add_point(&s, (double)i, log_s);
    add_point(&quotient, (double)i, log_beta - log_s);
  }
  if (beta.n < 2.0) {
    return picard;
  }
  double slope = 0.0;
  (void)miss_line(&beta, &picard.slope_beta);
  (void)miss_line(&s, &picard.slope_s);
  const double miss = miss_line(&quotient, &slope);
  if (beta.n < LEAST_SLOPE) {
    return picard;
  }
  const double spread = quotient.xx - quotient.x * quotient.x / quotient.n;
  const double error = sqrt(miss / (quotient.n - 2.0) / spread);
  if (fabs(slope) > 2.0 * error) {
    picard.verdict = slope < 0.0 ? SMR_PICARD_HOLDS : SMR_PICARD_VIOLATED;
  }
  return picard;
}
