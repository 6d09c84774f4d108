/* Lists and generators. */
#include <stdlib.h>

#include "job_fixture.h"

#define HEAD FIXTURE_HEAD "data.instances: 20\n"

static smr_job *parse_line(const char *head, const char *line) {
  char text[500];
  snprintf(text, sizeof text, "%s%s\n", head, line);
  return fixture_parse(text);
}

static void check_lambda(const char *list, int64_t n, const double *expected) {
  char line[200];
  snprintf(line, sizeof line, "fit.lambda: %s", list);
  smr_job *job = parse_line(HEAD, line);
  fixture_config config = fixture_get(job, 0);
  assert_int_equal(config.lambda.n, n);
  for (int64_t i = 0; i < n; i++) {
    if (config.lambda.values[i] != expected[i]) {
      fail_msg("%s: value %d is %.17g, not %.17g", list, (int)i, config.lambda.values[i],
               expected[i]);
    }
  }
  smr_job_destroy(&job);
}

static void test_reals(void **state) {
  (void)state;
  check_lambda("0.25", 1, (double[]){0.25});
  check_lambda("[3, 1, 2]", 3, (double[]){3, 1, 2});
  /* Sums of 0.1 in doubles would give 0.30000000000000004 and lose the end. */
  check_lambda("{range: [0.1, 0.7, 0.1]}", 7, (double[]){0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7});
  check_lambda("{range: [0.5, 0, -0.25]}", 3, (double[]){0.5, 0.25, 0});
  check_lambda("{range: [1, 2, 0.4]}", 3, (double[]){1, 1.4, 1.8});
  check_lambda("{range: [2, 2, 1]}", 1, (double[]){2});
  check_lambda("{linspace: [0, 1, 5]}", 5, (double[]){0, 0.25, 0.5, 0.75, 1});
  check_lambda("{linspace: [7, 9, 1]}", 1, (double[]){7});
  check_lambda("{logspace: [1e-3, 1e3, 7]}", 7, (double[]){1e-3, 1e-2, 1e-1, 1, 10, 100, 1000});
  check_lambda("{logspace: [8, 0.5, 5]}", 5, (double[]){8, 4, 2, 1, 0.5});
  /* 15 digits: without rounding the second would be 1.1892071150027211. */
  check_lambda("{logspace: [1, 2, 5]}", 5,
               (double[]){1, 1.18920711500272, 1.4142135623731, 1.68179283050743, 2});
  check_lambda("{linspace: [0, 1, 4]}", 4, (double[]){0, 0.333333333333333, 0.666666666666667, 1});
  check_lambda("{count: 3}", 3, (double[]){0, 1, 2});
}

static void test_extended_grid(void **state) {
  (void)state;
  smr_job *small = parse_line(HEAD, "fit.lambda: {logspace: [1e-8, 1e4, 61]}");
  smr_job *large = parse_line(HEAD, "fit.lambda: {logspace: [1e-10, 1e5, 76]}");
  const smr_reals a = fixture_get(small, 0).lambda;
  const smr_reals b = fixture_get(large, 0).lambda;
  for (int64_t i = 0; i < a.n; i++) {
    assert_true(a.values[i] == b.values[i + 10]);
    /* 1e-14: 15 digits are kept. */
    assert_close(a.values[i], pow(10, -8 + 0.2 * (double)i), 1e-14, 0);
  }
  smr_job_destroy(&small);
  smr_job_destroy(&large);
}

static void check_instances(const char *list, int64_t n, const int64_t *expected) {
  char line[200];
  snprintf(line, sizeof line, "sweep: {data.instances: %s}", list);
  smr_job *job = parse_line(FIXTURE_HEAD, line);
  assert_int_equal(smr_job_count_cells(job), n);
  for (int64_t i = 0; i < n; i++) {
    assert_true(fixture_get(job, i).instances == expected[i]);
  }
  smr_job_destroy(&job);
}

static void test_integers(void **state) {
  (void)state;
  check_instances("4", 1, (int64_t[]){4});
  check_instances("{range: [10, 16, 2]}", 4, (int64_t[]){10, 12, 14, 16});
  check_instances("{range: [10, 15, 2]}", 3, (int64_t[]){10, 12, 14});
  check_instances("{range: [3, 1, -1]}", 3, (int64_t[]){3, 2, 1});
  check_instances("{range: [1, 1000000000000, 999999999999]}", 2,
                  (int64_t[]){1, INT64_C(1000000000000)});
  check_instances("{linspace: [10, 200, 3]}", 3, (int64_t[]){10, 105, 200});
  check_instances("{logspace: [1, 1000, 7]}", 7, (int64_t[]){1, 3, 10, 32, 100, 316, 1000});
  smr_job *job = parse_line(HEAD, "sweep: {replicate: {count: 4}}");
  smr_common_config common;
  smr_job_configure(job, 3, &common, NULL);
  assert_int_equal(common.replicate, 3);
  smr_job_destroy(&job);
}

static void test_other_types(void **state) {
  (void)state;
  smr_job *job = parse_line(HEAD, "sweep: {data.cache: {range: [1 MiB, 3 MiB, 1048576]}}");
  assert_int_equal(smr_job_count_cells(job), 3);
  assert_int_equal(fixture_get(job, 2).cache, 3 << 20);
  smr_job_destroy(&job);
  job = parse_line(HEAD, "sweep: {fit.patience: ['00:01:00', 0.5], data.file: [b, a], "
                         "data.standardize: [true, false], data.cut: [auto, 3]}");
  fixture_config config = fixture_get(job, 0);
  assert_true(config.patience_s == 60 && config.standardize && config.cut == -1);
  assert_string_equal(config.file, "b");
  config = fixture_get(job, 15);
  assert_true(config.patience_s == 0.5 && !config.standardize && config.cut == 3);
  assert_string_equal(config.file, "a");
  smr_job_destroy(&job);
}

static void test_refused_lists(void **state) {
  (void)state;
  static const struct {
    const char *line, *part;
  } cases[] = {
      {"fit.lambda: []", "fit.lambda has an empty list"},
      {"fit.lambda: {}", "takes a list in brackets or one of range"},
      {"fit.lambda: {logspce: [1, 2, 3]}", "did you mean {logspace: [from, to, n]}?"},
      {"fit.lambda: {count: 1, range: [1, 2, 1]}", "takes a list in brackets"},
      {"fit.lambda: {count: 0}", "count is written {count: n}"},
      {"fit.lambda: {count: 1.5}", "count is written {count: n}"},
      {"fit.lambda: {count: [1]}", "count is written {count: n}"},
      {"fit.lambda: {range: [1, 2]}", "range is written {range: [from, to, step]}"},
      {"fit.lambda: {range: 3}", "range is written"},
      {"fit.lambda: {range: [1, 2, 0]}", "its step is 0"},
      {"fit.lambda: {range: [1, 2, -1]}", "leads away from its end"},
      {"fit.lambda: {range: [1, nan, 1]}", "range is written"},
      {"fit.lambda: {range: [0, 1, 1e-12]}", "all lists of a job may hold 10000000 together"},
      {"fit.lambda: {linspace: [0, 1, 0]}", "linspace is written"},
      {"fit.lambda: {linspace: [0, 1, 10000001]}", "would have 10000001 values"},
      {"fit.lambda: {logspace: [0, 1, 3]}", "from, to > 0"},
      {"fit.lambda: {linspace: [-1, 1, 3]}", "value 1 of this linspace isn't"},
      {"fit.lambda: [1, 2, 1.0]", "5:20: fit.lambda has the value '1' twice"},
      {"fit.lambda: {linspace: [1, 1, 2]}", "has the value '1' twice"},
      {"sweep: {data.cut: {range: [-1, 3, 1]}}", "value 1 of this range isn't"},
      {"sweep: {data.cut: {range: [1, 3, 0.5]}}", "range is written"},
      {"sweep: {data.source: {count: 2}}", "count makes numbers, but data.source takes others"},
      {"sweep: {data.source: [csv, csv]}", "data.source has the value 'csv' twice"},
      {"sweep: {replicate: {count: 9999999999}}", "would have 9999999999 values"},
      {"sweep: {replicate: {logspace: [1, 4, 9]}}", "has the value '1' twice"},
      {"sweep: {replicate: {range: [0, 9223372036854775807, 1]}}", "9223372036854775808 values"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[300];
    snprintf(text, sizeof text, HEAD "%s\n", cases[i].line);
    fixture_expect(text, cases[i].part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reals),         cmocka_unit_test(test_extended_grid),
      cmocka_unit_test(test_integers),      cmocka_unit_test(test_other_types),
      cmocka_unit_test(test_refused_lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
