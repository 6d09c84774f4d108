/* Lengths and offsets in a record. */
#include "check.h"

#include <string.h>

#include "simmer/store/schema.h"

static const smr_inner_dimension dimensions[] = {
    {"lambda", 5, false}, {"mode", 3, false}, {"none", 0, false}};
static const smr_output outputs[] = {
    {.name = "risk", .n_dimensions = 1, .dimensions = {0}},
    {.name = "best"},
    {.name = "curve", .n_dimensions = 3, .dimensions = {1, 0, 1}},
    {.name = "nothing", .n_dimensions = 2, .dimensions = {0, 2}},
    {.name = "last"},
};

static void test_lengths(void **state) {
  (void)state;
  const smr_schema schema = {3, dimensions, 5, outputs};
  int64_t n = 0;
  assert_ok(smr_schema_count(&schema, &n));
  assert_int_equal(n, 5 + 1 + 45 + 0 + 1);
  assert_int_equal(smr_schema_get_length(&schema, 2), 45);
  assert_int_equal(smr_schema_get_length(&schema, 1), 1);
  assert_int_equal(smr_schema_get_offset(&schema, 0), 0);
  assert_int_equal(smr_schema_get_offset(&schema, 2), 6);
  assert_int_equal(smr_schema_get_offset(&schema, 4), 51);
  assert_int_equal(smr_schema_find(&schema, "curve"), 2);
  assert_int_equal(smr_schema_find(&schema, "curv"), -1);
}

static void test_limits(void **state) {
  (void)state;
  const smr_inner_dimension huge[] = {{"a", INT64_C(1) << 31, false},
                                      {"b", INT64_C(1) << 30, false}};
  smr_output output = {.name = "x", .n_dimensions = 2, .dimensions = {0, 1}};
  const smr_schema schema = {2, huge, 1, &output};
  int64_t n = 0;
  /* 2^61 doubles are 2^64 bytes. */
  assert_fails(smr_schema_count(&schema, &n), SMR_ERR_LIMIT, "");
  output.n_dimensions = 3;
  assert_fails(smr_schema_count(&schema, &n), SMR_ERR_LIMIT, "");
  output.n_dimensions = 4;
  assert_fails(smr_schema_count(&schema, &n), SMR_ERR_LIMIT, "x");
  output.n_dimensions = 1;
  output.dimensions[0] = 2;
  assert_fails(smr_schema_count(&schema, &n), SMR_ERR_INTERNAL, "x");
  const smr_schema empty = {0};
  assert_ok(smr_schema_count(&empty, &n));
  assert_int_equal(n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lengths),
      cmocka_unit_test(test_limits),
  };
  return cmocka_run_group_tests_name("store_schema", tests, NULL, NULL);
}
