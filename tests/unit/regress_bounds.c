/* Bounds at a test point: against sums over an explicit matrix, and the identity at lambda =
 * sigma^2 alpha. */
#include "simmer/regress/bounds.h"

#include "check.h"

enum { P = 3, K = 2, N = 7 };

/* Two modes in three dimensions: V = rows 1 and 2 of a rotation, x_null along the third. */
static const double s[K] = {3.0, 0.5}, beta[K] = {1.0, -2.0};
static const double x_mode[K] = {1.5, -0.7}, x_null2 = 0.64;
static const double sigma = 0.3;

static smr_spectrum get_spectrum(bool intercept) {
  return (smr_spectrum){
      .n = N, .p = P, .k = K, .has_intercept = intercept, .s = s, .beta = beta, .tail = 0.1};
}

static void test_terms(void **state) {
  double work[K];
  const smr_spectrum spectrum = get_spectrum(false);
  (void)state;
  for (double lambda = 0.01; lambda < 100.0; lambda *= 7.0) {
    const smr_bounds_terms t = smr_bounds_evaluate(&spectrum, lambda, x_mode, x_null2, sigma, work);
    double g = x_null2;
    double v = 0.0;
    for (int i = 0; i < K; i++) {
      const double d = s[i] * s[i] + lambda;
      g += lambda / d * (lambda / d) * x_mode[i] * x_mode[i];
      v += sigma * sigma * s[i] * s[i] / d / d * x_mode[i] * x_mode[i];
    }
    /* Four roundings a term. */
    assert_close(t.gain, g, 1e-14, 0.0);
    assert_close(t.variance, v, 1e-14, 0.0);
    assert_close(smr_bounds_worst(t, 2.0), 4.0 * g + v, 1e-14, 0.0);
    assert_close(smr_bounds_average(t, 5.0), g / 5.0 + v, 1e-14, 0.0);
    /* On average over w* with E||w*||^2 = r^2 it is at most the worst case with r. */
    assert_true(smr_bounds_average(t, smr_bounds_alpha(P, 2.0)) < smr_bounds_worst(t, 2.0));
  }
}

/* At lambda = sigma^2 alpha: sigma^2 x'(X'X + lambda)^-1 x, and no other lambda is better. */
static void test_identity(void **state) {
  double work[K];
  const smr_spectrum spectrum = get_spectrum(false);
  const double alpha = 4.0;
  const double best = sigma * sigma * alpha;
  double exact = x_null2 / best;
  (void)state;
  for (int i = 0; i < K; i++) {
    exact += x_mode[i] * x_mode[i] / (s[i] * s[i] + best);
  }
  exact *= sigma * sigma;
  smr_bounds_terms t = smr_bounds_evaluate(&spectrum, best, x_mode, x_null2, sigma, work);
  assert_close(smr_bounds_average(t, alpha), exact, 1e-14, 0.0);
  for (double factor = 0.5; factor < 3.0; factor *= 4.0) {
    t = smr_bounds_evaluate(&spectrum, best * factor, x_mode, x_null2, sigma, work);
    assert_true(smr_bounds_average(t, alpha) > exact);
  }
}

static void test_edges(void **state) {
  double work[K];
  smr_spectrum spectrum = get_spectrum(false);
  (void)state;
  /* No penalty: nothing is shrunk but what the rows never reach. */
  smr_bounds_terms t = smr_bounds_evaluate(&spectrum, 0.0, x_mode, x_null2, sigma, work);
  assert_close(t.gain, x_null2, 0.0, 0.0);
  assert_close(t.variance, 0.09 * (2.25 / 9.0 + 0.49 / 0.25), 1e-14, 0.0);
  const smr_spectrum centred = get_spectrum(true);
  const smr_bounds_terms c = smr_bounds_evaluate(&centred, 0.0, x_mode, x_null2, sigma, work);
  assert_close(c.variance - t.variance, 0.09 / N, 1e-14, 0.0);
  spectrum.k = 0;
  t = smr_bounds_evaluate(&spectrum, 1.0, x_mode, x_null2, sigma, work);
  assert_true(t.gain == x_null2 && t.variance == 0.0);
  assert_true(isinf(smr_bounds_alpha(P, 0.0)));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_terms), cmocka_unit_test(test_identity),
                                     cmocka_unit_test(test_edges)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
