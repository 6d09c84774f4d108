/* Free energies of rows of data: shards of rows over ranks and threads, summed in a fixed tree.
 *
 * V: visible units, H: hidden units. */
#include <math.h>
#include <omp.h>

#include "partition.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

enum { SHARD_ROWS = 128 };

typedef struct {
  const smr_rbm *rbm;
  const smr_images *images;
  smr_stream stream;
  int64_t n_rows;
  float *v;    /* [threads x SHARD_ROWS x V] */
  float *work; /* [threads x SHARD_ROWS x H] */
} row_work;

/* Number, mean and sum of squared deviations. */
typedef struct {
  double n, mean, squares;
} moments;

static smr_status measure_shard(void *self, int thread, int64_t shard, void *value) {
  const row_work *all = self;
  moments *out = value;
  const int64_t first = shard * SHARD_ROWS;
  const int64_t n = smr_int_min(SHARD_ROWS, all->n_rows - first);
  float *v = all->v + thread * SHARD_ROWS * all->rbm->n_visible;
  int64_t rows[SHARD_ROWS];
  double f[SHARD_ROWS];
  for (int64_t i = 0; i < n; ++i) {
    rows[i] = first + i;
  }
  SMR_TRY(smr_images_read(all->images, all->stream, n, rows, 0, v));
  SMR_TRY(
      smr_rbm_free_energy(all->rbm, n, v, all->work + thread * SHARD_ROWS * all->rbm->n_hidden, f));
  for (int64_t i = 0; i < n; ++i) {
    const double d = f[i] - out->mean;
    out->n += 1;
    out->mean += d / out->n;
    out->squares += d * (f[i] - out->mean);
  }
  return SMR_OK;
}

/* Chan, Golub & LeVeque 1983. */
static smr_status combine(void *self, int thread, void *left, void *right) {
  moments *a = left;
  const moments *b = right;
  const double n = a->n + b->n, d = b->mean - a->mean;
  (void)self;
  (void)thread;
  a->squares += b->squares + d * d * a->n * b->n / n;
  a->mean += d * b->n / n;
  a->n = n;
  return SMR_OK;
}

static smr_status allocate(row_work *all) {
  const int64_t n_rows = (int64_t)omp_get_max_threads() * SHARD_ROWS;
  SMR_TRY(smr_memory_alloc(n_rows * all->rbm->n_visible, sizeof(float), "rows of data", &all->v));
  return smr_memory_alloc(n_rows * all->rbm->n_hidden, sizeof(float), "rows of data", &all->work);
}

smr_status smr_partition_measure_rows(const smr_context *group, const smr_rbm *rbm,
                                      const smr_images *images, smr_stream stream, int64_t n_rows,
                                      double out[2]) {
  row_work all = {.rbm = rbm, .images = images, .stream = stream, .n_rows = n_rows};
  moments sum = {0};
  const smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(n_rows, SHARD_ROWS),
                                .value_bytes = sizeof sum,
                                .self = &all,
                                .leaf = measure_shard,
                                .combine = combine};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(group, allocate(&all)));
  SMR_TRY_DONE(smr_reduce_run(group, &tree, &sum));
  out[0] = sum.n > 0 ? sum.mean : (double)NAN;
  out[1] = sum.n > 1 ? sqrt(sum.squares / (sum.n - 1) / sum.n) : (double)NAN;
done:
  smr_memory_free(all.v);
  smr_memory_free(all.work);
  return status;
}
