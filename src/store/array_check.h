/* Damage is found before HDF5 sees it. Private to store; local.
 *
 * HDF5 1.10.8 has checksums on most metadata only, and crashes on damage in the rest. Files that
 * are built in memory get a seal behind their end: a mark and the CRC-32 of everything before it.
 * HDF5 ignores it, and drops it when a program changes the file. */
#ifndef SIMMER_SRC_STORE_ARRAY_CHECK_H
#define SIMMER_SRC_STORE_ARRAY_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

enum { SMR_SEAL_BYTES = 16 };

/* Where the file ends by its superblock; -1 if it doesn't begin with one that says so. */
enum { SMR_SUPERBLOCK_BYTES = 64 };
int64_t smr_seal_get_end(const unsigned char head[SMR_SUPERBLOCK_BYTES]);
/* Writes the seal of image[0..end) behind it. */
void smr_seal_write(char *image, size_t end);

/* The seal of the first `end` bytes of an open file. */
smr_status smr_seal_make_for_file(const char *path, int fd, int64_t end,
                                  char seal[SMR_SEAL_BYTES]) SMR_NODISCARD;

/* SMR_ERR_CORRUPT when the file is shorter than it says, or has a seal that doesn't fit. A file of
 * others has none, and passes. Reads the whole file if it has one. */
smr_status smr_seal_check_image(const char *name, const void *image, size_t bytes) SMR_NODISCARD;
smr_status smr_seal_check_file(const char *path, int fd, int64_t bytes,
                               bool *is_sealed) SMR_NODISCARD;
/* A file without a seal is read in a process of its own first, a trial that may crash or never end:
 * SMR_ERR_CORRUPT then. All metadata and attributes are read, small arrays whole, of large ones the
 * first row and the last. */
smr_status smr_arrays_try(const char *path) SMR_NODISCARD;
/* Looks at the length alone. */
smr_status smr_seal_check_length(const char *path, int fd, int64_t bytes) SMR_NODISCARD;

#endif
