/* Messages and their prefixes. */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void test_status_texts(void **state) {
  (void)state;
  for (int status = 0; status < SMR_STATUS_COUNT; status++) {
    assert_true(strlen(smr_status_text((smr_status)status)) > 0);
  }
  assert_int_equal(smr_status_exit_code(SMR_OK), 0);
  assert_int_equal(smr_status_exit_code(SMR_ERR_IO), 1);
  assert_int_equal(smr_status_exit_code(SMR_ERR_JOB), 2);
  assert_int_equal(smr_status_exit_code(SMR_PARTIAL), 3);
  assert_int_equal(smr_status_exit_code(SMR_STOPPED), 75);
  assert_string_equal(smr_status_text(SMR_STATUS_COUNT), "unknown status");
  assert_int_equal(smr_status_exit_code((smr_status)99), 1);
}

static void test_message(void **state) {
  (void)state;
  assert_int_equal(smr_error_set(SMR_ERR_IO, "file %d", 7), SMR_ERR_IO);
  assert_string_equal(smr_error_message(), "file 7");
  assert_int_equal(smr_error_prefix(SMR_ERR_FULL, "rank %d", 3), SMR_ERR_FULL);
  assert_string_equal(smr_error_message(), "rank 3: file 7");
  /* The old message may be an argument of the new one. */
  (void)smr_error_set(SMR_ERR_IO, "again: %s", smr_error_message());
  assert_string_equal(smr_error_message(), "again: rank 3: file 7");
  (void)smr_error_prefix(SMR_ERR_IO, "<%s>", smr_error_message());
  assert_string_equal(smr_error_message(), "<again: rank 3: file 7>: again: rank 3: file 7");
  smr_error_clear();
  assert_string_equal(smr_error_message(), "");
}

static void test_long_messages_are_cut(void **state) {
  (void)state;
  char text[5000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  (void)smr_error_set(SMR_ERR_IO, "%s", text);
  assert_int_equal(strlen(smr_error_message()), 2047);
  (void)smr_error_prefix(SMR_ERR_IO, "rank 3");
  assert_int_equal(strlen(smr_error_message()), 2047);
  assert_memory_equal(smr_error_message(), "rank 3: xxx", 11);
  /* A prefix that fills everything, and one that leaves room for half the colon. */
  (void)smr_error_prefix(SMR_ERR_IO, "%s", text);
  assert_int_equal(strlen(smr_error_message()), 2047);
  (void)smr_error_set(SMR_ERR_IO, "end");
  (void)smr_error_prefix(SMR_ERR_IO, "%.2046s", text);
  assert_int_equal(strlen(smr_error_message()), 2047);
  assert_int_equal(smr_error_message()[2046], ':');
}

enum { SEEN_BYTES = 4096 };

static void *fail_in_thread(void *seen) {
  snprintf(seen, SEEN_BYTES, "%s", smr_error_message());
  (void)smr_error_set(SMR_ERR_IO, "of the other thread");
  return NULL;
}

static void test_threads_have_their_own(void **state) {
  (void)state;
  pthread_t thread;
  char seen[SEEN_BYTES] = "unset";
  (void)smr_error_set(SMR_ERR_IO, "of this thread");
  assert_int_equal(pthread_create(&thread, NULL, fail_in_thread, seen), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_string_equal(seen, "");
  assert_string_equal(smr_error_message(), "of this thread");
}

static smr_status fail_when(int is_failure) {
  if (is_failure) {
    SMR_FAIL(SMR_ERR_NUMERIC, "failed");
  }
  return SMR_OK;
}

static smr_status try_calls(int first, int second, int *n_done) {
  smr_status status = SMR_OK;
  SMR_TRY(fail_when(first));
  ++*n_done;
  SMR_TRY_DONE(fail_when(second));
  ++*n_done;
  SMR_FAIL_DONE(SMR_ERR_INPUT, "at the end");
done:
  *n_done += 10;
  return status;
}

static void test_macros(void **state) {
  (void)state;
  int n_done = 0;
  assert_int_equal(try_calls(1, 0, &n_done), SMR_ERR_NUMERIC);
  assert_int_equal(n_done, 0);
  assert_int_equal(try_calls(0, 1, &n_done), SMR_ERR_NUMERIC);
  assert_int_equal(n_done, 11);
  n_done = 0;
  assert_fails(try_calls(0, 0, &n_done), SMR_ERR_INPUT, "at the end");
  assert_int_equal(n_done, 12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_status_texts),
      cmocka_unit_test(test_message),
      cmocka_unit_test(test_long_messages_are_cut),
      cmocka_unit_test(test_threads_have_their_own),
      cmocka_unit_test(test_macros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
