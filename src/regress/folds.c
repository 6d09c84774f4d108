/* Cross-validation over folds: an SVD for each training triangle, and norms of the folds' own.
 *
 * k folds, p features, L lambdas, R ranks, C = L padded to whole column blocks, q rows of a
 * training triangle, h rows of a fold's, t numerical rank of a training triangle, T = min(t, R - 1)
 * padded. Folds are dealt to ranks and threads whole; every one is worked on by a single rank.
 *
 * Measured on one core of a Zen 5, CPU seconds, best of 4 in one run: 20000 x 500, 10 folds, 100
 * lambdas > 0: 0.55 interleaved and 0.47 in blocks, R factors included; a QR of the training rows
 * and an SVD for each fold: 2.41 and 2.33. With a lambda = 0, which takes SVDs, 0.08 more. */
#include "simmer/regress/folds.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/linalg/penalized.h"
#include "simmer/linalg/svd.h"
#include "simmer/regress/truncated.h"

enum { MIN_PENALIZED = 256 };

typedef struct {
  const smr_folds *folds;
  smr_folds_view view;
  int64_t p, n_lambda, n_padded, n_ranks;
  bool standardize;
  const double *lambda;
  const double *signal; /* [p], NULL for none */
  double *errors;       /* [k][L + R] sums of squares, those of this rank's folds */
  /* The failure of the lowest fold, since messages belong to threads. */
  int64_t failed;
  smr_status status;
  char message[1024];
} fold_run;

/* One fold. */
typedef struct {
  smr_folds_part train, held;
  double *r_train, *z_train; /* [q x p], [q] */
  double *r_held, *z_held;   /* [h x p], [h] */
  double *scale;             /* [p] */
  double *beta;              /* [q] */
  double *modes;             /* [q x C] */
  double *weights;           /* [p x C] */
  double *fitted;            /* [h x C] R_f w */
  smr_svd *svd;
  smr_spectrum spectrum; /* where there is an SVD */
  double *steps;         /* [p x T] what each rank adds to w */
  double *fitted_steps;  /* [h x T] */
} fold_work;

static void clear_work(fold_work *work) {
  smr_memory_free(work->r_train);
  smr_memory_free(work->z_train);
  smr_memory_free(work->r_held);
  smr_memory_free(work->z_held);
  smr_memory_free(work->scale);
  smr_memory_free(work->beta);
  smr_memory_free(work->modes);
  smr_memory_free(work->weights);
  smr_memory_free(work->fitted);
  smr_memory_free(work->steps);
  smr_memory_free(work->fitted_steps);
  smr_svd_destroy(&work->svd);
}

static int64_t count_used(const fold_run *run, int64_t fold, bool is_training) {
  const int64_t n = smr_folds_count_rows(run->folds, fold, is_training);
  return smr_int_max(0, smr_int_min(n - run->view.has_intercept, run->p));
}

static smr_status allocate_work(const fold_run *run, int64_t fold, fold_work *work) {
  const size_t size = sizeof(double);
  const int64_t q = count_used(run, fold, true);
  const int64_t h = count_used(run, fold, false);
  SMR_TRY(smr_memory_alloc(q * run->p, size, "triangle of a training set", &work->r_train));
  SMR_TRY(smr_memory_alloc(q, size, "target", &work->z_train));
  SMR_TRY(smr_memory_alloc(h * run->p, size, "triangle of a fold", &work->r_held));
  SMR_TRY(smr_memory_alloc(h, size, "target", &work->z_held));
  SMR_TRY(smr_memory_alloc(run->p, size, "column scales", &work->scale));
  SMR_TRY(smr_memory_alloc(q, size, "target modes", &work->beta));
  SMR_TRY(smr_memory_alloc(q * run->n_padded, size, "coefficients", &work->modes));
  SMR_TRY(smr_memory_alloc(run->p * run->n_padded, size, "coefficients", &work->weights));
  return smr_memory_alloc(h * run->n_padded, size, "fitted values", &work->fitted);
}

static void scale_columns(const fold_run *run, fold_work *work) {
  const smr_folds_part *train = &work->train;
  if (run->standardize) {
    smr_ridge_standardize(train->n_rows, train->n_used, run->p, train->mean, work->r_train,
                          work->scale);
    return;
  }
  for (int64_t j = 0; j < run->p; j++) {
    work->scale[j] = 1.0;
  }
}

/* Weights of all lambdas by the SVD, in the scaled coordinates. */
static smr_status solve_svd(const fold_run *run, fold_work *work) {
  const int64_t q = work->train.n_used;
  SMR_TRY(smr_svd_create(smr_folds_get_grid(run->folds), SMR_SVD_AUTO, q, run->p, work->r_train, q,
                         &work->svd));
  SMR_TRY(smr_svd_project_left(work->svd, 1, work->z_train, work->beta));
  work->spectrum = (smr_spectrum){.n = work->train.n_rows,
                                  .p = run->p,
                                  .k = q,
                                  .has_intercept = run->view.has_intercept,
                                  .s = smr_svd_get_values(work->svd),
                                  .beta = work->beta,
                                  .tail = work->train.tail};
  for (int64_t l = 0; l < run->n_lambda; l++) {
    smr_ridge_coefficients(&work->spectrum, run->lambda[l], work->modes + l * q);
  }
  return smr_svd_expand_right(work->svd, run->n_lambda, work->modes, work->weights);
}

/* lambda = 0 needs singular values, to tell zeros from others, and truncated SVD all it has; small
 * problems gain nothing. */
static bool is_svd_needed(const fold_run *run, int64_t q) {
  bool is_needed = q < run->p || q < MIN_PENALIZED || run->n_ranks > 0;
  for (int64_t l = 0; l < run->n_lambda; l++) {
    is_needed = is_needed || !(run->lambda[l] > 0.0);
  }
  return is_needed;
}

/* Weights of all lambdas in raw coordinates. */
static smr_status solve(const fold_run *run, fold_work *work) {
  const int64_t q = work->train.n_used;
  scale_columns(run, work);
  if (q == 0) {
    return SMR_OK;
  }
  if (is_svd_needed(run, q)) {
    SMR_TRY(solve_svd(run, work));
  } else {
    const smr_penalized problem = {q, run->p, q, work->r_train, work->z_train};
    SMR_TRY(smr_penalized_solve(smr_folds_get_grid(run->folds), &problem, run->n_lambda,
                                run->lambda, work->weights));
  }
  for (int64_t l = 0; l < run->n_lambda; l++) {
    for (int64_t j = 0; j < run->p; j++) {
      work->weights[l * run->p + j] /= work->scale[j];
    }
  }
  return SMR_OK;
}

/* Squared error over the fold of weights w[p] with R_f w = fitted[h]. */
static double measure(const fold_run *run, const fold_work *work, const double *w,
                      const double *fitted) {
  const smr_folds_part *held = &work->held;
  double sum = held->tail;
  double shift = held->mean_y - work->train.mean_y;
  for (int64_t i = 0; i < held->n_used; i++) {
    const double difference = fitted[i] - work->z_held[i];
    sum += difference * difference;
  }
  for (int64_t j = 0; j < run->p; j++) {
    shift -= (held->mean[j] - work->train.mean[j]) * w[j];
  }
  return sum + (double)held->n_rows * shift * shift;
}

/* Targets y + X w: R w to those of the training set; the weights then lack w, and so does what they
 * are held against in the fold. */
static void add_signal(const fold_run *run, fold_work *work) {
  const int64_t q = work->train.n_used;
  for (int64_t j = 0; run->signal != NULL && j < run->p; j++) {
    for (int64_t i = 0; i < q; i++) {
      work->z_train[i] += work->r_train[j * q + i] * run->signal[j];
    }
  }
}

static void take_off_signal(const fold_run *run, fold_work *work) {
  for (int64_t l = 0; run->signal != NULL && l < run->n_lambda; l++) {
    for (int64_t j = 0; j < run->p; j++) {
      work->weights[l * run->p + j] -= run->signal[j];
    }
  }
}

/* --- truncated SVD --- */

/* Steps v_j beta_j / s_j of the weights in raw coordinates, and R_f times them, for t ranks. */
static smr_status make_steps(const fold_run *run, fold_work *work, int64_t t) {
  const int64_t q = work->train.n_used, h = work->held.n_used;
  double *modes = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(q * t, sizeof(double), "steps over ranks", &modes));
  SMR_TRY_DONE(smr_memory_alloc(run->p * smr_kernel_pad(t), sizeof(double), "steps over ranks",
                                &work->steps));
  SMR_TRY_DONE(
      smr_memory_alloc(h * smr_kernel_pad(t), sizeof(double), "fitted steps", &work->fitted_steps));
  for (int64_t j = 0; j < t; j++) {
    modes[j * q + j] = work->spectrum.beta[j] / work->spectrum.s[j];
  }
  SMR_TRY_DONE(smr_svd_expand_right(work->svd, t, modes, work->steps));
  for (int64_t j = 0; j < t; j++) {
    for (int64_t i = 0; i < run->p; i++) {
      work->steps[j * run->p + i] /= work->scale[i];
    }
  }
  SMR_TRY_DONE(smr_kernel_multiply(h, smr_kernel_pad(t), run->p, work->r_held, smr_int_max(h, 1),
                                   work->steps, run->p, work->fitted_steps, smr_int_max(h, 1)));
done:
  smr_memory_free(modes);
  return status;
}

static void add_to(int64_t n, const double *step, double *sum) {
  for (int64_t i = 0; i < n; i++) {
    sum[i] += step[i];
  }
}

/* errors[R] of one fold: weights and fitted values grow by a step a rank, from those of w = 0,
 * which lacks the signal. NaN beyond the last rank. */
static smr_status run_ranks(const fold_run *run, fold_work *work, double *errors) {
  const int64_t h = work->held.n_used;
  const int64_t most = work->svd != NULL ? smr_truncated_count(&work->spectrum) : 0;
  const int64_t t = smr_int_min(most, run->n_ranks - 1);
  double *w = NULL, *fitted = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(run->p, sizeof(double), "coefficients", &w));
  SMR_TRY_DONE(smr_memory_alloc(h, sizeof(double), "fitted values", &fitted));
  if (t > 0) {
    SMR_TRY_DONE(make_steps(run, work, t));
  }
  for (int64_t j = 0; run->signal != NULL && j < run->p; j++) {
    w[j] = -run->signal[j];
    for (int64_t i = 0; i < h; i++) {
      fitted[i] += work->r_held[j * h + i] * w[j];
    }
  }
  for (int64_t rank = 0; rank < run->n_ranks; rank++) {
    if (rank > 0 && rank <= t) {
      add_to(run->p, work->steps + (rank - 1) * run->p, w);
      add_to(h, work->fitted_steps + (rank - 1) * h, fitted);
    }
    errors[rank] = rank <= t ? measure(run, work, w, fitted) : (double)NAN;
  }
done:
  smr_memory_free(w);
  smr_memory_free(fitted);
  return status;
}

static smr_status run_fold(const fold_run *run, int64_t fold) {
  fold_work work = {.svd = NULL};
  smr_status status = allocate_work(run, fold, &work);
  if (status != SMR_OK) {
    goto done;
  }
  if (smr_fault("regress.folds")) {
    SMR_FAIL_DONE(SMR_ERR_MEMORY, "fault point regress.folds");
  }
  SMR_TRY_DONE(
      smr_folds_read(run->folds, fold, true, run->p, work.r_train, work.z_train, &work.train));
  SMR_TRY_DONE(
      smr_folds_read(run->folds, fold, false, run->p, work.r_held, work.z_held, &work.held));
  add_signal(run, &work);
  SMR_TRY_DONE(solve(run, &work));
  take_off_signal(run, &work);
  const int64_t h = work.held.n_used;
  SMR_TRY_DONE(smr_kernel_multiply(h, run->n_padded, run->p, work.r_held, smr_int_max(h, 1),
                                   work.weights, run->p, work.fitted, smr_int_max(h, 1)));
  double *errors = run->errors + fold * (run->n_lambda + run->n_ranks);
  for (int64_t l = 0; l < run->n_lambda; l++) {
    errors[l] = measure(run, &work, work.weights + l * run->p, work.fitted + l * h);
  }
  if (run->n_ranks > 0) {
    SMR_TRY_DONE(run_ranks(run, &work, errors + run->n_lambda));
  }
done:
  clear_work(&work);
  return status;
}

static smr_status run_local(fold_run *run) {
  const int64_t first = run->view.first;
  run->failed = INT64_MAX;
#pragma omp parallel for schedule(dynamic, 1) if (omp_get_max_threads() > 1)
  for (int64_t fold = first; fold < first + run->view.count; fold++) {
    const smr_status status = run_fold(run, fold);
#pragma omp critical(smr_folds_run_failure)
    if (status != SMR_OK && fold < run->failed) {
      run->failed = fold;
      run->status = status;
      snprintf(run->message, sizeof run->message, "%s", smr_error_message());
    }
  }
  return run->status == SMR_OK ? SMR_OK : smr_error_set(run->status, "%s", run->message);
}

/* A training set without a rank keeps what its last one gives; a rank that none has stays NaN. */
static void fill_ranks(const fold_run *run) {
  const int64_t n_values = run->n_lambda + run->n_ranks;
  int64_t last = 0; /* that some training set has */
  for (int64_t fold = 0; fold < run->view.n_folds; fold++) {
    const double *errors = run->errors + fold * n_values + run->n_lambda;
    while (last + 1 < run->n_ranks && !isnan(errors[last + 1])) {
      last++;
    }
  }
  for (int64_t fold = 0; fold < run->view.n_folds; fold++) {
    double *errors = run->errors + fold * n_values + run->n_lambda;
    for (int64_t rank = 1; rank <= last && rank < run->n_ranks; rank++) {
      errors[rank] = isnan(errors[rank]) ? errors[rank - 1] : errors[rank];
    }
  }
}

/* Every error is on one MPI rank and zero on the others: their bits, as integers, add up exactly.
 * Then the sum over folds, in their order. */
static smr_status gather(const fold_run *run, const smr_context *context, double *cv) {
  const int64_t n_values = run->n_lambda + run->n_ranks;
  void *bits = run->errors;
  if (context->size > 1) {
    SMR_TRY(smr_reduce_count(context, run->view.n_folds * n_values, bits));
  }
  fill_ranks(run);
  for (int64_t l = 0; l < n_values; l++) {
    double sum = 0.0;
    for (int64_t fold = 0; fold < run->view.n_folds; fold++) {
      sum += run->errors[fold * n_values + l];
    }
    cv[l] = isnan(sum) ? (double)NAN : sum / (double)run->view.n_rows;
  }
  return SMR_OK;
}

smr_status smr_folds_run(const smr_grid *grid, const smr_folds *folds, const smr_folds_fit *fit,
                         int64_t n_lambda, const double *lambda, double *cv) {
  const smr_context *context = smr_grid_get_context(grid);
  fold_run run = {.folds = folds,
                  .view = smr_folds_get(folds),
                  .p = fit->p,
                  .n_lambda = n_lambda,
                  .n_padded = smr_kernel_pad(n_lambda),
                  .n_ranks = fit->n_ranks,
                  .standardize = fit->standardize,
                  .lambda = lambda,
                  .signal = fit->signal};
  smr_status status = smr_memory_alloc(run.view.n_folds * (n_lambda + fit->n_ranks), sizeof(double),
                                       "errors of folds", &run.errors);
  if (status == SMR_OK) {
    status = run_local(&run);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  SMR_TRY_DONE(gather(&run, context, cv));
done:
  smr_memory_free(run.errors);
  return status;
}

double smr_folds_gap(int64_t n_lambda, const double *interleaved, const double *block,
                     int64_t *chosen) {
  int64_t best = -1;
  for (int64_t l = 0; l < n_lambda; l++) {
    if (!isnan(interleaved[l]) && (best < 0 || interleaved[l] < interleaved[best])) {
      best = l;
    }
  }
  if (chosen != NULL) {
    *chosen = best;
  }
  return best < 0 ? (double)NAN : log10(block[best] / interleaved[best]);
}

bool smr_folds_is_fooled(double gap, double significance) {
  return gap > log10(SMR_FOOLED_FACTOR) && significance < SMR_FOOLED_SIGNIFICANCE;
}

int64_t smr_folds_count_run_bytes(int64_t n, int64_t p, int64_t n_lambda, int64_t n_folds,
                                  bool with_ranks) {
  const int64_t q = smr_int_max(1, smr_int_min(n, p));
  const int64_t held = smr_int_min(smr_int_ceil_divide(n, n_folds), p);
  const int64_t ranks = with_ranks ? (q + p + held) * (q + SMR_COLUMN_BLOCK) + p + held : 0;
  /* Rows of a wide training set that have to be gathered. */
  const int64_t wide = n - held < p + 1 ? p * (p + 2) : 0;
  const int64_t doubles =
      wide + (q + held) * (p + 1) + (p + q + held) * (n_lambda + SMR_COLUMN_BLOCK) + ranks;
  const int64_t bytes = (int64_t)sizeof(double) * doubles + smr_svd_count_bytes(q, p, 1);
  return bytes * smr_int_min(omp_get_max_threads(), n_folds) +
         (with_ranks ? (int64_t)sizeof(double) * n_folds * q : 0);
}

double smr_folds_count_run_flops(int64_t n, int64_t p, int64_t n_lambda, int64_t n_folds,
                                 bool with_ranks) {
  const int64_t q = smr_int_max(1, smr_int_min(n, p));
  const int64_t columns = n_lambda + (with_ranks ? q : 0);
  return (double)n_folds *
         (smr_svd_count_flops(q, p, columns) + 2.0 * (double)q * (double)p * (double)columns);
}
