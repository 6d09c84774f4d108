/* Axes, zips, exclusions, and configurations of cells. */
#include <stdlib.h>

#include "job_fixture.h"

#define HEAD FIXTURE_HEAD "data.instances: 20\n"

static void test_no_sweep(void **state) {
  (void)state;
  smr_job *job = fixture_parse(HEAD);
  char buffer[64];
  assert_int_equal(smr_job_count_cells(job), 1);
  assert_int_equal(smr_job_count_dimensions(job), 0);
  assert_int_equal(smr_job_count_axes(job), 2);
  const smr_axis *features = smr_job_get_axis(job, 0);
  assert_string_equal(features->key, "data.features");
  assert_string_equal(features->name, "features");
  assert_string_equal(features->unit, "columns");
  assert_true(features->is_inner);
  assert_int_equal(features->type, SMR_KEY_INT);
  assert_int_equal(features->n, 2);
  assert_true(features->reals[1] == 7);
  assert_string_equal(features->texts[1], "7");
  assert_string_equal(smr_job_get_axis(job, 1)->key, "fit.lambda");
  assert_int_equal(smr_job_get_axis(job, 1)->type, SMR_KEY_REAL);
  assert_string_equal(smr_job_get_axis(job, 1)->texts[0], "1e-08");
  assert_false(smr_job_is_excluded(job, 0));
  assert_string_equal(smr_job_describe(job, 0, buffer, sizeof buffer), "1 of 1");
  smr_job_destroy(&job);
}

static void test_product(void **state) {
  (void)state;
  smr_job *job =
      fixture_parse(FIXTURE_HEAD "sweep:\n  data: {source: [csv, teacher], instances: [10, 20]}\n"
                                 "  replicate: {count: 3}\n  fit.lambda: [1, 2]\n");
  char buffer[80];
  assert_int_equal(smr_job_count_cells(job), 12);
  assert_int_equal(smr_job_count_dimensions(job), 3);
  assert_int_equal(smr_job_get_dimension(job, 2), 3);
  assert_int_equal(smr_job_count_axes(job), 5);
  static const char *const order[] = {"data.source", "data.instances", "replicate", "data.features",
                                      "fit.lambda"};
  for (int64_t i = 0; i < 5; i++) {
    assert_string_equal(smr_job_get_axis(job, i)->key, order[i]);
    assert_int_equal(smr_job_get_axis(job, i)->dimension, i);
    assert_int_equal(smr_job_get_axis(job, i)->is_inner, i > 2);
  }
  for (int64_t cell = 0; cell < 12; cell++) {
    smr_common_config common;
    fixture_config config;
    smr_job_configure(job, cell, &common, &config);
    assert_int_equal(config.source, cell < 6 ? 1 : 0);
    assert_int_equal(config.instances, cell / 3 % 2 == 0 ? 10 : 20);
    assert_int_equal(common.replicate, cell % 3);
    assert_int_equal(common.retries, 3);
    assert_int_equal(config.lambda.n, 2);
    assert_true(config.patience_s == 90);
  }
  assert_string_equal(smr_job_describe(job, 7, buffer, sizeof buffer),
                      "source=teacher instances=10 replicate=1");
  assert_string_equal(smr_job_describe(job, 7, buffer, 10), "source=te");
  assert_true(fixture_find_axis(job, "data.source")->reals[0] == 1);
  smr_job_destroy(&job);
}

static void test_zip(void **state) {
  (void)state;
  smr_job *job = fixture_parse("name: a\nexperiment: toy\nsweep:\n"
                               "  replicate: [0, 1]\n  zip:\n"
                               "  - {data.instances: [10, 20, 10], data.features: [3, 3, 4]}\n"
                               "  - {data.noise: [1, 2]}\n  data.cut: [5]\n");
  assert_int_equal(smr_job_count_cells(job), 12);
  assert_int_equal(smr_job_count_dimensions(job), 4);
  assert_int_equal(smr_job_get_dimension(job, 1), 3);
  const smr_axis *features = fixture_find_axis(job, "data.features");
  assert_false(features->is_inner);
  assert_int_equal(features->dimension, 1);
  assert_int_equal(fixture_find_axis(job, "data.instances")->dimension, 1);
  assert_int_equal(fixture_find_axis(job, "data.noise")->dimension, 2);
  for (int64_t cell = 0; cell < 12; cell++) {
    fixture_config config = fixture_get(job, cell);
    int64_t pair = cell / 2 % 3;
    assert_int_equal(config.instances, pair == 1 ? 20 : 10);
    assert_int_equal(config.features.n, 1);
    assert_int_equal(config.features.values[0], pair == 2 ? 4 : 3);
    assert_true(config.noise == (cell % 2 == 0 ? 1 : 2));
  }
  smr_job_destroy(&job);
}

static void test_zip_overrides(void **state) {
  (void)state;
  const char *text = FIXTURE_HEAD "sweep:\n  zip: {data.instances: [10, 20], data.noise: [1, 2]}\n"
                                  "  replicate: [0, 1]\n";
  smr_job *job = fixture_parse_with(text, "data.noise=5");
  assert_int_equal(smr_job_count_cells(job), 4);
  assert_true(fixture_get(job, 3).noise == 5);
  smr_job_destroy(&job);
  job = fixture_parse_with(text, "sweep.data.noise=[5, 6, 7]");
  assert_int_equal(smr_job_count_cells(job), 12);
  assert_int_equal(fixture_find_axis(job, "data.noise")->dimension, 2);
  smr_job_destroy(&job);
  job = fixture_parse_with(text, "sweep.zip={data.instances: [1, 2, 3], data.cut: [4, 5, 6]}");
  assert_int_equal(smr_job_count_cells(job), 6);
  assert_int_equal(fixture_find_axis(job, "data.cut")->dimension, 0);
  assert_true(fixture_get(job, 0).noise == 0.5);
  smr_job_destroy(&job);
  job = fixture_parse_with(HEAD "sweep: {zip: {data.cut: [1, 2], data.noise: [1, 2]}}\n",
                           "sweep.zip=[]");
  assert_int_equal(smr_job_count_cells(job), 1);
  smr_job_destroy(&job);
  fixture_expect_with(text, "sweep.zip={data.noise: [1, 2]}", "data.instances is missing");
}

static void test_names(void **state) {
  (void)state;
  smr_job *job = fixture_parse(HEAD "sweep: {data.noise: [1, 2], fit.noise: [1, 2], "
                                    "fit.mode: [fast], data.cut: [1]}\n");
  assert_string_equal(fixture_find_axis(job, "data.noise")->name, "data.noise");
  assert_string_equal(fixture_find_axis(job, "fit.noise")->name, "fit.noise");
  assert_string_equal(fixture_find_axis(job, "fit.mode")->name, "fit.mode");
  assert_string_equal(fixture_find_axis(job, "data.cut")->name, "cut");
  smr_job_destroy(&job);
}

static void test_exclude(void **state) {
  (void)state;
  smr_job *job =
      fixture_parse(FIXTURE_HEAD "sweep:\n  data.instances: [10, 20, 30]\n  replicate: {count: 4}\n"
                                 "  zip: {data.cut: [1, 1, 2], data.noise: [1, 2, 3]}\n  exclude:\n"
                                 "  - {data: {instances: 10}, replicate: [3, 0]}\n"
                                 "  - {data.cut: 1, data.instances: {range: [20, 30, 10]}}\n"
                                 "  - data.noise: 3\n    replicate: 1\n");
  int64_t n_excluded = 0;
  for (int64_t cell = 0; cell < smr_job_count_cells(job); cell++) {
    smr_common_config common;
    fixture_config config;
    smr_job_configure(job, cell, &common, &config);
    bool expected = (config.instances == 10 && (common.replicate == 0 || common.replicate == 3)) ||
                    (config.cut == 1 && config.instances >= 20) ||
                    (config.noise == 3 && common.replicate == 1);
    assert_int_equal(smr_job_is_excluded(job, cell), expected);
    n_excluded += expected;
  }
  assert_int_equal(n_excluded, 6 + 16 + 3);
  smr_job_destroy(&job);
}

static int64_t count_excluded(const smr_job *job) {
  int64_t n = 0;
  for (int64_t cell = 0; cell < smr_job_count_cells(job); cell++) {
    n += smr_job_is_excluded(job, cell);
  }
  return n;
}

/* Overriding an axis must not make the file's exclusions mistakes. */
static void test_exclude_overridden(void **state) {
  (void)state;
  const char *text =
      FIXTURE_HEAD "sweep:\n  data.instances: [10, 20, 30]\n  replicate: {count: 4}\n"
                   "  exclude: [{data.instances: [10, 20], replicate: [0, 1]}]\n";
  static const struct {
    const char *override;
    int64_t n;
  } cases[] = {{"replicate=0", 2},
               {"replicate=2", 0},
               {"sweep.data.instances=[20, 50]", 2},
               {"sweep.data.instances=[50]", 0},
               {"sweep.exclude={replicate: 3}", 3},
               {"seed=3", 4}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    smr_job *job = fixture_parse_with(text, cases[i].override);
    assert_int_equal(count_excluded(job), cases[i].n);
    smr_job_destroy(&job);
  }
}

static void test_refused_sweeps(void **state) {
  (void)state;
  static const struct {
    const char *sweep, *part;
  } cases[] = {
      {"seed: [1, 2]", "seed can't be an axis: repetitions are the axis 'replicate'"},
      {"experiment: [toy]", "experiment can't be an axis"},
      {"run.retries: [1]", "run.retries can't be an axis: it says how to run"},
      {"zip: {run: {lease: [1]}}", "run.lease can't be an axis"},
      {"data.instances: [1]", "5:9: data.instances is given here and in its section (line 4)"},
      {"data.features: [1]", "data.features is given here and in its section (line 3)"},
      {"data.cut: [1], data: {cut: [2]}", "data.cut is given twice"},
      {"data.cut: [1], zip: {data.cut: [2]}", "data.cut is given twice"},
      {"data.cuts: [1]", "there is no key 'data.cuts'; did you mean 'data.cut'?"},
      {"data.cut:", "data.cut has no value"},
      {"zip: {data.cut: [1, 2], data.noise: [1, 2, 3]}",
       "data.cut and data.noise are zipped, but list 2 and 3 values"},
      {"zip: {data.cut: [1, 2, 1], data.noise: [1, 2, 1.0]}",
       "this zip has a combination twice, with data.cut = '1'"},
      {"zip: {}", "zip takes mappings like"},
      {"zip: 3", "zip takes mappings like"},
      {"zip: [{data.cut: 1}, {data.cut: 2}]", "data.cut is given twice"},
      {"zip: {data.cut: 1}, zip: {data.noise: 2}", "zip is given twice"},
      {"data.cut: [1], exclude: 3", "exclude takes a list of combinations"},
      {"data.cut: [1], exclude: [{}]", "exclude takes a list of combinations"},
      {"data.cut: [1], exclude: [{data.cut: 2}]", "the axis data.cut has no value '2'"},
      {"data.cut: [1], exclude: [{data.cut: []}]", "data.cut has an empty list"},
      {"data.cut: [1], exclude: [{replicate: 0}]", "replicate is no axis of this sweep"},
      {"data.cut: [1], exclude: [{data.features: 5}]", "data.features is an inner axis"},
      {"data.cut: [1], exclude: [{data.cut: 1, data: {cut: 1}}]", "twice in this combination"},
      {"data.cut: [1], exclude: [{data.instances: 20}]", "data.instances is no axis"},
      {"replicate: {count: 1001}, data.cut: {range: [0, 999, 1]}, data.noise: {count: 1000}, "
       "fit.patience: {count: 1000}",
       "this sweep has more than 1000000000000 cells"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[300];
    snprintf(text, sizeof text, HEAD "sweep: {%s}\n", cases[i].sweep);
    fixture_expect(text, cases[i].part);
  }
  fixture_expect_with(HEAD "sweep: {data.cut: [1, 2], exclude: [{data.cut: 1}]}\n", "data.cut=1",
                      "this takes out the whole sweep");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_sweep),
      cmocka_unit_test(test_product),
      cmocka_unit_test(test_zip),
      cmocka_unit_test(test_zip_overrides),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_exclude),
      cmocka_unit_test(test_exclude_overridden),
      cmocka_unit_test(test_refused_sweeps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
