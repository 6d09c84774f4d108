/* Ill-posed problems: y = A w* + noise for a discretized integral equation of the first kind with
 * the known solution w*. N_i is the number n of cells; the N_f leading columns are fitted. Test
 * rows are the same rows with other noise. */
#include <math.h>

#include "generator.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static void make_row(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                     double *out, double *work) {
  (void)work;
  smr_problem_find(sample->config.problem)
      ->make_row(&sample->config, sample->n_train, smr_generator_get_position(sample, is_test, row),
                 width, out);
}

/* ||A w*|| / sqrt(n). */
static smr_status measure_signal(const smr_sample *sample, double *rms) {
  const int64_t n = sample->n_train;
  double *row = NULL, squares = 0.0;
  SMR_TRY(smr_memory_alloc(n, sizeof *row, "a row of a problem", &row));
  for (int64_t i = 0; i < n; i++) {
    make_row(sample, false, i, n, row, NULL);
    const double b = smr_generator_dot(n, row, sample->truth);
    squares += b * b;
  }
  smr_memory_free(row);
  *rms = sqrt(squares / (double)n);
  return SMR_OK;
}

static smr_status create_sample(smr_sample *sample) {
  const int64_t n = sample->n_train;
  const smr_problem *problem = smr_problem_find(sample->config.problem);
  if (problem == NULL) {
    SMR_FAIL(SMR_ERR_INTERNAL, "there is no problem number %d", sample->config.problem);
  }
  if (n < 1 || n % problem->divisor != 0) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld rows can't be the cells of %s: it needs a multiple of %lld",
             (long long)n, problem->name, (long long)problem->divisor);
  }
  if (sample->n_features > n) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%lld features are more than the %lld columns of a problem of that size",
             (long long)sample->n_features, (long long)n);
  }
  SMR_TRY(smr_generator_create(sample));
  SMR_TRY(smr_memory_alloc(n, sizeof *sample->truth, "w*", &sample->truth));
  sample->n_signal = n;
  sample->n_design = n;
  problem->solve(&sample->config, n, sample->truth);
  double unit = 1.0;
  if (sample->config.noise_law.is_relative) {
    SMR_TRY(measure_signal(sample, &unit));
  }
  sample->sigma = sample->config.noise * unit;
  return SMR_OK;
}

const smr_source_ops smr_source_problem_ops = {
    .name = "problem",
    .create_sample = create_sample,
    .make_row = make_row,
    .read = smr_generator_read,
    .get_truth = smr_generator_get_truth,
};
