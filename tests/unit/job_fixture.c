#include "job_fixture.h"

#include <stdlib.h>

#define AT(field) offsetof(fixture_config, field)

const char *const fixture_sources[] = {"teacher", "csv", "hdf5", NULL};
static const char *const modes[] = {"auto", "fast", "exact", NULL};

static const smr_key keys[] = {
    {"data.source", SMR_KEY_CHOICE, 0, AT(source), 0, 0, "", "teacher", fixture_sources,
     "Where rows come from."},
    {"data.file", SMR_KEY_STRING, 0, AT(file), 0, 0, "", "\"\"", NULL, "Path of the file."},
    {"data.instances", SMR_KEY_INT, SMR_KEY_REQUIRED, AT(instances), 1, 1e12, "rows", NULL, NULL,
     "Rows to train on."},
    {"data.features", SMR_KEY_INTS, SMR_KEY_REQUIRED, AT(features), 1, 1e9, "columns", NULL, NULL,
     "Columns that are fitted."},
    {"data.noise", SMR_KEY_REAL, 0, AT(noise), 0, INFINITY, "", "0.5", NULL,
     "Standard deviation of the noise."},
    {"data.standardize", SMR_KEY_BOOL, 0, AT(standardize), 0, 0, "", "false", NULL,
     "Divide by the standard deviation."},
    {"data.cut", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(cut), 0, 1000, "rows", "auto", NULL,
     "Rows to leave out."},
    {"data.cache", SMR_KEY_BYTES, 0, AT(cache), 0, INFINITY, "bytes", "1 MiB", NULL,
     "Memory for rows."},
    {"fit.lambda", SMR_KEY_REALS, 0, AT(lambda), 0, INFINITY, "", "{logspace: [1e-8, 1e4, 61]}",
     NULL, "Penalty on the norm | of the solution."},
    {"fit.patience", SMR_KEY_DURATION, 0, AT(patience_s), 0, INFINITY, "s", "00:01:30", NULL,
     "How long to wait."},
    {"fit.noise", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(fit_noise), 0, 10, "", "1", NULL,
     "Another noise."},
    {"fit.mode", SMR_KEY_CHOICE, 0, AT(mode), 0, 0, "", "auto", modes, "How to fit."},
};
static const smr_key other_keys[] = {
    {"other.depth", SMR_KEY_INT, 0, 0, 0, 9, "", "1", NULL, "Depth."},
};

static const smr_key_table table = {keys, sizeof keys / sizeof keys[0], sizeof(fixture_config)};
static const smr_key_table other_table = {other_keys, 1, sizeof(int64_t)};
const smr_job_experiment fixture_experiments[2] = {{"toy", &table, NULL},
                                                   {"other", &other_table, NULL}};

static smr_job *parse(const char *text, int64_t n_overrides, const char *const *overrides) {
  smr_job *job = NULL;
  smr_text report = {0};
  smr_status status = smr_job_parse(text, "job.yaml", n_overrides, overrides, 2,
                                    fixture_experiments, &report, &job);
  if (status != SMR_OK) {
    fail_msg("%s:\n%s", smr_error_message(), report.data != NULL ? report.data : "");
  }
  assert_null(report.data);
  smr_text_clear(&report);
  return job;
}

smr_job *fixture_parse(const char *text) {
  return parse(text, 0, NULL);
}

smr_job *fixture_parse_with(const char *text, const char *override) {
  return parse(text, 1, &override);
}

char *fixture_refuse(const char *text, int64_t n_overrides, const char *const *overrides) {
  smr_job *job = NULL;
  smr_text report = {0};
  smr_status status = smr_job_parse(text, "job.yaml", n_overrides, overrides, 2,
                                    fixture_experiments, &report, &job);
  if (status != SMR_ERR_JOB || job != NULL || report.data == NULL) {
    fail_msg("not refused (%s): %s", smr_error_message(), text);
  }
  return report.data;
}

static void expect(const char *text, int64_t n_overrides, const char *const *overrides,
                   const char *part) {
  char *report = fixture_refuse(text, n_overrides, overrides);
  if (strstr(report, part) == NULL) {
    print_message("%s", report);
    free(report);
    fail_msg("the report lacks \"%s\"", part);
  }
  free(report);
}

void fixture_expect(const char *text, const char *part) {
  expect(text, 0, NULL, part);
}

void fixture_expect_with(const char *text, const char *override, const char *part) {
  expect(text, 1, &override, part);
}

fixture_config fixture_get(const smr_job *job, int64_t cell) {
  fixture_config config;
  smr_job_configure(job, cell, NULL, &config);
  return config;
}

const smr_axis *fixture_find_axis(const smr_job *job, const char *key) {
  for (int64_t i = 0; i < smr_job_count_axes(job); i++) {
    if (strcmp(smr_job_get_axis(job, i)->key, key) == 0) {
      return smr_job_get_axis(job, i);
    }
  }
  return NULL;
}
