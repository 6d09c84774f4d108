/* Bidiagonalization A = Q B P' of a matrix whose columns are dealt to the ranks.
 *
 * m >= n. Blocks of 32 columns go round the ranks. */
#ifndef SIMMER_LINALG_BIDIAGONAL_H
#define SIMMER_LINALG_BIDIAGONAL_H

#include <stdbool.h>

#include "reflector.h"
#include "simmer/base/error.h"
#include "simmer/comm/context.h"

typedef struct {
  const smr_context *context;
  int m, n;
  int n_local;  /* this rank's columns */
  int ld, ld_y; /* m, and n_local + 1, padded */
  int n_slot;   /* doubles of one rank's message, at most */
  double *a;    /* [ld x n_local] */
  double *memory;
  double *panel; /* [ld x 33] columns of the panel and the one after it, as the panel began */
  double *rows;  /* [ld_y x 32] the panel's rows of the local columns, as the panel began */
  double *w;     /* [ld x 64] V and X of the panel in turns: v0 x0 v1 x1 … */
  double *z;     /* [ld_y x 64] Y and U of the local columns in turns: y0 u0 y1 u1 … */
  double *v;     /* [ld] the left vector, zeros above */
  double *row, *correction; /* [ld_y] */
  double *left;             /* [64] row of z that belongs to the next column of the panel */
  double *small;            /* [64] */
  double *slots;            /* [size x n_slot] */
} smr_bidiagonal;

/* Where the results go, alike on all ranks. */
typedef struct {
  smr_chain *q, *p;    /* v below the diagonal, as smr_chain_build takes it; p without its first
                          row, n - 1 reflectors */
  double *d, *e;       /* [n] each, e[n-1] = 0 */
  double *tauq, *taup; /* [n] each, taup[n-1] = 0 */
} smr_bidiagonal_result;

/* Local: the caller agrees. smr_bidiagonal_clear accepts a zeroed struct. */
smr_status smr_bidiagonal_init(const smr_context *context, int m, int n,
                               smr_bidiagonal *out) SMR_NODISCARD;
void smr_bidiagonal_clear(smr_bidiagonal *run);
/* This rank's columns of a replicated a [m x n], or of its transpose (a [n x m]), times
 * 2^-exponent. Local. */
void smr_bidiagonal_load(smr_bidiagonal *run, const double *a, int64_t ld, bool transposed,
                         int exponent);
/* Reduces what was loaded, whose entries are finite and whose largest is 0 or within 1e-20 …
 * 1e20; run->a is used up. The bits depend on the shape and the number of ranks. Collective. */
void smr_bidiagonal_reduce(smr_bidiagonal *run, const smr_bidiagonal_result *result);

#endif
