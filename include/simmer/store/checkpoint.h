/* Checkpoints: DIR/checkpoints/step-<12 digits>.h5, everything that is needed to go on bit for bit
 * on another number of ranks. The newest two are kept.
 *
 * Small ones are gathered on rank 0 and written like any small file (array.h: built in memory,
 * sealed by a CRC, fsync, rename). Big ones (from 4 GiB, where rank 0's node has too little memory
 * to gather them, or by choice) are written by all ranks through collective MPI-IO into a temporary
 * file whose space has been taken before; then fsync, a look at what is on the disk, and rename.
 * Both carry the CRC-32 of each fixed row block of each array, and hold the same datasets. A reader
 * trusts neither before the CRCs agree, and needs no MPI-IO: files up to 64 MiB are read by rank 0
 * and broadcast, larger ones are opened by every rank. */
#ifndef SIMMER_STORE_CHECKPOINT_H
#define SIMMER_STORE_CHECKPOINT_H

#include "simmer/comm/context.h"
#include "simmer/store/array.h"

typedef enum {
  SMR_CHECKPOINT_AUTO,
  SMR_CHECKPOINT_SERIAL,
  SMR_CHECKPOINT_PARALLEL
} smr_checkpoint_mode;

/* Writes the state as the checkpoint of `step`, then deletes all of this identity but the new one
 * and the newest other one that is whole (it is read to see that, when a third is there; damaged
 * ones are set aside with a warning). `folder` is made when missing, and temporary files of dead
 * runs are removed: one group writes to a folder at a time. `identity` names the unit (hash) that
 * it belongs to. Array names are letters, digits, _ and -; texts can't be stored. SMR_ERR_FULL,
 * SMR_ERR_IO, SMR_ERR_MEMORY (SERIAL without room to gather), SMR_ERR_INTERNAL (rows that overlap
 * or lack): alike on all ranks; older checkpoints are untouched then. Trouble with old files after
 * the new one is safe is a warning. Collective on context. */
smr_status smr_checkpoint_write(const smr_context *context, const char *folder,
                                const char *identity, int64_t step, smr_checkpoint_mode mode,
                                const smr_state *state) SMR_NODISCARD;

typedef struct smr_checkpoint smr_checkpoint;

/* Opens the newest checkpoint that is whole; damaged ones are passed over with a warning that names
 * them (and set aside as *.damaged). *out is NULL when there is none (damaged ones alone: too,
 * after the warnings). SMR_ERR_INPUT when the newest whole one is of another identity: it says
 * which, and that the folder is to be moved away. SMR_ERR_IO, SMR_ERR_MEMORY: nothing is set aside.
 * The context is borrowed until it is closed. Collective on context. */
smr_status smr_checkpoint_open(const smr_context *context, const char *folder, const char *identity,
                               smr_checkpoint **out) SMR_NODISCARD;
int64_t smr_checkpoint_get_step(const smr_checkpoint *checkpoint);
/* Rows of the first dimension of an array, -1 when there is no such array: for arrays that grow.
 * Local (known on every rank). */
int64_t smr_checkpoint_count_rows(const smr_checkpoint *checkpoint, const char *name);
/* Fills every array of the list; its own rows for distributed ones, which may overlap or leave out
 * some. Other arrays of the file are passed over. SMR_ERR_INPUT names the array that is missing, or
 * whose type or shape differs, with both; nothing is filled then. Collective. */
smr_status smr_checkpoint_read(smr_checkpoint *checkpoint, const smr_state *state) SMR_NODISCARD;
/* Accepts NULL. Local. */
void smr_checkpoint_close(smr_checkpoint **checkpoint);

#endif
