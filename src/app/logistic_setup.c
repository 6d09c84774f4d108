/* Before units run: checks of a logistic job against its data, and the cost of a unit. */
#include "logistic.h"
#include "simmer/base/integer.h"
#include "simmer/linalg/kernel.h"

static smr_table_part get_part(const void *config) {
  const smr_logistic_job *job = config;
  return (smr_table_part){job->data, job->instances, job->features};
}

static const smr_table_view view = {&smr_logistic_keys, get_part, true};

smr_status smr_logistic_open(const smr_context *world, const smr_job *job, const char *data_folder,
                             void **state) {
  return smr_table_open(&view, world, job, data_folder, state);
}

smr_status smr_logistic_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                              smr_text *report) {
  (void)survey;
  return smr_table_check(&view, job, inputs, report);
}

smr_logistic_config smr_logistic_get_fit(const smr_logistic_job *job) {
  smr_logistic_config fit = job->fit;
  fit.method = job->method;
  return fit;
}

int64_t smr_logistic_padded_lambdas(const smr_logistic_job *job) {
  return smr_kernel_pad(job->lambda.n);
}

void smr_logistic_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  (void)survey;
  const smr_logistic_job *job = config;
  const smr_logistic_config fit = smr_logistic_get_fit(job);
  const int64_t n = job->instances, n_max = smr_table_max_features(&job->features);
  const int64_t c = smr_logistic_padded_lambdas(job);
  /* How many rows a file leaves to test on isn't known here; a few thousand is the usual size. */
  int64_t n_test = smr_table_count_test(&job->data, job->instances);
  n_test = n_test < 0 ? 4000 : n_test;
  const int64_t columns = smr_table_count_columns(&job->data, n, n_max);
  const double row_flops = smr_table_count_row_flops(&job->data, n, n_max);
  *cost = (smr_unit_cost){0};
  for (int64_t f = 0; f < job->features.n; ++f) {
    const int64_t p = job->features.values[f];
    double slow = 0;
    cost->flops += smr_logistic_count_flops(&fit, n, p, job->lambda.n + 1, &slow) +
                   2.0 * (double)n_test * (double)p * (double)c;
    /* An exponential and a logarithm a test row. */
    cost->slow_flops +=
        slow + 60.0 * (double)n_test * (double)job->lambda.n + 4e4 + (double)n * row_flops;
  }
  cost->slow_flops += (double)n_test * row_flops;
  cost->memory_bytes = smr_logistic_count_bytes(&fit, n, n_max, n_ranks) +
                       smr_table_count_bytes(&job->data, n_max) +
                       8 * (job->features.n * (n_max + 1) * (c + 1) + 512 * (columns + n_max + c));
  cost->n_shards = smr_int_max(smr_int_ceil_divide(n, 256), smr_int_ceil_divide(n_test, 512));
}
