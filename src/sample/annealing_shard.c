/* The hot loop of annealing. At 784 x 500 and 100 runs, on one core with AVX-512, a run and
 * temperature took 20.8 us: 18.7 us of products (14.1 us if all runs were one shard) and 1.9 us of
 * the rest. */
#include "annealing_shard.h"

#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/vector.h"

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) {
  const int64_t n_v = SMR_ANNEALING_RUNS * rbm->n_visible;
  const int64_t n_h = SMR_ANNEALING_RUNS * rbm->n_hidden;
  SMR_TRY(smr_memory_alloc(n_v + n_h + rbm->n_visible, sizeof *work->memory, "annealing",
                           &work->memory));
  work->v = work->memory;
  work->h = work->v + n_v;
  work->bias = work->h + n_h;
  return SMR_OK;
}

void smr_annealing_work_clear(smr_annealing_work *work) {
  smr_memory_free(work->memory);
  *work = (smr_annealing_work){.memory = NULL};
}

static smr_random_key get_key(const smr_annealing_path *path, const char *unit) {
  const uint64_t is_reverse = path->samples != NULL;
  return (smr_random_key){path->config->seed, smr_random_stream(unit, is_reverse, 0)};
}

/* Rows of a product; those beyond n are zeros in v and h for ever. */
static int64_t fill_up(int64_t n) {
  return smr_int_ceil_divide(n, SMR_ANNEALING_ROWS) * SMR_ANNEALING_ROWS;
}

/* v: samples, or draws of the base rates. */
static void start(const smr_annealing_path *path, int64_t first, int64_t n,
                  smr_annealing_work *work) {
  const int64_t n_visible = path->rbm->n_visible;
  const smr_vector_units units = {n, n_visible, path->config->base_bias};
  memset(work->v, 0, (size_t)(fill_up(n) * n_visible) * sizeof *work->v);
  if (path->samples != NULL) {
    memcpy(work->v, path->samples + first * n_visible, (size_t)(n * n_visible) * sizeof *work->v);
    return;
  }
  smr_vector_sample(get_key(path, "anneal.visible"), 0, first, &units, work->v, work->v);
}

/* Adds ln f_to(v) - ln f_from(v); h becomes p(h = 1 | v) at `to`. */
static smr_status weigh(const smr_annealing_path *path, int64_t n, const double beta[2],
                        const smr_annealing_work *work, double *log_weights) {
  const smr_rbm *rbm = path->rbm;
  SMR_TRY(smr_rbm_multiply_hidden(rbm, fill_up(n), work->v, work->h));
  for (int64_t i = 0; i < n; i++) {
    log_weights[i] += (beta[1] - beta[0]) * smr_vector_dot(rbm->n_visible, path->field,
                                                           work->v + i * rbm->n_visible) +
                      smr_vector_change_softplus(rbm->n_hidden, beta[0], beta[1], rbm->hidden_bias,
                                                 work->h + i * rbm->n_hidden);
  }
  return SMR_OK;
}

/* v of p_beta(v | h), h of p_beta(h | v), whose probabilities are in h: leaves p_beta(v) as it is.
 */
static smr_status sweep(const smr_annealing_path *path, int64_t first, int64_t n, int64_t k,
                        const smr_annealing_work *work) {
  const smr_rbm *rbm = path->rbm;
  const double beta = path->config->betas[k];
  const smr_vector_units units = {n, rbm->n_visible, work->bias};
  for (int64_t i = 0; i < rbm->n_visible; i++) {
    work->bias[i] = (float)((1.0 - beta) * (double)path->config->base_bias[i] +
                            beta * (double)rbm->visible_bias[i]);
  }
  smr_vector_bernoulli(get_key(path, "anneal.hidden"), (uint64_t)k, first, n, rbm->n_hidden,
                       work->h, work->h);
  SMR_TRY(smr_rbm_multiply_visible(rbm, (float)beta, fill_up(n), work->h, work->v));
  smr_vector_sample(get_key(path, "anneal.visible"), (uint64_t)k, first, &units, work->v, work->v);
  return SMR_OK;
}

smr_status smr_annealing_shard(const smr_annealing_path *path, int64_t first, int64_t n,
                               smr_annealing_work *work, double *log_weights) {
  const double *betas = path->config->betas;
  const int64_t last = path->config->n_betas - 1;
  memset(log_weights, 0, (size_t)n * sizeof *log_weights);
  start(path, first, n, work);
  for (int64_t k = 1; k <= last; k++) {
    const int64_t from = path->samples == NULL ? k - 1 : last - k + 1;
    const int64_t to = path->samples == NULL ? k : last - k;
    SMR_TRY(weigh(path, n, (double[]){betas[from], betas[to]}, work, log_weights));
    if (k < last) {
      SMR_TRY(sweep(path, first, n, to, work));
    }
  }
  return SMR_OK;
}
