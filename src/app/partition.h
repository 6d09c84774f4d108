/* The partition experiment's parts: ln Z of one RBM by every estimator there is. Private to
 * src/app/partition*.c. */
#ifndef SIMMER_APP_PARTITION_H
#define SIMMER_APP_PARTITION_H

#include "experiment.h"

typedef struct {
  const char *model;   /* model file; "" = the Ising model's RBM */
  int64_t side;        /* L of that */
  double coupling;     /* K */
  bool has_flat_base;  /* base states at 1/2 instead of at the data's means */
  int64_t exact_units; /* most units that are enumerated */
  int64_t n_runs;      /* of annealed importance sampling; 0 = none */
  int64_t n_betas;     /* -1 = the usual 14,501 */
  int64_t n_chains;    /* of parallel tempering; 0 = none */
  int64_t n_temperatures, most_temperatures, rounds, scans, sweeps;
  bool has_mean_field;
} smr_partition_job;

/* X(name, meaning): values of the inner dimension `method`, counted from 1. */
#define SMR_PARTITION_METHODS(X) \
  X(exact)                       \
  X(ais)                         \
  X(reverse_ais)                 \
  X(stepping_forward)            \
  X(stepping_backward)           \
  X(bennett)                     \
  X(integration)                 \
  X(mean_field)                  \
  X(tap)

#define SMR_PARTITION_ENUM(name) SMR_PARTITION_##name,
enum { SMR_PARTITION_METHODS(SMR_PARTITION_ENUM) SMR_PARTITION_N_METHODS };
#undef SMR_PARTITION_ENUM

/* X(name, unit, meaning); the first three over [method]. */
#define SMR_PARTITION_OUTPUTS(X)                                                                  \
  X(log_z, "nats",                                                                                \
    "ln Z by method: 1 exact, 2 AIS, 3 reverse AIS, 4 and 5 stepping stone forward "              \
    "and backward, 6 Bennett, 7 integration, 8 mean field, 9 TAP")                                \
  X(log_z_stderr, "nats", "its standard error; none for exact, mean-field and TAP values")        \
  X(z_score, "", "its distance from the exact ln Z in standard errors")                           \
  X(log_z_exact, "nats", "exact ln Z, by enumeration or by Kaufman's formula, where it is known") \
  X(is_agreed, "", "1 when all estimates with standard errors lie within 4 of each other's")      \
  X(annealing_effective_samples, "",                                                              \
    "effective number of AIS runs; below a tenth of them the "                                    \
    "standard error can't be trusted")                                                            \
  X(n_temperatures, "", "temperatures of the ladder")                                             \
  X(barrier, "", "global communication barrier, the sum of the swaps' rejection rates")           \
  X(round_trips, "", "round trips of replicas between both ends of the ladder, all chains")       \
  X(seconds, "s", "time this unit took")

#define SMR_PARTITION_ENUM(name, unit, meaning) SMR_PARTITION_OUT_##name,
enum { SMR_PARTITION_OUTPUTS(SMR_PARTITION_ENUM) SMR_PARTITION_N_OUTPUTS };
#undef SMR_PARTITION_ENUM

#endif
