/* Summaries over replicates: statistics by hand, and NaN for moments that don't exist. */
#include <stdlib.h>

#include "app_job.h"

#include "ridge.h"
#include "simmer/base/memory.h"
#include "simmer/regress/tail.h"
#include "summary.h"

enum { N = 5 };

/* Five replicates at N_f = 4, lambda 0 and 1; N_i is the axis. */
#define JOB(instances, data, ridge)                           \
  "name: t\nexperiment: ridge\ndata: {features: 4" data "}\n" \
  "ridge: {lambda: [0, 1], " ridge "}\n"                      \
  "sweep: {data.instances: [" instances "], replicate: {count: 5}}\n"
static const char plain[] = JOB("4, 6, 7, 8", "", "intercept: false");

typedef struct {
  smr_job *job;
  smr_schema outputs, summaries;
  double *records[N];
  const double *list[N];
  double *out;
} frame;

static void clear_schema(smr_schema *schema) {
  void *block = NULL;
  memcpy(&block, &schema->dimensions, sizeof block);
  smr_memory_free(block);
}

static void setup(frame *f, const char *text) {
  int64_t n = 0, n_summary = 0;
  f->job = parse_job(text);
  assert_ok(smr_ridge_describe(f->job, &f->outputs, &f->summaries));
  assert_ok(smr_schema_count(&f->outputs, &n));
  assert_ok(smr_schema_count(&f->summaries, &n_summary));
  assert_ok(smr_memory_alloc(n_summary, sizeof(double), "out", &f->out));
  for (int r = 0; r < N; ++r) {
    assert_ok(smr_memory_alloc(n, sizeof(double), "record", &f->records[r]));
    for (int64_t i = 0; i < n; ++i) {
      f->records[r][i] = (double)NAN;
    }
    f->list[r] = f->records[r];
  }
}

static void teardown(frame *f) {
  for (int r = 0; r < N; ++r) {
    smr_memory_free(f->records[r]);
  }
  smr_memory_free(f->out);
  clear_schema(&f->outputs);
  clear_schema(&f->summaries);
  smr_job_destroy(&f->job);
}

static void put(frame *f, int output, int64_t lambda, const double values[N]) {
  for (int r = 0; r < N; ++r) {
    f->records[r][smr_schema_get_offset(&f->outputs, output) + lambda] = values[r];
  }
}

/* Summaries at N_i number `instances` of the axis, over n replicates. */
static void summarize_list(frame *f, int64_t instances, int64_t n, const double *const *list) {
  smr_common_config common;
  smr_ridge_config config;
  int64_t n_summary = 0;
  assert_ok(smr_schema_count(&f->summaries, &n_summary));
  for (int64_t i = 0; i < n_summary; ++i) {
    f->out[i] = (double)NAN;
  }
  smr_job_configure(f->job, instances * N, &common, &config);
  assert_ok(smr_ridge_summarize(&config, &f->outputs, &f->summaries, n, list, f->out));
}

/* Over the first n of the five. */
static void summarize(frame *f, int64_t instances, int64_t n) {
  summarize_list(f, instances, n, f->list);
}

static double get(const frame *f, const char *name, int64_t lambda) {
  int64_t index = smr_schema_find(&f->summaries, name);
  assert_true(index >= 0);
  return f->out[smr_schema_get_offset(&f->summaries, index) + lambda];
}

static void test_statistics(void **state) {
  (void)state;
  frame f = {0};
  setup(&f, plain);
  const double values[N] = {4, 1, 3, 2, 10};
  put(&f, SMR_RIDGE_test_mse, 1, values);
  summarize(&f, 0, N);
  assert_close(get(&f, "test_mse_mean", 1), 4, 1e-15, 0);
  /* Variance 12.5 over 5 values. */
  assert_close(get(&f, "test_mse_stderr", 1), sqrt(12.5 / 5), 1e-15, 0);
  assert_close(get(&f, "test_mse_median", 1), 3, 0, 0);
  assert_close(get(&f, "test_mse_q05", 1), 1.2, 1e-15, 0);
  assert_close(get(&f, "test_mse_q25", 1), 2, 1e-15, 0);
  assert_close(get(&f, "test_mse_q95", 1), 8.8, 1e-15, 0);
  assert_close(get(&f, "replicates_finished", 0), 5, 0, 0);
  summarize(&f, 0, 1);
  assert_close(get(&f, "test_mse_mean", 1), 4, 0, 0);
  assert_true(isnan(get(&f, "test_mse_stderr", 1)));
  summarize(&f, 0, 0);
  assert_true(isnan(get(&f, "test_mse_mean", 1)) && isnan(get(&f, "test_mse_median", 1)));
  teardown(&f);
}

/* Infinite norms: quantiles below them stay what they are. */
static void test_infinite(void **state) {
  (void)state;
  double values[N] = {HUGE_VAL, 1, HUGE_VAL, 2, 3}, out[SMR_SUMMARY_STATISTICS];
  smr_summary_compute(N, values, (smr_summary_moments){true, true}, out);
  assert_true(isinf(out[0]) && isnan(out[1]));
  assert_close(out[2], 3, 0, 0);
  assert_close(out[4], 2, 0, 0);
  assert_true(isinf(out[5]) && isinf(out[6]));
}

/* At lambda = 0 the error has tail index (|N_f - N_i| + 1) / 2: a mean from 2 on, its error from 4
 * on. */
static void test_moments(void **state) {
  (void)state;
  frame f = {0};
  setup(&f, plain);
  const double values[N] = {4, 1, 3, 2, 10}, theory[N] = {3, 3, 3, 3, 3};
  for (int64_t l = 0; l < 2; ++l) {
    put(&f, SMR_RIDGE_estimation_error, l, values);
    put(&f, SMR_RIDGE_theory_risk_exact, l, theory);
  }
  const int has_mean[4] = {0, 1, 1, 1}, has_error[4] = {0, 0, 0, 1};
  for (int64_t i = 0; i < 4; ++i) {
    summarize(&f, i, N);
    assert_int_equal(!isnan(get(&f, "estimation_error_mean", 0)), has_mean[i]);
    assert_int_equal(!isnan(get(&f, "estimation_error_stderr", 0)), has_error[i]);
    assert_int_equal(!isnan(get(&f, "estimation_error_z", 0)), has_error[i]);
    assert_close(get(&f, "estimation_error_median", 0), 3, 0, 0);
    /* lambda > 0 bounds the error. */
    assert_close(get(&f, "estimation_error_mean", 1), 4, 1e-15, 0);
    assert_close(get(&f, "estimation_error_tail_index_theory", 0),
                 (fabs(4.0 - (double[]){4, 6, 7, 8}[i]) + 1) / 2, 1e-15, 0);
  }
  assert_close(get(&f, "estimation_error_z", 0), 1 / sqrt(12.5 / 5), 1e-14, 0);
  teardown(&f);
}

/* The rule |d| >= 2 and |d| >= 4 on both sides of the transition, and with an intercept, whose row
 * counts: d = N_f - N_i + 1. The norm has them from 1 and from 2 on. */
static void test_rule(void **state) {
  (void)state;
  static const char *const texts[2] = {JOB("1, 2, 3, 4, 5, 6, 7, 8, 9", "", "intercept: false"),
                                       JOB("2, 3, 4, 5, 6, 7, 8, 9, 10", "", "intercept: true")};
  const double values[N] = {4, 1, 3, 2, 10};
  for (int t = 0; t < 2; ++t) {
    frame f = {0};
    setup(&f, texts[t]);
    put(&f, SMR_RIDGE_estimation_error, 0, values);
    put(&f, SMR_RIDGE_solution_norm, 0, values);
    for (int d = -3; d <= 5; ++d) {
      summarize(&f, d + 3, N);
      assert_int_equal(!isnan(get(&f, "estimation_error_mean", 0)), abs(d) >= 2);
      assert_int_equal(!isnan(get(&f, "estimation_error_stderr", 0)), abs(d) >= 4);
      assert_int_equal(!isnan(get(&f, "solution_norm_mean", 0)), abs(d) >= 1);
      assert_int_equal(!isnan(get(&f, "solution_norm_stderr", 0)), abs(d) >= 2);
    }
    teardown(&f);
  }
}

enum { MANY = 2000 };

/* Summaries at N_i = 6 over n replicates whose error at both lambdas has tail index exactly 2, a
 * Pareto law's quantiles in a scrambled order. */
static void summarize_pareto(frame *f, int64_t n, double *sorted) {
  int64_t length = 0;
  const int64_t at = smr_schema_get_offset(&f->outputs, SMR_RIDGE_estimation_error);
  double *block = NULL;
  const double *list[MANY];
  assert_ok(smr_schema_count(&f->outputs, &length));
  assert_ok(smr_memory_alloc(n * length, sizeof(double), "records", &block));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = i * 7 % n; /* n is no multiple of 7 */
    sorted[i] = pow(1 - ((double)i + 0.5) / (double)n, -0.5);
    block[place * length + at] = sorted[i];
    block[place * length + at + 1] = sorted[i];
    list[i] = block + i * length;
  }
  summarize_list(f, 1, n, list);
  smr_memory_free(block);
}

/* Hill's index with k = 0.5 % and its z against the theory at lambda = 0, 3/2 for |d| = 2; no
 * theory at lambda > 0, where all moments exist; nothing below 100 replicates. */
static void test_tail(void **state) {
  (void)state;
  frame f = {0};
  double sorted[MANY];
  setup(&f, plain);
  summarize_pareto(&f, MANY, sorted);
  const smr_tail tail = smr_tail_hill(MANY, sorted, 10);
  assert_true(fabs(tail.index - 2) < 3 * tail.error);
  for (int64_t l = 0; l < 2; ++l) {
    assert_close(get(&f, "estimation_error_tail_index", l), tail.index, 0, 0);
    assert_close(get(&f, "estimation_error_tail_index_stderr", l), tail.index / sqrt(10), 1e-15, 0);
  }
  assert_close(get(&f, "estimation_error_tail_index_z", 0), (tail.index / 1.5 - 1) * sqrt(10),
               1e-14, 0);
  assert_true(isnan(get(&f, "estimation_error_tail_index_z", 1)));
  summarize_pareto(&f, 100, sorted);
  assert_true(get(&f, "estimation_error_tail_index", 0) > 0);
  summarize_pareto(&f, 99, sorted);
  assert_true(isnan(get(&f, "estimation_error_tail_index", 0)));
  assert_true(isnan(get(&f, "estimation_error_tail_index_stderr", 0)));
  teardown(&f);
}

/* Student noise has its own index, nu / 2, at every lambda; without noise there is no tail. */
static void test_tail_of_noise(void **state) {
  (void)state;
  static const char *const texts[2] = {
      JOB("4, 6", ", noise_model: student_t, noise_nu: 2.5", "intercept: false"),
      JOB("4, 6", ", noise: 0", "intercept: false")};
  double sorted[MANY];
  for (int t = 0; t < 2; ++t) {
    frame f = {0};
    setup(&f, texts[t]);
    summarize_pareto(&f, MANY, sorted);
    const smr_tail tail = smr_tail_hill(MANY, sorted, 10);
    for (int64_t l = 0; l < 2; ++l) {
      const double z = get(&f, "estimation_error_tail_index_z", l);
      assert_true(t == 1 ? isnan(z) : fabs(z - (tail.index / 1.25 - 1) * sqrt(10)) < 1e-14);
    }
    assert_int_equal(isnan(get(&f, "estimation_error_tail_index_theory", 0)), t == 1);
    teardown(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_statistics), cmocka_unit_test(test_infinite),
      cmocka_unit_test(test_moments),    cmocka_unit_test(test_rule),
      cmocka_unit_test(test_tail),       cmocka_unit_test(test_tail_of_noise)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
