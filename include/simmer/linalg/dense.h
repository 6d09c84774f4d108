/* Small dense products and solves for Newton's method; column-major, one BLAS thread, bits that
 * depend on shapes alone. All local, thread-safe. SMR_ERR_LIMIT when a size is beyond BLAS. */
#ifndef SIMMER_LINALG_DENSE_H
#define SIMMER_LINALG_DENSE_H

#include <stdint.h>

#include "simmer/base/error.h"

/* y[m] = A x[n], A [m x n] with leading dimension ld. */
smr_status smr_dense_apply(int64_t m, int64_t n, const double *a, int64_t ld, const double *x,
                           double *y) SMR_NODISCARD;
/* y[n] = A' x[m]. */
smr_status smr_dense_apply_transposed(int64_t m, int64_t n, const double *a, int64_t ld,
                                      const double *x, double *y) SMR_NODISCARD;
/* Upper triangle of c [n x n], tightly packed, = A'A; what is below is left alone. */
smr_status smr_dense_gram(int64_t m, int64_t n, const double *a, int64_t ld,
                          double *c) SMR_NODISCARD;
/* Solves A x = b for a symmetric positive semi-definite A [n x n] given by its upper triangle;
 * b[n] becomes x. Rows and columns are scaled to a unit diagonal first. Where that
 * can't be factored, 1e-14 is added to the diagonal, then ten times as much until it can;
 * *shift says how much, 0 in the regular case. SMR_ERR_NUMERIC when no shift up to 1 helps. */
smr_status smr_dense_solve(int64_t n, const double *a, double *b, double *shift) SMR_NODISCARD;

#endif
