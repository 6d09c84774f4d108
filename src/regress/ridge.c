/* The ridge path in the coordinates of one SVD.
 *
 * Everything is written in d = s + lambda/s, so that neither s^2 nor s^2 + lambda is ever formed:
 * s near the square root of the smallest double loses nothing, and s = 0 with lambda > 0 gives
 * d = infinity, f = 0, as it should.
 * Dimension letters: n rows, p features, k singular values. */
#include "simmer/regress/ridge.h"

#include <float.h>

#include "simmer/base/integer.h"

/* One direction at one lambda: its filter factor f, 1 - f computed without subtraction, and the
 * gain s / (s^2 + lambda) that turns beta into a coefficient. */
typedef struct {
  double keep, drop, gain;
} filter;

static const filter dropped = {0.0, 1.0, 0.0};

/* Singular values up to this count as zero at lambda = 0. */
static double get_cutoff(const smr_spectrum *spectrum) {
  if (spectrum->k == 0) {
    return 0.0;
  }
  return (double)smr_int_max(spectrum->n, spectrum->p) * DBL_EPSILON * spectrum->s[0];
}

/* s below its cutoff carries nothing when there is no penalty to hold it. */
static filter get_filter(double s, double lambda, double cutoff) {
  if (lambda <= 0.0) {
    return s > cutoff ? (filter){1.0, 0.0, 1.0 / s} : dropped;
  }
  if (s <= 0.0) {
    return dropped;
  }
  const double ratio = lambda / s / s;
  const double keep = 1.0 / (1.0 + ratio);
  const double drop = ratio < 1.0 ? ratio * keep : 1.0 - keep; /* 1 - keep >= 1/2 is exact enough */
  return (filter){keep, drop, 1.0 / (s + lambda / s)};
}

void smr_ridge_filter(const smr_spectrum *spectrum, double lambda, double *f) {
  const double cutoff = get_cutoff(spectrum);
  for (int64_t i = 0; i < spectrum->k; i++) {
    f[i] = get_filter(spectrum->s[i], lambda, cutoff).keep;
  }
}

void smr_ridge_coefficients(const smr_spectrum *spectrum, double lambda, double *c) {
  const double cutoff = get_cutoff(spectrum);
  for (int64_t i = 0; i < spectrum->k; i++) {
    c[i] = get_filter(spectrum->s[i], lambda, cutoff).gain * spectrum->beta[i];
  }
}

smr_ridge_point smr_ridge_evaluate(const smr_spectrum *spectrum, double lambda) {
  const double cutoff = get_cutoff(spectrum);
  smr_ridge_point point = {.residual2 = spectrum->tail};
  for (int64_t i = 0; i < spectrum->k; i++) {
    const filter here = get_filter(spectrum->s[i], lambda, cutoff);
    const double residual = here.drop * spectrum->beta[i];
    const double coefficient = here.gain * spectrum->beta[i];
    point.residual2 += residual * residual;
    point.solution2 += coefficient * coefficient;
    point.effective_dof += here.keep;
  }
  return point;
}

void smr_ridge_bias_variance(const smr_spectrum *spectrum, double lambda, const double *truth,
                             double truth_null2, double sigma, double *bias2, double *variance) {
  const double cutoff = get_cutoff(spectrum);
  double bias_sum = truth_null2;
  double variance_sum = 0.0;
  for (int64_t i = 0; i < spectrum->k; i++) {
    const filter here = get_filter(spectrum->s[i], lambda, cutoff);
    const double bias = here.drop * truth[i];
    const double spread = sigma * here.gain;
    bias_sum += bias * bias;
    variance_sum += spread * spread;
  }
  *bias2 = bias_sum;
  *variance = variance_sum;
}

double smr_ridge_gram_floor(const smr_spectrum *spectrum) {
  return spectrum->k == 0 ? 0.0 : 1e-10 * spectrum->s[0] * spectrum->s[0];
}
