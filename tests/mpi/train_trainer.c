/* The trainer as a whole: the same bits on any ranks and threads, restart, order of rows, failures.
 */
#include "train_state.h"

#include <omp.h>

#include "simmer/base/integer.h"
#include "simmer/comm/reduce.h"

/* One rank alone, so that every program has its reference at hand. */
static smr_context *alone;

typedef struct {
  int64_t n_rows, n_visible, n_hidden, batch_rows, shard_rows;
  int is_persistent, is_sampled, is_centred, is_grey;
  int64_t gibbs_steps, gibbs_steps_final;
} shape;

static const shape shapes[] = {
    {50, 20, 13, 24, 4, 0, 0, 0, 0, 1, -1},  /* 6 shards */
    {50, 20, 13, 23, 4, 0, 1, 1, 0, 2, -1},  /* a short last shard */
    {50, 20, 13, 24, 5, 1, 0, 1, 1, 1, 3},   /* persistent, grey, k grows */
    {50, 20, 13, 30, 4, 1, 1, 0, 0, 2, 1},   /* persistent, sampled, k shrinks */
    {50, 20, 13, 3, 4, 0, 0, 1, 0, 1, -1},   /* fewer rows than a shard */
    {50, 20, 13, 1, -1, 1, 0, 1, 0, 1, -1},  /* one row a batch */
    {7, 20, 13, 30, 4, 0, 0, 0, 0, 1, -1},   /* several epochs a batch */
    {50, 1, 13, 16, 4, 1, 0, 1, 0, 1, -1},   /* one visible unit */
    {50, 20, 1, 16, 4, 0, 0, 1, 1, 1, -1},   /* one hidden unit */
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 1, -1},      /* one of each */
    {20, 3, 1100, 12, 4, 1, 0, 1, 0, 1, -1}, /* W in tiles of columns */
    {20, 300, 500, 12, 4, 0, 0, 1, 0, 1, -1},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static smr_rbm_config get_rbm_config(const shape *s) {
  smr_rbm_config rbm = fixture_rbm(s->n_hidden);
  rbm.negative_phase = s->is_persistent ? SMR_NEGATIVE_PCD : SMR_NEGATIVE_CD;
  rbm.gibbs_steps = s->gibbs_steps;
  rbm.gibbs_steps_final = s->gibbs_steps_final;
  rbm.is_sampled = s->is_sampled;
  rbm.is_centred = s->is_centred;
  rbm.has_data_bias = s->is_grey;
  rbm.hidden_bias = -0.5;
  return rbm;
}

static smr_train_config get_train_config(const shape *s) {
  smr_train_config config = fixture_config(s->batch_rows, s->shard_rows);
  config.momentum = 0.5;
  config.l1 = 1e-3;
  config.l2 = 1e-2;
  config.gradient_limit = 1;
  config.rate_schedule = SMR_RATE_EXPONENTIAL;
  config.rate_factor = 0.9;
  config.warm_up = 1;
  return config;
}

static smr_trainer *start(const smr_context *context, const shape *s, const fixture_data *data) {
  const smr_rbm_config rbm = get_rbm_config(s);
  const smr_train_config config = get_train_config(s);
  const smr_train_rows rows = fixture_rows(data);
  smr_trainer *trainer = NULL;
  assert_ok(smr_trainer_create_on(context, &config, &rbm, &rows, NULL, &trainer));
  return trainer;
}

static void run(smr_trainer *trainer, int n_steps) {
  for (int i = 0; i < n_steps; i++) {
    assert_ok(smr_trainer_step(trainer));
  }
}

static void test_same_bits(void **state) {
  (void)state;
  for (int i = 0; i < N_SHAPES; i++) {
    fixture_data data;
    fixture_fill(&data, shapes[i].n_rows, shapes[i].n_visible, shapes[i].is_grey);
    omp_set_num_threads(1);
    smr_trainer *reference = start(alone, &shapes[i], &data);
    run(reference, 6);
    for (int threads = 1; threads <= 3; threads++) {
      omp_set_num_threads(threads);
      smr_trainer *trainer = start(test_world, &shapes[i], &data);
      run(trainer, 6);
      assert_same_state(trainer, reference);
      assert_ok(smr_trainer_check_replicas(trainer));
      smr_trainer_destroy(&trainer);
      assert_null(trainer);
    }
    omp_set_num_threads(1);
    smr_trainer_destroy(&reference);
    fixture_clear(&data);
  }
}

/* A state that was written on one rank goes on on all of them as if nothing had happened. */
static void test_resume(void **state) {
  (void)state;
  for (int i = 0; i < N_SHAPES; i++) {
    fixture_data data;
    fixture_fill(&data, shapes[i].n_rows, shapes[i].n_visible, shapes[i].is_grey);
    smr_trainer *first = start(alone, &shapes[i], &data);
    smr_trainer *second = start(test_world, &shapes[i], &data);
    run(first, 3);
    run(second, 1); /* what it has done must leave no trace */
    copy_state(first, second);
    assert_ok(smr_trainer_resume(second));
    assert_int_equal(smr_trainer_get_step(second), 3);
    run(first, 4);
    run(second, 4);
    assert_same_state(second, first);
    smr_trainer_destroy(&first);
    smr_trainer_destroy(&second);
    fixture_clear(&data);
  }
}

static void *find(smr_trainer *trainer, const char *name) {
  smr_state list = {0};
  assert_ok(smr_trainer_list_state(trainer, &list));
  for (int64_t k = 0; k < list.n; k++) {
    if (strcmp(list.arrays[k].array.name, name) == 0) {
      return list.arrays[k].array.data;
    }
  }
  fail_msg("no array %s", name);
  return NULL;
}

/* What only one rank has read wrong is an error on all. */
static void test_resume_refuses(void **state) {
  (void)state;
  fixture_data data;
  const int is_last = test_world->rank == test_world->size - 1;
  fixture_fill(&data, 50, 20, 0);
  smr_trainer *trainer = start(test_world, &shapes[2], &data);
  int64_t *step = find(trainer, "step");
  float *w = find(trainer, "W");
  float *mu = find(trainer, "visible_offset");
  *step = is_last ? 21 : 20;
  assert_fails(smr_trainer_resume(trainer), SMR_ERR_INPUT, "step 21 of 20");
  *step = 20;
  assert_ok(smr_trainer_resume(trainer));
  float kept = w[7];
  w[7] = is_last ? NAN : kept;
  assert_fails(smr_trainer_resume(trainer), SMR_ERR_INPUT, "W = ");
  w[7] = kept;
  mu[3] = is_last ? 1.5F : 1.0F;
  assert_fails(smr_trainer_resume(trainer), SMR_ERR_INPUT, "visible_offset");
  mu[3] = 0.5F;
  assert_ok(smr_trainer_resume(trainer));
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* Each epoch reads every row once: counts over ranks after each whole number of epochs. */
static void check_order(int64_t n_rows, int64_t batch_rows, int n_steps) {
  fixture_data data;
  fixture_fill(&data, n_rows, 5, 0);
  assert_ok(smr_memory_alloc(n_rows, sizeof *data.reads, "counts", &data.reads));
  const shape s = {n_rows, 5, 4, batch_rows, 2, 0, 0, 0, 0, 1, -1};
  smr_trainer *trainer = start(test_world, &s, &data);
  for (int t = 1; t <= n_steps; t++) {
    int64_t counts[FIXTURE_MAX_ROWS];
    int64_t least = INT64_MAX, most = 0;
    run(trainer, 1);
    memcpy(counts, data.reads, (size_t)n_rows * sizeof *counts);
    assert_ok(smr_reduce_count(test_world, n_rows, counts));
    for (int64_t r = 0; r < n_rows; r++) {
      least = smr_int_min(least, counts[r]);
      most = smr_int_max(most, counts[r]);
    }
    assert_int_equal(least, t * batch_rows / n_rows);
    assert_int_equal(most, smr_int_ceil_divide(t * batch_rows, n_rows));
    assert_close(smr_trainer_get_epoch(trainer), (double)(t * batch_rows) / (double)n_rows, 1e-15,
                 0);
  }
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

static void test_order(void **state) {
  (void)state;
  check_order(30, 10, 9);
  check_order(31, 10, 20);
  check_order(7, 20, 5);
  check_order(1, 3, 3);
}

static void test_getters(void **state) {
  (void)state;
  fixture_data data;
  const float *mu = NULL, *lambda = NULL;
  fixture_fill(&data, 50, 20, 0);
  smr_trainer *trainer = start(test_world, &shapes[0], &data);
  assert_true(isnan(smr_trainer_get_gradient_norm(trainer)));
  assert_int_equal(smr_trainer_count_steps(trainer), 20);
  run(trainer, 2);
  assert_int_equal(smr_trainer_get_step(trainer), 2);
  assert_true(smr_trainer_get_gradient_norm(trainer) > 0);
  assert_close(smr_trainer_get_learning_rate(trainer), 0.1 * pow(0.9, 48.0 / 50), 1e-14, 0);
  smr_trainer_get_offsets(trainer, &mu, &lambda);
  assert_true(mu[3] == 0 && lambda[3] == 0);
  assert_int_equal(smr_trainer_get_rbm(trainer).n_hidden, 13);
  smr_trainer_destroy(&trainer);
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

static void test_start_from_model(void **state) {
  (void)state;
  fixture_data data;
  float w[20 * 13], b[20], c[13];
  fixture_fill(&data, 50, 20, 0);
  for (int i = 0; i < 20 * 13; i++) {
    w[i] = (float)i;
    b[i % 20] = (float)i + 1;
    c[i % 13] = (float)i + 2;
  }
  smr_rbm model = {20, 13, w, b, c};
  const smr_rbm_config rbm = get_rbm_config(&shapes[0]);
  const smr_train_config config = get_train_config(&shapes[0]);
  const smr_train_rows rows = fixture_rows(&data);
  smr_trainer *trainer = NULL;
  assert_ok(smr_trainer_create_on(test_world, &config, &rbm, &rows, &model, &trainer));
  const smr_rbm got = smr_trainer_get_rbm(trainer);
  assert_memory_equal(got.w, w, sizeof w);
  assert_memory_equal(got.visible_bias, b, sizeof b);
  assert_memory_equal(got.hidden_bias, c, sizeof c);
  smr_trainer_destroy(&trainer);
  model.n_visible = 19;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, &model, &trainer),
               SMR_ERR_INPUT, "start from");
  assert_null(trainer);
  fixture_clear(&data);
}

/* An enormous rate: found in the step that does it, on all ranks. */
static void test_divergence(void **state) {
  (void)state;
  const double rates[] = {1e9, 1e38, 1e300};
  for (int i = 0; i < 3; i++) {
    fixture_data data;
    fixture_fill(&data, 50, 20, 0);
    const smr_rbm_config rbm = get_rbm_config(&shapes[0]);
    const smr_train_rows rows = fixture_rows(&data);
    smr_train_config config = fixture_config(24, 4);
    smr_trainer *trainer = NULL;
    assert_ok(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer));
    run(trainer, 1);
    smr_trainer_destroy(&trainer);
    config.learning_rate = rates[i];
    assert_ok(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer));
    assert_fails(smr_trainer_step(trainer), SMR_ERR_NUMERIC, "step 1 of the training");
    smr_trainer_destroy(&trainer);
    fixture_clear(&data);
  }
}

/* NaN in one row: the rank that reads it finds it in its statistics, and all ranks end the step. */
static void test_bad_row(void **state) {
  (void)state;
  fixture_data data;
  int64_t failed_at = 0;
  fixture_fill(&data, 50, 20, 0);
  data.values[17 * 20 + 3] = NAN;
  smr_trainer *trainer = start(test_world, &shapes[0], &data);
  smr_status status = SMR_OK;
  while (status == SMR_OK && failed_at < 4) {
    status = smr_trainer_step(trainer);
    failed_at++;
  }
  assert_on_all(status == SMR_ERR_NUMERIC);
  /* Row 17 is among the first 50 of batches of 24. */
  assert_on_all(failed_at <= 3);
  assert_non_null(strstr(smr_error_message(), "statistic"));
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

static void test_fault_on_one_rank(void **state) {
  (void)state;
#if SIMMER_FAULTS
  fixture_data data;
  char fault[64];
  fixture_fill(&data, 50, 20, 0);
  smr_trainer *trainer = start(test_world, &shapes[0], &data);
  run(trainer, 2);
  snprintf(fault, sizeof fault, "train.shard:%d:1", test_world->size - 1);
  setenv("SIMMER_FAULT", fault, 1);
  assert_fails(smr_trainer_step(trainer), SMR_ERR_INTERNAL, "fault train.shard");
  unsetenv("SIMMER_FAULT");
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
#else
  skip();
#endif
}

static void test_replicas_differ(void **state) {
  (void)state;
  fixture_data data;
  fixture_fill(&data, 50, 20, 0);
  smr_trainer *trainer = start(test_world, &shapes[0], &data);
  float *c = find(trainer, "hidden_bias");
  assert_ok(smr_trainer_check_replicas(trainer));
  if (test_world->rank == test_world->size - 1) {
    c[12] = nextafterf(c[12], 9);
  }
  if (test_world->size > 1) {
    assert_fails(smr_trainer_check_replicas(trainer), SMR_ERR_INTERNAL, "OPENBLAS_CORETYPE");
  } else {
    assert_ok(smr_trainer_check_replicas(trainer));
  }
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* Particles don't depend on ranks; without sweeps they are chains or rows; with sweeps they are
 * probabilities. */
static void check_draw(const shape *s, int64_t n) {
  fixture_data data;
  float *v = NULL, *expected = NULL;
  const size_t bytes = (size_t)(n * s->n_visible) * sizeof *v;
  fixture_fill(&data, s->n_rows, s->n_visible, 0);
  assert_ok(smr_memory_alloc(n * s->n_visible, sizeof *v, "particles", &v));
  assert_ok(smr_memory_alloc(n * s->n_visible, sizeof *v, "particles", &expected));
  smr_trainer *reference = start(alone, s, &data);
  smr_trainer *trainer = start(test_world, s, &data);
  run(reference, 2);
  run(trainer, 2);
  assert_ok(smr_trainer_draw(reference, n, 0, expected));
  assert_ok(smr_trainer_draw(trainer, n, 0, v));
  assert_on_all(memcmp(v, expected, bytes) == 0);
  const uint8_t *chains = s->is_persistent ? find(reference, "chains") : NULL;
  for (int64_t i = 0; i < n * s->n_visible; i++) {
    int64_t row = i / s->n_visible, p = i % s->n_visible;
    float from = s->is_persistent ? (float)chains[row % s->batch_rows * s->n_visible + p]
                                  : data.values[row % s->n_rows * s->n_visible + p];
    assert_true(v[i] == from);
  }
  assert_ok(smr_trainer_draw(reference, n, 3, expected));
  assert_ok(smr_trainer_draw(trainer, n, 3, v));
  assert_on_all(memcmp(v, expected, bytes) == 0);
  for (int64_t i = 0; i < n * s->n_visible; i++) {
    assert_true(v[i] > 0 && v[i] < 1);
  }
  smr_trainer_destroy(&reference);
  smr_trainer_destroy(&trainer);
  smr_memory_free(v);
  smr_memory_free(expected);
  fixture_clear(&data);
}

static void test_draw(void **state) {
  (void)state;
  check_draw(&shapes[0], 10);
  check_draw(&shapes[0], 120);
  check_draw(&shapes[2], 7);
  check_draw(&shapes[2], 60);
  check_draw(&shapes[5], 3);
}

/* Images of the data layer, drawn anew each epoch. */
static void test_images(void **state) {
  (void)state;
  const smr_image_config source = {
      .source = SMR_IMAGES_BARS, .count = -1, .test_count = -1, .side = 4, .seed = 1};
  smr_context *const contexts[] = {alone, test_world};
  smr_images *images[2] = {NULL, NULL};
  smr_trainer *trainers[2] = {NULL, NULL};
  const smr_train_config config = fixture_config(20, 4);
  smr_rbm_config rbm = fixture_rbm(6);
  rbm.is_centred = true;
  for (int i = 0; i < 2; i++) {
    assert_ok(smr_images_open(contexts[i], &source, "", &images[i]));
    assert_ok(smr_trainer_create(contexts[i], &config, &rbm, images[i], NULL, &trainers[i]));
    const float *mu = NULL, *lambda = NULL;
    smr_trainer_get_offsets(trainers[i], &mu, &lambda);
    assert_close((double)mu[5], 0.5, 1e-6, 0); /* every pattern's complement is one, too */
    run(trainers[i], 5);
    assert_close(smr_trainer_get_epoch(trainers[i]), 100.0 / 30, 1e-15, 0);
  }
  assert_same_state(trainers[1], trainers[0]);
  for (int i = 0; i < 2; i++) {
    smr_trainer_destroy(&trainers[i]);
    smr_images_close(&images[i]);
  }
}

static void test_mistakes(void **state) {
  (void)state;
  fixture_data data;
  fixture_fill(&data, 50, 20, 0);
  const smr_train_rows rows = fixture_rows(&data);
  smr_train_config config = fixture_config(8, 4);
  smr_rbm_config rbm = fixture_rbm(0);
  smr_trainer *trainer = NULL;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer),
               SMR_ERR_INPUT, "hidden units");
  assert_null(trainer);
  rbm = fixture_rbm(3);
  rbm.gibbs_steps = 0;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer),
               SMR_ERR_INPUT, "Gibbs");
  rbm = fixture_rbm(3);
  config.batch_rows = 0;
  assert_fails(smr_trainer_create_on(test_world, &config, &rbm, &rows, NULL, &trainer),
               SMR_ERR_INPUT, "batch");
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

MPI_TEST_MAIN(cmocka_unit_test_setup(test_same_bits, start_alone), cmocka_unit_test(test_resume),
              cmocka_unit_test(test_resume_refuses), cmocka_unit_test(test_order),
              cmocka_unit_test(test_getters), cmocka_unit_test(test_start_from_model),
              cmocka_unit_test(test_divergence), cmocka_unit_test(test_bad_row),
              cmocka_unit_test(test_fault_on_one_rank), cmocka_unit_test(test_replicas_differ),
              cmocka_unit_test(test_draw), cmocka_unit_test(test_images),
              cmocka_unit_test_teardown(test_mistakes, end_alone))
