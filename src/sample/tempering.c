/* Scans of parallel tempering: sweeps of this rank's shards, energies of all, swaps everywhere. */
#include "simmer/sample/tempering.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "betas.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "tempering_private.h"

enum { FIRST_TEMPERATURES = 16, MOST_ROUNDS = 40, MESSAGE_BYTES = 512 };

static smr_random_key get_key(const smr_tempering *t, const char *purpose) {
  return (smr_random_key){t->config.seed, smr_random_stream(purpose, 0, 0)};
}

static smr_status check_config(const smr_tempering_config *c) {
  const bool is_auto = c->n_temperatures == -1;
  if (c->n_chains < 1 || c->rounds < 0 || c->rounds > MOST_ROUNDS || c->scans < 0 ||
      c->sweeps < 1 || (is_auto ? c->most_temperatures < 2 : c->n_temperatures < 1)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "parallel tempering of %" PRId64 " chains, %" PRId64 " temperatures, %" PRId64
             " rounds, %" PRId64 " scans of %" PRId64 " sweeps",
             c->n_chains, c->n_temperatures, c->rounds, c->scans, c->sweeps);
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
  int64_t measured = 0;
  SMR_TRY(smr_int_multiply(t->config.scans, rows, "measured energies", &measured));
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
  SMR_TRY(smr_memory_alloc(measured, sizeof(int32_t), "measured indices", &t->indices));
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
                          t->uniforms, t->old,      t->work};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    smr_memory_free(arrays[i]);
  }
  smr_memory_free(t);
  *tempering = NULL;
}

/* Sweeps and energies of rows first..first+n-1, which are in use; u goes to where it is gathered.
 */
static smr_status sweep_rows(smr_tempering *t, int thread, int64_t first, int64_t n) {
  const smr_energy_model *model = t->model;
  float *work = t->work + thread * TEMPERING_SHARD_ROWS * model->work_floats;
  float *parts[SMR_ENERGY_PARTS] = {NULL};
  const float *const_parts[SMR_ENERGY_PARTS] = {NULL};
  for (int p = 0; p < model->n_parts; p++) {
    parts[p] = t->parts[p] + (first - t->first_row) * model->widths[p];
    const_parts[p] = parts[p];
  }
  smr_energy_draw draw = {.key = get_key(t, "tempering.sweep"), .first_row = first};
  for (int64_t i = 0; i < t->config.sweeps; i++) {
    draw.sweep = (uint64_t)(t->scan * t->config.sweeps + i);
    SMR_TRY(model->sweep(model->self, &draw, n, t->beta + first, parts, work));
  }
  return model->energy(model->self, n, const_parts, work,
                       t->gathered + t->context->rank * (t->share_rows + 1) + first - t->first_row);
}

/* The runs of rows in use within a shard: which they are doesn't depend on ranks. */
static smr_status sweep_shard(smr_tempering *t, int thread, int64_t first, int64_t n) {
  const int64_t most = t->config.most_temperatures;
  const int64_t end = first + n;
  if (smr_fault("tempering.shard")) {
    SMR_FAIL(SMR_ERR_INTERNAL, "fault tempering.shard");
  }
  if (t->n_temperatures == most) {
    return sweep_rows(t, thread, first, n);
  }
  for (int64_t c = first / most; c * most < end; c++) {
    const int64_t from = smr_int_max(first, c * most);
    const int64_t to = smr_int_min(end, c * most + t->n_temperatures);
    if (from < to) {
      SMR_TRY(sweep_rows(t, thread, from, to - from));
    }
  }
  return SMR_OK;
}

static smr_status sweep_all(smr_tempering *t) {
  const int64_t n_shards = smr_int_ceil_divide(t->n_rows, TEMPERING_SHARD_ROWS);
  smr_status worst = SMR_OK;
  int64_t failed = n_shards;
  char message[MESSAGE_BYTES] = "";
#pragma omp parallel for schedule(dynamic, 1) num_threads(t->n_threads)
  for (int64_t s = 0; s < n_shards; s++) {
    const int64_t offset = s * TEMPERING_SHARD_ROWS;
    const smr_status status = sweep_shard(t, omp_get_thread_num(), t->first_row + offset,
                                          smr_int_min(TEMPERING_SHARD_ROWS, t->n_rows - offset));
#pragma omp critical(smr_tempering_failure)
    if (status != SMR_OK && s < failed) {
      failed = s;
      worst = status;
      snprintf(message, sizeof message, "%s", smr_error_message());
    }
  }
  if (worst != SMR_OK) {
    SMR_FAIL(worst, "%s", message);
  }
  return SMR_OK;
}

/* u of all rows on all ranks; a failure travels with it. */
static smr_status gather_energies(smr_tempering *t, smr_status status) {
  const int64_t stride = t->share_rows + 1;
  const int64_t n_all = t->config.n_chains * t->config.most_temperatures;
  const int64_t n_shards = smr_int_ceil_divide(n_all, TEMPERING_SHARD_ROWS);
  bool has_failed = false;
  t->gathered[t->context->rank * stride + t->share_rows] = status != SMR_OK;
  smr_gather_all(t->context, (int)stride, t->gathered);
  for (int rank = 0; rank < t->context->size; rank++) {
    int64_t first = 0;
    int64_t n = 0;
    smr_int_share(n_shards, t->context->size, rank, &first, &n);
    first *= TEMPERING_SHARD_ROWS;
    n = smr_int_max(0, smr_int_min(n * TEMPERING_SHARD_ROWS, n_all - first));
    if (n > 0) {
      memcpy(t->u + first, t->gathered + rank * stride, (size_t)n * sizeof *t->u);
    }
    has_failed = has_failed || t->gathered[rank * stride + t->share_rows] != 0.0;
  }
  return has_failed ? smr_agree(t->context, status) : SMR_OK;
}

/* Probability of exchanging the replicas of temperatures i and i + 1. */
static double find_acceptance(const smr_tempering *t, int64_t chain, int64_t i) {
  const int32_t *at = t->replicas + chain * t->config.most_temperatures;
  const double *u = t->u + chain * t->config.most_temperatures;
  const double x = (t->betas[i + 1] - t->betas[i]) * (u[at[i + 1]] - u[at[i]]);
  return x >= 0.0 ? 1.0 : exp(x);
}

/* Even edges in even scans, odd ones in odd scans; rejections of all edges are measured. */
static void swap_chain(smr_tempering *t, int64_t chain) {
  int32_t *at = t->replicas + chain * t->config.most_temperatures;
  const int64_t n_edges = t->n_temperatures - 1;
  smr_random_uniform(get_key(t, "tempering.swap"), (uint64_t)t->scan, (uint64_t)chain, n_edges,
                     t->uniforms);
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

static void measure(smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  const int64_t n = t->n_temperatures;
  int64_t to = (t->scan - t->n_tuning) * t->config.n_chains * n;
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t i = 0; i < n; i++, to++) {
      const int32_t replica = t->replicas[c * most + i];
      t->indices[to] = replica;
      t->energies[to] = t->u[c * most + replica];
    }
  }
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

static void reset_statistics(smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  memset(t->rejections, 0, (size_t)most * sizeof *t->rejections);
  memset(t->trips, 0, (size_t)(t->config.n_chains * most) * sizeof *t->trips);
  t->n_statistics = 0;
  t->round_trips = 0;
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

static double find_barrier(const smr_tempering *t) {
  double barrier = 0.0;
  for (int64_t i = 0; i + 1 < t->n_temperatures; i++) {
    t->mean_rejections[i] = t->n_statistics == 0
                                ? (double)NAN
                                : t->rejections[i] / (double)(t->n_statistics * t->config.n_chains);
    barrier += t->mean_rejections[i];
  }
  return barrier;
}

static smr_status adapt(smr_tempering *t) {
  const int64_t most = t->config.most_temperatures;
  const int64_t n_old = t->n_temperatures;
  int64_t n = n_old;
  const double barrier = find_barrier(t);
  if (t->config.n_temperatures == -1) {
    n = smr_int_max(2, smr_int_min((int64_t)ceil(2.0 * barrier) + 1, most));
  }
  if (n_old > 1) {
    memcpy(t->old, t->betas, (size_t)n_old * sizeof *t->old);
    SMR_TRY(smr_ladder_adapt(n_old, t->old, t->mean_rejections, n, t->betas));
  }
  for (int64_t c = 0; c < t->config.n_chains && n != n_old; c++) {
    resize_chain(t->replicas + c * most, n_old, n);
  }
  t->n_temperatures = n;
  reset_statistics(t);
  return SMR_OK;
}

smr_status smr_tempering_scan(smr_tempering *t, int *is_done) {
  *is_done = t->scan >= smr_tempering_count_scans(t);
  if (*is_done) {
    return SMR_OK;
  }
  tempering_set_betas(t);
  SMR_TRY(gather_energies(t, sweep_all(t)));
  SMR_TRY(check_energies(t));
  if (t->scan >= t->n_tuning) {
    measure(t);
  }
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    swap_chain(t, c);
    count_trips(t, c);
  }
  t->scan++;
  t->n_statistics++;
  /* Rounds end after 2, 6, 14, … scans. */
  const int64_t ends = t->scan + 2;
  if (t->scan <= t->n_tuning && (ends & (ends - 1)) == 0) {
    SMR_TRY(smr_agree(t->context, adapt(t)));
  }
  *is_done = t->scan >= smr_tempering_count_scans(t);
  return SMR_OK;
}

int64_t smr_tempering_get_scan(const smr_tempering *t) {
  return t->scan;
}

int64_t smr_tempering_count_scans(const smr_tempering *t) {
  return t->n_tuning + t->config.scans;
}

smr_tempering_view smr_tempering_get(const smr_tempering *t) {
  const bool is_tuning = t->scan <= t->n_tuning;
  return (smr_tempering_view){.n_temperatures = t->n_temperatures,
                              .n_chains = t->config.n_chains,
                              .n_scans = t->n_statistics,
                              .betas = t->betas,
                              .barrier = find_barrier(t),
                              .rejection = t->mean_rejections,
                              .round_trips = t->round_trips,
                              .energies = is_tuning ? NULL : t->energies,
                              .indices = is_tuning ? NULL : t->indices};
}

smr_status smr_tempering_get_samples(const smr_tempering *t, float *x) {
  const int64_t most = t->config.most_temperatures;
  const int64_t width = t->model->widths[0];
  const int64_t n = t->config.n_chains * width;
  int32_t *bits = NULL;
  smr_status status = smr_agree(
      t->context, smr_memory_alloc(n, sizeof *bits, "samples of parallel tempering", &bits));
  SMR_TRY_DONE(status);
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    const int64_t row = c * most + t->replicas[c * most + t->n_temperatures - 1] - t->first_row;
    for (int64_t j = 0; row >= 0 && row < t->n_rows && j < width; j++) {
      bits[c * width + j] = t->parts[0][row * width + j] != 0.0F;
    }
  }
  SMR_TRY_DONE(smr_reduce_sum32(t->context, n, bits));
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)bits[i];
  }
done:
  smr_memory_free(bits);
  return status;
}

void smr_tempering_count_cost(const smr_tempering_config *config, const smr_energy_model *model,
                              int n_ranks, int n_threads, double *flops, int64_t *bytes) {
  const int64_t most =
      config->n_temperatures == -1 ? config->most_temperatures : config->n_temperatures;
  const int64_t rows = config->n_chains * most;
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
           (config->scans * 12 + 24) * rows + n_ranks * (share + 1) * (int64_t)sizeof(double);
}
