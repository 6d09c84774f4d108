/* The runs of one shard, from one inverse temperature to the next.
 *
 * V visible units, H hidden units, n runs. v is the state; everything else is scratch. The hidden
 * units are summed out in the weights, and the exponentials that this takes serve their draws:
 * a temperature is two products, a pass over hidden and one over visible units. */
#ifndef SIMMER_SAMPLE_ANNEALING_SHARD_H
#define SIMMER_SAMPLE_ANNEALING_SHARD_H

#include "simmer/sample/annealing.h"

/* Most runs of a shard: more share the tables of a product, fewer spread over more threads. */
enum { SMR_ANNEALING_RUNS = 50 };

/* What all shards share. Borrowed but for `field`; only read. */
typedef struct {
  const smr_rbm *rbm;
  const smr_annealing_config *config;
  const float *samples; /* [n_runs x V] the reverse runs start from; NULL = forward */
  const double *field;  /* [V] b - a */
} smr_annealing_path;

/* Scratch of one thread. */
typedef struct {
  double *betas; /* [50] of the rows of a sweep: all the same */
  float *v;      /* [50 x V] */
  float *h;      /* [50 x H] */
} smr_annealing_work;

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) SMR_NODISCARD;
void smr_annealing_work_clear(smr_annealing_work *work);
/* Step 1 to n_betas - 1 of runs first..first+n-1, n <= 50, which are in work->v: adds ln f_to(v) -
 * ln f_from(v) to log_weights[n], then, but for the last step, draws new v (through new h) by a
 * sweep that leaves p_to(v) as it is. Local, thread-safe with a work of one's own. */
void smr_annealing_move(const smr_annealing_path *path, int64_t first, int64_t n, int64_t step,
                        const smr_annealing_work *work, double *log_weights);
/* log_weights[n] of these runs, from their first states on. */
void smr_annealing_shard(const smr_annealing_path *path, int64_t first, int64_t n,
                         const smr_annealing_work *work, double *log_weights);

#endif
