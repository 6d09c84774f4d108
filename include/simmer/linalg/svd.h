/* Thin SVD A = U S V' of a dense m x n matrix by the ranks of a grid, with U and V applied, not
 * formed.
 *
 * k = min(m, n). Methods: `bidiagonal` is QR or LQ first when A is tall or wide enough, reduction
 * to bidiagonal form (dgebrd when small, in one pass a column on up to 4 ranks, pdgebrd on more),
 * divide and conquer (dbdsdc) on the bidiagonal, orthogonal factors applied only to the vectors
 * that are asked for; `gesvd` is (p)dgesvd, the reference; `gram` is the eigen-decomposition of A'A
 * or AA', whose small singular values are noise below about 1e-8 of the largest. `auto` =
 * bidiagonal. One rank, or a matrix too small to share, uses LAPACK (rank 0 computes and
 * broadcasts); else ScaLAPACK. A is replicated on every rank and not changed. */
#ifndef SIMMER_LINALG_SVD_H
#define SIMMER_LINALG_SVD_H

#include <stdint.h>

#include "simmer/linalg/grid.h"

typedef enum { SMR_SVD_AUTO, SMR_SVD_BIDIAGONAL, SMR_SVD_GESVD, SMR_SVD_GRAM } smr_svd_method;

typedef struct smr_svd smr_svd;

/* a [m x n] column-major, leading dimension ld; m, n >= 1. SMR_ERR_NUMERIC for NaN or Inf,
 * SMR_ERR_CONVERGENCE only when the fallback fails too, SMR_ERR_MEMORY, SMR_ERR_LIMIT. On one rank
 * it may be called from several OpenMP threads at once. Collective on grid. */
smr_status smr_svd_create(const smr_grid *grid, smr_svd_method method, int64_t m, int64_t n,
                          const double *a, int64_t ld, smr_svd **out) SMR_NODISCARD;
void smr_svd_destroy(smr_svd **svd);
int64_t smr_svd_count(const smr_svd *svd);            /* k */
const double *smr_svd_get_values(const smr_svd *svd); /* [k] descending, >= 0 */

/* All arrays column-major, tightly packed, replicated on every rank. Columns are treated in fixed
 * groups of 16, so that the bits of one column don't depend on how many there are. Collective on
 * grid. */
smr_status smr_svd_project_left(const smr_svd *svd, int64_t n_rhs, const double *b,
                                double *out) SMR_NODISCARD; /* U'b: [m x r] -> [k x r] */
smr_status smr_svd_project_right(const smr_svd *svd, int64_t n_rhs, const double *b,
                                 double *out) SMR_NODISCARD; /* V'b: [n x r] -> [k x r] */
smr_status smr_svd_expand_left(const smr_svd *svd, int64_t n_rhs, const double *c,
                               double *out) SMR_NODISCARD; /* U c: [k x r] -> [m x r] */
smr_status smr_svd_expand_right(const smr_svd *svd, int64_t n_rhs, const double *c,
                                double *out) SMR_NODISCARD; /* V c: [k x r] -> [n x r] */

int64_t smr_svd_count_bytes(int64_t m, int64_t n, int n_ranks);
double smr_svd_count_flops(int64_t m, int64_t n, int64_t n_rhs);

#endif
