/* The partition experiment's parts: ln Z of one RBM by every estimator there is, and what follows
 * for the likelihood of data. Private to src/app/partition_*.c. */
#ifndef SIMMER_APP_PARTITION_H
#define SIMMER_APP_PARTITION_H

#include "ladder_run.h"
#include "model_load.h"
#include "simmer/energy/rbm.h"
#include "simmer/sample/estimate.h"
#include "sources.h"

typedef enum { SMR_EXACT_AUTO, SMR_EXACT_ALWAYS, SMR_EXACT_NEVER } smr_exact_choice;

typedef struct {
  const char *model;      /* model file; "" = the Ising model's RBM */
  int64_t side;           /* L of that */
  double coupling;        /* K */
  bool has_flat_base;     /* base states at 1/2 instead of at the data's means */
  int exact;              /* smr_exact_choice */
  int64_t exact_units;    /* most units that are enumerated by auto */
  int64_t n_runs;         /* of annealed importance sampling; 0 = none */
  int64_t n_steps;        /* -1 = the usual 14,501 */
  smr_reals anneal_betas; /* schedule of annealing; fewer than 3 = by n_steps */
  smr_ladder_job ladder;  /* of parallel tempering; 0 chains = none */
  bool has_mean_field;
  int64_t n_rows;        /* of each stream of the data; -1 = all */
  smr_image_config data; /* source: 0 = none, else 1 + smr_image_source */
} smr_partition_job;

/* What units share. */
typedef struct {
  smr_model_survey *models;
  smr_sources *sources;
} smr_partition_state;

extern const smr_key_table smr_partition_keys;
/* The images of a cell; false when it has none. */
bool smr_partition_get_source(const smr_common_config *common, const void *config,
                              smr_image_config *out);
/* Inverse temperatures of annealing: n of them, into betas[n] when that isn't NULL. */
int64_t smr_partition_fill_betas(const smr_partition_job *job, double *betas);
/* Whether ln Z is to be enumerated. */
bool smr_partition_is_enumerated(const smr_partition_job *job, int64_t n_visible, int64_t n_hidden);

/* X(name, title): values of the inner dimension `method`. */
#define SMR_PARTITION_METHODS(X)                    \
  X(exact, "exact")                                 \
  X(ais, "annealing (AIS)")                         \
  X(reverse_ais, "annealing in reverse")            \
  X(stepping_forward, "stepping stone, from hot")   \
  X(stepping_backward, "stepping stone, from cold") \
  X(bennett, "Bennett's ratio")                     \
  X(integration, "thermodynamic integration")       \
  X(mean_field, "mean field")                       \
  X(tap, "TAP, second order")

#define SMR_PARTITION_ENUM(name, title) SMR_PARTITION_##name,
enum { SMR_PARTITION_METHODS(SMR_PARTITION_ENUM) SMR_PARTITION_N_METHODS };
#undef SMR_PARTITION_ENUM

/* X(name, unit, number of dimensions, meaning); dimensions are [method] or [method, other]. */
#define SMR_PARTITION_OUTPUTS(X)                                                                \
  X(log_z, "nats", 1, "ln Z by method")                                                         \
  X(log_z_stderr, "nats", 1, "its standard error; none for exact, mean-field and TAP values")   \
  X(z_score, "", 1, "its distance from the exact ln Z in standard errors")                      \
  X(z_mutual, "", 2,                                                                            \
    "ln Z by `method` above that by `other_method`, in standard errors of the difference of "   \
    "independent values; exact ones have none of their own")                                    \
  X(log_likelihood_train, "nats", 1, "mean log-likelihood of training rows by method of ln Z")  \
  X(log_likelihood_train_stderr, "nats", 1,                                                     \
    "its standard error, of ln Z and of the finite number of rows")                             \
  X(log_likelihood_test, "nats", 1, "mean log-likelihood of test rows by method of ln Z")       \
  X(log_likelihood_test_stderr, "nats", 1,                                                      \
    "its standard error, of ln Z and of the finite number of rows")                             \
  X(free_energy_train, "nats", 0, "mean free energy of training rows")                          \
  X(free_energy_train_stderr, "nats", 0, "its standard error, by the number of rows")           \
  X(free_energy_test, "nats", 0, "mean free energy of test rows")                               \
  X(free_energy_test_stderr, "nats", 0, "its standard error, by the number of rows")            \
  X(log_z_exact, "nats", 0,                                                                     \
    "exact ln Z, by enumeration or by Kaufman's formula, where it is known")                    \
  X(is_agreed, "", 0,                                                                           \
    "whether all values with standard errors, and the exact one, lie within 4 of each other's") \
  X(annealing_gap, "nats", 0,                                                                   \
    "ln Z by annealing in reverse above that by annealing: both agree at 0")                    \
  X(annealing_gap_stderr, "nats", 0, "its standard error")                                      \
  X(annealing_effective_samples, "", 0,                                                         \
    "effective number of AIS runs; below a tenth of them the standard error can't be trusted")  \
  X(reverse_effective_samples, "", 0, "the same of the runs in reverse")                        \
  X(n_temperatures, "", 0, "temperatures of the ladder")                                        \
  X(barrier, "", 0, "global communication barrier, the sum of the swaps' rejection rates")      \
  X(round_trips, "", 0, "round trips of replicas between both ends of the ladder, all chains")  \
  X(seconds, "s", 0, "time this unit took")

#define SMR_PARTITION_ENUM(name, unit, n_dimensions, meaning) SMR_PARTITION_OUT_##name,
enum { SMR_PARTITION_OUTPUTS(SMR_PARTITION_ENUM) SMR_PARTITION_N_OUTPUTS };
#undef SMR_PARTITION_ENUM

/* What the stages of a unit find, NaN where they don't: plain numbers, alike on all ranks. */
typedef struct {
  double log_z[SMR_PARTITION_N_METHODS], error[SMR_PARTITION_N_METHODS];
  double exact, effective, reverse_effective, barrier, n_temperatures, round_trips;
  double free_energy_train[2], free_energy_test[2]; /* mean and standard error */
} smr_partition_values;

void smr_partition_clear_values(smr_partition_values *values);
void smr_partition_put(const smr_services *services, const smr_partition_values *values,
                       double seconds);

smr_status smr_partition_describe(const smr_job *job, smr_schema *outputs,
                                  smr_schema *summaries) SMR_NODISCARD;
smr_status smr_partition_summarize(const void *config, const smr_schema *outputs,
                                   const smr_schema *summaries, int64_t n,
                                   const double *const *records, double *out) SMR_NODISCARD;
/* The table of one unit, for the reader. */
smr_status smr_partition_report(const void *config, const smr_schema *outputs, const double *record,
                                smr_text *out) SMR_NODISCARD;

/* Free energies of the rows of a stream: mean and its standard error, NaN where there are no rows
 * (one row: no error). The same bits on any number of ranks and threads. Collective on group. */
smr_status smr_partition_measure_rows(const smr_context *group, const smr_rbm *rbm,
                                      const smr_images *images, smr_stream stream, int64_t n_rows,
                                      double out[2]) SMR_NODISCARD;
smr_status smr_partition_run(const smr_unit *unit) SMR_NODISCARD;

#endif
