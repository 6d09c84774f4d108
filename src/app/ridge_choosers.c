/* All choosers of lambda for one cell of a ridge unit: the curves, the choices, and what they cost
 * against the best choice.
 *
 * Letters: as in ridge_work.h; r = numerical rank. Risk: where w* is known, ||what - w*||^2, in the
 * coordinates of the SVD (with standardized columns in raw ones, from the coefficients); else the
 * mean squared error on the test rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge_work.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/ncp.h"
#include "simmer/regress/picard.h"

#define LAMBDA_OUTPUT(name, text, ...) SMR_RIDGE_lambda_##name,
#define RANK_OUTPUT(name, text, ...) SMR_RIDGE_tsvd_rank_##name,
static const int lambda_outputs[] = {SMR_RIDGE_CHOOSERS(LAMBDA_OUTPUT, )};
static const int rank_outputs[] = {SMR_RIDGE_CHOOSERS(RANK_OUTPUT, )};
#undef LAMBDA_OUTPUT
#undef RANK_OUTPUT

int smr_ridge_get_lambda_output(int chooser) {
  return lambda_outputs[chooser];
}

int smr_ridge_get_rank_output(int chooser) {
  return rank_outputs[chooser];
}

int smr_ridge_count_choosers(int tier) {
  static const int counts[SMR_RIDGE_N_TIERS] = {0, SMR_RIDGE_BY_loo, SMR_RIDGE_BY_cv_interleaved,
                                                SMR_RIDGE_N_CHOOSERS};
  return counts[tier];
}

int smr_ridge_count_outputs(int tier) {
  static const int counts[SMR_RIDGE_N_TIERS] = {SMR_RIDGE_gcv, SMR_RIDGE_loo,
                                                SMR_RIDGE_cv_interleaved, SMR_RIDGE_N_OUTPUTS};
  return counts[tier];
}

/* --- columns of coefficients that risks are measured with --- */

/* Risks don't follow from the spectrum: every choice and every rank gets a column. */
static bool needs_columns(const smr_ridge_config *config) {
  return config->choosers != SMR_RIDGE_NONE &&
         (smr_table_is_file(&config->data) || config->standardize);
}

void smr_ridge_count_columns(const smr_ridge_config *config, int64_t *n_columns,
                             int64_t *n_padded) {
  *n_columns = config->lambda.n;
  if (needs_columns(config)) {
    const int64_t modes = smr_int_min(config->instances, smr_ridge_max_features(config));
    *n_columns += SMR_RIDGE_N_CHOOSERS + modes + 1;
  }
  *n_padded = smr_kernel_pad(*n_columns);
}

static int64_t get_rank_column(const smr_ridge_work *work) {
  return work->n_lambda + SMR_RIDGE_N_CHOOSERS;
}

typedef struct {
  double lambda;
  int64_t index;
} placed_lambda;

static int compare_lambdas(const void *a, const void *b) {
  const placed_lambda *left = a, *right = b;
  return (left->lambda > right->lambda) - (left->lambda < right->lambda);
}

static smr_status sort_lambdas(smr_ridge_work *work) {
  placed_lambda *placed = NULL;
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof *placed, "sorted lambdas", &placed));
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    placed[l] = (placed_lambda){work->config->lambda.values[l], l};
  }
  qsort(placed, (size_t)work->n_lambda, sizeof *placed, compare_lambdas);
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    work->ascending[l] = placed[l].lambda;
    work->order[l] = placed[l].index;
  }
  smr_memory_free(placed);
  return SMR_OK;
}

smr_status smr_ridge_prepare_choosers(smr_ridge_work *work) {
  const smr_ridge_config *config = work->config;
  smr_ridge_count_columns(config, &work->n_columns, &work->n_padded);
  /* Nobody knows the true coefficients of a file: test rows judge. */
  work->n_scored = smr_table_is_file(&config->data) ? work->n_columns : work->n_lambda;
  if (config->choosers == SMR_RIDGE_NONE) {
    return SMR_OK;
  }
  const int64_t modes = smr_int_min(config->instances, work->n_max);
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(double), "sorted lambdas", &work->ascending));
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(int64_t), "sorted lambdas", &work->order));
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(double), "a curve", &work->curve));
  SMR_TRY(smr_memory_alloc(work->n_lambda + smr_int_max(modes + 1, SMR_NCP_RANKS), sizeof(double),
                           "a curve over lambdas and ranks", &work->joint));
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(double), "a curve", &work->significance));
  SMR_TRY(smr_memory_alloc(work->n_lambda, sizeof(double), "a curve", &work->interleaved));
  SMR_TRY(smr_memory_alloc(config->features.n, sizeof *work->choices, "choices of lambda",
                           &work->choices));
  for (int64_t f = 0; f < config->features.n; ++f) {
    SMR_TRY(smr_memory_alloc(modes + 1, sizeof(double), "risks of all ranks",
                             &work->choices[f].rank_risk));
  }
  return sort_lambdas(work);
}

void smr_ridge_clear_choosers(smr_ridge_work *work) {
  for (int64_t f = 0; work->choices != NULL && f < work->config->features.n; ++f) {
    smr_memory_free(work->choices[f].rank_risk);
  }
  smr_memory_free(work->choices);
  smr_memory_free(work->ascending);
  smr_memory_free(work->order);
  smr_memory_free(work->curve);
  smr_memory_free(work->joint);
  smr_memory_free(work->significance);
  smr_memory_free(work->interleaved);
}

void smr_ridge_add_columns(const smr_ridge_work *work, smr_ridge_cell *cell) {
  if (!needs_columns(work->config)) {
    return;
  }
  const smr_ridge_choice *choice = &work->choices[cell->index];
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const double lambda = choice->tikhonov[c].lambda;
    double *column = cell->coefficients + (work->n_lambda + c) * cell->m;
    if (lambda >= 0) {
      smr_ridge_coefficients(&cell->spectrum, lambda, column);
    }
  }
  for (int64_t rank = 0; rank < choice->n_ranks; ++rank) {
    smr_truncated_coefficients(&cell->spectrum, rank,
                               cell->coefficients + (get_rank_column(work) + rank) * cell->m);
  }
}

/* --- choosing --- */

void smr_ridge_put_curve(const smr_ridge_work *work, const smr_ridge_cell *cell, int output) {
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    smr_ridge_put(work, output, cell->index * work->n_lambda + work->order[l], work->curve[l]);
  }
}

static double get_gcv(const void *self, double lambda) {
  return smr_choose_gcv_at(self, lambda);
}

static void choose_from_spectrum(const smr_ridge_work *work, const smr_ridge_cell *cell,
                                 double sigma, smr_ridge_choice *choice) {
  const smr_spectrum *spectrum = &cell->spectrum;
  const int64_t n = work->n_lambda;
  const double *lambda = work->ascending;
  const smr_lambda_function gcv = {get_gcv, spectrum};
  for (int64_t l = 0; l < n; ++l) {
    work->curve[l] = smr_choose_gcv_at(spectrum, lambda[l]);
  }
  smr_ridge_put_curve(work, cell, SMR_RIDGE_gcv);
  choice->tikhonov[SMR_RIDGE_BY_gcv] = smr_choose_minimum(n, lambda, work->curve, &gcv);
  for (int64_t l = 0; l < n; ++l) {
    work->curve[l] = smr_choose_curvature_at(spectrum, lambda[l]);
  }
  smr_ridge_put_curve(work, cell, SMR_RIDGE_curvature);
  choice->tikhonov[SMR_RIDGE_BY_lcurve] = smr_choose_lcurve(spectrum, n, lambda, work->curve);
  for (int64_t l = 0; l < n; ++l) {
    work->curve[l] = smr_choose_quasiopt_at(spectrum, lambda[l]);
  }
  choice->tikhonov[SMR_RIDGE_BY_quasiopt] = smr_choose_quasiopt(spectrum, n, lambda, work->curve);
  choice->tikhonov[SMR_RIDGE_BY_discrepancy] = smr_choose_discrepancy(spectrum, n, lambda, sigma);
}

/* Ranks of truncated SVD by the same four; `rank_risk` holds the curve meanwhile. */
static smr_status choose_ranks(const smr_ridge_cell *cell, double sigma, smr_ridge_choice *choice) {
  const smr_spectrum *spectrum = &cell->spectrum;
  choice->n_ranks = smr_truncated_count(spectrum) + 1;
  smr_truncated_gcv(spectrum, choice->rank_risk);
  choice->truncated[SMR_RIDGE_BY_gcv] = smr_truncated_minimum(spectrum, choice->rank_risk);
  choice->truncated[SMR_RIDGE_BY_quasiopt] = smr_truncated_quasiopt(spectrum);
  choice->truncated[SMR_RIDGE_BY_discrepancy] = smr_truncated_discrepancy(spectrum, sigma);
  return smr_truncated_corner(spectrum, &choice->truncated[SMR_RIDGE_BY_lcurve]);
}

double smr_ridge_find_noise(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  const bool is_isotropic = smr_sample_is_isotropic(work->sample);
  if (work->config->noise_level >= 0) {
    return work->config->noise_level;
  }
  if (cell->has_truth && cell->noise.has_variance && (is_isotropic || cell->rest == 0)) {
    return hypot(cell->noise.sigma, cell->rest);
  }
  return smr_picard_noise(&cell->spectrum);
}

static void put_picard(const smr_ridge_work *work, const smr_ridge_cell *cell, double sigma) {
  const smr_picard picard = smr_picard_check(&cell->spectrum, sigma);
  smr_ridge_put(work, SMR_RIDGE_picard_noise, cell->index, sigma);
  smr_ridge_put(work, SMR_RIDGE_picard_level, cell->index, (double)picard.level);
  smr_ridge_put(work, SMR_RIDGE_picard_slope_beta, cell->index, picard.slope_beta);
  smr_ridge_put(work, SMR_RIDGE_picard_slope_s, cell->index, picard.slope_s);
  smr_ridge_put(work, SMR_RIDGE_picard_verdict, cell->index, (double)picard.verdict);
}

static void put_choices(const smr_ridge_work *work, const smr_ridge_choice *choice, int64_t index) {
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const int first = smr_ridge_get_lambda_output(c);
    smr_ridge_put(work, first + PUT_LAMBDA, index, choice->tikhonov[c].lambda);
    smr_ridge_put(work, first + PUT_STATUS, index, (double)choice->tikhonov[c].status);
  }
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const int first = smr_ridge_get_rank_output(c);
    const smr_rank_choice *rank = &choice->truncated[c];
    smr_ridge_put(work, first + PUT_RANK, index, rank->rank < 0 ? (double)NAN : (double)rank->rank);
    smr_ridge_put(work, first + PUT_RANK_STATUS, index, (double)rank->status);
  }
}

smr_status smr_ridge_choose(const smr_ridge_work *work, smr_ridge_cell *cell) {
  if (work->config->choosers == SMR_RIDGE_NONE) {
    return SMR_OK;
  }
  smr_ridge_choice *choice = &work->choices[cell->index];
  const double sigma = smr_ridge_find_noise(work, cell);
  put_picard(work, cell, sigma);
  choose_from_spectrum(work, cell, sigma, choice);
  SMR_TRY(smr_agree(work->unit->group, choose_ranks(cell, sigma, choice)));
  SMR_TRY(smr_ridge_choose_from_rows(work, cell, choice));
  put_choices(work, choice, cell->index);
  return SMR_OK;
}

/* --- risks --- */

/* The signs that interleaved folds are fooled, held against the truth. */
static void put_verdict(const smr_ridge_work *work, const smr_ridge_choice *choice, int64_t index) {
  enum { NO, YES, MISSED, FALSE_ALARM };
  static const double tolerable = 2.0; /* times the risk of blocks */
  const bool has_truth = !smr_table_is_file(&work->config->data);
  if (work->config->choosers < SMR_RIDGE_ALL || !has_truth) {
    return;
  }
  const bool is_fooled =
      choice->risk[SMR_RIDGE_BY_cv_interleaved] > tolerable * choice->risk[SMR_RIDGE_BY_cv_block];
  const int verdict =
      choice->looks_fooled ? (is_fooled ? YES : FALSE_ALARM) : (is_fooled ? MISSED : NO);
  smr_ridge_put(work, SMR_RIDGE_cv_verdict, index, (double)verdict);
}

/* Regrets of all choices once the risks and the best ones are known. */
static void put_risks(const smr_ridge_work *work, const smr_ridge_choice *choice, int64_t index) {
  put_verdict(work, choice, index);
  smr_ridge_put(work, SMR_RIDGE_lambda_oracle, index, choice->best.lambda);
  smr_ridge_put(work, SMR_RIDGE_risk_oracle, index, choice->best.value);
  smr_ridge_put(work, SMR_RIDGE_status_oracle, index, (double)choice->best.status);
  const int64_t best_rank = choice->best_rank.rank;
  smr_ridge_put(work, SMR_RIDGE_tsvd_rank_oracle, index,
                best_rank < 0 ? (double)NAN : (double)best_rank);
  smr_ridge_put(work, SMR_RIDGE_tsvd_risk_oracle, index, choice->best_rank.value);
  smr_ridge_put(work, SMR_RIDGE_tsvd_status_oracle, index, (double)choice->best_rank.status);
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const int first = smr_ridge_get_lambda_output(c);
    const double lambda = choice->tikhonov[c].lambda, best = choice->best.lambda;
    if (lambda >= 0) {
      smr_ridge_put(work, first + PUT_RISK, index, choice->risk[c]);
      smr_ridge_put(work, first + PUT_REGRET, index, choice->risk[c] - choice->best.value);
    }
    if (lambda > 0 && best > 0) {
      smr_ridge_put(work, first + PUT_DECADES, index, log10(lambda / best));
    }
  }
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const int first = smr_ridge_get_rank_output(c);
    const int64_t rank = choice->truncated[c].rank;
    if (rank >= 0) {
      const double risk = choice->rank_risk[rank];
      smr_ridge_put(work, first + PUT_RANK_RISK, index, risk);
      smr_ridge_put(work, first + PUT_RANK_REGRET, index, risk - choice->best_rank.value);
    }
  }
}

static double get_error(const void *self, double lambda) {
  const smr_ridge_cell *cell = self;
  return smr_choose_error_at(&cell->spectrum, lambda, cell->truth_mode, cell->truth_null2);
}

/* In the coordinates of the SVD: at any lambda. */
static void judge_in_modes(const smr_ridge_work *work, const smr_ridge_cell *cell,
                           smr_ridge_choice *choice) {
  const smr_lambda_function error = {get_error, cell};
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    work->curve[l] = get_error(cell, work->ascending[l]);
  }
  choice->best = smr_choose_minimum(work->n_lambda, work->ascending, work->curve, &error);
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    const double lambda = choice->tikhonov[c].lambda;
    choice->risk[c] = lambda >= 0 ? get_error(cell, lambda) : (double)NAN;
  }
  smr_truncated_error(&cell->spectrum, cell->truth_mode, cell->truth_null2, choice->rank_risk);
}

/* The best of the lambdas of the job, as it stands: between them the risk isn't known. */
static smr_choice find_best_on_grid(const smr_ridge_work *work) {
  smr_choice best = smr_choose_minimum(work->n_lambda, work->ascending, work->curve, NULL);
  if (best.index >= 0) {
    best.lambda = work->ascending[best.index];
    best.value = work->curve[best.index];
  }
  return best;
}

static void judge_in_columns(const smr_ridge_work *work, const smr_ridge_cell *cell,
                             smr_ridge_choice *choice) {
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    work->curve[l] = smr_ridge_measure_error(work, cell, work->order[l]);
  }
  choice->best = find_best_on_grid(work);
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    choice->risk[c] = smr_ridge_measure_error(work, cell, work->n_lambda + c);
  }
  for (int64_t rank = 0; rank < choice->n_ranks; ++rank) {
    choice->rank_risk[rank] = smr_ridge_measure_error(work, cell, get_rank_column(work) + rank);
  }
}

void smr_ridge_judge_by_truth(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  if (work->config->choosers == SMR_RIDGE_NONE) {
    return;
  }
  smr_ridge_choice *choice = &work->choices[cell->index];
  if (work->config->standardize) {
    judge_in_columns(work, cell, choice);
  } else {
    judge_in_modes(work, cell, choice);
  }
  choice->best_rank = smr_truncated_minimum(&cell->spectrum, choice->rank_risk);
  put_risks(work, choice, cell->index);
}

/* The least of all ranks. */
static smr_rank_choice find_best_rank(const smr_ridge_choice *choice) {
  smr_rank_choice best = {-1, NAN, SMR_CHOICE_NOTHING};
  for (int64_t rank = 0; rank < choice->n_ranks; ++rank) {
    if (best.rank < 0 || choice->rank_risk[rank] < best.value) {
      best = (smr_rank_choice){rank, choice->rank_risk[rank], SMR_CHOICE_INTERIOR};
    }
  }
  if (best.rank == 0 || best.rank == choice->n_ranks - 1) {
    best.status = SMR_CHOICE_EDGE;
  }
  return best;
}

void smr_ridge_judge_by_test(const smr_ridge_work *work, int64_t index, const double *sums,
                             int64_t n_test) {
  if (work->config->choosers == SMR_RIDGE_NONE || work->n_scored < work->n_columns ||
      !needs_columns(work->config)) {
    return;
  }
  smr_ridge_choice *choice = &work->choices[index];
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    work->curve[l] = sums[work->order[l]] / (double)n_test;
  }
  choice->best = find_best_on_grid(work);
  for (int c = 0; c < smr_ridge_count_choosers(work->config->choosers); ++c) {
    choice->risk[c] = sums[work->n_lambda + c] / (double)n_test;
  }
  for (int64_t rank = 0; rank < choice->n_ranks; ++rank) {
    choice->rank_risk[rank] = sums[get_rank_column(work) + rank] / (double)n_test;
  }
  choice->best_rank = find_best_rank(choice);
  put_risks(work, choice, index);
}
