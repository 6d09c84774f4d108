/* Leave-one-out errors and NCP of truncated SVD: against dense matrices in 60 digits
 * (reference/loo_ranks_make.py), a design whose singular vectors are known over several row blocks,
 * the full rank against ridge at lambda = 0, the same bits on any ranks and threads, errors. */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>

#include "regress_fit.h"
#include "simmer/base/random.h"
#include "simmer/regress/ncp.h"
#include "simmer/regress/truncated.h"

enum { MAX_ROWS = 32, MAX_COLUMNS = 32, MAX_RANKS = 33 };
static const double lambdas[2] = {0.0, 1.0};
enum { N_LAMBDAS = 2 };

/* A fit at all ranks. */
typedef struct {
  int64_t n_ranks, n_kept, kept[SMR_NCP_RANKS];
  double *loo;      /* [L + R] */
  double *residual; /* [n x (L + K)] */
  smr_rank_choice choice;
} result;

static void clear_result(result *r) {
  smr_memory_free(r->loo);
  smr_memory_free(r->residual);
}

static result run_on(const smr_context *context, matrix *m, bool intercept, bool standardize) {
  result r = {.loo = NULL};
  fitted f;
  smr_loo_fit fit = fit_matrix(context, m, intercept, standardize, &f);
  r.n_ranks = smr_truncated_count(&f.spectrum) + 1;
  r.n_kept = smr_ncp_select_ranks(r.n_ranks, r.kept);
  fit.n_ranks = r.n_ranks;
  fit.n_kept = r.n_kept;
  fit.kept = r.kept;
  assert_ok(smr_memory_alloc(N_LAMBDAS + r.n_ranks, sizeof(double), "loo", &r.loo));
  assert_ok(smr_memory_alloc(m->n * (N_LAMBDAS + r.n_kept), sizeof(double), "r", &r.residual));
  assert_ok(smr_loo_run(&fit, N_LAMBDAS, lambdas, r.loo, r.residual));
  r.choice = smr_truncated_minimum(&f.spectrum, r.loo + N_LAMBDAS);
  clear_fit(&f);
  return r;
}

/* --- 60 digits --- */

typedef struct {
  char name[64];
  int64_t n, p, n_ranks;
  int intercept;
  double x[MAX_ROWS * MAX_COLUMNS], y[MAX_ROWS];
  /* Over ranks, and how far roundings of the data and of residuals move them. */
  double loo[MAX_RANKS], ncp[MAX_RANKS], loo_moved[MAX_RANKS], ncp_moved[MAX_RANKS];
} reference;

static void read_numbers(FILE *file, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    assert_int_equal(fscanf(file, "%lf", x + i), 1);
  }
}

static int read_reference(FILE *file, reference *r) {
  if (fscanf(file, "%63s %" SCNd64 " %" SCNd64 " %d %" SCNd64, r->name, &r->n, &r->p, &r->intercept,
             &r->n_ranks) != 5) {
    return 0;
  }
  assert_true(r->n <= MAX_ROWS && r->p <= MAX_COLUMNS && r->n_ranks <= MAX_RANKS);
  read_numbers(file, r->n * r->p, r->x);
  read_numbers(file, r->n, r->y);
  read_numbers(file, r->n_ranks, r->loo);
  read_numbers(file, r->n_ranks, r->ncp);
  read_numbers(file, r->n_ranks, r->loo_moved);
  read_numbers(file, r->n_ranks, r->ncp_moved);
  return 1;
}

static int64_t find_least(int64_t n, const double *values) {
  int64_t best = -1;
  for (int64_t i = 0; i < n; i++) {
    if (!isnan(values[i]) && (best < 0 || values[i] < values[best])) {
      best = i;
    }
  }
  return best;
}

/* A curve with its reference. Singular vectors that are made as x V / s from an SVD of the triangle
 * are good to some hundreds of roundings of X (the worst seen is 680); where that says nothing
 * (beyond 1e-3) a row may as well have all its leverage. Returns how many ranks were held to 1e-10.
 */
static int check_curve(const reference *r, const double *found, const double *expected,
                       const double *moved) {
  int n_close = 0;
  for (int64_t rank = 0; rank < r->n_ranks; rank++) {
    const double tolerance = fmax(1e-10, 1e3 * moved[rank]);
    if (isnan(expected[rank])) {
      assert_true(isnan(found[rank]));
    } else if (tolerance < 1e-3) {
      assert_close(found[rank], expected[rank], tolerance, 0.0);
      n_close += tolerance <= 1e-10;
    }
  }
  return n_close;
}

static int check_reference(reference *r) {
  matrix m = {.n = r->n, .p = r->p, .x = r->x, .y = r->y};
  result all = run_on(test_world, &m, r->intercept, false);
  double distance[MAX_RANKS], deviation[MAX_RANKS];
  assert_int_equal(all.n_ranks, r->n_ranks);
  assert_int_equal(all.n_kept, r->n_ranks);
  int n_close = check_curve(r, all.loo + N_LAMBDAS, r->loo, r->loo_moved);
  assert_ok(smr_ncp_run(test_world, r->n, r->n_ranks, all.residual + r->n * N_LAMBDAS, distance,
                        deviation));
  n_close += check_curve(r, distance, r->ncp, r->ncp_moved);
  assert_int_equal(all.choice.rank, find_least(r->n_ranks, r->loo));
  assert_int_equal(find_least(r->n_ranks, distance), find_least(r->n_ranks, r->ncp));
  clear_result(&all);
  return n_close;
}

static void test_reference(void **state) {
  static reference r;
  int n = 0, n_close = 0;
  (void)state;
  FILE *file = fopen(SIMMER_TEST_REFERENCE "/loo_ranks_reference.txt", "r");
  assert_non_null(file);
  while (read_reference(file, &r)) {
    n_close += check_reference(&r);
    n++;
  }
  fclose(file);
  assert_int_equal(n, 27);
  /* Not all is too sensitive to be looked at. */
  assert_true(n_close > 400);
}

/* --- known by hand --- */

static void make(int64_t n, int64_t p, matrix *m) {
  const smr_random_key key = {.seed = 9, .stream = 4};
  *m = (matrix){.n = n, .p = p};
  assert_ok(smr_memory_alloc(n * p, sizeof(double), "x", &m->x));
  assert_ok(smr_memory_alloc(n, sizeof(double), "y", &m->y));
  smr_random_normal(key, 0, 0, n * p, m->x);
  smr_random_normal(key, 0, 1, n, m->y);
}

static void clear_matrix(matrix *m) {
  smr_memory_free(m->x);
  smr_memory_free(m->y);
}

/* Row i has column i mod p alone, of size 2^-column: the singular vectors are the columns, and rank
 * r keeps the first r. */
static void test_blocks(void **state) {
  enum { N = 1100, P = 5 };
  matrix m;
  (void)state;
  make(N, P, &m);
  for (int64_t i = 0; i < N * P; i++) {
    m.x[i] = i % N % P == i / N ? m.x[i] * pow(0.5, (double)(i / N)) : 0.0;
  }
  result r = run_on(test_world, &m, false, false);
  assert_int_equal(r.n_ranks, P + 1);
  double expected[P + 1] = {0.0};
  for (int64_t j = 0; j < P; j++) {
    const double *x = m.x + j * N;
    double squares = 0.0, product = 0.0;
    for (int64_t i = 0; i < N; i++) {
      squares += x[i] * x[i];
      product += x[i] * m.y[i];
    }
    for (int64_t i = j; i < N; i += P) {
      const double kept = (m.y[i] - x[i] * product / squares) / (1.0 - x[i] * x[i] / squares);
      for (int64_t rank = 0; rank <= P; rank++) {
        expected[rank] += rank > j ? kept * kept : m.y[i] * m.y[i];
      }
    }
  }
  for (int64_t rank = 0; rank <= P; rank++) {
    assert_close(r.loo[N_LAMBDAS + rank], expected[rank] / N, 1e-12, 0.0);
  }
  clear_result(&r);
  clear_matrix(&m);
}

/* All modes kept: least squares, whose fixed basis is no approximation; residuals too. A row whose
 * leverage is within 1e-6 of 1 is among them. */
static void test_full_rank(void **state) {
  const int64_t shapes[][2] = {{700, 9}, {40, 37}, {30, 12}};
  (void)state;
  for (int v = 0; v < 6; v++) {
    const int64_t n = shapes[v / 2][0], p = shapes[v / 2][1];
    matrix m;
    make(n, p, &m);
    m.x[n / 2] = 3e3;
    result r = run_on(test_world, &m, v % 2, false);
    assert_int_equal(r.n_ranks, p + 1);
    assert_close(r.loo[N_LAMBDAS + p], r.loo[0], 1e-9, 0.0); /* 1e-16 over 1 - h of 1e-7 */
    for (int64_t i = 0; i < n; i++) {
      const double last = r.residual[n * (N_LAMBDAS + r.n_kept - 1) + i];
      assert_close(last, r.residual[i], 0.0, 1e-11);
    }
    clear_result(&r);
    clear_matrix(&m);
  }
}

static void test_nothing_left(void **state) {
  matrix m;
  (void)state;
  make(1, 3, &m);
  result r = run_on(test_world, &m, true, false);
  assert_int_equal(r.n_ranks, 1);
  assert_true(isnan(r.loo[N_LAMBDAS]));
  assert_true(r.residual[N_LAMBDAS] == 0.0);
  assert_int_equal(r.choice.status, SMR_CHOICE_NOTHING);
  clear_result(&r);
  clear_matrix(&m);
}

/* --- bits --- */

static void check_same_bits(int64_t n, int64_t p, bool intercept, bool standardize) {
  matrix m;
  smr_context *alone = NULL;
  int index = 0;
  make(n, p, &m);
  for (int64_t i = 0; p > 1 && i < n; i++) {
    m.x[n + i] = i == n / 2 ? 2.0 : 0.0; /* all leverage of a row in one column */
  }
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  result one = run_on(alone, &m, intercept, standardize);
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    result all = run_on(test_world, &m, intercept, standardize);
    omp_set_num_threads(1);
    assert_on_all(one.n_ranks == all.n_ranks);
    const size_t bytes = sizeof(double) * (size_t)(N_LAMBDAS + one.n_ranks);
    const size_t residual_bytes = sizeof(double) * (size_t)(n * (N_LAMBDAS + one.n_kept));
    assert_on_all(memcmp(one.loo, all.loo, bytes) == 0);
    assert_on_all(memcmp(one.residual, all.residual, residual_bytes) == 0);
    clear_result(&all);
  }
  clear_result(&one);
  smr_context_destroy(&alone);
  clear_matrix(&m);
}

static void test_same_bits(void **state) {
  const int64_t shapes[][2] = {{2000, 30}, {513, 90}, {58, 57}, {57, 57}, {20, 70},
                               {1, 4},     {2, 4},    {2, 1},   {3, 1},   {1, 1}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check_same_bits(shapes[i][0], shapes[i][1], false, i % 2 == 1);
    check_same_bits(shapes[i][0], shapes[i][1], true, i % 2 == 0);
  }
}

static void test_failure_of_one(void **state) {
  const int64_t shapes[][2] = {{3000, 6}, {20, 40}};
  double loo[N_LAMBDAS + 41];
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    matrix m;
    fitted f;
    make(shapes[i][0], shapes[i][1], &m);
    smr_loo_fit fit = fit_matrix(test_world, &m, true, false, &f);
    fit.n_ranks = smr_truncated_count(&f.spectrum) + 1;
    m.fails = test_world->rank == test_world->size - 1;
    assert_fails(smr_loo_run(&fit, N_LAMBDAS, lambdas, loo, NULL), SMR_ERR_IO, "disk");
    m.fails = false;
    assert_ok(smr_loo_run(&fit, N_LAMBDAS, lambdas, loo, NULL));
    clear_fit(&f);
    clear_matrix(&m);
  }
}

MPI_TEST_MAIN(cmocka_unit_test(test_reference), cmocka_unit_test(test_blocks),
              cmocka_unit_test(test_full_rank), cmocka_unit_test(test_nothing_left),
              cmocka_unit_test(test_same_bits), cmocka_unit_test(test_failure_of_one))
