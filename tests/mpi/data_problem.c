/* The ill-posed problems: matrix and solution against independent quadrature, and the exact
 * relation of both with the right-hand side, to the order of the discretization. */
#include "../reference/problems_reference.h"
#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/data/dataset.h"

enum { N_PROBLEMS = 6, MOST = 64 };

typedef struct {
  int64_t n, n_test;
  double x[MOST * MOST], y[MOST], x_test[MOST * MOST], y_test[MOST]; /* column-major, ld = n */
  double w[MOST], rest;
  smr_noise_law noise;
} content;

static smr_data_config configure(int problem) {
  return (smr_data_config){.source = SMR_SOURCE_PROBLEM,
                           .problem = problem,
                           .heat_kappa = 1.0,
                           .test_instances = 64,
                           .seed = 3};
}

static void read_problem(const smr_data_config *config, int64_t n, int64_t k, content *out) {
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  assert_ok(smr_dataset_open(test_world, config, NULL, &dataset));
  assert_ok(smr_sample_create(dataset, config, 1, n, k, &sample));
  out->n = n;
  out->noise = smr_sample_get_noise(sample);
  assert_int_equal(smr_sample_count_test(sample), 64);
  assert_int_equal(smr_sample_is_noise_only(sample), 0);
  assert_int_equal(smr_sample_is_isotropic(sample), 0);
  assert_ok(smr_sample_read(sample, false, 0, n, k, out->x, n, out->y));
  assert_ok(smr_sample_read(sample, true, 0, n, k, out->x_test, n, out->y_test));
  assert_int_equal(smr_sample_get_truth(sample, k, out->w, &out->rest), 1);
  smr_sample_destroy(&sample);
  smr_dataset_close(&dataset);
}

/* Entries to 1e-13 of the largest: QUADPACK was asked for that. */
static void test_entries(void **state) {
  (void)state;
  for (int q = 0; q < N_PROBLEMS; q++) {
    const problem_reference *expected = &references[q];
    const smr_data_config config = configure(q);
    content found;
    double largest = 0.0;
    read_problem(&config, N_ENTRIES, N_ENTRIES, &found);
    for (int i = 0; i < N_ENTRIES * N_ENTRIES; i++) {
      largest = fmax(largest, fabs(expected->matrix[i]));
    }
    for (int i = 0; i < N_ENTRIES; i++) {
      assert_close(found.w[i], expected->solution[i], 1e-12, 1e-14);
      for (int j = 0; j < N_ENTRIES; j++) {
        assert_close(found.x[j * N_ENTRIES + i], expected->matrix[i * N_ENTRIES + j], 0.0,
                     1e-13 * largest);
      }
    }
    assert_close(found.rest, 0.0, 0.0, 0.0);
  }
}

/* Largest |A w* - b|, in units of the largest |b|. */
static double measure(int problem, int64_t n, const double *right) {
  const smr_data_config config = configure(problem); /* no noise: y = A w* */
  content found;
  double worst = 0.0, largest = 0.0;
  read_problem(&config, n, n, &found);
  for (int i = 0; i < n; i++) {
    worst = fmax(worst, fabs(found.y[i] - right[i]));
    largest = fmax(largest, fabs(right[i]));
  }
  return worst / largest;
}

/* Midpoint rule and Galerkin are of second order; heat's solution is taken half a cell from where
 * its kernel is, h/2 = 1/128, where b has slopes near 10, which is of first order. Errors on 64
 * cells are below the bounds, and fall with the cells as the order says. deriv2's averages are
 * exact, since its solution is linear. Periodic and smooth to the ends (shaw), the midpoint rule is
 * of higher order. */
static void test_relation(void **state) {
  (void)state;
  static const double bounds[N_PROBLEMS] = {1e-3, 2e-3, 1e-14, 1e-3, 1e-1, 1e-3};
  for (int q = 0; q < N_PROBLEMS; q++) {
    const double coarse = measure(q, 32, references[q].right_32);
    const double fine = measure(q, 64, references[q].right_64);
    print_message("%s: %.3g on 32 cells, %.3g on 64\n", references[q].name, coarse, fine);
    assert_true(fine < bounds[q]);
    if (q != SMR_PROBLEM_DERIV2) {
      assert_true(coarse / fine > (q == SMR_PROBLEM_HEAT ? 1.7 : 3.4));
    }
  }
}

/* Noise in units of the noiseless targets, new for test rows, whose X is that of the training rows.
 */
static void test_noise(void **state) {
  (void)state;
  enum { N = 40 };
  smr_data_config config = configure(SMR_PROBLEM_SHAW);
  content exact, noisy;
  double squares = 0.0, difference2 = 0.0;
  read_problem(&config, N, N, &exact);
  config.noise = 0.1;
  config.noise_law.is_relative = true;
  read_problem(&config, N, N, &noisy);
  for (int i = 0; i < N; i++) {
    squares += exact.y[i] * exact.y[i] / N;
    difference2 += (noisy.y[i] - exact.y[i]) * (noisy.y[i] - exact.y[i]) / N;
    assert_true(noisy.y[i] != noisy.y_test[i]);
  }
  assert_close(noisy.noise.sigma, 0.1 * sqrt(squares), 1e-13, 0.0);
  /* 4 standard errors of a variance from 40 numbers */
  assert_close(difference2, noisy.noise.sigma * noisy.noise.sigma, 4 * sqrt(2.0 / N), 0.0);
  assert_memory_equal(noisy.x, noisy.x_test, sizeof(double) * N * N);
  assert_memory_equal(noisy.x, exact.x, sizeof(double) * N * N);
}

/* Fewer columns leave the targets, and the rest of the solution is told. */
static void test_leading_columns(void **state) {
  (void)state;
  const smr_data_config config = configure(SMR_PROBLEM_PHILLIPS);
  content all, some;
  double rest2 = 0.0;
  read_problem(&config, 20, 20, &all);
  read_problem(&config, 20, 13, &some);
  assert_memory_equal(all.y, some.y, 20 * sizeof(double));
  assert_memory_equal(all.x, some.x, 20 * 13 * sizeof(double));
  for (int j = 13; j < 20; j++) {
    rest2 += all.w[j] * all.w[j];
  }
  assert_close(some.rest, sqrt(rest2), 1e-14, 0.0);
}

static void test_limits(void **state) {
  (void)state;
  smr_dataset *dataset = NULL;
  smr_sample *sample = NULL;
  smr_data_config config = configure(SMR_PROBLEM_PHILLIPS);
  assert_ok(smr_dataset_open(test_world, &config, NULL, &dataset));
  assert_int_equal(smr_problem_get_divisor(SMR_PROBLEM_PHILLIPS), 4);
  assert_fails(smr_sample_create(dataset, &config, 0, 10, 4, &sample), SMR_ERR_INPUT,
               "multiple of 4");
  assert_fails(smr_sample_create(dataset, &config, 0, 12, 13, &sample), SMR_ERR_INPUT, "features");
  assert_fails(smr_sample_create(dataset, &config, 0, 0, 0, &sample), SMR_ERR_INPUT, "cells");
  config.problem = N_PROBLEMS;
  assert_fails(smr_sample_create(dataset, &config, 0, 12, 4, &sample), SMR_ERR_INTERNAL, "problem");
  config = configure(SMR_PROBLEM_HEAT);
  config.test_instances = -1;
  assert_fails(smr_sample_create(dataset, &config, 0, 12, 4, &sample), SMR_ERR_INPUT,
               "test_instances");
  assert_null(sample);
  smr_dataset_close(&dataset);
}

/* A larger kappa makes heat well-conditioned: the kernel's peak moves towards 0. */
static void test_kappa(void **state) {
  (void)state;
  smr_data_config config = configure(SMR_PROBLEM_HEAT);
  content one, five;
  read_problem(&config, 16, 16, &one);
  config.heat_kappa = 5.0;
  read_problem(&config, 16, 16, &five);
  assert_true(one.x[0] < one.x[1] && five.x[0] > five.x[1]);
}

MPI_TEST_MAIN(cmocka_unit_test(test_entries), cmocka_unit_test(test_relation),
              cmocka_unit_test(test_noise), cmocka_unit_test(test_leading_columns),
              cmocka_unit_test(test_limits), cmocka_unit_test(test_kappa))
