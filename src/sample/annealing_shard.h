/* The runs of one shard, from one inverse temperature to the next.
 *
 * V visible units, H hidden units, n runs. The state is v; h is scratch. The hidden
 * units are summed out in the weights, and the exponentials that this takes serve their draws:
 * a temperature is two products, a pass over hidden and one over visible units. */
#ifndef SIMMER_SAMPLE_ANNEALING_SHARD_H
#define SIMMER_SAMPLE_ANNEALING_SHARD_H

#include "simmer/sample/annealing.h"

/* Most runs of a shard: more share the tables of a product, fewer spread over more threads. */
enum { SMR_ANNEALING_RUNS = 50 };

/* What all shards share. Borrowed; only read. */
typedef struct {
  const smr_rbm *rbm;
  const smr_annealing_config *config;
  const double *field; /* [V] b - a */
  int64_t is_reverse;  /* from beta = 1 to 0 */
} smr_annealing_path;

/* Runs first..first+n-1 and where they are. Borrowed. */
typedef struct {
  int64_t first, n;
  float *v;            /* [n x V] */
  double *log_weights; /* [n] */
} smr_annealing_runs;

/* Scratch of one thread. */
typedef struct {
  double *betas; /* [50] of the rows of a sweep: all the same */
  float *h;      /* [50 x H] */
} smr_annealing_work;

smr_status smr_annealing_work_init(const smr_rbm *rbm, smr_annealing_work *work) SMR_NODISCARD;
void smr_annealing_work_clear(smr_annealing_work *work);
/* Weights 1, and the first states: draws of the base rates. Local. */
void smr_annealing_draw(const smr_annealing_path *path, const smr_annealing_runs *runs);
/* Step 1 to n_betas - 1 of at most 50 runs: adds ln f_to(v) - ln f_from(v) to log_weights, then,
 * but for the last step, draws new v (through new h) by a sweep that leaves p_to(v) as it is.
 * Local, thread-safe with a work of one's own. */
void smr_annealing_move(const smr_annealing_path *path, const smr_annealing_runs *runs,
                        int64_t step, const smr_annealing_work *work);

#endif
