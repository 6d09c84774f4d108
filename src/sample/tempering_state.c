/* What a checkpoint of parallel tempering holds. */
#include <inttypes.h>
#include <string.h>

#include "betas.h"
#include "simmer/base/memory.h"
#include "tempering_private.h"

static smr_status append_scalar(smr_state *state, const char *name, const char *meaning,
                                int64_t *value) {
  return smr_state_append(
      state, &(smr_state_array){
                 .array = {.name = name, .type = SMR_I64, .meaning = meaning, .data = value}});
}

static smr_status append_list(smr_state *state, const char *name, smr_array_type type, int64_t n,
                              void *data) {
  return smr_state_append(state, &(smr_state_array){.array = {.name = name,
                                                              .type = type,
                                                              .n_dimensions = 1,
                                                              .shape = {n},
                                                              .dimensions = {name},
                                                              .data = data}});
}

static smr_status append_part(smr_tempering *t, int part, smr_state *state) {
  static const char *const names[SMR_ENERGY_PARTS] = {"states_0", "states_1"};
  static const char *const units[SMR_ENERGY_PARTS] = {"unit_0", "unit_1"};
  const int64_t n_rows = t->config.n_chains * t->config.most_temperatures;
  return smr_state_append(state,
                          &(smr_state_array){.array = {.name = names[part],
                                                       .type = SMR_F32,
                                                       .n_dimensions = 2,
                                                       .shape = {n_rows, t->model->widths[part]},
                                                       .dimensions = {"replica", units[part]},
                                                       .meaning = "states of replicas",
                                                       .data = t->parts[part]},
                                             .is_distributed = true,
                                             .first_row = t->first_row,
                                             .n_rows = t->n_rows});
}

static smr_status list_window(smr_tempering *t, smr_state *state) {
  const int64_t n_chains = t->config.n_chains;
  const int64_t window = t->config.window;
  tempering_tidy_window(t);
  SMR_TRY(append_scalar(state, "n_window", "scans in the window", &t->n_window));
  SMR_TRY(append_list(state, "energies", SMR_F64, window * n_chains * t->config.most_temperatures,
                      t->energies));
  SMR_TRY(append_list(state, "drifts", SMR_F64, window * n_chains, t->drifts));
  return append_list(state, "drift", SMR_F64, n_chains, t->drift);
}

smr_status smr_tempering_list_state(smr_tempering *t, smr_state *state) {
  const int64_t most = t->config.most_temperatures;
  const int64_t rows = t->config.n_chains * most;
  for (int p = 0; p < t->model->n_parts; p++) {
    SMR_TRY(append_part(t, p, state));
  }
  SMR_TRY(append_scalar(state, "scan", "scans done", &t->scan));
  SMR_TRY(append_scalar(state, "n_temperatures", "temperatures in use", &t->n_temperatures));
  SMR_TRY(append_scalar(state, "n_statistics", "scans in the rejections", &t->n_statistics));
  SMR_TRY(append_scalar(state, "round_trips", "round trips of replicas", &t->round_trips));
  SMR_TRY(append_list(state, "betas", SMR_F64, most, t->betas));
  SMR_TRY(append_list(state, "rejections", SMR_F64, most, t->rejections));
  SMR_TRY(append_list(state, "replicas", SMR_I32, rows, t->replicas));
  SMR_TRY(append_list(state, "trips", SMR_I32, rows, t->trips));
  if (tempering_has_window(t)) {
    return list_window(t, state);
  }
  SMR_TRY(append_list(state, "energies", SMR_F64, t->config.scans * rows, t->energies));
  return append_list(state, "indices", SMR_I32, t->config.scans * rows, t->indices);
}

/* uniforms serves as a list of the slots seen. */
static smr_status check_replicas(const smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    memset(t->uniforms, 0, (size_t)most * sizeof *t->uniforms);
    for (int64_t i = 0; i < t->n_temperatures; i++) {
      const int32_t replica = t->replicas[c * most + i];
      const int32_t trip = t->trips[c * most + i];
      if (replica < 0 || replica >= t->n_temperatures || t->uniforms[replica] != 0.0 ||
          trip < TRIP_NONE || trip > TRIP_FROM_COLD) {
        SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has no permutation in chain %" PRId64, c);
      }
      t->uniforms[replica] = 1.0;
    }
  }
  return SMR_OK;
}

static smr_status check(const smr_tempering *t) {
  if (t->scan < 0 || t->scan > smr_tempering_count_scans(t) || t->n_temperatures < 1 ||
      t->n_temperatures > t->config.most_temperatures || t->n_statistics < 0 ||
      t->n_statistics > t->scan || t->n_window < 0 || t->n_window > t->config.window) {
    SMR_FAIL(SMR_ERR_INPUT,
             "the state to go on from is at scan %" PRId64 " of %" PRId64 " with %" PRId64
             " temperatures of %" PRId64,
             t->scan, smr_tempering_count_scans(t), t->n_temperatures, t->config.most_temperatures);
  }
  if (smr_betas_check(t->n_temperatures, t->betas, false) != SMR_OK) {
    SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has no rising ladder");
  }
  SMR_TRY(check_replicas(t));
  for (int p = 0; p < t->model->n_parts; p++) {
    for (int64_t i = 0; i < t->n_rows * t->model->widths[p]; i++) {
      if (t->parts[p][i] != 0.0F && t->parts[p][i] != 1.0F) {
        SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has a replica that isn't binary");
      }
    }
  }
  return SMR_OK;
}

smr_status smr_tempering_resume(smr_tempering *t) {
  return smr_agree(t->context, check(t));
}
