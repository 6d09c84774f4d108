/* Checkpoints: DIR/checkpoints/step-<12 digits>.h5, everything that is needed to go on bit for bit
 * on another number of ranks. The newest two are kept.
 *
 * Small ones are gathered on rank 0 and written like any small file (array.h: built in memory,
 * sealed by a CRC, fsync, rename). Big ones (from 4 GiB, or by choice) are written by all ranks
 * through collective MPI-IO into a temporary file after a check of free space; every array carries
 * the CRC-32 of each of its fixed row blocks; then fsync and rename. A reader trusts neither before
 * the CRCs agree. */
#ifndef SIMMER_STORE_CHECKPOINT_H
#define SIMMER_STORE_CHECKPOINT_H

#include "simmer/comm/context.h"
#include "simmer/store/array.h"

typedef enum {
  SMR_CHECKPOINT_AUTO,
  SMR_CHECKPOINT_SERIAL,
  SMR_CHECKPOINT_PARALLEL
} smr_checkpoint_mode;

/* Writes the state as the checkpoint of `step`, then deletes all but the newest two that are whole.
 * `folder` is made when missing. `identity` names the unit (hash) that it belongs to. SMR_ERR_FULL,
 * SMR_ERR_IO: alike on all ranks; older checkpoints are untouched then. Collective on context. */
smr_status smr_checkpoint_write(const smr_context *context, const char *folder,
                                const char *identity, int64_t step, smr_checkpoint_mode mode,
                                const smr_state *state) SMR_NODISCARD;

typedef struct smr_checkpoint smr_checkpoint;

/* Opens the newest checkpoint that is whole; damaged ones are passed over with a warning that names
 * them (and set aside as *.damaged). *out is NULL when there is none (damaged ones alone: too,
 * after the warnings). SMR_ERR_INPUT when one is whole but of another identity: it says which, and
 * that the folder is to be moved away. Collective on context. */
smr_status smr_checkpoint_open(const smr_context *context, const char *folder, const char *identity,
                               smr_checkpoint **out) SMR_NODISCARD;
int64_t smr_checkpoint_get_step(const smr_checkpoint *checkpoint);
/* Rows of the first dimension of an array, -1 when there is no such array: for arrays that grow.
 * Local (known on every rank). */
int64_t smr_checkpoint_count_rows(const smr_checkpoint *checkpoint, const char *name);
/* Fills every array of the list; its own rows for distributed ones. SMR_ERR_INPUT names the array
 * that is missing, or whose type or shape differs, with both. Collective. */
smr_status smr_checkpoint_read(smr_checkpoint *checkpoint, const smr_state *state) SMR_NODISCARD;
/* Collective; accepts NULL. */
void smr_checkpoint_close(smr_checkpoint **checkpoint);

#endif
