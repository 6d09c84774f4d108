/* An experiment with a key of every type, and short ways to parse jobs of it. */
#ifndef SIMMER_TESTS_JOB_FIXTURE_H
#define SIMMER_TESTS_JOB_FIXTURE_H

#include <string.h>

#include "check.h"
#include "simmer/job/job.h"

typedef struct {
  int source;
  const char *file;
  int64_t instances;
  smr_ints features;
  double noise;
  bool standardize;
  int64_t cut;
  int64_t cache;
  smr_reals lambda;
  double patience_s;
  double fit_noise;
  int mode;
} fixture_config;

/* "toy", and "other", which has keys of its own. */
extern const smr_job_experiment fixture_experiments[2];
extern const char *const fixture_sources[];

/* What every toy job needs: 3 lines, so that what follows begins in line 4. */
#define FIXTURE_HEAD "name: test\nexperiment: toy\ndata.features: [5, 7]\n"

/* Parses; fails the test with the report when there is a mistake. */
smr_job *fixture_parse(const char *text);
smr_job *fixture_parse_with(const char *text, const char *override);
/* Parses a text that must be refused; the report, to be freed. */
char *fixture_refuse(const char *text, int64_t n_overrides, const char *const *overrides);
/* Fails unless the text is refused with `part` in the report. */
void fixture_expect(const char *text, const char *part);
void fixture_expect_with(const char *text, const char *override, const char *part);

/* A key's value in a cell, and the identity of the whole grid in order. */
fixture_config fixture_get(const smr_job *job, int64_t cell);
const smr_axis *fixture_find_axis(const smr_job *job, const char *key);

#endif
