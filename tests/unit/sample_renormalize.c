/* Renormalized energies and the trace condition against plain loops over joint states, in long
 * double. Letters: V visible, H hidden units, n = 2^V. */
#include "check.h"

#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/sample/renormalize.h"

enum { MOST_V = 12, MOST_H = 9, MOST_STATES = 1 << MOST_V };

/* Energies of these models are below 40, where a double has 7e-15; the reference asks for 1e-12. */
static const double tolerance = 1e-12;
static const smr_random_key key = {11, 5};

typedef struct {
  smr_rbm rbm;
  int64_t n;
  float w[MOST_V * MOST_H], b[MOST_V], c[MOST_H];
  double f[MOST_STATES], k[MOST_STATES], h[MOST_STATES];
} model;

static model m; /* too large for a stack */

static void fill(uint64_t index, int64_t n, double scale, float *x) {
  double z[MOST_V * MOST_H];
  smr_random_normal(key, index, 0, n, z);
  for (int64_t i = 0; i < n; ++i) {
    x[i] = (float)(scale * z[i]);
  }
}

static void make(int64_t n_visible, int64_t n_hidden, double scale) {
  m.rbm = (smr_rbm){n_visible, n_hidden, m.w, m.b, m.c};
  m.n = (int64_t)1 << n_visible;
  fill(1, n_visible * n_hidden, scale, m.w);
  fill(2, n_visible, 0.5, m.b);
  fill(3, n_hidden, 0.5, m.c);
  smr_random_normal(key, 4, 0, m.n, m.k);
  smr_random_normal(key, 5, 0, m.n, m.h);
  assert_ok(smr_renormalize_free_energies(&m.rbm, m.f));
}

static long double energy(int64_t v, int64_t h) {
  long double sum = 0;
  for (int64_t i = 0; i < m.rbm.n_visible; ++i) {
    if ((v >> i & 1) == 0) {
      continue;
    }
    sum -= (long double)m.b[i];
    for (int64_t j = 0; j < m.rbm.n_hidden; ++j) {
      sum -= (h >> j & 1) != 0 ? (long double)m.w[i * m.rbm.n_hidden + j] : 0;
    }
  }
  for (int64_t j = 0; j < m.rbm.n_hidden; ++j) {
    sum -= (h >> j & 1) != 0 ? (long double)m.c[j] : 0;
  }
  return sum;
}

/* Sum over h of exp(-E(v,h) - shift). */
static long double sum_hidden(int64_t v, long double shift) {
  long double sum = 0;
  for (int64_t h = 0; h < (int64_t)1 << m.rbm.n_hidden; ++h) {
    sum += expl(-energy(v, h) - shift);
  }
  return sum;
}

static void check_free_energies(void) {
  for (int64_t v = 0; v < m.n; ++v) {
    assert_close(m.f[v], (double)-logl(sum_hidden(v, 0)), tolerance, tolerance);
  }
}

static void check_same_z(void) {
  smr_same_z found;
  long double z = 0, z_tilde = 0, z_other = 0, kl = 0, variation = 0;
  assert_ok(smr_renormalize_same_z(&m.rbm, m.f, m.k, &found));
  for (int64_t v = 0; v < m.n; ++v) {
    z += sum_hidden(v, 0);
  }
  for (int64_t v = 0; v < m.n; ++v) {
    z_tilde += sum_hidden(v, (long double)m.k[v]) / z;
  }
  for (int64_t v = 0; v < m.n; ++v) {
    z_other += sum_hidden(v, (long double)m.k[v] + logl(z_tilde));
  }
  long double worst = 0;
  for (int64_t v = 0; v < m.n; ++v) {
    const long double p = sum_hidden(v, 0) / z;
    const long double other = sum_hidden(v, (long double)m.k[v] + logl(z_tilde)) / z_other;
    kl += p * logl(p / other);
    variation += fabsl(p - other) / 2;
    worst = fmaxl(worst, fabsl(logl(other / p)));
  }
  assert_close(found.log_z, (double)logl(z), 0, tolerance);
  assert_close(found.log_z_renormalized, found.log_z, 0, tolerance);
  assert_close(found.log_z_tilde, (double)logl(z_tilde), 0, tolerance);
  assert_close(found.kl, (double)kl, 0, tolerance);
  assert_close(found.kl_enumerated, (double)kl, 0, tolerance);
  assert_close(found.total_variation, (double)variation, 0, tolerance);
  assert_close(found.total_variation_enumerated, (double)variation, 0, tolerance);
  assert_close(found.conditional_error, 0, 0, tolerance);
  /* Another p all the same. */
  assert_true(found.kl > 0.1 && found.total_variation > 0.1);
  assert_close(found.trace.log_z_difference, 0, 0, tolerance);
  assert_close(found.trace.tau_mean, (double)-kl, 0, tolerance);
  assert_close(found.trace.tau_max, (double)worst, 0, tolerance);
  assert_close(found.trace.exp_tau_mean, 1, 0, tolerance);
}

/* With T = H - E in joint states: tau(v) = ln Tr_h e^T. */
static void check_trace(void) {
  long double z = 0, z_data = 0, mean = 0, square = 0, exponential = 0, worst = 0;
  const smr_trace found = smr_renormalize_trace(m.n, m.f, m.h);
  for (int64_t v = 0; v < m.n; ++v) {
    z += sum_hidden(v, 0);
    z_data += expl(-(long double)m.h[v]);
  }
  for (int64_t v = 0; v < m.n; ++v) {
    const long double p_data = expl(-(long double)m.h[v]) / z_data;
    const long double tau = logl(sum_hidden(v, -(long double)m.h[v])) + logl(z_data) - logl(z);
    mean += p_data * tau;
    square += p_data * tau * tau;
    exponential += p_data * expl(tau);
    worst = fmaxl(worst, fabsl(tau));
  }
  assert_close(found.log_z_difference, (double)(logl(z) - logl(z_data)), 0, tolerance);
  assert_close(found.tau_mean, (double)mean, 0, tolerance);
  assert_close(found.tau_std, (double)sqrtl(square - mean * mean), 0, tolerance);
  assert_close(found.tau_max, (double)worst, 0, tolerance);
  assert_close(found.exp_tau_mean, (double)exponential, 0, tolerance);
  assert_close(found.exp_tau_mean, 1, 0, tolerance);
}

static void matches_plain_loops(void **state) {
  (void)state;
  const int64_t sizes[][2] = {{6, 4}, {1, 1}, {1, 9}, {10, 2}, {11, 3}, {12, 4}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    make(sizes[i][0], sizes[i][1], 1.0);
    check_free_energies();
    check_trace();
    if (sizes[i][0] > 1) { /* of two states, K may happen to be nearly constant */
      check_same_z();
    }
  }
}

/* W = 0: p is a product of Bernoulli units, F = -b'v - sum softplus(c), and with K = b'v p' is
 * uniform: KL = V ln 2 - sum of entropies. */
static void has_analytic_values_without_weights(void **state) {
  (void)state;
  make(6, 4, 0.0);
  smr_same_z found;
  double log_z = 0, kl = 6 * log(2.0), constant = 0;
  for (int j = 0; j < 4; ++j) {
    constant += log1p(exp((double)m.c[j]));
  }
  for (int i = 0; i < 6; ++i) {
    const double b = (double)m.b[i], p = 1 / (1 + exp(-b));
    log_z += log1p(exp(b));
    kl += p * log(p) + (1 - p) * log1p(-p);
  }
  for (int64_t v = 0; v < m.n; ++v) {
    m.k[v] = -m.f[v] - constant;
  }
  assert_ok(smr_renormalize_same_z(&m.rbm, m.f, m.k, &found));
  assert_close(found.log_z, log_z + constant, 0, tolerance);
  assert_close(found.log_z_renormalized, log_z + constant, 0, tolerance);
  assert_close(found.log_z_tilde, 6 * log(2.0) - log_z, 0, tolerance);
  assert_close(found.kl, kl, 0, tolerance);
  assert_close(found.kl_enumerated, kl, 0, tolerance);
}

/* The data are the RBM's own marginal, its Hamiltonian off by a constant: tau_n = 0. A constant K
 * changes nothing either. */
static void finds_an_exact_map(void **state) {
  (void)state;
  make(6, 4, 1.0);
  smr_same_z found;
  for (int64_t v = 0; v < m.n; ++v) {
    m.h[v] = m.f[v] + 3.25;
    m.k[v] = -1.5;
  }
  const smr_trace trace = smr_renormalize_trace(m.n, m.f, m.h);
  assert_close(trace.log_z_difference, 3.25, 0, tolerance);
  assert_close(trace.tau_mean, 0, 0, tolerance);
  assert_close(trace.tau_std, 0, 0, tolerance);
  assert_close(trace.tau_max, 0, 0, tolerance);
  assert_close(trace.exp_tau_mean, 1, 0, tolerance);
  assert_ok(smr_renormalize_same_z(&m.rbm, m.f, m.k, &found));
  assert_close(found.log_z_tilde, 1.5, 0, tolerance);
  assert_close(found.kl, 0, 0, tolerance);
  assert_close(found.total_variation_enumerated, 0, 0, tolerance);
}

/* ln Z of the 2 x 2 lattice, whose four bonds count twice: 12 states have E = 0, 2 have -8K, 2 have
 * +8K. Of the 4 x 4 one at the critical coupling by a transfer matrix (see
 * tests/reference/renormalize_make.py). */
static void enumerates_ising_models(void **state) {
  (void)state;
  double h[16];
  assert_ok(smr_renormalize_fill_ising(2, 0.3, h));
  assert_close(smr_renormalize_log_z(16, h), log(12 + 4 * cosh(2.4)), 0, tolerance);
  assert_close(h[0], -2.4, 0, tolerance);
  assert_close(h[6], 2.4, 0, tolerance); /* a chessboard */
  double *large = NULL;
  assert_ok(smr_memory_alloc(1 << 16, sizeof *large, "states", &large));
  assert_ok(smr_renormalize_fill_ising(4, 0.4406867935097715, large));
  assert_close(smr_renormalize_log_z(1 << 16, large), 15.52191545875528, 0, tolerance);
  assert_ok(smr_renormalize_fill_ising(3, 0.2, large));
  assert_close(smr_renormalize_log_z(1 << 9, large), 6.669744604314108, 0, tolerance);
  smr_memory_free(large);
  assert_fails(smr_renormalize_fill_ising(5, 0.3, h), SMR_ERR_LIMIT, "side");
  assert_fails(smr_renormalize_fill_ising(1, 0.3, h), SMR_ERR_LIMIT, "side");
}

static void smooths_data(void **state) {
  (void)state;
  const int64_t counts[4] = {3, 0, 1, 0}, none[4] = {0}, wrong[4] = {3, 0, -1, 0};
  double h[4];
  assert_ok(smr_renormalize_fill_smoothed(4, counts, 0.2, h));
  assert_close(h[0], -log(0.65), 0, tolerance);
  assert_close(h[1], -log(0.05), 0, tolerance);
  assert_close(h[2], -log(0.25), 0, tolerance);
  assert_close(smr_renormalize_log_z(4, h), 0, 0, tolerance);
  assert_ok(smr_renormalize_fill_smoothed(4, counts, 1.0, h));
  assert_close(h[0], log(4.0), 0, tolerance);
  assert_fails(smr_renormalize_fill_smoothed(4, counts, 0.0, h), SMR_ERR_INPUT, "smoothing");
  assert_fails(smr_renormalize_fill_smoothed(4, counts, NAN, h), SMR_ERR_INPUT, "smoothing");
  assert_fails(smr_renormalize_fill_smoothed(4, none, 0.2, h), SMR_ERR_INPUT, "no rows");
  assert_fails(smr_renormalize_fill_smoothed(4, wrong, 0.2, h), SMR_ERR_INPUT, "-1");
}

static void checks_the_model(void **state) {
  (void)state;
  make(6, 4, 1.0);
  smr_rbm large = m.rbm;
  large.n_visible = 21;
  assert_fails(smr_renormalize_free_energies(&large, m.f), SMR_ERR_LIMIT, "21 visible units");
  m.w[7] = INFINITY;
  assert_fails(smr_renormalize_free_energies(&m.rbm, m.f), SMR_ERR_NUMERIC, "not finite");
}

/* Weights of hundreds: probabilities are 0 or 1, and nothing overflows. Energies near 5000 have
 * 1e-12 themselves. */
static void stands_large_weights(void **state) {
  (void)state;
  smr_same_z found;
  make(6, 9, 400.0);
  assert_ok(smr_renormalize_same_z(&m.rbm, m.f, m.k, &found));
  assert_close(found.log_z_renormalized, found.log_z, 0, 1e-11);
  assert_close(found.kl, found.kl_enumerated, 0, 1e-11);
  assert_close(found.conditional_error, 0, 0, 1e-10);
  const smr_trace trace = smr_renormalize_trace(m.n, m.f, m.h);
  assert_close(trace.exp_tau_mean, 1, 0, 1e-11);
  assert_true(isfinite(trace.tau_std) && trace.tau_max > 100);
}

/* More joint states than are gone through: no number, instead of hours. */
static void leaves_large_joints_out(void **state) {
  (void)state;
  static float w[2 * 30], c[30];
  const smr_rbm rbm = {2, 30, w, m.b, c};
  smr_same_z found;
  double f[4];
  const double k[4] = {0, 1, 2, 3};
  assert_ok(smr_renormalize_free_energies(&rbm, f));
  assert_ok(smr_renormalize_same_z(&rbm, f, k, &found));
  assert_true(isnan(found.conditional_error));
  assert_close(found.log_z_renormalized, found.log_z, 0, tolerance);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_plain_loops),  cmocka_unit_test(has_analytic_values_without_weights),
      cmocka_unit_test(finds_an_exact_map),   cmocka_unit_test(enumerates_ising_models),
      cmocka_unit_test(smooths_data),         cmocka_unit_test(checks_the_model),
      cmocka_unit_test(stands_large_weights), cmocka_unit_test(leaves_large_joints_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
