/* The change of softplus with an inverse temperature, and dot products, against long double. */
#include "check.h"

#include "simmer/base/vector.h"

static long double softplus(long double t) {
  return fmaxl(t, 0.0L) + log1pl(expl(-fabsl(t)));
}

/* Every t by itself, from tiny changes to the whole way: exponentials are good to 2e-15, and the
 * logarithm of a product of two such numbers to a few 1e-15; large values to rounding. */
static void test_change(void **state) {
  const double steps[][2] = {{0.0, 1.0},    {0.0, 1e-3}, {0.5, 0.5001}, {0.99999, 1.0},
                             {0.3, 0.2995}, {1.0, 0.0},  {0.7, 0.7}};
  const float bias = 0.25F;
  (void)state;
  for (int k = 0; k < 7; k++) {
    for (int i = -20000; i <= 20000; i++) {
      float x = (float)i * 0.05F;
      const long double t = (long double)x + (long double)bias;
      const long double to = (long double)steps[k][1] * t;
      const double expected = (double)(softplus(to) - softplus((long double)steps[k][0] * t));
      assert_close(smr_vector_change_softplus(1, steps[k][0], steps[k][1], &bias, &x), expected,
                   1e-15, 1e-14);
      assert_close((double)x, (double)(1.0L / (1.0L + expl(-to))), 4e-7, 1e-30);
    }
  }
}

static void test_change_ends(void **state) {
  const float zero = 0.0F;
  float x[] = {NAN, 1e38F, -1e38F};
  (void)state;
  assert_true(isnan(smr_vector_change_softplus(1, 0.5, 1.0, &zero, x)) && isnan(x[0]));
  assert_close(smr_vector_change_softplus(1, 0.5, 1.0, &zero, x + 1), (double)1e38F / 2, 1e-15, 0);
  assert_true(x[1] == 1.0F);
  assert_close(smr_vector_change_softplus(1, 0.0, 1.0, &zero, x + 2), -log(2.0), 1e-14, 0);
  assert_true(x[2] >= 0.0F && x[2] < 1e-37F);
}

/* All lengths around lanes and chunks; no product of 1 + e^-|t| may pass a double's range. */
static void test_change_sums(void **state) {
  enum { N = 2100 };
  static float x[N], bias[N], work[N];
  long double expected = 0.0L;
  (void)state;
  for (int n = 0; n < N; n++) {
    if (n < 70 || n % 61 == 0 || n % 512 < 2) {
      memcpy(work, x, sizeof work);
      assert_close(smr_vector_change_softplus(n, 0.25, 1.0, bias, work), (double)expected, 1e-14,
                   1e-14);
    }
    x[n] = (float)(n % 17) * 0.01F;
    bias[n] = (float)(n % 5) * -0.02F;
    const long double t = (long double)x[n] + (long double)bias[n];
    expected += softplus(t) - softplus(0.25L * t);
  }
}

/* The same bits at every place of arrays of every length. */
static void test_change_places(void **state) {
  enum { LONGEST = 70 };
  const float bias[LONGEST + 8] = {0};
  float one = 1.2345678F;
  const double change = smr_vector_change_softplus(1, 0.5, 0.75, bias, &one);
  (void)state;
  for (int shift = 0; shift < 5; shift++) {
    for (int n = 1; n <= LONGEST; n++) {
      float x[LONGEST + 8] = {0};
      for (int i = 0; i < n; i++) {
        x[shift + i] = i == n - 1 ? 1.2345678F : 0.0F;
      }
      /* The other terms are 0 exactly: their factors are 2 / 2. */
      assert_close(smr_vector_change_softplus(n, 0.5, 0.75, bias, x + shift), change, 0.0, 1e-15);
      assert_memory_equal(&x[shift + n - 1], &one, sizeof one);
    }
  }
}

static void test_dot(void **state) {
  enum { N = 100 };
  double a[N];
  float x[N];
  double expected = 0.0;
  (void)state;
  for (int n = 0; n < N; n++) {
    /* Multiples of 1/8: exact in any order. */
    assert_true(smr_vector_dot(n, a, x) == expected);
    a[n] = (double)(n % 13) - 6.125;
    x[n] = (float)(n % 3);
    expected += a[n] * (double)x[n];
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_change),      cmocka_unit_test(test_change_ends),
      cmocka_unit_test(test_change_sums), cmocka_unit_test(test_change_places),
      cmocka_unit_test(test_dot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
