/* Products of many rows with few columns. Private to src/linalg. Local, thread-safe. */
#ifndef SIMMER_SRC_LINALG_NARROW_H
#define SIMMER_SRC_LINALG_NARROW_H

#include <stdint.h>

/* Longer inner lengths are left to the BLAS, whose blocking wins once a strip of rows leaves the
 * second-level cache. */
enum { SMR_NARROW_MOST_K = 2048 };

/* c [m x n] = a [m x k] b [k x n], column-major; n is a multiple of 8. */
typedef struct {
  int64_t m, n, k;
  const double *a;
  int64_t lda;
  const double *b;
  int64_t ldb;
  double *c;
  int64_t ldc;
} smr_narrow;

/* 1 when it was done; 0, with c untouched, when k is too long or the CPU type has no kernel. */
int smr_narrow_multiply(const smr_narrow *product);

/* c += a b; any k. */
void smr_narrow_add(const smr_narrow *product);

#endif
