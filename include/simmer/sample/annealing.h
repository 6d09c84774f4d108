/* Annealed importance sampling of an RBM's partition function (Neal 2001; Salakhutdinov & Murray
 * 2008), forward from base rates and in reverse from samples of the model.
 *
 * Weights use the marginal over v: f_beta(v) = exp((1-beta) a'v + beta b'v) prod_j (1 +
 * exp(beta (c + v'W)_j)); a [V] are the log odds of the base rates. Runs are cut into fixed shards
 * spread over ranks and threads; every random number is keyed by (seed, run, temperature). */
#ifndef SIMMER_SAMPLE_ANNEALING_H
#define SIMMER_SAMPLE_ANNEALING_H

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
  double log_z;             /* ln of the mean weight, plus ln Z_0 */
  double log_z_stderr;      /* by the delta method on the mean weight */
  double effective_samples; /* (sum w)^2 / sum w^2 */
  int is_reliable;          /* effective_samples >= 0.1 n_runs */
} smr_annealing_result;

/* betas of Salakhutdinov & Murray: 0 to .5 by 1e-3, to .9 by 1e-4, to 1 by 1e-5: 14,501 of them.
 * Returns how many; betas may be NULL. */
int64_t smr_annealing_usual_betas(double *betas);
/* a = log odds of (mean n + strength) / (n + 2 strength) for pixel means of n images. */
void smr_annealing_base_bias(int64_t n_visible, const double *mean, int64_t n, double strength,
                             float *base_bias);

/* From independent base states up; underestimates ln Z in expectation. log_weights[n_runs] on all
 * ranks (may be NULL). Collective on context. */
smr_status smr_annealing_run(const smr_context *context, const smr_rbm *rbm,
                             const smr_annealing_config *config, double *log_weights,
                             smr_annealing_result *out) SMR_NODISCARD;
/* From samples v [n_runs x V] of the model (exact ones make it overestimate in expectation) down.
 * Samples are replicated on all ranks. Collective. */
smr_status smr_annealing_run_reverse(const smr_context *context, const smr_rbm *rbm,
                                     const smr_annealing_config *config, const float *samples,
                                     double *log_weights, smr_annealing_result *out) SMR_NODISCARD;
double smr_annealing_count_flops(const smr_annealing_config *config, int64_t n_visible,
                                 int64_t n_hidden);

/* Naive mean-field and second-order TAP free energies (Gabrie, Tramel, Krzakala 2015): -F of the
 * best of n_starts fixed points of damped iterations; no standard error. *is_converged says whether
 * one was reached. Local, deterministic by seed. */
smr_status smr_mean_field_log_z(const smr_rbm *rbm, int order, int64_t n_starts, uint64_t seed,
                                double *log_z, int *is_converged) SMR_NODISCARD;

#endif
