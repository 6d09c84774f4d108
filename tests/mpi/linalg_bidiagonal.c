/* Bidiagonalization on any number of ranks: Q B P' = A, B's singular values, the same bits on all
 * ranks; shapes with fewer columns than ranks, zeros, rank 1, grading. */
#include <float.h>
#include <lapacke.h>
#include <stdbool.h>

#include "../../src/linalg/bidiagonal.h"
#include "mpi_frame.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/linalg/grid.h"

typedef struct {
  int m, n;
  smr_chain q, p;
  double *vectors; /* d, e, tauq, taup: [n] each */
} factors;

static double *allocate(int64_t n) {
  double *x = NULL;
  assert_ok(smr_memory_alloc(n, sizeof *x, "test matrix", &x));
  return x;
}

static double *make_random(int64_t m, int64_t n) {
  const smr_random_key key = {.seed = (uint64_t)(1000 * m + n), .stream = 6};
  double *a = allocate(m * n);
  smr_random_normal(key, 0, 0, m * n, a);
  return a;
}

static double get_norm(int64_t n, const double *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i] * x[i];
  }
  return sqrt(sum);
}

static smr_chain make_chain(int rows, int count) {
  smr_chain chain = {.rows = rows, .count = count, .ld = smr_pad(rows)};
  chain.v = allocate((int64_t)chain.ld * smr_pad(count));
  return chain;
}

static void clear(factors *f) {
  smr_memory_free(f->q.v);
  smr_memory_free(f->p.v);
  smr_memory_free(f->vectors);
}

static void assert_replicated(const void *data, size_t bytes) {
  smr_hash mine = smr_hash_add(smr_hash_start(), data, bytes);
  smr_hash first = mine;
  smr_broadcast(test_world, 0, &first, sizeof first);
  assert_on_all(smr_hash_compare(mine, first) == 0);
}

/* Collective. */
static factors reduce(const smr_context *context, int m, int n, const double *a, bool transposed) {
  factors f = {.m = m, .n = n, .q = make_chain(m, n), .p = make_chain(n - 1, n - 1)};
  smr_bidiagonal run;
  f.vectors = allocate(4 * (int64_t)n);
  const smr_bidiagonal_result result = {.q = &f.q,
                                        .p = &f.p,
                                        .d = f.vectors,
                                        .e = f.vectors + n,
                                        .tauq = f.vectors + 2 * n,
                                        .taup = f.vectors + 3 * n};
  assert_ok(smr_bidiagonal_init(context, m, n, &run));
  smr_bidiagonal_load(&run, a, transposed ? n : m, transposed, 0);
  smr_bidiagonal_reduce(&run, &result);
  smr_bidiagonal_clear(&run);
  return f;
}

/* x [count] of stride `step` becomes (1 - tau v v') x with v = (1, tail). */
static void reflect(int64_t count, const double *tail, double tau, double *x, int64_t step) {
  double sum = x[0];
  for (int64_t i = 1; i < count; i++) {
    sum += tail[i] * x[i * step];
  }
  x[0] -= tau * sum;
  for (int64_t i = 1; i < count; i++) {
    x[i * step] -= tau * sum * tail[i];
  }
}

/* Q B P' [m x n] by plain loops. */
static double *multiply_out(const factors *f) {
  int64_t m = f->m;
  int64_t n = f->n;
  const double *d = f->vectors;
  double *b = allocate(m * n);
  for (int64_t i = 0; i < n; i++) {
    b[i * m + i] = d[i];
    if (i + 1 < n) {
      b[(i + 1) * m + i] = d[n + i];
    }
  }
  for (int64_t c = n - 1; c >= 0; c--) {
    for (int64_t j = 0; j < n; j++) {
      reflect(m - c, f->q.v + c * f->q.ld + c, d[2 * n + c], b + j * m + c, 1);
    }
    for (int64_t i = 0; i < m && c + 1 < n; i++) {
      reflect(n - c - 1, f->p.v + c * f->p.ld + c, d[3 * n + c], b + (c + 1) * m + i, m);
    }
  }
  return b;
}

/* (1 - tau v v') is orthogonal when tau = 0 or tau v'v = 2. */
static void check_reflectors(const smr_chain *chain, const double *tau) {
  for (int64_t c = 0; c < chain->count; c++) {
    double sum = 1.0;
    for (int64_t i = c + 1; i < chain->rows; i++) {
      sum += chain->v[c * chain->ld + i] * chain->v[c * chain->ld + i];
    }
    /* A sum of up to 300 squares. */
    assert_true(tau[c] == 0.0 || fabs(tau[c] * sum - 2.0) <= 1e-13);
  }
}

static void check(int m, int n, const double *a, bool transposed) {
  factors f = reduce(test_world, m, n, a, transposed);
  double *product = multiply_out(&f);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i < m; i++) {
      product[j * m + i] -= a[transposed ? i * n + j : j * m + i];
    }
  }
  /* Backward stable: n reflectors of round-off 1e-16 each, whose errors add up like sqrt n. */
  assert_on_all(get_norm((int64_t)m * n, product) <= 1e-13 * get_norm((int64_t)m * n, a));
  check_reflectors(&f.q, f.vectors + 2 * n);
  check_reflectors(&f.p, f.vectors + 3 * n);
  assert_true(f.vectors[2 * n - 1] == 0.0 && f.vectors[4 * n - 1] == 0.0);
  assert_replicated(f.vectors, 4 * (size_t)n * sizeof *f.vectors);
  assert_replicated(f.q.v, (size_t)f.q.ld * (size_t)n * sizeof *f.q.v);
  assert_replicated(f.p.v, (size_t)f.p.ld * (size_t)(n - 1) * sizeof *f.p.v);
  smr_memory_free(product);
  clear(&f);
}

static void test_shapes(void **state) {
  const int shapes[][2] = {{1, 1},   {2, 1},   {50, 1},   {2, 2},    {9, 2},     {31, 31},
                           {32, 32}, {33, 33}, {40, 33},  {64, 64},  {65, 64},   {100, 65},
                           {66, 66}, {97, 96}, {129, 97}, {300, 31}, {257, 225}, {512, 70}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    double *a = make_random(shapes[i][0], shapes[i][1]);
    check(shapes[i][0], shapes[i][1], a, false);
    check(shapes[i][0], shapes[i][1], a, true);
    smr_memory_free(a);
  }
}

/* Nothing but zeros; zero columns and rows; equal columns; a diagonal; a triangle. */
static void test_deficient(void **state) {
  enum { M = 90, N = 75 };
  (void)state;
  for (int kind = 0; kind < 5; kind++) {
    double *a = make_random(M, N);
    for (int64_t j = 0; j < N; j++) {
      for (int64_t i = 0; i < M; i++) {
        const bool is_zero[] = {true, j % 3 == 0 || i % 4 == 1, false, i != j, i > j};
        a[j * M + i] = is_zero[kind] ? 0.0 : a[(kind == 2 ? 0 : j) * M + i];
      }
    }
    check(M, N, a, false);
    smr_memory_free(a);
  }
}

/* A diagonal stays what it is, to the last bit. */
static void test_diagonal(void **state) {
  enum { N = 70 };
  double *a = allocate(N * N);
  (void)state;
  for (int64_t i = 0; i < N; i++) {
    a[i * N + i] = ldexp(1.0 + (double)i, (int)(-8 * i));
  }
  factors f = reduce(test_world, N, N, a, false);
  for (int64_t i = 0; i < N; i++) {
    assert_on_all(f.vectors[i] == a[i * N + i] && f.vectors[N + i] == 0.0);
  }
  clear(&f);
  smr_memory_free(a);
}

/* Singular values of the bidiagonal, descending, by QR iteration. */
static double *get_values(const factors *f) {
  int n = f->n;
  double *values = allocate(n);
  double *e = allocate(n);
  double *work = allocate(4 * (int64_t)n);
  memcpy(values, f->vectors, (size_t)n * sizeof *e);
  memcpy(e, f->vectors + n, (size_t)n * sizeof *e);
  assert_int_equal(LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', n, 0, 0, 0, values, e, NULL, 1, NULL,
                                       1, NULL, 1, work),
                   0);
  smr_memory_free(e);
  smr_memory_free(work);
  return values;
}

/* Graded rows and columns, and tiny or huge ones: values as LAPACK's dgebrd finds them. */
static void test_graded(void **state) {
  enum { M = 110, N = 100 };
  const int steps[] = {0, -1, -3, -9};
  const int exponents[] = {0, -55, 60};
  (void)state;
  for (int t = 0; t < 12; t++) {
    double *a = make_random(M, N);
    for (int64_t k = 0; k < M * N; k++) {
      a[k] = ldexp(a[k], exponents[t / 4] + steps[t % 4] * (int)(k % M + k / M) / 2);
    }
    factors f = reduce(test_world, M, N, a, false);
    double *values = get_values(&f);
    factors expected = {.m = M, .n = N, .vectors = allocate(4 * N)};
    double *work = allocate(64 * (M + N));
    assert_int_equal(LAPACKE_dgebrd_work(LAPACK_COL_MAJOR, M, N, a, M, expected.vectors,
                                         expected.vectors + N, expected.vectors + 2 * N,
                                         expected.vectors + 3 * N, work, 64 * (M + N)),
                     0);
    double *expected_values = get_values(&expected);
    int64_t n_bad = 0;
    for (int64_t i = 0; i < N; i++) {
      /* Both are backward stable, so off by round-off of the largest. */
      n_bad += !(fabs(values[i] - expected_values[i]) <= 1e-14 * expected_values[0]);
      /* When rows and columns fall together, small values come out to about their own precision,
       * too (6e-13 was seen), as long as they are above the 1e-210 of the largest at which products
       * are lost. */
      n_bad += t % 4 < 3 && !(fabs(values[i] - expected_values[i]) <= 1e-10 * expected_values[i]);
    }
    assert_on_all(n_bad == 0);
    double *all[] = {a, values, work, expected_values};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
      smr_memory_free(all[i]);
    }
    clear(&f);
    clear(&expected);
  }
}

/* Powers of two that are taken out change no bit. */
static void test_exponent(void **state) {
  enum { M = 40, N = 37 };
  double *a = make_random(M, N);
  double *scaled = allocate(M * N);
  smr_bidiagonal run[2];
  (void)state;
  for (int64_t i = 0; i < (int64_t)M * N; i++) {
    scaled[i] = ldexp(a[i], 900);
  }
  for (int k = 0; k < 2; k++) {
    assert_ok(smr_bidiagonal_init(test_world, M, N, &run[k]));
    smr_bidiagonal_load(&run[k], k == 0 ? a : scaled, M, false, k == 0 ? 0 : 900);
  }
  assert_memory_equal(run[0].a, run[1].a,
                      (size_t)run[0].ld * (size_t)run[0].n_local * sizeof *run[0].a);
  for (int k = 0; k < 2; k++) {
    smr_bidiagonal_clear(&run[k]);
  }
  smr_memory_free(a);
  smr_memory_free(scaled);
}

static void test_limit(void **state) {
  smr_bidiagonal run;
  (void)state;
  assert_fails(smr_bidiagonal_init(test_world, INT32_MAX, 1, &run), SMR_ERR_LIMIT, "bidiagonal");
  smr_bidiagonal_clear(&run);
  smr_bidiagonal_clear(&run);
}

static void test_start(void **state) {
  (void)state;
  smr_linalg_start(NULL);
}

MPI_TEST_MAIN(cmocka_unit_test(test_start), cmocka_unit_test(test_shapes),
              cmocka_unit_test(test_deficient), cmocka_unit_test(test_diagonal),
              cmocka_unit_test(test_graded), cmocka_unit_test(test_exponent),
              cmocka_unit_test(test_limit))
