/* What is watched while an RBM is trained (Hinton, "A practical guide to training RBMs", 2010),
 * data-parallel.
 *
 * Rows are measured in fixed shards spread over ranks and threads, and summed by the int64 sums of
 * comm/reduce.h: the bits don't depend on the ranks. */
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
  uint64_t seed;
} smr_monitor_config;

/* NaN where there is nothing to measure. Means over rows, in nats where it is a log. */
typedef struct {
  double free_energy_train, free_energy_valid;
  double free_energy_gap;        /* mean F(held-out) - mean F(training) */
  double free_energy_gap_stderr; /* of that difference of means */
  double reconstruction_error;   /* mean squared error per unit of v -> p(h|v) -> p(v|h) */
  double pseudo_log_likelihood;  /* V ln p(v_i | v_-i), one random unit i a row, of training rows */
  double weight_norm;            /* Frobenius */
  double hidden_activity;        /* mean p(h=1|v) */
  double log_z, log_likelihood_train, log_likelihood_test; /* exact */
} smr_monitor_values;

typedef struct smr_monitor smr_monitor;

/* Reads its rows once, as they are at draw 0, and keeps this rank's share. Images are borrowed.
 * Collective on context. */
smr_status smr_monitor_create(const smr_context *context, const smr_monitor_config *config,
                              const smr_images *images, int64_t n_hidden,
                              smr_monitor **out) SMR_NODISCARD;
void smr_monitor_destroy(smr_monitor **monitor);
/* `step` keys the random units of the pseudo-likelihood. Collective. */
smr_status smr_monitor_measure(smr_monitor *monitor, const smr_rbm *rbm, int64_t step,
                               smr_monitor_values *values) SMR_NODISCARD;
/* Leading singular values of W, descending, NaN beyond min(V,H): s[n_singular_values] on all ranks.
 * The bits don't depend on the ranks. Collective. */
smr_status smr_monitor_measure_spectrum(smr_monitor *monitor, const smr_rbm *rbm,
                                        double *s) SMR_NODISCARD;
/* Operations of one measurement (GEMM-like, slower), of one spectrum, and bytes per rank. Local. */
void smr_monitor_count_cost(const smr_monitor_config *config, const smr_image_shape *shape,
                            int64_t n_hidden, int n_ranks, double *flops, double *slow_flops,
                            int64_t *bytes);

#endif
