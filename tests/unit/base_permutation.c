/* Keyed permutations without memory: they are permutations, all are reached, positions are uniform.
 * Fixed keys throughout, so no test can flake. */
#include "check.h"

#include <stdlib.h>

#include "simmer/base/random.h"

static const smr_random_key key = {20100614, 11};

static void check_permutation(int64_t n, uint64_t index) {
  char *seen = calloc((size_t)n, 1);
  assert_non_null(seen);
  const smr_permutation permutation = smr_random_shuffle(key, index, n);
  for (int64_t i = 0; i < n; i++) {
    int64_t image = smr_permutation_get(&permutation, i);
    assert_true(image >= 0 && image < n && !seen[image]);
    seen[image] = 1;
    if (i < 50) {
      assert_int_equal(image, smr_random_permute(key, index, n, i));
    }
  }
  free(seen);
}

static void test_is_permutation(void **state) {
  (void)state;
  for (int64_t n = 1; n <= 300; n++) {
    check_permutation(n, (uint64_t)n % 3);
  }
  const int64_t large[] = {1023, 1024, 1025, 4095, 4096, 4097, 60000, 65537};
  for (int i = 0; i < 8; i++) {
    check_permutation(large[i], 5);
  }
}

/* All n! orders of 3 and 4 numbers, about equally often: chi-square within 4 standard deviations.
 */
static void check_orders(int64_t n, int n_orders) {
  enum { TRIES = 48000 };
  int counts[256] = {0};
  double sum = 0;
  int n_seen = 0;
  for (uint64_t t = 0; t < TRIES; t++) {
    int code = 0;
    for (int64_t i = 0; i < n; i++) {
      code = code * 4 + (int)smr_random_permute(key, t, n, i);
    }
    counts[code]++;
  }
  for (int c = 0; c < 256; c++) {
    double expected = (double)TRIES / n_orders;
    n_seen += counts[c] > 0;
    sum += counts[c] > 0 ? (counts[c] - expected) * (counts[c] - expected) / expected : 0;
  }
  assert_int_equal(n_seen, n_orders);
  assert_true(fabs(sum - (n_orders - 1)) < 4 * sqrt(2.0 * (n_orders - 1)));
}

static void test_small_orders(void **state) {
  (void)state;
  check_orders(2, 2);
  check_orders(3, 6);
  check_orders(4, 24);
}

/* Where two neighbours go: over many indices each pair of bins is equally likely. */
static void check_pairs(int64_t n, int64_t i) {
  enum { BINS = 8, TRIES = 40000 };
  int counts[BINS][BINS] = {{0}};
  double sum = 0;
  double dof = BINS * BINS - 1;
  for (uint64_t t = 0; t < TRIES; t++) {
    const smr_permutation permutation = smr_random_shuffle(key, t, n);
    counts[smr_permutation_get(&permutation, i) * BINS / n]
          [smr_permutation_get(&permutation, i + 1) * BINS / n]++;
  }
  for (int b = 0; b < BINS * BINS; b++) {
    double expected = (double)TRIES / (BINS * BINS);
    sum += pow(counts[b / BINS][b % BINS] - expected, 2) / expected;
  }
  assert_true(fabs(sum - dof) < 4 * sqrt(2 * dof));
}

static void test_pairs(void **state) {
  (void)state;
  check_pairs(60000, 0);
  check_pairs(60000, 31999);
  check_pairs(65536, 7);
  check_pairs(INT64_C(8100000), 8099998);
  check_pairs(INT64_C(1) << 40, 12345678901);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_permutation),
      cmocka_unit_test(test_small_orders),
      cmocka_unit_test(test_pairs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
