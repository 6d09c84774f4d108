/* The hot loop of annealing. At 784 x 500 and 100 runs, on one core with AVX-512, a temperature
 * takes half the time of the two SGEMMs of OpenBLAS 0.3.21 with its kernels for Haswell, and about
 * that of its kernels for SkylakeX; a quarter of it goes to weights, logistic functions and draws.
 */
#include "annealing_shard.h"

#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/vector.h"

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) {
  const int64_t n_v = SMR_ANNEALING_RUNS * rbm->n_visible;
  const int64_t n_h = SMR_ANNEALING_RUNS * rbm->n_hidden;
  SMR_TRY(smr_memory_alloc(SMR_ANNEALING_RUNS, sizeof *work->betas, "annealing", &work->betas));
  SMR_TRY(smr_memory_alloc(n_v + n_h, sizeof *work->v, "annealing", &work->v));
  work->h = work->v + n_v;
  return SMR_OK;
}

void smr_annealing_work_clear(smr_annealing_work *work) {
  smr_memory_free(work->betas);
  smr_memory_free(work->v);
  *work = (smr_annealing_work){.v = NULL};
}

static smr_random_key get_key(const smr_annealing_path *path, const char *unit) {
  const uint64_t is_reverse = path->samples != NULL;
  return (smr_random_key){path->config->seed, smr_random_stream(unit, is_reverse, 0)};
}

/* v: samples, or draws of the base rates. */
static void start(const smr_annealing_path *path, int64_t first, int64_t n,
                  const smr_annealing_work *work) {
  const int64_t n_visible = path->rbm->n_visible;
  const smr_vector_units units = {n, n_visible, path->config->base_bias};
  if (path->samples != NULL) {
    memcpy(work->v, path->samples + first * n_visible, (size_t)(n * n_visible) * sizeof *work->v);
    return;
  }
  memset(work->v, 0, (size_t)(n * n_visible) * sizeof *work->v);
  smr_vector_sample(get_key(path, "anneal.visible"), 0, first, &units, work->v, work->v);
}

/* Adds ln f_to(v) - ln f_from(v); h becomes p(h = 1 | v) at `to`. */
static void weigh(const smr_annealing_path *path, int64_t n, const double beta[2],
                  const smr_annealing_work *work, double *log_weights) {
  const smr_rbm *rbm = path->rbm;
  smr_rbm_multiply_hidden(rbm, n, work->v, work->h);
  for (int64_t i = 0; i < n; i++) {
    log_weights[i] += (beta[1] - beta[0]) * smr_vector_dot(rbm->n_visible, path->field,
                                                           work->v + i * rbm->n_visible) +
                      smr_vector_change_softplus(rbm->n_hidden, beta[0], beta[1], rbm->hidden_bias,
                                                 work->h + i * rbm->n_hidden);
  }
}

/* v of p_beta(v | h), h of p_beta(h | v), whose probabilities are in h: leaves p_beta(v) as it is.
 */
static void sweep(const smr_annealing_path *path, int64_t first, int64_t n, int64_t k,
                  const smr_annealing_work *work) {
  const smr_rbm *rbm = path->rbm;
  const smr_vector_tempered visible = {
      {n, rbm->n_visible, rbm->visible_bias}, work->betas, path->config->base_bias};
  for (int64_t i = 0; i < n; i++) {
    work->betas[i] = path->config->betas[k];
  }
  smr_vector_bernoulli(get_key(path, "anneal.hidden"), (uint64_t)k, first, n, rbm->n_hidden,
                       work->h, work->h);
  smr_rbm_multiply_visible(rbm, n, work->h, work->v);
  smr_vector_sample_tempered(get_key(path, "anneal.visible"), (uint64_t)k, first, &visible, work->v,
                             work->v);
}

void smr_annealing_move(const smr_annealing_path *path, int64_t first, int64_t n, int64_t step,
                        const smr_annealing_work *work, double *log_weights) {
  const double *betas = path->config->betas;
  const int64_t last = path->config->n_betas - 1;
  const int64_t from = path->samples == NULL ? step - 1 : last - step + 1;
  const int64_t to = path->samples == NULL ? step : last - step;
  weigh(path, n, (double[]){betas[from], betas[to]}, work, log_weights);
  if (step < last) {
    sweep(path, first, n, to, work);
  }
}

void smr_annealing_shard(const smr_annealing_path *path, int64_t first, int64_t n,
                         const smr_annealing_work *work, double *log_weights) {
  memset(log_weights, 0, (size_t)n * sizeof *log_weights);
  start(path, first, n, work);
  for (int64_t step = 1; step < path->config->n_betas; step++) {
    smr_annealing_move(path, first, n, step, work, log_weights);
  }
}
