/* What a writer leaves on disk, undisturbed and with a disk that is full at any point. */
#include "store_journal_frame.h"

#include <signal.h>
#include <sys/resource.h>

static void limit_file_size(rlim_t bytes) {
  const struct rlimit limit = {bytes, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_names(void **state) {
  (void)state;
  char name[256];
  char expected[300];
  smr_journal *a = frame_open();
  smr_journal *b = frame_open();
  assert_string_not_equal(smr_journal_get_writer(a), smr_journal_get_writer(b));
  assert_ok(smr_journal_flush(a));
  assert_int_equal(scratch_count("journal", "", name), 0);
  frame_add(a, 0, 1);
  assert_int_equal(smr_journal_count_pending(a), 1);
  assert_true(smr_journal_count_pending_bytes(a) >= FRAME_DOUBLES * 8);
  assert_ok(smr_journal_flush(a));
  assert_int_equal(smr_journal_count_pending(a), 0);
  assert_int_equal(smr_journal_count_pending_bytes(a), 0);
  assert_int_equal(scratch_count("journal", ".log", name), 1);
  snprintf(expected, sizeof expected, "%s.log", smr_journal_get_writer(a));
  assert_string_equal(name, expected);
  assert_int_equal(scratch_count("parts", ".h5", name), 1);
  snprintf(expected, sizeof expected, "%s-000000.h5", smr_journal_get_writer(a));
  assert_string_equal(name, expected);
  smr_journal_destroy(&a);
  smr_journal_destroy(&a);
  smr_journal_destroy(&b);
}

/* The order of journals is that of their making, whatever the clocks of their hosts say. */
static void test_clock_behind(void **state) {
  (void)state;
  static const char *const dates[] = {"20990101T000000Z", "20991231T235959Z"};
  for (int64_t i = 0; i < 2; i++) {
    char from[256], to[256];
    smr_journal *journal = frame_open();
    assert_ok(smr_journal_add_failure(journal, frame_unit(i), SMR_ERR_NUMERIC, "no"));
    assert_ok(smr_journal_flush(journal));
    const char *writer = smr_journal_get_writer(journal);
    snprintf(from, sizeof from, "journal/%s.log", writer);
    snprintf(to, sizeof to, "journal/%s%s.log", dates[i], strchr(writer, '-'));
    assert_int_equal(rename(scratch_path(from), scratch_path(to)), 0);
    smr_journal_destroy(&journal);
    journal = frame_open();
    assert_true(strncmp(smr_journal_get_writer(journal), dates[i], 16) > 0);
    assert_ok(smr_journal_mark_retry(journal, frame_unit(i)));
    smr_journal_destroy(&journal);
    smr_ledger *ledger = frame_read();
    assert_int_equal(frame_status(ledger, i), SMR_UNIT_PENDING);
    smr_ledger_destroy(&ledger);
  }
  /* One after another in the same second too; and names that are no dates say nothing. */
  char last[256];
  scratch_put("journal/notes.log", "", 0);
  scratch_put("journal/99991231T235959Z-x.log", "", 0);
  for (int i = 0; i < 3; i++) {
    smr_journal *journal = frame_open();
    assert_true(i == 0 || strncmp(smr_journal_get_writer(journal), last, 16) > 0);
    assert_int_equal(strncmp(smr_journal_get_writer(journal), "2100", 4), 0);
    snprintf(last, sizeof last, "%s", smr_journal_get_writer(journal));
    assert_ok(smr_journal_mark_retry(journal, frame_unit(0)));
    smr_journal_destroy(&journal);
  }
}

static void test_round_trip(void **state) {
  (void)state;
  static const int64_t counts[] = {1, 2, 5, 4096, 4097, 9000};
  int64_t first = 0;
  smr_journal *journal = frame_open();
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    frame_add(journal, first, counts[i]);
    assert_ok(smr_journal_flush(journal));
    first += counts[i];
  }
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  assert_int_equal(smr_ledger_count_parts(ledger), 1 + 1 + 1 + 1 + 2 + 3);
  assert_int_equal(smr_ledger_count_ignored(ledger), 0);
  frame_check(ledger, 0, first);
  smr_ledger_destroy(&ledger);
}

/* Outputs without numbers, and a job without outputs. */
static void test_empty_records(void **state) {
  (void)state;
  static const smr_inner_dimension none[] = {{"mode", 0, false}};
  static const smr_output outputs[] = {{.name = "a", .n_dimensions = 1, .dimensions = {0}},
                                       {.name = "b"}};
  static const smr_schema schemas[] = {{1, none, 2, outputs}, {1, none, 1, outputs}, {0}};
  const double value = 7;
  for (int i = 0; i < 3; i++) {
    smr_journal *journal = NULL;
    assert_ok(smr_journal_create(scratch_folder, &schemas[i], &journal));
    assert_ok(smr_journal_add(journal, frame_unit(i), &value));
    assert_ok(smr_journal_flush(journal));
    smr_journal_destroy(&journal);
    smr_ledger *ledger = frame_read();
    const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(i));
    assert_non_null(entry);
    int64_t n_rows = 0;
    double *records = NULL;
    assert_ok(smr_ledger_read_part(ledger, entry->part, &schemas[i], &n_rows, &records));
    assert_int_equal(n_rows, 1);
    if (i == 0) {
      assert_memory_equal(records, &value, sizeof value);
    }
    smr_memory_free(records);
    smr_ledger_destroy(&ledger);
  }
}

static void test_failures(void **state) {
  (void)state;
  static const char message[] = "100 % wrong:\n\tline 2\r\x7f caf\xc3\xa9 %41 %";
  char long_message[5000];
  memset(long_message, '%', sizeof long_message - 1);
  long_message[sizeof long_message - 1] = '\0';
  smr_journal *journal = NULL;
  assert_ok(smr_journal_create(scratch_folder, NULL, &journal));
  assert_ok(smr_journal_add_failure(journal, frame_unit(0), SMR_ERR_NUMERIC, message));
  assert_ok(smr_journal_add_failure(journal, frame_unit(1), SMR_ERR_CONVERGENCE, ""));
  assert_ok(smr_journal_add_failure(journal, frame_unit(2), SMR_ERR_MEMORY, long_message));
  assert_int_equal(smr_journal_count_pending(journal), 3);
  assert_ok(smr_journal_flush(journal));
  assert_int_equal(smr_journal_count_pending(journal), 0);
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(0));
  assert_int_equal(entry->status, SMR_UNIT_FAILED);
  assert_int_equal(entry->cause, SMR_ERR_NUMERIC);
  assert_string_equal(entry->message, message);
  entry = smr_ledger_find(ledger, frame_unit(1));
  assert_int_equal(entry->cause, SMR_ERR_CONVERGENCE);
  assert_string_equal(entry->message, "");
  entry = smr_ledger_find(ledger, frame_unit(2));
  assert_int_equal(strspn(entry->message, "%"), 2000);
  assert_int_equal(strlen(entry->message), 2000);
  assert_int_equal(smr_ledger_count_parts(ledger), 0);
  smr_ledger_destroy(&ledger);
}

/* The part doesn't fit: nothing is said, nothing is lost. */
static void test_full_disk_at_part(void **state) {
  (void)state;
  char name[256];
  smr_journal *journal = frame_open();
  frame_add(journal, 0, 10);
  assert_ok(smr_journal_flush(journal));
  frame_add(journal, 10, 10);
  assert_ok(smr_journal_add_failure(journal, frame_unit(100), SMR_ERR_NUMERIC, "NaN"));
  limit_file_size(1000);
  assert_int_equal(smr_journal_flush(journal), SMR_ERR_IO);
  limit_file_size(RLIM_INFINITY);
  assert_int_equal(smr_journal_count_pending(journal), 11);
  assert_int_equal(scratch_count("parts", "", name), 1);
  smr_ledger *ledger = frame_read();
  frame_check(ledger, 0, 10);
  assert_int_equal(frame_status(ledger, 10), SMR_UNIT_PENDING);
  smr_ledger_destroy(&ledger);
  setenv("SIMMER_FAULT", "journal.part:*:1", 1);
  assert_fails(smr_journal_flush(journal), SMR_ERR_FULL, "parts/");
  unsetenv("SIMMER_FAULT");
  frame_add(journal, 20, 1);
  assert_ok(smr_journal_flush(journal));
  smr_journal_destroy(&journal);
  ledger = frame_read();
  frame_check(ledger, 0, 21);
  assert_int_equal(frame_status(ledger, 100), SMR_UNIT_FAILED);
  assert_int_equal(smr_ledger_count_ignored(ledger), 0);
  smr_ledger_destroy(&ledger);
}

/* The disk is full somewhere inside a line of the journal, at every such place. */
static void test_full_disk_at_line(void **state) {
  (void)state;
  char name[256];
  char path[300];
  smr_journal *journal = frame_open();
  int64_t number = 0;
  /* The journal must be longer than a part, to be the one that meets the limit. */
  for (int i = 0; i < 400; i++) {
    assert_ok(smr_journal_mark_start(journal, frame_unit(1000), i % 2));
  }
  assert_int_equal(scratch_count("journal", "", name), 1);
  snprintf(path, sizeof path, "journal/%s", name);
  for (int cut = 0; cut < 200; cut += 7) {
    int64_t size = smr_file_get_size(scratch_path(path));
    frame_add(journal, number++, 1);
    int n_parts = scratch_count("parts", "", name);
    limit_file_size((rlim_t)(size + cut));
    smr_status status = smr_journal_flush(journal);
    limit_file_size(RLIM_INFINITY);
    if (status != SMR_OK) {
      assert_int_equal(smr_journal_count_pending(journal), 1);
      assert_int_equal(scratch_count("parts", "", name), n_parts);
      assert_ok(smr_journal_mark_start(journal, frame_unit(1001), 0));
      assert_ok(smr_journal_flush(journal));
    }
    smr_ledger *ledger = frame_read();
    frame_check(ledger, 0, number);
    smr_ledger_destroy(&ledger);
  }
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  assert_int_equal(smr_ledger_find(ledger, frame_unit(1000))->n_alone_starts, 200);
  assert_in_range(smr_ledger_find(ledger, frame_unit(1001))->n_starts, 25, 29);
  assert_in_range(smr_ledger_count_ignored(ledger), 25, 29);
  smr_ledger_destroy(&ledger);
}

static void test_torn_failures(void **state) {
  (void)state;
  smr_journal *journal = frame_open();
  frame_add(journal, 0, 1);
  assert_ok(smr_journal_flush(journal));
  assert_ok(smr_journal_add_failure(journal, frame_unit(1), SMR_ERR_NUMERIC, "one"));
  assert_ok(smr_journal_add_failure(journal, frame_unit(2), SMR_ERR_NUMERIC, "two"));
  setenv("SIMMER_FAULT", "journal.line:*:2", 1);
  assert_fails(smr_journal_flush(journal), SMR_ERR_FULL, ".log");
  unsetenv("SIMMER_FAULT");
  assert_int_equal(smr_journal_count_pending(journal), 2);
  assert_ok(smr_journal_flush(journal));
  assert_ok(smr_journal_mark_quarantined(journal, frame_unit(3), 4));
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  frame_check(ledger, 0, 1);
  assert_int_equal(frame_status(ledger, 1), SMR_UNIT_FAILED);
  assert_int_equal(frame_status(ledger, 2), SMR_UNIT_FAILED);
  assert_int_equal(frame_status(ledger, 3), SMR_UNIT_QUARANTINED);
  smr_ledger_destroy(&ledger);
}

static void test_no_folder(void **state) {
  (void)state;
  smr_journal *journal = NULL;
  scratch_put("plain", "", 0);
  assert_int_equal(smr_journal_create(scratch_path("plain"), &frame_schema, &journal), SMR_ERR_IO);
  assert_null(journal);
}

int main(void) {
#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_create, scratch_destroy)
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(test_names),
      SCRATCH_TEST(test_clock_behind),
      SCRATCH_TEST(test_round_trip),
      SCRATCH_TEST(test_empty_records),
      SCRATCH_TEST(test_failures),
      SCRATCH_TEST(test_full_disk_at_part),
      SCRATCH_TEST(test_full_disk_at_line),
      SCRATCH_TEST(test_torn_failures),
      SCRATCH_TEST(test_no_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
