/* Parses a ridge job for the tests of app. */
#ifndef SIMMER_TESTS_APP_JOB_H
#define SIMMER_TESTS_APP_JOB_H

#include <string.h>

#include "check.h"
#include "units.h"

static smr_job *parse_job(const char *text) {
  smr_job *job = NULL;
  smr_text report = {0};
  smr_status status = smr_job_parse(text, "test.yaml", 0, NULL, smr_experiment_count(),
                                    smr_experiment_list(), &report, &job);
  if (status != SMR_OK) {
    fail_msg("%s", report.data != NULL ? report.data : smr_error_message());
  }
  smr_text_clear(&report);
  return job;
}

#endif
