/* What theory says of the risk E||what - w*||^2 for y = Xw* + noise, X with i.i.d. N(0,1) entries.
 * All local and pure.
 *
 * n rows (with an intercept the caller passes n - 1), p features, ||w*|| = r, noise of standard
 * deviation sigma. */
#ifndef SIMMER_REGRESS_THEORY_H
#define SIMMER_REGRESS_THEORY_H

#include <stdint.h>

/* Exact for the minimum-norm solution, lambda = 0 (Belkin, Hsu, Xu 2020, Theorem 1): p <= n-2:
 * sigma^2 p/(n-p-1); p >= n+2: r^2 (1 - n/p) + sigma^2 n/(p-n-1); +infinity for |p-n| <= 1.
 * Without noise (sigma = 0) its terms are 0 everywhere. */
double smr_theory_ridgeless(int64_t n, int64_t p, double r, double sigma);

typedef struct {
  double bias2, variance, risk;
  double dof; /* effective degrees of freedom, sum f */
  double train_mse;
} smr_theory;
/* Asymptotic for n, p -> infinity at p/n fixed (Hastie, Montanari, Rosset, Tibshirani 2022, Theorem
 * 5), penalty lambda on
 * ||w||^2 (l = lambda / n). lambda = 0 gives its ridgeless limit. */
smr_theory smr_theory_asymptotic(int64_t n, int64_t p, double lambda, double r, double sigma);
/* The lambda of least asymptotic risk, sigma^2 p / r^2. */
double smr_theory_best_lambda(int64_t p, double r, double sigma);

/* Tail index of ||what - w*||^2 at lambda = 0: (|p - n| + 1) / 2, n without the intercept's row. A
 * mean exists above 1, its standard error above 2. */
double smr_theory_tail_index(int64_t n, int64_t p);

#endif
