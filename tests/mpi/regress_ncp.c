/* Cumulative periodograms: against NumPy's FFT (reference/ncp_make.py), the same bits on any ranks
 * and threads, edges, and how often white noise is called something else. */
#include <inttypes.h>
#include <omp.h>
#include <stdbool.h>

#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/regress/ncp.h"

enum { MAX_ROWS = 256 };

static void read_numbers(FILE *file, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    assert_int_equal(fscanf(file, "%lf", x + i), 1);
  }
}

static void test_reference(void **state) {
  int64_t n = 0;
  int count = 0;
  (void)state;
  FILE *file = fopen(SIMMER_TEST_REFERENCE "/ncp_reference.txt", "r");
  assert_non_null(file);
  while (fscanf(file, "%" SCNd64, &n) == 1) {
    double r[MAX_ROWS];
    double expected[3];
    double distance = 0.0;
    double deviation = 0.0;
    assert_true(n <= MAX_ROWS);
    read_numbers(file, n, r);
    read_numbers(file, 3, expected);
    assert_ok(smr_ncp_run(test_world, n, 1, r, &distance, &deviation));
    /* Sums of up to 115 positive numbers, each good to 1e-14. */
    assert_close(distance, expected[0], 1e-12, 1e-14);
    assert_close(deviation, expected[1], 1e-12, 1e-14);
    /* The probability is cut to 1 where it is above 0.99999. */
    assert_close(smr_ncp_significance(n, deviation), expected[2], 1e-9, 1e-5);
    count++;
  }
  fclose(file);
  assert_int_equal(count, 30);
}

static void check_same_bits(int64_t n, int64_t n_lambda) {
  const smr_random_key key = {.seed = 1, .stream = 9};
  double *r = NULL;
  double *out = NULL;
  smr_context *alone = NULL;
  int index = 0;
  assert_ok(smr_memory_alloc(n * n_lambda, sizeof *r, "r", &r));
  assert_ok(smr_memory_alloc(4 * n_lambda, sizeof *out, "out", &out));
  smr_random_normal(key, 0, 0, n * n_lambda, r);
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  assert_ok(smr_ncp_run(alone, n, n_lambda, r, out, out + n_lambda));
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    assert_ok(smr_ncp_run(test_world, n, n_lambda, r, out + 2 * n_lambda, out + 3 * n_lambda));
    omp_set_num_threads(1);
    for (int64_t i = 0; i < 2 * n_lambda; i++) {
      const bool is_nan = isnan(out[i]) && isnan(out[i + 2 * n_lambda]);
      assert_on_all(is_nan || out[i] == out[i + 2 * n_lambda]);
    }
  }
  smr_context_destroy(&alone);
  smr_memory_free(r);
  smr_memory_free(out);
}

static void test_same_bits(void **state) {
  (void)state;
  check_same_bits(1000, 7);
  check_same_bits(4601, 3);
  check_same_bits(2, 5);
  check_same_bits(1, 2);
}

static void test_edges(void **state) {
  const double constant[] = {3.0, 3.0, 3.0, 3.0};
  const double zeros[4] = {0.0};
  double distance = 0.0;
  double deviation = 0.0;
  (void)state;
  assert_ok(smr_ncp_run(test_world, 4, 1, constant, &distance, &deviation));
  assert_true(isnan(distance) && isnan(deviation));
  assert_ok(smr_ncp_run(test_world, 4, 1, zeros, &distance, &deviation));
  assert_true(isnan(distance));
  assert_ok(smr_ncp_run(test_world, 1, 1, constant, &distance, &deviation));
  assert_true(isnan(distance));
  assert_true(isnan(smr_ncp_significance(10, distance)));
  assert_true(smr_ncp_significance(3, 0.7) == 1.0);
  assert_true(smr_ncp_significance(1000, 0.5) < 1e-30);
}

/* Of 1000 white sequences about 5 % are below a significance of 5 %: 50 +- 7, so 25 to 75. AR(1)
 * noise with phi = 0.9 is found out always. */
static void test_calibration(void **state) {
  enum { N_ROWS = 200, N_RUNS = 1000 };
  const smr_random_key key = {.seed = 2, .stream = 3};
  int n_white = 0;
  int n_walk = 0;
  (void)state;
  for (int run = 0; run < N_RUNS; run++) {
    double r[2 * N_ROWS];
    double distance[2];
    double deviation[2];
    smr_random_normal(key, (uint64_t)run, 0, N_ROWS, r);
    r[N_ROWS] = r[0];
    for (int i = 1; i < N_ROWS; i++) {
      r[N_ROWS + i] = 0.9 * r[N_ROWS + i - 1] + r[i];
    }
    assert_ok(smr_ncp_run(test_world, N_ROWS, 2, r, distance, deviation));
    n_white += smr_ncp_significance(N_ROWS, deviation[0]) < 0.05;
    n_walk += smr_ncp_significance(N_ROWS, deviation[1]) < 0.05;
  }
  assert_in_range(n_white, 25, 75);
  assert_int_equal(n_walk, N_RUNS);
}

static void test_counts(void **state) {
  (void)state;
  assert_true(smr_ncp_count_bytes(20000, 60) > 16 * 20000);
  assert_true(smr_ncp_count_flops(20000, 60) > 1e7);
}

static void test_select_ranks(void **state) {
  const int64_t numbers[] = {1, 2, 63, 64, 65, 66, 70, 100, 501, 5001, 1000000};
  int64_t ranks[SMR_NCP_RANKS];
  (void)state;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    const int64_t n = numbers[i], count = smr_ncp_select_ranks(n, ranks);
    assert_int_equal(count, n < SMR_NCP_RANKS ? n : SMR_NCP_RANKS);
    assert_int_equal(ranks[count - 1], n - 1);
    for (int64_t k = 0; k < count; k++) {
      assert_true(k == 0 ? ranks[k] == 0 : ranks[k] > ranks[k - 1]);
      assert_true(ranks[k] == k || (n > SMR_NCP_RANKS && k >= SMR_NCP_RANKS / 2));
    }
  }
  /* Steps grow by no more than a factor. */
  for (int64_t k = SMR_NCP_RANKS / 2, n = smr_ncp_select_ranks(501, ranks); k < n; k++) {
    assert_true((double)ranks[k] < 1.15 * (double)ranks[k - 1]);
  }
}

MPI_TEST_MAIN(cmocka_unit_test(test_select_ranks), cmocka_unit_test(test_reference),
              cmocka_unit_test(test_same_bits), cmocka_unit_test(test_edges),
              cmocka_unit_test(test_calibration), cmocka_unit_test(test_counts))
