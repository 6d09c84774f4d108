/* The tempered negative phase: weights of its samples, the same bits on any ranks and threads,
 * restart, ln Z against the exact one, and what is done when equilibrium is lost. */
#include "train_state.h"

#include <omp.h>

#include "simmer/sample/enumerate.h"

/* One rank alone, so that every program has its reference at hand. */
static smr_context *alone;

typedef struct {
  int64_t n_visible, n_hidden, batch_rows, shard_rows;
  int64_t n_chains, n_observers, n_temperatures, window, gibbs_steps, gibbs_steps_final;
  int is_sampled, is_centred;
} shape;

static const shape shapes[] = {
    {20, 13, 24, 4, 24, 16, -1, 8, 1, -1, 0,
     0},                                      /* a chain a row, as many temperatures as it takes */
    {20, 13, 23, 4, 7, 5, 6, 4, 2, -1, 1, 1}, /* fewer chains than shards */
    {20, 13, 10, 3, 37, 40, -1, 6, 1, 3, 0, 1}, /* more chains than rows, two shards of observers */
    {5, 40, 5, 5, 1, 1, 2, 4, 1, -1, 0, 1},     /* one of each */
    {1, 1, 3, 1, 2, 2, 3, 4, 1, -1, 1, 0},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0], N_STEPS = 40 };

static smr_rbm_config get_rbm_config(const shape *s) {
  smr_rbm_config rbm = fixture_rbm(s->n_hidden);
  rbm.negative_phase = SMR_NEGATIVE_TEMPERED;
  rbm.gibbs_steps = s->gibbs_steps;
  rbm.gibbs_steps_final = s->gibbs_steps_final;
  rbm.is_sampled = s->is_sampled;
  rbm.is_centred = s->is_centred;
  /* Easily alarmed, so that reactions belong to what is compared. */
  rbm.tempered = (smr_tempered_config){.n_chains = s->n_chains,
                                       .n_observers = s->n_observers,
                                       .n_temperatures = s->n_temperatures,
                                       .most_temperatures = 11,
                                       .window = s->window,
                                       .most_sweeps = 3,
                                       .least_acceptance = 0.4,
                                       .least_effective = 0.9,
                                       .least_rate = 0.1};
  return rbm;
}

static smr_trainer *start_with(const smr_context *context, const smr_rbm_config *rbm,
                               const smr_train_config *config, const fixture_data *data) {
  const smr_train_rows rows = fixture_rows(data);
  smr_trainer *trainer = NULL;
  assert_ok(smr_trainer_create_on(context, config, rbm, &rows, NULL, &trainer));
  return trainer;
}

static smr_trainer *start(const smr_context *context, const shape *s, const fixture_data *data) {
  const smr_rbm_config rbm = get_rbm_config(s);
  smr_train_config config = fixture_config(s->batch_rows, s->shard_rows);
  config.steps = N_STEPS;
  config.learning_rate = 0.5;
  return start_with(context, &rbm, &config, data);
}

static void run(smr_trainer *trainer, int64_t n_steps) {
  for (int64_t i = 0; i < n_steps; i++) {
    assert_ok(smr_trainer_step(trainer));
  }
}

static smr_ladder_values measure(smr_trainer *trainer) {
  smr_ladder_values values;
  assert_ok(smr_trainer_measure_ladder(trainer, &values));
  return values;
}

static bool is_same(double x, double y) {
  return x == y || (isnan(x) && isnan(y));
}

static void assert_same_values(smr_trainer *trainer, smr_trainer *reference) {
  const smr_ladder_values x = measure(trainer), y = measure(reference);
  assert_on_all(is_same(x.log_z, y.log_z) && is_same(x.log_z_stderr, y.log_z_stderr));
  assert_on_all(x.n_temperatures == y.n_temperatures && is_same(x.barrier, y.barrier));
  assert_on_all(is_same(x.acceptance, y.acceptance) && is_same(x.fresh_samples, y.fresh_samples));
  assert_on_all(is_same(x.effective_share, y.effective_share));
  assert_on_all(is_same(x.round_trip_rate, y.round_trip_rate) && x.sweeps == y.sweeps);
  assert_on_all(x.rate_factor == y.rate_factor && x.reactions == y.reactions);
}

/* Also whether the ladder is measured on the way makes no difference. */
static void test_same_bits(void **state) {
  double n_reactions = 0;
  (void)state;
  for (int i = 0; i < N_SHAPES; i++) {
    fixture_data data;
    fixture_fill(&data, 50, shapes[i].n_visible, 0);
    omp_set_num_threads(1);
    smr_trainer *reference = start(alone, &shapes[i], &data);
    run(reference, N_STEPS);
    n_reactions += measure(reference).reactions;
    for (int threads = 1; threads <= 2; threads++) {
      omp_set_num_threads(threads);
      smr_trainer *trainer = start(test_world, &shapes[i], &data);
      if (threads == 1) {
        (void)measure(trainer);
      }
      run(trainer, 17);
      (void)measure(trainer);
      run(trainer, N_STEPS - 17);
      assert_same_state(trainer, reference);
      assert_same_values(trainer, reference);
      assert_ok(smr_trainer_check_replicas(trainer));
      smr_trainer_destroy(&trainer);
    }
    omp_set_num_threads(1);
    smr_trainer_destroy(&reference);
    fixture_clear(&data);
  }
  assert_true(n_reactions > 3);
}

/* A state that was written on one rank goes on on all of them as if nothing had happened. */
static void test_resume(void **state) {
  static const int stops[] = {1, 6, 23};
  (void)state;
  for (int i = 0; i < N_SHAPES * 3; i++) {
    const shape *s = &shapes[i / 3];
    fixture_data data;
    fixture_fill(&data, 50, s->n_visible, 0);
    smr_trainer *first = start(alone, s, &data);
    smr_trainer *second = start(test_world, s, &data);
    run(first, stops[i % 3]);
    run(second, 2); /* what it has done must leave no trace */
    copy_state(first, second);
    assert_ok(smr_trainer_resume(second));
    assert_same_values(second, first);
    run(first, N_STEPS - stops[i % 3]);
    run(second, N_STEPS - stops[i % 3]);
    assert_same_state(second, first);
    assert_same_values(second, first);
    smr_trainer_destroy(&first);
    smr_trainer_destroy(&second);
    fixture_clear(&data);
  }
}

static void test_resume_refuses(void **state) {
  (void)state;
  fixture_data data;
  smr_state list = {0};
  fixture_fill(&data, 50, 20, 0);
  smr_trainer *trainer = start(test_world, &shapes[1], &data);
  run(trainer, 1);
  assert_ok(smr_trainer_list_state(trainer, &list));
  assert_ok(smr_trainer_resume(trainer));
  for (int64_t k = 0; k < list.n; k++) {
    if (strcmp(list.arrays[k].array.name, "ladder_counts") == 0) {
      int64_t *counts = list.arrays[k].array.data;
      const int64_t kept = counts[1];
      counts[1] = test_world->rank == test_world->size - 1 ? -1 : kept;
      assert_fails(smr_trainer_resume(trainer), SMR_ERR_INPUT, "count -1");
      counts[1] = kept;
    }
    if (strcmp(list.arrays[k].array.name, "n_window") == 0) {
      *(int64_t *)list.arrays[k].array.data = 5;
    }
  }
  assert_fails(smr_trainer_resume(trainer), SMR_ERR_INPUT, "scan");
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* --- the gradient --- */

static double logistic(double x) {
  return 1 / (1 + exp(-x));
}

/* Adds `weight` times the mean of v p(h|v) over n rows of v to g [V x H]. */
static void add_mean(const smr_rbm *rbm, const float *w, int64_t n, const float *v, double weight,
                     double *g) {
  for (int64_t r = 0; r < n; r++) {
    const float *row = v + r * rbm->n_visible;
    for (int64_t j = 0; j < rbm->n_hidden; j++) {
      double x = 0; /* biases start at 0 */
      for (int64_t i = 0; i < rbm->n_visible; i++) {
        x += (double)row[i] * (double)w[i * rbm->n_hidden + j];
      }
      for (int64_t i = 0; i < rbm->n_visible; i++) {
        g[i * rbm->n_hidden + j] += weight / (double)n * (double)row[i] * logistic(x);
      }
    }
  }
}

/* The first update by plain loops: means over the batch, which is all rows, and over the ladder's
 * samples, however many, each with the same weight. Float32 rounds the step of 0.1 times a gradient
 * of less than 1 beside weights below 2, by less than 2e-7. */
static void test_gradient(void **state) {
  enum { V = 20, H = 13, B = 50, MOST = 128 };
  static const int64_t chains[] = {50, 7, 1, 49, 51, 128};
  (void)state;
  for (int k = 0; k < 6; k++) {
    float w[V * H], v[MOST * V];
    double g[V * H] = {0};
    fixture_data data;
    fixture_fill(&data, B, V, 0);
    shape s = {V, H, B, 8, chains[k], 3, 5, 4, 1, -1, 0, 0};
    smr_rbm_config rbm = get_rbm_config(&s);
    rbm.tempered.least_acceptance = rbm.tempered.least_effective = 0;
    const smr_train_config config = fixture_config(B, 8);
    smr_trainer *trainer = start_with(test_world, &rbm, &config, &data);
    const smr_rbm model = smr_trainer_get_rbm(trainer);
    memcpy(w, model.w, sizeof w);
    run(trainer, 1);
    assert_ok(smr_trainer_draw(trainer, chains[k], 0, v));
    add_mean(&model, w, B, data.values, 1, g);
    add_mean(&model, w, chains[k], v, -1, g);
    double worst = 0, largest = 0;
    for (int i = 0; i < V * H; i++) {
      worst = fmax(worst, fabs((double)model.w[i] - (double)w[i] - 0.1 * g[i]));
      largest = fmax(largest, fabs(0.1 * g[i]));
    }
    assert_true(worst < 2e-7 && largest > 1e-3);
    smr_trainer_destroy(&trainer);
    fixture_clear(&data);
  }
}

/* Samples of the gradient are the cold ends of independent ladders of an untrained model: means of
 * pixels are the base rates, and different chains differ. */
static void test_samples(void **state) {
  enum { V = 20, CHAINS = 2000 };
  static float v[CHAINS * V];
  (void)state;
  fixture_data data;
  fixture_fill(&data, 50, V, 0);
  shape s = {V, 4, 50, 16, CHAINS, 2, 3, 4, 1, -1, 0, 0};
  smr_rbm_config rbm = get_rbm_config(&s);
  smr_train_config config = fixture_config(50, 16);
  rbm.weight_scale = 1e-6;
  rbm.has_data_bias = true;
  config.learning_rate = 0;
  smr_trainer *trainer = start_with(test_world, &rbm, &config, &data);
  run(trainer, 1);
  assert_ok(smr_trainer_draw(trainer, CHAINS, 0, v));
  double mean[V];
  assert_ok(fixture_mean(&data, test_world, mean));
  for (int p = 0; p < V; p++) {
    double sum = 0;
    for (int c = 0; c < CHAINS; c++) {
      sum += (double)v[c * V + p] / CHAINS;
    }
    /* Four standard errors; 20 pixels. */
    assert_close(sum, mean[p], 0, 4 * sqrt(mean[p] * (1 - mean[p]) / CHAINS));
  }
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* --- ln Z --- */

/* Against enumeration, all along the training of a model that gets two modes. Observers give z its
 * spread; samples of one window after another are nearly independent, 30 of them: rms z within 1
 * +- 0.4 (three deviations) and what little the window lags behind. */
static void test_log_z(void **state) {
  enum { POINTS = 30 };
  double squares = 0, largest = 0, first = 0, last = 0;
  (void)state;
  fixture_data data;
  fixture_fill(&data, 200, 16, 0);
  shape s = {16, 12, 100, 25, 100, 50, -1, 24, 1, -1, 0, 1};
  smr_rbm_config rbm = get_rbm_config(&s);
  smr_train_config config = fixture_config(100, 25);
  rbm.tempered.most_temperatures = 20;
  rbm.tempered.least_acceptance = rbm.tempered.least_effective = -1; /* auto */
  config.steps = POINTS * 40;
  config.learning_rate = 0.2;
  smr_trainer *trainer = start_with(test_world, &rbm, &config, &data);
  for (int i = 0; i < POINTS; i++) {
    double exact = 0;
    run(trainer, 40);
    const smr_rbm model = smr_trainer_get_rbm(trainer);
    const smr_ladder_values values = measure(trainer);
    assert_ok(smr_enumerate_log_z(test_world, &model, &exact));
    const double z = (values.log_z - exact) / values.log_z_stderr;
    assert_true(values.log_z_stderr > 0 && values.log_z_stderr < 0.3);
    squares += z * z / POINTS;
    largest = fmax(largest, fabs(z));
    first = i == 0 ? exact : first;
    last = exact;
  }
  if (test_world->rank == 0) {
    print_message("ln Z from %.2f to %.2f, rms z %.2f, largest %.2f\n", first, last, sqrt(squares),
                  largest);
  }
  assert_true(fabs(last - first) > 3);
  assert_true(sqrt(squares) < 1.5 && largest < 4.5);
  assert_true(measure(trainer).reactions == 0);
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* --- reactions --- */

/* A rate that chains can't follow: first sweeps, then the rate; once the schedule has ended it, all
 * is given back. */
static void test_reactions(void **state) {
  (void)state;
  fixture_data data;
  fixture_fill(&data, 200, 16, 0);
  shape s = {16, 12, 100, 25, 40, 20, -1, 8, 1, -1, 0, 1};
  smr_rbm_config rbm = get_rbm_config(&s);
  smr_train_config config = fixture_config(100, 25);
  rbm.tempered.most_temperatures = 20;
  rbm.tempered.least_acceptance = 0.15;
  rbm.tempered.least_effective = 0.5;
  config.steps = 1200;
  config.learning_rate = 60;
  config.rate_schedule = SMR_RATE_STEP;
  config.rate_factor = 1e-4;
  config.rate_period = 200; /* epochs of two steps */
  smr_trainer *trainer = start_with(test_world, &rbm, &config, &data);
  double most_sweeps = 0, least_factor = 1;
  for (int i = 0; i < 60; i++) {
    run(trainer, 5);
    const smr_ladder_values lost = measure(trainer);
    most_sweeps = fmax(most_sweeps, lost.sweeps);
    least_factor = fmin(least_factor, lost.rate_factor);
    assert_close(smr_trainer_get_learning_rate(trainer), 60 * lost.rate_factor, 1e-15, 0);
  }
  assert_true(most_sweeps == 3 && least_factor <= 0.5 && least_factor >= 0.1);
  assert_true(measure(trainer).reactions >= 3);
  run(trainer, 900);
  const smr_ladder_values kept = measure(trainer);
  assert_true(kept.sweeps == 1 && kept.rate_factor == 1 && kept.effective_share > 0.5);
  assert_true(smr_trainer_get_learning_rate(trainer) < 1e-3);
  smr_trainer_destroy(&trainer);
  /* Nobody has to react. */
  rbm.tempered.least_acceptance = rbm.tempered.least_effective = 0;
  trainer = start_with(test_world, &rbm, &config, &data);
  double least_share = 1;
  for (int i = 0; i < 60; i++) {
    run(trainer, 5);
    const smr_ladder_values values = measure(trainer);
    assert_true(values.reactions == 0 && values.sweeps == 1 && values.rate_factor == 1);
    least_share = fmin(least_share, values.effective_share);
  }
  assert_true(least_share < 0.2);
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* --- mistakes --- */

static void test_mistakes(void **state) {
  (void)state;
  fixture_data data;
  fixture_fill(&data, 50, 20, 0);
  const smr_train_rows rows = fixture_rows(&data);
  const smr_train_config config = fixture_config(24, 4);
  smr_rbm_config rbm = get_rbm_config(&shapes[0]);
  smr_trainer *trainer = NULL;
  rbm.tempered.window = 3;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer),
               SMR_ERR_INPUT, "window of 3");
  assert_null(trainer);
  rbm = get_rbm_config(&shapes[0]);
  rbm.tempered.n_chains = 0;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer),
               SMR_ERR_INPUT, "0 chains");
  rbm.negative_phase = SMR_NEGATIVE_PCD;
  assert_ok(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer));
  assert_true(isnan(measure(trainer).log_z));
  smr_trainer_destroy(&trainer);
#if SIMMER_FAULTS
  char fault[64];
  trainer = start(test_world, &shapes[0], &data);
  run(trainer, 2);
  snprintf(fault, sizeof fault, "tempering.shard:%d:1", test_world->size - 1);
  setenv("SIMMER_FAULT", fault, 1);
  assert_fails(smr_trainer_step(trainer), SMR_ERR_INTERNAL, "step 3 of the training");
  unsetenv("SIMMER_FAULT");
  smr_trainer_destroy(&trainer);
#endif
  fixture_clear(&data);
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

MPI_TEST_MAIN(cmocka_unit_test_setup(test_same_bits, start_alone),
              cmocka_unit_test_teardown(test_resume, end_alone),
              cmocka_unit_test(test_resume_refuses), cmocka_unit_test(test_gradient),
              cmocka_unit_test(test_samples), cmocka_unit_test(test_log_z),
              cmocka_unit_test(test_reactions), cmocka_unit_test(test_mistakes))
