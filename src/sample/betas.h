/* Inverse temperatures. */
#ifndef SIMMER_SAMPLE_BETAS_H
#define SIMMER_SAMPLE_BETAS_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* betas[n] rise strictly within [0, 1]; a whole path also begins at 0 and ends at 1, so that n
 * >= 2. Else SMR_ERR_INPUT with the first one that doesn't. Local. */
smr_status smr_betas_check(int64_t n, const double *betas, bool is_whole) SMR_NODISCARD;

#endif
