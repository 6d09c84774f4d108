/* SVD of an upper bidiagonal matrix B = U S V' [n x n] in compact form, O(n log n) numbers: what
 * divide and conquer (Gu, Eisenstat 1995; LAPACK's dlasda) leaves of its tree, from which U and V
 * are applied to vectors without ever being formed.
 *
 * B falls into pieces where off-diagonals vanish; each piece has its tree. Leaves hold small dense
 * factors; an inner node holds rotations, a permutation, and a Cauchy-like matrix, which is made
 * again from its poles and roots, 32 columns at a time, whenever it is applied. All local. */
#ifndef SIMMER_LINALG_COMPACT_H
#define SIMMER_LINALG_COMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "reflector.h"
#include "simmer/base/error.h"

/* Arrays of LAPACK's layout, leading dimension n; a piece's rows begin at its first row, a level's
 * columns at its level. Borrowed storage, one block. */
typedef struct {
  int n, n_levels;
  double *block;
  double *u, *vt; /* [n x 31], [n x 32]: leaves */
  double *difl, *difr, *z, *poles, *givnum;
  double *c, *s; /* [n] */
  int *n_pieces; /* [1] */
  int *starts;   /* [n + 1] */
  int *order;    /* [n]: value i of the tree's order is the order[i]-th */
  int *n_roots;  /* [n] dlasda's K */
  int *n_givens; /* [n] dlasda's GIVPTR */
  int *perm, *givcol;
  int *levels, *centers, *n_left, *n_right; /* [n]: trees of dlasdt */
} smr_compact;

/* Doubles of the block that holds everything (its integers too). */
int64_t smr_compact_count_doubles(int n);
/* Places the arrays in a zeroed block. */
void smr_compact_place(int n, double *block, smr_compact *out);
/* d [n] and e [n - 1], finite, are used up; values [n] descending; work [64 n], iwork [8 n], n >=
 * 32. SMR_ERR_CONVERGENCE, SMR_ERR_MEMORY. */
smr_status smr_compact_solve(smr_compact *compact, double *d, double *e, double *values,
                             double *work, int *iwork) SMR_NODISCARD;
/* y = U'x or V'x (is_project), else U x or V x, for all groups of 16 columns; x is used up. Both
 * have ld >= n + 8 rows. panel [32 ld]. */
void smr_compact_apply(const smr_compact *compact, bool is_left, bool is_project,
                       const smr_groups *groups, double *panel);

#endif
