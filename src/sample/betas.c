#include "betas.h"

#include <inttypes.h>

static bool is_good(int64_t n, const double *betas, bool is_whole, int64_t k) {
  const double beta = betas[k];
  if (!(beta >= 0.0 && beta <= 1.0) || (k > 0 && !(betas[k - 1] < beta))) {
    return false;
  }
  return !is_whole || ((k == 0) == (beta == 0.0) && (k == n - 1) == (beta == 1.0));
}

smr_status smr_betas_check(int64_t n, const double *betas, bool is_whole) {
  const int64_t least = is_whole ? 2 : 1;
  if (n < least) {
    SMR_FAIL(SMR_ERR_INPUT, "at least %" PRId64 " inverse temperatures are needed, not %" PRId64,
             least, n);
  }
  for (int64_t k = 0; k < n; k++) {
    if (!is_good(n, betas, is_whole, k)) {
      SMR_FAIL(SMR_ERR_INPUT,
               "inverse temperatures must rise %s 0 to 1: number %" PRId64 " of 0 to %" PRId64
               " is %.17g",
               is_whole ? "from" : "within", k, n - 1, betas[k]);
    }
  }
  return SMR_OK;
}
