/* What the teacher and the problems share: rows are made one at a time, each by itself, so that a
 * row is the same whatever range is read. */
#include "generator.h"

#include <math.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* Rows made at a time; fewer when they are wide, to stay in the cache. */
enum { BLOCK_ROWS = 32, FEW_ROWS = 8, WIDE = 1024 };

smr_random_key smr_generator_get_key(const smr_sample *sample, const char *purpose, bool is_test) {
  return (smr_random_key){sample->config.seed,
                          smr_random_stream(purpose, (uint64_t)sample->replicate, is_test ? 1 : 0)};
}

double smr_generator_norm(int64_t n, const double *v) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += v[i] * v[i];
  }
  return sqrt(sum);
}

/* Four sums side by side, always in this order: the compiler may not reorder a single one. */
double smr_generator_dot(int64_t n, const double *a, const double *b) {
  double sum[4] = {0.0};
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    for (int q = 0; q < 4; q++) {
      sum[q] += a[j + q] * b[j + q];
    }
  }
  for (; j < n; j++) {
    sum[0] += a[j] * b[j];
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

int64_t smr_generator_get_position(const smr_sample *sample, bool is_test, int64_t row) {
  return is_test && sample->n_train > 0 ? row % sample->n_train : row;
}

smr_status smr_generator_create(smr_sample *sample) {
  if (sample->config.test_instances < 0) {
    SMR_FAIL(SMR_ERR_INPUT, "a %s has no rows left out: set data.test_instances to 0 or more",
             sample->dataset->ops->name);
  }
  sample->n_test = sample->config.test_instances;
  for (int i = 0; i < 2; i++) {
    sample->x_key[i] = smr_generator_get_key(sample, "teacher.x", i == 1);
  }
  for (int64_t j = 0; j < sample->n_features; j++) {
    sample->columns[j] = j;
  }
  return SMR_OK;
}

void smr_generator_get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest) {
  *norm_of_rest = 0.0;
  for (int64_t j = 0; j < k; j++) {
    w[j] = j < sample->n_signal ? sample->truth[j] : 0.0;
  }
  if (sample->n_signal > k) {
    *norm_of_rest = smr_generator_norm(sample->n_signal - k, sample->truth + k);
  }
}

smr_status smr_generator_read(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                              int64_t n_features, double *x, int64_t ld, double *y) {
  const int64_t width = smr_int_max(sample->n_signal, n_features);
  const int64_t length = smr_int_max(width, sample->n_design);
  const int64_t block = smr_int_min(count, length < WIDE ? (int64_t)BLOCK_ROWS : (int64_t)FEW_ROWS);
  const double *rows[BLOCK_ROWS];
  double *values = NULL;
  SMR_TRY(smr_memory_alloc((block + 1) * length, sizeof *values, "rows of a generator", &values));
  double *work = values + block * length;
  smr_noise_make(sample, is_test, first, count, y);
  for (int64_t i = 0; i < count; i += block) {
    const int64_t n = smr_int_min(block, count - i);
    for (int64_t j = 0; j < n; j++) {
      double *row = values + j * length;
      sample->dataset->ops->make_row(sample, is_test, first + i + j, width, row, work);
      y[i + j] += smr_generator_dot(sample->n_signal, row, sample->truth);
      rows[j] = row;
    }
    smr_gather(n, rows, n_features, sample->columns, x == NULL ? NULL : x + i, ld);
  }
  smr_memory_free(values);
  return SMR_OK;
}
