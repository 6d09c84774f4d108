/* Sizes that follow from a ridge job, and what the steps of a unit measure and put. */
#include "ridge_work.h"
#include "simmer/linalg/kernel.h"

int64_t smr_ridge_max_features(const smr_ridge_config *config) {
  return smr_table_max_features(&config->features);
}

int64_t smr_ridge_padded_lambdas(const smr_ridge_config *config) {
  return smr_kernel_pad(config->lambda.n);
}

int64_t smr_ridge_count_test(const smr_ridge_config *config) {
  return smr_table_count_test(&config->data, config->instances);
}

double smr_ridge_measure_error(const smr_ridge_work *work, const smr_ridge_cell *cell,
                               int64_t column) {
  const double *w = work->weights + (cell->index * work->n_padded + column) * work->n_max;
  bool is_difference = smr_sample_is_noise_only(work->sample);
  double sum = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    double d = is_difference ? w[j] : w[j] - cell->truth[j];
    sum += d * d;
  }
  return sum;
}

void smr_ridge_put(const smr_ridge_work *work, int output, int64_t at, double value) {
  double *values = smr_services_get(work->unit->services, output);
  if (values != NULL) {
    values[at] = value;
  }
}
