/* Files and variables as text. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"
#include "simmer/store/results.h"

static const char *const path = "store-show.h5";

static double lambda[] = {1e-8, 0.1, 1};
static int64_t instances[] = {10, 200};
static double risk[] = {0.1, 2, -3.25, 1.0 / 3, NAN, 1e300};
static const char *method[] = {"gcv", "a, \"b\"", "sch\xc3\xb6n"};
static float cube[] = {1, 2, 3, 4, 5, 0.1f};
static double one = 1.5;

static const smr_array arrays[] = {
    {"instances", SMR_I64, 1, {2}, {"instances"}, NULL, NULL, instances, false},
    {"lambda", SMR_F64, 1, {3}, {"lambda"}, "1", "ridge", lambda, false},
    {"risk", SMR_F64, 2, {2, 3}, {"instances", "lambda"}, "1", "risk on new data", risk, false},
    {"method", SMR_TEXTS, 1, {3}, {"lambda"}, NULL, NULL, (void *)method, false},
    {"cube", SMR_F32, 3, {1, 2, 3}, {"unnamed", "instances", "lambda"}, NULL, NULL, cube, false},
    {"one", SMR_F64, 0, {0}, {NULL}, "s", "a number", &one, false},
    {"empty", SMR_F64, 2, {0, 3}, {"none", "lambda"}, NULL, NULL, NULL, false},
};
static const smr_attribute attributes[] = {
    {.name = "title", .text = "a file"},
    {.name = "job", .text = "name: x\nseed: 1\n"},
    {.name = "seed", .is_integer = true, .integer = INT64_C(9007199254740993)}};

static int write_file(void **state) {
  (void)state;
  return smr_arrays_write(path, sizeof arrays / sizeof arrays[0], arrays, 3, attributes) != SMR_OK;
}

static int remove_file(void **state) {
  (void)state;
  return unlink(path);
}

static void check_show(const char *name, bool csv, const char *expected) {
  smr_text text = {0};
  assert_ok(smr_arrays_show(path, name, csv, &text));
  assert_string_equal(text.data, expected);
  smr_text_clear(&text);
}

static void test_list(void **state) {
  (void)state;
  check_show(NULL, false,
             "store-show.h5\n"
             "  title  a file\n"
             "  job    name: x\n"
             "         seed: 1\n"
             "  seed   9007199254740993\n"
             "\n"
             "variable   type     dimensions                           unit  meaning\n"
             "instances  int64    instances: 2\n"
             "lambda     float64  lambda: 3                            1     ridge\n"
             "risk       float64  instances: 2, lambda: 3              1     risk on new data\n"
             "method     text     lambda: 3\n"
             "cube       float32  unnamed: 1, instances: 2, lambda: 3\n"
             "one        float64                                       s     a number\n"
             "empty      float64  none: 0, lambda: 3\n");
  check_show(NULL, true,
             "variable,type,dimensions,unit,meaning\n"
             "instances,int64,instances: 2,,\n"
             "lambda,float64,lambda: 3,1,ridge\n"
             "risk,float64,\"instances: 2, lambda: 3\",1,risk on new data\n"
             "method,text,lambda: 3,,\n"
             "cube,float32,\"unnamed: 1, instances: 2, lambda: 3\",,\n"
             "one,float64,,s,a number\n"
             "empty,float64,\"none: 0, lambda: 3\",,\n");
}

static void test_tables(void **state) {
  (void)state;
  check_show("one", false, "one, unit s, a number\none\n1.5\n");
  check_show("lambda", false,
             "lambda(lambda: 3), unit 1, ridge\n"
             "lambda\n"
             " 1e-08\n"
             "   0.1\n"
             "     1\n");
  check_show("method", false,
             "method(lambda: 3)\n"
             "lambda  method\n"
             " 1e-08  gcv\n"
             "   0.1  a, \"b\"\n"
             "     1  sch\xc3\xb6n\n");
  check_show("risk", false,
             "risk(instances: 2, lambda: 3), unit 1, risk on new data\n"
             "across: lambda\n"
             "instances       1e-08  0.1       1\n"
             "       10         0.1    2   -3.25\n"
             "      200  0.33333333  nan  1e+300\n");
  check_show("cube", false,
             "cube(unnamed: 1, instances: 2, lambda: 3)\n"
             "unnamed  instances  lambda  cube\n"
             "      0         10   1e-08     1\n"
             "      0         10     0.1     2\n"
             "      0         10       1     3\n"
             "      0        200   1e-08     4\n"
             "      0        200     0.1     5\n"
             "      0        200       1   0.1\n");
  check_show("empty", false,
             "empty(none: 0, lambda: 3)\n"
             "across: lambda\n"
             "none  1e-08  0.1  1\n");
}

static void test_csv(void **state) {
  (void)state;
  check_show("one", true, "one\n1.5\n");
  check_show("method", true, "lambda,method\n1e-08,gcv\n0.1,\"a, \"\"b\"\"\"\n1,sch\xc3\xb6n\n");
  check_show("risk", true,
             "instances,lambda,risk\n"
             "10,1e-08,0.1\n"
             "10,0.1,2\n"
             "10,1,-3.25\n"
             "200,1e-08,0.3333333333333333\n"
             "200,0.1,nan\n"
             "200,1,1e+300\n");
  check_show("cube", true,
             "unnamed,instances,lambda,cube\n0,10,1e-08,1\n0,10,0.1,2\n0,10,1,3\n"
             "0,200,1e-08,4\n0,200,0.1,5\n0,200,1,0.1\n");
  check_show("empty", true, "none,lambda,empty\n");
}

/* Numbers in CSV read back as the same bits. */
static void test_csv_round_trip(void **state) {
  (void)state;
  enum { N = 2000 };
  double values[N];
  uint64_t random = 1;
  for (int i = 0; i < N; i++) {
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    values[i] = ldexp((double)(random >> 11), (int)(random % 200) - 150);
  }
  const smr_array list = {"x", SMR_F64, 1, {N}, {"n"}, NULL, NULL, values, false};
  smr_text text = {0};
  assert_ok(smr_arrays_write("store-show-numbers.h5", 1, &list, 0, NULL));
  assert_ok(smr_arrays_show("store-show-numbers.h5", "x", true, &text));
  const char *line = strchr(text.data, '\n') + 1;
  for (int i = 0; i < N; i++) {
    char *end = NULL;
    assert_int_equal(strtol(line, &end, 10), i);
    assert_true(*end == ',');
    assert_true(strtod(end + 1, &end) == values[i]);
    line = end + 1;
  }
  assert_true(*line == '\0');
  smr_text_clear(&text);
  unlink("store-show-numbers.h5");
}

static void test_unknown(void **state) {
  (void)state;
  smr_text text = {0};
  assert_fails(smr_arrays_show(path, "risc", false, &text), SMR_ERR_USAGE, "did you mean \"risk\"");
  assert_fails(smr_arrays_show(path, "risc", false, &text), SMR_ERR_USAGE, "cube, one, empty");
  assert_fails(smr_arrays_show(path, "unnamed", false, &text), SMR_ERR_USAGE, "no variable");
  assert_fails(smr_arrays_show("no-such.h5", NULL, false, &text), SMR_ERR_IO, "no-such.h5");
  smr_text_clear(&text);
}

/* In results, zipped axes stand beside their dimension, and states have names. */
static void test_results(void **state) {
  (void)state;
  static int64_t features[] = {7, 8};
  const smr_array coordinates[] = {
      arrays[0], {"features", SMR_I64, 1, {2}, {"instances"}, NULL, NULL, features, false}};
  const smr_output output = {.name = "best"};
  const smr_schema schema = {0, NULL, 1, &output};
  const smr_results_layout layout = {.n_outer = 1,
                                     .outer_names = {"instances"},
                                     .outer_shape = {2},
                                     .n_coordinates = 2,
                                     .coordinates = coordinates,
                                     .schema = &schema};
  const uint8_t status[] = {1, 3};
  const double records[] = {0.5, 0.25};
  smr_results *r = NULL;
  smr_text text = {0};
  unlink("results.h5");
  assert_ok(smr_results_create(".", &layout, -1, 0, NULL, &r));
  assert_ok(smr_results_write(r, 0, 2, status, records));
  assert_ok(smr_results_finish(&r));
  assert_ok(smr_arrays_show("results.h5", "status", false, &text));
  assert_string_equal(text.data, "status(instances: 2), unit 1, what became of the unit of work\n"
                                 "instances  features  status\n"
                                 "       10         7  done\n"
                                 "      200         8  quarantined\n");
  smr_text_clear(&text);
  assert_ok(smr_arrays_show("results.h5", "best", true, &text));
  assert_string_equal(text.data, "instances,features,best\n10,7,0.5\n200,8,0.25\n");
  smr_text_clear(&text);
  assert_ok(smr_arrays_show("results.h5", "features", true, &text));
  assert_string_equal(text.data, "instances,features\n10,7\n200,8\n");
  smr_text_clear(&text);
  unlink("results.h5");
}

/* A damaged file is refused, and never crashes. */
static void test_damage(void **state) {
  (void)state;
  char *data = NULL;
  size_t bytes = 0;
  uint64_t random = 7;
  assert_ok(smr_file_read(path, 1 << 20, &data, &bytes));
  for (int round = 0; round < 300; round++) {
    smr_text text = {0};
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    /* Before the seal: a broken seal is no seal. */
    const size_t place = (size_t)(random >> 33) % (bytes - 16);
    const char old = data[place];
    data[place] = (char)(old ^ (char)(1 << (random >> 20) % 7));
    FILE *out = fopen("store-show-damaged.h5", "wb");
    fwrite(data, 1, bytes, out);
    fclose(out);
    assert_int_equal(smr_arrays_show("store-show-damaged.h5", NULL, false, &text), SMR_ERR_CORRUPT);
    data[place] = old;
    smr_text_clear(&text);
  }
  unlink("store-show-damaged.h5");
  smr_memory_free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_list, write_file, remove_file),
      cmocka_unit_test_setup_teardown(test_tables, write_file, remove_file),
      cmocka_unit_test_setup_teardown(test_csv, write_file, remove_file),
      cmocka_unit_test(test_csv_round_trip),
      cmocka_unit_test_setup_teardown(test_unknown, write_file, remove_file),
      cmocka_unit_test(test_results),
      cmocka_unit_test_setup_teardown(test_damage, write_file, remove_file),
  };
  return cmocka_run_group_tests_name("store_show", tests, NULL, NULL);
}
