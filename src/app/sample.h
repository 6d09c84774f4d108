/* The sample experiment's parts: draws from a trained RBM by parallel tempering, with diagnoses
 * that say whether to trust them. Private to src/app/sample_*.c. */
#ifndef SIMMER_APP_SAMPLE_H
#define SIMMER_APP_SAMPLE_H

#include "ladder_run.h"
#include "model_load.h"

typedef enum { SMR_SAMPLE_STATES, SMR_SAMPLE_PROBABILITIES } smr_sample_values;

typedef struct {
  const char *model; /* name of a model, see model_load.h */
  int64_t count;     /* images to keep */
  int values;        /* smr_sample_values */
  bool has_flat_base;
  smr_ladder_job ladder;
} smr_sample_job;

extern const smr_model_key smr_sample_model_key;

/* X(name, unit, meaning); the first four over [observable]. */
#define SMR_SAMPLE_OUTPUTS(X)                                                                      \
  X(observable_mean, "",                                                                           \
    "mean at beta = 1: energy E - E_0; share of units that are on; v along W's leading direction") \
  X(autocorrelation_time, "scans", "its integrated autocorrelation time at beta = 1")              \
  X(effective_samples, "", "effective number of independent samples among all scans and chains")   \
  X(split_r_hat, "", "its split R-hat at beta = 1: 1 for chains that agree")                       \
  X(is_trusted, "", "1 when samples can be trusted: distrust is 0")                                \
  X(distrust, "", SMR_DISTRUST_TEXT)                                                               \
  X(worst_split_r_hat, "", "highest split R-hat of all observables and temperatures")              \
  X(n_temperatures, "", "temperatures of the ladder")                                              \
  X(barrier, "", "global communication barrier, the sum of the swaps' rejection rates")            \
  X(highest_rejection, "", "highest rejection rate of an edge of the ladder")                      \
  X(round_trips, "", "round trips of replicas between both ends of the ladder, all chains")        \
  X(round_trip_rate, "", "round trips per scan of one chain's ladder")                             \
  X(ideal_round_trip_rate, "", "the same with perfect local exploration (Syed et al. 2021)")       \
  X(spacing, "scans", "scans between two images of one chain; all scans when there is one")        \
  X(free_energy, "nats", "mean free energy of the images")                                         \
  X(free_energy_stderr, "nats", "its standard error, from the spread between chains")              \
  X(activity, "", "share of pixels that are on in the images")                                     \
  X(data_activity, "", "the same of the training data, where the model knows it")                  \
  X(mean_image_error, "", "root mean square over pixels of mean image minus that of the data")     \
  X(mean_image_noise, "", "what independent draws of the data's mean image would have of it")      \
  X(seconds, "s", "time since this unit's last start")

#define SMR_SAMPLE_ENUM(name, unit, meaning) SMR_SAMPLE_OUT_##name,
enum { SMR_SAMPLE_OUTPUTS(SMR_SAMPLE_ENUM) SMR_SAMPLE_N_OUTPUTS };
#undef SMR_SAMPLE_ENUM
enum { SMR_SAMPLE_N_BY_OBSERVABLE = 4 };

smr_status smr_sample_describe(const smr_job *job, smr_schema *outputs,
                               smr_schema *summaries) SMR_NODISCARD;
smr_status smr_sample_summarize(const void *config, const smr_schema *outputs,
                                const smr_schema *summaries, int64_t n,
                                const double *const *records, double *out) SMR_NODISCARD;
/* Measured scans (from 1) of which images are taken: all chains of `n` scans at equal steps among
 * those that averages take, the last one the last. Image i is of scan `get(i / C)`, chain i % C. */
typedef struct {
  int64_t n_chains, n_left_out, n_kept, n;
} smr_sample_plan;
smr_sample_plan smr_sample_make_plan(const smr_sample_job *job);
int64_t smr_sample_get_scan(const smr_sample_plan *plan, int64_t index);
/* Which of them this scan is, -1 for none. */
int64_t smr_sample_find_scan(const smr_sample_plan *plan, int64_t scan);
smr_status smr_sample_report(const void *config, const smr_schema *outputs, const double *record,
                             smr_text *out) SMR_NODISCARD;
smr_status smr_sample_run(const smr_unit *unit) SMR_NODISCARD;

#endif
