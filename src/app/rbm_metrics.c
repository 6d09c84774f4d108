/* What a monitoring point of an RBM's training records. */
#include <math.h>

#include "rbm.h"

static bool is_tempered(const smr_rbm_job *job) {
  return job->rbm.negative_phase == SMR_NEGATIVE_TEMPERED;
}

int64_t smr_rbm_count_values(const smr_rbm_job *job) {
  return is_tempered(job) ? SMR_RBM_N_ALL_METRICS : SMR_RBM_N_METRICS;
}

void smr_rbm_list_metrics(const smr_rbm_job *job, smr_metric *list, int64_t *n) {
  const int64_t n_singular_values = job->monitor.n_singular_values;
  *n = 0;
#define ADD_METRIC(name_, unit_, meaning_) \
  list[(*n)++] = (smr_metric){#name_, unit_, meaning_, NULL, 0, false};
  SMR_RBM_METRICS(ADD_METRIC)
  if (is_tempered(job)) {
    SMR_RBM_LADDER_METRICS(ADD_METRIC)
  }
#undef ADD_METRIC
  list[SMR_RBM_seconds].is_measured_time = true;
  if (n_singular_values > 0) {
    list[(*n)++] = (smr_metric){"singular_value",  "",   "leading singular values of W", "mode",
                                n_singular_values, false};
  }
}

/* What the ladder says; its ln Z stands in where there is no exact one. */
static void fill_ladder(const smr_monitor_values *values, const smr_ladder_values *ladder,
                        double *row) {
  double *own = row + SMR_RBM_N_METRICS;
  own[SMR_RBM_LADDER_log_z_stderr] = NAN;
  own[SMR_RBM_LADDER_log_z_ladder] = ladder->log_z;
  own[SMR_RBM_LADDER_log_z_ladder_stderr] = ladder->log_z_stderr;
  own[SMR_RBM_LADDER_ladder_temperatures] = ladder->n_temperatures;
  own[SMR_RBM_LADDER_ladder_barrier] = ladder->barrier;
  own[SMR_RBM_LADDER_swap_acceptance] = ladder->acceptance;
  own[SMR_RBM_LADDER_effective_share] = ladder->effective_share;
  own[SMR_RBM_LADDER_fresh_samples] = ladder->fresh_samples;
  own[SMR_RBM_LADDER_round_trip_rate] = ladder->round_trip_rate;
  own[SMR_RBM_LADDER_sweeps] = ladder->sweeps;
  own[SMR_RBM_LADDER_rate_factor] = ladder->rate_factor;
  own[SMR_RBM_LADDER_reactions] = ladder->reactions;
  if (isnan(values->log_z)) {
    own[SMR_RBM_LADDER_log_z_stderr] = ladder->log_z_stderr;
    row[SMR_RBM_log_z] = ladder->log_z;
    row[SMR_RBM_log_likelihood_train] = -values->free_energy_train - ladder->log_z;
    row[SMR_RBM_log_likelihood_test] = -values->free_energy_test - ladder->log_z;
  }
}

void smr_rbm_fill_row(const smr_rbm_job *job, const smr_trainer *trainer,
                      const smr_monitor_values *values, const smr_ladder_values *ladder,
                      double *row) {
  row[SMR_RBM_epoch] = smr_trainer_get_epoch(trainer);
  row[SMR_RBM_learning_rate] = smr_trainer_get_learning_rate(trainer);
  row[SMR_RBM_gradient_norm] = smr_trainer_get_gradient_norm(trainer);
  row[SMR_RBM_free_energy_train] = values->free_energy_train;
  row[SMR_RBM_free_energy_valid] = values->free_energy_valid;
  row[SMR_RBM_free_energy_gap] = values->free_energy_gap;
  row[SMR_RBM_free_energy_gap_stderr] = values->free_energy_gap_stderr;
  row[SMR_RBM_reconstruction_error] = values->reconstruction_error;
  row[SMR_RBM_pseudo_log_likelihood] = values->pseudo_log_likelihood;
  row[SMR_RBM_weight_norm] = values->weight_norm;
  row[SMR_RBM_hidden_activity] = values->hidden_activity;
  row[SMR_RBM_log_z] = values->log_z;
  row[SMR_RBM_log_likelihood_train] = values->log_likelihood_train;
  row[SMR_RBM_log_likelihood_test] = values->log_likelihood_test;
  if (is_tempered(job)) {
    fill_ladder(values, ladder, row);
  }
}
