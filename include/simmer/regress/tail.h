/* How heavy is the tail of a sample: Hill's estimate of its index, and the empirical survival
 * function on logarithmic axes. Pure, local.
 *
 * n values, k of which are taken as the tail; P(X > x) ~ x^-a for large x. */
#ifndef SIMMER_REGRESS_TAIL_H
#define SIMMER_REGRESS_TAIL_H

#include <stdint.h>

/* Index a and its standard error a / sqrt(k). */
typedef struct {
  double index, error;
} smr_tail;

/* Hill's estimate (Hill 1975): 1/a = mean of ln(x_(i) / x_(k+1)) over the k largest. sorted[n]
 * ascending, no NaN; k is cut to n - 1 and to the values above zero less one. NaN when fewer than
 * two are left; infinity when the k largest all equal the next. Values of +infinity, which count as
 * in the tail but have no logarithm, give NaN. */
smr_tail smr_tail_hill(int64_t n, const double *sorted, int64_t k);

/* A k that keeps the bias of heavy but not pure power laws small: 0.5 % of n (100 of 20000), at
 * least 10, at most n - 1. */
int64_t smr_tail_choose_k(int64_t n);

/* Points of the survival function, m of them, at evenly spaced logarithms of the rank from the
 * median up to the largest value: x[m] ascending and survival[m] = P(X >= x) = rank / n. sorted[n]
 * ascending, n >= 1, m >= 1; values repeat where n is small. */
void smr_tail_survival(int64_t n, const double *sorted, int64_t m, double *x, double *survival);

#endif
