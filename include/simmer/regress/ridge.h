/* Ridge path, and bias and variance, in the coordinates of one SVD.
 *
 * Minimises ||Xw - y||^2 + lambda ||w||^2. This lambda equals scikit-learn's alpha, lambda^2 of
 * Hansen's Regularization Tools, and N_i times the lambda of Hastie et al. lambda = 0 is the
 * minimum-norm least-squares solution (singular values below max(m, n) eps s_1 count as zero). n =
 * N_i rows, p = N_f features, k = min(n - intercept, p). All local and pure. */
#ifndef SIMMER_REGRESS_RIDGE_H
#define SIMMER_REGRESS_RIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"

typedef struct {
  int64_t n, p, k;
  bool has_intercept;
  const double *s;    /* [k] singular values of the (centred) X, descending */
  const double *beta; /* [k] U'y */
  double tail;        /* ||y - U U'y||^2 >= 0 */
} smr_spectrum;

/* Divides the p columns of the triangle r [k x p], column-major, of n (centred) rows by their
 * standard deviations ||r_j|| / sqrt(n), which go into scale[p]. A column that is constant but for
 * rounding, beside its mean[p] that was taken off, is set to zero and has the scale 1. */
void smr_ridge_standardize(int64_t n, int64_t k, int64_t p, const double *mean, double *r,
                           double *scale);

/* Filter factors f_i = s_i^2 / (s_i^2 + lambda) into f[k]. */
void smr_ridge_filter(const smr_spectrum *spectrum, double lambda, double *f);
/* Coefficients in the right singular basis, f_i beta_i / s_i, into c[k]: w = V c. */
void smr_ridge_coefficients(const smr_spectrum *spectrum, double lambda, double *c);

typedef struct {
  double residual2;     /* ||y - yhat||^2 on the training rows */
  double solution2;     /* ||w||^2 in the penalised coordinates */
  double effective_dof; /* sum f, without the intercept */
} smr_ridge_point;
smr_ridge_point smr_ridge_evaluate(const smr_spectrum *spectrum, double lambda);

/* Bias^2 and variance of the estimate for this X, given w* (Hastie, Montanari, Rosset, Tibshirani
 * 2022, sec. 2): bias2 = sum (lambda/(s^2+lambda))^2 (v'w)^2 + ||w_null||^2, variance = sigma^2 sum
 * s^2/(s^2+lambda)^2. truth[k] = V'w*, truth_null2 =
 * ||w* - V V'w*||^2. */
void smr_ridge_bias_variance(const smr_spectrum *spectrum, double lambda, const double *truth,
                             double truth_null2, double sigma, double *bias2, double *variance);

/* Smallest lambda that the Gram route may be asked for: 1e-10 s_1^2. */
double smr_ridge_gram_floor(const smr_spectrum *spectrum);

#endif
