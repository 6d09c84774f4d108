/* The gradient model of RBMs: memory and first parameters. Letters as in the header. */
#include "rbm_gradient.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/vector.h"

/* A tile of W stays in a second-level cache of 1 MiB with the block of h it is made from; at least
 * four of them for threads to share. SGEMM with the integer sum, 784 x 500 and K = 256: 0.92 of its
 * rate on the whole of W for tiles of 196 rows, 0.88 for 112, 0.74 for 28. */
enum { TILE_ENTRIES = 112 << 10, TILE_COLS = 1024, MIN_TILES = 4 };

rbm_tiles rbm_gradient_choose_tiles(int64_t n_visible, int64_t n_hidden) {
  rbm_tiles tiles;
  tiles.n_across = smr_int_ceil_divide(n_hidden, TILE_COLS);
  tiles.n_cols = smr_int_ceil_divide(n_hidden, tiles.n_across);
  int64_t rows = smr_int_max(TILE_ENTRIES / tiles.n_cols, 1);
  tiles.n_down =
      smr_int_max(smr_int_ceil_divide(n_visible, rows),
                  smr_int_min(smr_int_ceil_divide(MIN_TILES, tiles.n_across), n_visible));
  tiles.n_rows = smr_int_ceil_divide(n_visible, tiles.n_down);
  tiles.n_down = smr_int_ceil_divide(n_visible, tiles.n_rows);
  return tiles;
}

/* Floats of a slot, each part of it a whole number of cache lines. */
static int64_t pad(int64_t n) {
  return (n + 15) / 16 * 16;
}

/* Most data and model rows of a shard. */
static int64_t count_slot_rows(const rbm_gradient *g) {
  const int64_t n_model = smr_int_ceil_divide(g->shard_rows * g->n_chains, g->batch_rows);
  return g->shard_rows + smr_int_min(n_model, g->n_chains);
}

static int64_t count_slot(const rbm_gradient *g) {
  const int64_t n_rows = count_slot_rows(g);
  return pad(n_rows * g->n_visible) + pad(n_rows * g->n_hidden) +
         pad(2 * (g->n_visible + g->n_hidden)) + pad(smr_int_max(g->n_visible, g->n_hidden));
}

static void place_slot(const rbm_gradient *g, float *memory, rbm_slot *slot) {
  const int64_t n_rows = count_slot_rows(g);
  slot->v = memory;
  slot->h = slot->v + pad(n_rows * g->n_visible);
  slot->sums = slot->h + pad(n_rows * g->n_hidden);
  slot->work = slot->sums + pad(2 * (g->n_visible + g->n_hidden));
}

static smr_status allocate_parameters(rbm_gradient *g) {
  const int64_t v = g->n_visible;
  const int64_t h = g->n_hidden;
  int64_t n = 0;
  SMR_TRY(smr_int_multiply(v, h, "weights of an RBM", &n));
  SMR_TRY(smr_memory_alloc(n, sizeof(float), "weights", &g->w));
  SMR_TRY(smr_memory_alloc(n, sizeof(float), "momentum of weights", &g->momentum_w));
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "biases", &g->b));
  SMR_TRY(smr_memory_alloc(h, sizeof(float), "biases", &g->c));
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "momentum of biases", &g->momentum_b));
  SMR_TRY(smr_memory_alloc(h, sizeof(float), "momentum of biases", &g->momentum_c));
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "offsets", &g->mu));
  SMR_TRY(smr_memory_alloc(h, sizeof(float), "offsets", &g->lambda));
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "gradient", &g->gradient_b));
  SMR_TRY(smr_memory_alloc(h, sizeof(float), "gradient", &g->gradient_c));
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "gradient", &g->row_dots));
  SMR_TRY(smr_memory_alloc(rbm_gradient_count_update_panels(v) * h, sizeof(float), "gradient",
                           &g->column_dots));
  return smr_memory_alloc(v, sizeof(double), "gradient", &g->row_norms);
}

static smr_status allocate_work(rbm_gradient *g) {
  int64_t slot = count_slot(g);
  int64_t tile = pad(g->tiles.n_rows * g->tiles.n_cols);
  int64_t n = 0;
  SMR_TRY(smr_int_multiply(g->n_threads, slot, "workspaces of a training", &n));
  SMR_TRY(smr_memory_alloc(n, sizeof(float), "workspaces of a training", &g->memory));
  SMR_TRY(smr_memory_alloc(g->n_threads * tile, sizeof(float), "workspaces of a training",
                           &g->tile_memory));
  SMR_TRY(smr_memory_alloc(g->n_threads, sizeof *g->slots, "workspaces of a training", &g->slots));
  for (int i = 0; i < g->n_threads; i++) {
    place_slot(g, g->memory + i * slot, &g->slots[i]);
  }
  if (g->config.negative_phase == SMR_NEGATIVE_PCD) {
    SMR_TRY(smr_int_multiply(g->n_rows, g->n_visible, "persistent chains", &n));
    SMR_TRY(smr_memory_alloc(n, 1, "persistent chains", &g->chains));
  }
  return SMR_OK;
}

static smr_status check_config(const rbm_shape *shape) {
  const smr_rbm_config *config = shape->rbm;
  if (shape->n_visible < 1 || config->n_hidden < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "an RBM of %" PRId64 " visible and %" PRId64 " hidden units",
             shape->n_visible, config->n_hidden);
  }
  if (config->gibbs_steps < 1 || config->gibbs_steps_final == 0 ||
      smr_int_max(config->gibbs_steps, config->gibbs_steps_final) >= RBM_MAX_SWEEPS) {
    SMR_FAIL(SMR_ERR_INPUT, "the number of Gibbs steps must be between 1 and 2^20");
  }
  if (config->is_centred && !(config->offset_rate > 0 && config->offset_rate <= 1)) {
    SMR_FAIL(SMR_ERR_INPUT, "the rate of offsets must be in (0,1]");
  }
  if (!isfinite(config->hidden_bias) || !isfinite(config->weight_scale)) {
    SMR_FAIL(SMR_ERR_INPUT, "the first hidden bias and the scale of weights must be finite");
  }
  return SMR_OK;
}

smr_status rbm_gradient_create(const rbm_shape *shape, rbm_gradient **out) {
  *out = NULL;
  SMR_TRY(check_config(shape));
  SMR_TRY(smr_memory_alloc(1, sizeof **out, "a gradient", out));
  rbm_gradient *g = *out;
  g->config = *shape->rbm;
  g->n_visible = shape->n_visible;
  g->n_hidden = shape->rbm->n_hidden;
  g->batch_rows = shape->train->batch_rows;
  g->n_chains = shape->rbm->negative_phase == SMR_NEGATIVE_TEMPERED ? shape->rbm->tempered.n_chains
                                                                    : g->batch_rows;
  g->shard_rows = smr_train_get_shard_rows(shape->train);
  g->first_row = shape->first_row;
  g->n_rows = shape->n_rows;
  g->n_threads = shape->n_threads;
  g->seed = shape->train->seed;
  g->tiles = rbm_gradient_choose_tiles(g->n_visible, g->n_hidden);
  SMR_TRY(allocate_parameters(g));
  return allocate_work(g);
}

void rbm_gradient_destroy(void *self) {
  rbm_gradient *g = self;
  if (g == NULL) {
    return;
  }
  void *parts[] = {g->w,
                   g->momentum_w,
                   g->b,
                   g->c,
                   g->momentum_b,
                   g->mu,
                   g->momentum_c,
                   g->lambda,
                   g->gradient_b,
                   g->gradient_c,
                   g->memory,
                   g->tile_memory,
                   g->row_norms,
                   g->row_dots,
                   g->slots,
                   g->chains,
                   g};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    smr_memory_free(parts[i]);
  }
}

smr_rbm rbm_gradient_get_rbm(const rbm_gradient *g) {
  return (smr_rbm){g->n_visible, g->n_hidden, g->w, g->b, g->c};
}

/* Normal weights; row i is a function of (seed, i). */
static void init_weights(rbm_gradient *g) {
  enum { CHUNK = 256 };
  const smr_random_key key = {g->seed, smr_random_stream("train.weights", 0, 0)};
  double scale = g->config.weight_scale < 0 ? 0.01 : g->config.weight_scale;
  for (int64_t i = 0; i < g->n_visible; i++) {
    for (int64_t first = 0; first < g->n_hidden; first += CHUNK) {
      double normals[CHUNK];
      int64_t n = smr_int_min(CHUNK, g->n_hidden - first);
      smr_random_normal(key, (uint64_t)i, (uint64_t)(first / CHUNK), n, normals);
      for (int64_t j = 0; j < n; j++) {
        g->w[i * g->n_hidden + first + j] = (float)(scale * normals[j]);
      }
    }
  }
}

/* Chains start from independent units at the base rates of the visible biases. */
static void init_chains(rbm_gradient *g) {
  const smr_random_key key = {g->seed, smr_random_stream("train.chains", 0, 0)};
  float *v = g->slots[0].work;
  for (int64_t r = 0; r < g->n_rows; r++) {
    memcpy(v, g->b, (size_t)g->n_visible * sizeof *v);
    smr_vector_logistic(g->n_visible, v);
    smr_vector_bernoulli(key, 0, g->first_row + r, 1, g->n_visible, v, v);
    for (int64_t i = 0; i < g->n_visible; i++) {
      g->chains[r * g->n_visible + i] = v[i] != 0.0F;
    }
  }
}

void rbm_gradient_init(rbm_gradient *g, const smr_rbm *start, const double *mean) {
  const double least = 1e-3; /* no first bias is beyond 6.9 */
  if (start != NULL) {
    memcpy(g->w, start->w, (size_t)(g->n_visible * g->n_hidden) * sizeof *g->w);
    memcpy(g->b, start->visible_bias, (size_t)g->n_visible * sizeof *g->b);
    memcpy(g->c, start->hidden_bias, (size_t)g->n_hidden * sizeof *g->c);
  } else {
    init_weights(g);
    for (int64_t i = 0; i < g->n_visible && g->config.has_data_bias; i++) {
      double p = fmin(fmax(mean[i], least), 1 - least);
      g->b[i] = (float)log(p / (1 - p));
    }
    for (int64_t j = 0; j < g->n_hidden; j++) {
      g->c[j] = (float)g->config.hidden_bias;
    }
  }
  if (g->config.is_centred) {
    for (int64_t i = 0; i < g->n_visible; i++) {
      g->mu[i] = (float)fmin(fmax(mean[i], 0), 1);
    }
    memcpy(g->lambda, g->c, (size_t)g->n_hidden * sizeof *g->c);
    smr_vector_logistic(g->n_hidden, g->lambda);
  }
  if (g->chains != NULL) {
    init_chains(g);
  }
}

smr_gradient_model rbm_gradient_get_model(rbm_gradient *g) {
  int64_t units = g->n_visible + g->n_hidden;
  return (smr_gradient_model){.self = g,
                              .n_statistics = g->n_visible * g->n_hidden +
                                              (g->config.is_centred ? 2 * units : units),
                              .n_panels = g->tiles.n_down * g->tiles.n_across + 1,
                              .get_input = rbm_gradient_get_input,
                              .compute = rbm_gradient_compute,
                              .add_panel = rbm_gradient_add_panel,
                              .update = rbm_gradient_update,
                              .list_state = rbm_gradient_list_state,
                              .check_state = rbm_gradient_check_state,
                              .destroy = rbm_gradient_destroy};
}
