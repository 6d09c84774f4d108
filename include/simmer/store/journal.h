/* What is finished: part files full of unit records, and journals that say which parts to trust.
 *
 * A part is DIR/parts/<writer>-<number>.h5, built in memory. After it is safely on disk, one line
 * goes to DIR/journal/<writer>.log: part name, size, CRC-32 of the file, unit hashes in row order,
 * CRC of the line. Other lines: failed units with their message, starts of suspect units,
 * quarantined units. One writer = one group of one start of one job. A line that is torn or fails
 * its CRC is ignored, and so is a part that no whole line names. Local; no MPI. */
#ifndef SIMMER_STORE_JOURNAL_H
#define SIMMER_STORE_JOURNAL_H

#include <stdint.h>

#include "simmer/base/hash.h"
#include "simmer/store/schema.h"

typedef struct smr_journal smr_journal; /* a writer */

/* Opens a new journal whose name is free in DIR (host, process and start time in it). Its file
 * appears with the first line. The schema is copied; NULL for a journal that only marks units. */
smr_status smr_journal_create(const char *folder, const smr_schema *schema,
                              smr_journal **out) SMR_NODISCARD;
void smr_journal_destroy(smr_journal **journal); /* doesn't flush */
const char *smr_journal_get_writer(const smr_journal *journal);
/* Adds a finished unit's record (copied) to the batch; microseconds. */
smr_status smr_journal_add(smr_journal *journal, smr_hash unit, const double *record) SMR_NODISCARD;
/* Adds a failed unit with its message to the batch. */
smr_status smr_journal_add_failure(smr_journal *journal, smr_hash unit, smr_status cause,
                                   const char *message) SMR_NODISCARD;
/* Writes the batch: part file, then journal line(s), all synced. Nothing to do for an empty batch.
 * On SMR_ERR_FULL or SMR_ERR_IO the batch is kept; what was journalled before stays good. */
smr_status smr_journal_flush(smr_journal *journal) SMR_NODISCARD;
/* Units in the batch, and bytes it holds. */
int64_t smr_journal_count_pending(const smr_journal *journal);
int64_t smr_journal_count_pending_bytes(const smr_journal *journal);
/* Synced at once: "this suspect unit starts now, alone or among others", "this unit is given up".
 */
smr_status smr_journal_mark_start(smr_journal *journal, smr_hash unit, int is_alone) SMR_NODISCARD;
smr_status smr_journal_mark_quarantined(smr_journal *journal, smr_hash unit,
                                        int64_t deaths) SMR_NODISCARD;
/* Synced at once: "try this unit again". Failures, starts and quarantine that earlier lines, or
 * journals that come earlier by name (start date), tell of the unit are void. */
smr_status smr_journal_mark_retry(smr_journal *journal, smr_hash unit) SMR_NODISCARD;

/* The state of a folder: every journal read and merged. A unit that is done anywhere is done; if it
 * is in several parts, the first by (part name, row) counts: they hold the same bits. */
typedef enum {
  SMR_UNIT_PENDING,
  SMR_UNIT_DONE,
  SMR_UNIT_FAILED,
  SMR_UNIT_QUARANTINED,
  SMR_UNIT_EXCLUDED
} smr_unit_status;

typedef struct {
  smr_hash unit;
  smr_unit_status status;
  int64_t part, row;      /* where its record is, -1 if not done */
  int64_t n_starts;       /* suspect starts among others, with no end after them */
  int64_t n_alone_starts; /* suspect starts alone */
  smr_status cause;       /* of a failure */
  const char *message;    /* of a failure, "" else; owned by the ledger */
} smr_ledger_entry;

typedef struct smr_ledger smr_ledger;

/* Reads DIR/journal (none is fine). Parts are known by name, size and CRC; nothing of them is read
 * yet. n_ignored counts lines that were torn or damaged. A million units take about a second. */
smr_status smr_ledger_read(const char *folder, smr_ledger **out) SMR_NODISCARD;
void smr_ledger_destroy(smr_ledger **ledger);
int64_t smr_ledger_count_ignored(const smr_ledger *ledger);
/* Entry of a unit, NULL when no journal knows it. Borrowed. */
const smr_ledger_entry *smr_ledger_find(const smr_ledger *ledger, smr_hash unit);
int64_t smr_ledger_count_parts(const smr_ledger *ledger);
const char *smr_ledger_get_part_name(const smr_ledger *ledger, int64_t part);
/* Reads part `part` and compares size and CRC. SMR_ERR_CORRUPT with the cause when it is missing or
 * damaged. */
smr_status smr_ledger_verify_part(const smr_ledger *ledger, int64_t part) SMR_NODISCARD;
/* Forgets a part that can't be trusted: its units fall back to another part that has them, or to
 * pending. */
smr_status smr_ledger_drop_part(smr_ledger *ledger, int64_t part) SMR_NODISCARD;

/* The records of one verified part, all outputs: records [n_rows x record length]; allocated, freed
 * by smr_memory_free. The part's own schema must agree (names and shapes), else SMR_ERR_CORRUPT. */
smr_status smr_ledger_read_part(const smr_ledger *ledger, int64_t part, const smr_schema *schema,
                                int64_t *n_rows, double **records) SMR_NODISCARD;

#endif
