/* The training rows of `simmer bench`: one CD-1 step of an RBM against the matrix products in it,
 * what sums over ranks cost, and what more ranks gain.
 *
 * Step, products and the step of one rank alone take turns, so that all see the same machine; each
 * figure is a median. */
#include <math.h>
#include <omp.h>

#include "bench.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/train/trainer.h"

enum { VISIBLE = 784, HIDDEN = 500, BATCH = 512, ROWS = 4096, TURNS = 41, FIRST_TURNS = 3 };

/* Binary rows, as bytes, like images in shared memory. */
static smr_status read_rows(const void *self, int64_t n, const int64_t *rows, uint64_t draw,
                            float *out) {
  const uint8_t *bytes = self;
  (void)draw;
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *row = bytes + rows[i] * VISIBLE;
    for (int64_t p = 0; p < VISIBLE; p++) {
      out[i * VISIBLE + p] = (float)row[p];
    }
  }
  return SMR_OK;
}

static smr_status get_mean(const void *self, const smr_context *context, double *mean) {
  (void)self;
  (void)context;
  for (int64_t p = 0; p < VISIBLE; p++) {
    mean[p] = 0.5;
  }
  return SMR_OK;
}

/* Dummy operands of one shard's products. */
typedef struct {
  int64_t shard_rows, n_shards; /* of this rank */
  float *v, *h, *w;             /* [2S x V], [2S x H], [V x H] */
  float *out;                   /* room for any of them */
  int32_t *sums;                /* [V x H] */
} dummy;

typedef struct {
  smr_trainer *trainer, *alone; /* alone: on rank 0 */
  dummy work;
  double step[TURNS], products[TURNS], alone_step[TURNS], reduction[TURNS], conversion[TURNS];
} train_bench;

static smr_status multiply(const dummy *d) {
  const int64_t s = d->shard_rows;
  const smr_sgemm hidden = {.m = s,
                            .n = HIDDEN,
                            .k = VISIBLE,
                            .a = d->v,
                            .lda = VISIBLE,
                            .b = d->w,
                            .ldb = HIDDEN,
                            .alpha = 1,
                            .c = d->out,
                            .ldc = HIDDEN};
  const smr_sgemm visible = {.is_b_transposed = true,
                             .m = s,
                             .n = VISIBLE,
                             .k = HIDDEN,
                             .a = d->h,
                             .lda = HIDDEN,
                             .b = d->w,
                             .ldb = HIDDEN,
                             .alpha = 1,
                             .c = d->out,
                             .ldc = VISIBLE};
  const smr_sgemm statistics = {.is_a_transposed = true,
                                .m = VISIBLE,
                                .n = HIDDEN,
                                .k = 2 * s,
                                .a = d->v,
                                .lda = VISIBLE,
                                .b = d->h,
                                .ldb = HIDDEN,
                                .alpha = 1,
                                .c = d->out,
                                .ldc = HIDDEN};
  SMR_TRY(smr_kernel_sgemm(&hidden));
  SMR_TRY(smr_kernel_sgemm(&visible));
  SMR_TRY(smr_kernel_sgemm(&hidden));
  return smr_kernel_sgemm(&statistics);
}

static void fill(uint64_t index, int64_t n, double scale, float *x) {
  const smr_random_key key = {1, smr_random_stream("bench.train", 0, 0)};
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)(scale * (double)smr_random_below(key, index, (uint64_t)i, 1000) / 1000);
  }
}

static smr_status init_dummy(const smr_context *world, const smr_train_config *config, dummy *d) {
  int64_t first = 0;
  d->shard_rows = smr_train_get_shard_rows(config);
  smr_int_share(smr_train_count_shards(config), world->size, world->rank, &first, &d->n_shards);
  SMR_TRY(smr_memory_alloc(2 * d->shard_rows * VISIBLE, sizeof(float), "rows", &d->v));
  SMR_TRY(smr_memory_alloc(2 * d->shard_rows * HIDDEN, sizeof(float), "rows", &d->h));
  SMR_TRY(smr_memory_alloc(VISIBLE * HIDDEN, sizeof(float), "weights", &d->w));
  SMR_TRY(smr_memory_alloc(VISIBLE * HIDDEN, sizeof(int32_t), "sums", &d->sums));
  SMR_TRY(smr_memory_alloc(VISIBLE * smr_int_max(HIDDEN, d->shard_rows), sizeof(float), "products",
                           &d->out));
  fill(1, 2 * d->shard_rows * VISIBLE, 1, d->v);
  fill(2, 2 * d->shard_rows * HIDDEN, 1, d->h);
  fill(3, VISIBLE * HIDDEN, 0.01, d->w);
  return SMR_OK;
}

static smr_status time_products(const dummy *d, double *seconds) {
  double start = smr_clock_monotonic_s();
  for (int64_t s = 0; s < d->n_shards; s++) {
    SMR_TRY(multiply(d));
  }
  *seconds = smr_clock_monotonic_s() - start;
  return SMR_OK;
}

/* What fixed point adds to a step: conversion and sum of each shard's statistics. */
static smr_status time_conversion(const dummy *d, double *seconds) {
  enum { TILE = 196 * HIDDEN };
  double start = smr_clock_monotonic_s();
  for (int64_t s = 0; s < d->n_shards; s++) {
    for (int64_t i = 0; i < VISIBLE * HIDDEN; i += TILE) {
      SMR_TRY(smr_reduce_add32(TILE, d->w, 0x1p10, d->sums + i));
    }
  }
  *seconds = smr_clock_monotonic_s() - start;
  return SMR_OK;
}

/* One of each. Only rank 0 has a trainer alone; the others wait in the barrier. */
static smr_status take_turn(const smr_context *world, train_bench *b, int turn) {
  smr_status status = SMR_OK;
  double start = smr_clock_monotonic_s();
  if (b->alone != NULL) {
    status = smr_trainer_step(b->alone);
    b->alone_step[turn] = smr_clock_monotonic_s() - start;
  }
  SMR_TRY(smr_agree(world, status));
  smr_barrier(world);
  double reduced = smr_trainer_get_reduce_seconds(b->trainer);
  start = smr_clock_monotonic_s();
  SMR_TRY(smr_trainer_step(b->trainer));
  b->step[turn] = smr_clock_monotonic_s() - start;
  b->reduction[turn] = smr_trainer_get_reduce_seconds(b->trainer) - reduced;
  status = time_products(&b->work, &b->products[turn]);
  if (status == SMR_OK) {
    status = time_conversion(&b->work, &b->conversion[turn]);
  }
  return smr_agree(world, status);
}

static void print_wanted(bench_work *bench, const bench_row *row) {
  if (smr_bench_is_wanted(bench, row->name)) {
    smr_bench_print(bench, row);
  }
}

static void print(bench_work *bench, train_bench *b) {
  const smr_context *world = bench->world;
  const double flops = 5 * 2.0 * BATCH * VISIBLE * HIDDEN;
  const double own_flops =
      5 * 2.0 * (double)(b->work.n_shards * b->work.shard_rows) * VISIBLE * HIDDEN;
  double step = smr_bench_sum(world, smr_clock_median(TURNS, b->step)) / world->size;
  double reduction = smr_clock_median(TURNS, b->reduction) + smr_clock_median(TURNS, b->conversion);
  double alone = smr_clock_median(TURNS, b->alone_step);
  double limit = smr_bench_sum(
      world, b->work.n_shards > 0 ? own_flops / smr_clock_median(TURNS, b->products) : 0);
  reduction = smr_bench_sum(world, reduction) / world->size;
  print_wanted(bench, &(bench_row){"rbm_cd1_step", "operation/s",
                                   "RBM CD-1 step 784x500 batch 512, against its SGEMMs alone",
                                   flops / step, limit, step});
  print_wanted(bench, &(bench_row){"rbm_cd1_reduction", "s",
                                   "fixed-point sums in it, against the step (less is better)",
                                   reduction, step, reduction});
  if (world->size > 1) {
    print_wanted(bench, &(bench_row){"rbm_cd1_scaling", "step/s",
                                     "steps, against ranks x the steps of one rank alone", 1 / step,
                                     world->size / alone, step});
  }
}

static smr_status create(const smr_context *world, const smr_context *self, const uint8_t *bytes,
                         train_bench *b) {
  const smr_train_config config = {.batch_rows = BATCH,
                                   .shard_rows = -1,
                                   .epochs = -1,
                                   .steps = 1 << 20,
                                   .learning_rate = 0.01,
                                   .momentum = 0.5,
                                   .gradient_limit = (double)INFINITY,
                                   .seed = 1};
  const smr_rbm_config rbm = {.n_hidden = HIDDEN,
                              .gibbs_steps = 1,
                              .gibbs_steps_final = -1,
                              .is_centred = true,
                              .offset_rate = 0.01,
                              .weight_scale = -1};
  const smr_train_rows rows = {bytes, ROWS, VISIBLE, read_rows, get_mean};
  smr_status status = init_dummy(world, &config, &b->work);
  if (status == SMR_OK && world->rank == 0) {
    status = smr_trainer_create_on(self, &config, &rbm, &rows, NULL, &b->alone);
  }
  SMR_TRY(smr_agree(world, status));
  return smr_trainer_create_on(world, &config, &rbm, &rows, NULL, &b->trainer);
}

static void destroy(train_bench *b) {
  smr_trainer_destroy(&b->trainer);
  smr_trainer_destroy(&b->alone);
  smr_memory_free(b->work.v);
  smr_memory_free(b->work.h);
  smr_memory_free(b->work.w);
  smr_memory_free(b->work.out);
  smr_memory_free(b->work.sums);
}

smr_status smr_bench_training(bench_work *bench) {
  train_bench b = {0};
  smr_context *self = NULL;
  uint8_t *bytes = NULL;
  int index = 0;
  smr_status status = SMR_OK;
  if (!smr_bench_is_wanted(bench, "rbm_cd1_step") &&
      !smr_bench_is_wanted(bench, "rbm_cd1_reduction") &&
      !smr_bench_is_wanted(bench, "rbm_cd1_scaling")) {
    return SMR_OK;
  }
  SMR_TRY(smr_context_split(bench->world, 1, &self, &index));
  SMR_TRY_DONE(
      smr_agree(bench->world, smr_memory_alloc((int64_t)ROWS * VISIBLE, 1, "rows", &bytes)));
  for (int64_t i = 0; i < (int64_t)ROWS * VISIBLE; i++) {
    bytes[i] = (uint8_t)((i * 2654435761U) >> 29 & 1U);
  }
  SMR_TRY_DONE(create(bench->world, self, bytes, &b));
  for (int turn = -FIRST_TURNS; turn < TURNS; turn++) {
    SMR_TRY_DONE(take_turn(bench->world, &b, turn < 0 ? 0 : turn));
  }
  print(bench, &b);
done:
  destroy(&b);
  smr_memory_free(bytes);
  smr_context_destroy(&self);
  return status;
}
