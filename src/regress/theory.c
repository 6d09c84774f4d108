/* Theory of the risk of (ridgeless) least squares on Gaussian data.
 *
 * The asymptotic formulas use, with gamma = p/n, l = lambda/n and a = 1 - gamma + l,
 *   D = sqrt(a^2 + 4 gamma l),  u = l m(-l),  w = 1 - u = df/p,
 * where m is the Stieltjes transform of the Marchenko-Pastur law. From gamma l m^2 + a m = 1:
 *   u = 2l/(a + D) = (D - a)/(2 gamma),  w = 2/(1 + gamma + l + D),  m' = m (1 + gamma m)/D,
 *   l^2 m' = u (l + gamma u)/D,  m - l m' = m (D - b)/(2D) with b = l + gamma - 1,
 *   D - b = 4l/(D + b),  1 - gamma w = l w/u.
 * Of each pair the form without cancellation is taken, so that l -> 0 needs no special case but
 * gamma = 1 itself. */
#include "simmer/regress/theory.h"

#include <math.h>

double smr_theory_ridgeless(int64_t n, int64_t p, double r, double sigma) {
  const double missing = p > n ? r * r * (1.0 - (double)n / (double)p) : 0.0;
  const int64_t distance = p > n ? p - n : n - p;
  const int64_t dof = p > n ? n : p;
  /* Without noise, or with nothing to fit it by, there is nothing that could diverge. */
  if (sigma == 0.0 || dof == 0) {
    return missing;
  }
  if (distance <= 1) {
    return INFINITY;
  }
  return missing + sigma * sigma * (double)dof / (double)(distance - 1);
}

/* gamma = 1 and l = 0: the variance grows as l^(-1/2), while bias^2 and training error vanish. */
static smr_theory get_peak(int64_t n, double sigma) {
  const double variance = sigma == 0.0 ? 0.0 : (double)INFINITY;
  return (smr_theory){.variance = variance, .risk = variance, .dof = (double)n};
}

smr_theory smr_theory_asymptotic(int64_t n, int64_t p, double lambda, double r, double sigma) {
  if (n <= 0) {
    return (smr_theory){.bias2 = r * r, .risk = r * r};
  }
  const double l = lambda / (double)n;
  if (n == p && l <= 0.0) {
    return get_peak(n, sigma);
  }
  const double gamma = (double)p / (double)n;
  const double gap = (double)(n - p) / (double)n; /* 1 - gamma without its rounding error. */
  const double a = gap + l;
  const double b = l - gap;
  const double root = hypot(a, 2.0 * sqrt(gamma * l));
  const double u = a > 0.0 ? 2.0 * l / (a + root) : (root - a) / (2.0 * gamma);
  const double w = 2.0 / (1.0 + gamma + l + root);
  const double spread = b > 0.0 ? 2.0 * u / root / (root + b) : (root - b) / root / (a + root);
  /* 1 - df/n, the factor between test and training error. */
  const double shrink = a > 0.0 ? 0.5 * w * (a + root) : 2.0 * gamma * l * w / (root - a);
  smr_theory theory = {.bias2 = r * r * u * ((l + gamma * u) / root),
                       .variance = sigma * sigma * gamma * spread,
                       .dof = (double)p * w};
  theory.risk = theory.bias2 + theory.variance;
  theory.train_mse = (theory.risk + sigma * sigma) * shrink * shrink;
  return theory;
}

double smr_theory_best_lambda(int64_t p, double r, double sigma) {
  const double noise = sigma * sigma * (double)p;
  return noise == 0.0 ? 0.0 : noise / (r * r);
}

double smr_theory_tail_index(int64_t n, int64_t p) {
  return 0.5 * ((double)(p > n ? p - n : n - p) + 1.0);
}
