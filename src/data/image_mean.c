/* The mean of every pixel: whole numbers are summed, so any order gives the same bits. D = pixels
 * of an image. */
#include <omp.h>

#include "image_source.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

enum { MEAN_ROWS = 60000, BLOCK_ROWS = 256 };

typedef struct {
  const smr_images *images;
  int64_t n_rows;
  float *rows; /* [threads x D] */
} averaging;

/* Sums of 255 times the values, which are whole. */
static smr_status add_block(void *self, int thread, int64_t shard, void *value) {
  const averaging *a = self;
  int64_t *sums = value;
  const int64_t n_pixels = a->images->shape.n_pixels;
  float *row = a->rows + thread * n_pixels;
  const int64_t end = smr_int_min(a->n_rows, (shard + 1) * BLOCK_ROWS);
  for (int64_t r = shard * BLOCK_ROWS; r < end; r++) {
    SMR_TRY(smr_images_read(a->images, SMR_STREAM_TRAIN, 1, &r, 0, row));
    for (int64_t p = 0; p < n_pixels; p++) {
      sums[p] += (int64_t)(row[p] * 255.0F + 0.5F);
    }
  }
  return SMR_OK;
}

static smr_status add_sums(void *self, int thread, void *left, void *right) {
  const averaging *a = self;
  int64_t *sums = left;
  const int64_t *more = right;
  (void)thread;
  for (int64_t p = 0; p < a->images->shape.n_pixels; p++) {
    sums[p] += more[p];
  }
  return SMR_OK;
}

smr_status smr_images_get_mean(const smr_context *context, const smr_images *images, double *mean) {
  averaging a = {.images = images, .n_rows = smr_int_min(MEAN_ROWS, images->shape.n_train)};
  const int64_t n_pixels = images->shape.n_pixels;
  int64_t *sums = NULL;
  smr_status status = smr_memory_alloc(n_pixels, sizeof *sums, "sums of pixels", &sums);
  if (status == SMR_OK) {
    status = smr_memory_alloc(n_pixels * omp_get_max_threads(), sizeof *a.rows, "rows of images",
                              &a.rows);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  const smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(a.n_rows, BLOCK_ROWS),
                                .value_bytes = (size_t)n_pixels * sizeof *sums,
                                .self = &a,
                                .leaf = add_block,
                                .combine = add_sums};
  SMR_TRY_DONE(smr_reduce_run(context, &tree, sums));
  for (int64_t p = 0; p < n_pixels; p++) {
    mean[p] = a.n_rows == 0 ? 0.0 : (double)sums[p] / (255.0 * (double)a.n_rows);
  }
done:
  smr_memory_free(sums);
  smr_memory_free(a.rows);
  return status;
}
