/* Unpacking of gzip in memory. */
#ifndef SIMMER_SRC_BASE_GUNZIP_H
#define SIMMER_SRC_BASE_GUNZIP_H

#include <stdint.h>

#include "simmer/base/text.h"

/* Adds the unpacked bytes of `packed` (one or more gzip members) to `out`. SMR_ERR_CORRUPT when it
 * is damaged or cut short, SMR_ERR_LIMIT beyond max_bytes; messages name `path`. */
smr_status smr_gunzip(const char *path, const smr_text *packed, int64_t max_bytes,
                      smr_text *out) SMR_NODISCARD;

#endif
