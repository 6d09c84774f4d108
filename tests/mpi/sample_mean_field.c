/* Mean-field free energies against sums over all states. */
#include "mpi_frame.h"

#include "simmer/base/random.h"
#include "simmer/sample/mean_field.h"

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

/* All starts, so many iterations at a time. */
static double solve_from(const model *made, int order, int64_t n_starts, uint64_t seed,
                         int64_t n_iterations, bool *is_converged) {
  smr_mean_field *field = NULL;
  assert_ok(smr_mean_field_create(test_world, &made->rbm, n_starts, seed, &field));
  while (smr_mean_field_get_turn(field) < 2 * n_starts) {
    smr_mean_field_advance(field, n_iterations);
  }
  const double log_z = smr_mean_field_get_log_z(field, order, is_converged);
  smr_mean_field_destroy(&field);
  return log_z;
}

static double solve(const model *made, int order, bool *is_converged) {
  return solve_from(made, order, 4, 1, 1000000, is_converged);
}

static void test_independent(void **state) {
  static model made;
  (void)state;
  for (uint64_t seed = 0; seed < 5; seed++) {
    bool is_converged = false;
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
    bool is_naive = false;
    bool is_tap = false;
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
    bool is_converged = false;
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
    bool is_converged = false;
    make_model(seed, 1.5, &made);
    const double one = solve_from(&made, 1, 1, 7, 1000000, &is_converged);
    const double best = solve_from(&made, 1, 8, 7, 1000000, &is_converged);
    assert_true(is_converged && best >= one && best < get_exact(&made));
    /* In parts the same. */
    assert_true(solve_from(&made, 1, 8, 7, 3, &is_converged) == best);
  }
}

static smr_state list(smr_mean_field *field) {
  smr_state made = {0};
  assert_ok(smr_mean_field_list_state(field, &made));
  return made;
}

/* Handed on to another object after any number of steps, it ends with the same bits. */
static void test_state(void **state) {
  static model made;
  (void)state;
  make_model(3, 1.5, &made);
  for (int order = 1; order <= 2; order++) {
    bool is_converged = false;
    const double whole = solve_from(&made, order, 3, 7, 1000000, &is_converged);
    for (int n_steps = 0; n_steps < 40; n_steps += 13) {
      smr_mean_field *first = NULL, *second = NULL;
      assert_ok(smr_mean_field_create(test_world, &made.rbm, 3, 7, &first));
      assert_ok(smr_mean_field_create(test_world, &made.rbm, 3, 7, &second));
      for (int i = 0; i < n_steps; i++) {
        smr_mean_field_advance(first, 10);
      }
      const smr_state from = list(first), to = list(second);
      for (int64_t i = 0; i < from.n; i++) {
        memcpy(to.arrays[i].array.data, from.arrays[i].array.data,
               (size_t)from.arrays[i].array.shape[0] * sizeof(double));
      }
      smr_mean_field_destroy(&first);
      assert_ok(smr_mean_field_resume(second));
      while (smr_mean_field_get_turn(second) < 6) {
        smr_mean_field_advance(second, 1000000);
      }
      assert_true(smr_mean_field_get_log_z(second, order, &is_converged) == whole);
      smr_mean_field_destroy(&second);
    }
  }
}

static void test_bad_states(void **state) {
  static model made;
  const double numbers[][2] = {{-1, 0}, {7, 0}, {0.5, 0}, {0, -1}, {0, 5000}, {(double)NAN, 0}};
  (void)state;
  make_model(3, 1.5, &made);
  for (int t = 0; t < 8; t++) {
    smr_mean_field *field = NULL;
    assert_ok(smr_mean_field_create(test_world, &made.rbm, 3, 7, &field));
    smr_mean_field_advance(field, 5);
    assert_ok(smr_mean_field_resume(field));
    const smr_state listed = list(field);
    if (t < 6) {
      memcpy(listed.arrays[0].array.data, numbers[t], sizeof numbers[t]);
    } else {
      *(double *)listed.arrays[1].array.data = t == 6 ? 1.5 : (double)NAN;
    }
    assert_fails(smr_mean_field_resume(field), SMR_ERR_INPUT, "none of a mean field");
    smr_mean_field_destroy(&field);
  }
}

static void test_errors(void **state) {
  static model made;
  smr_mean_field *field = NULL;
  (void)state;
  make_model(1, 1.0, &made);
  assert_fails(smr_mean_field_create(test_world, &made.rbm, 0, 1, &field), SMR_ERR_INPUT,
               "0 starts");
  made.c[2] = NAN;
  assert_fails(smr_mean_field_create(test_world, &made.rbm, 1, 1, &field), SMR_ERR_NUMERIC, "nan");
  assert_null(field);
}

MPI_TEST_MAIN(cmocka_unit_test(test_independent), cmocka_unit_test(test_weak),
              cmocka_unit_test(test_pair), cmocka_unit_test(test_strong),
              cmocka_unit_test(test_state), cmocka_unit_test(test_bad_states),
              cmocka_unit_test(test_errors))
