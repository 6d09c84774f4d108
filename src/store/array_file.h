/* An open file, for the parts of this layer that look at whole files. Private to store; local. */
#ifndef SIMMER_SRC_STORE_ARRAY_FILE_H
#define SIMMER_SRC_STORE_ARRAY_FILE_H

#include "h5.h"

typedef struct owned_block owned_block;

struct smr_arrays {
  hid_t file;
  char *name;    /* for messages */
  int64_t bytes; /* of the whole file */
  owned_block *owned;
};

/* As smr_arrays_open, without reading the whole file for its seal: for those who check the values
 * themselves. */
smr_status smr_arrays_open_unsealed(const char *path, smr_arrays **out) SMR_NODISCARD;
/* Memory that lives until the file is closed, zeroed. `out` is a pointer to a typed pointer. */
smr_status smr_arrays_own(smr_arrays *arrays, int64_t n, size_t item_bytes, const char *what,
                          void *out) SMR_NODISCARD;
/* A copy of `length` bytes of text, terminated. */
smr_status smr_arrays_own_text(smr_arrays *arrays, const char *text, size_t length,
                               char **out) SMR_NODISCARD;
/* Names of all datasets (with the groups they are in), in the order of creation where the file
 * keeps it. Dimensions without a coordinate are left out. Owned by `arrays`. */
smr_status smr_arrays_list(smr_arrays *arrays, int64_t *n, const char *const **names) SMR_NODISCARD;
/* Names of the root attributes, likewise. */
smr_status smr_arrays_list_attributes(smr_arrays *arrays, int64_t *n,
                                      const char *const **names) SMR_NODISCARD;
/* Opens a dataset whose sizes are plausible for this file. Close it with smr_h5_drop. */
smr_status smr_arrays_open_dataset(smr_arrays *arrays, const char *name,
                                   hid_t *dataset) SMR_NODISCARD;
/* Attribute of an object as text (numbers printed), owned by `arrays`; NULL when there is none. */
smr_status smr_arrays_get_attribute(smr_arrays *arrays, hid_t object, const char *name,
                                    const char **text) SMR_NODISCARD;

#endif
