/* Panels of 32 columns and the products they are made of, against plain loops. */
#include <string.h>

#include "../../src/linalg/dots.h"
#include "../../src/linalg/narrow.h"
#include "../../src/linalg/reflector.h"
#include "check.h"
#include "simmer/base/random.h"

enum { MOST_ROWS = 1056, LD = MOST_ROWS + 8, N = SMR_PANEL };

static void fill(uint64_t index, int64_t n, double *x) {
  const smr_random_key key = {.seed = 12, .stream = 1};
  smr_random_normal(key, index, 0, n, x);
}

static double norm(int64_t n, const double *x) {
  long double sum = 0.0L;
  for (int64_t i = 0; i < n; i++) {
    sum += (long double)x[i] * (long double)x[i];
  }
  return (double)sqrtl(sum);
}

/* H' a has R above and zeros below, and H keeps lengths and right angles. */
static void check_panel(int rows, double scale, int zero_column) {
  static _Alignas(64) double a[LD * N], v[LD * N], t[N * N], work[N * N], b[LD * N];
  fill(0, LD * N, a);
  for (int64_t i = 0; i < LD * N; i++) {
    a[i] = i / LD == zero_column ? 0 : a[i] * scale;
  }
  memcpy(v, a, sizeof v);
  smr_panel_factor(rows, v, LD, t);
  for (int64_t j = 0; j < N; j++) {
    /* Each R has the length of its column; 1056 terms with unit round-off 1e-16. */
    assert_close(norm(j + 1, v + j * LD) / scale, norm(rows, a + j * LD) / scale, 1e-13, 0.0);
    assert_memory_equal(v + j * LD + rows, a + j * LD + rows, (size_t)(LD - rows) * sizeof *a);
  }
  memcpy(b, v, sizeof b);
  smr_panel_clear_triangle(v, LD);
  smr_panel_apply(rows, v, LD, t, a, LD, work);
  for (int64_t j = 0; j < N; j++) {
    for (int64_t i = 0; i < rows; i++) {
      double r = i <= j ? b[j * LD + i] : 0.0;
      /* Columns of length up to 33 through 32 reflections. */
      assert_close(a[j * LD + i] / scale, r / scale, 0.0, 1e-12);
    }
  }
}

static void test_panel(void **state) {
  static const int rows[] = {32, 64, 96, 512, 544, 1056};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    check_panel(rows[i], 1.0, -1);
  }
}

/* Squares of the entries over- or underflow. */
static void test_scales(void **state) {
  (void)state;
  check_panel(64, 1e180, -1);
  check_panel(64, 1e-180, -1);
  check_panel(64, 1e101, -1);
  check_panel(64, 1e-101, -1);
}

static void test_zero_column(void **state) {
  (void)state;
  check_panel(96, 1.0, 0);
  check_panel(96, 1.0, 13);
  check_panel(96, 1.0, 31);
}

/* The bits of an element don't depend on what stands beside it. */
static void check_dots(int64_t rows, int m, int n) {
  static double v[LD * 9], c[LD * 9], out[9 * 9], alone[1];
  fill(1, LD * 9, v);
  fill(2, LD * 9, c);
  smr_dots_run(&(smr_dots){rows, m, n, false, v, LD, c, LD, out, 9});
  for (int j = 0; j < n; j++) {
    for (int i = 0; i < m; i++) {
      const double *x = v + i * LD, *y = c + j * LD;
      long double sum = 0.0L;
      for (int64_t l = 0; l < rows; l++) {
        sum += (long double)x[l] * (long double)y[l];
      }
      /* Up to 1056 terms of size 1 in sums of size 33. */
      assert_close(out[j * 9 + i], (double)sum, 0.0, 1e-12);
      smr_dots_run(&(smr_dots){rows, 1, 1, false, x, LD, y, LD, alone, 1});
      assert_memory_equal(&out[j * 9 + i], alone, sizeof *alone);
    }
  }
}

static void test_dots(void **state) {
  static const int64_t rows[] = {1, 7, 8, 31, 511, 512, 513, 1055};
  static const int sides[] = {1, 3, 4, 5, 8, 9};
  (void)state;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
      check_dots(rows[r], sides[i], 9);
      check_dots(rows[r], 9, sides[i]);
    }
  }
}

/* The upper triangle alone has the same bits. */
static void test_upper(void **state) {
  enum { SIDE = 32, ROWS = 700 };
  static double v[LD * SIDE], all[SIDE * SIDE], upper[SIDE * SIDE];
  (void)state;
  fill(3, LD * SIDE, v);
  smr_dots_run(&(smr_dots){ROWS, SIDE, SIDE, false, v, LD, v, LD, all, SIDE});
  smr_dots_run(&(smr_dots){ROWS, SIDE, SIDE, true, v, LD, v, LD, upper, SIDE});
  for (size_t j = 0; j < SIDE; j++) {
    assert_memory_equal(upper + j * SIDE, all + j * SIDE, (j + 1) * sizeof *all);
  }
}

static void test_add(void **state) {
  enum { ROWS = 61, K = 19, COLUMNS = 24, STRIDE = ROWS + 4 };
  static double a[STRIDE * K], b[K * COLUMNS], c[STRIDE * COLUMNS], before[STRIDE * COLUMNS];
  (void)state;
  fill(4, STRIDE * K, a);
  fill(5, K * COLUMNS, b);
  fill(6, STRIDE * COLUMNS, c);
  memcpy(before, c, sizeof c);
  smr_narrow_add(&(smr_narrow){ROWS, COLUMNS, K, a, STRIDE, b, K, c, STRIDE});
  for (int j = 0; j < COLUMNS; j++) {
    for (int i = 0; i < STRIDE; i++) {
      long double sum = (long double)before[j * STRIDE + i];
      for (int k = 0; i < ROWS && k < K; k++) {
        sum += (long double)a[k * STRIDE + i] * (long double)b[j * K + k];
      }
      /* K terms of size 1 with unit round-off 1e-16. */
      assert_close(c[j * STRIDE + i], (double)sum, 0.0, 1e-13);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_panel),       cmocka_unit_test(test_scales),
      cmocka_unit_test(test_zero_column), cmocka_unit_test(test_dots),
      cmocka_unit_test(test_upper),       cmocka_unit_test(test_add)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
