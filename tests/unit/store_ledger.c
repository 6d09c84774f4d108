/* Journals merged; torn, damaged and contradicting ones too. */
#include "store_journal_frame.h"

#include <inttypes.h>

#include "simmer/base/hash.h"

static void check_starts(const smr_ledger *ledger, int64_t number, int64_t n_starts,
                         int64_t n_alone_starts) {
  const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(number));
  assert_non_null(entry);
  assert_int_equal(entry->n_starts, n_starts);
  assert_int_equal(entry->n_alone_starts, n_alone_starts);
}

/* Appends one line, given without its checksum, to a journal. */
static void put_line(const char *journal, const char *line) {
  char path[256];
  snprintf(path, sizeof path, "journal/%s", journal);
  FILE *file = fopen(scratch_path(path), "a");
  assert_non_null(file);
  fprintf(file, "%s %08" PRIx32 "\n", line, smr_crc32(smr_crc32(0, line, strlen(line)), " ", 1));
  fclose(file);
}

static void put_unit_line(const char *journal, char kind, int64_t number, const char *rest) {
  char hash[SMR_HASH_TEXT_BYTES];
  char line[256];
  snprintf(line, sizeof line, "%c %s%s", kind, smr_hash_format(frame_unit(number), hash), rest);
  put_line(journal, line);
}

static void put_done_line(const char *journal, const char *part, int64_t number) {
  char hash[SMR_HASH_TEXT_BYTES];
  char line[512];
  snprintf(line, sizeof line, "D %-112s %016x %08x %08x %s", part, 10, 0, 1,
           smr_hash_format(frame_unit(number), hash));
  put_line(journal, line);
}

static void make_journal_folder(void) {
  assert_int_equal(mkdir(scratch_path("journal"), 0777), 0);
}

static void test_nothing(void **state) {
  (void)state;
  smr_ledger *ledger = frame_read();
  assert_null(smr_ledger_find(ledger, frame_unit(0)));
  assert_int_equal(smr_ledger_count_parts(ledger), 0);
  assert_int_equal(smr_ledger_count_ignored(ledger), 0);
  assert_fails(smr_ledger_verify_part(ledger, 0), SMR_ERR_INTERNAL, "no part");
  assert_fails(smr_ledger_drop_part(ledger, -1), SMR_ERR_INTERNAL, "no part");
  smr_ledger_destroy(&ledger);
  smr_ledger_destroy(&ledger);
}

static void test_merge(void **state) {
  (void)state;
  make_journal_folder();
  /* Each pair of ends in both orders. */
  static const char kinds[] = "FQD";
  static const smr_unit_status results[] = {SMR_UNIT_FAILED, SMR_UNIT_QUARANTINED, SMR_UNIT_DONE};
  for (int a = 0; a < 3; a++) {
    for (int b = 0; b < 3; b++) {
      int64_t number = 3 * a + b;
      const int ends[] = {a, b};
      for (int i = 0; i < 2; i++) {
        const char *journal = i == 0 ? "1.log" : "2.log";
        if (kinds[ends[i]] == 'D') {
          put_done_line(journal, "part.h5", number);
        } else {
          put_unit_line(journal, kinds[ends[i]], number,
                        kinds[ends[i]] == 'F' ? " 08 why" : " 00000004");
        }
      }
    }
  }
  put_line("3.log", "nonsense");
  scratch_put("journal/notes.txt", "hello", 5);
  smr_ledger *ledger = frame_read();
  for (int a = 0; a < 3; a++) {
    for (int b = 0; b < 3; b++) {
      assert_int_equal(frame_status(ledger, 3 * a + b), results[a > b ? a : b]);
    }
  }
  assert_int_equal(smr_ledger_count_ignored(ledger), 1);
  smr_ledger_destroy(&ledger);
}

static void test_starts(void **state) {
  (void)state;
  make_journal_folder();
  /* 0: two deaths in two journals. 1: came to an end in the second. 2: starts again after an end.
   * 3: an end in another journal says nothing of this one's start. */
  put_unit_line("1.log", 'S', 0, "");
  put_unit_line("2.log", 'A', 0, "");
  put_unit_line("1.log", 'S', 1, "");
  put_unit_line("2.log", 'S', 1, "");
  put_unit_line("2.log", 'A', 1, "");
  put_unit_line("2.log", 'F', 1, " 08 x");
  put_unit_line("1.log", 'S', 2, "");
  put_unit_line("1.log", 'F', 2, " 08 x");
  put_unit_line("1.log", 'A', 2, "");
  put_unit_line("1.log", 'A', 3, "");
  put_unit_line("2.log", 'F', 3, " 08 x");
  smr_ledger *ledger = frame_read();
  check_starts(ledger, 0, 1, 1);
  check_starts(ledger, 1, 1, 0);
  check_starts(ledger, 2, 0, 1);
  check_starts(ledger, 3, 0, 1);
  assert_int_equal(frame_status(ledger, 0), SMR_UNIT_PENDING);
  smr_ledger_destroy(&ledger);
}

static void test_retry(void **state) {
  (void)state;
  smr_journal *journal = NULL;
  make_journal_folder();
  put_unit_line("1.log", 'A', 0, "");
  put_unit_line("1.log", 'Q', 0, " 00000004");
  put_unit_line("1.log", 'F', 1, " 08 bad");
  put_done_line("1.log", "part.h5", 2);
  put_unit_line("1.log", 'F', 3, " 08 bad");
  assert_ok(smr_journal_create(scratch_folder, NULL, &journal));
  for (int i = 0; i < 4; i++) {
    assert_ok(smr_journal_mark_retry(journal, frame_unit(i)));
  }
  smr_journal_destroy(&journal);
  put_unit_line("9.log", 'F', 3, " 09 again");
  smr_ledger *ledger = frame_read();
  assert_int_equal(frame_status(ledger, 0), SMR_UNIT_PENDING);
  check_starts(ledger, 0, 0, 0);
  assert_int_equal(frame_status(ledger, 1), SMR_UNIT_PENDING);
  assert_string_equal(smr_ledger_find(ledger, frame_unit(1))->message, "");
  assert_int_equal(frame_status(ledger, 2), SMR_UNIT_DONE);
  assert_int_equal(frame_status(ledger, 3), SMR_UNIT_FAILED);
  assert_string_equal(smr_ledger_find(ledger, frame_unit(3))->message, "again");
  smr_ledger_destroy(&ledger);
}

static void check_place(const smr_ledger *ledger, int64_t number, const char *part) {
  const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(number));
  assert_non_null(entry);
  assert_string_equal(smr_ledger_get_part_name(ledger, entry->part), part);
}

static void test_several_parts(void **state) {
  (void)state;
  make_journal_folder();
  put_done_line("1.log", "c.h5", 0);
  put_done_line("1.log", "b.h5", 0);
  put_done_line("2.log", "a.h5", 0);
  put_done_line("2.log", "d.h5", 0);
  put_unit_line("3.log", 'F', 0, " 08 once");
  put_done_line("3.log", "d.h5", 1);
  smr_ledger *ledger = frame_read();
  static const char *const order[] = {"a.h5", "b.h5", "c.h5", "d.h5"};
  for (int i = 0; i < 4; i++) {
    check_place(ledger, 0, order[i]);
    assert_ok(smr_ledger_drop_part(ledger, smr_ledger_find(ledger, frame_unit(0))->part));
  }
  const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(0));
  assert_int_equal(entry->status, SMR_UNIT_FAILED);
  assert_int_equal(entry->part, -1);
  assert_int_equal(entry->row, -1);
  assert_string_equal(entry->message, "once");
  check_place(ledger, 1, "d.h5");
  assert_ok(smr_ledger_drop_part(ledger, smr_ledger_find(ledger, frame_unit(1))->part));
  assert_int_equal(frame_status(ledger, 1), SMR_UNIT_PENDING);
  smr_ledger_destroy(&ledger);
}

/* A whole journal of three lines: two parts and a failure; its name, content and where its lines
 * begin. */
typedef struct {
  char path[300];
  char *text;
  size_t bytes, starts[4];
} sample;

static void make_sample(sample *made) {
  char name[256];
  smr_journal *journal = frame_open();
  frame_add(journal, 0, 3);
  assert_ok(smr_journal_flush(journal));
  frame_add(journal, 3, 2);
  assert_ok(smr_journal_flush(journal));
  frame_add(journal, 5, 2);
  assert_ok(smr_journal_flush(journal));
  smr_journal_destroy(&journal);
  assert_int_equal(scratch_count("journal", "", name), 1);
  snprintf(made->path, sizeof made->path, "journal/%s", name);
  scratch_get(made->path, &made->text, &made->bytes);
  size_t n = 0;
  made->starts[n++] = 0;
  for (size_t i = 0; i < made->bytes && n < 4; i++) {
    if (made->text[i] == '\n') {
      made->starts[n++] = i + 1;
    }
  }
  assert_int_equal(n, 4);
  assert_int_equal(made->starts[3], made->bytes);
}

static void test_torn_line(void **state) {
  (void)state;
  sample made;
  make_sample(&made);
  for (size_t length = made.starts[2]; length <= made.bytes; length++) {
    scratch_put(made.path, made.text, length);
    smr_ledger *ledger = frame_read();
    int is_torn = length > made.starts[2] && length < made.bytes;
    assert_int_equal(smr_ledger_count_ignored(ledger), is_torn);
    assert_int_equal(smr_ledger_count_parts(ledger), length == made.bytes ? 3 : 2);
    assert_int_equal(frame_status(ledger, 0), SMR_UNIT_DONE);
    assert_int_equal(frame_status(ledger, 4), SMR_UNIT_DONE);
    assert_int_equal(frame_status(ledger, 6),
                     length == made.bytes ? SMR_UNIT_DONE : SMR_UNIT_PENDING);
    smr_ledger_destroy(&ledger);
  }
  smr_memory_free(made.text);
}

static void test_damaged_line(void **state) {
  (void)state;
  sample made;
  make_sample(&made);
  for (size_t i = made.starts[1]; i < made.starts[2]; i++) {
    char kept = made.text[i];
    made.text[i] = (char)(kept ^ (1 << i % 8));
    scratch_put(made.path, made.text, made.bytes);
    made.text[i] = kept;
    smr_ledger *ledger = frame_read();
    assert_true(smr_ledger_count_ignored(ledger) >= 1);
    assert_int_equal(frame_status(ledger, 2), SMR_UNIT_DONE);
    assert_int_equal(frame_status(ledger, 3), SMR_UNIT_PENDING);
    /* Without its newline, the line takes the next one with it. */
    assert_int_equal(frame_status(ledger, 5),
                     i + 1 < made.starts[2] ? SMR_UNIT_DONE : SMR_UNIT_PENDING);
    smr_ledger_destroy(&ledger);
  }
  smr_memory_free(made.text);
}

/* Lines whose checksum is right, but which no writer of ours made. */
static void test_hostile_lines(void **state) {
  (void)state;
  char line[400];
  make_journal_folder();
  put_done_line("1.log", "../elsewhere", 0);
  put_done_line("1.log", "a/b.h5", 0);
  put_done_line("1.log", ".hidden", 0);
  put_done_line("1.log", "", 0);
  snprintf(line, sizeof line, "D %-112s %016x %08x ffffffff", "part.h5", 10, 0);
  put_line("1.log", line);
  snprintf(line, sizeof line, "D %-112s ffffffffffffffff %08x 00000000", "part.h5", 0);
  put_line("1.log", line);
  put_unit_line("1.log", 'F', 0, "");
  put_unit_line("1.log", 'Q', 0, " 4");
  put_unit_line("1.log", 'S', 0, " ");
  put_unit_line("1.log", 'X', 0, "");
  put_line("1.log", "S 0123");
  put_line("1.log", "");
  smr_ledger *ledger = frame_read();
  assert_int_equal(smr_ledger_count_ignored(ledger), 12);
  assert_int_equal(smr_ledger_count_parts(ledger), 0);
  assert_null(smr_ledger_find(ledger, frame_unit(0)));
  smr_ledger_destroy(&ledger);
}

/* Longer than anything that is read in one piece, with good lines around it. */
static void test_long_garbage(void **state) {
  (void)state;
  enum { GARBAGE_BYTES = 5000000 };
  char *garbage = NULL;
  make_journal_folder();
  put_unit_line("1.log", 'F', 0, " 08 before");
  assert_ok(smr_memory_alloc(GARBAGE_BYTES, 1, "garbage", (void *)&garbage));
  memset(garbage, 'D', GARBAGE_BYTES);
  garbage[GARBAGE_BYTES - 1] = '\n';
  FILE *file = fopen(scratch_path("journal/1.log"), "a");
  assert_int_equal(fwrite(garbage, 1, GARBAGE_BYTES, file), GARBAGE_BYTES);
  fclose(file);
  smr_memory_free(garbage);
  put_unit_line("1.log", 'F', 1, " 08 after");
  smr_ledger *ledger = frame_read();
  assert_true(smr_ledger_count_ignored(ledger) >= 1);
  assert_int_equal(frame_status(ledger, 0), SMR_UNIT_FAILED);
  assert_int_equal(frame_status(ledger, 1), SMR_UNIT_FAILED);
  smr_ledger_destroy(&ledger);
}

static void test_verify(void **state) {
  (void)state;
  char name[256];
  char path[300];
  char *text = NULL;
  size_t bytes = 0;
  int64_t n_rows = -1;
  double *records = NULL;
  smr_journal *journal = frame_open();
  frame_add(journal, 0, 7);
  assert_ok(smr_journal_flush(journal));
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  assert_int_equal(scratch_count("parts", "", name), 1);
  assert_string_equal(smr_ledger_get_part_name(ledger, 0), name);
  snprintf(path, sizeof path, "parts/%s", name);
  scratch_get(path, &text, &bytes);
  for (size_t i = 0; i < bytes; i += 97) {
    text[i] = (char)(text[i] ^ 4);
    scratch_put(path, text, bytes);
    text[i] = (char)(text[i] ^ 4);
    assert_int_equal(smr_ledger_verify_part(ledger, 0), SMR_ERR_CORRUPT);
  }
  assert_fails(smr_ledger_read_part(ledger, 0, &frame_schema, &n_rows, &records), SMR_ERR_CORRUPT,
               "checksum");
  assert_null(records);
  scratch_put(path, text, bytes - 1);
  assert_fails(smr_ledger_verify_part(ledger, 0), SMR_ERR_CORRUPT, "bytes");
  scratch_put(path, text, bytes);
  assert_ok(smr_ledger_verify_part(ledger, 0));
  frame_check(ledger, 0, 7);
  assert_int_equal(unlink(scratch_path(path)), 0);
  assert_fails(smr_ledger_verify_part(ledger, 0), SMR_ERR_CORRUPT, "missing");
  smr_memory_free(text);
  smr_ledger_destroy(&ledger);
}

/* A part of another job's shape, of other outputs, or of other units than its journal says. */
static void test_other_schema(void **state) {
  (void)state;
  static const smr_inner_dimension longer[] = {{"lambda", 4, false}, {"mode", 2, false}};
  static const smr_output renamed[] = {
      {.name = "loss"},
      {.name = "lambda", .n_dimensions = 1, .dimensions = {0}},
      {.name = "seconds", .n_dimensions = 2, .dimensions = {1, 0}}};
  const smr_schema others[] = {{2, longer, 3, frame_outputs},
                               {2, frame_dimensions, 3, renamed},
                               {2, frame_dimensions, 2, frame_outputs}};
  int64_t n_rows = -1;
  double *records = NULL;
  smr_journal *journal = frame_open();
  frame_add(journal, 0, 7);
  assert_ok(smr_journal_flush(journal));
  smr_journal_destroy(&journal);
  smr_ledger *ledger = frame_read();
  for (int i = 0; i < 3; i++) {
    assert_int_equal(smr_ledger_read_part(ledger, 0, &others[i], &n_rows, &records),
                     SMR_ERR_CORRUPT);
    assert_null(records);
  }
  smr_ledger_destroy(&ledger);
  /* The journal swaps two units. */
  char name[256];
  char path[300];
  char *text = NULL;
  size_t bytes = 0;
  assert_int_equal(scratch_count("journal", "", name), 1);
  snprintf(path, sizeof path, "journal/%s", name);
  scratch_get(path, &text, &bytes);
  char line[1000];
  snprintf(line, sizeof line, "%.*s%.33s%.33s%s", 149, text, text + 149 + 33, text + 149,
           text + 149 + 66);
  line[bytes - strlen(" 01234567\n")] = '\0';
  smr_memory_free(text);
  assert_int_equal(unlink(scratch_path(path)), 0);
  put_line(name, line);
  ledger = frame_read();
  assert_fails(smr_ledger_read_part(ledger, 0, &frame_schema, &n_rows, &records), SMR_ERR_CORRUPT,
               "another unit");
  smr_ledger_destroy(&ledger);
}

/* Several writers; some units twice, and parts that get lost. */
static void test_many(void **state) {
  (void)state;
  enum { N_WRITERS = 5, N_EACH = 3000, STRIDE = 2000 };
  for (int i = 0; i < N_WRITERS; i++) {
    smr_journal *journal = frame_open();
    frame_add(journal, i * STRIDE, N_EACH);
    assert_ok(smr_journal_flush(journal));
    smr_journal_destroy(&journal);
  }
  const int64_t n_units = (N_WRITERS - 1) * STRIDE + N_EACH;
  smr_ledger *ledger = frame_read();
  assert_int_equal(smr_ledger_count_parts(ledger), N_WRITERS);
  frame_check(ledger, 0, n_units);
  int64_t first = smr_ledger_find(ledger, frame_unit(0))->part;
  assert_ok(smr_ledger_drop_part(ledger, first));
  frame_check(ledger, STRIDE, n_units - STRIDE);
  for (int64_t number = 0; number < STRIDE; number++) {
    assert_int_equal(frame_status(ledger, number), SMR_UNIT_PENDING);
  }
  smr_ledger_destroy(&ledger);
}

int main(void) {
#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_create, scratch_destroy)
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(test_nothing),       SCRATCH_TEST(test_merge),
      SCRATCH_TEST(test_starts),        SCRATCH_TEST(test_retry),
      SCRATCH_TEST(test_several_parts), SCRATCH_TEST(test_torn_line),
      SCRATCH_TEST(test_damaged_line),  SCRATCH_TEST(test_hostile_lines),
      SCRATCH_TEST(test_long_garbage),  SCRATCH_TEST(test_verify),
      SCRATCH_TEST(test_other_schema),  SCRATCH_TEST(test_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
