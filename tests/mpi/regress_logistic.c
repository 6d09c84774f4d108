/* Logistic regression against scikit-learn, finite differences, Cover's count of separable
 * labellings, and itself on other ranks, threads and methods. */
#include <omp.h>
#include <stdlib.h>

#include "../../src/regress/logistic_private.h"
#include "../reference/logistic_reference.h"
#include "mpi_frame.h"
#include "simmer/base/memory.h"

enum { N_CASES = sizeof reference_cases / sizeof reference_cases[0], Q_MAX = 400 };

/* Rows of a test, whole on every rank. */
typedef struct {
  int n, p;
  double *x, *y; /* [n][p], [n] */
} table;

static table make_empty(int n, int p) {
  table t = {.n = n, .p = p};
  assert_ok(smr_memory_alloc((int64_t)n * p, sizeof(double), "x", &t.x));
  assert_ok(smr_memory_alloc(n, sizeof(double), "y", &t.y));
  return t;
}

static void clear_table(table *t) {
  smr_memory_free(t->x);
  smr_memory_free(t->y);
}

static double draw(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 40 & 0xFFFF) / 32768 - 1;
}

/* The rows of logistic_make.py. */
static table make_table(int n, int p) {
  table t = make_empty(n, p);
  uint64_t state = (uint64_t)n * 1000 + (uint64_t)p;
  for (int i = 0; i < n; ++i) {
    double signal = 0;
    for (int j = 0; j < p; ++j) {
      const double value = draw(&state);
      t.x[i * p + j] = value * (double[]){1, 3, 9, 27}[j % 4] + j / 2.0;
      signal += j % 2 != 0 ? value : -value;
    }
    t.y[i] = signal + 2 * draw(&state) > 0 ? 1 : -1;
  }
  return t;
}

static smr_status read_table(void *self, int thread, int64_t first, int64_t count, double *x,
                             int64_t ld, double *y) {
  (void)thread;
  const table *t = self;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < t->p; ++j) {
      x[j * ld + i] = t->x[(first + i) * t->p + j];
    }
    y[i] = t->y[first + i];
  }
  return SMR_OK;
}

static smr_logistic *create(const smr_context *context, table *t, smr_logistic_config config) {
  smr_logistic *problem = NULL;
  const smr_row_source source = {t->n, t->p, t, read_table};
  assert_ok(smr_logistic_create(context, &source, &config, &problem));
  return problem;
}

/* One solution. */
typedef struct {
  double w[Q_MAX], b;
  smr_logistic_fit fit;
} solution;

static solution solve(smr_logistic *problem, double lambda) {
  solution s = {.b = NAN};
  assert_ok(smr_logistic_solve(problem, lambda, s.w, &s.b, &s.fit));
  return s;
}

static solution solve_once(table *t, smr_logistic_config config, double lambda) {
  smr_logistic *problem = create(test_world, t, config);
  const solution s = solve(problem, lambda);
  smr_logistic_destroy(&problem);
  return s;
}

static double find_distance(const double *a, const double *b, int p) {
  double most = 0, size = 0;
  for (int j = 0; j < p; ++j) {
    most = fmax(most, fabs(a[j] - b[j]));
    size = fmax(size, fabs(b[j]));
  }
  return most / size;
}

/* Both methods against scikit-learn. Its Newton solver stops at a gradient of 1e-12 of the mean
 * loss: 1e-9 of the largest coefficient is a hundred times what is seen. */
static void test_reference(void **state) {
  (void)state;
  for (int c = 0; c < N_CASES; ++c) {
    const reference_case *r = &reference_cases[c];
    table t = make_table(r->n, r->p);
    for (int method = SMR_LOGISTIC_NEWTON; method <= SMR_LOGISTIC_LBFGS; ++method) {
      smr_logistic *problem =
          create(test_world, &t, (smr_logistic_config){method, r->intercept, r->standardize, -1});
      for (int l = 0; l < r->n_lambda; ++l) {
        const solution s = solve(problem, r->lambda[l]);
        const double off = find_distance(s.w, r->w[l], r->p);
        if (getenv("SIMMER_TEST_VERBOSE") != NULL && test_world->rank == 0) {
          printf("%s method %d lambda %g: off %.2g, b %.2g, %d iterations, gradient %.2g\n",
                 r->name, method, r->lambda[l], off, fabs(s.b - r->b[l]), (int)s.fit.iterations,
                 s.fit.gradient);
        }
        assert_int_equal(s.fit.outcome, SMR_LOGISTIC_CONVERGED);
        assert_true(off < 1e-9);
        assert_close(s.b, r->b[l], 1e-9, 1e-9);
        assert_close(s.fit.loss, r->loss[l], 1e-10, 0);
        assert_close(s.fit.norm, r->norm[l], 1e-9, 0);
        assert_int_equal(s.fit.n_right, r->n_right[l]);
      }
      smr_logistic_destroy(&problem);
    }
    clear_table(&t);
  }
}

/* Gradient and Hessian against differences of the loss. */
static void test_differences(void **state) {
  (void)state;
  enum { P = 5, Q = P + 1 };
  const double h = 1e-5;
  table t = make_table(600, P);
  smr_logistic *problem =
      create(test_world, &t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, true, false, -1});
  const double at[Q] = {0.3, -0.2, 0.5, 0.1, -0.4, 0.25};
  smr_logistic_slope slope;
  double gradient[Q], hessian[Q * Q];
  memcpy(problem->u, at, sizeof at);
  assert_ok(smr_logistic_differentiate(problem, true, 0, &slope));
  memcpy(gradient, slope.gradient, sizeof gradient);
  memcpy(hessian, slope.hessian, sizeof hessian);
  for (int j = 0; j < Q; ++j) {
    double loss[2], sides[2][Q];
    for (int side = 0; side < 2; ++side) {
      memcpy(problem->u, at, sizeof at);
      problem->u[j] += side ? h : -h;
      assert_ok(smr_logistic_differentiate(problem, true, 0, &slope));
      loss[side] = slope.loss;
      memcpy(sides[side], slope.gradient, sizeof sides[side]);
    }
    /* Differences of a sum of 600 terms near 1 carry 1e-13/h = 1e-8 of rounding and h^2 600. */
    assert_close(gradient[j], (loss[1] - loss[0]) / (2 * h), 1e-6, 1e-6);
    for (int i = 0; i <= j; ++i) {
      assert_close(hessian[j * Q + i], (sides[1][i] - sides[0][i]) / (2 * h), 1e-6, 1e-6);
    }
  }
  /* The line's value and slope at t are those of the point u + t d. */
  smr_logistic_line line;
  double expected = 0;
  memcpy(problem->u, at, sizeof at);
  assert_ok(smr_logistic_differentiate(problem, true, 0, &slope));
  for (int j = 0; j < Q; ++j) {
    problem->direction[j] = j % 2 != 0 ? 1 : -0.5;
  }
  assert_ok(smr_logistic_look(problem, 0.7, true, &line));
  assert_ok(smr_logistic_differentiate(problem, false, 0.7, &slope));
  for (int j = 0; j < Q; ++j) {
    expected += slope.gradient[j] * problem->direction[j];
  }
  assert_close(line.loss, slope.loss, 1e-13, 0);
  assert_close(line.slope, expected, 1e-12, 0);
  smr_logistic_destroy(&problem);
  clear_table(&t);
}

/* All labellings of n random points: as many are separable as Cover counts, none more. */
static void count_labellings(int n, int p, bool intercept, int method) {
  table t = make_table(n, p);
  int n_separable = 0;
  for (int labels = 0; labels < 1 << n; ++labels) {
    for (int i = 0; i < n; ++i) {
      t.y[i] = labels >> i & 1 ? 1 : -1;
    }
    const solution s = solve_once(&t, (smr_logistic_config){method, intercept, false, -1}, 0);
    const bool is_separable =
        s.fit.outcome == SMR_LOGISTIC_SEPARABLE || s.fit.outcome == SMR_LOGISTIC_ONE_CLASS;
    assert_true(is_separable || s.fit.outcome == SMR_LOGISTIC_CONVERGED);
    n_separable += is_separable;
    for (int i = 0; i < n && s.fit.outcome == SMR_LOGISTIC_SEPARABLE; ++i) {
      double eta = s.b;
      for (int j = 0; j < p; ++j) {
        eta += t.x[i * p + j] * s.w[j];
      }
      assert_true(t.y[i] * eta > 0);
    }
  }
  assert_close(n_separable, smr_logistic_cover(n, p, intercept) * (1 << n), 1e-12, 0);
  clear_table(&t);
}

static void test_cover(void **state) {
  (void)state;
  /* 2 (C(6,0) + C(6,1)) = 14 of 128 by hand. */
  assert_close(smr_logistic_cover(7, 2, false), 14.0 / 128, 1e-14, 0);
  assert_close(smr_logistic_cover(114, 57, false), 0.5, 1e-12, 0);
  assert_close(smr_logistic_cover(5, 4, true), 1, 0, 0);
  count_labellings(7, 2, false, SMR_LOGISTIC_NEWTON);
  count_labellings(7, 2, true, SMR_LOGISTIC_NEWTON);
  count_labellings(8, 3, true, SMR_LOGISTIC_NEWTON);
  count_labellings(7, 3, false, SMR_LOGISTIC_LBFGS);
}

/* One column of given values; labels as given. */
static table make_line(int n, const double *x, const double *y) {
  table t = make_empty(n, 1);
  memcpy(t.x, x, (size_t)n * sizeof *x);
  memcpy(t.y, y, (size_t)n * sizeof *y);
  return t;
}

static void test_edges(void **state) {
  (void)state;
  const smr_logistic_config config = {SMR_LOGISTIC_NEWTON, true, false, -1};
  const double y[6] = {-1, -1, -1, 1, 1, 1};
  /* Two rows share x = 0 with both labels: quasi-complete separation. */
  table quasi = make_line(6, (double[]){-3, -1, 0, 0, 2, 5}, y);
  assert_int_equal(solve_once(&quasi, config, 0).fit.outcome, SMR_LOGISTIC_QUASI_SEPARABLE);
  assert_true(isinf(solve_once(&quasi, config, 0).fit.norm));
  assert_int_equal(solve_once(&quasi, config, 1e-8).fit.outcome, SMR_LOGISTIC_CONVERGED);
  clear_table(&quasi);
  /* They overlap, or leave a gap, by a millionth. */
  table near = make_line(6, (double[]){-3, -1, 1e-6, 0, 2, 5}, y);
  const solution s = solve_once(&near, config, 0);
  assert_int_equal(s.fit.outcome, SMR_LOGISTIC_CONVERGED);
  assert_true(s.fit.n_right == 4 && isfinite(s.fit.norm));
  clear_table(&near);
  table gap = make_line(6, (double[]){-3, -1, 0, 1e-6, 2, 5}, y);
  assert_int_equal(solve_once(&gap, config, 0).fit.outcome, SMR_LOGISTIC_SEPARABLE);
  clear_table(&gap);
}

/* The sparse tables of logistic_make.py. */
static table make_sparse(int number) {
  table t = make_empty(10 + number % 31, 2 + number % 7);
  uint64_t state = (uint64_t)number + 1;
  for (int i = 0; i < t.n; ++i) {
    for (int j = 0; j <= t.p; ++j) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const int value = (int)(state >> 40 & 0xFFFF);
      if (j < t.p) {
        t.x[i * t.p + j] = value < 65536 >> j ? value % 5 + 1 : 0;
      } else {
        const bool is_rare = number % 2 == 0 && t.x[i * t.p + t.p - 1] > 0;
        t.y[i] = value < 32768 || is_rare ? 1 : -1;
      }
    }
  }
  return t;
}

/* Verdicts at lambda = 0 against linear programming; collinear columns are among the tables. */
static void test_verdicts(void **state) {
  (void)state;
  const smr_logistic_outcome meaning[] = {SMR_LOGISTIC_CONVERGED, SMR_LOGISTIC_SEPARABLE,
                                          SMR_LOGISTIC_QUASI_SEPARABLE, SMR_LOGISTIC_ONE_CLASS};
  int n_wrong = 0;
  for (int number = 0; reference_verdicts[number] != '\0'; ++number) {
    table t = make_sparse(number);
    const solution s =
        solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, true, false, -1}, 0);
    if (s.fit.outcome != meaning[reference_verdicts[number] - '0']) {
      n_wrong++;
      printf("table %d: outcome %d, expected verdict %c\n", number, (int)s.fit.outcome,
             reference_verdicts[number]);
    }
    clear_table(&t);
  }
  assert_int_equal(n_wrong, 0);
}

/* A far row on the right side has a margin in the hundreds; nothing is separable. */
static void test_outlier(void **state) {
  (void)state;
  const double y[6] = {-1, 1, -1, 1, 1, 1};
  table t = make_line(6, (double[]){-1, -0.5, 0.5, 1, 2, 5000}, y);
  for (int intercept = 0; intercept < 2; ++intercept) {
    const solution s =
        solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, intercept, false, -1}, 0);
    assert_int_equal(s.fit.outcome, SMR_LOGISTIC_CONVERGED);
    assert_true(s.w[0] * 5000 > 100 && s.fit.gradient < 1e-12);
  }
  clear_table(&t);
}

static void test_one_class(void **state) {
  (void)state;
  table t = make_table(9, 2);
  for (int i = 0; i < t.n; ++i) {
    t.y[i] = -1;
  }
  const solution s = solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_AUTO, true, false, -1}, 1);
  assert_int_equal(s.fit.outcome, SMR_LOGISTIC_ONE_CLASS);
  assert_true(s.b == -HUGE_VAL && s.w[0] == 0 && s.w[1] == 0);
  assert_true(s.fit.n_right == 9 && s.fit.loss == 0 && s.fit.norm == 0);
  /* Without an intercept it is a problem like any other. */
  const solution plain =
      solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_AUTO, false, false, -1}, 1);
  assert_int_equal(plain.fit.outcome, SMR_LOGISTIC_CONVERGED);
  assert_true(plain.fit.norm > 0);
  clear_table(&t);
}

/* Constant and collinear columns: predictions of the problem without them. */
static void test_collinear(void **state) {
  (void)state;
  table t = make_table(60, 2), wide = make_empty(60, 4);
  for (int i = 0; i < t.n; ++i) {
    wide.x[i * 4] = t.x[i * 2];
    wide.x[i * 4 + 1] = 7;
    wide.x[i * 4 + 2] = t.x[i * 2 + 1];
    wide.x[i * 4 + 3] = t.x[i * 2] - 2 * t.x[i * 2 + 1] + 1;
    wide.y[i] = t.y[i];
  }
  const smr_logistic_config config = {SMR_LOGISTIC_NEWTON, true, false, -1};
  const solution a = solve_once(&t, config, 0), b = solve_once(&wide, config, 0);
  assert_int_equal(b.fit.outcome, SMR_LOGISTIC_CONVERGED);
  assert_close(b.fit.loss, a.fit.loss, 1e-12, 0);
  assert_close(b.w[0] + b.w[3], a.w[0], 1e-9, 0);
  assert_close(b.w[2] - 2 * b.w[3], a.w[1], 1e-9, 0);
  assert_close(b.w[1], 0, 0, 0);
  clear_table(&t);
  clear_table(&wide);
}

/* The two methods on a wide problem and on a tall one of 300 columns. */
static void test_methods(void **state) {
  (void)state;
  const int rows[2] = {150, 900};
  for (int i = 0; i < 2; ++i) {
    table t = make_table(rows[i], 300);
    smr_logistic *newton =
        create(test_world, &t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, true, true, -1});
    smr_logistic *lbfgs =
        create(test_world, &t, (smr_logistic_config){SMR_LOGISTIC_LBFGS, true, true, -1});
    const double lambdas[3] = {10, 0.1, 1e-3};
    for (int l = 0; l < 3; ++l) {
      const solution a = solve(newton, lambdas[l]), b = solve(lbfgs, lambdas[l]);
      const double off = find_distance(b.w, a.w, 300);
      if (getenv("SIMMER_TEST_VERBOSE") != NULL && test_world->rank == 0) {
        printf("%d rows, lambda %g: off %.2g, %d and %d iterations\n", rows[i], lambdas[l], off,
               (int)a.fit.iterations, (int)b.fit.iterations);
      }
      assert_true(a.fit.outcome == SMR_LOGISTIC_CONVERGED && off < 1e-8);
      assert_int_equal(b.fit.outcome, SMR_LOGISTIC_CONVERGED);
    }
    smr_logistic_destroy(&newton);
    smr_logistic_destroy(&lbfgs);
    clear_table(&t);
  }
}

/* All ranks together, each alone, other threads, other orders of lambdas: the same bits. Sizes from
 * fewer rows than ranks to several blocks. */
static void test_bits(void **state) {
  (void)state;
  const int sizes[4][2] = {{2, 3}, {40, 6}, {1000, 9}, {700, 30}};
  const double lambdas[4] = {30, 0.02, 1e-6, 0};
  smr_context *alone = NULL;
  int index = 0;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  for (int k = 0; k < 8; ++k) {
    table t = make_table(sizes[k / 2][0], sizes[k / 2][1]);
    t.y[0] = 1;
    t.y[1] = -1;
    const int method = k % 2 != 0 ? SMR_LOGISTIC_LBFGS : SMR_LOGISTIC_NEWTON;
    /* L-BFGS stops early: its path must not depend on who does the sums either. */
    const smr_logistic_config config = {method, true, false, k % 2 != 0 ? 60 : -1};
    smr_logistic *together = create(test_world, &t, config);
    omp_set_num_threads(3);
    smr_logistic *single = create(alone, &t, config);
    for (int l = 0; l < 4; ++l) {
      omp_set_num_threads(1);
      const solution a = solve(together, lambdas[l]);
      omp_set_num_threads(3);
      const solution b = solve(single, lambdas[3 - l]), c = solve(single, lambdas[l]);
      assert_memory_equal(a.w, c.w, sizeof a.w);
      assert_memory_equal(&a.b, &c.b, sizeof a.b);
      assert_memory_equal(&a.fit.loss, &c.fit.loss, sizeof a.fit.loss);
      assert_memory_equal(&a.fit.gradient, &c.fit.gradient, sizeof a.fit.gradient);
      assert_true(a.fit.outcome == c.fit.outcome && a.fit.iterations == c.fit.iterations);
      assert_true(b.fit.iterations >= 0);
    }
    omp_set_num_threads(1);
    smr_logistic_destroy(&together);
    smr_logistic_destroy(&single);
    clear_table(&t);
  }
  smr_context_destroy(&alone);
}

static void test_bad_rows(void **state) {
  (void)state;
  table t = make_table(600, 3);
  smr_logistic *problem = NULL;
  const smr_row_source source = {t.n, t.p, &t, read_table};
  const smr_logistic_config config = {SMR_LOGISTIC_AUTO, true, false, -1};
  t.y[590] = 0.5;
  assert_fails(smr_logistic_create(test_world, &source, &config, &problem), SMR_ERR_INPUT,
               "0.5 of training row 590");
  assert_null(problem);
  t.y[590] = 1;
  t.x[400 * 3 + 1] = NAN;
  assert_fails(smr_logistic_create(test_world, &source, &config, &problem), SMR_ERR_NUMERIC,
               "feature 1 of training row 400");
  clear_table(&t);
}

/* Tiny problems at tiny lambdas, where steps end in rounding: all of them converge. In two of these
 * a line search found rounding for ever. */
static void test_rounding(void **state) {
  (void)state;
  for (int k = 3350; k < 3420; ++k) {
    table t = make_table(2 + k % 3, 5 + k);
    t.p = 5;
    t.y[0] = 1;
    t.y[1] = -1;
    const solution s =
        solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, true, false, -1}, 1e-6);
    assert_int_equal(s.fit.outcome, SMR_LOGISTIC_CONVERGED);
    assert_true(s.fit.iterations < 30);
    clear_table(&t);
  }
}

/* Too few iterations are said. */
static void test_limit(void **state) {
  (void)state;
  table t = make_table(60, 4);
  const solution s =
      solve_once(&t, (smr_logistic_config){SMR_LOGISTIC_NEWTON, true, false, 1}, 1e-3);
  assert_int_equal(s.fit.outcome, SMR_LOGISTIC_NOT_CONVERGED);
  clear_table(&t);
}

MPI_TEST_MAIN(cmocka_unit_test(test_reference), cmocka_unit_test(test_differences),
              cmocka_unit_test(test_cover), cmocka_unit_test(test_edges),
              cmocka_unit_test(test_verdicts), cmocka_unit_test(test_outlier),
              cmocka_unit_test(test_one_class), cmocka_unit_test(test_collinear),
              cmocka_unit_test(test_methods), cmocka_unit_test(test_bits),
              cmocka_unit_test(test_bad_rows), cmocka_unit_test(test_rounding),
              cmocka_unit_test(test_limit))
