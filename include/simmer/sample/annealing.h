/* Annealed importance sampling of an RBM's partition function (Neal 2001; Salakhutdinov & Murray
 * 2008), forward from base rates and in reverse from samples of the model.
 *
 * Weights use the marginal over v: f_beta(v) = exp((1-beta) a'v + beta b'v) prod_j (1 +
 * exp(beta (c + v'W)_j)); a [V] are the log odds of the base rates. Runs are cut into equal shards
 * of at most 50, spread over ranks and threads, on whose numbers no bit depends; every random
 * number is keyed by (seed, run, temperature). Models, configurations and samples are replicated;
 * errors are the same on all ranks: SMR_ERR_INPUT for inverse temperatures that don't rise strictly
 * from 0 to 1 (names the first one), SMR_ERR_NUMERIC for NaN or Inf in a model or a weight. */
#ifndef SIMMER_SAMPLE_ANNEALING_H
#define SIMMER_SAMPLE_ANNEALING_H

#include "simmer/base/array.h"
#include "simmer/comm/context.h"
#include "simmer/energy/rbm.h"

typedef struct {
  int64_t n_runs;
  int64_t n_betas;
  const double *betas;    /* strictly increasing from 0 to 1 */
  const float *base_bias; /* a [V] */
  uint64_t seed;
} smr_annealing_config;

typedef struct {
  double log_z;             /* ln Z_0 + ln of the mean weight; ln Z_0 - that in reverse */
  double log_z_stderr;      /* by the delta method on the mean weight; NaN for one run */
  double effective_samples; /* (sum w)^2 / sum w^2 */
  int is_reliable;          /* effective_samples >= 0.1 n_runs, and n_runs > 1 */
} smr_annealing_result;

/* betas of Salakhutdinov & Murray: 0 to .5 by 1e-3, to .9 by 1e-4, to 1 by 1e-5: 14,501 of them.
 * Returns how many; betas may be NULL. */
int64_t smr_annealing_usual_betas(double *betas);
/* a [V] = log odds of (mean n + strength) / (n + 2 strength) for pixel means of n images. */
void smr_annealing_base_bias(int64_t n_visible, const double *mean, int64_t n, double strength,
                             float *base_bias);

/* Runs that can be interrupted: they move together, and their states go into checkpoints. All below
 * is collective on the context, but for destroy, list_state and the getters. */
typedef struct smr_annealing smr_annealing;

/* At step 0. The model and what config points to are borrowed until destroy. */
smr_status smr_annealing_create(const smr_context *context, const smr_rbm *rbm,
                                const smr_annealing_config *config,
                                smr_annealing **out) SMR_NODISCARD;
void smr_annealing_destroy(smr_annealing **annealing);
/* From independent base states up (samples = NULL): the mean weight is Z / Z_0 in expectation, so
 * ln Z is underestimated. Or from samples v [n_runs x V] of the model down: the mean weight is
 * Z_0 / Z, and with exact samples ln Z is overestimated. SMR_ERR_INPUT for samples other than 0 and
 * 1. */
smr_status smr_annealing_start(smr_annealing *annealing, const float *samples) SMR_NODISCARD;
/* Moves all runs on by n_steps temperatures, or to the end. */
smr_status smr_annealing_advance(smr_annealing *annealing, int64_t n_steps) SMR_NODISCARD;
/* After the last step: log_weights[n_runs] on all ranks (may be NULL) and the result; back at step
 * 0 then. */
smr_status smr_annealing_finish(smr_annealing *annealing, double *log_weights,
                                smr_annealing_result *out) SMR_NODISCARD;
/* 0 before the first step, n_betas - 1 after the last one. */
int64_t smr_annealing_get_step(const smr_annealing *annealing);
/* Appends the arrays to go on from, on any number of ranks; read into them, then resume. */
smr_status smr_annealing_list_state(smr_annealing *annealing, smr_state *state) SMR_NODISCARD;
/* SMR_ERR_INPUT when what was read is no state of these runs. */
smr_status smr_annealing_resume(smr_annealing *annealing) SMR_NODISCARD;
/* Bytes that a rank's runs take beside scratch; those of a checkpoint on one rank. Local. */
int64_t smr_annealing_count_bytes(const smr_annealing_config *config, int64_t n_visible,
                                  int n_ranks);

/* All of it at once: up, */
smr_status smr_annealing_run(const smr_context *context, const smr_rbm *rbm,
                             const smr_annealing_config *config, double *log_weights,
                             smr_annealing_result *out) SMR_NODISCARD;
/* and down. */
smr_status smr_annealing_run_reverse(const smr_context *context, const smr_rbm *rbm,
                                     const smr_annealing_config *config, const float *samples,
                                     double *log_weights, smr_annealing_result *out) SMR_NODISCARD;
/* Parts that ranks and threads share: no more of them have work. Local. */
int64_t smr_annealing_count_shards(int64_t n_runs);
/* Operations of all runs: two products a temperature. Local. */
double smr_annealing_count_flops(const smr_annealing_config *config, int64_t n_visible,
                                 int64_t n_hidden);

#endif
