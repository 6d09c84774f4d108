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
  assert_true(smr_ncp_significance(4, 0.7) == 1.0);
  assert_true(smr_ncp_significance(1000, 0.5) < 1e-30);
}

/* The significance of white noise is evenly spread: of 1000 sequences 50 +- 7 are below 5 %, 500 +-
 * 16 below 50 %, 900 +- 9 below 90 %; within four of these errors. */
static void check_calibration(int64_t n) {
  enum { N_RUNS = 1000, N_LEVELS = 3 };
  static const double levels[N_LEVELS] = {0.05, 0.5, 0.9};
  const smr_random_key key = {.seed = 2, .stream = (uint64_t)n};
  int n_below[N_LEVELS] = {0};
  for (int run = 0; run < N_RUNS; run++) {
    double r[MAX_ROWS];
    double distance = 0.0;
    double deviation = 0.0;
    smr_random_normal(key, (uint64_t)run, 0, n, r);
    assert_ok(smr_ncp_run(test_world, n, 1, r, &distance, &deviation));
    for (int i = 0; i < N_LEVELS; i++) {
      n_below[i] += smr_ncp_significance(n, deviation) < levels[i];
    }
  }
  for (int i = 0; i < N_LEVELS; i++) {
    const double error = sqrt(N_RUNS * levels[i] * (1 - levels[i]));
    assert_true(fabs(n_below[i] - N_RUNS * levels[i]) < 4 * error);
  }
}

static void test_calibration(void **state) {
  (void)state;
  check_calibration(12);
  check_calibration(51);
  check_calibration(200);
}

/* AR(1) noise with phi = 0.9 is found out always, and so is nothing but the highest frequency. */
static void test_coloured(void **state) {
  enum { N_ROWS = 200, N_RUNS = 100 };
  const smr_random_key key = {.seed = 2, .stream = 3};
  double distance = 0.0;
  double deviation = 0.0;
  double r[N_ROWS];
  (void)state;
  for (int run = 0; run < N_RUNS; run++) {
    smr_random_normal(key, (uint64_t)run, 0, N_ROWS, r);
    for (int i = 1; i < N_ROWS; i++) {
      r[i] += 0.9 * r[i - 1];
    }
    assert_ok(smr_ncp_run(test_world, N_ROWS, 1, r, &distance, &deviation));
    assert_true(smr_ncp_significance(N_ROWS, deviation) < 0.05);
  }
  for (int i = 0; i < N_ROWS; i++) {
    r[i] = i % 2 == 0 ? 1.0 : -1.0;
  }
  assert_ok(smr_ncp_run(test_world, N_ROWS, 1, r, &distance, &deviation));
  assert_true(smr_ncp_significance(N_ROWS, deviation) < 1e-30);
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
              cmocka_unit_test(test_calibration), cmocka_unit_test(test_coloured),
              cmocka_unit_test(test_counts))
