/* The registry of experiments: one line each. */
#include "experiment.h"

static const smr_experiment *const experiments[] = {
    &smr_experiment_ridge,     &smr_experiment_logistic, &smr_experiment_rbm,
    &smr_experiment_partition, &smr_experiment_sample,   &smr_experiment_renormalize,
};
enum { N_EXPERIMENTS = sizeof experiments / sizeof experiments[0] };

int64_t smr_experiment_count(void) {
  return N_EXPERIMENTS;
}

const smr_experiment *smr_experiment_get(int64_t index) {
  return experiments[index];
}

const smr_job_experiment *smr_experiment_list(void) {
  static smr_job_experiment list[N_EXPERIMENTS];
  for (int i = 0; i < N_EXPERIMENTS; ++i) {
    list[i] = (smr_job_experiment){experiments[i]->name, experiments[i]->table,
                                   experiments[i]->output_names};
  }
  return list;
}

double *smr_services_get(const smr_services *services, int64_t output) {
  if (services->record == NULL) {
    return NULL;
  }
  return services->record + smr_schema_get_offset(services->schema, output);
}
