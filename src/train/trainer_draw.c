/* Fantasy particles: Gibbs sweeps from chains or data rows, shards of them spread over ranks. */
#include <omp.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "trainer_private.h"

typedef struct {
  const smr_trainer *t;
  int64_t n, sweeps;
  int64_t n_shards, first, count; /* all, and this rank's */
  float *v;                       /* [n x V]: 0 but for this rank's shards, in the end */
  float *h;                       /* [n_threads x S x H] */
  int n_threads;
} draw_run;

/* Chains of this rank where they belong in v [n x V], 0 elsewhere. */
static void place_chains(const draw_run *run) {
  const rbm_gradient *g = run->t->rbm;
  const int64_t width = g->n_visible;
  memset(run->v, 0, (size_t)(run->n * width) * sizeof *run->v);
  for (int64_t i = 0; i < run->n; i++) {
    int64_t chain = i % g->batch_rows - g->first_row;
    if (chain >= 0 && chain < g->n_rows) {
      for (int64_t j = 0; j < width; j++) {
        run->v[i * width + j] = (float)g->chains[chain * width + j];
      }
    }
  }
}

/* Samples of the ladder, which all ranks have. */
static void place_samples(const draw_run *run) {
  const rbm_gradient *g = run->t->rbm;
  for (int64_t i = 0; i < run->n; i++) {
    memcpy(run->v + i * g->n_visible, g->samples + i % g->n_chains * g->n_visible,
           (size_t)g->n_visible * sizeof *run->v);
  }
}

/* Bits of floats that are 0 on all ranks but one, as integers: an exact sum. */
static smr_status gather(const draw_run *run) {
  int64_t n = run->n * run->t->rbm->n_visible;
  int32_t *bits = NULL;
  smr_status status = smr_memory_alloc(n, sizeof *bits, "fantasy particles", &bits);
  SMR_TRY_DONE(smr_agree(run->t->context, status));
  memcpy(bits, run->v, (size_t)n * sizeof *bits);
  SMR_TRY_DONE(smr_reduce_sum32(run->t->context, n, bits));
  memcpy(run->v, bits, (size_t)n * sizeof *bits);
done:
  smr_memory_free(bits);
  return status;
}

static smr_status run_shard(const draw_run *run, int thread, int64_t shard) {
  const smr_trainer *t = run->t;
  const smr_rbm rbm = smr_trainer_get_rbm(t);
  const int64_t first = shard * t->shard_rows;
  const int64_t n = smr_int_min(t->shard_rows, run->n - first);
  float *v = run->v + first * rbm.n_visible;
  float *h = run->h + thread * t->shard_rows * rbm.n_hidden;
  for (int64_t sweep = 0; sweep < run->sweeps; sweep++) {
    const uint64_t step = rbm_sweep_step(t->step, sweep);
    const smr_rbm_draw hidden = {
        {t->config.seed, smr_random_stream("draw.hidden", 0, 0)}, step, first};
    const smr_rbm_draw visible = {
        {t->config.seed, smr_random_stream("draw.visible", 0, 0)}, step, first};
    SMR_TRY(smr_rbm_draw_hidden(&rbm, &hidden, n, v, h, h));
    if (sweep + 1 < run->sweeps) {
      SMR_TRY(smr_rbm_draw_visible(&rbm, &visible, n, h, v, v));
    } else {
      SMR_TRY(smr_rbm_visible(&rbm, n, h, v));
    }
  }
  return SMR_OK;
}

/* First states of this rank's shards: training rows, or chains that are gathered already. */
static smr_status read_shard(const draw_run *run, int64_t shard) {
  const smr_trainer *t = run->t;
  int64_t n = smr_int_min(t->shard_rows, run->n - shard * t->shard_rows);
  for (int64_t i = 0; i < n; i++) {
    int64_t row = (shard * t->shard_rows + i) % t->rows.n_rows;
    SMR_TRY(t->rows.read(t->rows.self, 1, &row, 0,
                         run->v + (shard * t->shard_rows + i) * t->rows.n_pixels));
  }
  return SMR_OK;
}

static smr_status run_shards(const draw_run *run) {
  train_failure failure = {0};
  const bool is_from_data = run->t->rbm->config.negative_phase == SMR_NEGATIVE_CD;
#pragma omp parallel for schedule(static, 1) num_threads(run->n_threads)
  for (int64_t s = run->first; s < run->first + run->count; s++) {
    smr_status status = is_from_data ? read_shard(run, s) : SMR_OK;
    if (status == SMR_OK) {
      status = run_shard(run, omp_get_thread_num(), s);
    }
    smr_train_record(&failure, s, status);
  }
  return smr_train_get_failure(&failure);
}

/* Clears the shards of other ranks. */
static void clear_others(const draw_run *run) {
  const int64_t width = run->t->rbm->n_visible;
  const int64_t from = smr_int_min(run->first * run->t->shard_rows, run->n);
  const int64_t to = smr_int_min((run->first + run->count) * run->t->shard_rows, run->n);
  memset(run->v, 0, (size_t)(from * width) * sizeof *run->v);
  memset(run->v + to * width, 0, (size_t)((run->n - to) * width) * sizeof *run->v);
}

smr_status smr_trainer_draw(const smr_trainer *t, int64_t n, int64_t sweeps, float *v) {
  draw_run run = {.t = t, .n = n, .sweeps = sweeps, .v = v, .n_threads = t->n_threads};
  smr_status status = SMR_OK;
  run.n_shards = smr_int_ceil_divide(n, t->shard_rows);
  smr_int_share(run.n_shards, t->context->size, t->context->rank, &run.first, &run.count);
  status = smr_memory_alloc(t->n_threads * t->shard_rows * t->rbm->n_hidden, sizeof *run.h,
                            "fantasy particles", &run.h);
  SMR_TRY_DONE(smr_agree(t->context, status));
  if (t->rbm->config.negative_phase == SMR_NEGATIVE_PCD) {
    place_chains(&run);
    SMR_TRY_DONE(gather(&run));
  }
  if (t->ladder != NULL) {
    place_samples(&run);
  }
  SMR_TRY_DONE(smr_agree(t->context, run_shards(&run)));
  clear_others(&run);
  SMR_TRY_DONE(gather(&run));
done:
  smr_memory_free(run.h);
  return status;
}
