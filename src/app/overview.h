/* What can be seen of an output folder from outside, while jobs work in it or after. Local; needs
 * no MPI, writes nothing. */
#ifndef SIMMER_APP_OVERVIEW_H
#define SIMMER_APP_OVERVIEW_H

#include "cli.h"
#include "simmer/store/claims.h"

enum { SMR_OVERVIEW_FAILURES = 5, SMR_OVERVIEW_POINTS = 60, SMR_OVERVIEW_BATCH_JOBS = 32 };

/* The newest history of a training. */
typedef struct {
  char unit[SMR_HASH_TEXT_BYTES], name[64];
  int64_t n_units; /* that have a history */
  int64_t n;       /* points, evenly spread over the history, the last one among them */
  double step[SMR_OVERVIEW_POINTS], value[SMR_OVERVIEW_POINTS];
} smr_overview_training;

typedef struct {
  char id[32], state[32], used[32], limit[32], where[128];
} smr_overview_batch_job;

typedef struct {
  smr_cli_job job;
  smr_units *units;
  smr_ledger *ledger;
  int64_t n_done, n_failed, n_quarantined, n_pending, n_excluded;
  int64_t n_beats, n_alive; /* writers; those that have beaten within run.lease */
  smr_beat *beats;
  int64_t n_steps; /* of the newest checkpoints of all units */
  double rate;     /* units a second of the living; NaN when nobody works */
  double left_s;   /* of what is pending, at that rate; NaN when it can't be told */
  int64_t n_bad;   /* cells of failed and quarantined units, the first few */
  int64_t bad[SMR_OVERVIEW_FAILURES];
  smr_overview_training training;
  int64_t n_batch_jobs;
  smr_overview_batch_job batch_jobs[SMR_OVERVIEW_BATCH_JOBS];
} smr_overview;

smr_status smr_overview_create(const char *folder, smr_overview **out) SMR_NODISCARD;
void smr_overview_destroy(smr_overview **overview);
/* A page for people, and one JSON object. */
smr_status smr_overview_write_text(const smr_overview *overview, smr_text *out) SMR_NODISCARD;
/* For scripts, one line: units that are left, and a word that changes when there was progress. */
smr_status smr_overview_write_brief(const smr_overview *overview, smr_text *out) SMR_NODISCARD;
smr_status smr_overview_write_json(const smr_overview *overview, smr_text *out) SMR_NODISCARD;
/* 1 when this writer's last beat is no older than the lease. */
int smr_overview_is_alive(const smr_overview *overview, const smr_beat *beat);

#endif
