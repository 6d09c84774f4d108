/* Keys of the logistic experiment. */
#include <math.h>

#include "logistic.h"

static const char *const methods[] = {"auto", "newton", "lbfgs", NULL};
static const char *const labels[] = {"sign", "draw", NULL};

#define AT(field) offsetof(smr_logistic_job, field)

static const smr_key keys[] = {
#include "table_data_keys.inc"
    {"logistic.lambda", SMR_KEY_REALS, 0, AT(lambda), 0, INFINITY, "",
     "{logspace: [1e-6, 1e4, 11]}", NULL,
     "Penalty: minimises the sum of log(1 + exp(-y (x w + b))) over rows + lambda/2 ||w||^2 (1/C "
     "of "
     "scikit-learn); 0 is maximum likelihood, which doesn't exist when the classes are separable."},
    {"logistic.method", SMR_KEY_CHOICE, 0, AT(method), 0, 0, "", "auto", methods,
     "newton (Cholesky of the Hessian), lbfgs (for many features), or auto: newton up to 1000 "
     "features."},
    {"logistic.intercept", SMR_KEY_BOOL, 0, AT(fit.intercept), 0, 0, "", "true", NULL,
     "Fit an unpenalised constant."},
    {"logistic.standardize", SMR_KEY_BOOL, 0, AT(fit.standardize), 0, 0, "", "false", NULL,
     "Divide every column by its standard deviation over the training rows (without an intercept "
     "by its root mean square) before it is penalised."},
    {"logistic.max_iterations", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(fit.most_iterations), 1, 1e9, "",
     "auto", NULL,
     "Iterations at one lambda after which it counts as not converged; auto is 200 for newton, "
     "10000 for lbfgs."},
    {"logistic.teacher_labels", SMR_KEY_CHOICE, 0, AT(teacher_labels), 0, 0, "", "sign", labels,
     "teacher: the class is the sign of the teacher's y, or +1 is drawn with probability 1/(1 + "
     "exp(-y))."},
};

const smr_key_table smr_logistic_keys = {keys, sizeof keys / sizeof keys[0],
                                         sizeof(smr_logistic_job)};

#define NAME(name, unit, dimensions, meaning) #name,
static const char *const output_names[] = {SMR_LOGISTIC_OUTPUTS(NAME) NULL};
#undef NAME

const smr_experiment smr_experiment_logistic = {
    .name = "logistic",
    .title = "Logistic regression",
    .summary = "Logistic regression with an L2 penalty, on the subsets and folds of ridge.",
    .table = &smr_logistic_keys,
    .output_names = output_names,
    .is_rank_free = true,
    .describe = smr_logistic_describe,
    .check = smr_logistic_check,
    .plan = smr_logistic_plan,
    .open = smr_logistic_open,
    .close = smr_table_close,
    .list_inputs = smr_table_list_inputs,
    .run_unit = smr_logistic_run,
    .summarize = smr_logistic_summarize,
};
