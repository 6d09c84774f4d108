/* The partition experiment before units run: what can be wrong with it, the cost of a unit, and the
 * models and images that units share. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "model_load.h"
#include "partition.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/enumerate.h"

static const smr_source_kind source_kind = {sizeof(smr_partition_job), smr_partition_get_source};
static const smr_model_key model_key = {"partition.model", offsetof(smr_partition_job, model),
                                        sizeof(smr_partition_job)};

typedef struct {
  smr_model_survey models;
  smr_source_survey sources;
} partition_survey;

/* --- checks --- */

typedef struct {
  const smr_job *job;
  smr_text *report;
  const partition_survey *survey;
} checker;

/* A list of two values is the default, which stands for none. */
static smr_status check_betas(const checker *check, const char *key, const smr_reals *betas) {
  const int64_t n = betas->n;
  if (n < 2) {
    return smr_job_complain(check->job, key, check->report,
                            "%s goes from 0 to 1: a list of at least 2 values", key);
  }
  for (int64_t i = 1; i < n; ++i) {
    if (!(betas->values[i - 1] < betas->values[i])) {
      return smr_job_complain(check->job, key, check->report,
                              "%s must rise: value %" PRId64 " is %.10g, and %.10g comes after it",
                              key, i, betas->values[i - 1], betas->values[i]);
    }
  }
  if (betas->values[0] != 0 || betas->values[n - 1] != 1) {
    return smr_job_complain(check->job, key, check->report,
                            "%s must go from 0 to 1, this list goes from %.10g to %.10g", key,
                            betas->values[0], betas->values[n - 1]);
  }
  return SMR_OK;
}

static smr_status check_ladders(const checker *check, const smr_partition_job *config) {
  SMR_TRY(check_betas(check, "partition.annealing_betas", &config->anneal_betas));
  if (config->anneal_betas.n > 2 && config->n_steps > 0) {
    return smr_job_complain(check->job, "partition.annealing_steps", check->report,
                            "partition.annealing_betas lists the inverse temperatures; leave one "
                            "of the two out");
  }
  return smr_ladder_check(check->job, "partition", &config->ladder, true, check->report);
}

/* Units of the model; false when its file can't be read, which was said already. */
static bool get_sizes(const partition_survey *survey, const smr_partition_job *config, int64_t *v,
                      int64_t *h) {
  *v = config->side * config->side;
  *h = 2 * *v;
  if (config->model[0] == '\0') {
    return true;
  }
  const smr_model_facts *facts =
      survey == NULL ? NULL : smr_model_find_facts(&survey->models, config->model);
  *v = facts == NULL ? 0 : facts->n_visible;
  *h = facts == NULL ? 0 : facts->n_hidden;
  return facts != NULL;
}

static const char *name_model(const smr_partition_job *config) {
  return config->model[0] == '\0' ? "the Ising model" : config->model;
}

static smr_status check_enumeration(const checker *check, const smr_partition_job *config,
                                    int64_t v, int64_t h) {
  const int64_t m = smr_int_min(v, h);
  if (config->exact != SMR_EXACT_ALWAYS || m <= SMR_ENUMERATE_MOST_UNITS) {
    return SMR_OK;
  }
  const double years = smr_enumerate_count_flops(v, h) / 6e10 / (365.25 * 86400);
  return smr_job_complain(check->job, "partition.exact", check->report,
                          "partition.exact: %s has %" PRId64 " x %" PRId64
                          " units, and to enumerate its 2^%" PRId64
                          " states would take about %.2g years on one core; the limit is %d units",
                          name_model(config), v, h, m, years, (int)SMR_ENUMERATE_MOST_UNITS);
}

static smr_status check_cell(const checker *check, const smr_common_config *common,
                             const smr_partition_job *config) {
  int64_t v = 0, h = 0;
  smr_image_config images;
  SMR_TRY(check_ladders(check, config));
  if (!get_sizes(check->survey, config, &v, &h)) {
    return SMR_OK;
  }
  SMR_TRY(check_enumeration(check, config, v, h));
  if (!smr_partition_get_source(common, config, &images)) {
    return SMR_OK;
  }
  const smr_image_shape *shape = smr_sources_find_shape(&check->survey->sources, &images);
  if (shape != NULL && shape->n_pixels != v) {
    return smr_job_complain(check->job, "data.source", check->report,
                            "these images have %" PRId64 " pixels, and %s has %" PRId64
                            " visible units",
                            shape->n_pixels, name_model(config), v);
  }
  return SMR_OK;
}

static smr_status check(const smr_job *job, const smr_inputs *inputs, void *survey,
                        smr_text *report) {
  partition_survey *found = survey;
  const checker cells = {job, report, found};
  smr_status verdict = smr_model_check(job, &model_key, inputs, &found->models, report);
  if (verdict != SMR_OK && verdict != SMR_ERR_JOB) {
    return verdict;
  }
  smr_status status = smr_sources_check(&source_kind, job, inputs, &found->sources, report);
  if (status != SMR_OK && status != SMR_ERR_JOB) {
    return status;
  }
  verdict = status != SMR_OK ? status : verdict;
  for (int64_t cell = 0; cell < smr_job_count_cells(job) && verdict == SMR_OK; ++cell) {
    smr_common_config common;
    smr_partition_job config;
    smr_job_configure(job, cell, &common, &config);
    if (!smr_job_is_excluded(job, cell)) {
      verdict = check_cell(&cells, &common, &config);
    }
  }
  return verdict;
}

/* --- cost --- */

/* Both ways, and a little more than the products take. */
static double count_annealing(const smr_partition_job *job, int64_t v, int64_t h) {
  const smr_annealing_config config = {.n_runs = job->n_runs,
                                       .n_betas = smr_partition_fill_betas(job, NULL)};
  return 2 * smr_annealing_count_flops(&config, v, h);
}

static double count_rows(const smr_partition_job *job, const partition_survey *survey,
                         double *slow_flops) {
  smr_image_config images;
  const smr_common_config common = {.seed = 0};
  *slow_flops = 0;
  if (survey == NULL || !smr_partition_get_source(&common, job, &images)) {
    return 0;
  }
  const smr_image_shape *shape = smr_sources_find_shape(&survey->sources, &images);
  if (shape == NULL) {
    return 0;
  }
  const int64_t most = job->n_rows < 0 ? INT64_MAX : job->n_rows;
  const int64_t n = smr_int_min(shape->n_train, most) + smr_int_min(shape->n_test, most);
  *slow_flops = (double)n * (shape->flops_per_image + 10.0 * (double)shape->n_pixels);
  return (double)n;
}

static void plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  const smr_partition_job *job = config;
  const partition_survey *found = survey;
  const int n_threads = omp_get_max_threads();
  int64_t v = 0, h = 0;
  double slow_flops = 0;
  if (!get_sizes(found, job, &v, &h)) {
    v = 784;
    h = 500;
  }
  const double product = 2.0 * (double)v * (double)h;
  *cost = (smr_unit_cost){.n_shards = 1};
  if (job->ladder.n_chains > 0) {
    smr_ladder_add_cost(&job->ladder, v, h, n_ranks, n_threads, cost);
  }
  cost->n_shards = smr_int_max(cost->n_shards, smr_annealing_count_shards(job->n_runs));
  const smr_annealing_config annealing = {.n_runs = job->n_runs};
  const int64_t annealed = smr_annealing_count_bytes(&annealing, v, 1);
  const int64_t drawn = job->model[0] == '\0' ? job->n_runs * v : 0;
  /* A gathered checkpoint is a copy of all of it, and there are two files. */
  cost->memory_bytes += smr_annealing_count_bytes(&annealing, v, n_ranks) + annealed + 2 * drawn;
  cost->file_bytes += 2 * (annealed + drawn);
  cost->flops += count_annealing(job, v, h) + product * count_rows(job, found, &slow_flops);
  cost->slow_flops += slow_flops;
  cost->memory_bytes += 4 * (v * h + v * smr_int_max(job->ladder.n_chains, job->n_runs)) +
                        8 * smr_partition_fill_betas(job, NULL);
  if (smr_partition_is_enumerated(job, v, h)) {
    cost->flops += smr_enumerate_count_flops(v, h);
    cost->memory_bytes += smr_enumerate_count_bytes(v, h, n_threads);
  }
}

/* --- what units share --- */

static smr_status open(const smr_context *world, const smr_job *job, const char *data_folder,
                       void **state) {
  smr_partition_state *made = NULL;
  *state = NULL;
  SMR_TRY(smr_agree(world, smr_memory_alloc(1, sizeof *made, "models and images", &made)));
  *state = made;
  SMR_TRY(smr_model_open(world, job, &model_key, &made->models));
  return smr_sources_open(world, &source_kind, job, data_folder, &made->sources);
}

static void close(void **state) {
  smr_partition_state *made = *state;
  if (made != NULL) {
    smr_sources_close(&made->sources);
    smr_memory_free(made->models);
    smr_memory_free(made);
  }
  *state = NULL;
}

static smr_status list_inputs(void *state, const smr_job *job, smr_text *lines) {
  const smr_partition_state *made = state;
  SMR_TRY(smr_sources_list_inputs(made->sources, lines));
  return smr_model_list_inputs(made->models, job, &model_key, lines);
}

/* --- the experiment --- */

#define NAME(name, unit, n_dimensions, meaning) #name,
static const char *const output_names[] = {SMR_PARTITION_OUTPUTS(NAME) NULL};
#undef NAME
#define NAME(name, title) #name,
static const char *const methods[] = {SMR_PARTITION_METHODS(NAME) NULL};
#undef NAME

static const smr_output_labels labels[] = {
    {"method", methods}, {"other_method", methods}, {NULL, NULL}};
static const smr_flags flags[] = {{"is_agreed", "disagree agree"}, {NULL, NULL}};

const smr_experiment smr_experiment_partition = {
    .name = "partition",
    .title = "Partition functions",
    .summary = "ln Z of an RBM by every estimator, beside the exact value where there is one.",
    .table = &smr_partition_keys,
    .output_names = output_names,
    .labels = labels,
    .flags = flags,
    .is_rank_free = true,
    .has_checkpoints = true,
    .survey_bytes = sizeof(partition_survey),
    .describe = smr_partition_describe,
    .check = check,
    .plan = plan,
    .open = open,
    .close = close,
    .list_inputs = list_inputs,
    .run_unit = smr_partition_run,
    .summarize = smr_partition_summarize,
    .report = smr_partition_report,
};
