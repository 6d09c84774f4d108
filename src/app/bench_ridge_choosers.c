/* The rows of `simmer bench` about choosing lambda: what all choosers but k-fold cross-validation
 * add to the path, and k-fold cross-validation from R factors against refits.
 *
 * A row's rate is that of the whole job, its limit that of what it is held against, which takes
 * turns with it; share = time of the one / time of the other. L = number of lambdas. */
#include <math.h>

#include "bench.h"
#include "bench_ridge.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/folds.h"
#include "simmer/regress/loo.h"
#include "simmer/regress/ncp.h"
#include "simmer/regress/picard.h"
#include "simmer/regress/truncated.h"

enum { N_LAMBDAS = SMR_BENCH_LAMBDAS, N_FOLDS = 10, TURNS = 15, FOLD_TURNS = 3, PREDICTED = 512 };
enum { N_PADDED = (N_LAMBDAS + SMR_COLUMN_BLOCK - 1) / SMR_COLUMN_BLOCK * SMR_COLUMN_BLOCK };
/* Residuals whose periodograms are looked at, at most. */
enum { N_COLUMNS = N_LAMBDAS + SMR_NCP_RANKS };

typedef struct {
  const bench_work *bench;
  smr_bench_matrix data;
  smr_bench_fit fit;
  double lambda[N_LAMBDAS]; /* ascending */
  double *zeros;            /* [p] means of columns that are not centred */
  double *ranks;            /* [p + 1] a curve over ranks */
  double *loo;              /* [L + p + 1] */
  double *residual;         /* [n x (L + SMR_NCP_RANKS)] */
} choosers_work;

static smr_status create(const bench_work *bench, int64_t n, int64_t p, choosers_work *work) {
  work->bench = bench;
  for (int64_t l = 0; l < N_LAMBDAS; ++l) {
    work->lambda[l] = smr_bench_lambda(l);
  }
  SMR_TRY(smr_bench_create_matrix(n, p, &work->data));
  SMR_TRY(smr_bench_create_fit(p, &work->fit));
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "column means", &work->zeros));
  SMR_TRY(smr_memory_alloc(p + 1, sizeof(double), "a curve over ranks", &work->ranks));
  SMR_TRY(smr_memory_alloc(N_LAMBDAS + p + 1, sizeof(double), "leave-one-out", &work->loo));
  return smr_memory_alloc(n * N_COLUMNS, sizeof(double), "residuals", &work->residual);
}

static void destroy(choosers_work *work) {
  smr_bench_clear_fit(&work->fit);
  smr_bench_clear_matrix(&work->data);
  smr_memory_free(work->zeros);
  smr_memory_free(work->ranks);
  smr_memory_free(work->loo);
  smr_memory_free(work->residual);
}

static smr_row_source get_source(choosers_work *work) {
  return (smr_row_source){work->data.n, work->data.p, &work->data, smr_bench_read_matrix};
}

/* --- choosers beside the path --- */

static double get_gcv(const void *self, double lambda) {
  return smr_choose_gcv_at(self, lambda);
}

/* GCV, L-curve, quasi-optimality, discrepancy, of lambda and of ranks; Picard. */
static smr_status choose_from_spectrum(choosers_work *work) {
  const smr_spectrum *spectrum = &work->fit.spectrum;
  const double sigma = smr_picard_noise(spectrum);
  const smr_lambda_function gcv_function = {get_gcv, spectrum};
  double gcv[N_LAMBDAS], curvature[N_LAMBDAS], quasiopt[N_LAMBDAS];
  smr_rank_choice corner;
  for (int64_t l = 0; l < N_LAMBDAS; ++l) {
    gcv[l] = smr_choose_gcv_at(spectrum, work->lambda[l]);
    curvature[l] = smr_choose_curvature_at(spectrum, work->lambda[l]);
    quasiopt[l] = smr_choose_quasiopt_at(spectrum, work->lambda[l]);
  }
  const double sum = smr_choose_minimum(N_LAMBDAS, work->lambda, gcv, &gcv_function).lambda +
                     smr_choose_lcurve(spectrum, N_LAMBDAS, work->lambda, curvature).value +
                     smr_choose_quasiopt(spectrum, N_LAMBDAS, work->lambda, quasiopt).lambda +
                     smr_choose_discrepancy(spectrum, N_LAMBDAS, work->lambda, sigma).lambda +
                     (double)smr_picard_check(spectrum, sigma).level;
  smr_truncated_gcv(spectrum, work->ranks);
  const int64_t ranks = smr_truncated_minimum(spectrum, work->ranks).rank +
                        smr_truncated_quasiopt(spectrum).rank +
                        smr_truncated_discrepancy(spectrum, sigma).rank;
  SMR_TRY(smr_truncated_corner(spectrum, &corner));
  if (ranks < 0 || sum < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a chooser that is timed made no choice");
  }
  return SMR_OK;
}

/* Ranks by leave-one-out and NCP from curves over ranks; distance[n_kept]. */
static smr_status choose_ranks(choosers_work *work, const smr_loo_fit *fit,
                               const double *distance) {
  const smr_spectrum *spectrum = &work->fit.spectrum;
  const smr_rank_choice loo = smr_truncated_minimum(spectrum, work->loo + N_LAMBDAS);
  for (int64_t r = 0; r < fit->n_ranks; ++r) {
    work->ranks[r] = NAN;
  }
  for (int64_t i = 0; i < fit->n_kept; ++i) {
    work->ranks[fit->kept[i]] = distance[i];
  }
  if (loo.rank < 0 || smr_truncated_minimum(spectrum, work->ranks).rank < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a chooser that is timed made no choice");
  }
  return SMR_OK;
}

/* Leave-one-out and NCP, of lambda and of ranks. Collective. */
static smr_status choose_from_rows(choosers_work *work) {
  const smr_row_source source = get_source(work);
  const int64_t n_ranks = smr_truncated_count(&work->fit.spectrum) + 1;
  int64_t kept[SMR_NCP_RANKS];
  const smr_loo_fit fit = {.grid = work->bench->grid,
                           .source = &source,
                           .spectrum = &work->fit.spectrum,
                           .svd = work->fit.svd,
                           .triangle = smr_qr_get(work->fit.qr).r,
                           .mean = work->zeros,
                           .n_ranks = n_ranks,
                           .n_kept = smr_ncp_select_ranks(n_ranks, kept),
                           .kept = kept};
  double distance[N_COLUMNS], deviation[N_COLUMNS];
  SMR_TRY(smr_loo_run(&fit, N_LAMBDAS, work->lambda, work->loo, work->residual));
  SMR_TRY(smr_ncp_run(work->bench->world, work->data.n, N_LAMBDAS + fit.n_kept, work->residual,
                      distance, deviation));
  const smr_choice choices[2] = {smr_choose_minimum(N_LAMBDAS, work->lambda, work->loo, NULL),
                                 smr_choose_minimum(N_LAMBDAS, work->lambda, distance, NULL)};
  if (choices[0].index < 0 || choices[1].index < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a chooser that is timed made no choice");
  }
  return choose_ranks(work, &fit, distance + N_LAMBDAS);
}

/* Seconds of the path, and of the path with choosers. Collective. */
static smr_status time_choosers(choosers_work *work, double medians[2]) {
  const smr_row_source source = get_source(work);
  const bench_work *bench = work->bench;
  double seconds[2][TURNS];
  for (int i = 0; i < TURNS; ++i) {
    for (int with = 0; with < 2; ++with) {
      smr_barrier(bench->world);
      const double start = smr_clock_monotonic_s();
      SMR_TRY(smr_bench_solve(bench->grid, SMR_SVD_AUTO, &source, &work->fit));
      if (with) {
        SMR_TRY(smr_agree(bench->world, choose_from_spectrum(work)));
        SMR_TRY(choose_from_rows(work));
      }
      smr_barrier(bench->world);
      seconds[with][i] = smr_clock_monotonic_s() - start;
    }
  }
  medians[0] = smr_clock_median(TURNS, seconds[0]);
  medians[1] = smr_clock_median(TURNS, seconds[1]);
  return SMR_OK;
}

/* --- k-fold cross-validation --- */

/* The rows beside one fold, which holds rows first .. first + count - 1. */
typedef struct {
  smr_bench_matrix *data;
  int64_t first, count;
} training_rows;

static smr_status read_training(void *self, int thread, int64_t first, int64_t count, double *x,
                                int64_t ld, double *y) {
  const training_rows *rows = self;
  const int64_t before = smr_int_min(smr_int_max(rows->first - first, 0), count);
  SMR_TRY(smr_bench_read_matrix(rows->data, thread, first, before, x, ld, y));
  return smr_bench_read_matrix(rows->data, thread, first + before + rows->count, count - before,
                               x + before, ld, y + before);
}

/* Adds the squared errors of this rank's share of the rows of a fold to errors[L]. */
static smr_status add_errors(const choosers_work *work, const training_rows *rows,
                             double *predicted, double *errors) {
  const smr_context *world = work->bench->world;
  const smr_bench_matrix *data = &work->data;
  int64_t begin = 0, n_rows = 0;
  smr_int_share(rows->count, world->size, world->rank, &begin, &n_rows);
  begin += rows->first;
  for (int64_t i = begin; i < begin + n_rows; i += PREDICTED) {
    const int64_t count = smr_int_min(PREDICTED, begin + n_rows - i);
    SMR_TRY(smr_kernel_multiply(count, N_PADDED, data->p, data->x + i, data->n, work->fit.weights,
                                data->p, predicted, PREDICTED));
    for (int64_t l = 0; l < N_LAMBDAS; ++l) {
      for (int64_t row = 0; row < count; ++row) {
        const double d = predicted[l * PREDICTED + row] - data->y[i + row];
        errors[l] += d * d;
      }
    }
  }
  return SMR_OK;
}

/* cv[L] with a path of its own for the training rows of each fold. Collective. */
static smr_status validate_by_refits(choosers_work *work, double *cv) {
  const smr_bench_matrix *data = &work->data;
  double errors[N_LAMBDAS] = {0}, *predicted = NULL;
  smr_status status =
      smr_memory_alloc((int64_t)PREDICTED * N_PADDED, sizeof(double), "predictions", &predicted);
  SMR_TRY_DONE(smr_agree(work->bench->world, status));
  for (int fold = 0; fold < N_FOLDS; ++fold) {
    training_rows rows = {.data = &work->data};
    smr_int_share(data->n, N_FOLDS, fold, &rows.first, &rows.count);
    const smr_row_source source = {data->n - rows.count, data->p, &rows, read_training};
    SMR_TRY_DONE(smr_bench_solve(work->bench->grid, SMR_SVD_AUTO, &source, &work->fit));
    SMR_TRY_DONE(smr_agree(work->bench->world, add_errors(work, &rows, predicted, errors)));
  }
  SMR_TRY_DONE(smr_reduce_sum64(work->bench->world, 1, N_LAMBDAS, errors, cv));
  for (int64_t l = 0; l < N_LAMBDAS; ++l) {
    cv[l] /= (double)data->n;
  }
done:
  smr_memory_free(predicted);
  return status;
}

/* The same from the R factors of the folds. Collective. */
static smr_status validate_by_factors(choosers_work *work, double *cv) {
  const smr_grid *grid = work->bench->grid;
  const smr_row_source source = get_source(work);
  const smr_folds_fit fit = {.p = work->data.p};
  smr_folds *folds = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_folds_create(grid, &source, false, N_FOLDS, SMR_FOLDS_BLOCK, &folds));
  SMR_TRY_DONE(smr_folds_run(grid, folds, &fit, N_LAMBDAS, work->lambda, cv));
done:
  smr_folds_destroy(&folds);
  return status;
}

/* Both are the same numbers but for rounding, of matrices of condition below 2. */
static smr_status compare(const double *refits, const double *factors) {
  for (int64_t l = 0; l < N_LAMBDAS; ++l) {
    const double difference = fabs(factors[l] / refits[l] - 1);
    if (!(difference < 1e-10)) {
      SMR_FAIL(SMR_ERR_INTERNAL, "k-fold cross-validation differs from refits by %g", difference);
    }
  }
  return SMR_OK;
}

/* Seconds of refits, and from R factors. Collective. */
static smr_status time_folds(choosers_work *work, double medians[2]) {
  smr_status (*const validate[2])(choosers_work *, double *) = {validate_by_refits,
                                                                validate_by_factors};
  double seconds[2][FOLD_TURNS], cv[2][N_LAMBDAS];
  for (int i = 0; i < FOLD_TURNS; ++i) {
    for (int way = 0; way < 2; ++way) {
      smr_barrier(work->bench->world);
      const double start = smr_clock_monotonic_s();
      SMR_TRY(validate[way](work, cv[way]));
      smr_barrier(work->bench->world);
      seconds[way][i] = smr_clock_monotonic_s() - start;
    }
  }
  SMR_TRY(compare(cv[0], cv[1]));
  medians[0] = smr_clock_median(FOLD_TURNS, seconds[0]);
  medians[1] = smr_clock_median(FOLD_TURNS, seconds[1]);
  return SMR_OK;
}

/* --- rows --- */

typedef struct {
  const char *name, *unit, *meaning;
  int64_t n, p;
  int is_slow; /* measured only when named */
  smr_status (*time)(choosers_work *work, double medians[2]);
} chooser_case;

static const chooser_case cases[] = {
    {"choosers_path_2000x500", "path/s",
     "100 lambdas, 2000 x 500, with all choosers but k-fold, against the path alone", 2000, 500, 0,
     time_choosers},
    {"folds_path_20000x500", "curve/s",
     "10-fold curve of 100 lambdas, 20000 x 500, from R factors, against 10 refits", 20000, 500, 1,
     time_folds},
};

static smr_status bench_case(bench_work *bench, const chooser_case *c) {
  choosers_work work = {0};
  double medians[2] = {0, 0};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(bench->world, create(bench, c->n, c->p, &work)));
  SMR_TRY_DONE(c->time(&work, medians));
  smr_bench_print(bench, &(bench_row){c->name, c->unit, c->meaning, 1 / medians[1], 1 / medians[0],
                                      medians[1]});
done:
  destroy(&work);
  return status;
}

smr_status smr_bench_choosers(bench_work *bench) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const int is_named = bench->wanted[0] != '\0';
    if (smr_bench_is_wanted(bench, cases[i].name) && (is_named || !cases[i].is_slow)) {
      SMR_TRY(bench_case(bench, &cases[i]));
    }
  }
  return SMR_OK;
}
