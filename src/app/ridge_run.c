/* One unit of the ridge experiment: one QR of the training rows, an SVD per N_f, the path, one pass
 * over the test rows.
 *
 * Letters: see ridge_work.h.
 *
 * Coefficients of all cells, `weights` [F][P x C], are kept for the pass over the test rows. With
 * several ranks in a group everything but the record is replicated. */
#include <math.h>
#include <string.h>

#include "ridge_work.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/theory.h"

static smr_status read_train(void *self, int thread, int64_t first, int64_t count, double *x,
                             int64_t ld, double *y) {
  (void)thread;
  const smr_ridge_work *work = self;
  return smr_sample_read(work->sample, false, first, count, work->n_max, x, ld, y);
}

static void clear_cell(smr_ridge_cell *cell) {
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
  smr_memory_free(cell->colour);
}

static smr_status allocate_cell(const smr_ridge_work *work, smr_ridge_cell *cell) {
  const int64_t p = cell->p, m = cell->m, c = work->n_padded;
  SMR_TRY(smr_memory_alloc(m * p, sizeof(double), "triangle of one N_f", &cell->a));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "target", &cell->target));
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "column scales", &cell->scale));
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "true coefficients", &cell->truth));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "target modes", &cell->beta));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "truth modes", &cell->truth_mode));
  SMR_TRY(smr_memory_alloc(m * c, sizeof(double), "coefficients", &cell->coefficients));
  SMR_TRY(smr_memory_alloc(p * c, sizeof(double), "bias", &cell->bias));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "noise of modes", &cell->colour));
  return smr_memory_alloc(m, sizeof(double), "variance weights", &cell->variance_weight);
}

static void standardize(const smr_ridge_work *work, const smr_qr_view *qr, smr_ridge_cell *cell) {
  if (work->config->standardize) {
    smr_ridge_standardize(qr->n_rows, cell->m, cell->p, qr->mean, cell->a, cell->scale);
    return;
  }
  for (int64_t j = 0; j < cell->p; ++j) {
    cell->scale[j] = 1;
  }
}

/* Copies the leading p columns of the triangle, and the target: where the sample's y lacks the
 * signal, R w* is added. */
static void load_cell(const smr_ridge_work *work, smr_ridge_cell *cell) {
  smr_qr_view qr = smr_qr_get(work->qr);
  for (int64_t j = 0; j < cell->p; ++j) {
    memcpy(cell->a + j * cell->m, qr.r + j * qr.n_used, (size_t)cell->m * sizeof(double));
  }
  memcpy(cell->target, qr.z, (size_t)cell->m * sizeof(double));
  cell->has_truth = smr_sample_get_truth(work->sample, cell->p, cell->truth, &cell->rest);
  cell->noise = smr_sample_get_noise(work->sample);
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
static smr_status project_truth(smr_ridge_cell *cell) {
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
static smr_status weigh_variance(smr_ridge_cell *cell) {
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
static void factor_nothing(const smr_ridge_work *work, smr_ridge_cell *cell) {
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

static smr_status factor_cell(const smr_ridge_work *work, smr_ridge_cell *cell) {
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
    } else if (!cell->noise.is_white) {
      smr_colour_request request = {work->sample, cell->svd, qr.n_rows, cell->p, qr.mean};
      SMR_TRY(smr_ridge_colour(work->unit->group, &request, cell->colour));
    }
  }
  return SMR_OK;
}

/* Coefficients of all lambdas in raw coordinates into the unit's weights, with their intercepts. */
static smr_status solve_cell(const smr_ridge_work *work, smr_ridge_cell *cell) {
  const int64_t p = cell->p, ldw = work->n_max;
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    smr_ridge_coefficients(&cell->spectrum, work->config->lambda.values[l],
                           cell->coefficients + l * cell->m);
  }
  smr_ridge_add_columns(work, cell);
  if (cell->m > 0) {
    SMR_TRY(smr_svd_expand_right(cell->svd, work->n_padded, cell->coefficients, cell->bias));
  }
  smr_qr_view qr = smr_qr_get(work->qr);
  bool is_noise_only = smr_sample_is_noise_only(work->sample);
  double *weights = work->weights + cell->index * ldw * work->n_padded;
  for (int64_t l = 0; l < work->n_columns; ++l) {
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

/* With standardized columns, bias and variance of the raw coefficients: bias = D^-1 V f V' D w* -
 * w*. */
static smr_status bias_standardized(const smr_ridge_work *work, smr_ridge_cell *cell) {
  double *f = NULL;
  SMR_TRY(smr_memory_alloc(cell->m, sizeof *f, "filter factors", &f));
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    smr_ridge_filter(&cell->spectrum, work->config->lambda.values[l], f);
    for (int64_t i = 0; i < cell->m; ++i) {
      cell->coefficients[l * cell->m + i] = f[i] * cell->truth_mode[i];
    }
  }
  smr_memory_free(f);
  const int64_t c = smr_ridge_padded_lambdas(work->config);
  return cell->m > 0 ? smr_svd_expand_right(cell->svd, c, cell->coefficients, cell->bias) : SMR_OK;
}

static void moments_standardized(const smr_ridge_work *work, const smr_ridge_cell *cell, int64_t l,
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

/* Signal and noise as the fitted features see them: of a Gaussian design, what isn't fitted acts as
 * noise. */
static void effective_signal(const smr_ridge_work *work, const smr_ridge_cell *cell, double *r,
                             double *sigma) {
  double squares = 0;
  for (int64_t j = 0; j < cell->p; ++j) {
    squares += cell->truth[j] * cell->truth[j];
  }
  *r = sqrt(squares);
  *sigma = smr_sample_is_isotropic(work->sample) ? hypot(cell->noise.sigma, cell->rest)
                                                 : cell->noise.sigma;
}

/* Moments that the formulas for white noise and a known w* don't give: NaN where none is known. */
static void correct_moments(const smr_ridge_work *work, const smr_ridge_cell *cell, double lambda,
                            double *bias2, double *variance) {
  const bool is_isotropic = smr_sample_is_isotropic(work->sample);
  if (!is_isotropic && cell->rest > 0) {
    *bias2 = NAN;
  }
  if (!cell->noise.has_variance || (!cell->noise.is_white && work->config->standardize)) {
    *variance = NAN;
  } else if (!cell->noise.is_white) {
    const double white = is_isotropic ? cell->rest * cell->rest : 0;
    double *filter = cell->target; /* reused */
    smr_ridge_filter(&cell->spectrum, lambda, filter);
    *variance = 0;
    for (int64_t i = 0; i < cell->m; ++i) {
      double gain = filter[i] > 0 ? filter[i] / cell->spectrum.s[i] : 0;
      *variance += gain * gain * (cell->noise.sigma * cell->noise.sigma * cell->colour[i] + white);
    }
  }
}

static void put_theory(const smr_ridge_work *work, const smr_ridge_cell *cell, int64_t l) {
  const int64_t at = cell->index * work->n_lambda + l;
  const double lambda = work->config->lambda.values[l];
  const int64_t n = cell->spectrum.n - cell->spectrum.has_intercept;
  double r = 0, sigma = 0;
  effective_signal(work, cell, &r, &sigma);
  const bool has_theory = smr_sample_is_isotropic(work->sample) && cell->noise.is_white &&
                          cell->noise.has_variance && !work->config->standardize;
  if (!has_theory || n < 1) {
    return;
  }
  smr_theory theory = smr_theory_asymptotic(n, cell->p, lambda, r, sigma);
  smr_ridge_put(work, SMR_RIDGE_theory_bias2, at, theory.bias2);
  smr_ridge_put(work, SMR_RIDGE_theory_variance, at, theory.variance);
  smr_ridge_put(work, SMR_RIDGE_theory_risk, at, theory.risk);
  smr_ridge_put(work, SMR_RIDGE_theory_lambda, cell->index,
                smr_theory_best_lambda(cell->p, r, sigma));
  /* A constant that is fitted costs the error of a mean over the rows. */
  const double share = cell->spectrum.has_intercept ? 1 / (double)cell->spectrum.n : 0;
  smr_ridge_put(work, SMR_RIDGE_theory_test_mse, at, (1 + share) * (theory.risk + sigma * sigma));
  if (lambda == 0) {
    smr_ridge_put(work, SMR_RIDGE_theory_risk_exact, at,
                  smr_theory_ridgeless(n, cell->p, r, sigma));
  }
}

static smr_status put_truth(const smr_ridge_work *work, smr_ridge_cell *cell) {
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
    correct_moments(work, cell, work->config->lambda.values[l], &bias2, &variance);
    smr_ridge_put(work, SMR_RIDGE_estimation_error, at, smr_ridge_measure_error(work, cell, l));
    smr_ridge_put(work, SMR_RIDGE_bias2, at, bias2);
    smr_ridge_put(work, SMR_RIDGE_variance, at, variance);
    put_theory(work, cell, l);
  }
  return SMR_OK;
}

static void put_path(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    const int64_t at = cell->index * work->n_lambda + l;
    smr_ridge_point point = smr_ridge_evaluate(&cell->spectrum, work->config->lambda.values[l]);
    smr_ridge_put(work, SMR_RIDGE_train_mse, at, point.residual2 / (double)cell->spectrum.n);
    smr_ridge_put(work, SMR_RIDGE_residual_norm, at, sqrt(point.residual2));
    smr_ridge_put(work, SMR_RIDGE_solution_norm, at, sqrt(point.solution2));
    smr_ridge_put(work, SMR_RIDGE_effective_dof, at, point.effective_dof);
  }
  double *values = smr_services_get(work->unit->services, SMR_RIDGE_singular_value);
  if (values == NULL) {
    return;
  }
  const smr_schema *schema = work->unit->services->schema;
  int64_t n_modes =
      smr_schema_get_length(schema, SMR_RIDGE_singular_value) / work->config->features.n;
  for (int64_t i = 0; i < cell->m; ++i) {
    smr_ridge_put(work, SMR_RIDGE_singular_value, cell->index * n_modes + i, cell->spectrum.s[i]);
    smr_ridge_put(work, SMR_RIDGE_picard_coefficient, cell->index * n_modes + i,
                  fabs(cell->beta[i]));
  }
}

static smr_status run_cell(const smr_ridge_work *work, int64_t index) {
  smr_qr_view qr = smr_qr_get(work->qr);
  smr_ridge_cell cell = {.index = index, .p = work->config->features.values[index]};
  cell.m = smr_int_min(qr.n_used, cell.p);
  smr_status status = smr_agree(work->unit->group, allocate_cell(work, &cell));
  SMR_TRY_DONE(status);
  load_cell(work, &cell);
  SMR_TRY_DONE(factor_cell(work, &cell));
  SMR_TRY_DONE(smr_ridge_choose(work, &cell));
  SMR_TRY_DONE(solve_cell(work, &cell));
  put_path(work, &cell);
  if (cell.has_truth) {
    smr_ridge_judge_by_truth(work, &cell);
    SMR_TRY_DONE(put_truth(work, &cell));
  }
  SMR_TRY_DONE(smr_ridge_bound(work, &cell));
done:
  clear_cell(&cell);
  return status;
}

/* --- the unit --- */

static smr_status prepare(smr_ridge_work *work, const smr_dataset *dataset) {
  const smr_ridge_config *config = work->config;
  smr_data_config data = config->data;
  data.test_instances = smr_ridge_count_test(config);
  data.seed = (uint64_t)work->unit->common->seed;
  SMR_TRY(smr_sample_create(dataset, &data, work->unit->common->replicate, config->instances,
                            work->n_max, &work->sample));
  SMR_TRY(smr_ridge_prepare_choosers(work));
  SMR_TRY(smr_memory_alloc(config->features.n * work->n_max * work->n_padded, sizeof(double),
                           "coefficients of all lambdas", &work->weights));
  return smr_memory_alloc(config->features.n * work->n_padded, sizeof(double), "intercepts",
                          &work->offsets);
}

smr_status smr_ridge_run(const smr_unit *unit) {
  const double start = smr_clock_monotonic_s();
  const smr_ridge_config *config = unit->config;
  smr_ridge_work work = {.unit = unit,
                         .config = config,
                         .n_max = smr_ridge_max_features(config),
                         .n_lambda = config->lambda.n};
  const smr_dataset *dataset = smr_table_find(unit->state, &config->data);
  smr_status status = smr_agree(unit->group, prepare(&work, dataset));
  SMR_TRY_DONE(status);
  smr_row_source source = {config->instances, work.n_max, &work, read_train};
  SMR_TRY_DONE(smr_qr_create(unit->grid, &source, config->intercept, &work.qr));
  SMR_TRY_DONE(smr_ridge_open_folds(&work));
  for (int64_t f = 0; f < config->features.n; ++f) {
    if (unit->services->should_stop(unit->services)) {
      status = SMR_STOPPED;
      goto done;
    }
    SMR_TRY_DONE(run_cell(&work, f));
  }
  SMR_TRY_DONE(smr_ridge_run_test(&work, smr_dataset_get_shape(dataset).is_classification));
  smr_ridge_put(&work, SMR_RIDGE_seconds, 0, smr_clock_monotonic_s() - start);
done:
  smr_sample_destroy(&work.sample);
  smr_qr_destroy(&work.qr);
  smr_folds_destroy(&work.folds[0]);
  smr_folds_destroy(&work.folds[1]);
  smr_ridge_clear_choosers(&work);
  smr_memory_free(work.weights);
  smr_memory_free(work.offsets);
  return status;
}
