/* The rows of a logistic regression in memory: read, checked, centred and scaled. */
#include <inttypes.h>
#include <math.h>

#include "logistic_private.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

enum { B = SMR_LOGISTIC_BLOCK, LD = SMR_LOGISTIC_LD };

/* What the leaves of both passes need. */
typedef struct {
  smr_logistic *problem;
  const smr_row_source *source;
} read_work;

static int64_t count_rows(const smr_logistic *problem, int64_t block) {
  return smr_int_min(B, problem->n - block * B);
}

static double *get_block(const smr_logistic *problem, int64_t block) {
  return problem->x + (block - problem->first_block) * LD * problem->q;
}

static smr_status check_rows(const smr_logistic *problem, int64_t block, const double *x,
                             const double *y) {
  const int64_t count = count_rows(problem, block);
  for (int64_t i = 0; i < count; ++i) {
    if (y[i] != 1 && y[i] != -1) {
      SMR_FAIL(SMR_ERR_INPUT, "the target %g of training row %" PRId64 " is neither -1 nor +1",
               y[i], block * B + i);
    }
  }
  for (int64_t j = 0; j < problem->p; ++j) {
    for (int64_t i = 0; i < count; ++i) {
      if (!isfinite(x[j * LD + i])) {
        SMR_FAIL(SMR_ERR_NUMERIC, "feature %" PRId64 " of training row %" PRId64 " is not finite",
                 j, block * B + i);
      }
    }
  }
  return SMR_OK;
}

/* Value: sums of the columns [p], then the number of rows of class +1. */
static smr_status read_leaf(void *self, int thread, int64_t block, void *value) {
  const read_work *work = self;
  smr_logistic *problem = work->problem;
  const int64_t count = count_rows(problem, block);
  double *x = get_block(problem, block), *y = problem->y + (block - problem->first_block) * B;
  double *sums = value;
  SMR_TRY(work->source->read(work->source->self, thread, block * B, count, x, LD, y));
  SMR_TRY(check_rows(problem, block, x, y));
  for (int64_t j = 0; j < problem->p; ++j) {
    for (int64_t i = 0; i < count; ++i) {
      sums[j] += x[j * LD + i];
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    sums[problem->p] += y[i] > 0;
  }
  return SMR_OK;
}

/* Value: sums of squares about the means [p]. */
static smr_status square_leaf(void *self, int thread, int64_t block, void *value) {
  (void)thread;
  const smr_logistic *problem = ((const read_work *)self)->problem;
  const int64_t count = count_rows(problem, block);
  const double *x = get_block(problem, block);
  double *sums = value;
  for (int64_t j = 0; j < problem->p; ++j) {
    for (int64_t i = 0; i < count; ++i) {
      const double d = x[j * LD + i] - problem->mean[j];
      sums[j] += d * d;
    }
  }
  return SMR_OK;
}

static smr_status add_sums(void *self, int thread, void *left, void *right) {
  (void)thread;
  const smr_logistic *problem = ((const read_work *)self)->problem;
  double *a = left;
  const double *b = right;
  for (int64_t j = 0; j < problem->p + 1; ++j) {
    a[j] += b[j];
  }
  return SMR_OK;
}

/* Standard deviations (root mean squares without an intercept) into scale. A column that is
 * constant but for rounding gets 0. */
static smr_status set_scales(smr_logistic *problem, const double *squares) {
  for (int64_t j = 0; j < problem->p; ++j) {
    const double deviation = sqrt(squares[j] / (double)problem->n);
    const double rounding = 64 * 2.3e-16 * fabs(problem->mean[j]);
    if (!isfinite(deviation)) {
      SMR_FAIL(SMR_ERR_NUMERIC, "the squares of feature %" PRId64 " are too large for a double", j);
    }
    problem->scale[j] = deviation > rounding ? deviation : 0;
    problem->weight[j] = problem->config.standardize || problem->scale[j] == 0
                             ? 1
                             : 1 / (problem->scale[j] * problem->scale[j]);
    if (!isfinite(problem->weight[j])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "the squares of feature %" PRId64 " are too small for a double", j);
    }
  }
  return SMR_OK;
}

static void scale_block(const smr_logistic *problem, int64_t block) {
  double *x = get_block(problem, block);
  const int64_t count = count_rows(problem, block);
  for (int64_t j = 0; j < problem->p; ++j) {
    const double factor = problem->scale[j] > 0 ? 1 / problem->scale[j] : 0;
    for (int64_t i = 0; i < count; ++i) {
      x[j * LD + i] = (x[j * LD + i] - problem->mean[j]) * factor;
    }
  }
  if (problem->config.intercept) {
    for (int64_t i = 0; i < count; ++i) {
      x[problem->p * LD + i] = 1;
    }
  }
}

smr_status smr_logistic_read_rows(smr_logistic *problem, const smr_row_source *source) {
  read_work work = {problem, source};
  double *sums = problem->sums;
  smr_reduce_tree tree = {.n_shards = problem->n_blocks,
                          .value_bytes = (size_t)(problem->p + 1) * sizeof(double),
                          .self = &work,
                          .leaf = read_leaf,
                          .combine = add_sums};
  SMR_TRY(smr_reduce_run(problem->context, &tree, sums));
  const double n_positive = sums[problem->p];
  problem->is_one_class =
      problem->config.intercept && (n_positive == 0 || n_positive == (double)problem->n);
  problem->is_positive = n_positive > 0;
  for (int64_t j = 0; j < problem->p; ++j) {
    problem->mean[j] = problem->config.intercept ? sums[j] / (double)problem->n : 0;
  }
  tree.leaf = square_leaf;
  SMR_TRY(smr_reduce_run(problem->context, &tree, sums));
  /* The same numbers on every rank, so the same status. */
  SMR_TRY(set_scales(problem, sums));
#pragma omp parallel for schedule(static) if (problem->n_local > 1)
  for (int64_t k = 0; k < problem->n_local; ++k) {
    scale_block(problem, problem->first_block + k);
  }
  return SMR_OK;
}
