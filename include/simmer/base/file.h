/* Whole files, gzip, and writes that survive a kill. All local. */
#ifndef SIMMER_BASE_FILE_H
#define SIMMER_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* The whole file in memory, NUL-terminated beyond its *bytes; gunzipped when it begins with gzip's
 * magic number. Freed by smr_memory_free. SMR_ERR_IO names the path and the cause. max_bytes bounds
 * what is accepted (after gunzipping): SMR_ERR_LIMIT beyond it. */
smr_status smr_file_read(const char *path, int64_t max_bytes, char **data,
                         size_t *bytes) SMR_NODISCARD;
/* path.tmp.<unique>, write, fsync, rename, fsync of the folder: after a kill there is the old file
 * or the new one. SMR_ERR_FULL for ENOSPC and EDQUOT, SMR_ERR_IO else; the temporary is removed on
 * failure. */
smr_status smr_file_write(const char *path, const void *data, size_t bytes) SMR_NODISCARD;
/* Process number and random digits: processes of different hosts never choose the same temporary
 * name. Returns text. */
enum { SMR_UNIQUE_BYTES = 40 };
const char *smr_file_make_unique(char text[SMR_UNIQUE_BYTES]);
/* mkdir -p. */
smr_status smr_file_make_folder(const char *path) SMR_NODISCARD;
int smr_file_exists(const char *path);
int smr_file_is_folder(const char *path);
/* Size in bytes, -1 when there is none. */
int64_t smr_file_get_size(const char *path);
/* Free bytes on the file system of path. */
smr_status smr_file_get_free_space(const char *path, int64_t *bytes) SMR_NODISCARD;
/* fsync of a folder. */
smr_status smr_file_sync_folder(const char *path) SMR_NODISCARD;
/* a/b in buffer; SMR_ERR_LIMIT when too long. */
enum { SMR_PATH_BYTES = 4096 };
smr_status smr_file_join(char buffer[SMR_PATH_BYTES], const char *folder,
                         const char *name) SMR_NODISCARD;

#endif
