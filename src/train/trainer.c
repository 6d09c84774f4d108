/* Data-parallel steps: shards over ranks and threads, one sum over ranks, one update everywhere.
 *
 * A step in waves: as many shards as there are threads go through their phases, one a thread; then
 * the threads add them to the sums panel by panel, each in the order of shards. Integers make that
 * order irrelevant between ranks, and workspaces small. */
#include "simmer/train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "schedule.h"
#include "simmer/base/clock.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/comm/reduce.h"
#include "trainer_private.h"

void smr_train_record(train_failure *failure, int64_t item, smr_status status) {
#pragma omp critical(smr_train_failure)
  if (status != SMR_OK && (failure->status == SMR_OK || item < failure->item)) {
    failure->status = status;
    failure->item = item;
    snprintf(failure->message, sizeof failure->message, "%s", smr_error_message());
  }
}

smr_status smr_train_get_failure(const train_failure *failure) {
  if (failure->status != SMR_OK) {
    SMR_FAIL(failure->status, "%s", failure->message);
  }
  return SMR_OK;
}

/* The shards and rows of this rank. */
static void share_shards(smr_trainer *t, rbm_shape *shape) {
  const int64_t batch = t->config.batch_rows;
  t->shard_rows = smr_train_get_shard_rows(&t->config);
  smr_int_share(smr_train_count_shards(&t->config), t->context->size, t->context->rank,
                &t->first_shard, &t->n_shards);
  t->n_threads = (int)smr_int_max(1, smr_int_min(omp_get_max_threads(), t->n_shards));
  shape->first_row = smr_int_min(t->first_shard * t->shard_rows, batch);
  shape->n_rows =
      smr_int_min((t->first_shard + t->n_shards) * t->shard_rows, batch) - shape->first_row;
}

static smr_status check_start(const smr_trainer *t, const smr_rbm *start, int64_t n_hidden) {
  if (start != NULL && (start->n_visible != t->rows.n_pixels || start->n_hidden != n_hidden)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "the model to start from is %" PRId64 " x %" PRId64 ", but %" PRId64 " x %" PRId64
             " is wanted",
             start->n_visible, start->n_hidden, t->rows.n_pixels, n_hidden);
  }
  return SMR_OK;
}

/* Everything but parameters. Local. */
static smr_status build(smr_trainer *t, const smr_rbm_config *config, const smr_rbm *start) {
  rbm_shape shape = {.train = &t->config, .rbm = config, .n_visible = t->rows.n_pixels};
  /* Weights of B/C are rounded: room for a bit more than 1 a row. */
  const bool has_weights = config->negative_phase == SMR_NEGATIVE_TEMPERED &&
                           config->tempered.n_chains != t->config.batch_rows;
  t->scale = smr_reduce_scale32((has_weights ? 2 : 1) * t->config.batch_rows);
  SMR_TRY(smr_schedule_check(&t->config, t->rows.n_rows));
  SMR_TRY(check_start(t, start, config->n_hidden));
  t->n_steps = smr_train_count_steps(&t->config, t->rows.n_rows);
  t->gradient_norm = (double)NAN;
  share_shards(t, &shape);
  shape.n_threads = (int)smr_int_max(t->n_threads, 1);
  SMR_TRY(rbm_gradient_create(&shape, &t->rbm));
  t->model = rbm_gradient_get_model(t->rbm);
  SMR_TRY(smr_memory_alloc(t->model.n_statistics + 1, sizeof *t->sums, "statistics", &t->sums));
  return smr_memory_alloc(t->n_threads * t->shard_rows, sizeof *t->indices, "row indices",
                          &t->indices);
}

/* First parameters and, over them, the ladder. */
static smr_status begin(smr_trainer *t, const smr_rbm *start, double *mean) {
  const smr_rbm_config *config = &t->rbm->config;
  const bool is_tempered = config->negative_phase == SMR_NEGATIVE_TEMPERED;
  if (config->has_data_bias || config->is_centred || is_tempered) {
    SMR_TRY(t->rows.get_mean(t->rows.self, t->context, mean));
  }
  rbm_gradient_init(t->rbm, start, mean);
  return is_tempered ? rbm_ladder_create(t->context, t->rbm, mean, t->rows.n_rows, &t->ladder)
                     : SMR_OK;
}

smr_status smr_trainer_create_on(const smr_context *context, const smr_train_config *config,
                                 const smr_rbm_config *rbm_config, const smr_train_rows *rows,
                                 const smr_rbm *start, smr_trainer **out) {
  smr_rbm_config resolved = *rbm_config;
  smr_status status = SMR_OK;
  smr_trainer *t = NULL;
  double *mean = NULL;
  *out = NULL;
  status = smr_memory_alloc(1, sizeof *t, "a trainer", &t);
  if (status == SMR_OK) {
    t->context = context;
    t->config = *config;
    t->rows = *rows;
    resolved.tempered = rbm_ladder_resolve(rbm_config, config->batch_rows);
    status = build(t, &resolved, start);
  }
  if (status == SMR_OK) {
    status = smr_memory_alloc(rows->n_pixels, sizeof *mean, "means of pixels", &mean);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  SMR_TRY_DONE(begin(t, start, mean));
  *out = t;
  t = NULL;
done:
  smr_trainer_destroy(&t);
  smr_memory_free(mean);
  return status;
}

void smr_trainer_destroy(smr_trainer **trainer) {
  smr_trainer *t = *trainer;
  if (t == NULL) {
    return;
  }
  rbm_ladder_destroy(&t->ladder);
  rbm_gradient_destroy(t->rbm);
  smr_memory_free(t->sums);
  smr_memory_free(t->indices);
  smr_memory_free(t);
  *trainer = NULL;
}

/* Rows of a shard by the orders of their epochs: position p of all rows ever taken is entry p mod N
 * of epoch p / N. A shard may reach from one epoch into the next ones. */
static smr_status read_shard(const smr_trainer *t, const smr_train_shard *shard, int64_t *indices,
                             float *out) {
  const smr_random_key key = {t->config.seed, smr_random_stream("train.order", 0, 0)};
  const int64_t n_rows = t->rows.n_rows;
  int64_t position = shard->step * t->config.batch_rows + shard->first;
  for (int64_t done = 0; done < shard->n;) {
    const int64_t epoch = position / n_rows;
    const int64_t n = smr_int_min(shard->n - done, (epoch + 1) * n_rows - position);
    const smr_permutation order = smr_random_shuffle(key, (uint64_t)epoch, n_rows);
    for (int64_t i = 0; i < n; i++) {
      indices[i] = smr_permutation_get(&order, position - epoch * n_rows + i);
    }
    SMR_TRY(t->rows.read(t->rows.self, n, indices, (uint64_t)epoch, out + done * t->rows.n_pixels));
    position += n;
    done += n;
  }
  return SMR_OK;
}

/* Shard `index` of the batch in a slot. */
static smr_status compute_shard(smr_trainer *t, int slot, int64_t index) {
  const int64_t first = index * t->shard_rows;
  const smr_train_shard shard = {.step = t->step,
                                 .progress =
                                     smr_schedule_progress(&t->config, t->rows.n_rows, t->step),
                                 .first = first,
                                 .n = smr_int_min(t->shard_rows, t->config.batch_rows - first)};
  if (smr_fault("train.shard")) {
    SMR_FAIL(SMR_ERR_INTERNAL, "fault train.shard");
  }
  SMR_TRY(read_shard(t, &shard, t->indices + slot * t->shard_rows,
                     t->model.get_input(t->model.self, slot)));
  return t->model.compute(t->model.self, slot, &shard);
}

/* Shards first..first+n-1 of the batch, one a slot. */
static void compute_wave(smr_trainer *t, int64_t first, int n, double scale) {
#pragma omp parallel for schedule(static, 1) num_threads(n)
  for (int slot = 0; slot < n; slot++) {
    smr_train_record(&t->failure, first + slot, compute_shard(t, slot, first + slot));
  }
  if (t->failure.status != SMR_OK) {
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(t->n_threads)
  for (int64_t panel = 0; panel < t->model.n_panels; panel++) {
    smr_status status =
        t->model.add_panel(t->model.self, omp_get_thread_num(), panel, n, scale, t->sums);
    smr_train_record(&t->failure, first, status);
  }
}

static smr_status compute_shards(smr_trainer *t, double scale) {
  t->failure = (train_failure){0};
  for (int64_t s = 0; s < t->n_shards && t->failure.status == SMR_OK; s += t->n_threads) {
    compute_wave(t, t->first_shard + s, (int)smr_int_min(t->n_threads, t->n_shards - s), scale);
  }
  return smr_train_get_failure(&t->failure);
}

/* Statistics of all ranks; whether any has failed travels with them. */
static smr_status sum_over_ranks(smr_trainer *t, smr_status status) {
  const int64_t n = t->model.n_statistics;
  const double start = smr_clock_monotonic_s();
  t->sums[n] = status != SMR_OK;
  SMR_TRY(smr_reduce_sum32(t->context, n + 1, t->sums));
  t->reduce_seconds += smr_clock_monotonic_s() - start;
  return t->sums[n] != 0 ? smr_agree(t->context, status) : SMR_OK;
}

static int64_t get_sweeps(const smr_trainer *t) {
  return smr_schedule_gibbs_steps(&t->rbm->config,
                                  smr_schedule_progress(&t->config, t->rows.n_rows, t->step));
}

static smr_status take_step(smr_trainer *t) {
  const int64_t n_train = t->rows.n_rows;
  if (t->ladder != NULL) {
    SMR_TRY(rbm_ladder_advance(t->ladder, t->step, get_sweeps(t)));
  }
  const smr_train_update update = {.step = t->step,
                                   .scale = t->scale,
                                   .rate = smr_trainer_get_learning_rate(t),
                                   .momentum = smr_schedule_momentum(&t->config, n_train, t->step),
                                   .l1 = t->config.l1,
                                   .l2 = t->config.l2,
                                   .gradient_limit = t->config.gradient_limit};
  smr_status status = compute_shards(t, t->scale);
  if (status == SMR_OK && t->ladder != NULL) {
    status = rbm_ladder_look_back(t->ladder);
  }
  SMR_TRY(sum_over_ranks(t, status));
  SMR_TRY(t->model.update(t->model.self, &update, t->sums, &t->gradient_norm));
  return t->ladder != NULL ? rbm_ladder_follow(t->ladder) : SMR_OK;
}

smr_status smr_trainer_step(smr_trainer *t) {
  const smr_status status = take_step(t);
  if (status != SMR_OK) {
    return smr_error_prefix(status, "step %" PRId64 " of the training", t->step + 1);
  }
  t->step++;
  return SMR_OK;
}

smr_status smr_trainer_measure_ladder(smr_trainer *t, smr_ladder_values *values) {
  const double none = (double)NAN;
  *values = (smr_ladder_values){none, none, none, none, none, none, none, none, none, none, none};
  return t->ladder != NULL ? rbm_ladder_measure(t->ladder, get_sweeps(t), values) : SMR_OK;
}

int64_t smr_trainer_get_step(const smr_trainer *t) {
  return t->step;
}

int64_t smr_trainer_count_steps(const smr_trainer *t) {
  return t->n_steps;
}

double smr_trainer_get_epoch(const smr_trainer *t) {
  return smr_schedule_epoch(&t->config, t->rows.n_rows, t->step);
}

double smr_trainer_get_learning_rate(const smr_trainer *t) {
  const double factor = t->ladder != NULL ? rbm_ladder_get_rate_factor(t->ladder) : 1.0;
  return factor * smr_schedule_rate(&t->config, t->rows.n_rows, t->step);
}

double smr_trainer_get_gradient_norm(const smr_trainer *t) {
  return t->gradient_norm;
}

double smr_trainer_get_reduce_seconds(const smr_trainer *t) {
  return t->reduce_seconds;
}

smr_rbm smr_trainer_get_rbm(const smr_trainer *t) {
  return rbm_gradient_get_rbm(t->rbm);
}
