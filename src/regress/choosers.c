/* From a curve over the grid to one lambda and how it came about. Letter: n = number of lambdas. */
#include "simmer/regress/choosers.h"

#include <math.h>
#include <stddef.h>

#include "filter.h"

static const smr_choice no_choice = {NAN, NAN, -1, SMR_CHOICE_NOTHING};

/* The search stops when log lambda is known to this: the curve's own rounding, about 1e-16 of its
 * value, moves a minimum by the square root of that. */
static const double search_width = 1e-7;
/* Halvings of up to 700 decades down to the spacing of doubles. */
enum { MOST_STEPS = 200 };

/* Index of the least number, -1 when all are NaN. */
static int64_t find_least(int64_t n, const double *values) {
  int64_t best = -1;
  for (int64_t i = 0; i < n; i++) {
    if (!isnan(values[i]) && (best < 0 || values[i] < values[best])) {
      best = i;
    }
  }
  return best;
}

/* Whether sign x curve stays within SMR_FLAT_RISE of its minimum over SMR_FLAT_DECADES of lambda.
 */
static bool is_flat(int64_t n, const double *lambda, const double *values, double sign,
                    int64_t best) {
  const double bound = sign * values[best] + SMR_FLAT_RISE * fabs(values[best]);
  int64_t low = best, high = best;
  while (low > 0 && sign * values[low - 1] <= bound) {
    low--;
  }
  while (high < n - 1 && sign * values[high + 1] <= bound) {
    high++;
  }
  if (low == high) {
    return false;
  }
  return lambda[low] <= 0.0 || log10(lambda[high] / lambda[low]) >= SMR_FLAT_DECADES;
}

/* Golden section for the minimum of sign x function between lambda = exp(low) and exp(high). */
static void search(const smr_lambda_function *function, double sign, double low, double high,
                   smr_choice *choice) {
  const double golden = 0.6180339887498949;
  double left = high - golden * (high - low), right = low + golden * (high - low);
  double at_left = sign * function->evaluate(function->self, exp(left));
  double at_right = sign * function->evaluate(function->self, exp(right));
  for (int step = 0; step < MOST_STEPS && high - low > search_width; step++) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - golden * (high - low);
      at_left = sign * function->evaluate(function->self, exp(left));
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + golden * (high - low);
      at_right = sign * function->evaluate(function->self, exp(right));
    }
  }
  const double found = fmin(at_left, at_right);
  /* A curve with several minima between the neighbours may lead astray: the grid point stays. */
  if (found < sign * choice->value) {
    choice->lambda = exp(at_left <= at_right ? left : right);
    choice->value = sign * found;
  }
}

/* Between the neighbours of an inner grid point; lambda = 0 below it stands one step away. */
static void refine(const smr_lambda_function *function, double sign, const double *lambda,
                   smr_choice *choice) {
  const double *here = lambda + choice->index;
  if (here[0] <= 0.0) {
    return;
  }
  const double high = log(here[1]), middle = log(here[0]);
  const double low = here[-1] > 0.0 ? log(here[-1]) : 2.0 * middle - high;
  search(function, sign, low, high, choice);
}

/* The vertex of the parabola in log lambda through an inner minimum and its neighbours. */
static void refine_by_parabola(const double *lambda, const double *values, smr_choice *choice) {
  const double *x = lambda + choice->index, *y = values + choice->index;
  if (x[-1] <= 0.0 || isnan(y[-1]) || isnan(y[1])) {
    return;
  }
  const double left = log(x[-1] / x[0]), right = log(x[1] / x[0]); /* left < 0 < right */
  const double fall = (y[-1] - y[0]) / left, rise = (y[1] - y[0]) / right;
  const double bend = (rise - fall) / (right - left);
  const double slope = fall - bend * left;
  if (!(bend > 0.0) || isinf(bend)) {
    return;
  }
  const double step = fmin(fmax(-0.5 * slope / bend, left), right);
  choice->lambda = x[0] * exp(step);
  choice->value = y[0] + (slope + bend * step) * step;
}

smr_choice smr_choose_minimum(int64_t n, const double *lambda, const double *values,
                              const smr_lambda_function *function) {
  const int64_t best = find_least(n, values);
  if (best < 0) {
    return no_choice;
  }
  smr_choice choice = {lambda[best], values[best], best, SMR_CHOICE_INTERIOR};
  if (best == 0 || best == n - 1) {
    choice.status = SMR_CHOICE_EDGE;
    return choice;
  }
  if (is_flat(n, lambda, values, 1.0, best)) {
    choice.status = SMR_CHOICE_FLAT;
  }
  if (function != NULL) {
    refine(function, 1.0, lambda, &choice);
  } else {
    refine_by_parabola(lambda, values, &choice);
  }
  return choice;
}

static double get_curvature(const void *self, double lambda) {
  return smr_choose_curvature_at(self, lambda);
}

static double get_quasiopt(const void *self, double lambda) {
  return smr_choose_quasiopt_at(self, lambda);
}

smr_choice smr_choose_lcurve(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                             const double *curvature) {
  const smr_lambda_function function = {get_curvature, spectrum};
  int64_t best = -1, first = -1;
  for (int64_t i = 0; i < n; i++) {
    if (isnan(curvature[i])) {
      continue;
    }
    first = first < 0 ? i : first;
    if (best < 0 || curvature[i] > curvature[best]) {
      best = i;
    }
  }
  if (best < 0) {
    return no_choice;
  }
  if (curvature[best] <= 0.0) {
    return (smr_choice){NAN, curvature[best], -1, SMR_CHOICE_NO_CORNER};
  }
  smr_choice choice = {lambda[best], curvature[best], best, SMR_CHOICE_INTERIOR};
  if (best == first || best == n - 1) {
    choice.status = SMR_CHOICE_EDGE;
    return choice;
  }
  if (is_flat(n, lambda, curvature, -1.0, best)) {
    choice.status = SMR_CHOICE_FLAT;
  }
  refine(&function, -1.0, lambda, &choice);
  return choice;
}

smr_choice smr_choose_quasiopt(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                               const double *values) {
  if (spectrum->k == 0 || n == 0) {
    return no_choice;
  }
  const smr_lambda_function function = {get_quasiopt, spectrum};
  const double floor = fmax(spectrum->s[spectrum->k - 1], 1e-14 * spectrum->s[0]);
  const double least = floor * floor, most = spectrum->s[0] * spectrum->s[0];
  int64_t best = -1, lowest = -1;
  for (int64_t i = 0; i < n; i++) {
    if (!(lambda[i] >= least && lambda[i] <= most)) {
      continue;
    }
    lowest = lowest < 0 || values[i] < values[lowest] ? i : lowest;
    const bool is_inner = i > 0 && i < n - 1;
    if (is_inner && values[i] < values[i - 1] && values[i] < values[i + 1] &&
        (best < 0 || values[i] < values[best])) {
      best = i;
    }
  }
  if (best < 0) {
    /* No grid point in the range at all: the end of the grid next to it. */
    lowest = lowest < 0 ? (lambda[0] > most ? 0 : n - 1) : lowest;
    return (smr_choice){lambda[lowest], values[lowest], lowest, SMR_CHOICE_EDGE};
  }
  smr_choice choice = {lambda[best], values[best], best, SMR_CHOICE_INTERIOR};
  refine(&function, 1.0, lambda, &choice);
  return choice;
}

double smr_choose_discrepancy_target(const smr_spectrum *spectrum, double sigma) {
  return 1.01 * sigma * sqrt((double)(spectrum->n - spectrum->has_intercept));
}

static double get_residual(const smr_spectrum *spectrum, double lambda) {
  return sqrt(smr_ridge_evaluate(spectrum, lambda).residual2);
}

/* The grid point nearest to lambda in log lambda (in lambda beside 0). */
static int64_t find_nearest(int64_t n, const double *lambda, double wanted) {
  int64_t above = 0;
  while (above < n - 1 && lambda[above] < wanted) {
    above++;
  }
  if (above == 0 || lambda[above - 1] <= 0.0) {
    return above;
  }
  return wanted / lambda[above - 1] < lambda[above] / wanted ? above - 1 : above;
}

smr_choice smr_choose_discrepancy(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                                  double sigma) {
  if (isnan(sigma)) {
    return (smr_choice){NAN, NAN, -1, SMR_CHOICE_NO_NOISE};
  }
  const double target = smr_choose_discrepancy_target(spectrum, sigma);
  const double least = get_residual(spectrum, lambda[0]);
  const double most = get_residual(spectrum, lambda[n - 1]);
  if (!(least < target && target < most)) {
    const int64_t end = least >= target ? 0 : n - 1;
    return (smr_choice){lambda[end], end == 0 ? least : most, end, SMR_CHOICE_EDGE};
  }
  /* With lambda = 0 at the lower end the first positive one that is below the target, or smaller
   * ones until there is one. */
  double high = lambda[n - 1], low = lambda[0] > 0.0 ? lambda[0] : high;
  while (low > DBL_MIN && get_residual(spectrum, low) >= target) {
    high = low;
    low /= 16.0;
  }
  double left = log(low), right = log(high);
  for (int step = 0; step < MOST_STEPS && right - left > 1e-14 * fabs(left); step++) {
    const double middle = 0.5 * (left + right);
    if (get_residual(spectrum, exp(middle)) < target) {
      left = middle;
    } else {
      right = middle;
    }
  }
  const double found = exp(0.5 * (left + right));
  return (smr_choice){found, get_residual(spectrum, found), find_nearest(n, lambda, found),
                      SMR_CHOICE_INTERIOR};
}
