/* Rows of `simmer bench` about enumeration: ln Z of an RBM with 24 hidden units, and the plain loop
 * that takes the softplus of every unit in every state. */
#include <string.h>

#include "bench.h"
#include "simmer/base/clock.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/base/vector.h"
#include "simmer/sample/enumerate.h"

enum { VISIBLE = 784, HIDDEN = 24, TURNS = 5, PLAIN_STATES = 1 << 14 };
static const double n_states = (double)(1 << HIDDEN);

typedef struct {
  smr_rbm rbm;
  float *parameters;  /* W, b, c */
  float *columns;     /* W' [H x V] */
  float *x, *scratch; /* [V] */
} enumerate_bench;

static smr_status create(enumerate_bench *b) {
  const int64_t n_weights = (int64_t)VISIBLE * HIDDEN;
  const int64_t n = n_weights + VISIBLE + HIDDEN;
  const smr_random_key key = {1, smr_random_stream("bench.enumerate", 0, 0)};
  SMR_TRY(smr_memory_alloc(n, sizeof(float), "an RBM to be timed", &b->parameters));
  SMR_TRY(smr_memory_alloc(n_weights, sizeof(float), "an RBM to be timed", &b->columns));
  SMR_TRY(smr_memory_alloc(VISIBLE, sizeof(float), "an RBM to be timed", &b->x));
  SMR_TRY(smr_memory_alloc(VISIBLE, sizeof(float), "an RBM to be timed", &b->scratch));
  for (int64_t i = 0; i < n; i++) {
    b->parameters[i] = (float)(0.001 * (double)smr_random_below(key, 1, (uint64_t)i, 1000) - 0.5);
  }
  for (int64_t i = 0; i < n_weights; i++) {
    b->columns[i % HIDDEN * VISIBLE + i / HIDDEN] = b->parameters[i];
  }
  b->rbm = (smr_rbm){VISIBLE, HIDDEN, b->parameters, b->parameters + n_weights,
                     b->parameters + n_weights + VISIBLE};
  return SMR_OK;
}

static void destroy(enumerate_bench *b) {
  smr_memory_free(b->parameters);
  smr_memory_free(b->columns);
  smr_memory_free(b->x);
  smr_memory_free(b->scratch);
}

/* States in Gray-code order, so that one row of W' is added or taken away for each, and the
 * softplus of all units with explicit vectors, as its change from softplus(0). Returns what keeps
 * the loop from being dropped. */
static double run_plain(const enumerate_bench *b) {
  double total = 0.0;
  for (int64_t i = 0; i < VISIBLE; i++) {
    b->x[i] = 0.0F;
  }
  for (int64_t s = 1; s <= PLAIN_STATES; s++) {
    const int bit = __builtin_ctzll((unsigned long long)s);
    const float sign = ((s ^ s >> 1) >> bit & 1) != 0 ? 1.0F : -1.0F;
    const float *row = b->columns + (int64_t)bit * VISIBLE;
    for (int64_t i = 0; i < VISIBLE; i++) {
      b->x[i] += sign * row[i];
    }
    memcpy(b->scratch, b->x, VISIBLE * sizeof *b->x);
    total += smr_vector_change_softplus(VISIBLE, 0.0, 1.0, b->rbm.visible_bias, b->scratch);
  }
  return total;
}

static smr_status take_turn(const smr_context *world, const enumerate_bench *b, double *seconds,
                            double *plain) {
  double log_z = 0.0;
  smr_barrier(world);
  double start = smr_clock_monotonic_s();
  SMR_TRY(smr_enumerate_log_z(world, &b->rbm, &log_z));
  *seconds = smr_clock_monotonic_s() - start;
  smr_barrier(world);
  start = smr_clock_monotonic_s();
  volatile double total = run_plain(b);
  (void)total;
  *plain = (smr_clock_monotonic_s() - start) * n_states / PLAIN_STATES / world->size;
  return SMR_OK;
}

static void print(bench_work *bench, const char *name, const char *meaning, double *seconds) {
  const double median = smr_clock_median(TURNS, seconds);
  const double mean = smr_bench_sum(bench->world, median) / bench->world->size;
  if (smr_bench_is_wanted(bench, name)) {
    smr_bench_print(bench, &(bench_row){name, "operation/s", meaning,
                                        smr_enumerate_count_flops(VISIBLE, HIDDEN) / mean,
                                        bench->dgemm_limit, mean});
  }
}

smr_status smr_bench_enumeration(bench_work *bench) {
  enumerate_bench b = {.parameters = NULL};
  double seconds[TURNS], plain[TURNS];
  smr_status status = SMR_OK;
  if (!smr_bench_is_wanted(bench, "sample_enumerate") &&
      !smr_bench_is_wanted(bench, "sample_enumerate_plain")) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(bench->world, create(&b)));
  for (int turn = 0; turn < TURNS; turn++) {
    SMR_TRY_DONE(take_turn(bench->world, &b, &seconds[turn], &plain[turn]));
  }
  print(bench, "sample_enumerate", "ln Z by all 2^24 states of the hidden side, 784 visible units",
        seconds);
  print(bench, "sample_enumerate_plain",
        "softplus of every unit of every state, in vectors: 2^14 states, scaled", plain);
done:
  destroy(&b);
  return status;
}
