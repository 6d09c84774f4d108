/* Before units run: checks of a ridge job against its data, the cost of a unit. */
#include "ridge.h"
#include "simmer/base/integer.h"
#include "simmer/linalg/kernel.h"

static smr_table_part get_part(const void *config) {
  const smr_ridge_config *ridge = config;
  return (smr_table_part){ridge->data, ridge->instances, ridge->features};
}

static const smr_table_view view = {&smr_ridge_keys, get_part, false};

smr_status smr_ridge_open(const smr_context *world, const smr_job *job, const char *data_folder,
                          void **state) {
  return smr_table_open(&view, world, job, data_folder, state);
}

smr_status smr_ridge_check(const smr_job *job, const char *data_folder, void *survey,
                           smr_text *report) {
  (void)survey;
  return smr_table_check(&view, job, data_folder, report);
}

/* --- cost --- */

int64_t smr_ridge_count_test(const smr_ridge_config *config) {
  return smr_table_count_test(&config->data);
}

void smr_ridge_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  (void)survey;
  const smr_ridge_config *ridge = config;
  const int64_t n = ridge->instances, n_max = smr_ridge_max_features(ridge);
  const int64_t c = smr_ridge_padded_lambdas(ridge);
  const bool is_teacher = ridge->data.source == SMR_SOURCE_TEACHER;
  /* How many rows a file leaves to test on isn't known here; a few thousand is the usual size. */
  int64_t n_test = smr_ridge_count_test(ridge);
  n_test = n_test < 0 ? 4000 : n_test;
  int64_t columns = smr_int_max(n_max, ridge->data.teacher_features);
  *cost = (smr_unit_cost){.flops = smr_qr_count_flops(n, n_max)};
  int64_t svd_bytes = 0;
  for (int64_t f = 0; f < ridge->features.n; ++f) {
    int64_t p = ridge->features.values[f], m = smr_int_min(n, p);
    double flops = smr_svd_count_flops(m, p, c);
    /* Half of a bidiagonalization is matrix-vector products. */
    cost->flops += 0.6 * flops + 2.0 * (double)n_test * (double)p * (double)c;
    cost->slow_flops += 0.4 * flops + 8.0 * (double)n_test * (double)ridge->lambda.n + 4e4;
    svd_bytes = smr_int_max(svd_bytes, smr_svd_count_bytes(m, p, n_ranks) +
                                           8 * (m * p + (2 * c + 4) * (m + p)));
  }
  /* Gathered or generated rows; a normal deviate costs about as much as 40 operations. */
  cost->slow_flops += (double)(n + n_test) * (double)columns * (is_teacher ? 40.0 : 4.0);
  cost->memory_bytes = smr_qr_count_bytes(n, n_max, n_ranks) + svd_bytes +
                       8 * (ridge->features.n * (n_max + 1) * c + 512 * (columns + n_max + c));
  int64_t blocks = smr_int_ceil_divide(n, 1024);
  cost->n_shards = smr_int_max(blocks, smr_int_ceil_divide(n_test, 512));
}
