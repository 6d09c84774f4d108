/* Letters: as in test_rows.h; B = rows of a block, S* = S filled up to whole column blocks. */
#include "test_rows.h"

#include <omp.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

/* Columns of a block lie LD apart: a power of two would make all of them compete for the same lines
 * of the cache. */
enum { BLOCK = 512, LD = BLOCK + 8 };

/* Workspace of one thread. */
typedef struct {
  double *x;         /* [B x P] */
  double *raw, *y;   /* [B] targets as read, and for one N_f */
  double *predicted; /* [B x S*] */
} test_thread;

typedef struct {
  const smr_test_rows *rows;
  int64_t n_test, n_threads;
  test_thread *threads;
} test_pass;

/* Value of a shard = [F][2][S]. */
static int64_t count_values(const smr_test_rows *rows) {
  return rows->features->n * SMR_TEST_SUMS * rows->n_scored;
}

static void score(const smr_test_rows *rows, int64_t f, int64_t count, const test_thread *thread,
                  double *value) {
  const double *offsets = rows->offsets + f * rows->n_columns;
  double *out = value + f * SMR_TEST_SUMS * rows->n_scored;
  for (int64_t l = 0; l < rows->n_scored; ++l) {
    double sums[SMR_TEST_SUMS] = {0};
    rows->score(count, thread->y, thread->predicted + l * LD, offsets[l], sums);
    out[l] = sums[0];
    out[rows->n_scored + l] = sums[1];
  }
}

static smr_status leaf(void *self, int thread, int64_t shard, void *value) {
  const test_pass *pass = self;
  const smr_test_rows *rows = pass->rows;
  const test_thread *work = &pass->threads[thread];
  const int64_t first = shard * BLOCK;
  const int64_t count = smr_int_min(BLOCK, pass->n_test - first);
  SMR_TRY(smr_sample_read(rows->sample, true, first, count, rows->n_max, work->x, LD, work->raw));
  for (int64_t f = 0; f < rows->features->n; ++f) {
    memcpy(work->y, work->raw, (size_t)count * sizeof *work->y);
    if (rows->make_targets != NULL) {
      rows->make_targets(rows->self, f, first, count, work->x, LD, work->y);
    }
    SMR_TRY(smr_kernel_multiply(count, smr_kernel_pad(rows->n_scored), rows->features->values[f],
                                work->x, LD, rows->weights + f * rows->n_max * rows->n_columns,
                                rows->n_max, work->predicted, LD));
    score(rows, f, count, work, value);
  }
  return SMR_OK;
}

static smr_status combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const test_pass *pass = self;
  const int64_t n = count_values(pass->rows);
  double *a = left;
  const double *b = right;
  for (int64_t i = 0; i < n; ++i) {
    a[i] += b[i];
  }
  return SMR_OK;
}

static smr_status allocate(test_pass *pass, double **sums) {
  const smr_test_rows *rows = pass->rows;
  const char *what = "test rows";
  SMR_TRY(smr_memory_alloc(count_values(rows), sizeof **sums, what, sums));
  SMR_TRY(smr_memory_alloc(pass->n_threads, sizeof *pass->threads, what, &pass->threads));
  for (int64_t i = 0; i < pass->n_threads; ++i) {
    test_thread *thread = &pass->threads[i];
    SMR_TRY(smr_memory_alloc(LD * rows->n_max, sizeof(double), what, &thread->x));
    SMR_TRY(smr_memory_alloc(BLOCK, sizeof(double), what, &thread->raw));
    SMR_TRY(smr_memory_alloc(BLOCK, sizeof(double), what, &thread->y));
    SMR_TRY(smr_memory_alloc(LD * smr_kernel_pad(rows->n_scored), sizeof(double), what,
                             &thread->predicted));
  }
  return SMR_OK;
}

static void clear(test_pass *pass) {
  for (int64_t i = 0; pass->threads != NULL && i < pass->n_threads; ++i) {
    smr_memory_free(pass->threads[i].x);
    smr_memory_free(pass->threads[i].raw);
    smr_memory_free(pass->threads[i].y);
    smr_memory_free(pass->threads[i].predicted);
  }
  smr_memory_free(pass->threads);
}

smr_status smr_test_rows_run(const smr_test_rows *rows, double **sums) {
  test_pass pass = {.rows = rows,
                    .n_test = smr_sample_count_test(rows->sample),
                    .n_threads = omp_get_max_threads()};
  const smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(pass.n_test, BLOCK),
                                .value_bytes = (size_t)count_values(rows) * sizeof(double),
                                .self = &pass,
                                .leaf = leaf,
                                .combine = combine};
  smr_status status = SMR_OK;
  *sums = NULL;
  if (pass.n_test == 0) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(rows->group, allocate(&pass, sums)));
  SMR_TRY_DONE(smr_reduce_run(rows->group, &tree, *sums));
done:
  clear(&pass);
  if (status != SMR_OK) {
    smr_memory_free(*sums);
    *sums = NULL;
  }
  return status;
}
