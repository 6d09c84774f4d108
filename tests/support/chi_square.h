/* Counts of independent draws against their exact probabilities. */
#ifndef SIMMER_TESTS_CHI_SQUARE_H
#define SIMMER_TESTS_CHI_SQUARE_H

#include <math.h>
#include <stdint.h>

/* Chi-square has this many standard deviations above its mean at most: about once in 10^4 cases it
 * has more, and the random numbers of the tests are always the same. */
static const double chi_square_limit = 4.5;

/* (chi^2 - d) / sqrt(2 d) of counts[n_cells] that add up to n against probabilities p[n_cells];
 * cells that expect fewer than 10 are counted as one, so that d degrees of freedom are left. */
static inline double chi_square_deviations(int64_t n_cells, const double *counts, const double *p,
                                           double n) {
  double chi2 = 0.0, rare = 0.0, rare_p = 0.0;
  int64_t n_degrees = -1;
  for (int64_t s = 0; s < n_cells; s++) {
    const double expected = n * p[s];
    if (expected < 10.0) {
      rare += counts[s];
      rare_p += p[s];
      continue;
    }
    chi2 += (counts[s] - expected) * (counts[s] - expected) / expected;
    n_degrees++;
  }
  if (n * rare_p >= 1.0) {
    chi2 += (rare - n * rare_p) * (rare - n * rare_p) / (n * rare_p);
    n_degrees++;
  } else if (rare > 10.0) {
    return (double)INFINITY;
  }
  return (chi2 - (double)n_degrees) / sqrt(2.0 * (double)n_degrees);
}

#endif
