/* Checked integers. */
#include "simmer/base/integer.h"

#include <inttypes.h>
#include <limits.h>

smr_status smr_int_narrow(int64_t value, const char *what, int *out) {
  if (value < INT_MIN || value > INT_MAX) {
    SMR_FAIL(SMR_ERR_LIMIT,
             "%s is %" PRId64 ", more than the 2^31-1 that MPI, BLAS and ScaLAPACK can count", what,
             value);
  }
  *out = (int)value;
  return SMR_OK;
}

smr_status smr_int_multiply(int64_t a, int64_t b, const char *what, int64_t *out) {
  if (__builtin_mul_overflow(a, b, out)) {
    SMR_FAIL(SMR_ERR_LIMIT, "%s (%" PRId64 " x %" PRId64 ") overflows 64 bits", what, a, b);
  }
  return SMR_OK;
}

smr_status smr_int_add(int64_t a, int64_t b, const char *what, int64_t *out) {
  if (__builtin_add_overflow(a, b, out)) {
    SMR_FAIL(SMR_ERR_LIMIT, "%s (%" PRId64 " + %" PRId64 ") overflows 64 bits", what, a, b);
  }
  return SMR_OK;
}

void smr_int_share(int64_t n, int64_t n_parts, int64_t part, int64_t *first, int64_t *count) {
  int64_t base = n / n_parts;
  int64_t rest = n % n_parts;
  *first = part * base + (part < rest ? part : rest);
  *count = base + (part < rest);
}
