/* Annealed importance sampling: checks, shards of runs over ranks and threads, the mean weight. */
#include "simmer/sample/annealing.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"
#include "simmer/comm/reduce.h"

#include "annealing_shard.h"
#include "betas.h"
#include "mean_weight.h"

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

static smr_status check_samples(const smr_annealing_path *path) {
  const int64_t n = path->samples == NULL ? 0 : path->config->n_runs * path->rbm->n_visible;
  for (int64_t i = 0; i < n; i++) {
    if (path->samples[i] != 0.0F && path->samples[i] != 1.0F) {
      SMR_FAIL(SMR_ERR_INPUT,
               "samples for annealing must be 0 or 1: unit %" PRId64 " of sample %" PRId64 " is %g",
               i % path->rbm->n_visible, i / path->rbm->n_visible, (double)path->samples[i]);
    }
  }
  return SMR_OK;
}

static smr_status check(const smr_annealing_path *path) {
  const smr_rbm *rbm = path->rbm;
  if (path->config->n_runs < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "annealing needs at least 1 run, not %" PRId64, path->config->n_runs);
  }
  SMR_TRY(smr_betas_check(path->config->n_betas, path->config->betas, true));
  SMR_TRY(check_finite(rbm->n_visible * rbm->n_hidden, rbm->w, "weight"));
  SMR_TRY(check_finite(rbm->n_visible, rbm->visible_bias, "visible bias"));
  SMR_TRY(check_finite(rbm->n_hidden, rbm->hidden_bias, "hidden bias"));
  SMR_TRY(check_finite(rbm->n_visible, path->config->base_bias, "base bias"));
  return check_samples(path);
}

typedef struct {
  smr_annealing_path path;
  int64_t n_shards;
  double *field;
  double *log_weights; /* [n_runs] own ones, then all */
  double *gathered;    /* [n_runs] on rank 0 */
  int n_works;
  smr_annealing_work *works; /* of threads */
} annealing;

static void clear(annealing *all) {
  for (int t = 0; t < all->n_works; t++) {
    smr_annealing_work_clear(&all->works[t]);
  }
  smr_memory_free(all->works);
  smr_memory_free(all->field);
  smr_memory_free(all->log_weights);
  smr_memory_free(all->gathered);
}

/* Everything that can fail before the first collective call. Local. */
static smr_status prepare(annealing *all) {
  const smr_rbm *rbm = all->path.rbm;
  const smr_annealing_config *config = all->path.config;
  const int n_threads = omp_get_max_threads();
  SMR_TRY(check(&all->path));
  all->n_shards = smr_int_ceil_divide(config->n_runs, SMR_ANNEALING_RUNS);
  SMR_TRY(smr_memory_alloc(rbm->n_visible, sizeof *all->field, "annealing", &all->field));
  SMR_TRY(smr_memory_alloc(config->n_runs, sizeof(double), "annealing", &all->log_weights));
  SMR_TRY(smr_memory_alloc(config->n_runs, sizeof(double), "annealing", &all->gathered));
  SMR_TRY(smr_memory_alloc(n_threads, sizeof *all->works, "annealing", &all->works));
  while (all->n_works < n_threads) {
    smr_annealing_work *work = &all->works[all->n_works++];
    SMR_TRY(smr_annealing_work_init(rbm, work));
  }
  for (int64_t i = 0; i < rbm->n_visible; i++) {
    all->field[i] = (double)rbm->visible_bias[i] - (double)config->base_bias[i];
  }
  all->path.field = all->field;
  return SMR_OK;
}

/* A leaf of the tree, which only spreads shards and agrees on failures: value counts runs. */
static smr_status run_shard(void *self, int thread, int64_t shard, void *value) {
  const annealing *all = self;
  int64_t *count = value;
  int64_t first = 0;
  smr_int_share(all->path.config->n_runs, all->n_shards, shard, &first, count);
  smr_annealing_shard(&all->path, first, *count, &all->works[thread], all->log_weights + first);
  for (int64_t run = first; run < first + *count; run++) {
    if (!isfinite(all->log_weights[run])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "the weight of annealing run %" PRId64 " is %g", run,
               all->log_weights[run]);
    }
  }
  return SMR_OK;
}

static smr_status add_counts(void *self, int thread, void *left, void *right) {
  int64_t *sum = left;
  const int64_t *count = right;
  (void)self;
  (void)thread;
  *sum += *count;
  return SMR_OK;
}

/* Number of the first run of a shard; of all runs when there is no such shard. */
static int64_t find_run(const annealing *all, int64_t shard) {
  int64_t first = 0;
  int64_t n = 0;
  smr_int_share(all->path.config->n_runs, all->n_shards, shard, &first, &n);
  return shard < all->n_shards ? first : all->path.config->n_runs;
}

/* Log weights of all ranks on all ranks: a rank has those of a contiguous range of shards. */
static void gather(const smr_context *context, annealing *all) {
  const int64_t n_runs = all->path.config->n_runs;
  int64_t shard = 0;
  int64_t n_mine = 0;
  smr_int_share(all->n_shards, context->size, context->rank, &shard, &n_mine);
  const int64_t first = find_run(all, shard);
  const int64_t end = find_run(all, shard + n_mine);
  smr_gather_rows(context, 0, sizeof(double), end - first, all->log_weights + first, all->gathered);
  smr_broadcast(context, 0, all->gathered, (size_t)n_runs * sizeof(double));
}

/* ln Z_0 = sum softplus(a) + H ln 2. */
static double get_log_z0(const smr_annealing_path *path) {
  double sum = (double)path->rbm->n_hidden * log(2.0);
  for (int64_t i = 0; i < path->rbm->n_visible; i++) {
    const double a = (double)path->config->base_bias[i];
    sum += fmax(a, 0.0) + log1p(exp(-fabs(a)));
  }
  return sum;
}

static void summarize(const annealing *all, smr_annealing_result *out) {
  const int64_t n = all->path.config->n_runs;
  const double sign = all->path.samples == NULL ? 1.0 : -1.0;
  const smr_mean_weight mean = smr_mean_weight_get(n, all->gathered);
  *out = (smr_annealing_result){.log_z = get_log_z0(&all->path) + sign * mean.log_mean,
                                .log_z_stderr = mean.relative_stderr,
                                .effective_samples = mean.effective_samples,
                                .is_reliable = n > 1 && mean.effective_samples >= 0.1 * (double)n};
}

static smr_status run(const smr_context *context, const smr_annealing_path *path,
                      double *log_weights, smr_annealing_result *out) {
  annealing all = {.path = *path};
  int64_t n_done = 0;
  smr_reduce_tree tree = {
      .value_bytes = sizeof n_done, .self = &all, .leaf = run_shard, .combine = add_counts};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(context, prepare(&all)));
  tree.n_shards = all.n_shards;
  SMR_TRY_DONE(smr_reduce_run(context, &tree, &n_done));
  gather(context, &all);
  summarize(&all, out);
  for (int64_t i = 0; log_weights != NULL && i < n_done; i++) {
    log_weights[i] = all.gathered[i];
  }
done:
  clear(&all);
  return status;
}

smr_status smr_annealing_run(const smr_context *context, const smr_rbm *rbm,
                             const smr_annealing_config *config, double *log_weights,
                             smr_annealing_result *out) {
  return run(context, &(smr_annealing_path){.rbm = rbm, .config = config}, log_weights, out);
}

smr_status smr_annealing_run_reverse(const smr_context *context, const smr_rbm *rbm,
                                     const smr_annealing_config *config, const float *samples,
                                     double *log_weights, smr_annealing_result *out) {
  return run(context, &(smr_annealing_path){.rbm = rbm, .config = config, .samples = samples},
             log_weights, out);
}
