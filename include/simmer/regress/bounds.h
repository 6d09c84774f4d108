/* Bounds on the squared error of a ridge prediction at one test point x.
 *
 * With g = sum (lambda/(s_i^2+lambda))^2 (v_i'x)^2 + ||x_null||^2 and v = sigma^2 sum
 * s_i^2/(s_i^2+lambda)^2 (v_i'x)^2, where x_null is what of x is outside the v_i:
 *   E[(x'(what - w*))^2] <= r^2 g + v for all ||w*|| <= r           (bound_worst),
 *   E[(x'(what - w*))^2]  = g / alpha + v on average over w* ~ N(0, I / alpha)  (bound_average);
 * alpha = p / r^2 has E||w*||^2 = r^2. At lambda = sigma^2 alpha the average is sigma^2 x'(X'X +
 * lambda)^-1 x, the least there is (Rasmussen & Williams 2006, eq. 2.9). The expectation is over
 * i.i.d. noise of standard deviation sigma. With an intercept x stands for x - mean, and sigma^2 /
 * n is added, for the error of the mean. All local and pure. */
#ifndef SIMMER_REGRESS_BOUNDS_H
#define SIMMER_REGRESS_BOUNDS_H

#include "simmer/regress/ridge.h"

typedef struct {
  double gain;     /* g */
  double variance; /* v; with an intercept + sigma^2 / n */
} smr_bounds_terms;

/* x_mode[k] = V'x (V'(x - mean) with an intercept, in the coordinates of the spectrum), x_null2 =
 * ||x_null||^2 >= 0, work[k] scratch. lambda = 0 is the minimum-norm solution. */
smr_bounds_terms smr_bounds_evaluate(const smr_spectrum *spectrum, double lambda,
                                     const double *x_mode, double x_null2, double sigma,
                                     double *work);
/* r >= 0. */
double smr_bounds_worst(smr_bounds_terms terms, double r);
/* alpha > 0. */
double smr_bounds_average(smr_bounds_terms terms, double alpha);
/* alpha = p / r^2; infinity for r = 0. */
double smr_bounds_alpha(int64_t p, double r);

#endif
