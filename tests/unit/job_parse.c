/* Structure of job files: sections, overrides, and the messages for all kinds of mistakes. */
#include <stdlib.h>

#include "job_fixture.h"

#define HEAD FIXTURE_HEAD "data.instances: 20\n"

static void test_sections(void **state) {
  (void)state;
  static const char *const texts[] = {
      "name: test\nexperiment: toy\ndata: {features: [5, 7], instances: 20, noise: 2}\n",
      "name: test\nexperiment: toy\ndata.features: [5, 7]\ndata:\n  instances: 20\n  noise: 2\n",
      "{name: test, experiment: toy, data.noise: 2.0, data: {instances: 20, \"features\": [5, 7]}}",
      "# comment\n---\n" FIXTURE_HEAD "data: {instances: 20, noise: 2}\n...\n",
      FIXTURE_HEAD "data.instances: 20\r\ndata.noise: 2\r\n",
  };
  smr_hash first = {0, 0};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    smr_job *job = fixture_parse(texts[i]);
    assert_true(fixture_get(job, 0).noise == 2);
    smr_hash identity = smr_job_identify(job, 0, "");
    first = i == 0 ? identity : first;
    assert_int_equal(smr_hash_compare(identity, first), 0);
    smr_job_destroy(&job);
  }
}

static void test_whole_message(void **state) {
  (void)state;
  char *report = fixture_refuse(HEAD "data:\n  noisee: 3\n", 0, NULL);
  assert_string_equal(report, "simmer: error: job.yaml:6:3: there is no key 'data.noisee'; did you "
                              "mean 'data.noise'?\n"
                              "     6 |   noisee: 3\n"
                              "       |   ^~~~~~\n");
  free(report);
  const char *override = "data.noise=abc";
  report = fixture_refuse(HEAD, 1, &override);
  assert_string_equal(report, "simmer: error: <override>:1:12: data.noise must be a number >= 0, "
                              "not 'abc'\n"
                              "       | -s data.noise=abc\n"
                              "       |               ^~~\n");
  free(report);
}

static void test_refused_structure(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"", "job.yaml:1:1: this job file is empty\n"},
      {"# only this\n", "this job file is empty"},
      {"- a\n- b\n", "not of a single list"},
      {"just words\n", "not of a single value"},
      {"name: test\n", "experiment is missing: it says what to compute; there are toy, other"},
      {"name: test\nexperiment: tyo\ndata: {feature: 1}\n",
       "2:13: there is no experiment 'tyo'; did you mean 'toy'?"},
      {"name: test\nexperiment: tyo\ndata: {feature: 1}\n", "did you mean 'data.features'?"},
      {"name: test\nexperiment: something\n", "no experiment 'something'; there are toy, other"},
      {"name: test\nexperiment:\n", "experiment has no value"},
      {"experiment: other\n", "1:1: name is missing"},
      {FIXTURE_HEAD, "job.yaml:1:1: data.instances is missing: it must be an integer from 1"},
      {FIXTURE_HEAD "data:\n  noise: 1\n", "job.yaml:4:1: data.instances is missing"},
      {HEAD "dat:\n  noise: 1\n", "5:1: there is no key 'dat'; did you mean 'data'?"},
      {HEAD "noise: 1\n", "there is no key 'noise'; did you mean 'data.noise'?"},
      {HEAD "swep: {replicate: 3}\n", "did you mean 'sweep'?"},
      {HEAD "something: 1\n", "there are name, experiment, seed, replicate, run, data, fit, sweep"},
      {HEAD "run: {something: 1}\n", "run has ranks_per_unit, memory_per_rank, retries, lease"},
      {HEAD "data.instances: 30\n", "5:1: data.instances is given twice, first in line 4"},
      {HEAD "data:\n  noise: 1\n  noise: 2\n", "7:3: data.noise is given twice, first in line 6"},
      {HEAD "data: {noise: 1}\ndata: {cut: 1}\n", "6:1: 'data' is given twice, first in line 5"},
      {HEAD "sweep: {replicate: 1}\nsweep: {data.cut: 1}\n", "'sweep' is given twice"},
      {HEAD "fit:\n", "the section 'fit' is empty"},
      {HEAD "fit: 3\n", "'fit' is a section: its keys go below it"},
      {HEAD "sweep:\n", "the section 'sweep' is empty"},
      {HEAD "fit: [1]\n", "'fit' is a section"},
      {HEAD "? [a, b]\n: 1\n", "a key must be a name"},
      {HEAD "data.file: &x a\n", "tags (!), anchors (&) and aliases (*) are not taken"},
      {HEAD "data.file: *x\n", "anchors (&) and aliases (*) are not taken"},
      {HEAD "data.noise: !!float 1\n", "tags (!), anchors"},
      {HEAD "---\nname: b\n", "this starts another"},
      {"name: [a\nexperiment: toy\n", "1:7: this is no YAML: flow sequence without a closing"},
      {"name: \"a\n experiment: toy\n",
       "1:8: this is no YAML: double-quoted scalar without closing quote"},
      {"name: a\n\texperiment: toy\n", "a tab can't indent in YAML, use spaces"},
      {"name: a\n  experiment: toy\n", "is the next line indented too far"},
      {"name: a\xff\n", "1:8: there is no such character"},
      {"name: a\x01\n", "there is no such character"},
      {"%BAD\n---\nname: a\n", "this is no YAML"},
      {"name: \xe2\x82\n", "there is no such character"},
      {HEAD "depth: 1\n", "there is no key 'depth'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture_expect(cases[i].text, cases[i].part);
  }
}

static int64_t count(const char *text, const char *part) {
  int64_t n = 0;
  for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
    n++;
  }
  return n;
}

static void test_all_at_once(void **state) {
  (void)state;
  char *report = fixture_refuse("experiment: toy\ndata: {instances: x, noise: y, cuts: 3}\n"
                                "run: {lease: -1}\nsweep: {seed: [1, 2]}\n",
                                0, NULL);
  /* name, data.features missing; instances, noise, cuts, lease, seed wrong. */
  assert_int_equal(count(report, "simmer: error: job.yaml:"), 7);
  assert_true(strstr(report, ":1:1:") < strstr(report, ":2:"));
  assert_true(strstr(report, ":3:14:") < strstr(report, ":4:9:"));
  free(report);
}

static void test_many_mistakes(void **state) {
  (void)state;
  smr_text text = {0};
  assert_ok(smr_text_add(&text, HEAD));
  for (int i = 0; i < 500; i++) {
    assert_ok(smr_text_add(&text, "zzz%d: 1\n", i));
  }
  char *report = fixture_refuse(text.data, 0, NULL);
  assert_int_equal(count(report, "there is no key"), 50);
  assert_non_null(strstr(report, "simmer: error: and 450 more mistakes\n"));
  free(report);
  smr_text_clear(&text);
}

static void test_long_line(void **state) {
  (void)state;
  smr_text text = {0};
  assert_ok(smr_text_add(&text, "{name: test, experiment: toy, data.features: 1, fit.lambda: [0"));
  for (int i = 1; i < 500; i++) {
    assert_ok(smr_text_add(&text, ", %d", i));
  }
  assert_ok(smr_text_add(&text, ", \xc3\xbc], data.instances: 1}\n"));
  char *report = fixture_refuse(text.data, 0, NULL);
  const char *line = strstr(report, "     1 | ...");
  assert_non_null(line);
  assert_true(strcspn(line, "\n") < 130);
  const char *caret = strchr(line, '^');
  const char *value = strstr(line, "\xc3\xbc");
  assert_non_null(caret);
  assert_non_null(value);
  assert_int_equal(caret - strchr(line, '\n') - 1, value - line);
  free(report);
  smr_text_clear(&text);
}

static void test_deep_nesting(void **state) {
  (void)state;
  char text[4000] = "name: ";
  memset(text + 6, '[', 3000);
  fixture_expect(text, "nested too deeply");
  memset(text + 6, '{', 3000);
  fixture_expect(text, "");
  for (int i = 0; i < 1500; i++) {
    memcpy(text + 2 * i, "- ", 2);
  }
  text[3000] = '\0';
  fixture_expect(text, "nested too deeply");
}

static void test_overrides(void **state) {
  (void)state;
  const char *text = FIXTURE_HEAD "sweep: {data.instances: [10, 20], replicate: {count: 3}}\n";
  smr_job *job = fixture_parse_with(text, "data.instances=40");
  assert_int_equal(smr_job_count_cells(job), 3);
  assert_int_equal(fixture_get(job, 0).instances, 40);
  assert_null(fixture_find_axis(job, "data.instances"));
  smr_job_destroy(&job);

  job = fixture_parse_with(text, "sweep.data.instances=[20, 40, 60]");
  assert_int_equal(smr_job_count_cells(job), 9);
  /* It keeps its place: replicate is still the fast axis. */
  assert_string_equal(smr_job_get_axis(job, 0)->key, "data.instances");
  assert_int_equal(fixture_get(job, 3).instances, 40);
  smr_job_destroy(&job);

  job = fixture_parse_with(HEAD, "sweep.data.instances={range: [1, 3, 1]}");
  assert_int_equal(smr_job_count_cells(job), 3);
  smr_job_destroy(&job);

  job = fixture_parse_with(HEAD, " fit.lambda = {logspace: [1e-8,1e4,13]}");
  assert_int_equal(fixture_get(job, 0).lambda.n, 13);
  smr_job_destroy(&job);

  job = fixture_parse_with(HEAD, "fit={noise: 3, mode: exact}");
  assert_true(fixture_get(job, 0).fit_noise == 3 && fixture_get(job, 0).mode == 2);
  smr_job_destroy(&job);

  job = fixture_parse_with(HEAD, "data.file=a=b");
  assert_string_equal(fixture_get(job, 0).file, "a=b");
  smr_job_destroy(&job);

  job = fixture_parse_with("name: a\nexperiment: toy\n", "experiment=other");
  assert_int_equal(smr_job_get_experiment(job), 1);
  smr_job_destroy(&job);
}

static void test_later_override_wins(void **state) {
  (void)state;
  const char *overrides[] = {"data.noise=1", "sweep.data.noise=[1, 2]", "data.noise=3"};
  for (int64_t n = 1; n <= 3; n++) {
    smr_job *job = NULL;
    smr_text report = {0};
    assert_ok(smr_job_parse(HEAD, "f", n, overrides, 2, fixture_experiments, &report, &job));
    assert_int_equal(smr_job_count_cells(job), n == 2 ? 2 : 1);
    assert_true(fixture_get(job, 0).noise == (n == 3 ? 3 : 1));
    smr_job_destroy(&job);
  }
}

static void test_refused_overrides(void **state) {
  (void)state;
  static const struct {
    const char *override, *part;
  } cases[] = {
      {"data.noise", "an override is written key=value"},
      {"=3", "an override is written key=value"},
      {"", "an override is written key=value"},
      {"data.noise=", "data.noise has no value"},
      {"data.nois=1", "<override>:1:1: there is no key 'data.nois'; did you mean 'data.noise'?"},
      {"sweep.data.nois=1", "did you mean 'data.noise'?"},
      {"sweep.seed=[1, 2]", "<override>:1:1: seed can't be an axis"},
      {"data.noise=[1, 2]", "to vary it, write it below sweep"},
      {"data.noise={a: 1", "this is no YAML"},
      {"data=3", "'data' is a section"},
      {"sweep.data.instances=[]", "data.instances has an empty list"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture_expect_with(HEAD, cases[i].override, cases[i].part);
  }
}

static void test_complain(void **state) {
  (void)state;
  smr_job *job =
      fixture_parse(FIXTURE_HEAD "fit:\n  noise: 2\nsweep:\n  data.instances: [10, 20]\n");
  smr_text report = {0};
  assert_fails(smr_job_complain(job, "data.instances", &report, "only %d rows", 15), SMR_ERR_JOB,
               "only 15 rows");
  assert_string_equal(report.data, "simmer: error: job.yaml:7:3: only 15 rows\n"
                                   "     7 |   data.instances: [10, 20]\n"
                                   "       |   ^~~~~~~~~~~~~~\n");
  report.length = 0;
  assert_int_equal(smr_job_complain(job, "fit.mode", &report, "no"), SMR_ERR_JOB);
  assert_non_null(strstr(report.data, "job.yaml:4:1: no\n"));
  report.length = 0;
  assert_int_equal(smr_job_complain(job, "run.lease", &report, "no"), SMR_ERR_JOB);
  assert_non_null(strstr(report.data, "job.yaml:1:1: no\n"));
  smr_text_clear(&report);
  smr_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sections),
      cmocka_unit_test(test_whole_message),
      cmocka_unit_test(test_refused_structure),
      cmocka_unit_test(test_all_at_once),
      cmocka_unit_test(test_many_mistakes),
      cmocka_unit_test(test_long_line),
      cmocka_unit_test(test_deep_nesting),
      cmocka_unit_test(test_overrides),
      cmocka_unit_test(test_later_override_wins),
      cmocka_unit_test(test_refused_overrides),
      cmocka_unit_test(test_complain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
