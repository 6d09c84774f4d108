/* The Fourier transform of any length against the plain sum. */
#include "../../src/regress/fft.h"

#include <math.h>

#include "check.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"

/* The plain sum in long double; the index is reduced before it becomes an angle. */
static double complex get_plain(int64_t n, int64_t j, const double complex *x) {
  const long double turn = 6.283185307179586476925286766559L;
  long double re = 0.0L;
  long double im = 0.0L;
  for (int64_t i = 0; i < n; i++) {
    const long double angle = turn * (long double)(i * j % n) / (long double)n;
    const long double c = cosl(angle);
    const long double s = -sinl(angle);
    re += (long double)creal(x[i]) * c - (long double)cimag(x[i]) * s;
    im += (long double)creal(x[i]) * s + (long double)cimag(x[i]) * c;
  }
  return smr_complex((double)re, (double)im);
}

static void check(int64_t n) {
  const smr_random_key key = {.seed = 3, .stream = (uint64_t)n};
  smr_fft *fft = NULL;
  double complex *x = NULL;
  double complex *from = NULL;
  double complex *work = NULL;
  assert_ok(smr_fft_create(n, &fft));
  assert_ok(smr_memory_alloc(n, sizeof *x, "x", &x));
  assert_ok(smr_memory_alloc(n, sizeof *from, "from", &from));
  assert_ok(smr_memory_alloc(smr_fft_count_work(fft), sizeof *work, "work", &work));
  for (int64_t i = 0; i < n; i++) {
    double pair[2];
    smr_random_normal(key, (uint64_t)i, 0, 2, pair);
    from[i] = smr_complex(pair[0], pair[1]);
    x[i] = from[i];
  }
  smr_fft_run(fft, x, work);
  for (int64_t j = 0; j<n; j += n> 2000 ? 37 : 1) {
    /* The norm of the whole is sqrt(2n); the demand is 1e-12 of it, the theory says 1e-15. */
    assert_close(cabs(x[j] - get_plain(n, j, from)), 0.0, 0.0, 2e-14 * sqrt(2.0 * (double)n));
  }
  smr_memory_free(x);
  smr_memory_free(from);
  smr_memory_free(work);
  smr_fft_destroy(&fft);
  assert_null(fft);
}

static void test_all_small(void **state) {
  (void)state;
  for (int64_t n = 1; n <= 140; n++) {
    check(n);
  }
}

static void test_long(void **state) {
  const int64_t lengths[] = {1000, 1001, 1009, 4096, 4601, 10000, 9973, 2 * 9973, 13 * 17 * 19};
  (void)state;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    check(lengths[i]);
  }
}

static void test_limits(void **state) {
  smr_fft *fft = NULL;
  (void)state;
  assert_fails(smr_fft_create(0, &fft), SMR_ERR_LIMIT, "length");
  assert_null(fft);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_small), cmocka_unit_test(test_long),
                                     cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
