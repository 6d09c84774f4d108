/* Exact ln Z of periodic Ising models: the table of Kaufman's formula in extended precision, direct
 * sums, the RBM of the model. */
#include "check.h"

#include <stdlib.h>

#include "simmer/energy/ising.h"
#include "simmer/energy/rbm.h"

static const double couplings[4] = {0.3, 0.408, 0.44068679350977147, 0.5};

/* ln Z per site at L = 4, 8, 16, 32; rounded to 8 decimals. */
static const double table[4][4] = {{.79909521, .79077079, .79055950, .79055907},
                                   {.92126195, .89436485, .88907180, .88841522},
                                   {.97011972, .93971532, .93219631, .93032039},
                                   {1.06908544, 1.03663409, 1.02850082, 1.02646971}};

/* ln Z by summing all states, in long double. */
static double sum_states(int64_t side, double coupling) {
  const int64_t n = side * side;
  long double sum = 0.0L;
  for (int64_t state = 0; state < (int64_t)1 << n; state++) {
    int64_t bonds = 0;
    for (int64_t i = 0; i < n; i++) {
      int64_t right = i / side * side + (i + 1) % side;
      int64_t below = (i + side) % n;
      bonds += 1 - 2 * ((state >> i ^ state >> right) & 1);
      bonds += 1 - 2 * ((state >> i ^ state >> below) & 1);
    }
    sum += expl((long double)coupling * (long double)bonds);
  }
  return (double)logl(sum);
}

static void test_table(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    for (int l = 0; l < 4; l++) {
      const int64_t side = (int64_t)4 << l;
      double log_z = 0.0;
      assert_ok(smr_ising_log_z(side, couplings[k], &log_z));
      /* Half a unit of the last decimal printed. */
      assert_close(log_z / (double)(side * side), table[k][l], 0.0, 5.1e-9);
    }
  }
}

static void test_direct_sums(void **state) {
  static const double more[] = {1e-3, 0.3, 0.44068679350977147, 0.5, 2.0, 20.0};
  (void)state;
  for (int64_t side = 1; side <= 4; side++) {
    for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
      double log_z = 0.0;
      assert_ok(smr_ising_log_z(side, more[k], &log_z));
      /* Rounding of a few dozen terms. */
      assert_close(log_z, sum_states(side, more[k]), 1e-13, 1e-13);
      if (side % 2 == 0) {
        assert_ok(smr_ising_log_z(side, -more[k], &log_z));
        assert_close(log_z, sum_states(side, -more[k]), 1e-13, 1e-13);
      }
    }
  }
}

/* At strong coupling only the two ordered states count; without coupling all do; and a large
 * lattice is as Onsager's solution at the critical point, ln 2 / 2 + 2 G / pi, and the theta
 * functions of the torus of conformal field theory, (theta_2 + theta_3 + theta_4) / (2 eta) at tau
 * = i. */
static void test_limits(void **state) {
  double log_z = 0.0;
  (void)state;
  assert_ok(smr_ising_log_z(64, 300.0, &log_z));
  assert_close(log_z, 2.0 * 64 * 64 * 300.0 + log(2.0), 1e-14, 0.0);
  assert_ok(smr_ising_log_z(64, 0.0, &log_z));
  assert_close(log_z, 64 * 64 * log(2.0), 1e-14, 0.0);
  assert_ok(smr_ising_log_z(1000, couplings[2], &log_z));
  /* Further terms are of order 1 / L^4. */
  const double torus = log((1.0864348113 + 2.0 * 0.9135791382) / (2.0 * 0.7682254223));
  assert_close(log_z / 1e6, 0.929695398341610 + torus / 1e6, 0.0, 1e-11);
}

static void test_mistakes(void **state) {
  double log_z = 0.0;
  float x[8];
  (void)state;
  assert_fails(smr_ising_log_z(0, 0.4, &log_z), SMR_ERR_INPUT, "side 0");
  assert_fails(smr_ising_log_z(3, -0.4, &log_z), SMR_ERR_INPUT, "side 3");
  assert_fails(smr_ising_log_z(4, (double)NAN, &log_z), SMR_ERR_INPUT, "side 4");
  assert_fails(smr_ising_log_z(4, 301.0, &log_z), SMR_ERR_INPUT, "301");
  assert_fails(smr_ising_make_rbm(1, 0.0, x, x, x, &log_z), SMR_ERR_INPUT, "positive");
}

/* ln Z of the RBM against numbers of the reference; free energies against the Ising energy. */
static void test_rbm(void **state) {
  static const double exact[2][2] = {{11.788691, 45.799740}, {9.615452, 36.536941}};
  (void)state;
  for (int k = 0; k < 2; k++) {
    for (int l = 0; l < 2; l++) {
      const int64_t side = (int64_t)8 << l;
      const int64_t n = side * side;
      float *w = malloc((size_t)(2 * n * n + 3 * n) * sizeof *w);
      double log_z = 0.0;
      assert_non_null(w);
      assert_ok(
          smr_ising_make_rbm(side, couplings[k + 1], w, w + 2 * n * n, w + 2 * n * n + n, &log_z));
      assert_close(log_z, exact[k][l], 0.0, 5.1e-7);
      free(w);
    }
  }
}

static void test_rbm_marginal(void **state) {
  enum { SIDE = 4, V = SIDE * SIDE, H = 2 * V };
  static float w[V * H], b[V], c[H], work[H];
  const smr_rbm rbm = {V, H, w, b, c};
  double log_z_rbm = 0.0;
  double log_z_ising = 0.0;
  (void)state;
  assert_ok(smr_ising_make_rbm(SIDE, couplings[2], w, b, c, &log_z_rbm));
  assert_ok(smr_ising_log_z(SIDE, couplings[2], &log_z_ising));
  for (int64_t s = 0; s < 1 << V; s += 977) {
    float v[V];
    double f = 0.0;
    int64_t bonds = 0;
    for (int64_t i = 0; i < V; i++) {
      v[i] = (float)(s >> i & 1);
      bonds += 1 - 2 * ((s >> i ^ s >> (i / SIDE * SIDE + (i + 1) % SIDE)) & 1);
      bonds += 1 - 2 * ((s >> i ^ s >> ((i + SIDE) % V)) & 1);
    }
    assert_ok(smr_rbm_free_energy(&rbm, 1, v, work, &f));
    /* -F(v) - ln Z_RBM = ln p(v); float32 sums of 48 terms up to 50. */
    assert_close(-f - log_z_rbm, couplings[2] * (double)bonds - log_z_ising, 0.0, 1e-4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table),  cmocka_unit_test(test_direct_sums),
      cmocka_unit_test(test_limits), cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_rbm),    cmocka_unit_test(test_rbm_marginal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
