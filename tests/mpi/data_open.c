/* Opening data on several ranks: the same content everywhere, and the same error everywhere. */
#include <stdlib.h>
#include <unistd.h>

#include "mpi_frame.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/data/dataset.h"
#include "simmer/store/array.h"

typedef struct {
  char folder[64];
  char path[SMR_PATH_BYTES]; /* the one file in it */
} fixture;

/* A folder of rank 0's, known to all. */
static fixture make_fixture(const char *name) {
  fixture f = {.folder = "/tmp/simmer-data-open-XXXXXX"};
  const int is_wrong = test_world->rank == 0 && mkdtemp(f.folder) == NULL;
  smr_broadcast(test_world, 0, f.folder, sizeof f.folder);
  assert_on_all(!is_wrong);
  assert_ok(smr_file_join(f.path, f.folder, name));
  return f;
}

static void remove_fixture(const fixture *f) {
  smr_barrier(test_world);
  if (test_world->rank == 0) {
    unlink(f->path);
    rmdir(f->folder);
  }
}

static void write_text(const fixture *f, const char *text) {
  smr_status status = SMR_OK;
  if (test_world->rank == 0) {
    status = smr_file_write(f->path, text, strlen(text));
  }
  assert_ok(smr_agree_root(test_world, 0, status));
}

static const smr_data_config csv_config = {
    .source = SMR_SOURCE_CSV, .file = "t.csv", .target_column = -1, .test_instances = -1};

/* The same status and a message with `part` on all ranks, and nothing opened. */
static void check_fails(const fixture *f, const smr_data_config *config, smr_status expected,
                        const char *part) {
  smr_dataset *dataset = NULL;
  const smr_status status = smr_dataset_open(test_world, config, f->folder, &dataset);
  assert_on_all(status == expected);
  assert_on_all(dataset == NULL);
  assert_on_all(strstr(smr_error_message(), part) != NULL);
  if (test_world->size > 1) {
    assert_on_all(strstr(smr_error_message(), "rank 0") != NULL);
  }
}

static void test_mistakes(void **state) {
  (void)state;
  static const char *const mistakes[][2] = {
      {"", "no rows"},
      {"a,b\n", "no rows"},
      {"1\n2\n", "only one column"},
      {"1,2,3\n4,5\n", "line 2 has 2 fields where the lines before have 3"},
      {"1,2\n3,abc\n", "line 2, column 2: 'abc' is not a number"},
      {"1,2\n3,nan\n", "not a finite number"},
      {"1,2\n3,\n", "the field is empty"},
  };
  const fixture f = make_fixture("t.csv");
  check_fails(&f, &csv_config, SMR_ERR_MISSING, "there is no data file");
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    write_text(&f, mistakes[i][0]);
    check_fails(&f, &csv_config, SMR_ERR_INPUT, mistakes[i][1]);
  }
  smr_data_config config = csv_config;
  config.target_column = 2;
  write_text(&f, "1,2\n3,4\n");
  check_fails(&f, &config, SMR_ERR_INPUT, "column 2");
  remove_fixture(&f);
}

/* A file that fails while it is opened, or while it is read, on the reading rank alone. */
static void test_faults(void **state) {
  (void)state;
#if SIMMER_FAULTS
  const fixture f = make_fixture("t.csv");
  write_text(&f, "1,2\n3,4\n");
  setenv("SIMMER_FAULT", "data.open:0:1", 1);
  check_fails(&f, &csv_config, SMR_ERR_IO, "fault data.open");
  /* Passes are counted over all sites of a process: only rank 0 reads, so this is its second. */
  setenv("SIMMER_FAULT", "data.read:0:2", 1);
  check_fails(&f, &csv_config, SMR_ERR_IO, "fault data.read");
  unsetenv("SIMMER_FAULT");
  remove_fixture(&f);
#else
  print_message("skipped: built without fault points\n");
  skip();
#endif
}

/* Every rank sees every value: row i of X is 100 i + column, and y is the labels' signs. */
static void check_content(const smr_dataset *dataset, const smr_data_config *config) {
  smr_sample *sample = NULL;
  double x[3 * 2], y[3], first_label = 0.0;
  const smr_data_shape shape = smr_dataset_get_shape(dataset);
  assert_on_all(shape.n_rows == 3 && shape.n_features == 2 && shape.file_bytes == 72);
  assert_on_all(shape.is_classification);
  assert_ok(smr_sample_create(dataset, config, 0, 3, 2, &sample));
  assert_ok(smr_sample_read(sample, false, 0, 3, 2, x, 3, y));
  int is_right = 1, seen = 0;
  for (int i = 0; i < 3; i++) {
    const int row = (int)(x[i] / 100.0);
    seen |= 1 << row;
    first_label = row == 0 ? 1.0 : -1.0; /* 7 in row 0, 5 in the others */
    is_right &= y[i] == first_label && fabs(x[i] - x[3 + i]) == 1.0;
  }
  assert_on_all(is_right && seen == 7);
  smr_sample_destroy(&sample);
  assert_null(sample);
}

static void test_csv(void **state) {
  (void)state;
  const fixture f = make_fixture("t.csv");
  smr_data_config config = csv_config;
  config.labels_to_signs = true;
  config.target_column = 1;
  config.test_instances = 0;
  write_text(&f, "a,y,b\n0,7,1\n100,5,101\n200,5,201\n");
  smr_dataset *dataset = NULL;
  assert_ok(smr_dataset_open(test_world, &config, f.folder, &dataset));
  check_content(dataset, &config);
  smr_dataset_close(&dataset);
  assert_null(dataset);
  smr_dataset_close(&dataset);
  remove_fixture(&f);
}

static void test_hdf5(void **state) {
  (void)state;
  const fixture f = make_fixture("t.h5");
  double x[] = {0, 1, 100, 101, 200, 201};
  int32_t y[] = {7, 5, 5};
  const smr_array arrays[] = {
      {.name = "X",
       .type = SMR_F64,
       .n_dimensions = 2,
       .shape = {3, 2},
       .dimensions = {"row", "feature"},
       .data = x},
      {.name = "y",
       .type = SMR_I32,
       .n_dimensions = 1,
       .shape = {3},
       .dimensions = {"row"},
       .data = y},
  };
  smr_data_config config = {.source = SMR_SOURCE_HDF5,
                            .file = "t.h5",
                            .x_name = "X",
                            .y_name = "y",
                            .labels_to_signs = true};
  const smr_status status =
      test_world->rank == 0 ? smr_arrays_write(f.path, 2, arrays, 0, NULL) : SMR_OK;
  assert_ok(smr_agree_root(test_world, 0, status));
  smr_dataset *dataset = NULL;
  assert_ok(smr_dataset_open(test_world, &config, f.folder, &dataset));
  check_content(dataset, &config);
  smr_dataset_close(&dataset);
  config.y_name = "target";
  assert_on_all(smr_dataset_open(test_world, &config, f.folder, &dataset) != SMR_OK);
  assert_on_all(strstr(smr_error_message(), "target") != NULL);
  remove_fixture(&f);
}

static void test_teacher(void **state) {
  (void)state;
  const smr_data_config config = {.source = SMR_SOURCE_TEACHER};
  smr_dataset *dataset = NULL;
  assert_ok(smr_dataset_open(test_world, &config, "", &dataset));
  assert_on_all(smr_dataset_get_shape(dataset).n_rows == INT64_MAX);
  smr_dataset_close(&dataset);
  const smr_data_config wrong = {.source = -1};
  assert_on_all(smr_dataset_open(test_world, &wrong, "", &dataset) == SMR_ERR_INTERNAL);
}

/* The real thing: 4601 messages, 57 features, 1813 of them spam. */
static void test_spambase(void **state) {
  (void)state;
  const char *folder = getenv("SIMMER_DATA");
  smr_data_config config = {.source = SMR_SOURCE_CSV,
                            .file = "spambase/spambase.data",
                            .target_column = -1,
                            .labels_to_signs = true};
  char path[SMR_PATH_BYTES] = "";
  if (folder != NULL) {
    assert_ok(smr_file_join(path, folder, config.file));
  }
  if (folder == NULL || !smr_file_exists(path)) {
    print_message("skipped: no $SIMMER_DATA/spambase/spambase.data\n");
    skip();
  }
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  double *x = NULL, *y = NULL;
  enum { ROWS = 4601, FEATURES = 57 };
  assert_ok(smr_dataset_open(test_world, &config, folder, &dataset));
  const smr_data_shape shape = smr_dataset_get_shape(dataset);
  assert_on_all(shape.n_rows == ROWS && shape.n_features == FEATURES && shape.is_classification);
  assert_ok(smr_memory_alloc((int64_t)ROWS * FEATURES, sizeof *x, "X", &x));
  assert_ok(smr_memory_alloc(ROWS, sizeof *y, "y", &y));
  assert_ok(smr_sample_create(dataset, &config, 0, ROWS, FEATURES, &sample));
  assert_ok(smr_sample_read(sample, false, 0, ROWS, FEATURES, x, ROWS, y));
  int64_t n_spam = 0, n_ham = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    n_spam += y[i] == 1.0;
    n_ham += y[i] == -1.0;
  }
  assert_on_all(n_spam == 1813 && n_ham == 2788);
  smr_memory_free(x);
  smr_memory_free(y);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
}

MPI_TEST_MAIN(cmocka_unit_test(test_mistakes), cmocka_unit_test(test_faults),
              cmocka_unit_test(test_csv), cmocka_unit_test(test_hdf5),
              cmocka_unit_test(test_teacher), cmocka_unit_test(test_spambase))
