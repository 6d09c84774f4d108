/* What a group does next: blocks are claimed in the output folder, units come out of them, results
 * go to the journal.
 *
 * Used by a group's rank 0 alone; nothing here is collective. Blocks that somebody died in come
 * last, unit by unit with a start mark in the journal; a unit that was marked and not finished runs
 * alone under a claim of its own ("alone"), and is quarantined when it died there more than
 * run.retries times. */
#ifndef SIMMER_APP_QUEUE_H
#define SIMMER_APP_QUEUE_H

#include "simmer/store/claims.h"
#include "units.h"

typedef struct {
  smr_units *units;      /* status is kept up to date here */
  const int64_t *deaths; /* by cell: 0, or 1 + deaths alone when a marked start has no end */
  const char *folder;
  const smr_schema *schema;
  const smr_common_config *common;
  int ranks;            /* the class of blocks this group works on */
  double deadline_s;    /* on the monotonic clock; INFINITY for none */
  int64_t memory_bytes; /* what a rank may take */
  bool has_checkpoints; /* a unit may be started though it can't be finished in time */
} smr_queue_config;

typedef struct smr_queue smr_queue;

typedef enum { SMR_QUEUE_RUN, SMR_QUEUE_END, SMR_QUEUE_STOP } smr_queue_action;

/* Opens this group's journal and claims. */
smr_status smr_queue_create(const smr_queue_config *config, smr_queue **out) SMR_NODISCARD;
/* Flushes nothing: see smr_queue_close. Hands back what is held. */
void smr_queue_destroy(smr_queue **queue);
/* The next thing to do; RUN gives a cell. Waits (sleeping) while blocks are in the hands of others.
 * STOP after a signal or when nothing can be finished before the deadline; what is finished has
 * been flushed then. */
smr_status smr_queue_next(smr_queue *queue, smr_queue_action *action, int64_t *cell) SMR_NODISCARD;
/* The end of the cell that was given: SMR_OK with its record, SMR_STOPPED (dropped), or a failure
 * with its message, which is recorded; but one of reading or writing files comes back as it is. */
smr_status smr_queue_put(smr_queue *queue, int64_t cell, smr_status result, const double *record,
                         double seconds) SMR_NODISCARD;
/* The unit that runs has a new checkpoint: earlier starts are not held against it. SMR_STOPPED when
 * its block has been taken over by others. */
smr_status smr_queue_note_checkpoint(smr_queue *queue, int64_t cell) SMR_NODISCARD;
/* How far the unit that runs is (0 to 1), for those who watch. */
void smr_queue_note_progress(smr_queue *queue, double share, const char *text);
/* Writes what is left and marks finished blocks. */
smr_status smr_queue_close(smr_queue *queue) SMR_NODISCARD;
/* Seconds spent waiting for others. */
double smr_queue_get_idle(const smr_queue *queue);

#endif
