/* Monitors of a training, against plain loops in double. */
#include "mpi_frame.h"

#include <omp.h>
#include <stdlib.h>

#include "simmer/base/fault.h"
#include "simmer/base/memory.h"
#include "simmer/sample/enumerate.h"
#include "simmer/train/monitor.h"

enum { V = 784, H = 19, MOST_ROWS = 700, N_PARAMETERS = V * H + V + H };

/* Model and reference compute in float and in double: 784 products of a pre-activation lose about
 * 1e-6 of it. The pseudo-likelihood is a small probability's logarithm times 784. */
static const double tolerance = 2e-6;
static const double pseudo_tolerance = 2e-5;

static float *parameters;
static smr_rbm rbm;

/* Weights of a size that makes free energies differ a lot from row to row. */
static void make_model(double scale) {
  const smr_random_key key = {5, smr_random_stream("test model", 0, 0)};
  double *x = NULL;
  assert_ok(smr_memory_alloc(N_PARAMETERS, sizeof *x, "test", &x));
  if (parameters == NULL) {
    assert_ok(smr_memory_alloc(N_PARAMETERS, sizeof *parameters, "test", &parameters));
  }
  smr_random_normal(key, 0, 0, N_PARAMETERS, x);
  for (int i = 0; i < N_PARAMETERS; i++) {
    parameters[i] = (float)(scale * x[i] - (i >= V * H && i < V * H + V ? 1.0 : 0.0));
  }
  rbm = (smr_rbm){V, H, parameters, parameters + V * H, parameters + V * H + V};
  smr_memory_free(x);
}

/* Binary rows with held-out ones, and gray ones without; opened once, as that takes a second. */
static smr_images *binary, *gray;

static smr_images *open_images(double holdout, smr_binarize binarize) {
  const smr_image_config config = {.source = SMR_IMAGES_DIGITS,
                                   .first = 10000,
                                   .count = MOST_ROWS,
                                   .test_count = 150,
                                   .holdout = holdout,
                                   .binarize = (int)binarize,
                                   .seed = 3};
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, &config, NULL, &images));
  assert_int_equal(smr_images_get_shape(images).n_pixels, V);
  return images;
}

static void test_start(void **state) {
  (void)state;
  binary = open_images(0.3, SMR_BINARIZE_SAMPLE);
  gray = open_images(0.0, SMR_BINARIZE_NONE);
}

static smr_monitor *create(const smr_context *context, const smr_monitor_config *config,
                           const smr_images *images) {
  smr_monitor *monitor = NULL;
  assert_ok(smr_monitor_create(context, config, images, H, &monitor));
  return monitor;
}

/* ---- The plain loops. ---- */

static double softplus(double x) {
  return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double logistic(double x) {
  return 1.0 / (1.0 + exp(-x));
}

static double get_x(const double *v, int j) {
  double x = (double)rbm.hidden_bias[j];
  for (int i = 0; i < V; i++) {
    x += v[i] * (double)rbm.w[i * H + j];
  }
  return x;
}

static double get_energy(const double *v) {
  double f = 0.0;
  for (int i = 0; i < V; i++) {
    f -= v[i] * (double)rbm.visible_bias[i];
  }
  for (int j = 0; j < H; j++) {
    f -= softplus(get_x(v, j));
  }
  return f;
}

/* Sum over units of (v - p(v|p(h|v)))^2; adds the p(h|v) to *active. */
static double get_error(const double *v, double *active) {
  double h[H];
  double sum = 0.0;
  for (int j = 0; j < H; j++) {
    h[j] = logistic(get_x(v, j));
    *active += h[j];
  }
  for (int i = 0; i < V; i++) {
    double x = (double)rbm.visible_bias[i];
    for (int j = 0; j < H; j++) {
      x += h[j] * (double)rbm.w[i * H + j];
    }
    sum += (v[i] - logistic(x)) * (v[i] - logistic(x));
  }
  return sum;
}

static double get_pseudo(double *v, int64_t row, int64_t step, uint64_t seed) {
  const smr_random_key key = {seed, smr_random_stream("monitor.unit", 0, 0)};
  const uint64_t i = smr_random_below(key, (uint64_t)row, (uint64_t)step, V);
  const double before = get_energy(v);
  v[i] = 1.0 - v[i];
  const double after = get_energy(v);
  v[i] = 1.0 - v[i];
  return V * log(logistic(after - before));
}

static double get_mean(int64_t n, const double *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i];
  }
  return sum / (double)n;
}

/* Squared standard error of the mean. */
static double get_mean_variance(int64_t n, const double *x) {
  const double mean = get_mean(n, x);
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += (x[i] - mean) * (x[i] - mean);
  }
  return sum / (double)(n - 1) / (double)n;
}

typedef struct {
  int64_t n;
  double energy[MOST_ROWS], error[MOST_ROWS], pseudo[MOST_ROWS];
  double active;
} reference;

static void measure_stream(const smr_images *images, smr_stream stream, int64_t rows, int64_t step,
                           reference *out) {
  const int64_t all = smr_images_count(images, stream);
  out->n = rows < all ? rows : all;
  out->active = 0.0;
  for (int64_t r = 0; r < out->n; r++) {
    float pixels[V];
    double v[V];
    assert_ok(smr_images_read(images, stream, 1, &r, 0, pixels));
    for (int i = 0; i < V; i++) {
      v[i] = (double)pixels[i];
    }
    out->energy[r] = get_energy(v);
    out->error[r] = get_error(v, &out->active) / V;
    out->pseudo[r] = get_pseudo(v, r, step, 9);
  }
}

/* ---- Tests. ---- */

static void check_values(const smr_monitor_values *values, const reference *train,
                         const reference *valid) {
  double norm = 0.0;
  for (int i = 0; i < V * H; i++) {
    norm += (double)rbm.w[i] * (double)rbm.w[i];
  }
  const double gap = get_mean(valid->n, valid->energy) - get_mean(train->n, train->energy);
  const double variance =
      get_mean_variance(train->n, train->energy) + get_mean_variance(valid->n, valid->energy);
  assert_close(values->weight_norm, sqrt(norm), 1e-12, 0.0);
  assert_close(values->free_energy_train, get_mean(train->n, train->energy), tolerance, 0.0);
  assert_close(values->free_energy_valid, get_mean(valid->n, valid->energy), tolerance, 0.0);
  assert_close(values->free_energy_gap, gap, 0.0, tolerance * fabs(values->free_energy_train));
  assert_close(values->free_energy_gap_stderr, sqrt(variance), 1e-4, 0.0);
  assert_close(values->reconstruction_error, get_mean(train->n, train->error), tolerance, 0.0);
  assert_close(values->pseudo_log_likelihood, get_mean(train->n, train->pseudo), pseudo_tolerance,
               0.0);
  assert_close(values->hidden_activity, train->active / (double)train->n / H, tolerance, 0.0);
}

static void test_plain(void **state) {
  const smr_images *const sources[] = {binary, gray};
  const int64_t rows[] = {MOST_ROWS, 130, 2};
  reference *train = NULL;
  reference *valid = NULL;
  (void)state;
  make_model(0.15);
  assert_ok(smr_memory_alloc(1, sizeof *train, "test", &train));
  assert_ok(smr_memory_alloc(1, sizeof *valid, "test", &valid));
  for (int t = 0; t < 6; t++) {
    const smr_monitor_config config = {.rows = rows[t / 2], .seed = 9};
    const smr_images *images = sources[t % 2];
    smr_monitor *monitor = create(test_world, &config, images);
    smr_monitor_values values;
    assert_ok(smr_monitor_measure(monitor, &rbm, 31, &values));
    measure_stream(images, SMR_STREAM_TRAIN, rows[t / 2], 31, train);
    measure_stream(images, SMR_STREAM_VALID, rows[t / 2], 31, valid);
    check_values(&values, train, valid);
    assert_true(isnan(values.log_z));
    assert_true(isnan(values.log_likelihood_train) && isnan(values.log_likelihood_test));
    smr_monitor_destroy(&monitor);
  }
  smr_memory_free(train);
  smr_memory_free(valid);
}

/* Exact likelihoods over `rows` training rows and all test rows. */
static void test_exact(void **state) {
  enum { ROWS = 100 };
  const smr_monitor_config config = {.rows = ROWS, .has_exact = true, .exact_units = H, .seed = 9};
  smr_monitor *monitor = create(test_world, &config, binary);
  smr_monitor_values values;
  double log_z = 0.0;
  reference *rows = NULL;
  (void)state;
  make_model(0.1);
  assert_ok(smr_memory_alloc(1, sizeof *rows, "test", &rows));
  assert_ok(smr_monitor_measure(monitor, &rbm, 0, &values));
  assert_ok(smr_enumerate_log_z(test_world, &rbm, &log_z));
  assert_true(values.log_z == log_z);
  measure_stream(binary, SMR_STREAM_TRAIN, ROWS, 0, rows);
  assert_close(values.log_likelihood_train, -get_mean(rows->n, rows->energy) - log_z, tolerance,
               0.0);
  measure_stream(binary, SMR_STREAM_TEST, MOST_ROWS, 0, rows);
  assert_int_equal(rows->n, 150);
  assert_close(values.log_likelihood_test, -get_mean(rows->n, rows->energy) - log_z, tolerance,
               0.0);
  smr_memory_free(rows);
  smr_monitor_destroy(&monitor);
}

/* Test rows are measured without an exact ln Z, too, if asked for. */
static void test_test_rows(void **state) {
  smr_monitor_config config = {.rows = 10, .seed = 9};
  smr_monitor_values values;
  reference *rows = NULL;
  (void)state;
  make_model(0.1);
  assert_ok(smr_memory_alloc(1, sizeof *rows, "test", &rows));
  measure_stream(binary, SMR_STREAM_TEST, MOST_ROWS, 0, rows);
  for (int i = 0; i < 2; i++) {
    config.has_test = i == 1;
    smr_monitor *monitor = create(test_world, &config, binary);
    assert_ok(smr_monitor_measure(monitor, &rbm, 0, &values));
    assert_true(isnan(values.log_z) && isnan(values.log_likelihood_test));
    if (config.has_test) {
      assert_close(values.free_energy_test, get_mean(rows->n, rows->energy), tolerance, 0.0);
    } else {
      assert_true(isnan(values.free_energy_test));
    }
    smr_monitor_destroy(&monitor);
  }
  smr_memory_free(rows);
}

/* W = columns of a Hadamard matrix, of norm 1, times d_j. */
static void make_orthogonal(const double *d) {
  enum { N = 32 };
  make_model(0.0);
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < H; j++) {
      const double sign = __builtin_popcount((unsigned)(i & j)) % 2 == 0 ? 1.0 : -1.0;
      parameters[i * H + j] = (float)(d[j] * sign / sqrt(N));
    }
  }
}

/* Both ways to the spectrum, and more values than there are. */
static void test_spectrum(void **state) {
  const int64_t counts[] = {1, 4, 5, H, H + 3};
  double d[H];
  double s[H + 3];
  (void)state;
  for (int j = 0; j < H; j++) {
    d[j] = 10.0 / (1.0 + j * 7 % H); /* in no order: 7 j mod 19 */
  }
  make_orthogonal(d);
  for (int t = 0; t < 5; t++) {
    const smr_monitor_config config = {.rows = 3, .n_singular_values = counts[t]};
    smr_monitor *monitor = create(test_world, &config, gray);
    assert_ok(smr_monitor_measure_spectrum(monitor, &rbm, s));
    for (int64_t k = 0; k < counts[t]; k++) {
      /* Weights are rounded to float. */
      assert_close(s[k], k < H ? 10.0 / (1.0 + (double)k) : (double)NAN, 1e-6, 0.0);
    }
    smr_monitor_destroy(&monitor);
  }
}

/* The bits of one rank alone with one thread are those of all ranks with any number of threads,
 * also when there are fewer shards or rows than ranks. */
static void test_bits(void **state) {
  enum { N_VALUES = 6 };
  const int64_t rows[] = {MOST_ROWS, 1, 129};
  smr_context *alone = NULL;
  int index = 0;
  (void)state;
  make_model(0.1);
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  for (int t = 0; t < 3; t++) {
    const smr_monitor_config config = {.rows = rows[t],
                                       .n_singular_values = N_VALUES,
                                       .has_exact = true,
                                       .exact_units = 20,
                                       .seed = 2};
    uint64_t bits[2][sizeof(smr_monitor_values) / sizeof(double) + N_VALUES];
    for (int n_threads = 0; n_threads <= 3; n_threads++) {
      omp_set_num_threads(n_threads == 0 ? 1 : n_threads);
      uint64_t *to = bits[n_threads > 0];
      smr_monitor_values values;
      double s[N_VALUES];
      smr_monitor *monitor = create(n_threads == 0 ? alone : test_world, &config, binary);
      assert_ok(smr_monitor_measure(monitor, &rbm, 12, &values));
      assert_ok(smr_monitor_measure_spectrum(monitor, &rbm, s));
      memcpy(to, &values, sizeof values);
      memcpy(to + sizeof values / sizeof(double), s, sizeof s);
      assert_on_all(n_threads == 0 || memcmp(bits[0], bits[1], sizeof bits[0]) == 0);
      smr_monitor_destroy(&monitor);
    }
  }
  omp_set_num_threads(1);
  smr_context_destroy(&alone);
}

/* The step chooses the units of the pseudo-likelihood, and nothing else. */
static void test_step(void **state) {
  const smr_monitor_config config = {.rows = 50};
  smr_monitor_values values[3];
  (void)state;
  make_model(0.1);
  smr_monitor *monitor = create(test_world, &config, binary);
  for (int t = 0; t < 3; t++) {
    assert_ok(smr_monitor_measure(monitor, &rbm, t == 1 ? 8 : 7, &values[t]));
  }
  assert_memory_equal(&values[0], &values[2], sizeof values[0]);
  assert_true(values[0].pseudo_log_likelihood != values[1].pseudo_log_likelihood);
  values[1].pseudo_log_likelihood = values[0].pseudo_log_likelihood;
  assert_memory_equal(&values[0], &values[1], sizeof values[0]);
  smr_monitor_destroy(&monitor);
}

/* Without held-out rows, and without any row. */
static void test_empty(void **state) {
  (void)state;
  make_model(0.1);
  for (int64_t rows = 0; rows < 2; rows++) {
    const smr_monitor_config config = {.rows = rows};
    smr_monitor *monitor = create(test_world, &config, gray);
    smr_monitor_values values;
    assert_ok(smr_monitor_measure(monitor, &rbm, 0, &values));
    assert_ok(smr_monitor_measure_spectrum(monitor, &rbm, NULL));
    assert_true(isnan(values.free_energy_valid) && isnan(values.free_energy_gap));
    assert_true(isnan(values.free_energy_gap_stderr));
    assert_true(isnan(values.free_energy_train) == (rows == 0));
    assert_true(isnan(values.reconstruction_error) == (rows == 0));
    assert_true(isnan(values.pseudo_log_likelihood) == (rows == 0));
    assert_true(isnan(values.hidden_activity) == (rows == 0));
    assert_true(values.weight_norm > 0.0);
    smr_monitor_destroy(&monitor);
  }
}

/* Parameters that are no longer finite on one rank alone end on all ranks. */
static void test_diverged(void **state) {
  const smr_monitor_config config = {.rows = 300, .n_singular_values = 2};
  const int places[] = {V * H - 1, V * H + 400, V * H + V};
  double s[2];
  smr_monitor_values values;
  (void)state;
  smr_monitor *monitor = create(test_world, &config, gray);
  for (int t = 0; t < 6; t++) {
    make_model(0.1);
    if (test_world->rank == test_world->size - 1) {
      parameters[places[t % 3]] = t < 3 ? (float)NAN : (float)INFINITY;
    }
    assert_fails(smr_monitor_measure(monitor, &rbm, 77, &values), SMR_ERR_NUMERIC,
                 "diverged by step 77");
  }
  make_model(1e38); /* finite, but the pre-activations are not */
  assert_fails(smr_monitor_measure(monitor, &rbm, 3, &values), SMR_ERR_NUMERIC, "by step 3");
  make_model(0.1);
  if (test_world->rank == 0) {
    parameters[5] = (float)NAN;
  }
  assert_fails(smr_monitor_measure_spectrum(monitor, &rbm, s), SMR_ERR_NUMERIC, "NaN");
  smr_monitor_destroy(&monitor);
}

/* The last rank alone can't read its rows. */
static void test_fault(void **state) {
  const smr_monitor_config config = {.rows = 1, .n_singular_values = 1};
  smr_monitor *monitor = NULL;
  char fault[48];
  (void)state;
  snprintf(fault, sizeof fault, "train.monitor.read:%d:1", test_world->size - 1);
  assert_int_equal(setenv("SIMMER_FAULT", fault, 1), 0);
  smr_fault_set_rank(test_world->world_rank);
  assert_fails(smr_monitor_create(test_world, &config, binary, H, &monitor), SMR_ERR_IO, "fault");
  assert_null(monitor);
  assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
}

static void test_errors(void **state) {
  const smr_monitor_config too_large = {.rows = 1, .has_exact = true, .exact_units = 40};
  const smr_monitor_config config = {.rows = 1, .n_singular_values = 1};
  smr_monitor *monitor = NULL;
  smr_monitor_values values;
  double s = 0.0;
  (void)state;
  make_model(0.1);
  assert_fails(smr_monitor_create(test_world, &too_large, binary, 29, &monitor), SMR_ERR_LIMIT,
               "at most 28");
  assert_null(monitor);
  monitor = create(test_world, &config, binary);
  smr_rbm other = rbm;
  other.n_hidden--;
  assert_fails(smr_monitor_measure(monitor, &other, 0, &values), SMR_ERR_INTERNAL, "units");
  assert_fails(smr_monitor_measure_spectrum(monitor, &other, &s), SMR_ERR_INTERNAL, "units");
  smr_monitor_destroy(&monitor);
  smr_monitor_destroy(&monitor);
}

static void test_cost(void **state) {
  const smr_image_shape shape = {.n_train = 60000, .n_valid = 500, .n_test = 900, .n_pixels = V};
  smr_monitor_config config = {.rows = 1000};
  smr_monitor_cost plain;
  smr_monitor_cost exact;
  (void)state;
  smr_monitor_count_cost(&config, &shape, H, 4, 1, &plain);
  assert_true(plain.flops == 2.0 * V * H * (2 * 1000 + 500));
  assert_true(plain.slow_flops > 0.0 && plain.exact_flops == 0.0 && plain.spectrum_flops == 0.0);
  assert_true(plain.bytes >= 1500 / 4 * V && plain.bytes < 1500 * 2 * V);
  config.has_exact = true;
  config.exact_units = H;
  config.n_singular_values = 5;
  smr_monitor_count_cost(&config, &shape, H, 4, 2, &exact);
  assert_true(exact.flops == 2.0 * V * H * (2 * 1000 + 500 + 900));
  assert_true(exact.exact_flops == smr_enumerate_count_flops(V, H));
  assert_true(exact.spectrum_flops > 0.0 && exact.bytes > plain.bytes);
}

static void test_end(void **state) {
  (void)state;
  smr_memory_free(parameters);
  smr_images_close(&binary);
  smr_images_close(&gray);
}

MPI_TEST_MAIN(cmocka_unit_test(test_start), cmocka_unit_test(test_plain),
              cmocka_unit_test(test_exact), cmocka_unit_test(test_test_rows),
              cmocka_unit_test(test_spectrum), cmocka_unit_test(test_bits),
              cmocka_unit_test(test_step), cmocka_unit_test(test_empty),
              cmocka_unit_test(test_diverged), cmocka_unit_test(test_fault),
              cmocka_unit_test(test_errors), cmocka_unit_test(test_cost),
              cmocka_unit_test(test_end))
