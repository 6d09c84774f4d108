/* Estimates of ln Z on independent exact energies of a harmonic model: u = |x|^2 / 2 in D
 * dimensions on a Gaussian base of precision P, whose precision at beta is P + beta:
 * ln Z(beta) - ln Z(0) = D/2 ln(P / (P + beta)). */
#include "check.h"

#include <stdlib.h>

#include "simmer/base/random.h"
#include "simmer/sample/estimate.h"

enum { S = 400, C = 12, T = 9, D = 4, N = S * C * T, N_SEEDS = 40 };
static const double precision = 0.5;
static const double log_z0 = 3.25;

static void fill_betas(double *betas) {
  for (int t = 0; t < T; t++) {
    betas[t] = (double)(t * t) / ((T - 1) * (T - 1));
  }
}

static double get_exact(void) {
  return log_z0 + 0.5 * D * log(precision / (precision + 1.0));
}

static void draw_energies(uint64_t seed, const double *betas, double *u) {
  const smr_random_key key = {seed, smr_random_stream("test energies", 0, 0)};
  for (int i = 0; i < N; i++) {
    double x[D];
    double sum = 0.0;
    smr_random_normal(key, (uint64_t)i, 0, D, x);
    for (int d = 0; d < D; d++) {
      sum += x[d] * x[d];
    }
    u[i] = 0.5 * sum / (precision + betas[i % T]);
  }
}

typedef smr_status estimator(const smr_ladder_energies *e, smr_log_z_estimate *out);
static estimator *const estimators[] = {smr_estimate_stepping_forward,
                                        smr_estimate_stepping_backward, smr_estimate_bennett,
                                        smr_estimate_integration};
enum { N_ESTIMATORS = 4 };

/* z has 11 degrees of freedom: rms of 40 is about 1.1 +- 0.14. Biases: of ln of a mean of 4800
 * weights of relative variance below 0.3, 8 edges, below 3e-4; of the quadrature 2e-4; standard
 * errors are about 0.01, so a mean z of 0.3 is possible beside +- 0.17. |z| < 5.5 is once in 5000
 * for 11 degrees of freedom. */
static void test_calibration(void **state) {
  static double u[N];
  double betas[T];
  double squares[N_ESTIMATORS] = {0};
  (void)state;
  fill_betas(betas);
  for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
    draw_energies(seed, betas, u);
    const smr_ladder_energies e = {S, C, T, betas, u, log_z0};
    for (int k = 0; k < N_ESTIMATORS; k++) {
      smr_log_z_estimate out;
      assert_ok(estimators[k](&e, &out));
      assert_true(out.stderr_log_z > 0.0 && out.stderr_log_z < 0.05);
      const double z = (out.log_z - get_exact()) / out.stderr_log_z;
      assert_true(fabs(z) < 5.5);
      squares[k] += z * z / N_SEEDS;
    }
  }
  for (int k = 0; k < N_ESTIMATORS; k++) {
    print_message("estimator %d: rms z %.3f\n", k, sqrt(squares[k]));
    assert_true(sqrt(squares[k]) > 0.6 && sqrt(squares[k]) < 1.5);
  }
}

/* One energy for all: ln Z(1) - ln Z(0) = -u, for every estimator, to rounding. */
static void test_constant(void **state) {
  const double levels[] = {0.0, 1.5, -700.0, 2e5};
  static double u[N];
  double betas[T];
  (void)state;
  fill_betas(betas);
  for (int l = 0; l < 4; l++) {
    for (int i = 0; i < N; i++) {
      u[i] = levels[l];
    }
    const smr_ladder_energies e = {S, C, T, betas, u, log_z0};
    for (int k = 0; k < N_ESTIMATORS; k++) {
      smr_log_z_estimate out;
      assert_ok(estimators[k](&e, &out));
      assert_close(out.log_z, log_z0 - levels[l], 1e-13, 1e-13);
      assert_close(out.stderr_log_z, 0.0, 0.0, 1e-10);
    }
  }
}

/* By hand: two scans, two chains, one edge. */
static void test_by_hand(void **state) {
  const double betas[2] = {0.0, 1.0};
  const double u[8] = {1.0, 0.5, 2.0, 0.25, 3.0, 0.75, 1.0, 0.5}; /* [scan][chain][t] */
  const smr_ladder_energies e = {2, 2, 2, betas, u, 0.0};
  smr_log_z_estimate out;
  const double a = log((exp(-1.0) + exp(-3.0)) / 2);
  const double b = log((exp(-2.0) + exp(-1.0)) / 2);
  const double c = -log((exp(0.5) + exp(0.75)) / 2);
  const double d = -log((exp(0.25) + exp(0.5)) / 2);
  (void)state;
  assert_ok(smr_estimate_stepping_forward(&e, &out));
  assert_close(out.log_z, log((exp(a) + exp(b)) / 2), 1e-14, 0.0);
  assert_close(out.stderr_log_z, fabs(a - b) / 2, 1e-13, 0.0);
  assert_ok(smr_estimate_stepping_backward(&e, &out));
  assert_close(out.log_z, -log((exp(-c) + exp(-d)) / 2), 1e-14, 0.0);
  assert_close(out.stderr_log_z, fabs(c - d) / 2, 1e-13, 0.0);
  /* Means 2, 0.625 and variances 2, 0.03125; 1.5, 0.375 and 0.5, 0.03125. */
  assert_ok(smr_estimate_integration(&e, &out));
  assert_close(out.log_z, (-1.3125 + 1.96875 / 12 - 0.9375 + 0.46875 / 12) / 2, 1e-14, 0.0);
  const smr_ladder_energies one = {1, 1, 2, betas, u, 0.0};
  assert_ok(smr_estimate_bennett(&one, &out));
  /* Of one sample each: -u_hot - d = u_cold + d within the logistic function. */
  assert_close(out.log_z, -0.75, 1e-13, 0.0);
  assert_true(isnan(out.stderr_log_z));
}

/* Bennett's equation holds at the result, also where the two ends hardly overlap. */
static void test_bennett_root(void **state) {
  enum { M = 50 };
  const double betas[2] = {0.0, 1.0};
  double u[2 * M];
  (void)state;
  for (int gap = 0; gap <= 600; gap += 60) {
    double excess = 0.0;
    double terms = 0.0;
    smr_log_z_estimate out;
    for (int i = 0; i < M; i++) {
      u[2 * i] = (double)(i * i % 17) * 3.7 + gap;
      u[2 * i + 1] = (double)(i * i % 13) - gap;
    }
    const smr_ladder_energies e = {M, 1, 2, betas, u, 0.0};
    assert_ok(smr_estimate_bennett(&e, &out));
    for (int i = 0; i < M; i++) {
      const double up = 1.0 / (1.0 + exp(u[2 * i] + out.log_z));
      const double down = 1.0 / (1.0 + exp(-u[2 * i + 1] - out.log_z));
      excess += up - down;
      terms += up + down;
    }
    assert_true(fabs(excess) <= 1e-9 * terms);
  }
}

/* Values of chains of few scans: their mean is off by the bias of a logarithm of five weights,
 * about 8 edges x 0.3 / (2 x 5); from all chains together it is 60 times smaller. 40 seeds give the
 * mean to 0.003. */
static void test_bias(void **state) {
  enum { FEW = 5, MANY = 60, ALL = FEW * MANY * T };
  static double u[N];
  double betas[T];
  double mean[3] = {0};
  (void)state;
  fill_betas(betas);
  for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
    draw_energies(seed, betas, u);
    const smr_ladder_energies e = {FEW, MANY, T, betas, u, log_z0};
    for (int k = 0; k < 3; k++) {
      smr_log_z_estimate out;
      assert_ok(estimators[k](&e, &out));
      mean[k] += (out.log_z - get_exact()) / N_SEEDS;
    }
  }
  _Static_assert((int)ALL <= (int)N, "room for all energies");
  for (int k = 0; k < 3; k++) {
    print_message("estimator %d: mean error %.4f\n", k, mean[k]);
    assert_true(fabs(mean[k]) < 0.02);
  }
}

/* Bennett's error against the root found anew without each chain: one step of Newton's misses it by
 * the square of a chain's part. */
static void test_bennett_jackknife(void **state) {
  enum { FEW = 60, ROWS = FEW * C * T };
  static double u[N], rest[ROWS];
  double betas[T], values[C];
  double mean = 0.0;
  double squares = 0.0;
  smr_log_z_estimate out;
  (void)state;
  fill_betas(betas);
  draw_energies(7, betas, u);
  for (int c = 0; c < C; c++) {
    int64_t n = 0;
    for (int i = 0; i < ROWS; i++) {
      if (i / T % C != c) {
        rest[n++] = u[i];
      }
    }
    const smr_ladder_energies e = {FEW, C - 1, T, betas, rest, log_z0};
    assert_ok(smr_estimate_bennett(&e, &out));
    values[c] = out.log_z;
    mean += values[c] / C;
  }
  for (int c = 0; c < C; c++) {
    squares += (values[c] - mean) * (values[c] - mean);
  }
  const smr_ladder_energies all = {FEW, C, T, betas, u, log_z0};
  assert_ok(smr_estimate_bennett(&all, &out));
  assert_close(out.stderr_log_z, sqrt(squares * (C - 1) / C), 0.02, 0.0);
}

static smr_log_z_estimate pool(const smr_ladder_energies *e) {
  static double values[S * C];
  assert_ok(smr_estimate_bennett_pooled(e, values));
  return smr_estimate_mean(e->n_chains, values);
}

/* The delete-one jackknife itself: Bennett's ratio without each chain in turn. */
static double get_jackknife_stderr(const smr_ladder_energies *e) {
  static double rest[N];
  double squares = 0.0;
  const smr_log_z_estimate whole = pool(e);
  for (int64_t c = 0; c < e->n_chains; c++) {
    int64_t n = 0;
    for (int64_t i = 0; i < e->n_scans * e->n_chains * e->n_temperatures; i++) {
      if (i / e->n_temperatures % e->n_chains != c) {
        rest[n++] = e->u[i];
      }
    }
    const smr_ladder_energies less = {e->n_scans, e->n_chains - 1, e->n_temperatures, e->betas,
                                      rest,       e->log_z0};
    const double d = pool(&less).log_z - whole.log_z;
    squares += d * d;
  }
  return sqrt(squares * (double)(e->n_chains - 1) / (double)e->n_chains);
}

/* All chains together are one long chain; the spread of the values is a jackknife's, to first
 * order in 1/C; and few scans of many chains are calibrated (400 degrees of freedom, 40 seeds: rms
 * z 1 +- 0.11). */
static void test_pooled(void **state) {
  static double u[N];
  double betas[T];
  double squares = 0.0;
  (void)state;
  fill_betas(betas);
  for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
    draw_energies(seed, betas, u);
    const smr_ladder_energies few = {S * C / 400, 400, T, betas, u, log_z0};
    const smr_log_z_estimate out = pool(&few);
    const double z = (out.log_z - get_exact()) / out.stderr_log_z;
    squares += z * z / N_SEEDS;
    const smr_ladder_energies one = {S * C, 1, T, betas, u, log_z0};
    smr_log_z_estimate expected;
    assert_ok(smr_estimate_bennett(&one, &expected));
    assert_close(out.log_z, expected.log_z, 1e-12, 0.0);
    assert_true(isnan(pool(&one).stderr_log_z));
  }
  print_message("pooled: rms z %.3f\n", sqrt(squares));
  assert_true(sqrt(squares) > 0.6 && sqrt(squares) < 1.5);
  const smr_ladder_energies e = {S, C, T, betas, u, log_z0};
  assert_close(pool(&e).stderr_log_z, get_jackknife_stderr(&e), 0.01, 0.0);
}

static void test_errors(void **state) {
  double betas[T];
  static double u[N];
  smr_log_z_estimate out;
  (void)state;
  for (int k = 0; k < N_ESTIMATORS; k++) {
    smr_ladder_energies e = {S, C, T, betas, u, log_z0};
    fill_betas(betas);
    betas[3] = betas[2];
    assert_fails(estimators[k](&e, &out), SMR_ERR_INPUT, "number 3 ");
    fill_betas(betas);
    u[17] = (double)NAN;
    assert_fails(estimators[k](&e, &out), SMR_ERR_NUMERIC, "energy 17 ");
    u[17] = 0.0;
    e.n_scans = 0;
    assert_fails(estimators[k](&e, &out), SMR_ERR_INPUT, "0 scans");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_calibration), cmocka_unit_test(test_constant),
      cmocka_unit_test(test_by_hand),     cmocka_unit_test(test_bennett_root),
      cmocka_unit_test(test_bias),        cmocka_unit_test(test_bennett_jackknife),
      cmocka_unit_test(test_pooled),      cmocka_unit_test(test_errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
