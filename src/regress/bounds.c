/* Bounds at a test point: bias and variance of one linear functional of the weights. */
#include "simmer/regress/bounds.h"

#include <math.h>

smr_bounds_terms smr_bounds_evaluate(const smr_spectrum *spectrum, double lambda,
                                     const double *x_mode, double x_null2, double sigma,
                                     double *work) {
  smr_bounds_terms terms = {0.0, 0.0};
  double unused = 0.0;
  double squares = 0.0;
  /* g is the bias^2 of a truth equal to x; s/(s^2+lambda) (v'x) are the coefficients of a target
   * whose modes are V'x. */
  smr_spectrum target = *spectrum;
  target.beta = x_mode;
  smr_ridge_bias_variance(spectrum, lambda, x_mode, x_null2, 0.0, &terms.gain, &unused);
  smr_ridge_coefficients(&target, lambda, work);
  for (int64_t i = 0; i < spectrum->k; i++) {
    squares += work[i] * work[i];
  }
  terms.variance = sigma * sigma * squares;
  if (spectrum->has_intercept) {
    terms.variance += sigma * sigma / (double)spectrum->n;
  }
  return terms;
}

double smr_bounds_worst(smr_bounds_terms terms, double r) {
  return r * r * terms.gain + terms.variance;
}

double smr_bounds_average(smr_bounds_terms terms, double alpha) {
  return terms.gain / alpha + terms.variance;
}

double smr_bounds_alpha(int64_t p, double r) {
  return (double)p / (r * r);
}
