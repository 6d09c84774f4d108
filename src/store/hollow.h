/* A file whose big datasets are holes: all that HDF5 writes, without the numbers. Private to store;
 * local.
 *
 * HDF5 crashes at exit after a full disk, so it lays such files out in memory. Arrays whose data is
 * NULL get their space; somebody else writes them at their places. */
#ifndef SIMMER_SRC_STORE_HOLLOW_H
#define SIMMER_SRC_STORE_HOLLOW_H

#include "h5.h"

typedef struct {
  const char *name; /* for messages */
  const smr_h5_contents *contents;
  /* Called with the file before it is closed; NULL for none. */
  smr_status (*finish)(void *self, hid_t file);
  void *self;
} smr_hollow_source;

/* *fd is a file in memory, closed by the caller; it may be shorter than *bytes, those of the file:
 * what lacks is zero. -1 on failure. */
smr_status smr_hollow_create(const smr_hollow_source *source, int *fd,
                             int64_t *bytes) SMR_NODISCARD;

#endif
