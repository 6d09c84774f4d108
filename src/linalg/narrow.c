/* Products of a tall matrix with blocks of 16 columns: the test rows of a regression against all
 * lambdas at once, and the update of a panel by a block reflector.
 *
 * m rows, k inner length, n columns in whole blocks. A tile of VECTORS * WIDTH rows x COLUMNS
 * columns stays in registers over the whole inner length; nothing is copied: the rows of one strip
 * stay in the first two levels of cache while all columns pass over them. Each element of c is one
 * chain of fused multiply-adds over k from 0 upwards, in tiles and in single rows, so that its bits
 * depend on its own row and column alone.
 *
 * Measured on one core of a Zen 5 at 512 x k x 64, leading dimensions 520, in GFLOP/s (AVX-512;
 * AVX2; OpenBLAS 0.3.21, which packs a anew for every block): k = 5: 81; 56; 20, k = 57: 117; 61;
 * 42, k = 2000: 103; 50; 29. With leading dimensions of 512 all lines of a strip compete for the
 * same places in the cache: 71; 38; 30 at k = 57. */
#include "narrow.h"

#include <stdbool.h>

#include "vector.h"

enum { WIDTH = VECTOR_WIDTH, VECTORS = 3, COLUMNS = VECTOR_COLUMNS };

/* `vectors` and `adds` are constants in every call, so that the sums are registers. */
__attribute__((always_inline)) static inline void run_tile(const smr_narrow *p, int64_t row,
                                                           int64_t column, int vectors, bool adds) {
  const double *a = p->a + row;
  const double *b = p->b + column * p->ldb;
  double *c = p->c + column * p->ldc + row;
  const int64_t lda = p->lda, ldb = p->ldb, ldc = p->ldc;
  smr_vector sum[COLUMNS][VECTORS];
  smr_vector x[VECTORS];
#pragma GCC unroll 8
  for (int j = 0; j < COLUMNS; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[j][v] = adds ? vector_load(c + j * ldc + v * WIDTH) : vector_spread(0);
    }
  }
  for (int64_t l = 0; l < p->k; l++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      x[v] = vector_load(a + l * lda + v * WIDTH);
    }
#pragma GCC unroll 8
    for (int j = 0; j < COLUMNS; j++) {
      const smr_vector factor = vector_spread(b[j * ldb + l]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        sum[j][v] = vector_multiply_add(x[v], factor, sum[j][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < COLUMNS; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      vector_store(c + j * ldc + v * WIDTH, sum[j][v]);
    }
  }
}

/* One row by COLUMNS columns. */
static void run_row(const smr_narrow *p, int64_t row, int64_t column, bool adds) {
  const double *b = p->b + column * p->ldb;
  double *c = p->c + column * p->ldc + row;
  double sum[COLUMNS];
  for (int j = 0; j < COLUMNS; j++) {
    sum[j] = adds ? c[j * p->ldc] : 0;
  }
  for (int64_t l = 0; l < p->k; l++) {
    const double x = p->a[l * p->lda + row];
    for (int j = 0; j < COLUMNS; j++) {
      sum[j] = number_multiply_add(x, b[j * p->ldb + l], sum[j]);
    }
  }
  for (int j = 0; j < COLUMNS; j++) {
    c[j * p->ldc] = sum[j];
  }
}

/* All rows that fill tiles of `vectors` vectors, from `row` on; the first row that is left. */
__attribute__((always_inline)) static inline int64_t run_tiles(const smr_narrow *p, int64_t row,
                                                               int vectors, bool adds) {
  for (; row + vectors * WIDTH <= p->m; row += vectors * WIDTH) {
    for (int64_t column = 0; column < p->n; column += COLUMNS) {
      run_tile(p, row, column, vectors, adds);
    }
  }
  return row;
}

__attribute__((always_inline)) static inline void run(const smr_narrow *p, bool adds) {
  int64_t row = run_tiles(p, 0, VECTORS, adds);
  row = run_tiles(p, row, 1, adds);
  for (; row < p->m; row++) {
    for (int64_t column = 0; column < p->n; column += COLUMNS) {
      run_row(p, row, column, adds);
    }
  }
}

void smr_narrow_add(const smr_narrow *p) {
  run(p, true);
}

int smr_narrow_multiply(const smr_narrow *p) {
  if (!VECTOR_IS_FAST || p->k > SMR_NARROW_MOST_K) {
    return 0;
  }
  run(p, false);
  return 1;
}
