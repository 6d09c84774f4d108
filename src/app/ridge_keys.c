/* Keys of the ridge experiment. */
#include <math.h>

#include "ridge.h"

static const char *const tiers[] = {"none", "spectrum", "rows", "all", NULL};
static const char *const methods[] = {"auto", "bidiagonal", "gesvd", "gram", NULL};

#define AT(field) offsetof(smr_ridge_config, field)

static const smr_key keys[] = {
#include "table_data_keys.inc"
    {"ridge.lambda", SMR_KEY_REALS, 0, AT(lambda), 0, INFINITY, "", "{logspace: [1e-8, 1e4, 61]}",
     NULL,
     "Penalty on the squared norm: minimises ||Xw-y||^2 + lambda ||w||^2 (scikit-learn's alpha, "
     "Hansen's lambda^2, N_i times the lambda of Hastie et al.); 0 is the minimum-norm solution."},
    {"ridge.method", SMR_KEY_CHOICE, 0, AT(method), 0, 0, "", "auto", methods,
     "How the SVD is done: auto (bidiagonal), bidiagonal, gesvd (slow reference), or gram (fast; "
     "only for lambda >= 1e-10 of the largest squared singular value)."},
    {"ridge.intercept", SMR_KEY_BOOL, 0, AT(intercept), 0, 0, "", "true", NULL,
     "Fit an unpenalised constant."},
    {"ridge.standardize", SMR_KEY_BOOL, 0, AT(standardize), 0, 0, "", "false", NULL,
     "Divide every column by its standard deviation over the training rows (without an intercept "
     "by its root mean square) before it is penalised."},
    {"ridge.choosers", SMR_KEY_CHOICE, SMR_KEY_NO_SWEEP, AT(choosers), 0, 0, "", "none", tiers,
     "Ways to choose lambda, and the rank of truncated SVD, on every unit: none; spectrum (GCV, "
     "L-curve, quasi-optimality, discrepancy, Picard: next to no cost); rows (also leave-one-out "
     "and "
     "NCP: one more pass over the rows); all (also k-fold cross-validation, two kinds of folds)."},
    {"ridge.folds", SMR_KEY_INT, 0, AT(folds), 2, 1e6, "", "10", NULL,
     "k of k-fold cross-validation (ridge.choosers all)."},
    {"ridge.noise_level", SMR_KEY_REAL, SMR_KEY_OR_AUTO, AT(noise_level), 0, INFINITY, "", "auto",
     NULL,
     "Standard deviation of the noise for the discrepancy principle and Picard; auto is "
     "that of a teacher or a problem, and an estimate for files."},
    {"ridge.bounds", SMR_KEY_BOOL, SMR_KEY_NO_SWEEP, AT(bounds), 0, 0, "", "false", NULL,
     "Bounds on the squared error of predictions, mean over the test rows: one more pass over them "
     "for every N_f."},
    {"ridge.bound_norm", SMR_KEY_REAL, SMR_KEY_OR_AUTO, AT(bound_norm), 0, INFINITY, "", "auto",
     NULL,
     "Largest norm of the true coefficients, of standardized columns with ridge.standardize, for "
     "ridge.bounds; auto is that of a teacher or a problem, and unknown for files."},
};

const smr_key_table smr_ridge_keys = {keys, sizeof keys / sizeof keys[0], sizeof(smr_ridge_config)};

#define NAME(name, unit, dimensions, meaning) #name,
static const char *const output_names[] = {SMR_RIDGE_OUTPUTS(NAME) SMR_RIDGE_SPECTRUM_OUTPUTS(NAME)
                                               SMR_RIDGE_BOUND_OUTPUTS(NAME) NULL};
#undef NAME

const smr_experiment smr_experiment_ridge = {
    .name = "ridge",
    .title = "Ridge regression",
    .summary = "Ridge regression by SVD: the whole path of lambda from one factorization.",
    .table = &smr_ridge_keys,
    .output_names = output_names,
    .describe = smr_ridge_describe,
    .check = smr_ridge_check,
    .plan = smr_ridge_plan,
    .open = smr_ridge_open,
    .close = smr_table_close,
    .list_inputs = smr_table_list_inputs,
    .run_unit = smr_ridge_run,
    .summarize = smr_ridge_summarize,
};
