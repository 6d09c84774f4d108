/* Built-in digits: addressed by number, ten classes alike often, and digits to a simple reader. */
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

enum { D = 784, CLASSES = 10, TRAIN = 6000, TEST = 1000 };

static const smr_image_config defaults = {.source = SMR_IMAGES_DIGITS,
                                          .first = 10000,
                                          .count = -1,
                                          .test_count = -1,
                                          .binarize = SMR_BINARIZE_NONE,
                                          .seed = 1};

static smr_images *open_digits(const smr_image_config *config) {
  smr_images *out = NULL;
  assert_ok(smr_images_open(test_world, config, NULL, &out));
  return out;
}

static void test_shape(void **state) {
  (void)state;
  smr_image_shape shape = {0};
  smr_image_config config = defaults;
  assert_ok(smr_images_inspect(&config, NULL, &shape));
  assert_true(shape.n_train == 60000 && shape.n_test == 10000 && shape.n_valid == 0);
  assert_true(shape.height == 28 && shape.width == 28 && shape.is_generated && shape.has_labels);
  assert_true(shape.shared_bytes < 16 << 20);
  config.count = 3000000000;
  config.test_count = 7;
  config.holdout = 0.25;
  assert_ok(smr_images_inspect(&config, NULL, &shape));
  assert_true(shape.n_train == 2250000000 && shape.n_valid == 750000000 && shape.n_test == 7);
  config.first = -1;
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "from number -1 on");
  config.first = 1000000000001 - 3000000000; /* one more than there are before the test images */
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "to 999999999999");
  config.first = INT64_MAX;
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "digits makes numbers 0");
}

/* A row is the image of its number, whatever was read before and with it, and whatever the seed. */
static void test_numbers(void **state) {
  (void)state;
  static uint8_t row_pixels[3 * D], pixels[20 * D], other[D];
  uint8_t row_labels[3], labels[20];
  const int64_t rows[] = {12, 3, 19};
  smr_image_config config = defaults;
  smr_images *digits = open_digits(&config);
  assert_ok(smr_images_generate(digits, 10000, 20, pixels, labels));
  assert_ok(smr_images_read_bytes(digits, SMR_STREAM_TRAIN, 3, rows, row_pixels, row_labels));
  for (int i = 0; i < 3; i++) {
    assert_memory_equal(row_pixels + (ptrdiff_t)i * D, pixels + rows[i] * D, D);
    assert_int_equal(row_labels[i], labels[rows[i]]);
  }
  assert_ok(smr_images_generate(digits, 1000000000000, 1, pixels, NULL));
  assert_ok(smr_images_read_bytes(digits, SMR_STREAM_TEST, 1, (int64_t[]){0}, other, NULL));
  assert_memory_equal(other, pixels, D);
  smr_images_close(&digits);
  config.seed = 99;
  config.first = 10012;
  digits = open_digits(&config);
  assert_ok(smr_images_read_bytes(digits, SMR_STREAM_TRAIN, 1, (int64_t[]){0}, other, NULL));
  assert_memory_equal(other, row_pixels, D);
  assert_fails(smr_images_generate(digits, -1, 1, pixels, NULL), SMR_ERR_INPUT, "no images -1");
  assert_fails(smr_images_generate(digits, INT64_MAX, 1, pixels, NULL), SMR_ERR_INPUT, "no images");
  smr_images_close(&digits);
}

/* Images stay clear of the border, are neither empty nor full, and differ. */
static void test_looks(void **state) {
  (void)state;
  static uint8_t pixels[2000 * D];
  uint8_t labels[2000];
  int counts[CLASSES] = {0};
  smr_images *digits = open_digits(&defaults);
  assert_ok(smr_images_generate(digits, 0, 2000, pixels, labels));
  for (int i = 0; i < 2000; i++) {
    int64_t ink = 0, border = 0;
    for (int p = 0; p < D; p++) {
      const uint8_t v = pixels[i * D + p];
      ink += v;
      border += p < 28 || p >= D - 28 || p % 28 == 0 || p % 28 == 27 ? v : 0;
    }
    assert_true(ink > 255 * 15 && ink < 255 * 260);
    assert_true(border < 255 * 12);
    assert_true(i == 0 || memcmp(pixels + i * D, pixels + (i - 1) * D, D) != 0);
    counts[labels[i]]++;
  }
  /* 200 of each: standard error sqrt(2000 x .1 x .9) = 13.4; 5 of them. */
  for (int c = 0; c < CLASSES; c++) {
    assert_close(counts[c], 200.0, 0.0, 67.0);
  }
  smr_images_close(&digits);
}

static int64_t get_distance(const uint8_t *a, const uint8_t *b) {
  int64_t sum = 0;
  for (int p = 0; p < D; p++) {
    sum += (a[p] - b[p]) * (a[p] - b[p]);
  }
  return sum;
}

/* The nearest of 6000 training images reads test digits of unseen hands, as it does MNIST's (97 %
 * with 60000 images, about 92 % with 6000): images that weren't digits, or had wrong labels, could
 * not. */
static void test_readable(void **state) {
  (void)state;
  uint8_t *train = NULL, *test = NULL;
  uint8_t train_labels[TRAIN], test_labels[TEST];
  int64_t rows[TRAIN];
  for (int64_t i = 0; i < TRAIN; i++) {
    rows[i] = i;
  }
  assert_ok(smr_memory_alloc(TRAIN * D, 1, "images", &train));
  assert_ok(smr_memory_alloc(TEST * D, 1, "images", &test));
  smr_images *digits = open_digits(&defaults);
  assert_ok(smr_images_read_bytes(digits, SMR_STREAM_TRAIN, TRAIN, rows, train, train_labels));
  assert_ok(smr_images_read_bytes(digits, SMR_STREAM_TEST, TEST, rows, test, test_labels));
  int n_right = 0;
  for (int i = 0; i < TEST / 5; i++) {
    int64_t nearest = INT64_MAX;
    int label = -1;
    for (int j = 0; j < TRAIN; j++) {
      const int64_t d = get_distance(test + (ptrdiff_t)i * D, train + (ptrdiff_t)j * D);
      label = d < nearest ? train_labels[j] : label;
      nearest = d < nearest ? d : nearest;
    }
    n_right += label == test_labels[i];
  }
  print_message("%d of %d test digits are read by their nearest neighbour\n", n_right, TEST / 5);
  assert_true(n_right >= TEST / 5 * 9 / 10);
  smr_memory_free(train);
  smr_memory_free(test);
  smr_images_close(&digits);
}

MPI_TEST_MAIN(cmocka_unit_test(test_shape), cmocka_unit_test(test_numbers),
              cmocka_unit_test(test_looks), cmocka_unit_test(test_readable))
