/* The one queue for groups, jobs and restarts: claims in DIR/claims.
 *
 * A leader takes a block of units by creating claims/<block>.<generation> with O_EXCL. The claim
 * names its owner: a writer with job, host, boot, process and its start time. An owner is dead at
 * once when its process is gone on this very kernel, or when it belongs to an earlier restart of
 * the observer's own Slurm job; else when its heartbeat file claims/<writer>.beat hasn't changed
 * for `lease` seconds of the observer's monotonic clock (no wall clocks are compared). Takeover
 * creates generation + 1. A finished block is claims/<block>.done; a claim that was handed back is
 * claims/<block>.free<generation>. Only O_EXCL and rename are assumed of the file system (NFS). The
 * heartbeat is a thread of this process that touches neither MPI nor HDF5. Local. */
#ifndef SIMMER_STORE_CLAIMS_H
#define SIMMER_STORE_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

typedef struct smr_claims smr_claims;

typedef enum {
  SMR_CLAIM_TAKEN,     /* ours now, nobody had it before (or it was handed back) */
  SMR_CLAIM_INHERITED, /* ours now, after its owner died in it */
  SMR_CLAIM_BUSY,      /* its owner lives, as far as can be seen yet */
  SMR_CLAIM_DONE
} smr_claim_outcome;

/* `writer` is unique (smr_journal_get_writer). The heartbeat starts: every lease / 6, at most 1 s
 * between beats. */
smr_status smr_claims_open(const char *folder, const char *writer, double lease_s,
                           smr_claims **out) SMR_NODISCARD;
/* Hands back what is held and not done, stops the heartbeat, removes the beat file. */
void smr_claims_close(smr_claims **claims);

/* Tries to take a block; *generation is the number of owners before. A cheap call for blocks known
 * to be done or busy: the folder is listed again only when the last listing is older than a second
 * (or twenty times what a listing takes). A block that we hold ourselves is busy. Names of blocks
 * are plain file names of at most 127 bytes. */
smr_status smr_claims_take(smr_claims *claims, const char *block, smr_claim_outcome *outcome,
                           int64_t *generation) SMR_NODISCARD;
/* What we hold is finished (all its units are journalled), or handed back unfinished (next owner:
 * SMR_CLAIM_TAKEN). */
smr_status smr_claims_finish(smr_claims *claims, const char *block) SMR_NODISCARD;
smr_status smr_claims_hand_back(smr_claims *claims, const char *block) SMR_NODISCARD;
/* 1 when somebody else has taken a block that we hold, since we stood still for longer than the
 * lease: it is no longer ours, nor counted as held. Lists the folder. */
smr_status smr_claims_check_lost(smr_claims *claims, const char *block, int *is_lost) SMR_NODISCARD;
/* Makes a finished block available again (a part of it was lost, or failed units are to be retried;
 * next owner: SMR_CLAIM_TAKEN). Nothing happens to a block that isn't done. */
smr_status smr_claims_reopen(smr_claims *claims, const char *block) SMR_NODISCARD;
/* 1 when somebody has claimed the block and not handed it back, or finished it, as of the last
 * listing (at most a second old). */
int smr_claims_is_touched(smr_claims *claims, const char *block);
/* Lists the folder again at the next take. */
void smr_claims_refresh(smr_claims *claims);
/* Who holds a busy block, as "job 123 on node7 (process 4711)". Returns buffer. */
const char *smr_claims_describe_owner(smr_claims *claims, const char *block, char *buffer,
                                      size_t buffer_bytes);

/* What the heartbeat file tells others: units done and failed since the start, and what is being
 * done now. */
void smr_claims_report(smr_claims *claims, int64_t n_done, int64_t n_failed, const char *now);

typedef struct {
  char writer[128], host[128], now[128];
  int64_t n_done, n_failed;
  int64_t beat;      /* counts up */
  int64_t elapsed_s; /* since the writer's start, on its own clock */
  double quiet_s;    /* since the last beat, as far as the clocks here and there agree: to be shown,
                        not to be decided by */
} smr_beat;
/* All heartbeat files of a folder; *beats is freed by smr_memory_free. */
smr_status smr_claims_read_beats(const char *folder, smr_beat **beats, int64_t *n) SMR_NODISCARD;
/* SMR_ERR_USAGE when somebody's heart beats in the folder; hearts are watched for three seconds
 * when there are heartbeat files, else for half a second. */
smr_status smr_claims_check_quiet(const char *folder) SMR_NODISCARD;

#endif
