/* Annealed importance sampling, forward and in reverse, against enumeration. */
#include "mpi_frame.h"

#include <omp.h>
#include <stdlib.h>

#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/enumerate.h"

enum { V = 9, H = 6, N_STATES = 1 << V, MOST_BETAS = 400 };

typedef struct {
  smr_rbm rbm;
  float w[V * H], b[V], c[H], a[V];
  double betas[MOST_BETAS];
} model;

/* Parameters uniform in [-scale, scale], base bias between 0 and b, equal steps of beta. */
static void make_model(uint64_t seed, double scale, int64_t n_betas, model *made) {
  const smr_random_key key = {seed, smr_random_stream("test model", 0, 0)};
  double u[V * H + V + H];
  smr_random_uniform(key, 0, 0, V * H + V + H, u);
  for (int i = 0; i < V * H; i++) {
    made->w[i] = (float)(scale * (2.0 * u[i] - 1.0));
  }
  for (int i = 0; i < V; i++) {
    made->b[i] = (float)(2.0 * u[V * H + i] - 1.0);
    made->a[i] = 0.5F * made->b[i];
  }
  for (int j = 0; j < H; j++) {
    made->c[j] = (float)(2.0 * u[V * H + V + j] - 1.0);
  }
  for (int64_t k = 0; k < n_betas; k++) {
    made->betas[k] = (double)k / (double)(n_betas - 1);
  }
  made->rbm = (smr_rbm){V, H, made->w, made->b, made->c};
}

static smr_annealing_config get_config(const model *made, int64_t n_runs, int64_t n_betas,
                                       uint64_t seed) {
  return (smr_annealing_config){n_runs, n_betas, made->betas, made->a, seed};
}

static double softplus(double x) {
  return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

/* ln f_1(v) by the plain loop; with beta = 0 ln f_0(v). */
static double evaluate(const model *made, const float *v, double beta) {
  double sum = 0.0;
  for (int i = 0; i < V; i++) {
    sum += (double)v[i] * ((1.0 - beta) * (double)made->a[i] + beta * (double)made->b[i]);
  }
  for (int j = 0; j < H; j++) {
    double x = (double)made->c[j];
    for (int i = 0; i < V; i++) {
      x += (double)v[i] * (double)made->w[i * H + j];
    }
    sum += softplus(beta * x);
  }
  return sum;
}

static double get_exact(const model *made) {
  double log_z = 0.0;
  assert_ok(smr_enumerate_log_z(test_world, &made->rbm, &log_z));
  return log_z;
}

/* samples [n x V]: exact ones, by inverting the cumulated probabilities of all states. */
static void draw_samples(const model *made, double log_z, int64_t n, uint64_t seed,
                         float *samples) {
  static double cumulated[N_STATES];
  double sum = 0.0;
  for (int s = 0; s < N_STATES; s++) {
    float v[V];
    for (int i = 0; i < V; i++) {
      v[i] = (float)(s >> i & 1);
    }
    sum += exp(evaluate(made, v, 1.0) - log_z);
    cumulated[s] = sum;
  }
  for (int64_t r = 0; r < n; r++) {
    double u = 0.0;
    int state = 0;
    smr_random_uniform((smr_random_key){seed, smr_random_stream("test sample", 0, 0)}, (uint64_t)r,
                       0, 1, &u);
    while (state < N_STATES - 1 && cumulated[state] <= u) {
      state++;
    }
    for (int i = 0; i < V; i++) {
      samples[r * V + i] = (float)(state >> i & 1);
    }
  }
}

/* z-scores over seeds. With 40 of them the rms of unit normals is 1 +- 0.11; [0.6, 1.5] leaves
 * room for the skew of ln of a mean of 300 weights. */
static void check_calibration(int is_reverse) {
  enum { N_SEEDS = 40, N_RUNS = 300, N_BETAS = 60 };
  static float samples[N_RUNS * V];
  double squares = 0.0;
  double mean = 0.0;
  for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
    static model made;
    smr_annealing_result result;
    make_model(seed, 2.0, N_BETAS, &made);
    const smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 1000 + seed);
    const double exact = get_exact(&made);
    if (is_reverse) {
      draw_samples(&made, exact, N_RUNS, seed, samples);
      assert_ok(smr_annealing_run_reverse(test_world, &made.rbm, &config, samples, NULL, &result));
    } else {
      assert_ok(smr_annealing_run(test_world, &made.rbm, &config, NULL, &result));
    }
    assert_true(result.is_reliable && result.log_z_stderr > 0.0 && result.log_z_stderr < 0.1);
    const double z = (result.log_z - exact) / result.log_z_stderr;
    assert_true(fabs(z) < 4.0);
    squares += z * z / N_SEEDS;
    mean += z / N_SEEDS;
  }
  if (test_world->rank == 0) {
    print_message("reverse %d: rms z %.3f, mean z %.3f\n", is_reverse, sqrt(squares), mean);
  }
  assert_true(sqrt(squares) > 0.6 && sqrt(squares) < 1.5);
  /* The mean of 40 unit normals is 0 +- 0.16. */
  assert_true(fabs(mean) < 0.64);
}

static void test_forward(void **state) {
  (void)state;
  check_calibration(0);
}

static void test_reverse(void **state) {
  (void)state;
  check_calibration(1);
}

/* The 8 x 8 Ising model as an RBM of 64 x 128 units, one hidden unit a bond, at K = .408: ln Z by
 * Kaufman's formula, to 1e-6. Enough temperatures for a standard error below .2. */
static void test_ising(void **state) {
  enum { L = 8, SITES = L * L, N_RUNS = 100, N_BETAS = 2001 };
  const double exact = 11.788691;
  const float field = .7281152312F;
  static float w[SITES * 2 * SITES], b[SITES], c[2 * SITES], a[SITES];
  static double betas[N_BETAS];
  smr_annealing_result result;
  (void)state;
  memset(w, 0, sizeof w);
  for (int bond = 0; bond < 2 * SITES; bond++) {
    const int site = bond / 2;
    const int right = site / L * L + (site + 1) % L;
    const int below = (site + L) % SITES;
    w[site * 2 * SITES + bond] = 4.0F * field;
    w[(bond % 2 == 0 ? right : below) * 2 * SITES + bond] = 4.0F * field;
    c[bond] = -4.0F * field;
    b[site] = -8.0F * field;
  }
  for (int k = 0; k < N_BETAS; k++) {
    betas[k] = (double)k / (N_BETAS - 1);
  }
  const smr_rbm rbm = {SITES, 2 * SITES, w, b, c};
  for (uint64_t seed = 0; seed < 3; seed++) {
    const smr_annealing_config config = {N_RUNS, N_BETAS, betas, a, seed};
    assert_ok(smr_annealing_run(test_world, &rbm, &config, NULL, &result));
    if (test_world->rank == 0) {
      print_message("Ising: %.3f +- %.3f\n", result.log_z, result.log_z_stderr);
    }
    assert_true(result.is_reliable && result.log_z_stderr < 0.2);
    assert_true(fabs(result.log_z - exact) < 4.0 * result.log_z_stderr);
  }
}

/* Without weights and from the right base rates a path of independent units has one weight, and
 * exponentials are good to 2e-15. */
static void test_independent(void **state) {
  enum { N_RUNS = 37, N_BETAS = 400 };
  static model made;
  static float samples[N_RUNS * V];
  double weights[N_RUNS];
  smr_annealing_result result;
  (void)state;
  make_model(3, 0.0, N_BETAS, &made);
  memcpy(made.a, made.b, sizeof made.a);
  made.c[0] = 40.0F;
  made.c[1] = -300.0F;
  const smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 1);
  const double exact = get_exact(&made);
  draw_samples(&made, exact, N_RUNS, 1, samples);
  assert_ok(smr_annealing_run(test_world, &made.rbm, &config, weights, &result));
  assert_close(result.log_z, exact, 1e-12, 0.0);
  assert_close(result.log_z_stderr, 0.0, 0.0, 1e-12);
  assert_close(result.effective_samples, N_RUNS, 1e-12, 0.0);
  assert_true(result.is_reliable);
  assert_ok(smr_annealing_run_reverse(test_world, &made.rbm, &config, samples, weights, &result));
  assert_close(result.log_z, exact, 1e-12, 0.0);
}

/* One step from 1 to 0: the weight of a sample is f_0(v) / f_1(v). The products v'W are float32:
 * about 5 terms of up to 8 a unit, 6 units. */
static void test_weights(void **state) {
  enum { N_RUNS = 50 };
  static model made;
  float samples[N_RUNS * V];
  double weights[N_RUNS];
  double sum = 0.0;
  double squares = 0.0;
  double log_z0 = H * log(2.0);
  smr_annealing_result result;
  (void)state;
  make_model(11, 8.0, 2, &made);
  const smr_annealing_config config = get_config(&made, N_RUNS, 2, 1);
  for (int i = 0; i < N_RUNS * V; i++) {
    samples[i] = (float)((i * 7 + i / 5) % 3 == 0);
  }
  assert_ok(smr_annealing_run_reverse(test_world, &made.rbm, &config, samples, weights, &result));
  for (int r = 0; r < N_RUNS; r++) {
    const float *v = samples + r * V;
    assert_close(weights[r], evaluate(&made, v, 0.0) - evaluate(&made, v, 1.0), 0.0, 5e-5);
    sum += exp(weights[r]);
    squares += exp(2.0 * weights[r]);
  }
  for (int i = 0; i < V; i++) {
    log_z0 += softplus((double)made.a[i]);
  }
  const double variance = (squares - sum * sum / N_RUNS) / (N_RUNS - 1);
  assert_close(result.log_z, log_z0 - log(sum / N_RUNS), 1e-13, 0.0);
  assert_close(result.effective_samples, sum * sum / squares, 1e-12, 0.0);
  assert_close(result.log_z_stderr, sqrt(variance / N_RUNS) / (sum / N_RUNS), 1e-10, 0.0);
  assert_int_equal(result.is_reliable, sum * sum / squares >= 0.1 * N_RUNS);
}

/* The bits of one rank with one thread are those of all ranks with any number of threads. */
static void test_bits(void **state) {
  enum { MOST_RUNS = 133, N_BETAS = 20 };
  const int64_t n_runs[] = {1, 2, 33, MOST_RUNS};
  static model made;
  static float samples[MOST_RUNS * V];
  double expected[MOST_RUNS], weights[MOST_RUNS];
  smr_annealing_result alone_result, result;
  smr_context *alone = NULL;
  int index = 0;
  (void)state;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  make_model(5, 2.0, N_BETAS, &made);
  draw_samples(&made, get_exact(&made), MOST_RUNS, 1, samples);
  for (int t = 0; t < 8; t++) {
    const smr_annealing_config config = get_config(&made, n_runs[t / 2], N_BETAS, 77);
    const size_t bytes = (size_t)config.n_runs * sizeof *weights;
    omp_set_num_threads(1);
    assert_ok(t % 2 == 0 ? smr_annealing_run(alone, &made.rbm, &config, expected, &alone_result)
                         : smr_annealing_run_reverse(alone, &made.rbm, &config, samples, expected,
                                                     &alone_result));
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
      omp_set_num_threads(n_threads);
      assert_ok(t % 2 == 0 ? smr_annealing_run(test_world, &made.rbm, &config, weights, &result)
                           : smr_annealing_run_reverse(test_world, &made.rbm, &config, samples,
                                                       weights, &result));
      assert_on_all(memcmp(weights, expected, bytes) == 0);
      assert_on_all(memcmp(&result.log_z, &alone_result.log_z, sizeof(double)) == 0);
      assert_on_all(isnan(result.log_z_stderr) == (config.n_runs == 1));
    }
  }
  /* Runs are no copies of each other. */
  assert_true(weights[0] != weights[1] && weights[0] != weights[MOST_RUNS - 1]);
  omp_set_num_threads(1);
  smr_context_destroy(&alone);
}

/* A value that one rank alone has wrong must end on all. */
static void test_numeric_errors(void **state) {
  enum { N_BETAS = 10 };
  static model made;
  smr_annealing_result result;
  (void)state;
  for (int t = 0; t < 5; t++) {
    make_model(1, 1.0, N_BETAS, &made);
    float *places[] = {&made.w[V * H - 1], &made.b[3], &made.c[0], &made.a[V - 1]};
    const char *const texts[] = {"weight 53", "visible bias 3", "hidden bias 0", "base bias 8",
                                 "the weight of annealing run"};
    const smr_annealing_config config = get_config(&made, 40, N_BETAS, 1);
    if (t < 4 && test_world->rank == test_world->size - 1) {
      *places[t] = NAN;
    }
    for (int i = 0; t == 4 && i < V * H; i++) {
      made.w[i] = 3e38F; /* the sum of two is too large */
    }
    assert_fails(smr_annealing_run(test_world, &made.rbm, &config, NULL, &result), SMR_ERR_NUMERIC,
                 texts[t]);
  }
}

static void test_input_errors(void **state) {
  enum { N_BETAS = 10, N_RUNS = 40 };
  static model made;
  static float samples[N_RUNS * V];
  smr_annealing_result result;
  const double bad[][2] = {{4, 0.2}, {0, 0.1}, {0, -0.1},       {9, 0.99},
                           {9, 1.5}, {5, 1.0}, {6, (double)NAN}};
  const char *const texts[] = {"number 4 ", "number 0 ", "number 0 ", "number 9 ",
                               "number 9 ", "number 5 ", "number 6 "};
  (void)state;
  for (int t = 0; t < 7; t++) {
    make_model(1, 1.0, N_BETAS, &made);
    made.betas[(int)bad[t][0]] = bad[t][1];
    const smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 1);
    assert_fails(smr_annealing_run(test_world, &made.rbm, &config, NULL, &result), SMR_ERR_INPUT,
                 texts[t]);
  }
  make_model(1, 1.0, N_BETAS, &made);
  smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 1);
  samples[3 * V + 2] = 0.5F;
  assert_fails(smr_annealing_run_reverse(test_world, &made.rbm, &config, samples, NULL, &result),
               SMR_ERR_INPUT, "unit 2 of sample 3 is 0.5");
  config.n_runs = 0;
  assert_fails(smr_annealing_run(test_world, &made.rbm, &config, NULL, &result), SMR_ERR_INPUT,
               "at least 1 run");
  config = get_config(&made, N_RUNS, 1, 1);
  assert_fails(smr_annealing_run(test_world, &made.rbm, &config, NULL, &result), SMR_ERR_INPUT,
               "at least 2");
}

static smr_state list(smr_annealing *annealing) {
  smr_state made = {0};
  assert_ok(smr_annealing_list_state(annealing, &made));
  return made;
}

/* In parts, and handed on to another object midway, runs end with the bits of one go. */
static void test_parts(void **state) {
  enum { N_RUNS = 133, N_BETAS = 20 };
  static model made;
  static float samples[N_RUNS * V];
  double expected[N_RUNS], weights[N_RUNS];
  smr_annealing_result whole, result;
  (void)state;
  make_model(5, 2.0, N_BETAS, &made);
  draw_samples(&made, get_exact(&made), N_RUNS, 1, samples);
  const smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 7);
  for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
    smr_annealing *first = NULL, *second = NULL;
    assert_ok(is_reverse ? smr_annealing_run_reverse(test_world, &made.rbm, &config, samples,
                                                     expected, &whole)
                         : smr_annealing_run(test_world, &made.rbm, &config, expected, &whole));
    assert_ok(smr_annealing_create(test_world, &made.rbm, &config, &first));
    assert_ok(smr_annealing_create(test_world, &made.rbm, &config, &second));
    assert_ok(smr_annealing_start(first, is_reverse ? samples : NULL));
    assert_ok(smr_annealing_advance(first, 1));
    assert_ok(smr_annealing_advance(first, 6));
    assert_int_equal(smr_annealing_get_step(first), 7);
    const smr_state from = list(first), to = list(second);
    assert_int_equal(from.n, to.n);
    for (int64_t i = 0; i < from.n; i++) {
      const smr_state_array *array = &from.arrays[i];
      const size_t item = array->array.type == SMR_F32 ? 4 : 8;
      const int64_t width = array->array.n_dimensions == 2 ? V : 1;
      memcpy(to.arrays[i].array.data, array->array.data,
             item * (size_t)(array->is_distributed ? array->n_rows * width : 1));
    }
    smr_annealing_destroy(&first);
    assert_ok(smr_annealing_resume(second));
    assert_int_equal(smr_annealing_get_step(second), 7);
    assert_ok(smr_annealing_advance(second, 1000));
    assert_int_equal(smr_annealing_get_step(second), N_BETAS - 1);
    assert_ok(smr_annealing_finish(second, weights, &result));
    assert_memory_equal(weights, expected, sizeof expected);
    assert_memory_equal(&result.log_z, &whole.log_z, sizeof result.log_z);
    assert_int_equal(smr_annealing_get_step(second), 0);
    smr_annealing_destroy(&second);
  }
}

/* What no run can have left behind is refused on all ranks, though one alone has read it. */
static void test_bad_states(void **state) {
  enum { N_RUNS = 7, N_BETAS = 5 };
  static model made;
  const char *const texts[] = {"0 or 1", "weight of nan", "step 5 of 4", "step -1 of 4", "step 0"};
  (void)state;
  make_model(5, 2.0, N_BETAS, &made);
  const smr_annealing_config config = get_config(&made, N_RUNS, N_BETAS, 7);
  for (int t = 0; t < 5; t++) {
    smr_annealing *annealing = NULL;
    assert_ok(smr_annealing_create(test_world, &made.rbm, &config, &annealing));
    assert_ok(smr_annealing_start(annealing, NULL));
    assert_ok(smr_annealing_resume(annealing));
    const smr_state listed = list(annealing);
    if (test_world->rank == 0) {
      *(float *)listed.arrays[0].array.data = t == 0 ? 0.5F : 1.0F;
      *(double *)listed.arrays[1].array.data = t == 1 ? (double)NAN : 0.0;
      *(int64_t *)listed.arrays[2].array.data = t == 2 ? 5 : t == 3 ? -1 : 0;
      *(int64_t *)listed.arrays[3].array.data = t == 4 ? 2 : 0;
    }
    assert_fails(smr_annealing_resume(annealing), SMR_ERR_INPUT, texts[t]);
    smr_annealing_destroy(&annealing);
  }
}

static void test_usual(void **state) {
  enum { N = 14501 };
  static double betas[N];
  const double mean[3] = {0.0, 0.25, 1.0};
  float bias[3];
  (void)state;
  assert_int_equal(smr_annealing_usual_betas(NULL), N);
  assert_int_equal(smr_annealing_usual_betas(betas), N);
  assert_true(betas[0] == 0.0 && betas[1] == 1e-3 && betas[500] == 0.5 && betas[501] == 0.5001);
  assert_true(betas[4500] == 0.9 && betas[4501] == 0.90001 && betas[N - 1] == 1.0);
  for (int k = 1; k < N; k++) {
    assert_true(betas[k] > betas[k - 1]);
  }
  smr_annealing_base_bias(3, mean, 100, 5.0, bias);
  assert_close((double)bias[0], log(5.0 / 105.0), 1e-7, 0.0);
  assert_close((double)bias[1], log(30.0 / 80.0), 1e-7, 0.0);
  assert_close((double)bias[2], log(105.0 / 5.0), 1e-7, 0.0);
  const smr_annealing_config config = {.n_runs = 100, .n_betas = N};
  assert_true(smr_annealing_count_flops(&config, 784, 500) == 4.0 * 100 * 14500 * 784 * 500);
}

MPI_TEST_MAIN(cmocka_unit_test(test_forward), cmocka_unit_test(test_reverse),
              cmocka_unit_test(test_independent), cmocka_unit_test(test_weights),
              cmocka_unit_test(test_bits), cmocka_unit_test(test_parts),
              cmocka_unit_test(test_bad_states), cmocka_unit_test(test_numeric_errors),
              cmocka_unit_test(test_input_errors), cmocka_unit_test(test_usual),
              cmocka_unit_test(test_ising))
