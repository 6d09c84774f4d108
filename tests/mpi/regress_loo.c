/* Leave-one-out errors and residuals: against refits in 150 digits (reference/loo_make.py), the
 * same bits on any ranks and threads, several row blocks against refits, errors of one rank. */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>

#include "regress_fit.h"
#include "simmer/base/fault.h"
#include "simmer/base/random.h"

enum { N_LAMBDAS = 5, MAX_ROWS = 64, MAX_COLUMNS = 32 };

typedef struct {
  char name[64];
  int64_t n, p;
  int intercept, standardize;
  double x[MAX_ROWS * MAX_COLUMNS], y[MAX_ROWS], lambda[N_LAMBDAS];
  double loo[N_LAMBDAS], residual[N_LAMBDAS * MAX_ROWS];
} reference;

static void read_numbers(FILE *file, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    assert_int_equal(fscanf(file, "%lf", x + i), 1);
  }
}

static int read_reference(FILE *file, reference *r) {
  if (fscanf(file, "%63s %" SCNd64 " %" SCNd64 " %d %d", r->name, &r->n, &r->p, &r->intercept,
             &r->standardize) != 5) {
    return 0;
  }
  assert_true(r->n <= MAX_ROWS && r->p <= MAX_COLUMNS);
  read_numbers(file, r->n * r->p, r->x);
  read_numbers(file, r->n, r->y);
  read_numbers(file, N_LAMBDAS, r->lambda);
  read_numbers(file, N_LAMBDAS, r->loo);
  read_numbers(file, r->n * N_LAMBDAS, r->residual);
  return 1;
}

static double norm(int64_t n, const double *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i] * x[i];
  }
  return sqrt(sum);
}

static void check_reference(reference *r) {
  matrix m = {.n = r->n, .p = r->p, .x = r->x, .y = r->y};
  double loo[N_LAMBDAS];
  double residual[N_LAMBDAS * MAX_ROWS];
  fitted f;
  const smr_loo_fit fit = fit_matrix(test_world, &m, r->intercept, r->standardize, &f);
  assert_ok(smr_loo_run(&fit, N_LAMBDAS, r->lambda, loo, residual));
  const double size = norm(r->n, r->y);
  for (int64_t l = 0; l < N_LAMBDAS; l++) {
    /* Columns differ by factors of 1e7 in the raw cases: rounding of X alone moves the answer by up
     * to 1e-9, and refits by NumPy's SVD are as far off. */
    const bool is_plain = strncmp(r->name, "raw", 3) != 0;
    assert_close(loo[l], r->loo[l], is_plain ? 1e-10 : 1e-8, 1e-26);
    for (int64_t i = 0; i < r->n; i++) {
      const double *expected = r->residual + l * r->n;
      assert_close(residual[l * r->n + i], expected[i], 0.0, (is_plain ? 1e-13 : 1e-9) * size);
    }
  }
  clear_fit(&f);
}

static void test_reference(void **state) {
  static reference r;
  int n = 0;
  (void)state;
  FILE *file = fopen(SIMMER_TEST_REFERENCE "/loo_reference.txt", "r");
  assert_non_null(file);
  while (read_reference(file, &r)) {
    check_reference(&r);
    n++;
  }
  fclose(file);
  assert_int_equal(n, 29);
}

/* Normal numbers; row `special` alone has a last column that isn't zero. */
static void make(int64_t n, int64_t p, int64_t special, matrix *m) {
  const smr_random_key key = {.seed = 7, .stream = 1};
  *m = (matrix){.n = n, .p = p};
  assert_ok(smr_memory_alloc(n * p, sizeof(double), "x", &m->x));
  assert_ok(smr_memory_alloc(n, sizeof(double), "y", &m->y));
  smr_random_normal(key, 0, 0, n * p, m->x);
  smr_random_normal(key, 0, 1, n, m->y);
  for (int64_t i = 0; special >= 0 && i < n; i++) {
    m->x[(p - 1) * n + i] = i == special ? 2.0 : 0.0;
  }
}

static void clear_matrix(matrix *m) {
  smr_memory_free(m->x);
  smr_memory_free(m->y);
}

enum { SHOWN_LAMBDAS = 4 };
static const double lambdas[SHOWN_LAMBDAS] = {0.0, 1e-6, 0.5, 40.0};

typedef struct {
  double loo[SHOWN_LAMBDAS];
  double *residual;
} result;

static result run_on(const smr_context *context, matrix *m, bool intercept, bool standardize) {
  result r;
  fitted f;
  assert_ok(smr_memory_alloc(m->n * SHOWN_LAMBDAS, sizeof(double), "residual", &r.residual));
  const smr_loo_fit fit = fit_matrix(context, m, intercept, standardize, &f);
  assert_ok(smr_loo_run(&fit, SHOWN_LAMBDAS, lambdas, r.loo, r.residual));
  clear_fit(&f);
  return r;
}

static bool is_same(int64_t n, const double *a, const double *b) {
  return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static void check_same_bits(int64_t n, int64_t p, bool intercept, bool standardize) {
  matrix m;
  smr_context *alone = NULL;
  int index = 0;
  make(n, p, n > 700 ? 600 : -1, &m);
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  result one = run_on(alone, &m, intercept, standardize);
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    result all = run_on(test_world, &m, intercept, standardize);
    omp_set_num_threads(1);
    const bool same = is_same(SHOWN_LAMBDAS, one.loo, all.loo) &&
                      is_same(n * SHOWN_LAMBDAS, one.residual, all.residual);
    if (!same) {
      print_error("%lld x %lld, intercept %d, %d threads differ\n", (long long)n, (long long)p,
                  intercept, threads);
    }
    assert_on_all(same);
    smr_memory_free(all.residual);
  }
  smr_memory_free(one.residual);
  smr_context_destroy(&alone);
  clear_matrix(&m);
}

static void test_same_bits(void **state) {
  const int64_t shapes[][2] = {{2000, 30}, {1024, 17}, {513, 40}, {100, 57}, {57, 57},
                               {58, 57},   {56, 57},   {20, 70},  {1, 4},    {2, 4},
                               {2, 1},     {3, 1},     {1, 1}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check_same_bits(shapes[i][0], shapes[i][1], false, false);
    check_same_bits(shapes[i][0], shapes[i][1], true, i % 2 == 0);
  }
}

/* Plain loop in long double: e = r / (1 - h) by Cholesky of X'X + lambda. */
enum { SMALL = 8 };
typedef long double wide;

static void solve(int64_t p, wide a[SMALL][SMALL], wide *b) {
  for (int64_t j = 0; j < p; j++) {
    for (int64_t i = j; i < p; i++) {
      for (int64_t k = 0; k < j; k++) {
        a[i][j] -= a[i][k] * a[j][k];
      }
      a[i][j] = i == j ? sqrtl(a[j][j]) : a[i][j] / a[j][j];
    }
  }
  for (int64_t i = 0; i < p; i++) {
    for (int64_t k = 0; k < i; k++) {
      b[i] -= a[i][k] * b[k];
    }
    b[i] /= a[i][i];
  }
  for (int64_t i = p - 1; i >= 0; i--) {
    for (int64_t k = i + 1; k < p; k++) {
      b[i] -= a[k][i] * b[k];
    }
    b[i] /= a[i][i];
  }
}

/* (X'X + lambda)^-1 b. */
static void solve_ridge(const matrix *m, double lambda, wide *b) {
  wide a[SMALL][SMALL] = {{0.0L}};
  for (int64_t i = 0; i < m->p; i++) {
    for (int64_t j = 0; j < m->p; j++) {
      for (int64_t k = 0; k < m->n; k++) {
        a[i][j] += (wide)m->x[i * m->n + k] * (wide)m->x[j * m->n + k];
      }
    }
    a[i][i] += (wide)lambda;
  }
  solve(m->p, a, b);
}

static wide leave_out_plainly(const matrix *m, double lambda) {
  wide w[SMALL] = {0.0L};
  wide sum = 0.0L;
  for (int64_t j = 0; j < m->p; j++) {
    for (int64_t k = 0; k < m->n; k++) {
      w[j] += (wide)m->x[j * m->n + k] * (wide)m->y[k];
    }
  }
  solve_ridge(m, lambda, w);
  for (int64_t k = 0; k < m->n; k++) {
    wide v[SMALL];
    wide residual = (wide)m->y[k];
    wide rest = 1.0L;
    for (int64_t j = 0; j < m->p; j++) {
      v[j] = (wide)m->x[j * m->n + k];
      residual -= v[j] * w[j];
    }
    solve_ridge(m, lambda, v);
    for (int64_t j = 0; j < m->p; j++) {
      rest -= (wide)m->x[j * m->n + k] * v[j];
    }
    sum += residual / rest * (residual / rest);
  }
  return sum / (wide)m->n;
}

/* Several row blocks, and a row of leverage 1 in the second of them. */
static void test_blocks(void **state) {
  matrix m;
  (void)state;
  make(1100, 5, 600, &m);
  result r = run_on(test_world, &m, false, false);
  for (int l = 1; l < SHOWN_LAMBDAS; l++) {
    /* At lambda = 1e-6 the plain loop's 1 - h is 2.5e-7, good to 1e-12. */
    assert_close(r.loo[l], (double)leave_out_plainly(&m, lambdas[l]), 1e-11, 0.0);
  }
  smr_memory_free(r.residual);
  clear_matrix(&m);
}

static void test_nothing_left(void **state) {
  matrix m;
  (void)state;
  make(1, 3, -1, &m);
  result r = run_on(test_world, &m, true, false);
  for (int l = 0; l < SHOWN_LAMBDAS; l++) {
    assert_true(isnan(r.loo[l]));
    assert_true(r.residual[l] == 0.0);
  }
  smr_memory_free(r.residual);
  clear_matrix(&m);
}

/* One rank alone fails, in reading or at the fault point: all return, with the same code. */
static void test_failure_of_one(void **state) {
  const int64_t shapes[][2] = {{3000, 6}, {20, 40}};
  char fault[32];
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    matrix m;
    fitted f;
    double loo[SHOWN_LAMBDAS];
    make(shapes[i][0], shapes[i][1], -1, &m);
    const smr_loo_fit fit = fit_matrix(test_world, &m, true, false, &f);
    m.fails = test_world->rank == test_world->size - 1;
    assert_fails(smr_loo_run(&fit, SHOWN_LAMBDAS, lambdas, loo, NULL), SMR_ERR_IO, "disk");
    m.fails = false;
    snprintf(fault, sizeof fault, "regress.loo:%d:1", 0);
    assert_int_equal(setenv("SIMMER_FAULT", fault, 1), 0);
    smr_fault_set_rank(test_world->world_rank);
    assert_fails(smr_loo_run(&fit, SHOWN_LAMBDAS, lambdas, loo, NULL), SMR_ERR_MEMORY, "fault");
    assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
    clear_fit(&f);
    clear_matrix(&m);
  }
}

static void test_counts(void **state) {
  (void)state;
  assert_true(smr_loo_count_bytes(20000, 500, 60, true) > 8 * 20000 * 60);
  assert_true(smr_loo_count_bytes(300, 500, 60, false) > 8 * 3 * 300 * 300);
  assert_true(smr_loo_count_flops(20000, 500, 60) > 1e10);
}

MPI_TEST_MAIN(cmocka_unit_test(test_reference), cmocka_unit_test(test_same_bits),
              cmocka_unit_test(test_blocks), cmocka_unit_test(test_nothing_left),
              cmocka_unit_test(test_failure_of_one), cmocka_unit_test(test_counts))
