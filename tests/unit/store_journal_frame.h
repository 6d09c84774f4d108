/* A small schema, and units and records made from a number: for tests of journals and ledgers. */
#ifndef SIMMER_TESTS_STORE_JOURNAL_FRAME_H
#define SIMMER_TESTS_STORE_JOURNAL_FRAME_H

#include "store_scratch.h"

#include "simmer/store/journal.h"

enum { FRAME_DOUBLES = 1 + 3 + 6 };

static const smr_inner_dimension frame_dimensions[] = {{"lambda", 3, false}, {"mode", 2, false}};
static const smr_output frame_outputs[] = {
    {.name = "risk", .unit = "1", .meaning = "risk on new data"},
    {.name = "lambda", .n_dimensions = 1, .dimensions = {0}},
    {.name = "seconds", .n_dimensions = 2, .dimensions = {1, 0}, .is_measured_time = true}};
static const smr_schema frame_schema = {2, frame_dimensions, 3, frame_outputs};

static inline smr_hash frame_unit(int64_t number) {
  return smr_hash_add(smr_hash_start(), &number, sizeof number);
}

/* Values of all kinds: NaN, infinity, denormal, negative zero. */
static inline void frame_record(int64_t number, double record[FRAME_DOUBLES]) {
  for (int i = 0; i < FRAME_DOUBLES; i++) {
    record[i] = (double)number + i / 16.0;
  }
  record[number % FRAME_DOUBLES] = NAN;
  record[(number + 1) % FRAME_DOUBLES] = -INFINITY;
  record[(number + 2) % FRAME_DOUBLES] = 4.9e-324;
  record[(number + 3) % FRAME_DOUBLES] = -0.0;
}

static inline smr_journal *frame_open(void) {
  smr_journal *journal = NULL;
  assert_ok(smr_journal_create(scratch_folder, &frame_schema, &journal));
  return journal;
}

static inline void frame_add(smr_journal *journal, int64_t first, int64_t n) {
  double record[FRAME_DOUBLES];
  for (int64_t number = first; number < first + n; number++) {
    frame_record(number, record);
    assert_ok(smr_journal_add(journal, frame_unit(number), record));
  }
}

static inline smr_ledger *frame_read(void) {
  smr_ledger *ledger = NULL;
  assert_ok(smr_ledger_read(scratch_folder, &ledger));
  return ledger;
}

static inline smr_unit_status frame_status(const smr_ledger *ledger, int64_t number) {
  const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(number));
  return entry == NULL ? SMR_UNIT_PENDING : entry->status;
}

/* Units first..first+n-1 are done, and their records are what was added, bit for bit. */
static inline void frame_check(const smr_ledger *ledger, int64_t first, int64_t n) {
  double expected[FRAME_DOUBLES];
  double *records = NULL;
  int64_t n_rows = 0;
  int64_t loaded = -1;
  for (int64_t number = first; number < first + n; number++) {
    const smr_ledger_entry *entry = smr_ledger_find(ledger, frame_unit(number));
    assert_non_null(entry);
    assert_int_equal(entry->status, SMR_UNIT_DONE);
    if (entry->part != loaded) {
      smr_memory_free(records);
      assert_ok(smr_ledger_verify_part(ledger, entry->part));
      assert_ok(smr_ledger_read_part(ledger, entry->part, &frame_schema, &n_rows, &records));
      loaded = entry->part;
    }
    assert_in_range(entry->row, 0, n_rows - 1);
    frame_record(number, expected);
    assert_memory_equal(records + entry->row * FRAME_DOUBLES, expected, sizeof expected);
  }
  smr_memory_free(records);
}

#endif
