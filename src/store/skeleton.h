/* results.h5 without its numbers: all that HDF5 writes, and where the numbers belong. Private to
 * store; local.
 *
 * HDF5 crashes at exit after a full disk, so it never writes results.h5 itself. It writes into a
 * file in memory, whose big datasets are holes; we copy the rest, and write the numbers at their
 * places. */
#ifndef SIMMER_SRC_STORE_SKELETON_H
#define SIMMER_SRC_STORE_SKELETON_H

#include "simmer/store/results.h"

/* Bytes of one dataset in the file. */
typedef struct {
  int64_t offset, bytes;
} smr_place;

typedef struct {
  int fd;           /* the file in memory, -1 if none */
  int64_t bytes;    /* of the whole file */
  int64_t n_places; /* status, outputs, summaries */
  smr_place *places;
  const smr_place *status, *outputs, *summaries; /* parts of places */
} smr_skeleton;

typedef struct {
  const smr_results_layout *layout;
  int reduced_dimension;
  int64_t n_summaries;
  const smr_results_summary *summaries;
} smr_cube;

smr_status smr_skeleton_create(const smr_cube *cube, smr_skeleton *out) SMR_NODISCARD;
void smr_skeleton_clear(smr_skeleton *skeleton);

#endif
