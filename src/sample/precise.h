/* Float64 to the last digits: sums whose rounding errors don't grow with their length (Neumaier
 * 1974), and softplus. */
#ifndef SIMMER_SAMPLE_PRECISE_H
#define SIMMER_SAMPLE_PRECISE_H

#include <math.h>

typedef struct {
  double sum, lost;
} smr_compensated;

static inline void smr_compensated_add(smr_compensated *total, double x) {
  const double next = total->sum + x;
  total->lost += fabs(total->sum) >= fabs(x) ? (total->sum - next) + x : (x - next) + total->sum;
  total->sum = next;
}

static inline double smr_compensated_get(const smr_compensated *total) {
  return total->sum + total->lost;
}

/* ln(1 + e^t). */
static inline double smr_softplus(double t) {
  return t > 0 ? t + log1p(exp(-t)) : log1p(exp(t));
}

#endif
