/* Sums that are the same bits on any number of ranks and threads: two by integers, one by a fixed
 * tree.
 *
 * 1. int32 fixed point: minibatch statistics whose every row contributes at most 1 in magnitude.
 * 2. int64 fixed point with an agreed scale: counts, moments, monitors, logistic sums.
 * 3. A fixed binary tree over shards, for what must stay floating point or isn't a sum at all (R
 * factors).
 *
 * Work is cut into shards (fixed row blocks) whose sizes depend on the job, never on the ranks. */
#ifndef SIMMER_COMM_REDUCE_H
#define SIMMER_COMM_REDUCE_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/comm/context.h"

/* Scale 2^(30 - ceil(log2 rows)) of the int32 sum for a global batch of `rows` rows. Local. */
double smr_reduce_scale32(int64_t rows);
/* sums[n] += round-to-nearest-even(x[n] * scale) as int32. SMR_ERR_NUMERIC when any |x| * scale is
 * not finite or above 2^30 (tested before conversion: C converts NaN and overflow silently), or
 * when a sum passes int32; the sums are then of no use. `scale` must be a power of two. Local. */
smr_status smr_reduce_add32(int64_t n, const float *x, double scale, int32_t *sums) SMR_NODISCARD;
/* sums[n] of all ranks on all ranks, in place. Collective. */
smr_status smr_reduce_sum32(const smr_context *context, int64_t n, int32_t *sums) SMR_NODISCARD;

/* Sum over all shards of all ranks of x[shard][n] (row-major, n_local_shards x n; a rank may have 0
 * shards), as doubles in out[n] on every rank. The scale is a power of two agreed from the largest
 * |x| and the total number of shards, so that no sum can overflow: per column, each addend is
 * rounded by at most 2^-61 x shards x max |x| (and not at all up to 512 shards of like sizes).
 * SMR_ERR_NUMERIC for NaN or Inf on any rank, or in the result. Independent of order
 * and ranks. Collective. */
smr_status smr_reduce_sum64(const smr_context *context, int64_t n_local_shards, int64_t n,
                            const double *x, double *out) SMR_NODISCARD;
/* Exact sum of int64 counts, in place. Collective. */
smr_status smr_reduce_count(const smr_context *context, int64_t n, int64_t *counts) SMR_NODISCARD;

/* A reduction over shards 0..n_shards-1 by the binary tree in which node (level l, i) covers shards
 * [i 2^l, (i+1) 2^l) and combines its two halves, left first; a half that doesn't exist is skipped.
 * Values are `value_bytes` of plain bytes that may travel between ranks. `leaf` and `combine` are
 * called concurrently by the OpenMP threads of a rank, with `thread` in 0..omp_get_max_threads()-1
 * for workspaces; each rank takes a contiguous run of shards (smr_int_share). */
typedef struct {
  int64_t n_shards;
  size_t value_bytes;
  void *self;
  /* Value of one shard into value[value_bytes] (zeroed). */
  smr_status (*leaf)(void *self, int thread, int64_t shard, void *value);
  /* left = left (+) right. */
  smr_status (*combine)(void *self, int thread, void *left, void *right);
} smr_reduce_tree;

/* Result into value[value_bytes] on all ranks; n_shards = 0 leaves it zeroed. A failure of any call
 * on any rank is returned by all. At most O(log) values per thread of a rank are alive.
 * Collective. */
smr_status smr_reduce_run(const smr_context *context, const smr_reduce_tree *tree,
                          void *value) SMR_NODISCARD;

#endif
