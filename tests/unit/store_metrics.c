/* A history of metrics: what was added is in the file, as labelled as results are, and as it was
 * after a way through a checkpoint's arrays. */
#include "store_scratch.h"

#include <math.h>

#include "simmer/base/fault.h"
#include "simmer/store/metrics.h"
#include "simmer/store/results.h"

static const smr_metric list[] = {
    {.name = "free_energy_train", .unit = "nat", .meaning = "mean free energy"},
    {.name = "singular_value", .unit = "1", .meaning = "of W", .dimension = "mode", .n = 3},
    {.name = "activity", .unit = "1", .dimension = "mode", .n = 3},
    {.name = "nothing", .dimension = "none", .n = 0},
    {.name = "seconds", .unit = "s", .meaning = "time", .is_measured_time = true},
};
enum { N_METRICS = sizeof list / sizeof list[0], WIDTH = 1 + 3 + 3 + 0 + 1 };

static double make_value(int64_t row, int64_t k) {
  return row == 1 && k == 0 ? (double)NAN : (double)(100 * row + k) + 0.1;
}

static smr_metrics *create_filled(int64_t n_rows) {
  smr_metrics *metrics = NULL;
  assert_ok(smr_metrics_create(N_METRICS, list, &metrics));
  for (int64_t row = 0; row < n_rows; row++) {
    double values[WIDTH];
    for (int64_t k = 0; k < WIDTH; k++) {
      values[k] = make_value(row, k);
    }
    assert_ok(smr_metrics_add(metrics, 10 * row, values));
  }
  return metrics;
}

static void test_history(void **state) {
  (void)state;
  smr_metrics *metrics = create_filled(0);
  const double values[WIDTH] = {0};
  assert_int_equal(smr_metrics_count(metrics), 0);
  assert_null(smr_metrics_get_last(metrics));
  smr_metrics_destroy(&metrics);
  assert_null(metrics);
  smr_metrics_destroy(&metrics);
  metrics = create_filled(100);
  assert_int_equal(smr_metrics_count(metrics), 100);
  assert_true(smr_metrics_get_last(metrics)[7] == make_value(99, 7));
  assert_fails(smr_metrics_add(metrics, 990, values), SMR_ERR_INTERNAL, "step 990");
  assert_fails(smr_metrics_add(metrics, 5, values), SMR_ERR_INTERNAL, "step 5");
  assert_int_equal(smr_metrics_count(metrics), 100);
  assert_fails(smr_metrics_resize(metrics, -1), SMR_ERR_INTERNAL, "-1");
  /* Emptied, any step may be the first. */
  assert_ok(smr_metrics_resize(metrics, 0));
  assert_ok(smr_metrics_add(metrics, -3, values));
  assert_int_equal(smr_metrics_count(metrics), 1);
  smr_metrics_destroy(&metrics);
  const smr_metric bad = {.name = "bad", .dimension = "mode", .n = -1};
  assert_fails(smr_metrics_create(1, &bad, &metrics), SMR_ERR_INTERNAL, "bad");
  assert_null(metrics);
}

static void check_variable(smr_arrays *file, int64_t i, int64_t start, int64_t n_rows) {
  const smr_metric *metric = &list[i];
  const int64_t length = metric->dimension == NULL ? 1 : metric->n;
  smr_array array;
  double values[64];
  assert_ok(smr_arrays_inspect(file, metric->name, &array));
  assert_int_equal(array.type, SMR_F64);
  assert_int_equal(array.n_dimensions, metric->dimension == NULL ? 1 : 2);
  assert_int_equal(array.shape[0], n_rows);
  assert_string_equal(array.dimensions[0], "step");
  assert_int_equal(array.is_measured_time, metric->is_measured_time);
  if (metric->dimension != NULL) {
    assert_int_equal(array.shape[1], metric->n);
    assert_string_equal(array.dimensions[1], metric->dimension);
  }
  if (metric->unit != NULL) {
    assert_string_equal(array.unit, metric->unit);
  }
  if (metric->meaning != NULL) {
    assert_string_equal(array.meaning, metric->meaning);
  }
  assert_ok(smr_arrays_read(file, metric->name, SMR_F64, 0, n_rows, values));
  for (int64_t k = 0; k < n_rows * length; k++) {
    const double expected = make_value(k / length, start + k % length);
    assert_memory_equal(&values[k], &expected, sizeof expected);
  }
}

static void test_file(void **state) {
  (void)state;
  enum { ROWS = 4 };
  const smr_attribute attribute = {.name = "title", .text = "a training"};
  smr_metrics *metrics = create_filled(ROWS);
  smr_arrays *file = NULL;
  int64_t steps[ROWS], modes[3], start = 0;
  char *text = NULL;
  assert_ok(smr_metrics_write(metrics, scratch_path("metrics.h5"), 1, &attribute));
  assert_ok(smr_arrays_open(scratch_path("metrics.h5"), &file));
  assert_ok(smr_arrays_read(file, "step", SMR_I64, 0, ROWS, steps));
  assert_ok(smr_arrays_read(file, "mode", SMR_I64, 0, 3, modes));
  for (int64_t i = 0; i < ROWS; i++) {
    assert_int_equal(steps[i], 10 * i);
  }
  assert_true(modes[0] == 1 && modes[1] == 2 && modes[2] == 3);
  for (int64_t i = 0; i < N_METRICS; i++) {
    check_variable(file, i, start, ROWS);
    start += list[i].dimension == NULL ? 1 : list[i].n;
  }
  assert_ok(smr_arrays_read_attribute(file, "title", &text));
  assert_string_equal(text, "a training");
  smr_memory_free(text);
  smr_arrays_close(&file);
  smr_metrics_destroy(&metrics);
}

/* No row yet: a file all the same. */
static void test_empty(void **state) {
  (void)state;
  smr_metrics *metrics = create_filled(0);
  smr_arrays *file = NULL;
  assert_ok(smr_metrics_write(metrics, scratch_path("metrics.h5"), 0, NULL));
  assert_ok(smr_arrays_open(scratch_path("metrics.h5"), &file));
  check_variable(file, 0, 0, 0);
  smr_arrays_close(&file);
  smr_metrics_destroy(&metrics);
}

static void check_count(int64_t n_rows) {
  smr_arrays *file = NULL;
  smr_array step;
  assert_ok(smr_arrays_open(scratch_path("metrics.h5"), &file));
  assert_ok(smr_arrays_inspect(file, "step", &step));
  assert_int_equal(step.shape[0], n_rows);
  smr_arrays_close(&file);
}

static void write_rows(int64_t n_rows, const char *title) {
  const smr_attribute attribute = {.name = "title", .text = title};
  smr_metrics *metrics = create_filled(n_rows);
  assert_ok(smr_metrics_write(metrics, scratch_path("metrics.h5"), 1, &attribute));
  smr_metrics_destroy(&metrics);
}

/* A process that was taken for dead wakes up with an older history than its heir has written. */
static void test_late_writer(void **state) {
  (void)state;
  char name[256];
  char *text = NULL;
  smr_arrays *file = NULL;
  write_rows(0, "empty");
  write_rows(5, "heir");
  write_rows(3, "late");
  check_count(5);
  write_rows(0, "late");
  check_count(5);
  write_rows(5, "as long");
  assert_ok(smr_arrays_open(scratch_path("metrics.h5"), &file));
  assert_ok(smr_arrays_read_attribute(file, "title", &text));
  assert_string_equal(text, "as long");
  smr_memory_free(text);
  smr_arrays_close(&file);
  write_rows(6, "longer");
  check_count(6);
  /* What can't be read keeps nobody from writing. */
  scratch_put("metrics.h5", "damage", 6);
  write_rows(3, "after damage");
  check_count(3);
  assert_int_equal(scratch_count("", "metrics.h5", name), 1);
}

/* Through the arrays of a checkpoint into another history: the same file. */
static void test_state(void **state) {
  (void)state;
  smr_metrics *from = create_filled(20), *to = create_filled(3);
  smr_state saved = {0}, read = {0};
  const double more[WIDTH] = {1, 2, 3, 4, 5, 6, 7, 8};
  assert_ok(smr_metrics_resize(to, 20));
  assert_ok(smr_metrics_list_state(from, &saved));
  assert_ok(smr_metrics_list_state(to, &read));
  assert_int_equal(saved.n, 2);
  assert_string_equal(saved.arrays[0].array.name, "metrics_step");
  assert_string_equal(saved.arrays[1].array.name, "metrics");
  assert_int_equal(read.arrays[1].array.shape[0], 20);
  assert_int_equal(read.arrays[1].array.shape[1], WIDTH);
  assert_false(read.arrays[0].is_distributed || read.arrays[1].is_distributed);
  memcpy(read.arrays[0].array.data, saved.arrays[0].array.data, 20 * sizeof(int64_t));
  memcpy(read.arrays[1].array.data, saved.arrays[1].array.data, sizeof(double) * 20 * WIDTH);
  assert_ok(smr_metrics_add(from, 1000, more));
  assert_ok(smr_metrics_add(to, 1000, more));
  char *a = NULL, *b = NULL;
  size_t n_a = 0, n_b = 0;
  assert_ok(smr_metrics_write(from, scratch_path("a.h5"), 0, NULL));
  assert_ok(smr_metrics_write(to, scratch_path("b.h5"), 0, NULL));
  scratch_get("a.h5", &a, &n_a);
  scratch_get("b.h5", &b, &n_b);
  assert_int_equal(n_a, n_b);
  assert_memory_equal(a, b, n_a);
  smr_memory_free(a);
  smr_memory_free(b);
  saved.n = SMR_STATE_ARRAYS - 1;
  assert_fails(smr_metrics_list_state(from, &saved), SMR_ERR_INTERNAL, "arrays");
  smr_metrics_destroy(&from);
  smr_metrics_destroy(&to);
}

/* Two files are compared bit for bit over everything but measured times. */
static void test_compare(void **state) {
  (void)state;
  int is_equal = 0;
  smr_text difference = {0};
  smr_metrics *metrics = create_filled(3);
  smr_state rows = {0};
  assert_ok(smr_metrics_write(metrics, scratch_path("a.h5"), 0, NULL));
  assert_ok(smr_metrics_list_state(metrics, &rows));
  double *values = rows.arrays[1].array.data;
  values[WIDTH + 7] += 1;
  assert_ok(smr_metrics_write(metrics, scratch_path("b.h5"), 0, NULL));
  assert_ok(
      smr_results_compare(scratch_path("a.h5"), scratch_path("b.h5"), &is_equal, &difference));
  assert_int_equal(is_equal, 1);
  values[WIDTH + 2] = nextafter(values[WIDTH + 2], 0);
  assert_ok(smr_metrics_write(metrics, scratch_path("b.h5"), 0, NULL));
  assert_ok(
      smr_results_compare(scratch_path("a.h5"), scratch_path("b.h5"), &is_equal, &difference));
  assert_int_equal(is_equal, 0);
  assert_non_null(strstr(difference.data, "singular_value"));
  smr_text_clear(&difference);
  smr_metrics_destroy(&metrics);
}

static void test_failure(void **state) {
  (void)state;
  smr_metrics *metrics = create_filled(3);
  char *before = NULL, *after = NULL;
  size_t n_before = 0, n_after = 0;
  assert_ok(smr_metrics_write(metrics, scratch_path("metrics.h5"), 0, NULL));
  scratch_get("metrics.h5", &before, &n_before);
  const double values[WIDTH] = {0};
  assert_ok(smr_metrics_add(metrics, 99, values));
  setenv("SIMMER_FAULT", "file.full:*:1", 1);
  smr_fault_set_rank(0);
  assert_fails(smr_metrics_write(metrics, scratch_path("metrics.h5"), 0, NULL), SMR_ERR_FULL,
               "metrics.h5");
  unsetenv("SIMMER_FAULT");
  scratch_get("metrics.h5", &after, &n_after);
  assert_int_equal(n_before, n_after);
  assert_memory_equal(before, after, n_before);
  smr_memory_free(before);
  smr_memory_free(after);
  smr_metrics_destroy(&metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_history),
      cmocka_unit_test_setup_teardown(test_file, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_empty, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_late_writer, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_state, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_compare, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_failure, scratch_create, scratch_destroy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
