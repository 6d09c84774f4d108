/* Products in blocks of 16 columns, and the benchmark's figures. */
#include <string.h>

#include "check.h"
#include "simmer/base/random.h"
#include "simmer/linalg/kernel.h"

enum { M = 37, K = 29, N = 3 * SMR_COLUMN_BLOCK };

static void fill(uint64_t index, int64_t n, double *x) {
  const smr_random_key key = {.seed = 7, .stream = 1};
  smr_random_normal(key, index, 0, n, x);
}

static void test_multiply(void **state) {
  static double a[M * K], b[K * N], c[M * N];
  (void)state;
  fill(0, M * K, a);
  fill(1, K * N, b);
  assert_ok(smr_kernel_multiply(M, N, K, a, M, b, K, c, M));
  for (int j = 0; j < N; j++) {
    for (int i = 0; i < M; i++) {
      long double sum = 0.0L;
      for (int k = 0; k < K; k++) {
        sum += (long double)a[k * M + i] * (long double)b[j * K + k];
      }
      /* K terms of size 1 with unit round-off 1e-16. */
      assert_close(c[j * M + i], (double)sum, 0.0, 1e-13);
    }
  }
}

enum { MOST_M = 60, MOST_K = 2049, LD = MOST_M + 3, COLUMNS = 5 * SMR_COLUMN_BLOCK };

/* c = a b against sums in long double; what lies below row m stays as it was. */
static void check_shape(int m, int k_all, const double *a, const double *b, double *c) {
  memset(c, 0x55, sizeof(double) * LD * COLUMNS);
  const double untouched = c[0];
  assert_ok(smr_kernel_multiply(m, COLUMNS, k_all, a, LD, b, MOST_K, c, LD));
  for (int j = 0; j < COLUMNS; j++) {
    for (int i = 0; i < LD; i++) {
      long double sum = 0.0L;
      for (int k = 0; i < m && k < k_all; k++) {
        sum += (long double)a[k * LD + i] * (long double)b[j * MOST_K + k];
      }
      /* Up to 2049 terms of size 1 in sums of size 50 with unit round-off 1e-16. */
      assert_close(c[j * LD + i], i < m ? (double)sum : untouched, 0.0, 1e-11);
    }
  }
}

/* Rows that fill tiles, vectors and single rows, and inner lengths up to where the BLAS takes over.
 */
static void test_shapes(void **state) {
  static const int rows[] = {1, 7, 8, 9, 16, 20, 24, 25, 33, 60}, lengths[] = {1, 2, 57, 200};
  static double a[LD * MOST_K], b[MOST_K * COLUMNS], c[LD * COLUMNS];
  (void)state;
  fill(2, LD * MOST_K, a);
  fill(3, MOST_K * COLUMNS, b);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    for (size_t s = 0; s < sizeof lengths / sizeof *lengths; s++) {
      check_shape(rows[r], lengths[s], a, b, c);
    }
  }
  check_shape(33, MOST_K - 1, a, b, c);
  check_shape(33, MOST_K, a, b, c);
}

/* A column's bits don't depend on how many there are, nor on what stands beside it. */
static void test_columns_alone(void **state) {
  static double a[M * K], b[K * N], all[M * N], some[K * SMR_COLUMN_BLOCK],
      alone[M * SMR_COLUMN_BLOCK];
  (void)state;
  fill(0, M * K, a);
  fill(1, K * N, b);
  assert_ok(smr_kernel_multiply(M, N, K, a, M, b, K, all, M));
  for (size_t j = 0; j < N; j++) {
    size_t place = j % SMR_COLUMN_BLOCK;
    memset(some, 0, sizeof some);
    memcpy(some + place * K, b + j * K, K * sizeof *b);
    assert_ok(smr_kernel_multiply(M, SMR_COLUMN_BLOCK, K, a, M, some, K, alone, M));
    assert_memory_equal(alone + place * M, all + j * M, M * sizeof *all);
  }
}

/* Where the kernel is simmer's own, a row's bits don't depend on its place nor on how many there
 * are. */
static void test_rows_alone(void **state) {
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
  static double a[M * K], b[K * N], all[M * N], alone[N];
  (void)state;
  fill(0, M * K, a);
  fill(1, K * N, b);
  assert_ok(smr_kernel_multiply(M, N, K, a, M, b, K, all, M));
  for (size_t i = 0; i < M; i++) {
    assert_ok(smr_kernel_multiply(1, N, K, a + i, M, b, K, alone, 1));
    for (size_t j = 0; j < N; j++) {
      assert_memory_equal(&alone[j], &all[j * M + i], sizeof *alone);
    }
  }
#else
  (void)state;
  skip();
#endif
}

static void test_ragged_block(void **state) {
  double x[64] = {0};
  (void)state;
  assert_fails(smr_kernel_multiply(1, 3, 1, x, 1, x, 1, x, 1), SMR_ERR_INTERNAL, "ragged");
}

static void test_no_inner_terms(void **state) {
  double x[1] = {0.0};
  double c[SMR_COLUMN_BLOCK];
  (void)state;
  for (int i = 0; i < SMR_COLUMN_BLOCK; i++) {
    c[i] = 1.0;
  }
  assert_ok(smr_kernel_multiply(1, SMR_COLUMN_BLOCK, 0, x, 1, x, 1, c, 1));
  for (int i = 0; i < SMR_COLUMN_BLOCK; i++) {
    assert_close(c[i], 0.0, 0.0, 0.0);
  }
}

static void test_bench(void **state) {
  double rate = 0.0;
  (void)state;
  assert_ok(smr_bench_gemm(0, 64, 64, 64, 3, &rate));
  assert_true(isfinite(rate) && rate > 0.0);
  assert_ok(smr_bench_gemm(1, 64, 32, 16, 2, &rate));
  assert_true(isfinite(rate) && rate > 0.0);
  assert_ok(smr_bench_copy(1 << 20, 3, &rate));
  assert_true(isfinite(rate) && rate > 0.0);
  assert_fails(smr_bench_gemm(1, 0, 1, 1, 1, &rate), SMR_ERR_USAGE, "product");
  assert_fails(smr_bench_copy(0, 1, &rate), SMR_ERR_USAGE, "copy");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_multiply),      cmocka_unit_test(test_shapes),
      cmocka_unit_test(test_columns_alone), cmocka_unit_test(test_rows_alone),
      cmocka_unit_test(test_ragged_block),  cmocka_unit_test(test_no_inner_terms),
      cmocka_unit_test(test_bench)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
