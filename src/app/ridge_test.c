/* What the test rows of a ridge unit say, for all N_f and columns. */
#include "ridge_work.h"
#include "simmer/base/memory.h"
#include "test_rows.h"

/* Squared errors and right signs. The order of a vectorized sum is fixed by the build: columns are
 * aligned. */
static void score(int64_t count, const double *y, const double *column, double offset,
                  double sums[SMR_TEST_SUMS]) {
  double squares = 0, right = 0;
#pragma omp simd reduction(+ : squares, right)
  for (int64_t i = 0; i < count; ++i) {
    double predicted = column[i] + offset;
    double d = predicted - y[i];
    squares += d * d;
    right += (predicted > 0) == (y[i] > 0) ? 1.0 : 0.0;
  }
  sums[0] = squares;
  sums[1] = right;
}

static void put_test(const smr_ridge_work *work, bool is_classification, int64_t n_test,
                     const double *value) {
  for (int64_t f = 0; f < work->config->features.n; ++f) {
    const double *sums = value + f * SMR_TEST_SUMS * work->n_scored;
    for (int64_t l = 0; l < work->n_lambda; ++l) {
      int64_t at = f * work->n_lambda + l;
      smr_ridge_put(work, SMR_RIDGE_test_mse, at, sums[l] / (double)n_test);
      if (is_classification) {
        smr_ridge_put(work, SMR_RIDGE_test_accuracy, at, sums[work->n_scored + l] / (double)n_test);
      }
    }
    smr_ridge_judge_by_test(work, f, sums, n_test);
  }
}

smr_status smr_ridge_run_test(const smr_ridge_work *work, bool is_classification) {
  const smr_test_rows rows = {.group = work->unit->group,
                              .sample = work->sample,
                              .features = &work->config->features,
                              .n_max = work->n_max,
                              .n_scored = work->n_scored,
                              .n_columns = work->n_padded,
                              .weights = work->weights,
                              .offsets = work->offsets,
                              .score = score};
  double *sums = NULL;
  SMR_TRY(smr_test_rows_run(&rows, &sums));
  if (sums != NULL) {
    put_test(work, is_classification, smr_sample_count_test(work->sample), sums);
  }
  smr_memory_free(sums);
  return SMR_OK;
}
