/* A replicate's rows and columns of a file: two random permutations. The first n_train rows train,
 * so that training sets of one replicate are nested. The rows that follow test; when these are all
 * that is left, their order is the file's, which saves drawing it and reads memory in order. */
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "source.h"

enum { BLOCK_ROWS = 256 }; /* row addresses kept at a time */

static smr_status count_test(smr_sample *sample) {
  const int64_t n_rows = sample->dataset->shape.n_rows;
  const int64_t limit = sample->config.test_instances;
  if (sample->n_train > n_rows) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld training instances are asked for, but the data has %lld rows",
             (long long)sample->n_train, (long long)n_rows);
  }
  sample->n_test = n_rows - sample->n_train;
  if (sample->n_test == 0 && limit != 0) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%lld training instances are all rows of the data: none is left to test on (set "
             "data.test_instances to 0 to go without)",
             (long long)sample->n_train);
  }
  if (limit >= 0) {
    sample->n_test = smr_int_min(sample->n_test, limit);
  }
  return SMR_OK;
}

/* The rows that aren't among the first n_train of rows [n_rows] follow them, in ascending order.
 * work[n_rows] holds scratch. */
static void append_rest(int64_t n_rows, int64_t n_train, int64_t *rows, int64_t *work) {
  for (int64_t i = 0; i < n_rows; i++) {
    work[i] = 1;
  }
  for (int64_t i = 0; i < n_train; i++) {
    work[rows[i]] = 0;
  }
  int64_t at = n_train;
  for (int64_t i = 0; at < n_rows; i++) {
    rows[at] = i; /* Stays only when the row is left. */
    at += work[i];
  }
}

static void draw_rows(smr_sample *sample, int64_t *work) {
  const smr_random_key key = {sample->config.seed,
                              smr_random_stream("data.rows", (uint64_t)sample->replicate, 0)};
  const int64_t n_rows = sample->dataset->shape.n_rows;
  const int64_t n_used = sample->n_train + sample->n_test;
  if (n_used < n_rows) {
    smr_random_permutation(key, 0, n_rows, n_used, sample->rows, work);
    return;
  }
  smr_random_permutation(key, 0, n_rows, sample->n_train, sample->rows, work);
  append_rest(n_rows, sample->n_train, sample->rows, work);
}

smr_status smr_table_sample_create(smr_sample *sample) {
  const smr_data_shape *shape = &sample->dataset->shape;
  const smr_random_key column_key = {
      sample->config.seed, smr_random_stream("data.columns", (uint64_t)sample->replicate, 0)};
  int64_t *work = NULL;
  SMR_TRY(count_test(sample));
  SMR_TRY(smr_memory_alloc(sample->n_train + sample->n_test, sizeof *sample->rows, "row numbers",
                           &sample->rows));
  SMR_TRY(smr_memory_alloc(smr_int_max(shape->n_rows, shape->n_features), sizeof *work,
                           "row numbers", &work));
  draw_rows(sample, work);
  smr_random_permutation(column_key, 0, shape->n_features, sample->n_features, sample->columns,
                         work);
  smr_memory_free(work);
  return SMR_OK;
}

smr_status smr_table_sample_read(const smr_sample *sample, bool is_test, int64_t first,
                                 int64_t count, int64_t n_features, double *x, int64_t ld,
                                 double *y) {
  const smr_table *table = &sample->dataset->table;
  const int64_t *numbers = sample->rows + (is_test ? sample->n_train : 0) + first;
  const double *rows[BLOCK_ROWS];
  for (int64_t i = 0; i < count; i += BLOCK_ROWS) {
    const int64_t n = smr_int_min(BLOCK_ROWS, count - i);
    for (int64_t j = 0; j < n; j++) {
      rows[j] = table->x + numbers[i + j] * table->n_features;
      y[i + j] = table->y[numbers[i + j]];
    }
    smr_gather(n, rows, n_features, sample->columns, x == NULL ? NULL : x + i, ld);
  }
  return SMR_OK;
}
