/* ln Z by enumeration: against sums over the other side, analytic results, the Ising model. */
#include "mpi_frame.h"

#include <omp.h>
#include <stdbool.h>

#include "simmer/base/memory.h"
#include "simmer/sample/enumerate.h"

/* Rounding of hundreds of factors a state is below 1e-13; the oracles are long double. */
static const double tolerance = 1e-12;

typedef struct {
  smr_rbm rbm;
  float *parameters;
} model;

static float *take(float **next, int64_t n) {
  float *start = *next;
  *next += n;
  return start;
}

/* Uniform parameters in [-w, w] and [-bias, bias]. */
static model make_model(int64_t n_visible, int64_t n_hidden, double w, double bias) {
  const smr_random_key key = {7, smr_random_stream("test model", 0, 0)};
  const int64_t n_weights = n_visible * n_hidden;
  const int64_t n = n_weights + n_visible + n_hidden;
  model made = {.rbm = {.n_visible = n_visible, .n_hidden = n_hidden}};
  assert_ok(smr_memory_alloc(n, sizeof(float), "test", &made.parameters));
  for (int64_t i = 0; i < n; i++) {
    double u = 0.0;
    smr_random_uniform(key, (uint64_t)i, 0, 1, &u);
    made.parameters[i] = (float)((2.0 * u - 1.0) * (i < n_weights ? w : bias));
  }
  float *next = made.parameters;
  made.rbm.w = take(&next, n_weights);
  made.rbm.visible_bias = take(&next, n_visible);
  made.rbm.hidden_bias = take(&next, n_hidden);
  return made;
}

static void clear_model(model *made) {
  smr_memory_free(made->parameters);
  made->parameters = NULL;
}

static long double softplus(long double x) {
  return fmaxl(x, 0.0L) + log1pl(expl(-fabsl(x)));
}

static bool is_on(int64_t state, int64_t unit) {
  return (state >> unit & 1) != 0;
}

/* ln of the sum over the other side of state s of one side. */
static long double evaluate_state(const smr_rbm *rbm, bool sums_visible, int64_t s) {
  const int64_t m = sums_visible ? rbm->n_visible : rbm->n_hidden;
  const int64_t n = sums_visible ? rbm->n_hidden : rbm->n_visible;
  const float *a = sums_visible ? rbm->visible_bias : rbm->hidden_bias;
  const float *d = sums_visible ? rbm->hidden_bias : rbm->visible_bias;
  long double y = 0.0L;
  for (int64_t i = 0; i < m; i++) {
    y += is_on(s, i) ? (long double)a[i] : 0.0L;
  }
  for (int64_t j = 0; j < n; j++) {
    long double x = (long double)d[j];
    for (int64_t i = 0; i < m; i++) {
      int64_t at = sums_visible ? i * n + j : j * m + i;
      x += is_on(s, i) ? (long double)rbm->w[at] : 0.0L;
    }
    y += softplus(x);
  }
  return y;
}

/* The plain loop over all states of the visible or of the hidden side. */
static double sum_states(const smr_rbm *rbm, bool sums_visible) {
  const int64_t n_states = (int64_t)1 << (sums_visible ? rbm->n_visible : rbm->n_hidden);
  long double largest = -HUGE_VALL;
  long double sum = 0.0L;
  for (int64_t s = 0; s < n_states; s++) {
    long double y = evaluate_state(rbm, sums_visible, s);
    if (y > largest) {
      sum *= expl(largest - y);
      largest = y;
    }
    sum += expl(y - largest);
  }
  return (double)(largest + logl(sum));
}

static double enumerate(const smr_rbm *rbm) {
  double log_z = (double)NAN;
  assert_ok(smr_enumerate_log_z(test_world, rbm, &log_z));
  return log_z;
}

/* The oracle sums over the side that enumeration sums out. */
static void test_plain(void **state) {
  const int64_t sizes[][2] = {{1, 1}, {1, 5}, {6, 2}, {5, 5}, {12, 9}, {7, 12}, {12, 12}, {14, 6}};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    model made = make_model(sizes[i][0], sizes[i][1], 1.5, 1.0);
    bool is_hidden_summed = sizes[i][1] <= sizes[i][0];
    double expected = sum_states(&made.rbm, is_hidden_summed);
    assert_close(enumerate(&made.rbm), expected, tolerance, tolerance);
    clear_model(&made);
  }
}

/* More than one block of states, more than one tile, and sides of other lengths than a tile. */
static void test_blocks(void **state) {
  const int64_t sizes[][2] = {{13, 13}, {14, 35}, {90, 13}};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    model made = make_model(sizes[i][0], sizes[i][1], 0.8, 2.0);
    double expected = sum_states(&made.rbm, sizes[i][0] < sizes[i][1]);
    assert_close(enumerate(&made.rbm), expected, tolerance, tolerance);
    clear_model(&made);
  }
}

/* Large weights and biases: products that must be scaled often (to 20), units beyond e^600 in some
 * blocks (50), or in all (800), or whose e^w is no double (2000); and far on either side. */
static void test_large(void **state) {
  const double sizes[][2] = {{20.0, 10.0}, {50.0, 50.0},   {50.0, 1500.0},
                             {200.0, 3.0}, {800.0, 100.0}, {2000.0, 4000.0}};
  const int64_t shapes[][2] = {{9, 12}, {40, 13}};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int k = 0; k < 2; k++) {
      model made = make_model(shapes[k][0], shapes[k][1], sizes[i][0], sizes[i][1]);
      double expected = sum_states(&made.rbm, k == 0);
      assert_close(enumerate(&made.rbm), expected, tolerance, tolerance);
      clear_model(&made);
    }
  }
}

/* Weights that cancel a bias: pre-activations about 0 made of parts whose e^x are no doubles. */
static void test_cancelling(void **state) {
  const double parts[][3] = {{-650.0, 650.0, 0.0},
                             {-900.0, 450.0, 450.0},
                             {900.0, -450.0, -450.0},
                             {-2000.0, 0.0, 2000.0}};
  enum { V = 13, H = 12 };
  (void)state;
  for (int t = 0; t < 4; t++) {
    for (int first = 0; first < H - 1; first++) {
      model made = make_model(V, H, 1.0, 1.0);
      made.parameters[V * H] += (float)parts[t][0];
      made.parameters[first] += (float)parts[t][1];
      made.parameters[first + 1] += (float)parts[t][2];
      assert_close(enumerate(&made.rbm), sum_states(&made.rbm, true), tolerance, tolerance);
      clear_model(&made);
    }
  }
}

/* W = 0: ln Z = sum softplus(b) + sum softplus(c). */
static void test_independent(void **state) {
  const int64_t sizes[][2] = {{1, 1}, {4, 3}, {100, 12}, {15, 16}, {300, 17}};
  const double biases[] = {0.0, 2.0, 30.0, 1e5};
  (void)state;
  for (int t = 0; t < 20; t++) {
    model made = make_model(sizes[t / 4][0], sizes[t / 4][1], 0.0, biases[t % 4]);
    long double expected = 0.0L;
    for (int64_t i = 0; i < made.rbm.n_visible; i++) {
      expected += softplus((long double)made.rbm.visible_bias[i]);
    }
    for (int64_t j = 0; j < made.rbm.n_hidden; j++) {
      expected += softplus((long double)made.rbm.hidden_bias[j]);
    }
    assert_close(enumerate(&made.rbm), (double)expected, tolerance, tolerance);
    clear_model(&made);
  }
}

/* The periodic 4 x 4 Ising model as an RBM of 16 x 32 units, one hidden unit a bond. */
static void test_ising(void **state) {
  enum { L = 4, V = L * L, H = 2 * V };
  /* Kaufman's formula per site; eight digits. */
  const double couplings[] = {0.3, 0.408, 0.44068679350977147, 0.5};
  const double per_site[] = {0.79909521, 0.92126195, 0.97011972, 1.06908544};
  (void)state;
  for (int t = 0; t < 4; t++) {
    const double k = couplings[t];
    const double w = acosh(exp(2.0 * k)) / 2.0;
    model made = make_model(V, H, 0.0, 0.0);
    float *parameters = made.parameters;
    for (int i = 0; i < V; i++) {
      const int right = i / L * L + (i + 1) % L;
      const int down = (i + L) % V;
      const int ends[2][2] = {{i, right}, {i, down}};
      for (int bond = 0; bond < 2; bond++) {
        parameters[ends[bond][0] * H + 2 * i + bond] = (float)(4.0 * w);
        parameters[ends[bond][1] * H + 2 * i + bond] = (float)(4.0 * w);
        parameters[V * H + V + 2 * i + bond] = (float)(-4.0 * w);
      }
      parameters[V * H + i] = (float)(-8.0 * w);
    }
    double expected = V * per_site[t] + H * (log(2.0) + k) - 4.0 * V * w;
    /* Parameters are float32: relative 6e-8 of terms that add up to some hundreds. */
    assert_close(enumerate(&made.rbm), expected, 0.0, 3e-5);
    clear_model(&made);
  }
}

static void test_transposed(void **state) {
  const int64_t sizes[][2] = {{15, 60}, {30, 14}};
  (void)state;
  for (int t = 0; t < 2; t++) {
    const int64_t n_visible = sizes[t][0];
    const int64_t n_hidden = sizes[t][1];
    model made = make_model(n_visible, n_hidden, 2.0, 2.0);
    model other = make_model(n_hidden, n_visible, 0.0, 0.0);
    for (int64_t i = 0; i < n_visible * n_hidden; i++) {
      other.parameters[i % n_hidden * n_visible + i / n_hidden] = made.parameters[i];
    }
    other.rbm.visible_bias = made.rbm.hidden_bias;
    other.rbm.hidden_bias = made.rbm.visible_bias;
    assert_close(enumerate(&other.rbm), enumerate(&made.rbm), tolerance, 0.0);
    clear_model(&made);
    clear_model(&other);
  }
}

static uint64_t get_bits(double x) {
  uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The bits of one rank with one thread are those of all ranks with two. */
static void test_bits(void **state) {
  const int64_t sizes[][2] = {{50, 16}, {3, 8}, {13, 40}};
  smr_context *alone = NULL;
  int index = 0;
  (void)state;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  for (int t = 0; t < 3; t++) {
    model made = make_model(sizes[t][0], sizes[t][1], t == 2 ? 60.0 : 1.0, 1.0);
    double expected = 0.0;
    omp_set_num_threads(1);
    assert_ok(smr_enumerate_log_z(alone, &made.rbm, &expected));
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
      omp_set_num_threads(n_threads);
      double log_z = enumerate(&made.rbm);
      assert_on_all(get_bits(log_z) == get_bits(expected));
    }
    clear_model(&made);
  }
  omp_set_num_threads(1);
  smr_context_destroy(&alone);
}

static void test_errors(void **state) {
  const double bad[] = {(double)NAN, (double)INFINITY, 3e38};
  double log_z = 0.0;
  (void)state;
  for (int t = 0; t < 9; t++) {
    model made = make_model(6, 4, 1.0, 1.0);
    const int places[] = {23, 29, 30}; /* in W, b and c */
    /* A value that one rank alone has wrong must end on all. */
    if (test_world->rank == test_world->size - 1) {
      made.parameters[places[t % 3]] = (float)bad[t / 3];
    }
    assert_fails(smr_enumerate_log_z(test_world, &made.rbm, &log_z), SMR_ERR_NUMERIC, "magnitudes");
    clear_model(&made);
  }
  model large = make_model(30, 29, 1.0, 1.0);
  assert_fails(smr_enumerate_log_z(test_world, &large.rbm, &log_z), SMR_ERR_LIMIT, "2^29 states");
  clear_model(&large);
  assert_true(smr_enumerate_count_flops(784, 10) == 784.0 * 1024.0 * 3.0);
}

MPI_TEST_MAIN(cmocka_unit_test(test_plain), cmocka_unit_test(test_blocks),
              cmocka_unit_test(test_large), cmocka_unit_test(test_cancelling),
              cmocka_unit_test(test_independent), cmocka_unit_test(test_ising),
              cmocka_unit_test(test_transposed), cmocka_unit_test(test_bits),
              cmocka_unit_test(test_errors))
