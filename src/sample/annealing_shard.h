/* The runs of one shard, from one inverse temperature to the next.
 *
 * V visible units, H hidden units, n runs. v is the state; everything else is scratch. The hidden
 * units are summed out in the weights, and the exponentials that this takes serve their draws:
 * a temperature is two GEMMs, a pass over hidden and one over visible units. */
#ifndef SIMMER_SAMPLE_ANNEALING_SHARD_H
#define SIMMER_SAMPLE_ANNEALING_SHARD_H

#include "simmer/sample/annealing.h"

/* Most runs of a shard: more make longer GEMMs, fewer spread over more threads; and runs that a
 * product is filled up to a multiple of: SGEMM takes twice as long a row at 25 rows as at 32. */
enum { SMR_ANNEALING_RUNS = 32, SMR_ANNEALING_ROWS = 16 };

/* What all shards share. Borrowed but for `field`; only read. */
typedef struct {
  const smr_rbm *rbm;
  const smr_annealing_config *config;
  const float *samples; /* [n_runs x V] the reverse runs start from; NULL = forward */
  const double *field;  /* [V] b - a */
} smr_annealing_path;

/* Scratch of one thread. */
typedef struct {
  float *memory;
  float *v;    /* [32 x V] */
  float *h;    /* [32 x H] */
  float *bias; /* [V] (1 - beta) a + beta b */
} smr_annealing_work;

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) SMR_NODISCARD;
void smr_annealing_work_clear(smr_annealing_work *work);
/* log_weights[n] of runs first..first+n-1, n <= 32. Local, thread-safe with a work of one's own. */
smr_status smr_annealing_shard(const smr_annealing_path *path, int64_t first, int64_t n,
                               smr_annealing_work *work, double *log_weights) SMR_NODISCARD;

#endif
