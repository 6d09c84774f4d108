/* Energy models on models of 32 states: energies against plain formulas, sweeps against the exact
 * distributions at several temperatures at once, bits. */
#include "check.h"
#include "chi_square.h"

#include <stdlib.h>

#include "simmer/base/random.h"
#include "simmer/base/vector.h"
#include "simmer/energy/model.h"

enum { MOST_STATES = 32, N_BETAS = 3, N_ROWS = 240000, MOST_UNITS = 6 };

static const double betas[N_BETAS] = {0.0, 0.45, 1.0};

/* The RBM of the tests. */
enum { V = 3, H = 2 };
static const float w[V * H] = {1.5F, -2.0F, 0.7F, 1.1F, -1.3F, 2.1F};
static const float b[V] = {-0.4F, 0.9F, 0.2F};
static const float c[H] = {0.6F, -1.0F};
static const float a[V] = {1.2F, -0.8F, 0.3F};
static const smr_rbm rbm = {V, H, w, b, c};
static const double coupling = 0.35;
enum { N_PATTERNS = 3, N_UNITS = 5 };
static const uint8_t patterns[N_PATTERNS * N_UNITS] = {1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0};

/* Plain energies of state s, whose bit k is unit k. */
typedef void plain_energy(int s, double *e, double *e0);

static double bit(int s, int k) {
  return (double)(s >> k & 1);
}

static void get_rbm_energy(int s, double *e, double *e0) {
  *e = 0.0;
  *e0 = 0.0;
  for (int i = 0; i < V; i++) {
    *e -= (double)b[i] * bit(s, i);
    *e0 -= (double)a[i] * bit(s, i);
    for (int j = 0; j < H; j++) {
      *e -= bit(s, i) * (double)w[i * H + j] * bit(s, V + j);
    }
  }
  for (int j = 0; j < H; j++) {
    *e -= (double)c[j] * bit(s, V + j);
  }
}

/* Sites 0 1 / 2 3: every bond counts twice. */
static void get_ising_energy(int s, double *e, double *e0) {
  static const int bonds[4][2] = {{0, 1}, {2, 3}, {0, 2}, {1, 3}};
  *e = 0.0;
  *e0 = 0.0;
  for (int k = 0; k < 4; k++) {
    *e -= 2.0 * coupling * (2 * bit(s, bonds[k][0]) - 1) * (2 * bit(s, bonds[k][1]) - 1);
  }
}

static void get_hopfield_energy(int s, double *e, double *e0) {
  *e = 0.0;
  *e0 = 0.0;
  for (int i = 0; i < N_UNITS; i++) {
    for (int j = 0; j < N_UNITS; j++) {
      double weight = 0.0;
      for (int p = 0; p < N_PATTERNS; p++) {
        const uint8_t *xi = patterns + p * N_UNITS;
        weight += (2.0 * xi[i] - 1) * (2.0 * xi[j] - 1) / N_UNITS;
      }
      *e -= i == j ? 0.0 : 0.5 * weight * (2 * bit(s, i) - 1) * (2 * bit(s, j) - 1);
    }
  }
}

typedef struct {
  smr_energy_model *model;
  plain_energy *plain;
  int n_units, n_states;
  float *parts[SMR_ENERGY_PARTS];
  float *work;
  double *beta; /* of rows: row i has betas[i mod N_BETAS] */
} fixture;

static fixture open_fixture(smr_energy_model *model, plain_energy *plain) {
  fixture f = {.model = model, .plain = plain};
  for (int p = 0; p < model->n_parts; p++) {
    f.n_units += (int)model->widths[p];
    f.parts[p] = malloc((size_t)(N_ROWS * model->widths[p]) * sizeof(float));
    assert_non_null(f.parts[p]);
  }
  f.n_states = 1 << f.n_units;
  assert_true(f.n_states <= MOST_STATES);
  f.work = malloc((size_t)(N_ROWS * model->work_floats + 1) * sizeof(float));
  f.beta = malloc(N_ROWS * sizeof *f.beta);
  assert_non_null(f.work);
  assert_non_null(f.beta);
  for (int i = 0; i < N_ROWS; i++) {
    f.beta[i] = betas[i % N_BETAS];
  }
  return f;
}

static void close_fixture(fixture *f) {
  for (int p = 0; p < f->model->n_parts; p++) {
    free(f->parts[p]);
  }
  free(f->work);
  free(f->beta);
  smr_energy_destroy(&f->model);
  assert_null(f->model);
}

static void put_state(fixture *f, int row, int s) {
  int unit = 0;
  for (int p = 0; p < f->model->n_parts; p++) {
    for (int64_t k = 0; k < f->model->widths[p]; k++) {
      f->parts[p][row * f->model->widths[p] + k] = (float)(s >> unit++ & 1);
    }
  }
}

static int get_state(const fixture *f, int row) {
  int s = 0;
  int unit = 0;
  for (int p = 0; p < f->model->n_parts; p++) {
    for (int64_t k = 0; k < f->model->widths[p]; k++) {
      float x = f->parts[p][row * f->model->widths[p] + k];
      assert_true(x == 0.0F || x == 1.0F);
      s |= (int)x << unit++;
    }
  }
  return s;
}

/* Exact probabilities at beta, p[n_states]. */
static void find_probabilities(const fixture *f, double beta, double *p) {
  double z = 0.0;
  for (int s = 0; s < f->n_states; s++) {
    double e, e0;
    f->plain(s, &e, &e0);
    p[s] = exp(-beta * e - (1.0 - beta) * e0);
    z += p[s];
  }
  for (int s = 0; s < f->n_states; s++) {
    p[s] /= z;
  }
}

/* How far the rows of temperature t are from p. */
static double measure(const fixture *f, int t, const double *p) {
  double counts[MOST_STATES] = {0};
  const int n_rows = N_ROWS / N_BETAS;
  for (int row = t; row < N_ROWS; row += N_BETAS) {
    counts[get_state(f, row)]++;
  }
  return chi_square_deviations(f->n_states, counts, p, n_rows);
}

static void check_distributions(const fixture *f) {
  for (int t = 0; t < N_BETAS; t++) {
    double p[MOST_STATES];
    find_probabilities(f, betas[t], p);
    assert_true(measure(f, t, p) < chi_square_limit);
    /* The test sees a wrong temperature. */
    find_probabilities(f, betas[(t + 1) % N_BETAS], p);
    assert_true(measure(f, t, p) > 5.0 * chi_square_limit);
  }
}

static void check_energies(fixture *f) {
  double u[MOST_STATES];
  double z0 = 0.0;
  for (int s = 0; s < f->n_states; s++) {
    put_state(f, s, s);
  }
  assert_ok(
      f->model->energy(f->model->self, f->n_states, (const float *const *)f->parts, f->work, u));
  for (int s = 0; s < f->n_states; s++) {
    double e, e0;
    f->plain(s, &e, &e0);
    z0 += exp(-e0);
    assert_close(u[s], e - e0, 0.0, 2e-6); /* float32 products */
  }
  assert_close(f->model->log_z0, log(z0), 1e-14, 0.0);
}

/* Row i gets an exact sample of temperature i mod N_BETAS. */
static void put_samples(fixture *f) {
  const smr_random_key key = {5, smr_random_stream("test exact", 0, 0)};
  double p[N_BETAS][MOST_STATES] = {{0}};
  for (int t = 0; t < N_BETAS; t++) {
    find_probabilities(f, betas[t], p[t]);
  }
  for (int row = 0; row < N_ROWS; row++) {
    double x = 0.0;
    int s = 0;
    smr_random_uniform(key, (uint64_t)row, 0, 1, &x);
    for (; s < f->n_states - 1 && x >= p[row % N_BETAS][s]; s++) {
      x -= p[row % N_BETAS][s];
    }
    put_state(f, row, s);
  }
}

/* A sweep at `factor` times the right temperatures. */
static void sweep(fixture *f, double factor) {
  const smr_energy_draw draw = {.key = {6, smr_random_stream("test sweep", 0, 0)}, .sweep = 3};
  for (int i = 0; i < N_ROWS; i++) {
    f->beta[i] = factor * betas[i % N_BETAS];
  }
  assert_ok(f->model->sweep(f->model->self, &draw, N_ROWS, f->beta, f->parts, f->work));
  for (int i = 0; i < N_ROWS; i++) {
    f->beta[i] = betas[i % N_BETAS];
  }
}

/* Exact samples of every temperature stay exact samples after one sweep, but not after one whose
 * temperature is off by 10 %. */
static void check_invariance(fixture *f) {
  int n_moved = 0;
  int *before = malloc(N_ROWS * sizeof *before);
  assert_non_null(before);
  put_samples(f);
  for (int row = 0; row < N_ROWS; row++) {
    before[row] = get_state(f, row);
  }
  check_distributions(f);
  sweep(f, 1.0);
  check_distributions(f);
  for (int row = 0; row < N_ROWS; row++) {
    n_moved += before[row] != get_state(f, row);
  }
  assert_true(n_moved > N_ROWS / 2);
  free(before);
  put_samples(f);
  sweep(f, 0.9);
  for (int t = 1; t < N_BETAS; t++) {
    double p[MOST_STATES];
    find_probabilities(f, betas[t], p);
    const double found = measure(f, t, p);
    print_message("%s, beta %.2f instead of %.2f: %.1f\n", f->model->name, 0.9 * betas[t], betas[t],
                  found);
    assert_true(found > 2.0 * chi_square_limit);
  }
}

/* `start` gives E_0 = beta 0, from which sweeps find every temperature. */
static void check_ergodicity(fixture *f) {
  smr_energy_draw draw = {.key = {8, smr_random_stream("test start", 0, 0)}, .sweep = 1};
  double p[MOST_STATES];
  assert_ok(f->model->start(f->model->self, &draw, N_ROWS, f->parts));
  find_probabilities(f, 0.0, p);
  for (int t = 0; t < N_BETAS; t++) {
    assert_true(measure(f, t, p) < chi_square_limit);
  }
  draw.key.stream++;
  for (draw.sweep = 0; draw.sweep < 40; draw.sweep++) {
    assert_ok(f->model->sweep(f->model->self, &draw, N_ROWS, f->beta, f->parts, f->work));
  }
  check_distributions(f);
}

/* A row's numbers follow its global number, not the call's rows. */
static void check_row_numbers(fixture *f) {
  smr_energy_draw draw = {.key = {9, 9}, .sweep = 1, .first_row = 40};
  int shifted[20];
  assert_ok(f->model->start(f->model->self, &draw, 20, f->parts));
  for (int i = 0; i < 20; i++) {
    shifted[i] = get_state(f, i);
  }
  draw.first_row = 30;
  assert_ok(f->model->start(f->model->self, &draw, 30, f->parts));
  for (int i = 0; i < 20; i++) {
    assert_int_equal(get_state(f, i + 10), shifted[i]);
  }
}

static void check_model(smr_energy_model *model, plain_energy *plain) {
  fixture f = open_fixture(model, plain);
  check_energies(&f);
  check_invariance(&f);
  check_ergodicity(&f);
  check_row_numbers(&f);
  close_fixture(&f);
}

static void test_rbm(void **state) {
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  check_model(model, get_rbm_energy);
}

static void test_hopfield(void **state) {
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_hopfield(N_UNITS, N_PATTERNS, patterns, &model));
  check_model(model, get_hopfield_energy);
}

static void test_ising(void **state) {
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_ising(2, coupling, &model));
  check_model(model, get_ising_energy);
}

/* The 4 x 4 model, where all neighbours differ, by classes of equal energy and magnetization. */
enum { SIDE = 4, SITES = SIDE * SIDE, LATTICES = 1 << SITES, CLASSES = 17 * 17, SPINS = 100000 };

static int get_class(int s) {
  int bonds = 0, n_up = 0;
  for (int i = 0; i < SITES; i++) {
    bonds += 1 - 2 * ((s >> i ^ s >> (i / SIDE * SIDE + (i + 1) % SIDE)) & 1);
    bonds += 1 - 2 * ((s >> i ^ s >> ((i + SIDE) % SITES)) & 1);
    n_up += s >> i & 1;
  }
  return (bonds / 4 + 8) * 17 + n_up;
}

static double get_weight(int class, double beta) {
  return exp(beta * coupling * 4.0 * (class / 17 - 8));
}

/* x [SPINS x SITES] of exact samples; p of the classes. */
static void put_lattices(double beta, float *x, double p[CLASSES]) {
  static double cumulated[LATTICES];
  double z = 0.0;
  memset(p, 0, CLASSES * sizeof *p);
  for (int s = 0; s < LATTICES; s++) {
    const int class = get_class(s);
    z += get_weight(class, beta);
    cumulated[s] = z;
    p[class] += get_weight(class, beta);
  }
  for (int class = 0; class < CLASSES; class ++) {
    p[class] /= z;
  }
  for (int row = 0; row < SPINS; row++) {
    double u = 0.0;
    int low = 0, high = LATTICES - 1;
    smr_random_uniform((smr_random_key){13, 1}, (uint64_t)row, 0, 1, &u);
    while (low < high) {
      const int middle = (low + high) / 2;
      if (cumulated[middle] > u * z) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    for (int i = 0; i < SITES; i++) {
      x[row * SITES + i] = (float)(low >> i & 1);
    }
  }
}

/* After a sweep at factor beta. */
static double measure_lattices(const smr_energy_model *model, double beta, double factor) {
  static float x[SPINS * SITES], work[SPINS * SITES / 2];
  static double betas_of_rows[SPINS];
  float *parts[SMR_ENERGY_PARTS] = {x, NULL};
  const smr_energy_draw draw = {.key = {13, 2}};
  double p[CLASSES], counts[CLASSES] = {0};
  put_lattices(beta, x, p);
  for (int row = 0; row < SPINS; row++) {
    betas_of_rows[row] = factor * beta;
  }
  assert_ok(model->sweep(model->self, &draw, SPINS, betas_of_rows, parts, work));
  for (int row = 0; row < SPINS; row++) {
    int s = 0;
    for (int i = 0; i < SITES; i++) {
      s |= (int)x[row * SITES + i] << i;
    }
    counts[get_class(s)]++;
  }
  return chi_square_deviations(CLASSES, counts, p, SPINS);
}

static void test_checkerboard(void **state) {
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_ising(SIDE, coupling, &model));
  for (int t = 0; t < N_BETAS; t++) {
    assert_true(measure_lattices(model, betas[t], 1.0) < chi_square_limit);
    assert_true(t == 0 || measure_lattices(model, betas[t], 0.9) > 2.0 * chi_square_limit);
  }
  smr_energy_destroy(&model);
}

/* The mean energy of independent chains against -d ln Z / dK, by summing all 2^16 states. */
static void test_ising_mean_energy(void **state) {
  enum { CHAINS = 4096 };
  static float x[CHAINS * SITES], work[CHAINS * SITES / 2];
  static double u[CHAINS], beta[CHAINS];
  float *parts[SMR_ENERGY_PARTS] = {x, NULL};
  smr_energy_draw draw = {.key = {11, 1}};
  smr_energy_model *model = NULL;
  double z = 0.0, mean = 0.0, square = 0.0, found = 0.0;
  (void)state;
  for (int s = 0; s < LATTICES; s++) {
    const double e = -log(get_weight(get_class(s), 1.0));
    z += exp(-e);
    mean += e * exp(-e);
    square += e * e * exp(-e);
  }
  mean /= z;
  square = square / z - mean * mean;
  assert_ok(smr_energy_create_ising(SIDE, coupling, &model));
  for (int i = 0; i < CHAINS; i++) {
    beta[i] = 1.0;
  }
  assert_ok(model->start(model->self, &draw, CHAINS, parts));
  draw.key.stream = 2;
  for (draw.sweep = 0; draw.sweep < 60; draw.sweep++) {
    assert_ok(model->sweep(model->self, &draw, CHAINS, beta, parts, work));
  }
  assert_ok(model->energy(model->self, CHAINS, (const float *const *)parts, work, u));
  for (int i = 0; i < CHAINS; i++) {
    found += u[i] / CHAINS;
  }
  /* Three standard errors of independent chains. */
  assert_close(found, mean, 0.0, 3.0 * sqrt(square / CHAINS));
  smr_energy_destroy(&model);
}

static void test_mistakes(void **state) {
  static const uint8_t grey[2] = {0, 2};
  static const float bad[V] = {0.0F, INFINITY, 0.0F};
  smr_energy_model *model = NULL;
  (void)state;
  assert_fails(smr_energy_create_ising(3, 0.4, &model), SMR_ERR_INPUT, "even");
  assert_fails(smr_energy_create_ising(4, (double)NAN, &model), SMR_ERR_INPUT, "coupling");
  assert_fails(smr_energy_create_hopfield(2, 1, grey, &model), SMR_ERR_INPUT, "binary");
  assert_fails(smr_energy_create_hopfield(1 << 20, 1 << 20, grey, &model), SMR_ERR_LIMIT, "2^30");
  assert_fails(smr_energy_create_rbm(&rbm, bad, &model), SMR_ERR_INPUT, "unit 1");
  assert_null(model);
  smr_energy_destroy(&model);
}

/* Without base biases, at beta = 1, a sweep is plain block Gibbs bit for bit. */
static void test_plain_gibbs(void **state) {
  enum { N = 7 };
  float v[N * V], h[N * H], v2[N * V], h2[N * H], x[N * V], work[N * H];
  double beta[N];
  float *parts[SMR_ENERGY_PARTS] = {v, h};
  const smr_random_key key = {3, 4};
  const smr_energy_draw draw = {.key = key, .sweep = 5, .first_row = 2};
  const smr_vector_units hidden = {N, H, c};
  const smr_vector_units visible = {N, V, b};
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, NULL, &model));
  assert_ok(model->start(model->self, &draw, N, parts));
  memcpy(v2, v, sizeof v);
  for (int i = 0; i < N; i++) {
    beta[i] = 1.0;
  }
  assert_ok(model->sweep(model->self, &draw, N, beta, parts, work));
  smr_rbm_multiply_hidden(&rbm, N, v2, x);
  smr_vector_sample(key, 10, 2, &hidden, x, h2);
  smr_rbm_multiply_visible(&rbm, N, h2, x);
  smr_vector_sample(key, 11, 2, &visible, x, v2);
  assert_memory_equal(v, v2, sizeof v);
  assert_memory_equal(h, h2, sizeof h);
  smr_energy_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rbm),          cmocka_unit_test(test_hopfield),
      cmocka_unit_test(test_ising),        cmocka_unit_test(test_ising_mean_energy),
      cmocka_unit_test(test_checkerboard), cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_plain_gibbs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
