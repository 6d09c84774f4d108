/* Images on several ranks: the same bits of reads and means everywhere, and the same errors. */
#include <stdlib.h>
#include <unistd.h>

#include "mpi_frame.h"
#include "simmer/base/file.h"
#include "simmer/base/hash.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

enum { MAX_PIXELS = 784 };

/* One of every source that needs no files. */
static const smr_image_config sources[] = {
    {.source = SMR_IMAGES_DIGITS,
     .first = 10000,
     .count = 1000,
     .test_count = 10,
     .holdout = 0.1,
     .binarize = SMR_BINARIZE_SAMPLE,
     .seed = 3},
    {.source = SMR_IMAGES_ISING,
     .count = 37,
     .test_count = 5,
     .side = 16,
     .coupling = 0.44,
     .sweeps = 10,
     .holdout = 0.2,
     .seed = 4},
    {.source = SMR_IMAGES_BARS, .count = -1, .test_count = -1, .side = 6, .is_inverted = true},
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

static uint32_t hash_rows(const smr_images *images, smr_stream stream) {
  float x[MAX_PIXELS];
  const int64_t n = smr_images_count(images, stream);
  const int64_t n_pixels = smr_images_get_shape(images).n_pixels;
  uint32_t crc = 0;
  for (int64_t r = 0; r < n; r++) {
    assert_ok(smr_images_read(images, stream, 1, &r, 4, x));
    crc = smr_crc32(crc, x, (size_t)n_pixels * sizeof *x);
  }
  return crc;
}

/* Alone on this rank, against all ranks together. */
static void check_source(const smr_image_config *config) {
  double mean[2][MAX_PIXELS] = {{0}};
  uint32_t rows[2][3] = {{0}};
  smr_context *self = NULL;
  int index = 0;
  assert_ok(smr_context_split(test_world, 1, &self, &index));
  for (int k = 0; k < 2; k++) {
    const smr_context *context = k == 0 ? self : test_world;
    smr_images *images = NULL;
    assert_ok(smr_images_open(context, config, NULL, &images));
    for (int s = 0; s < 3; s++) {
      rows[k][s] = hash_rows(images, (smr_stream)s);
    }
    assert_ok(smr_images_get_mean(context, images, mean[k]));
    smr_images_close(&images);
  }
  assert_on_all(memcmp(rows[0], rows[1], sizeof rows[0]) == 0);
  assert_on_all(memcmp(mean[0], mean[1], sizeof mean[0]) == 0);
  double root[MAX_PIXELS];
  memcpy(root, mean[1], sizeof root);
  smr_broadcast(test_world, 0, root, sizeof root);
  assert_on_all(memcmp(root, mean[1], sizeof root) == 0);
  smr_context_destroy(&self);
}

static void test_same_bits(void **state) {
  (void)state;
  for (int i = 0; i < N_SOURCES; i++) {
    check_source(&sources[i]);
  }
}

/* The mean against a plain loop. */
static void test_mean(void **state) {
  (void)state;
  smr_images *images = NULL;
  double mean[MAX_PIXELS], sums[MAX_PIXELS] = {0};
  assert_ok(smr_images_open(test_world, &sources[0], NULL, &images));
  assert_ok(smr_images_get_mean(test_world, images, mean));
  const int64_t n = smr_images_count(images, SMR_STREAM_TRAIN);
  for (int64_t r = 0; r < n; r++) {
    float x[MAX_PIXELS];
    assert_ok(smr_images_read(images, SMR_STREAM_TRAIN, 1, &r, 0, x));
    for (int p = 0; p < MAX_PIXELS; p++) {
      sums[p] += (double)x[p];
    }
  }
  int is_same = 1;
  for (int p = 0; p < MAX_PIXELS; p++) {
    is_same &= fabs(mean[p] - sums[p] / (double)n) < 1e-15;
  }
  assert_on_all(is_same);
  smr_images_close(&images);
}

static void check_fails(const smr_image_config *config, const char *folder, smr_status expected,
                        const char *part) {
  smr_images *images = NULL;
  const smr_status status = smr_images_open(test_world, config, folder, &images);
  assert_on_all(status == expected);
  assert_on_all(images == NULL);
  assert_on_all(strstr(smr_error_message(), part) != NULL);
}

/* Only the rank that reads sees these: all return them. */
static void test_errors(void **state) {
  (void)state;
  const smr_image_config config = {
      .source = SMR_IMAGES_IDX, .file = "no-such-images", .count = -1, .test_count = -1};
  check_fails(&config, "/tmp", SMR_ERR_INPUT, "no-such-images");
#if SIMMER_FAULTS
  setenv("SIMMER_FAULT", "images.open:0:1", 1);
  check_fails(&sources[0], NULL, SMR_ERR_IO, "fault images.open");
  unsetenv("SIMMER_FAULT");
#endif
}

MPI_TEST_MAIN(cmocka_unit_test(test_same_bits), cmocka_unit_test(test_mean),
              cmocka_unit_test(test_errors))
