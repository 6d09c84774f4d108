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
  int choosers; /* smr_ridge_tier */
  int64_t folds;
  double noise_level; /* sigma of the discrepancy principle; -1 = auto */
  bool bounds;
  double bound_norm; /* r of the bounds; -1 = auto */
} smr_ridge_config;

extern const smr_key_table smr_ridge_keys;

/* Choosers of lambda and of ranks of truncated SVD, a tier after another; each tier computes those
 * of the ones before it too. X(name, text). */
#define SMR_RIDGE_SPECTRUM_CHOOSERS(X, ...)           \
  X(gcv, "generalized cross-validation", __VA_ARGS__) \
  X(lcurve, "the corner of the L-curve", __VA_ARGS__) \
  X(quasiopt, "quasi-optimality", __VA_ARGS__)        \
  X(discrepancy, "the discrepancy principle", __VA_ARGS__)
#define SMR_RIDGE_ROWS_CHOOSERS(X, ...) \
  X(loo, "leave-one-out", __VA_ARGS__)  \
  X(ncp, "the normalized cumulative periodogram", __VA_ARGS__)
#define SMR_RIDGE_FOLDS_CHOOSERS(X, ...)                                \
  X(cv_interleaved, "cross-validation, interleaved folds", __VA_ARGS__) \
  X(cv_block, "cross-validation, contiguous folds", __VA_ARGS__)
#define SMR_RIDGE_CHOOSERS(X, ...)            \
  SMR_RIDGE_SPECTRUM_CHOOSERS(X, __VA_ARGS__) \
  SMR_RIDGE_ROWS_CHOOSERS(X, __VA_ARGS__) SMR_RIDGE_FOLDS_CHOOSERS(X, __VA_ARGS__)

#define SMR_RIDGE_CHOOSER_ENUM(name, text, ...) SMR_RIDGE_BY_##name,
enum { SMR_RIDGE_CHOOSERS(SMR_RIDGE_CHOOSER_ENUM, ) SMR_RIDGE_N_CHOOSERS };
#undef SMR_RIDGE_CHOOSER_ENUM

typedef enum {
  SMR_RIDGE_NONE,
  SMR_RIDGE_SPECTRUM,
  SMR_RIDGE_ROWS,
  SMR_RIDGE_ALL,
  SMR_RIDGE_N_TIERS
} smr_ridge_tier;

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
  X(theory_test_mse, "", L, "asymptotic mean squared error on test rows")                    \
  X(theory_lambda, "", F, "lambda of least asymptotic risk, sigma^2 N_f / r^2")              \
  X(singular_value, "", M, "singular values of the training matrix")                         \
  X(picard_coefficient, "", M, "size of the target along each left singular vector")         \
  X(seconds, "s", U, "time this unit took")

/* What each chooser puts out, in this order: about lambda, and about ranks. */
#define SMR_RIDGE_LAMBDA_OUTPUTS(name, text, X)                                                  \
  X(lambda_##name, "", F, "lambda by " text)                                                     \
  X(risk_##name, "", F, "risk at that lambda: squared distance from the truth, else test error") \
  X(regret_##name, "", F, "that risk minus the least one")                                       \
  X(decades_##name, "", F, "log10 of that lambda over the one of least risk")                    \
  X(status_##name, "", F, "lambda by " text ": " SMR_RIDGE_STATUS_TEXT)
#define SMR_RIDGE_RANK_OUTPUTS(name, text, X)                                                     \
  X(tsvd_rank_##name, "", F, "rank of truncated SVD by " text)                                    \
  X(tsvd_risk_##name, "", F, "risk at that rank: squared distance from the truth, or test error") \
  X(tsvd_regret_##name, "", F, "that risk minus the least one of truncated SVD")                  \
  X(tsvd_status_##name, "", F, "rank by " text ": " SMR_RIDGE_STATUS_TEXT)
#define SMR_RIDGE_STATUS_TEXT \
  "0 interior, 1 at an edge, 2 flat, 3 no corner, 4 noise unknown, 5 nothing to choose by"
enum { PUT_LAMBDA, PUT_RISK, PUT_REGRET, PUT_DECADES, PUT_STATUS };
enum { PUT_RANK, PUT_RANK_RISK, PUT_RANK_REGRET, PUT_RANK_STATUS };

/* Outputs of the tiers of choosers; they follow those above. */
#define SMR_RIDGE_SPECTRUM_OUTPUTS(X)                                                          \
  X(gcv, "", L, "generalized cross-validation")                                                \
  X(curvature, "", L, "curvature of the L-curve")                                              \
  X(lambda_oracle, "", F, "lambda of least risk")                                              \
  X(risk_oracle, "", F, "the least risk: squared distance from the truth, else test error")    \
  X(status_oracle, "", F, "lambda of least risk: " SMR_RIDGE_STATUS_TEXT)                      \
  X(tsvd_rank_oracle, "", F, "rank of least risk of truncated SVD")                            \
  X(tsvd_risk_oracle, "", F, "the least risk of truncated SVD")                                \
  X(tsvd_status_oracle, "", F, "rank of least risk: " SMR_RIDGE_STATUS_TEXT)                   \
  X(picard_noise, "", F, "noise level that the discrepancy principle and Picard go by")        \
  X(picard_level, "", F, "coefficients before |u'y| has levelled off at the noise")            \
  X(picard_slope_beta, "", F, "slope of log10 |u'y| over those, decades a mode")               \
  X(picard_slope_s, "", F, "slope of log10 of the singular values over those, decades a mode") \
  X(picard_verdict, "", F, "discrete Picard condition: 0 holds, 1 violated, 2 undecided")      \
  SMR_RIDGE_SPECTRUM_CHOOSERS(SMR_RIDGE_LAMBDA_OUTPUTS, X)                                     \
  SMR_RIDGE_SPECTRUM_CHOOSERS(SMR_RIDGE_RANK_OUTPUTS, X)
#define SMR_RIDGE_ROWS_OUTPUTS(X)                                                                \
  X(loo, "", L, "mean squared error of a row left out")                                          \
  X(ncp, "", L, "distance of the residual's cumulative periodogram from that of white noise")    \
  X(ncp_significance, "", L, "probability that white noise deviates by more than the residuals") \
  SMR_RIDGE_ROWS_CHOOSERS(SMR_RIDGE_LAMBDA_OUTPUTS, X)                                           \
  SMR_RIDGE_ROWS_CHOOSERS(SMR_RIDGE_RANK_OUTPUTS, X)
#define SMR_RIDGE_FOLDS_OUTPUTS(X)                                                                 \
  X(cv_interleaved, "", L, "mean squared error of held-out rows, interleaved folds")               \
  X(cv_block, "", L, "mean squared error of held-out rows, contiguous folds")                      \
  X(cv_gap, "", F, "log10 of cv_block over cv_interleaved at the minimum of the latter")           \
  X(cv_whiteness, "", F, "probability that white noise deviates by more than the residuals there") \
  X(cv_verdict, "", F,                                                                             \
    "is cross-validation fooled: 0 no, 1 yes; 2 only the truth says so, 3 the truth says it "      \
    "isn't")                                                                                       \
  SMR_RIDGE_FOLDS_CHOOSERS(SMR_RIDGE_LAMBDA_OUTPUTS, X)                                            \
  SMR_RIDGE_FOLDS_CHOOSERS(SMR_RIDGE_RANK_OUTPUTS, X)
#define SMR_RIDGE_ALL_OUTPUTS(X) \
  SMR_RIDGE_OUTPUTS(X)           \
  SMR_RIDGE_SPECTRUM_OUTPUTS(X) SMR_RIDGE_ROWS_OUTPUTS(X) SMR_RIDGE_FOLDS_OUTPUTS(X)

/* Outputs with ridge.bounds, after those of the tier. */
#define SMR_RIDGE_BOUND_OUTPUTS(X)                                                             \
  X(bound_worst, "", L, "bound on the squared error of a prediction, mean over the test rows") \
  X(bound_average, "", L,                                                                      \
    "the same on average over Gaussian coefficients of the same mean square norm")
enum { SMR_RIDGE_BOUND_WORST, SMR_RIDGE_BOUND_AVERAGE, SMR_RIDGE_N_BOUNDS };

#define SMR_RIDGE_ENUM(name, unit, dimensions, meaning) SMR_RIDGE_##name,
enum { SMR_RIDGE_ALL_OUTPUTS(SMR_RIDGE_ENUM) SMR_RIDGE_N_OUTPUTS };
#undef SMR_RIDGE_ENUM

/* First of the outputs of a chooser about lambda and about ranks. */
int smr_ridge_get_lambda_output(int chooser);
int smr_ridge_get_rank_output(int chooser);
/* Choosers, and outputs, up to a tier. */
int smr_ridge_count_choosers(int tier);
int smr_ridge_count_outputs(int tier);

smr_status smr_ridge_describe(const smr_job *job, smr_schema *outputs,
                              smr_schema *summaries) SMR_NODISCARD;
smr_status smr_ridge_summarize(const void *config, const smr_schema *outputs,
                               const smr_schema *summaries, int64_t n, const double *const *records,
                               double *out) SMR_NODISCARD;
smr_status smr_ridge_run(const smr_unit *unit) SMR_NODISCARD;
smr_status smr_ridge_open(const smr_context *world, const smr_job *job, const char *data_folder,
                          void **state) SMR_NODISCARD;
smr_status smr_ridge_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                           smr_text *report) SMR_NODISCARD;
void smr_ridge_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost);

/* One N_f whose noise isn't white. */
typedef struct {
  const smr_sample *sample;
  const smr_svd *svd;
  int64_t n, p;
  const double *mean; /* [p] what was taken off the columns of X */
} smr_colour_request;
/* colour[m] = u'Omega u of every left singular vector of the training matrix, Omega = covariance of
 * the noise / sigma^2. Reads all training rows once. Same bits on any ranks. Collective on group,
 * which the SVD's grid is made of. */
smr_status smr_ridge_colour(const smr_context *group, const smr_colour_request *request,
                            double *colour) SMR_NODISCARD;

/* What ridge.bounds adds to the cost of a unit with n_test test rows. */
void smr_ridge_plan_bounds(const smr_ridge_config *config, int64_t n_test, smr_unit_cost *cost);

/* Rows to test on: what the job says; else 1000 for a teacher, N_i where rows are ordered (a smooth
 * design, a problem), -1 (all that are left out) for files. */
int64_t smr_ridge_count_test(const smr_ridge_config *config);
/* Largest N_f of the unit. */
int64_t smr_ridge_max_features(const smr_ridge_config *config);
/* Columns of coefficients of a cell, and the same padded to whole column blocks. */
void smr_ridge_count_columns(const smr_ridge_config *config, int64_t *n_columns, int64_t *n_padded);
/* lambda values padded to whole column blocks. */
int64_t smr_ridge_padded_lambdas(const smr_ridge_config *config);

#endif
