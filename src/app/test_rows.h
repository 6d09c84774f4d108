/* The pass over a unit's test rows, for all N_f and columns of coefficients at once. Private to
 * src/app.
 *
 * Letters: F = number of N_f values, P = the largest of them, S = scored columns, C = columns of
 * the coefficients, at least S filled up to whole column blocks. */
#ifndef SIMMER_APP_TEST_ROWS_H
#define SIMMER_APP_TEST_ROWS_H

#include "experiment.h"
#include "simmer/comm/context.h"
#include "simmer/data/dataset.h"

enum { SMR_TEST_SUMS = 2 };

/* All borrowed. */
typedef struct {
  const smr_context *group;
  const smr_sample *sample;
  const smr_ints *features;           /* [F] */
  int64_t n_max, n_scored, n_columns; /* P, S, C */
  const double *weights;              /* [F][P x C] column-major */
  const double *offsets;              /* [F][C] */
  const void *self;
  /* Makes targets of what the sample has, for one N_f; NULL leaves them. x is column-major. */
  void (*make_targets)(const void *self, int64_t f, int64_t first, int64_t count, const double *x,
                       int64_t ld, double *y);
  /* Two sums over rows of one column, predicted value = column + offset. */
  void (*score)(int64_t count, const double *y, const double *column, double offset,
                double sums[SMR_TEST_SUMS]);
} smr_test_rows;

/* *sums [F][2][S], both sums of every column over all test rows; NULL without any. Freed by
 * smr_memory_free. Same bits on any ranks and threads. SMR_ERR_MEMORY, and errors of reading.
 * Collective on group. */
smr_status smr_test_rows_run(const smr_test_rows *rows, double **sums) SMR_NODISCARD;

#endif
