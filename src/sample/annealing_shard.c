/* The hot loop of annealing. At 784 x 500 and 100 runs, on one core with AVX-512, a temperature
 * takes half the time of the two SGEMMs of OpenBLAS 0.3.21 with its kernels for Haswell, and about
 * that of its kernels for SkylakeX; a quarter of it goes to weights, logistic functions and draws.
 */
#include "annealing_shard.h"

#include <string.h>

#include "simmer/base/memory.h"
#include "simmer/base/vector.h"

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) {
  SMR_TRY(smr_memory_alloc(SMR_ANNEALING_RUNS, sizeof *work->betas, "annealing", &work->betas));
  return smr_memory_alloc(SMR_ANNEALING_RUNS * rbm->n_hidden, sizeof *work->h, "annealing",
                          &work->h);
}

void smr_annealing_work_clear(smr_annealing_work *work) {
  smr_memory_free(work->betas);
  smr_memory_free(work->h);
  *work = (smr_annealing_work){.h = NULL};
}

static smr_random_key get_key(const smr_annealing_path *path, const char *unit) {
  const uint64_t is_reverse = path->is_reverse != 0;
  return (smr_random_key){path->config->seed, smr_random_stream(unit, is_reverse, 0)};
}

void smr_annealing_draw(const smr_annealing_path *path, const smr_annealing_runs *runs) {
  const int64_t n_visible = path->rbm->n_visible;
  const smr_vector_units units = {runs->n, n_visible, path->config->base_bias};
  memset(runs->log_weights, 0, (size_t)runs->n * sizeof *runs->log_weights);
  memset(runs->v, 0, (size_t)(runs->n * n_visible) * sizeof *runs->v);
  smr_vector_sample(get_key(path, "anneal.visible"), 0, runs->first, &units, runs->v, runs->v);
}

/* Adds ln f_to(v) - ln f_from(v); h becomes p(h = 1 | v) at `to`. */
static void weigh(const smr_annealing_path *path, const smr_annealing_runs *runs,
                  const double beta[2], const smr_annealing_work *work) {
  const smr_rbm *rbm = path->rbm;
  smr_rbm_multiply_hidden(rbm, runs->n, runs->v, work->h);
  for (int64_t i = 0; i < runs->n; i++) {
    runs->log_weights[i] +=
        (beta[1] - beta[0]) *
            smr_vector_dot(rbm->n_visible, path->field, runs->v + i * rbm->n_visible) +
        smr_vector_change_softplus(rbm->n_hidden, beta[0], beta[1], rbm->hidden_bias,
                                   work->h + i * rbm->n_hidden);
  }
}

/* v of p_beta(v | h), h of p_beta(h | v), whose probabilities are in h: leaves p_beta(v) as it is.
 */
static void sweep(const smr_annealing_path *path, const smr_annealing_runs *runs, int64_t k,
                  const smr_annealing_work *work) {
  const smr_rbm *rbm = path->rbm;
  const smr_vector_tempered visible = {
      {runs->n, rbm->n_visible, rbm->visible_bias}, work->betas, path->config->base_bias};
  for (int64_t i = 0; i < runs->n; i++) {
    work->betas[i] = path->config->betas[k];
  }
  smr_vector_bernoulli(get_key(path, "anneal.hidden"), (uint64_t)k, runs->first, runs->n,
                       rbm->n_hidden, work->h, work->h);
  smr_rbm_multiply_visible(rbm, runs->n, work->h, runs->v);
  smr_vector_sample_tempered(get_key(path, "anneal.visible"), (uint64_t)k, runs->first, &visible,
                             runs->v, runs->v);
}

void smr_annealing_move(const smr_annealing_path *path, const smr_annealing_runs *runs,
                        int64_t step, const smr_annealing_work *work) {
  const double *betas = path->config->betas;
  const int64_t last = path->config->n_betas - 1;
  const int64_t from = path->is_reverse ? last - step + 1 : step - 1;
  const int64_t to = path->is_reverse ? last - step : step;
  weigh(path, runs, (double[]){betas[from], betas[to]}, work);
  if (step < last) {
    sweep(path, runs, to, work);
  }
}
