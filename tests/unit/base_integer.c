/* Checked integers at their edges, and shares that cover everything once. */
#include "check.h"

#include <limits.h>
#include <string.h>

#include "simmer/base/integer.h"

static void test_narrow(void **state) {
  (void)state;
  int out = 5;
  assert_ok(smr_int_narrow(INT_MAX, "a count", &out));
  assert_int_equal(out, INT_MAX);
  assert_ok(smr_int_narrow(INT_MIN, "a count", &out));
  assert_int_equal(out, INT_MIN);
  assert_fails(smr_int_narrow((int64_t)INT_MAX + 1, "rows", &out), SMR_ERR_LIMIT,
               "rows is 2147483648");
  assert_fails(smr_int_narrow((int64_t)INT_MIN - 1, "rows", &out), SMR_ERR_LIMIT, "rows");
  assert_fails(smr_int_narrow(INT64_MAX, "rows", &out), SMR_ERR_LIMIT, "rows");
}

static void test_arithmetic(void **state) {
  (void)state;
  int64_t out = 0;
  assert_ok(smr_int_multiply(3037000499, 3037000499, "bytes", &out));
  assert_int_equal(out, 9223372030926249001);
  assert_fails(smr_int_multiply(3037000500, 3037000500, "bytes", &out), SMR_ERR_LIMIT, "bytes");
  assert_fails(smr_int_multiply(INT64_MIN, -1, "bytes", &out), SMR_ERR_LIMIT, "overflows");
  assert_ok(smr_int_add(INT64_MAX, 0, "bytes", &out));
  assert_fails(smr_int_add(INT64_MAX, 1, "bytes", &out), SMR_ERR_LIMIT, "bytes");
  assert_fails(smr_int_add(INT64_MIN, -1, "bytes", &out), SMR_ERR_LIMIT, "bytes");
  assert_int_equal(smr_int_ceil_divide(0, 3), 0);
  assert_int_equal(smr_int_ceil_divide(6, 3), 2);
  assert_int_equal(smr_int_ceil_divide(7, 3), 3);
  assert_int_equal(smr_int_ceil_divide(INT64_MAX, 2), INT64_C(1) << 62);
  assert_int_equal(smr_int_min(-1, 2), -1);
  assert_int_equal(smr_int_max(-1, 2), 2);
}

static void test_shares(void **state) {
  (void)state;
  for (int64_t n = 0; n <= 20; n++) {
    for (int64_t n_parts = 1; n_parts <= 9; n_parts++) {
      int64_t next = 0;
      int64_t last_count = INT64_MAX;
      for (int64_t part = 0; part < n_parts; part++) {
        int64_t first = -1;
        int64_t count = -1;
        smr_int_share(n, n_parts, part, &first, &count);
        assert_int_equal(first, next);
        assert_in_range(count, n / n_parts, n / n_parts + 1);
        /* Larger shares come first. */
        assert_true(count <= last_count);
        last_count = count;
        next = first + count;
      }
      assert_int_equal(next, n);
    }
  }
}

static void test_shares_of_a_huge_number(void **state) {
  (void)state;
  int64_t first = 0;
  int64_t count = 0;
  smr_int_share(INT64_MAX, 1000, 999, &first, &count);
  assert_int_equal(first + count, INT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_narrow),
      cmocka_unit_test(test_arithmetic),
      cmocka_unit_test(test_shares),
      cmocka_unit_test(test_shares_of_a_huge_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
