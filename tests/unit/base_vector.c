/* Vector functions against the mathematical library in double, and random words against Random123's
 * own scalar Philox. */
#include "check.h"

#include <Random123/philox.h>
#include <math.h>
#include <stdlib.h>

#include "simmer/base/vector.h"

static const smr_random_key key = {20100614, 9};

static uint32_t bits_of(float x) {
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* 1/(1 + e^-x) to 4e-7 relative, from -69 (1e-30) up; below that, absolutely. */
static void test_logistic(void **state) {
  (void)state;
  enum { N = 400001 };
  float *x = malloc(N * sizeof *x);
  assert_non_null(x);
  for (int i = 0; i < N; i++) {
    x[i] = (float)(i - N / 2) * 5e-4F;
  }
  smr_vector_logistic(N, x);
  for (int i = 0; i < N; i++) {
    double t = (double)((float)(i - N / 2) * 5e-4F);
    assert_close((double)x[i], 1 / (1 + exp(-t)), 4e-7, t < -69 ? 1e-30 : 0);
    assert_true(x[i] >= 0 && x[i] <= 1 && (i == 0 || x[i] >= x[i - 1] * 0.999999F));
  }
  free(x);
}

static void test_logistic_ends(void **state) {
  (void)state;
  float x[] = {NAN, INFINITY, -INFINITY, 0.0F, -0.0F, 1e30F, -1e30F, 1e-40F};
  smr_vector_logistic(8, x);
  assert_true(isnan(x[0]));
  assert_true(x[1] == 1.0F && x[3] == 0.5F && x[4] == 0.5F && x[5] == 1.0F && x[7] == 0.5F);
  assert_true(x[2] >= 0 && x[2] < 1e-37F && x[6] == x[2]);
}

/* The same bits at every place of arrays of every length. */
static void test_logistic_places(void **state) {
  (void)state;
  enum { LONGEST = 70 };
  const float t = 1.2345678F;
  float one = t;
  smr_vector_logistic(1, &one);
  for (int shift = 0; shift < 5; shift++) {
    for (int n = 1; n <= LONGEST; n++) {
      float x[LONGEST + 8];
      float bias[LONGEST] = {0};
      for (int i = 0; i < LONGEST + 8; i++) {
        x[i] = t;
      }
      smr_vector_logistic_bias(1, n, bias, x + shift);
      for (int i = 0; i < LONGEST + 8; i++) {
        int is_inside = i >= shift && i < shift + n;
        assert_int_equal(bits_of(x[i]), bits_of(is_inside ? one : t));
      }
    }
  }
}

static void test_logistic_bias(void **state) {
  (void)state;
  float x[2][3] = {{1, 2, 3}, {-1, 0, 5}};
  const float bias[3] = {0.5F, -2, -5};
  const float sums[2][3] = {{1.5F, 0, -2}, {-0.5F, -2, 0}};
  smr_vector_logistic_bias(2, 3, bias, x[0]);
  for (int i = 0; i < 6; i++) {
    assert_close((double)x[i / 3][i % 3], 1 / (1 + exp(-(double)sums[i / 3][i % 3])), 4e-7, 0);
  }
}

static double softplus(double t) {
  return t > 0 ? t + log1p(exp(-t)) : log1p(exp(t));
}

static void test_softplus(void **state) {
  (void)state;
  const float zero = 0;
  for (int i = -20000; i <= 20000; i++) {
    float t = (float)i * 0.01F;
    assert_close(smr_vector_sum_softplus(1, &t, &zero), softplus((double)t), 0, 1e-6);
  }
  const float ends[] = {INFINITY, -INFINITY, NAN};
  assert_true(isinf(smr_vector_sum_softplus(1, ends, &zero)));
  assert_close(smr_vector_sum_softplus(1, ends + 1, &zero), 0, 0, 1e-30);
  assert_true(isnan(smr_vector_sum_softplus(1, ends + 2, &zero)));
}

static void test_softplus_sums(void **state) {
  (void)state;
  enum { N = 100 };
  float x[N], bias[N];
  double expected = 0;
  for (int n = 0; n < N; n++) {
    assert_close(smr_vector_sum_softplus(n, x, bias), expected, 0, 1e-6 * n);
    x[n] = (float)(n % 17) - 8.3F;
    bias[n] = (float)(n % 5) - 2.0F;
    expected += softplus((double)x[n] + (double)bias[n]);
  }
}

/* The definition in the header, word by word. */
static uint32_t get_word(uint64_t step, uint64_t row, int64_t j) {
  uint64_t words[4];
  smr_random_bits(key, 0, step, UINT64_MAX, words);
  int64_t in_group = j % 32;
  uint32_t block = (uint32_t)(8 * (j / 32) + in_group % 16 / 2);
  const philox4x32_key_t pair = {{(uint32_t)words[0], (uint32_t)(words[0] >> 32)}};
  const philox4x32_ctr_t counter = {{block, (uint32_t)row, (uint32_t)(row >> 32), (uint32_t)step}};
  return philox4x32(counter, pair).v[in_group / 16 * 2 + in_group % 2];
}

static void test_words(void **state) {
  (void)state;
  enum { LONGEST = 600 };
  const uint64_t rows[] = {0, 1, UINT64_C(0x123456789abcdef), UINT64_MAX};
  for (int r = 0; r < 4; r++) {
    for (int64_t n = 0; n < LONGEST; n = n < 70 ? n + 1 : n * 2) {
      uint32_t out[LONGEST + 1];
      memset(out, 0x55, sizeof out);
      smr_vector_random_words(key, 77 + rows[r], rows[r], n, out);
      for (int64_t j = 0; j < n; j++) {
        assert_int_equal(out[j], get_word(77 + rows[r], rows[r], j));
      }
      assert_int_equal(out[n], 0x55555555);
    }
  }
}

/* u < p in exact arithmetic: word < p 2^32 in double. Probabilities at both ends are among them. */
static void check_bernoulli(int64_t n_cols, float (*probability)(int64_t j)) {
  enum { LONGEST = 700 };
  float x[2 * LONGEST] = {0};
  float out[2 * LONGEST];
  for (int64_t j = 0; j < 2 * n_cols; j++) {
    x[j] = probability(j);
  }
  smr_vector_bernoulli(key, 5, 30, 2, n_cols, x, out);
  for (int64_t j = 0; j < 2 * n_cols; j++) {
    double word = get_word(5, (uint64_t)(30 + j / n_cols), j % n_cols);
    assert_true(out[j] == (word < ldexp((double)x[j], 32) ? 1.0F : 0.0F));
  }
  smr_vector_bernoulli(key, 5, 30, 2, n_cols, x, x);
  assert_memory_equal(x, out, 2 * (size_t)n_cols * sizeof *x);
}

static float spread(int64_t j) {
  return (float)(j % 97) / 96.0F;
}

/* Just at the word, so that the comparison itself is tested: row 30, then row 31. */
static float at_word(int64_t j) {
  return (float)ldexp((double)get_word(5, 30, j), -32);
}

static float above_word(int64_t j) {
  return nextafterf(at_word(j), 2.0F);
}

static void test_bernoulli(void **state) {
  (void)state;
  const int64_t lengths[] = {1, 15, 16, 17, 31, 33, 255, 256, 257, 700};
  for (int i = 0; i < 10; i++) {
    check_bernoulli(lengths[i], spread);
    check_bernoulli(lengths[i], at_word);
    check_bernoulli(lengths[i], above_word);
  }
}

static void test_bernoulli_ends(void **state) {
  (void)state;
  enum { N = 100000 };
  static float x[N];
  const float ends[] = {0, 1, NAN, 0x1p-40F, 0x1.fffffep-1F};
  const float expected[] = {0, 1, 0, 0, 1};
  for (int e = 0; e < 5; e++) {
    for (int i = 0; i < N; i++) {
      x[i] = ends[e];
    }
    smr_vector_bernoulli(key, 1, 0, 1, N, x, x);
    int n_different = 0;
    for (int i = 0; i < N; i++) {
      n_different += x[i] != expected[e];
    }
    /* 1 - 2^-24 misses once in 168 such tests; this key doesn't. */
    assert_int_equal(n_different, 0);
  }
}

/* Means of draws: a z-score of fixed keys, within 4. */
static void test_bernoulli_means(void **state) {
  (void)state;
  enum { N = 200000 };
  static float x[N];
  const double p[] = {1e-3, 0.1, 0.5, 0.77, 0.999};
  for (int k = 0; k < 5; k++) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
      x[i] = (float)p[k];
    }
    smr_vector_bernoulli(key, 2, 0, N / 100, 100, x, x);
    for (int i = 0; i < N; i++) {
      sum += (double)x[i];
    }
    double z = (sum - N * p[k]) / sqrt(N * p[k] * (1 - p[k]));
    assert_true(fabs(z) < 4);
  }
}

static void test_sample(void **state) {
  (void)state;
  enum { ROWS = 3, COLS = 300 };
  float x[ROWS * COLS], p[ROWS * COLS], drawn[ROWS * COLS], out[ROWS * COLS], bias[COLS];
  for (int j = 0; j < COLS; j++) {
    bias[j] = (float)(j % 7) - 3;
  }
  for (int i = 0; i < ROWS * COLS; i++) {
    x[i] = p[i] = (float)(i % 11) - 5;
  }
  const smr_vector_units units = {ROWS, COLS, bias};
  smr_vector_logistic_bias(ROWS, COLS, bias, p);
  smr_vector_bernoulli(key, 3, 8, ROWS, COLS, p, drawn);
  smr_vector_sample(key, 3, 8, &units, x, out);
  assert_memory_equal(x, p, sizeof x);
  assert_memory_equal(out, drawn, sizeof out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_logistic),        cmocka_unit_test(test_logistic_ends),
      cmocka_unit_test(test_logistic_places), cmocka_unit_test(test_logistic_bias),
      cmocka_unit_test(test_softplus),        cmocka_unit_test(test_softplus_sums),
      cmocka_unit_test(test_words),           cmocka_unit_test(test_bernoulli),
      cmocka_unit_test(test_bernoulli_ends),  cmocka_unit_test(test_bernoulli_means),
      cmocka_unit_test(test_sample),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
