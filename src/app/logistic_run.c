/* One unit of the logistic experiment: for every N_f the training rows, the path of lambda and a
 * last problem at lambda = 0 that says if the classes are separable; then one pass over the test
 * rows.
 *
 * Letters: P = largest N_f, F = number of N_f values, L = number of lambdas, C = L padded to whole
 * column blocks, p = one N_f. With several ranks in a group the rows are shared; coefficients are
 * replicated. */
#include <math.h>
#include <stdlib.h>

#include "logistic.h"
#include "simmer/base/clock.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "test_rows.h"

/* What a unit's steps share. */
typedef struct {
  const smr_unit *unit;
  const smr_logistic_job *job;
  smr_sample *sample;
  smr_random_key label_keys[2];      /* training, test */
  int64_t n_max, n_lambda, n_padded; /* P, L, C */
  bool has_truth;
  double *weights; /* [F][P x C] column-major */
  double *offsets; /* [F][C] */
  double *truth;   /* [F][P] */
  bool *is_finite; /* [F][L] a minimum was found: the test loss means something */
  int64_t *order;  /* [L] lambdas in falling order */
} unit_work;

static void put(const unit_work *work, int output, int64_t at, double value) {
  double *values = smr_services_get(work->unit->services, output);
  if (values != NULL) {
    values[at] = value;
  }
}

/* --- labels --- */

/* A teacher's y into -1 and +1. Row by row and in the order of columns, so that a row's label
 * depends on nothing else. */
static void make_labels(const unit_work *work, int64_t f, bool is_test, int64_t first,
                        int64_t count, const double *x, int64_t ld, double *y) {
  const int64_t p = work->job->features.values[f];
  const double *truth = work->truth + f * work->n_max;
  if (work->job->data.source != SMR_SOURCE_TEACHER) {
    return;
  }
  for (int64_t j = 0; j < p && smr_sample_is_noise_only(work->sample); ++j) {
    for (int64_t i = 0; i < count; ++i) {
      y[i] += x[j * ld + i] * truth[j];
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    bool is_positive = y[i] > 0;
    if (work->job->teacher_labels == SMR_LABELS_DRAW) {
      double u = 0;
      smr_random_uniform(work->label_keys[is_test], (uint64_t)(first + i), 0, 1, &u);
      is_positive = u < 1 / (1 + exp(-y[i]));
    }
    y[i] = is_positive ? 1 : -1;
  }
}

/* Training rows of one N_f. */
typedef struct {
  const unit_work *work;
  int64_t f;
} train_rows;

static smr_status read_train(void *self, int thread, int64_t first, int64_t count, double *x,
                             int64_t ld, double *y) {
  (void)thread;
  const train_rows *rows = self;
  const unit_work *work = rows->work;
  SMR_TRY(smr_sample_read(work->sample, false, first, count, work->job->features.values[rows->f], x,
                          ld, y));
  make_labels(work, rows->f, false, first, count, x, ld, y);
  return SMR_OK;
}

/* --- the path --- */

static double find_cosine(const unit_work *work, int64_t f, const double *w) {
  const double *truth = work->truth + f * work->n_max;
  double product = 0, squares = 0, truth_squares = 0;
  for (int64_t j = 0; j < work->job->features.values[f]; ++j) {
    product += w[j] * truth[j];
    squares += w[j] * w[j];
    truth_squares += truth[j] * truth[j];
  }
  const double size = sqrt(squares) * sqrt(truth_squares);
  return size > 0 ? product / size : (double)NAN;
}

static bool has_minimum(smr_logistic_outcome outcome) {
  return outcome == SMR_LOGISTIC_CONVERGED || outcome == SMR_LOGISTIC_ONE_CLASS;
}

static void put_fit(const unit_work *work, int64_t f, int64_t l, const smr_logistic_fit *fit) {
  const int64_t at = f * work->n_lambda + l;
  const double n = (double)work->job->instances;
  const double *w = work->weights + (f * work->n_padded + l) * work->n_max;
  work->is_finite[at] = has_minimum(fit->outcome);
  put(work, SMR_LOGISTIC_train_log_loss, at, fit->loss / n);
  put(work, SMR_LOGISTIC_train_accuracy, at, (double)fit->n_right / n);
  put(work, SMR_LOGISTIC_solution_norm, at, fit->norm);
  put(work, SMR_LOGISTIC_iterations, at, (double)fit->iterations);
  put(work, SMR_LOGISTIC_outcome, at, (double)fit->outcome);
  if (work->has_truth) {
    put(work, SMR_LOGISTIC_cosine, at, find_cosine(work, f, w));
  }
}

/* What the outcome at lambda = 0 says of the classes; nothing when it was left open. */
static void put_separable(const unit_work *work, int64_t f, smr_logistic_outcome outcome) {
  if (outcome == SMR_LOGISTIC_NOT_CONVERGED) {
    return;
  }
  put(work, SMR_LOGISTIC_separable, f,
      outcome == SMR_LOGISTIC_SEPARABLE || outcome == SMR_LOGISTIC_ONE_CLASS ? 1 : 0);
  put(work, SMR_LOGISTIC_quasi_separable, f, outcome == SMR_LOGISTIC_QUASI_SEPARABLE ? 1 : 0);
}

static smr_status run_lambda(const unit_work *work, smr_logistic *problem, int64_t f, int64_t l) {
  const int64_t column = f * work->n_padded + l;
  const double lambda = work->job->lambda.values[l];
  smr_logistic_fit fit;
  SMR_TRY(smr_logistic_solve(problem, lambda, work->weights + column * work->n_max,
                             &work->offsets[column], &fit));
  put_fit(work, f, l, &fit);
  if (lambda == 0) {
    put_separable(work, f, fit.outcome);
  }
  return SMR_OK;
}

/* lambda = 0 when it is not among the job's. */
static smr_status find_separable(const unit_work *work, smr_logistic *problem, int64_t f) {
  double *w = NULL, b = 0;
  smr_logistic_fit fit;
  if (work->job->lambda.values[work->order[work->n_lambda - 1]] == 0) {
    return SMR_OK;
  }
  smr_status status =
      smr_agree(work->unit->group, smr_memory_alloc(work->n_max, sizeof *w, "coefficients", &w));
  SMR_TRY_DONE(status);
  SMR_TRY_DONE(smr_logistic_solve(problem, 0, w, &b, &fit));
  put_separable(work, f, fit.outcome);
done:
  smr_memory_free(w);
  return status;
}

static void note_progress(const unit_work *work, int64_t f, int64_t i) {
  smr_services *services = work->unit->services;
  if (work->unit->group->rank == 0) {
    services->note_progress(
        services,
        (double)(f * work->n_lambda + i) / (double)(work->job->features.n * work->n_lambda), "");
  }
}

static smr_status run_features(const unit_work *work, int64_t f) {
  train_rows rows = {work, f};
  const smr_row_source source = {work->job->instances, work->job->features.values[f], &rows,
                                 read_train};
  const smr_logistic_config config = smr_logistic_get_fit(work->job);
  smr_services *services = work->unit->services;
  smr_logistic *problem = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_logistic_create(work->unit->group, &source, &config, &problem));
  for (int64_t i = 0; i < work->n_lambda; ++i) {
    if (services->should_stop(services)) {
      status = SMR_STOPPED;
      goto done;
    }
    note_progress(work, f, i);
    SMR_TRY_DONE(run_lambda(work, problem, f, work->order[i]));
  }
  SMR_TRY_DONE(find_separable(work, problem, f));
done:
  smr_logistic_destroy(&problem);
  return status;
}

/* --- test rows --- */

static void make_test_labels(const void *self, int64_t f, int64_t first, int64_t count,
                             const double *x, int64_t ld, double *y) {
  make_labels(self, f, true, first, count, x, ld, y);
}

/* Log-losses and right classes. */
static void score(int64_t count, const double *y, const double *column, double offset,
                  double sums[SMR_TEST_SUMS]) {
  for (int64_t i = 0; i < count; ++i) {
    const double eta = column[i] + offset;
    const double margin = y[i] * eta;
    sums[0] += margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
    sums[1] += (eta > 0) == (y[i] > 0);
  }
}

static void put_test(const unit_work *work, int64_t n_test, const double *value) {
  for (int64_t f = 0; f < work->job->features.n; ++f) {
    const double *sums = value + f * SMR_TEST_SUMS * work->n_lambda;
    for (int64_t l = 0; l < work->n_lambda; ++l) {
      const int64_t at = f * work->n_lambda + l;
      if (work->is_finite[at]) {
        put(work, SMR_LOGISTIC_test_log_loss, at, sums[l] / (double)n_test);
      }
      put(work, SMR_LOGISTIC_test_accuracy, at, sums[work->n_lambda + l] / (double)n_test);
    }
  }
}

static smr_status run_test(const unit_work *work) {
  const smr_test_rows rows = {.group = work->unit->group,
                              .sample = work->sample,
                              .features = &work->job->features,
                              .n_max = work->n_max,
                              .n_scored = work->n_lambda,
                              .n_columns = work->n_padded,
                              .weights = work->weights,
                              .offsets = work->offsets,
                              .self = work,
                              .make_targets = make_test_labels,
                              .score = score};
  double *sums = NULL;
  SMR_TRY(smr_test_rows_run(&rows, &sums));
  if (sums != NULL) {
    put_test(work, smr_sample_count_test(work->sample), sums);
  }
  smr_memory_free(sums);
  return SMR_OK;
}

/* --- the unit --- */

/* Insertion: lists of lambdas are short, and most are sorted. */
static void sort_lambdas(const smr_reals *lambda, int64_t *order) {
  for (int64_t i = 0; i < lambda->n; ++i) {
    int64_t k = i;
    for (; k > 0 && lambda->values[order[k - 1]] < lambda->values[i]; --k) {
      order[k] = order[k - 1];
    }
    order[k] = i;
  }
}

static smr_status prepare(unit_work *work, const smr_dataset *dataset) {
  const smr_logistic_job *job = work->job;
  const int64_t n_features = job->features.n;
  const smr_common_config *common = work->unit->common;
  smr_data_config data = job->data;
  double rest = 0;
  data.test_instances = smr_table_count_test(&job->data, job->instances);
  data.seed = (uint64_t)common->seed;
  SMR_TRY(smr_sample_create(dataset, &data, common->replicate, job->instances, work->n_max,
                            &work->sample));
  for (int side = 0; side < 2; ++side) {
    work->label_keys[side] =
        (smr_random_key){data.seed, smr_random_stream("logistic.labels",
                                                      (uint64_t)common->replicate, (uint64_t)side)};
  }
  const char *what = "coefficients of all lambdas";
  SMR_TRY(smr_memory_alloc(n_features * work->n_max * work->n_padded, sizeof(double), what,
                           &work->weights));
  SMR_TRY(smr_memory_alloc(n_features * work->n_padded, sizeof(double), what, &work->offsets));
  SMR_TRY(smr_memory_alloc(n_features * work->n_max, sizeof(double), what, &work->truth));
  SMR_TRY(smr_memory_alloc(n_features * work->n_lambda, sizeof(bool), what, &work->is_finite));
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(int64_t), what, &work->order));
  for (int64_t f = 0; f < n_features; ++f) {
    work->has_truth = smr_sample_get_truth(work->sample, job->features.values[f],
                                           work->truth + f * work->n_max, &rest);
  }
  sort_lambdas(&job->lambda, work->order);
  return SMR_OK;
}

smr_status smr_logistic_run(const smr_unit *unit) {
  const double start = smr_clock_monotonic_s();
  const smr_logistic_job *job = unit->config;
  unit_work work = {.unit = unit,
                    .job = job,
                    .n_max = smr_table_max_features(&job->features),
                    .n_lambda = job->lambda.n,
                    .n_padded = smr_logistic_padded_lambdas(job)};
  smr_status status =
      smr_agree(unit->group, prepare(&work, smr_table_find(unit->state, &job->data)));
  SMR_TRY_DONE(status);
  for (int64_t f = 0; f < job->features.n; ++f) {
    SMR_TRY_DONE(run_features(&work, f));
  }
  SMR_TRY_DONE(run_test(&work));
  put(&work, SMR_LOGISTIC_seconds, 0, smr_clock_monotonic_s() - start);
done:
  smr_sample_destroy(&work.sample);
  smr_memory_free(work.weights);
  smr_memory_free(work.offsets);
  smr_memory_free(work.truth);
  smr_memory_free(work.is_finite);
  smr_memory_free(work.order);
  return status;
}
