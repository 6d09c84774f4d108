/* The parts of the experiment on renormalized energies and the trace condition. Its configuration
 * and data are those of the RBM experiment. Private to src/app/renormalize_*.c. */
#ifndef SIMMER_APP_RENORMALIZE_H
#define SIMMER_APP_RENORMALIZE_H

#include "rbm.h"

/* X(name, unit, meaning): outputs over [stage]. */
#define SMR_RENORMALIZE_OUTPUTS(X)                                                              \
  X(log_z, "nats", "log partition function of the RBM")                                         \
  X(log_z_renormalized, "nats", "log partition function of E + K + ln Z~: the same")            \
  X(log_z_change, "nats", "log_z_renormalized minus log_z: 0")                                  \
  X(kl, "nats", "KL(p || p') of the RBM and its renormalized energy, <K> + ln Z~")              \
  X(kl_enumerated, "nats", "KL(p || p') by going through all states")                           \
  X(total_variation, "", "total variation between p and p', from e^-K/Z~ under p")              \
  X(total_variation_enumerated, "",                                                             \
    "total variation between p and p' by going through all states")                             \
  X(conditional_error, "", "largest |ln p'(h|v) - ln p(h|v)|: 0; NaN above 24 units in all")    \
  X(same_z_tau_max, "", "largest |tau_n| of p' with p as data: ln Z is the same, this isn't 0") \
  X(log_z_data, "nats", "log partition function of the data's Hamiltonian")                     \
  X(log_z_difference, "nats", "log_z minus log_z_data")                                         \
  X(tau_mean, "nats", "mean of tau_n over the data, minus KL(p_data || p)")                     \
  X(tau_std, "", "standard deviation of tau_n over the data")                                   \
  X(tau_max, "", "largest |tau_n| over all states; 0 is the trace condition")                   \
  X(exp_tau_mean, "", "mean of e^tau_n over the data: always 1")

#define SMR_RENORMALIZE_ENUM(name, unit, meaning) SMR_RENORMALIZE_##name,
enum { SMR_RENORMALIZE_OUTPUTS(SMR_RENORMALIZE_ENUM) SMR_RENORMALIZE_N_OUTPUTS };
#undef SMR_RENORMALIZE_ENUM

/* The inner dimension: before and after training. */
enum { SMR_STAGE_BEFORE, SMR_STAGE_AFTER, SMR_RENORMALIZE_STAGES };

smr_status smr_renormalize_describe(const smr_job *job, smr_schema *outputs,
                                    smr_schema *summaries) SMR_NODISCARD;
smr_status smr_renormalize_summarize(const void *config, const smr_schema *outputs,
                                     const smr_schema *summaries, int64_t n,
                                     const double *const *records, double *out) SMR_NODISCARD;
smr_status smr_renormalize_run(const smr_unit *unit) SMR_NODISCARD;

#endif
