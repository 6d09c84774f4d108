/* Scans of parallel tempering: sweeps of this rank's shards, energies of all, swaps everywhere. */
#include "simmer/sample/tempering.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "betas.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "tempering_private.h"

enum { FIRST_TEMPERATURES = 16, MOST_ROUNDS = 40 };

static smr_random_key get_key(const smr_tempering *t, const char *purpose) {
  return (smr_random_key){t->config.seed, smr_random_stream(purpose, 0, 0)};
}

static smr_status check_config(const smr_tempering_config *c) {
  const bool is_auto = c->n_temperatures == -1;
  if (c->n_chains < 1 || c->rounds < 0 || c->rounds > MOST_ROUNDS || c->scans < 0 ||
      c->sweeps < 1 || c->window < 0 || (c->window > 0 && c->rounds + c->scans > 0) ||
      (is_auto ? c->most_temperatures < 2 : c->n_temperatures < 1)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "parallel tempering of %" PRId64 " chains, %" PRId64 " temperatures, %" PRId64
             " rounds, %" PRId64 " scans of %" PRId64 " sweeps, a window of %" PRId64 " scans",
             c->n_chains, c->n_temperatures, c->rounds, c->scans, c->sweeps, c->window);
  }
  if (is_auto && c->betas != NULL) {
    SMR_FAIL(SMR_ERR_INPUT, "a first ladder needs the number of its temperatures");
  }
  return c->betas == NULL ? SMR_OK : smr_betas_check(c->n_temperatures, c->betas, false);
}

static void set_first_ladder(smr_tempering *t, const double *betas) {
  const bool is_auto = t->config.n_temperatures == -1;
  const int64_t n = is_auto ? smr_int_min(FIRST_TEMPERATURES, t->config.most_temperatures)
                            : t->config.n_temperatures;
  t->n_temperatures = n;
  for (int64_t i = 0; i < n; i++) {
    const double equal = n == 1 ? 1.0 : (double)i / (double)(n - 1);
    t->betas[i] = betas == NULL ? equal : betas[i];
  }
}

static void set_identity(smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t k = 0; k < most; k++) {
      t->replicas[c * most + k] = (int32_t)k;
    }
  }
}

void tempering_set_betas(smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t i = 0; i < t->n_temperatures; i++) {
      t->beta[c * most + t->replicas[c * most + i]] = t->betas[i];
    }
  }
}

static smr_status share_rows(smr_tempering *t) {
  int64_t n_rows = 0;
  int64_t first = 0;
  int64_t n = 0;
  int narrow = 0;
  SMR_TRY(
      smr_int_multiply(t->config.n_chains, t->config.most_temperatures, "rows of states", &n_rows));
  const int64_t n_shards = smr_int_ceil_divide(n_rows, TEMPERING_SHARD_ROWS);
  smr_int_share(n_shards, t->context->size, t->context->rank, &first, &n);
  t->first_row = smr_int_min(first * TEMPERING_SHARD_ROWS, n_rows);
  t->n_rows = smr_int_min((first + n) * TEMPERING_SHARD_ROWS, n_rows) - t->first_row;
  t->share_rows = smr_int_ceil_divide(n_shards, t->context->size) * TEMPERING_SHARD_ROWS;
  t->n_threads = (int)smr_int_max(1, smr_int_min(omp_get_max_threads(), n));
  SMR_TRY(smr_int_narrow(n_rows, "rows of states", &narrow));
  return smr_int_narrow(t->share_rows + 1, "rows of a rank", &narrow);
}

static smr_status allocate(smr_tempering *t) {
  const char *what = "parallel tempering";
  const int64_t most = t->config.most_temperatures;
  const int64_t rows = t->config.n_chains * most;
  const int64_t work = t->n_threads * TEMPERING_SHARD_ROWS * t->model->work_floats;
  const int64_t width = smr_int_max(t->model->widths[0], t->model->widths[1]);
  const int64_t words = smr_int_ceil_divide(width, TEMPERING_WORD_BITS);
  const int64_t window = 2 * t->config.window;
  int64_t measured = 0;
  SMR_TRY(smr_int_multiply(t->config.scans + window, rows, "measured energies", &measured));
  for (int p = 0; p < t->model->n_parts; p++) {
    SMR_TRY(smr_memory_alloc(t->n_rows * t->model->widths[p], sizeof(float), "states of replicas",
                             &t->parts[p]));
  }
  SMR_TRY(smr_memory_alloc(most, sizeof(double), what, &t->betas));
  SMR_TRY(smr_memory_alloc(rows, sizeof(int32_t), what, &t->replicas));
  SMR_TRY(smr_memory_alloc(rows, sizeof(int32_t), what, &t->trips));
  SMR_TRY(smr_memory_alloc(most, sizeof(double), what, &t->rejections));
  SMR_TRY(smr_memory_alloc(most, sizeof(double), what, &t->mean_rejections));
  SMR_TRY(smr_memory_alloc(measured, sizeof(double), "measured energies", &t->energies));
  if (window == 0) {
    SMR_TRY(smr_memory_alloc(measured, sizeof(int32_t), "measured indices", &t->indices));
  }
  SMR_TRY(smr_memory_alloc(window * t->config.n_chains, sizeof(double), what, &t->drifts));
  SMR_TRY(smr_memory_alloc(t->config.n_chains, sizeof(double), what, &t->drift));
  SMR_TRY(smr_memory_alloc(t->config.n_chains * words, sizeof(int32_t), what, &t->bits));
  SMR_TRY(
      smr_memory_alloc(t->context->size * (t->share_rows + 1), sizeof(double), what, &t->gathered));
  SMR_TRY(smr_memory_alloc(rows, sizeof(double), what, &t->u));
  SMR_TRY(smr_memory_alloc(rows, sizeof(double), what, &t->beta));
  SMR_TRY(smr_memory_alloc(most, sizeof(double), what, &t->uniforms));
  SMR_TRY(smr_memory_alloc(most, sizeof(double), what, &t->old));
  return smr_memory_alloc(work, sizeof(float), "workspaces", &t->work);
}

/* Everything but collectives. */
static smr_status build(smr_tempering *t, const smr_tempering_config *config) {
  SMR_TRY(check_config(config));
  t->config = *config;
  t->config.betas = NULL;
  if (config->n_temperatures != -1) {
    t->config.most_temperatures = config->n_temperatures;
  }
  t->n_tuning = ((int64_t)2 << config->rounds) - 2;
  SMR_TRY(share_rows(t));
  SMR_TRY(allocate(t));
  set_first_ladder(t, config->betas);
  set_identity(t);
  const smr_energy_draw draw = {.key = get_key(t, "tempering.start"), .first_row = t->first_row};
  return t->model->start(t->model->self, &draw, t->n_rows, t->parts);
}

smr_status smr_tempering_create(const smr_context *context, const smr_energy_model *model,
                                const smr_tempering_config *config, smr_tempering **out) {
  smr_tempering *t = NULL;
  *out = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *t, "parallel tempering", &t);
  if (status == SMR_OK) {
    t->context = context;
    t->model = model;
    status = build(t, config);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK) {
    smr_tempering_destroy(&t);
  }
  *out = t;
  return status;
}

void smr_tempering_destroy(smr_tempering **tempering) {
  smr_tempering *t = *tempering;
  if (t == NULL) {
    return;
  }
  for (int p = 0; p < SMR_ENERGY_PARTS; p++) {
    smr_memory_free(t->parts[p]);
  }
  void *const arrays[] = {t->betas,    t->replicas, t->trips,    t->rejections, t->mean_rejections,
                          t->energies, t->indices,  t->gathered, t->u,          t->beta,
                          t->uniforms, t->old,      t->work,     t->drifts,     t->drift,
                          t->bits};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    smr_memory_free(arrays[i]);
  }
  smr_memory_free(t);
  *tempering = NULL;
}

static smr_status check_energies(const smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t k = 0; k < t->n_temperatures; k++) {
      if (!isfinite(t->u[c * most + k])) {
        SMR_FAIL(SMR_ERR_NUMERIC,
                 "the energy of replica %" PRId64 " of chain %" PRId64 " is %g in scan %" PRId64, k,
                 c, t->u[c * most + k], t->scan + 1);
      }
    }
  }
  return SMR_OK;
}

smr_status smr_tempering_scan(smr_tempering *t, int *is_done) {
  *is_done = t->scan >= smr_tempering_count_scans(t);
  if (*is_done) {
    return SMR_OK;
  }
  tempering_set_betas(t);
  SMR_TRY(tempering_sweep(t));
  SMR_TRY(check_energies(t));
  tempering_measure(t);
  tempering_swap(t);
  t->scan++;
  t->n_statistics++;
  /* Rounds end after 2, 6, 14, … scans. */
  const int64_t ends = t->scan + 2;
  if (t->scan <= t->n_tuning && (ends & (ends - 1)) == 0) {
    SMR_TRY(smr_agree(t->context, tempering_adapt(t)));
  }
  *is_done = t->scan >= smr_tempering_count_scans(t);
  return SMR_OK;
}

smr_status smr_tempering_adapt(smr_tempering *t) {
  if (!tempering_has_window(t)) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a ladder that is tuned by rounds adapts by itself");
  }
  return smr_agree(t->context, tempering_adapt(t));
}

int64_t smr_tempering_get_scan(const smr_tempering *t) {
  return t->scan;
}

int64_t smr_tempering_count_scans(const smr_tempering *t) {
  return tempering_has_window(t) ? INT64_MAX : t->n_tuning + t->config.scans;
}

smr_tempering_view smr_tempering_get(const smr_tempering *t) {
  const bool is_tuning = !tempering_has_window(t) && t->scan <= t->n_tuning;
  const int64_t n_chains = t->config.n_chains;
  const double *energies = t->energies + t->window_first * n_chains * t->n_temperatures;
  const double barrier = tempering_find_barrier(t);
  return (smr_tempering_view){.n_temperatures = t->n_temperatures,
                              .n_chains = n_chains,
                              .n_scans = t->n_statistics,
                              .betas = t->betas,
                              .barrier = barrier,
                              .rejection = t->mean_rejections,
                              .round_trips = t->round_trips,
                              .energies = is_tuning ? NULL : energies,
                              .indices = is_tuning ? NULL : t->indices,
                              .n_wanted = tempering_choose_number(t, barrier),
                              .n_window = t->n_window,
                              .drifts = t->drifts + t->window_first * n_chains,
                              .drift = t->drift};
}

smr_status smr_tempering_get_samples(const smr_tempering *t, float *x) {
  return smr_tempering_get_part(t, 0, x);
}

static int64_t count_rows(const smr_tempering_config *config) {
  return config->n_chains *
         (config->n_temperatures == -1 ? config->most_temperatures : config->n_temperatures);
}

int64_t smr_tempering_count_shards(const smr_tempering_config *config) {
  return smr_int_ceil_divide(count_rows(config), TEMPERING_SHARD_ROWS);
}

void smr_tempering_count_cost(const smr_tempering_config *config, const smr_energy_model *model,
                              int n_ranks, int n_threads, double *flops, int64_t *bytes) {
  const int64_t rows = count_rows(config);
  const int64_t share = smr_int_ceil_divide(smr_int_ceil_divide(rows, TEMPERING_SHARD_ROWS),
                                            smr_int_max(1, n_ranks)) *
                        TEMPERING_SHARD_ROWS;
  int64_t width = 0;
  for (int p = 0; p < model->n_parts; p++) {
    width += model->widths[p];
  }
  *flops = (double)rows * model->sweep_flops * ((double)config->sweeps + 0.5);
  *bytes = smr_int_min(share, rows) * width * (int64_t)sizeof(float) +
           n_threads * TEMPERING_SHARD_ROWS * model->work_floats * (int64_t)sizeof(float) +
           (config->scans * 12 + config->window * 16 + 24) * rows +
           n_ranks * (share + 1) * (int64_t)sizeof(double);
}
