/* Inverse temperatures. */
#ifndef SIMMER_SAMPLE_BETAS_H
#define SIMMER_SAMPLE_BETAS_H

#include <stdint.h>

#include "simmer/base/error.h"

/* betas[n] rise strictly from 0 to 1, n >= 2; else SMR_ERR_INPUT with the first one that doesn't.
 * Local. */
smr_status smr_betas_check(int64_t n, const double *betas) SMR_NODISCARD;

#endif
