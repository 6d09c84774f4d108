/* Products of a tall matrix with blocks of 16 columns: the test rows of a regression against all
 * lambdas at once.
 *
 * m rows, k inner length, n columns in whole blocks. Eight rows of a are copied to a panel [k x 8]
 * that stays in the first-level cache while all columns pass over it; b is copied to blocks
 * [k x 16] once a call. Each element of c is one chain of fused multiply-adds over k, so that its
 * bits depend on its own row and column alone. Measured at 512 x 57 x 64 (Zen 4, AVX-512): see
 * `simmer bench dgemm_predict`; OpenBLAS 0.3.21 packs a anew for every block there. */
#include "narrow.h"

#include <string.h>

#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>

enum { ROWS = 8, GROUP = 4 /* column blocks in one sweep over the rows */ };

/* b [k x 16], leading dimension ldb, to out [k][16]. */
static void pack_block(int64_t k, const double *b, int64_t ldb, double *restrict out) {
  for (int64_t j = 0; j < SMR_COLUMN_BLOCK; j++) {
    for (int64_t l = 0; l < k; l++) {
      out[l * SMR_COLUMN_BLOCK + j] = b[j * ldb + l];
    }
  }
}

/* rows <= 8 rows of a to panel [k][8], zeros below. */
static void pack_panel(int64_t rows, int64_t k, const double *a, int64_t lda,
                       double *restrict panel) {
  for (int64_t l = 0; l < k; l++) {
    const double *from = a + l * lda;
    double *to = panel + l * ROWS;
    for (int64_t i = 0; rows < ROWS && i < ROWS; i++) {
      to[i] = i < rows ? from[i] : 0;
    }
    if (rows == ROWS) {
      memcpy(to, from, ROWS * sizeof *to);
    }
  }
}

#if defined(__AVX512F__)
/* out [16][8] = panel' block. */
static void multiply_panel(int64_t k, const double *panel, const double *block, double *out) {
  __m512d sum[SMR_COLUMN_BLOCK];
#pragma GCC unroll 16
  for (int j = 0; j < SMR_COLUMN_BLOCK; j++) {
    sum[j] = _mm512_setzero_pd();
  }
  for (int64_t l = 0; l < k; l++) {
    const __m512d x = _mm512_loadu_pd(panel + l * ROWS);
    const double *b = block + l * SMR_COLUMN_BLOCK;
#pragma GCC unroll 16
    for (int j = 0; j < SMR_COLUMN_BLOCK; j++) {
      sum[j] = _mm512_fmadd_pd(x, _mm512_set1_pd(b[j]), sum[j]);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < SMR_COLUMN_BLOCK; j++) {
    _mm512_storeu_pd(out + j * ROWS, sum[j]);
  }
}
#else
enum { STRIP = 4 }; /* columns whose sums fit into registers */

/* Four columns of it. */
static void multiply_strip(int64_t k, const double *panel, const double *block, double *out) {
  __m256d low[STRIP], high[STRIP];
#pragma GCC unroll 4
  for (int j = 0; j < STRIP; j++) {
    low[j] = _mm256_setzero_pd();
    high[j] = _mm256_setzero_pd();
  }
  for (int64_t l = 0; l < k; l++) {
    const __m256d x = _mm256_loadu_pd(panel + l * ROWS);
    const __m256d y = _mm256_loadu_pd(panel + l * ROWS + 4);
#pragma GCC unroll 4
    for (int j = 0; j < STRIP; j++) {
      const __m256d b = _mm256_set1_pd(block[l * SMR_COLUMN_BLOCK + j]);
      low[j] = _mm256_fmadd_pd(x, b, low[j]);
      high[j] = _mm256_fmadd_pd(y, b, high[j]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < STRIP; j++) {
    _mm256_storeu_pd(out + j * ROWS, low[j]);
    _mm256_storeu_pd(out + j * ROWS + 4, high[j]);
  }
}

static void multiply_panel(int64_t k, const double *panel, const double *block, double *out) {
  for (int j = 0; j < SMR_COLUMN_BLOCK; j += STRIP) {
    multiply_strip(k, panel, block + j, out + j * ROWS);
  }
}
#endif

static void store(int64_t rows, const double *tile, double *c, int64_t ldc) {
  for (int64_t j = 0; j < SMR_COLUMN_BLOCK; j++) {
    memcpy(c + j * ldc, tile + j * ROWS, (size_t)rows * sizeof *c);
  }
}

int smr_narrow_multiply(const smr_narrow *p) {
  double blocks[GROUP][SMR_NARROW_MOST_K * SMR_COLUMN_BLOCK], panel[SMR_NARROW_MOST_K * ROWS];
  double tile[SMR_COLUMN_BLOCK * ROWS];
  if (p->k > SMR_NARROW_MOST_K) {
    return 0;
  }
  for (int64_t first = 0; first < p->n; first += (int64_t)GROUP * SMR_COLUMN_BLOCK) {
    int n_blocks = 0;
    for (int64_t j = first; n_blocks < GROUP && j < p->n; j += SMR_COLUMN_BLOCK) {
      pack_block(p->k, p->b + j * p->ldb, p->ldb, blocks[n_blocks++]);
    }
    for (int64_t i = 0; i < p->m; i += ROWS) {
      const int64_t rows = p->m - i < ROWS ? p->m - i : ROWS;
      pack_panel(rows, p->k, p->a + i, p->lda, panel);
      for (int g = 0; g < n_blocks; g++) {
        multiply_panel(p->k, panel, blocks[g], tile);
        store(rows, tile, p->c + i + (first + g * SMR_COLUMN_BLOCK) * p->ldc, p->ldc);
      }
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
