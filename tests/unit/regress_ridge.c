/* The ridge path against explicit matrices (NumPy, see reference/regress_make.py) and at its
 * numerical edges. */
#include "simmer/regress/ridge.h"

#include <float.h>
#include <string.h>

#include "../reference/regress_reference.h"
#include "check.h"

enum { N_CASES = sizeof reference_cases / sizeof reference_cases[0] };

/* The references solve least squares with condition numbers up to 1e3 (1e4 squared in the
 * variance), in double: 1e-9 is a hundred times their error. Absolute: what is 0 in theory. */
static const double relative = 1e-9, absolute = 1e-12;

static smr_spectrum get_spectrum(const reference_case *c) {
  return (smr_spectrum){.n = c->n,
                        .p = c->p,
                        .k = c->k,
                        .has_intercept = c->has_intercept,
                        .s = c->s,
                        .beta = c->beta,
                        .tail = c->tail};
}

static void test_point(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const smr_spectrum spectrum = get_spectrum(&reference_cases[i]);
    for (int j = 0; j < N_LAMBDAS; j++) {
      const double *expected = reference_cases[i].point[j];
      const smr_ridge_point point = smr_ridge_evaluate(&spectrum, reference_lambdas[j]);
      assert_close(point.residual2, expected[0], relative, absolute);
      assert_close(point.solution2, expected[1], relative, absolute);
      assert_close(point.effective_dof, expected[2], relative, absolute);
    }
  }
}

static void test_coefficients(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const smr_spectrum spectrum = get_spectrum(&reference_cases[i]);
    for (int j = 0; j < N_LAMBDAS; j++) {
      double c[K_MAX];
      smr_ridge_coefficients(&spectrum, reference_lambdas[j], c);
      for (int64_t m = 0; m < spectrum.k; m++) {
        /* A singular value that is round-off, 1e-16, over lambda = 1e-6 is noise of 1e-10. */
        assert_close(c[m], reference_cases[i].coefficients[j][m], relative, 1e-9);
      }
    }
  }
}

static void test_filter_sums_to_dof(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const smr_spectrum spectrum = get_spectrum(&reference_cases[i]);
    for (int j = 0; j < N_LAMBDAS; j++) {
      double f[K_MAX], sum = 0.0;
      smr_ridge_filter(&spectrum, reference_lambdas[j], f);
      for (int64_t m = 0; m < spectrum.k; m++) {
        sum += f[m];
      }
      assert_close(sum, reference_cases[i].point[j][2], relative, absolute);
    }
  }
}

static void test_bias_variance(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    for (int j = 0; j < N_LAMBDAS; j++) {
      double bias2 = -1.0, variance = -1.0;
      smr_ridge_bias_variance(&spectrum, reference_lambdas[j], c->truth, c->truth_null2,
                              reference_sigma, &bias2, &variance);
      /* bias2 may be a tiny difference of matrices in the reference: 1e-12 of ||w*||^2. */
      assert_close(bias2, c->point[j][3], relative, absolute);
      assert_close(variance, c->point[j][4], relative, absolute);
    }
  }
}

/* lambda = 0: exactly the values above max(n, p) eps s_1 count. */
static void test_cutoff(void **state) {
  (void)state;
  const double cutoff = 20 * DBL_EPSILON * 3.0;
  const double s[] = {3.0, cutoff * 1.01, cutoff, 0.0};
  const double beta[] = {1.0, 2.0, 3.0, 4.0};
  const double truth[] = {1.0, 1.0, 5.0, 7.0};
  const smr_spectrum spectrum = {.n = 10, .p = 20, .k = 4, .s = s, .beta = beta, .tail = 0.5};
  double f[4], c[4], bias2, variance;
  smr_ridge_filter(&spectrum, 0.0, f);
  smr_ridge_coefficients(&spectrum, 0.0, c);
  const double expected[] = {1.0, 1.0, 0.0, 0.0};
  assert_memory_equal(f, expected, sizeof f);
  assert_close(c[0], 1.0 / 3.0, 0.0, 0.0);
  assert_close(c[1], 2.0 / s[1], 1e-15, 0.0);
  assert_close(c[2], 0.0, 0.0, 0.0);
  assert_close(smr_ridge_evaluate(&spectrum, 0.0).residual2, 0.5 + 9.0 + 16.0, 1e-15, 0.0);
  smr_ridge_bias_variance(&spectrum, 0.0, truth, 2.0, 1.0, &bias2, &variance);
  assert_close(bias2, 2.0 + 25.0 + 49.0, 1e-15, 0.0);
  assert_close(variance, 1.0 / 9.0 + 1.0 / (s[1] * s[1]), 1e-14, 0.0);
}

/* s^2 and lambda far outside what s^2 + lambda could hold: the exact f is 1/(1 + lambda/s^2). */
static void test_extremes(void **state) {
  (void)state;
  const double s[] = {1e200, 1e-160, 1e-200, 0.0};
  const double beta[] = {1e200, 1.0, 1.0, 1.0};
  const smr_spectrum spectrum = {.n = 4, .p = 4, .k = 4, .s = s, .beta = beta, .tail = 0.0};
  double f[4], c[4];
  smr_ridge_filter(&spectrum, 1e-310, f);
  smr_ridge_coefficients(&spectrum, 1e-310, c);
  assert_close(f[0], 1.0, 0.0, 0.0);
  /* s^2 = 1e-320 is subnormal and lambda has few digits left too: 1e-4 is their spacing. */
  assert_close(f[1], 1e-10, 1e-4, 0.0);
  assert_close(f[2], 1e-90, 1e-4, 0.0);
  assert_close(f[3], 0.0, 0.0, 0.0);
  assert_close(c[0], 1.0, 1e-15, 0.0);
  assert_close(c[1], 1e150, 1e-4, 0.0);
  assert_close(c[2], 1e110, 1e-4, 0.0);
  assert_close(c[3], 0.0, 0.0, 0.0);
}

/* 1 - f near 1e-20 must come out with all its digits, not as 0. */
static void test_small_residual(void **state) {
  (void)state;
  const double s[] = {1e4}, beta[] = {1.0};
  const smr_spectrum spectrum = {.n = 3, .p = 1, .k = 1, .s = s, .beta = beta, .tail = 0.0};
  assert_close(smr_ridge_evaluate(&spectrum, 1e-12).residual2, 1e-40, 1e-14, 0.0);
}

static void test_empty(void **state) {
  (void)state;
  const smr_spectrum spectrum = {.n = 1, .p = 3, .k = 0, .has_intercept = true, .tail = 0.0};
  const smr_ridge_point point = smr_ridge_evaluate(&spectrum, 0.0);
  double bias2, variance;
  smr_ridge_bias_variance(&spectrum, 0.0, NULL, 4.0, 1.0, &bias2, &variance);
  assert_close(point.residual2 + point.solution2 + point.effective_dof, 0.0, 0.0, 0.0);
  assert_close(bias2, 4.0, 0.0, 0.0);
  assert_close(variance, 0.0, 0.0, 0.0);
  assert_close(smr_ridge_gram_floor(&spectrum), 0.0, 0.0, 0.0);
}

static void test_gram_floor(void **state) {
  (void)state;
  const double s[] = {20.0, 1.0};
  const smr_spectrum spectrum = {.n = 2, .p = 2, .k = 2, .s = s};
  assert_close(smr_ridge_gram_floor(&spectrum), 4e-8, 1e-15, 0.0);
}

/* Columns of any scale, one that is constant but for rounding, and one of zeros. */
static void test_standardize(void **state) {
  enum { K = 2, P = 5, N = 4 };
  double r[P * K] = {3, 4, 3e-200, 4e-200, 3e200, 4e200, 1e-15, 0, 0, 0};
  const double mean[P] = {1, 0, -1e200, 1, 0};
  const double expected[P] = {2.5, 2.5e-200, 2.5e200, 1, 1};
  double scale[P];
  (void)state;
  smr_ridge_standardize(N, K, P, mean, r, scale);
  for (int j = 0; j < P; j++) {
    const bool is_kept = j < 3;
    assert_close(scale[j], expected[j], 4 * DBL_EPSILON, 0);
    assert_close(r[j * K], is_kept ? 1.2 : 0, 4 * DBL_EPSILON, 0);
    assert_close(r[j * K + 1], is_kept ? 1.6 : 0, 4 * DBL_EPSILON, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_point),
      cmocka_unit_test(test_coefficients),
      cmocka_unit_test(test_filter_sums_to_dof),
      cmocka_unit_test(test_bias_variance),
      cmocka_unit_test(test_cutoff),
      cmocka_unit_test(test_extremes),
      cmocka_unit_test(test_small_residual),
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_gram_floor),
      cmocka_unit_test(test_standardize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
