/* Builds results.h5 from what is finished: parts are streamed, replicates are summarised. Serial,
 * needs no MPI. */
#ifndef SIMMER_APP_COLLECT_H
#define SIMMER_APP_COLLECT_H

#include "units.h"

typedef struct {
  int64_t n_done, n_failed, n_quarantined, n_pending, n_excluded;
} smr_collect_counts;

/* Bytes of a unit's record, and about those of results.h5. SMR_ERR_LIMIT. Local. */
smr_status smr_collect_measure(const smr_units *units, int64_t *record_bytes,
                               int64_t *result_bytes) SMR_NODISCARD;
/* Sets the units' status from the ledger, and counts. Local. */
smr_collect_counts smr_collect_count(smr_units *units, const smr_ledger *ledger);
/* Writes FOLDER/results.h5 from units whose status smr_collect_count has set, after damaged parts
 * were dropped from the ledger (with a warning each). Local. */
smr_status smr_collect(const char *folder, smr_units *units, smr_ledger *ledger) SMR_NODISCARD;
/* Checks every part against the journal and drops the damaged ones with a warning; returns how
 * many. Local. */
smr_status smr_collect_verify(smr_ledger *ledger, int64_t *n_dropped) SMR_NODISCARD;
/* Prints the first failures with their messages. Local. */
void smr_collect_print_failures(const smr_units *units, const smr_ledger *ledger);

/* One line about a start of the program in FOLDER/log/runs.log: date, ranks, threads, hosts,
 * versions. Local. */
typedef struct {
  int n_ranks, n_threads;
  const char *hosts;
} smr_run_facts;
smr_status smr_collect_note_run(const char *folder, const smr_run_facts *facts) SMR_NODISCARD;

/* Freed by the caller: what describe() allocated. */
void smr_schema_clear(smr_schema *schema);

#endif
