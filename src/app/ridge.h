/* The ridge experiment's parts: configuration, outputs, cells. Private to src/app/ridge_*.c. */
#ifndef SIMMER_APP_RIDGE_H
#define SIMMER_APP_RIDGE_H

#include "experiment.h"
#include "simmer/linalg/qr.h"
#include "simmer/linalg/svd.h"
#include "table_data.h"

typedef struct {
  smr_data_config data;
  int64_t instances; /* N_i */
  smr_ints features; /* N_f, every value from one QR */
  smr_reals lambda;
  int method; /* smr_svd_method */
  bool intercept, standardize;
} smr_ridge_config;

extern const smr_key_table smr_ridge_keys;

/* X(name, unit, dimensions, meaning); dimensions: L = [features, lambda], M = [features, mode], F =
 * [features], U = one number a unit. */
#define SMR_RIDGE_OUTPUTS(X)                                                                 \
  X(train_mse, "", L, "mean squared error on the training rows")                             \
  X(test_mse, "", L, "mean squared error on the test rows")                                  \
  X(test_accuracy, "", L, "share of test rows whose sign is predicted right")                \
  X(solution_norm, "", L, "norm of the penalised coefficients")                              \
  X(residual_norm, "", L, "norm of the residual on the training rows")                       \
  X(effective_dof, "", L, "effective degrees of freedom, the sum of the filter factors")     \
  X(estimation_error, "", L, "squared distance of the estimate from the true coefficients")  \
  X(bias2, "", L, "squared bias of the estimate for this X")                                 \
  X(variance, "", L, "variance of the estimate for this X")                                  \
  X(theory_bias2, "", L, "asymptotic squared bias (Hastie et al. 2022)")                     \
  X(theory_variance, "", L, "asymptotic variance (Hastie et al. 2022)")                      \
  X(theory_risk, "", L, "asymptotic risk, bias2 + variance (Hastie et al. 2022)")            \
  X(theory_risk_exact, "", L, "exact risk of the ridgeless estimate (Belkin, Hsu, Xu 2020)") \
  X(singular_value, "", M, "singular values of the training matrix")                         \
  X(picard_coefficient, "", M, "size of the target along each left singular vector")         \
  X(seconds, "s", U, "time this unit took")

#define SMR_RIDGE_ENUM(name, unit, dimensions, meaning) SMR_RIDGE_##name,
enum { SMR_RIDGE_OUTPUTS(SMR_RIDGE_ENUM) SMR_RIDGE_N_OUTPUTS };
#undef SMR_RIDGE_ENUM

smr_status smr_ridge_describe(const smr_job *job, smr_schema *outputs,
                              smr_schema *summaries) SMR_NODISCARD;
smr_status smr_ridge_summarize(const void *config, const smr_schema *outputs,
                               const smr_schema *summaries, int64_t n, const double *const *records,
                               double *out) SMR_NODISCARD;
smr_status smr_ridge_run(const smr_unit *unit) SMR_NODISCARD;
smr_status smr_ridge_open(const smr_context *world, const smr_job *job, const char *data_folder,
                          void **state) SMR_NODISCARD;
smr_status smr_ridge_check(const smr_job *job, const char *data_folder, void *survey,
                           smr_text *report) SMR_NODISCARD;
void smr_ridge_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost);

/* Rows to test on: what the job says, 1000 for a teacher, -1 (all that are left out) for files. */
int64_t smr_ridge_count_test(const smr_ridge_config *config);
/* Largest N_f of the unit. */
int64_t smr_ridge_max_features(const smr_ridge_config *config);
/* lambda values padded to whole column blocks. */
int64_t smr_ridge_padded_lambdas(const smr_ridge_config *config);

#endif
