/* QR of [1 | X | y]: same bits on any ranks, threads and numbers of columns; the normal equations
 * and residuals in long double; degenerate columns; errors. */
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mpi_frame.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/linalg/qr.h"

typedef long double wide;

/* A source with a few ways to misbehave. Row i of X begins with the same numbers for every p. */
typedef struct {
  int64_t n, p;
  double constant;                                   /* the entries of the constant column */
  double column_offset;                              /* added to all of X */
  int64_t zero_column, constant_column, copy_column; /* -1: none; a copy is of column 0 */
  int64_t bad_row, bad_column;                       /* NaN there; column p is y */
  bool fails;
} fake;

static const fake plain = {
    .zero_column = -1, .constant_column = -1, .copy_column = -1, .bad_row = -1};

static fake make(int64_t n, int64_t p) {
  fake f = plain;
  f.n = n;
  f.p = p;
  return f;
}

static double get_entry(const fake *f, int64_t row, int64_t column, const double *random) {
  if (row == f->bad_row && column == f->bad_column) {
    return (double)NAN;
  }
  if (column == f->zero_column) {
    return 0.0;
  }
  if (column == f->constant_column) {
    return f->constant;
  }
  return random[column == f->copy_column ? 0 : column] + (column < f->p ? f->column_offset : 0.0);
}

static smr_status read_fake(void *self, int thread, int64_t first, int64_t count, double *x,
                            int64_t ld, double *y) {
  const smr_random_key key = {.seed = 1, .stream = 2};
  const fake *f = self;
  double *row = NULL;
  (void)thread;
  if (f->fails) {
    SMR_FAIL(SMR_ERR_IO, "the disk is gone");
  }
  SMR_TRY(smr_memory_alloc(f->p + 1, sizeof *row, "row", &row));
  for (int64_t i = 0; i < count; i++) {
    smr_random_normal(key, (uint64_t)(first + i), 0, f->p, row);
    smr_random_normal(key, (uint64_t)(first + i), 1, 1, row + f->p);
    for (int64_t c = 0; c < f->p; c++) {
      x[c * ld + i] = get_entry(f, first + i, c, row);
    }
    y[i] = get_entry(f, first + i, f->p, row) + 0.5;
  }
  smr_memory_free(row);
  return SMR_OK;
}

static smr_row_source get_source(fake *f) {
  return (smr_row_source){.n_rows = f->n, .n_cols = f->p, .self = f, .read = read_fake};
}

static smr_qr *factor_on(const smr_context *context, fake f, bool intercept) {
  smr_grid *grid = NULL;
  smr_qr *qr = NULL;
  smr_row_source source = get_source(&f);
  assert_ok(smr_grid_create(context, &grid));
  assert_ok(smr_qr_create(grid, &source, intercept, &qr));
  smr_grid_destroy(&grid);
  return qr;
}

static smr_qr *factor_alone(fake f, bool intercept) {
  smr_context *alone = NULL;
  int index = 0;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  smr_qr *qr = factor_on(alone, f, intercept);
  smr_context_destroy(&alone);
  return qr;
}

static bool is_same(int64_t n, const double *a, const double *b) {
  return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Are results for the first p columns the same bits? */
static bool is_same_prefix(const smr_qr *a, const smr_qr *b, int64_t p) {
  smr_qr_view va = smr_qr_get(a);
  smr_qr_view vb = smr_qr_get(b);
  int64_t q = smr_int_min(va.n_rows - va.has_intercept, p);
  q = smr_int_max(q, 0);
  bool same = is_same(q, va.z, vb.z) && is_same(p, va.mean, vb.mean) && va.mean_y == vb.mean_y;
  for (int64_t c = 0; c < p; c++) {
    same = same && is_same(q, va.r + c * va.n_used, vb.r + c * vb.n_used);
  }
  for (int64_t k = 0; k <= p; k++) {
    same = same && smr_qr_get_tail(a, k) == smr_qr_get_tail(b, k);
  }
  return same;
}

static void check_same_bits(int64_t n, int64_t p, bool intercept) {
  fake f = make(n, p);
  f.column_offset = 3.0;
  smr_qr *alone = factor_alone(f, intercept);
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    smr_qr *all = factor_on(test_world, f, intercept);
    omp_set_num_threads(1);
    bool same = is_same_prefix(alone, all, p);
    if (!same) {
      print_error("%lld x %lld, intercept %d, %d threads differ\n", (long long)n, (long long)p,
                  intercept, threads);
    }
    assert_on_all(same);
    smr_qr_destroy(&all);
    assert_null(all);
  }
  smr_qr_destroy(&alone);
}

static void test_same_bits(void **state) {
  const int64_t shapes[][2] = {{5000, 40}, {2048, 33}, {1025, 57}, {1024, 57}, {1023, 32},
                               {100, 57},  {58, 57},   {57, 57},   {56, 57},   {30, 57},
                               {20, 100},  {9000, 5},  {1, 5},     {2, 3},     {3, 1},
                               {1, 1},     {2, 1},     {1026, 1},  {2100, 300}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check_same_bits(shapes[i][0], shapes[i][1], false);
    check_same_bits(shapes[i][0], shapes[i][1], true);
  }
}

/* Columns that follow don't change a bit. */
static void test_prefix(void **state) {
  const int64_t rows[] = {5000, 1030, 90, 45, 33};
  const int64_t columns[] = {1, 31, 32, 33, 40, 57, 100};
  (void)state;
  for (size_t r = 0; r < 5; r++) {
    for (int intercept = 0; intercept < 2; intercept++) {
      smr_qr *longest = factor_on(test_world, make(rows[r], 100), intercept);
      for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        smr_qr *qr = factor_on(test_world, make(rows[r], columns[c]), intercept);
        assert_on_all(is_same_prefix(qr, longest, columns[c]));
        smr_qr_destroy(&qr);
      }
      smr_qr_destroy(&longest);
    }
  }
}

/* [X | y] (centred) in long double, (p + 1) columns; also the means. */
static void load_wide(fake f, bool intercept, wide *a, double *mean) {
  double *x = NULL;
  assert_ok(smr_memory_alloc(f.n * (f.p + 1), sizeof *x, "x", &x));
  assert_ok(read_fake(&f, 0, 0, f.n, x, f.n, x + f.n * f.p));
  for (int64_t c = 0; c <= f.p; c++) {
    wide sum = 0.0L;
    for (int64_t i = 0; i < f.n; i++) {
      sum += (wide)x[c * f.n + i];
    }
    wide shift = intercept ? sum / (wide)f.n : 0.0L;
    mean[c] = (double)shift;
    for (int64_t i = 0; i < f.n; i++) {
      a[c * f.n + i] = (wide)x[c * f.n + i] - shift;
    }
  }
  smr_memory_free(x);
}

static wide dot(int64_t n, const wide *a, const wide *b) {
  wide sum = 0.0L;
  for (int64_t i = 0; i < n; i++) {
    sum += a[i] * b[i];
  }
  return sum;
}

/* R'R = X'X and R'z = X'y, entry by entry. `z` is treated as column p of R. */
static void check_normal_equations(const smr_qr *qr, const wide *a, wide offset2) {
  smr_qr_view v = smr_qr_get(qr);
  /* Errors of a column are some 1e-16 times its norm before centring; of a product, twice that;
   * a factor of 100 for the growth with n and p. */
  const wide tolerance = 2e-14L;
  int64_t n_bad = 0;
  for (int64_t i = 0; i < v.n_cols; i++) {
    for (int64_t j = i; j <= v.n_cols; j++) {
      const double *rj = j < v.n_cols ? v.r + j * v.n_used : v.z;
      wide sum = 0.0L;
      for (int64_t l = 0; l < v.n_used; l++) {
        sum += (wide)v.r[i * v.n_used + l] * (wide)rj[l];
      }
      wide ai = dot(v.n_rows, a + i * v.n_rows, a + i * v.n_rows) + offset2;
      wide aj = dot(v.n_rows, a + j * v.n_rows, a + j * v.n_rows) + offset2;
      wide off = sum - dot(v.n_rows, a + i * v.n_rows, a + j * v.n_rows);
      n_bad += !(fabsl(off) <= tolerance * sqrtl(ai * aj));
    }
  }
  assert_on_all(n_bad == 0);
}

/* Residual of y by Gram-Schmidt, twice, in long double; X is used up. */
static void check_tails(const smr_qr *qr, wide *a) {
  smr_qr_view v = smr_qr_get(qr);
  int64_t n = v.n_rows;
  wide *y = a + v.n_cols * n;
  int64_t n_bad = 0;
  for (int64_t k = 0; k <= v.n_cols; k++) {
    wide expected = k >= v.n_rows - v.has_intercept ? 0.0L : dot(n, y, y);
    /* The tail is a sum of squares: its relative error is round-off, but for what cancels. */
    n_bad += !(fabsl((wide)smr_qr_get_tail(qr, k) - expected) <=
               1e-12L * expected + 1e-26L * (wide)n * (wide)n);
    if (k == v.n_cols || k >= v.n_used) {
      continue;
    }
    wide *x = a + k * n;
    for (int64_t pass = 0; pass < 2; pass++) {
      for (int64_t j = 0; j < k; j++) {
        wide d = dot(n, a + j * n, x);
        for (int64_t i = 0; i < n; i++) {
          x[i] -= d * a[j * n + i];
        }
      }
    }
    wide norm = sqrtl(dot(n, x, x));
    for (int64_t i = 0; i < n; i++) {
      x[i] /= norm;
    }
    wide d = dot(n, x, y);
    for (int64_t i = 0; i < n; i++) {
      y[i] -= d * x[i];
    }
  }
  assert_on_all(n_bad == 0);
}

static void check_truth(int64_t n, int64_t p, bool intercept, double offset) {
  fake f = make(n, p);
  f.column_offset = offset;
  wide *a = NULL;
  double *mean = NULL;
  assert_ok(smr_memory_alloc(n * (p + 1), sizeof *a, "a", &a));
  assert_ok(smr_memory_alloc(p + 1, sizeof *mean, "mean", &mean));
  load_wide(f, intercept, a, mean);
  smr_qr *qr = factor_on(test_world, f, intercept);
  smr_qr_view v = smr_qr_get(qr);
  assert_int_equal(v.n_used, smr_int_min(n - intercept, p));
  assert_int_equal(v.n_rows, n);
  assert_int_equal(v.n_cols, p);
  for (int64_t c = 0; c <= p; c++) {
    /* Sums of n numbers of size |offset| + 1. */
    assert_close(c < p ? v.mean[c] : v.mean_y, mean[c], 0.0, 1e-14 * (fabs(offset) + 1.0));
  }
  for (int64_t c = 0; c < p; c++) {
    for (int64_t i = c + 1; i < v.n_used; i++) {
      assert_true(v.r[c * v.n_used + i] == 0.0);
    }
  }
  check_normal_equations(qr, a, (wide)(offset * offset) * (wide)n);
  check_tails(qr, a);
  smr_qr_destroy(&qr);
  smr_memory_free(a);
  smr_memory_free(mean);
}

static void test_truth(void **state) {
  (void)state;
  for (int intercept = 0; intercept < 2; intercept++) {
    check_truth(2500, 40, intercept, 0.0);
    check_truth(1100, 33, intercept, 2.0);
    check_truth(70, 57, intercept, 1.0);
    check_truth(57, 57, intercept, 0.0);
    check_truth(20, 45, intercept, 0.0);
    check_truth(1030, 1, intercept, 0.0);
    check_truth(2, 3, intercept, 0.0);
  }
}

/* More than one rank: ScaLAPACK. */
static void test_truth_shared(void **state) {
  (void)state;
  for (int intercept = 0; intercept < 2; intercept++) {
    check_truth(300, 280, intercept, 1.0);
    check_truth(270, 330, intercept, 0.0);
  }
}

/* A constant column is exactly zero after centring, in every block and combination. */
static void test_constant_column(void **state) {
  const double constants[] = {0.1, 0.3, 1.0 / 3.0, 0.7e5, 1e-7 / 3.0, 123.456, -1e10 / 7.0};
  (void)state;
  for (size_t t = 0; t < sizeof constants / sizeof constants[0]; t++) {
    fake f = make(3 * 1024 + 77 * (int64_t)(t + 1), 40);
    f.constant_column = 35;
    f.constant = constants[t];
    smr_qr *qr = factor_on(test_world, f, true);
    smr_qr_view v = smr_qr_get(qr);
    assert_on_all(v.mean[35] == f.constant);
    for (int64_t i = 0; i < v.n_used; i++) {
      assert_true(v.r[35 * v.n_used + i] == 0.0);
    }
    smr_qr_destroy(&qr);
  }
}

/* Zero and repeated columns: z beyond them is still the rest of y. */
static void test_deficient(void **state) {
  fake f = make(3000, 40);
  (void)state;
  f.zero_column = 3;
  f.copy_column = 20;
  smr_qr *qr = factor_on(test_world, f, false);
  smr_qr_view v = smr_qr_get(qr);
  double sum = smr_qr_get_tail(qr, 40);
  for (int64_t i = 39; i >= 0; i--) {
    sum += v.z[i] * v.z[i];
    assert_close(smr_qr_get_tail(qr, i), sum, 1e-13, 0.0);
  }
  for (int64_t i = 0; i < v.n_used; i++) {
    assert_true(v.r[3 * v.n_used + i] == 0.0);
  }
  /* Column 20 = column 0 up to rounding of a column of norm sqrt(3000). */
  assert_close(v.r[20 * v.n_used], v.r[0], 1e-14, 0.0);
  for (int64_t i = 1; i < v.n_used; i++) {
    assert_close(v.r[20 * v.n_used + i], 0.0, 0.0, 1e-12);
  }
  smr_qr_destroy(&qr);
}

static void check_failure(fake f, smr_status expected, const char *part) {
  smr_grid *grid = NULL;
  smr_qr *qr = NULL;
  smr_row_source source = get_source(&f);
  assert_ok(smr_grid_create(test_world, &grid));
  assert_fails(smr_qr_create(grid, &source, true, &qr), expected, part);
  assert_null(qr);
  smr_grid_destroy(&grid);
}

static void test_not_finite(void **state) {
  fake f = make(5000, 10);
  (void)state;
  f.bad_row = 4321;
  f.bad_column = 7;
  check_failure(f, SMR_ERR_NUMERIC, "row 4321, column 7");
  f.bad_column = 10;
  check_failure(f, SMR_ERR_NUMERIC, "target y");
  f = make(300, 280);
  f.bad_row = 299;
  f.bad_column = 279;
  check_failure(f, SMR_ERR_NUMERIC, "row 299, column 279");
}

/* One rank alone can't read, or is told to fail: all return, with the same code. */
static void test_failure_of_one(void **state) {
  const int64_t shapes[][2] = {{9000, 10}, {300, 280}};
  char fault[32];
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    fake f = make(shapes[i][0], shapes[i][1]);
    f.fails = test_world->rank == test_world->size - 1;
    check_failure(f, SMR_ERR_IO, "disk");
    f.fails = false;
    snprintf(fault, sizeof fault, "linalg.qr:%d:1", test_world->size - 1);
    assert_int_equal(setenv("SIMMER_FAULT", fault, 1), 0);
    smr_fault_set_rank(test_world->world_rank);
    check_failure(f, SMR_ERR_MEMORY, "fault");
    assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
  }
}

static void test_counts(void **state) {
  (void)state;
  assert_true(smr_qr_count_bytes(20000, 500, 2) > 8LL * 500 * 500);
  assert_true(smr_qr_count_bytes(2000, 1000, 2) > 8LL * 1000 * 1000);
  assert_true(smr_qr_count_flops(1000, 9) > 1.9e5);
  assert_true(smr_qr_count_flops(9, 1000) > 1.5e5);
}

MPI_TEST_MAIN(cmocka_unit_test(test_same_bits), cmocka_unit_test(test_prefix),
              cmocka_unit_test(test_truth), cmocka_unit_test(test_truth_shared),
              cmocka_unit_test(test_constant_column), cmocka_unit_test(test_deficient),
              cmocka_unit_test(test_not_finite), cmocka_unit_test(test_failure_of_one),
              cmocka_unit_test(test_counts))
