/* Before units run: checks of a ridge job against its data, the cost of a unit. */
#include <inttypes.h>

#include "ridge.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/folds.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/folds.h"
#include "simmer/regress/loo.h"
#include "simmer/regress/ncp.h"

static smr_table_part get_part(const void *config) {
  const smr_ridge_config *ridge = config;
  return (smr_table_part){ridge->data, ridge->instances, ridge->features};
}

static const smr_table_view view = {&smr_ridge_keys, get_part, false};

smr_status smr_ridge_open(const smr_context *world, const smr_job *job, const char *data_folder,
                          void **state) {
  return smr_table_open(&view, world, job, data_folder, state);
}

/* Mistakes of one cell, each named once. */
typedef struct {
  bool method, folds;
} found_mistakes;

static bool has_zero(const smr_reals *values) {
  for (int64_t i = 0; i < values->n; ++i) {
    if (values->values[i] == 0) {
      return true;
    }
  }
  return false;
}

static void check_choosers(const smr_job *job, const smr_ridge_config *config,
                           found_mistakes *found, smr_text *report, smr_status *verdict) {
  if (!found->folds && config->choosers == SMR_RIDGE_ALL && config->folds > config->instances) {
    found->folds = true;
    *verdict = smr_job_complain(job, "ridge.folds", report,
                                "%" PRId64 " folds of %" PRId64 " training rows leave some empty; "
                                "use fewer folds, more rows, or ridge.choosers rows",
                                config->folds, config->instances);
  }
  if (!found->method && config->method == SMR_SVD_GRAM && config->choosers != SMR_RIDGE_NONE) {
    found->method = true;
    *verdict = smr_job_complain(job, "ridge.choosers", report,
                                "ridge.method gram squares the singular values, and what it leaves "
                                "of the small ones is too little for Picard and truncated SVD; use "
                                "ridge.method bidiagonal, or ridge.choosers none");
  } else if (!found->method && config->method == SMR_SVD_GRAM && has_zero(&config->lambda)) {
    found->method = true;
    *verdict = smr_job_complain(job, "ridge.lambda", report,
                                "ridge.method gram squares the singular values, and what it leaves "
                                "of the small ones is too little for lambda = 0; use ridge.method "
                                "bidiagonal, or lambda above 0");
  }
}

smr_status smr_ridge_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                           smr_text *report) {
  (void)survey;
  SMR_TRY(smr_table_check(&view, job, inputs, report));
  smr_status verdict = SMR_OK;
  found_mistakes found = {false, false};
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_ridge_config config;
    smr_job_configure(job, cell, &common, &config);
    if (!smr_job_is_excluded(job, cell)) {
      check_choosers(job, &config, &found, report, &verdict);
    }
  }
  return verdict;
}

/* --- cost --- */

/* What noise that isn't white adds: the modes along the rows of X, for every N_f. */
static void add_colour(const smr_ridge_config *config, smr_unit_cost *cost) {
  const int kind = config->data.noise_law.kind;
  const int64_t n = config->instances;
  if (smr_table_is_file(&config->data) || config->standardize ||
      (kind != SMR_NOISE_AR1 && kind != SMR_NOISE_HETEROSCEDASTIC)) {
    return;
  }
  int64_t most = 0;
  for (int64_t f = 0; f < config->features.n; ++f) {
    const int64_t p = config->features.values[f], m = smr_int_min(n, p);
    cost->flops += 2.0 * (double)n * (double)p * (double)m + 2.0 * (double)(p * p) * (double)m;
    cost->slow_flops +=
        (double)n * (smr_table_count_row_flops(&config->data, n, p) + 8.0 * (double)m);
    most = smr_int_max(most, 2 * p * m + 512 * (p + m));
  }
  cost->memory_bytes += 8 * most;
}

/* What choosers add: a division or two for every mode, lambda and curve, and about 60 more for each
 * search between grid points; then what reads the rows again. */
static void add_choosers(const smr_ridge_config *config, int64_t n_max, smr_unit_cost *cost) {
  const int64_t n = config->instances, n_lambda = config->lambda.n;
  int64_t row_bytes = 0;
  for (int64_t f = 0; config->choosers != SMR_RIDGE_NONE && f < config->features.n; ++f) {
    const int64_t p = config->features.values[f], m = smr_int_min(n, p);
    cost->slow_flops += 30.0 * (double)m * (4.0 * (double)n_lambda + 300.0);
    if (config->choosers >= SMR_RIDGE_ROWS) {
      const int64_t n_columns = n_lambda + smr_int_min(m + 1, SMR_NCP_RANKS);
      cost->flops += smr_loo_count_flops(n, p, n_lambda);
      cost->slow_flops += smr_ncp_count_flops(n, n_columns) + 10.0 * (double)n * (double)m;
      row_bytes = smr_int_max(row_bytes, smr_loo_count_bytes(n, p, n_columns, true) +
                                             smr_ncp_count_bytes(n, n_columns));
    }
    if (config->choosers >= SMR_RIDGE_ALL) {
      cost->flops += 2.0 * smr_folds_count_run_flops(n, p, n_lambda, config->folds, true);
      row_bytes =
          smr_int_max(row_bytes, smr_folds_count_run_bytes(n, p, n_lambda, config->folds, true));
    }
  }
  if (config->choosers >= SMR_RIDGE_ALL) {
    cost->flops += 2.0 * smr_folds_count_flops(n, n_max, config->folds);
    row_bytes += 2 * smr_folds_count_bytes(n, n_max, config->folds);
  }
  cost->memory_bytes += row_bytes;
}

/* Whether the counts below would overflow. */
static bool is_endless(int64_t n, int64_t n_max) {
  const double most = 1e15;
  return (double)n > most / 1e3 || (double)n_max * (double)smr_int_min(n, n_max) > most;
}

void smr_ridge_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  (void)survey;
  const smr_ridge_config *ridge = config;
  const int64_t n = ridge->instances, n_max = smr_ridge_max_features(ridge);
  if (is_endless(n, n_max)) {
    *cost =
        (smr_unit_cost){.flops = smr_qr_count_flops(n, n_max), .memory_bytes = SMR_MEMORY_TOO_MUCH};
    return;
  }
  int64_t n_columns = 0, c = 0;
  smr_ridge_count_columns(ridge, &n_columns, &c);
  /* How many rows a file leaves to test on isn't known here; a few thousand is the usual size. */
  int64_t n_test = smr_ridge_count_test(ridge);
  n_test = n_test < 0 ? 4000 : n_test;
  int64_t columns = smr_table_count_columns(&ridge->data, n, n_max);
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
  cost->slow_flops += (double)(n + n_test) * smr_table_count_row_flops(&ridge->data, n, n_max);
  cost->memory_bytes = smr_qr_count_bytes(n, n_max, n_ranks) + svd_bytes +
                       8 * (ridge->features.n * (n_max + 1) * c + 512 * (columns + n_max + c));
  add_choosers(ridge, n_max, cost);
  cost->memory_bytes += smr_table_count_bytes(&ridge->data, n_max);
  add_colour(ridge, cost);
  smr_ridge_plan_bounds(ridge, n_test, cost);
  int64_t blocks = smr_int_ceil_divide(n, 1024);
  cost->n_shards = smr_int_max(blocks, smr_int_ceil_divide(n_test, 512));
}
