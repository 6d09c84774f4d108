/* What the writers and the reader of checkpoints share: names, layout, checksums. Private to store.
 *
 * A checkpoint has a dataset for each array of the state, without named dimensions (everything that
 * HDF5 writes for those lies where it has no checksums), a dataset NAME.crc32 with the CRC-32 of
 * each row block, and root attributes that describe all this under a checksum of their own. */
#ifndef SIMMER_SRC_STORE_CHECKPOINT_FILE_H
#define SIMMER_SRC_STORE_CHECKPOINT_FILE_H

#include "h5.h"
#include "simmer/base/file.h"
#include "simmer/comm/context.h"
#include "simmer/store/checkpoint.h"

enum {
  SMR_CHECKPOINT_FORMAT = 1,
  SMR_CHECKPOINT_NAME_BYTES = 128, /* of an array, with the suffix of its checksums */
  SMR_CHECKPOINT_LINE_BYTES = 512,
  SMR_CHECKPOINT_ATTRIBUTES = 6
};
#define SMR_CHECKPOINT_SUFFIX ".crc32"

/* ---- Layout. ---- */

/* An array cut into row blocks; their length depends on its shape alone. */
typedef struct {
  smr_array array;              /* the global one, without dimension names */
  int64_t n_rows, row_bytes;    /* a scalar is one row */
  int64_t block_rows, n_blocks; /* no block when there are no bytes */
  int64_t first, count;         /* rows whose bytes this rank has to give */
  const char *data;             /* the first of them */
  char crc_name[SMR_CHECKPOINT_NAME_BYTES];
  int64_t *crcs; /* [n_blocks], owned by whoever made them */
} smr_checkpoint_array;

typedef struct {
  int64_t n;
  smr_checkpoint_array arrays[SMR_STATE_ARRAYS];
  int64_t bytes; /* of all arrays */
} smr_checkpoint_layout;

/* Sizes and blocks from name, type and shape; data, first, count and crcs stay empty. Local. */
smr_status smr_checkpoint_cut(const smr_array *array, smr_checkpoint_array *out) SMR_NODISCARD;
/* "f32" … for messages and descriptions. */
const char *smr_checkpoint_get_type_name(smr_array_type type);
/* "f32 [784 x 500]". Returns buffer. */
const char *smr_checkpoint_describe(const smr_array *array, char *buffer, size_t bytes);
/* The line that stands for an array in the attribute `arrays`. SMR_ERR_LIMIT. */
smr_status smr_checkpoint_make_line(const smr_checkpoint_array *array,
                                    char line[SMR_CHECKPOINT_LINE_BYTES]) SMR_NODISCARD;
/* Checksum of the description, from the attributes as texts. */
uint32_t smr_checkpoint_sum_description(const char *format, const char *identity, const char *step,
                                        const char *arrays);
int64_t smr_checkpoint_get_block_rows(const smr_checkpoint_array *array, int64_t block);
uint32_t smr_checkpoint_sum_table(const smr_checkpoint_array *array);

/* The layout of a state whose distributed arrays are this rank's; they cover all rows in rank
 * order, or SMR_ERR_INTERNAL on all ranks. *largest[i] is the most rows that any rank gives of
 * array i. Replicated arrays are rank 0's when is_spread is false, else every rank gives a share.
 * Collective. */
smr_status smr_checkpoint_lay_out(const smr_context *context, const smr_state *state,
                                  bool is_spread, smr_checkpoint_layout *layout,
                                  int64_t largest[SMR_STATE_ARRAYS]) SMR_NODISCARD;

/* ---- Contents: attributes and arrays as store writes them. ---- */

typedef struct {
  smr_array arrays[2 * SMR_STATE_ARRAYS];
  smr_attribute attributes[SMR_CHECKPOINT_ATTRIBUTES];
  smr_text lines;
  smr_h5_contents contents; /* points into this struct */
} smr_checkpoint_contents;

/* From a layout with all checksums. Values are left out (holes) when has_data is false. Freed by
 * smr_checkpoint_contents_clear. Local. */
smr_status smr_checkpoint_contents_init(const smr_checkpoint_layout *layout, const char *identity,
                                        int64_t step, bool has_data,
                                        smr_checkpoint_contents *out) SMR_NODISCARD;
void smr_checkpoint_contents_clear(smr_checkpoint_contents *contents);

/* ---- Files of a folder. ---- */

/* DIR/step-000000001234.h5. */
smr_status smr_checkpoint_make_path(const char *folder, int64_t step,
                                    char path[SMR_PATH_BYTES]) SMR_NODISCARD;
/* Steps of the checkpoints in a folder, newest first; none when there is no folder. Freed by
 * smr_memory_free. Local. */
smr_status smr_checkpoint_list(const char *folder, int64_t **steps, int64_t *n) SMR_NODISCARD;
/* The same on all ranks, from rank 0. Collective. */
smr_status smr_checkpoint_list_all(const smr_context *context, const char *folder, int64_t **steps,
                                   int64_t *n) SMR_NODISCARD;
/* Removes temporary files that dead runs have left: those ten minutes older than the file `fresh`,
 * by the file system's own clock. Local. */
void smr_checkpoint_sweep(const char *folder, const char *fresh);
/* Renames a damaged checkpoint to *.damaged after a warning with the message of the last failure.
 * Collective. */
void smr_checkpoint_set_aside(const smr_context *context, const char *path);
/* A warning by rank 0 of a group, which may be muted as a rank of the world. Local. */
void smr_checkpoint_warn(const smr_context *context, const char *message);

/* ---- Writing and reading. ---- */

typedef struct {
  const char *folder, *path, *identity;
  int64_t step;
} smr_checkpoint_target;

/* Collective MPI-IO into a temporary file, then rename. Collective on context. */
smr_status smr_checkpoint_write_parallel(const smr_context *context, const smr_state *state,
                                         const smr_checkpoint_target *target) SMR_NODISCARD;
/* Opens one file and checks everything; identity is the caller's business. SMR_ERR_CORRUPT when it
 * isn't whole, alike on all ranks. Collective. */
smr_status smr_checkpoint_open_file(const smr_context *context, const char *folder, int64_t step,
                                    smr_checkpoint **out) SMR_NODISCARD;
/* Reads a file on the disk, each rank its share, and checks everything. Collective. */
smr_status smr_checkpoint_verify(const smr_context *context, const char *path,
                                 int64_t step) SMR_NODISCARD;
const char *smr_checkpoint_get_identity(const smr_checkpoint *checkpoint);

#endif
