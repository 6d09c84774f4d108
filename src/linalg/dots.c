/* Products of columns with columns, for block reflectors: DGEMM packs both operands anew, which for
 * 32 columns costs as much as the product.
 *
 * SIDE x SIDE sums stay in registers over STRETCH rows; two times SIDE columns of a stretch fit
 * into the first-level cache. Every element is summed in the same order whatever stands beside it.
 */
#include "dots.h"

#include "vector.h"

enum { SIDE = VECTOR_COLUMNS / 2 > 2 ? 4 : 2, STRETCH = 512, WIDTH = VECTOR_WIDTH };

/* Adds rows first..end-1 of mv x nc columns; mv and nc are constants in every call. */
__attribute__((always_inline)) static inline void
run_tile(const smr_dots *d, int i, int j, int64_t first, int64_t end, int mv, int nc) {
  const int64_t ldv = d->ldv, ldc = d->ldc;
  const double *v = d->v + i * ldv;
  const double *c = d->c + j * ldc;
  double *out = d->out + j * d->ldo + i;
  smr_vector sum[SIDE][SIDE];
  smr_vector x[SIDE];
  int64_t row = first;
#pragma GCC unroll 4
  for (int k = 0; k < nc; k++) {
#pragma GCC unroll 4
    for (int l = 0; l < mv; l++) {
      sum[k][l] = vector_spread(0);
    }
  }
  for (; row + WIDTH <= end; row += WIDTH) {
#pragma GCC unroll 4
    for (int l = 0; l < mv; l++) {
      x[l] = vector_load(v + l * ldv + row);
    }
#pragma GCC unroll 4
    for (int k = 0; k < nc; k++) {
      const smr_vector y = vector_load(c + k * ldc + row);
#pragma GCC unroll 4
      for (int l = 0; l < mv; l++) {
        sum[k][l] = vector_multiply_add(x[l], y, sum[k][l]);
      }
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < nc; k++) {
#pragma GCC unroll 4
    for (int l = 0; l < mv; l++) {
      double total = vector_sum(sum[k][l]);
      for (int64_t r = row; r < end; r++) {
        total = number_multiply_add(v[l * ldv + r], c[k * ldc + r], total);
      }
      out[k * d->ldo + l] = first > 0 ? out[k * d->ldo + l] + total : total;
    }
  }
}

/* Columns i.. of v (SIDE or 1) with all columns of c. */
static void run_side(const smr_dots *d, int i, int64_t first, int64_t end) {
  int j = d->is_upper ? i / SIDE * SIDE : 0;
  for (; j + SIDE <= d->n; j += SIDE) {
    run_tile(d, i, j, first, end, SIDE, SIDE);
  }
  for (; j < d->n; j++) {
    run_tile(d, i, j, first, end, SIDE, 1);
  }
}

static void run_single(const smr_dots *d, int i, int64_t first, int64_t end) {
  int j = d->is_upper ? i / SIDE * SIDE : 0;
  for (; j + SIDE <= d->n; j += SIDE) {
    run_tile(d, i, j, first, end, 1, SIDE);
  }
  for (; j < d->n; j++) {
    run_tile(d, i, j, first, end, 1, 1);
  }
}

void smr_dots_run(const smr_dots *d) {
  for (int64_t first = 0; first < d->rows; first += STRETCH) {
    const int64_t end = first + STRETCH < d->rows ? first + STRETCH : d->rows;
    int i = 0;
    for (; i + SIDE <= d->m; i += SIDE) {
      run_side(d, i, first, end);
    }
    for (; i < d->m; i++) {
      run_single(d, i, first, end);
    }
  }
}
