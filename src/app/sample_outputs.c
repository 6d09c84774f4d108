/* Outputs of the sample experiment, and statistics of them over replicates. */
#include <stdio.h>

#include "sample.h"
#include "simmer/base/memory.h"
#include "summary.h"

/* Bits have no statistics. */
static bool is_summarised(int output) {
  return output != SMR_SAMPLE_OUT_distrust;
}

enum { N_SUMMARIES = (SMR_SAMPLE_N_OUTPUTS - 1) * SMR_SUMMARY_STATISTICS };

/* One block a schema, as its owner frees it: the dimensions come first. */
typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[SMR_SAMPLE_N_OUTPUTS];
} output_block;

typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[N_SUMMARIES];
  char names[N_SUMMARIES][SMR_SUMMARY_NAME_BYTES];
  char meanings[N_SUMMARIES][SMR_SUMMARY_MEANING_BYTES];
} summary_block;

static void fill_outputs(smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, meaning_) \
  outputs[SMR_SAMPLE_OUT_##name_] = (smr_output){#name_, unit_, meaning_, 0, {0}, false};
  SMR_SAMPLE_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
  for (int i = 0; i < SMR_SAMPLE_N_BY_OBSERVABLE; ++i) {
    outputs[i].n_dimensions = 1;
  }
  outputs[SMR_SAMPLE_OUT_seconds].is_measured_time = true;
}

/* A standard error is an output itself. */
static void rename_taken(const smr_schema *outputs, const smr_output *source, char *name) {
  if (smr_schema_find(outputs, name) >= 0) {
    snprintf(name, SMR_SUMMARY_NAME_BYTES, "%s_mean_stderr", source->name);
  }
}

smr_status smr_sample_describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  (void)job;
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  const smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  fill_outputs(first->outputs);
  first->dimensions[0] = (smr_inner_dimension){"observable", SMR_LADDER_N_OBSERVABLES, false};
  second->dimensions[0] = first->dimensions[0];
  *outputs = (smr_schema){1, first->dimensions, SMR_SAMPLE_N_OUTPUTS, first->outputs};
  int64_t at = 0;
  for (int i = 0; i < SMR_SAMPLE_N_OUTPUTS; ++i) {
    for (int j = 0; is_summarised(i) && j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&first->outputs[i], j, second->names[at], second->meanings[at],
                           &second->outputs[at]);
      rename_taken(outputs, &first->outputs[i], second->names[at]);
    }
  }
  *summaries = (smr_schema){1, second->dimensions, N_SUMMARIES, second->outputs};
  return SMR_OK;
}

smr_status smr_sample_summarize(const void *config, const smr_schema *outputs,
                                const smr_schema *summaries, int64_t n,
                                const double *const *records, double *out) {
  (void)config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  int64_t summary = 0;
  for (int i = 0; i < SMR_SAMPLE_N_OUTPUTS; ++i) {
    if (!is_summarised(i)) {
      continue;
    }
    for (int64_t k = 0; k < smr_schema_get_length(outputs, i); ++k) {
      double statistics[SMR_SUMMARY_STATISTICS];
      const int64_t at = smr_schema_get_offset(outputs, i) + k;
      const int64_t count = smr_summary_gather(n, records, at, values);
      smr_summary_compute(count, values, (smr_summary_moments){true, true}, statistics);
      for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
        out[smr_schema_get_offset(summaries, summary + j) + k] = statistics[j];
      }
    }
    summary += SMR_SUMMARY_STATISTICS;
  }
  smr_memory_free(values);
  return SMR_OK;
}
