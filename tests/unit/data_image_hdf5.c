/* Images in HDF5 files: types, shapes, and what is said of wrong ones. */
#include "data_images.h"
#include "simmer/store/array.h"

enum { N = 5, H = 2, W = 3, D = H * W };

static const smr_image_config defaults = {.source = SMR_IMAGES_HDF5,
                                          .file = "t.h5",
                                          .test_file = "",
                                          .x_name = "images",
                                          .y_name = "labels",
                                          .count = -1,
                                          .test_count = -1,
                                          .binarize = SMR_BINARIZE_NONE};

/* Images of `type` as [N x H x W], or [N x D] when is_flat, and n_labels labels. */
static void write_file(const char *name, smr_array_type type, bool is_flat, void *x,
                       int64_t n_labels, int32_t *labels) {
  char path[SMR_PATH_BYTES];
  smr_array arrays[] = {
      {.name = "images",
       .type = type,
       .n_dimensions = is_flat ? 2 : 3,
       .shape = {N, is_flat ? D : H, W},
       .data = x},
      {.name = "labels", .type = SMR_I32, .n_dimensions = 1, .shape = {n_labels}, .data = labels}};
  assert_ok(smr_file_join(path, scratch, name));
  assert_ok(smr_arrays_write(path, 2, arrays, 0, NULL));
}

static void check_content(const smr_image_config *config, int64_t height, const uint8_t *expected) {
  smr_images *images = NULL;
  uint8_t pixels[N * D], labels[N];
  const int64_t rows[N] = {0, 1, 2, 3, 4};
  assert_ok(smr_images_open(test_world, config, scratch, &images));
  const smr_image_shape shape = smr_images_get_shape(images);
  assert_true(shape.n_train == N && shape.n_pixels == D && shape.height == height);
  assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, N, rows, pixels, labels));
  assert_memory_equal(pixels, expected, sizeof pixels);
  for (int i = 0; i < N; i++) {
    assert_int_equal(labels[i], config->y_name[0] == '\0' ? 255 : 3 * i);
  }
  smr_images_close(&images);
}

static void test_types(void **state) {
  (void)state;
  int32_t labels[N] = {0, 3, 6, 9, 12};
  uint8_t bytes[N * D], bits[N * D], on[N * D];
  int64_t whole[N * D];
  float fractions[N * D];
  double doubles[N * D];
  for (int i = 0; i < N * D; i++) {
    bytes[i] = (uint8_t)(i * 8);
    whole[i] = bytes[i];
    fractions[i] = (float)bytes[i] / 255.0F;
    doubles[i] = bytes[i] / 255.0;
    bits[i] = i % 3 == 0;
    on[i] = i % 3 == 0 ? 255 : 0;
  }
  smr_image_config config = defaults;
  write_file("t.h5", SMR_U8, false, bytes, N, labels);
  check_content(&config, H, bytes);
  write_file("t.h5", SMR_I64, true, whole, N, labels);
  check_content(&config, 1, bytes);
  write_file("t.h5", SMR_F32, true, fractions, N, labels);
  check_content(&config, 1, bytes);
  write_file("t.h5", SMR_F64, false, doubles, N, labels);
  check_content(&config, H, bytes);
  write_file("t.h5", SMR_U8, false, bits, N, labels);
  config.y_name = "";
  check_content(&config, H, on);
}

static void test_test_rows(void **state) {
  (void)state;
  int32_t labels[N] = {1, 2, 3, 4, 5};
  uint8_t x[N * D] = {7}, y[N * D] = {9}, pixels[D], label = 0;
  smr_image_config config = defaults;
  smr_images *images = NULL;
  const int64_t row = 0;
  config.count = 2;
  config.test_file = "u.h5";
  write_file("t.h5", SMR_U8, false, x, N, labels);
  write_file("u.h5", SMR_U8, false, y, N, labels);
  assert_ok(smr_images_open(test_world, &config, scratch, &images));
  assert_int_equal(smr_images_count(images, SMR_STREAM_TRAIN), 2);
  assert_int_equal(smr_images_count(images, SMR_STREAM_TEST), N);
  assert_ok(smr_images_read_bytes(images, SMR_STREAM_TEST, 1, &row, pixels, &label));
  assert_true(pixels[0] == 9 && label == 1);
  smr_images_close(&images);
  write_file("u.h5", SMR_U8, true, y, N, labels);
  smr_image_shape shape = {0};
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "of 2 x 3 pixels");
}

static void check_open(const smr_image_config *config, smr_status expected, const char *part) {
  smr_images *images = NULL;
  assert_fails(smr_images_open(test_world, config, scratch, &images), expected, part);
}

static void test_mistakes(void **state) {
  (void)state;
  int32_t labels[N] = {0, 1, 2, 3, 400};
  int64_t whole[N * D] = {0, 256};
  float x[N * D] = {0.0F, 1.5F};
  smr_image_config config = defaults;
  write_file("t.h5", SMR_F32, false, x, N - 1, labels);
  check_open(&config, SMR_ERR_INPUT, "list of 5 numbers");
  config.y_name = "";
  check_open(&config, SMR_ERR_INPUT, "holds 1.5");
  x[1] = NAN;
  write_file("t.h5", SMR_F32, false, x, N, labels);
  check_open(&config, SMR_ERR_INPUT, "holds nan");
  write_file("t.h5", SMR_I64, false, whole, N, labels);
  check_open(&config, SMR_ERR_CORRUPT, "images");
  x[1] = 0.0F;
  write_file("t.h5", SMR_F32, false, x, N, labels);
  config.y_name = "labels";
  check_open(&config, SMR_ERR_CORRUPT, "labels");
  config.y_name = "";
  config.count = N + 1;
  check_open(&config, SMR_ERR_INPUT, "has 5 images");
  config.count = 0;
  check_open(&config, SMR_ERR_INPUT, "no images");
  config.count = -1;
  config.x_name = "labels";
  check_open(&config, SMR_ERR_INPUT, "rows x pixels");
  config.x_name = "";
  check_open(&config, SMR_ERR_INPUT, "not given");
  config.x_name = "pictures";
  check_open(&config, SMR_ERR_INPUT, "pictures");
  config.file = "nothing.h5";
  check_open(&config, SMR_ERR_MISSING, "nothing.h5");
}

IMAGE_TEST_MAIN(cmocka_unit_test(test_types), cmocka_unit_test(test_test_rows),
                cmocka_unit_test(test_mistakes))
