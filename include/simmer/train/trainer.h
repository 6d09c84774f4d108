/* Data-parallel minibatch training, the same bits on any number of ranks and threads.
 *
 * A global minibatch of B rows is cut into shards of S rows (a function of the job). Ranks and
 * OpenMP threads take whole shards; a shard is one set of GEMMs on one BLAS thread. The statistics
 * of a minibatch (positive minus negative phase, and batch means) travel in one int32 fixed-point
 * allreduce (comm/reduce.h); momentum, decay, rate and norm limit come after it, alike on every
 * rank. Rows of an epoch come in the order of a permutation keyed by (seed, epoch).
 *
 * The tempered negative phase takes its samples from parallel tempering (sample/tempering.h;
 * Desjardins et al. 2010) that goes on from update to update, each of which makes k scans. Its
 * ladder adapts as the model changes, and gives ln Z on the way (Desjardins, Courville, Bengio
 * 2011): by chains that give no samples to the gradient, since an update lifts the energy just
 * where its own samples are, and those chains would make ln Z too small. Every so often it is asked
 * if the chains keep up: if not, an update gets more sweeps, or the learning rate is cut, to be
 * given back slowly. All this follows from gathered numbers that are alike on all ranks. */
#ifndef SIMMER_TRAIN_TRAINER_H
#define SIMMER_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/array.h"
#include "simmer/comm/context.h"
#include "simmer/data/images.h"
#include "simmer/energy/rbm.h"

typedef enum {
  SMR_RATE_CONSTANT,
  SMR_RATE_STEP,        /* times rate_factor every rate_period epochs */
  SMR_RATE_EXPONENTIAL, /* times rate_factor every epoch, a little each step */
  SMR_RATE_COSINE,      /* down to rate_final at the end, half a cosine */
  SMR_RATE_INVERSE_TIME /* rate / (1 + epoch / rate_period) */
} smr_rate_schedule;

/* The optimizer. Lengths in epochs may be fractions. */
typedef struct {
  int64_t batch_rows; /* B */
  int64_t
      shard_rows; /* S; -1 = auto: between 16 and 128 rows, at least 4 shards a batch if it can */
  double epochs;  /* length of the training; -1 = by steps */
  int64_t steps;  /* -1 = by epochs */
  double learning_rate;
  int rate_schedule; /* smr_rate_schedule */
  double rate_factor, rate_period, rate_final;
  double warm_up;          /* epochs over which the rate rises linearly from 0 */
  double momentum;         /* final */
  double momentum_initial; /* for the first momentum_epochs */
  double momentum_epochs;
  double l1, l2; /* decay of weights, not of biases (centred: of the centred model's), part of the
                    gradient: per unit of learning rate */
  double gradient_limit; /* on the norm of the whole gradient; INFINITY = none */
  uint64_t seed;
} smr_train_config;

typedef enum { SMR_NEGATIVE_CD, SMR_NEGATIVE_PCD, SMR_NEGATIVE_TEMPERED } smr_negative_phase;
typedef enum { SMR_START_SMALL_RANDOM, SMR_START_MODEL } smr_start;

/* The ladder of the tempered negative phase; -1 = auto. */
typedef struct {
  int64_t n_chains;          /* auto: the rows of a batch, at most 128 */
  int64_t n_observers;       /* further chains, for ln Z alone; auto: a quarter of those, and 16 */
  int64_t n_temperatures;    /* auto: about twice the communication barrier */
  int64_t most_temperatures; /* bound of that; auto: 40 */
  int64_t window;            /* scans that ln Z and the checks look back over; auto: 32 */
  int64_t most_sweeps;       /* of an update, when equilibrium is lost; auto: 8 times the usual */
  double least_acceptance;   /* of swaps at every edge; auto: 0.15; 0 = whatever it is */
  double least_effective;    /* share of the samples that stays effective while the model moves
                                through an autocorrelation time; auto: 0.5; 0 = whatever it is */
  double least_rate;         /* the learning rate isn't cut below this factor; auto: 1/16 */
} smr_tempered_config;

typedef struct {
  int64_t n_hidden;
  int negative_phase;  /* smr_negative_phase */
  int64_t gibbs_steps; /* k */
  int64_t
      gibbs_steps_final; /* reached at the end in equal parts of the training; -1 = k throughout */
  bool is_sampled; /* statistics from samples of h instead of p(h|v) (v of the model is always a
                      sample, so that the chain is one of Gibbs) */
  bool is_centred;
  double offset_rate;           /* of the moving averages mu and lambda, in (0,1] */
  double weight_scale;          /* standard deviation of the first W; -1 = auto: 0.01 */
  double hidden_bias;           /* first value of c */
  bool has_data_bias;           /* first b = logit of the data means (clamped), else 0 */
  smr_tempered_config tempered; /* SMR_NEGATIVE_TEMPERED only */
} smr_rbm_config;

/* The rows to train on: v [n x n_pixels] in [0,1], where what is no 0 or 1 is a probability that is
 * used as a value. */
typedef struct {
  const void *self;
  int64_t n_rows, n_pixels;
  /* Rows rows[0..n-1]; `draw` (the epoch) numbers the draws of rows that are drawn anew. Local,
   * thread-safe, pure. */
  smr_status (*read)(const void *self, int64_t n, const int64_t *rows, uint64_t draw, float *out);
  /* Means of pixels over the rows on every rank, mean[n_pixels]. Collective on context. */
  smr_status (*get_mean)(const void *self, const smr_context *context, double *mean);
} smr_train_rows;

typedef struct smr_trainer smr_trainer;

/* Shards of a minibatch. Local. */
int64_t smr_train_count_shards(const smr_train_config *config);
/* The largest useful number of ranks x threads: those, or the shards of the ladder. Local. */
int64_t smr_train_count_pieces(const smr_train_config *config, const smr_rbm_config *rbm);
int64_t smr_train_get_shard_rows(const smr_train_config *config);
/* Steps of one epoch (the last one takes what is left and the first rows of the next epoch), and of
 * the whole training. Local. */
int64_t smr_train_count_epoch_steps(const smr_train_config *config, int64_t n_train);
int64_t smr_train_count_steps(const smr_train_config *config, int64_t n_train);
/* Bytes of all chains, or of the ladder, in a checkpoint. Local. */
int64_t smr_train_count_chain_bytes(const smr_train_config *config, const smr_rbm_config *rbm,
                                    int64_t n_visible);
/* Operations of a step in GEMMs and in slower kernels, and bytes per rank (model, momentum,
 * statistics, workspaces of n_threads, this rank's chains or replicas of n_ranks). A ladder of an
 * automatic number of temperatures works with half of the most it may have, and no more sweeps than
 * usual. Local; for `plan`. */
void smr_train_count_cost(const smr_train_config *config, const smr_rbm_config *rbm,
                          int64_t n_visible, int n_ranks, int n_threads, double *flops,
                          double *slow_flops, int64_t *bytes);

/* A trainer of an RBM on images, at step 0. `start` gives first parameters, or NULL. The images are
 * borrowed. SMR_ERR_INPUT when sizes don't match. Collective on context. */
smr_status smr_trainer_create(const smr_context *context, const smr_train_config *config,
                              const smr_rbm_config *rbm_config, const smr_images *images,
                              const smr_rbm *start, smr_trainer **out) SMR_NODISCARD;
/* The same on rows of any kind; what rows->self points to is borrowed. */
smr_status smr_trainer_create_on(const smr_context *context, const smr_train_config *config,
                                 const smr_rbm_config *rbm_config, const smr_train_rows *rows,
                                 const smr_rbm *start, smr_trainer **out) SMR_NODISCARD;
void smr_trainer_destroy(smr_trainer **trainer);

/* One minibatch. SMR_ERR_NUMERIC, alike on all ranks, when a statistic, a parameter or the norm of
 * the gradient is no longer finite, or |W| has exploded; the message says the step. The state is
 * then of no use. Collective. */
smr_status smr_trainer_step(smr_trainer *trainer) SMR_NODISCARD;
int64_t smr_trainer_get_step(const smr_trainer *trainer); /* steps done */
int64_t smr_trainer_count_steps(const smr_trainer *trainer);
double smr_trainer_get_epoch(const smr_trainer *trainer);
double smr_trainer_get_learning_rate(const smr_trainer *trainer); /* of the next step, cut or not */
/* What the ladder of the tempered negative phase says, by its last check; NaN for other phases. */
typedef struct {
  double log_z, log_z_stderr; /* of the model as it is; the error from the independent observers,
                                 NaN while equilibrium is lost */
  double n_temperatures, barrier;
  double acceptance; /* of swaps at the worst edge */
  double
      effective_share;  /* of samples, after the model has moved through an autocorrelation time */
  double fresh_samples; /* negative samples that are new in each update */
  double round_trip_rate; /* per scan and chain */
  double sweeps;          /* of an update, each with a round of swaps */
  double rate_factor;     /* of the learning rate */
  double reactions;       /* how often sweeps were added or the rate was cut so far */
} smr_ladder_values;
/* The first call before the first step brings the ladder into equilibrium, as that step would. What
 * is trained doesn't depend on whether it is measured. Collective. */
smr_status smr_trainer_measure_ladder(smr_trainer *trainer,
                                      smr_ladder_values *values) SMR_NODISCARD;
/* Norm of the last step's gradient before the limit; NaN before the first. */
double smr_trainer_get_gradient_norm(const smr_trainer *trainer);
/* Seconds that this rank has spent in sums over ranks so far, waiting for others included. */
double smr_trainer_get_reduce_seconds(const smr_trainer *trainer);
smr_rbm smr_trainer_get_rbm(const smr_trainer *trainer); /* borrowed until the next step */
/* Offsets mu [V], lambda [H]; zeros without centring. Borrowed. */
void smr_trainer_get_offsets(const smr_trainer *trainer, const float **visible,
                             const float **hidden);
/* Parameters, momentum, offsets, chains or ladder, step: appended to the list, pointing into the
 * trainer. For writing as it is; for reading, filled by whoever reads, then smr_trainer_resume.
 * Local. */
smr_status smr_trainer_list_state(smr_trainer *trainer, smr_state *state) SMR_NODISCARD;
/* After the arrays of smr_trainer_list_state were filled from a checkpoint: checks them (finite,
 * step within the training) and goes on from there. Collective. */
smr_status smr_trainer_resume(smr_trainer *trainer) SMR_NODISCARD;
/* Weights are replicated: all ranks must hold the same bits. Fatal message with hosts and CPU types
 * if they don't. Collective. */
smr_status smr_trainer_check_replicas(const smr_trainer *trainer) SMR_NODISCARD;
/* Fantasy particles: n states after `sweeps` Gibbs sweeps from this trainer's chains (PCD,
 * tempered; repeated when there are fewer) or from training rows 0..n-1 (CD): probabilities v [n x
 * V] on every rank. Collective. */
smr_status smr_trainer_draw(const smr_trainer *trainer, int64_t n, int64_t sweeps,
                            float *v) SMR_NODISCARD;

#endif
