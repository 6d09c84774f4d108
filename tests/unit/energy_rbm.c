/* An RBM's conditionals and free energies against sums over all states in double. */
#include "check.h"

#include <stdlib.h>

#include "simmer/base/vector.h"
#include "simmer/energy/rbm.h"

enum { LARGEST = 12, ROWS = 5 };

static const smr_random_key key = {7, 3};

typedef struct {
  smr_rbm rbm;
  float w[LARGEST * LARGEST], b[LARGEST], c[LARGEST];
  float v[ROWS * LARGEST], h[ROWS * LARGEST];
} model;

static void fill(uint64_t index, int64_t n, double scale, float *x) {
  double z[LARGEST * LARGEST];
  smr_random_normal(key, index, 0, n, z);
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)(scale * z[i]);
  }
}

static void make(int64_t n_visible, int64_t n_hidden, model *m) {
  m->rbm = (smr_rbm){n_visible, n_hidden, m->w, m->b, m->c};
  fill(1, n_visible * n_hidden, 1.0, m->w);
  fill(2, n_visible, 0.5, m->b);
  fill(3, n_hidden, 0.5, m->c);
  for (int64_t i = 0; i < ROWS * n_visible; i++) {
    m->v[i] = (float)(i * 7 % 5 < 2);
  }
  for (int64_t i = 0; i < ROWS * n_hidden; i++) {
    m->h[i] = (float)(i * 5 % 7 < 3);
  }
}

static double energy(const smr_rbm *rbm, const float *v, const float *h) {
  double sum = 0;
  for (int64_t i = 0; i < rbm->n_visible; i++) {
    sum -= (double)(rbm->visible_bias[i] * v[i]);
    for (int64_t j = 0; j < rbm->n_hidden; j++) {
      sum -= (double)v[i] * (double)rbm->w[i * rbm->n_hidden + j] * (double)h[j];
    }
  }
  for (int64_t j = 0; j < rbm->n_hidden; j++) {
    sum -= (double)(rbm->hidden_bias[j] * h[j]);
  }
  return sum;
}

static void set_bits(unsigned state, int64_t n, float *x) {
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)(state >> i & 1U);
  }
}

/* Weight of all states of the free side, and of those with each of its units on. */
static double sum_states(const model *m, int64_t row, int is_hidden_free, double *on) {
  const smr_rbm *rbm = &m->rbm;
  int64_t n = is_hidden_free ? rbm->n_hidden : rbm->n_visible;
  double total = 0;
  memset(on, 0, (size_t)n * sizeof *on);
  for (unsigned s = 0; s < 1U << n; s++) {
    float x[LARGEST];
    set_bits(s, n, x);
    double weight = exp(-(is_hidden_free ? energy(rbm, m->v + row * rbm->n_visible, x)
                                         : energy(rbm, x, m->h + row * rbm->n_hidden)));
    total += weight;
    for (int64_t j = 0; j < n; j++) {
      on[j] += x[j] != 0 ? weight : 0;
    }
  }
  return total;
}

/* Sums of at most 12 weights of size 3 in float: 1e-5 is ten times their rounding. */
static void check_model(int64_t n_visible, int64_t n_hidden) {
  model m;
  float p[ROWS * LARGEST], work[ROWS * LARGEST];
  double f[ROWS], on[LARGEST];
  make(n_visible, n_hidden, &m);
  assert_ok(smr_rbm_hidden(&m.rbm, ROWS, m.v, p));
  assert_ok(smr_rbm_free_energy(&m.rbm, ROWS, m.v, work, f));
  for (int64_t r = 0; r < ROWS; r++) {
    double total = sum_states(&m, r, 1, on);
    assert_close(f[r], -log(total), 0, 1e-5);
    for (int64_t j = 0; j < n_hidden; j++) {
      assert_close((double)p[r * n_hidden + j], on[j] / total, 1e-5, 0);
    }
  }
  assert_ok(smr_rbm_visible(&m.rbm, ROWS, m.h, p));
  for (int64_t r = 0; r < ROWS; r++) {
    double total = sum_states(&m, r, 0, on);
    for (int64_t i = 0; i < n_visible; i++) {
      assert_close((double)p[r * n_visible + i], on[i] / total, 1e-5, 0);
    }
  }
}

static void test_enumeration(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{1, 1}, {1, 6}, {6, 1}, {5, 3}, {3, 9}, {10, 10}};
  for (int i = 0; i < 6; i++) {
    check_model(shapes[i][0], shapes[i][1]);
  }
}

static void test_draws(void **state) {
  (void)state;
  model m;
  float p[ROWS * LARGEST], expected[ROWS * LARGEST], drawn[ROWS * LARGEST], out[ROWS * LARGEST];
  const smr_rbm_draw draw = {key, 17, 100};
  make(7, 5, &m);
  assert_ok(smr_rbm_hidden(&m.rbm, ROWS, m.v, expected));
  smr_vector_bernoulli(key, 17, 100, ROWS, 5, expected, drawn);
  assert_ok(smr_rbm_draw_hidden(&m.rbm, &draw, ROWS, m.v, p, out));
  assert_memory_equal(p, expected, ROWS * 5 * sizeof *p);
  assert_memory_equal(out, drawn, ROWS * 5 * sizeof *p);
  assert_ok(smr_rbm_visible(&m.rbm, ROWS, m.h, expected));
  smr_vector_bernoulli(key, 17, 100, ROWS, 7, expected, drawn);
  assert_ok(smr_rbm_draw_visible(&m.rbm, &draw, ROWS, m.h, out, out));
  assert_memory_equal(out, drawn, ROWS * 7 * sizeof *p);
}

/* Sums of at most 9 weights of size 3 in float, against the plain loop in double. */
static void test_products(void **state) {
  (void)state;
  model m;
  float x[ROWS * LARGEST];
  make(9, 6, &m);
  assert_ok(smr_rbm_multiply_hidden(&m.rbm, ROWS, m.v, x));
  for (int k = 0; k < ROWS * 6; k++) {
    double sum = 0;
    for (int i = 0; i < 9; i++) {
      sum += (double)m.v[k / 6 * 9 + i] * (double)m.w[i * 6 + k % 6];
    }
    assert_close((double)x[k], sum, 1e-6, 1e-5);
  }
  assert_ok(smr_rbm_multiply_visible(&m.rbm, 0.25F, ROWS, m.h, x));
  for (int k = 0; k < ROWS * 9; k++) {
    double sum = 0;
    for (int j = 0; j < 6; j++) {
      sum += 0.25 * (double)m.h[k / 9 * 6 + j] * (double)m.w[k % 9 * 6 + j];
    }
    assert_close((double)x[k], sum, 1e-6, 1e-5);
  }
}

static void test_no_rows(void **state) {
  (void)state;
  model m;
  float p[1] = {-1};
  make(3, 2, &m);
  assert_ok(smr_rbm_hidden(&m.rbm, 0, m.v, p));
  assert_true(p[0] == -1);
}

static void test_too_large(void **state) {
  (void)state;
  model m;
  make(3, 2, &m);
  assert_fails(smr_rbm_hidden(&m.rbm, INT64_C(1) << 31, m.v, m.h), SMR_ERR_LIMIT, "size");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_enumeration), cmocka_unit_test(test_draws),
      cmocka_unit_test(test_products),    cmocka_unit_test(test_no_rows),
      cmocka_unit_test(test_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
