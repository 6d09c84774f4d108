/* Identities: what they depend on, and what they don't. */
#include "job_fixture.h"

static smr_hash identify(const char *text, int64_t cell, const char *extra) {
  smr_job *job = fixture_parse(text);
  smr_hash hash = smr_job_identify(job, cell, extra);
  smr_job_destroy(&job);
  return hash;
}

static bool is_same(smr_hash a, smr_hash b) {
  return smr_hash_compare(a, b) == 0;
}

static const char base[] =
    FIXTURE_HEAD "data: {instances: 20, noise: 0.1}\nfit.lambda: [0.001, 1, 1000]\nreplicate: 2\n";

/* The text that is hashed, written out by hand. */
static void test_definition(void **state) {
  (void)state;
  static const char text[] = "numerics_version=5\n"
                             "data.cache=1048576\n"
                             "data.cut=auto\n"
                             "data.features=[5,7]\n"
                             "data.file=\"\"\n"
                             "data.instances=20\n"
                             "data.noise=0.1\n"
                             "data.source=teacher\n"
                             "data.standardize=false\n"
                             "experiment=toy\n"
                             "fit.lambda=[0.001,1,1000]\n"
                             "fit.mode=auto\n"
                             "fit.noise=1\n"
                             "fit.patience=90\n"
                             "replicate=2\n"
                             "seed=1\n"
                             "ranks=4";
  smr_hash expected = smr_hash_add(smr_hash_start(), text, sizeof text - 1);
  assert_true(is_same(identify(base, 0, "ranks=4"), expected));
  assert_true(is_same(identify(base, 0, NULL), identify(base, 0, "")));
}

/* One unit, written in many ways. */
static void test_same(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t cell;
  } cases[] = {
      {"name: another\nexperiment: toy\nreplicate: 2\nfit: {lambda: {logspace: [1e-3, 1e3, 3]}}\n"
       "data: {noise: 1e-1, instances: 2e1, features: {range: [5, 7, 2]}, cache: 1 MiB}\n"
       "run: {retries: 9, ranks_per_unit: 4, data: /tmp}\nfit.patience: 90\n",
       0},
      {FIXTURE_HEAD "fit.lambda: [0.001, 1.0, 1e3]\n"
                    "sweep: {data.instances: [10, 20], replicate: {count: 3}, data.noise: [0.1]}\n",
       5},
      {FIXTURE_HEAD "sweep: {replicate: [2], fit.lambda: [0.001, 1.0, 1e3], data.noise: "
                    "{range: [0.1, 0.3, 0.1]}, data.instances: {range: [20, 22, 1]}}\n",
       0},
      {FIXTURE_HEAD "fit.lambda: [0.001, 1.0, 1e3]\n"
                    "sweep: {zip: [{data.instances: [1, 20], data.noise: [2, 0.1]}, "
                    "{replicate: [2, 1], data.standardize: [false, true]}]}\n",
       2},
  };
  smr_hash expected = identify(base, 0, "x");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (!is_same(identify(cases[i].text, cases[i].cell, "x"), expected)) {
      fail_msg("case %d has another identity", (int)i);
    }
  }
}

static void test_zipped_list(void **state) {
  (void)state;
  smr_hash zipped = identify("name: a\nexperiment: toy\ndata.instances: 3\n"
                             "sweep: {zip: {data.features: [1, 2], data.noise: [1, 2]}}\n",
                             1, "");
  smr_hash plain = identify("name: a\nexperiment: toy\n"
                            "data: {instances: 3, features: 2, noise: 2}\n",
                            0, "");
  assert_true(is_same(zipped, plain));
}

/* Each of these is another unit. */
static void test_different(void **state) {
  (void)state;
  static const char *const lines[] = {
      "seed: 2\n",
      "data.source: csv\n",
      "data.file: x\n",
      "data.file: \"x\\ny\"\n",
      "data.file: \"\\n\"\n",
      "data.standardize: true\n",
      "data.cut: 0\n",
      "data.cache: 1048577\n",
      "fit.patience: 90.5\n",
      "fit.mode: exact\n",
      "fit.noise: 1.0000000000000002\n",
  };
  enum { N = sizeof lines / sizeof lines[0] };
  smr_hash hashes[N + 2];
  for (size_t i = 0; i < N; i++) {
    char text[400];
    snprintf(text, sizeof text, "%s%s", base, lines[i]);
    hashes[i] = identify(text, 0, "");
  }
  hashes[N] = identify(base, 0, "");
  hashes[N + 1] = identify(base, 0, "other");
  for (size_t i = 0; i < N + 2; i++) {
    for (size_t j = 0; j < i; j++) {
      assert_false(is_same(hashes[i], hashes[j]));
    }
  }
}

/* Values that are too long to be hashed again for every cell still count with all they have. */
static void test_long_values(void **state) {
  (void)state;
  char texts[2][500];
  static const char *const ends[] = {"6e-05", "7e-05"};
  for (int i = 0; i < 2; i++) {
    snprintf(texts[i], sizeof texts[i],
             FIXTURE_HEAD "data.instances: 1\nfit.lambda: [1e-05, 2e-05, 3e-05, 4e-05, 5e-05, "
                          "0.123456789012345, 1.23456789012345, 12.3456789012345, %s]\n",
             ends[i]);
  }
  assert_false(is_same(identify(texts[0], 0, ""), identify(texts[1], 0, "")));
}

static void test_all_cells_differ(void **state) {
  (void)state;
  enum { N = 2000 };
  static smr_hash hashes[N];
  smr_job *job = fixture_parse(FIXTURE_HEAD "sweep: {data.instances: {range: [1, 100, 1]}, "
                                            "replicate: {count: 20}}\n");
  assert_int_equal(smr_job_count_cells(job), N);
  for (int64_t i = 0; i < N; i++) {
    hashes[i] = smr_job_identify(job, i, "");
    for (int64_t j = 0; j < i; j++) {
      assert_false(is_same(hashes[i], hashes[j]));
    }
  }
  smr_job_destroy(&job);
}

static void test_fixed_keys(void **state) {
  (void)state;
  smr_job *job = fixture_parse(FIXTURE_HEAD "run.retries: 5\nseed: 4\nsweep: {data.instances: "
                                            "[10, 20], data.noise: 3}\n");
  assert_string_equal(smr_job_get_fixed_keys(job), "data.cache=1048576\n"
                                                   "data.cut=auto\n"
                                                   "data.features=*\n"
                                                   "data.file=\"\"\n"
                                                   "data.instances=*\n"
                                                   "data.noise=*\n"
                                                   "data.source=teacher\n"
                                                   "data.standardize=false\n"
                                                   "experiment=toy\n"
                                                   "fit.lambda=*\n"
                                                   "fit.mode=auto\n"
                                                   "fit.noise=1\n"
                                                   "fit.patience=90\n"
                                                   "replicate=0\n"
                                                   "seed=4\n");
  smr_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_definition),  cmocka_unit_test(test_same),
      cmocka_unit_test(test_zipped_list), cmocka_unit_test(test_different),
      cmocka_unit_test(test_long_values), cmocka_unit_test(test_all_cells_differ),
      cmocka_unit_test(test_fixed_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
