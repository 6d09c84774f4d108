/* SVD by every method and shape: reconstruction, orthogonality, agreement of methods, the same bits
 * on all ranks, and columns that don't know their neighbours. */
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mpi_frame.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/linalg/svd.h"

static smr_grid *grid;

static double *allocate(int64_t n) {
  double *x = NULL;
  assert_ok(smr_memory_alloc(n, sizeof *x, "test matrix", &x));
  return x;
}

static double *make_random(int64_t m, int64_t n, uint64_t seed) {
  const smr_random_key key = {.seed = seed, .stream = 3};
  double *a = allocate(m * n);
  smr_random_normal(key, 0, 0, m * n, a);
  return a;
}

/* out [m x n] = op(a) b, plain loops; op(a) is m x k. */
static double *multiply(bool transposed, int64_t m, int64_t n, int64_t k, const double *a,
                        const double *b) {
  double *c = allocate(m * n);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t l = 0; l < k; l++) {
      for (int64_t i = 0; i < m; i++) {
        c[j * m + i] += (transposed ? a[i * k + l] : a[l * m + i]) * b[j * k + l];
      }
    }
  }
  return c;
}

static double get_norm(int64_t n, const double *x) {
  double largest = 0.0;
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    largest = fmax(largest, fabs(x[i]));
  }
  for (int64_t i = 0; i < n && largest > 0.0; i++) {
    sum += x[i] / largest * (x[i] / largest);
  }
  return largest * sqrt(sum);
}

static double get_distance(int64_t n, const double *a, const double *b) {
  double *d = allocate(n);
  for (int64_t i = 0; i < n; i++) {
    d[i] = a[i] - b[i];
  }
  double norm = get_norm(n, d);
  smr_memory_free(d);
  return norm;
}

static double *make_unit(int64_t k) {
  double *unit = allocate(k * k);
  for (int64_t i = 0; i < k; i++) {
    unit[i * k + i] = 1.0;
  }
  return unit;
}

/* Are these bytes the same on all ranks? Collective. */
static void assert_replicated(const void *data, size_t bytes) {
  smr_hash mine = smr_hash_add(smr_hash_start(), data, bytes);
  smr_hash first = mine;
  smr_broadcast(test_world, 0, &first, sizeof first);
  assert_on_all(smr_hash_compare(mine, first) == 0);
}

/* Q'Q = 1 for a matrix of k columns. */
static void check_orthogonal(int64_t m, int64_t k, const double *q, double tolerance) {
  double *unit = make_unit(k);
  double *product = multiply(true, k, k, m, q, q);
  assert_on_all(get_distance(k * k, product, unit) <= tolerance * (double)k);
  smr_memory_free(unit);
  smr_memory_free(product);
}

/* A = U S V' and s descending; projections of A by U and V give S V' and U S. */
static void check_factors(const smr_svd *svd, int64_t m, int64_t n, const double *a,
                          bool has_good_vectors) {
  /* Backward errors are about 1e-16 times a slowly growing function of the size. */
  const double tolerance = 1e-14 * sqrt((double)(m + n));
  int64_t k = smr_svd_count(svd);
  const double *s = smr_svd_get_values(svd);
  double scale = get_norm(m * n, a);
  double *unit = make_unit(k);
  double *u = allocate(m * k);
  double *v = allocate(n * k);
  double *projected = allocate(k * n);
  assert_int_equal(k, m < n ? m : n);
  assert_ok(smr_svd_expand_left(svd, k, unit, u));
  assert_ok(smr_svd_expand_right(svd, k, unit, v));
  assert_ok(smr_svd_project_left(svd, n, a, projected));
  assert_replicated(s, (size_t)k * sizeof *s);
  assert_replicated(u, (size_t)(m * k) * sizeof *u);
  assert_replicated(v, (size_t)(n * k) * sizeof *v);
  for (int64_t i = 0; i < k; i++) {
    assert_true(s[i] >= 0.0 && (i == 0 || s[i] <= s[i - 1]));
  }
  check_orthogonal(n < m || has_good_vectors ? n : m, k, n < m || has_good_vectors ? v : u,
                   tolerance);
  if (has_good_vectors) {
    check_orthogonal(m, k, u, tolerance);
  }
  double *by_u = multiply(true, k, n, m, u, a);
  /* Gram: rows of U'A belonging to tiny singular values are noise of size 1e-8 ||A||. */
  assert_on_all(get_distance(k * n, by_u, projected) <=
                (has_good_vectors ? tolerance : 1e-6) * scale);
  double *vs = allocate(n * k);
  for (int64_t i = 0; i < n * k; i++) {
    vs[i] = v[i] * s[i / n];
  }
  double *vt = allocate(k * n);
  for (int64_t i = 0; i < k * n; i++) {
    vt[i] = vs[i % k * n + i / k];
  }
  double *product = multiply(false, m, n, k, u, vt);
  assert_on_all(get_distance(m * n, product, a) <= (has_good_vectors ? tolerance : 1e-6) * scale);
  double *all[] = {unit, u, v, projected, by_u, vs, vt, product};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
}

/* The right side's projection and a vector's way there and back. */
static void check_right(const smr_svd *svd, int64_t n, const double *b) {
  int64_t k = smr_svd_count(svd);
  double *c = allocate(k);
  double *back = allocate(n);
  double *again = allocate(k);
  assert_ok(smr_svd_project_right(svd, 1, b, c));
  assert_ok(smr_svd_expand_right(svd, 1, c, back));
  assert_ok(smr_svd_project_right(svd, 1, back, again));
  assert_on_all(get_distance(k, c, again) <= 1e-13 * get_norm(n, b));
  if (k == n) {
    assert_on_all(get_distance(n, b, back) <= 1e-13 * get_norm(n, b));
  }
  smr_memory_free(c);
  smr_memory_free(back);
  smr_memory_free(again);
}

static smr_svd *create(smr_svd_method method, int64_t m, int64_t n, const double *a) {
  smr_svd *svd = NULL;
  assert_ok(smr_svd_create(grid, method, m, n, a, m, &svd));
  return svd;
}

static void check_matrix(int64_t m, int64_t n, const double *a) {
  const smr_svd_method methods[] = {SMR_SVD_AUTO, SMR_SVD_BIDIAGONAL, SMR_SVD_GESVD, SMR_SVD_GRAM};
  int64_t k = m < n ? m : n;
  double *b = make_random(n, 1, 99);
  double *values = allocate(k);
  for (size_t i = 0; i < 4; i++) {
    smr_svd *svd = create(methods[i], m, n, a);
    const double *s = smr_svd_get_values(svd);
    bool is_gram = methods[i] == SMR_SVD_GRAM;
    int64_t n_bad = 0;
    if (i == 0) {
      memcpy(values, s, (size_t)k * sizeof *s);
    }
    for (int64_t j = 0; j < k; j++) {
      /* Gram: the square root of round-off in the eigenvalues. */
      n_bad +=
          !(fabs(s[j] - values[j]) <= (is_gram ? 1e-7 : 1e-14 * sqrt((double)(m + n))) * values[0]);
    }
    assert_on_all(n_bad == 0);
    check_factors(svd, m, n, a, !is_gram);
    check_right(svd, n, b);
    smr_svd_destroy(&svd);
    assert_null(svd);
  }
  smr_memory_free(values);
  smr_memory_free(b);
}

static void check_shape(int64_t m, int64_t n) {
  double *a = make_random(m, n, (uint64_t)(1000 * m + n));
  check_matrix(m, n, a);
  smr_memory_free(a);
}

static void test_small(void **state) {
  const int64_t shapes[][2] = {{1, 1}, {1, 2},  {2, 1},   {5, 3},    {3, 5},    {1, 40}, {40, 1},
                               {7, 7}, {40, 3}, {57, 57}, {120, 50}, {50, 120}, {66, 60}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check_shape(shapes[i][0], shapes[i][1]);
  }
}

/* Big enough for ScaLAPACK on several ranks: square, with QR first, wide. */
static void test_shared(void **state) {
  const int64_t shapes[][2] = {{260, 256}, {256, 275}, {330, 257}, {258, 340}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check_shape(shapes[i][0], shapes[i][1]);
  }
}

/* Zeros, equal columns, and rank 3. */
static void test_deficient(void **state) {
  const int64_t shapes[][2] = {{7, 4}, {30, 50}, {257, 270}};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    int64_t m = shapes[i][0];
    int64_t n = shapes[i][1];
    double *a = allocate(m * n);
    smr_svd *svd = create(SMR_SVD_AUTO, m, n, a);
    for (int64_t j = 0; j < smr_svd_count(svd); j++) {
      assert_true(smr_svd_get_values(svd)[j] == 0.0);
    }
    check_factors(svd, m, n, a, true);
    smr_svd_destroy(&svd);
    smr_memory_free(a);
    double *left = make_random(m, 3, 1);
    double *right = make_random(3, n, 2);
    a = multiply(false, m, n, 3, left, right);
    memcpy(a + m, a, (size_t)m * sizeof *a);
    svd = create(SMR_SVD_AUTO, m, n, a);
    assert_on_all(smr_svd_get_values(svd)[3] <= 1e-13 * smr_svd_get_values(svd)[0]);
    check_factors(svd, m, n, a, true);
    smr_svd_destroy(&svd);
    smr_memory_free(a);
    smr_memory_free(left);
    smr_memory_free(right);
  }
}

/* A column's bits depend neither on how many there are nor on its place; tested for all four. */
static void test_columns_alone(void **state) {
  typedef smr_status (*operation)(const smr_svd *, int64_t, const double *, double *);
  const operation operations[] = {smr_svd_project_left, smr_svd_project_right, smr_svd_expand_left,
                                  smr_svd_expand_right};
  const int64_t shapes[][2] = {{70, 50}, {50, 70}, {300, 260}};
  enum { COLUMNS = 37 };
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    int64_t m = shapes[i][0];
    int64_t n = shapes[i][1];
    int64_t k = m < n ? m : n;
    double *a = make_random(m, n, 5);
    smr_svd *svd = create(SMR_SVD_AUTO, m, n, a);
    for (int o = 0; o < 4; o++) {
      int64_t side = o % 2 == 0 ? m : n;
      int64_t n_in = o < 2 ? side : k;
      int64_t n_out = o < 2 ? k : side;
      double *in = make_random(n_in, COLUMNS, 6);
      double *all = allocate(n_out * COLUMNS);
      double *one = allocate(n_out);
      omp_set_num_threads(2);
      assert_ok(operations[o](svd, COLUMNS, in, all));
      omp_set_num_threads(1);
      for (int64_t c = 0; c < COLUMNS; c += 4) {
        assert_ok(operations[o](svd, 1, in + c * n_in, one));
        assert_on_all(memcmp(one, all + c * n_out, (size_t)n_out * sizeof *one) == 0);
      }
      assert_ok(operations[o](svd, 0, in, one));
      smr_memory_free(in);
      smr_memory_free(all);
      smr_memory_free(one);
    }
    smr_svd_destroy(&svd);
    smr_memory_free(a);
  }
}

/* Near the ends of the range of a double, values scale exactly by powers of two. */
static void test_range(void **state) {
  const smr_svd_method methods[] = {SMR_SVD_AUTO, SMR_SVD_GESVD, SMR_SVD_GRAM};
  const int exponents[] = {-1000, 1000};
  enum { M = 20, N = 13 };
  (void)state;
  double *a = make_random(M, N, 8);
  double *scaled = allocate(M * N);
  for (int t = 0; t < 6; t++) {
    for (int64_t i = 0; i < (int64_t)M * N; i++) {
      scaled[i] = ldexp(a[i], exponents[t % 2]);
    }
    smr_svd *expected = create(methods[t / 2], M, N, a);
    smr_svd *svd = create(methods[t / 2], M, N, scaled);
    for (int64_t i = 0; i < N; i++) {
      assert_close(ldexp(smr_svd_get_values(svd)[i], -exponents[t % 2]),
                   smr_svd_get_values(expected)[i], 1e-13, 0.0);
    }
    check_right(svd, N, a);
    check_factors(svd, M, N, scaled, methods[t / 2] != SMR_SVD_GRAM);
    smr_svd_destroy(&svd);
    smr_svd_destroy(&expected);
  }
  smr_memory_free(a);
  smr_memory_free(scaled);
}

static void test_not_finite(void **state) {
  const int64_t sizes[] = {9, 260};
  const double bad[] = {(double)NAN, (double)INFINITY};
  (void)state;
  for (int t = 0; t < 4; t++) {
    int64_t n = sizes[t / 2];
    double *a = make_random(n, n, 4);
    smr_svd *svd = NULL;
    a[n * n - 1] = bad[t % 2];
    assert_fails(smr_svd_create(grid, SMR_SVD_AUTO, n, n, a, n, &svd), SMR_ERR_NUMERIC, "column");
    assert_null(svd);
    smr_memory_free(a);
  }
}

static void set_fault(const char *fault) {
  assert_int_equal(setenv("SIMMER_FAULT", fault, 1), 0);
  smr_fault_set_rank(test_world->world_rank);
}

/* Divide and conquer fails: the fallback gives as good factors; it fails too: an error on all. */
static void test_fallback(void **state) {
  const int64_t sizes[] = {30, 260};
  (void)state;
  for (int i = 0; i < 2; i++) {
    int64_t n = sizes[i];
    double *a = make_random(n + 4, n, 12);
    smr_svd *svd = NULL;
    set_fault("linalg.svd.divide:0:1");
    svd = create(SMR_SVD_AUTO, n + 4, n, a);
    check_factors(svd, n + 4, n, a, true);
    smr_svd_destroy(&svd);
    char fault[32];
    snprintf(fault, sizeof fault, "linalg.svd:%d:1", test_world->size - 1);
    set_fault(fault);
    assert_fails(smr_svd_create(grid, SMR_SVD_AUTO, n + 4, n, a, n + 4, &svd), SMR_ERR_CONVERGENCE,
                 "fault");
    assert_null(svd);
    smr_memory_free(a);
  }
  assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
}

/* Several threads factor at once on one-rank grids, as danger-zone units do. */
static void test_threads(void **state) {
  enum { COUNT = 24, N = 57 };
  double values[COUNT][N];
  double *matrices[COUNT];
  smr_context *alone = NULL;
  smr_grid *own = NULL;
  int index = 0;
  int failures = 0;
  (void)state;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  assert_ok(smr_grid_create(alone, &own));
  for (int i = 0; i < COUNT; i++) {
    matrices[i] = make_random(N, N, (uint64_t)i);
  }
#pragma omp parallel for num_threads(4) schedule(dynamic, 1) reduction(+ : failures)
  for (int i = 0; i < COUNT; i++) {
    smr_svd *svd = NULL;
    if (smr_svd_create(own, SMR_SVD_AUTO, N, N, matrices[i], N, &svd) == SMR_OK &&
        smr_svd_project_left(svd, 1, matrices[i], values[i]) == SMR_OK) {
      memcpy(values[i], smr_svd_get_values(svd), sizeof values[i]);
    } else {
      failures++;
    }
    smr_svd_destroy(&svd);
  }
  assert_int_equal(failures, 0);
  for (int i = 0; i < COUNT; i++) {
    smr_svd *svd = NULL;
    assert_ok(smr_svd_create(own, SMR_SVD_AUTO, N, N, matrices[i], N, &svd));
    assert_memory_equal(values[i], smr_svd_get_values(svd), sizeof values[i]);
    smr_svd_destroy(&svd);
    smr_memory_free(matrices[i]);
  }
  smr_grid_destroy(&own);
  smr_context_destroy(&alone);
}

/* A leading dimension above m, and counts for plans. */
static void test_leading_dimension(void **state) {
  enum { M = 9, N = 6, LD = 13 };
  (void)state;
  double *a = make_random(LD, N, 3);
  double *tight = allocate(M * N);
  for (int64_t j = 0; j < N; j++) {
    memcpy(tight + j * M, a + j * LD, M * sizeof *a);
  }
  smr_svd *svd = NULL;
  smr_svd *expected = create(SMR_SVD_AUTO, M, N, tight);
  assert_ok(smr_svd_create(grid, SMR_SVD_AUTO, M, N, a, LD, &svd));
  assert_memory_equal(smr_svd_get_values(svd), smr_svd_get_values(expected), N * sizeof *a);
  smr_svd_destroy(&svd);
  smr_svd_destroy(&expected);
  smr_memory_free(a);
  smr_memory_free(tight);
  assert_true(smr_svd_count_bytes(1000, 1000, 1) > 8LL * 1000 * 1000);
  assert_true(smr_svd_count_bytes(1000, 1000, 2) > 8LL * 1000 * 1000);
  assert_true(smr_svd_count_flops(100, 50, 1) > 1e5);
}

static void test_start(void **state) {
  (void)state;
  smr_linalg_start(NULL);
  assert_ok(smr_grid_create(test_world, &grid));
}

static void test_end(void **state) {
  (void)state;
  smr_grid_destroy(&grid);
  smr_svd_destroy(NULL);
}

MPI_TEST_MAIN(cmocka_unit_test(test_start), cmocka_unit_test(test_small),
              cmocka_unit_test(test_shared), cmocka_unit_test(test_deficient),
              cmocka_unit_test(test_columns_alone), cmocka_unit_test(test_range),
              cmocka_unit_test(test_not_finite), cmocka_unit_test(test_fallback),
              cmocka_unit_test(test_threads), cmocka_unit_test(test_leading_dimension),
              cmocka_unit_test(test_end))
