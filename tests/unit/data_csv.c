/* CSV files by inspect, which needs no MPI: what is read, and what is said of what can't be. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/data/csv_number.h"
#include "check.h"
#include "simmer/base/file.h"
#include "simmer/base/random.h"
#include "simmer/data/dataset.h"

static char folder[] = "/tmp/simmer-data-csv-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

static const smr_data_config defaults = {
    .source = SMR_SOURCE_CSV, .file = "t.csv", .target_column = -1, .test_instances = -1};

/* Writes the bytes, inspects, removes. */
static smr_status inspect_bytes(const smr_data_config *config, const void *bytes, size_t n,
                                smr_data_shape *shape) {
  char path[SMR_PATH_BYTES];
  SMR_TRY(smr_file_join(path, folder, "t.csv"));
  SMR_TRY(smr_file_write(path, bytes, n));
  const smr_status status = smr_dataset_inspect(config, folder, shape);
  unlink(path);
  return status;
}

static smr_status inspect(const char *text, smr_data_shape *shape) {
  return inspect_bytes(&defaults, text, strlen(text), shape);
}

static void check_shape(const char *text, int64_t n_rows, int64_t n_features) {
  smr_data_shape shape = {0};
  assert_ok(inspect(text, &shape));
  assert_int_equal(shape.n_rows, n_rows);
  assert_int_equal(shape.n_features, n_features);
  assert_int_equal(shape.file_bytes, n_rows * (n_features + 1) * 8);
  assert_false(shape.is_classification);
}

static void test_forms(void **state) {
  (void)state;
  check_shape("1,2,3\n4,5,6\n", 2, 2);
  check_shape("1,2,3\n4,5,6", 2, 2);
  check_shape("1,2,3\r\n4,5,6\r\n", 2, 2);
  check_shape("1,2,3", 1, 2);
  check_shape("a,b,c\n1,2,3\n", 1, 2);
  check_shape("\"a b\";\"c\"\n1;2\n3;4\n", 2, 1);
  check_shape("1\t2\t3\n", 1, 2);
  check_shape("  1   2\t3  \n4 5 6\n", 2, 2);
  check_shape("1\t2 3\t4\n5 6 7 8\n", 2, 3);
  check_shape("first name\tsecond name\n1\t2\n", 1, 1);
  check_shape(" 1 , -2e3 ,\t+.5\n", 1, 2);
  check_shape("# about\n\n  # more\nx y\n# and\n1 2\n\n3 4\n#end", 2, 1);
  check_shape("\xEF\xBB\xBF"
              "1,2\n3,4\n",
              2, 1);
}

static void test_gzip(void **state) {
  (void)state;
  static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                         0x4b, 0xd4, 0x49, 0xd2, 0xa9, 0xe4, 0x32, 0xd4, 0x31, 0xd2,
                                         0x31, 0xe0, 0x32, 0xd6, 0x31, 0xd1, 0x31, 0xe4, 0x02, 0x00,
                                         0xc8, 0x3f, 0xb3, 0x1d, 0x12, 0x00, 0x00, 0x00};
  smr_data_shape shape = {0};
  assert_ok(inspect_bytes(&defaults, packed, sizeof packed, &shape));
  assert_int_equal(shape.n_rows, 2);
  assert_int_equal(shape.n_features, 2);
}

static void test_classification(void **state) {
  (void)state;
  smr_data_config config = defaults;
  config.labels_to_signs = true;
  smr_data_shape shape = {0};
  const char *two = "1,5\n2,7\n3,5\n", *three = "1,5\n2,7\n3,6\n", *one = "1,5\n2,5\n";
  assert_ok(inspect_bytes(&config, two, strlen(two), &shape));
  assert_true(shape.is_classification);
  assert_ok(inspect_bytes(&config, three, strlen(three), &shape));
  assert_false(shape.is_classification);
  assert_ok(inspect_bytes(&config, one, strlen(one), &shape));
  assert_false(shape.is_classification);
}

static void test_mistakes(void **state) {
  (void)state;
  static const char *const mistakes[][2] = {
      {"", "no rows"},
      {"\n\n# nothing\n", "no rows"},
      {"a,b,c\n", "no rows"},
      {"1\n2\n", "line 1 has only one column"},
      {"x\n2\n", "line 2 has only one column"},
      {"1,2,3\n4,5\n", "line 2 has 2 fields where the lines before have 3"},
      {"1,2\n\n3,4,5\n", "line 3 has 3 fields where the lines before have 2"},
      {"1 2 3\n4 5\n", "line 2 has 2 fields where the lines before have 3"},
      {"1,2\nsome,text,more\n", "line 2 has 3 fields where the lines before have 2"},
      {"1,2,3,4,5\n1,2,3,4,5\n1,2,3,4,abc\n", "line 3, column 5: 'abc' is not a number"},
      {"h,k\n# c\n1,2\n3,4x\n", "line 4, column 2: '4x' is not a number"},
      {"1,2\n3,0x10\n", "line 2, column 2: '0x10' is not a number"},
      {"1,2\n3,1 2\n", "line 2, column 2: '1 2' is not a number"},
      {"1,2\n\x1b[31m,2\n", "line 2, column 1: '?[31m' is not a number"},
      {"1,2\n,4\n", "line 2, column 1: the field is empty"},
      {"1,,2\n", "line 1, column 2: the field is empty"},
      {"1,nan\n", "line 1, column 2: 'nan' is not a finite number"},
      {"1,2\n-inf,4\n", "line 2, column 1: '-inf' is not a finite number"},
      {"1,2\n1e999,4\n", "line 2, column 1: '1e999' is not a finite number"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    smr_data_shape shape = {0};
    assert_fails(inspect(mistakes[i][0], &shape), SMR_ERR_INPUT, mistakes[i][1]);
    assert_non_null(strstr(smr_error_message(), "t.csv"));
  }
}

static void test_binary(void **state) {
  (void)state;
  smr_data_shape shape = {0};
  assert_fails(inspect_bytes(&defaults, "1,2\0\n", 5, &shape), SMR_ERR_INPUT, "is not text");
}

static void test_target_column(void **state) {
  (void)state;
  smr_data_config config = defaults;
  smr_data_shape shape = {0};
  config.target_column = 2;
  assert_ok(inspect_bytes(&config, "1,2,3\n", 6, &shape));
  config.target_column = 3;
  assert_fails(inspect_bytes(&config, "1,2,3\n", 6, &shape), SMR_ERR_INPUT, "column 3");
  config.target_column = -2;
  assert_fails(inspect_bytes(&config, "1,2,3\n", 6, &shape), SMR_ERR_INPUT, "column -2");
}

static void test_paths(void **state) {
  (void)state;
  smr_data_config config = defaults;
  smr_data_shape shape = {0};
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, folder, "t.csv"));
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_MISSING, path);
  assert_non_null(strstr(smr_error_message(), "run.data"));
  assert_non_null(strstr(smr_error_message(), "--data"));
  assert_non_null(strstr(smr_error_message(), "SIMMER_DATA"));
  assert_fails(smr_dataset_inspect(&config, "", &shape), SMR_ERR_MISSING, "in the current folder");
  assert_ok(smr_file_write(path, "1,2\n", 4));
  config.file = path;
  assert_ok(smr_dataset_inspect(&config, "/no/such/folder", &shape));
  unlink(path);
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_MISSING, "there is no data");
  config.file = folder;
  assert_fails(smr_dataset_inspect(&config, NULL, &shape), SMR_ERR_INPUT, "is a folder");
  config.file = NULL;
  assert_fails(smr_dataset_inspect(&config, folder, &shape), SMR_ERR_INPUT, "data.file");
}

static void test_teacher(void **state) {
  (void)state;
  const smr_data_config config = {.source = SMR_SOURCE_TEACHER};
  smr_data_shape shape = {0};
  assert_ok(smr_dataset_inspect(&config, NULL, &shape));
  assert_true(shape.n_rows == INT64_MAX && shape.n_features == INT64_MAX);
  assert_int_equal(shape.file_bytes, 0);
  const smr_data_config wrong = {.source = 17};
  assert_fails(smr_dataset_inspect(&wrong, NULL, &shape), SMR_ERR_INTERNAL, "17");
}

static void write_number(int form, double number, char *text, size_t bytes) {
  switch (form) {
  case 0:
    snprintf(text, bytes, "%.17g", number);
    break;
  case 1:
    snprintf(text, bytes, "%.3f", number);
    break;
  case 2:
    snprintf(text, bytes, "%g", number);
    break;
  case 3:
    snprintf(text, bytes, "%.15e", number);
    break;
  case 4:
    snprintf(text, bytes, "%+.0f", number);
    break;
  default:
    snprintf(text, bytes, "%.22f", number);
  }
}

/* Every number must be the double that strtod gives, bit for bit. */
static void test_numbers(void **state) {
  (void)state;
  const smr_random_key key = {3, smr_random_stream("test.csv", 0, 0)};
  for (int i = 0; i < 6000; i++) {
    double draw[2], value = 0.0;
    char text[400];
    smr_random_normal(key, (uint64_t)i, 0, 2, draw);
    write_number(i % 6, draw[0] * pow(10.0, round((i % 7) * draw[1])), text, sizeof text);
    assert_int_equal(smr_csv_parse_number(text, text + strlen(text), &value), SMR_FIELD_NUMBER);
    const double expected = strtod(text, NULL);
    assert_memory_equal(&value, &expected, sizeof value);
  }
}

static void test_number_kinds(void **state) {
  (void)state;
  static const struct {
    const char *text;
    smr_field kind;
    double value;
  } fields[] = {
      {"", SMR_FIELD_EMPTY, 0},
      {"0", SMR_FIELD_NUMBER, 0},
      {"-7", SMR_FIELD_NUMBER, -7},
      {"1.", SMR_FIELD_NUMBER, 1},
      {".5", SMR_FIELD_NUMBER, 0.5},
      {"9007199254740993", SMR_FIELD_NUMBER, 9007199254740992.0},
      {"123456789012345678901234567890", SMR_FIELD_NUMBER, 123456789012345678901234567890.0},
      {"1e-400", SMR_FIELD_NUMBER, 0},
      {"5E+3", SMR_FIELD_NUMBER, 5000},
      {"1e00003", SMR_FIELD_NUMBER, 1000},
      {"+", SMR_FIELD_TEXT, 0},
      {".", SMR_FIELD_TEXT, 0},
      {"1e", SMR_FIELD_TEXT, 0},
      {"1e+", SMR_FIELD_TEXT, 0},
      {"1.2.3", SMR_FIELD_TEXT, 0},
      {"--1", SMR_FIELD_TEXT, 0},
      {"12a", SMR_FIELD_TEXT, 0},
      {"0x1p3", SMR_FIELD_TEXT, 0},
      {"NaN", SMR_FIELD_NOT_FINITE, 0},
      {"-Infinity", SMR_FIELD_NOT_FINITE, 0},
      {"1e400", SMR_FIELD_NOT_FINITE, 0},
  };
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    double value = 0.0;
    const char *text = fields[i].text;
    assert_int_equal(smr_csv_parse_number(text, text + strlen(text), &value), fields[i].kind);
    if (fields[i].kind == SMR_FIELD_NUMBER) {
      assert_close(value, fields[i].value, 0.0, 0.0);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms),          cmocka_unit_test(test_gzip),
      cmocka_unit_test(test_classification), cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_binary),         cmocka_unit_test(test_target_column),
      cmocka_unit_test(test_paths),          cmocka_unit_test(test_teacher),
      cmocka_unit_test(test_numbers),        cmocka_unit_test(test_number_kinds),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
