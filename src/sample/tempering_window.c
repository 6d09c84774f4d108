/* What is kept of the scans: all measured ones, or, in scans without end, the latest of them. */
#include <string.h>

#include "tempering_private.h"

static void keep_energies(const smr_tempering *t, double *energies, int32_t *indices) {
  const int64_t most = t->config.most_temperatures;
  int64_t to = 0;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t i = 0; i < t->n_temperatures; i++, to++) {
      const int32_t replica = t->replicas[c * most + i];
      energies[to] = t->u[c * most + replica];
      if (indices != NULL) {
        indices[to] = replica;
      }
    }
  }
}

/* Moves the rows of the window to the front. */
static void compact(smr_tempering *t) {
  const int64_t row = t->config.n_chains * t->n_temperatures;
  memmove(t->energies, t->energies + t->window_first * row,
          (size_t)(t->n_window * row) * sizeof *t->energies);
  memmove(t->drifts, t->drifts + t->window_first * t->config.n_chains,
          (size_t)(t->n_window * t->config.n_chains) * sizeof *t->drifts);
  t->window_first = 0;
}

static void append_to_window(smr_tempering *t) {
  const int64_t n_chains = t->config.n_chains;
  if (t->window_first + t->n_window == 2 * t->config.window) {
    compact(t);
  }
  const int64_t at = t->window_first + t->n_window;
  keep_energies(t, t->energies + at * n_chains * t->n_temperatures, NULL);
  memcpy(t->drifts + at * n_chains, t->drift, (size_t)n_chains * sizeof *t->drift);
  if (t->n_window < t->config.window) {
    t->n_window++;
  } else {
    t->window_first++;
  }
}

void tempering_measure(smr_tempering *t) {
  if (tempering_has_window(t)) {
    append_to_window(t);
  } else if (t->scan >= t->n_tuning) {
    const int64_t at = (t->scan - t->n_tuning) * t->config.n_chains * t->n_temperatures;
    keep_energies(t, t->energies + at, t->indices + at);
  }
}

void tempering_tidy_window(smr_tempering *t) {
  const int64_t n_chains = t->config.n_chains;
  const int64_t used = t->n_window * n_chains * t->n_temperatures;
  const int64_t all = t->config.window * n_chains * t->config.most_temperatures;
  compact(t);
  memset(t->energies + used, 0, (size_t)(all - used) * sizeof *t->energies);
  memset(t->drifts + t->n_window * n_chains, 0,
         (size_t)((t->config.window - t->n_window) * n_chains) * sizeof *t->drifts);
}

void smr_tempering_note_drift(smr_tempering *t, const double *change) {
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    t->drift[c] += change[c];
  }
}
