/* Products of a tall matrix with blocks of 16 columns: the test rows of a regression against all
 * lambdas at once.
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

#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>
#include <math.h>

#if defined(__AVX512F__)
enum { WIDTH = 8, VECTORS = 3, COLUMNS = 8 };
typedef __m512d vector;
static inline vector load(const double *x) {
  return _mm512_loadu_pd(x);
}
static inline vector spread(double x) {
  return _mm512_set1_pd(x);
}
static inline vector multiply_add(vector x, vector y, vector z) {
  return _mm512_fmadd_pd(x, y, z);
}
static inline void store(double *x, vector v) {
  _mm512_storeu_pd(x, v);
}
#else
enum { WIDTH = 4, VECTORS = 3, COLUMNS = 4 };
typedef __m256d vector;
static inline vector load(const double *x) {
  return _mm256_loadu_pd(x);
}
static inline vector spread(double x) {
  return _mm256_set1_pd(x);
}
static inline vector multiply_add(vector x, vector y, vector z) {
  return _mm256_fmadd_pd(x, y, z);
}
static inline void store(double *x, vector v) {
  _mm256_storeu_pd(x, v);
}
#endif

/* `vectors` is a constant in every call, so that the sums are registers. */
__attribute__((always_inline)) static inline void run_tile(const smr_narrow *p, int64_t row,
                                                           int64_t column, int vectors) {
  const double *a = p->a + row;
  const double *b = p->b + column * p->ldb;
  double *c = p->c + column * p->ldc + row;
  const int64_t lda = p->lda, ldb = p->ldb;
  vector sum[COLUMNS][VECTORS];
  vector x[VECTORS];
#pragma GCC unroll 8
  for (int j = 0; j < COLUMNS; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[j][v] = spread(0);
    }
  }
  for (int64_t l = 0; l < p->k; l++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      x[v] = load(a + l * lda + v * WIDTH);
    }
#pragma GCC unroll 8
    for (int j = 0; j < COLUMNS; j++) {
      const vector factor = spread(b[j * ldb + l]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        sum[j][v] = multiply_add(x[v], factor, sum[j][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < COLUMNS; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      store(c + j * p->ldc + v * WIDTH, sum[j][v]);
    }
  }
}

/* One row by COLUMNS columns. */
static void run_row(const smr_narrow *p, int64_t row, int64_t column) {
  const double *b = p->b + column * p->ldb;
  double sum[COLUMNS] = {0};
  for (int64_t l = 0; l < p->k; l++) {
    const double x = p->a[l * p->lda + row];
    for (int j = 0; j < COLUMNS; j++) {
      sum[j] = fma(x, b[j * p->ldb + l], sum[j]);
    }
  }
  for (int j = 0; j < COLUMNS; j++) {
    p->c[(column + j) * p->ldc + row] = sum[j];
  }
}

/* All rows that fill tiles of `vectors` vectors, from `row` on; the first row that is left. */
__attribute__((always_inline)) static inline int64_t run_tiles(const smr_narrow *p, int64_t row,
                                                               int vectors) {
  for (; row + vectors * WIDTH <= p->m; row += vectors * WIDTH) {
    for (int64_t column = 0; column < p->n; column += COLUMNS) {
      run_tile(p, row, column, vectors);
    }
  }
  return row;
}

int smr_narrow_multiply(const smr_narrow *p) {
  if (p->k > SMR_NARROW_MOST_K) {
    return 0;
  }
  int64_t row = run_tiles(p, 0, VECTORS);
  row = run_tiles(p, row, 1);
  for (; row < p->m; row++) {
    for (int64_t column = 0; column < p->n; column += COLUMNS) {
      run_row(p, row, column);
    }
  }
  return 1;
}
#else
int smr_narrow_multiply(const smr_narrow *p) {
  (void)p;
  return 0;
}
#endif
