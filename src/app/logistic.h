/* The logistic experiment's parts: configuration, outputs, cells. Private to src/app/logistic_*.c.
 */
#ifndef SIMMER_APP_LOGISTIC_H
#define SIMMER_APP_LOGISTIC_H

#include "experiment.h"
#include "simmer/regress/logistic.h"
#include "table_data.h"

/* How a teacher's y becomes a label. */
typedef enum { SMR_LABELS_SIGN, SMR_LABELS_DRAW } smr_teacher_labels;

typedef struct {
  smr_data_config data;
  int64_t instances; /* N_i */
  smr_ints features; /* N_f, one problem each */
  smr_reals lambda;
  smr_logistic_config fit;
  int method;         /* smr_logistic_method */
  int teacher_labels; /* smr_teacher_labels */
} smr_logistic_job;

extern const smr_key_table smr_logistic_keys;

/* X(name, unit, dimensions, meaning); dimensions: L = [features, lambda], F = [features], U = one
 * number a unit. */
#define SMR_LOGISTIC_OUTPUTS(X)                                                                 \
  X(train_log_loss, "", L, "mean of log(1 + exp(-y (x w + b))) over the training rows")         \
  X(test_log_loss, "", L, "mean of log(1 + exp(-y (x w + b))) over the test rows")              \
  X(train_accuracy, "", L, "share of training rows whose class is predicted right")             \
  X(test_accuracy, "", L, "share of test rows whose class is predicted right")                  \
  X(solution_norm, "", L, "norm of the penalised coefficients, infinite without a minimum")     \
  X(cosine, "", L, "cosine of the angle between the coefficients and the true ones")            \
  X(iterations, "", L, "iterations, with those of the power of ten that lambda starts from")    \
  X(outcome, "", L,                                                                             \
    "0 converged, 1 separable (lambda = 0), 2 quasi-separable (lambda = 0), 3 one class only, " \
    "4 not converged")                                                                          \
  X(separable, "", F, "1 when a hyperplane has all training rows on their right sides, else 0") \
  X(quasi_separable, "", F,                                                                     \
    "1 when at best some training rows lie on the hyperplane itself, else 0")                   \
  X(seconds, "s", U, "time this unit took")

#define SMR_LOGISTIC_ENUM(name, unit, dimensions, meaning) SMR_LOGISTIC_##name,
enum { SMR_LOGISTIC_OUTPUTS(SMR_LOGISTIC_ENUM) SMR_LOGISTIC_N_OUTPUTS };
#undef SMR_LOGISTIC_ENUM

/* The experiment's functions, as in smr_experiment. */
smr_status smr_logistic_describe(const smr_job *job, smr_schema *outputs,
                                 smr_schema *summaries) SMR_NODISCARD;
smr_status smr_logistic_summarize(const void *config, const smr_schema *outputs,
                                  const smr_schema *summaries, int64_t n,
                                  const double *const *records, double *out) SMR_NODISCARD;
smr_status smr_logistic_run(const smr_unit *unit) SMR_NODISCARD;
smr_status smr_logistic_open(const smr_context *world, const smr_job *job, const char *data_folder,
                             void **state) SMR_NODISCARD;
smr_status smr_logistic_check(const smr_job *job, const smr_inputs *inputs, void *survey,
                              smr_text *report) SMR_NODISCARD;
void smr_logistic_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost);

/* The solver's configuration. */
smr_logistic_config smr_logistic_get_fit(const smr_logistic_job *job);
/* lambda values padded to whole column blocks. */
int64_t smr_logistic_padded_lambdas(const smr_logistic_job *job);

#endif
