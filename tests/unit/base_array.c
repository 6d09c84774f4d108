/* Lists of arrays, up to their limit. */
#include "check.h"

#include "simmer/base/array.h"

static void test_append(void **state) {
  static smr_state list;
  int64_t values[SMR_STATE_ARRAYS];
  (void)state;
  for (int64_t i = 0; i < SMR_STATE_ARRAYS; i++) {
    const smr_state_array array = {.array = {.type = SMR_I64, .data = &values[i]}, .first_row = i};
    assert_ok(smr_state_append(&list, &array));
  }
  for (int64_t i = 0; i < SMR_STATE_ARRAYS; i++) {
    assert_ptr_equal(list.arrays[i].array.data, &values[i]);
    assert_int_equal(list.arrays[i].first_row, i);
  }
  const smr_state_array more = {.array = {.type = SMR_I64}};
  assert_fails(smr_state_append(&list, &more), SMR_ERR_INTERNAL, "32 arrays");
  assert_int_equal(list.n, SMR_STATE_ARRAYS);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_append)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
