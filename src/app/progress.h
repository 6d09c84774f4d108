/* How far a run is: one live line on a terminal, a line now and then in a log file. A thread of
 * world rank 0 that reads the heartbeat files of the output folder; it touches neither MPI nor
 * HDF5. Local. */
#ifndef SIMMER_APP_PROGRESS_H
#define SIMMER_APP_PROGRESS_H

#include <stdint.h>

#include "simmer/base/error.h"

typedef struct smr_progress smr_progress;

/* n_before of n_total units are finished already. */
smr_status smr_progress_start(const char *folder, int64_t n_total, int64_t n_before,
                              smr_progress **out) SMR_NODISCARD;
/* Ends the thread and erases the live line. Accepts NULL. */
void smr_progress_end(smr_progress **progress);

#endif
