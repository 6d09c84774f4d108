/* Which scans images are taken of, and first ladders as job files write them. */
#include "check.h"

#include <math.h>
#include <string.h>

#include "ladder_run_private.h"
#include "sample.h"

static smr_sample_plan make_plan(int64_t count, int64_t chains, int64_t scans) {
  const smr_sample_job job = {.count = count, .ladder = {.n_chains = chains, .scans = scans}};
  return smr_sample_make_plan(&job);
}

/* Rising, within what averages take, the last one the last, as far apart as can be; and each scan
 * knows which one it is. */
static void test_scans(void **state) {
  (void)state;
  for (int64_t scans = 2; scans < 40; scans++) {
    const int64_t n_left_out = smr_ladder_count_left_out(scans);
    for (int64_t n = 1; n <= scans - n_left_out; n++) {
      const smr_sample_plan plan = make_plan(3 * n - 1, 3, scans);
      assert_int_equal(plan.n, n);
      int64_t before = n_left_out, found = 0;
      for (int64_t i = 0; i < n; i++) {
        const int64_t scan = smr_sample_get_scan(&plan, i);
        assert_true(scan - before >= (scans - n_left_out) / n);
        assert_int_equal(smr_sample_find_scan(&plan, scan), i);
        before = scan;
      }
      assert_int_equal(before, scans);
      for (int64_t scan = -3; scan <= scans + 3; scan++) {
        found += smr_sample_find_scan(&plan, scan) >= 0;
      }
      assert_int_equal(found, n);
    }
  }
}

static void test_betas(void **state) {
  static double betas[LADDER_MOST_BETAS];
  int64_t n = 0;
  (void)state;
  assert_ok(ladder_parse_betas(" 0, .25 0.5,\t1 ", true, betas, &n));
  assert_int_equal(n, 4);
  assert_true(betas[0] == 0 && betas[1] == 0.25 && betas[2] == 0.5 && betas[3] == 1);
  assert_ok(ladder_parse_betas("1", false, betas, &n));
  assert_int_equal(n, 1);
  static const struct {
    const char *text, *piece;
    bool needs_zero;
  } bad[] = {{"", "must rise to 1", false},
             {"0 0.5", "must rise to 1", false},
             {"0.1 1", "from 0 to 1", true},
             {"0 0.5 0.5 1", "temperature 3, 0.5", false},
             {"0 1 2", "temperature 3 is 2", false},
             {"-1 1", "temperature 1 is -1", false},
             {"0 nan 1", "temperature 2 is nan", false},
             {"0 0.5x 1", "'0.5x'", false},
             {"0; 1", "'0;'", false},
             {"0 inf", "is inf", false}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_fails(ladder_parse_betas(bad[i].text, bad[i].needs_zero, betas, &n), SMR_ERR_INPUT,
                 bad[i].piece);
  }
  static char long_text[20 * (LADDER_MOST_BETAS + 1)];
  for (int i = 0; i <= LADDER_MOST_BETAS; i++) {
    snprintf(long_text + strlen(long_text), 20, "%.8f ", (double)i / (2 * LADDER_MOST_BETAS));
  }
  assert_fails(ladder_parse_betas(long_text, false, betas, &n), SMR_ERR_INPUT, "4096");
}

/* p = (count + s) / (N + 2 s) with s = 5 for every hundred images, 60,000 of them when nobody
 * knows; fair coins without a mean image. */
static void test_base_bias(void **state) {
  float mean[4] = {0, 1, 0.5F, 0.25F}, bias[4];
  smr_model model = {.n_visible = 4, .n_train = 950, .visible_mean = mean};
  (void)state;
  assert_ok(smr_model_get_base_bias(&model, bias));
  const double p[4] = {50.0 / 1050, 1000.0 / 1050, 0.5, (0.25 * 950 + 50) / 1050};
  for (int i = 0; i < 4; i++) {
    /* Rounded to single precision. */
    assert_close((double)bias[i], log(p[i] / (1 - p[i])), 1e-7, 1e-7);
  }
  model.n_train = 0;
  assert_ok(smr_model_get_base_bias(&model, bias));
  assert_close((double)bias[0], log(3000.0 / 63000), 1e-7, 0);
  model.visible_mean = NULL;
  assert_ok(smr_model_get_base_bias(&model, bias));
  assert_true(bias[0] == 0 && bias[3] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_scans), cmocka_unit_test(test_betas),
                                     cmocka_unit_test(test_base_bias)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
