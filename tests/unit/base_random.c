/* Random numbers: published vectors, an independent Philox, exact structure, and statistics.
 *
 * Everything is a function of fixed keys, so no test can flake: a statistic that passes once passes
 * always, and its bound only says what a right generator would keep with near certainty. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "simmer/base/random.h"

__extension__ typedef unsigned __int128 uint128;

static const smr_random_key key = {20100614, 7};

/* Philox4x64-10 from the paper's equations; Random123 isn't used here. */
static void compute_philox(const uint64_t counter[4], const uint64_t start[2], uint64_t out[4]) {
  uint64_t k[2] = {start[0], start[1]};
  memcpy(out, counter, 4 * sizeof *out);
  for (int round = 0; round < 10; round++) {
    uint128 a = (uint128)out[0] * UINT64_C(0xD2E7470EE14C6C93);
    uint128 b = (uint128)out[2] * UINT64_C(0xCA5A826395121157);
    const uint64_t next[4] = {(uint64_t)(b >> 64) ^ out[1] ^ k[0], (uint64_t)b,
                              (uint64_t)(a >> 64) ^ out[3] ^ k[1], (uint64_t)a};
    memcpy(out, next, sizeof next);
    k[0] += UINT64_C(0x9E3779B97F4A7C15);
    k[1] += UINT64_C(0xBB67AE8584CAA73B);
  }
}

/* Random123's kat_vectors: counter, key, result of philox4x64 with 10 rounds. */
static const struct {
  uint64_t counter[4], key[2], out[4];
} vectors[] = {
    {{0, 0, 0, 0},
     {0, 0},
     {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
     {UINT64_MAX, UINT64_MAX},
     {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
    {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
     {0x452821e638d01377, 0xbe5466cf34e90c6c},
     {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
};

static void test_published_vectors(void **state) {
  (void)state;
  uint64_t out[4];
  for (int i = 0; i < 3; i++) {
    compute_philox(vectors[i].counter, vectors[i].key, out);
    assert_memory_equal(out, vectors[i].out, sizeof out);
  }
  smr_random_bits((smr_random_key){0, 0}, 0, 0, 0, out);
  assert_memory_equal(out, vectors[0].out, sizeof out);
}

/* The last word of simmer's counter is 0, so the other two vectors reach it by way of the Philox
 * above. */
static void test_bits(void **state) {
  (void)state;
  uint64_t expected[4];
  uint64_t out[4];
  uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 200; i++) {
    const uint64_t counter[4] = {words[0], words[1], words[2], 0};
    const uint64_t pair[2] = {words[3], words[4]};
    compute_philox(counter, pair, expected);
    smr_random_bits((smr_random_key){words[3], words[4]}, words[0], words[1], words[2], out);
    assert_memory_equal(out, expected, sizeof out);
    /* The next arguments are random themselves, some of them small. */
    compute_philox(words, words + 4, words);
    compute_philox(words + 4, words, words + 4);
    words[i % 5] >>= 7 * (i % 9);
  }
}

static void test_uniform_by_definition(void **state) {
  (void)state;
  double out[1001];
  smr_random_uniform(key, 5, 6, 1001, out);
  for (int j = 0; j < 1001; j++) {
    uint64_t words[4];
    smr_random_bits(key, 5, 6, (uint64_t)(j / 4), words);
    assert_close(out[j], ldexp((double)(words[j % 4] >> 11), -53), 0, 0);
    assert_true(out[j] >= 0 && out[j] < 1);
  }
}

/* Box and Muller with the mathematical library. An angle of up to 2 pi is rounded to 4e-16 and the
 * radius is below 8.6: 1e-14 absolute is all that may differ. */
static void test_normal_by_definition(void **state) {
  (void)state;
  enum { N = 100001 };
  static double out[N + 3];
  smr_random_normal(key, 5, 6, N, out);
  for (int j = 0; j < N; j++) {
    uint64_t words[4];
    smr_random_bits(key, 5, 6, (uint64_t)(j / 4), words);
    const uint64_t *pair = words + (j % 4 & 2);
    double radius = sqrt(-2 * log(ldexp((double)((pair[0] >> 11) + 1), -53)));
    double angle = 2 * M_PI * ldexp((double)(pair[1] >> 11), -53);
    assert_close(out[j], radius * (j % 2 == 0 ? cos(angle) : sin(angle)), 0, 1e-14);
  }
}

typedef void fill_function(smr_random_key key, uint64_t index, uint64_t step, int64_t n,
                           double *out);

/* Every length and every alignment gives the bits of the longest, and writes nothing behind. */
static void check_prefixes(fill_function *fill, int64_t first, int64_t last) {
  enum { LONGEST = 1100 };
  static double whole[LONGEST];
  static double part[LONGEST + 8];
  fill(key, 11, 12, LONGEST, whole);
  for (int64_t n = first; n <= last; n++) {
    for (int shift = 0; shift < 5; shift++) {
      for (int i = 0; i < LONGEST + 8; i++) {
        part[i] = -99;
      }
      fill(key, 11, 12, n, part + shift);
      assert_memory_equal(part + shift, whole, (size_t)n * sizeof *part);
      assert_true(part[shift + n] == -99 && (shift == 0 || part[shift - 1] == -99));
    }
  }
}

static void test_prefixes(void **state) {
  (void)state;
  check_prefixes(smr_random_uniform, 0, 40);
  check_prefixes(smr_random_normal, 0, 40);
  /* Around the ends of the chunks inside. */
  check_prefixes(smr_random_normal, 250, 262);
  check_prefixes(smr_random_normal, 505, 520);
}

static void test_arguments_matter(void **state) {
  (void)state;
  uint64_t out[6][4];
  smr_random_bits(key, 1, 2, 3, out[0]);
  smr_random_bits(key, 2, 2, 3, out[1]);
  smr_random_bits(key, 1, 3, 3, out[2]);
  smr_random_bits(key, 1, 2, 4, out[3]);
  smr_random_bits((smr_random_key){key.seed + 1, key.stream}, 1, 2, 3, out[4]);
  smr_random_bits((smr_random_key){key.seed, key.stream + 1}, 1, 2, 3, out[5]);
  for (int i = 0; i < 6; i++) {
    for (int j = 0; j < i; j++) {
      for (int word = 0; word < 4; word++) {
        assert_int_not_equal(out[i][word], out[j][word]);
      }
    }
  }
}

static void test_streams(void **state) {
  (void)state;
  /* From Python's integers: a change here would change every result. */
  assert_int_equal(smr_random_stream("teacher noise", 0, 0), 0xb6ef7c5cc97fb291);
  assert_int_equal(smr_random_stream("teacher noise", 3, (UINT64_C(1) << 63) + 1),
                   0x267ee261928ee786);
  static const char *const purposes[] = {"", "a", "b", "ab", "noise", "noise "};
  enum { N = 6 * 10 * 10 };
  uint64_t streams[N];
  for (int i = 0; i < N; i++) {
    streams[i] = smr_random_stream(purposes[i / 100], (uint64_t)(i / 10 % 10), (uint64_t)(i % 10));
    for (int j = 0; j < i; j++) {
      assert_int_not_equal(streams[i], streams[j]);
    }
  }
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* sqrt(n) times the Kolmogorov-Smirnov distance between values and a distribution function. */
static double compute_ks(double *values, int n, double (*distribution)(double)) {
  double distance = 0;
  qsort(values, (size_t)n, sizeof *values, compare_doubles);
  for (int i = 0; i < n; i++) {
    double p = distribution(values[i]);
    distance = fmax(distance, fmax(p - (double)i / n, (double)(i + 1) / n - p));
  }
  return sqrt(n) * distance;
}

static double identity(double x) {
  return x;
}

static double normal_distribution(double x) {
  return 0.5 * erfc(-x / sqrt(2));
}

/* (chi-square - dof) / sqrt(2 dof) of counts that should all be equal: a z-score. */
static double compute_chi_square(const int *counts, int n_bins, int n) {
  double expected = (double)n / n_bins;
  double sum = 0;
  for (int i = 0; i < n_bins; i++) {
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return (sum - (n_bins - 1)) / sqrt(2.0 * (n_bins - 1));
}

enum { N_VALUES = 200000 };

static void test_uniform_distribution(void **state) {
  (void)state;
  static double values[N_VALUES];
  int counts[256] = {0};
  int pairs[256] = {0};
  smr_random_uniform(key, 1, 0, N_VALUES, values);
  for (int i = 0; i < N_VALUES; i++) {
    counts[(int)(256 * values[i])]++;
  }
  for (int i = 0; i + 1 < N_VALUES; i += 2) {
    pairs[16 * (int)(16 * values[i]) + (int)(16 * values[i + 1])]++;
  }
  /* Within four standard deviations. */
  assert_true(fabs(compute_chi_square(counts, 256, N_VALUES)) < 4);
  assert_true(fabs(compute_chi_square(pairs, 256, N_VALUES / 2)) < 4);
  /* Exceeded once in a thousand generators. */
  assert_true(compute_ks(values, N_VALUES, identity) < 1.95);
}

/* One number each of many indices or steps, as a program with a unit per index draws them. */
static void test_first_numbers(void **state) {
  (void)state;
  static double values[N_VALUES];
  for (int i = 0; i < N_VALUES; i++) {
    smr_random_uniform(key, (uint64_t)i, 0, 1, values + i);
  }
  assert_true(compute_ks(values, N_VALUES, identity) < 1.95);
  for (int i = 0; i < N_VALUES; i++) {
    smr_random_normal(key, 0, (uint64_t)i, 1, values + i);
  }
  assert_true(compute_ks(values, N_VALUES, normal_distribution) < 1.95);
}

static void test_normal_distribution(void **state) {
  (void)state;
  enum { N = 1000000, N_PAIRS = N / 2 };
  double *values = malloc(N * sizeof *values);
  assert_non_null(values);
  smr_random_normal(key, 2, 0, N, values);
  double powers[5] = {0};
  double product = 0;
  double product_of_squares = 0;
  double largest = 0;
  for (int i = 0; i < N; i++) {
    double x = values[i];
    powers[1] += x;
    powers[2] += x * x;
    powers[3] += x * x * x;
    powers[4] += x * x * x * x;
    largest = fmax(largest, fabs(x));
    if (i % 2 == 1) {
      product += x * values[i - 1];
      product_of_squares += (x * x - 1) * (values[i - 1] * values[i - 1] - 1);
    }
  }
  /* Four standard deviations of each: the variance of x^k is E x^2k - (E x^k)^2, that is 1, 2, 15,
   * 96. */
  assert_close(powers[1] / N, 0.0, 0, 4 * sqrt(1.0 / N));
  assert_close(powers[2] / N, 1.0, 0, 4 * sqrt(2.0 / N));
  assert_close(powers[3] / N, 0.0, 0, 4 * sqrt(15.0 / N));
  assert_close(powers[4] / N, 3.0, 0, 4 * sqrt(96.0 / N));
  /* The two of a pair share their radius and must still be independent. */
  assert_close(product / N_PAIRS, 0.0, 0, 4 * sqrt(1.0 / N_PAIRS));
  assert_close(product_of_squares / N_PAIRS, 0.0, 0, 4 * sqrt(4.0 / N_PAIRS));
  /* The largest of a million is 4.9 with a spread of 0.2. */
  assert_true(largest > 4.2 && largest < 6.5);
  assert_true(compute_ks(values, N, normal_distribution) < 1.95);
  free(values);
}

/* Lemire's rule by its definition, in 128 bits. */
static uint64_t define_below(uint64_t index, uint64_t step, uint64_t bound, int *n_refused) {
  uint64_t refused = (uint64_t)(((uint128)1 << 64) % bound);
  for (uint64_t j = 0;; j++) {
    uint64_t words[4];
    smr_random_bits(key, index, step, j / 4, words);
    uint128 product = (uint128)words[j % 4] * bound;
    if ((uint64_t)product >= refused) {
      *n_refused += (int)j;
      return (uint64_t)(product >> 64);
    }
  }
}

static void test_below(void **state) {
  (void)state;
  static const uint64_t bounds[] = {1,
                                    2,
                                    3,
                                    1000,
                                    (UINT64_C(1) << 32) + 1,
                                    UINT64_C(1) << 63,
                                    (UINT64_C(1) << 63) + 1,
                                    UINT64_MAX / 3 * 2,
                                    UINT64_MAX};
  int n_refused = 0;
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
    for (uint64_t step = 0; step < 300; step++) {
      uint64_t value = smr_random_below(key, 3, step, bounds[i]);
      assert_true(value < bounds[i]);
      assert_int_equal(value, define_below(3, step, bounds[i], &n_refused));
    }
  }
  /* Just above 2^63 about one word in two is refused, at two thirds of 2^64 one in three: several
   * hundred, some of them the whole first block. */
  assert_true(n_refused > 300);
}

static void test_below_distribution(void **state) {
  (void)state;
  enum { BOUND = 77 };
  int counts[BOUND] = {0};
  for (int i = 0; i < N_VALUES; i++) {
    counts[smr_random_below(key, (uint64_t)i, 9, BOUND)]++;
  }
  assert_true(fabs(compute_chi_square(counts, BOUND, N_VALUES)) < 4);
  /* A bound where a plain modulo would give the lower half twice as often. */
  const uint64_t bound = UINT64_MAX / 4 * 3;
  int halves[2] = {0, 0};
  for (int i = 0; i < N_VALUES; i++) {
    halves[smr_random_below(key, (uint64_t)i, 10, bound) >= bound / 2]++;
  }
  assert_true(abs(halves[0] - halves[1]) < 4 * sqrt(N_VALUES));
}

static void test_permutations_nest(void **state) {
  (void)state;
  enum { LONGEST = 40 };
  int64_t whole[LONGEST];
  int64_t out[LONGEST + 1];
  int64_t work[LONGEST];
  for (int64_t n = 0; n <= LONGEST; n++) {
    int seen[LONGEST] = {0};
    smr_random_permutation(key, 4, n, n, whole, work);
    for (int64_t i = 0; i < n; i++) {
      assert_in_range(whole[i], 0, n - 1);
      assert_int_equal(seen[whole[i]]++, 0);
    }
    for (int64_t k = 0; k <= n; k++) {
      out[k] = -99;
      smr_random_permutation(key, 4, n, k, out, work);
      assert_memory_equal(out, whole, (size_t)k * sizeof *out);
      assert_int_equal(out[k], -99);
      smr_random_subset(key, 4, n, k, out, work);
      int marks[LONGEST] = {0};
      for (int64_t i = 0; i < k; i++) {
        assert_true(i == 0 || out[i] > out[i - 1]);
        marks[out[i]]++;
      }
      for (int64_t i = 0; i < k; i++) {
        assert_int_equal(marks[whole[i]], 1);
      }
      assert_int_equal(out[k], -99);
    }
  }
}

static void test_permutation_distribution(void **state) {
  (void)state;
  enum { TRIES = 48000 };
  int orders[256] = {0};
  int counts[24];
  int subsets[10] = {0};
  for (int i = 0; i < TRIES; i++) {
    int64_t out[5];
    int64_t work[5];
    smr_random_permutation(key, (uint64_t)i, 4, 4, out, work);
    orders[out[0] * 64 + out[1] * 16 + out[2] * 4 + out[3]]++;
    /* Two of five: the pair a < b as a number from 0 to 9. */
    smr_random_subset(key, (uint64_t)i, 5, 2, out, work);
    subsets[out[0] + out[1] * (out[1] - 1) / 2]++;
  }
  int n_orders = 0;
  for (int i = 0; i < 256; i++) {
    if (orders[i] > 0) {
      assert_true(n_orders < 24);
      counts[n_orders++] = orders[i];
    }
  }
  assert_int_equal(n_orders, 24);
  assert_true(fabs(compute_chi_square(counts, 24, TRIES)) < 4);
  assert_true(fabs(compute_chi_square(subsets, 10, TRIES)) < 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_vectors),
      cmocka_unit_test(test_bits),
      cmocka_unit_test(test_uniform_by_definition),
      cmocka_unit_test(test_normal_by_definition),
      cmocka_unit_test(test_prefixes),
      cmocka_unit_test(test_arguments_matter),
      cmocka_unit_test(test_streams),
      cmocka_unit_test(test_uniform_distribution),
      cmocka_unit_test(test_first_numbers),
      cmocka_unit_test(test_normal_distribution),
      cmocka_unit_test(test_below),
      cmocka_unit_test(test_below_distribution),
      cmocka_unit_test(test_permutations_nest),
      cmocka_unit_test(test_permutation_distribution),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
