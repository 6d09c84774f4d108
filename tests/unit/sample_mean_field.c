/* Mean-field free energies against sums over all states. */
#include "check.h"

#include "simmer/base/random.h"
#include "simmer/sample/annealing.h"

enum { V = 10, H = 8 };

typedef struct {
  smr_rbm rbm;
  float w[V * H], b[V], c[H];
} model;

static void make_model(uint64_t seed, double scale, model *made) {
  const smr_random_key key = {seed, smr_random_stream("test model", 0, 0)};
  double x[V * H + V + H];
  smr_random_normal(key, 0, 0, V * H + V + H, x);
  for (int i = 0; i < V * H; i++) {
    made->w[i] = (float)(scale * x[i]);
  }
  for (int i = 0; i < V; i++) {
    made->b[i] = (float)x[V * H + i];
  }
  for (int j = 0; j < H; j++) {
    made->c[j] = (float)x[V * H + V + j];
  }
  made->rbm = (smr_rbm){V, H, made->w, made->b, made->c};
}

static double get_exact(const model *made) {
  double sum = 0.0;
  for (int s = 0; s < 1 << V; s++) {
    double product = 1.0;
    double y = 0.0;
    for (int i = 0; i < V; i++) {
      y += (s >> i & 1) != 0 ? (double)made->b[i] : 0.0;
    }
    for (int j = 0; j < H; j++) {
      double x = (double)made->c[j];
      for (int i = 0; i < V; i++) {
        x += (s >> i & 1) != 0 ? (double)made->w[i * H + j] : 0.0;
      }
      product *= 1.0 + exp(x);
    }
    sum += exp(y) * product;
  }
  return log(sum);
}

static double solve(const model *made, int order, int *is_converged) {
  double log_z = 0.0;
  assert_ok(smr_mean_field_log_z(&made->rbm, order, 4, 1, &log_z, is_converged));
  return log_z;
}

static void test_independent(void **state) {
  static model made;
  (void)state;
  for (uint64_t seed = 0; seed < 5; seed++) {
    int is_converged = 0;
    make_model(seed, 0.0, &made);
    made.b[0] = 50.0F;
    made.c[1] = -60.0F;
    const double exact = get_exact(&made);
    for (int order = 1; order <= 2; order++) {
      assert_close(solve(&made, order, &is_converged), exact, 1e-12, 0.0);
      assert_true(is_converged);
    }
  }
}

/* Naive mean field is a lower bound, off by the second order in W; TAP is off by the third: with
 * weights of 0.1 and 0.2, means of 80 terms, TAP is 5 times as close or better. */
static void test_weak(void **state) {
  static model made;
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    int is_naive = 0;
    int is_tap = 0;
    make_model(seed, seed % 2 == 0 ? 0.1 : 0.2, &made);
    const double exact = get_exact(&made);
    const double naive = solve(&made, 1, &is_naive);
    const double tap = solve(&made, 2, &is_tap);
    assert_true(is_naive && is_tap);
    assert_true(naive < exact);
    assert_true(fabs(tap - exact) < 0.2 * (exact - naive));
  }
}

static double entropy(double m) {
  return -m * log(m) - (1.0 - m) * log(1.0 - m);
}

/* -F of one visible and one hidden unit of means x and y. */
static double evaluate_pair(const model *made, int order, double x, double y) {
  const double w = (double)made->w[0];
  return entropy(x) + entropy(y) + (double)made->b[0] * x + (double)made->c[0] * y + w * x * y +
         (order == 2 ? 0.5 * w * w * (x - x * x) * (y - y * y) : 0.0);
}

/* The largest over y, or over x and y when x < 0, by ternary search. */
static double search(const model *made, int order, double x) {
  double low = 1e-9;
  double high = 1.0 - 1e-9;
  for (int k = 0; k < 100; k++) {
    const double p = low + (high - low) / 3.0;
    const double q = high - (high - low) / 3.0;
    const double at_p = x < 0.0 ? search(made, order, p) : evaluate_pair(made, order, x, p);
    const double at_q = x < 0.0 ? search(made, order, q) : evaluate_pair(made, order, x, q);
    *(at_p < at_q ? &low : &high) = at_p < at_q ? p : q;
  }
  return x < 0.0 ? search(made, order, low) : evaluate_pair(made, order, x, low);
}

/* A pair of units, whose -F is concave for these weights: its maximum by another method. The value
 * is stationary, so that its rounding is all that is left. */
static void test_pair(void **state) {
  static model made;
  const float weights[] = {-2.0F, 0.5F, 1.5F};
  (void)state;
  for (int k = 0; k < 6; k++) {
    const int order = 1 + k % 2;
    int is_converged = 0;
    make_model(4, 0.0, &made);
    made.w[0] = weights[k / 2];
    made.b[0] = 0.75F;
    made.c[0] = -1.25F;
    made.rbm.n_visible = made.rbm.n_hidden = 1;
    const double log_z = solve(&made, order, &is_converged);
    assert_true(is_converged);
    assert_close(log_z, search(&made, order, -1.0), 0.0, 1e-13);
  }
}

/* Strong couplings: naive mean field stays a bound, and the best of more starts is no worse. */
static void test_strong(void **state) {
  static model made;
  (void)state;
  for (uint64_t seed = 0; seed < 10; seed++) {
    int is_converged = 0;
    double one = 0.0;
    double again = 0.0;
    make_model(seed, 1.5, &made);
    assert_ok(smr_mean_field_log_z(&made.rbm, 1, 1, 7, &one, &is_converged));
    assert_ok(smr_mean_field_log_z(&made.rbm, 1, 1, 7, &again, &is_converged));
    assert_true(one == again);
    double best = 0.0;
    assert_ok(smr_mean_field_log_z(&made.rbm, 1, 8, 7, &best, &is_converged));
    assert_true(is_converged && best >= one && best < get_exact(&made));
    double tried = 0.0;
    for (int64_t start = 0; start < 8; start++) {
      assert_ok(smr_mean_field_try(&made.rbm, 1, start, 7, &tried, &is_converged));
      assert_true(start > 0 || tried == one);
    }
    assert_true(tried == best);
  }
}

static void test_errors(void **state) {
  static model made;
  double log_z = 0.0;
  int is_converged = 0;
  (void)state;
  make_model(1, 1.0, &made);
  assert_fails(smr_mean_field_log_z(&made.rbm, 3, 1, 1, &log_z, &is_converged), SMR_ERR_INPUT,
               "order 3");
  assert_fails(smr_mean_field_log_z(&made.rbm, 1, 0, 1, &log_z, &is_converged), SMR_ERR_INPUT,
               "0 starts");
  made.c[2] = NAN;
  assert_fails(smr_mean_field_log_z(&made.rbm, 1, 1, 1, &log_z, &is_converged), SMR_ERR_NUMERIC,
               "nan");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_independent),
                                     cmocka_unit_test(test_weak), cmocka_unit_test(test_pair),
                                     cmocka_unit_test(test_strong), cmocka_unit_test(test_errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
