/* Exchange of temperatures between the replicas of a chain, and ladders from their rejections. */
#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "tempering_private.h"

/* Probability of exchanging the replicas of temperatures i and i + 1. */
static double find_acceptance(const smr_tempering *t, int64_t chain, int64_t i) {
  const int32_t *at = t->replicas + chain * t->config.most_temperatures;
  const double *u = t->u + chain * t->config.most_temperatures;
  const double x = (t->betas[i + 1] - t->betas[i]) * (u[at[i + 1]] - u[at[i]]);
  return x >= 0.0 ? 1.0 : exp(x);
}

/* Even edges in even scans, odd ones in odd scans; rejections of all edges are measured. */
static void swap_chain(smr_tempering *t, int64_t chain) {
  const smr_random_key key = {t->config.seed, smr_random_stream("tempering.swap", 0, 0)};
  int32_t *at = t->replicas + chain * t->config.most_temperatures;
  const int64_t n_edges = t->n_temperatures - 1;
  smr_random_uniform(key, (uint64_t)t->scan, (uint64_t)chain, n_edges, t->uniforms);
  for (int64_t i = 0; i < n_edges; i++) {
    t->old[i] = find_acceptance(t, chain, i);
    t->rejections[i] += 1.0 - t->old[i];
  }
  for (int64_t i = t->scan % 2; i < n_edges; i += 2) {
    if (t->uniforms[i] < t->old[i]) {
      const int32_t replica = at[i];
      at[i] = at[i + 1];
      at[i + 1] = replica;
    }
  }
}

static void count_trips(smr_tempering *t, int64_t chain) {
  const int32_t *at = t->replicas + chain * t->config.most_temperatures;
  int32_t *trips = t->trips + chain * t->config.most_temperatures;
  if (t->n_temperatures < 2) {
    return;
  }
  t->round_trips += trips[at[0]] == TRIP_FROM_COLD;
  trips[at[0]] = TRIP_FROM_HOT;
  int32_t *cold = &trips[at[t->n_temperatures - 1]];
  *cold = *cold == TRIP_FROM_HOT ? TRIP_FROM_COLD : *cold;
}

void tempering_swap(smr_tempering *t) {
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    swap_chain(t, c);
    count_trips(t, c);
  }
}

/* Replicas on their way go on with it in scans without end, unless their number changes. */
static void reset_statistics(smr_tempering *t, bool has_resized) {
  const int64_t most = t->config.most_temperatures;
  const bool is_endless = tempering_has_window(t);
  memset(t->rejections, 0, (size_t)most * sizeof *t->rejections);
  if (has_resized || !is_endless) {
    memset(t->trips, 0, (size_t)(t->config.n_chains * most) * sizeof *t->trips);
  }
  t->n_statistics = 0;
  t->round_trips = is_endless ? t->round_trips : 0;
  t->window_first = t->n_window = 0;
}

/* Of n_old replicas of a chain those in the first n slots go on, at the coldest of n temperatures
 * in their old order; new slots, with states of beta = 0, are the hottest. */
static void resize_chain(int32_t *at, int64_t n_old, int64_t n) {
  int64_t n_kept = 0;
  for (int64_t i = 0; i < n_old; i++) {
    if (at[i] < n) {
      at[n_kept++] = at[i];
    }
  }
  const int64_t n_new = n - n_kept;
  memmove(at + n_new, at, (size_t)n_kept * sizeof *at);
  for (int64_t i = 0; i < n_new; i++) {
    at[i] = (int32_t)(n_kept + i);
  }
}

double tempering_find_barrier(const smr_tempering *t) {
  double barrier = 0.0;
  for (int64_t i = 0; i + 1 < t->n_temperatures; i++) {
    t->mean_rejections[i] = t->n_statistics == 0
                                ? (double)NAN
                                : t->rejections[i] / (double)(t->n_statistics * t->config.n_chains);
    barrier += t->mean_rejections[i];
  }
  return barrier;
}

/* About twice the barrier. In scans without end a change costs what is known of the model, so it
 * has to be worth it; and a few temperatures more are there to see the barrier grow. */
int64_t tempering_choose_number(const smr_tempering *t, double barrier) {
  enum { LEAST = 2, LEAST_ENDLESS = 5 };
  const int64_t n_old = t->n_temperatures;
  if (t->config.n_temperatures != -1 || t->n_statistics == 0) {
    return n_old;
  }
  const int64_t least = tempering_has_window(t) ? LEAST_ENDLESS : LEAST;
  const int64_t n = smr_int_min(smr_int_max(least, (int64_t)ceil(2.0 * barrier) + 1),
                                t->config.most_temperatures);
  const int64_t difference = n > n_old ? n - n_old : n_old - n;
  return tempering_has_window(t) && 8 * difference <= n_old ? n_old : n;
}

smr_status tempering_adapt(smr_tempering *t) {
  const int64_t n_old = t->n_temperatures;
  if (t->n_statistics == 0) {
    return SMR_OK;
  }
  const int64_t n = tempering_choose_number(t, tempering_find_barrier(t));
  if (n_old > 1) {
    memcpy(t->old, t->betas, (size_t)n_old * sizeof *t->old);
    SMR_TRY(smr_ladder_adapt(n_old, t->old, t->mean_rejections, n, t->betas));
  }
  for (int64_t c = 0; c < t->config.n_chains && n != n_old; c++) {
    resize_chain(t->replicas + c * t->config.most_temperatures, n_old, n);
  }
  t->n_temperatures = n;
  reset_statistics(t, n != n_old);
  return SMR_OK;
}
