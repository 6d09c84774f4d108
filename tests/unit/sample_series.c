/* Diagnoses of series on autoregressive ones, x' = phi x + noise: time (1 + phi) / (1 - phi). */
#include "check.h"

#include <stdlib.h>

#include "simmer/base/random.h"
#include "simmer/sample/estimate.h"

enum { S = 20000, C = 4 };

static void draw_series(uint64_t seed, int64_t n_scans, int64_t n_chains, double phi, double *x) {
  const smr_random_key key = {seed, smr_random_stream("test series", 0, 0)};
  for (int64_t i = 0; i < n_scans * n_chains; i++) {
    double noise = 0.0;
    smr_random_normal(key, (uint64_t)i, 0, 1, &noise);
    x[i] = i < n_chains ? noise : phi * x[i - n_chains] + sqrt(1.0 - phi * phi) * noise;
  }
}

/* The relative error of a time tau of n numbers, summed up to a window of a few tau, is about
 * sqrt(2 (2 W + 1) / n), W = 3 tau: 5 % for tau = 19 and n = 80,000; 3 of them and 2 % of bias. */
static void test_autocorrelation(void **state) {
  const double phi[] = {0.0, 0.5, 0.9, -0.5};
  static double x[S * C];
  (void)state;
  for (int k = 0; k < 4; k++) {
    const double time = (1.0 + phi[k]) / (1.0 - phi[k]);
    smr_series_diagnosis out;
    draw_series(5 + (uint64_t)k, S, C, phi[k], x);
    assert_ok(smr_series_diagnose(S, C, x, &out));
    assert_close(out.autocorrelation_time, time, 0.17, 0.0);
    assert_close(out.effective_samples, S * C / out.autocorrelation_time, 1e-14, 0.0);
    /* The means of half chains differ by sqrt(tau / 10,000) < 0.045 of the spread. */
    assert_close(out.split_r_hat, 1.0, 0.0, 0.003);
  }
}

/* Calibrated as an error bar: means of many short series have the variance 1 / effective. */
static void test_effective(void **state) {
  enum { SHORT = 600, N_SERIES = 60 };
  static double x[SHORT * C];
  double squares = 0.0;
  (void)state;
  for (uint64_t seed = 0; seed < N_SERIES; seed++) {
    smr_series_diagnosis out;
    double mean = 0.0;
    draw_series(100 + seed, SHORT, C, 0.8, x);
    for (int i = 0; i < SHORT * C; i++) {
      mean += x[i] / (SHORT * C);
    }
    assert_ok(smr_series_diagnose(SHORT, C, x, &out));
    squares += mean * mean * out.effective_samples / N_SERIES;
  }
  /* rms of 60 unit normals is 1 +- 0.09. */
  assert_true(sqrt(squares) > 0.7 && sqrt(squares) < 1.35);
}

/* Chains around different means: R-hat by its definition, and no more samples than a few chains
 * give. */
static void test_disagreement(void **state) {
  static double x[S * C];
  smr_series_diagnosis out;
  (void)state;
  draw_series(9, S, C, 0.0, x);
  for (int i = 0; i < S * C; i++) {
    x[i] += 3.0 * (double)(i % C);
  }
  assert_ok(smr_series_diagnose(S, C, x, &out));
  /* Within: 1. Between 8 halves at 0, 3, 6, 9, twice each: 9 * 10 / 7. */
  assert_close(out.split_r_hat, sqrt(1.0 + 90.0 / 7.0), 0.01, 0.0);
  assert_true(out.effective_samples < 10.0);
  /* A drift is seen by the halves though chains agree. */
  for (int i = 0; i < S * C; i++) {
    x[i] += -3.0 * (double)(i % C) + (i < S * C / 2 ? 0.0 : 2.0);
  }
  assert_ok(smr_series_diagnose(S, C, x, &out));
  /* Between 8 halves at 0 and 2, four each: 8/7. */
  assert_close(out.split_r_hat, sqrt(1.0 + 8.0 / 7.0), 0.01, 0.0);
}

/* 5 scans, 1 chain, by hand: halves 1, 3 and 4, 8; the middle is left out. Within (2 + 8) / 2,
 * means 2 and 6 of variance 8: sqrt((5 / 2 + 8) / 5). Time: mean 4.2, sum of squares 26.8, first
 * products -3.2 * -1.2 + -1.2 * 0.8 + 0.8 * -0.2 + -0.2 * 3.8 = 1.96; pairs are rho_0 + rho_1 and
 * rho_2 + rho_3, whose products are -2.56 + 0.24 + 3.04 = 0.72 and 0.64 - 4.56 = -3.92. */
static void test_by_hand(void **state) {
  const double x[] = {1.0, 3.0, 5.0, 4.0, 8.0};
  smr_series_diagnosis out;
  (void)state;
  assert_ok(smr_series_diagnose(5, 1, x, &out));
  assert_close(out.split_r_hat, sqrt(2.1), 1e-14, 0.0);
  const double within = 26.8 / 4.0;
  const double rho = 1.0 - (within - 1.96 / 4.0) / (0.8 * within);
  const double time = rho > -1.0 ? fmax(-1.0 + 2.0 * (1.0 + rho), 1.0) : 1.0;
  assert_close(out.autocorrelation_time, time, 1e-13, 0.0);
}

static void test_constants(void **state) {
  double x[40];
  smr_series_diagnosis out;
  (void)state;
  for (int i = 0; i < 40; i++) {
    x[i] = 0.1;
  }
  for (int64_t n_chains = 1; n_chains <= 4; n_chains *= 2) {
    assert_ok(smr_series_diagnose(40 / n_chains, n_chains, x, &out));
    assert_true(isnan(out.autocorrelation_time) && isnan(out.effective_samples) &&
                isnan(out.split_r_hat));
  }
  x[3] = 1.0;
  assert_ok(smr_series_diagnose(3, 4, x, &out)); /* too short to be split */
  assert_true(isnan(out.split_r_hat) && isnan(out.autocorrelation_time));
  x[6] = (double)INFINITY;
  assert_fails(smr_series_diagnose(10, 4, x, &out), SMR_ERR_NUMERIC, "scan 1 of chain 2");
  assert_fails(smr_series_diagnose(0, 4, x, &out), SMR_ERR_INPUT, "0 scans");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_autocorrelation), cmocka_unit_test(test_effective),
      cmocka_unit_test(test_disagreement), cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_constants)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
