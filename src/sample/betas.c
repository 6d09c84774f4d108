#include "betas.h"

#include <inttypes.h>
#include <stdbool.h>

static bool is_good(int64_t n, const double *betas, int64_t k) {
  if (k == 0) {
    return betas[k] == 0.0;
  }
  return betas[k] > betas[k - 1] && (k == n - 1 ? betas[k] == 1.0 : betas[k] < 1.0);
}

smr_status smr_betas_check(int64_t n, const double *betas) {
  if (n < 2) {
    SMR_FAIL(SMR_ERR_INPUT, "at least 2 inverse temperatures are needed, not %" PRId64, n);
  }
  for (int64_t k = 0; k < n; k++) {
    if (!is_good(n, betas, k)) {
      SMR_FAIL(SMR_ERR_INPUT,
               "inverse temperatures must rise from 0 to 1: number %" PRId64 " of 0 to %" PRId64
               " is %.17g",
               k, n - 1, betas[k]);
    }
  }
  return SMR_OK;
}
