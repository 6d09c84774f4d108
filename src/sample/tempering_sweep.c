/* Sweeps of this rank's shards of replicas, and the energies of all on all ranks. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "tempering_private.h"

enum { MESSAGE_BYTES = 512 };

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
  smr_energy_draw draw = {.key = {t->config.seed, smr_random_stream("tempering.sweep", 0, 0)},
                          .first_row = first};
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

smr_status tempering_sweep(smr_tempering *t) {
  return gather_energies(t, sweep_all(t));
}
