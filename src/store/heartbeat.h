/* The sign of life of a writer: a thread that rewrites claims/<writer>.beat. */
#ifndef SIMMER_STORE_HEARTBEAT_H
#define SIMMER_STORE_HEARTBEAT_H

#include "simmer/base/error.h"
#include "simmer/store/claims.h"

typedef struct smr_heartbeat smr_heartbeat;

/* Writes the first beat and starts the thread. `folder` is DIR/claims. Local. */
smr_status smr_heartbeat_start(const char *folder, const char *writer, double lease_s,
                               smr_heartbeat **out) SMR_NODISCARD;
/* Ends the thread and removes the file. Accepts NULL. Local. */
void smr_heartbeat_stop(smr_heartbeat **heartbeat);
/* What the next beats say. Local. */
void smr_heartbeat_report(smr_heartbeat *heartbeat, int64_t n_done, int64_t n_failed,
                          const char *now);
/* Seconds on a clock that runs only while this process does. Silence of others is measured on it:
 * a process that was stopped together with those it watches doesn't take them for dead. Local. */
double smr_heartbeat_get_clock_s(smr_heartbeat *heartbeat);

/* 1 and *beat filled when the file holds a whole record, else 0 (missing, or torn by a write at the
 * same time). Local. */
int smr_beat_read(const char *path, smr_beat *beat);

#endif
