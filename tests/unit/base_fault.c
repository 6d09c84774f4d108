/* Which passes fail or wait. */
#include "check.h"

#include <stdlib.h>

#include "simmer/base/clock.h"
#include "simmer/base/fault.h"

#ifdef SIMMER_FAULTS

/* The pass of `site` (from 1) that fails under `spec` on `rank`, 0 if none of five does, -1 if
 * several do. */
static int find_fault(const char *spec, int rank, const char *site) {
  int found = 0;
  setenv("SIMMER_FAULT", spec, 1);
  smr_fault_set_rank(rank);
  for (int pass = 1; pass <= 5; pass++) {
    if (smr_fault(site)) {
      found = found == 0 ? pass : -1;
    }
  }
  unsetenv("SIMMER_FAULT");
  smr_fault_set_rank(0);
  return found;
}

static void test_faults(void **state) {
  (void)state;
  unsetenv("SIMMER_FAULT");
  assert_false(smr_fault("file.write"));
  assert_int_equal(find_fault("file.write:0:1", 0, "file.write"), 1);
  assert_int_equal(find_fault("file.write:0:3", 0, "file.write"), 3);
  assert_int_equal(find_fault("file.write:2:3", 2, "file.write"), 3);
  assert_int_equal(find_fault("file.write:*:2", 5, "file.write"), 2);
  assert_int_equal(find_fault("file.write:2", 2, "file.write"), 1);
  /* Other ranks, other sites. */
  assert_int_equal(find_fault("file.write:2:1", 0, "file.write"), 0);
  assert_int_equal(find_fault("file.write:2:1", 22, "file.write"), 0);
  assert_int_equal(find_fault("file.writer:0:1", 0, "file.write"), 0);
  assert_int_equal(find_fault("file.write:0:1", 0, "file.writer"), 0);
}

static void test_unreadable_faults_match_nothing(void **state) {
  (void)state;
  static const char *const specs[] = {"",
                                      "file.write",
                                      "file.write:",
                                      "file.write::1",
                                      "file.write:x:1",
                                      "file.write:0x:1",
                                      "file.write:0:",
                                      "file.write:0:x",
                                      "file.write:0:1x",
                                      "file.write:**:1",
                                      "file.write:0:0"};
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
    if (find_fault(specs[i], 0, "file.write") != 0) {
      fail_msg("\"%s\" matched", specs[i]);
    }
  }
}

/* Seconds that a pass through `site` takes. */
static double time_delay(const char *spec, const char *site) {
  setenv("SIMMER_DELAY", spec, 1);
  double start = smr_clock_monotonic_s();
  smr_fault_delay(site);
  double seconds = smr_clock_monotonic_s() - start;
  unsetenv("SIMMER_DELAY");
  return seconds;
}

/* What must not wait is asked to wait a day: it would be seen as a test that hangs. */
static void test_delays(void **state) {
  (void)state;
  assert_true(time_delay("run.look:30", "run.look") >= .03);
  static const char *const specs[] = {"",
                                      "run.look",
                                      "run.look:",
                                      "run.look:86400000x",
                                      "run.look:-86400000",
                                      "run.looks:86400000"};
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
    time_delay(specs[i], "run.look");
  }
}

#else

static void test_delays(void **state) {
  (void)state;
  setenv("SIMMER_DELAY", "run.look:86400000", 1);
  smr_fault_delay("run.look");
  unsetenv("SIMMER_DELAY");
}

static void test_faults(void **state) {
  (void)state;
  setenv("SIMMER_FAULT", "file.write:*:1", 1);
  assert_false(smr_fault("file.write"));
  unsetenv("SIMMER_FAULT");
}

static void test_unreadable_faults_match_nothing(void **state) {
  (void)state;
  skip();
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults),
                                     cmocka_unit_test(test_unreadable_faults_match_nothing),
                                     cmocka_unit_test(test_delays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
