/* What is watched while an RBM is trained (Hinton, "A practical guide to training RBMs", 2010),
 * data-parallel.
 *
 * Rows are measured in fixed shards of 128 spread over ranks and threads, and summed by the int64
 * sums of comm/reduce.h: the bits don't depend on ranks or threads. With 784 x 500 units and 1000
 * rows of each stream one core of a Zen 5 takes 37 ms for the values and 26 ms for the spectrum. */
#ifndef SIMMER_TRAIN_MONITOR_H
#define SIMMER_TRAIN_MONITOR_H

#include "simmer/data/images.h"
#include "simmer/energy/rbm.h"

typedef struct {
  int64_t rows; /* of each of the training, held-out and test streams (the first so many, or
                   all there are) */
  int64_t n_singular_values; /* leading ones of W; 0 = none */
  bool has_exact; /* ln Z by enumeration when min(V,H) <= exact_units, and log-likelihoods over
                     `rows` training rows and all test rows */
  int64_t exact_units;
  bool has_test; /* all test rows are measured even without an exact ln Z */
  uint64_t seed;
} smr_monitor_config;

/* NaN where there is nothing to measure (a stream without rows, no exact ln Z). Means over rows, in
 * nats where it is a log. */
typedef struct {
  double free_energy_train, free_energy_valid, free_energy_test;
  double free_energy_gap;        /* mean F(held-out) - mean F(training) */
  double free_energy_gap_stderr; /* of that difference of means, from the rows' variances */
  double reconstruction_error;   /* mean squared error per unit of v -> p(h|v) -> p(v|h) */
  double pseudo_log_likelihood;  /* V ln p(v_i | v_-i), one random unit i a row, of training rows;
                                    of a gray v_i against 1 - v_i */
  double weight_norm;            /* Frobenius */
  double hidden_activity;        /* mean p(h=1|v) */
  double log_z, log_likelihood_train, log_likelihood_test; /* exact */
} smr_monitor_values;

typedef struct smr_monitor smr_monitor;

/* Reads its rows once, as they are at draw 0, and keeps this rank's share as bytes. Images are
 * borrowed for the call. SMR_ERR_LIMIT when an exact ln Z is asked for that can't be enumerated.
 * Collective on context, which must outlive the monitor. */
smr_status smr_monitor_create(const smr_context *context, const smr_monitor_config *config,
                              const smr_images *images, int64_t n_hidden,
                              smr_monitor **out) SMR_NODISCARD;
/* Collective; accepts NULL. */
void smr_monitor_destroy(smr_monitor **monitor);
/* `step` keys the random units of the pseudo-likelihood. SMR_ERR_NUMERIC when the model or what is
 * measured is no longer finite; the message says the step. Collective; the model is replicated. */
smr_status smr_monitor_measure(smr_monitor *monitor, const smr_rbm *rbm, int64_t step,
                               smr_monitor_values *values) SMR_NODISCARD;
/* Leading singular values of W, descending, NaN beyond min(V,H): s[n_singular_values] on all ranks.
 * Rank 0 computes them, so the bits don't depend on the ranks. Up to a quarter of min(V,H) they
 * come from the Gram matrix: relative errors are about 1e-16 (s_1/s_k)^2, values below 1e-8 s_1
 * noise. Collective. */
smr_status smr_monitor_measure_spectrum(smr_monitor *monitor, const smr_rbm *rbm,
                                        double *s) SMR_NODISCARD;

/* Operations of all ranks together in one measurement, in GEMMs and in slower kernels; those of one
 * spectrum, which rank 0 computes alone; and bytes per rank. */
typedef struct {
  double flops, slow_flops, exact_flops, spectrum_flops;
  int64_t bytes;
} smr_monitor_cost;
/* Local; for `plan`. */
void smr_monitor_count_cost(const smr_monitor_config *config, const smr_image_shape *shape,
                            int64_t n_hidden, int n_ranks, int n_threads, smr_monitor_cost *cost);

#endif
