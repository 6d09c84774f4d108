/* The one-pass kernel against plain loops. */
#include <string.h>

#include "../../src/linalg/fused.h"
#include "check.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"

typedef struct {
  smr_fused f;
  double *a, *v, *row, *correction, *y, *r, *w;
} problem;

static double *make_random(int64_t n, uint64_t index) {
  const smr_random_key key = {.seed = 11, .stream = 2};
  double *x = NULL;
  assert_ok(smr_memory_alloc(n + 1, sizeof *x, "test vector", &x));
  smr_random_normal(key, index, 0, n + 1, x);
  return x;
}

static void init(int64_t rows, int64_t n, problem *p) {
  const int64_t ld = rows + 2 * SMR_FUSED_ALIGN;
  *p = (problem){.a = make_random(ld * n, 0),
                 .v = make_random(rows, 1),
                 .row = make_random(n, 2),
                 .correction = make_random(n, 3),
                 .y = make_random(n, 4),
                 .r = make_random(n, 5),
                 .w = make_random(rows, 6)};
  p->f = (smr_fused){.rows = rows,
                     .n = n,
                     .ld = ld,
                     .a = p->a,
                     .v = p->v,
                     .tau = 1.3,
                     .row = p->row,
                     .correction = p->correction,
                     .y = p->y,
                     .r = p->r,
                     .w = p->w};
}

static void clear(problem *p) {
  double *all[] = {p->a, p->v, p->row, p->correction, p->y, p->r, p->w};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
}

static void check_equal(int64_t n, const double *x, const double *expected, double tolerance) {
  for (int64_t i = 0; i < n; i++) {
    assert_close(x[i], expected[i], 0.0, tolerance);
  }
  /* What stands behind isn't touched. */
  assert_true(x[n] == expected[n]);
}

/* All remainders of 8 columns, no rows, no columns, and rows enough for several vectors. */
static void test_shapes(void **state) {
  const int64_t rows[] = {0, 8, 16, 40, 1000};
  (void)state;
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    for (int64_t n = 0; n <= 17; n++) {
      problem fast;
      problem plain;
      init(rows[k], n, &fast);
      init(rows[k], n, &plain);
      smr_fused_run(&fast.f);
      smr_fused_run_plain(&plain.f);
      /* 1000 terms of size 1 in another order are off by 1000 x 1e-16 at worst, and 17 such sums
       * times entries up to 4 times 30 of size enter w. */
      check_equal(n, fast.y, plain.y, 2e-13);
      check_equal(n, fast.r, plain.r, 2e-13);
      check_equal(rows[k], fast.w, plain.w, 1e-11);
      clear(&fast);
      clear(&plain);
    }
  }
}

/* By hand: a = (1 2 0 …)', v = (3 1 0 …)', so a'v = 5, y = 2 (5 - 1) = 8, r = 10 - 8 = 2. */
static void test_by_hand(void **state) {
  problem p;
  (void)state;
  init(SMR_FUSED_ALIGN, 1, &p);
  memset(p.a, 0, SMR_FUSED_ALIGN * sizeof *p.a);
  memset(p.v, 0, SMR_FUSED_ALIGN * sizeof *p.v);
  memset(p.w, 0, SMR_FUSED_ALIGN * sizeof *p.w);
  p.a[0] = 1.0;
  p.a[1] = 2.0;
  p.v[0] = 3.0;
  p.v[1] = 1.0;
  p.w[1] = 0.5;
  p.row[0] = 10.0;
  p.correction[0] = 1.0;
  p.f.tau = 2.0;
  smr_fused_run(&p.f);
  assert_close(p.y[0], 8.0, 0.0, 0.0);
  assert_close(p.r[0], 2.0, 0.0, 0.0);
  assert_close(p.w[0], 2.0, 0.0, 0.0);
  assert_close(p.w[1], 4.5, 0.0, 0.0);
  clear(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_by_hand)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
