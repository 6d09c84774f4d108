/* Claims, units, journal: the work of one group. */
#include "queue.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "stop.h"

#define ALONE "alone"
static const double longest_nap_s = 0.5;
static const double flush_margin_s = 2;
enum { MOST_PENDING_BYTES = 64 << 20 };

typedef enum { BLOCK_OPEN, BLOCK_HELD, BLOCK_COMPLETE, BLOCK_DONE, BLOCK_LATE } block_state;

struct smr_queue {
  smr_queue_config config;
  smr_journal *journal;
  smr_claims *claims;
  uint8_t *states;    /* by block: block_state */
  int64_t cursor;     /* first pass: the next block that nobody may have touched */
  int64_t current;    /* block being worked on, -1 if none */
  int64_t position;   /* next unit in it */
  bool is_marking;    /* its owner died: mark every start */
  bool is_alone;      /* we hold the claim to run alone */
  bool is_late;       /* some unit was left out because it can't be finished in time */
  int64_t n_complete; /* blocks complete but not yet flushed */
  int64_t n_done, n_failed;
  bool is_lost;    /* the current block was taken over while we stood still */
  bool is_cleared; /* the running unit's start mark is void: it has a new checkpoint */
  double last_flush_s, idle_s, nap_s;
  double ratio; /* measured over predicted seconds, smoothed; 0 before the first */
};

static bool is_suspect(const smr_queue *queue, int64_t cell) {
  return queue->config.deaths[cell] != 0;
}

static int64_t count_alone_deaths(const smr_queue *queue, int64_t cell) {
  return queue->config.deaths[cell] - 1;
}

smr_status smr_queue_create(const smr_queue_config *config, smr_queue **out) {
  smr_queue *queue = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *queue, "queue", &queue));
  queue->config = *config;
  queue->current = -1;
  queue->last_flush_s = smr_clock_monotonic_s();
  smr_status status = smr_memory_alloc(config->units->n_blocks, 1, "block states", &queue->states);
  if (status == SMR_OK) {
    status = smr_journal_create(config->folder, config->schema, &queue->journal);
  }
  if (status == SMR_OK) {
    status = smr_claims_open(config->folder, smr_journal_get_writer(queue->journal),
                             config->common->lease_s, &queue->claims);
  }
  if (status != SMR_OK) {
    smr_queue_destroy(&queue);
  }
  *out = queue;
  return status;
}

void smr_queue_destroy(smr_queue **queue) {
  smr_queue *q = *queue;
  if (q == NULL) {
    return;
  }
  smr_claims_close(&q->claims);
  smr_journal_destroy(&q->journal);
  smr_memory_free(q->states);
  smr_memory_free(q);
  *queue = NULL;
}

double smr_queue_get_idle(const smr_queue *queue) {
  return queue->idle_s;
}

static smr_block *get_block(const smr_queue *queue, int64_t block) {
  return &queue->config.units->blocks[block];
}

/* Everything finished so far becomes safe; then its blocks are marked done for all. */
static smr_status flush(smr_queue *queue) {
  SMR_TRY(smr_journal_flush(queue->journal));
  queue->last_flush_s = smr_clock_monotonic_s();
  const smr_units *units = queue->config.units;
  for (int64_t b = 0; queue->n_complete > 0 && b < units->n_blocks; ++b) {
    if (queue->states[b] == BLOCK_COMPLETE) {
      SMR_TRY(smr_claims_finish(queue->claims, get_block(queue, b)->name));
      queue->states[b] = BLOCK_DONE;
      queue->n_complete--;
    }
  }
  return SMR_OK;
}

static smr_status flush_if_due(smr_queue *queue) {
  bool is_due =
      smr_clock_monotonic_s() - queue->last_flush_s >= queue->config.common->flush_interval_s;
  bool is_full = smr_journal_count_pending_bytes(queue->journal) >= MOST_PENDING_BYTES;
  return is_due || is_full ? flush(queue) : SMR_OK;
}

smr_status smr_queue_close(smr_queue *queue) {
  return flush(queue);
}

/* --- choosing a block --- */

static void start_block(smr_queue *queue, int64_t block, smr_claim_outcome outcome) {
  queue->current = block;
  queue->position = 0;
  queue->is_marking = outcome == SMR_CLAIM_INHERITED;
  queue->states[block] = BLOCK_HELD;
  queue->nap_s = 0;
}

/* Tries one block; *is_taken tells whether it is ours now. */
static smr_status try_block(smr_queue *queue, int64_t block, bool *is_taken) {
  smr_claim_outcome outcome = SMR_CLAIM_BUSY;
  int64_t generation = 0;
  *is_taken = false;
  SMR_TRY(smr_claims_take(queue->claims, get_block(queue, block)->name, &outcome, &generation));
  if (outcome == SMR_CLAIM_DONE) {
    queue->states[block] = BLOCK_DONE;
  } else if (outcome != SMR_CLAIM_BUSY) {
    start_block(queue, block, outcome);
    *is_taken = true;
  }
  return SMR_OK;
}

static bool is_candidate(smr_queue *queue, int64_t block) {
  if (queue->states[block] != BLOCK_OPEN || get_block(queue, block)->ranks != queue->config.ranks) {
    return false;
  }
  if (smr_block_is_finished(queue->config.units, get_block(queue, block))) {
    queue->states[block] = BLOCK_DONE;
    return false;
  }
  return true;
}

/* First pass: blocks that no claim was ever made for. Then whatever isn't done. */
static smr_status take_block(smr_queue *queue, bool *is_taken, bool *is_all_done) {
  const int64_t n = queue->config.units->n_blocks;
  *is_taken = false;
  *is_all_done = false;
  for (; queue->cursor < n; ++queue->cursor) {
    int64_t b = queue->cursor;
    if (is_candidate(queue, b) &&
        !smr_claims_is_touched(queue->claims, get_block(queue, b)->name)) {
      SMR_TRY(try_block(queue, b, is_taken));
      if (*is_taken) {
        queue->cursor++;
        return SMR_OK;
      }
    }
  }
  *is_all_done = true;
  for (int64_t b = 0; b < n; ++b) {
    if (is_candidate(queue, b)) {
      SMR_TRY(try_block(queue, b, is_taken));
      if (*is_taken) {
        *is_all_done = false;
        return SMR_OK;
      }
      *is_all_done = *is_all_done && queue->states[b] == BLOCK_DONE;
    }
  }
  return SMR_OK;
}

/* A longer nap each time, so that waiting costs the file system little. */
static void nap(smr_queue *queue) {
  queue->nap_s = queue->nap_s == 0 ? 0.005 : fmin(queue->nap_s * 1.5, longest_nap_s);
  double start = smr_clock_monotonic_s();
  smr_clock_sleep(queue->nap_s);
  queue->idle_s += smr_clock_monotonic_s() - start;
  smr_claims_refresh(queue->claims);
}

/* --- units in a block --- */

/* A block whose units are all finished waits for its flush; one with units that can't be finished
 * in time goes back. */
static smr_status end_block(smr_queue *queue) {
  const smr_block *block = get_block(queue, queue->current);
  const int64_t index = queue->current;
  queue->current = -1;
  if (smr_block_is_finished(queue->config.units, block)) {
    queue->states[index] = BLOCK_COMPLETE;
    queue->n_complete++;
    return SMR_OK;
  }
  queue->states[index] = BLOCK_LATE;
  SMR_TRY(flush(queue));
  return smr_claims_hand_back(queue->claims, block->name);
}

static smr_status leave_alone(smr_queue *queue) {
  if (queue->is_alone) {
    queue->is_alone = false;
    return smr_claims_hand_back(queue->claims, ALONE);
  }
  return SMR_OK;
}

static smr_status fail_unit(smr_queue *queue, int64_t cell, smr_status cause, const char *message) {
  char text[256];
  smr_job_describe(queue->config.units->job, cell, text, sizeof text);
  smr_log_detail("unit %s failed: %s", text, message);
  queue->config.units->status[cell] = SMR_UNIT_FAILED;
  queue->n_failed++;
  smr_claims_report(queue->claims, queue->n_done, queue->n_failed, text);
  return smr_journal_add_failure(queue->journal, queue->config.units->hashes[cell], cause, message);
}

/* Memory is looked at before a unit starts: the kernel's OOM killer is not an error path. */
static smr_status refuse_if_too_large(smr_queue *queue, int64_t cell, bool *is_refused) {
  const smr_units *units = queue->config.units;
  *is_refused = units->memory_bytes[cell] > queue->config.memory_bytes;
  if (!*is_refused) {
    return SMR_OK;
  }
  char needs[32], has[32], message[256];
  snprintf(message, sizeof message,
           "it needs %s per rank, and %s are there; start fewer ranks on a node, or set a larger "
           "run.ranks_per_unit",
           smr_memory_format(units->memory_bytes[cell], needs, sizeof needs),
           smr_memory_format(queue->config.memory_bytes, has, sizeof has));
  return fail_unit(queue, cell, SMR_ERR_MEMORY, message);
}

/* Marks the start of a unit in a block that somebody died in. *is_ready = false: others run alone
 * now, or the unit is given up. */
static smr_status mark_start(smr_queue *queue, int64_t cell, bool *is_ready, bool *is_given_up) {
  const smr_units *units = queue->config.units;
  *is_ready = true;
  *is_given_up = false;
  if (!is_suspect(queue, cell)) {
    return smr_journal_mark_start(queue->journal, units->hashes[cell], 0);
  }
  int64_t deaths = count_alone_deaths(queue, cell);
  if (deaths > queue->config.common->retries) {
    char text[256];
    smr_log_warning("unit %s is quarantined: it ended its process %" PRId64
                    " times while it ran alone",
                    smr_job_describe(units->job, cell, text, sizeof text), deaths);
    queue->config.units->status[cell] = SMR_UNIT_QUARANTINED;
    *is_given_up = true;
    queue->n_failed++;
    return smr_journal_mark_quarantined(queue->journal, units->hashes[cell], deaths);
  }
  if (!queue->is_alone) {
    smr_claim_outcome outcome = SMR_CLAIM_BUSY;
    int64_t generation = 0;
    SMR_TRY(smr_claims_take(queue->claims, ALONE, &outcome, &generation));
    queue->is_alone = outcome == SMR_CLAIM_TAKEN || outcome == SMR_CLAIM_INHERITED;
    *is_ready = queue->is_alone;
  }
  if (*is_ready) {
    /* What is finished must not be lost with a unit that may kill us. */
    SMR_TRY(flush(queue));
    return smr_journal_mark_start(queue->journal, units->hashes[cell], 1);
  }
  return SMR_OK;
}

static bool fits_in_time(const smr_queue *queue, int64_t cell) {
  if (queue->config.has_checkpoints) {
    return smr_clock_monotonic_s() + flush_margin_s < queue->config.deadline_s;
  }
  double ratio = queue->ratio > 0 ? queue->ratio : 1;
  double end = smr_clock_monotonic_s() + queue->config.units->seconds[cell] * ratio * 1.1;
  return end + flush_margin_s < queue->config.deadline_s;
}

typedef enum { UNIT_FOUND, UNIT_NONE, UNIT_WAIT } unit_search;

/* The next unit of the current block that is to be run. Units that died before come after the
 * others of the block. */
static smr_status next_unit(smr_queue *queue, unit_search *found, int64_t *cell) {
  const smr_units *units = queue->config.units;
  const smr_block *block = get_block(queue, queue->current);
  for (; queue->position < 2 * block->count; ++queue->position) {
    bool is_second_pass = queue->position >= block->count;
    int64_t place = queue->position % block->count;
    int64_t candidate = units->order[block->first + place];
    if (units->status[candidate] != SMR_UNIT_PENDING ||
        is_suspect(queue, candidate) != is_second_pass) {
      continue;
    }
    bool is_refused = false, is_ready = true, is_given_up = false;
    SMR_TRY(refuse_if_too_large(queue, candidate, &is_refused));
    if (is_refused) {
      continue;
    }
    if (!fits_in_time(queue, candidate)) {
      queue->is_late = true;
      continue;
    }
    if (queue->is_marking || is_second_pass) {
      SMR_TRY(mark_start(queue, candidate, &is_ready, &is_given_up));
    }
    if (is_given_up) {
      continue;
    }
    *found = is_ready ? UNIT_FOUND : UNIT_WAIT;
    queue->is_cleared = false;
    queue->position += is_ready;
    *cell = candidate;
    return SMR_OK;
  }
  *found = UNIT_NONE;
  return SMR_OK;
}

static smr_status stop(smr_queue *queue, smr_queue_action *action) {
  *action = SMR_QUEUE_STOP;
  SMR_TRY(flush(queue));
  if (queue->current >= 0) {
    SMR_TRY(smr_claims_hand_back(queue->claims, get_block(queue, queue->current)->name));
    queue->states[queue->current] = BLOCK_OPEN;
    queue->current = -1;
  }
  return leave_alone(queue);
}

smr_status smr_queue_next(smr_queue *queue, smr_queue_action *action, int64_t *cell) {
  *action = SMR_QUEUE_RUN;
  for (;;) {
    if (smr_stop_get_signal() != 0 || smr_clock_monotonic_s() > queue->config.deadline_s) {
      return stop(queue, action);
    }
    SMR_TRY(flush_if_due(queue));
    if (queue->current < 0) {
      bool is_taken = false, is_all_done = false;
      SMR_TRY(take_block(queue, &is_taken, &is_all_done));
      if (!is_taken) {
        SMR_TRY(flush(queue));
        if (is_all_done) {
          *action = queue->is_late ? SMR_QUEUE_STOP : SMR_QUEUE_END;
          return SMR_OK;
        }
        nap(queue);
        continue;
      }
    }
    unit_search found = UNIT_NONE;
    SMR_TRY(next_unit(queue, &found, cell));
    if (found == UNIT_FOUND) {
      return SMR_OK;
    }
    if (found == UNIT_WAIT) {
      nap(queue);
      continue;
    }
    SMR_TRY(leave_alone(queue));
    SMR_TRY(end_block(queue));
  }
}

smr_status smr_queue_note_checkpoint(smr_queue *queue, int64_t cell) {
  bool is_marked = queue->is_marking || is_suspect(queue, cell);
  int is_lost = 0;
  SMR_TRY(smr_claims_check_lost(queue->claims, get_block(queue, queue->current)->name, &is_lost));
  if (is_lost) {
    smr_log_warning("this process stood still for so long that another one took over its work: it "
                    "steps back");
    queue->is_lost = true;
    return SMR_STOPPED;
  }
  if (!is_marked || queue->is_cleared) {
    return SMR_OK;
  }
  /* Once a start is enough: the mark of this start is void from now on. */
  queue->is_cleared = true;
  return smr_journal_mark_retry(queue->journal, queue->config.units->hashes[cell]);
}

void smr_queue_note_progress(smr_queue *queue, double share, const char *text) {
  char line[128];
  snprintf(line, sizeof line, "%.1f%% %s", 100 * share, text);
  smr_claims_report(queue->claims, queue->n_done, queue->n_failed, line);
}

smr_status smr_queue_put(smr_queue *queue, int64_t cell, smr_status result, const double *record,
                         double seconds) {
  smr_units *units = queue->config.units;
  if (result == SMR_STOPPED && queue->is_lost) {
    queue->is_lost = false;
    queue->states[queue->current] = BLOCK_OPEN;
    queue->current = -1;
    return leave_alone(queue);
  }
  if (result == SMR_STOPPED) {
    /* It was asked to stop, and that is no death: its start mark must not count as one. */
    bool is_marked = queue->is_marking || is_suspect(queue, cell);
    return is_marked ? smr_journal_mark_retry(queue->journal, units->hashes[cell]) : SMR_OK;
  }
  if (result == SMR_ERR_FULL || result == SMR_ERR_IO) {
    /* The machine's failure, not the unit's: the run ends, and the unit stays to be done. */
    return result;
  }
  double measured = seconds / units->seconds[cell];
  queue->ratio = queue->ratio > 0 ? 0.8 * queue->ratio + 0.2 * measured : measured;
  if (result != SMR_OK) {
    char message[1024];
    snprintf(message, sizeof message, "%s", smr_error_message());
    return fail_unit(queue, cell, result, message);
  }
  SMR_TRY(smr_journal_add(queue->journal, units->hashes[cell], record));
  units->status[cell] = SMR_UNIT_DONE;
  queue->n_done++;
  char text[128];
  smr_claims_report(queue->claims, queue->n_done, queue->n_failed,
                    smr_job_describe(units->job, cell, text, sizeof text));
  return queue->is_alone ? flush(queue) : flush_if_due(queue);
}
