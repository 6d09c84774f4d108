/* Numbers made of replicas' states: those of the right replica, and the same bits on any ranks and
 * threads. */
#include "mpi_frame.h"

#include <omp.h>

#include "simmer/sample/tempering.h"

static smr_context *alone;

enum { V = 6, H = 3, C = 37, M = 12, SCANS = 9, N = 2 };

static void fill(float *w, float *b, float *c) {
  for (int i = 0; i < V * H; i++) {
    w[i] = (float)(i % 5 - 2) * 0.7F;
  }
  for (int i = 0; i < V; i++) {
    b[i] = 0.3F - 0.1F * (float)i;
  }
  for (int j = 0; j < H; j++) {
    c[j] = 0.2F * (float)j - 0.1F;
  }
}

/* Which state the visible and the hidden units are in. */
static void observe(const void *self, int64_t n_rows, const float *const *parts, double *x) {
  (void)self;
  for (int64_t i = 0; i < n_rows; i++) {
    x[i * N] = 0;
    x[i * N + 1] = 0;
    for (int j = 0; j < V; j++) {
      x[i * N] += (double)parts[0][i * V + j] * (1 << j);
    }
    for (int j = 0; j < H; j++) {
      x[i * N + 1] += (double)parts[1][i * H + j] * (1 << j);
    }
  }
}

static const smr_tempering_observer observer = {N, NULL, observe};

static float get_state(const float *row, int n) {
  float state = 0;
  for (int j = 0; j < n; j++) {
    state += row[j] * (float)(1 << j);
  }
  return state;
}

/* One run of so many temperatures (or found ones), observed after every scan: out [SCANS x C x M x
 * N]. At beta = 1 the numbers are those of the states that are given out. */
static void run(const smr_context *context, int64_t n_temperatures, float *out) {
  static float v[C * V], h[C * H], samples[C * V];
  float w[V * H], b[V], c[H];
  const smr_rbm rbm = {V, H, w, b, c};
  const smr_tempering_config config = {.n_chains = C,
                                       .n_temperatures = n_temperatures,
                                       .most_temperatures = M,
                                       .rounds = 2,
                                       .scans = SCANS,
                                       .sweeps = 1,
                                       .seed = 8};
  smr_energy_model *model = NULL;
  smr_tempering *t = NULL;
  fill(w, b, c);
  assert_ok(smr_energy_create_rbm(&rbm, NULL, &model));
  assert_ok(smr_tempering_create(context, model, &config, &t));
  double *work = test_calloc((size_t)smr_tempering_count_observed(t, N), sizeof *work);
  for (int scan = 0; scan < SCANS; scan++) {
    float *x = out + scan * C * M * N;
    int is_done = 0;
    assert_ok(smr_tempering_scan(t, &is_done));
    assert_ok(smr_tempering_observe(t, &observer, work, x));
    assert_ok(smr_tempering_get_part(t, 0, v));
    assert_ok(smr_tempering_get_part(t, 1, h));
    assert_ok(smr_tempering_get_samples(t, samples));
    assert_memory_equal(v, samples, sizeof v);
    const int64_t n = smr_tempering_get(t).n_temperatures;
    for (int64_t chain = 0; chain < C; chain++) {
      const float *cold = x + (chain * n + n - 1) * N;
      assert_true(cold[0] == get_state(v + chain * V, V));
      assert_true(cold[1] == get_state(h + chain * H, H));
    }
  }
  test_free(work);
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
}

static int count_different(const float *x, const float *y) {
  int n = 0;
  for (int i = 0; i < SCANS * C * M * N; i++) {
    n += x[i] != y[i];
  }
  return n;
}

static void test_bits(void **state) {
  static float one[SCANS * C * M * N], all[SCANS * C * M * N];
  static const int64_t temperatures[] = {M, -1, 1};
  int n_nonzero = 0;
  (void)state;
  for (size_t k = 0; k < sizeof temperatures / sizeof temperatures[0]; k++) {
    memset(one, 0, sizeof one);
    run(alone, temperatures[k], one);
    for (int threads = 1; threads <= 2; threads++) {
      memset(all, 0, sizeof all);
      omp_set_num_threads(threads);
      run(test_world, temperatures[k], all);
      assert_on_all(count_different(one, all) == 0);
    }
    omp_set_num_threads(1);
  }
  for (int i = 0; i < SCANS * C * M * N; i++) {
    n_nonzero += one[i] != 0;
  }
  assert_true(n_nonzero > SCANS * C);
}

/* Where replicas are is a permutation of the slots in use, in every chain. */
static void test_replicas(void **state) {
  const smr_tempering_config config = {
      .n_chains = C, .n_temperatures = M, .scans = SCANS, .sweeps = 1, .seed = 9};
  float w[V * H], b[V], c[H];
  const smr_rbm rbm = {V, H, w, b, c};
  smr_energy_model *model = NULL;
  smr_tempering *t = NULL;
  int n_moved = 0;
  (void)state;
  fill(w, b, c);
  assert_ok(smr_energy_create_rbm(&rbm, NULL, &model));
  assert_ok(smr_tempering_create(test_world, model, &config, &t));
  for (int is_done = 0; !is_done;) {
    assert_ok(smr_tempering_scan(t, &is_done));
  }
  const int32_t *replicas = smr_tempering_get_replicas(t);
  for (int chain = 0; chain < C; chain++) {
    int seen = 0;
    for (int i = 0; i < M; i++) {
      seen |= 1 << replicas[chain * M + i];
      n_moved += replicas[chain * M + i] != i;
    }
    assert_int_equal(seen, (1 << M) - 1);
  }
  assert_true(n_moved > C);
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
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

MPI_TEST_MAIN(cmocka_unit_test_setup_teardown(test_bits, start_alone, end_alone),
              cmocka_unit_test(test_replicas))
