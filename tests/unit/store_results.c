/* The cube of a sweep: every number at its place, NaN elsewhere, and the old file after a failure.
 */
#include "check.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/store/results.h"

/* Dimension letters: instances I = 3, replicate R = 2, lambda L = 4, mode M = 2. */
enum { I = 3, R = 2, L = 4, M = 2, RECORD = L + 1 + M * L + 1 };

static int64_t instances[I] = {10, 20, 30};
static int64_t features[I] = {5, 6, 7};
static double lambda[L] = {0.001, 0.01, 0.1, 1};

static const smr_inner_dimension inner[] = {{"lambda", L, false}, {"mode", M, false}};
static const smr_output outputs[] = {
    {.name = "risk", .unit = "1", .meaning = "risk", .n_dimensions = 1, .dimensions = {0}},
    {.name = "best", .unit = "1"},
    {.name = "picard", .n_dimensions = 2, .dimensions = {1, 0}},
    {.name = "seconds", .unit = "s", .is_measured_time = true},
};
static const smr_schema schema = {2, inner, 4, outputs};
static const smr_array coordinates[] = {
    {"instances", SMR_I64, 1, {I}, {"instances"}, "1", "rows", instances, false},
    {"features", SMR_I64, 1, {I}, {"instances"}, NULL, NULL, features, false},
    {"lambda", SMR_F64, 1, {L}, {"lambda"}, NULL, NULL, lambda, false},
};
static const smr_attribute attributes[] = {{.name = "title", .text = "a cube"},
                                           {.name = "seed", .number = 7}};
static const smr_results_layout layout = {.n_outer = 2,
                                          .outer_names = {"instances", "replicate"},
                                          .outer_shape = {I, R},
                                          .n_coordinates = 3,
                                          .coordinates = coordinates,
                                          .schema = &schema,
                                          .n_attributes = 2,
                                          .attributes = attributes};
static const smr_results_summary summaries[] = {
    {{.name = "risk_mean", .unit = "1", .n_dimensions = 1, .dimensions = {0}}},
    {{.name = "best_mean"}},
};

static char folder[64], path[128];

/* Cubes are put together in memory or on disk, by their size; tests do both. */
static bool is_on_disk = false;

static smr_status create_results(const char *where, const smr_results_layout *cube, int reduced,
                                 int64_t n_summaries, const smr_results_summary *list,
                                 smr_results **out) {
  if (is_on_disk) {
    smr_fault_set_rank(0);
    setenv("SIMMER_FAULT", "results.memory:*:1", 1);
  }
  const smr_status status = smr_results_create(where, cube, reduced, n_summaries, list, out);
  unsetenv("SIMMER_FAULT");
  return status;
}

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "store-results-XXXXXX");
  if (mkdtemp(folder) == NULL) {
    return -1;
  }
  snprintf(path, sizeof path, "%s/results.h5", folder);
  return 0;
}

static int count_files(void) {
  int n = -2; /* the folder and its parent are listed too */
  DIR *list = opendir(folder);
  while (list != NULL && readdir(list) != NULL) {
    n++;
  }
  if (list != NULL) {
    closedir(list);
  }
  return n;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

/* A number that says where it belongs: cell and place in the record. */
static double number(int64_t cell, int64_t k) {
  return (double)cell * 1000 + (double)k;
}

static void fill(int64_t first, int64_t count, uint8_t *status, double *records) {
  for (int64_t c = 0; c < count; c++) {
    status[c] = 1;
    for (int64_t k = 0; k < RECORD; k++) {
      records[c * RECORD + k] = number(first + c, k);
    }
  }
}

static void write_cells(smr_results *r, int64_t first, int64_t count) {
  uint8_t status[I * R];
  double records[I * R * RECORD];
  fill(first, count, status, records);
  assert_ok(smr_results_write(r, first, count, status, records));
}

static void create(smr_results **r) {
  assert_ok(create_results(folder, &layout, 1, 2, summaries, r));
}

static void read_all(smr_arrays *file, const char *name, double *values) {
  smr_array a;
  assert_ok(smr_arrays_inspect(file, name, &a));
  assert_ok(smr_arrays_read(file, name, SMR_F64, 0, a.n_dimensions == 0 ? 1 : a.shape[0], values));
}

static void test_places(void **state) {
  (void)state;
  smr_results *r = NULL;
  smr_arrays *file = NULL;
  smr_array a;
  create(&r);
  write_cells(r, 4, 2); /* out of order, one alone, cell 1 never */
  write_cells(r, 0, 1);
  write_cells(r, 2, 1);
  write_cells(r, 3, 1);
  const double mean[L] = {1, 2, 3, 4}, best[2] = {8, 9};
  assert_ok(smr_results_write_summary(r, 0, 1, 1, mean));
  assert_ok(smr_results_write_summary(r, 1, 0, 2, best));
  assert_int_equal(smr_file_exists(path), 0);
  assert_ok(smr_results_finish(&r));
  assert_null(r);
  assert_int_equal(count_files(), 1);

  assert_ok(smr_arrays_open(path, &file));
  const double missing = NAN;
  double risk[I * R * L], best_cells[I * R], picard[I * R * M * L], status[I * R];
  read_all(file, "risk", risk);
  read_all(file, "best", best_cells);
  read_all(file, "picard", picard);
  read_all(file, "status", status);
  for (int c = 0; c < I * R; c++) {
    const bool is_done = c != 1;
    assert_true(status[c] == (is_done ? 1 : 0));
    assert_close(best_cells[c], is_done ? number(c, L) : missing, 0, 0);
    for (int k = 0; k < L; k++) {
      assert_close(risk[c * L + k], is_done ? number(c, k) : missing, 0, 0);
    }
    for (int k = 0; k < M * L; k++) {
      assert_close(picard[c * M * L + k], is_done ? number(c, L + 1 + k) : missing, 0, 0);
    }
  }
  double means[I * L], bests[I];
  read_all(file, "risk_mean", means);
  read_all(file, "best_mean", bests);
  assert_true(isnan(means[0]) && means[L] == 1 && means[2 * L - 1] == 4 && isnan(means[2 * L]));
  assert_true(bests[0] == 8 && bests[1] == 9 && isnan(bests[2]));

  assert_ok(smr_arrays_inspect(file, "picard", &a));
  assert_int_equal(a.n_dimensions, 4);
  assert_string_equal(a.dimensions[1], "replicate");
  assert_string_equal(a.dimensions[2], "mode");
  assert_string_equal(a.dimensions[3], "lambda");
  assert_ok(smr_arrays_inspect(file, "risk_mean", &a));
  assert_int_equal(a.n_dimensions, 2);
  assert_string_equal(a.dimensions[0], "instances");
  assert_ok(smr_arrays_inspect(file, "seconds", &a));
  assert_true(a.is_measured_time);
  assert_ok(smr_arrays_inspect(file, "status", &a));
  assert_int_equal(a.type, SMR_U8);
  smr_arrays_close(&file);
}

/* A job without a sweep: one cell; and an axis without values: none. */
static void test_small_cubes(void **state) {
  (void)state;
  smr_results_layout small = layout;
  smr_results *r = NULL;
  smr_arrays *file = NULL;
  double risk[L], best = 0;
  small.n_outer = 0;
  small.n_coordinates = 1;
  small.coordinates = &coordinates[2];
  assert_ok(create_results(folder, &small, -1, 2, summaries, &r));
  write_cells(r, 0, 1);
  assert_ok(smr_results_write_summary(r, 1, 0, 1, &(double){5}));
  assert_fails(smr_results_write(r, 1, 1, (const uint8_t *)"", risk), SMR_ERR_INTERNAL, "cells");
  assert_ok(smr_results_finish(&r));
  assert_ok(smr_arrays_open(path, &file));
  read_all(file, "risk", risk);
  assert_true(risk[3] == number(0, 3));
  read_all(file, "best_mean", &best);
  assert_true(best == 5);
  smr_arrays_close(&file);

  int64_t none = 0;
  const smr_array no_instances = {"instances", SMR_I64, 1,     {0},  {"instances"},
                                  NULL,        NULL,    &none, false};
  small = layout;
  small.outer_shape[0] = 0;
  small.n_coordinates = 1;
  small.coordinates = &no_instances;
  assert_ok(create_results(folder, &small, 1, 2, summaries, &r));
  assert_ok(smr_results_write(r, 0, 0, NULL, NULL));
  assert_ok(smr_results_finish(&r));
  smr_array a;
  assert_ok(smr_arrays_open(path, &file));
  assert_ok(smr_arrays_inspect(file, "risk", &a));
  assert_int_equal(a.shape[0], 0);
  assert_int_equal(a.shape[1], R);
  smr_arrays_close(&file);
}

/* More cells than any buffer, in runs of odd lengths; a schema of one output takes a short cut. */
static void test_many_cells(void **state) {
  (void)state;
  enum { N = 200003 };
  const int64_t n_outputs[] = {4, 1};
  for (int v = 0; v < 2; v++) {
    const smr_schema wide = {2, inner, n_outputs[v], outputs};
    const smr_results_layout many = {
        .n_outer = 1, .outer_names = {"unit"}, .outer_shape = {N}, .schema = &wide};
    const int64_t length = v == 0 ? RECORD : L;
    smr_results *r = NULL;
    smr_arrays *file = NULL;
    static double records[1000 * RECORD], risk[N * L];
    static uint8_t status[1000];
    assert_ok(create_results(folder, &many, -1, 0, NULL, &r));
    for (int64_t first = 0, run = 1; first < N; first += run, run = (run * 7 + 3) % 991 + 1) {
      run = first + run > N ? N - first : run;
      for (int64_t i = 0; i < run * length; i++) {
        records[i] = number(first + i / length, i % length);
      }
      assert_ok(smr_results_write(r, first, run, status, records));
    }
    assert_ok(smr_results_finish(&r));
    assert_ok(smr_arrays_open(path, &file));
    read_all(file, "risk", risk);
    for (int64_t i = 0; i < (int64_t)N * L; i++) {
      if (risk[i] != number(i / L, i % L)) {
        fail_msg("risk at %lld is %g", (long long)i, risk[i]);
      }
    }
    smr_arrays_close(&file);
  }
}

/* Metadata of many sizes: whatever HDF5 leaves unwritten at the end, the file is whole. */
static void test_many_outputs(void **state) {
  (void)state;
  enum { MOST = 40 };
  static smr_output many[MOST];
  static char names[MOST][16];
  for (int i = 0; i < MOST; i++) {
    snprintf(names[i], sizeof names[i], "output_%d", i);
    many[i] = (smr_output){.name = names[i], .unit = "1", .meaning = "one of many"};
    const smr_schema wide = {2, inner, i + 1, many};
    smr_results_layout large = layout;
    smr_results *r = NULL;
    smr_arrays *file = NULL;
    double records[MOST], value = 0;
    for (int k = 0; k <= i; k++) {
      records[k] = k;
    }
    large.schema = &wide;
    assert_ok(create_results(folder, &large, -1, 0, NULL, &r));
    assert_ok(smr_results_write(r, I * R - 1, 1, (const uint8_t *)"\1", records));
    assert_ok(smr_results_finish(&r));
    assert_ok(smr_arrays_open(path, &file));
    double cells[I * R];
    read_all(file, names[i], cells);
    value = cells[I * R - 1];
    assert_true(value == i && isnan(cells[0]));
    smr_arrays_close(&file);
  }
}

static void write_text(const char *text) {
  FILE *out = fopen(path, "w");
  fputs(text, out);
  fclose(out);
}

static void check_text(const char *text) {
  char *data = NULL;
  size_t bytes = 0;
  assert_ok(smr_file_read(path, 1 << 20, &data, &bytes));
  assert_string_equal(data, text);
  smr_memory_free(data);
}

static void test_abandon(void **state) {
  (void)state;
  smr_results *r = NULL;
  write_text("old");
  create(&r);
  write_cells(r, 0, 6);
  smr_results_abandon(&r);
  smr_results_abandon(&r);
  check_text("old");
  assert_int_equal(count_files(), 1);
  assert_fails(create_results("no-such-folder", &layout, 1, 2, summaries, &r), SMR_ERR_IO,
               "no-such-folder");
  assert_null(r);
}

static void test_fault(void **state) {
  (void)state;
  smr_results *r = NULL;
  uint8_t status[1] = {1};
  double record[RECORD] = {0};
  write_text("old");
  create(&r);
  smr_fault_set_rank(0);
  setenv("SIMMER_FAULT", "results.write:*:1", 1);
  assert_fails(smr_results_write(r, 0, 1, status, record), SMR_ERR_IO, "fault");
  unsetenv("SIMMER_FAULT");
  smr_results_abandon(&r);
  check_text("old");
  assert_int_equal(count_files(), 1);
}

/* In a child: files may not grow beyond `limit`. Ends with the status of the first failure. */
static smr_status run_limited(rlim_t limit, bool is_late) {
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit size = {limit, RLIM_INFINITY};
    smr_results *r = NULL;
    uint8_t status[I * R];
    double records[I * R * RECORD];
    fill(0, I * R, status, records);
    signal(SIGXFSZ, SIG_IGN);
    if (!is_late) {
      setrlimit(RLIMIT_FSIZE, &size);
    }
    smr_status s = create_results(folder, &layout, 1, 2, summaries, &r);
    if (is_late) {
      setrlimit(RLIMIT_FSIZE, &size);
    }
    if (s == SMR_OK) {
      s = smr_results_write(r, 0, I * R, status, records);
    }
    if (s == SMR_OK) {
      s = smr_results_finish(&r);
    }
    smr_results_abandon(&r);
    exit((int)s); /* with all exit handlers */
  }
  int outcome = 0;
  assert_int_equal(waitpid(child, &outcome, 0), child);
  assert_true(WIFEXITED(outcome));
  return (smr_status)WEXITSTATUS(outcome);
}

static void test_full_disk(void **state) {
  (void)state;
  write_text("old");
  assert_int_equal(run_limited(1024, false), SMR_ERR_FULL);
  check_text("old");
  assert_int_equal(run_limited(1024, true), SMR_ERR_FULL);
  check_text("old");
  assert_int_equal(count_files(), 1);
}

static void test_too_large(void **state) {
  (void)state;
  smr_results_layout large = layout;
  smr_results *r = NULL;
  large.n_coordinates = 0;
  large.outer_shape[0] = INT64_C(1) << 44; /* more than any disk */
  assert_fails(create_results(folder, &large, -1, 0, NULL, &r), SMR_ERR_FULL, "needs");
  large.outer_shape[1] = INT64_C(1) << 44;
  assert_fails(create_results(folder, &large, -1, 0, NULL, &r), SMR_ERR_LIMIT, "");
  large = layout;
  large.n_outer = 7;
  for (int d = 0; d < 7; d++) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    large.outer_names[d] = names[d];
    large.outer_shape[d] = 1;
  }
  assert_fails(create_results(folder, &large, -1, 0, NULL, &r), SMR_ERR_LIMIT, "zip");
  assert_int_equal(count_files(), 0);
}

/* ---- Comparing. ---- */

/* Writes a cube with one number changed, and moves it to `name`. */
static void write_variant(const char *name, int64_t changed, double value, const char *title) {
  smr_results_layout variant = layout;
  smr_attribute other[2] = {{.name = "title", .text = title}, attributes[1]};
  smr_results *r = NULL;
  uint8_t status[I * R];
  double records[I * R * RECORD];
  variant.attributes = other;
  fill(0, I * R, status, records);
  records[0] = NAN;
  if (changed >= 0) {
    records[changed] = value;
  }
  assert_ok(create_results(folder, &variant, 1, 2, summaries, &r));
  assert_ok(smr_results_write(r, 0, I * R, status, records));
  assert_ok(smr_results_finish(&r));
  assert_int_equal(rename(path, name), 0);
}

static void check_compare(int expected, const char *part) {
  smr_text difference = {0};
  int is_equal = -1;
  assert_ok(
      smr_results_compare("store-results-a.h5", "store-results-b.h5", &is_equal, &difference));
  assert_int_equal(is_equal, expected);
  if (expected) {
    assert_int_equal(difference.length, 0);
  } else if (strstr(difference.data, part) == NULL) {
    fail_msg("\"%s\" lacks \"%s\"", difference.data, part);
  }
  smr_text_clear(&difference);
}

static void test_compare(void **state) {
  (void)state;
  const char *a = "store-results-a.h5", *b = "store-results-b.h5";
  write_variant(a, -1, 0, "one");
  write_variant(b, -1, 0, "two"); /* attributes don't count */
  check_compare(1, "");
  write_variant(b, RECORD - 1, 123, "one"); /* measured time of cell 0 */
  check_compare(1, "");
  write_variant(b, RECORD + 2, 1002.5, "one"); /* risk of cell 1 = [0, 1] at lambda 2 */
  check_compare(0, "risk[0, 1, 2] is 1002");
  write_variant(b, 0, -(double)NAN, "one"); /* another NaN */
  check_compare(0, "risk[0, 0, 0]");
  write_variant(a, 5, 0.0, "one");
  write_variant(b, 5, -0.0, "one");
  check_compare(0, "picard[0, 0, 0, 0]");
  double x = 1;
  const smr_array one = {"x", SMR_F64, 0, {0}, {NULL}, NULL, NULL, &x, false};
  smr_array time = {"seconds", SMR_F64, 0, {0}, {NULL}, NULL, NULL, &x, true};
  const smr_array two[] = {one, time};
  assert_ok(smr_arrays_write(a, 1, &one, 0, NULL));
  assert_ok(smr_arrays_write(b, 2, two, 0, NULL));
  check_compare(1, ""); /* a measured time may be missing */
  time.name = "y";
  time.is_measured_time = false;
  const smr_array three[] = {one, time};
  assert_ok(smr_arrays_write(b, 2, three, 0, NULL));
  check_compare(0, "y");
  float f = 1;
  smr_array changed = one;
  changed.type = SMR_F32;
  changed.data = &f;
  assert_ok(smr_arrays_write(b, 1, &changed, 0, NULL));
  check_compare(0, "type");
  changed = one;
  changed.n_dimensions = 1;
  changed.shape[0] = 1;
  assert_ok(smr_arrays_write(b, 1, &changed, 0, NULL));
  check_compare(0, "dimensions");
  smr_text difference = {0};
  int is_equal = 0;
  assert_fails(smr_results_compare(a, "no-such-file.h5", &is_equal, &difference), SMR_ERR_IO,
               "no-such-file.h5");
  unlink(a);
  unlink(b);
}

/* The same job gives the same file, bit for bit. */
static void test_same_bytes(void **state) {
  (void)state;
  char *data[2];
  size_t bytes[2];
  for (int i = 0; i < 2; i++) {
    write_variant("store-results-a.h5", -1, 0, "one");
    assert_ok(smr_file_read("store-results-a.h5", 1 << 30, &data[i], &bytes[i]));
  }
  assert_int_equal(bytes[0], bytes[1]);
  assert_memory_equal(data[0], data[1], bytes[0]);
  smr_memory_free(data[0]);
  smr_memory_free(data[1]);
  unlink("store-results-a.h5");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_places, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_small_cubes, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_many_cells, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_many_outputs, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_abandon, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_fault, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_full_disk, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_too_large, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_compare, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_same_bytes, make_folder, remove_folder),
  };
  const int n_failed = cmocka_run_group_tests_name("store_results in memory", tests, NULL, NULL);
  is_on_disk = true;
  return n_failed + cmocka_run_group_tests_name("store_results on disk", tests, NULL, NULL);
}
