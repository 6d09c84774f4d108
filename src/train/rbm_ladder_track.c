/* ln Z of the model in training, along the way (after Desjardins, Courville, Bengio 2011). Letters
 * as in the header.
 *
 * Bennett's ratio over the energies of the last scans gives ln Z of the models of those scans, on
 * average. How it has moved since is told by the samples at beta = 1: an update from theta to
 * theta' changes it by ln < e^(F(v) - F'(v)) > = <F - F'> + var(F - F') / 2 + …. Both come from
 * observers, each apart, so that their spread gives the standard error of the sum. Chains whose
 * samples went into the update won't do: it has lifted the energy where just they are, and by as
 * much as they are few (bars and stripes, 30 chains, rate 0.1: ln Z about 1 too small). */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "rbm_ladder.h"
#include "simmer/base/integer.h"

int64_t rbm_ladder_count_share(int64_t n_observers, int n_ranks) {
  const int64_t n_shards = smr_int_ceil_divide(n_observers, LADDER_SHARD_ROWS);
  return smr_int_ceil_divide(n_shards, n_ranks) * LADDER_SHARD_ROWS;
}

/* The observers of a rank. */
static int64_t find_share(const rbm_ladder *l, int rank, int64_t *n) {
  const int64_t n_observers = l->config.n_observers;
  int64_t first = 0;
  int64_t count = 0;
  smr_int_share(smr_int_ceil_divide(n_observers, LADDER_SHARD_ROWS), l->context->size, rank, &first,
                &count);
  const int64_t from = smr_int_min(first * LADDER_SHARD_ROWS, n_observers);
  *n = smr_int_min((first + count) * LADDER_SHARD_ROWS, n_observers) - from;
  return from;
}

/* --- estimates --- */

/* What each observer's drift since the scans of the window adds to its estimate. */
static void add_drifts(const rbm_ladder *l, const smr_tempering_view *view, double *estimates) {
  for (int64_t o = 0; o < l->config.n_observers; o++) {
    const int64_t c = l->config.n_chains + o;
    double mean = 0.0;
    for (int64_t s = 0; s < view->n_window; s++) {
      mean += view->drifts[s * view->n_chains + c] / (double)view->n_window;
    }
    estimates[o] += view->drift[c] - mean;
  }
}

static smr_status estimate_window(const rbm_ladder *l, const smr_tempering_view *view,
                                  double *estimates) {
  const int64_t n_all = view->n_chains * view->n_temperatures;
  const int64_t n_skipped = l->config.n_chains * view->n_temperatures;
  for (int64_t s = 0; s < view->n_window; s++) {
    memcpy(l->window + s * (n_all - n_skipped), view->energies + s * n_all + n_skipped,
           (size_t)(n_all - n_skipped) * sizeof *l->window);
  }
  const smr_ladder_energies energies = {
      view->n_window, l->config.n_observers, view->n_temperatures, view->betas,
      l->window,      l->model->log_z0};
  SMR_TRY(smr_estimate_bennett_pooled(&energies, estimates));
  add_drifts(l, view, estimates);
  return SMR_OK;
}

smr_status rbm_ladder_estimate(const rbm_ladder *l, double *estimates) {
  const smr_tempering_view view = smr_tempering_get(l->tempering);
  const bool has_values = l->counts[LADDER_HAS_VALUES] != 0;
  if (view.n_window > 0 && (2 * view.n_window >= l->config.window || !has_values)) {
    return estimate_window(l, &view, estimates);
  }
  for (int64_t o = 0; o < l->config.n_observers; o++) {
    estimates[o] = has_values ? l->values[o] + view.drift[l->config.n_chains + o] : (double)NAN;
  }
  return SMR_OK;
}

/* --- drift --- */

/* Free energies of this rank's observers under the model as it is, to f[O]. Local. */
static smr_status measure_samples(const rbm_ladder *l, double *f) {
  int64_t n = 0;
  const int64_t first = find_share(l, l->context->rank, &n);
  const int64_t n_shards = smr_int_ceil_divide(n, LADDER_SHARD_ROWS);
  const float *samples = l->samples + l->config.n_chains * l->rbm.n_visible;
  smr_status worst = SMR_OK;
#pragma omp parallel for schedule(static, 1) num_threads(l->n_threads)
  for (int64_t s = 0; s < n_shards; s++) {
    const int64_t row = first + s * LADDER_SHARD_ROWS;
    const smr_status status = smr_rbm_free_energy(
        &l->rbm, smr_int_min(LADDER_SHARD_ROWS, first + n - row), samples + row * l->rbm.n_visible,
        l->work + omp_get_thread_num() * LADDER_SHARD_ROWS * l->rbm.n_hidden, f + row);
#pragma omp critical(smr_ladder_failure)
    worst = status != SMR_OK ? status : worst;
  }
  if (worst != SMR_OK) {
    SMR_FAIL(worst, "free energies of the observers' samples can't be computed");
  }
  return SMR_OK;
}

smr_status rbm_ladder_look_back(rbm_ladder *l) {
  return measure_samples(l, l->energies);
}

/* This rank's numbers on all ranks; a failure travels with them. */
static smr_status gather(rbm_ladder *l, const double *own, smr_status status, double *all) {
  const int64_t stride = rbm_ladder_count_share(l->config.n_observers, l->context->size) + 1;
  int64_t n = 0;
  int width = 0;
  bool has_failed = false;
  SMR_TRY(smr_int_narrow(stride, "observers of a rank", &width));
  const int64_t first = find_share(l, l->context->rank, &n);
  double *mine = l->gathered + l->context->rank * stride;
  memcpy(mine, own + first, (size_t)n * sizeof *mine);
  mine[stride - 1] = status != SMR_OK;
  smr_gather_all(l->context, width, l->gathered);
  for (int rank = 0; rank < l->context->size; rank++) {
    const int64_t from = find_share(l, rank, &n);
    memcpy(all + from, l->gathered + rank * stride, (size_t)n * sizeof *all);
    has_failed = has_failed || l->gathered[(rank + 1) * stride - 1] != 0.0;
  }
  return has_failed ? smr_agree(l->context, status) : SMR_OK;
}

/* Adds half the variance over observers to every change. */
static void add_variance(int64_t n, double *changes) {
  double mean = 0.0;
  double squares = 0.0;
  for (int64_t o = 0; o < n; o++) {
    mean += changes[o] / (double)n;
  }
  for (int64_t o = 0; o < n; o++) {
    squares += (changes[o] - mean) * (changes[o] - mean);
  }
  for (int64_t o = 0; o < n && n > 1; o++) {
    changes[o] += 0.5 * squares / (double)(n - 1);
  }
}

smr_status rbm_ladder_follow(rbm_ladder *l) {
  double *changes = l->changes + l->config.n_chains;
  const smr_status status = measure_samples(l, changes);
  for (int64_t o = 0; o < l->config.n_observers; o++) {
    changes[o] = l->energies[o] - changes[o];
  }
  SMR_TRY(gather(l, changes, status, changes));
  add_variance(l->config.n_observers, changes);
  smr_tempering_note_drift(l->tempering, l->changes);
  return SMR_OK;
}
