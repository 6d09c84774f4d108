/* Where a model plugs into the trainer: what is summed over the rows of a minibatch, and what is
 * done with the sum.
 *
 * Statistics are int32 fixed-point sums (comm/reduce.h), n_statistics of them. The trainer cuts the
 * minibatch into shards, has them computed in slots (one a thread), adds the slots panel by panel
 * to the sums, sums over ranks once, and applies the update on every rank. A row contributes at
 * most 1 in magnitude to any statistic. (A model without such a bound will agree on one over the
 * shards before the panels are added, and hand it on here as a scale.) */
#ifndef SIMMER_TRAIN_GRADIENT_MODEL_H
#define SIMMER_TRAIN_GRADIENT_MODEL_H

#include "simmer/base/array.h"
#include "simmer/base/error.h"

/* One shard of one minibatch: rows first..first+n-1 of the batch. */
typedef struct {
  int64_t step;
  double progress; /* of the training, in [0,1) */
  int64_t first, n;
} smr_train_shard;

/* How to apply a gradient. */
typedef struct {
  int64_t step;
  double scale; /* sums / scale is the mean over the batch */
  double rate, momentum, l1, l2, gradient_limit;
} smr_train_update;

typedef struct {
  void *self;
  int64_t n_statistics;
  int64_t n_panels; /* pieces of the statistics, a function of shapes alone */
  /* Where the rows of the slot's next shard go: [shard rows x inputs]. */
  float *(*get_input)(void *self, int slot);
  /* Phases of one shard in its slot; called by many threads, one a slot. Local. */
  smr_status (*compute)(void *self, int slot, const smr_train_shard *shard);
  /* Adds one panel of the statistics of slots 0..n_slots-1, in order; called by many threads, one a
   * panel. Local. */
  smr_status (*add_panel)(void *self, int thread, int64_t panel, int n_slots, double scale,
                          int32_t *sums);
  /* Applies the sums of all ranks and sets them to 0: the same bits on every rank. SMR_ERR_NUMERIC
   * when a parameter or the norm is no longer finite. Local, no collective. */
  smr_status (*update)(void *self, const smr_train_update *update, int32_t *sums, double *norm);
  smr_status (*list_state)(void *self, smr_state *state);
  /* Are the arrays that were filled from outside usable? Local. */
  smr_status (*check_state)(const void *self);
  void (*destroy)(void *self);
} smr_gradient_model;

#endif
