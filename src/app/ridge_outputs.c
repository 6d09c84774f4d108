/* Outputs of the ridge experiment and their summaries over replicates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/regress/tail.h"
#include "simmer/regress/theory.h"
#include "summary.h"

/* Outputs that are summarised. */
static const int summarised[] = {
    SMR_RIDGE_train_mse,        SMR_RIDGE_test_mse,      SMR_RIDGE_test_accuracy,
    SMR_RIDGE_solution_norm,    SMR_RIDGE_residual_norm, SMR_RIDGE_effective_dof,
    SMR_RIDGE_estimation_error, SMR_RIDGE_bias2,         SMR_RIDGE_variance};
enum { N_SUMMARISED = sizeof summarised / sizeof summarised[0] };

/* Summaries that are no plain statistic, after those; then the statistics of what choosers put out,
 * and of the bounds. */
enum {
  Z_EXACT,
  Z_ASYMPTOTIC,
  TAIL_INDEX,
  TAIL_HILL,
  TAIL_HILL_ERROR,
  TAIL_HILL_Z,
  N_FINISHED,
  N_SPECIAL
};
enum { N_PLAIN_SUMMARIES = N_SUMMARISED * SMR_SUMMARY_STATISTICS + N_SPECIAL };
#define JUDGED(name, text, ...) SMR_RIDGE_decades_##name, SMR_RIDGE_regret_##name,
#define JUDGED_RANK(name, text, ...) SMR_RIDGE_tsvd_regret_##name,
static const int judged[] = {
    SMR_RIDGE_SPECTRUM_CHOOSERS(JUDGED, ) SMR_RIDGE_SPECTRUM_CHOOSERS(JUDGED_RANK, )
        SMR_RIDGE_ROWS_CHOOSERS(JUDGED, ) SMR_RIDGE_ROWS_CHOOSERS(JUDGED_RANK, )
            SMR_RIDGE_FOLDS_CHOOSERS(JUDGED, ) SMR_RIDGE_FOLDS_CHOOSERS(JUDGED_RANK, )};
#undef JUDGED
#undef JUDGED_RANK
enum { N_JUDGED = sizeof judged / sizeof judged[0] };
enum { N_SUMMARIES = N_PLAIN_SUMMARIES + (N_JUDGED + SMR_RIDGE_N_BOUNDS) * SMR_SUMMARY_STATISTICS };

static const smr_output specials[N_SPECIAL] = {
    {"estimation_error_z",
     "",
     "estimation error minus the exact risk, in standard errors",
     0,
     {0},
     0},
    {"estimation_error_z_asymptotic",
     "",
     "estimation error minus the asymptotic risk, in standard errors",
     0,
     {0},
     0},
    {"estimation_error_tail_index_theory",
     "",
     "theoretical tail index of the ridgeless error; a mean exists above 1",
     0,
     {0},
     0},
    {"estimation_error_tail_index",
     "",
     "tail index of the estimation error over replicates (Hill 1975)",
     0,
     {0},
     0},
    {"estimation_error_tail_index_stderr", "", "standard error of that tail index", 0, {0}, 0},
    {"estimation_error_tail_index_z",
     "",
     "that tail index minus the theoretical one, in standard errors of the theory (index / sqrt "
     "k); up to 2",
     0,
     {0},
     0},
    {"replicates_finished", "", "finished replicates", 0, {0}, 0}};

/* One block a schema: dimensions, outputs, then names and meanings. */
typedef struct {
  smr_inner_dimension dimensions[3];
  smr_output outputs[SMR_RIDGE_N_OUTPUTS + SMR_RIDGE_N_BOUNDS];
} output_block;

typedef struct {
  smr_inner_dimension dimensions[3];
  smr_output outputs[N_SUMMARIES];
  char names[N_SUMMARIES][SMR_SUMMARY_NAME_BYTES];
  char meanings[N_SUMMARIES][SMR_SUMMARY_MEANING_BYTES];
} summary_block;

/* Index of the inner dimension of each kind, -1 where a zip made it an outer axis. */
typedef struct {
  int features, lambda, mode, count;
} inner_dimensions;

static int64_t find_axis(const smr_job *job, const char *key) {
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    if (strcmp(smr_job_get_axis(job, i)->key, key) == 0) {
      return i;
    }
  }
  return -1;
}

static int add_axis_dimension(const smr_job *job, const char *key, int *count,
                              smr_inner_dimension *dimensions) {
  int64_t index = find_axis(job, key);
  if (index < 0 || !smr_job_get_axis(job, index)->is_inner) {
    return -1;
  }
  const smr_axis *axis = smr_job_get_axis(job, index);
  dimensions[*count] = (smr_inner_dimension){axis->name, axis->n, false};
  return (*count)++;
}

/* Modes are as many as the largest N_f anywhere, so that new values of N_i don't change a record's
 * shape. */
static int64_t count_modes(const smr_job *job) {
  int64_t most = 1;
  int64_t index = find_axis(job, "data.features");
  if (index >= 0) {
    const smr_axis *axis = smr_job_get_axis(job, index);
    for (int64_t i = 0; i < axis->n; ++i) {
      most = axis->reals[i] > (double)most ? (int64_t)axis->reals[i] : most;
    }
  }
  return most;
}

static inner_dimensions make_dimensions(const smr_job *job, smr_inner_dimension *dimensions) {
  inner_dimensions inner = {-1, -1, -1, 0};
  inner.features = add_axis_dimension(job, "data.features", &inner.count, dimensions);
  inner.lambda = add_axis_dimension(job, "ridge.lambda", &inner.count, dimensions);
  dimensions[inner.count] = (smr_inner_dimension){"mode", count_modes(job), true};
  inner.mode = inner.count++;
  return inner;
}

static void add_dimension(smr_output *output, int dimension) {
  if (dimension >= 0) {
    output->dimensions[output->n_dimensions++] = dimension;
  }
}

typedef enum { U, F, L, M } dimension_kind;

static void set_dimensions(smr_output *output, dimension_kind kind, const inner_dimensions *inner) {
  output->n_dimensions = 0;
  if (kind != U) {
    add_dimension(output, inner->features);
  }
  if (kind == L) {
    add_dimension(output, inner->lambda);
  } else if (kind == M) {
    add_dimension(output, inner->mode);
  }
}

static void fill_outputs(const inner_dimensions *inner, smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, kind_, meaning_)                                    \
  outputs[SMR_RIDGE_##name_] = (smr_output){#name_, unit_, meaning_, 0, {0}, false}; \
  set_dimensions(&outputs[SMR_RIDGE_##name_], kind_, inner);
  SMR_RIDGE_ALL_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
  outputs[SMR_RIDGE_seconds].is_measured_time = true;
}

/* How many of the judged outputs a tier has. */
static int64_t count_judged(int tier) {
  return 3 * (int64_t)smr_ridge_count_choosers(tier);
}

static bool is_decades(int output) {
#define IS_DECADES(name, text, ...) output == SMR_RIDGE_decades_##name ||
  return SMR_RIDGE_CHOOSERS(IS_DECADES, ) false;
#undef IS_DECADES
}

static bool is_of_rank(int output) {
#define IS_OF_RANK(name, text, ...) output == SMR_RIDGE_tsvd_regret_##name ||
  return SMR_RIDGE_CHOOSERS(IS_OF_RANK, ) false;
#undef IS_OF_RANK
}

static void fill_summaries(const inner_dimensions *inner, const smr_output *outputs,
                           summary_block *block) {
  int64_t at = 0;
  for (int i = 0; i < N_SUMMARISED; ++i) {
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&outputs[summarised[i]], j, block->names[at], block->meanings[at],
                           &block->outputs[at]);
    }
  }
  for (int i = 0; i < N_SPECIAL; ++i, ++at) {
    block->outputs[at] = specials[i];
    set_dimensions(&block->outputs[at], i == N_FINISHED ? U : i == TAIL_INDEX ? F : L, inner);
  }
  for (int64_t i = 0; i < N_JUDGED; ++i) {
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&outputs[judged[i]], j, block->names[at], block->meanings[at],
                           &block->outputs[at]);
    }
  }
}

static int64_t count_bounds(const smr_ridge_config *config) {
  return config->bounds ? SMR_RIDGE_N_BOUNDS : 0;
}

/* The bounds follow the tier's last, over what tiers beyond would have. */
static void fill_bounds(const inner_dimensions *inner, const smr_ridge_config *config,
                        smr_output *outputs, summary_block *block) {
#define BOUND(name, unit, kind, meaning) {#name, unit, meaning, 0, {0}, false},
  static const smr_output bounds[] = {SMR_RIDGE_BOUND_OUTPUTS(BOUND)};
#undef BOUND
  const int first = smr_ridge_count_outputs(config->choosers);
  int64_t at = N_PLAIN_SUMMARIES + count_judged(config->choosers) * SMR_SUMMARY_STATISTICS;
  for (int64_t i = 0; i < count_bounds(config); ++i) {
    outputs[first + i] = bounds[i];
    set_dimensions(&outputs[first + i], L, inner);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++at) {
      smr_summary_describe(&outputs[first + i], j, block->names[at], block->meanings[at],
                           &block->outputs[at]);
    }
  }
}

smr_status smr_ridge_describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  inner_dimensions inner = make_dimensions(job, first->dimensions);
  memcpy(second->dimensions, first->dimensions, sizeof first->dimensions);
  fill_outputs(&inner, first->outputs);
  fill_summaries(&inner, first->outputs, second);
  /* What is put out is the same in all cells. */
  smr_common_config common;
  smr_ridge_config config;
  smr_job_configure(job, 0, &common, &config);
  fill_bounds(&inner, &config, first->outputs, second);
  const int64_t n_outputs = smr_ridge_count_outputs(config.choosers) + count_bounds(&config);
  const int64_t n_chosen = count_judged(config.choosers) + count_bounds(&config);
  *outputs = (smr_schema){inner.count, first->dimensions, n_outputs, first->outputs};
  *summaries = (smr_schema){inner.count, second->dimensions,
                            N_PLAIN_SUMMARIES + n_chosen * SMR_SUMMARY_STATISTICS, second->outputs};
  return SMR_OK;
}

/* Tail index that small singular values of random rows give the ridgeless error; infinite where X
 * is fixed. */
static double find_design_index(const smr_ridge_config *config, int64_t features) {
  const smr_design_config *design = &config->data.design;
  if (config->data.source != SMR_SOURCE_TEACHER || design->kind == SMR_DESIGN_SMOOTH) {
    return INFINITY;
  }
  if (design->kind == SMR_DESIGN_DUPLICATED && design->jitter == 0) {
    features = smr_int_ceil_divide(features, design->copies);
  }
  return smr_theory_tail_index(config->instances - config->intercept, features);
}

/* Tail index of squared noise; infinite for Gaussian noise. */
static double find_noise_index(const smr_ridge_config *config) {
  const bool is_student = !smr_table_is_file(&config->data) &&
                          config->data.noise_law.kind == SMR_NOISE_STUDENT_T &&
                          config->data.noise > 0;
  return is_student ? config->data.noise_law.nu / 2 : (double)INFINITY;
}

/* Tail index of an output over replicates; infinite where all moments exist. */
static double find_index(const smr_ridge_config *config, int output, int64_t features,
                         double lambda) {
  bool is_norm = output == SMR_RIDGE_solution_norm || output == SMR_RIDGE_residual_norm;
  bool is_noisy = is_norm || output == SMR_RIDGE_train_mse || output == SMR_RIDGE_test_mse ||
                  output == SMR_RIDGE_estimation_error;
  bool is_tailed = output == SMR_RIDGE_test_mse || output == SMR_RIDGE_estimation_error ||
                   output == SMR_RIDGE_variance || output == SMR_RIDGE_solution_norm;
  bool is_noiseless = config->data.noise == 0 && config->data.teacher_features < 0;
  double index = INFINITY;
  if (lambda == 0 && is_tailed && !is_noiseless) {
    index = find_design_index(config, features);
  }
  if (is_noisy) {
    index = fmin(index, find_noise_index(config));
  }
  /* A norm is a square root: its tail index is twice that of the square. */
  return is_norm ? 2 * index : index;
}

static smr_summary_moments find_moments(const smr_ridge_config *config, int output,
                                        int64_t features, double lambda) {
  const double index = find_index(config, output, features, lambda);
  return (smr_summary_moments){index > 1, index > 2};
}

/* z of (error - theory) over replicates at element `error_at`, `theory_at` of the records. */
static double z_score(int64_t n, const double *const *records, int64_t error_at, int64_t theory_at,
                      double *values) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    double difference = records[i][error_at] - records[i][theory_at];
    if (isfinite(difference)) {
      values[count++] = difference;
    }
  }
  double mean = NAN, error = NAN;
  smr_summary_mean(count, values, &mean, &error);
  return error > 0 ? mean / error : (double)NAN;
}

/* One (features, lambda) cell of the summaries that compare with theory. */
static void summarize_theory(const smr_ridge_config *config, const smr_schema *outputs, int64_t n,
                             const double *const *records, int64_t cell, double z[2],
                             double *values) {
  double lambda = config->lambda.values[cell % config->lambda.n];
  int64_t features = config->features.values[cell / config->lambda.n];
  int64_t error_at = smr_schema_get_offset(outputs, SMR_RIDGE_estimation_error) + cell;
  if (!find_moments(config, SMR_RIDGE_estimation_error, features, lambda).has_error) {
    return;
  }
  z[0] = z_score(n, records, error_at,
                 smr_schema_get_offset(outputs, SMR_RIDGE_theory_risk_exact) + cell, values);
  z[1] = z_score(n, records, error_at, smr_schema_get_offset(outputs, SMR_RIDGE_theory_risk) + cell,
                 values);
}

/* Hill's index of one cell beside the index that theory has; values[n] ascending. Out of the few
 * replicates of most jobs a tail can't be told. */
static void summarize_tail(const smr_ridge_config *config, const smr_schema *summaries, int64_t n,
                           const double *values, int64_t cell, double *out) {
  enum { FEWEST = 100 };
  /* Lighter tails become power laws too far out for any number of replicates. */
  static const double heaviest = 2.0;
  const int64_t special = N_SUMMARISED * SMR_SUMMARY_STATISTICS;
  const double lambda = config->lambda.values[cell % config->lambda.n];
  const int64_t features = config->features.values[cell / config->lambda.n];
  if (n < FEWEST) {
    return;
  }
  const smr_tail tail = smr_tail_hill(n, values, smr_tail_choose_k(n));
  const double expected = find_index(config, SMR_RIDGE_estimation_error, features, lambda);
  out[smr_schema_get_offset(summaries, special + TAIL_HILL) + cell] = tail.index;
  out[smr_schema_get_offset(summaries, special + TAIL_HILL_ERROR) + cell] = tail.error;
  out[smr_schema_get_offset(summaries, special + TAIL_HILL_Z) + cell] =
      expected <= heaviest ? (tail.index - expected) / (expected * tail.error / tail.index)
                           : (double)NAN;
}

static void summarize_cell(const smr_ridge_config *config, const smr_schema *outputs,
                           const smr_schema *summaries, int64_t n, const double *const *records,
                           int64_t cell, double *values, double *out) {
  double lambda = config->lambda.values[cell % config->lambda.n];
  int64_t features = config->features.values[cell / config->lambda.n];
  for (int i = 0; i < N_SUMMARISED; ++i) {
    double statistics[SMR_SUMMARY_STATISTICS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    int64_t at = smr_schema_get_offset(outputs, summarised[i]) + cell;
    int64_t count = smr_summary_gather(n, records, at, values);
    smr_summary_compute(count, values, find_moments(config, summarised[i], features, lambda),
                        statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
      out[smr_schema_get_offset(summaries, i * SMR_SUMMARY_STATISTICS + j) + cell] = statistics[j];
    }
    if (summarised[i] == SMR_RIDGE_estimation_error) {
      summarize_tail(config, summaries, count, values, cell, out);
    }
  }
  int64_t special = N_SUMMARISED * SMR_SUMMARY_STATISTICS;
  double z[2] = {NAN, NAN};
  summarize_theory(config, outputs, n, records, cell, z, values);
  out[smr_schema_get_offset(summaries, special + Z_EXACT) + cell] = z[0];
  out[smr_schema_get_offset(summaries, special + Z_ASYMPTOTIC) + cell] = z[1];
}

/* Decades always have moments. A regret has those of the estimation error at the least lambda, that
 * of a rank those at lambda = 0: all singular values may be kept. */
static smr_summary_moments find_judged_moments(const smr_ridge_config *config, int output,
                                               int64_t features) {
  double least = is_of_rank(output) ? 0 : (double)INFINITY;
  for (int64_t l = 0; l < config->lambda.n; ++l) {
    least = fmin(least, config->lambda.values[l]);
  }
  return is_decades(output) ? (smr_summary_moments){true, true}
                            : find_moments(config, SMR_RIDGE_estimation_error, features, least);
}

/* What the choosers of one N_f put out. */
static void summarize_choosers(const smr_ridge_config *config, const smr_schema *outputs,
                               const smr_schema *summaries, int64_t n, const double *const *records,
                               int64_t f, double *values, double *out) {
  const int64_t count = count_judged(config->choosers);
  for (int64_t i = 0; i < count; ++i) {
    double statistics[SMR_SUMMARY_STATISTICS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    int64_t at = smr_schema_get_offset(outputs, judged[i]) + f;
    int64_t found = smr_summary_gather(n, records, at, values);
    smr_summary_compute(found, values,
                        find_judged_moments(config, judged[i], config->features.values[f]),
                        statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
      int64_t summary = N_PLAIN_SUMMARIES + i * SMR_SUMMARY_STATISTICS + j;
      out[smr_schema_get_offset(summaries, summary) + f] = statistics[j];
    }
  }
}

/* The bounds of one (features, lambda) cell: they have the tail of the variance. */
static void summarize_bounds(const smr_ridge_config *config, const smr_schema *outputs,
                             const smr_schema *summaries, int64_t n, const double *const *records,
                             int64_t cell, double *values, double *out) {
  const double lambda = config->lambda.values[cell % config->lambda.n];
  const int64_t features = config->features.values[cell / config->lambda.n];
  const int first = smr_ridge_count_outputs(config->choosers);
  int64_t summary = N_PLAIN_SUMMARIES + count_judged(config->choosers) * SMR_SUMMARY_STATISTICS;
  for (int64_t i = 0; i < count_bounds(config); ++i) {
    double statistics[SMR_SUMMARY_STATISTICS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    int64_t at = smr_schema_get_offset(outputs, first + i) + cell;
    int64_t count = smr_summary_gather(n, records, at, values);
    smr_summary_compute(count, values, find_moments(config, SMR_RIDGE_variance, features, lambda),
                        statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j, ++summary) {
      out[smr_schema_get_offset(summaries, summary) + cell] = statistics[j];
    }
  }
}

smr_status smr_ridge_summarize(const void *config, const smr_schema *outputs,
                               const smr_schema *summaries, int64_t n, const double *const *records,
                               double *out) {
  const smr_ridge_config *ridge = config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  int64_t n_cells = ridge->features.n * ridge->lambda.n;
  for (int64_t cell = 0; cell < n_cells; ++cell) {
    summarize_cell(ridge, outputs, summaries, n, records, cell, values, out);
    summarize_bounds(ridge, outputs, summaries, n, records, cell, values, out);
  }
  for (int64_t f = 0; f < ridge->features.n; ++f) {
    summarize_choosers(ridge, outputs, summaries, n, records, f, values, out);
  }
  int64_t special = N_SUMMARISED * SMR_SUMMARY_STATISTICS;
  for (int64_t f = 0; f < ridge->features.n; ++f) {
    double index = find_index(ridge, SMR_RIDGE_estimation_error, ridge->features.values[f], 0);
    out[smr_schema_get_offset(summaries, special + TAIL_INDEX) + f] =
        isfinite(index) ? index : (double)NAN;
  }
  out[smr_schema_get_offset(summaries, special + N_FINISHED)] = (double)n;
  smr_memory_free(values);
  return SMR_OK;
}
