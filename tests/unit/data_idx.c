/* IDX files: what is read, how it is binarized and split, and what is said of damaged files. */
#include "data_images.h"

enum { N = 250, H = 3, W = 4, D = H * W, HEADER = 16, LABEL_HEADER = 8 };

static uint8_t images[HEADER + N * D], labels[LABEL_HEADER + N];

static const smr_image_config defaults = {.source = SMR_IMAGES_IDX,
                                          .file = "images",
                                          .labels = "labels",
                                          .test_file = "",
                                          .test_labels = "",
                                          .count = -1,
                                          .test_count = -1,
                                          .binarize = SMR_BINARIZE_NONE,
                                          .seed = 5};

/* Pixel p of image i is a fixed number; 0 and 255 occur. */
static uint8_t get_pixel(int i, int p) {
  const int byte = (i * 37 + p * 11) % 256;
  return (uint8_t)(p == 0 ? 0 : p == 1 ? 255 : byte);
}

/* Headers spelled out byte by byte. */
static void make_files(void) {
  const uint8_t image_header[HEADER] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, H, 0, 0, 0, W};
  const uint8_t label_header[LABEL_HEADER] = {0, 0, 8, 1, 0, 0, 0, N};
  memcpy(images, image_header, HEADER);
  memcpy(labels, label_header, LABEL_HEADER);
  for (int i = 0; i < N; i++) {
    labels[LABEL_HEADER + i] = (uint8_t)(i % 10);
    for (int p = 0; p < D; p++) {
      images[HEADER + i * D + p] = get_pixel(i, p);
    }
  }
  write_scratch("images", images, sizeof images);
  write_scratch("labels", labels, sizeof labels);
}

static smr_status inspect(const smr_image_config *config, smr_image_shape *shape) {
  return smr_images_inspect(config, scratch, shape);
}

static smr_images *open_images(const smr_image_config *config) {
  smr_images *out = NULL;
  assert_ok(smr_images_open(test_world, config, scratch, &out));
  return out;
}

static void test_rows(void **state) {
  (void)state;
  smr_image_shape shape = {0};
  uint8_t pixels[2 * D], label[2];
  float x[2 * D];
  const int64_t rows[] = {249, 7};
  make_files();
  assert_ok(inspect(&defaults, &shape));
  assert_int_equal(shape.n_train, N);
  assert_int_equal(shape.n_valid + shape.n_test, 0);
  assert_int_equal(shape.height, H);
  assert_int_equal(shape.width, W);
  assert_int_equal(shape.n_pixels, D);
  assert_true(shape.has_labels && !shape.is_generated);
  assert_true(shape.shared_bytes >= N * (D + 1) && shape.shared_bytes < N * (D + 1) + 256);
  smr_images *opened = open_images(&defaults);
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TRAIN, 2, rows, pixels, label));
  assert_ok(smr_images_read(opened, SMR_STREAM_TRAIN, 2, rows, 0, x));
  for (int i = 0; i < 2; i++) {
    assert_int_equal(label[i], rows[i] % 10);
    for (int p = 0; p < D; p++) {
      assert_int_equal(pixels[i * D + p], get_pixel((int)rows[i], p));
      assert_true(x[i * D + p] == (float)get_pixel((int)rows[i], p) / 255.0F);
    }
  }
  const int64_t beyond = N, below = -1;
  assert_fails(smr_images_read(opened, SMR_STREAM_TRAIN, 1, &beyond, 0, x), SMR_ERR_INTERNAL,
               "250");
  assert_fails(smr_images_read(opened, SMR_STREAM_TRAIN, 1, &below, 0, x), SMR_ERR_INTERNAL, "-1");
  assert_fails(smr_images_read_bytes(opened, SMR_STREAM_TEST, 1, rows, pixels, NULL),
               SMR_ERR_INTERNAL, "stream of 0 rows");
  assert_fails(smr_images_generate(opened, 0, 1, pixels, NULL), SMR_ERR_INPUT, "makes no images");
  smr_images_close(&opened);
  assert_null(opened);
  smr_images_close(&opened);
}

static void test_binarize(void **state) {
  (void)state;
  float x[D];
  const int64_t row = 11;
  make_files();
  for (int inverted = 0; inverted < 2; inverted++) {
    smr_image_config config = defaults;
    config.is_inverted = inverted != 0;
    smr_images *plain = open_images(&config);
    config.binarize = SMR_BINARIZE_THRESHOLD;
    config.threshold = 200.0 / 255.0; /* the byte 200 is on */
    smr_images *threshold = open_images(&config);
    assert_ok(smr_images_read(plain, SMR_STREAM_TRAIN, 1, &row, 0, x));
    for (int p = 0; p < D; p++) {
      const int byte = inverted ? 255 - get_pixel(11, p) : get_pixel(11, p);
      assert_true(x[p] == (float)byte / 255.0F);
    }
    assert_ok(smr_images_read(threshold, SMR_STREAM_TRAIN, 1, &row, 0, x));
    for (int p = 0; p < D; p++) {
      const int byte = inverted ? 255 - get_pixel(11, p) : get_pixel(11, p);
      assert_true(x[p] == (byte >= 200 ? 1.0F : 0.0F));
    }
    smr_images_close(&plain);
    smr_images_close(&threshold);
  }
}

/* Drawn bits: mean p with standard error sqrt(p (1-p) / n); 5 of them are allowed. */
static void test_sample(void **state) {
  (void)state;
  enum { DRAWS = 20000 };
  smr_image_config config = defaults;
  config.binarize = SMR_BINARIZE_SAMPLE;
  make_files();
  smr_images *opened = open_images(&config);
  const int64_t rows[] = {4, 9, 4};
  float x[3 * D], again[D];
  double sums[D] = {0};
  int n_same = 0;
  for (uint64_t draw = 0; draw < DRAWS; draw++) {
    assert_ok(smr_images_read(opened, SMR_STREAM_TRAIN, 3, rows, draw, x));
    assert_memory_equal(x, x + 2 * D, sizeof again);
    for (int p = 0; p < D; p++) {
      assert_true(x[p] == 0.0F || x[p] == 1.0F);
      sums[p] += (double)x[p];
      n_same += p >= 2 && x[p] == x[D + p];
    }
    if (draw == 77) {
      memcpy(again, x, sizeof again);
    }
  }
  double same = 0.0, variance = 0.0;
  for (int p = 0; p < D; p++) {
    const double value = get_pixel(4, p) / 255.0, other = get_pixel(9, p) / 255.0;
    assert_close(sums[p] / DRAWS, value, 0.0, 5.0 * sqrt(value * (1.0 - value) / DRAWS));
    const double q = value * other + (1.0 - value) * (1.0 - other);
    same += p >= 2 ? q * DRAWS : 0.0;
    variance += p >= 2 ? q * (1.0 - q) * DRAWS : 0.0;
  }
  assert_close(n_same, same, 0.0, 5.0 * sqrt(variance)); /* rows are drawn independently */
  assert_ok(smr_images_read(opened, SMR_STREAM_TRAIN, 1, rows, 77, x));
  assert_memory_equal(x, again, sizeof again);
  smr_images_close(&opened);
}

/* Every row is in one stream, in order, and each 100 rows give the same number away. */
static void check_split(double holdout, int64_t count, int64_t n_valid) {
  int seen[N] = {0};
  int64_t last[2] = {-1, -1}, held_in_block[3] = {0};
  smr_image_config config = defaults;
  config.holdout = holdout;
  config.count = count;
  smr_image_shape shape = {0};
  assert_ok(inspect(&config, &shape));
  smr_images *opened = open_images(&config);
  assert_int_equal(shape.n_train + shape.n_valid, count);
  for (int s = 0; s < 2; s++) {
    const smr_stream stream = s == 0 ? SMR_STREAM_TRAIN : SMR_STREAM_VALID;
    assert_int_equal(smr_images_count(opened, stream), s == 0 ? shape.n_train : shape.n_valid);
    for (int64_t r = 0; r < smr_images_count(opened, stream); r++) {
      uint8_t pixels[D];
      assert_ok(smr_images_read_bytes(opened, stream, 1, &r, pixels, NULL));
      const int64_t i = pixels[4] + 256 * (int64_t)pixels[5];
      assert_true(i > last[s] && i < count);
      last[s] = i;
      seen[i]++;
      held_in_block[i / 100] += s;
    }
  }
  for (int64_t i = 0; i < count; i++) {
    assert_int_equal(seen[i], 1);
  }
  for (int64_t b = 0; b < count / 100; b++) {
    assert_int_equal(held_in_block[b], n_valid);
  }
  assert_true(held_in_block[count / 100] <= n_valid);
  smr_images_close(&opened);
}

static void test_split(void **state) {
  (void)state;
  make_files();
  for (int i = 0; i < N; i++) {
    images[HEADER + i * D + 4] = (uint8_t)(i % 256);
    images[HEADER + i * D + 5] = (uint8_t)(i / 256);
  }
  write_scratch("images", images, sizeof images);
  check_split(0.0, N, 0);
  check_split(0.1, N, 10);
  check_split(0.166, 200, 17);
  check_split(0.5, 207, 50);
  check_split(0.001, 99, 0);
  smr_image_config config = defaults;
  smr_image_shape shape = {0};
  config.holdout = 0.51;
  assert_fails(inspect(&config, &shape), SMR_ERR_INPUT, "0 to 0.5");
}

/* Held-out rows don't change when rows are added, and do with the seed. */
static void test_split_is_nested(void **state) {
  (void)state;
  uint8_t few[20][D], many[20][D], other[20][D];
  make_files();
  smr_image_config config = defaults;
  config.holdout = 0.2;
  for (int k = 0; k < 3; k++) {
    config.count = k == 0 ? 100 : N;
    config.seed = k == 2 ? 6 : 5;
    smr_images *opened = open_images(&config);
    for (int64_t r = 0; r < 20; r++) {
      assert_ok(smr_images_read_bytes(opened, SMR_STREAM_VALID, 1, &r,
                                      k == 0   ? few[r]
                                      : k == 1 ? many[r]
                                               : other[r],
                                      NULL));
    }
    smr_images_close(&opened);
  }
  assert_memory_equal(few, many, sizeof few);
  assert_memory_not_equal(few, other, sizeof few);
}

static void test_test_rows(void **state) {
  (void)state;
  make_files();
  const uint8_t few[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 1, 1};
  const uint8_t wide[] = {0, 0, 8, 2,  0,  0,  0,  2,  0,  0,  0,  12, 1,  2,  3,  4,  5,  6,
                          7, 8, 9, 10, 11, 12, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
  uint8_t pixels[D], label = 0;
  smr_image_shape shape = {0};
  smr_image_config config = defaults;
  write_scratch("few", few, sizeof few);
  write_scratch("wide", wide, sizeof wide);
  config.test_file = "few";
  assert_fails(inspect(&config, &shape), SMR_ERR_INPUT, "images of 3 x 4 pixels, but");
  config.file = config.test_file = "wide"; /* two dimensions: images of height 1 */
  config.labels = "";
  config.test_count = 1;
  assert_ok(inspect(&config, &shape));
  assert_int_equal(shape.n_test, 1);
  assert_int_equal(shape.height, 1);
  assert_false(shape.has_labels);
  smr_images *opened = open_images(&config);
  const int64_t row = 0;
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TEST, 1, &row, pixels, &label));
  assert_memory_equal(pixels, wide + 12, D);
  assert_int_equal(label, 255);
  smr_images_close(&opened);
  /* Files of 0 and 1 are two-valued: 1 is white. */
  config.file = "few";
  config.test_file = "";
  config.test_count = -1;
  opened = open_images(&config);
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TRAIN, 1, &row, pixels, NULL));
  assert_true(pixels[0] == 255 && pixels[1] == 0);
  smr_images_close(&opened);
}

/* ---- Damage. ---- */

static void check_file(const char *name, const void *data, size_t bytes, const char *part) {
  smr_image_shape shape = {0};
  smr_images *opened = NULL;
  write_scratch(name, data, bytes);
  assert_fails(inspect(&defaults, &shape), SMR_ERR_INPUT, part);
  assert_fails(smr_images_open(test_world, &defaults, scratch, &opened), SMR_ERR_INPUT, part);
  assert_non_null(strstr(smr_error_message(), name));
  assert_null(opened);
}

static void test_truncated(void **state) {
  (void)state;
  make_files();
  for (size_t bytes = 0; bytes < sizeof images; bytes += bytes < 40 ? 1 : 411) {
    check_file("images", images, bytes, "truncated");
  }
  check_file("images", images, sizeof images - 1, "250 x 3 x 4 values");
  make_files();
  for (size_t bytes = 0; bytes < sizeof labels; bytes += bytes < 20 ? 1 : 57) {
    check_file("labels", labels, bytes, "truncated");
  }
}

/* Every byte of the header set to every value: never a crash, and fine only when nothing changed.
 */
static void test_header_bytes(void **state) {
  (void)state;
  make_files();
  for (int at = 0; at < HEADER; at++) {
    for (int value = 0; value < 256; value += 5) {
      uint8_t damaged[sizeof images];
      smr_image_shape shape = {0};
      memcpy(damaged, images, sizeof images);
      damaged[at] = (uint8_t)value;
      write_scratch("images", damaged, sizeof damaged);
      const smr_status status = inspect(&defaults, &shape);
      assert_int_equal(status, damaged[at] == images[at] ? SMR_OK : SMR_ERR_INPUT);
    }
  }
}

static void test_wrong_files(void **state) {
  (void)state;
  uint8_t damaged[sizeof images + 3] = {0};
  make_files();
  memcpy(damaged, images, sizeof images);
  check_file("images", damaged, sizeof damaged, "3 bytes more");
  damaged[2] = 0x0d;
  check_file("images", damaged, sizeof images, "type 0d");
  damaged[0] = 'P';
  check_file("images", damaged, sizeof images, "no IDX file");
  check_file("images", labels, sizeof labels, "images have 3");
  memcpy(damaged, images, sizeof images);
  damaged[7] = 0;
  check_file("images", damaged, HEADER, "empty");
  memset(damaged + 4, 255, 12);
  check_file("images", damaged, sizeof images, "truncated");
  make_files();
  check_file("labels", images, sizeof images, "labels have 1");
  labels[7] = N - 1;
  check_file("labels", labels, sizeof labels - 1, "249 labels");
  make_files();
  smr_image_config config = defaults;
  smr_image_shape shape = {0};
  config.count = N + 1;
  assert_fails(inspect(&config, &shape), SMR_ERR_INPUT, "250 images");
  config.count = 0;
  assert_fails(inspect(&config, &shape), SMR_ERR_INPUT, "no images");
  config.count = -1;
  config.file = "nothing";
  assert_fails(inspect(&config, &shape), SMR_ERR_MISSING, "nothing");
  config.file = "";
  assert_fails(inspect(&config, &shape), SMR_ERR_INPUT, "no data file is named");
  config.source = 99;
  assert_fails(inspect(&config, &shape), SMR_ERR_INTERNAL, "99");
}

/* gzip by its stored blocks: a frame written by hand, so that no library checks itself. */
static size_t pack(const uint8_t *data, size_t bytes, uint32_t crc, uint8_t *out) {
  const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1};
  memcpy(out, head, sizeof head);
  size_t at = sizeof head;
  const uint16_t length = (uint16_t)bytes;
  const uint16_t words[2] = {length, (uint16_t)~length};
  memcpy(out + at, words, 4);
  memcpy(out + at + 4, data, bytes);
  at += 4 + bytes;
  const uint32_t tail[2] = {crc, (uint32_t)bytes};
  memcpy(out + at, tail, 8);
  return at + 8;
}

/* CRC-32 bit by bit. */
static uint32_t get_crc(const uint8_t *data, size_t bytes) {
  uint32_t crc = 0xffffffffU;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= data[i];
    for (int b = 0; b < 8; b++) {
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
  }
  return ~crc;
}

static void test_gzip(void **state) {
  (void)state;
  static uint8_t packed[sizeof images + 64];
  uint8_t pixels[D];
  smr_image_shape shape = {0};
  const int64_t row = 249;
  make_files();
  const size_t bytes = pack(images, sizeof images, get_crc(images, sizeof images), packed);
  remove_scratch("images");
  write_scratch("images.gz", packed, bytes);
  smr_images *opened = open_images(&defaults); /* named without .gz */
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TRAIN, 1, &row, pixels, NULL));
  assert_memory_equal(pixels, images + HEADER + 249 * D, D);
  smr_images_close(&opened);
  for (size_t cut = 2; cut < bytes; cut += cut < 40 ? 1 : 407) {
    write_scratch("images.gz", packed, cut);
    assert_fails(inspect(&defaults, &shape), SMR_ERR_CORRUPT, "images.gz");
  }
  packed[100] ^= 1;
  write_scratch("images.gz", packed, bytes);
  assert_fails(inspect(&defaults, &shape), SMR_ERR_CORRUPT, "images.gz");
  /* The header inside counts against the unpacked bytes. */
  const size_t less = pack(images, sizeof images - 5, get_crc(images, sizeof images - 5), packed);
  write_scratch("images.gz", packed, less);
  assert_fails(inspect(&defaults, &shape), SMR_ERR_INPUT, "truncated");
  /* A plain file named with .gz. */
  remove_scratch("images.gz");
  write_scratch("images", images, sizeof images);
  smr_image_config config = defaults;
  config.file = "images.gz";
  assert_ok(inspect(&config, &shape));
}

/* The real thing. Its mean, 0.1307, is the figure that everybody normalizes MNIST with. */
static void test_mnist(void **state) {
  (void)state;
  const char *folder = getenv("SIMMER_DATA");
  smr_image_config config = defaults;
  config.file = "mnist/train-images-idx3-ubyte";
  config.labels = "mnist/train-labels-idx1-ubyte";
  config.test_file = "mnist/t10k-images-idx3-ubyte.gz";
  config.test_labels = "mnist/t10k-labels-idx1-ubyte.gz";
  smr_image_shape shape = {0};
  if (folder == NULL || smr_images_inspect(&config, folder, &shape) != SMR_OK) {
    print_message("skipped: no MNIST files in $SIMMER_DATA/mnist\n");
    skip();
  }
  smr_images *opened = NULL;
  double mean[784], sum = 0.0;
  static uint8_t pixels[10 * 784];
  uint8_t label[10];
  const uint8_t train[10] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4}, test[4] = {7, 2, 1, 0};
  const int64_t rows[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  assert_int_equal(shape.n_train, 60000);
  assert_int_equal(shape.n_test, 10000);
  assert_ok(smr_images_open(test_world, &config, folder, &opened));
  assert_ok(smr_images_get_mean(test_world, opened, mean));
  for (int p = 0; p < 784; p++) {
    sum += mean[p] / 784.0;
  }
  assert_close(sum, 0.1307, 0.0, 0.00005);
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TRAIN, 10, rows, pixels, label));
  assert_memory_equal(label, train, sizeof train);
  assert_ok(smr_images_read_bytes(opened, SMR_STREAM_TEST, 4, rows, pixels, label));
  assert_memory_equal(label, test, sizeof test);
  smr_images_close(&opened);
}

IMAGE_TEST_MAIN(cmocka_unit_test(test_rows), cmocka_unit_test(test_binarize),
                cmocka_unit_test(test_sample), cmocka_unit_test(test_split),
                cmocka_unit_test(test_split_is_nested), cmocka_unit_test(test_test_rows),
                cmocka_unit_test(test_truncated), cmocka_unit_test(test_header_bytes),
                cmocka_unit_test(test_wrong_files), cmocka_unit_test(test_gzip),
                cmocka_unit_test(test_mnist))
