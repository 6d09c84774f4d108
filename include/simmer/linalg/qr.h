/* R factor of an augmented block [1 | X | y] whose rows are delivered in pieces; Q is never formed.
 *
 * n rows, p columns of X, q = min(n - intercept, p).
 * R'R = X'X of the (centred, with intercept) X and R'z = X'y: ridge, truncated SVD, GCV, L-curve
 * and Picard follow from it. The R factor of the first k columns is R(0:q,0:k): one factorization
 * serves every number of leading columns, and its bits don't depend on how many columns follow
 * (fixed column panels, zero-padded; row blocks of a size that depends on n and the power of two
 * above p only; p <= 512 all share one).
 *
 * Tall X on any number of ranks and threads: TSQR (Demmel, Grigori, Hoemmen, Langou 2012) over
 * fixed row blocks in the fixed tree of comm/reduce.h, so the bits depend on the shape alone. With
 * several ranks and a squarish or wide X: columns dealt to the ranks, panels factored ahead, where
 * the grid has one row (2, 3, 5, 7 … ranks), else ScaLAPACK's pdgeqrf; the bits then depend on the
 * number of ranks too. */
#ifndef SIMMER_LINALG_QR_H
#define SIMMER_LINALG_QR_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/linalg/grid.h"

/* Where rows come from. `read` fills rows first..first+count-1: x [count x n_cols] column-major
 * with leading dimension ld >= count, and y[count]. It is called from OpenMP threads (`thread` for
 * workspaces), any rows in any order, any number of times, and gives the same values each time. */
typedef struct {
  int64_t n_rows, n_cols;
  void *self;
  smr_status (*read)(void *self, int thread, int64_t first, int64_t count, double *x, int64_t ld,
                     double *y);
} smr_row_source;

/* Replicated on every rank, all borrowed from the factor. */
typedef struct {
  int64_t n_rows, n_cols;
  int64_t n_used; /* q */
  bool has_intercept;
  const double *r; /* [q x p] column-major, leading dimension q: upper trapezoid, zeros below, signs
                      as they come */
  const double *z; /* [q] Q'y of the (centred) y */
  const double *mean; /* [p] column means; zeros without intercept */
  double mean_y;      /* 0 without intercept */
} smr_qr_view;

typedef struct smr_qr smr_qr;

/* SMR_ERR_NUMERIC when X or y holds NaN or Inf (named by row), SMR_ERR_MEMORY, SMR_ERR_LIMIT.
 * Collective on grid. */
smr_status smr_qr_create(const smr_grid *grid, const smr_row_source *source, bool intercept,
                         smr_qr **out) SMR_NODISCARD;
void smr_qr_destroy(smr_qr **qr);
smr_qr_view smr_qr_get(const smr_qr *qr);
/* ||y - U U'y||^2 of the (centred) y for the first k columns, never by subtraction from ||y||^2; >=
 * 0. The bits depend on the first k columns only. Local. */
double smr_qr_get_tail(const smr_qr *qr, int64_t k);
/* Bytes per rank and floating point operations of smr_qr_create; local, for `plan`. */
int64_t smr_qr_count_bytes(int64_t n_rows, int64_t n_cols, int n_ranks);
double smr_qr_count_flops(int64_t n_rows, int64_t n_cols);

#endif
