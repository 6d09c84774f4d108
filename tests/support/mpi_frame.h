/* The main() of an MPI test program: MPI starts before the cmocka group, tests use `test_world`,
 * and all ranks return the same.
 *
 *   static void test_something(void **state) { … smr_agree(test_world, …) … }
 *   MPI_TEST_MAIN(cmocka_unit_test(test_something), cmocka_unit_test(test_other))
 *
 * An assertion that fails on one rank alone leaves the others waiting in their next collective:
 * ctest therefore sets CMOCKA_TEST_ABORT=1 when there is more than one rank, so that it ends all.
 */
#ifndef SIMMER_TESTS_MPI_FRAME_H
#define SIMMER_TESTS_MPI_FRAME_H

#include <string.h>

#include "check.h"
#include "simmer/comm/context.h"

static smr_context *test_world;

/* Wraps a local condition so that it is asserted on all ranks or on none. Collective. */
#define assert_on_all(condition) assert_false(smr_any(test_world, !(condition)))

#define MPI_TEST_MAIN(...)                                            \
  int main(int argc, char **argv) {                                   \
    const struct CMUnitTest tests[] = {__VA_ARGS__};                  \
    if (smr_context_start(&argc, &argv, &test_world) != SMR_OK) {     \
      fprintf(stderr, "cannot start MPI: %s\n", smr_error_message()); \
      return 1;                                                       \
    }                                                                 \
    int failures = cmocka_run_group_tests(tests, NULL, NULL);         \
    failures = smr_any(test_world, failures);                         \
    smr_context_finish(&test_world);                                  \
    return failures != 0;                                             \
  }

#endif
