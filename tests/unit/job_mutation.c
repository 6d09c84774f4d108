/* Damaged job files: whatever comes in, there is a job or a report, and memory stays sound (run
 * under the sanitizers to see that). What is accepted survives its own resolved form. */
#include <stdlib.h>

#include "job_fixture.h"
#include "simmer/base/random.h"

static const char *const seeds[] = {
    "# a toy\nname: danger zone\nexperiment: toy\nseed: 7\n"
    "data:  {source: csv, features: [5, 7], noise: 0.5, file: \"a \\\"b\\\" \\u00fc\"}\n"
    "fit.patience: \"02:00:00\"\nsweep:\n  data.instances: {range: [10, 20, 2]}\n  zip:\n"
    "    - {data.cut: [auto, 3, 3], fit.noise: {range: [0.1, 0.3, 0.1]}}\n"
    "  replicate: {count: 3}\n  exclude:\n    - {data.instances: [10, 12], replicate: {count: 2}}\n"
    "    - {data.cut: 3, fit.noise: 0.3}\nrun:   {ranks_per_unit: 1, memory_per_rank: 500 MB}\n",
    "name: test\nexperiment: toy\ndata:\n  features:\n    - 5\n    - 7\n  instances: 20\n"
    "  file: >\n    folded\n    text\n  source: 'csv'\nfit:\n  lambda: {logspace: [1e-3, 1e3, 7]}\n"
    "sweep.data.noise: {linspace: [0, 1, 3]}\n",
};
static const char pieces[] = "\n :,[]{}\"'#-?&*!|>%@`~0123456789.eE+nullautorange\t\r\xc3\xbc\xff";

enum { MOST = 4000 };

/* Parses; a job that comes out must come out of its own resolved form once more. */
static void check_text(const char *text, int64_t n_overrides, const char *const *overrides) {
  smr_job *job = NULL;
  smr_job *again = NULL;
  smr_text report = {0};
  smr_status status = smr_job_parse(text, "job.yaml", n_overrides, overrides, 2,
                                    fixture_experiments, &report, &job);
  if (status != SMR_OK) {
    if (status != SMR_ERR_JOB || job != NULL || report.length == 0 ||
        strstr(report.data, "simmer: error: ") != report.data) {
      fail_msg("%s (%s), for:\n%s", smr_status_text(status), smr_error_message(), text);
    }
    smr_text_clear(&report);
    return;
  }
  status = smr_job_parse(smr_job_get_yaml(job), "job.yaml", 0, NULL, 2, fixture_experiments,
                         &report, &again);
  if (status != SMR_OK) {
    fail_msg("%s\nresolved as:\n%s\nfrom:\n%s", report.data, smr_job_get_yaml(job), text);
  }
  assert_string_equal(smr_job_get_yaml(job), smr_job_get_yaml(again));
  int64_t last = smr_job_count_cells(job) - 1;
  assert_int_equal(
      smr_hash_compare(smr_job_identify(job, last, ""), smr_job_identify(again, last, "")), 0);
  smr_job_destroy(&again);
  smr_job_destroy(&job);
}

static void test_truncations(void **state) {
  (void)state;
  char text[MOST];
  for (size_t s = 0; s < sizeof seeds / sizeof seeds[0]; s++) {
    for (size_t length = 0; length <= strlen(seeds[s]); length++) {
      memcpy(text, seeds[s], length);
      text[length] = '\0';
      check_text(text, 0, NULL);
    }
  }
}

/* One edit at a random place: a byte changed, put in or taken out, or a stretch moved elsewhere. */
static void mutate(char *text, const uint64_t bits[4]) {
  size_t length = strlen(text);
  size_t at = length > 0 ? bits[0] % length : 0;
  char byte = pieces[bits[1] % (sizeof pieces - 1)];
  size_t stretch = 1 + bits[3] % 30;
  size_t from = length > stretch ? bits[1] % (length - stretch) : 0;
  switch (bits[2] % 4) {
  case 0:
    text[at] = length > 0 ? byte : '\0';
    break;
  case 1:
    memmove(text + at + 1, text + at, length - at + 1);
    text[at] = byte;
    break;
  case 2:
    memmove(text + at, text + at + (length > 0), length - at);
    break;
  default:
    if (length > stretch && at + stretch <= length) {
      memmove(text + at, text + from, stretch);
    }
  }
}

static void mutate_many(int64_t n_texts, uint64_t stream, bool as_override) {
  char text[MOST];
  const smr_random_key key = {20261121, stream};
  for (int64_t i = 0; i < n_texts; i++) {
    snprintf(text, sizeof text, "%s", seeds[i % 2]);
    const char *override = text;
    if (as_override) {
      snprintf(text, sizeof text,
               "sweep={data: {noise: [1, 2]}, zip: [{data.cut: [1, 2]}], "
               "exclude: [{data.cut: 1}]}");
    }
    int64_t n_edits = 1 + i % 6;
    for (int64_t e = 0; e < n_edits; e++) {
      uint64_t bits[4];
      smr_random_bits(key, (uint64_t)i, (uint64_t)e, 0, bits);
      mutate(text, bits);
    }
    check_text(as_override ? seeds[0] : text, as_override, &override);
  }
}

static void test_mutations(void **state) {
  (void)state;
  const char *more = getenv("SIMMER_TEST_MUTATIONS");
  mutate_many(more != NULL ? atoll(more) : 1500, 1, false);
}

static void test_mutated_overrides(void **state) {
  (void)state;
  mutate_many(500, 2, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_mutations),
      cmocka_unit_test(test_mutated_overrides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
