/* The ridge path in the coordinates of one SVD.
 *
 * Dimension letters: n rows, p features, k singular values. */
#include "simmer/regress/ridge.h"

#include <float.h>
#include <math.h>

#include "filter.h"
#include "simmer/linalg/kernel.h"

void smr_ridge_standardize(int64_t n, int64_t k, int64_t p, const double *mean, double *r,
                           double *scale) {
  const double root_n = sqrt((double)n);
  for (int64_t j = 0; j < p; j++) {
    double *column = r + j * k;
    const double deviation = smr_kernel_norm(k, column) / root_n;
    const bool is_constant = deviation <= 64 * DBL_EPSILON * fabs(mean[j]);
    scale[j] = is_constant ? 1.0 : deviation;
    for (int64_t i = 0; i < k; i++) {
      column[i] = is_constant ? 0.0 : column[i] / deviation;
    }
  }
}

void smr_ridge_filter(const smr_spectrum *spectrum, double lambda, double *f) {
  const double cutoff = smr_filter_cutoff(spectrum);
  for (int64_t i = 0; i < spectrum->k; i++) {
    f[i] = smr_filter_get(spectrum->s[i], lambda, cutoff).keep;
  }
}

void smr_ridge_coefficients(const smr_spectrum *spectrum, double lambda, double *c) {
  const double cutoff = smr_filter_cutoff(spectrum);
  for (int64_t i = 0; i < spectrum->k; i++) {
    c[i] = smr_filter_get(spectrum->s[i], lambda, cutoff).gain * spectrum->beta[i];
  }
}

smr_ridge_point smr_ridge_evaluate(const smr_spectrum *spectrum, double lambda) {
  const double cutoff = smr_filter_cutoff(spectrum);
  smr_ridge_point point = {.residual2 = spectrum->tail};
  for (int64_t i = 0; i < spectrum->k; i++) {
    const smr_filter here = smr_filter_get(spectrum->s[i], lambda, cutoff);
    const double residual = here.drop * spectrum->beta[i];
    const double coefficient = here.gain * spectrum->beta[i];
    point.residual2 += residual * residual;
    point.solution2 += coefficient * coefficient;
    point.effective_dof += here.keep;
  }
  return point;
}

void smr_ridge_bias_variance(const smr_spectrum *spectrum, double lambda, const double *truth,
                             double truth_null2, double sigma, double *bias2, double *variance) {
  const double cutoff = smr_filter_cutoff(spectrum);
  double bias_sum = truth_null2;
  double variance_sum = 0.0;
  for (int64_t i = 0; i < spectrum->k; i++) {
    const smr_filter here = smr_filter_get(spectrum->s[i], lambda, cutoff);
    const double bias = here.drop * truth[i];
    const double spread = sigma * here.gain;
    bias_sum += bias * bias;
    variance_sum += spread * spread;
  }
  *bias2 = bias_sum;
  *variance = variance_sum;
}

double smr_ridge_gram_floor(const smr_spectrum *spectrum) {
  return spectrum->k == 0 ? 0.0 : 1e-10 * spectrum->s[0] * spectrum->s[0];
}
