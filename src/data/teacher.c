/* The Gaussian teacher: X i.i.d. N(0,1), y = X w* + sigma xi.
 *
 * Element (i, j) is number j of row i's own stream, so that a row is the same whatever range is
 * read, and more features don't change earlier ones. */
#include <math.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "source.h"

/* Rows made at a time; fewer when they are wide, to stay in the cache. */
enum { BLOCK_ROWS = 32, FEW_ROWS = 8, WIDE = 1024 };

static smr_random_key get_key(const smr_sample *sample, const char *purpose, bool is_test) {
  return (smr_random_key){sample->config.seed,
                          smr_random_stream(purpose, (uint64_t)sample->replicate, is_test ? 1 : 0)};
}

static double get_norm(int64_t n, const double *v) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += v[i] * v[i];
  }
  return sqrt(sum);
}

/* r g / ||g|| of the first n components of this replicate's Gaussian vector. */
static void make_truth(const smr_sample *sample, int64_t n, double *w) {
  smr_random_normal(get_key(sample, "teacher.truth", false), 0, 0, n, w);
  const double norm = get_norm(n, w);
  const double scale = norm > 0.0 ? sample->config.signal / norm : 0.0;
  for (int64_t i = 0; i < n; i++) {
    w[i] *= scale;
  }
}

static smr_status create_sample(smr_sample *sample) {
  const int64_t n_signal = sample->config.teacher_features;
  if (sample->config.test_instances < 0) {
    SMR_FAIL(SMR_ERR_INPUT, "a teacher has no rows left out: set data.test_instances to 0 or more");
  }
  sample->n_test = sample->config.test_instances;
  for (int64_t j = 0; j < sample->n_features; j++) {
    sample->columns[j] = j;
  }
  if (n_signal > 0) {
    SMR_TRY(smr_memory_alloc(n_signal, sizeof *sample->truth, "w*", &sample->truth));
    make_truth(sample, n_signal, sample->truth);
  }
  return SMR_OK;
}

static void get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest) {
  const int64_t n_signal = sample->config.teacher_features;
  *norm_of_rest = 0.0;
  if (n_signal < 0) {
    make_truth(sample, k, w);
    return;
  }
  for (int64_t j = 0; j < k; j++) {
    w[j] = j < n_signal ? sample->truth[j] : 0.0;
  }
  if (n_signal > k) {
    *norm_of_rest = get_norm(n_signal - k, sample->truth + k);
  }
}

/* Four sums side by side, always in this order: the compiler may not reorder a single one. */
static double dot(int64_t n, const double *a, const double *b) {
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

static smr_status read_rows(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                            int64_t n_features, double *x, int64_t ld, double *y) {
  const smr_random_key x_key = get_key(sample, "teacher.x", is_test);
  const smr_random_key noise_key = get_key(sample, "teacher.noise", is_test);
  const int64_t n_signal = smr_int_max(0, sample->config.teacher_features);
  const int64_t width = smr_int_max(n_signal, n_features);
  const int64_t block = smr_int_min(count, width < WIDE ? (int64_t)BLOCK_ROWS : (int64_t)FEW_ROWS);
  const double *rows[BLOCK_ROWS];
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(block * width, sizeof *values, "rows of a teacher", &values));
  for (int64_t i = 0; i < count; i += block) {
    const int64_t n = smr_int_min(block, count - i);
    for (int64_t j = 0; j < n; j++) {
      const uint64_t index = (uint64_t)(first + i + j);
      double *row = values + j * width;
      double noise = 0.0;
      smr_random_normal(x_key, index, 0, width, row);
      smr_random_normal(noise_key, index, 0, 1, &noise);
      y[i + j] = dot(n_signal, row, sample->truth) + sample->config.noise * noise;
      rows[j] = row;
    }
    smr_gather(n, rows, n_features, sample->columns, x == NULL ? NULL : x + i, ld);
  }
  smr_memory_free(values);
  return SMR_OK;
}

const smr_source_ops smr_source_teacher_ops = {
    .name = "teacher",
    .create_sample = create_sample,
    .read = read_rows,
    .get_truth = get_truth,
};
