/* Positive and negative phase of one shard, and its statistics. Letters as in the header. */
#include <string.h>

#include "rbm_gradient.h"
#include "schedule.h"
#include "simmer/base/integer.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

float *rbm_gradient_get_input(void *self, int slot) {
  const rbm_gradient *g = self;
  return g->slots[slot].v;
}

/* A shard at work. */
typedef struct {
  const rbm_gradient *g;
  const smr_train_shard *shard;
  int64_t first_chain, m;
  smr_rbm rbm;
  float *v_data, *v_model, *h_data, *h_model;
} phase;

static smr_rbm_draw get_draw(const phase *p, const char *purpose, int64_t sweep) {
  return (smr_rbm_draw){{p->g->seed, smr_random_stream(purpose, 0, 0)},
                        rbm_sweep_step(p->shard->step, sweep),
                        p->shard->first};
}

static uint8_t *get_chains(const phase *p) {
  return p->g->chains + (p->shard->first - p->g->first_row) * p->g->n_visible;
}

/* CD: the chain starts from h drawn given the data. */
static smr_status start_from_data(const phase *p, const float **h) {
  const smr_rbm_draw draw = get_draw(p, "train.hidden", 0);
  float *drawn = p->g->config.is_sampled ? p->h_data : p->h_model;
  *h = drawn;
  return smr_rbm_draw_hidden(&p->rbm, &draw, p->shard->n, p->v_data, p->h_data, drawn);
}

/* h of the data where the chains don't start from it. */
static smr_status find_data_hidden(const phase *p) {
  const smr_rbm_draw draw = get_draw(p, "train.data", 0);
  return p->g->config.is_sampled
             ? smr_rbm_draw_hidden(&p->rbm, &draw, p->shard->n, p->v_data, p->h_data, p->h_data)
             : smr_rbm_hidden(&p->rbm, p->shard->n, p->v_data, p->h_data);
}

/* PCD: it goes on from where the last minibatch left it. */
static smr_status start_from_chains(const phase *p, const float **h) {
  const int64_t n = p->shard->n;
  const smr_rbm_draw draw = get_draw(p, "train.hidden", 0);
  const uint8_t *chains = get_chains(p);
  for (int64_t i = 0; i < n * p->g->n_visible; i++) {
    p->v_model[i] = (float)chains[i];
  }
  *h = p->h_model;
  SMR_TRY(find_data_hidden(p));
  return smr_rbm_draw_hidden(&p->rbm, &draw, n, p->v_model, p->h_model, p->h_model);
}

/* k sweeps from h; the last h is a probability unless samples are wanted. */
static smr_status run_chain(const phase *p, const float *h, int64_t k) {
  const int64_t n = p->shard->n;
  for (int64_t sweep = 1; sweep <= k; sweep++) {
    const smr_rbm_draw visible = get_draw(p, "train.visible", sweep);
    const smr_rbm_draw hidden = get_draw(p, "train.hidden", sweep);
    SMR_TRY(smr_rbm_draw_visible(&p->rbm, &visible, n, h, p->v_model, p->v_model));
    h = p->h_model;
    if (sweep < k || p->g->config.is_sampled) {
      SMR_TRY(smr_rbm_draw_hidden(&p->rbm, &hidden, n, p->v_model, p->h_model, p->h_model));
    }
  }
  return p->g->config.is_sampled ? SMR_OK : smr_rbm_hidden(&p->rbm, n, p->v_model, p->h_model);
}

static void keep_chains(const phase *p) {
  uint8_t *chains = get_chains(p);
  for (int64_t i = 0; i < p->shard->n * p->g->n_visible; i++) {
    chains[i] = (uint8_t)p->v_model[i];
  }
}

/* Tempered: samples of the model are there. */
static smr_status take_samples(const phase *p) {
  const rbm_gradient *g = p->g;
  const smr_rbm_draw draw = {{g->seed, smr_random_stream("train.hidden", 0, 0)},
                             rbm_sweep_step(p->shard->step, 0),
                             p->first_chain};
  SMR_TRY(find_data_hidden(p));
  if (p->m == 0) {
    return SMR_OK;
  }
  memcpy(p->v_model, g->samples + p->first_chain * g->n_visible,
         (size_t)(p->m * g->n_visible) * sizeof *p->v_model);
  return g->config.is_sampled
             ? smr_rbm_draw_hidden(&p->rbm, &draw, p->m, p->v_model, p->h_model, p->h_model)
             : smr_rbm_hidden(&p->rbm, p->m, p->v_model, p->h_model);
}

/* sums[width] = column sums of x [n x width]. */
static void sum_columns(int64_t n, int64_t width, const float *restrict x, float *restrict sums) {
  memset(sums, 0, (size_t)width * sizeof *sums);
  for (int64_t r = 0; r < n; r++) {
    for (int64_t j = 0; j < width; j++) {
      sums[j] += x[r * width + j];
    }
  }
}

static void subtract(int64_t n, int64_t width, const float *restrict offset, float *restrict x) {
  for (int64_t r = 0; r < n; r++) {
    for (int64_t j = 0; j < width; j++) {
      x[r * width + j] -= offset[j];
    }
  }
}

static void scale(int64_t n, float factor, float *x) {
  for (int64_t i = 0; i < n; i++) {
    x[i] *= factor;
  }
}

/* Of a model row, for data rows of 1: B/C. */
static float get_weight(const rbm_gradient *g) {
  return (float)((double)g->batch_rows / (double)g->n_chains);
}

/* Data minus model of one layer [n+m x width], and the data alone for offsets. */
static void sum_layer(const phase *p, int64_t width, float *x, float *work, float *out,
                      float *data) {
  const int64_t n = p->shard->n;
  const float weight = get_weight(p->g);
  sum_columns(n, width, x, out);
  sum_columns(p->m, width, x + n * width, work);
  if (p->g->config.is_centred) {
    memcpy(data, out, (size_t)width * sizeof *data);
  }
  for (int64_t j = 0; j < width; j++) {
    out[j] -= weight * work[j];
  }
}

static void prepare_statistics(const phase *p, rbm_slot *slot) {
  const rbm_gradient *g = p->g;
  float *data = slot->sums + g->n_visible + g->n_hidden;
  sum_layer(p, g->n_visible, slot->v, slot->work, slot->sums, data);
  sum_layer(p, g->n_hidden, slot->h, slot->work, slot->sums + g->n_visible, data + g->n_visible);
  if (g->config.is_centred) {
    subtract(slot->n, g->n_visible, g->mu, slot->v);
    subtract(slot->n, g->n_hidden, g->lambda, slot->h);
  }
  scale(p->m * g->n_visible, -get_weight(g), p->v_model);
}

static phase get_phase(const rbm_gradient *g, int index, const smr_train_shard *shard) {
  const rbm_slot *slot = &g->slots[index];
  const int64_t first = rbm_gradient_get_chain(g, shard->first);
  return (phase){.g = g,
                 .shard = shard,
                 .first_chain = first,
                 .m = rbm_gradient_get_chain(g, shard->first + shard->n) - first,
                 .rbm = rbm_gradient_get_rbm(g),
                 .v_data = slot->v,
                 .v_model = slot->v + shard->n * g->n_visible,
                 .h_data = slot->h,
                 .h_model = slot->h + shard->n * g->n_hidden};
}

smr_status rbm_gradient_compute(void *self, int index, const smr_train_shard *shard) {
  rbm_gradient *g = self;
  const phase p = get_phase(g, index, shard);
  const float *h = NULL;
  g->slots[index].n = shard->n + p.m;
  if (g->samples != NULL) {
    SMR_TRY(take_samples(&p));
  } else {
    SMR_TRY(g->chains != NULL ? start_from_chains(&p, &h) : start_from_data(&p, &h));
    SMR_TRY(run_chain(&p, h, smr_schedule_gibbs_steps(&g->config, shard->progress)));
  }
  if (g->chains != NULL) {
    keep_chains(&p);
  }
  prepare_statistics(&p, &g->slots[index]);
  return SMR_OK;
}

/* One tile of one slot's v'h, rows from i, columns from j. */
static smr_status add_tile(const rbm_gradient *g, const rbm_slot *slot, int64_t i, int64_t j,
                           float *tile, double scale, int32_t *sums) {
  const int64_t n_rows = smr_int_min(g->tiles.n_rows, g->n_visible - i);
  const int64_t n_cols = smr_int_min(g->tiles.n_cols, g->n_hidden - j);
  SMR_TRY(smr_kernel_sgemm(&(smr_sgemm){.is_a_transposed = true,
                                        .m = n_rows,
                                        .n = n_cols,
                                        .k = slot->n,
                                        .a = slot->v + i,
                                        .lda = g->n_visible,
                                        .b = slot->h + j,
                                        .ldb = g->n_hidden,
                                        .alpha = 1.0F,
                                        .c = tile,
                                        .ldc = n_cols}));
  if (n_cols == g->n_hidden) {
    return smr_reduce_add32(n_rows * n_cols, tile, scale, sums + i * n_cols);
  }
  for (int64_t r = 0; r < n_rows; r++) {
    SMR_TRY(smr_reduce_add32(n_cols, tile + r * n_cols, scale, sums + (i + r) * g->n_hidden + j));
  }
  return SMR_OK;
}

smr_status rbm_gradient_add_panel(void *self, int thread, int64_t panel, int n_slots, double scale,
                                  int32_t *sums) {
  const rbm_gradient *g = self;
  const int64_t n_tiles = g->tiles.n_down * g->tiles.n_across;
  const int64_t n_units = g->n_visible + g->n_hidden;
  int64_t tile_floats = (g->tiles.n_rows * g->tiles.n_cols + 15) / 16 * 16;
  int64_t i = panel / g->tiles.n_across * g->tiles.n_rows;
  int64_t j = panel % g->tiles.n_across * g->tiles.n_cols;
  for (int s = 0; s < n_slots; s++) {
    const rbm_slot *slot = &g->slots[s];
    if (panel < n_tiles) {
      SMR_TRY(add_tile(g, slot, i, j, g->tile_memory + thread * tile_floats, scale, sums));
    } else {
      SMR_TRY(smr_reduce_add32(g->config.is_centred ? 2 * n_units : n_units, slot->sums, scale,
                               sums + g->n_visible * g->n_hidden));
    }
  }
  return SMR_OK;
}
