/* Before units run: checks of an RBM job against its data, the cost of a unit, and the images that
 * units share. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "model_load.h"
#include "rbm.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* --- configuration --- */

smr_rbm_job smr_rbm_configure(const smr_common_config *common, const void *config) {
  smr_rbm_job job = *(const smr_rbm_job *)config;
  job.data.seed = (uint64_t)common->seed;
  job.train.seed =
      smr_random_stream("training", (uint64_t)common->seed, (uint64_t)common->replicate);
  job.monitor.seed = job.train.seed;
  job.monitor.has_test = job.rbm.negative_phase == SMR_NEGATIVE_TEMPERED;
  if (job.train.gradient_limit == 0) {
    job.train.gradient_limit = INFINITY;
  }
  return job;
}

int64_t smr_rbm_get_period(const smr_rbm_job *job, int64_t n_train) {
  if (job->monitor_period > 0) {
    return job->monitor_period;
  }
  int64_t epoch = smr_train_count_epoch_steps(&job->train, n_train);
  return smr_int_max(smr_int_min(epoch, 1000), 1);
}

/* --- image sources --- */

static bool get_source(const smr_common_config *common, const void *config, smr_image_config *out) {
  *out = smr_rbm_configure(common, config).data;
  return true;
}

static const smr_source_kind source_kind = {sizeof(smr_rbm_job), get_source};

smr_status smr_rbm_open(const smr_context *world, const smr_job *job, const char *data_folder,
                        void **state) {
  smr_sources *sources = NULL;
  smr_status status = smr_sources_open(world, &source_kind, job, data_folder, &sources);
  *state = sources;
  return status;
}

void smr_rbm_close(void **state) {
  smr_sources *sources = *state;
  smr_sources_close(&sources);
  *state = NULL;
}

/* Model files that trainings start from, each once. */
static smr_status list_starts(const smr_job *job, smr_text *lines) {
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_rbm_job config;
    char name[SMR_PATH_BYTES + 16];
    smr_model model = {0};
    smr_job_configure(job, cell, &common, &config);
    snprintf(name, sizeof name, " start %s\n", config.start);
    if (config.start[0] == '\0' || (lines->data != NULL && strstr(lines->data, name) != NULL)) {
      continue;
    }
    SMR_TRY(smr_model_read_named(config.start, &model));
    const uint32_t crc = smr_model_find_crc(&model);
    smr_model_clear(&model);
    SMR_TRY(smr_text_add(lines, "%08" PRIx32 "%s", crc, name));
  }
  return SMR_OK;
}

smr_status smr_rbm_list_inputs(void *state, const smr_job *job, smr_text *lines) {
  SMR_TRY(smr_sources_list_inputs(state, lines));
  return list_starts(job, lines);
}

const smr_images *smr_rbm_find_images(void *state, const smr_image_config *config) {
  return smr_sources_find(state, config);
}

/* --- checks --- */

typedef struct {
  const smr_job *job;
  const smr_inputs *inputs;
  smr_text *report;
  smr_status verdict;
  bool has_batch, has_start, has_temperatures; /* mistakes that were named already */
  /* The model file that was read last, and its sizes: most sweeps start from one alone. */
  const char *start;
  int64_t n_visible, n_hidden;
} checker;

static smr_status read_start_sizes(checker *check, const char *start) {
  smr_model model = {0};
  if (check->start != NULL && strcmp(check->start, start) == 0) {
    return SMR_OK;
  }
  const smr_status status = smr_model_read_named(start, &model);
  if (status == SMR_ERR_MISSING && check->inputs->is_later) {
    smr_model_await(start, &model.n_visible, &model.n_hidden);
  } else {
    SMR_TRY(status);
  }
  check->start = start;
  check->n_visible = model.n_visible;
  check->n_hidden = model.n_hidden;
  smr_model_clear(&model);
  return SMR_OK;
}

/* The model that a unit starts from has its sizes. */
static void check_start(checker *check, const smr_rbm_job *config, const smr_image_shape *shape) {
  if (read_start_sizes(check, config->start) != SMR_OK) {
    check->has_start = true;
    check->verdict =
        smr_job_complain(check->job, "rbm.start", check->report, "%s", smr_error_message());
  } else if (check->n_visible > 0 &&
             (check->n_visible != shape->n_pixels || check->n_hidden != config->rbm.n_hidden)) {
    check->has_start = true;
    check->verdict = smr_job_complain(check->job, "rbm.start", check->report,
                                      "'%s' is a model of %" PRId64 " visible x %" PRId64
                                      " hidden units, and this job asks for %" PRId64 " x %" PRId64,
                                      config->start, check->n_visible, check->n_hidden,
                                      shape->n_pixels, config->rbm.n_hidden);
  }
}

/* A bound beside the number that it is to bound. */
static void check_temperatures(checker *check, const smr_rbm_job *config) {
  const smr_tempered_config *t = &config->rbm.tempered;
  if (!check->has_temperatures && t->n_temperatures != -1 && t->most_temperatures != -1) {
    check->has_temperatures = true;
    check->verdict = smr_job_complain(check->job, "tempering.most_temperatures", check->report,
                                      "tempering.most_temperatures bounds an automatic number, but "
                                      "tempering.temperatures is %" PRId64,
                                      t->n_temperatures);
  }
}

static void check_cell(checker *check, const smr_rbm_job *config, const smr_image_shape *shape) {
  if (!check->has_batch && config->train.batch_rows > shape->n_train) {
    check->has_batch = true;
    check->verdict = smr_job_complain(check->job, "train.batch", check->report,
                                      "a minibatch of %" PRId64 " rows is more than the %" PRId64
                                      " training rows",
                                      config->train.batch_rows, shape->n_train);
  }
  if (!check->has_start && config->start[0] != '\0') {
    check_start(check, config, shape);
  }
  check_temperatures(check, config);
}

/* Keys of a ladder that nobody has: a number other than auto shows that one was meant. */
static void check_tempering(checker *check, const smr_rbm_job *config) {
  const smr_tempered_config *t = &config->rbm.tempered;
  const struct {
    const char *key;
    bool is_given;
  } keys[] = {{"tempering.chains", t->n_chains != -1},
              {"tempering.observers", t->n_observers != -1},
              {"tempering.temperatures", t->n_temperatures != -1},
              {"tempering.most_temperatures", t->most_temperatures != -1},
              {"tempering.window", t->window != -1},
              {"tempering.most_sweeps", t->most_sweeps != -1},
              {"tempering.least_acceptance", t->least_acceptance != -1},
              {"tempering.least_effective", t->least_effective != -1},
              {"tempering.least_rate", t->least_rate != -1}};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i) {
    if (keys[i].is_given) {
      check->verdict = smr_job_complain(check->job, keys[i].key, check->report,
                                        "%s needs rbm.negative_phase: tempered", keys[i].key);
    }
  }
}

smr_status smr_rbm_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                         smr_text *report) {
  checker check = {.job = job, .inputs = inputs, .report = report};
  check.verdict = smr_sources_check(&source_kind, job, inputs, survey, report);
  if (check.verdict != SMR_OK && check.verdict != SMR_ERR_JOB) {
    return check.verdict;
  }
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_rbm_job config;
    smr_job_configure(job, cell, &common, &config);
    config = smr_rbm_configure(&common, &config);
    const smr_image_shape *shape = smr_sources_find_shape(survey, &config.data);
    if (shape != NULL && !smr_job_is_excluded(job, cell)) {
      check_cell(&check, &config, shape);
    }
  }
  if (!smr_rbm_is_tempered(job)) {
    smr_common_config common;
    smr_rbm_job config;
    smr_job_configure(job, 0, &common, &config);
    check_tempering(&check, &config);
  }
  return check.verdict;
}

/* --- cost --- */

void smr_rbm_foresee_model(const smr_common_config *common, const void *config,
                           const char *data_folder, int64_t *n_visible, int64_t *n_hidden) {
  const smr_rbm_job job = smr_rbm_configure(common, config);
  smr_image_shape shape = {0};
  const bool is_known = smr_images_inspect(&job.data, data_folder, &shape) == SMR_OK;
  *n_visible = is_known ? shape.n_pixels : 0;
  *n_hidden = is_known ? job.rbm.n_hidden : 0;
}

smr_image_shape smr_rbm_find_shape(const smr_rbm_survey *survey, const smr_rbm_job *job) {
  smr_image_shape usual = {.n_train = 54000,
                           .n_valid = 6000,
                           .n_test = 10000,
                           .height = 28,
                           .width = 28,
                           .n_pixels = 784};
  const smr_image_shape *shape = smr_sources_find_shape(survey, &job->data);
  return shape != NULL ? *shape : usual;
}

void smr_rbm_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  const smr_rbm_job *job = config;
  const smr_image_shape shape = smr_rbm_find_shape(survey, job);
  double flops = 0, slow_flops = 0;
  int64_t bytes = 0;
  smr_monitor_cost monitor = {0};
  const int64_t n_steps = smr_train_count_steps(&job->train, shape.n_train);
  const double points = (double)n_steps / (double)smr_rbm_get_period(job, shape.n_train) + 1;
  smr_train_count_cost(&job->train, &job->rbm, shape.n_pixels, n_ranks, omp_get_max_threads(),
                       &flops, &slow_flops, &bytes);
  smr_monitor_config watched = job->monitor;
  watched.has_test = job->rbm.negative_phase == SMR_NEGATIVE_TEMPERED;
  smr_monitor_count_cost(&watched, &shape, job->rbm.n_hidden, n_ranks, omp_get_max_threads(),
                         &monitor);
  monitor.flops += monitor.spectrum_flops * n_ranks / (double)job->spectrum_every;
  monitor.flops += monitor.exact_flops;
  const int64_t drawn = job->n_samples * (shape.n_pixels + job->rbm.n_hidden);
  const double draw_flops = 4.0 * (double)(job->n_samples * job->sample_sweeps) *
                            (double)shape.n_pixels * (double)job->rbm.n_hidden;
  slow_flops += shape.flops_per_image * (double)job->train.batch_rows;
  const int64_t model = 4 * shape.n_pixels * job->rbm.n_hidden;
  const int64_t chains = smr_train_count_chain_bytes(&job->train, &job->rbm, shape.n_pixels);
  const int64_t history = 8 * (SMR_RBM_N_ALL_METRICS + 1 + job->monitor.n_singular_values);
  *cost =
      (smr_unit_cost){.flops = flops * (double)n_steps + monitor.flops * points + draw_flops,
                      .slow_flops = slow_flops * (double)n_steps + monitor.slow_flops * points,
                      .memory_bytes = bytes + monitor.bytes + 12 * drawn,
                      .shared_bytes = shape.shared_bytes,
                      /* The model, its samples, and two checkpoints with momentum. */
                      .file_bytes = 5 * model + 2 * chains + 4 * shape.n_pixels * job->n_samples +
                                    3 * history * (int64_t)points,
                      .n_shards = smr_train_count_pieces(&job->train, &job->rbm)};
}
