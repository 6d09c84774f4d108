/* Compact divide and conquer. Bidiagonals that deflate, split, and are graded, against QR iteration
 * (dbdsqr); whole SVDs of prescribed spectra against the dense way. */
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../../src/linalg/compact.h"
#include "mpi_frame.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/linalg/kernel.h"
#include "simmer/linalg/svd.h"

static smr_grid *grid;

static double *allocate(int64_t n) {
  double *x = NULL;
  assert_ok(smr_memory_alloc(n, sizeof *x, "test matrix", &x));
  return x;
}

static double *make_random(int64_t n, uint64_t seed) {
  const smr_random_key key = {.seed = seed, .stream = 4};
  double *a = allocate(n);
  smr_random_normal(key, 0, 0, n, a);
  return a;
}

/* op(a) op(b) [m x n]. */
static double *multiply(bool a_transposed, bool b_transposed, int m, int n, int k, const double *a,
                        const double *b) {
  double *c = allocate((int64_t)m * n);
  cblas_dgemm(CblasColMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, m, n, k, 1.0, a, a_transposed ? k : m, b,
              b_transposed ? n : k, 0.0, c, m);
  return c;
}

static double get_distance(int64_t n, const double *a, const double *b) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return sqrt(sum);
}

static double *make_unit(int64_t n) {
  double *unit = allocate(n * n);
  for (int64_t i = 0; i < n; i++) {
    unit[i * n + i] = 1.0;
  }
  return unit;
}

static void check_orthogonal(int n, int k, const double *q, double tolerance) {
  double *unit = make_unit(k);
  double *product = multiply(true, false, k, k, n, q, q);
  assert_true(get_distance((int64_t)k * k, product, unit) <= tolerance);
  smr_memory_free(unit);
  smr_memory_free(product);
}

/* Columns of in [n x n_cols], in groups of 16. */
static double *apply(const smr_compact *compact, bool is_left, bool is_project, int n_cols,
                     const double *in) {
  int n = compact->n;
  int n_groups = (n_cols + SMR_COLUMN_BLOCK - 1) / SMR_COLUMN_BLOCK;
  smr_groups groups = {.n_groups = n_groups, .ld = smr_pad(n) + 8};
  int64_t length = (int64_t)groups.ld * SMR_COLUMN_BLOCK * n_groups;
  double *out = allocate((int64_t)n * n_cols);
  double *panel = allocate((int64_t)groups.ld * SMR_PANEL);
  groups.x = allocate(length);
  groups.y = allocate(length);
  groups.work = allocate(SMR_PANEL * SMR_COLUMN_BLOCK);
  for (int64_t c = 0; c < n_cols; c++) {
    memcpy(groups.x + c * groups.ld, in + c * n, (size_t)n * sizeof *in);
  }
  smr_compact_apply(compact, is_left, is_project, &groups, panel);
  for (int64_t c = 0; c < n_cols; c++) {
    memcpy(out + c * n, groups.y + c * groups.ld, (size_t)n * sizeof *out);
  }
  double *all[] = {panel, groups.x, groups.y, groups.work};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
  return out;
}

/* B = U S V', U and V orthogonal, and projections are their transposes. */
static void check_vectors(const smr_compact *compact, const double *d, const double *e,
                          const double *values) {
  int n = compact->n;
  double tolerance = 4.0 * DBL_EPSILON * n;
  double *b = allocate((int64_t)n * n);
  for (int64_t i = 0; i < n; i++) {
    b[i * n + i] = d[i];
    if (i + 1 < n) {
      b[(i + 1) * n + i] = e[i];
    }
  }
  double *unit = make_unit(n);
  double *factors[2];
  for (int side = 0; side < 2; side++) {
    factors[side] = apply(compact, side == 0, false, n, unit);
    double *transposed = apply(compact, side == 0, true, n, unit);
    check_orthogonal(n, n, factors[side], tolerance);
    double *product = multiply(false, false, n, n, n, transposed, factors[side]);
    assert_true(get_distance((int64_t)n * n, product, unit) <= tolerance);
    smr_memory_free(transposed);
    smr_memory_free(product);
  }
  for (int64_t i = 0; i < (int64_t)n * n; i++) {
    factors[0][i] *= values[i / n];
  }
  double *product = multiply(false, true, n, n, n, factors[0], factors[1]);
  assert_true(get_distance((int64_t)n * n, product, b) <= tolerance * values[0]);
  double *all[] = {b, unit, factors[0], factors[1], product};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
}

static void check_bidiagonal(int n, const double *d, const double *e) {
  int64_t n_doubles = smr_compact_count_doubles(n);
  double *block = allocate(n_doubles + 1);
  double *vectors[] = {allocate(n), allocate(n), allocate(n), allocate((int64_t)64 * n)};
  int *iwork = NULL;
  smr_compact compact;
  assert_ok(smr_memory_alloc(8 * (int64_t)n, sizeof *iwork, "test work", &iwork));
  block[n_doubles] = 7.0;
  smr_compact_place(n, block, &compact);
  memcpy(vectors[0], d, (size_t)n * sizeof *d);
  memcpy(vectors[1], e, (size_t)n * sizeof *e);
  double *values = vectors[2];
  assert_ok(smr_compact_solve(&compact, vectors[0], vectors[1], values, vectors[3], iwork));
  assert_true(block[n_doubles] == 7.0);
  memcpy(vectors[0], d, (size_t)n * sizeof *d);
  memcpy(vectors[1], e, (size_t)n * sizeof *e);
  assert_int_equal(LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', n, 0, 0, 0, vectors[0], vectors[1],
                                       NULL, 1, NULL, 1, NULL, 1, vectors[3]),
                   0);
  for (int i = 0; i < n; i++) {
    assert_true(values[i] >= 0.0 && (i == 0 || values[i] <= values[i - 1]));
    assert_true(fabs(values[i] - vectors[0][i]) <= 8.0 * DBL_EPSILON * sqrt(n) * vectors[0][0]);
  }
  check_vectors(&compact, d, e, values);
  for (size_t i = 0; i < 4; i++) {
    smr_memory_free(vectors[i]);
  }
  smr_memory_free(block);
  smr_memory_free(iwork);
}

typedef void (*bidiagonal)(int n, int i, double *d, double *e);

static void leave_random(int n, int i, double *d, double *e) {
  (void)n, (void)i, (void)d, (void)e;
}
static void make_equal(int n, int i, double *d, double *e) {
  (void)n, (void)i;
  *d = 1.0;
  *e = 1.0;
}
/* Nearly the unit matrix: almost all deflates. */
static void make_near_unit(int n, int i, double *d, double *e) {
  (void)n, (void)i;
  *d = 1.0;
  *e *= 1e-10;
}
static void make_graded(int n, int i, double *d, double *e) {
  double factor = pow(10.0, -18.0 * i / n);
  *d *= factor;
  *e *= factor;
}
static void make_rising(int n, int i, double *d, double *e) {
  make_graded(n, n - 1 - i, d, e);
}
static void make_zeros(int n, int i, double *d, double *e) {
  (void)n;
  *d = i % 7 == 3 ? 0.0 : *d;
  *e = i % 11 == 5 ? 0.0 : *e;
}
/* Long pieces, and pieces of one row at both ends. */
static void make_pieces(int n, int i, double *d, double *e) {
  (void)d;
  *e = i == 0 || i == n / 5 || i == n - 2 ? 1e-17 : *e;
}
static void make_diagonal(int n, int i, double *d, double *e) {
  (void)n, (void)i, (void)d;
  *e = 0.0;
}
/* Equal blocks with weak glue: clusters of nearly equal values. */
static void make_glued(int n, int i, double *d, double *e) {
  (void)n;
  *d = 1.0 + fabs(10.0 - i % 21);
  *e = i % 21 == 20 ? 1e-9 : 1.0;
}
static void make_zero_rows(int n, int i, double *d, double *e) {
  bool is_zero = i > n / 2;
  *d = is_zero ? 0.0 : *d;
  *e = is_zero ? 0.0 : *e;
}
static void make_nothing(int n, int i, double *d, double *e) {
  (void)n, (void)i;
  *d = 0.0;
  *e = 0.0;
}
/* All off-diagonals, no diagonal. */
static void make_shift(int n, int i, double *d, double *e) {
  (void)n, (void)i;
  *d = 0.0;
  *e = 1.0;
}

static void test_bidiagonal(void **state) {
  const bidiagonal makers[] = {leave_random, make_equal,   make_near_unit, make_graded,
                               make_rising,  make_zeros,   make_pieces,    make_diagonal,
                               make_glued,   make_nothing, make_zero_rows, make_shift};
  const int sizes[] = {32, 33, 63, 64, 65, 97, 127, 128, 257, 401};
  (void)state;
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    for (size_t k = 0; k < sizeof makers / sizeof makers[0]; k++) {
      int n = sizes[s];
      double *d = make_random(n, 10 * s + k);
      double *e = make_random(n, 1000 + 10 * s + k);
      for (int i = 0; i < n; i++) {
        makers[k](n, i, d + i, e + i);
      }
      check_bidiagonal(n, d, e);
      smr_memory_free(d);
      smr_memory_free(e);
    }
  }
}

static void assert_replicated(const double *x, int64_t n) {
  smr_hash mine = smr_hash_add(smr_hash_start(), x, (size_t)n * sizeof *x);
  smr_hash first = mine;
  smr_broadcast(test_world, 0, &first, sizeof first);
  assert_on_all(smr_hash_compare(mine, first) == 0);
}

/* A = U S V', orthogonality, the same bits on all ranks. */
static void check_svd(const smr_svd *svd, int m, int n, const double *a) {
  int k = m < n ? m : n;
  double tolerance = 1e-14 * k;
  const double *s = smr_svd_get_values(svd);
  double *unit = make_unit(k);
  double *u = allocate((int64_t)m * k);
  double *v = allocate((int64_t)n * k);
  double *by_u = allocate((int64_t)k * n);
  assert_ok(smr_svd_expand_left(svd, k, unit, u));
  assert_ok(smr_svd_expand_right(svd, k, unit, v));
  assert_ok(smr_svd_project_left(svd, n, a, by_u));
  assert_replicated(s, k);
  assert_replicated(u, (int64_t)m * k);
  assert_replicated(v, (int64_t)n * k);
  check_orthogonal(m, k, u, tolerance);
  check_orthogonal(n, k, v, tolerance);
  for (int64_t i = 0; i < (int64_t)n * k; i++) {
    v[i] *= s[i / n];
  }
  double *product = multiply(false, true, m, n, k, u, v);
  assert_true(get_distance((int64_t)m * n, product, a) <= tolerance * s[0]);
  double *projected = multiply(true, false, k, n, m, u, a);
  assert_true(get_distance((int64_t)k * n, projected, by_u) <= tolerance * s[0]);
  double *all[] = {unit, u, v, by_u, product, projected};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
}

/* A matrix [m x n] whose singular values are s [k]. */
static double *make_matrix(int m, int n, const double *s) {
  int k = m < n ? m : n;
  double *a = make_random((int64_t)m * n, 31);
  double *unit = make_unit(k);
  double *u = allocate((int64_t)m * k);
  double *v = allocate((int64_t)n * k);
  smr_svd *svd = NULL;
  assert_ok(smr_svd_create(grid, SMR_SVD_GESVD, m, n, a, m, &svd));
  assert_ok(smr_svd_expand_left(svd, k, unit, u));
  assert_ok(smr_svd_expand_right(svd, k, unit, v));
  for (int64_t i = 0; i < (int64_t)m * k; i++) {
    u[i] *= s[i / m];
  }
  smr_memory_free(a);
  a = multiply(false, true, m, n, k, u, v);
  smr_svd_destroy(&svd);
  smr_memory_free(unit);
  smr_memory_free(u);
  smr_memory_free(v);
  return a;
}

/* The dense way is what a failure of the compact one leads to. */
static void compare_ways(int m, int n, const double *s) {
  int k = m < n ? m : n;
  double *a = make_matrix(m, n, s);
  smr_svd *compact = NULL;
  smr_svd *dense = NULL;
  assert_ok(smr_svd_create(grid, SMR_SVD_AUTO, m, n, a, m, &compact));
  assert_int_equal(setenv("SIMMER_FAULT", "linalg.svd.divide:0:1", 1), 0);
  smr_fault_set_rank(test_world->world_rank);
  assert_ok(smr_svd_create(grid, SMR_SVD_AUTO, m, n, a, m, &dense));
  assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
  int64_t n_bad = 0;
  for (int i = 0; i < k; i++) {
    double value = smr_svd_get_values(compact)[i];
    n_bad += !(fabs(value - smr_svd_get_values(dense)[i]) <= 1e-14 * sqrt(k) * s[0]);
    n_bad += !(fabs(value - s[i]) <= 1e-14 * k * s[0]);
  }
  assert_on_all(n_bad == 0);
  check_svd(compact, m, n, a);
  check_svd(dense, m, n, a);
  smr_svd_destroy(&compact);
  smr_svd_destroy(&dense);
  smr_memory_free(a);
}

static void test_spectra(void **state) {
  const int shapes[][2] = {{256, 256}, {257, 300}, {401, 263}, {310, 283}};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    int k = shapes[i][0] < shapes[i][1] ? shapes[i][0] : shapes[i][1];
    double *s = allocate(k);
    for (int kind = 0; kind < 4; kind++) {
      for (int j = 0; j < k; j++) {
        const double of_kind[] = {j < 3 ? 2.0 : 1.0, pow(10.0, -20.0 * j / k),
                                  j < k / 3 ? 3.0 : 0.0, 1.0 + floor((k - j) / 16.0)};
        s[j] = of_kind[kind];
      }
      compare_ways(shapes[i][0], shapes[i][1], s);
    }
    smr_memory_free(s);
  }
}

/* The solver's LAPACK routines are re-entrant. */
static void test_threads(void **state) {
  enum { COUNT = 6, N = 260 };
  double *matrices[COUNT];
  double *out[COUNT];
  smr_context *alone = NULL;
  smr_grid *own = NULL;
  int index = 0;
  int failures = 0;
  (void)state;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  assert_ok(smr_grid_create(alone, &own));
  for (int i = 0; i < COUNT; i++) {
    matrices[i] = make_random((int64_t)N * N, 50);
    out[i] = allocate(N);
  }
#pragma omp parallel for num_threads(3) schedule(dynamic, 1) reduction(+ : failures)
  for (int i = 0; i < COUNT; i++) {
    smr_svd *svd = NULL;
    failures += smr_svd_create(own, SMR_SVD_AUTO, N, N, matrices[i], N, &svd) != SMR_OK ||
                smr_svd_project_right(svd, 1, matrices[i], out[i]) != SMR_OK;
    smr_svd_destroy(&svd);
  }
  assert_int_equal(failures, 0);
  for (int i = 0; i < COUNT; i++) {
    assert_memory_equal(out[i], out[0], N * sizeof *out[i]);
  }
  for (int i = 0; i < COUNT; i++) {
    smr_memory_free(matrices[i]);
    smr_memory_free(out[i]);
  }
  smr_grid_destroy(&own);
  smr_context_destroy(&alone);
}

static void test_start(void **state) {
  (void)state;
  smr_linalg_start(NULL);
  assert_ok(smr_grid_create(test_world, &grid));
}

static void test_end(void **state) {
  (void)state;
  smr_grid_destroy(&grid);
}

MPI_TEST_MAIN(cmocka_unit_test(test_start), cmocka_unit_test(test_bidiagonal),
              cmocka_unit_test(test_spectra), cmocka_unit_test(test_threads),
              cmocka_unit_test(test_end))
