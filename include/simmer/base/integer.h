/* Checked integers: lengths and indices are int64_t everywhere and are narrowed only here. All
 * local. */
#ifndef SIMMER_BASE_INTEGER_H
#define SIMMER_BASE_INTEGER_H

#include <stdint.h>

#include "simmer/base/error.h"

/* value -> int for an MPI, BLAS, LAPACK or ScaLAPACK call; SMR_ERR_LIMIT with `what` named when it
 * doesn't fit. */
smr_status smr_int_narrow(int64_t value, const char *what, int *out) SMR_NODISCARD;
/* a * b and a + b; SMR_ERR_LIMIT when it overflows int64_t. */
smr_status smr_int_multiply(int64_t a, int64_t b, const char *what, int64_t *out) SMR_NODISCARD;
smr_status smr_int_add(int64_t a, int64_t b, const char *what, int64_t *out) SMR_NODISCARD;

static inline int64_t smr_int_min(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static inline int64_t smr_int_max(int64_t a, int64_t b) {
  return a > b ? a : b;
}
/* ceil(a / b) for a >= 0, b > 0. */
static inline int64_t smr_int_ceil_divide(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

/* Contiguous share of `n` items that part `part` of `n_parts` owns: [*first, *first + *count). The
 * first n % n_parts parts get one more. A count may be 0. */
void smr_int_share(int64_t n, int64_t n_parts, int64_t part, int64_t *first, int64_t *count);

#endif
