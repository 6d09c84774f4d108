/* The resolved job, read again, is the same job. */
#include "job_fixture.h"

static void check_same_config(const smr_job *a, const smr_job *b, int64_t cell) {
  smr_common_config common_a;
  smr_common_config common_b;
  fixture_config x;
  fixture_config y;
  smr_job_configure(a, cell, &common_a, &x);
  smr_job_configure(b, cell, &common_b, &y);
  assert_string_equal(common_a.name, common_b.name);
  assert_string_equal(common_a.data_folder, common_b.data_folder);
  assert_string_equal(x.file, y.file);
  assert_true(common_a.seed == common_b.seed && common_a.replicate == common_b.replicate);
  assert_true(common_a.memory_per_rank == common_b.memory_per_rank);
  assert_true(common_a.time_limit_s == common_b.time_limit_s);
  assert_true(x.source == y.source && x.instances == y.instances && x.noise == y.noise);
  assert_true(x.standardize == y.standardize && x.cut == y.cut && x.cache == y.cache);
  assert_true(x.patience_s == y.patience_s && x.fit_noise == y.fit_noise && x.mode == y.mode);
  assert_int_equal(x.features.n, y.features.n);
  assert_int_equal(x.lambda.n, y.lambda.n);
  assert_memory_equal(x.features.values, y.features.values, (size_t)x.features.n * 8);
  assert_memory_equal(x.lambda.values, y.lambda.values, (size_t)x.lambda.n * 8);
}

static void check_same(const smr_job *a, const smr_job *b) {
  assert_string_equal(smr_job_get_yaml(a), smr_job_get_yaml(b));
  assert_string_equal(smr_job_get_fixed_keys(a), smr_job_get_fixed_keys(b));
  assert_int_equal(smr_job_count_cells(a), smr_job_count_cells(b));
  assert_int_equal(smr_job_count_axes(a), smr_job_count_axes(b));
  for (int64_t i = 0; i < smr_job_count_axes(a); i++) {
    const smr_axis *x = smr_job_get_axis(a, i);
    const smr_axis *y = smr_job_get_axis(b, i);
    assert_string_equal(x->key, y->key);
    assert_int_equal(x->dimension, y->dimension);
    assert_int_equal(x->is_inner, y->is_inner);
    assert_int_equal(x->n, y->n);
  }
  for (int64_t cell = 0; cell < smr_job_count_cells(a); cell++) {
    check_same_config(a, b, cell);
    assert_int_equal(smr_job_is_excluded(a, cell), smr_job_is_excluded(b, cell));
    assert_int_equal(
        smr_hash_compare(smr_job_identify(a, cell, "x"), smr_job_identify(b, cell, "x")), 0);
  }
}

static void test_round_trip(void **state) {
  (void)state;
  static const char *const texts[] = {
      FIXTURE_HEAD "data.instances: 20\n",
      FIXTURE_HEAD "data: {instances: 1, file: \"a\\\"b\\\\c\\n\\t\\x07\\u2028\\U0001F600 \xc3\xbc "
                   "# {[\", noise: 0.1000000000000000055511151231257827}\n"
                   "run: {data: 'null', time_limit: 1:00:00, memory_per_rank: 3 GB}\n",
      "name: 'true'\nexperiment: toy\ndata: {features: {linspace: [1, 3, 3]}, instances: 4}\n",
      "name: 1.5\nexperiment: toy\ndata: {features: {range: [1, 9, 4]}, instances: 4}\n"
      "fit.lambda: {linspace: [0, 1, 3]}\n",
      FIXTURE_HEAD
      "fit.lambda: 1e-300\nsweep:\n  data.source: [csv, teacher]\n"
      "  data.instances: {range: [10, 30, 10]}\n  data.file: ['', 'no', ~x, \"a: b\"]\n"
      "  exclude: [{data.source: csv, data.file: ['no', \"a: b\"]}]\n",
      "name: a\nexperiment: toy\nsweep:\n  replicate: {count: 2}\n  zip:\n"
      "  - {data.instances: [10, 20], data.features: {range: [3, 4, 1]}, data.cut: [auto, 0]}\n"
      "  - {fit.noise: {logspace: [0.1, 10, 5]}, fit.patience: ['1:30', 2, 3, 4, 5]}\n"
      "  data.noise: {linspace: [0, 0.3, 4]}\n"
      "  data.standardize: [true, false]\n"
      "  exclude:\n  - {data.noise: 0.1, data.standardize: true}\n"
      "  - {data.cut: auto, replicate: {count: 1}}\n",
      FIXTURE_HEAD "data.instances: 1\nsweep: {fit.lambda: [3, 2, 1]}\n",
      FIXTURE_HEAD "sweep: {data.instances: 7, data.cache: {range: [1 MB, 2 MB, 500 kB]}}\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    smr_job *first = fixture_parse(texts[i]);
    smr_job *second = fixture_parse(smr_job_get_yaml(first));
    check_same(first, second);
    smr_job_destroy(&first);
    smr_job_destroy(&second);
  }
}

static void test_overridden(void **state) {
  (void)state;
  const char *text =
      FIXTURE_HEAD "sweep:\n  data.instances: [10, 20, 30]\n  replicate: {count: 4}\n"
                   "  exclude: [{data.instances: [10, 20], replicate: [0, 1]}]\n";
  static const char *const overrides[] = {"replicate=0", "sweep.data.instances=[20, 50]",
                                          "data.instances=10", "sweep.data.noise=[1, 2]"};
  for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++) {
    smr_job *first = fixture_parse_with(text, overrides[i]);
    smr_job *second = fixture_parse(smr_job_get_yaml(first));
    check_same(first, second);
    smr_job_destroy(&first);
    smr_job_destroy(&second);
  }
}

static void test_whole_text(void **state) {
  (void)state;
  smr_job *job = fixture_parse(FIXTURE_HEAD "sweep:\n  data.instances: {range: [10, 30, 10]}\n");
  assert_string_equal(smr_job_get_yaml(job), "name: test\n"
                                             "experiment: toy\n"
                                             "seed: 1\n"
                                             "replicate: 0\n"
                                             "data:\n"
                                             "  source: teacher\n"
                                             "  file: \"\"\n"
                                             "  features: [5, 7]\n"
                                             "  noise: 0.5\n"
                                             "  standardize: false\n"
                                             "  cut: auto\n"
                                             "  cache: 1048576\n"
                                             "fit:\n"
                                             "  lambda: {logspace: [1e-08, 10000, 61]}\n"
                                             "  patience: 90\n"
                                             "  noise: 1\n"
                                             "  mode: auto\n"
                                             "sweep:\n"
                                             "  data.instances: {range: [10, 30, 10]}\n"
                                             "run:\n"
                                             "  ranks_per_unit: auto\n"
                                             "  memory_per_rank: auto\n"
                                             "  retries: 3\n"
                                             "  lease: 60\n"
                                             "  block_seconds: 2\n"
                                             "  flush_interval: 2\n"
                                             "  time_limit: auto\n"
                                             "  data: \"\"\n");
  smr_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_overridden),
      cmocka_unit_test(test_whole_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
