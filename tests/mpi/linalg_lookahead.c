/* QR with look-ahead: Q R = A from the reflectors, on grids of one row; tall, square and wide, with
 * fewer columns than ranks, zero and equal columns. */
#include "../../src/linalg/lookahead.h"
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"

static smr_grid *grid;

static double *allocate(int64_t n) {
  double *x = NULL;
  assert_ok(smr_memory_alloc(n, sizeof *x, "test matrix", &x));
  return x;
}

static double *make_random(int64_t m, int64_t n) {
  const smr_random_key key = {.seed = (uint64_t)(1000 * m + n), .stream = 9};
  double *a = allocate(m * n);
  smr_random_normal(key, 0, 0, m * n, a);
  return a;
}

/* Factored a [m x n] and tau [n] on all ranks. Collective. */
static void factor(int m, int n, const double *a, double *factored, double *tau) {
  smr_cyclic matrix;
  assert_ok(smr_cyclic_init(grid, m, n, &matrix));
  assert_true(smr_lookahead_is_possible(&matrix));
  smr_cyclic_load(&matrix, a, m, false);
  double *local_tau = allocate(matrix.n_local);
  double *work = allocate(smr_lookahead_count(&matrix) + 1);
  double *buffer = allocate(smr_cyclic_count_gather(&matrix, m));
  double *sums = allocate(n);
  work[smr_lookahead_count(&matrix)] = 5.0;
  smr_lookahead_factor(&matrix, local_tau, work);
  assert_true(work[smr_lookahead_count(&matrix)] == 5.0);
  smr_cyclic_gather(&matrix, m, buffer, factored, m);
  for (int rank = 0; rank < test_world->size; rank++) {
    int count = smr_cyclic_count(n, rank, test_world->size);
    memcpy(sums, local_tau, (size_t)(rank == test_world->rank ? count : 0) * sizeof *sums);
    smr_broadcast(test_world, rank, sums, (size_t)count * sizeof *sums);
    for (int64_t j = 0; j < count; j++) {
      tau[smr_cyclic_global(j, rank, test_world->size)] = sums[j];
    }
  }
  double *all[] = {local_tau, work, buffer, sums};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    smr_memory_free(all[i]);
  }
  smr_cyclic_clear(&matrix);
}

/* Q R by plain loops, less a, over ||a||. */
static double get_error(int64_t m, int64_t n, const double *a, const double *f, const double *tau) {
  int64_t k = m < n ? m : n;
  double error = 0.0;
  double norm = 0.0;
  double *x = allocate(m);
  for (int64_t j = 0; j < n; j++) {
    memset(x, 0, (size_t)m * sizeof *x);
    memcpy(x, f + j * m, (size_t)(j + 1 < m ? j + 1 : m) * sizeof *x);
    for (int64_t c = k - 1; c >= 0; c--) {
      double sum = x[c];
      for (int64_t i = c + 1; i < m; i++) {
        sum += f[c * m + i] * x[i];
      }
      x[c] -= tau[c] * sum;
      for (int64_t i = c + 1; i < m; i++) {
        x[i] -= tau[c] * sum * f[c * m + i];
      }
    }
    for (int64_t i = 0; i < m; i++) {
      error += (x[i] - a[j * m + i]) * (x[i] - a[j * m + i]);
      norm += a[j * m + i] * a[j * m + i];
    }
  }
  smr_memory_free(x);
  return norm > 0.0 ? sqrt(error / norm) : sqrt(error);
}

static void check(int m, int n, const double *a) {
  double *f = allocate((int64_t)m * n);
  double *tau = allocate(n);
  factor(m, n, a, f, tau);
  /* min(m, n) reflectors of round-off 1e-16 each; a wrong one is off by about 1. */
  assert_on_all(get_error(m, n, a, f, tau) <= 1e-13);
  for (int64_t c = 0; c < (m < n ? m : n); c++) {
    double sum = 1.0;
    for (int64_t i = c + 1; i < m; i++) {
      sum += f[c * m + i] * f[c * m + i];
    }
    /* Then the reflector is orthogonal. */
    assert_on_all(tau[c] == 0.0 || fabs(tau[c] * sum - 2.0) <= 1e-13);
  }
  smr_memory_free(f);
  smr_memory_free(tau);
}

static void test_shapes(void **state) {
  const int shapes[][2] = {{1, 1},    {1, 70},  {70, 1},   {5, 3},    {3, 5},
                           {32, 32},  {33, 33}, {64, 65},  {65, 64},  {40, 200},
                           {200, 40}, {97, 97}, {96, 130}, {130, 96}, {300, 257}};
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    double *a = make_random(shapes[i][0], shapes[i][1]);
    check(shapes[i][0], shapes[i][1], a);
    smr_memory_free(a);
  }
}

static void test_deficient(void **state) {
  enum { M = 90, N = 110 };
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    double *a = make_random(M, N);
    for (int64_t j = 0; j < N; j++) {
      for (int64_t i = 0; i < M; i++) {
        const int is_zero[] = {1, j % 3 == 0, 0};
        a[j * M + i] = is_zero[kind] ? 0.0 : a[(kind == 2 ? 0 : j) * M + i];
      }
    }
    check(M, N, a);
    smr_memory_free(a);
  }
}

/* What a panel's message would be too long for goes to pdgeqrf. */
static void test_possible(void **state) {
  smr_cyclic matrix = {.grid = grid, .m = 1 << 22, .n = 1};
  (void)state;
  assert_true(smr_lookahead_is_possible(&matrix));
  matrix.m = 1 << 23;
  assert_false(smr_lookahead_is_possible(&matrix));
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

MPI_TEST_MAIN(cmocka_unit_test(test_start), cmocka_unit_test(test_shapes),
              cmocka_unit_test(test_deficient), cmocka_unit_test(test_possible),
              cmocka_unit_test(test_end))
