/* The RBM experiment's parts: configuration, metrics, data. Private to src/app/rbm_*.c, and shared
 * with the other experiments that train RBMs. */
#ifndef SIMMER_APP_RBM_H
#define SIMMER_APP_RBM_H

#include "simmer/store/checkpoint.h"
#include "simmer/store/metrics.h"
#include "simmer/store/model.h"
#include "simmer/train/monitor.h"
#include "simmer/train/trainer.h"
#include "sources.h"

typedef enum { SMR_TERM_ONES, SMR_TERM_FIELD } smr_renormalize_term;

/* What is added to the energy, and how data become a Hamiltonian (renormalize alone). */
typedef struct {
  int term; /* smr_renormalize_term */
  double strength, smoothing;
} smr_renormalize_config;

typedef struct {
  smr_renormalize_config renormalize;
  smr_image_config data;
  smr_train_config train;
  smr_rbm_config rbm;
  const char *start; /* model file of the first parameters; "" = none */
  smr_monitor_config monitor;
  int64_t monitor_period; /* steps; -1 = auto */
  int64_t spectrum_every; /* monitoring points between two spectra */
  int64_t n_samples, sample_sweeps;
  double checkpoint_period_s;
  int checkpoint_mode; /* smr_checkpoint_mode */
} smr_rbm_job;

typedef smr_source_survey smr_rbm_survey;

extern const smr_key_table smr_rbm_keys, smr_renormalize_keys;

/* X(name, unit, meaning): what a monitoring point records, and, at the last one, a unit's outputs.
 */
#define SMR_RBM_METRICS(X)                                                                       \
  X(epoch, "epochs", "passes over the training rows")                                            \
  X(learning_rate, "", "learning rate of the next step")                                         \
  X(gradient_norm, "", "norm of the last step's gradient, before the limit")                     \
  X(free_energy_train, "nats", "mean free energy of training rows")                              \
  X(free_energy_valid, "nats", "mean free energy of held-out rows")                              \
  X(free_energy_gap, "nats", "free energy of held-out rows above that of training rows")         \
  X(free_energy_gap_stderr, "nats", "standard error of the free energy gap")                     \
  X(reconstruction_error, "", "mean squared error per unit of one mean-field reconstruction")    \
  X(pseudo_log_likelihood, "nats",                                                               \
    "pseudo-log-likelihood of training rows, one random unit a row")                             \
  X(weight_norm, "", "Frobenius norm of W")                                                      \
  X(hidden_activity, "", "mean probability of a hidden unit to be on, over training rows")       \
  X(log_z, "nats",                                                                               \
    "log partition function: exact where it can be enumerated, else the ladder's of a tempered " \
    "training")                                                                                  \
  X(log_likelihood_train, "nats", "mean log-likelihood of training rows, by log_z")              \
  X(log_likelihood_test, "nats", "mean log-likelihood of test rows, by log_z")                   \
  X(seconds, "s", "time the training took so far")

/* The same of a tempered training, after those. */
#define SMR_RBM_LADDER_METRICS(X)                                                                 \
  X(log_z_stderr, "nats", "standard error of log_z where that is the ladder's; none where exact") \
  X(log_z_ladder, "nats", "log partition function by the ladder, exact or not")                   \
  X(log_z_ladder_stderr, "nats",                                                                  \
    "standard error of log_z_ladder, from independent chains; none while equilibrium is lost")    \
  X(ladder_temperatures, "", "temperatures of the ladder")                                        \
  X(ladder_barrier, "", "communication barrier: sum of rejections since the ladder's change")     \
  X(swap_acceptance, "", "acceptance of swaps at the worst edge, at the last check")              \
  X(effective_share, "",                                                                          \
    "share of samples that outlast the model's moves of an autocorrelation time, last check")     \
  X(fresh_samples, "", "negative samples that are new in each update, at the last check")         \
  X(round_trip_rate, "", "round trips per scan and chain, at the last check")                     \
  X(sweeps, "sweeps", "scans of an update: a sweep and a round of swaps each")                    \
  X(rate_factor, "", "factor of the learning rate while equilibrium is lost")                     \
  X(reactions, "", "how often sweeps were added or the rate was cut so far")

#define SMR_RBM_ENUM(name, unit, meaning) SMR_RBM_##name,
enum { SMR_RBM_METRICS(SMR_RBM_ENUM) SMR_RBM_N_METRICS };
#undef SMR_RBM_ENUM
#define SMR_RBM_ENUM(name, unit, meaning) SMR_RBM_LADDER_##name,
enum { SMR_RBM_LADDER_METRICS(SMR_RBM_ENUM) SMR_RBM_N_LADDER_METRICS };
#undef SMR_RBM_ENUM
enum { SMR_RBM_N_ALL_METRICS = (int)SMR_RBM_N_METRICS + (int)SMR_RBM_N_LADDER_METRICS };

/* Values of a row of this job's metrics before the singular values, and the list of all metrics
 * (SMR_RBM_N_ALL_METRICS + 1 at most). */
int64_t smr_rbm_count_values(const smr_rbm_job *job);
void smr_rbm_list_metrics(const smr_rbm_job *job, smr_metric *list, int64_t *n);
/* The values but `seconds`. */
void smr_rbm_fill_row(const smr_rbm_job *job, const smr_trainer *trainer,
                      const smr_monitor_values *values, const smr_ladder_values *ladder,
                      double *row);
/* Steps between two monitoring points: what the job says, else an epoch, at most 1000 steps. */
int64_t smr_rbm_get_period(const smr_rbm_job *job, int64_t n_train);
/* Configuration of a unit with the seeds filled in. */
smr_rbm_job smr_rbm_configure(const smr_common_config *common, const void *config);

/* Does any unit have a ladder? */
bool smr_rbm_is_tempered(const smr_job *job);
smr_status smr_rbm_describe(const smr_job *job, smr_schema *outputs,
                            smr_schema *summaries) SMR_NODISCARD;
smr_status smr_rbm_summarize(const void *config, const smr_schema *outputs,
                             const smr_schema *summaries, int64_t n, const double *const *records,
                             double *out) SMR_NODISCARD;
smr_status smr_rbm_run(const smr_unit *unit) SMR_NODISCARD;
smr_status smr_rbm_open(const smr_context *world, const smr_job *job, const char *data_folder,
                        void **state) SMR_NODISCARD;
void smr_rbm_close(void **state);
smr_status smr_rbm_list_inputs(void *state, const smr_job *job, smr_text *lines) SMR_NODISCARD;
/* The opened images of this configuration. */
const smr_images *smr_rbm_find_images(void *state, const smr_image_config *config);
smr_status smr_rbm_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                         smr_text *report) SMR_NODISCARD;
/* As smr_experiment.foresee_model. */
void smr_rbm_foresee_model(const smr_common_config *common, const void *config,
                           const char *data_folder, int64_t *n_visible, int64_t *n_hidden);
void smr_rbm_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost);
/* Shape of a unit's images by the survey; a source that nobody has looked at counts as MNIST.
 */
smr_image_shape smr_rbm_find_shape(const smr_rbm_survey *survey, const smr_rbm_job *job);
/* A trainer at step 0, from the parameters of job->start if there are any, read by rank 0. The
 * job and the images are borrowed. Collective on group. */
smr_status smr_rbm_create_trainer(const smr_context *group, const smr_rbm_job *job,
                                  const smr_images *images, smr_trainer **out) SMR_NODISCARD;

#endif
