/* What the steps of one ridge unit share. Private to src/app/ridge_*.c.
 *
 * Letters: P = largest N_f, F = number of N_f values, L = number of lambdas, C = columns (the
 * lambdas, then what choosers add), padded to whole column blocks, p = one N_f, q = rows of the
 * triangle, m = min(q, p) = number of singular values. */
#ifndef SIMMER_APP_RIDGE_WORK_H
#define SIMMER_APP_RIDGE_WORK_H

#include "ridge.h"
#include "simmer/linalg/folds.h"
#include "simmer/regress/truncated.h"

/* What was chosen for one N_f. */
typedef struct {
  smr_choice tikhonov[SMR_RIDGE_N_CHOOSERS];
  smr_rank_choice truncated[SMR_RIDGE_N_CHOOSERS];
  double risk[SMR_RIDGE_N_CHOOSERS];
  smr_choice best;           /* oracle */
  smr_rank_choice best_rank; /* oracle of truncated SVD */
  int64_t n_ranks;           /* numerical rank + 1 */
  double *rank_risk;         /* [n_ranks] */
  bool looks_fooled;         /* cross-validation, by gap and residuals */
} smr_ridge_choice;

typedef struct {
  const smr_unit *unit;
  const smr_ridge_config *config;
  smr_sample *sample;
  smr_qr *qr;
  int64_t n_max, n_lambda, n_padded; /* P, L, C */
  int64_t n_columns;                 /* of C, those with coefficients in them */
  int64_t n_scored;                  /* of those, the ones that test rows are predicted with */
  double
      *weights; /* [F][P x C] column-major, in raw coordinates; truth taken off if it is not in y */
  double *offsets; /* [F][C] intercepts that go with them */
  /* Choosers only: lambdas in ascending order and where each stands in the job; [F] choices. */
  double *ascending;
  int64_t *order;
  double *curve;        /* [L] in that order */
  double *joint;        /* [L, then ranks] the same, then a curve over ranks of truncated SVD */
  double *significance; /* [L] of the residuals' deviation from white noise, in that order */
  double *interleaved;  /* [L] errors of interleaved folds, in that order */
  smr_ridge_choice *choices;
  smr_folds *folds[2]; /* interleaved, block */
} smr_ridge_work;

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
  smr_noise_law noise;
  double *colour; /* [m] u'Omega u of noise that isn't white */
} smr_ridge_cell;

/* Value at place `at` of an output of the record, where this rank keeps one. */
void smr_ridge_put(const smr_ridge_work *work, int output, int64_t at, double value);
/* ||what - w*||^2 over the fitted features, of one column of the weights. */
double smr_ridge_measure_error(const smr_ridge_work *work, const smr_ridge_cell *cell,
                               int64_t column);

/* --- choosers: nothing when the job asks for none --- */

/* Sets the numbers of columns; memory of the unit. Local. */
smr_status smr_ridge_prepare_choosers(smr_ridge_work *work) SMR_NODISCARD;
void smr_ridge_clear_choosers(smr_ridge_work *work);
/* Chooses for a factored cell, and puts the curves. Collective on the group. */
smr_status smr_ridge_choose(const smr_ridge_work *work, smr_ridge_cell *cell) SMR_NODISCARD;
/* Those that need the rows once more: leave-one-out, NCP, k-fold. Folds are made once a unit.
 * Collective on the group. */
smr_status smr_ridge_open_folds(smr_ridge_work *work) SMR_NODISCARD;
smr_status smr_ridge_choose_from_rows(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                      smr_ridge_choice *choice) SMR_NODISCARD;
/* Puts work->curve into an output over lambda. */
void smr_ridge_put_curve(const smr_ridge_work *work, const smr_ridge_cell *cell, int output);
/* Coefficients of the columns that choosers add, in the right singular basis. Local. */
void smr_ridge_add_columns(const smr_ridge_work *work, smr_ridge_cell *cell);
/* Puts risks and regrets: from the truth; or, where none is known, from the sums of squared errors
 * [n_scored] of n_test test rows. Local. */
void smr_ridge_judge_by_truth(const smr_ridge_work *work, const smr_ridge_cell *cell);
void smr_ridge_judge_by_test(const smr_ridge_work *work, int64_t index, const double *sums,
                             int64_t n_test);

/* The noise that the fitted columns see: given; or what is known of it, with what isn't fitted of a
 * Gaussian design; or what Picard's plot levels off at. Local. */
double smr_ridge_find_noise(const smr_ridge_work *work, const smr_ridge_cell *cell);

/* Puts the bounds of one N_f, where the job asks for them, from one pass over the test rows.
 * Collective on the group. */
smr_status smr_ridge_bound(const smr_ridge_work *work, const smr_ridge_cell *cell) SMR_NODISCARD;

/* Predicts the test rows for all N_f. Collective on the group. */
smr_status smr_ridge_run_test(const smr_ridge_work *work, bool is_classification) SMR_NODISCARD;

#endif
