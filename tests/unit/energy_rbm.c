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

/* States of zeros and ones, about half of them on. */
static void fill_states(uint64_t index, int64_t n, float *x) {
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)smr_random_below(key, index, (uint64_t)i, 2);
  }
}

static float *make_array(int64_t n) {
  float *x = calloc((size_t)n + 1, sizeof *x);
  assert_non_null(x);
  return x;
}

/* Both products of n states against the plain loop in double: sums of 300 weights of size 3 in
 * float are good to 1e-4. Rows alone, and in pairs, have the same bits. */
static void check_products(int64_t n, int64_t n_visible, int64_t n_hidden) {
  float *w = make_array(n_visible * n_hidden);
  for (int64_t i = 0; i < n_visible; i++) {
    double z[512];
    smr_random_normal(key, (uint64_t)i, 1, n_hidden, z);
    for (int64_t j = 0; j < n_hidden; j++) {
      w[i * n_hidden + j] = (float)z[j];
    }
  }
  const smr_rbm rbm = {n_visible, n_hidden, w, NULL, NULL};
  for (int is_visible = 0; is_visible < 2; is_visible++) {
    const int64_t n_from = is_visible ? n_hidden : n_visible;
    const int64_t n_to = is_visible ? n_visible : n_hidden;
    float *states = make_array(n * n_from);
    float *x = make_array(n * n_to);
    float *same = make_array(2 * n_to);
    fill_states(4, n * n_from, states);
    x[n * n_to] = 7.0F;
    (is_visible ? smr_rbm_multiply_visible : smr_rbm_multiply_hidden)(&rbm, n, states, x);
    for (int64_t k = 0; k < n * n_to; k++) {
      double sum = 0.0;
      for (int64_t i = 0; i < n_from; i++) {
        const int64_t at = is_visible ? k % n_to * n_hidden + i : i * n_hidden + k % n_to;
        sum += (double)states[k / n_to * n_from + i] * (double)w[at];
      }
      assert_close((double)x[k], sum, 0.0, 1e-4);
    }
    assert_true(x[n * n_to] == 7.0F);
    for (int64_t i = 0; i < n; i++) {
      const int64_t count = i + 2 <= n ? 1 + i % 2 : 1;
      (is_visible ? smr_rbm_multiply_visible : smr_rbm_multiply_hidden)(&rbm, count,
                                                                        states + i * n_from, same);
      assert_memory_equal(same, x + i * n_to, (size_t)(count * n_to) * sizeof *same);
    }
    free(states);
    free(x);
    free(same);
  }
  free(w);
}

/* Edges of groups of four units, of blocks of 128 of them, of tiles of columns, of octets and of
 * blocks of 256 states. */
static void test_products(void **state) {
  static const int64_t shapes[][3] = {{1, 1, 1},     {2, 3, 5},     {5, 9, 6},    {8, 16, 32},
                                      {13, 33, 31},  {16, 127, 64}, {17, 132, 7}, {3, 300, 260},
                                      {300, 50, 17}, {11, 4, 200}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    check_products(shapes[i][0], shapes[i][1], shapes[i][2]);
  }
}

/* Weights of units that are off don't matter, whatever they are. */
static void test_off(void **state) {
  enum { V = 6, H = 3 };
  const float v[2 * V] = {1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0};
  const float expected[2] = {4.0F, INFINITY};
  float w[V * H], x[2 * H];
  const smr_rbm rbm = {V, H, w, NULL, NULL};
  (void)state;
  for (int i = 0; i < V * H; i++) {
    w[i] = i / H == 1 ? INFINITY : 1.0F;
  }
  smr_rbm_multiply_hidden(&rbm, 2, v, x);
  for (int k = 0; k < 2 * H; k++) {
    assert_true(x[k] == expected[k / H]);
  }
}

static void test_no_rows(void **state) {
  (void)state;
  model m;
  float p[1] = {-1};
  make(3, 2, &m);
  assert_ok(smr_rbm_hidden(&m.rbm, 0, m.v, p));
  smr_rbm_multiply_hidden(&m.rbm, 0, m.v, p);
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
      cmocka_unit_test(test_products),    cmocka_unit_test(test_off),
      cmocka_unit_test(test_no_rows),     cmocka_unit_test(test_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
