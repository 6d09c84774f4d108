/* Noise models. The noise of row i is a function of seed, replicate and i, whatever rows are read.
 */
#include <math.h>

#include "generator.h"
#include "simmer/base/integer.h"

/* Rows of an AR(1) series that share a start. */
enum { SERIES_BLOCK = 1024 };

static const double two_pi = 6.283185307179586476925286766559;

static void make_white(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                       double *out) {
  const smr_random_key key = smr_generator_get_key(sample, "teacher.noise", is_test);
  for (int64_t i = 0; i < count; i++) {
    smr_random_normal(key, (uint64_t)(first + i), 0, 1, out + i);
    out[i] *= sample->sigma;
  }
}

static double get_variance(const smr_noise_config *law, int64_t row) {
  if (law->kind != SMR_NOISE_HETEROSCEDASTIC) {
    return 1.0;
  }
  return 1.0 + law->swing * cos(two_pi * ((double)row / law->period));
}

static void make_heteroscedastic(const smr_sample *sample, bool is_test, int64_t first,
                                 int64_t count, double *out) {
  make_white(sample, is_test, first, count, out);
  for (int64_t i = 0; i < count; i++) {
    out[i] *= sqrt(get_variance(&sample->config.noise_law, first + i));
  }
}

/* Bailey's polar method (1994): t = sqrt(nu (U^(-2/nu) - 1)) cos(2 pi V), U in (0, 1]. */
static void make_student(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                         double *out) {
  const smr_random_key key = smr_generator_get_key(sample, "teacher.student", is_test);
  const double nu = sample->config.noise_law.nu;
  const double scale = sample->sigma * (nu > 2.0 ? sqrt((nu - 2.0) / nu) : 1.0);
  for (int64_t i = 0; i < count; i++) {
    double u[2];
    smr_random_uniform(key, (uint64_t)(first + i), 0, 2, u);
    out[i] = scale * sqrt(nu * expm1(-2.0 / nu * log1p(-u[0]))) * cos(two_pi * u[1]);
  }
}

/* Blocks of history after which the start of a series is forgotten, below 2^-60 of it. */
static int64_t count_history(double phi) {
  const double size = fabs(phi);
  return size < 1e-18 ? 1 : (int64_t)ceil(-60.0 * log(2.0) / log(size) / SERIES_BLOCK);
}

/* Rows of one block of the series: it starts in its stationary law a fixed number of blocks before,
 * or at row 0, so that a row doesn't depend on what is read. */
static void make_series_block(const smr_sample *sample, smr_random_key key, int64_t first,
                              int64_t count, double *out) {
  const double phi = sample->config.noise_law.correlation;
  const double innovation = sample->sigma * sqrt((1.0 - phi) * (1.0 + phi));
  const int64_t block = first / SERIES_BLOCK, last = first + count;
  const int64_t start = smr_int_max(0, block - count_history(phi));
  double e = 0.0, normals[SERIES_BLOCK];
  for (int64_t b = start; b <= block; b++) {
    const int64_t base = b * SERIES_BLOCK, n = smr_int_min(SERIES_BLOCK, last - base);
    smr_random_normal(key, (uint64_t)b, 0, n, normals);
    for (int64_t i = 0; i < n; i++) {
      e = b == start && i == 0 ? sample->sigma * normals[0] : phi * e + innovation * normals[i];
      if (base + i >= first) {
        out[base + i - first] = e;
      }
    }
  }
}

static void make_series(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                        double *out) {
  const smr_random_key key = smr_generator_get_key(sample, "teacher.series", is_test);
  const int64_t end = first + count;
  for (int64_t at = first; at < end;) {
    const int64_t next = smr_int_min(end, (at / SERIES_BLOCK + 1) * SERIES_BLOCK);
    make_series_block(sample, key, at, next - at, out + (at - first));
    at = next;
  }
}

static void (*const models[])(const smr_sample *, bool, int64_t, int64_t, double *) = {
    [SMR_NOISE_IID] = make_white,
    [SMR_NOISE_AR1] = make_series,
    [SMR_NOISE_HETEROSCEDASTIC] = make_heteroscedastic,
    [SMR_NOISE_STUDENT_T] = make_student,
};

void smr_noise_make(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                    double *out) {
  models[sample->config.noise_law.kind](sample, is_test, first, count, out);
}

smr_noise_law smr_sample_get_noise(const smr_sample *sample) {
  const smr_noise_config *law = &sample->config.noise_law;
  if (sample->dataset->ops->make_row == NULL) {
    return (smr_noise_law){.sigma = NAN};
  }
  return (smr_noise_law){.sigma = sample->sigma,
                         .has_variance = law->kind != SMR_NOISE_STUDENT_T || law->nu > 2.0,
                         .is_white = law->kind == SMR_NOISE_IID || law->kind == SMR_NOISE_STUDENT_T,
                         .correlation = law->kind == SMR_NOISE_AR1 ? law->correlation : 0.0};
}

void smr_sample_get_variances(const smr_sample *sample, int64_t first, int64_t count,
                              double *variance) {
  for (int64_t i = 0; i < count; i++) {
    variance[i] = get_variance(&sample->config.noise_law, first + i);
  }
}
