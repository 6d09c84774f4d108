/* Which messages each level lets through, and how they look. */
#include "check.h"

#include <string.h>
#include <unistd.h>

#include "simmer/base/log.h"

enum { SEEN_BYTES = 8192 };

/* What the messages of all kinds leave on stderr at `level`. */
static void capture(smr_log_level level, char seen[SEEN_BYTES]) {
  smr_log_level before = smr_log_get_level();
  FILE *file = tmpfile();
  assert_non_null(file);
  fflush(stderr);
  int saved = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  smr_log_set_level(level);
  smr_log_error("e%d", 1);
  smr_log_warning("w%d", 2);
  smr_log_info("i%d", 3);
  smr_log_detail("d%d", 4);
  smr_log_live("never on a file");
  smr_log_set_level(before);
  dup2(saved, STDERR_FILENO);
  close(saved);
  rewind(file);
  size_t length = fread(seen, 1, SEEN_BYTES - 1, file);
  seen[length] = '\0';
  fclose(file);
}

static void test_levels(void **state) {
  (void)state;
  char seen[SEEN_BYTES];
  capture(SMR_LOG_SILENT, seen);
  assert_string_equal(seen, "");
  capture(SMR_LOG_ERROR, seen);
  assert_string_equal(seen, "simmer: error: e1\n");
  capture(SMR_LOG_QUIET, seen);
  assert_string_equal(seen, "simmer: error: e1\nsimmer: warning: w2\n");
  capture(SMR_LOG_INFO, seen);
  assert_string_equal(seen, "simmer: error: e1\nsimmer: warning: w2\nsimmer: i3\n");
  capture(SMR_LOG_VERBOSE, seen);
  assert_string_equal(seen, "simmer: error: e1\nsimmer: warning: w2\nsimmer: i3\nsimmer: d4\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_levels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
