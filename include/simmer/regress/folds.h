/* k-fold cross-validation of a whole ridge path, and of truncated SVD at every rank, from R
 * factors: the rows are not read again.
 *
 * Per fold, the SVD of the training set's triangle (from 256 columns on, where all lambda > 0, its
 * bidiagonal form) gives the weights w of all lambdas, and the
 * error on the n_f rows held out is
 *   ||R_f w - z_f||^2 + tail_f + n_f ((mean_y_f - mean_y) - (mean_f - mean)'w)^2,
 * where R_f, z_f, tail_f and the means come from the fold's own QR (Q drops out of the norm), and
 * mean, mean_y are those of the training set. Truncated SVD is refitted too: rank r keeps the first
 * r singular values of each training set, or all that are above its max(n, p) eps s_1 when they are
 * fewer. */
#ifndef SIMMER_REGRESS_FOLDS_H
#define SIMMER_REGRESS_FOLDS_H

#include "simmer/linalg/folds.h"

/* What is fitted: the first p columns. With `standardize` they are divided by their standard
 * deviations in each training set. signal[p], unless NULL: the targets are y + X signal. n_ranks >
 * 0: truncated SVD of ranks 0..n_ranks-1 beside the path. */
typedef struct {
  int64_t p;
  bool standardize;
  const double *signal;
  int64_t n_ranks;
} smr_folds_fit;

/* cv[L + n_ranks] = squared error of a held-out row, mean over all n rows, for lambda[L] >= 0, then
 * at the ranks; NaN for ranks that no training set has. Replicated on every MPI rank, with the same
 * bits on any ranks and threads. SMR_ERR_CONVERGENCE, SMR_ERR_MEMORY. Collective on the grid of
 * `folds`. */
smr_status smr_folds_run(const smr_grid *grid, const smr_folds *folds, const smr_folds_fit *fit,
                         int64_t n_lambda, const double *lambda, double *cv) SMR_NODISCARD;

/* How much worse contiguous blocks are than interleaved folds where the interleaved curve has its
 * minimum (the first, of equal ones): log10(block / interleaved) there, about 0 when the rows'
 * noise is independent, and large when neighbouring rows share it. *chosen, if not NULL, is that
 * index, -1 (and the result NaN) when no value is a number. Local. */
double smr_folds_gap(int64_t n_lambda, const double *interleaved, const double *block,
                     int64_t *chosen);

/* Cross-validation is taken for fooled by noise that neighbouring rows share when held-out blocks
 * err this many times as much as interleaved rows, and white noise would deviate more than the
 * residuals with less than this probability. */
#define SMR_FOOLED_FACTOR 5.0
#define SMR_FOOLED_SIGNIFICANCE 0.01
/* gap from smr_folds_gap, significance from smr_ncp_significance at the lambda chosen there; false
 * where one is NaN. Rows that are left out among their neighbours are predicted by the noise they
 * share; blocks aren't, but on ordered rows they are harder to predict with any noise: hence both
 * signs. Local. */
bool smr_folds_is_fooled(double gap, double significance);

/* Bytes per rank and floating point operations of smr_folds_run; local, for `plan`. */
int64_t smr_folds_count_run_bytes(int64_t n, int64_t p, int64_t n_lambda, int64_t n_folds,
                                  bool with_ranks);
double smr_folds_count_run_flops(int64_t n, int64_t p, int64_t n_lambda, int64_t n_folds,
                                 bool with_ranks);

#endif
