/* Summaries over replicates: statistics by hand, and NaN for moments that don't exist. */
#include "app_job.h"

#include "ridge.h"
#include "simmer/base/memory.h"
#include "summary.h"

enum { N = 5 };

/* Five replicates at N_f = 4, lambda 0 and 1; N_i is the axis. */
static const char text[] = "name: t\nexperiment: ridge\n"
                           "data: {features: 4}\n"
                           "ridge: {lambda: [0, 1], intercept: false}\n"
                           "sweep: {data.instances: [4, 6, 7, 8], replicate: {count: 5}}\n";

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

static void setup(frame *f) {
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

/* Summaries at N_i number `instances` of the axis, over the first n replicates. */
static void summarize(frame *f, int64_t instances, int64_t n) {
  smr_common_config common;
  smr_ridge_config config;
  int64_t n_summary = 0;
  assert_ok(smr_schema_count(&f->summaries, &n_summary));
  for (int64_t i = 0; i < n_summary; ++i) {
    f->out[i] = (double)NAN;
  }
  smr_job_configure(f->job, instances * N, &common, &config);
  assert_ok(smr_ridge_summarize(&config, &f->outputs, &f->summaries, n, f->list, f->out));
}

static double get(const frame *f, const char *name, int64_t lambda) {
  int64_t index = smr_schema_find(&f->summaries, name);
  assert_true(index >= 0);
  return f->out[smr_schema_get_offset(&f->summaries, index) + lambda];
}

static void test_statistics(void **state) {
  (void)state;
  frame f = {0};
  setup(&f);
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
  setup(&f);
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_statistics),
                                     cmocka_unit_test(test_infinite),
                                     cmocka_unit_test(test_moments)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
