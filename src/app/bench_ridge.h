/* A random regression and its path of lambdas, for the rows of `simmer bench` that time them. */
#ifndef SIMMER_APP_BENCH_RIDGE_H
#define SIMMER_APP_BENCH_RIDGE_H

#include "simmer/linalg/qr.h"
#include "simmer/linalg/svd.h"
#include "simmer/regress/ridge.h"

enum { SMR_BENCH_LAMBDAS = 100, SMR_BENCH_REPEATS = 5 };

typedef struct {
  int64_t n, p;
  double *x; /* [n x p] column-major, standard normal */
  double *y; /* [n] */
} smr_bench_matrix;

/* The same numbers on every rank. Local. */
smr_status smr_bench_create_matrix(int64_t n, int64_t p, smr_bench_matrix *matrix) SMR_NODISCARD;
void smr_bench_clear_matrix(smr_bench_matrix *matrix);
/* `read` of a smr_row_source whose self is a smr_bench_matrix. */
smr_status smr_bench_read_matrix(void *self, int thread, int64_t first, int64_t count, double *x,
                                 int64_t ld, double *y) SMR_NODISCARD;

/* lambda of the path, ascending in l = 0 .. SMR_BENCH_LAMBDAS - 1. */
double smr_bench_lambda(int64_t l);

/* Results of one path; qr and svd are those of the last one solved. */
typedef struct {
  smr_qr *qr;
  smr_svd *svd;
  double *beta;         /* [p] */
  double *coefficients; /* [k x L] */
  double *weights;      /* [p x L], L in whole column blocks, zeros in the columns that fill up */
  smr_spectrum spectrum;
} smr_bench_fit;

/* Local. */
smr_status smr_bench_create_fit(int64_t p, smr_bench_fit *fit) SMR_NODISCARD;
/* Collective on the grid of what was solved. */
void smr_bench_clear_fit(smr_bench_fit *fit);
/* QR, SVD, and the coefficients of all lambdas. Collective on grid. */
smr_status smr_bench_solve(const smr_grid *grid, smr_svd_method method,
                           const smr_row_source *source, smr_bench_fit *fit) SMR_NODISCARD;

#endif
