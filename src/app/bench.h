/* Rows of `simmer bench`, for the files that measure them. */
#ifndef SIMMER_APP_BENCH_H
#define SIMMER_APP_BENCH_H

#include "simmer/comm/context.h"
#include "simmer/linalg/grid.h"

typedef struct {
  const char *name, *unit, *meaning;
  double rate, limit, seconds;
} bench_row;

typedef struct {
  const smr_context *world;
  const smr_grid *grid;
  const char *wanted;                          /* prefix of the names that are measured */
  double dgemm_limit, sgemm_limit, copy_limit; /* of all ranks */
  int is_json, n_printed;
} bench_work;

int smr_bench_is_wanted(const bench_work *bench, const char *name);
/* Prints a row on rank 0; share = rate / limit. */
void smr_bench_print(bench_work *bench, const bench_row *row);
/* Sum over ranks, as all ranks see it; NaN when there is one among them. Collective. */
double smr_bench_sum(const smr_context *world, double x);

/* The ridge path. Collective. */
smr_status smr_bench_ridge(bench_work *bench) SMR_NODISCARD;
/* Choosers of lambda beside the path, k-fold cross-validation. Collective. */
smr_status smr_bench_choosers(bench_work *bench) SMR_NODISCARD;
/* Training of RBMs. Collective. */
smr_status smr_bench_training(bench_work *bench) SMR_NODISCARD;
/* Parallel tempering and annealing. Collective. */
smr_status smr_bench_sampling(bench_work *bench) SMR_NODISCARD;
/* Enumeration. Collective. */
smr_status smr_bench_enumeration(bench_work *bench) SMR_NODISCARD;
/* Generated images. Collective. */
smr_status smr_bench_images(bench_work *bench) SMR_NODISCARD;

#endif
