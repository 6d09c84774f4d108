/* The rows of U for every row of X, in one of two ways: a map from x to u, or U itself.
 *
 * n rows, p features, i0 = 1 with an intercept, q = singular values above the cutoff, Q = q padded
 * to whole column blocks, P = what is outside these q columns of U (and of the ones). */
#ifndef SIMMER_REGRESS_LOO_BASIS_H
#define SIMMER_REGRESS_LOO_BASIS_H

#include "simmer/regress/loo.h"

typedef struct {
  const smr_loo_fit *fit;
  int64_t n, p, q, q_padded, i0;
  bool is_square; /* n - i0 <= p */
  double noise;   /* about how far an entry of U is from the truth */
  double *s;      /* [q] */
  double *beta;   /* [q] U'y */
  double *map;    /* [p x Q] u = (x - mean) map, for tall X */
  double *u;      /* [n x Q], leading dimension n, for square U */
  double *outer;  /* [n] P_ii, for square U */
  double *rest;   /* [n] (Py)_i, for square U */
} smr_loo_basis;

/* Collective on fit->grid. */
smr_status smr_loo_basis_init(const smr_loo_fit *fit, smr_loo_basis *basis) SMR_NODISCARD;
void smr_loo_basis_clear(smr_loo_basis *basis);

/* P_ii below this counts as 0. Local. */
double smr_loo_basis_cutoff(const smr_loo_basis *basis);

/* Some rows as they are worked on. */
typedef struct {
  int64_t ld;
  double *x;     /* [ld x p] workspace */
  double *u;     /* [ld x Q] */
  double *y;     /* [ld] centred */
  double *outer; /* [ld] P_ii; of a tall X by subtraction, below 0 by rounding */
  double *rest;  /* [ld] (Py)_i */
} smr_loo_rows;
/* Fills rows first..first+count-1. Local, thread-safe with a `rows` for each thread. */
smr_status smr_loo_basis_load(const smr_loo_basis *basis, int thread, int64_t first, int64_t count,
                              const smr_loo_rows *rows) SMR_NODISCARD;

#endif
