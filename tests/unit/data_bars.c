/* Bars and stripes: every pattern once, and nothing else. */
#include "mpi_frame.h"
#include "simmer/data/images.h"

enum { MAX_SIDE = 32, MAX_PIXELS = MAX_SIDE * MAX_SIDE };

static smr_image_config get_config(int64_t side) {
  return (smr_image_config){.source = SMR_IMAGES_BARS,
                            .count = -1,
                            .test_count = -1,
                            .side = side,
                            .binarize = SMR_BINARIZE_SAMPLE};
}

/* Bits of an image, pixel 0 lowest; the side is at most 5. */
static uint32_t get_code(int64_t side, const uint8_t *pixels) {
  uint32_t code = 0;
  for (int64_t p = 0; p < side * side; p++) {
    assert_true(pixels[p] == 0 || pixels[p] == 255);
    code |= (uint32_t)(pixels[p] != 0) << p;
  }
  return code;
}

static int is_bars_or_stripes(int64_t side, const uint8_t *pixels) {
  int is_rows = 1, is_columns = 1;
  for (int64_t p = 0; p < side * side; p++) {
    is_rows &= pixels[p] == pixels[p / side * side];
    is_columns &= pixels[p] == pixels[p % side];
  }
  return is_rows | is_columns;
}

static void test_patterns(void **state) {
  (void)state;
  for (int64_t side = 1; side <= 5; side++) {
    uint32_t codes[62] = {0};
    const smr_image_config config = get_config(side);
    smr_images *images = NULL;
    assert_ok(smr_images_open(test_world, &config, NULL, &images));
    const smr_image_shape shape = smr_images_get_shape(images);
    assert_int_equal(shape.n_train, (1 << (side + 1)) - 2);
    assert_true(shape.n_test == 0 && shape.n_pixels == side * side && !shape.has_labels);
    for (int64_t r = 0; r < shape.n_train; r++) {
      uint8_t pixels[25], label = 0;
      float x[25];
      assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &r, pixels, &label));
      assert_ok(smr_images_read(images, SMR_STREAM_TRAIN, 1, &r, 1, x));
      assert_true(is_bars_or_stripes(side, pixels));
      assert_int_equal(label, 255);
      codes[r] = get_code(side, pixels);
      for (int64_t p = 0; p < side * side; p++) {
        assert_true(x[p] == (pixels[p] == 255 ? 1.0F : 0.0F));
      }
      for (int64_t before = 0; before < r; before++) {
        assert_true(codes[before] != codes[r]);
      }
    }
    smr_images_close(&images);
  }
}

/* By symmetry every pixel is on in half of the patterns. */
static void test_mean(void **state) {
  (void)state;
  double mean[16];
  const smr_image_config config = get_config(4);
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  assert_ok(smr_images_get_mean(test_world, images, mean));
  for (int p = 0; p < 16; p++) {
    assert_true(mean[p] == 0.5);
  }
  smr_images_close(&images);
}

static void test_limits(void **state) {
  (void)state;
  static uint8_t pixels[MAX_PIXELS];
  smr_image_shape shape = {0};
  smr_image_config config = get_config(MAX_SIDE);
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  const int64_t last = 8589934590 - 1;
  assert_int_equal(smr_images_count(images, SMR_STREAM_TRAIN), last + 1);
  assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &last, pixels, NULL));
  for (int p = 0; p < MAX_PIXELS; p++) {
    assert_int_equal(pixels[p], p % MAX_SIDE == 0 ? 0 : 255);
  }
  smr_images_close(&images);
  config = get_config(MAX_SIDE + 1);
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "side of 1 to 32");
  config = get_config(0);
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "side of 1 to 32");
  config = get_config(3);
  config.count = 15;
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "numbers 0 to 13");
  config.count = 10;
  config.test_count = 5;
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "only 14");
  config.test_count = 4;
  assert_ok(smr_images_inspect(&config, NULL, &shape));
  assert_true(shape.n_train == 10 && shape.n_test == 4);
}

MPI_TEST_MAIN(cmocka_unit_test(test_patterns), cmocka_unit_test(test_mean),
              cmocka_unit_test(test_limits))
