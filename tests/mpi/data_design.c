/* Designs, laws of w* and noise models of the teacher: what they are, the moments they must have,
 * and that a number depends on nothing but where it is. */
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/data/dataset.h"

static const smr_data_config config = {
    .source = SMR_SOURCE_TEACHER,
    .teacher_features = -1,
    .signal = 2.0,
    .noise = 0.5,
    .test_instances = 40000,
    .design = {.bump_width = 3.0,
               .bump_spacing = 1.5,
               .bump_first = -2.0,
               .decay = 1.0,
               .columns = -1,
               .copies = 3},
    .truth = {.decay = 1.5, .period = 7.0},
    .noise_law = {.correlation = 0.9, .swing = 0.8, .period = 40.0, .nu = 5.0},
    .seed = 11};

typedef struct {
  int64_t n_train, n_features, first, count, k, replicate;
  bool is_test;
} request;

/* x [count x k] column-major, y [count]; to be freed. */
typedef struct {
  double *x, *y;
} rows;

static rows read_rows(const smr_data_config *c, request r) {
  rows out = {NULL, NULL};
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  assert_ok(smr_memory_alloc(r.count * r.k, sizeof(double), "X", &out.x));
  assert_ok(smr_memory_alloc(r.count, sizeof(double), "y", &out.y));
  assert_ok(smr_dataset_open(test_world, c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, c, r.replicate, r.n_train, r.n_features, &sample));
  assert_ok(smr_sample_read(sample, r.is_test, r.first, r.count, r.k, out.x, r.count, out.y));
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
  return out;
}

static void free_rows(rows *r) {
  smr_memory_free(r->x);
  smr_memory_free(r->y);
}

enum { N_DESIGNS = 7, N_NOISES = 4 };

/* Every design, the spectral ones plain and rotated. */
static smr_data_config choose_design(int which) {
  smr_data_config c = config;
  c.design.kind = which < 5 ? which : which - 3;
  c.design.rotate = which >= 5;
  c.design.columns = which == 6 ? 20 : -1;
  c.design.jitter = which == SMR_DESIGN_DUPLICATED ? 0.1 : 0.0;
  return c;
}

/* A row is the same bits whatever range, N_i or number of leading columns is asked for; another
 * noise model doesn't change X. */
static void test_prefix(void **state) {
  (void)state;
  enum { N = 90, K = 9 };
  for (int d = 0; d < N_DESIGNS; d++) {
    for (int q = 0; q < N_NOISES; q++) {
      smr_data_config c = choose_design(d), white = c;
      c.noise_law.kind = q;
      rows all = read_rows(&c, (request){.n_train = N, .n_features = K, .count = N, .k = K});
      rows other = read_rows(&white, (request){.n_train = N, .n_features = K, .count = N, .k = K});
      assert_memory_equal(all.x, other.x, sizeof(double) * N * K);
      for (int64_t k = 1; k <= K; k += 4) {
        const int64_t first = 7 * k, count = 1 + 2 * k;
        rows part = read_rows(
            &c, (request){.n_train = 85, .n_features = K, .first = first, .count = count, .k = k});
        assert_memory_equal(part.y, all.y + first, (size_t)count * sizeof(double));
        for (int64_t j = 0; j < k; j++) {
          assert_memory_equal(part.x + j * count, all.x + j * N + first,
                              (size_t)count * sizeof(double));
        }
        free_rows(&part);
      }
      free_rows(&all);
      free_rows(&other);
    }
  }
}

/* Rotations are of the largest N_f, all other designs don't change when columns are added; nor does
 * a rotation whose dimension is a key. */
static void test_more_columns(void **state) {
  (void)state;
  enum { N = 30, FEW = 4, MANY = 12 };
  for (int d = 0; d < N_DESIGNS; d++) {
    const smr_data_config c = choose_design(d);
    rows few = read_rows(&c, (request){.n_train = N, .n_features = FEW, .count = N, .k = FEW});
    rows many = read_rows(&c, (request){.n_train = N, .n_features = MANY, .count = N, .k = MANY});
    const int is_same = memcmp(few.x, many.x, sizeof(double) * N * FEW) == 0;
    assert_int_equal(is_same, d != 5);
    free_rows(&few);
    free_rows(&many);
  }
}

static void test_smooth(void **state) {
  (void)state;
  enum { N = 20, K = 6 };
  const smr_data_config c = choose_design(SMR_DESIGN_SMOOTH);
  rows train = read_rows(&c, (request){.n_train = N, .n_features = K, .count = N, .k = K});
  rows test = read_rows(
      &c, (request){
              .n_train = N, .n_features = K, .first = 3 * N, .count = N, .k = K, .is_test = true});
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < K; j++) {
      const double d = i - (-2.0 + 1.5 * j);
      /* exponents up to 40, each rounded twice */
      assert_close(train.x[j * N + i], exp(-d * d / 18.0), 40 * 4.5e-16, 0.0);
    }
    assert_true(train.y[i] != test.y[i]);
  }
  assert_memory_equal(train.x, test.x, sizeof(double) * N * K);
  free_rows(&train);
  free_rows(&test);
}

/* Sample covariance of columns a and b; their means are known to be 0. */
static double covariance(const double *x, int64_t n, int64_t a, int64_t b) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[a * n + i] * x[b * n + i] / (double)n;
  }
  return sum;
}

/* Covariances of 40000 rows; 4.5 standard errors, sqrt((c_aa c_bb + c_ab^2) / n), of 4 x 36
 * numbers. */
static void test_covariance(void **state) {
  (void)state;
  enum { N = 40000, K = 8 };
  for (int d = SMR_DESIGN_POWER_LAW; d <= SMR_DESIGN_DUPLICATED; d++) {
    const smr_data_config c = choose_design(d);
    rows r = read_rows(
        &c, (request){.n_train = 1, .n_features = K, .count = N, .k = K, .is_test = true});
    for (int a = 0; a < K; a++) {
      for (int b = 0; b <= a; b++) {
        double expected = 0.0;
        if (d == SMR_DESIGN_DUPLICATED) {
          expected = (a / 3 == b / 3 ? 1.0 : 0.0) + (a == b ? 0.01 : 0.0);
        } else if (a == b) {
          expected = d == SMR_DESIGN_POWER_LAW ? 1.0 / (a + 1) : exp(-a);
        }
        const double spread =
            sqrt((covariance(r.x, N, a, a) * covariance(r.x, N, b, b) + expected * expected) / N);
        assert_close(covariance(r.x, N, a, b), expected, 0.0, 4.5 * spread);
      }
    }
    free_rows(&r);
  }
}

/* A rotation keeps the trace and the sum of squares of the covariance, and spreads the variance
 * over columns; other replicates have other rotations. */
static void test_rotation(void **state) {
  (void)state;
  enum { N = 40000, K = 8 };
  const smr_data_config c = choose_design(5);
  double trace = 0.0, squares = 0.0, trace_expected = 0.0, squares_expected = 0.0;
  request r = {.n_train = 1, .n_features = K, .count = N, .k = K, .is_test = true};
  rows turned = read_rows(&c, r);
  for (int a = 0; a < K; a++) {
    trace += covariance(turned.x, N, a, a);
    trace_expected += 1.0 / (a + 1);
    squares_expected += 1.0 / ((a + 1.0) * (a + 1.0));
    for (int b = 0; b < K; b++) {
      const double value = covariance(turned.x, N, a, b);
      squares += value * value;
    }
  }
  /* sd of the trace: sqrt(2 sum mu^2 / n) = 0.009; of the squares about twice that. */
  assert_close(trace, trace_expected, 0.0, 4 * 0.009);
  assert_close(squares, squares_expected, 0.0, 8 * 0.009 + 0.001);
  assert_true(covariance(turned.x, N, 0, 0) < 0.9); /* 1 without */
  r.replicate = 1;
  rows again = read_rows(&c, r);
  double difference = 0.0; /* sampling alone gives 8 x 0.003 */
  for (int a = 0; a < K; a++) {
    difference += fabs(covariance(turned.x, N, a, a) - covariance(again.x, N, a, a));
  }
  assert_true(difference > 0.15);
  free_rows(&turned);
  free_rows(&again);
}

/* One rotation of the same Gaussian components: lengths of rows stay those of the plain design. */
static void test_rotation_keeps_lengths(void **state) {
  (void)state;
  enum { N = 50, K = 13 };
  const smr_data_config plain = choose_design(SMR_DESIGN_POWER_LAW), c = choose_design(5);
  request r = {.n_train = N, .n_features = K, .count = N, .k = K};
  rows a = read_rows(&plain, r), b = read_rows(&c, r);
  for (int i = 0; i < N; i++) {
    double lengths[2] = {0.0, 0.0};
    for (int j = 0; j < K; j++) {
      lengths[0] += a.x[j * N + i] * a.x[j * N + i];
      lengths[1] += b.x[j * N + i] * b.x[j * N + i];
    }
    assert_close(lengths[1], lengths[0], 1e-13, 0.0);
  }
  free_rows(&a);
  free_rows(&b);
}

/* Noise alone, over test rows. */
static rows read_noise(int kind, double parameter, int64_t count) {
  smr_data_config c = config;
  c.noise_law.kind = kind;
  c.test_instances = count;
  if (kind == SMR_NOISE_AR1) {
    c.noise_law.correlation = parameter;
  } else if (kind == SMR_NOISE_STUDENT_T) {
    c.noise_law.nu = parameter;
  }
  return read_rows(&c, (request){.n_train = 1, .count = count, .is_test = true});
}

/* Autocorrelation phi^k; the standard error of a lagged mean of n numbers with correlation time
 * (1 + phi^2) / (1 - phi^2) is sqrt of twice that over n at most. */
static void test_series(void **state) {
  (void)state;
  enum { N = 200000 };
  static const double values[] = {0.9, 0.5, -0.7, 0.0, 0.99};
  for (size_t q = 0; q < sizeof values / sizeof values[0]; q++) {
    const double phi = values[q];
    rows r = read_noise(SMR_NOISE_AR1, phi, N);
    const double error = sqrt(2 * (1 + phi * phi) / (1 - phi * phi) / N);
    for (int lag = 0; lag < 30; lag = 2 * lag + 1) {
      double sum = 0.0;
      for (int i = 0; i + lag < N; i++) {
        sum += r.y[i] * r.y[i + lag] / (N - lag);
      }
      assert_close(sum, 0.25 * pow(phi, lag), 0.0, 0.25 * 4 * error);
    }
    free_rows(&r);
  }
}

/* The series is one: innovations across the borders of its blocks are the size they are elsewhere,
 * and reading across them in pieces gives the same bits. phi = 0.999 needs many blocks of history.
 */
static void test_series_borders(void **state) {
  (void)state;
  enum { N = 5000, BLOCK = 1024 };
  static const double values[] = {0.9, 0.999, -0.999};
  for (size_t q = 0; q < sizeof values / sizeof values[0]; q++) {
    smr_data_config c = config;
    c.noise_law.kind = SMR_NOISE_AR1;
    c.noise_law.correlation = values[q];
    rows all = read_rows(&c, (request){.n_train = N, .count = N});
    const double size = 0.5 * sqrt(1 - values[q] * values[q]);
    for (int i = BLOCK; i < N; i += BLOCK) {
      const double innovation = all.y[i] - values[q] * all.y[i - 1];
      assert_true(fabs(innovation) < 4 * size && fabs(innovation) > 1e-3 * size);
    }
    for (int64_t first = 900; first < N; first += 1111) {
      const int64_t count = first + 333 < N ? 333 : N - first;
      rows part = read_rows(&c, (request){.n_train = N + 7, .first = first, .count = count});
      assert_memory_equal(part.y, all.y + first, (size_t)count * sizeof(double));
      free_rows(&part);
    }
    free_rows(&all);
  }
}

/* Variance by phase of the period, and over whole periods. */
static void test_heteroscedastic(void **state) {
  (void)state;
  enum { N = 200000, PERIOD = 40 };
  double by_phase[PERIOD] = {0.0}, mean = 0.0, variances[PERIOD];
  rows r = read_noise(SMR_NOISE_HETEROSCEDASTIC, 0.0, N);
  for (int i = 0; i < N; i++) {
    by_phase[i % PERIOD] += r.y[i] * r.y[i] / ((double)N / PERIOD);
  }
  smr_data_config c = config;
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  c.noise_law.kind = SMR_NOISE_HETEROSCEDASTIC;
  assert_ok(smr_dataset_open(test_world, &c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, &c, 0, 1, 0, &sample));
  smr_sample_get_variances(sample, 3 * PERIOD, PERIOD, variances);
  const smr_noise_law law = smr_sample_get_noise(sample);
  assert_true(law.has_variance && !law.is_white);
  for (int i = 0; i < PERIOD; i++) {
    const double expected = 1 + 0.8 * cos(2 * 3.14159265358979 * i / PERIOD);
    assert_close(variances[i], expected, 0.0, 1e-12);
    assert_close(by_phase[i], 0.25 * expected, 4.5 * sqrt(2.0 * PERIOD / N), 0.0);
    mean += by_phase[i] / PERIOD;
  }
  assert_close(mean, 0.25, 5 * sqrt(2.0 / N), 0.0);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
  free_rows(&r);
}

static double share_beyond(const double *y, int n, double limit) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    count += fabs(y[i]) > limit;
  }
  return (double)count / n;
}

/* Tails against closed forms of Student's t: nu = 1 (Cauchy) P(|t| > x) = 1 - 2 atan(x) / pi; nu =
 * 2 P = 1 - x / sqrt(2 + x^2); nu = 4 P = 1 - u (3 - u^2) / 2 with u = x / sqrt(4 + x^2). */
static void test_student(void **state) {
  (void)state;
  enum { N = 100000 };
  static const double limits[] = {0.5, 1, 2, 5, 20};
  for (int nu = 1; nu <= 4; nu *= 2) {
    rows r = read_noise(SMR_NOISE_STUDENT_T, nu, N);
    const double scale = nu > 2 ? 0.5 * sqrt((nu - 2.0) / nu) : 0.5;
    int positive = 0;
    for (int i = 0; i < N; i++) {
      positive += r.y[i] > 0;
    }
    assert_close((double)positive / N, 0.5, 0.0, 4 * 0.5 / sqrt(N));
    for (size_t q = 0; q < sizeof limits / sizeof limits[0]; q++) {
      const double x = limits[q], u = x / sqrt(4 + x * x);
      const double p = nu == 1   ? 1 - 2 * atan(x) / 3.14159265358979323846
                       : nu == 2 ? 1 - x / sqrt(2 + x * x)
                                 : 1 - u * (3 - u * u) / 2;
      assert_close(share_beyond(r.y, N, x * scale), p, 0.0, 4 * sqrt(p * (1 - p) / N));
    }
    free_rows(&r);
  }
  /* Variance sigma^2; of squares of t with nu = 9 the relative variance is 3 (nu - 2) / (nu - 4)
   * - 1. */
  double y2 = 0.0;
  rows r = read_noise(SMR_NOISE_STUDENT_T, 9.0, N);
  for (int i = 0; i < N; i++) {
    y2 += r.y[i] * r.y[i] / N;
  }
  assert_close(y2, 0.25, 4 * sqrt((3 * 7.0 / 5 - 1) / N), 0.0);
  free_rows(&r);
}

static void get_truth(const smr_data_config *c, int64_t replicate, int64_t k, double *w) {
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  double rest = 0.0;
  assert_ok(smr_dataset_open(test_world, c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, c, replicate, 1, k, &sample));
  assert_int_equal(smr_sample_get_truth(sample, k, w, &rest), 1);
  assert_close(rest, 0.0, 0.0, 0.0);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
}

/* Norm 2 for every number of columns, and the law of each direction. */
static void test_truth(void **state) {
  (void)state;
  enum { K = 15 };
  double random[K], w[K], part[K], other[K];
  smr_data_config c = config;
  get_truth(&c, 4, K, random);
  for (int kind = SMR_TRUTH_RANDOM; kind <= SMR_TRUTH_SINGLE; kind++) {
    double norm2 = 0.0;
    c.truth.kind = kind;
    get_truth(&c, 4, K, w);
    get_truth(&c, 4, 9, part);
    get_truth(&c, 5, K, other);
    for (int j = 0; j < K; j++) {
      norm2 += w[j] * w[j];
    }
    assert_close(norm2, 4.0, 1e-13, 0.0);
    for (int j = 0; j < 9; j++) {
      assert_close(part[j] * w[0], part[0] * w[j], 1e-13, 1e-300);
    }
    const int is_same = memcmp(w, other, sizeof w) == 0;
    assert_int_equal(is_same, kind >= SMR_TRUTH_CONSTANT);
    for (int j = 0; j + 7 < K; j++) {
      if (kind == SMR_TRUTH_DECAYING) {
        assert_close(w[j] * random[0], w[0] * random[j] * pow(j + 1.0, -1.5), 1e-13, 0.0);
      } else if (kind == SMR_TRUTH_SMOOTH) {
        assert_close(w[j + 7], w[j], 0.0, 1e-13);
      } else if (kind == SMR_TRUTH_CONSTANT) {
        assert_close(w[j], 2.0 / sqrt(K), 1e-14, 0.0);
      } else if (kind == SMR_TRUTH_SINGLE) {
        assert_close(w[j], j == 0 ? 2.0 : 0.0, 0.0, 0.0);
      }
    }
  }
}

/* y holds X w* when a fixed number of columns carries signal, for every design. */
static void test_targets(void **state) {
  (void)state;
  enum { N = 25, K = 10 };
  for (int d = 0; d < N_DESIGNS; d++) {
    smr_data_config c = choose_design(d);
    double w[K];
    c.teacher_features = K;
    c.noise = 0.0;
    rows r = read_rows(&c, (request){.n_train = N, .n_features = K, .count = N, .k = K});
    get_truth(&c, 0, K, w);
    for (int i = 0; i < N; i++) {
      double expected = 0.0;
      for (int j = 0; j < K; j++) {
        expected += r.x[j * N + i] * w[j];
      }
      assert_close(r.y[i], expected, 0.0, 1e-13); /* ten numbers near 1 */
    }
    free_rows(&r);
  }
}

static void test_limits(void **state) {
  (void)state;
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  smr_data_config c = choose_design(6);
  assert_ok(smr_dataset_open(test_world, &c, NULL, &dataset));
  assert_fails(smr_sample_create(dataset, &c, 0, 5, 21, &sample), SMR_ERR_INPUT, "design_columns");
  assert_null(sample);
  c.design.columns = 1; /* nothing to turn */
  assert_ok(smr_sample_create(dataset, &c, 0, 5, 1, &sample));
  smr_sample_destroy(&sample);
  c.noise_law.kind = SMR_NOISE_STUDENT_T;
  c.noise_law.nu = 2.0;
  assert_ok(smr_sample_create(dataset, &c, 0, 5, 1, &sample));
  assert_false(smr_sample_get_noise(sample).has_variance);
  assert_true(smr_sample_get_noise(sample).is_white);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
}

static int is_same(const void *a, const void *b, size_t bytes) {
  return memcmp(a, b, bytes) == 0;
}

static void test_same_on_all_ranks(void **state) {
  (void)state;
  enum { N = 40, K = 7 };
  for (int q = 0; q < N_DESIGNS; q++) {
    smr_data_config c = choose_design(q);
    c.noise_law.kind = q % N_NOISES;
    double root[N * K + N];
    rows r = read_rows(&c, (request){.n_train = N, .n_features = K, .count = N, .k = K});
    memcpy(root, r.x, sizeof(double) * N * K);
    memcpy(root + N * K, r.y, sizeof(double) * N);
    smr_broadcast(test_world, 0, root, sizeof root);
    assert_on_all(is_same(root, r.x, sizeof(double) * N * K) &&
                  is_same(root + N * K, r.y, sizeof(double) * N));
    free_rows(&r);
  }
}

MPI_TEST_MAIN(cmocka_unit_test(test_prefix), cmocka_unit_test(test_more_columns),
              cmocka_unit_test(test_smooth), cmocka_unit_test(test_covariance),
              cmocka_unit_test(test_rotation), cmocka_unit_test(test_rotation_keeps_lengths),
              cmocka_unit_test(test_series), cmocka_unit_test(test_series_borders),
              cmocka_unit_test(test_heteroscedastic), cmocka_unit_test(test_student),
              cmocka_unit_test(test_truth), cmocka_unit_test(test_targets),
              cmocka_unit_test(test_limits), cmocka_unit_test(test_same_on_all_ranks))
