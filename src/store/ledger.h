/* The inside of a ledger: shared by what reads journals and what answers questions. */
#ifndef SIMMER_STORE_LEDGER_H
#define SIMMER_STORE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/file.h"
#include "simmer/store/journal.h"

typedef struct {
  char *name;
  int64_t size;
  uint32_t crc;
  int64_t first, n_rows; /* its units: rows[first .. first + n_rows) of the ledger */
  int is_dropped;
} smr_ledger_part;

/* What only few units need to know. */
typedef struct {
  int64_t other_places; /* first further place of the unit's record, -1 if none */
  int is_failed, is_quarantined;
  char *message;                    /* of the last failure; owned */
  int64_t journal;                  /* the last journal that told of a start, -1 if none */
  int64_t n_starts, n_alone_starts; /* starts in that journal with no end after them */
} smr_ledger_history;

typedef struct {
  smr_ledger_entry entry;
  int64_t history; /* index, -1 if none */
} smr_ledger_unit;

/* A further part that holds a unit. */
typedef struct {
  int64_t part, row, next;
} smr_ledger_place;

struct smr_ledger {
  char folder[SMR_PATH_BYTES];
  int64_t n_parts, n_rows, n_units, n_histories, n_places;
  int64_t part_capacity, row_capacity, unit_capacity, history_capacity, place_capacity;
  smr_ledger_part *parts;
  int64_t *rows; /* unit index of each row of each part */
  smr_ledger_unit *units;
  smr_ledger_history *histories;
  smr_ledger_place *places;
  int64_t n_slots; /* a power of two */
  int64_t *slots;  /* unit index + 1, 0 = empty */
  int64_t n_journals, n_ignored;
};

/* Reads all journals of ledger->folder into an empty ledger. Local. */
smr_status smr_ledger_load(smr_ledger *ledger) SMR_NODISCARD;
/* Index of a unit, -1 if none. Local. */
int64_t smr_ledger_find_index(const smr_ledger *ledger, smr_hash unit);
/* Where the search for a unit begins, modulo the number of slots. Local. */
uint64_t smr_ledger_spread(smr_hash unit);
/* Makes a unit's status agree with its place and history. Local. */
void smr_ledger_settle(smr_ledger *ledger, smr_ledger_unit *unit);
/* 1 when place a counts before place b: by part name, then row. Local. */
int smr_ledger_is_before(const smr_ledger *ledger, int64_t part_a, int64_t row_a, int64_t part_b,
                         int64_t row_b);

#endif
