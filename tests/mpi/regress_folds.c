/* k-fold cross-validation: against refits on the training rows, the same bits on any ranks, threads
 * and numbers of columns that follow, awkward shapes, errors. */
#include <omp.h>
#include <stdlib.h>

#include "regress_fit.h"
#include "simmer/base/fault.h"
#include "simmer/base/random.h"
#include "simmer/regress/folds.h"
#include "simmer/regress/truncated.h"

enum { N_LAMBDAS = 4 };
static const double lambdas[N_LAMBDAS] = {0.0, 1e-8, 0.3, 50.0};

/* Normal numbers with an offset, a constant column (0.3) and a small one. */
static void make(int64_t n, int64_t p, matrix *m) {
  const smr_random_key key = {.seed = 11, .stream = 2};
  *m = (matrix){.n = n, .p = p};
  assert_ok(smr_memory_alloc(n * p, sizeof(double), "x", &m->x));
  assert_ok(smr_memory_alloc(n, sizeof(double), "y", &m->y));
  smr_random_normal(key, 0, 1, n, m->y);
  for (int64_t j = 0; j < p; j++) {
    double *x = m->x + j * n;
    smr_random_normal(key, (uint64_t)j, 0, n, x);
    for (int64_t i = 0; i < n; i++) {
      x[i] = j == 2 ? 0.3 : (x[i] + 2.0) * (j == 1 ? 1e-2 : 1.0);
    }
  }
}

/* Matrices whose leading columns depend on each other within few rows: every column three times, or
 * a band beside zeros. */
typedef enum { GENERIC, COPIED, BANDED } matrix_kind;

static void make_kind(int64_t n, int64_t p, matrix_kind kind, matrix *m) {
  make(n, p, m);
  for (int64_t j = 0; j < p; j++) {
    for (int64_t i = 0; i < n; i++) {
      if (kind == COPIED) {
        m->x[j * n + i] = m->x[j / 3 * 3 * n + i];
      } else if (kind == BANDED && llabs(i * p - j * n) > 2 * n) {
        m->x[j * n + i] = 0.0;
      }
    }
  }
}

static void clear_matrix(matrix *m) {
  smr_memory_free(m->x);
  smr_memory_free(m->y);
}

typedef struct {
  int64_t n_folds;
  smr_folds_kind kind;
  bool intercept, standardize;
} setting;

static void run_on(const smr_context *context, matrix *m, setting s, int64_t p, double *cv) {
  smr_grid *grid = NULL;
  smr_folds *folds = NULL;
  const smr_row_source source = {m->n, m->p, m, read_matrix};
  assert_ok(smr_grid_create(context, &grid));
  assert_ok(smr_folds_create(grid, &source, s.intercept, s.n_folds, s.kind, &folds));
  const smr_folds_fit fit = {.p = p, .standardize = s.standardize};
  assert_ok(smr_folds_run(grid, folds, &fit, N_LAMBDAS, lambdas, cv));
  smr_folds_destroy(&folds);
  assert_null(folds);
  smr_grid_destroy(&grid);
}

/* --- the plain way --- */

static int64_t get_fold(const matrix *m, setting s, int64_t row) {
  int64_t fold = 0;
  int64_t first = 0;
  int64_t count = 0;
  if (s.kind == SMR_FOLDS_INTERLEAVED) {
    return row % s.n_folds;
  }
  for (; fold < s.n_folds; fold++) {
    smr_int_share(m->n, s.n_folds, fold, &first, &count);
    if (row < first + count) {
      break;
    }
  }
  return fold;
}

/* Rows of X and y in `fold`, or not. */
static void select_rows(const matrix *m, setting s, int64_t fold, bool is_training, matrix *out) {
  *out = (matrix){.p = m->p};
  for (int64_t i = 0; i < m->n; i++) {
    out->n += (get_fold(m, s, i) != fold) == is_training;
  }
  assert_ok(smr_memory_alloc(out->n * m->p, sizeof(double), "x", &out->x));
  assert_ok(smr_memory_alloc(out->n, sizeof(double), "y", &out->y));
  int64_t k = 0;
  for (int64_t i = 0; i < m->n; i++) {
    if ((get_fold(m, s, i) != fold) == is_training) {
      for (int64_t j = 0; j < m->p; j++) {
        out->x[j * out->n + k] = m->x[j * m->n + i];
      }
      out->y[k++] = m->y[i];
    }
  }
}

/* Sum of the squared errors of `held` under a fit with coefficients c in the right singular basis;
 * w[p] is room. */
static double sum_errors(const matrix *held, const smr_loo_fit *fit, const fitted *f,
                         const double *c, double *w) {
  double sum = 0.0;
  if (f->svd != NULL) {
    assert_ok(smr_svd_expand_right(f->svd, 1, c, w));
  }
  for (int64_t i = 0; i < held->n; i++) {
    double e = held->y[i] - fit->mean_y;
    for (int64_t j = 0; j < held->p; j++) {
      e -= (held->x[j * held->n + i] - fit->mean[j]) / f->scale[j] * w[j];
    }
    sum += e * e;
  }
  return sum;
}

/* Adds the squared errors of `held` under the fit of `train`, from the rows themselves. */
static void refit(matrix *train, const matrix *held, setting s, double *cv) {
  fitted f;
  const smr_loo_fit fit = fit_matrix(test_world, train, s.intercept, s.standardize, &f);
  double *c = NULL;
  double *w = NULL;
  assert_ok(smr_memory_alloc(f.spectrum.k, sizeof *c, "c", &c));
  assert_ok(smr_memory_alloc(train->p, sizeof *w, "w", &w));
  for (int l = 0; l < N_LAMBDAS; l++) {
    smr_ridge_coefficients(&f.spectrum, lambdas[l], c);
    cv[l] += sum_errors(held, &fit, &f, c, w);
  }
  smr_memory_free(c);
  smr_memory_free(w);
  clear_fit(&f);
}

static void check_refits(int64_t n, int64_t p, matrix_kind kind, setting s) {
  matrix m;
  double cv[N_LAMBDAS];
  double expected[N_LAMBDAS] = {0.0};
  make_kind(n, p, kind, &m);
  run_on(test_world, &m, s, p, cv);
  for (int64_t fold = 0; fold < s.n_folds; fold++) {
    matrix train;
    matrix held;
    select_rows(&m, s, fold, true, &train);
    select_rows(&m, s, fold, false, &held);
    refit(&train, &held, s, expected);
    clear_matrix(&train);
    clear_matrix(&held);
  }
  for (int l = 0; l < N_LAMBDAS; l++) {
    /* Condition numbers reach 1e5 here, and two roundings of X differ by 1e-15 times that. */
    assert_close(cv[l], expected[l] / (double)n, 1e-9, 0.0);
  }
  clear_matrix(&m);
}

static void test_refits(void **state) {
  const int64_t shapes[][3] = {{300, 12, 10}, {61, 20, 5}, {40, 35, 4}, {30, 30, 3}, {25, 40, 5},
                               {12, 7, 12},   {7, 12, 7},  {2, 1, 2},   {2, 4, 2},   {3, 2, 2},
                               {2500, 40, 2}, {9, 40, 9},  {13, 33, 6}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    for (int v = 0; v < 8; v++) {
      const setting s = {.n_folds = shapes[i][2],
                         .kind = v % 2 ? SMR_FOLDS_BLOCK : SMR_FOLDS_INTERLEAVED,
                         .intercept = v & 2,
                         .standardize = v & 4};
      check_refits(shapes[i][0], shapes[i][1], GENERIC, s);
    }
  }
}

/* More columns than training rows, and the rows of their product don't lie in as many leading rows
 * of its triangle: ill-posed problems have N_f = N_i. */
static void test_dependent(void **state) {
  const int64_t shapes[][3] = {{36, 36, 7}, {15, 50, 4}, {27, 27, 9}, {70, 80, 9}, {12, 40, 12}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    for (int v = 0; v < 16; v++) {
      const setting s = {.n_folds = shapes[i][2],
                         .kind = v % 2 ? SMR_FOLDS_BLOCK : SMR_FOLDS_INTERLEAVED,
                         .intercept = v & 2,
                         .standardize = v & 4};
      check_refits(shapes[i][0], shapes[i][1], v & 8 ? COPIED : BANDED, s);
    }
  }
}

/* --- truncated SVD --- */

/* cv[N_LAMBDAS + n_ranks]. */
static void run_ranks_on(const smr_context *context, matrix *m, setting s, int64_t n_ranks,
                         double *cv) {
  smr_grid *grid = NULL;
  smr_folds *folds = NULL;
  const smr_row_source source = {m->n, m->p, m, read_matrix};
  assert_ok(smr_grid_create(context, &grid));
  assert_ok(smr_folds_create(grid, &source, s.intercept, s.n_folds, s.kind, &folds));
  const smr_folds_fit fit = {.p = m->p, .standardize = s.standardize, .n_ranks = n_ranks};
  assert_ok(smr_folds_run(grid, folds, &fit, N_LAMBDAS, lambdas, cv));
  smr_folds_destroy(&folds);
  smr_grid_destroy(&grid);
}

/* Adds the squared errors of `held` under truncated SVD of `train`, from the rows themselves.
 * Returns the numerical rank of `train`. */
static int64_t refit_ranks(matrix *train, const matrix *held, setting s, int64_t n_ranks,
                           double *cv) {
  fitted f;
  const smr_loo_fit fit = fit_matrix(test_world, train, s.intercept, s.standardize, &f);
  const int64_t most = smr_truncated_count(&f.spectrum);
  double *c = NULL;
  double *w = NULL;
  assert_ok(smr_memory_alloc(f.spectrum.k, sizeof *c, "c", &c));
  assert_ok(smr_memory_alloc(train->p, sizeof *w, "w", &w));
  for (int64_t rank = 0; rank < n_ranks; rank++) {
    smr_truncated_coefficients(&f.spectrum, smr_int_min(rank, most), c);
    cv[rank] += sum_errors(held, &fit, &f, c, w);
  }
  smr_memory_free(c);
  smr_memory_free(w);
  clear_fit(&f);
  return most;
}

enum { MOST_RANKS = 48 };

/* Two ranks more than there are columns. */
static void check_rank_refits(int64_t n, int64_t p, setting s) {
  matrix m;
  double cv[N_LAMBDAS + MOST_RANKS];
  double plain[N_LAMBDAS];
  double expected[MOST_RANKS] = {0.0};
  const int64_t n_ranks = p + 3;
  int64_t last = 0;
  assert_true(n_ranks <= MOST_RANKS);
  make(n, p, &m);
  run_ranks_on(test_world, &m, s, n_ranks, cv);
  run_on(test_world, &m, s, p, plain);
  assert_memory_equal(plain, cv, sizeof plain); /* ranks change nothing else here */
  for (int64_t fold = 0; fold < s.n_folds; fold++) {
    matrix train;
    matrix held;
    select_rows(&m, s, fold, true, &train);
    select_rows(&m, s, fold, false, &held);
    last = smr_int_max(last, refit_ranks(&train, &held, s, n_ranks, expected));
    clear_matrix(&train);
    clear_matrix(&held);
  }
  for (int64_t rank = 0; rank < n_ranks; rank++) {
    if (rank > last) {
      assert_true(isnan(cv[N_LAMBDAS + rank]));
    } else {
      /* Condition numbers reach 1e5 here, and two roundings of X differ by 1e-15 times that. */
      assert_close(cv[N_LAMBDAS + rank], expected[rank] / (double)n, 1e-9, 0.0);
    }
  }
  clear_matrix(&m);
}

static void test_rank_refits(void **state) {
  const int64_t shapes[][3] = {{300, 12, 10}, {61, 20, 5}, {40, 35, 4}, {30, 30, 3},
                               {25, 40, 5},   {7, 12, 7},  {2, 1, 2},   {2, 4, 2},
                               {3, 2, 2},     {3, 1, 3},   {9, 40, 9}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    for (int v = 0; v < 8; v++) {
      const setting s = {.n_folds = shapes[i][2],
                         .kind = v % 2 ? SMR_FOLDS_BLOCK : SMR_FOLDS_INTERLEAVED,
                         .intercept = v & 2,
                         .standardize = v & 4};
      check_rank_refits(shapes[i][0], shapes[i][1], s);
    }
  }
}

/* Fewer ranks than there are leave the others as they are; the same bits on any MPI ranks. */
static void test_rank_bits(void **state) {
  const setting s = {.n_folds = 5, .kind = SMR_FOLDS_BLOCK, .intercept = true};
  double one[N_LAMBDAS + MOST_RANKS];
  double all[N_LAMBDAS + MOST_RANKS];
  matrix m;
  smr_context *alone = NULL;
  int index = 0;
  (void)state;
  make(70, 40, &m);
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  run_ranks_on(alone, &m, s, MOST_RANKS, one);
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    run_ranks_on(test_world, &m, s, MOST_RANKS, all);
    omp_set_num_threads(1);
    assert_on_all(memcmp(one, all, sizeof one) == 0);
  }
  run_ranks_on(test_world, &m, s, 1, all);
  assert_close(all[N_LAMBDAS], one[N_LAMBDAS], 0.0, 0.0);
  run_ranks_on(test_world, &m, s, 17, all);
  for (int64_t rank = 0; rank < 17; rank++) {
    /* A product with other numbers of columns. */
    assert_close(all[N_LAMBDAS + rank], one[N_LAMBDAS + rank], 1e-12, 0.0);
  }
  smr_context_destroy(&alone);
  clear_matrix(&m);
}

/* Large enough to go without SVDs, where no lambda is 0: the same curve as with lambda = 0 in it,
 * which takes SVDs, and the same bits on any ranks. */
static void test_penalized(void **state) {
  const double positive[] = {1e-8, 1e-3, 0.3, 50.0};
  const double with_zero[] = {1e-8, 1e-3, 0.3, 50.0, 0.0};
  (void)state;
  for (int v = 0; v < 4; v++) {
    matrix m;
    smr_grid *grid = NULL;
    smr_folds *folds = NULL;
    double a[4];
    double b[5];
    make(900, 259, &m);
    const smr_row_source source = {m.n, m.p, &m, read_matrix};
    assert_ok(smr_grid_create(test_world, &grid));
    assert_ok(smr_folds_create(grid, &source, v & 1, 3, SMR_FOLDS_BLOCK, &folds));
    const smr_folds_fit fit = {.p = 259, .standardize = v & 2};
    assert_ok(smr_folds_run(grid, folds, &fit, 4, positive, a));
    assert_ok(smr_folds_run(grid, folds, &fit, 5, with_zero, b));
    for (int l = 0; l < 4; l++) {
      /* Two backward stable ways on condition numbers of 1e4. */
      assert_close(a[l], b[l], 1e-10, 0.0);
    }
    smr_folds_destroy(&folds);
    smr_grid_destroy(&grid);
    clear_matrix(&m);
  }
}

/* --- bits --- */

static void check_same_bits(int64_t n, int64_t p, setting s) {
  matrix m;
  smr_context *alone = NULL;
  int index = 0;
  double one[N_LAMBDAS];
  make(n, p, &m);
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  run_on(alone, &m, s, p, one);
  for (int threads = 1; threads <= 2; threads++) {
    double all[N_LAMBDAS];
    omp_set_num_threads(threads);
    run_on(test_world, &m, s, p, all);
    omp_set_num_threads(1);
    assert_on_all(memcmp(one, all, sizeof one) == 0);
  }
  smr_context_destroy(&alone);
  clear_matrix(&m);
}

static void test_same_bits(void **state) {
  const int64_t shapes[][3] = {{2500, 40, 5}, {100, 57, 10}, {3, 5, 3}, {2, 1, 2}, {600, 270, 3}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    for (int kind = 0; kind < 2; kind++) {
      const setting s = {.n_folds = shapes[i][2],
                         .kind = kind ? SMR_FOLDS_BLOCK : SMR_FOLDS_INTERLEAVED,
                         .intercept = kind == 0};
      check_same_bits(shapes[i][0], shapes[i][1], s);
    }
  }
}

/* Columns that follow don't change a bit. */
static void test_prefix(void **state) {
  const int64_t columns[] = {1, 31, 33, 57};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    for (int intercept = 0; intercept < 2; intercept++) {
      const setting s = {.n_folds = 4, .kind = SMR_FOLDS_BLOCK, .intercept = intercept};
      matrix few;
      matrix many;
      double a[N_LAMBDAS];
      double b[N_LAMBDAS];
      make(90, columns[i], &few);
      make(90, 70, &many);
      run_on(test_world, &few, s, columns[i], a);
      run_on(test_world, &many, s, columns[i], b);
      assert_on_all(memcmp(a, b, sizeof a) == 0);
      clear_matrix(&few);
      clear_matrix(&many);
    }
  }
}

/* --- errors --- */

static void check_create(matrix *m, int64_t n_folds, smr_status expected, const char *part) {
  smr_grid *grid = NULL;
  smr_folds *folds = NULL;
  const smr_row_source source = {m->n, m->p, m, read_matrix};
  assert_ok(smr_grid_create(test_world, &grid));
  assert_fails(smr_folds_create(grid, &source, true, n_folds, SMR_FOLDS_BLOCK, &folds), expected,
               part);
  assert_null(folds);
  smr_grid_destroy(&grid);
}

static void set_fault(const char *site, int rank) {
  char fault[64];
  snprintf(fault, sizeof fault, "%s:%d:1", site, rank);
  assert_int_equal(setenv("SIMMER_FAULT", fault, 1), 0);
  smr_fault_set_rank(test_world->world_rank);
}

static void test_errors(void **state) {
  matrix m;
  (void)state;
  make(8, 3, &m);
  check_create(&m, 9, SMR_ERR_INPUT, "8 rows can't be cut into 9 folds");
  check_create(&m, 1, SMR_ERR_INPUT, "at least 2 folds");
  m.fails = test_world->rank == test_world->size - 1;
  check_create(&m, 8, SMR_ERR_IO, "disk");
  m.fails = false;
  m.x[5] = NAN;
  check_create(&m, 4, SMR_ERR_NUMERIC, "not a finite number");
  m.x[5] = 0.0;
  set_fault("linalg.folds", test_world->size - 1);
  check_create(&m, 8, SMR_ERR_MEMORY, "fault");
  assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
  clear_matrix(&m);
}

static void test_failure_of_one(void **state) {
  matrix m;
  smr_grid *grid = NULL;
  smr_folds *folds = NULL;
  double cv[N_LAMBDAS];
  (void)state;
  make(8, 3, &m);
  const smr_row_source source = {m.n, m.p, &m, read_matrix};
  assert_ok(smr_grid_create(test_world, &grid));
  assert_ok(smr_folds_create(grid, &source, true, 8, SMR_FOLDS_BLOCK, &folds));
  set_fault("regress.folds", test_world->size - 1);
  const smr_folds_fit fit = {.p = 3};
  assert_fails(smr_folds_run(grid, folds, &fit, N_LAMBDAS, lambdas, cv), SMR_ERR_MEMORY, "fault");
  assert_int_equal(unsetenv("SIMMER_FAULT"), 0);
  smr_folds_destroy(&folds);
  smr_grid_destroy(&grid);
  clear_matrix(&m);
}

static void test_gap(void **state) {
  const double interleaved[] = {(double)NAN, 3.0, 2.0, 2.0, 5.0};
  const double block[] = {1.0, 1.0, 200.0, 1.0, 1.0};
  int64_t chosen = 0;
  (void)state;
  assert_close(smr_folds_gap(5, interleaved, block, &chosen), 2.0, 1e-15, 0.0);
  assert_int_equal(chosen, 2);
  assert_true(isnan(smr_folds_gap(1, interleaved, block, &chosen)));
  assert_int_equal(chosen, -1);
}

static void test_counts(void **state) {
  (void)state;
  assert_true(smr_folds_count_bytes(20000, 500, 10) > 8LL * 20 * 500 * 250);
  assert_true(smr_folds_count_flops(20000, 500, 10) > 1e10);
  assert_true(smr_folds_count_run_bytes(20000, 500, 60, 10, false) > 8LL * 2 * 500 * 500);
  assert_true(smr_folds_count_run_flops(20000, 500, 60, 10, true) > 1e9);
}

/* Targets that lack X w, with w given, are the targets with it. */
static void test_signal(void **state) {
  enum { N = 60, P = 7 };
  enum { R = P + 1 };
  const double lambda[] = {0.0, 1e-3, 0.3, 50.0}, w[P] = {1.0, -20.0, 3.0, 0.5, 0.0, -2.0, 0.25};
  (void)state;
  for (int v = 0; v < 8; v++) {
    matrix m;
    smr_grid *grid = NULL;
    double cv[2][4 + R];
    make(N, P, &m);
    const smr_row_source source = {N, P, &m, read_matrix};
    assert_ok(smr_grid_create(test_world, &grid));
    for (int whole = 0; whole < 2; whole++) {
      smr_folds *folds = NULL;
      for (int64_t i = 0; whole == 1 && i < N; i++) {
        for (int64_t j = 0; j < P; j++) {
          m.y[i] += m.x[j * N + i] * w[j];
        }
      }
      const smr_folds_fit fit = {
          .p = P, .standardize = v & 2, .signal = whole == 1 ? NULL : w, .n_ranks = R};
      const smr_folds_kind kind = v & 4 ? SMR_FOLDS_BLOCK : SMR_FOLDS_INTERLEAVED;
      assert_ok(smr_folds_create(grid, &source, v & 1, 5, kind, &folds));
      assert_ok(smr_folds_run(grid, folds, &fit, 4, lambda, cv[whole]));
      smr_folds_destroy(&folds);
    }
    for (int l = 0; l < 4 + R; l++) {
      if (isnan(cv[0][l]) && isnan(cv[1][l])) {
        continue; /* the constant column */
      }
      /* Sums of a few thousand roundings; the signal is 20 times the noise. */
      assert_close(cv[0][l], cv[1][l], 1e-11, 0.0);
    }
    smr_grid_destroy(&grid);
    clear_matrix(&m);
  }
}

MPI_TEST_MAIN(cmocka_unit_test(test_refits), cmocka_unit_test(test_dependent),
              cmocka_unit_test(test_penalized), cmocka_unit_test(test_rank_refits),
              cmocka_unit_test(test_rank_bits), cmocka_unit_test(test_signal),
              cmocka_unit_test(test_same_bits), cmocka_unit_test(test_prefix),
              cmocka_unit_test(test_errors), cmocka_unit_test(test_failure_of_one),
              cmocka_unit_test(test_gap), cmocka_unit_test(test_counts))
