/* Choosers of lambda and of ranks that read the training rows once more: leave-one-out and NCP from
 * the rows of U, k-fold cross-validation from R factors of folds.
 *
 * Letters: as in ridge_work.h; n = N_i. */
#include <math.h>
#include <string.h>

#include "ridge_work.h"
#include "simmer/base/memory.h"
#include "simmer/regress/folds.h"
#include "simmer/regress/loo.h"
#include "simmer/regress/ncp.h"

/* The training rows with the leading p columns and the target of those p. */
typedef struct {
  const smr_ridge_work *work;
  const double *signal; /* [p] coefficients that y lacks, or NULL */
  int64_t p;
} cell_rows;

static smr_status read_rows(void *self, int thread, int64_t first, int64_t count, double *x,
                            int64_t ld, double *y) {
  (void)thread;
  const cell_rows *rows = self;
  SMR_TRY(smr_sample_read(rows->work->sample, false, first, count, rows->p, x, ld, y));
  for (int64_t j = 0; rows->signal != NULL && j < rows->p; ++j) {
    const double w = rows->signal[j], *column = x + j * ld;
    for (int64_t i = 0; i < count; ++i) {
      y[i] += column[i] * w;
    }
  }
  return SMR_OK;
}

static const double *get_signal(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  return smr_sample_is_noise_only(work->sample) ? cell->truth : NULL;
}

/* Chooses by the first part of work->joint, which becomes work->curve, and puts it out. */
static smr_choice choose_by_curve(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                  int output) {
  memcpy(work->curve, work->joint, (size_t)work->n_lambda * sizeof *work->curve);
  smr_ridge_put_curve(work, cell, output);
  return smr_choose_minimum(work->n_lambda, work->ascending, work->curve, NULL);
}

/* Residuals of all lambdas and of some ranks, and how white they are. */
typedef struct {
  double *values; /* [n x (L + n_kept)] */
  int64_t n_kept;
  int64_t kept[SMR_NCP_RANKS];
  double *deviation; /* [L + n_kept] */
} row_residuals;

static smr_status choose_by_loo(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                const row_residuals *residuals, smr_ridge_choice *choice) {
  const smr_qr_view qr = smr_qr_get(work->qr);
  cell_rows rows = {work, get_signal(work, cell), cell->p};
  const smr_row_source source = {qr.n_rows, cell->p, &rows, read_rows};
  double mean_y = qr.mean_y;
  for (int64_t j = 0; rows.signal != NULL && j < cell->p; ++j) {
    mean_y += qr.mean[j] * rows.signal[j];
  }
  const smr_loo_fit fit = {.grid = work->unit->grid,
                           .source = &source,
                           .spectrum = &cell->spectrum,
                           .svd = cell->svd,
                           .triangle = cell->a,
                           .mean = qr.mean,
                           .mean_y = mean_y,
                           .scale = work->config->standardize ? cell->scale : NULL,
                           .n_ranks = choice->n_ranks,
                           .n_kept = residuals->n_kept,
                           .kept = residuals->kept};
  SMR_TRY(smr_loo_run(&fit, work->n_lambda, work->ascending, work->joint, residuals->values));
  choice->tikhonov[SMR_RIDGE_BY_loo] = choose_by_curve(work, cell, SMR_RIDGE_loo);
  choice->truncated[SMR_RIDGE_BY_loo] =
      smr_truncated_minimum(&cell->spectrum, work->joint + work->n_lambda);
  return SMR_OK;
}

/* How white the residuals are, in the order of the rows. `rank_risk` holds the curve over ranks
 * meanwhile. */
static smr_status choose_by_ncp(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                const row_residuals *residuals, smr_ridge_choice *choice) {
  const int64_t n = cell->spectrum.n;
  SMR_TRY(smr_ncp_run(work->unit->group, n, work->n_lambda + residuals->n_kept, residuals->values,
                      work->joint, residuals->deviation));
  choice->tikhonov[SMR_RIDGE_BY_ncp] = choose_by_curve(work, cell, SMR_RIDGE_ncp);
  for (int64_t rank = 0; rank < choice->n_ranks; ++rank) {
    choice->rank_risk[rank] = NAN;
  }
  for (int64_t i = 0; i < residuals->n_kept; ++i) {
    choice->rank_risk[residuals->kept[i]] = work->joint[work->n_lambda + i];
  }
  choice->truncated[SMR_RIDGE_BY_ncp] = smr_truncated_minimum(&cell->spectrum, choice->rank_risk);
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    work->significance[l] = work->curve[l] = smr_ncp_significance(n, residuals->deviation[l]);
  }
  smr_ridge_put_curve(work, cell, SMR_RIDGE_ncp_significance);
  return SMR_OK;
}

static smr_status choose_by_residuals(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                      smr_ridge_choice *choice) {
  row_residuals residuals = {.values = NULL};
  residuals.n_kept = smr_ncp_select_ranks(choice->n_ranks, residuals.kept);
  const int64_t n_columns = work->n_lambda + residuals.n_kept;
  smr_status status = smr_memory_alloc(cell->spectrum.n * n_columns, sizeof(double), "residuals",
                                       &residuals.values);
  if (status == SMR_OK) {
    status = smr_memory_alloc(n_columns, sizeof(double), "deviations", &residuals.deviation);
  }
  SMR_TRY_DONE(smr_agree(work->unit->group, status));
  if (residuals.values == NULL || residuals.deviation == NULL) {
    SMR_FAIL_DONE(SMR_ERR_INTERNAL, "residuals were not allocated");
  }
  SMR_TRY_DONE(choose_by_loo(work, cell, &residuals, choice));
  SMR_TRY_DONE(choose_by_ncp(work, cell, &residuals, choice));
done:
  smr_memory_free(residuals.values);
  smr_memory_free(residuals.deviation);
  return status;
}

smr_status smr_ridge_open_folds(smr_ridge_work *work) {
  const smr_ridge_config *config = work->config;
  if (config->choosers < SMR_RIDGE_ALL) {
    return SMR_OK;
  }
  cell_rows rows = {work, NULL, work->n_max};
  const smr_row_source source = {config->instances, work->n_max, &rows, read_rows};
  SMR_TRY(smr_folds_create(work->unit->grid, &source, config->intercept, config->folds,
                           SMR_FOLDS_INTERLEAVED, &work->folds[0]));
  return smr_folds_create(work->unit->grid, &source, config->intercept, config->folds,
                          SMR_FOLDS_BLOCK, &work->folds[1]);
}

/* Signs that cross-validation follows noise which neighbouring rows share; work->curve is that of
 * blocks. */
static void put_signs(const smr_ridge_work *work, const smr_ridge_cell *cell,
                      smr_ridge_choice *choice) {
  int64_t chosen = -1;
  const double gap = smr_folds_gap(work->n_lambda, work->interleaved, work->curve, &chosen);
  const double whiteness = chosen < 0 ? (double)NAN : work->significance[chosen];
  choice->looks_fooled = smr_folds_is_fooled(gap, whiteness);
  smr_ridge_put(work, SMR_RIDGE_cv_gap, cell->index, gap);
  smr_ridge_put(work, SMR_RIDGE_cv_whiteness, cell->index, whiteness);
  /* Where the truth is known it has a say later. */
  smr_ridge_put(work, SMR_RIDGE_cv_verdict, cell->index, choice->looks_fooled ? 1.0 : 0.0);
}

static smr_status choose_by_folds(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                  smr_ridge_choice *choice) {
  static const int choosers[2] = {SMR_RIDGE_BY_cv_interleaved, SMR_RIDGE_BY_cv_block};
  static const int outputs[2] = {SMR_RIDGE_cv_interleaved, SMR_RIDGE_cv_block};
  const smr_folds_fit fit = {cell->p, work->config->standardize, get_signal(work, cell),
                             choice->n_ranks};
  for (int i = 0; i < 2; ++i) {
    SMR_TRY(smr_folds_run(work->unit->grid, work->folds[i], &fit, work->n_lambda, work->ascending,
                          work->joint));
    choice->tikhonov[choosers[i]] = choose_by_curve(work, cell, outputs[i]);
    choice->truncated[choosers[i]] =
        smr_truncated_minimum(&cell->spectrum, work->joint + work->n_lambda);
    if (i == 0) {
      memcpy(work->interleaved, work->curve, (size_t)work->n_lambda * sizeof *work->curve);
    }
  }
  put_signs(work, cell, choice);
  return SMR_OK;
}

smr_status smr_ridge_choose_from_rows(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                      smr_ridge_choice *choice) {
  if (work->config->choosers >= SMR_RIDGE_ROWS) {
    SMR_TRY(choose_by_residuals(work, cell, choice));
  }
  if (work->config->choosers >= SMR_RIDGE_ALL) {
    SMR_TRY(choose_by_folds(work, cell, choice));
  }
  return SMR_OK;
}
