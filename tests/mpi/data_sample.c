/* Samples of a file: nested training rows, disjoint test rows, column orders, blocks. */
#include <stdlib.h>
#include <unistd.h>

#include "mpi_frame.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/base/text.h"
#include "simmer/data/dataset.h"

/* X(i, j) = 100 i + j, y(i) = i: a value says where it comes from. */
enum { ROWS = 101, FEATURES = 11 };

static smr_dataset *dataset;
static const smr_data_config config = {.source = SMR_SOURCE_CSV,
                                       .file = "t.csv",
                                       .target_column = -1,
                                       .test_instances = -1,
                                       .seed = 5};

static smr_status write_table(const char *path) {
  smr_text text = {0};
  smr_status status = SMR_OK;
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < FEATURES; j++) {
      SMR_TRY_DONE(smr_text_add(&text, "%d ", 100 * i + j));
    }
    SMR_TRY_DONE(smr_text_add(&text, "%d\n", i));
  }
  status = smr_file_write(path, text.data, text.length);
done:
  smr_text_clear(&text);
  return status;
}

static int open_table(void **state) {
  (void)state;
  char folder[] = "/tmp/simmer-data-sample-XXXXXX", path[SMR_PATH_BYTES] = "";
  smr_status status = SMR_OK;
  if (test_world->rank == 0) {
    status = mkdtemp(folder) == NULL ? smr_error_set(SMR_ERR_IO, "no folder")
                                     : smr_file_join(path, folder, "t.csv");
    status = status == SMR_OK ? write_table(path) : status;
  }
  smr_broadcast(test_world, 0, folder, sizeof folder);
  if (smr_agree_root(test_world, 0, status) == SMR_OK) {
    status = smr_dataset_open(test_world, &config, folder, &dataset);
  }
  if (test_world->rank == 0) {
    unlink(path);
    rmdir(folder);
  }
  return status != SMR_OK;
}

static int close_table(void **state) {
  (void)state;
  smr_dataset_close(&dataset);
  return 0;
}

typedef struct {
  int64_t n_train, n_test, n_features;
  double x[ROWS * FEATURES], y[ROWS];           /* x column-major, ld = n_train */
  double x_test[ROWS * FEATURES], y_test[ROWS]; /* ld = n_test */
} content;

static void read_all(const smr_data_config *c, int64_t replicate, int64_t n_train,
                     int64_t n_features, content *out) {
  smr_sample *sample = NULL;
  assert_ok(smr_sample_create(dataset, c, replicate, n_train, n_features, &sample));
  out->n_train = n_train;
  out->n_test = smr_sample_count_test(sample);
  out->n_features = n_features;
  assert_ok(smr_sample_read(sample, false, 0, n_train, n_features, out->x, n_train, out->y));
  assert_ok(smr_sample_read(sample, true, 0, out->n_test, n_features, out->x_test, out->n_test,
                            out->y_test));
  smr_sample_destroy(&sample);
}

static void test_values_belong_together(void **state) {
  (void)state;
  content c;
  read_all(&config, 3, 40, FEATURES, &c);
  assert_int_equal(c.n_test, ROWS - 40);
  int columns = 0;
  for (int64_t j = 0; j < FEATURES; j++) {
    const double column = c.x[j * 40] - 100.0 * c.y[0];
    assert_true(column >= 0.0 && column < FEATURES);
    columns |= 1 << (int)column;
    for (int64_t i = 0; i < 40; i++) {
      assert_close(c.x[j * 40 + i], 100.0 * c.y[i] + column, 0.0, 0.0);
    }
    for (int64_t i = 0; i < c.n_test; i++) {
      assert_close(c.x_test[j * c.n_test + i], 100.0 * c.y_test[i] + column, 0.0, 0.0);
    }
  }
  assert_int_equal(columns, (1 << FEATURES) - 1);
}

/* Training and test rows together are all rows, each once; the rest is in the file's order. */
static void test_disjoint(void **state) {
  (void)state;
  for (int64_t n_train = 0; n_train < ROWS; n_train += 25) {
    content c;
    int seen[ROWS] = {0};
    read_all(&config, 1, n_train, 1, &c);
    assert_int_equal(c.n_train + c.n_test, ROWS);
    for (int64_t i = 0; i < n_train; i++) {
      seen[(int)c.y[i]]++;
    }
    for (int64_t i = 0; i < c.n_test; i++) {
      seen[(int)c.y_test[i]]++;
      assert_true(i == 0 || c.y_test[i] > c.y_test[i - 1]);
    }
    for (int i = 0; i < ROWS; i++) {
      assert_int_equal(seen[i], 1);
    }
  }
}

/* A limited test set is disjoint from the training rows too. */
static void test_disjoint_when_limited(void **state) {
  (void)state;
  content c;
  int seen[ROWS] = {0};
  smr_data_config limited = config;
  limited.test_instances = 40;
  read_all(&limited, 1, 60, 1, &c);
  for (int64_t i = 0; i < 60; i++) {
    seen[(int)c.y[i]]++;
  }
  for (int64_t i = 0; i < 40; i++) {
    seen[(int)c.y_test[i]]++;
  }
  for (int i = 0; i < ROWS; i++) {
    assert_in_range(seen[i], 0, 1);
  }
}

static void test_nested(void **state) {
  (void)state;
  content small, large;
  read_all(&config, 2, 10, 4, &small);
  read_all(&config, 2, 60, FEATURES, &large);
  for (int64_t i = 0; i < 10; i++) {
    assert_close(small.y[i], large.y[i], 0.0, 0.0);
    for (int64_t j = 0; j < 4; j++) {
      assert_close(small.x[j * 10 + i], large.x[j * 60 + i], 0.0, 0.0);
    }
  }
}

static void test_replicates_and_seeds_differ(void **state) {
  (void)state;
  content a, b, c;
  smr_data_config other = config;
  other.seed = 6;
  read_all(&config, 0, 50, FEATURES, &a);
  read_all(&config, 1, 50, FEATURES, &b);
  read_all(&other, 0, 50, FEATURES, &c);
  assert_memory_not_equal(a.y, b.y, 50 * sizeof(double));
  assert_memory_not_equal(a.y, c.y, 50 * sizeof(double));
  int columns_differ = 0;
  for (int j = 0; j < FEATURES; j++) {
    columns_differ |= a.x[j * 50] - 100.0 * a.y[0] != b.x[j * 50] - 100.0 * b.y[0];
  }
  assert_true(columns_differ);
}

/* Any range and number of features is a part of the whole; what lies beyond isn't touched. */
static void test_blocks(void **state) {
  (void)state;
  enum { LD = 47, GUARD = -7 };
  content all;
  smr_sample *sample = NULL;
  read_all(&config, 4, 70, FEATURES, &all);
  assert_ok(smr_sample_create(dataset, &config, 4, 70, FEATURES, &sample));
  const int64_t counts[] = {0, 1, 7, 8, 9, 31, 32, 33, 41};
  for (size_t q = 0; q < sizeof counts / sizeof counts[0]; q++) {
    double x[LD * FEATURES], y[LD];
    const int64_t n = counts[q], k = 1 + (int64_t)q % FEATURES;
    for (int i = 0; i < LD * FEATURES; i++) {
      x[i] = GUARD;
    }
    assert_ok(smr_sample_read(sample, false, 13, n, k, x, LD, y));
    for (int64_t j = 0; j < FEATURES; j++) {
      for (int64_t i = 0; i < LD; i++) {
        assert_close(x[j * LD + i], i < n && j < k ? all.x[j * 70 + 13 + i] : GUARD, 0.0, 0.0);
      }
    }
    for (int64_t i = 0; i < n; i++) {
      assert_close(y[i], all.y[13 + i], 0.0, 0.0);
    }
  }
  double x[1], y[1];
  assert_ok(smr_sample_read(sample, false, 69, 1, 0, NULL, 0, y));
  assert_close(y[0], all.y[69], 0.0, 0.0);
  assert_fails(smr_sample_read(sample, false, 70, 1, 1, x, 1, y), SMR_ERR_INTERNAL, "read");
  assert_fails(smr_sample_read(sample, true, 0, 32, 1, x, 32, y), SMR_ERR_INTERNAL, "read");
  assert_fails(smr_sample_read(sample, true, -1, 1, 1, x, 1, y), SMR_ERR_INTERNAL, "read");
  smr_sample_destroy(&sample);
}

static void test_limits(void **state) {
  (void)state;
  smr_sample *sample = NULL;
  smr_data_config c = config;
  assert_fails(smr_sample_create(dataset, &c, 0, ROWS + 1, 1, &sample), SMR_ERR_INPUT, "101 rows");
  assert_fails(smr_sample_create(dataset, &c, 0, ROWS, 1, &sample), SMR_ERR_INPUT, "none is left");
  assert_fails(smr_sample_create(dataset, &c, 0, 5, FEATURES + 1, &sample), SMR_ERR_INPUT,
               "12 features");
  assert_null(sample);
  c.source = SMR_SOURCE_TEACHER;
  assert_fails(smr_sample_create(dataset, &c, 0, 5, 1, &sample), SMR_ERR_INTERNAL, "source");
  content some, more;
  c = config;
  c.test_instances = 9;
  read_all(&c, 0, 20, 2, &some);
  assert_int_equal(some.n_test, 9);
  c.test_instances = 30;
  read_all(&c, 0, 20, 2, &more);
  assert_int_equal(more.n_test, 30);
  assert_memory_equal(more.y_test, some.y_test, 9 * sizeof(double));
  read_all(&c, 0, ROWS - 1, 2, &some);
  assert_int_equal(some.n_test, 1);
  c.test_instances = 0;
  read_all(&c, 0, ROWS, 2, &some);
  assert_int_equal(some.n_test, 0);
}

static void test_no_truth(void **state) {
  (void)state;
  smr_sample *sample = NULL;
  double w[1] = {3.0}, rest = 4.0;
  assert_ok(smr_sample_create(dataset, &config, 0, 5, 1, &sample));
  assert_int_equal(smr_sample_get_truth(sample, 1, w, &rest), 0);
  assert_int_equal(smr_sample_is_noise_only(sample), 0);
  smr_sample_destroy(&sample);
}

static int is_same(const void *a, const void *b, size_t bytes) {
  return memcmp(a, b, bytes) == 0;
}

/* All ranks see the same sample. */
static void test_same_on_all_ranks(void **state) {
  (void)state;
  content mine, root;
  read_all(&config, 8, 30, 5, &mine);
  root = mine;
  smr_broadcast(test_world, 0, &root, sizeof root);
  assert_on_all(is_same(root.x, mine.x, sizeof(double) * 30 * 5));
  assert_on_all(is_same(root.y_test, mine.y_test, sizeof(double) * (ROWS - 30)));
}

static const struct CMUnitTest sample_tests[] = {
    cmocka_unit_test(test_values_belong_together),
    cmocka_unit_test(test_disjoint),
    cmocka_unit_test(test_disjoint_when_limited),
    cmocka_unit_test(test_nested),
    cmocka_unit_test(test_replicates_and_seeds_differ),
    cmocka_unit_test(test_blocks),
    cmocka_unit_test(test_limits),
    cmocka_unit_test(test_no_truth),
    cmocka_unit_test(test_same_on_all_ranks),
};

int main(int argc, char **argv) {
  if (smr_context_start(&argc, &argv, &test_world) != SMR_OK) {
    fprintf(stderr, "cannot start MPI: %s\n", smr_error_message());
    return 1;
  }
  int failures = cmocka_run_group_tests(sample_tests, open_table, close_table);
  failures = smr_any(test_world, failures);
  smr_context_finish(&test_world);
  return failures != 0;
}
