/* The renormalize experiment before units run: what it checks beyond the RBM experiment, and the
 * cost of a unit. */
#include <inttypes.h>

#include "renormalize.h"
#include "simmer/base/integer.h"
#include "simmer/sample/renormalize.h"

#define NAME(name, unit, meaning) #name,
static const char *const output_names[] = {SMR_RENORMALIZE_OUTPUTS(NAME) NULL};
#undef NAME

/* What is wrong with one cell, said once. */
static smr_status check_cell(const smr_job *job, const smr_rbm_job *config,
                             const smr_image_shape *shape, smr_text *report) {
  const bool is_binary =
      config->data.source == SMR_IMAGES_ISING || config->data.source == SMR_IMAGES_BARS;
  if (shape->n_pixels > SMR_RENORMALIZE_MOST_UNITS) {
    return smr_job_complain(job, is_binary ? "data.side" : "data.source", report,
                            "every state of the visible units is gone through: %" PRId64
                            " pixels are more than %d",
                            shape->n_pixels, (int)SMR_RENORMALIZE_MOST_UNITS);
  }
  if (!is_binary && config->data.binarize != SMR_BINARIZE_THRESHOLD) {
    return smr_job_complain(job, "data.binarize", report,
                            "a Hamiltonian of data wants images of fixed zeros and ones: "
                            "data.binarize must be threshold");
  }
  return SMR_OK;
}

static smr_status check(const smr_job *job, const smr_inputs *inputs, void *survey,
                        smr_text *report) {
  smr_status verdict = smr_rbm_check(job, inputs, survey, report);
  for (int64_t cell = 0; verdict == SMR_OK && cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_rbm_job config;
    smr_job_configure(job, cell, &common, &config);
    config = smr_rbm_configure(&common, &config);
    const smr_image_shape shape = smr_rbm_find_shape(survey, &config);
    if (!smr_job_is_excluded(job, cell)) {
      verdict = check_cell(job, &config, &shape, report);
    }
  }
  return verdict;
}

/* The group's rank 0 goes through the states, twice; trainings of so few units keep one rank busy.
 */
static void plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  const smr_rbm_job *job = config;
  const smr_image_shape shape = smr_rbm_find_shape(survey, job);
  const int64_t n_visible = smr_int_min(shape.n_pixels, SMR_RENORMALIZE_MOST_UNITS);
  const int64_t n_hidden = job->rbm.n_hidden;
  double flops = 0, slow_flops = 0;
  int64_t bytes = 0;
  const double n_steps = (double)smr_train_count_steps(&job->train, shape.n_train);
  smr_train_count_cost(&job->train, &job->rbm, n_visible, n_ranks, 1, &flops, &slow_flops, &bytes);
  slow_flops += shape.flops_per_image * (double)job->train.batch_rows;
  *cost = (smr_unit_cost){.flops = flops * n_steps,
                          .slow_flops = slow_flops * n_steps +
                                        2 * smr_renormalize_count_flops(n_visible, n_hidden),
                          .memory_bytes = bytes + smr_renormalize_count_bytes(n_visible, n_hidden),
                          .shared_bytes = shape.shared_bytes,
                          .n_shards = 1};
}

const smr_experiment smr_experiment_renormalize = {
    .name = "renormalize",
    .title = "Renormalized energies and the trace condition",
    .summary = "Same partition function, other probabilities; the trace condition of the "
               "variational renormalization group.",
    .table = &smr_renormalize_keys,
    .output_names = output_names,
    .is_rank_free = true,
    .survey_bytes = sizeof(smr_rbm_survey),
    .describe = smr_renormalize_describe,
    .check = check,
    .plan = plan,
    .open = smr_rbm_open,
    .close = smr_rbm_close,
    .list_inputs = smr_rbm_list_inputs,
    .run_unit = smr_renormalize_run,
    .summarize = smr_renormalize_summarize,
};
