/* Outputs of the logistic experiment and their summaries over replicates. */
#include <math.h>
#include <string.h>

#include "logistic.h"
#include "simmer/base/memory.h"
#include "summary.h"

/* Outputs that are summarised. */
static const int summarised[] = {SMR_LOGISTIC_train_log_loss, SMR_LOGISTIC_test_log_loss,
                                 SMR_LOGISTIC_train_accuracy, SMR_LOGISTIC_test_accuracy,
                                 SMR_LOGISTIC_solution_norm,  SMR_LOGISTIC_cosine,
                                 SMR_LOGISTIC_iterations};
enum { N_SUMMARISED = sizeof summarised / sizeof summarised[0] };

/* Summaries that are no plain statistic, after those. */
enum { SHARE, QUASI, SHARE_THEORY, SHARE_Z, ONE_CLASS, UNCONVERGED, N_FINISHED, N_SPECIAL };
enum {
  N_STATISTICS = N_SUMMARISED * SMR_SUMMARY_STATISTICS,
  N_SUMMARIES = N_STATISTICS + N_SPECIAL
};

typedef enum { U, F, L } dimension_kind;

static const struct {
  const char *name, *meaning;
  dimension_kind kind;
} specials[N_SPECIAL] = {
    {"separable_share", "share of replicates whose training rows are separable", F},
    {"quasi_separable_share", "share of replicates whose training rows are quasi-separable", F},
    {"separable_theory",
     "chance of separability for labels that are fair coins (Cover 1965), exact", F},
    {"separable_z", "share minus chance, in standard errors", F},
    {"one_class_share",
     "share of replicates whose training rows are of one class, with an intercept", F},
    {"unconverged_share", "share of replicates that did not converge", L},
    {"replicates_finished", "finished replicates", U}};

/* One block a schema: dimensions, outputs, then names and meanings. */
typedef struct {
  smr_inner_dimension dimensions[2];
  smr_output outputs[SMR_LOGISTIC_N_OUTPUTS];
} output_block;

typedef struct {
  smr_inner_dimension dimensions[2];
  smr_output outputs[N_SUMMARIES];
  char names[N_STATISTICS][SMR_SUMMARY_NAME_BYTES];
  char meanings[N_STATISTICS][SMR_SUMMARY_MEANING_BYTES];
} summary_block;

/* Index of the inner dimension of each kind, -1 where a zip made it an outer axis. */
typedef struct {
  int features, lambda, count;
} inner_dimensions;

static int add_axis_dimension(const smr_job *job, const char *key, int *count,
                              smr_inner_dimension *dimensions) {
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    if (strcmp(axis->key, key) == 0 && axis->is_inner) {
      dimensions[*count] = (smr_inner_dimension){axis->name, axis->n, false};
      return (*count)++;
    }
  }
  return -1;
}

static inner_dimensions make_dimensions(const smr_job *job, smr_inner_dimension *dimensions) {
  inner_dimensions inner = {-1, -1, 0};
  inner.features = add_axis_dimension(job, "data.features", &inner.count, dimensions);
  inner.lambda = add_axis_dimension(job, "logistic.lambda", &inner.count, dimensions);
  return inner;
}

static void set_dimensions(smr_output *output, dimension_kind kind, const inner_dimensions *inner) {
  output->n_dimensions = 0;
  if (kind != U && inner->features >= 0) {
    output->dimensions[output->n_dimensions++] = inner->features;
  }
  if (kind == L && inner->lambda >= 0) {
    output->dimensions[output->n_dimensions++] = inner->lambda;
  }
}

static void fill_outputs(const inner_dimensions *inner, smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, kind_, meaning_)                                       \
  outputs[SMR_LOGISTIC_##name_] = (smr_output){#name_, unit_, meaning_, 0, {0}, false}; \
  set_dimensions(&outputs[SMR_LOGISTIC_##name_], kind_, inner);
  SMR_LOGISTIC_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
  outputs[SMR_LOGISTIC_seconds].is_measured_time = true;
}

static void fill_summaries(const inner_dimensions *inner, const smr_output *outputs,
                           summary_block *block) {
  for (int at = 0; at < N_STATISTICS; ++at) {
    smr_summary_describe(&outputs[summarised[at / SMR_SUMMARY_STATISTICS]],
                         at % SMR_SUMMARY_STATISTICS, block->names[at], block->meanings[at],
                         &block->outputs[at]);
  }
  for (int i = 0; i < N_SPECIAL; ++i) {
    smr_output *output = &block->outputs[N_STATISTICS + i];
    *output = (smr_output){specials[i].name, "", specials[i].meaning, 0, {0}, false};
    set_dimensions(output, specials[i].kind, inner);
  }
}

smr_status smr_logistic_describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  const inner_dimensions inner = make_dimensions(job, first->dimensions);
  memcpy(second->dimensions, first->dimensions, sizeof first->dimensions);
  fill_outputs(&inner, first->outputs);
  fill_summaries(&inner, first->outputs, second);
  *outputs = (smr_schema){inner.count, first->dimensions, SMR_LOGISTIC_N_OUTPUTS, first->outputs};
  *summaries = (smr_schema){inner.count, second->dimensions, N_SUMMARIES, second->outputs};
  return SMR_OK;
}

/* What the summaries of one group of replicates are made of. */
typedef struct {
  const smr_logistic_job *job;
  const smr_schema *outputs, *summaries;
  int64_t n;
  const double *const *records;
  double *values; /* [n] scratch */
  double *out;
} summary_work;

static void put(const summary_work *work, int64_t summary, int64_t at, double value) {
  work->out[smr_schema_get_offset(work->summaries, summary) + at] = value;
}

/* Share of the replicates with a number at `at` of an output in which it is `wanted`. */
static double find_share(const summary_work *work, int output, int64_t at, double wanted,
                         int64_t *count) {
  int64_t n_wanted = 0;
  *count = smr_summary_gather(work->n, work->records,
                              smr_schema_get_offset(work->outputs, output) + at, work->values);
  for (int64_t i = 0; i < *count; ++i) {
    n_wanted += work->values[i] == wanted;
  }
  return *count > 0 ? (double)n_wanted / (double)*count : (double)NAN;
}

/* Labels that don't depend on x nor on each other and are fair coins. */
static bool has_coins(const smr_logistic_job *job) {
  const smr_data_config *data = &job->data;
  const bool is_noisy = data->noise > 0;
  return data->source == SMR_SOURCE_TEACHER && data->signal == 0 &&
         (is_noisy ? data->noise_law.kind != SMR_NOISE_AR1
                   : job->teacher_labels == SMR_LABELS_DRAW);
}

/* No more rows on a hyperplane than it takes to fix it: random rows without copies of columns. */
static bool has_general_position(const smr_design_config *design) {
  return design->kind != SMR_DESIGN_SMOOTH &&
         (design->kind != SMR_DESIGN_DUPLICATED || design->jitter > 0);
}

static void summarize_features(const summary_work *work, int64_t f) {
  const smr_logistic_job *job = work->job;
  int64_t count = 0, n_class = 0;
  const double share = find_share(work, SMR_LOGISTIC_separable, f, 1, &count);
  put(work, N_STATISTICS + SHARE, f, share);
  put(work, N_STATISTICS + QUASI, f,
      find_share(work, SMR_LOGISTIC_quasi_separable, f, 1, &n_class));
  put(work, N_STATISTICS + ONE_CLASS, f,
      find_share(work, SMR_LOGISTIC_outcome, f * job->lambda.n, SMR_LOGISTIC_ONE_CLASS, &n_class));
  if (!has_coins(job) || !has_general_position(&job->data.design)) {
    return;
  }
  const double chance =
      smr_logistic_cover(job->instances, job->features.values[f], job->fit.intercept);
  const double variance = chance * (1 - chance) * (double)count;
  put(work, N_STATISTICS + SHARE_THEORY, f, chance);
  /* Below, a count isn't normal enough for a z-score. */
  if (variance >= 3) {
    put(work, N_STATISTICS + SHARE_Z, f, (share - chance) * (double)count / sqrt(variance));
  }
}

static void summarize_cell(const summary_work *work, int64_t cell) {
  int64_t count = 0;
  for (int i = 0; i < N_SUMMARISED; ++i) {
    double statistics[SMR_SUMMARY_STATISTICS];
    count = smr_summary_gather(work->n, work->records,
                               smr_schema_get_offset(work->outputs, summarised[i]) + cell,
                               work->values);
    smr_summary_compute(count, work->values, (smr_summary_moments){true, true}, statistics);
    for (int j = 0; j < SMR_SUMMARY_STATISTICS; ++j) {
      put(work, i * SMR_SUMMARY_STATISTICS + j, cell, statistics[j]);
    }
  }
  put(work, N_STATISTICS + UNCONVERGED, cell,
      find_share(work, SMR_LOGISTIC_outcome, cell, SMR_LOGISTIC_NOT_CONVERGED, &count));
}

smr_status smr_logistic_summarize(const void *config, const smr_schema *outputs,
                                  const smr_schema *summaries, int64_t n,
                                  const double *const *records, double *out) {
  const smr_logistic_job *job = config;
  summary_work work = {job, outputs, summaries, n, records, NULL, out};
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "replicates of one value", &work.values));
  for (int64_t cell = 0; cell < job->features.n * job->lambda.n; ++cell) {
    summarize_cell(&work, cell);
  }
  for (int64_t f = 0; f < job->features.n; ++f) {
    summarize_features(&work, f);
  }
  put(&work, N_STATISTICS + N_FINISHED, 0, (double)n);
  smr_memory_free(work.values);
  return SMR_OK;
}
