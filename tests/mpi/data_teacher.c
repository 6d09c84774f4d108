/* The teacher: numbers that depend on nothing but where they are, and the law they follow. */
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/data/dataset.h"

static const smr_data_config config = {.source = SMR_SOURCE_TEACHER,
                                       .teacher_features = 6,
                                       .signal = 2.0,
                                       .noise = 0.5,
                                       .test_instances = 50,
                                       .seed = 11};

/* Rows first..first+count-1 of the first k features; n_train and n_features as a unit has them. */
typedef struct {
  int64_t replicate, n_train, n_features, first, count, k;
  bool is_test;
} request;

static void read_rows(const smr_data_config *c, request r, double *x, double *y) {
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  assert_ok(smr_dataset_open(test_world, c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, c, r.replicate, r.n_train, r.n_features, &sample));
  assert_ok(smr_sample_read(sample, r.is_test, r.first, r.count, r.k, x, r.count, y));
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
}

static int get_truth(const smr_data_config *c, int64_t replicate, int64_t k, double *w,
                     double *rest) {
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  assert_ok(smr_dataset_open(test_world, c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, c, replicate, 1, k, &sample));
  assert_int_equal(smr_sample_get_truth(sample, k, w, rest), 1);
  const int is_noise_only = smr_sample_is_noise_only(sample);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
  return is_noise_only;
}

/* A row is the same bits whatever range, n_train, or number of features is asked for. */
static void test_prefix(void **state) {
  (void)state;
  enum { N = 90, K = 9 };
  double all[N * K], y_all[N], part[40 * K], y[40];
  read_rows(&config, (request){.n_train = N, .n_features = K, .count = N, .k = K}, all, y_all);
  for (int64_t k = 0; k <= K; k++) {
    const int64_t first = 5 * k, count = 1 + 3 * k;
    read_rows(&config,
              (request){.n_train = 85, .n_features = K, .first = first, .count = count, .k = k},
              part, y);
    assert_memory_equal(y, y_all + first, (size_t)count * sizeof *y);
    for (int64_t j = 0; j < k; j++) {
      assert_memory_equal(part + j * count, all + j * N + first, (size_t)count * sizeof *part);
    }
  }
}

/* Rows of more than a thousand columns take another block size. */
static void test_wide(void **state) {
  (void)state;
  enum { N = 11, K = 1500, FEW = 3 };
  double *wide = NULL, few[N * FEW], y_wide[N], y[N];
  assert_ok(smr_memory_alloc((int64_t)N * K, sizeof *wide, "X", &wide));
  read_rows(&config, (request){.n_train = N, .n_features = K, .count = N, .k = K}, wide, y_wide);
  read_rows(&config, (request){.n_train = N, .n_features = FEW, .count = N, .k = FEW}, few, y);
  assert_memory_equal(few, wide, sizeof few);
  assert_memory_equal(y, y_wide, sizeof y);
  smr_memory_free(wide);
}

static void test_streams_differ(void **state) {
  (void)state;
  enum { N = 20, K = 4 };
  double x[4][N * K], y[4][N];
  smr_data_config other = config;
  other.seed = 12;
  request r = {.n_train = N, .n_features = K, .count = N, .k = K};
  read_rows(&config, r, x[0], y[0]);
  read_rows(&other, r, x[1], y[1]);
  r.replicate = 1;
  read_rows(&config, r, x[2], y[2]);
  r.replicate = 0;
  r.is_test = true;
  read_rows(&config, r, x[3], y[3]);
  for (int a = 0; a < 4; a++) {
    for (int b = 0; b < a; b++) {
      for (int i = 0; i < N * K; i++) {
        assert_true(x[a][i] != x[b][i]);
      }
      assert_memory_not_equal(y[a], y[b], sizeof y[a]);
    }
  }
}

/* y - X w* must be sigma times the noise that teacher_features = -1 gives alone. */
static void check_targets(int64_t n_signal, int64_t n_fitted, bool is_test) {
  enum { N = 30, MAX = 12 };
  double x[N * MAX], y[N], w[MAX], x_alone[N * MAX], noise[N], rest;
  smr_data_config c = config, alone = config;
  c.teacher_features = n_signal;
  alone.teacher_features = -1;
  const request r = {
      .replicate = 2, .n_train = N, .n_features = MAX, .count = N, .k = MAX, .is_test = is_test};
  read_rows(&c, r, x, y);
  read_rows(&alone, r, x_alone, noise);
  assert_memory_equal(x, x_alone, sizeof x);
  assert_int_equal(get_truth(&c, 2, MAX, w, &rest), 0);
  assert_close(rest, 0.0, 0.0, 0.0);
  for (int i = 0; i < N; i++) {
    double expected = noise[i];
    for (int j = 0; j < MAX; j++) {
      expected += x[j * N + i] * w[j];
    }
    assert_close(y[i], expected, 0.0, 1e-13); /* a sum of a dozen numbers near 1 */
  }
  /* Fewer fitted features leave the targets as they are. */
  double x_few[N * MAX], y_few[N];
  request few = r;
  few.k = n_fitted;
  read_rows(&c, few, x_few, y_few);
  assert_memory_equal(y, y_few, sizeof y);
}

static void test_targets(void **state) {
  (void)state;
  check_targets(6, 3, false);
  check_targets(12, 0, true);
  check_targets(1, 12, true);
  check_targets(0, 5, false);
}

static void test_truth(void **state) {
  (void)state;
  enum { MAX = 10 };
  double w[MAX], part[MAX], rest;
  /* Six signal features of norm 2: the fitted and the rest share it, and zeros follow. */
  get_truth(&config, 3, MAX, w, &rest);
  double norm2 = 0.0;
  for (int j = 0; j < 6; j++) {
    assert_true(w[j] != 0.0);
    norm2 += w[j] * w[j];
  }
  assert_close(norm2, 4.0, 1e-14, 0.0);
  assert_close(rest + fabs(w[6]) + fabs(w[7]) + fabs(w[8]) + fabs(w[9]), 0.0, 0.0, 0.0);
  get_truth(&config, 3, 4, part, &rest);
  assert_memory_equal(part, w, 4 * sizeof *w);
  assert_close(rest * rest, w[4] * w[4] + w[5] * w[5], 1e-14, 0.0);
  get_truth(&config, 3, 0, part, &rest);
  assert_close(rest, 2.0, 1e-14, 0.0);
  /* teacher_features = -1: always norm 2, one direction per replicate. */
  smr_data_config alone = config;
  alone.teacher_features = -1;
  for (int64_t k = 1; k <= MAX; k++) {
    norm2 = 0.0;
    assert_int_equal(get_truth(&alone, 3, k, part, &rest), 1);
    for (int64_t j = 0; j < k; j++) {
      norm2 += part[j] * part[j];
      if (j < 6) {
        assert_close(part[j] * w[0], part[0] * w[j], 1e-13, 0.0);
      }
    }
    assert_close(norm2, 4.0, 1e-14, 0.0);
    assert_close(rest, 0.0, 0.0, 0.0);
  }
}

/* Moments of 200 x 50 draws: standard errors 1/sqrt(n) of the mean and sqrt(2/n) of the variance;
 * 4 of them are allowed. */
static void test_law(void **state) {
  (void)state;
  enum { N = 2000, K = 10 };
  double *x = NULL, *y = NULL, x1 = 0.0, x2 = 0.0, y2 = 0.0;
  assert_ok(smr_memory_alloc((int64_t)N * K, sizeof *x, "X", &x));
  assert_ok(smr_memory_alloc(N, sizeof *y, "y", &y));
  smr_data_config c = config;
  c.test_instances = N;
  read_rows(&c, (request){.n_train = 1, .n_features = K, .count = N, .k = K, .is_test = true}, x,
            y);
  for (int i = 0; i < N * K; i++) {
    x1 += x[i] / (N * K);
    x2 += x[i] * x[i] / (N * K);
  }
  for (int i = 0; i < N; i++) {
    y2 += y[i] * y[i] / N;
  }
  assert_close(x1, 0.0, 0.0, 4.0 / sqrt(N * K));
  assert_close(x2, 1.0, 0.0, 4.0 * sqrt(2.0 / (N * K)));
  assert_close(y2, 4.0 + 0.25, 4.0 * sqrt(2.0 / N), 0.0);
  smr_memory_free(x);
  smr_memory_free(y);
}

static void test_limits(void **state) {
  (void)state;
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  smr_data_config c = config;
  assert_ok(smr_dataset_open(test_world, &c, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, &c, 0, 0, 0, &sample));
  assert_int_equal(smr_sample_count_test(sample), 50);
  assert_ok(smr_sample_read(sample, false, 0, 0, 0, NULL, 0, NULL));
  smr_sample_destroy(&sample);
  c.test_instances = -1;
  assert_fails(smr_sample_create(dataset, &c, 0, 5, 5, &sample), SMR_ERR_INPUT, "test_instances");
  assert_fails(smr_sample_create(dataset, &config, 0, -5, 5, &sample), SMR_ERR_INTERNAL, "nothing");
  smr_dataset_close(&dataset);
}

static int is_same(const void *a, const void *b, size_t bytes) {
  return memcmp(a, b, bytes) == 0;
}

static void test_same_on_all_ranks(void **state) {
  (void)state;
  enum { N = 12, K = 5 };
  double x[N * K], y[N], x_root[N * K];
  read_rows(&config, (request){.n_train = N, .n_features = K, .count = N, .k = K}, x, y);
  memcpy(x_root, x, sizeof x);
  smr_broadcast(test_world, 0, x_root, sizeof x_root);
  assert_on_all(is_same(x, x_root, sizeof x));
}

MPI_TEST_MAIN(cmocka_unit_test(test_prefix), cmocka_unit_test(test_wide),
              cmocka_unit_test(test_streams_differ), cmocka_unit_test(test_targets),
              cmocka_unit_test(test_truth), cmocka_unit_test(test_law),
              cmocka_unit_test(test_limits), cmocka_unit_test(test_same_on_all_ranks))
