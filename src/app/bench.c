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
#include "simmer/base/integer.h"
#include "simmer/comm/bench.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

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
  SMR_TRY_DONE(smr_bench_ridge(&bench));
  SMR_TRY_DONE(smr_bench_choosers(&bench));
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
                           "allreduce, ridge_path, pdgesvd, choosers_path, folds_path, rbm and "
                           "sample",
                           bench.wanted);
  }
done:
  smr_grid_destroy(&grid);
  return status;
}
