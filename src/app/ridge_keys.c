/* Keys of the ridge experiment. */
#include <math.h>

#include "ridge.h"

static const char *const sources[] = {"teacher", "csv", "hdf5", NULL};
static const char *const methods[] = {"auto", "bidiagonal", "gesvd", "gram", NULL};

#define AT(field) offsetof(smr_ridge_config, field)

static const smr_key keys[] = {
    {"data.source", SMR_KEY_CHOICE, 0, AT(data.source), 0, 0, "", "teacher", sources,
     "Where rows come from: a Gaussian design with a known truth, a table of numbers, or HDF5."},
    {"data.file", SMR_KEY_STRING, 0, AT(data.file), 0, 0, "", "\"\"", NULL,
     "csv, hdf5: path of the file, relative to the data folder."},
    {"data.x", SMR_KEY_STRING, 0, AT(data.x_name), 0, 0, "", "X", NULL,
     "hdf5: name of the dataset [rows, features] of the design matrix."},
    {"data.y", SMR_KEY_STRING, 0, AT(data.y_name), 0, 0, "", "y", NULL,
     "hdf5: name of the dataset [rows] of the targets."},
    {"data.target_column", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(data.target_column), 0, 1e9, "column",
     "auto", NULL, "csv: column of the targets, counted from 0; auto is the last one."},
    {"data.labels_to_signs", SMR_KEY_BOOL, 0, AT(data.labels_to_signs), 0, 0, "", "true", NULL,
     "csv, hdf5: targets with just two values become -1 and +1, and accuracy is measured."},
    {"data.instances", SMR_KEY_INT, SMR_KEY_REQUIRED, AT(instances), 1, 1e12, "rows", NULL, NULL,
     "N_i, the number of training rows; larger sets contain the smaller ones of a replicate."},
    {"data.features", SMR_KEY_INTS, SMR_KEY_REQUIRED, AT(features), 1, 1e9, "columns", NULL, NULL,
     "N_f, the number of leading columns that are fitted; from files in a random order of "
     "columns."},
    {"data.teacher_features", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(data.teacher_features), 1, 1e9,
     "columns", "auto", NULL,
     "teacher: columns that carry the signal; auto makes them the fitted ones for every N_f."},
    {"data.signal", SMR_KEY_REAL, 0, AT(data.signal), 0, INFINITY, "", "1", NULL,
     "teacher: r, the norm of the true coefficients."},
    {"data.noise", SMR_KEY_REAL, 0, AT(data.noise), 0, INFINITY, "", "0.5", NULL,
     "teacher: sigma, the standard deviation of the noise."},
    {"data.test_instances", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(data.test_instances), 0, 1e12, "rows",
     "auto", NULL,
     "Rows to test on; auto is 1000 for a teacher and all rows that are left out for files."},
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
     "Divide every column by its standard deviation over the training rows before it is "
     "penalised."},
};

const smr_key_table smr_ridge_keys = {keys, sizeof keys / sizeof keys[0], sizeof(smr_ridge_config)};

#define NAME(name, unit, dimensions, meaning) #name,
static const char *const output_names[] = {SMR_RIDGE_OUTPUTS(NAME) NULL};
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
    .close = smr_ridge_close,
    .list_inputs = smr_ridge_list_inputs,
    .run_unit = smr_ridge_run,
    .summarize = smr_ridge_summarize,
};
