/* Parallel tempering of an RBM with two modes against sums over its 64 states; bits, resumption. */
#include "chi_square.h"
#include "mpi_frame.h"

#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "simmer/base/memory.h"
#include "simmer/energy/ising.h"
#include "simmer/sample/enumerate.h"
#include "simmer/sample/tempering.h"

static smr_context *alone;

/* All units up or all down, with different weights, and a barrier between them. */
enum { V = 4, H = 2, N_V = 1 << V, N_STATES = 1 << (V + H) };
static const float w[V * H] = {5.0F, 5.0F, 5.0F, 5.0F, 5.0F, 5.0F, 5.0F, 5.0F};
static const float b[V] = {-5.0F, -5.0F, -5.0F, -4.9F};
static const float c[H] = {-9.9F, -9.8F};
static const float a[V] = {0.1F, -0.2F, 0.3F, 0.0F};
static const smr_rbm rbm = {V, H, w, b, c};

static double bit(int s, int k) {
  return (double)(s >> k & 1);
}

/* E - E_0 and E_0 of a state. */
static void get_energy(int s, double *u, double *e0) {
  double e = 0.0;
  *e0 = 0.0;
  for (int i = 0; i < V; i++) {
    e -= (double)b[i] * bit(s, i);
    *e0 -= (double)a[i] * bit(s, i);
    for (int j = 0; j < H; j++) {
      e -= bit(s, i) * bit(s, V + j) * (double)w[i * H + j];
    }
  }
  for (int j = 0; j < H; j++) {
    e -= bit(s, V + j) * (double)c[j];
  }
  *u = e - *e0;
}

/* Probabilities at beta of the visible states, mean and variance of u. */
static void enumerate(double beta, double p[N_V], double *mean, double *variance) {
  double z = 0.0, square = 0.0;
  *mean = 0.0;
  memset(p, 0, N_V * sizeof *p);
  for (int s = 0; s < N_STATES; s++) {
    double u, e0;
    get_energy(s, &u, &e0);
    const double weight = exp(-e0 - beta * u);
    z += weight;
    p[s % N_V] += weight;
    *mean += weight * u;
    square += weight * u * u;
  }
  for (int s = 0; s < N_V; s++) {
    p[s] /= z;
  }
  *mean /= z;
  *variance = square / z - *mean * *mean;
}

static smr_tempering *start(const smr_context *context, const smr_energy_model *model,
                            const smr_tempering_config *config) {
  smr_tempering *t = NULL;
  assert_ok(smr_tempering_create(context, model, config, &t));
  return t;
}

static void run(smr_tempering *t, int64_t n) {
  int is_done = 0;
  for (int64_t i = 0; i < n; i++) {
    assert_ok(smr_tempering_scan(t, &is_done));
  }
}

static int get_state(const float *v) {
  int s = 0;
  for (int i = 0; i < V; i++) {
    s |= (int)v[i] << i;
  }
  return s;
}

/* Independent chains after a while: the visible states at beta = 1 by chi-square, mean energies at
 * every temperature within 4 standard errors (6 temperatures). */
static void test_distribution(void **state) {
  enum { CHAINS = 3000, T = 6, SCANS = 120 };
  static const double betas[T] = {0.0, 0.15, 0.3, 0.5, 0.75, 1.0};
  static float x[CHAINS * V];
  const smr_tempering_config config = {.n_chains = CHAINS,
                                       .n_temperatures = T,
                                       .scans = SCANS,
                                       .sweeps = 1,
                                       .betas = betas,
                                       .seed = 3};
  smr_energy_model *model = NULL;
  double p[N_V], mean = 0.0, variance = 0.0;
  double counts[N_V] = {0};
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *t = start(test_world, model, &config);
  run(t, SCANS);
  assert_ok(smr_tempering_get_samples(t, x));
  for (int64_t chain = 0; chain < CHAINS; chain++) {
    counts[get_state(x + chain * V)]++;
  }
  enumerate(1.0, p, &mean, &variance);
  assert_true(chi_square_deviations(N_V, counts, p, CHAINS) < chi_square_limit);
  /* Both modes are really there, unequal, and far from where the chains began. */
  assert_true(p[0] > 0.1 && p[N_V - 1] > 0.1 && fabs(p[0] - p[N_V - 1]) > 0.05);
  const smr_tempering_view view = smr_tempering_get(t);
  const double *u = view.energies + (int64_t)(SCANS - 1) * CHAINS * T;
  for (int i = 0; i < T; i++) {
    double found = 0.0;
    enumerate(betas[i], p, &mean, &variance);
    for (int64_t chain = 0; chain < CHAINS; chain++) {
      found += u[chain * T + i] / CHAINS;
    }
    assert_close(found, mean, 0.0, 4.0 * sqrt(variance / CHAINS));
  }
  assert_true(view.round_trips > 0);
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
}

/* Occupation of the upper mode over long runs, within 3 standard errors over chains; one
 * temperature alone hardly leaves a mode. */
static void test_two_modes(void **state) {
  enum { CHAINS = 48, SCANS = 600 };
  const int64_t n_temperatures[2] = {5, 1};
  double p[N_V], mean = 0.0, variance = 0.0, errors[2];
  (void)state;
  enumerate(1.0, p, &mean, &variance);
  double exact = 0.0;
  for (int s = 0; s < N_V; s++) {
    exact += bit(s, 0) * p[s];
  }
  for (int k = 0; k < 2; k++) {
    const smr_tempering_config config = {.n_chains = CHAINS,
                                         .n_temperatures = n_temperatures[k],
                                         .rounds = k == 0 ? 5 : 0,
                                         .scans = SCANS,
                                         .sweeps = 1,
                                         .seed = 4};
    float x[CHAINS * V];
    double occupation[CHAINS] = {0}, sum = 0.0, square = 0.0;
    smr_energy_model *model = NULL;
    assert_ok(smr_energy_create_rbm(&rbm, a, &model));
    smr_tempering *t = start(test_world, model, &config);
    run(t, smr_tempering_count_scans(t) - SCANS);
    for (int scan = 0; scan < SCANS; scan++) {
      run(t, 1);
      assert_ok(smr_tempering_get_samples(t, x));
      for (int64_t chain = 0; chain < CHAINS; chain++) {
        occupation[chain] += (double)x[chain * V] / SCANS;
      }
    }
    for (int chain = 0; chain < CHAINS; chain++) {
      sum += occupation[chain] / CHAINS;
      square += occupation[chain] * occupation[chain] / CHAINS;
    }
    errors[k] = sqrt((square - sum * sum) / (CHAINS - 1));
    if (k == 0) {
      assert_close(sum, exact, 0.0, 3.0 * errors[k]);
      assert_true(errors[k] < 0.05);
    }
    smr_tempering_destroy(&t);
    smr_energy_destroy(&model);
  }
  assert_true(errors[1] > 2.0 * errors[0]);
}

/* Several shards, and runs of rows that shards cut, with as many temperatures as it takes. */
static const smr_tempering_config automatic = {.n_chains = 13,
                                               .n_temperatures = -1,
                                               .most_temperatures = 40,
                                               .rounds = 4,
                                               .scans = 12,
                                               .sweeps = 2,
                                               .seed = 5};

static void assert_same(smr_tempering *t, smr_tempering *reference) {
  const smr_tempering_view x = smr_tempering_get(t);
  const smr_tempering_view y = smr_tempering_get(reference);
  float v[13 * V], v2[13 * V];
  assert_on_all(x.n_temperatures == y.n_temperatures && x.n_scans == y.n_scans &&
                x.round_trips == y.round_trips);
  const size_t n = (size_t)(x.n_scans * x.n_chains * x.n_temperatures);
  assert_on_all(memcmp(x.betas, y.betas, (size_t)x.n_temperatures * sizeof(double)) == 0);
  assert_on_all(memcmp(x.rejection, y.rejection, (size_t)(x.n_temperatures - 1) * 8) == 0);
  assert_on_all(memcmp(x.energies, y.energies, n * sizeof(double)) == 0);
  assert_on_all(memcmp(x.indices, y.indices, n * sizeof(int32_t)) == 0);
  assert_ok(smr_tempering_get_samples(t, v));
  assert_ok(smr_tempering_get_samples(reference, v2));
  int n_different = 0;
  for (int i = 0; i < 13 * V; i++) {
    n_different += v[i] != v2[i];
  }
  assert_on_all(n_different == 0);
}

static void test_same_bits(void **state) {
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *reference = start(alone, model, &automatic);
  run(reference, smr_tempering_count_scans(reference));
  const smr_tempering_view view = smr_tempering_get(reference);
  /* The number is about twice the barrier, up to the noise of the last round. */
  assert_true(view.n_temperatures < 16 && view.barrier > 0.5);
  assert_close((double)view.n_temperatures, 2.0 * view.barrier + 1.5, 0.0, 1.5);
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    smr_tempering *t = start(test_world, model, &automatic);
    run(t, smr_tempering_count_scans(t));
    assert_same(t, reference);
    smr_tempering_destroy(&t);
  }
  omp_set_num_threads(1);
  smr_tempering_destroy(&reference);
  smr_energy_destroy(&model);
}

/* Fills the state of `to` from `from`, which is on one rank. */
static void copy_state(smr_tempering *from, smr_tempering *to) {
  smr_state x = {0}, y = {0};
  assert_ok(smr_tempering_list_state(from, &x));
  assert_ok(smr_tempering_list_state(to, &y));
  assert_int_equal(x.n, y.n);
  for (int64_t i = 0; i < x.n; i++) {
    const smr_state_array *r = &y.arrays[i];
    size_t bytes = r->array.type == SMR_I32 || r->array.type == SMR_F32 ? 4 : 8;
    size_t offset = 0;
    for (int d = 0; d < r->array.n_dimensions; d++) {
      const bool is_part = d == 0 && r->is_distributed;
      offset = is_part ? (size_t)(r->first_row * r->array.shape[1]) * bytes : offset;
      bytes *= (size_t)(is_part ? r->n_rows : r->array.shape[d]);
    }
    memcpy(r->array.data, (const char *)x.arrays[i].array.data + offset, bytes);
  }
}

/* On one rank, within tuning and after it, then on all. */
static void test_resume(void **state) {
  static const int64_t stops[] = {0, 5, 30, 37};
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *reference = start(alone, model, &automatic);
  const int64_t n = smr_tempering_count_scans(reference);
  run(reference, n);
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    smr_tempering *first = start(alone, model, &automatic);
    smr_tempering *second = start(test_world, model, &automatic);
    run(first, stops[i]);
    copy_state(first, second);
    assert_ok(smr_tempering_resume(second));
    assert_int_equal(smr_tempering_get_scan(second), stops[i]);
    run(second, n - stops[i]);
    assert_same(second, reference);
    smr_tempering_destroy(&first);
    smr_tempering_destroy(&second);
  }
  smr_tempering_destroy(&reference);
  smr_energy_destroy(&model);
}

/* A checkpoint whose array `name` has a wrong second entry. */
static void check_refusal(const char *name, const char *text) {
  smr_energy_model *model = NULL;
  smr_state list = {0};
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *t = start(test_world, model, &automatic);
  assert_ok(smr_tempering_list_state(t, &list));
  for (int64_t i = 0; i < list.n; i++) {
    const smr_array *array = &list.arrays[i].array;
    if (strcmp(array->name, name) == 0 && array->type == SMR_I32) {
      ((int32_t *)array->data)[1] = 0;
    } else if (strcmp(array->name, name) == 0) {
      ((double *)array->data)[1] = 1.5;
    }
  }
  assert_fails(smr_tempering_resume(t), SMR_ERR_INPUT, text);
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
}

static void test_resume_refuses(void **state) {
  (void)state;
  check_refusal("replicas", "permutation");
  check_refusal("betas", "no rising ladder");
}

/* Scans without end, of which the latest are kept, with a ladder that the caller adapts. */
static const smr_tempering_config endless = {.n_chains = 13,
                                             .n_temperatures = -1,
                                             .most_temperatures = 40,
                                             .window = 8,
                                             .sweeps = 1,
                                             .seed = 6};
enum { ENDLESS_ROUND = 21, ENDLESS_SCANS = 75 };

/* On from where it is to scan `end`: the ladder adapts every 21 scans, ln Z drifts every third. */
static void run_endless(smr_tempering *t, int64_t end) {
  for (int64_t i = smr_tempering_get_scan(t); i < end; i++) {
    double change[13];
    run(t, 1);
    for (int k = 0; k < 13; k++) {
      change[k] = (double)(i + 10 * k);
    }
    if (i % 3 == 2) {
      smr_tempering_note_drift(t, change);
    }
    if (i % ENDLESS_ROUND == ENDLESS_ROUND - 1) {
      assert_ok(smr_tempering_adapt(t));
    }
  }
}

/* NaN is nowhere, and -0 is as good as 0. */
static bool is_same(size_t n, const double *x, const double *y) {
  bool result = true;
  for (size_t i = 0; i < n; i++) {
    result = result && x[i] == y[i];
  }
  return result;
}

static void assert_same_window(smr_tempering *t, smr_tempering *reference) {
  const smr_tempering_view x = smr_tempering_get(t);
  const smr_tempering_view y = smr_tempering_get(reference);
  float v[13 * V], v2[13 * V];
  assert_on_all(x.n_temperatures == y.n_temperatures && x.n_scans == y.n_scans &&
                x.n_window == y.n_window && x.round_trips == y.round_trips);
  const size_t n = (size_t)(x.n_window * x.n_chains);
  assert_on_all(is_same((size_t)x.n_temperatures, x.betas, y.betas));
  assert_on_all(is_same(n * (size_t)x.n_temperatures, x.energies, y.energies));
  assert_on_all(is_same(n, x.drifts, y.drifts));
  assert_on_all(is_same(13, x.drift, y.drift));
  assert_ok(smr_tempering_get_samples(t, v));
  assert_ok(smr_tempering_get_samples(reference, v2));
  int n_different = 0;
  for (int i = 0; i < 13 * V; i++) {
    n_different += v[i] != v2[i];
  }
  assert_on_all(n_different == 0);
}

static void test_endless(void **state) {
  static const int64_t stops[] = {0, 7, 21, 40, 74};
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *reference = start(alone, model, &endless);
  run_endless(reference, ENDLESS_SCANS);
  const smr_tempering_view view = smr_tempering_get(reference);
  assert_int_equal(view.n_window, 8);
  assert_int_equal(view.n_scans, ENDLESS_SCANS % ENDLESS_ROUND);
  assert_true(view.n_temperatures < 16 && view.round_trips > 0);
  assert_null(view.indices);
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    smr_tempering *first = start(alone, model, &endless);
    smr_tempering *second = start(test_world, model, &endless);
    omp_set_num_threads(1 + (int)i % 2);
    run_endless(first, stops[i]);
    run_endless(second, 3); /* what it has done must leave no trace */
    copy_state(first, second);
    assert_ok(smr_tempering_resume(second));
    run_endless(second, ENDLESS_SCANS);
    assert_same_window(second, reference);
    smr_tempering_destroy(&first);
    smr_tempering_destroy(&second);
  }
  omp_set_num_threads(1);
  smr_tempering_destroy(&reference);
  smr_energy_destroy(&model);
}

/* The window holds the latest scans in their order, each with the drift at its time; a change of
 * the ladder empties it. */
static void test_window(void **state) {
  static double rows[ENDLESS_SCANS][13 * 40];
  double drifts[ENDLESS_SCANS];
  double drift = 0.0;
  smr_energy_model *model = NULL;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  smr_tempering *t = start(test_world, model, &endless);
  for (int64_t i = 0; i < ENDLESS_SCANS; i++) {
    drifts[i] = drift;
    run_endless(t, i + 1);
    drift += i % 3 == 2 ? (double)(i + 10 * 12) : 0.0;
    const smr_tempering_view view = smr_tempering_get(t);
    const int64_t n = 13 * view.n_temperatures;
    if (view.n_window == 0) {
      assert_int_equal(i % ENDLESS_ROUND, ENDLESS_ROUND - 1);
      continue;
    }
    const int64_t since = i % ENDLESS_ROUND + 1;
    assert_int_equal(view.n_window, since < 8 ? since : 8);
    memcpy(rows[i], view.energies + (view.n_window - 1) * n, (size_t)n * sizeof(double));
    for (int64_t k = 0; k < view.n_window; k++) {
      const int64_t scan = i - view.n_window + 1 + k;
      assert_memory_equal(view.energies + k * n, rows[scan], (size_t)n * sizeof(double));
      assert_true(view.drifts[k * 13 + 12] == drifts[scan]);
    }
    assert_true(view.drift[12] == drift);
  }
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
}

/* A failure in one shard is the same failure on all ranks. */
static smr_status fail_second_shard(const void *self, const smr_energy_draw *draw, int64_t n,
                                    const double *beta, float *const *parts, float *work) {
  (void)self, (void)n, (void)beta, (void)parts, (void)work;
  if (draw->first_row >= 128) {
    SMR_FAIL(SMR_ERR_NUMERIC, "a broken shard");
  }
  return SMR_OK;
}

static void test_mistakes(void **state) {
  static const double falling[3] = {0.0, 0.5, 0.5};
  smr_tempering_config config = {.n_chains = 100, .n_temperatures = 3, .scans = 1, .sweeps = 1};
  smr_energy_model *model = NULL;
  smr_tempering *t = NULL;
  int is_done = 0;
  (void)state;
  assert_ok(smr_energy_create_rbm(&rbm, a, &model));
  config.betas = falling;
  assert_fails(smr_tempering_create(test_world, model, &config, &t), SMR_ERR_INPUT,
               "rise within 0 to 1: number 2 of 0 to 2 is 0.5");
  config.betas = NULL;
  config.sweeps = 0;
  assert_fails(smr_tempering_create(test_world, model, &config, &t), SMR_ERR_INPUT, "0 sweeps");
  assert_null(t);
  config.sweeps = 1;
  config.window = 4;
  assert_fails(smr_tempering_create(test_world, model, &config, &t), SMR_ERR_INPUT, "window of 4");
  config.window = 0;
  smr_energy_model broken = *model;
  broken.sweep = fail_second_shard;
  t = start(test_world, &broken, &config);
  assert_fails(smr_tempering_scan(t, &is_done), SMR_ERR_NUMERIC, "a broken shard");
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
}

/* Lambda(beta) = e^beta - 1 has its equal steps at ln(1 + (e - 1) k / (n - 1)). */
static void test_ladder(void **state) {
  enum { OLD = 41, NEW = 12 };
  double betas[OLD], r[OLD - 1], out[NEW], same[OLD];
  (void)state;
  for (int i = 0; i < OLD; i++) {
    betas[i] = (double)i / (OLD - 1);
  }
  for (int i = 0; i < OLD - 1; i++) {
    r[i] = exp(betas[i + 1]) - exp(betas[i]);
  }
  assert_ok(smr_ladder_adapt(OLD, betas, r, NEW, out));
  for (int k = 0; k < NEW; k++) {
    /* Cubics on steps of 1/40. */
    assert_close(out[k], log(1.0 + (exp(1.0) - 1.0) * k / (NEW - 1)), 0.0, 2e-5);
  }
  for (int i = 0; i < OLD - 1; i++) {
    betas[i + 1] = betas[i] + (1.0 + i % 3) / 200.0;
    r[i] = 0.25;
  }
  assert_ok(smr_ladder_adapt(OLD, betas, r, OLD, same));
  for (int i = 0; i < OLD; i++) {
    assert_close(same[i], betas[i], 0.0, 1e-12);
  }
  for (int i = 0; i < OLD - 1; i++) {
    r[i] = i % 7 == 3 ? 1.0 : 0.0; /* jagged: still rising */
  }
  assert_ok(smr_ladder_adapt(OLD, betas, r, NEW, out));
  for (int k = 1; k < NEW; k++) {
    assert_true(out[k - 1] < out[k]);
  }
  r[2] = (double)NAN;
  assert_fails(smr_ladder_adapt(OLD, betas, r, NEW, out), SMR_ERR_INPUT, "edge 2");
}

/* Two independent ways to ln Z of the RBM of the 4 x 4 Ising model. */
static void test_ising_rbm(void **state) {
  enum { SIDE = 4, SITES = SIDE * SIDE };
  static float weights[SITES * 2 * SITES], visible[SITES], hidden[2 * SITES];
  const smr_rbm ising = {SITES, 2 * SITES, weights, visible, hidden};
  double exact = 0.0, found = 0.0;
  (void)state;
  assert_ok(smr_ising_make_rbm(SIDE, 0.44068679350977147, weights, visible, hidden, &exact));
  assert_ok(smr_enumerate_log_z(test_world, &ising, &found));
  /* Parameters are rounded to float32: 2^-25 of sums of magnitudes of about 700. */
  assert_close(found, exact, 0.0, 2e-5);
}

static int start_alone(void **state) {
  int index = 0;
  (void)state;
  return smr_context_split(test_world, 1, &alone, &index) != SMR_OK;
}

static int end_alone(void **state) {
  (void)state;
  smr_context_destroy(&alone);
  return 0;
}

MPI_TEST_MAIN(cmocka_unit_test(test_distribution), cmocka_unit_test(test_two_modes),
              cmocka_unit_test_setup_teardown(test_same_bits, start_alone, end_alone),
              cmocka_unit_test_setup_teardown(test_resume, start_alone, end_alone),
              cmocka_unit_test_setup_teardown(test_endless, start_alone, end_alone),
              cmocka_unit_test(test_window), cmocka_unit_test(test_resume_refuses),
              cmocka_unit_test(test_mistakes), cmocka_unit_test(test_ladder),
              cmocka_unit_test(test_ising_rbm))
