/* Filter factors of one singular value. Private to src/regress.
 *
 * Everything is written in d = s + lambda/s, so that neither s^2 nor s^2 + lambda is ever formed:
 * s near the square root of the smallest double loses nothing, and s = 0 with lambda > 0 gives
 * d = infinity, f = 0, as it should. */
#ifndef SIMMER_REGRESS_FILTER_H
#define SIMMER_REGRESS_FILTER_H

#include <float.h>

#include "simmer/base/integer.h"
#include "simmer/regress/ridge.h"

/* One direction at one lambda: its filter factor f, 1 - f computed without subtraction, and the
 * gain s / (s^2 + lambda) that turns beta into a coefficient. */
typedef struct {
  double keep, drop, gain;
} smr_filter;

static inline smr_filter smr_filter_drop(void) {
  return (smr_filter){0.0, 1.0, 0.0};
}

/* Singular values up to this count as zero at lambda = 0 and in truncated SVD. */
static inline double smr_filter_cutoff(const smr_spectrum *spectrum) {
  if (spectrum->k == 0) {
    return 0.0;
  }
  return (double)smr_int_max(spectrum->n, spectrum->p) * DBL_EPSILON * spectrum->s[0];
}

/* s below its cutoff carries nothing when there is no penalty to hold it. */
static inline smr_filter smr_filter_get(double s, double lambda, double cutoff) {
  if (lambda <= 0.0) {
    return s > cutoff ? (smr_filter){1.0, 0.0, 1.0 / s} : smr_filter_drop();
  }
  if (s <= 0.0) {
    return smr_filter_drop();
  }
  const double ratio = lambda / s / s;
  const double keep = 1.0 / (1.0 + ratio);
  const double drop = ratio < 1.0 ? ratio * keep : 1.0 - keep; /* 1 - keep >= 1/2 is exact enough */
  return (smr_filter){keep, drop, 1.0 / (s + lambda / s)};
}

#endif
