/* Errors of rows left out, and residuals, at every rank of truncated SVD, from the rows of U.
 *
 * n rows, q and P as in loo_basis.h, B rows of a block, R ranks (0..R-1), K of them whose residuals
 * are kept, d delicate rows. With the hat matrix held, rank r leaves of row i
 *   N_i(r) = sum_{j>r} u_ij beta_j + (Py)_i,  D_i(r) = sum_{j>r} u_ij^2 + P_ii,  e_i = N_i / D_i.
 * Where U is an SVD's own, these sums run from the last rank down, and nothing cancels. Where it
 * comes from a map they run from rank 0 up, as y_i - sum_{j<=r} u_ij beta_j and 1 - i0/n -
 * sum_{j<=r} u_ij^2: errors of the last columns of U don't reach the ranks before them. Delicate
 * rows, whose D_i becomes too small for that, go up as far as they can and come down the rest. */
#ifndef SIMMER_REGRESS_LOO_RANKS_H
#define SIMMER_REGRESS_LOO_RANKS_H

#include "loo_basis.h"

typedef struct {
  const smr_loo_basis *basis;
  int64_t n_ranks, n_kept;
  const int64_t *kept; /* [K] ascending */
  double *residual;    /* [n x K] column-major, or NULL */
} smr_loo_ranks;

/* A block of rows, and workspace for it. */
typedef struct {
  const smr_loo_rows *rows;
  int64_t first, count;
  const int64_t *is_delicate; /* [count] 1 for rows that are left to smr_loo_ranks_add_delicate */
  double *numerator;          /* [B] */
  double *denominator;        /* [B] */
  double *share;              /* [B] */
} smr_loo_rank_block;

/* Squared errors of the block onto sums[R]: NaN where a row has all its leverage, and for ranks
 * beyond q; residuals of the kept ranks. Local. */
void smr_loo_ranks_add(const smr_loo_ranks *ranks, const smr_loo_rank_block *block, double *sums);

/* A row whose P_ii is small: outer = P_ii and rest = (Py)_i, summed for themselves; u[q]. */
typedef struct {
  const double *u;
  double y, outer, rest;
} smr_loo_delicate_row;
/* Its squared errors onto loo[R]. Local. */
void smr_loo_ranks_add_delicate(const smr_loo_ranks *ranks, const smr_loo_delicate_row *row,
                                double *loo);

#endif
