/* The ridge rows of `simmer bench`: QR, SVD and the coefficients of all lambdas, the whole job. The
 * reference goes through pdgesvd of X itself. */
#include "bench_ridge.h"

#include <math.h>
#include <string.h>

#include "bench.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/linalg/kernel.h"

smr_status smr_bench_create_matrix(int64_t n, int64_t p, smr_bench_matrix *matrix) {
  const smr_random_key key = {1, smr_random_stream("bench.matrix", 0, 0)};
  matrix->n = n;
  matrix->p = p;
  SMR_TRY(smr_memory_alloc(n * p, sizeof(double), "matrix", &matrix->x));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "target", &matrix->y));
  for (int64_t j = 0; j < p; ++j) {
    smr_random_normal(key, (uint64_t)j, 0, n, matrix->x + j * n);
  }
  smr_random_normal(key, (uint64_t)p, 0, n, matrix->y);
  return SMR_OK;
}

void smr_bench_clear_matrix(smr_bench_matrix *matrix) {
  smr_memory_free(matrix->x);
  smr_memory_free(matrix->y);
}

smr_status smr_bench_read_matrix(void *self, int thread, int64_t first, int64_t count, double *x,
                                 int64_t ld, double *y) {
  (void)thread;
  const smr_bench_matrix *m = self;
  for (int64_t j = 0; j < m->p; ++j) {
    memcpy(x + j * ld, m->x + j * m->n + first, (size_t)count * sizeof(double));
  }
  memcpy(y, m->y + first, (size_t)count * sizeof(double));
  return SMR_OK;
}

double smr_bench_lambda(int64_t l) {
  return pow(10, -8 + 12.0 * (double)l / (SMR_BENCH_LAMBDAS - 1));
}

smr_status smr_bench_create_fit(int64_t p, smr_bench_fit *fit) {
  const int64_t n_padded = smr_kernel_pad(SMR_BENCH_LAMBDAS);
  SMR_TRY(smr_memory_alloc(p, sizeof(double), "target modes", &fit->beta));
  SMR_TRY(smr_memory_alloc(p * SMR_BENCH_LAMBDAS, sizeof(double), "modes", &fit->coefficients));
  return smr_memory_alloc(p * n_padded, sizeof(double), "weights", &fit->weights);
}

void smr_bench_clear_fit(smr_bench_fit *fit) {
  smr_svd_destroy(&fit->svd);
  smr_qr_destroy(&fit->qr);
  smr_memory_free(fit->beta);
  smr_memory_free(fit->coefficients);
  smr_memory_free(fit->weights);
}

/* Coefficients of all lambdas from an SVD: w = V f U'y / s. */
static smr_status apply_path(int64_t n, int64_t p, const double *target, smr_bench_fit *fit) {
  SMR_TRY(smr_svd_project_left(fit->svd, 1, target, fit->beta));
  fit->spectrum = (smr_spectrum){.n = n,
                                 .p = p,
                                 .k = smr_svd_count(fit->svd),
                                 .s = smr_svd_get_values(fit->svd),
                                 .beta = fit->beta,
                                 .tail = fit->qr != NULL ? smr_qr_get_tail(fit->qr, p) : 0};
  for (int64_t l = 0; l < SMR_BENCH_LAMBDAS; ++l) {
    smr_ridge_coefficients(&fit->spectrum, smr_bench_lambda(l),
                           fit->coefficients + l * fit->spectrum.k);
  }
  return smr_svd_expand_right(fit->svd, SMR_BENCH_LAMBDAS, fit->coefficients, fit->weights);
}

smr_status smr_bench_solve(const smr_grid *grid, smr_svd_method method,
                           const smr_row_source *source, smr_bench_fit *fit) {
  smr_svd_destroy(&fit->svd);
  smr_qr_destroy(&fit->qr);
  SMR_TRY(smr_qr_create(grid, source, false, &fit->qr));
  const smr_qr_view view = smr_qr_get(fit->qr);
  SMR_TRY(smr_svd_create(grid, method, view.n_used, view.n_cols, view.r, view.n_used, &fit->svd));
  return apply_path(view.n_rows, view.n_cols, view.z, fit);
}

static smr_status solve_reference(const smr_grid *grid, const smr_bench_matrix *data,
                                  smr_bench_fit *fit) {
  smr_svd_destroy(&fit->svd);
  SMR_TRY(smr_svd_create(grid, SMR_SVD_GESVD, data->n, data->p, data->x, data->n, &fit->svd));
  return apply_path(data->n, data->p, data->y, fit);
}

typedef struct {
  const char *name, *meaning;
  int64_t n, p;
  smr_svd_method method;
  int repeats, is_reference; /* slow references are measured only when named */
} path_case;

static const path_case paths[] = {
    {"ridge_path_2000x1000", "100 lambdas, 2000 x 1000, all ranks on one problem", 2000, 1000,
     SMR_SVD_AUTO, SMR_BENCH_REPEATS, 0},
    {"ridge_path_20000x500", "100 lambdas, 20000 x 500, all ranks on one problem", 20000, 500,
     SMR_SVD_AUTO, SMR_BENCH_REPEATS, 0},
    {"pdgesvd_2000x1000", "the same through (p)dgesvd", 2000, 1000, SMR_SVD_GESVD, 3, 1},
    {"pdgesvd_20000x500", "the same through (p)dgesvd", 20000, 500, SMR_SVD_GESVD, 3, 1},
};

static smr_status time_path(bench_work *bench, const path_case *path, smr_bench_matrix *data,
                            smr_bench_fit *fit, double *median) {
  const smr_row_source source = {data->n, data->p, data, smr_bench_read_matrix};
  double seconds[SMR_BENCH_REPEATS];
  for (int i = 0; i < path->repeats; ++i) {
    smr_barrier(bench->world);
    double start = smr_clock_monotonic_s();
    if (path->method == SMR_SVD_GESVD) {
      SMR_TRY(solve_reference(bench->grid, data, fit));
    } else {
      SMR_TRY(smr_bench_solve(bench->grid, path->method, &source, fit));
    }
    smr_barrier(bench->world);
    seconds[i] = smr_clock_monotonic_s() - start;
  }
  *median = smr_clock_median(path->repeats, seconds);
  return SMR_OK;
}

static smr_status bench_path(bench_work *bench, const path_case *path) {
  smr_bench_matrix data = {0};
  smr_bench_fit fit = {0};
  double seconds = 0;
  smr_status status = smr_bench_create_matrix(path->n, path->p, &data);
  if (status == SMR_OK) {
    status = smr_bench_create_fit(path->p, &fit);
  }
  SMR_TRY_DONE(smr_agree(bench->world, status));
  SMR_TRY_DONE(time_path(bench, path, &data, &fit, &seconds));
  double flops = smr_qr_count_flops(data.n, data.p) +
                 smr_svd_count_flops(smr_int_min(data.n, data.p), data.p, SMR_BENCH_LAMBDAS);
  smr_bench_print(bench, &(bench_row){path->name, "operation/s", path->meaning, flops / seconds,
                                      bench->dgemm_limit, seconds});
done:
  smr_bench_clear_fit(&fit);
  smr_bench_clear_matrix(&data);
  return status;
}

smr_status smr_bench_ridge(bench_work *bench) {
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i) {
    int is_named = bench->wanted[0] != '\0';
    if (smr_bench_is_wanted(bench, paths[i].name) && (is_named || !paths[i].is_reference)) {
      SMR_TRY(bench_path(bench, &paths[i]));
    }
  }
  return SMR_OK;
}
