/* Outputs of the RBM experiment: the last monitoring point of a unit, and statistics over
 * replicates. */
#include <stdio.h>

#include "rbm.h"
#include "simmer/base/memory.h"
#include "summary.h"

enum { N_SUMMARIES = SMR_RBM_N_ALL_METRICS * SMR_SUMMARY_STATISTICS + 1 };

/* One block a schema, as its owner frees it: the dimensions come first. */
typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[SMR_RBM_N_ALL_METRICS];
} output_block;

typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[N_SUMMARIES];
  char names[N_SUMMARIES][SMR_SUMMARY_NAME_BYTES];
  char meanings[N_SUMMARIES][SMR_SUMMARY_MEANING_BYTES];
} summary_block;

/* A standard error may be an output itself. */
static void rename_taken(const smr_schema *outputs, const smr_output *source, char *name) {
  if (smr_schema_find(outputs, name) >= 0) {
    snprintf(name, SMR_SUMMARY_NAME_BYTES, "%s_mean_stderr", source->name);
  }
}

static void fill_outputs(smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, meaning_) \
  outputs[SMR_RBM_##name_] = (smr_output){#name_, unit_, meaning_, 0, {0}, false};
  SMR_RBM_METRICS(SET_OUTPUT)
#undef SET_OUTPUT
#define SET_OUTPUT(name_, unit_, meaning_)                   \
  outputs[SMR_RBM_N_METRICS + (int)SMR_RBM_LADDER_##name_] = \
      (smr_output){#name_, unit_, meaning_, 0, {0}, false};
  SMR_RBM_LADDER_METRICS(SET_OUTPUT)
#undef SET_OUTPUT
  outputs[SMR_RBM_seconds].is_measured_time = true;
}

bool smr_rbm_is_tempered(const smr_job *job) {
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_rbm_job config;
    smr_job_configure(job, cell, &common, &config);
    if (config.rbm.negative_phase == SMR_NEGATIVE_TEMPERED) {
      return true;
    }
  }
  return false;
}

smr_status smr_rbm_describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  const int n = smr_rbm_is_tempered(job) ? SMR_RBM_N_ALL_METRICS : SMR_RBM_N_METRICS;
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  fill_outputs(first->outputs);
  *outputs = (smr_schema){0, first->dimensions, n, first->outputs};
  int64_t at = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&first->outputs[i], j, second->names[at], second->meanings[at],
                           &second->outputs[at]);
      rename_taken(outputs, &first->outputs[i], second->names[at]);
    }
  }
  second->outputs[at] =
      (smr_output){"replicates_finished", "", "finished replicates", 0, {0}, false};
  *summaries = (smr_schema){0, second->dimensions, at + 1, second->outputs};
  return SMR_OK;
}

smr_status smr_rbm_summarize(const void *config, const smr_schema *outputs,
                             const smr_schema *summaries, int64_t n, const double *const *records,
                             double *out) {
  (void)config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  for (int i = 0; i < outputs->n_outputs; ++i) {
    double statistics[SMR_SUMMARY_STATISTICS];
    int64_t count = smr_summary_gather(n, records, smr_schema_get_offset(outputs, i), values);
    smr_summary_compute(count, values, (smr_summary_moments){true, true}, statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
      out[smr_schema_get_offset(summaries, i * SMR_SUMMARY_STATISTICS + j)] = statistics[j];
    }
  }
  out[smr_schema_get_offset(summaries, summaries->n_outputs - 1)] = (double)n;
  smr_memory_free(values);
  return SMR_OK;
}
