/* Ising configurations against exact energies and magnetizations: enumeration of small lattices,
 * and Kaufman's partition function of finite ones. */
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

enum { ROWS = 6000, SWEEPS = 30, MAX_SIDE = 8 };
static const double pi = 3.14159265358979323846;
static const double critical = 0.44068679350977151; /* ln(1 + sqrt 2) / 2 */

/* Per site: sum of s s' over bonds, and squared magnetization times N. */
typedef struct {
  double bonds, magnetization, squared;
} measures;

static measures measure(int side, const uint8_t *spins) {
  int bonds = 0, up = 0;
  const int n = side * side;
  for (int y = 0; y < side; y++) {
    for (int x = 0; x < side; x++) {
      const uint8_t here = spins[y * side + x];
      assert_true(here == 0 || here == 255);
      bonds += here == spins[y * side + (x + 1) % side] ? 1 : -1;
      bonds += here == spins[(y + 1) % side * side + x] ? 1 : -1;
      up += here == 255 ? 1 : -1;
    }
  }
  return (measures){(double)bonds / n, (double)up / n, (double)up * up / n};
}

/* By all 2^N states. */
static measures enumerate(int side, double coupling) {
  const int n = side * side;
  double z = 0.0;
  measures sum = {0};
  for (int64_t bits = 0; bits < (int64_t)1 << n; bits++) {
    uint8_t spins[16];
    for (int i = 0; i < n; i++) {
      spins[i] = (bits >> i & 1) != 0 ? 255 : 0;
    }
    const measures m = measure(side, spins);
    const double weight = exp(coupling * n * (m.bonds - 2.0));
    z += weight;
    sum.bonds += weight * m.bonds;
    sum.squared += weight * m.squared;
  }
  return (measures){sum.bonds / z, 0.0, sum.squared / z};
}

/* ln Z per site of the periodic L x L lattice (Kaufman 1949). gamma_0 keeps its sign. */
static double get_log_z(int side, double k) {
  const double l = side;
  double terms[4] = {1.0, 1.0, 1.0, 1.0};
  for (int q = 0; q < 2 * side; q++) {
    const double c = cosh(2 * k) / tanh(2 * k) - cos(pi * q / l);
    const double gamma = q == 0 ? 2 * k + log(tanh(k)) : acosh(c);
    terms[q % 2] *= 2.0 * cosh(l * gamma / 2);
    terms[2 + q % 2] *= 2.0 * sinh(l * gamma / 2);
  }
  const double sum = terms[0] + terms[1] + terms[2] + terms[3];
  return (log(sum / 2) + l * l / 2 * log(2 * sinh(2 * k))) / (l * l);
}

static smr_image_config get_config(int side, double coupling) {
  return (smr_image_config){.source = SMR_IMAGES_ISING,
                            .count = ROWS,
                            .test_count = 0,
                            .side = side,
                            .coupling = coupling,
                            .sweeps = SWEEPS,
                            .binarize = SMR_BINARIZE_SAMPLE,
                            .seed = 20};
}

/* Mean over the rows against `exact`, within 5 standard errors: rows are independent. */
static void check_mean(const double *x, double exact) {
  double mean = 0.0, variance = 0.0;
  for (int i = 0; i < ROWS; i++) {
    mean += x[i] / ROWS;
  }
  for (int i = 0; i < ROWS; i++) {
    variance += (x[i] - mean) * (x[i] - mean) / (ROWS - 1);
  }
  assert_true(variance > 0.0);
  assert_close(mean, exact, 0.0, 5.0 * sqrt(variance / ROWS));
}

/* squared < 0: not known. */
static void check_model(int side, double coupling, double bonds, double squared) {
  static double x[4][ROWS];
  const smr_image_config config = get_config(side, coupling);
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  assert_int_equal(smr_images_count(images, SMR_STREAM_TRAIN), ROWS);
  for (int64_t r = 0; r < ROWS; r++) {
    uint8_t spins[MAX_SIDE * MAX_SIDE], label = 0;
    assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &r, spins, &label));
    assert_int_equal(label, 255);
    const measures m = measure(side, spins);
    x[0][r] = m.bonds;
    x[1][r] = m.magnetization;
    x[2][r] = m.squared;
    x[3][r] = r == 0 ? 0.0 : m.magnetization * x[1][r - 1];
  }
  check_mean(x[0], bonds);
  check_mean(x[1], 0.0);
  check_mean(x[3], 0.0); /* neighbouring rows know nothing of each other */
  if (squared >= 0.0) {
    check_mean(x[2], squared);
  }
  smr_images_close(&images);
}

static void test_small(void **state) {
  (void)state;
  static const struct {
    int side;
    double coupling;
  } cases[] = {{2, 0.3}, {3, 0.408}, {4, 0.3}, {4, 0.44068679350977151}, {4, 0.6}, {4, 0.0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const measures exact = enumerate(cases[i].side, cases[i].coupling);
    check_model(cases[i].side, cases[i].coupling, exact.bonds, exact.squared);
  }
}

/* ln Z is checked against its published values, then differentiated: the energy per site. The
 * central difference is off by its third derivative times h^2 / 6, about 1e-7 here. */
static void test_finite_lattice(void **state) {
  (void)state;
  const double h = 1e-4;
  assert_close(get_log_z(4, critical), 0.97011972, 0.0, 6e-9);
  assert_close(get_log_z(8, 0.300), 0.79077079, 0.0, 6e-9);
  assert_close(get_log_z(8, 0.408), 0.89436485, 0.0, 6e-9);
  assert_close(get_log_z(8, critical), 0.93971532, 0.0, 6e-9);
  assert_close(get_log_z(8, 0.500), 1.03663409, 0.0, 6e-9);
  const double by_states = enumerate(4, 0.408).bonds;
  assert_close((get_log_z(4, 0.408 + h) - get_log_z(4, 0.408 - h)) / (2 * h), by_states, 0.0, 1e-6);
  const double couplings[] = {0.3, 0.408, critical, 0.5};
  for (int i = 0; i < 4; i++) {
    const double k = couplings[i];
    check_model(8, k, (get_log_z(8, k + h) - get_log_z(8, k - h)) / (2 * h), -1.0);
  }
}

static void test_limits(void **state) {
  (void)state;
  uint8_t spins[MAX_SIDE * MAX_SIDE];
  smr_images *images = NULL;
  smr_image_config config = get_config(8, 9.0);
  config.count = 40; /* strong coupling: all spins alike, both ways */
  int up = 0;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  for (int64_t r = 0; r < 40; r++) {
    assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &r, spins, NULL));
    for (int i = 0; i < 64; i++) {
      assert_int_equal(spins[i], spins[0]);
    }
    up += spins[0] == 255;
  }
  assert_true(up > 4 && up < 36);
  smr_images_close(&images);
}

/* Row i is run i, whatever is kept beside it; test rows are other runs; reading gives 0 and 1. */
static void test_rows(void **state) {
  (void)state;
  uint8_t kept[64], made[3 * 64], labels[3];
  float x[64];
  smr_image_config config = get_config(8, 0.4);
  smr_image_shape shape = {0};
  config.count = 60;
  config.test_count = -1;
  config.holdout = 0.1;
  assert_ok(smr_images_inspect(&config, NULL, &shape));
  assert_true(shape.n_train + shape.n_valid == 60 && shape.n_test == 10 && !shape.has_labels);
  config.holdout = 0.0;
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  const int64_t row = 41, first = 0;
  assert_ok(smr_images_generate(images, 40, 3, made, labels));
  assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &row, kept, NULL));
  assert_memory_equal(kept, made + 64, 64);
  assert_int_equal(labels[1], 255);
  assert_ok(smr_images_read(images, SMR_STREAM_TRAIN, 1, &row, 3, x));
  for (int i = 0; i < 64; i++) {
    assert_true(x[i] == (kept[i] == 255 ? 1.0F : 0.0F));
  }
  assert_ok(smr_images_read_bytes(images, SMR_STREAM_TEST, 1, &first, kept, NULL));
  assert_ok(smr_images_generate(images, 0, 1, made, NULL));
  assert_memory_not_equal(kept, made, 64);
  assert_ok(smr_images_generate(images, 1000000000000, 1, made, NULL));
  assert_memory_equal(kept, made, 64);
  smr_images_close(&images);
}

static void check_mistake(smr_image_config config, const char *part) {
  smr_image_shape shape = {0};
  assert_fails(smr_images_inspect(&config, NULL, &shape), SMR_ERR_INPUT, part);
}

static void test_mistakes(void **state) {
  (void)state;
  smr_image_config config = get_config(1, 0.4);
  check_mistake(config, "side of 2 to");
  config = get_config(8, -0.1);
  check_mistake(config, "not -0.1");
  config.coupling = NAN;
  check_mistake(config, "not nan");
  config = get_config(8, 0.4);
  config.sweeps = -1;
  check_mistake(config, "-1 cluster sweeps");
}

MPI_TEST_MAIN(cmocka_unit_test(test_small), cmocka_unit_test(test_finite_lattice),
              cmocka_unit_test(test_limits), cmocka_unit_test(test_rows),
              cmocka_unit_test(test_mistakes))
