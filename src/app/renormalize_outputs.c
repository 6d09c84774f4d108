/* Outputs of the renormalize experiment, before and after training, and statistics over replicates.
 */
#include "renormalize.h"
#include "simmer/base/memory.h"
#include "summary.h"

enum { N_OUTPUTS = SMR_RENORMALIZE_N_OUTPUTS };
enum { N_SUMMARIES = N_OUTPUTS * SMR_SUMMARY_STATISTICS + 1 };

/* One block a schema, as its owner frees it: the dimensions come first. */
typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[N_OUTPUTS];
} output_block;

typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[N_SUMMARIES];
  char names[N_SUMMARIES][SMR_SUMMARY_NAME_BYTES];
  char meanings[N_SUMMARIES][SMR_SUMMARY_MEANING_BYTES];
} summary_block;

static const smr_inner_dimension stage = {"stage", SMR_RENORMALIZE_STAGES, false};

static void fill_outputs(smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, meaning_) \
  outputs[SMR_RENORMALIZE_##name_] = (smr_output){#name_, unit_, meaning_, 1, {0}, false};
  SMR_RENORMALIZE_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
}

static void fill_summaries(const smr_output *outputs, summary_block *block) {
  int64_t at = 0;
  for (int i = 0; i < N_OUTPUTS; ++i) {
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&outputs[i], j, block->names[at], block->meanings[at],
                           &block->outputs[at]);
    }
  }
  block->outputs[at] =
      (smr_output){"replicates_finished", "", "finished replicates", 0, {0}, false};
}

smr_status smr_renormalize_describe(const smr_job *job, smr_schema *outputs,
                                    smr_schema *summaries) {
  (void)job;
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  first->dimensions[0] = stage;
  second->dimensions[0] = stage;
  fill_outputs(first->outputs);
  fill_summaries(first->outputs, second);
  *outputs = (smr_schema){1, first->dimensions, N_OUTPUTS, first->outputs};
  *summaries = (smr_schema){1, second->dimensions, N_SUMMARIES, second->outputs};
  return SMR_OK;
}

smr_status smr_renormalize_summarize(const void *config, const smr_schema *outputs,
                                     const smr_schema *summaries, int64_t n,
                                     const double *const *records, double *out) {
  (void)config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  for (int i = 0; i < N_OUTPUTS * SMR_RENORMALIZE_STAGES; ++i) {
    const int output = i / SMR_RENORMALIZE_STAGES, s = i % SMR_RENORMALIZE_STAGES;
    double statistics[SMR_SUMMARY_STATISTICS];
    int64_t count =
        smr_summary_gather(n, records, smr_schema_get_offset(outputs, output) + s, values);
    smr_summary_compute(count, values, (smr_summary_moments){true, true}, statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
      out[smr_schema_get_offset(summaries, output * SMR_SUMMARY_STATISTICS + j) + s] =
          statistics[j];
    }
  }
  out[smr_schema_get_offset(summaries, N_SUMMARIES - 1)] = (double)n;
  smr_memory_free(values);
  return SMR_OK;
}
