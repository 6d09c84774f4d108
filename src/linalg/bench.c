/* The rates that `simmer bench` and `simmer plan --calibrate` measure: GEMM and copy on one thread.
 */
#include <cblas.h>
#include <string.h>

#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"

enum { MAX_REPEATS = 101 };
/* One timing lasts at least about this long, so that the clock's grain doesn't matter. */
static const double flops_per_timing = 5e7;

typedef struct {
  int is_double, m, n, k;
  const void *a, *b;
  void *c;
} product;

static void multiply(const product *p) {
  if (p->is_double) {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, p->m, p->n, p->k, 1.0, p->a, p->m, p->b,
                p->k, 0.0, p->c, p->m);
  } else {
    cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, p->m, p->n, p->k, 1.0F, p->a, p->m, p->b,
                p->k, 0.0F, p->c, p->m);
  }
}

static int clamp_repeats(int repeats) {
  return repeats < 1 ? 1 : repeats > MAX_REPEATS ? MAX_REPEATS : repeats;
}

static double time_product(const product *p, int repeats) {
  double seconds[MAX_REPEATS];
  double flops = 2.0 * p->m * p->n * p->k;
  int calls = (int)(flops_per_timing / flops) + 1;
  multiply(p);
  for (int r = 0; r < repeats; r++) {
    double start = smr_clock_monotonic_s();
    for (int i = 0; i < calls; i++) {
      multiply(p);
    }
    seconds[r] = (smr_clock_monotonic_s() - start) / calls;
  }
  double s = smr_clock_median(repeats, seconds);
  return s > 0.0 ? flops / s : 0.0;
}

smr_status smr_bench_gemm(int is_double, int64_t m, int64_t n, int64_t k, int repeats,
                          double *flops_per_s) {
  smr_status status = SMR_OK;
  product p = {.is_double = is_double};
  void *a = NULL;
  void *b = NULL;
  size_t size = is_double ? sizeof(double) : sizeof(float);
  if (m < 1 || n < 1 || k < 1) {
    SMR_FAIL(SMR_ERR_USAGE, "a product to be timed needs at least one row, column and term");
  }
  SMR_TRY_DONE(smr_int_narrow(m, "rows of a product", &p.m));
  SMR_TRY_DONE(smr_int_narrow(n, "columns of a product", &p.n));
  SMR_TRY_DONE(smr_int_narrow(k, "inner length of a product", &p.k));
  SMR_TRY_DONE(smr_memory_alloc(m * k, size, "left factor", &a));
  SMR_TRY_DONE(smr_memory_alloc(k * n, size, "right factor", &b));
  SMR_TRY_DONE(smr_memory_alloc(m * n, size, "product", &p.c));
  p.a = a;
  p.b = b;
  *flops_per_s = time_product(&p, clamp_repeats(repeats));
done:
  smr_memory_free(a);
  smr_memory_free(b);
  smr_memory_free(p.c);
  return status;
}

smr_status smr_bench_copy(int64_t bytes, int repeats, double *bytes_per_s) {
  smr_status status = SMR_OK;
  double seconds[MAX_REPEATS];
  unsigned char *from = NULL;
  unsigned char *to = NULL;
  int n = clamp_repeats(repeats);
  if (bytes < 2) {
    SMR_FAIL(SMR_ERR_USAGE, "a copy to be timed needs at least 2 bytes");
  }
  size_t half = (size_t)bytes / 2;
  SMR_TRY_DONE(smr_memory_alloc((int64_t)half, 1, "source of a copy", &from));
  SMR_TRY_DONE(smr_memory_alloc((int64_t)half, 1, "target of a copy", &to));
  for (int r = 0; r < n; r++) {
    memset(from, r + 1, half);
    double start = smr_clock_monotonic_s();
    memcpy(to, from, half);
    /* Keeps the compiler from dropping the copy. */
    __asm__ volatile("" : : "r"(to) : "memory");
    seconds[r] = smr_clock_monotonic_s() - start;
  }
  double s = smr_clock_median(n, seconds);
  *bytes_per_s = s > 0.0 ? 2.0 * (double)half / s : 0.0;
done:
  smr_memory_free(from);
  smr_memory_free(to);
  return status;
}
