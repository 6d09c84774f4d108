/* Dense kernels whose bits depend on shapes alone, and the rates `simmer bench` and `simmer plan
 * --calibrate` measure. */
#ifndef SIMMER_LINALG_KERNEL_H
#define SIMMER_LINALG_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"
#include "simmer/base/integer.h"

/* Columns of a block of right-hand sides or of lambdas: a GEMM always sees this many, zero-padded,
 * so that one column's bits don't depend on how many there are. */
enum { SMR_COLUMN_BLOCK = 16 };
/* n columns filled up to whole blocks. Local. */
static inline int64_t smr_kernel_pad(int64_t n) {
  return smr_int_ceil_divide(n, SMR_COLUMN_BLOCK) * SMR_COLUMN_BLOCK;
}

/* c [m x n] = a [m x k] b [k x n], column-major; the columns of b and c come in whole blocks of
 * SMR_COLUMN_BLOCK (n is a multiple). Local, thread-safe. */
smr_status smr_kernel_multiply(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                               const double *b, int64_t ldb, double *c, int64_t ldc) SMR_NODISCARD;

/* ||x||_2, without overflow and underflow on the way. Local, pure. */
double smr_kernel_norm(int64_t n, const double *x);

/* c [m x n] = alpha op(a) op(b) + beta c in float32, row-major; op(a) is m x k, op(b) k x n, and ld
 * are the distances between rows as stored. beta = 0 doesn't read c. */
typedef struct {
  bool is_a_transposed, is_b_transposed;
  int64_t m, n, k;
  const float *a, *b;
  int64_t lda, ldb, ldc;
  float alpha, beta;
  float *c;
} smr_sgemm;
/* One call of SGEMM: bits depend on the sizes and flags alone. SMR_ERR_LIMIT when a size is beyond
 * BLAS. Local, thread-safe. */
smr_status smr_kernel_sgemm(const smr_sgemm *product) SMR_NODISCARD;

/* Operations per second of one SGEMM or DGEMM call stream on one thread, m x n x k, median of
 * repeats; and bytes per second of a copy (read + write) over `bytes`. Local. */
smr_status smr_bench_gemm(int is_double, int64_t m, int64_t n, int64_t k, int repeats,
                          double *flops_per_s) SMR_NODISCARD;
smr_status smr_bench_copy(int64_t bytes, int repeats, double *bytes_per_s) SMR_NODISCARD;

#endif
