/* The sample experiment before units run: keys, checks, cost. */
#include <inttypes.h>
#include <omp.h>

#include "sample.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static const char *const values[] = {"states", "probabilities", NULL};

#define AT(field) offsetof(smr_sample_job, field)
#define AT_LADDER(field) offsetof(smr_sample_job, ladder.field)

static const smr_key keys[] = {
    {"sample.model", SMR_KEY_STRING, SMR_KEY_REQUIRED, AT(model), 0, 0, "", NULL, NULL,
     "Model to sample from: a file, an output folder, or DIR[key=value,...] for one unit of a "
     "sweep."},
    {"sample.count", SMR_KEY_INT, 0, AT(count), 1, 1e7, "images", "100", NULL,
     "Images that are kept, from all chains and from scans as far apart as there are."},
    {"sample.values", SMR_KEY_CHOICE, 0, AT(values), 0, 0, "", "states", values,
     "What an image holds: zeros and ones, or p(v = 1 | h) of the hidden state that made them."},
    {"sample.flat_base", SMR_KEY_BOOL, 0, AT(has_flat_base), 0, 0, "", "false", NULL,
     "Temper from fair coins, not from the data's mean image."},
    SMR_LADDER_KEYS("sample", 1, AT_LADDER),
};

static const smr_key_table key_table = {keys, sizeof keys / sizeof keys[0], sizeof(smr_sample_job)};
const smr_model_key smr_sample_model_key = {"sample.model", AT(model), sizeof(smr_sample_job)};

/* --- which scans --- */

smr_sample_plan smr_sample_make_plan(const smr_sample_job *job) {
  const int64_t n_left_out = smr_ladder_count_left_out(job->ladder.scans);
  return (smr_sample_plan){.n_chains = job->ladder.n_chains,
                           .n_left_out = n_left_out,
                           .n_kept = job->ladder.scans - n_left_out,
                           .n = smr_int_ceil_divide(job->count, job->ladder.n_chains)};
}

int64_t smr_sample_get_scan(const smr_sample_plan *plan, int64_t index) {
  return plan->n_left_out + (index + 1) * plan->n_kept / plan->n;
}

int64_t smr_sample_find_scan(const smr_sample_plan *plan, int64_t scan) {
  const int64_t place = scan - plan->n_left_out;
  if (place < 1 || place > plan->n_kept) {
    return -1;
  }
  const int64_t index = smr_int_ceil_divide(place * plan->n, plan->n_kept) - 1;
  return smr_sample_get_scan(plan, index) == scan ? index : -1;
}

/* --- checks --- */

static smr_status check_cell(const smr_job *job, const smr_sample_job *config, smr_text *report) {
  const smr_sample_plan plan = smr_sample_make_plan(config);
  if (config->model[0] == '\0') {
    return smr_job_complain(job, "sample.model", report, "sample.model is empty: name a model");
  }
  if (plan.n > plan.n_kept) {
    return smr_job_complain(job, "sample.count", report,
                            "%" PRId64 " images are more than %" PRId64 " chains x %" PRId64
                            " measured scans (the first quarter is left out)",
                            config->count, plan.n_chains, plan.n_kept);
  }
  return smr_ladder_check(job, "sample", &config->ladder, false, report);
}

static smr_status check(const smr_job *job, const smr_inputs *inputs, void *survey,
                        smr_text *report) {
  smr_status verdict = SMR_OK;
  for (int64_t cell = 0; cell < smr_job_count_cells(job) && verdict == SMR_OK; ++cell) {
    smr_common_config common;
    smr_sample_job config;
    smr_job_configure(job, cell, &common, &config);
    if (!smr_job_is_excluded(job, cell)) {
      verdict = check_cell(job, &config, report);
    }
  }
  SMR_TRY(verdict);
  return smr_model_check(job, &smr_sample_model_key, inputs, survey, report);
}

/* A model that nobody has looked at counts as one of MNIST with 500 hidden units. */
static void plan_unit(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  const smr_sample_job *job = config;
  const smr_model_facts usual = {.n_visible = 784, .n_hidden = 500};
  const smr_model_facts *found = survey == NULL ? NULL : smr_model_find_facts(survey, job->model);
  const smr_model_facts *facts = found == NULL ? &usual : found;
  const int64_t v = facts->n_visible, h = facts->n_hidden, c = job->ladder.n_chains;
  *cost = (smr_unit_cost){.n_shards = 1};
  smr_ladder_add_cost(&job->ladder, v, h, n_ranks, omp_get_max_threads(), cost);
  const int64_t images = job->count * (4 * v + 24);
  cost->flops += 4.0 * (double)v * (double)h * (double)(c * smr_sample_make_plan(job).n);
  /* The model, the images (in the file's image, too), states and hidden states of all chains. */
  cost->memory_bytes += 4 * (v * h + 4 * v + h) + 3 * images + c * (12 * v + 12 * h);
  cost->file_bytes += 3 * images;
}

static smr_status open(const smr_context *world, const smr_job *job, const char *data_folder,
                       void **state) {
  smr_model_survey *survey = NULL;
  (void)data_folder;
  const smr_status status = smr_model_open(world, job, &smr_sample_model_key, &survey);
  *state = survey;
  return status;
}

static void close(void **state) {
  smr_memory_free(*state);
  *state = NULL;
}

static smr_status list_inputs(void *state, const smr_job *job, smr_text *lines) {
  return smr_model_list_inputs(state, job, &smr_sample_model_key, lines);
}

#define NAME(name, unit, meaning) #name,
static const char *const output_names[] = {SMR_SAMPLE_OUTPUTS(NAME) "observable", NULL};
#undef NAME

static const char *const unit_files[] = {"ladder.h5", "samples.h5", NULL};

static const smr_output_labels labels[] = {{"observable", smr_ladder_observables}, {NULL, NULL}};
static const smr_flags flags[] = {{"is_trusted", "no yes"}, {NULL, NULL}};

const smr_experiment smr_experiment_sample = {
    .name = "sample",
    .title = "Samples of an RBM",
    .summary = "Draws from a trained RBM by parallel tempering, and says whether to trust them.",
    .table = &key_table,
    .output_names = output_names,
    .labels = labels,
    .flags = flags,
    .is_rank_free = true,
    .has_checkpoints = true,
    .unit_files = unit_files,
    .survey_bytes = sizeof(smr_model_survey),
    .describe = smr_sample_describe,
    .check = check,
    .plan = plan_unit,
    .open = open,
    .close = close,
    .list_inputs = list_inputs,
    .run_unit = smr_sample_run,
    .summarize = smr_sample_summarize,
    .report = smr_sample_report,
};
