/* InfiMNIST: every image against the index rule written once more as plain loops, with made-up
 * digits, fields and tangents in files of the real sizes (sparse where nobody looks). */
#include "data_images.h"

#include <fcntl.h>

__extension__ typedef __int128 int128;
enum { S = 28, D = S * S, TESTS = 10000, TRAINS = 60000, FIELDS = 1522, N_NEAR = 60 };

static const int64_t numbers[] = {
    0,      1,       9999,       10000,      69999,      70000,         129999,
    130000, 8109999, 4294967295, 4294967296, 4294967299, 1099511627779, 2000000000000000003};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

/* Any fixed bits of (kind, i). */
static uint32_t scramble(uint32_t kind, uint64_t i) {
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15U + kind * 0xd1342543de82ef95U;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9U;
  return (uint32_t)(x >> 32);
}

/* Half of the pixels are 0, some 255. Test images come first. */
static uint8_t get_pixel(int64_t image, int p) {
  const uint32_t bits = scramble(1, (uint64_t)image * D + (uint64_t)p);
  return (bits & 1) != 0 ? 0 : (bits & 14) == 0 ? 255 : (uint8_t)(bits >> 8);
}
static uint8_t get_label(int64_t image) {
  return (uint8_t)(scramble(2, (uint64_t)image) % 10);
}
static float get_field(int64_t field, int p) {
  return ((float)(scramble(3, (uint64_t)(field * D + p)) >> 8) / 8388608.0F - 1.0F) * 2.7F;
}
static float get_tangent(int64_t base, int which, int p) {
  return ((float)(scramble(4, (uint64_t)((base * 2 + which) * D + p)) >> 8) / 8388608.0F - 1.0F) *
         81.3F;
}

/* Training digit that image number i is made from: 0..59999. */
static int64_t get_base(int64_t i) {
  return (i - TESTS) % TRAINS;
}

/* ---- The rule, from its text. ---- */

static void shift_up(uint8_t *x) {
  for (int i = 0; i < S; i++) {
    for (int j = 0; j < S; j++) {
      x[i * S + j] = i + 1 < S ? x[(i + 1) * S + j] : 0;
    }
  }
}
static void shift_down(uint8_t *x) {
  for (int i = S - 1; i >= 0; i--) {
    for (int j = 0; j < S; j++) {
      x[i * S + j] = i > 0 ? x[(i - 1) * S + j] : 0;
    }
  }
}
static void shift_left(uint8_t *x) {
  for (int p = 0; p < D - 1; p++) {
    x[p] = p % S == 0 ? 0 : x[p + 1];
  }
  x[D - 1] = 0;
}
static void shift_right(uint8_t *x) {
  for (int p = D - 1; p > 0; p--) {
    x[p] = p % S == 1 ? 0 : x[p - 1];
  }
  x[0] = 0;
}

static void shift(int64_t k, uint8_t *x) {
  if (k == 0 || k == 4 || k == 5) {
    shift_up(x);
  }
  if (k == 1 || k == 6 || k == 7) {
    shift_down(x);
  }
  if (k == 2 || k == 4 || k == 6) {
    shift_left(x);
  }
  if (k == 3 || k == 5 || k == 7) {
    shift_right(x);
  }
}

typedef struct {
  float t[2][D];
} tangents;

/* k1 by 64-bit arithmetic and k2 by 128-bit arithmetic, unlike the code that is tested. */
static void make_expected(int64_t i, const tangents *t, const float *fields, uint8_t *out) {
  for (int p = 0; p < D; p++) {
    out[p] = get_pixel(i < TESTS + TRAINS ? i : TESTS + get_base(i), p);
  }
  if (i < TESTS + TRAINS) {
    return;
  }
  const int64_t low = i % 4294967296;
  const int64_t k1 = low * 131071 % 4294967296 % 1521;
  const int64_t k2 = (int64_t)((k1 + 1 + 2 * (int128)i) % 1522);
  assert_int_equal((k1 + k2) % 2, 1);
  for (int p = 0; p < D; p++) {
    const float f0 = fields == NULL ? get_field(k1, p) : fields[k1 * D + p];
    const float f1 = fields == NULL ? get_field(k2, p) : fields[k2 * D + p];
    volatile float a = f0 * t->t[0][p], b = f1 * t->t[1][p];
    volatile float difference = a - b;
    volatile float value = (float)out[p] + -1.0F * difference;
    out[p] = value < 0.0F ? 0 : value > 255.0F ? 255 : (uint8_t)value;
  }
  shift(k1 % 9, out);
}

/* ---- Files. ---- */

static void write_idx(const char *name, int64_t first, int64_t n, bool is_images) {
  uint8_t *data = NULL;
  const int64_t header = is_images ? 16 : 8, item = is_images ? D : 1;
  const uint8_t head[16] = {
      0, 0, 8, is_images ? 3 : 1, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, S, 0, 0, 0, S};
  assert_ok(smr_memory_alloc(header + n * item, 1, "a file", &data));
  memcpy(data, head, (size_t)header);
  for (int64_t i = 0; i < n; i++) {
    for (int p = 0; p < item; p++) {
      data[header + i * item + p] = is_images ? get_pixel(first + i, p) : get_label(first + i);
    }
  }
  write_scratch(name, data, (size_t)(header + n * item));
  smr_memory_free(data);
}

static void write_at(int fd, const void *data, size_t bytes, int64_t offset) {
  assert_int_equal(pwrite(fd, data, bytes, offset), (ssize_t)bytes);
}

/* Tangents of the digits that are looked at; the rest is a hole. */
static void write_tangents(const char *name, int64_t bytes) {
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, scratch, name));
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, bytes), 0);
  for (int64_t k = 0; k < N_NUMBERS + N_NEAR; k++) {
    const int64_t i = k < N_NUMBERS ? numbers[k] : 70000 + k - N_NUMBERS;
    tangents t;
    for (int p = 0; i >= TESTS && p < 2 * D; p++) {
      t.t[p / D][p % D] = get_tangent(get_base(i), p / D, p % D);
    }
    if (i >= TESTS) {
      write_at(fd, &t, sizeof t, get_base(i) * (int64_t)sizeof t);
    }
  }
  close(fd);
}

static void write_fields(const char *name) {
  float *fields = NULL;
  assert_ok(smr_memory_alloc((int64_t)FIELDS * D, sizeof *fields, "fields", &fields));
  for (int64_t f = 0; f < FIELDS; f++) {
    for (int p = 0; p < D; p++) {
      fields[f * D + p] = get_field(f, p);
    }
  }
  write_scratch(name, fields, (size_t)FIELDS * D * sizeof *fields);
  smr_memory_free(fields);
}

static int make_files(void **state) {
  if (make_scratch(state) != 0) {
    return 1;
  }
  write_idx("t10k-images-idx3-ubyte", 0, TESTS, true);
  write_idx("t10k-labels-idx1-ubyte", 0, TESTS, false);
  write_idx("train-images-idx3-ubyte", TESTS, TRAINS, true);
  write_idx("train-labels-idx1-ubyte", TESTS, TRAINS, false);
  write_fields("fields");
  write_tangents("tangents", (int64_t)TRAINS * 2 * D * 4);
  return 0;
}

static const smr_image_config defaults = {.source = SMR_IMAGES_INFIMNIST,
                                          .mnist_folder = "",
                                          .fields = "fields",
                                          .tangents = "tangents",
                                          .first = 10000,
                                          .count = -1,
                                          .test_count = -1,
                                          .binarize = SMR_BINARIZE_NONE};

static smr_images *open_images(const smr_image_config *config) {
  smr_images *out = NULL;
  assert_ok(smr_images_open(test_world, config, scratch, &out));
  return out;
}

static void check_number(const smr_images *images, int64_t i) {
  uint8_t pixels[D], expected[D], label = 0;
  tangents t;
  for (int p = 0; i >= TESTS && p < 2 * D; p++) {
    t.t[p / D][p % D] = get_tangent(get_base(i), p / D, p % D);
  }
  assert_ok(smr_images_generate(images, i, 1, pixels, &label));
  make_expected(i, &t, NULL, expected);
  assert_memory_equal(pixels, expected, D);
  assert_int_equal(label, get_label(i < TESTS + TRAINS ? i : TESTS + get_base(i)));
}

/* The original's files: every shift, wrapped numbers, and digits as they are. */
static void test_rule(void **state) {
  (void)state;
  smr_images *images = open_images(&defaults);
  int n_shifts[9] = {0};
  for (int k = 0; k < N_NUMBERS; k++) {
    check_number(images, numbers[k]);
  }
  for (int64_t i = 70000; i < 70000 + N_NEAR; i++) {
    check_number(images, i);
    n_shifts[i * 131071 % 4294967296 % 1521 % 9]++;
  }
  for (int k = 0; k < 9; k++) {
    assert_true(n_shifts[k] > 0);
  }
  smr_images_close(&images);
}

/* Own tangents by the text: smoothed by 1 2 1 both ways, then central differences. */
static double get_smooth(int64_t image, int i, int j) {
  double sum = 0.0;
  for (int a = -1; a <= 1; a++) {
    for (int b = -1; b <= 1; b++) {
      if (i + a >= 0 && i + a < S && j + b >= 0 && j + b < S) {
        sum += (2 - abs(a)) * (2 - abs(b)) / 16.0 * get_pixel(image, (i + a) * S + j + b);
      }
    }
  }
  return sum;
}

/* With fields of the file, and tangents of our own: differences of 1/32 are exact in float32. */
static void test_own_tangents(void **state) {
  (void)state;
  smr_image_config config = defaults;
  config.tangents = "";
  smr_images *images = open_images(&config);
  assert_true(smr_images_get_shape(images).shared_bytes < 64 << 20);
  for (int64_t i = 70000; i < 70012; i++) {
    uint8_t pixels[D], expected[D];
    tangents t;
    for (int p = 0; p < D; p++) {
      const int64_t base = TESTS + get_base(i);
      const int y = p / S, x = p % S;
      t.t[0][p] = (float)((get_smooth(base, y, x + 1) - get_smooth(base, y, x - 1)) / 2.0);
      t.t[1][p] = (float)((get_smooth(base, y + 1, x) - get_smooth(base, y - 1, x)) / 2.0);
    }
    assert_ok(smr_images_generate(images, i, 1, pixels, NULL));
    make_expected(i, &t, NULL, expected);
    assert_memory_equal(pixels, expected, D);
  }
  smr_images_close(&images);
}

/* Own fields: images differ from digit to digit's next turn, yet stay near the digit: a field moves
 * by 2.5 pixels at most. */
static void test_own_fields(void **state) {
  (void)state;
  smr_image_config config = defaults;
  config.fields = config.tangents = "";
  smr_images *images = open_images(&config);
  uint8_t one[D], other[D];
  assert_ok(smr_images_generate(images, 70005, 1, one, NULL));
  assert_ok(smr_images_generate(images, 130005, 1, other, NULL));
  assert_memory_not_equal(one, other, D);
  smr_images_close(&images);
}

static void test_rows(void **state) {
  (void)state;
  smr_image_shape shape = {0};
  smr_image_config config = defaults;
  uint8_t row_pixels[D], pixels[D], label = 0;
  config.tangents = "";
  config.first = 8109999;
  config.count = 8100000;
  config.test_count = 100;
  assert_ok(smr_images_inspect(&config, scratch, &shape));
  assert_true(shape.n_train == 8100000 && shape.n_test == 100 && shape.is_generated);
  smr_images *images = open_images(&config);
  for (int64_t row = 0; row < 100; row += 33) {
    assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &row, row_pixels, &label));
    assert_ok(smr_images_generate(images, 8109999 + row, 1, pixels, NULL));
    assert_memory_equal(row_pixels, pixels, D);
    assert_int_equal(label, get_label(TESTS + get_base(8109999 + row)));
    assert_ok(smr_images_read_bytes(images, SMR_STREAM_TEST, 1, &row, row_pixels, NULL));
    for (int p = 0; p < D; p++) {
      assert_int_equal(row_pixels[p], get_pixel(row, p));
    }
  }
  smr_images_close(&images);
}

static void test_mistakes(void **state) {
  (void)state;
  smr_image_shape shape = {0};
  smr_image_config config = defaults;
  config.first = 9999;
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "test images too");
  config.first = 10000;
  config.test_count = 10001;
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "MNIST has 10000");
  config.test_count = -1;
  config.fields = "tangents";
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "4772992 bytes");
  config.fields = "nothing";
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_MISSING, "nothing");
  config.fields = "";
  config.tangents = "fields";
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "376320000 bytes");
  config.tangents = "";
  config.mnist_folder = "elsewhere";
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_MISSING, "elsewhere/t10k");
  /* The wrong number of digits, and of labels. */
  config.mnist_folder = "";
  write_idx("t10k-images-idx3-ubyte", 0, TESTS - 1, true);
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "9999 images");
  write_idx("t10k-images-idx3-ubyte", 0, TESTS, true);
  write_idx("train-labels-idx1-ubyte", 0, TRAINS - 1, false);
  assert_fails(smr_images_inspect(&config, scratch, &shape), SMR_ERR_INPUT, "59999 labels");
  write_idx("train-labels-idx1-ubyte", TESTS, TRAINS, false);
}

static void test_not_finite(void **state) {
  (void)state;
  char path[SMR_PATH_BYTES];
  smr_images *images = NULL;
  const float nan = NAN;
  smr_image_config config = defaults;
  config.fields = "broken";
  config.tangents = "";
  write_fields("broken");
  assert_ok(smr_file_join(path, scratch, "broken"));
  const int fd = open(path, O_WRONLY);
  write_at(fd, &nan, sizeof nan, 4 * 1000000);
  close(fd);
  assert_fails(smr_images_open(test_world, &config, scratch, &images), SMR_ERR_INPUT,
               "number 1000000 ");
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rule),       cmocka_unit_test(test_own_tangents),
      cmocka_unit_test(test_own_fields), cmocka_unit_test(test_rows),
      cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_not_finite)};
  if (smr_context_start(&argc, &argv, &test_world) != SMR_OK) {
    fprintf(stderr, "cannot start MPI: %s\n", smr_error_message());
    return 1;
  }
  const int failures = cmocka_run_group_tests(tests, make_files, clear_scratch);
  smr_context_finish(&test_world);
  return failures != 0;
}
