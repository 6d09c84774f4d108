/* Values of every type of key, what is refused, and how the refusal reads. */
#include <stdlib.h>

#include "job_fixture.h"

#define HEAD FIXTURE_HEAD "data.instances: 20\n"

static void test_defaults(void **state) {
  (void)state;
  smr_job *job = fixture_parse(HEAD);
  fixture_config config = fixture_get(job, 0);
  const smr_common_config *common = smr_job_get_common(job);
  assert_int_equal(config.source, 0);
  assert_string_equal(config.file, "");
  assert_int_equal(config.instances, 20);
  assert_int_equal(config.features.n, 2);
  assert_int_equal(config.features.values[1], 7);
  assert_true(config.noise == 0.5);
  assert_false(config.standardize);
  assert_int_equal(config.cut, -1);
  assert_int_equal(config.cache, 1 << 20);
  assert_int_equal(config.lambda.n, 61);
  assert_true(config.patience_s == 90);
  assert_int_equal(common->seed, 1);
  assert_int_equal(common->replicate, 0);
  assert_int_equal(common->ranks_per_unit, -1);
  assert_int_equal(common->memory_per_rank, -1);
  assert_int_equal(common->retries, 3);
  assert_true(common->lease_s == 60 && common->block_s == 2 && common->flush_interval_s == 2);
  assert_true(common->time_limit_s == -1);
  assert_string_equal(common->name, "test");
  assert_string_equal(common->experiment, "toy");
  assert_string_equal(common->data_folder, "");
  assert_int_equal(smr_job_get_experiment(job), 0);
  smr_job_destroy(&job);
  assert_null(job);
}

static void test_written_values(void **state) {
  (void)state;
  smr_job *job = fixture_parse(
      "name: 'two words'\nexperiment: toy\nseed: 9223372036854775807\n"
      "data: {source: hdf5, file: \"a\\tb\", instances: 1e3, features: 4, noise: .5, cut: 0,\n"
      "       standardize: true, cache: 1.5 KiB}\n"
      "fit.lambda: 1e-6\nfit.patience: 1-00:00:01\nrun: {time_limit: 90, memory_per_rank: 500 "
      "MB}\n");
  fixture_config config = fixture_get(job, 0);
  const smr_common_config *common = smr_job_get_common(job);
  assert_int_equal(config.source, 2);
  assert_string_equal(config.file, "a\tb");
  assert_int_equal(config.instances, 1000);
  assert_int_equal(config.features.n, 1);
  assert_int_equal(config.features.values[0], 4);
  assert_true(config.noise == 0.5);
  assert_true(config.standardize);
  assert_int_equal(config.cut, 0);
  assert_int_equal(config.cache, 1536);
  assert_int_equal(config.lambda.n, 1);
  assert_true(config.lambda.values[0] == 1e-6);
  assert_true(config.patience_s == 86401);
  assert_string_equal(common->name, "two words");
  assert_true(common->seed == INT64_MAX);
  assert_true(common->time_limit_s == 90);
  assert_int_equal(common->memory_per_rank, 500000000);
  smr_job_destroy(&job);
}

static void test_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t bytes;
  } cases[] = {{"2 GiB", INT64_C(2147483648)},
               {"500MB", 500000000},
               {"7 kB", 7000},
               {"1 TiB", INT64_C(1099511627776)},
               {"12", 12},
               {"'3 B'", 3},
               {"0.5 MiB", 524288}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[200];
    snprintf(text, sizeof text, HEAD "data.cache: %s\n", cases[i].text);
    smr_job *job = fixture_parse(text);
    assert_true(fixture_get(job, 0).cache == cases[i].bytes);
    smr_job_destroy(&job);
  }
}

static void test_refused_values(void **state) {
  (void)state;
  static const struct {
    const char *line, *part;
  } cases[] = {
      {"data.noise: lots", "5:13: data.noise must be a number >= 0, not 'lots'"},
      {"data.noise: -1e-9", "data.noise must be a number >= 0, not '-1e-9'"},
      {"data.noise: nan", "not 'nan'"},
      {"data.noise: .inf", "not '.inf'"},
      {"data.noise: inf", "not 'inf'"},
      {"data.noise: 1e999", "not '1e999'"},
      {"data.noise: 1_000", "not '1_000'"},
      {"data.noise: 0x10", "not '0x10'"},
      {"data.noise: 1e", "not '1e'"},
      {"data.noise: .", "not '.'"},
      {"data.noise: '1'", "5:13: data.noise must be a number >= 0, not '1'"},
      {"data.noise: true", "not 'true'"},
      {"data.noise:", "5:1: data.noise has no value"},
      {"data.noise: ~", "data.noise has no value"},
      {"data.noise: null", "data.noise has no value"},
      {"data.noise: [1, 2]", "data.noise takes one value here"},
      {"data.noise: {range: [1, 2, 1]}", "to vary it, write it below sweep"},
      {"fit.noise: 0", "fit.noise must be a number > 0 and <= 10, not '0'"},
      {"fit.noise: 10.01", "not '10.01'"},
      {"data.cut: 1001", "an integer from 0 to 1000 (rows), or auto, not '1001'"},
      {"data.cut: -1", "not '-1'"},
      {"data.cut: 2.5", "not '2.5'"},
      {"data.cut: Auto", "not 'Auto'"},
      {"seed: 9223372036854775808", "not '9223372036854775808'"},
      {"seed: -1", "seed must be an integer >= 0, not '-1'"},
      {"data.standardize: yes", "true or false, not 'yes'"},
      {"data.standardize: 'true'", "true or false, not 'true'"},
      {"data.source: cvs", "teacher, csv or hdf5, not 'cvs'; did you mean 'csv'?"},
      {"data.source: 1", "teacher, csv or hdf5, not '1'\n"},
      {"data.cache: 2 GiBs", "a size (bytes, 500 MB, 2 GiB) >= 0, not '2 GiBs'"},
      {"data.cache: 2 G", "not '2 G'"},
      {"data.cache: -1 MB", "not '-1 MB'"},
      {"data.cache: 1e30 TB", "not '1e30 TB'"},
      {"data.cache: 0.5", "not '0.5'"},
      {"fit.patience: 1:2:3:4", "a duration (seconds or HH:MM:SS) >= 0, not '1:2:3:4'"},
      {"fit.patience: soon", "not 'soon'"},
      {"run.lease: 0", "> 0, not '0'"},
      {"run.ranks_per_unit: 0", "an integer >= 1 (ranks), or auto, not '0'"},
      {"run.retries: [1]", "run.retries must be an integer from 0 to 1000000, not a list"},
      {"data.features: [1]", "data.features is given twice, first in line 3"},
      {"fit.lambda: [1, x]", "5:17: fit.lambda must be a number >= 0, not 'x'"},
      {"fit.lambda: [1, [2]]", "fit.lambda must be a number >= 0, not a list"},
      {"fit.lambda: [1, ]\ndata.file: \"\\0\"", "an escape in this text"},
      {"data.file: \"\\uD800\"", "invalid UTF8 escape"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[300];
    snprintf(text, sizeof text, HEAD "%s\n", cases[i].line);
    fixture_expect(text, cases[i].part);
  }
}

static void test_names(void **state) {
  (void)state;
  static const char *const bad[] = {"a/b", "..", ".hidden", "\"\"", "\"a\\nb\""};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[200];
    snprintf(text, sizeof text, "name: %s\nexperiment: toy\ndata: {features: 1, instances: 1}\n",
             bad[i]);
    fixture_expect(text, ":1:7: name becomes the name of a folder");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults), cmocka_unit_test(test_written_values),
      cmocka_unit_test(test_sizes),    cmocka_unit_test(test_refused_values),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
