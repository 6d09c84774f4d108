/* Shards, steps and schedules by hand. */
#include "../../src/train/schedule.h"
#include "check.h"

static smr_train_config make(int64_t batch) {
  return (smr_train_config){.batch_rows = batch,
                            .shard_rows = -1,
                            .epochs = 10,
                            .steps = -1,
                            .learning_rate = 0.5,
                            .rate_factor = 0.5,
                            .rate_period = 2,
                            .rate_final = 0.1,
                            .gradient_limit = (double)INFINITY};
}

static void test_shards(void **state) {
  (void)state;
  const int64_t cases[][3] = {/* batch, shard rows, shards */
                              {512, 128, 4}, {100, 25, 4}, {64, 16, 4}, {32, 16, 2},
                              {17, 16, 2},   {16, 16, 1},  {1, 1, 1},   {10000, 128, 79}};
  for (int i = 0; i < 8; i++) {
    smr_train_config config = make(cases[i][0]);
    assert_int_equal(smr_train_get_shard_rows(&config), cases[i][1]);
    assert_int_equal(smr_train_count_shards(&config), cases[i][2]);
  }
  smr_train_config config = make(100);
  config.shard_rows = 30;
  assert_int_equal(smr_train_count_shards(&config), 4);
  config.shard_rows = 1000;
  assert_int_equal(smr_train_get_shard_rows(&config), 100);
}

static void test_steps(void **state) {
  (void)state;
  smr_train_config config = make(100);
  assert_int_equal(smr_train_count_epoch_steps(&config, 1000), 10);
  assert_int_equal(smr_train_count_epoch_steps(&config, 1001), 11);
  assert_int_equal(smr_train_count_steps(&config, 1000), 100);
  assert_int_equal(smr_train_count_steps(&config, 1001), 101); /* 10010 rows */
  config.epochs = 0.25;
  assert_int_equal(smr_train_count_steps(&config, 1000), 3);
  config.epochs = 0;
  assert_int_equal(smr_train_count_steps(&config, 1000), 0);
  config.steps = 7;
  assert_int_equal(smr_train_count_steps(&config, 1000), 7);
}

/* Rates are one or two operations away from these expressions. */
static void check_rate(const smr_train_config *config, int64_t step, double expected) {
  assert_close(smr_schedule_rate(config, 1000, step), expected, 1e-14, 0);
}

static void test_rates(void **state) {
  (void)state;
  smr_train_config config = make(100); /* 10 steps an epoch, 100 in all */
  check_rate(&config, 99, 0.5);
  config.rate_schedule = SMR_RATE_STEP;
  check_rate(&config, 19, 0.5);
  check_rate(&config, 20, 0.25);
  check_rate(&config, 99, 0.03125);
  config.rate_schedule = SMR_RATE_EXPONENTIAL;
  check_rate(&config, 0, 0.5);
  check_rate(&config, 5, 0.5 * sqrt(0.5));
  check_rate(&config, 30, 0.0625);
  config.rate_schedule = SMR_RATE_COSINE;
  check_rate(&config, 0, 0.5);
  check_rate(&config, 50, 0.3);
  check_rate(&config, 25, 0.1 + 0.2 * (1 + sqrt(0.5)));
  check_rate(&config, 100, 0.1);
  config.rate_schedule = SMR_RATE_INVERSE_TIME;
  check_rate(&config, 20, 0.25);
  check_rate(&config, 60, 0.125);
}

static void test_warm_up(void **state) {
  (void)state;
  smr_train_config config = make(100);
  config.warm_up = 2;
  check_rate(&config, 0, 0.025);
  check_rate(&config, 9, 0.25);
  check_rate(&config, 19, 0.5);
  check_rate(&config, 50, 0.5);
}

static void test_momentum(void **state) {
  (void)state;
  smr_train_config config = make(100);
  config.momentum = 0.9;
  config.momentum_initial = 0.5;
  config.momentum_epochs = 5;
  assert_true(smr_schedule_momentum(&config, 1000, 0) == 0.5);
  assert_true(smr_schedule_momentum(&config, 1000, 49) == 0.5);
  assert_true(smr_schedule_momentum(&config, 1000, 50) == 0.9);
  config.momentum_epochs = 0;
  assert_true(smr_schedule_momentum(&config, 1000, 0) == 0.9);
}

static void test_gibbs_steps(void **state) {
  (void)state;
  smr_rbm_config config = {.gibbs_steps = 1, .gibbs_steps_final = -1};
  assert_int_equal(smr_schedule_gibbs_steps(&config, 0.99), 1);
  config.gibbs_steps_final = 4;
  const int64_t up[] = {1, 1, 2, 2, 3, 3, 4, 4};
  for (int i = 0; i < 8; i++) {
    assert_int_equal(smr_schedule_gibbs_steps(&config, i / 8.0), up[i]);
  }
  assert_int_equal(smr_schedule_gibbs_steps(&config, 1), 4);
  config = (smr_rbm_config){.gibbs_steps = 3, .gibbs_steps_final = 2};
  assert_int_equal(smr_schedule_gibbs_steps(&config, 0.49), 3);
  assert_int_equal(smr_schedule_gibbs_steps(&config, 0.5), 2);
}

static void test_mistakes(void **state) {
  (void)state;
  smr_train_config config = make(100);
  assert_ok(smr_schedule_check(&config, 10));
  assert_fails(smr_schedule_check(&config, 0), SMR_ERR_INPUT, "no rows");
  config = make(0);
  assert_fails(smr_schedule_check(&config, 10), SMR_ERR_INPUT, "batch");
  config = make(10);
  config.epochs = -1;
  assert_fails(smr_schedule_check(&config, 10), SMR_ERR_INPUT, "epochs");
  config = make(10);
  config.momentum = 1;
  assert_fails(smr_schedule_check(&config, 10), SMR_ERR_INPUT, "momentum");
  config = make(10);
  config.rate_schedule = SMR_RATE_STEP;
  config.rate_period = 0;
  assert_fails(smr_schedule_check(&config, 10), SMR_ERR_INPUT, "period");
  config = make(10);
  config.l2 = (double)NAN;
  assert_fails(smr_schedule_check(&config, 10), SMR_ERR_INPUT, "decays");
}

/* By hand: three products of the batch; scans of 128 + 32 chains at 20 of 40 temperatures, 1.5
 * sweeps of two products each; free energies of 32 observers' samples, twice. */
static void test_tempered_cost(void **state) {
  (void)state;
  const smr_train_config config = make(512);
  const smr_rbm_config rbm = {.n_hidden = 500,
                              .negative_phase = SMR_NEGATIVE_TEMPERED,
                              .gibbs_steps = 2,
                              .gibbs_steps_final = -1,
                              .tempered = {-1, -1, -1, -1, -1, -1, -1, -1, -1}};
  const double product = 2.0 * 784 * 500;
  double flops = 0, slow = 0;
  int64_t one = 0, two = 0;
  smr_train_count_cost(&config, &rbm, 784, 1, 1, &flops, &slow, &one);
  assert_close(flops, (3 * 512 + 2 * 3 * 160 * 20 + 2 * 32) * product, 1e-12, 0);
  assert_true(slow > 0 && slow < 0.1 * flops);
  /* The states of 160 x 40 replicas are shared by ranks. */
  smr_train_count_cost(&config, &rbm, 784, 2, 1, &flops, &slow, &two);
  assert_true(one > 160 * 40 * 4 * 1284 && two < one - 160 * 20 * 4 * 1200);
  assert_int_equal(smr_train_count_pieces(&config, &rbm), 160 * 40 / 128);
  assert_true(smr_train_count_chain_bytes(&config, &rbm, 784) > 160 * 40 * 4 * 1284);
}

/* By hand: CD-1 is five products of 2 B V H, PCD-2 eight. */
static void test_cost(void **state) {
  (void)state;
  smr_train_config config = make(512);
  smr_rbm_config rbm = {.n_hidden = 500, .gibbs_steps = 1, .gibbs_steps_final = -1};
  double flops = 0, slow = 0;
  int64_t bytes = 0, more = 0;
  smr_train_count_cost(&config, &rbm, 784, 1, 1, &flops, &slow, &bytes);
  assert_close(flops, 5 * 2.0 * 512 * 784 * 500, 1e-12, 0);
  assert_true(slow > 0 && slow < 0.1 * flops);
  assert_true(bytes > 3 * 784 * 500 * 4);
  rbm.negative_phase = SMR_NEGATIVE_PCD;
  rbm.gibbs_steps = 2;
  smr_train_count_cost(&config, &rbm, 784, 2, 2, &flops, &slow, &more);
  assert_close(flops, 8 * 2.0 * 512 * 784 * 500, 1e-12, 0);
  assert_true(more > bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shards),        cmocka_unit_test(test_steps),
      cmocka_unit_test(test_rates),         cmocka_unit_test(test_warm_up),
      cmocka_unit_test(test_momentum),      cmocka_unit_test(test_gibbs_steps),
      cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_cost),
      cmocka_unit_test(test_tempered_cost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
