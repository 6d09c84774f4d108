/* Least squares with a penalty for many lambdas from one bidiagonalization, without an SVD.
 *
 * With A = Q B P', B upper bidiagonal, w = P xi and xi minimises ||B xi - Q'b||^2 + lambda
 * ||xi||^2, which 3n rotations solve (Elden 1977). Half the work of an SVD where only the weights
 * are wanted; neither singular values nor a limit lambda -> 0. */
#ifndef SIMMER_LINALG_PENALIZED_H
#define SIMMER_LINALG_PENALIZED_H

#include <stdint.h>

#include "simmer/linalg/grid.h"

/* a [m x n] column-major, leading dimension ld, m >= n >= 1, and b[m]; borrowed. */
typedef struct {
  int64_t m, n, ld;
  const double *a, *b;
} smr_penalized;

/* w [n x n_lambda] column-major, minimising ||A w - b||^2 + lambda ||w||^2 for lambda[n_lambda] >
 * 0. SMR_ERR_NUMERIC for NaN or Inf in a, SMR_ERR_MEMORY, SMR_ERR_LIMIT, SMR_ERR_INTERNAL when the
 * grid has more than one rank. The bits of one lambda don't depend on the others. Local,
 * thread-safe. */
smr_status smr_penalized_solve(const smr_grid *grid, const smr_penalized *problem, int64_t n_lambda,
                               const double *lambda, double *w) SMR_NODISCARD;

#endif
