/* LAPACK's trees of bidiagonal divide and conquer, for which LAPACKE has no prototypes. Integers
 * are 32 bit, indices in arrays begin at 1. */
#ifndef SIMMER_LINALG_TREE_H
#define SIMMER_LINALG_TREE_H

/* Largest order of a subproblem that is not divided; 31 and one more column make a panel. */
enum { SMR_LEAF = 31 };

void dlasdt_(const int *n, int *levels, int *n_nodes, int *centers, int *n_left, int *n_right,
             const int *leaf);
void dlasda_(const int *icompq, const int *smlsiz, const int *n, const int *sqre, double *d,
             double *e, double *u, const int *ldu, double *vt, int *k, double *difl, double *difr,
             double *z, double *poles, int *givptr, int *givcol, const int *ldgcol, int *perm,
             double *givnum, double *c, double *s, double *work, int *iwork, int *info);

#endif
