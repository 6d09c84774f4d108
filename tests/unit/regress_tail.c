/* Hill's index of draws of known laws, its error, and the survival function. */
#include "simmer/regress/tail.h"

#include <stdlib.h>

#include "check.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"

enum { N = 20000, K = 100, N_POINTS = 30 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double *draw(uint64_t stream) {
  const smr_random_key key = {.seed = 5, .stream = stream};
  double *x = NULL;
  assert_ok(smr_memory_alloc(N, sizeof *x, "draws", &x));
  smr_random_uniform(key, 0, 0, N, x);
  return x;
}

/* Pareto: exact for every k. Four errors: one false alarm in 16000. */
static void test_pareto(void **state) {
  const double indices[] = {0.5, 1.0, 1.5, 2.0, 4.0};
  (void)state;
  for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
    double *x = draw(i);
    for (int64_t j = 0; j < N; j++) {
      x[j] = pow(1.0 - x[j], -1.0 / indices[i]);
    }
    qsort(x, N, sizeof *x, compare);
    for (int64_t k = K; k <= 10000; k *= 10) {
      const smr_tail tail = smr_tail_hill(N, x, k);
      assert_close(tail.index, indices[i], 4.0 / sqrt((double)k), 0.0);
      assert_close(tail.error, tail.index / sqrt((double)k), 1e-15, 0.0);
    }
    smr_memory_free(x);
  }
}

/* Symmetric alpha-stable by Chambers, Mallows and Stuck (1976); |x| has the tail index alpha. */
static void test_stable(void **state) {
  const double indices[] = {0.5, 1.0, 1.5};
  const double half_turn = 3.14159265358979323846;
  (void)state;
  for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
    const double a = indices[i];
    double *u = draw(100 + i);
    double *x = draw(200 + i);
    for (int64_t j = 0; j < N; j++) {
      const double angle = half_turn * (u[j] - 0.5);
      const double w = -log(1.0 - x[j]);
      x[j] = fabs(sin(a * angle) / pow(cos(angle), 1.0 / a) *
                  pow(cos((1.0 - a) * angle) / w, (1.0 - a) / a));
    }
    qsort(x, N, sizeof *x, compare);
    const smr_tail tail = smr_tail_hill(N, x, smr_tail_choose_k(N));
    /* The law has terms beyond x^-a: at the 0.5 % quantile they bias the index by less than its
     * error. */
    assert_close(tail.index, a, 0.0, 5.0 * tail.error);
    smr_memory_free(u);
    smr_memory_free(x);
  }
}

static void test_edges(void **state) {
  const double few[] = {-3.0, 0.0, 1.0, 2.0, 4.0};
  const double equal[] = {2.0, 2.0, 2.0, 2.0};
  const double endless[] = {1.0, 2.0, 3.0, (double)INFINITY};
  (void)state;
  assert_int_equal(smr_tail_choose_k(20000), 100);
  assert_int_equal(smr_tail_choose_k(100), 10);
  assert_int_equal(smr_tail_choose_k(4), 3);
  /* Three are positive, so two are used: ln 2 and ln 4 over ln 1. */
  assert_close(smr_tail_hill(5, few, 4).index, 2.0 / (3.0 * log(2.0)), 1e-15, 0.0);
  assert_true(isnan(smr_tail_hill(5, few, 1).index));
  assert_true(isnan(smr_tail_hill(2, few, 1).error));
  assert_true(isnan(smr_tail_hill(0, few, 5).index));
  assert_true(isinf(smr_tail_hill(4, equal, 3).index));
  assert_true(isnan(smr_tail_hill(4, endless, 3).index));
}

static void test_survival(void **state) {
  double sorted[1000];
  double x[N_POINTS];
  double survival[N_POINTS];
  (void)state;
  for (int i = 0; i < 1000; i++) {
    sorted[i] = i;
  }
  smr_tail_survival(1000, sorted, N_POINTS, x, survival);
  for (int i = 0; i < N_POINTS; i++) {
    assert_close(survival[i], (1000.0 - x[i]) / 1000.0, 1e-15, 0.0);
    assert_true(i == 0 || x[i] >= x[i - 1]);
  }
  assert_true(x[0] == 500.0 && x[N_POINTS - 1] == 999.0);
  /* Evenly spaced in the logarithm, up to rounding to a whole rank. */
  assert_close(survival[10] / survival[9], survival[1] / survival[0], 0.02, 0.0);
  smr_tail_survival(1, sorted + 7, 3, x, survival);
  assert_true(x[0] == 7.0 && x[2] == 7.0 && survival[0] == 1.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_pareto), cmocka_unit_test(test_stable),
                                     cmocka_unit_test(test_edges), cmocka_unit_test(test_survival)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
