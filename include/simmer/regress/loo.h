/* Leave-one-out errors (PRESS) and residuals of a whole ridge path, and of truncated SVD at every
 * rank, by one more pass over the rows.
 *
 * n = N_i rows, p features, L lambdas, R ranks (0..R-1), K of them whose residuals are wanted,
 * i0 = 1 with an intercept, else 0. With u_i the rows of U (of the centred X with an intercept),
 * g_j = lambda / (s_j^2 + lambda) and P what is outside the columns of U (and of the ones, with an
 * intercept):
 *
 *   residual    r_i = sum_j g_j u_ij beta_j + (Py)_i,
 *   left out    e_i = r_i / (sum_j g_j u_ij^2 + P_ii)           (Allen 1974; 1 - h_ii underneath).
 *
 * No difference of nearly equal numbers is formed: where P_ii is small it is summed again as
 * ||P e_i||^2, in a second pass. For n - i0 <= p, U is square and comes from an SVD of the rows
 * themselves; then e_i = c_i / (G^-1)_ii with c = U diag(1/(s^2+lambda)) U'y, which is the same
 * formula. Where P_ii = 0 both are divided by lambda / (s_min^2 + lambda), so that lambda = 0 gives
 * the limit: the error of the minimum-norm solution.
 *
 * Truncated SVD has g_j = 0 for the first r modes and 1 for the others. Its errors e_i are those of
 * the hat matrix of all rows, held while one is left out: PRESS with a fixed basis, the customary
 * one. For ridge that is the error of a refit; for truncated SVD it only stands for it, since the
 * singular vectors of the other rows differ (a true refit is n-fold cross-validation, folds.h). At
 * a rank where some row has all its leverage, 1 - h_ii = 0, there is no PRESS, nor at any above it:
 * NaN. Rank n - i0 is one.
 *
 * Rows are read in fixed blocks and summed in the fixed tree of comm/reduce.h: the bits don't
 * depend on ranks and threads as long as those of the SVDs don't (see linalg/svd.h: with fewer
 * than 256 modes, or one rank). */
#ifndef SIMMER_REGRESS_LOO_H
#define SIMMER_REGRESS_LOO_H

#include "simmer/linalg/qr.h"
#include "simmer/linalg/svd.h"
#include "simmer/regress/ridge.h"

/* A fit, seen from its rows. All borrowed. The rows of `source` have p columns, raw coordinates;
 * spectrum, svd and triangle belong to the columns (x_j - mean_j) / scale_j of these rows, and
 * mean_y and beta to the y that the source gives. */
typedef struct {
  const smr_grid *grid;
  const smr_row_source *source;
  const smr_spectrum *spectrum;
  const smr_svd *svd;     /* of the triangle; NULL when spectrum->k = 0 */
  const double *triangle; /* [k x p] column-major, leading dimension k; a column of zeros stands for
                             one that is constant, and isn't used */
  const double *mean;     /* [p] zeros without an intercept */
  double mean_y;
  const double *scale; /* [p] > 0, or NULL for ones. The scale of all rows is kept while one is left
                          out. */
  /* Truncated SVD beside the path; zeros for none. Ranks above the number of singular values that
   * the path has at lambda = 0 have NaN as errors, and zeros as residuals. */
  int64_t n_ranks;     /* R */
  int64_t n_kept;      /* K */
  const int64_t *kept; /* [K] ascending, within 0..R-1 */
} smr_loo_fit;

/* loo[L + R] = mean of e_i^2 for lambda[L] >= 0, then at the ranks. NaN for one row and an
 * intercept: nothing is left to fit. residual: NULL, or [n x (L + K)] column-major in row order,
 * y - Xw - intercept, those of the kept ranks last. Both replicated on every MPI rank.
 * SMR_ERR_MEMORY, SMR_ERR_LIMIT, and what the source and the SVD return. Collective on fit->grid.
 */
smr_status smr_loo_run(const smr_loo_fit *fit, int64_t n_lambda, const double *lambda, double *loo,
                       double *residual) SMR_NODISCARD;

/* Bytes per rank and floating point operations of smr_loo_run; local, for `plan`. */
int64_t smr_loo_count_bytes(int64_t n, int64_t p, int64_t n_lambda, bool with_residual);
double smr_loo_count_flops(int64_t n, int64_t p, int64_t n_lambda);

#endif
