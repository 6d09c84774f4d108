/* The gradient model of RBMs: contrastive divergence (Hinton 2002), persistent (Tieleman 2008),
 * centred (Melchior, Fischer, Wiskott 2016).
 *
 * Letters: V visible units, H hidden units, S rows of a shard, n rows of the shard at hand (the
 * last one of a batch may be shorter), B rows of a batch, C chains of the negative phase (B of them
 * but for the tempered one), m model rows of the shard at hand. A slot holds a shard's data rows
 * and, below them, its model rows: v [n+m x V], h [n+m x H]. With offsets mu and lambda taken off
 * and the model rows of v times -B/C, one product v'h is the shard's positive minus negative
 * statistics of W. Chains are dealt to shards in proportion to their rows; as all of them weigh B
 * together, a row still contributes at most 1, and partial sums stay within B.
 *
 * Statistics: W [V x H]; v, data minus model [V]; h, the same [H]; if centred, also v and h of the
 * data [V], [H]. */
#ifndef SIMMER_TRAIN_RBM_GRADIENT_H
#define SIMMER_TRAIN_RBM_GRADIENT_H

#include "gradient_model.h"
#include "simmer/train/trainer.h"

typedef struct {
  int64_t n;    /* data and model rows */
  float *v, *h; /* [rows x V], [rows x H] */
  float *sums;  /* the statistics but W */
  float *work;  /* [max(V,H)] */
} rbm_slot;

/* W is cut into tiles, so that a product is still in the cache when it is added to the sums. */
typedef struct {
  int64_t n_rows, n_cols; /* of a whole tile */
  int64_t n_down, n_across;
} rbm_tiles;

typedef struct {
  smr_rbm_config config;
  int64_t n_visible, n_hidden;
  int64_t batch_rows, shard_rows;
  int64_t first_row, n_rows; /* this rank's rows of a batch, and its chains */
  int n_threads;
  uint64_t seed;
  rbm_tiles tiles;
  float *w, *b, *c;
  float *momentum_w, *momentum_b, *momentum_c;
  float *mu, *lambda;
  uint8_t *chains;      /* [n_rows x V], 0 or 1; NULL without PCD */
  int64_t n_chains;     /* C */
  const float *samples; /* [C x V] of the tempered phase, borrowed; else NULL */
  rbm_slot *slots;      /* one a thread */
  float *memory;        /* of slots and tiles */
  float *tile_memory;
  float *gradient_b, *gradient_c;
  double *row_norms;  /* [V] */
  float *row_dots;    /* [V] */
  float *column_dots; /* [update panels x H] */
} rbm_gradient;

/* What a gradient model of this shape starts from. */
typedef struct {
  const smr_train_config *train;
  const smr_rbm_config *rbm;
  int64_t n_visible;
  int64_t first_row, n_rows; /* this rank's rows of a batch */
  int n_threads;
} rbm_shape;

/* Allocated, parameters 0. *out is valid for rbm_gradient_destroy even after a failure. Local. */
smr_status rbm_gradient_create(const rbm_shape *shape, rbm_gradient **out) SMR_NODISCARD;
void rbm_gradient_destroy(void *self);
smr_gradient_model rbm_gradient_get_model(rbm_gradient *g);
/* Panels of rows of W in the update. */
int64_t rbm_gradient_count_update_panels(int64_t n_visible);
rbm_tiles rbm_gradient_choose_tiles(int64_t n_visible, int64_t n_hidden);
smr_rbm rbm_gradient_get_rbm(const rbm_gradient *g);

/* First parameters: those of `start`, or small random ones; mean [V] of the data, or NULL. */
void rbm_gradient_init(rbm_gradient *g, const smr_rbm *start, const double *mean);

/* The first chain of the shard that begins with this row of the batch. */
static inline int64_t rbm_gradient_get_chain(const rbm_gradient *g, int64_t row) {
  return row * g->n_chains / g->batch_rows;
}

/* The functions of the gradient model. */
float *rbm_gradient_get_input(void *self, int slot);
smr_status rbm_gradient_compute(void *self, int slot, const smr_train_shard *shard);
smr_status rbm_gradient_add_panel(void *self, int thread, int64_t panel, int n_slots, double scale,
                                  int32_t *sums);
smr_status rbm_gradient_update(void *self, const smr_train_update *update, int32_t *sums,
                               double *norm);
smr_status rbm_gradient_list_state(void *self, smr_state *state);
smr_status rbm_gradient_check_state(const void *self);

/* Random numbers: one stream a purpose, one step of it a sweep of a minibatch. */
enum { RBM_MAX_SWEEPS = 1 << 20 };
static inline uint64_t rbm_sweep_step(int64_t step, int64_t sweep) {
  return (uint64_t)step * RBM_MAX_SWEEPS + (uint64_t)sweep;
}

#endif
