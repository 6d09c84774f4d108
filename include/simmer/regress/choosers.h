/* Ways to choose lambda that follow from the spectrum (s, U'y, what is outside), and the choice of
 * a lambda from any curve over a grid.
 *
 * n rows, p features, k singular values, as in ridge.h; L = number of lambdas. All local and pure.
 * Curves say nothing where they are NaN. */
#ifndef SIMMER_REGRESS_CHOOSERS_H
#define SIMMER_REGRESS_CHOOSERS_H

#include "simmer/regress/ridge.h"

/* How a choice came about; X(name, text). The order is that of the numbers in result files. */
#define SMR_CHOICE_STATUS_LIST(X)                                                        \
  X(INTERIOR, "interior") /* an optimum inside the grid */                               \
  X(EDGE, "edge")         /* at an end of the grid: the optimum may lie outside */       \
  X(FLAT, "flat")         /* the curve hardly changes over decades around its optimum */ \
  X(NO_CORNER, "corner")  /* the L-curve is nowhere convex: there is no choice */        \
  X(NO_NOISE, "noise")    /* the noise level is not known and can't be estimated */      \
  X(NOTHING, "nothing")   /* the curve has no value anywhere: there is no choice */
#define SMR_CHOICE_STATUS_ENUM(name, text) SMR_CHOICE_##name,
typedef enum { SMR_CHOICE_STATUS_LIST(SMR_CHOICE_STATUS_ENUM) SMR_CHOICE_COUNT } smr_choice_status;
#undef SMR_CHOICE_STATUS_ENUM

/* An optimum is flat when the curve stays within this share of it over this many decades. */
#define SMR_FLAT_RISE 0.01
#define SMR_FLAT_DECADES 2.0

/* A chosen lambda (or rank), refined between grid points where that is possible. */
typedef struct {
  double lambda; /* NaN without a choice */
  double value;  /* of the curve there */
  int64_t index; /* of the grid point it came from; -1 without a choice */
  smr_choice_status status;
} smr_choice;

/* A curve that can be evaluated at any lambda > 0. */
typedef struct {
  double (*evaluate)(const void *self, double lambda);
  const void *self;
} smr_lambda_function;

/* Generalized cross-validation (Golub, Heath, Wahba 1979): n residual^2 / (n - dof)^2, dof counting
 * the intercept. Where numerator and denominator vanish together (lambda = 0, k = n - intercept)
 * their limit for lambda -> 0; NaN when k = 0 leaves nothing. */
double smr_choose_gcv_at(const smr_spectrum *spectrum, double lambda);
/* Curvature of the L-curve (ln ||residual||, ln ||w||), positive at its corner (Hansen 1992; the
 * residual has the part outside the columns). It doesn't depend on the parameter of the curve; here
 * it is ln lambda. NaN for lambda = 0 and where one of the norms is 0. */
double smr_choose_curvature_at(const smr_spectrum *spectrum, double lambda);
/* Quasi-optimality (Tikhonov, Glasko, Kriksin 1979): lambda ||dw/dlambda|| = ||(1-f) f beta/s||. */
double smr_choose_quasiopt_at(const smr_spectrum *spectrum, double lambda);
/* ||what - w*||^2 in the coordinates of the SVD; truth[k] = V'w*, truth_null2 = ||w* - VV'w*||^2.
 */
double smr_choose_error_at(const smr_spectrum *spectrum, double lambda, const double *truth,
                           double truth_null2);

/* lambda[L] ascending, >= 0, values[L] of the curve there. The least value on the grid, refined by
 * golden section between its neighbours when `function` is given, else by a parabola in log lambda
 * through three points. Statuses: interior, edge, flat, nothing. */
smr_choice smr_choose_minimum(int64_t n, const double *lambda, const double *values,
                              const smr_lambda_function *function);
/* The corner: largest curvature on the grid, golden section; no corner when none is positive. Flat
 * where the curvature has one limit for lambda -> 0: with singular values that are all alike the
 * curve ends at least squares before it turns. */
smr_choice smr_choose_lcurve(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                             const double *curvature);
/* The deepest of the minima inside the grid with lambda in [max(s_k^2, (1e-14 s_1)^2), s_1^2]: the
 * function goes to 0 at both ends. None: an edge, the grid point of least value in that range. */
smr_choice smr_choose_quasiopt(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                               const double *values);
/* Morozov's discrepancy principle: ||residual|| = 1.01 sigma sqrt(n - intercept), by bisection
 * between the ends of the grid; a target outside what they reach is an edge. sigma NaN: no noise.
 */
smr_choice smr_choose_discrepancy(const smr_spectrum *spectrum, int64_t n, const double *lambda,
                                  double sigma);
/* The residual norm that the discrepancy principle aims at. */
double smr_choose_discrepancy_target(const smr_spectrum *spectrum, double sigma);

#endif
