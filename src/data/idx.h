/* IDX files (LeCun, Cortes, Burges: the MNIST database), plain or gzip: a magic number 0, 0, type,
 * number of dimensions; the lengths as big-endian int32; the values. Private to src/data; local. */
#ifndef SIMMER_SRC_DATA_IDX_H
#define SIMMER_SRC_DATA_IDX_H

#include <stddef.h>

#include "simmer/base/file.h"

enum { SMR_IDX_IMAGES = 3, SMR_IDX_LABELS = 1 }; /* dimensions of the two kinds */

/* Caller's storage, zero-initialised but for fd = -1; close clears it. */
typedef struct {
  char path[SMR_PATH_BYTES];
  int64_t n, height, width; /* labels: 1 x 1; a table of two dimensions: images of height 1 */
  int64_t header_bytes;
  int fd;        /* a plain file is read in place, -1 else */
  char *content; /* a gzip file unpacked, NULL else */
} smr_idx_file;

/* Finds the file (or its .gz, or the other way round), and checks the header against the number of
 * bytes there are: SMR_ERR_INPUT says what is wrong. */
smr_status smr_idx_open(const char *name, const char *data_folder, int n_dimensions,
                        smr_idx_file *file) SMR_NODISCARD;
/* The first n images or labels. */
smr_status smr_idx_read(const smr_idx_file *file, int64_t n, uint8_t *out) SMR_NODISCARD;
void smr_idx_close(smr_idx_file *file);

/* The header of a new file of n images or labels; returns its bytes. n must fit int32. */
enum { SMR_IDX_HEADER_BYTES = 16 };
int64_t smr_idx_make_header(int n_dimensions, int64_t n, int64_t height, int64_t width,
                            unsigned char header[SMR_IDX_HEADER_BYTES]);

#endif
