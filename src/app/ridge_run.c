/* One unit of the ridge experiment: one QR of the training rows, an SVD per N_f, the path, one pass
 * over the test rows.
 *
 * Letters: P = largest N_f, F = number of N_f values, L = number of lambdas, C = L padded to whole
 * column blocks, p = one N_f, q = rows of the triangle, m = min(q, p) = number of singular values.
 *
 * Coefficients of all cells, `weights` [F][P x C], are kept for the pass over the test rows. With
 * several ranks in a group everything but the record is replicated. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "ridge.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/ridge.h"
#include "simmer/regress/theory.h"

/* Columns of a block of test rows lie TEST_LD apart: a power of two would make all of them compete
 * for the same lines of the cache. */
enum { TEST_BLOCK = 512, TEST_LD = TEST_BLOCK + 8 };

/* What a unit's steps share. */
typedef struct {
  const smr_unit *unit;
  const smr_ridge_config *config;
  smr_sample *sample;
  smr_qr *qr;
  int64_t n_max, n_lambda, n_padded; /* P, L, C */
  double
      *weights; /* [F][P x C] column-major, in raw coordinates; truth taken off if it is not in y */
  double *offsets; /* [F][C] intercepts that go with them */
} unit_work;

/* One N_f. */
typedef struct {
  int64_t p, m, index;
  double *a;      /* [m x p] triangle, columns scaled */
  double *target; /* [m] */
  double *scale;  /* [p] standard deviations, 1 without standardization */
  double *truth;  /* [p] w* in raw coordinates */
  bool has_truth;
  double rest; /* norm of the true coefficients that are not fitted */
  smr_svd *svd;
  smr_spectrum spectrum;
  double *beta;       /* [m] */
  double *truth_mode; /* [m] V'(D w*), D = diag(scale) */
  double truth_null2;
  double *coefficients;    /* [m x C] */
  double *bias;            /* [p x C] expected estimate minus truth, raw coordinates */
  double *variance_weight; /* [m] sum_j V_ji^2 / D_j^2, for standardized columns */
} cell_work;

int64_t smr_ridge_max_features(const smr_ridge_config *config) {
  return smr_table_max_features(&config->features);
}

int64_t smr_ridge_padded_lambdas(const smr_ridge_config *config) {
  return smr_int_ceil_divide(config->lambda.n, SMR_COLUMN_BLOCK) * SMR_COLUMN_BLOCK;
}

static smr_status read_train(void *self, int thread, int64_t first, int64_t count, double *x,
                             int64_t ld, double *y) {
  (void)thread;
  const unit_work *work = self;
  return smr_sample_read(work->sample, false, first, count, work->n_max, x, ld, y);
}

static void clear_cell(cell_work *cell) {
  smr_memory_free(cell->a);
  smr_memory_free(cell->target);
  smr_memory_free(cell->scale);
  smr_memory_free(cell->truth);
  smr_svd_destroy(&cell->svd);
  smr_memory_free(cell->beta);
  smr_memory_free(cell->truth_mode);
  smr_memory_free(cell->coefficients);
  smr_memory_free(cell->bias);
  smr_memory_free(cell->variance_weight);
}

static smr_status allocate_cell(const unit_work *work, cell_work *cell) {
  const int64_t p = cell->p, m = cell->m, c = work->n_padded;
  SMR_TRY(smr_memory_alloc(m * p, sizeof(double), "triangle of one N_f", &cell->a));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "target", &cell->target));
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "column scales", &cell->scale));
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "true coefficients", &cell->truth));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "target modes", &cell->beta));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "truth modes", &cell->truth_mode));
  SMR_TRY(smr_memory_alloc(m * c, sizeof(double), "coefficients", &cell->coefficients));
  SMR_TRY(smr_memory_alloc(p * c, sizeof(double), "bias", &cell->bias));
  return smr_memory_alloc(m, sizeof(double), "variance weights", &cell->variance_weight);
}

/* Standard deviations of the columns from the triangle: ||R(:,j)|| / sqrt(n). A column that is
 * constant but for rounding keeps the scale 1 and is set to zero. */
static void standardize(const unit_work *work, const smr_qr_view *qr, cell_work *cell) {
  const double root_n = sqrt((double)qr->n_rows);
  for (int64_t j = 0; j < cell->p; ++j) {
    double *column = cell->a + j * cell->m;
    double squares = 0;
    for (int64_t i = 0; i < cell->m; ++i) {
      squares += column[i] * column[i];
    }
    double deviation = sqrt(squares) / root_n;
    double rounding = 64 * 2.3e-16 * fabs(qr->mean[j]);
    cell->scale[j] = 1;
    if (!work->config->standardize) {
      continue;
    }
    bool is_constant = deviation <= rounding;
    cell->scale[j] = is_constant ? 1 : deviation;
    for (int64_t i = 0; i < cell->m; ++i) {
      column[i] = is_constant ? 0 : column[i] / deviation;
    }
  }
}

/* Copies the leading p columns of the triangle, and the target: where the sample's y lacks the
 * signal, R w* is added. */
static void load_cell(const unit_work *work, cell_work *cell) {
  smr_qr_view qr = smr_qr_get(work->qr);
  for (int64_t j = 0; j < cell->p; ++j) {
    memcpy(cell->a + j * cell->m, qr.r + j * qr.n_used, (size_t)cell->m * sizeof(double));
  }
  memcpy(cell->target, qr.z, (size_t)cell->m * sizeof(double));
  cell->has_truth = smr_sample_get_truth(work->sample, cell->p, cell->truth, &cell->rest);
  if (smr_sample_is_noise_only(work->sample)) {
    for (int64_t j = 0; j < cell->p; ++j) {
      for (int64_t i = 0; i < cell->m; ++i) {
        cell->target[i] += cell->a[j * cell->m + i] * cell->truth[j];
      }
    }
  }
  standardize(work, &qr, cell);
}

/* V'(D w*), and the squared norm of what of D w* is outside the row space. */
static smr_status project_truth(cell_work *cell) {
  double *scaled = NULL;
  SMR_TRY(smr_memory_alloc(cell->p, sizeof *scaled, "scaled truth", &scaled));
  double total = 0, seen = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    scaled[j] = cell->truth[j] * cell->scale[j];
    total += scaled[j] * scaled[j];
  }
  smr_status status = smr_svd_project_right(cell->svd, 1, scaled, cell->truth_mode);
  for (int64_t i = 0; status == SMR_OK && i < cell->m; ++i) {
    seen += cell->truth_mode[i] * cell->truth_mode[i];
  }
  /* With as many modes as features nothing is outside; the difference would be rounding. */
  cell->truth_null2 = cell->m < cell->p ? fmax(total - seen, 0) : 0;
  smr_memory_free(scaled);
  return status;
}

/* sum_j V_ji^2 / D_j^2 for every mode i. */
static smr_status weigh_variance(cell_work *cell) {
  double *v = NULL, *unit = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(cell->p * SMR_COLUMN_BLOCK, sizeof(double), "modes", &v));
  SMR_TRY_DONE(smr_memory_alloc(cell->m * SMR_COLUMN_BLOCK, sizeof(double), "unit vectors", &unit));
  for (int64_t first = 0; first < cell->m; first += SMR_COLUMN_BLOCK) {
    int64_t count = smr_int_min(SMR_COLUMN_BLOCK, cell->m - first);
    memset(unit, 0, (size_t)(cell->m * SMR_COLUMN_BLOCK) * sizeof(double));
    for (int64_t i = 0; i < count; ++i) {
      unit[i * cell->m + first + i] = 1;
    }
    SMR_TRY_DONE(smr_svd_expand_right(cell->svd, count, unit, v));
    for (int64_t i = 0; i < count; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < cell->p; ++j) {
        double scaled = v[i * cell->p + j] / cell->scale[j];
        sum += scaled * scaled;
      }
      cell->variance_weight[first + i] = sum;
    }
  }
done:
  smr_memory_free(v);
  smr_memory_free(unit);
  return status;
}

/* One row and an intercept leave nothing to factor: the estimate is 0 for every lambda. */
static void factor_nothing(const unit_work *work, cell_work *cell) {
  smr_qr_view qr = smr_qr_get(work->qr);
  cell->spectrum = (smr_spectrum){.n = qr.n_rows,
                                  .p = cell->p,
                                  .has_intercept = qr.has_intercept,
                                  .s = cell->beta,
                                  .beta = cell->beta};
  for (int64_t j = 0; j < cell->p; ++j) {
    double scaled = cell->truth[j] * cell->scale[j];
    cell->truth_null2 += scaled * scaled;
  }
}

static smr_status factor_cell(const unit_work *work, cell_work *cell) {
  smr_svd_method method = (smr_svd_method)work->config->method;
  if (cell->m == 0) {
    factor_nothing(work, cell);
    return SMR_OK;
  }
  SMR_TRY(smr_svd_create(work->unit->grid, method, cell->m, cell->p, cell->a, cell->m, &cell->svd));
  SMR_TRY(smr_svd_project_left(cell->svd, 1, cell->target, cell->beta));
  smr_qr_view qr = smr_qr_get(work->qr);
  cell->spectrum = (smr_spectrum){qr.n_rows,
                                  cell->p,
                                  cell->m,
                                  qr.has_intercept,
                                  smr_svd_get_values(cell->svd),
                                  cell->beta,
                                  smr_qr_get_tail(work->qr, cell->p)};
  if (method == SMR_SVD_GRAM) {
    double floor = smr_ridge_gram_floor(&cell->spectrum);
    for (int64_t l = 0; l < work->n_lambda; ++l) {
      if (work->config->lambda.values[l] < floor) {
        SMR_FAIL(SMR_ERR_NUMERIC,
                 "ridge.method gram can't be trusted at lambda = %g: it squares the singular "
                 "values, and their noise reaches up to lambda = %.3g here; use ridge.method "
                 "bidiagonal, or larger lambdas",
                 work->config->lambda.values[l], floor);
      }
    }
  }
  if (cell->has_truth) {
    SMR_TRY(project_truth(cell));
    if (work->config->standardize) {
      SMR_TRY(weigh_variance(cell));
    }
  }
  return SMR_OK;
}

/* Coefficients of all lambdas in raw coordinates into the unit's weights, with their intercepts. */
static smr_status solve_cell(const unit_work *work, cell_work *cell) {
  const int64_t p = cell->p, ldw = work->n_max;
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    smr_ridge_coefficients(&cell->spectrum, work->config->lambda.values[l],
                           cell->coefficients + l * cell->m);
  }
  if (cell->m > 0) {
    SMR_TRY(smr_svd_expand_right(cell->svd, work->n_padded, cell->coefficients, cell->bias));
  }
  smr_qr_view qr = smr_qr_get(work->qr);
  bool is_noise_only = smr_sample_is_noise_only(work->sample);
  double *weights = work->weights + cell->index * ldw * work->n_padded;
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    double offset = qr.mean_y;
    for (int64_t j = 0; j < p; ++j) {
      double w = cell->bias[l * p + j] / cell->scale[j];
      double left = is_noise_only ? w - cell->truth[j] : w;
      weights[l * ldw + j] = left;
      offset -= qr.mean[j] * left;
    }
    work->offsets[cell->index * work->n_padded + l] = offset;
  }
  return SMR_OK;
}

/* ||what - w*||^2 over the fitted features. */
static double estimation_error(const unit_work *work, const cell_work *cell, int64_t l) {
  const double *w = work->weights + (cell->index * work->n_padded + l) * work->n_max;
  bool is_difference = smr_sample_is_noise_only(work->sample);
  double sum = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    double d = is_difference ? w[j] : w[j] - cell->truth[j];
    sum += d * d;
  }
  return sum;
}

/* With standardized columns, bias and variance of the raw coefficients: bias = D^-1 V f V' D w* -
 * w*. */
static smr_status bias_standardized(const unit_work *work, cell_work *cell) {
  double *f = NULL;
  SMR_TRY(smr_memory_alloc(cell->m, sizeof *f, "filter factors", &f));
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    smr_ridge_filter(&cell->spectrum, work->config->lambda.values[l], f);
    for (int64_t i = 0; i < cell->m; ++i) {
      cell->coefficients[l * cell->m + i] = f[i] * cell->truth_mode[i];
    }
  }
  smr_memory_free(f);
  return cell->m > 0
             ? smr_svd_expand_right(cell->svd, work->n_padded, cell->coefficients, cell->bias)
             : SMR_OK;
}

static void moments_standardized(const unit_work *work, const cell_work *cell, int64_t l,
                                 double sigma, double *bias2, double *variance) {
  const double lambda = work->config->lambda.values[l];
  *bias2 = 0;
  *variance = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    double b = cell->bias[l * cell->p + j] / cell->scale[j] - cell->truth[j];
    *bias2 += b * b;
  }
  double *unit = cell->target; /* reused: one filtered mode at a time */
  smr_ridge_filter(&cell->spectrum, lambda, unit);
  for (int64_t i = 0; i < cell->m; ++i) {
    double gain = unit[i] > 0 ? unit[i] / cell->spectrum.s[i] : 0;
    *variance += sigma * sigma * gain * gain * cell->variance_weight[i];
  }
}

static void put(const unit_work *work, int output, int64_t at, double value) {
  double *values = smr_services_get(work->unit->services, output);
  if (values != NULL) {
    values[at] = value;
  }
}

/* Signal and noise as the fitted features see them: what isn't fitted acts as noise (Gaussian
 * design). */
static void effective_signal(const unit_work *work, const cell_work *cell, double *r,
                             double *sigma) {
  double squares = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    squares += cell->truth[j] * cell->truth[j];
  }
  *r = sqrt(squares);
  *sigma = hypot(work->config->data.noise, cell->rest);
}

static void put_theory(const unit_work *work, const cell_work *cell, int64_t l) {
  const int64_t at = cell->index * work->n_lambda + l;
  const double lambda = work->config->lambda.values[l];
  const int64_t n = cell->spectrum.n - cell->spectrum.has_intercept;
  double r = 0, sigma = 0;
  effective_signal(work, cell, &r, &sigma);
  if (work->config->standardize || n < 1) {
    return;
  }
  smr_theory theory = smr_theory_asymptotic(n, cell->p, lambda, r, sigma);
  put(work, SMR_RIDGE_theory_bias2, at, theory.bias2);
  put(work, SMR_RIDGE_theory_variance, at, theory.variance);
  put(work, SMR_RIDGE_theory_risk, at, theory.risk);
  if (lambda == 0) {
    put(work, SMR_RIDGE_theory_risk_exact, at, smr_theory_ridgeless(n, cell->p, r, sigma));
  }
}

static smr_status put_truth(const unit_work *work, cell_work *cell) {
  double r = 0, sigma = 0;
  effective_signal(work, cell, &r, &sigma);
  if (work->config->standardize) {
    SMR_TRY(bias_standardized(work, cell));
  }
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    const int64_t at = cell->index * work->n_lambda + l;
    double bias2 = NAN, variance = NAN;
    if (work->config->standardize) {
      moments_standardized(work, cell, l, sigma, &bias2, &variance);
    } else {
      smr_ridge_bias_variance(&cell->spectrum, work->config->lambda.values[l], cell->truth_mode,
                              cell->truth_null2, sigma, &bias2, &variance);
    }
    put(work, SMR_RIDGE_estimation_error, at, estimation_error(work, cell, l));
    put(work, SMR_RIDGE_bias2, at, bias2);
    put(work, SMR_RIDGE_variance, at, variance);
    put_theory(work, cell, l);
  }
  return SMR_OK;
}

static void put_path(const unit_work *work, const cell_work *cell) {
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    const int64_t at = cell->index * work->n_lambda + l;
    smr_ridge_point point = smr_ridge_evaluate(&cell->spectrum, work->config->lambda.values[l]);
    put(work, SMR_RIDGE_train_mse, at, point.residual2 / (double)cell->spectrum.n);
    put(work, SMR_RIDGE_residual_norm, at, sqrt(point.residual2));
    put(work, SMR_RIDGE_solution_norm, at, sqrt(point.solution2));
    put(work, SMR_RIDGE_effective_dof, at, point.effective_dof);
  }
  double *values = smr_services_get(work->unit->services, SMR_RIDGE_singular_value);
  if (values == NULL) {
    return;
  }
  const smr_schema *schema = work->unit->services->schema;
  int64_t n_modes =
      smr_schema_get_length(schema, SMR_RIDGE_singular_value) / work->config->features.n;
  for (int64_t i = 0; i < cell->m; ++i) {
    put(work, SMR_RIDGE_singular_value, cell->index * n_modes + i, cell->spectrum.s[i]);
    put(work, SMR_RIDGE_picard_coefficient, cell->index * n_modes + i, fabs(cell->beta[i]));
  }
}

static smr_status run_cell(const unit_work *work, int64_t index) {
  smr_qr_view qr = smr_qr_get(work->qr);
  cell_work cell = {.index = index, .p = work->config->features.values[index]};
  cell.m = smr_int_min(qr.n_used, cell.p);
  smr_status status = smr_agree(work->unit->group, allocate_cell(work, &cell));
  SMR_TRY_DONE(status);
  load_cell(work, &cell);
  SMR_TRY_DONE(factor_cell(work, &cell));
  SMR_TRY_DONE(solve_cell(work, &cell));
  put_path(work, &cell);
  if (cell.has_truth) {
    SMR_TRY_DONE(put_truth(work, &cell));
  }
done:
  clear_cell(&cell);
  return status;
}

/* --- test rows: value of a shard = [F][2][L]: squared errors, right signs --- */

typedef struct {
  const unit_work *work;
  bool is_classification;
  int64_t n_test, n_threads;
  double **x, **y, **predicted; /* per thread: [B x P], [B], [B x C] */
} test_work;

/* Sums of one lambda over a block of rows. The order of a vectorized sum is fixed by the build:
 * columns are aligned. */
static void score_column(int64_t count, const double *y, const double *column, double offset,
                         double *squares_out, double *right_out) {
  double squares = 0, right = 0;
#pragma omp simd reduction(+ : squares, right)
  for (int64_t i = 0; i < count; ++i) {
    double predicted = column[i] + offset;
    double d = predicted - y[i];
    squares += d * d;
    right += (predicted > 0) == (y[i] > 0) ? 1.0 : 0.0;
  }
  *squares_out = squares;
  *right_out = right;
}

static void score(const test_work *test, int64_t count, const double *y, const double *predicted,
                  const double *offsets, double *value) {
  const int64_t n_lambda = test->work->n_lambda;
  for (int64_t l = 0; l < n_lambda; ++l) {
    score_column(count, y, predicted + l * TEST_LD, offsets[l], &value[l], &value[n_lambda + l]);
  }
}

static smr_status test_leaf(void *self, int thread, int64_t shard, void *value) {
  const test_work *test = self;
  const unit_work *work = test->work;
  int64_t first = shard * TEST_BLOCK;
  int64_t count = smr_int_min(TEST_BLOCK, test->n_test - first);
  double *x = test->x[thread], *y = test->y[thread];
  SMR_TRY(smr_sample_read(work->sample, true, first, count, work->n_max, x, TEST_LD, y));
  double *out = value;
  for (int64_t f = 0; f < work->config->features.n; ++f) {
    SMR_TRY(smr_kernel_multiply(count, work->n_padded, work->config->features.values[f], x, TEST_LD,
                                work->weights + f * work->n_max * work->n_padded, work->n_max,
                                test->predicted[thread], TEST_LD));
    score(test, count, y, test->predicted[thread], work->offsets + f * work->n_padded,
          out + f * 2 * work->n_lambda);
  }
  return SMR_OK;
}

static smr_status test_combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const test_work *test = self;
  double *a = left;
  const double *b = right;
  for (int64_t i = 0; i < test->work->config->features.n * 2 * test->work->n_lambda; ++i) {
    a[i] += b[i];
  }
  return SMR_OK;
}

static void put_test(const test_work *test, const double *value) {
  const unit_work *work = test->work;
  for (int64_t f = 0; f < work->config->features.n; ++f) {
    const double *sums = value + f * 2 * work->n_lambda;
    for (int64_t l = 0; l < work->n_lambda; ++l) {
      int64_t at = f * work->n_lambda + l;
      put(work, SMR_RIDGE_test_mse, at, sums[l] / (double)test->n_test);
      if (test->is_classification) {
        put(work, SMR_RIDGE_test_accuracy, at, sums[work->n_lambda + l] / (double)test->n_test);
      }
    }
  }
}

static smr_status allocate_test(test_work *test, double **value) {
  const unit_work *work = test->work;
  const int64_t n = test->n_threads;
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->x));
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->y));
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->predicted));
  for (int64_t i = 0; i < n; ++i) {
    SMR_TRY(smr_memory_alloc(TEST_LD * work->n_max, sizeof(double), "test rows", &test->x[i]));
    SMR_TRY(smr_memory_alloc(TEST_BLOCK, sizeof(double), "test targets", &test->y[i]));
    SMR_TRY(smr_memory_alloc(TEST_LD * work->n_padded, sizeof(double), "predictions",
                             &test->predicted[i]));
  }
  return smr_memory_alloc(work->config->features.n * 2 * work->n_lambda, sizeof(double),
                          "test sums", value);
}

static void clear_test(test_work *test) {
  for (int64_t i = 0; i < test->n_threads; ++i) {
    smr_memory_free(test->x != NULL ? test->x[i] : NULL);
    smr_memory_free(test->y != NULL ? test->y[i] : NULL);
    smr_memory_free(test->predicted != NULL ? test->predicted[i] : NULL);
  }
  smr_memory_free(test->x);
  smr_memory_free(test->y);
  smr_memory_free(test->predicted);
}

static smr_status run_test(const unit_work *work, bool is_classification) {
  test_work test = {.work = work,
                    .is_classification = is_classification,
                    .n_test = smr_sample_count_test(work->sample),
                    .n_threads = omp_get_max_threads()};
  double *value = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(work->unit->group, allocate_test(&test, &value)));
  smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(test.n_test, TEST_BLOCK),
                          .value_bytes = (size_t)(work->config->features.n * 2 * work->n_lambda) *
                                         sizeof(double),
                          .self = &test,
                          .leaf = test_leaf,
                          .combine = test_combine};
  SMR_TRY_DONE(smr_reduce_run(work->unit->group, &tree, value));
  if (test.n_test > 0 && value != NULL) {
    put_test(&test, value);
  }
done:
  clear_test(&test);
  smr_memory_free(value);
  return status;
}

/* --- the unit --- */

static smr_status prepare(unit_work *work, const smr_dataset *dataset) {
  const smr_ridge_config *config = work->config;
  smr_data_config data = config->data;
  data.test_instances = smr_ridge_count_test(config);
  data.seed = (uint64_t)work->unit->common->seed;
  SMR_TRY(smr_sample_create(dataset, &data, work->unit->common->replicate, config->instances,
                            work->n_max, &work->sample));
  SMR_TRY(smr_memory_alloc(config->features.n * work->n_max * work->n_padded, sizeof(double),
                           "coefficients of all lambdas", &work->weights));
  return smr_memory_alloc(config->features.n * work->n_padded, sizeof(double), "intercepts",
                          &work->offsets);
}

smr_status smr_ridge_run(const smr_unit *unit) {
  const double start = smr_clock_monotonic_s();
  const smr_ridge_config *config = unit->config;
  unit_work work = {.unit = unit,
                    .config = config,
                    .n_max = smr_ridge_max_features(config),
                    .n_lambda = config->lambda.n,
                    .n_padded = smr_ridge_padded_lambdas(config)};
  const smr_dataset *dataset = smr_table_find(unit->state, &config->data);
  smr_status status = smr_agree(unit->group, prepare(&work, dataset));
  SMR_TRY_DONE(status);
  smr_row_source source = {config->instances, work.n_max, &work, read_train};
  SMR_TRY_DONE(smr_qr_create(unit->grid, &source, config->intercept, &work.qr));
  for (int64_t f = 0; f < config->features.n; ++f) {
    if (unit->services->should_stop(unit->services)) {
      status = SMR_STOPPED;
      goto done;
    }
    SMR_TRY_DONE(run_cell(&work, f));
  }
  SMR_TRY_DONE(run_test(&work, smr_dataset_get_shape(dataset).is_classification));
  put(&work, SMR_RIDGE_seconds, 0, smr_clock_monotonic_s() - start);
done:
  smr_sample_destroy(&work.sample);
  smr_qr_destroy(&work.qr);
  smr_memory_free(work.weights);
  smr_memory_free(work.offsets);
  return status;
}
