/* Rows of `simmer bench` about generated images. */
#include "bench.h"
#include "simmer/base/clock.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

enum { IMAGES = 4096, BATCH = 64, TURNS = 15, PIXELS = 784 };

/* Every rank reads images of its own, deformed and turned to floats, as a training does. */
static smr_status read_all(const smr_context *world, const smr_images *images, float *pixels) {
  int64_t rows[BATCH];
  for (int64_t first = 0; first < IMAGES; first += BATCH) {
    for (int64_t i = 0; i < BATCH; ++i) {
      rows[i] = (int64_t)world->rank * IMAGES + first + i;
    }
    SMR_TRY(smr_images_read(images, SMR_STREAM_TRAIN, BATCH, rows, 0, pixels));
  }
  return SMR_OK;
}

smr_status smr_bench_images(bench_work *bench) {
  const smr_context *world = bench->world;
  const smr_image_config config = {.source = SMR_IMAGES_DIGITS,
                                   .count = (int64_t)IMAGES * world->size,
                                   .test_count = 0,
                                   .binarize = SMR_BINARIZE_NONE,
                                   .seed = 1};
  smr_images *images = NULL;
  float *pixels = NULL;
  double seconds[TURNS];
  smr_status status = SMR_OK;
  if (!smr_bench_is_wanted(bench, "rbm_images")) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_images_open(world, &config, "", &images));
  SMR_TRY_DONE(smr_agree(
      world, smr_memory_alloc((int64_t)BATCH * PIXELS, sizeof *pixels, "images", &pixels)));
  for (int turn = 0; turn < TURNS; ++turn) {
    smr_barrier(world);
    double start = smr_clock_monotonic_s();
    SMR_TRY_DONE(smr_agree(world, read_all(world, images, pixels)));
    seconds[turn] = (smr_clock_monotonic_s() - start) / ((double)IMAGES * world->size);
  }
  double median = smr_clock_median(TURNS, seconds);
  /* Nothing is faster than writing the floats. */
  smr_bench_print(bench,
                  &(bench_row){"rbm_images", "image/s",
                               "deformed digits, against writing 784 floats each", 1 / median,
                               bench->copy_limit / (2 * PIXELS * sizeof(float)), median});
done:
  smr_memory_free(pixels);
  smr_images_close(&images);
  return status;
}
