/* Theory against integrals over the Marchenko-Pastur law (reference/regress_make.py), its exact
 * limits, and Monte Carlo by explicit normal equations. */
#include "simmer/regress/theory.h"

#include <string.h>

#include "../reference/regress_reference.h"
#include "check.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"

enum { N_THEORY = sizeof reference_theory / sizeof reference_theory[0] };

/* The quadrature sums 2^20 doubles: its rounding is near 1e-13, and bias^2 at l = 1e-6 adds the
 * cancellation of 1 + gamma + 2 sqrt(gamma) cos(theta) near its zero. */
static void test_against_integrals(void **state) {
  (void)state;
  const int64_t n = 1000;
  for (int i = 0; i < N_THEORY; i++) {
    const double *e = reference_theory[i];
    const int64_t p = (int64_t)lround(e[0] * (double)n);
    const double r = 1.5, sigma = 0.7, r2 = r * r, sigma2 = sigma * sigma;
    const smr_theory t = smr_theory_asymptotic(n, p, e[1] * (double)n, r, sigma);
    assert_close(t.bias2, r2 * e[2], 1e-9, 0.0);
    assert_close(t.variance, sigma2 * e[3], 1e-9, 0.0);
    assert_close(t.risk, r2 * e[2] + sigma2 * e[3], 1e-9, 0.0);
    assert_close(t.dof, (double)p * e[4], 1e-9, 0.0);
    assert_close(t.train_mse, r2 * e[5] + sigma2 * e[6], 1e-9, 0.0);
  }
}

static void test_ridgeless_exact(void **state) {
  (void)state;
  assert_close(smr_theory_ridgeless(100, 50, 1.0, 1.0), 50.0 / 49.0, 1e-15, 0.0);
  assert_close(smr_theory_ridgeless(100, 50, 1.0, 1.0), 1.020, 0.0, 5e-4);
  assert_close(smr_theory_ridgeless(50, 100, 2.0, 0.5), 4.0 * 0.5 + 0.25 * 50.0 / 49.0, 1e-15, 0.0);
  assert_close(smr_theory_ridgeless(10, 8, 3.0, 2.0), 4.0 * 8.0, 1e-15, 0.0);
  assert_close(smr_theory_ridgeless(10, 12, 0.0, 2.0), 4.0 * 10.0, 1e-15, 0.0);
  for (int64_t p = 9; p <= 11; p++) {
    assert_true(isinf(smr_theory_ridgeless(10, p, 1.0, 1.0)));
  }
  /* Without noise nothing diverges. */
  assert_close(smr_theory_ridgeless(10, 10, 1.0, 0.0), 0.0, 0.0, 0.0);
  assert_close(smr_theory_ridgeless(10, 11, 1.0, 0.0), 1.0 / 11.0, 1e-14, 0.0);
  assert_close(smr_theory_ridgeless(5, 0, 0.0, 1.0), 0.0, 0.0, 0.0);
}

/* lambda = 0: sigma^2 gamma/(1-gamma); r^2 (1 - 1/gamma) + sigma^2/(gamma-1). Training error
 * sigma^2 (1-gamma), or none. */
static void test_ridgeless_limit(void **state) {
  (void)state;
  smr_theory t = smr_theory_asymptotic(100, 40, 0.0, 2.0, 0.5);
  assert_close(t.bias2, 0.0, 0.0, 0.0);
  assert_close(t.variance, 0.25 * 0.4 / 0.6, 1e-14, 0.0);
  assert_close(t.dof, 40.0, 1e-14, 0.0);
  assert_close(t.train_mse, 0.25 * 0.6, 1e-14, 0.0);
  t = smr_theory_asymptotic(40, 100, 0.0, 2.0, 0.5);
  assert_close(t.bias2, 4.0 * 0.6, 1e-14, 0.0);
  assert_close(t.variance, 0.25 / 1.5, 1e-14, 0.0);
  assert_close(t.dof, 40.0, 1e-14, 0.0);
  assert_close(t.train_mse, 0.0, 0.0, 0.0);
  t = smr_theory_asymptotic(40, 40, 0.0, 2.0, 0.5);
  assert_true(isinf(t.variance) && isinf(t.risk));
  assert_close(t.bias2, 0.0, 0.0, 0.0);
  assert_close(t.train_mse, 0.0, 0.0, 0.0);
  assert_close(t.dof, 40.0, 0.0, 0.0);
}

/* Tiny l must tend to the limit with all digits; at gamma = 1 bias^2 -> r^2 sqrt(l)/2 and
 * variance -> sigma^2/(2 sqrt(l)), with relative corrections of order sqrt(l). */
static void test_tiny_lambda(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{1000, 999}, {1000, 1001}, {100, 50}, {50, 100}};
  for (int i = 0; i < 4; i++) {
    const int64_t n = shapes[i][0], p = shapes[i][1];
    const smr_theory limit = smr_theory_asymptotic(n, p, 0.0, 1.0, 1.0);
    for (int e = -300; e <= -20; e += 20) {
      const smr_theory t = smr_theory_asymptotic(n, p, pow(10.0, e), 1.0, 1.0);
      assert_close(t.risk, limit.risk, 1e-12, 0.0);
      assert_close(t.dof, limit.dof, 1e-12, 0.0);
      assert_close(t.train_mse, limit.train_mse, 1e-12, 1e-30);
    }
  }
  for (int e = -300; e <= -20; e += 20) {
    const double l = pow(10.0, e);
    const smr_theory t = smr_theory_asymptotic(100, 100, 100.0 * l, 1.0, 1.0);
    assert_close(t.bias2, 0.5 * sqrt(l), 1e-9, 0.0);
    assert_close(t.variance, 0.5 / sqrt(l), 1e-9, 0.0);
    assert_close(t.train_mse, (t.risk + 1.0) * l, 1e-9, 0.0);
  }
}

/* gamma < 1: bias^2 -> r^2 l^2 / (1-gamma)^3, with relative corrections of order l. */
static void test_tiny_bias(void **state) {
  (void)state;
  for (int e = -150; e <= -13; e += 10) {
    const double l = pow(10.0, e);
    const smr_theory t = smr_theory_asymptotic(100, 60, 100.0 * l, 3.0, 1.0);
    assert_close(t.bias2, 9.0 * l * l / (0.4 * 0.4 * 0.4), 1e-10, 0.0);
  }
}

static void test_large_lambda(void **state) {
  (void)state;
  const double l = 1e12; /* bias^2 -> r^2, variance -> sigma^2 gamma / l^2, f -> 1/l. */
  const smr_theory t = smr_theory_asymptotic(100, 200, 100.0 * l, 3.0, 2.0);
  assert_close(t.bias2, 9.0, 1e-11, 0.0);
  assert_close(t.variance, 4.0 * 2.0 / (l * l), 1e-11, 0.0);
  assert_close(t.dof, 200.0 / l, 1e-11, 0.0);
  assert_close(t.train_mse, 13.0, 1e-11, 0.0);
}

/* At the best lambda the risk is stationary and lowest, and the risk is then r^2 l m. */
static void test_best_lambda(void **state) {
  (void)state;
  const double lambda = smr_theory_best_lambda(80, 2.0, 0.5);
  assert_close(lambda, 0.25 * 80.0 / 4.0, 1e-15, 0.0);
  const double best = smr_theory_asymptotic(100, 80, lambda, 2.0, 0.5).risk;
  for (int i = 1; i <= 3; i++) {
    const double factor = 1.0 + 0.01 * i;
    assert_true(smr_theory_asymptotic(100, 80, lambda * factor, 2.0, 0.5).risk > best);
    assert_true(smr_theory_asymptotic(100, 80, lambda / factor, 2.0, 0.5).risk > best);
  }
  assert_true(isinf(smr_theory_best_lambda(80, 0.0, 0.5)));
  assert_close(smr_theory_best_lambda(80, 0.0, 0.0), 0.0, 0.0, 0.0);
}

static void test_tail_index(void **state) {
  (void)state;
  assert_close(smr_theory_tail_index(12, 12), 0.5, 0.0, 0.0);
  assert_close(smr_theory_tail_index(12, 13), 1.0, 0.0, 0.0);
  assert_close(smr_theory_tail_index(12, 11), 1.0, 0.0, 0.0);
  assert_close(smr_theory_tail_index(12, 9), 2.0, 0.0, 0.0);
}

static void test_no_rows(void **state) {
  (void)state;
  assert_close(smr_theory_asymptotic(0, 5, 1.0, 2.0, 1.0).risk, 4.0, 0.0, 0.0);
  assert_close(smr_theory_ridgeless(0, 5, 2.0, 1.0), 4.0, 0.0, 0.0);
}

/* ---- Monte Carlo ------------------------------------------------------------------------- */

/* Solves G z = b in place, G [m x m] symmetric positive definite, by Cholesky. */
static void solve(int64_t m, double *g, double *b) {
  for (int64_t j = 0; j < m; j++) {
    for (int64_t i = j; i < m; i++) {
      double sum = g[i * m + j];
      for (int64_t q = 0; q < j; q++) {
        sum -= g[i * m + q] * g[j * m + q];
      }
      g[i * m + j] = i == j ? sqrt(sum) : sum / g[j * m + j];
    }
    double sum = b[j];
    for (int64_t q = 0; q < j; q++) {
      sum -= g[j * m + q] * b[q];
    }
    b[j] = sum / g[j * m + j];
  }
  for (int64_t j = m - 1; j >= 0; j--) {
    for (int64_t q = j + 1; q < m; q++) {
      b[j] -= g[q * m + j] * b[q];
    }
    b[j] /= g[j * m + j];
  }
}

/* Row-major a [rows x inner] a' + shift I. */
static void outer(int64_t rows, int64_t inner, const double *a, double shift, double *g) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j <= i; j++) {
      double sum = i == j ? shift : 0.0;
      for (int64_t q = 0; q < inner; q++) {
        sum += a[i * inner + q] * a[j * inner + q];
      }
      g[i * rows + j] = g[j * rows + i] = sum;
    }
  }
}

typedef struct {
  int64_t n, p;
  double lambda, r, sigma;
  double *a, *g, *b, *w; /* a: X' [p x n] when tall, X [n x p] when wide */
} cell;

/* ||what - w*||^2 of draw `index`, w* = r e_1. */
static double draw(const cell *c, uint64_t index) {
  const int wide = c->p > c->n;
  const int64_t m = wide ? c->n : c->p, inner = wide ? c->p : c->n;
  const smr_random_key key = {7, smr_random_stream("test.theory", (uint64_t)c->n, (uint64_t)c->p)};
  smr_random_normal(key, index, 0, m * inner, c->a);
  double *noise = c->w; /* [max(n, p)], then w */
  smr_random_normal(key, index, 1, c->n, noise);
  outer(m, inner, c->a, c->lambda, c->g);
  for (int64_t i = 0; i < m; i++) {
    c->b[i] = 0.0;
  }
  for (int64_t i = 0; i < c->n; i++) {
    const double y = c->r * (wide ? c->a[i * c->p] : c->a[i]) + c->sigma * noise[i];
    if (wide) {
      c->b[i] = y;
    }
    for (int64_t j = 0; j < m && !wide; j++) {
      c->b[j] += c->a[j * c->n + i] * y;
    }
  }
  solve(m, c->g, c->b);
  double error2 = 0.0;
  for (int64_t j = 0; j < c->p; j++) {
    double w = wide ? 0.0 : c->b[j];
    for (int64_t i = 0; i < c->n && wide; i++) {
      w += c->a[i * c->p + j] * c->b[i];
    }
    const double error = w - (j == 0 ? c->r : 0.0);
    error2 += error * error;
  }
  return error2;
}

/* Mean over draws within z standard errors plus `slack` (relative) of what theory says. */
static void check_cell(cell c, int draws, double expected, double slack) {
  const int64_t longest = c.n > c.p ? c.n : c.p;
  assert_ok(smr_memory_alloc(c.n * c.p, sizeof(double), "X", &c.a));
  assert_ok(smr_memory_alloc(longest * longest, sizeof(double), "G", &c.g));
  assert_ok(smr_memory_alloc(longest, sizeof(double), "b", &c.b));
  assert_ok(smr_memory_alloc(longest, sizeof(double), "w", &c.w));
  double sum = 0.0, sum2 = 0.0;
  for (int i = 0; i < draws; i++) {
    const double error2 = draw(&c, (uint64_t)i);
    sum += error2;
    sum2 += error2 * error2;
  }
  const double mean = sum / draws;
  const double stderr2 = (sum2 / draws - mean * mean) / (draws - 1);
  /* The draws are fixed, so that this either always passes or never: 4 standard errors. */
  assert_close(mean, expected, slack, 4.0 * sqrt(stderr2));
  assert_true(4.0 * sqrt(stderr2) < 0.15 * expected);
  smr_memory_free(c.a);
  smr_memory_free(c.g);
  smr_memory_free(c.b);
  smr_memory_free(c.w);
}

static void test_monte_carlo_ridgeless(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{30, 15}, {15, 30}, {24, 4}, {4, 24}, {10, 1}, {1, 10}};
  for (int i = 0; i < 6; i++) {
    const int64_t n = shapes[i][0], p = shapes[i][1];
    const cell c = {.n = n, .p = p, .r = 1.2, .sigma = 0.8};
    check_cell(c, 4000, smr_theory_ridgeless(n, p, c.r, c.sigma), 0.0);
  }
}

static void test_monte_carlo_ridge(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{100, 50}, {80, 80}, {50, 100}};
  const double ls[] = {0.05, 0.25, 1.0};
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++) {
      const int64_t n = shapes[i][0], p = shapes[i][1];
      const cell c = {.n = n, .p = p, .lambda = ls[j] * (double)n, .r = 1.0, .sigma = 1.0};
      /* The asymptotic formula is off by O(1/n): up to 4 % at n near 100. */
      check_cell(c, 150, smr_theory_asymptotic(n, p, c.lambda, c.r, c.sigma).risk, 0.04);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_integrals), cmocka_unit_test(test_ridgeless_exact),
      cmocka_unit_test(test_ridgeless_limit),   cmocka_unit_test(test_tiny_lambda),
      cmocka_unit_test(test_tiny_bias),         cmocka_unit_test(test_large_lambda),
      cmocka_unit_test(test_best_lambda),       cmocka_unit_test(test_tail_index),
      cmocka_unit_test(test_no_rows),           cmocka_unit_test(test_monte_carlo_ridgeless),
      cmocka_unit_test(test_monte_carlo_ridge),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
