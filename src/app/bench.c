/* simmer bench: the limits of this machine, measured in the same run as simmer's own kernels, and
 * the share reached.
 *
 * A row has a rate, the limit it is held against, and share = rate / limit. All ranks work at once;
 * a rate is the sum over ranks. Medians of 5. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/comm/bench.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/linalg/qr.h"
#include "simmer/linalg/svd.h"
#include "simmer/regress/ridge.h"

enum { REPEATS = 5, N_LAMBDAS = 100 };

int smr_bench_is_wanted(const bench_work *bench, const char *name) {
  return strncmp(name, bench->wanted, strlen(bench->wanted)) == 0;
}

void smr_bench_print(bench_work *bench, const bench_row *row) {
  if (bench->world->rank != 0) {
    return;
  }
  double share = row->limit > 0 ? row->rate / row->limit : (double)NAN;
  if (bench->is_json) {
    printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"rate\": %.6g, \"limit\": %.6g, \"share\": "
           "%.4f, "
           "\"seconds\": %.6g}",
           bench->n_printed > 0 ? "," : "[", row->name, row->unit, row->rate, row->limit, share,
           row->seconds);
  } else {
    if (bench->n_printed == 0) {
      printf("%-28s %12s %12s %7s %12s  %s\n", "name", "rate", "limit", "share", "seconds", "what");
    }
    printf("%-28s %12.4g %12.4g %7.3f %12.4g  %s [%s]\n", row->name, row->rate, row->limit, share,
           row->seconds, row->meaning, row->unit);
  }
  fflush(stdout);
  bench->n_printed++;
}

double smr_bench_sum(const smr_context *world, double x) {
  double sum = x;
  smr_status status = smr_reduce_sum64(world, 1, 1, &x, &sum);
  return status == SMR_OK ? sum : (double)NAN;
}

static smr_status measure_limits(bench_work *bench) {
  double rate = 0;
  smr_barrier(bench->world);
  SMR_TRY(smr_agree(bench->world, smr_bench_gemm(0, 1024, 1024, 1024, 7, &rate)));
  bench->sgemm_limit = smr_bench_sum(bench->world, rate);
  smr_barrier(bench->world);
  SMR_TRY(smr_agree(bench->world, smr_bench_gemm(1, 1024, 1024, 1024, 7, &rate)));
  bench->dgemm_limit = smr_bench_sum(bench->world, rate);
  smr_barrier(bench->world);
  SMR_TRY(smr_agree(bench->world, smr_bench_copy((int64_t)256 << 20, 5, &rate)));
  bench->copy_limit = smr_bench_sum(bench->world, rate);
  return SMR_OK;
}

typedef struct {
  const char *name, *meaning;
  int is_double;
  int64_t m, n, k;
} gemm_case;

static const gemm_case gemms[] = {
    {"sgemm_peak", "SGEMM 1024 x 1024 x 1024", 0, 1024, 1024, 1024},
    {"sgemm_rbm", "SGEMM 512 x 500 x 784, an RBM minibatch", 0, 512, 500, 784},
    {"dgemm_peak", "DGEMM 1024 x 1024 x 1024", 1, 1024, 1024, 1024},
    {"dgemm_predict", "DGEMM 512 x 64 x 57, test rows of a danger-zone cell", 1, 512, 64, 57},
    {"dgemm_panel", "DGEMM 1024 x 32 x 512, a panel of a QR", 1, 1024, 32, 512},
};

static smr_status bench_gemms(bench_work *bench) {
  for (size_t i = 0; i < sizeof gemms / sizeof gemms[0]; ++i) {
    const gemm_case *g = &gemms[i];
    if (!smr_bench_is_wanted(bench, g->name)) {
      continue;
    }
    double rate = 0;
    int repeats = (int)smr_int_max(9, (int64_t)(2e8 / (2.0 * (double)(g->m * g->n * g->k))));
    smr_barrier(bench->world);
    SMR_TRY(
        smr_agree(bench->world, smr_bench_gemm(g->is_double, g->m, g->n, g->k, repeats, &rate)));
    rate = smr_bench_sum(bench->world, rate);
    smr_bench_print(bench,
                    &(bench_row){g->name, "operation/s", g->meaning, rate,
                                 g->is_double ? bench->dgemm_limit : bench->sgemm_limit,
                                 2.0 * (double)(g->m * g->n * g->k) * bench->world->size / rate});
  }
  return SMR_OK;
}

static smr_status bench_allreduce(bench_work *bench) {
  const int64_t n = 1 << 20;
  double integer = 0, real = 0;
  if (smr_bench_is_wanted(bench, "memory")) {
    smr_bench_print(bench, &(bench_row){"memory", "byte/s", "copy, read + written",
                                        bench->copy_limit, bench->copy_limit, 0});
  }
  if (!smr_bench_is_wanted(bench, "allreduce") || bench->world->size == 1) {
    return SMR_OK;
  }
  SMR_TRY(smr_bench_allreduce(bench->world, n, 0, 25, &real));
  SMR_TRY(smr_bench_allreduce(bench->world, n, 1, 25, &integer));
  smr_bench_print(bench, &(bench_row){"allreduce_int32", "byte/s",
                                      "1 Mi int32, against the same in floats",
                                      4.0 * (double)n / integer, 4.0 * (double)n / real, integer});
  return SMR_OK;
}

/* --- the ridge path --- */

typedef struct {
  int64_t n, p;
  double *x; /* [n x p] column-major */
  double *y;
} matrix;

static smr_status read_matrix(void *self, int thread, int64_t first, int64_t count, double *x,
                              int64_t ld, double *y) {
  (void)thread;
  const matrix *m = self;
  for (int64_t j = 0; j < m->p; ++j) {
    memcpy(x + j * ld, m->x + j * m->n + first, (size_t)count * sizeof(double));
  }
  memcpy(y, m->y + first, (size_t)count * sizeof(double));
  return SMR_OK;
}

/* Coefficients of all lambdas from an SVD: w = V f U'y / s. */
static smr_status apply_path(const smr_svd *svd, const matrix *data, const double *target,
                             double *weights, double *coefficients) {
  double *beta = NULL;
  SMR_TRY(smr_memory_alloc(smr_svd_count(svd), sizeof *beta, "target modes", &beta));
  smr_status status = smr_svd_project_left(svd, 1, target, beta);
  smr_spectrum spectrum = {data->n, data->p, smr_svd_count(svd), false, smr_svd_get_values(svd),
                           beta,    0};
  for (int64_t l = 0; status == SMR_OK && l < N_LAMBDAS; ++l) {
    double lambda = pow(10, -8 + 12.0 * (double)l / (N_LAMBDAS - 1));
    smr_ridge_coefficients(&spectrum, lambda, coefficients + l * spectrum.k);
  }
  if (status == SMR_OK) {
    status = smr_svd_expand_right(svd, N_LAMBDAS, coefficients, weights);
  }
  smr_memory_free(beta);
  return status;
}

/* QR, SVD, and the coefficients of all lambdas: the whole job. The reference goes through pdgesvd
 * of X itself. */
static smr_status solve_path(const smr_grid *grid, smr_svd_method method, matrix *data,
                             double *weights, double *coefficients) {
  smr_row_source source = {data->n, data->p, data, read_matrix};
  smr_qr *qr = NULL;
  smr_svd *svd = NULL;
  smr_status status = SMR_OK;
  if (method == SMR_SVD_GESVD) {
    SMR_TRY_DONE(smr_svd_create(grid, method, data->n, data->p, data->x, data->n, &svd));
    SMR_TRY_DONE(apply_path(svd, data, data->y, weights, coefficients));
    goto done;
  }
  SMR_TRY_DONE(smr_qr_create(grid, &source, false, &qr));
  smr_qr_view view = smr_qr_get(qr);
  SMR_TRY_DONE(smr_svd_create(grid, method, view.n_used, data->p, view.r, view.n_used, &svd));
  SMR_TRY_DONE(apply_path(svd, data, view.z, weights, coefficients));
done:
  smr_svd_destroy(&svd);
  smr_qr_destroy(&qr);
  return status;
}

static smr_status time_path(bench_work *bench, smr_svd_method method, matrix *data, int repeats,
                            double *median) {
  double *weights = NULL, *coefficients = NULL, seconds[REPEATS];
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(data->p * N_LAMBDAS, sizeof(double), "weights", &weights));
  SMR_TRY_DONE(smr_memory_alloc(data->p * N_LAMBDAS, sizeof(double), "modes", &coefficients));
  for (int i = 0; i < repeats; ++i) {
    smr_barrier(bench->world);
    double start = smr_clock_monotonic_s();
    SMR_TRY_DONE(solve_path(bench->grid, method, data, weights, coefficients));
    smr_barrier(bench->world);
    seconds[i] = smr_clock_monotonic_s() - start;
  }
  *median = smr_clock_median(repeats, seconds);
done:
  smr_memory_free(weights);
  smr_memory_free(coefficients);
  return status;
}

typedef struct {
  const char *name, *meaning;
  int64_t n, p;
  smr_svd_method method;
  int repeats, is_reference; /* slow references are measured only when named */
} path_case;

static const path_case paths[] = {
    {"ridge_path_2000x1000", "100 lambdas, 2000 x 1000, all ranks on one problem", 2000, 1000,
     SMR_SVD_AUTO, REPEATS, 0},
    {"ridge_path_20000x500", "100 lambdas, 20000 x 500, all ranks on one problem", 20000, 500,
     SMR_SVD_AUTO, REPEATS, 0},
    {"pdgesvd_2000x1000", "the same through (p)dgesvd", 2000, 1000, SMR_SVD_GESVD, 3, 1},
    {"pdgesvd_20000x500", "the same through (p)dgesvd", 20000, 500, SMR_SVD_GESVD, 3, 1},
};

static smr_status bench_path(bench_work *bench, const path_case *path) {
  matrix data = {.n = path->n, .p = path->p};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(data.n * data.p, sizeof(double), "matrix", &data.x));
  SMR_TRY_DONE(smr_memory_alloc(data.n, sizeof(double), "target", &data.y));
  const smr_random_key key = {1, smr_random_stream("bench.matrix", 0, 0)};
  for (int64_t j = 0; j < data.p; ++j) {
    smr_random_normal(key, (uint64_t)j, 0, data.n, data.x + j * data.n);
  }
  smr_random_normal(key, (uint64_t)data.p, 0, data.n, data.y);
  double seconds = 0;
  SMR_TRY_DONE(time_path(bench, path->method, &data, path->repeats, &seconds));
  double flops = smr_qr_count_flops(data.n, data.p) +
                 smr_svd_count_flops(smr_int_min(data.n, data.p), data.p, N_LAMBDAS);
  smr_bench_print(bench, &(bench_row){path->name, "operation/s", path->meaning, flops / seconds,
                                      bench->dgemm_limit, seconds});
done:
  smr_memory_free(data.x);
  smr_memory_free(data.y);
  return status;
}

static smr_status bench_paths(bench_work *bench) {
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i) {
    int is_named = bench->wanted[0] != '\0';
    if (smr_bench_is_wanted(bench, paths[i].name) && (is_named || !paths[i].is_reference)) {
      SMR_TRY(bench_path(bench, &paths[i]));
    }
  }
  return SMR_OK;
}

smr_status smr_command_bench(const smr_cli *cli, const smr_context *world) {
  smr_grid *grid = NULL;
  SMR_TRY(smr_grid_create(world, &grid));
  bench_work bench = {.world = world,
                      .grid = grid,
                      .wanted = cli->n_arguments > 0 ? cli->argument[0] : "",
                      .is_json = cli->is_json};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(measure_limits(&bench));
  SMR_TRY_DONE(bench_gemms(&bench));
  SMR_TRY_DONE(bench_allreduce(&bench));
  SMR_TRY_DONE(bench_paths(&bench));
  SMR_TRY_DONE(smr_bench_training(&bench));
  SMR_TRY_DONE(smr_bench_images(&bench));
  SMR_TRY_DONE(smr_bench_sampling(&bench));
  SMR_TRY_DONE(smr_bench_enumeration(&bench));
  if (world->rank == 0 && bench.n_printed > 0 && bench.is_json) {
    printf("\n]\n");
  }
  int n_printed = bench.n_printed;
  smr_broadcast(world, 0, &n_printed, sizeof n_printed);
  if (n_printed == 0) {
    status = smr_error_set(SMR_ERR_USAGE,
                           "no benchmark begins with '%s'; there are sgemm, dgemm, memory, "
                           "allreduce, ridge_path, pdgesvd, rbm and sample",
                           bench.wanted);
  }
done:
  smr_grid_destroy(&grid);
  return status;
}
