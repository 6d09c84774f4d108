/* HDF5 tables by inspect: shapes, and what is said of wrong ones. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "simmer/base/file.h"
#include "simmer/data/dataset.h"
#include "simmer/store/array.h"

static char folder[] = "/tmp/simmer-data-hdf5-XXXXXX";
static char path[SMR_PATH_BYTES];

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL || smr_file_join(path, folder, "t.h5") != SMR_OK;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

static const smr_data_config defaults = {.source = SMR_SOURCE_HDF5,
                                         .file = "t.h5",
                                         .x_name = "images",
                                         .y_name = "labels",
                                         .test_instances = -1};

enum { ROWS = 3, FEATURES = 2 };

/* Writes X and y of the given shapes and inspects. */
static smr_status inspect(int64_t x_rows, int64_t n_features, int64_t y_rows, double *x, double *y,
                          smr_data_shape *shape) {
  const smr_array arrays[] = {
      {.name = "images",
       .type = SMR_F64,
       .n_dimensions = 2,
       .shape = {x_rows, n_features},
       .dimensions = {"row", "feature"},
       .data = x},
      {.name = "labels",
       .type = SMR_F64,
       .n_dimensions = 1,
       .shape = {y_rows},
       .dimensions = {x_rows == y_rows ? "row" : "other"},
       .data = y},
  };
  smr_data_config config = defaults;
  config.labels_to_signs = true;
  SMR_TRY(smr_arrays_write(path, 2, arrays, 0, NULL));
  return smr_dataset_inspect(&config, folder, shape);
}

static void test_shape(void **state) {
  (void)state;
  double x[ROWS * FEATURES] = {1, 2, 3, 4, 5, 6}, y[ROWS] = {0, 1, 1};
  smr_data_shape shape = {0};
  assert_ok(inspect(ROWS, FEATURES, ROWS, x, y, &shape));
  assert_int_equal(shape.n_rows, ROWS);
  assert_int_equal(shape.n_features, FEATURES);
  assert_int_equal(shape.file_bytes, ROWS * (FEATURES + 1) * 8);
  assert_true(shape.is_classification);
  y[0] = 2;
  y[1] = 3;
  assert_ok(inspect(ROWS, FEATURES, ROWS, x, y, &shape));
  assert_false(shape.is_classification);
}

static void test_wrong_values(void **state) {
  (void)state;
  double x[ROWS * FEATURES] = {1, 2, 3, 4, 5, 6}, y[ROWS] = {0, 1, 1};
  smr_data_shape shape = {0};
  x[3] = NAN;
  assert_fails(inspect(ROWS, FEATURES, ROWS, x, y, &shape), SMR_ERR_INPUT,
               "images has NaN in row 1, column 1");
  x[3] = 4.0;
  y[2] = -INFINITY;
  assert_fails(inspect(ROWS, FEATURES, ROWS, x, y, &shape), SMR_ERR_INPUT,
               "labels has an infinite value in row 2");
}

/* NaN in the last row of a file that is read in several blocks. */
static void test_blocks(void **state) {
  (void)state;
  enum { MANY = 3000, WIDE = 99 };
  double *x = calloc((size_t)MANY * WIDE, sizeof *x), *y = calloc(MANY, sizeof *y);
  assert_true(x != NULL && y != NULL);
  smr_data_shape shape = {0};
  assert_ok(inspect(MANY, WIDE, MANY, x, y, &shape));
  x[MANY * WIDE - 1] = NAN;
  assert_fails(inspect(MANY, WIDE, MANY, x, y, &shape), SMR_ERR_INPUT, "row 2999, column 98");
  free(x);
  free(y);
}

static void test_wrong_shapes(void **state) {
  (void)state;
  double x[ROWS * FEATURES] = {0}, y[ROWS] = {0};
  smr_data_shape shape = {0};
  assert_fails(inspect(ROWS, FEATURES, 2, x, y, &shape), SMR_ERR_INPUT, "labels has 2");
  assert_ok(inspect(ROWS, FEATURES, ROWS, x, y, &shape));
  smr_data_config config = defaults;
  config.y_name = "images";
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_INPUT, "2 dimensions");
  config = defaults;
  config.x_name = "labels";
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_INPUT, "1 dimensions");
  config.x_name = NULL;
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_INPUT, "not given");
}

static void test_missing(void **state) {
  (void)state;
  double x[ROWS * FEATURES] = {0}, y[ROWS] = {0};
  smr_data_shape shape = {0};
  assert_ok(inspect(ROWS, FEATURES, ROWS, x, y, &shape));
  smr_data_config config = defaults;
  config.y_name = "target";
  assert_true(smr_dataset_inspect(&config, folder, &shape) != SMR_OK);
  assert_non_null(strstr(smr_error_message(), "target"));
  assert_non_null(strstr(smr_error_message(), "images"));
  assert_non_null(strstr(smr_error_message(), "labels"));
  assert_ok(smr_file_write(path, "no HDF5 file", 12));
  assert_true(smr_dataset_inspect(&defaults, folder, &shape) != SMR_OK);
  assert_non_null(strstr(smr_error_message(), "t.h5"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shape),   cmocka_unit_test(test_wrong_values),
      cmocka_unit_test(test_blocks),  cmocka_unit_test(test_wrong_shapes),
      cmocka_unit_test(test_missing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
