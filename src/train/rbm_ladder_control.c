/* Does the ladder keep up with the model? And what is done if not. Letters as in the header.
 *
 * Equilibrium counts as lost when swaps are hardly accepted at some edge, or when the model moves
 * so fast that samples are out of date before they are replaced: while chains forget where they
 * were, an autocorrelation time, ln p of an observer's sample changes by a different amount for
 * each, and weights of e^change would leave only a share of the samples effective. The first time
 * the ladder adapts at once; the next time in a row the sweeps of an update are doubled up to their
 * limit; then the learning rate is halved. Four checks in a row that find it kept give a little
 * back: first of the rate, then of the sweeps. */
#include <inttypes.h>
#include <math.h>

#include "rbm_ladder.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"

enum {
  LONGEST_ROUND = 4, /* windows */
  SHORTEST_ROUND = 1,
  HALVING = 4, /* quarters of it are given back at a time */
  PATIENCE = 4 /* checks */
};

int64_t rbm_ladder_get_sweeps(const rbm_ladder *l) {
  const int64_t most = smr_int_max(l->config.most_sweeps, l->sweeps);
  return smr_int_min(l->sweeps + l->counts[LADDER_EXTRA_SWEEPS], most);
}

double rbm_ladder_get_rate_factor(const rbm_ladder *l) {
  return fmax(l->config.least_rate, exp2(-(double)l->counts[LADDER_CUTS] / HALVING));
}

/* --- what there is to see --- */

/* Mean acceptance at the worst edge. */
static double find_acceptance(const smr_tempering_view *view) {
  const int64_t n_rows = view->n_window * view->n_chains;
  double least = 1.0;
  for (int64_t i = 0; i + 1 < view->n_temperatures; i++) {
    const double step = view->betas[i + 1] - view->betas[i];
    double sum = 0.0;
    for (int64_t row = 0; row < n_rows; row++) {
      const double *u = view->energies + row * view->n_temperatures + i;
      sum += exp(fmin(0.0, step * (u[1] - u[0])));
    }
    least = fmin(least, sum / (double)n_rows);
  }
  return least;
}

/* Autocorrelation time of energies at beta = 1; what all chains share is the model's drift. */
static smr_status find_time(const rbm_ladder *l, const smr_tempering_view *view, double *time) {
  const int64_t n = view->n_chains;
  smr_series_diagnosis diagnosis;
  for (int64_t s = 0; s < view->n_window; s++) {
    double mean = 0.0;
    for (int64_t c = 0; c < n; c++) {
      l->window[s * n + c] = view->energies[(s * n + c + 1) * view->n_temperatures - 1];
      mean += l->window[s * n + c] / (double)n;
    }
    for (int64_t c = 0; c < n && n > 1; c++) {
      l->window[s * n + c] -= mean;
    }
  }
  SMR_TRY(smr_series_diagnose(view->n_window, n, l->window, &diagnosis));
  *time = diagnosis.autocorrelation_time;
  return SMR_OK;
}

/* (sum w)^2 / (O sum w^2) for w = e^(what the model's moves of one autocorrelation time did to ln Z
 * by each observer). */
static double find_effective(const rbm_ladder *l, const smr_tempering_view *view, double time) {
  const int64_t n_back =
      time > 1.0 ? (int64_t)fmin(ceil(time), (double)view->n_window) : 1; /* NaN: constant */
  const double *then = view->drifts + (view->n_window - n_back) * view->n_chains;
  double largest = -HUGE_VAL;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t c = l->config.n_chains; c < view->n_chains; c++) {
    largest = fmax(largest, view->drift[c] - then[c]);
  }
  for (int64_t c = l->config.n_chains; c < view->n_chains; c++) {
    const double w = exp(view->drift[c] - then[c] - largest);
    sum += w;
    squares += w * w;
  }
  return sum * sum / (squares * (double)l->config.n_observers);
}

smr_status rbm_ladder_look(rbm_ladder *l) {
  const smr_tempering_view view = smr_tempering_get(l->tempering);
  const int64_t trips = view.round_trips - l->counts[LADDER_CHECK_TRIPS];
  l->found[LADDER_ACCEPTANCE] = find_acceptance(&view);
  l->found[LADDER_BARRIER] = view.barrier;
  l->found[LADDER_TRIP_RATE] =
      (double)trips / (double)(l->counts[LADDER_CHECK_SCANS] * view.n_chains);
  l->counts[LADDER_CHECK_TRIPS] = view.round_trips;
  l->counts[LADDER_CHECK_SCANS] = 0;
  SMR_TRY(find_time(l, &view, &l->found[LADDER_TIME]));
  l->found[LADDER_EFFECTIVE] = find_effective(l, &view, l->found[LADDER_TIME]);
  return SMR_OK;
}

static bool is_lost(const rbm_ladder *l) {
  return l->found[LADDER_ACCEPTANCE] < l->config.least_acceptance ||
         l->found[LADDER_EFFECTIVE] < l->config.least_effective;
}

/* --- what is done about it --- */

static void say(const rbm_ladder *l, const char *what) {
  if (l->context->rank == 0) {
    smr_log_detail("step %" PRId64 " of the training: %s (swap acceptance %.3g, effective share "
                   "%.3g): %" PRId64 " sweeps an update, learning rate x %.3g",
                   l->step + 1, what, l->found[LADDER_ACCEPTANCE], l->found[LADDER_EFFECTIVE],
                   rbm_ladder_get_sweeps(l), rbm_ladder_get_rate_factor(l));
  }
}

/* Said once, until all has been given back. */
static void react(rbm_ladder *l) {
  const int64_t sweeps = rbm_ladder_get_sweeps(l);
  if (sweeps < l->config.most_sweeps) {
    l->counts[LADDER_EXTRA_SWEEPS] = smr_int_min(2 * sweeps, l->config.most_sweeps) - l->sweeps;
  } else if (rbm_ladder_get_rate_factor(l) > l->config.least_rate) {
    l->counts[LADDER_CUTS] += HALVING;
  } else {
    return;
  }
  l->counts[LADDER_REACTIONS]++;
  if (l->counts[LADDER_IS_ALARMED] == 0) {
    say(l, "the tempering ladder has lost equilibrium");
  }
  l->counts[LADDER_IS_ALARMED] = 1;
}

static void give_back(rbm_ladder *l) {
  int64_t *cuts = &l->counts[LADDER_CUTS];
  int64_t *extra = &l->counts[LADDER_EXTRA_SWEEPS];
  if (*cuts > 0) {
    (*cuts)--;
  } else {
    *extra -= smr_int_ceil_divide(*extra, 4);
  }
  if (*cuts == 0 && *extra == 0 && l->counts[LADDER_IS_ALARMED] != 0) {
    l->counts[LADDER_IS_ALARMED] = 0;
    say(l, "the tempering ladder is in equilibrium again");
  }
}

/* Returns whether the ladder had better adapt at once. */
static bool respond(rbm_ladder *l) {
  if (!is_lost(l)) {
    l->counts[LADDER_N_LOST] = 0;
    if (++l->counts[LADDER_N_KEPT] >= PATIENCE) {
      l->counts[LADDER_N_KEPT] = 0;
      give_back(l);
    }
    return false;
  }
  l->counts[LADDER_N_KEPT] = 0;
  if (++l->counts[LADDER_N_LOST] > 1) {
    react(l);
  }
  return true;
}

smr_status rbm_ladder_adapt(rbm_ladder *l) {
  const smr_tempering_view view = smr_tempering_get(l->tempering);
  SMR_TRY(smr_agree(l->context, rbm_ladder_estimate(l, l->estimates)));
  for (int64_t o = 0; o < l->config.n_observers; o++) {
    l->values[o] = l->estimates[o] - view.drift[l->config.n_chains + o];
  }
  l->counts[LADDER_HAS_VALUES] = 1;
  return smr_tempering_adapt(l->tempering);
}

smr_status rbm_ladder_control(rbm_ladder *l) {
  const int64_t window = l->config.window;
  int64_t *round = &l->counts[LADDER_ROUND_SCANS];
  l->counts[LADDER_SCANS]++;
  l->counts[LADDER_CHECK_SCANS]++;
  if (l->counts[LADDER_CHECK_SCANS] < window) {
    return SMR_OK;
  }
  SMR_TRY(smr_agree(l->context, rbm_ladder_look(l)));
  const smr_tempering_view view = smr_tempering_get(l->tempering);
  const bool is_urgent = respond(l) || view.n_wanted != view.n_temperatures;
  if (!is_urgent && l->counts[LADDER_SCANS] < *round) {
    return SMR_OK;
  }
  l->counts[LADDER_SCANS] = 0;
  *round = is_urgent ? SHORTEST_ROUND * window : smr_int_min(2 * *round, LONGEST_ROUND * window);
  return rbm_ladder_adapt(l);
}
