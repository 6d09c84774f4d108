/* Tail index and survival function of a sorted sample. */
#include "simmer/regress/tail.h"

#include <math.h>

#include "simmer/base/integer.h"

enum { MIN_TAIL = 10, VALUES_PER_TAIL = 200 };

int64_t smr_tail_choose_k(int64_t n) {
  return smr_int_min(n - 1, smr_int_max(MIN_TAIL, n / VALUES_PER_TAIL));
}

smr_tail smr_tail_hill(int64_t n, const double *sorted, int64_t k) {
  const smr_tail none = {(double)NAN, (double)NAN};
  int64_t n_positive = 0;
  while (n_positive < n && sorted[n - 1 - n_positive] > 0.0) {
    n_positive++;
  }
  const int64_t used = smr_int_min(k, n_positive - 1);
  if (used < 2 || !isfinite(sorted[n - 1])) {
    return none;
  }
  const double base = log(sorted[n - 1 - used]);
  double sum = 0.0;
  for (int64_t i = n - used; i < n; i++) {
    sum += log(sorted[i]) - base;
  }
  const double index = sum > 0.0 ? (double)used / sum : (double)INFINITY;
  return (smr_tail){index, index / sqrt((double)used)};
}

void smr_tail_survival(int64_t n, const double *sorted, int64_t m, double *x, double *survival) {
  const double top = log((double)smr_int_max(1, (n + 1) / 2));
  for (int64_t i = 0; i < m; i++) {
    const double share = m > 1 ? (double)(m - 1 - i) / (double)(m - 1) : 0.0;
    const int64_t rank = smr_int_max(1, smr_int_min(n, (int64_t)llround(exp(top * share))));
    x[i] = sorted[n - rank];
    survival[i] = (double)rank / (double)n;
  }
}
