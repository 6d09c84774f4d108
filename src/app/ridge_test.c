/* The pass over the test rows of a ridge unit, for all N_f and columns at once. Letters: F, P, C as
 * in ridge_work.h, B = rows of a block, S = number of scored columns. */
#include <omp.h>

#include "ridge_work.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

/* Columns of a block of test rows lie TEST_LD apart: a power of two would make all of them compete
 * for the same lines of the cache. */
enum { TEST_BLOCK = 512, TEST_LD = TEST_BLOCK + 8 };

/* Value of a shard = [F][2][S]: squared errors, right signs. */

typedef struct {
  const smr_ridge_work *work;
  bool is_classification;
  int64_t n_test, n_threads;
  int64_t n_predicted;          /* S padded to whole column blocks */
  double **x, **y, **predicted; /* per thread: [B x P], [B], [B x S padded] */
} test_work;

/* Sums of one lambda over a block of rows. The order of a vectorized sum is fixed by the build:
 * columns are aligned. */
static void score_column(int64_t count, const double *y, const double *column, double offset,
                         double *squares_out, double *right_out) {
  double squares = 0, right = 0;
#pragma omp simd reduction(+ : squares, right)
  for (int64_t i = 0; i < count; ++i) {
    double predicted = column[i] + offset;
    double d = predicted - y[i];
    squares += d * d;
    right += (predicted > 0) == (y[i] > 0) ? 1.0 : 0.0;
  }
  *squares_out = squares;
  *right_out = right;
}

static void score(const test_work *test, int64_t count, const double *y, const double *predicted,
                  const double *offsets, double *value) {
  const int64_t n_scored = test->work->n_scored;
  for (int64_t l = 0; l < n_scored; ++l) {
    score_column(count, y, predicted + l * TEST_LD, offsets[l], &value[l], &value[n_scored + l]);
  }
}

static smr_status test_leaf(void *self, int thread, int64_t shard, void *value) {
  const test_work *test = self;
  const smr_ridge_work *work = test->work;
  int64_t first = shard * TEST_BLOCK;
  int64_t count = smr_int_min(TEST_BLOCK, test->n_test - first);
  double *x = test->x[thread], *y = test->y[thread];
  SMR_TRY(smr_sample_read(work->sample, true, first, count, work->n_max, x, TEST_LD, y));
  double *out = value;
  for (int64_t f = 0; f < work->config->features.n; ++f) {
    SMR_TRY(smr_kernel_multiply(count, test->n_predicted, work->config->features.values[f], x,
                                TEST_LD, work->weights + f * work->n_max * work->n_padded,
                                work->n_max, test->predicted[thread], TEST_LD));
    score(test, count, y, test->predicted[thread], work->offsets + f * work->n_padded,
          out + f * 2 * work->n_scored);
  }
  return SMR_OK;
}

static smr_status test_combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const test_work *test = self;
  double *a = left;
  const double *b = right;
  for (int64_t i = 0; i < test->work->config->features.n * 2 * test->work->n_scored; ++i) {
    a[i] += b[i];
  }
  return SMR_OK;
}

static void put_test(const test_work *test, const double *value) {
  const smr_ridge_work *work = test->work;
  for (int64_t f = 0; f < work->config->features.n; ++f) {
    const double *sums = value + f * 2 * work->n_scored;
    for (int64_t l = 0; l < work->n_lambda; ++l) {
      int64_t at = f * work->n_lambda + l;
      smr_ridge_put(work, SMR_RIDGE_test_mse, at, sums[l] / (double)test->n_test);
      if (test->is_classification) {
        smr_ridge_put(work, SMR_RIDGE_test_accuracy, at,
                      sums[work->n_scored + l] / (double)test->n_test);
      }
    }
    smr_ridge_judge_by_test(work, f, sums, test->n_test);
  }
}

static smr_status allocate_test(test_work *test, double **value) {
  const smr_ridge_work *work = test->work;
  const int64_t n = test->n_threads;
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->x));
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->y));
  SMR_TRY(smr_memory_alloc(n, sizeof(double *), "test workspaces", &test->predicted));
  for (int64_t i = 0; i < n; ++i) {
    SMR_TRY(smr_memory_alloc(TEST_LD * work->n_max, sizeof(double), "test rows", &test->x[i]));
    SMR_TRY(smr_memory_alloc(TEST_BLOCK, sizeof(double), "test targets", &test->y[i]));
    SMR_TRY(smr_memory_alloc(TEST_LD * test->n_predicted, sizeof(double), "predictions",
                             &test->predicted[i]));
  }
  return smr_memory_alloc(work->config->features.n * 2 * work->n_scored, sizeof(double),
                          "test sums", value);
}

static void clear_test(test_work *test) {
  for (int64_t i = 0; i < test->n_threads; ++i) {
    smr_memory_free(test->x != NULL ? test->x[i] : NULL);
    smr_memory_free(test->y != NULL ? test->y[i] : NULL);
    smr_memory_free(test->predicted != NULL ? test->predicted[i] : NULL);
  }
  smr_memory_free(test->x);
  smr_memory_free(test->y);
  smr_memory_free(test->predicted);
}

smr_status smr_ridge_run_test(const smr_ridge_work *work, bool is_classification) {
  test_work test = {.work = work,
                    .is_classification = is_classification,
                    .n_test = smr_sample_count_test(work->sample),
                    .n_threads = omp_get_max_threads(),
                    .n_predicted =
                        smr_int_ceil_divide(work->n_scored, SMR_COLUMN_BLOCK) * SMR_COLUMN_BLOCK};
  double *value = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(work->unit->group, allocate_test(&test, &value)));
  smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(test.n_test, TEST_BLOCK),
                          .value_bytes = (size_t)(work->config->features.n * 2 * work->n_scored) *
                                         sizeof(double),
                          .self = &test,
                          .leaf = test_leaf,
                          .combine = test_combine};
  SMR_TRY_DONE(smr_reduce_run(work->unit->group, &tree, value));
  if (test.n_test > 0 && value != NULL) {
    put_test(&test, value);
  }
done:
  clear_test(&test);
  smr_memory_free(value);
  return status;
}
