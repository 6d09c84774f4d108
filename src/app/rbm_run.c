/* One unit of the RBM experiment: training with monitoring points and checkpoints, then the model
 * file.
 *
 * Everything is collective in the unit's group; files are written by its rank 0. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model_load.h"
#include "provenance.h"
#include "rbm.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"

typedef struct {
  const smr_unit *unit;
  const smr_context *group;
  smr_rbm_job job;
  const smr_images *images;
  smr_image_shape shape;
  smr_trainer *trainer;
  smr_monitor *monitor;
  smr_metrics *metrics;
  int64_t period; /* steps between monitoring points */
  double *row;    /* one row of the metrics */
  double start_s, seconds_before;
  double last_checkpoint_s; /* monotonic */
  char checkpoints[SMR_PATH_BYTES];
} training;

/* --- metrics --- */

static smr_status measure_spectrum(training *t, int64_t point, bool is_last) {
  double *s = t->row + smr_rbm_count_values(&t->job);
  const int64_t n = t->job.monitor.n_singular_values;
  if (n == 0) {
    return SMR_OK;
  }
  if (point % t->job.spectrum_every == 0 || is_last) {
    smr_rbm rbm = smr_trainer_get_rbm(t->trainer);
    return smr_monitor_measure_spectrum(t->monitor, &rbm, s);
  }
  for (int64_t i = 0; i < n; ++i) {
    s[i] = NAN;
  }
  return SMR_OK;
}

static void tell_progress(const training *t) {
  char text[96];
  const int64_t step = smr_trainer_get_step(t->trainer);
  const int64_t n_steps = smr_trainer_count_steps(t->trainer);
  const double *row = smr_metrics_get_last(t->metrics);
  int length = snprintf(text, sizeof text, "epoch %.3g", smr_trainer_get_epoch(t->trainer));
  if (row != NULL && isfinite(row[SMR_RBM_log_likelihood_test])) {
    snprintf(text + length, sizeof text - (size_t)length, ", log-likelihood %.2f",
             row[SMR_RBM_log_likelihood_test]);
  } else if (row != NULL) {
    snprintf(text + length, sizeof text - (size_t)length, ", pseudo-log-likelihood %.4g",
             row[SMR_RBM_pseudo_log_likelihood]);
  }
  t->unit->services->note_progress(t->unit->services,
                                   n_steps > 0 ? (double)step / (double)n_steps : 1, text);
}

static smr_status write_metrics(const training *t) {
  smr_services *services = t->unit->services;
  char path[SMR_PATH_BYTES];
  int64_t n = 0;
  const smr_attribute *attributes = smr_provenance_get(services->provenance, &n);
  SMR_TRY(smr_file_make_folder(services->folder));
  SMR_TRY(smr_file_join(path, services->folder, "metrics.h5"));
  SMR_TRY(smr_metrics_write(t->metrics, path, n, attributes));
  services->publish(services, "metrics.h5");
  tell_progress(t);
  return SMR_OK;
}

static smr_status add_row(training *t) {
  SMR_TRY(smr_metrics_add(t->metrics, smr_trainer_get_step(t->trainer), t->row));
  return t->group->rank == 0 ? write_metrics(t) : SMR_OK;
}

/* One monitoring point. */
static smr_status observe(training *t, bool is_last) {
  const int64_t step = smr_trainer_get_step(t->trainer);
  smr_monitor_values values = {0};
  smr_ladder_values ladder = {0};
  smr_rbm rbm = smr_trainer_get_rbm(t->trainer);
  SMR_TRY(smr_trainer_check_replicas(t->trainer));
  SMR_TRY(smr_monitor_measure(t->monitor, &rbm, step, &values));
  SMR_TRY(smr_trainer_measure_ladder(t->trainer, &ladder));
  SMR_TRY(measure_spectrum(t, smr_metrics_count(t->metrics), is_last));
  smr_rbm_fill_row(&t->job, t->trainer, &values, &ladder, t->row);
  t->row[SMR_RBM_seconds] = t->seconds_before + smr_clock_monotonic_s() - t->start_s;
  return smr_agree(t->group, add_row(t));
}

/* --- checkpoints --- */

static smr_status list_state(training *t, smr_state *state) {
  *state = (smr_state){0};
  SMR_TRY(smr_trainer_list_state(t->trainer, state));
  return smr_metrics_list_state(t->metrics, state);
}

static smr_status save(training *t) {
  smr_state state;
  const double start = smr_clock_monotonic_s();
  SMR_TRY(smr_agree(t->group, list_state(t, &state)));
  SMR_TRY(smr_checkpoint_write(t->group, t->checkpoints, t->unit->services->identity,
                               smr_trainer_get_step(t->trainer),
                               (smr_checkpoint_mode)t->job.checkpoint_mode, &state));
  t->last_checkpoint_s = smr_clock_monotonic_s();
  return t->unit->services->note_checkpoint(t->unit->services, t->last_checkpoint_s - start);
}

static smr_status load(training *t, smr_checkpoint *checkpoint) {
  smr_state state;
  int64_t n_rows = smr_checkpoint_count_rows(checkpoint, "metrics_step");
  smr_status status = smr_metrics_resize(t->metrics, smr_int_max(n_rows, 0));
  if (status == SMR_OK) {
    status = list_state(t, &state);
  }
  SMR_TRY(smr_agree(t->group, status));
  SMR_TRY(smr_checkpoint_read(checkpoint, &state));
  SMR_TRY(smr_trainer_resume(t->trainer));
  const double *last = smr_metrics_get_last(t->metrics);
  t->seconds_before = last != NULL ? last[SMR_RBM_seconds] : 0;
  smr_log_detail("unit %s goes on from step %" PRId64, t->unit->services->identity,
                 smr_checkpoint_get_step(checkpoint));
  return SMR_OK;
}

/* Goes on where a checkpoint left off, or starts. */
static smr_status begin(training *t) {
  smr_checkpoint *checkpoint = NULL;
  SMR_TRY(smr_checkpoint_open(t->group, t->checkpoints, t->unit->services->identity, &checkpoint));
  if (checkpoint == NULL) {
    return observe(t, smr_trainer_count_steps(t->trainer) == 0);
  }
  smr_status status = load(t, checkpoint);
  smr_checkpoint_close(&checkpoint);
  return status;
}

/* --- the training --- */

/* Looking whether to stop costs an exchange of messages: rarely for short steps. A function of the
 * job. */
static int64_t choose_patience(const training *t) {
  double flops = 0, slow_flops = 0;
  int64_t bytes = 0;
  smr_train_count_cost(&t->job.train, &t->job.rbm, t->shape.n_pixels, 1, 1, &flops, &slow_flops,
                       &bytes);
  return smr_int_max(1, smr_int_min(64, (int64_t)(1e9 / (flops + 1))));
}

/* Rank 0's clock decides. */
static bool is_checkpoint_due(const training *t) {
  double elapsed = smr_clock_monotonic_s() - t->last_checkpoint_s;
  int flag = t->group->rank == 0 && elapsed >= t->job.checkpoint_period_s;
  return smr_any(t->group, flag) != 0;
}

/* Says what is left after a training that went wrong. */
static smr_status explain(const training *t, smr_status status) {
  char message[512];
  if (status != SMR_ERR_NUMERIC) {
    return status;
  }
  snprintf(message, sizeof message, "%s", smr_error_message());
  const int64_t n = smr_metrics_count(t->metrics);
  SMR_FAIL(status,
           "%s; %" PRId64
           " monitoring points, and the last checkpoint if there was one, are kept in %s; try a "
           "smaller train.learning_rate, or a train.gradient_limit",
           message, n, t->unit->services->folder);
}

static smr_status check_stop(training *t) {
  smr_services *services = t->unit->services;
  if (services->should_stop(services)) {
    SMR_TRY(save(t));
    return SMR_STOPPED;
  }
  return is_checkpoint_due(t) ? save(t) : SMR_OK;
}

static smr_status train(training *t) {
  const int64_t n_steps = smr_trainer_count_steps(t->trainer);
  const int64_t patience = choose_patience(t);
  while (smr_trainer_get_step(t->trainer) < n_steps) {
    SMR_TRY(smr_trainer_step(t->trainer));
    const int64_t step = smr_trainer_get_step(t->trainer);
    const bool is_last = step == n_steps;
    const bool is_observed = step % t->period == 0 || is_last;
    if (is_observed) {
      SMR_TRY(observe(t, is_last));
    }
    if ((is_observed || step % patience == 0) && !is_last) {
      SMR_TRY(check_stop(t));
    }
  }
  return SMR_OK;
}

/* --- the end --- */

/* The trainer's parameters, the mean image and the samples as a model file holds them. */
static smr_status fill_model(const training *t, const double *mean, const float *samples,
                             smr_model *model) {
  const smr_rbm rbm = smr_trainer_get_rbm(t->trainer);
  const size_t v = (size_t)rbm.n_visible, h = (size_t)rbm.n_hidden;
  const float *visible_offset = NULL, *hidden_offset = NULL;
  smr_trainer_get_offsets(t->trainer, &visible_offset, &hidden_offset);
  SMR_TRY(smr_model_create(rbm.n_visible, rbm.n_hidden, t->job.n_samples, model));
  model->height = t->shape.height;
  model->width = t->shape.width;
  model->n_train = t->shape.n_train;
  memcpy(model->w, rbm.w, v * h * sizeof(float));
  memcpy(model->visible_bias, rbm.visible_bias, v * sizeof(float));
  memcpy(model->hidden_bias, rbm.hidden_bias, h * sizeof(float));
  memcpy(model->visible_offset, visible_offset, v * sizeof(float));
  memcpy(model->hidden_offset, hidden_offset, h * sizeof(float));
  for (size_t i = 0; i < v; ++i) {
    model->visible_mean[i] = (float)mean[i];
  }
  if (samples != NULL && model->n_samples > 0) {
    memcpy(model->samples, samples, (size_t)model->n_samples * v * sizeof(float));
  }
  return SMR_OK;
}

static smr_status write_model(const training *t, const double *mean, const float *samples) {
  smr_services *services = t->unit->services;
  smr_model model = {0};
  char path[SMR_PATH_BYTES];
  int64_t n = 0;
  const smr_attribute *attributes = smr_provenance_get(services->provenance, &n);
  smr_status status = fill_model(t, mean, samples, &model);
  if (status == SMR_OK) {
    status = smr_file_join(path, services->folder, "model.h5");
  }
  if (status == SMR_OK) {
    status = smr_model_write(path, &model, n, attributes);
  }
  smr_model_clear(&model);
  SMR_TRY(status);
  services->publish(services, "model.h5");
  return SMR_OK;
}

static smr_status conclude(training *t) {
  double *mean = NULL;
  float *samples = NULL;
  const int64_t n = t->job.n_samples;
  smr_status status = smr_memory_alloc(t->shape.n_pixels, sizeof *mean, "mean image", &mean);
  if (status == SMR_OK) {
    status = smr_memory_alloc(n * t->shape.n_pixels, sizeof *samples, "samples", &samples);
  }
  SMR_TRY_DONE(smr_agree(t->group, status));
  SMR_TRY_DONE(smr_images_get_mean(t->group, t->images, mean));
  if (n > 0) {
    SMR_TRY_DONE(smr_trainer_draw(t->trainer, n, t->job.sample_sweeps, samples));
  }
  status = t->group->rank == 0 ? write_model(t, mean, samples) : SMR_OK;
  SMR_TRY_DONE(smr_agree_root(t->group, 0, status));
  double *record = t->unit->services->record;
  const double *last = smr_metrics_get_last(t->metrics);
  if (record != NULL && last != NULL) {
    memcpy(record, last, (size_t)smr_rbm_count_values(&t->job) * sizeof *record);
  }
done:
  smr_memory_free(mean);
  smr_memory_free(samples);
  return status;
}

/* --- putting it together --- */

smr_status smr_rbm_create_trainer(const smr_context *group, const smr_rbm_job *job,
                                  const smr_images *images, smr_trainer **out) {
  smr_model model = {0};
  smr_status status = SMR_OK;
  const bool has_start = job->start[0] != '\0';
  if (has_start) {
    SMR_TRY_DONE(smr_model_load(group, job->start, NULL, &model));
  }
  smr_rbm start = {model.n_visible, model.n_hidden, model.w, model.visible_bias, model.hidden_bias};
  SMR_TRY_DONE(
      smr_trainer_create(group, &job->train, &job->rbm, images, has_start ? &start : NULL, out));
done:
  smr_model_clear(&model);
  return status;
}

static smr_status allocate(training *t, smr_metric *list) {
  int64_t n = 0;
  smr_rbm_list_metrics(&t->job, list, &n);
  SMR_TRY(smr_memory_alloc(smr_rbm_count_values(&t->job) + t->job.monitor.n_singular_values,
                           sizeof *t->row, "row of metrics", &t->row));
  SMR_TRY(smr_file_join(t->checkpoints, t->unit->services->folder, "checkpoints"));
  return smr_metrics_create(n, list, &t->metrics);
}

smr_status smr_rbm_run(const smr_unit *unit) {
  smr_metric list[SMR_RBM_N_ALL_METRICS + 1];
  training t = {.unit = unit,
                .group = unit->group,
                .job = smr_rbm_configure(unit->common, unit->config),
                .start_s = smr_clock_monotonic_s(),
                .last_checkpoint_s = smr_clock_monotonic_s()};
  t.images = smr_rbm_find_images(unit->state, &t.job.data);
  t.shape = smr_images_get_shape(t.images);
  t.period = smr_rbm_get_period(&t.job, t.shape.n_train);
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(t.group, allocate(&t, list)));
  SMR_TRY_DONE(smr_rbm_create_trainer(t.group, &t.job, t.images, &t.trainer));
  SMR_TRY_DONE(
      smr_monitor_create(t.group, &t.job.monitor, t.images, t.job.rbm.n_hidden, &t.monitor));
  SMR_TRY_DONE(begin(&t));
  SMR_TRY_DONE(train(&t));
  SMR_TRY_DONE(conclude(&t));
done:
  status = explain(&t, status);
  smr_monitor_destroy(&t.monitor);
  smr_trainer_destroy(&t.trainer);
  smr_metrics_destroy(&t.metrics);
  smr_memory_free(t.row);
  return status;
}
