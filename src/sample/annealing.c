/* Annealed importance sampling: checks, shards of runs over ranks and threads, their state, the
 * mean weight. */
#include "simmer/sample/annealing.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"
#include "simmer/comm/reduce.h"

#include "annealing_shard.h"
#include "betas.h"
#include "mean_weight.h"
#include "simmer/base/fault.h"

int64_t smr_annealing_usual_betas(double *betas) {
  enum { N_SLOW = 500, N_MIDDLE = 4000, N_FAST = 10000, N = N_SLOW + N_MIDDLE + N_FAST + 1 };
  for (int64_t k = 0; betas != NULL && k < N; k++) {
    if (k <= N_SLOW) {
      betas[k] = (double)k / 1e3;
    } else if (k <= N_SLOW + N_MIDDLE) {
      betas[k] = (double)(5000 + k - N_SLOW) / 1e4;
    } else {
      betas[k] = (double)(90000 + k - N_SLOW - N_MIDDLE) / 1e5;
    }
  }
  return N;
}

void smr_annealing_base_bias(int64_t n_visible, const double *mean, int64_t n, double strength,
                             float *base_bias) {
  for (int64_t i = 0; i < n_visible; i++) {
    const double on = mean[i] * (double)n + strength;
    const double off = (1.0 - mean[i]) * (double)n + strength;
    base_bias[i] = (float)(log(on) - log(off));
  }
}

double smr_annealing_count_flops(const smr_annealing_config *config, int64_t n_visible,
                                 int64_t n_hidden) {
  return 4.0 * (double)config->n_runs * (double)(config->n_betas - 1) * (double)n_visible *
         (double)n_hidden;
}

static smr_status check_finite(int64_t n, const float *x, const char *what) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "no annealing: %s %" PRId64 " of the RBM is %g", what, i,
               (double)x[i]);
    }
  }
  return SMR_OK;
}

static smr_status check_states(int64_t n, int64_t n_visible, const float *v) {
  for (int64_t i = 0; i < n * n_visible; i++) {
    if (v[i] != 0.0F && v[i] != 1.0F) {
      SMR_FAIL(SMR_ERR_INPUT,
               "samples for annealing must be 0 or 1: unit %" PRId64 " of sample %" PRId64 " is %g",
               i % n_visible, i / n_visible, (double)v[i]);
    }
  }
  return SMR_OK;
}

static smr_status check(const smr_rbm *rbm, const smr_annealing_config *config) {
  if (config->n_runs < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "annealing needs at least 1 run, not %" PRId64, config->n_runs);
  }
  SMR_TRY(smr_betas_check(config->n_betas, config->betas, true));
  SMR_TRY(check_finite(rbm->n_visible * rbm->n_hidden, rbm->w, "weight"));
  SMR_TRY(check_finite(rbm->n_visible, rbm->visible_bias, "visible bias"));
  SMR_TRY(check_finite(rbm->n_hidden, rbm->hidden_bias, "hidden bias"));
  return check_finite(rbm->n_visible, config->base_bias, "base bias");
}

struct smr_annealing {
  const smr_context *context;
  smr_rbm rbm;
  smr_annealing_config config;
  smr_annealing_path path;
  double *field;
  int64_t n_shards;
  int64_t first_run, n_own; /* runs of this rank: a contiguous range of shards */
  int n_works;
  smr_annealing_work *works; /* of threads */
  /* The state. */
  int64_t step;
  float *v;            /* [n_own x V] */
  double *log_weights; /* [n_own] */
  /* Of the part that is under way. */
  int64_t last_step;
};

/* --- making it --- */

/* Number of the first run of a shard; of all runs when there is no such shard. */
static int64_t find_run(const smr_annealing *all, int64_t shard) {
  int64_t first = 0;
  int64_t n = 0;
  smr_int_share(all->config.n_runs, all->n_shards, shard, &first, &n);
  return shard < all->n_shards ? first : all->config.n_runs;
}

/* Everything that can fail before the first collective call. Local. */
static smr_status build(smr_annealing *all) {
  const int n_threads = omp_get_max_threads();
  int64_t shard = 0;
  int64_t n_mine = 0;
  SMR_TRY(check(&all->rbm, &all->config));
  all->n_shards = smr_annealing_count_shards(all->config.n_runs);
  smr_int_share(all->n_shards, all->context->size, all->context->rank, &shard, &n_mine);
  all->first_run = find_run(all, shard);
  all->n_own = find_run(all, shard + n_mine) - all->first_run;
  SMR_TRY(smr_memory_alloc(all->rbm.n_visible, sizeof *all->field, "annealing", &all->field));
  SMR_TRY(smr_memory_alloc(all->n_own * all->rbm.n_visible, sizeof *all->v, "annealing", &all->v));
  SMR_TRY(smr_memory_alloc(all->n_own, sizeof(double), "annealing", &all->log_weights));
  SMR_TRY(smr_memory_alloc(n_threads, sizeof *all->works, "annealing", &all->works));
  while (all->n_works < n_threads) {
    smr_annealing_work *work = &all->works[all->n_works++];
    SMR_TRY(smr_annealing_work_init(&all->rbm, work));
  }
  for (int64_t i = 0; i < all->rbm.n_visible; i++) {
    all->field[i] = (double)all->rbm.visible_bias[i] - (double)all->config.base_bias[i];
  }
  all->path = (smr_annealing_path){&all->rbm, &all->config, all->field, 0};
  return SMR_OK;
}

smr_status smr_annealing_create(const smr_context *context, const smr_rbm *rbm,
                                const smr_annealing_config *config, smr_annealing **out) {
  smr_annealing *all = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *all, "annealing", &all);
  if (status == SMR_OK) {
    all->context = context;
    all->rbm = *rbm;
    all->config = *config;
    status = build(all);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK) {
    smr_annealing_destroy(&all);
  }
  *out = all;
  return status;
}

void smr_annealing_destroy(smr_annealing **out) {
  smr_annealing *all = *out;
  if (all == NULL) {
    return;
  }
  for (int t = 0; t < all->n_works; t++) {
    smr_annealing_work_clear(&all->works[t]);
  }
  smr_memory_free(all->works);
  smr_memory_free(all->field);
  smr_memory_free(all->v);
  smr_memory_free(all->log_weights);
  smr_memory_free(all);
  *out = NULL;
}

/* --- moving --- */

/* The runs of one of this rank's shards. */
static smr_annealing_runs get_runs(const smr_annealing *all, int64_t shard) {
  const int64_t first = find_run(all, shard);
  const int64_t own = first - all->first_run;
  return (smr_annealing_runs){first, find_run(all, shard + 1) - first,
                              all->v + own * all->rbm.n_visible, all->log_weights + own};
}

/* A leaf of the tree, which only spreads shards and agrees on failures: its values are empty. */
static smr_status move_shard(void *self, int thread, int64_t shard, void *value) {
  smr_annealing *all = self;
  const smr_annealing_runs runs = get_runs(all, shard);
  (void)value;
  if (smr_fault("annealing.shard")) {
    SMR_FAIL(SMR_ERR_INTERNAL, "fault annealing.shard");
  }
  for (int64_t step = all->step + 1; step <= all->last_step; step++) {
    smr_annealing_move(&all->path, &runs, step, &all->works[thread]);
  }
  for (int64_t i = 0; i < runs.n; i++) {
    if (!isfinite(runs.log_weights[i])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "the weight of annealing run %" PRId64 " is %g", runs.first + i,
               runs.log_weights[i]);
    }
  }
  return SMR_OK;
}

static smr_status combine_nothing(void *self, int thread, void *left, void *right) {
  (void)self;
  (void)thread;
  (void)left;
  (void)right;
  return SMR_OK;
}

smr_status smr_annealing_start(smr_annealing *all, const float *samples) {
  const int64_t n_visible = all->rbm.n_visible;
  all->path.is_reverse = samples != NULL;
  all->step = 0;
  if (samples == NULL) {
    smr_annealing_draw(&all->path,
                       &(smr_annealing_runs){all->first_run, all->n_own, all->v, all->log_weights});
    return SMR_OK;
  }
  memcpy(all->v, samples + all->first_run * n_visible,
         (size_t)(all->n_own * n_visible) * sizeof *all->v);
  memset(all->log_weights, 0, (size_t)all->n_own * sizeof *all->log_weights);
  return smr_agree(all->context, check_states(all->config.n_runs, n_visible, samples));
}

smr_status smr_annealing_advance(smr_annealing *all, int64_t n_steps) {
  const int64_t n_left = all->config.n_betas - 1 - all->step;
  char nothing = 0;
  const smr_reduce_tree tree = {.n_shards = all->n_shards,
                                .value_bytes = sizeof nothing,
                                .self = all,
                                .leaf = move_shard,
                                .combine = combine_nothing};
  all->last_step = all->step + smr_int_min(n_steps, n_left);
  SMR_TRY(smr_reduce_run(all->context, &tree, &nothing));
  all->step = all->last_step;
  return SMR_OK;
}

int64_t smr_annealing_get_step(const smr_annealing *all) {
  return all->step;
}

/* --- checkpoints --- */

smr_status smr_annealing_list_state(smr_annealing *all, smr_state *state) {
  const smr_state_array v = {.array = {.name = "annealed",
                                       .type = SMR_F32,
                                       .n_dimensions = 2,
                                       .shape = {all->config.n_runs, all->rbm.n_visible},
                                       .dimensions = {"run", "unit_0"},
                                       .meaning = "states of annealing runs",
                                       .data = all->v},
                             .is_distributed = true,
                             .first_row = all->first_run,
                             .n_rows = all->n_own};
  smr_state_array log_weights = v;
  log_weights.array = (smr_array){.name = "log_weights",
                                  .type = SMR_F64,
                                  .n_dimensions = 1,
                                  .shape = {all->config.n_runs},
                                  .dimensions = {"run"},
                                  .meaning = "their ln weights so far",
                                  .data = all->log_weights};
  const smr_state_array step = {.array = {.name = "annealing_step",
                                          .type = SMR_I64,
                                          .meaning = "steps of annealing done",
                                          .data = &all->step}};
  const smr_state_array is_reverse = {.array = {.name = "is_reverse",
                                                .type = SMR_I64,
                                                .meaning = "1: annealing goes down",
                                                .data = &all->path.is_reverse}};
  SMR_TRY(smr_state_append(state, &v));
  SMR_TRY(smr_state_append(state, &log_weights));
  SMR_TRY(smr_state_append(state, &step));
  return smr_state_append(state, &is_reverse);
}

static smr_status check_state(const smr_annealing *all) {
  const int64_t last = all->config.n_betas - 1;
  if (all->step < 0 || all->step > last || all->path.is_reverse < 0 || all->path.is_reverse > 1) {
    SMR_FAIL(SMR_ERR_INPUT, "the state to go on from is at step %" PRId64 " of %" PRId64, all->step,
             last);
  }
  for (int64_t i = 0; i < all->n_own; i++) {
    if (!isfinite(all->log_weights[i])) {
      SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has a weight of %g", all->log_weights[i]);
    }
  }
  return check_states(all->n_own, all->rbm.n_visible, all->v);
}

smr_status smr_annealing_resume(smr_annealing *all) {
  return smr_agree(all->context, check_state(all));
}

int64_t smr_annealing_count_shards(int64_t n_runs) {
  return smr_int_ceil_divide(n_runs, SMR_ANNEALING_RUNS);
}

int64_t smr_annealing_count_bytes(const smr_annealing_config *config, int64_t n_visible,
                                  int n_ranks) {
  const int64_t n_shards = smr_annealing_count_shards(config->n_runs);
  const int64_t n_own =
      smr_int_min(config->n_runs, smr_int_ceil_divide(n_shards, n_ranks) * SMR_ANNEALING_RUNS);
  return n_own * (4 * n_visible + 8);
}

/* --- the end --- */

/* ln Z_0 = sum softplus(a) + H ln 2. */
static double get_log_z0(const smr_annealing *all) {
  double sum = (double)all->rbm.n_hidden * log(2.0);
  for (int64_t i = 0; i < all->rbm.n_visible; i++) {
    const double a = (double)all->config.base_bias[i];
    sum += fmax(a, 0.0) + log1p(exp(-fabs(a)));
  }
  return sum;
}

static smr_annealing_result summarize(const smr_annealing *all, const double *log_weights) {
  const int64_t n = all->config.n_runs;
  const double sign = all->path.is_reverse ? -1.0 : 1.0;
  const smr_mean_weight mean = smr_mean_weight_get(n, log_weights);
  return (smr_annealing_result){.log_z = get_log_z0(all) + sign * mean.log_mean,
                                .log_z_stderr = mean.relative_stderr,
                                .effective_samples = mean.effective_samples,
                                .is_reliable = n > 1 && mean.effective_samples >= 0.1 * (double)n};
}

smr_status smr_annealing_finish(smr_annealing *all, double *log_weights,
                                smr_annealing_result *out) {
  const size_t bytes = (size_t)all->config.n_runs * sizeof(double);
  double *gathered = NULL;
  SMR_TRY(smr_agree(all->context, smr_memory_alloc(all->config.n_runs, sizeof(double),
                                                   "weights of annealing", &gathered)));
  smr_gather_rows(all->context, 0, sizeof(double), all->n_own, all->log_weights, gathered);
  smr_broadcast(all->context, 0, gathered, bytes);
  *out = summarize(all, gathered);
  if (log_weights != NULL) {
    memcpy(log_weights, gathered, bytes);
  }
  smr_memory_free(gathered);
  all->step = 0;
  return SMR_OK;
}

static smr_status run(const smr_context *context, const smr_rbm *rbm,
                      const smr_annealing_config *config, const float *samples, double *log_weights,
                      smr_annealing_result *out) {
  smr_annealing *all = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(smr_annealing_create(context, rbm, config, &all));
  SMR_TRY_DONE(smr_annealing_start(all, samples));
  SMR_TRY_DONE(smr_annealing_advance(all, config->n_betas));
  SMR_TRY_DONE(smr_annealing_finish(all, log_weights, out));
done:
  smr_annealing_destroy(&all);
  return status;
}

smr_status smr_annealing_run(const smr_context *context, const smr_rbm *rbm,
                             const smr_annealing_config *config, double *log_weights,
                             smr_annealing_result *out) {
  return run(context, rbm, config, NULL, log_weights, out);
}

smr_status smr_annealing_run_reverse(const smr_context *context, const smr_rbm *rbm,
                                     const smr_annealing_config *config, const float *samples,
                                     double *log_weights, smr_annealing_result *out) {
  return run(context, rbm, config, samples, log_weights, out);
}
