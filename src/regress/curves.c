/* Curves over lambda that follow from the spectrum alone.
 *
 * Letters: f = filter factor, d = 1 - f, g = coefficient in the right singular basis, e = residual
 * along a left singular vector. */
#include <math.h>

#include "filter.h"
#include "simmer/regress/choosers.h"

/* GCV for lambda -> 0 when nothing is left over: residual and n - dof both go to 0 like lambda, so
 * that 1 - f may be replaced by 1/s^2 on any scale. */
static double gcv_limit(const smr_spectrum *spectrum) {
  const double smallest = spectrum->s[spectrum->k - 1];
  double squares = 0.0, sum = 0.0;
  for (int64_t i = 0; i < spectrum->k; i++) {
    const double ratio = smallest / spectrum->s[i];
    const double weight = ratio * ratio;
    const double residual = weight * spectrum->beta[i];
    squares += residual * residual;
    sum += weight;
  }
  return (double)spectrum->n * squares / (sum * sum);
}

double smr_choose_gcv_at(const smr_spectrum *spectrum, double lambda) {
  const double cutoff = smr_filter_cutoff(spectrum);
  double residual2 = spectrum->tail;
  double left = (double)(spectrum->n - spectrum->has_intercept - spectrum->k);
  for (int64_t i = 0; i < spectrum->k; i++) {
    const smr_filter here = smr_filter_get(spectrum->s[i], lambda, cutoff);
    const double residual = here.drop * spectrum->beta[i];
    residual2 += residual * residual;
    left += here.drop;
  }
  if (left > 0.0) {
    return (double)spectrum->n * (residual2 / left) / left;
  }
  return spectrum->k > 0 ? gcv_limit(spectrum) : (double)NAN;
}

/* With t = ln lambda: f' = -f d, hence (||w||^2)' = -2 sum g^2 d and (||r||^2)' = 2 sum e^2 f, and
 * the second derivatives 2 sum g^2 d (2 - 3f) and 2 sum e^2 f (3f - 1). */
double smr_choose_curvature_at(const smr_spectrum *spectrum, double lambda) {
  if (!(lambda > 0.0)) {
    return (double)NAN;
  }
  double eta[3] = {0.0, 0.0, 0.0}, rho[3] = {spectrum->tail, 0.0, 0.0};
  for (int64_t i = 0; i < spectrum->k; i++) {
    const smr_filter here = smr_filter_get(spectrum->s[i], lambda, 0.0);
    const double g = here.gain * spectrum->beta[i], e = here.drop * spectrum->beta[i];
    eta[0] += g * g;
    eta[1] -= 2.0 * g * g * here.drop;
    eta[2] += 2.0 * g * g * here.drop * (2.0 - 3.0 * here.keep);
    rho[0] += e * e;
    rho[1] += 2.0 * e * e * here.keep;
    rho[2] += 2.0 * e * e * here.keep * (3.0 * here.keep - 1.0);
  }
  if (!(eta[0] > 0.0) || !(rho[0] > 0.0)) {
    return (double)NAN;
  }
  /* ln x = (ln x^2) / 2. */
  const double eta_slope = 0.5 * eta[1] / eta[0], rho_slope = 0.5 * rho[1] / rho[0];
  const double eta_bend = 0.5 * eta[2] / eta[0] - 2.0 * eta_slope * eta_slope;
  const double rho_bend = 0.5 * rho[2] / rho[0] - 2.0 * rho_slope * rho_slope;
  const double speed = hypot(eta_slope, rho_slope);
  if (!(speed > 0.0)) {
    return (double)NAN;
  }
  /* The cube of a small speed would leave the range of a double. */
  return (rho_slope / speed * eta_bend - eta_slope / speed * rho_bend) / speed / speed;
}

double smr_choose_quasiopt_at(const smr_spectrum *spectrum, double lambda) {
  const double cutoff = smr_filter_cutoff(spectrum);
  double squares = 0.0;
  for (int64_t i = 0; i < spectrum->k; i++) {
    const smr_filter here = smr_filter_get(spectrum->s[i], lambda, cutoff);
    const double change = here.drop * here.gain * spectrum->beta[i];
    squares += change * change;
  }
  return sqrt(squares);
}

double smr_choose_error_at(const smr_spectrum *spectrum, double lambda, const double *truth,
                           double truth_null2) {
  const double cutoff = smr_filter_cutoff(spectrum);
  double sum = truth_null2;
  for (int64_t i = 0; i < spectrum->k; i++) {
    const double gain = smr_filter_get(spectrum->s[i], lambda, cutoff).gain;
    const double error = gain * spectrum->beta[i] - truth[i];
    sum += error * error;
  }
  return sum;
}
