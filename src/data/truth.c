/* Laws of a teacher's w*: a direction, scaled to the norm of the signal. The components of the
 * direction don't depend on how many there are. */
#include <math.h>

#include "generator.h"

static const double two_pi = 6.283185307179586476925286766559;

static void make_random(const smr_sample *sample, int64_t n, double *w) {
  smr_random_normal(smr_generator_get_key(sample, "teacher.truth", false), 0, 0, n, w);
}

static void make_decaying(const smr_sample *sample, int64_t n, double *w) {
  make_random(sample, n, w);
  for (int64_t j = 0; j < n; j++) {
    w[j] *= pow((double)(j + 1), -sample->config.truth.decay);
  }
}

static void make_smooth(const smr_sample *sample, int64_t n, double *w) {
  double phase = 0.0;
  smr_random_uniform(smr_generator_get_key(sample, "teacher.phase", false), 0, 0, 1, &phase);
  for (int64_t j = 0; j < n; j++) {
    w[j] = sin(two_pi * ((double)j / sample->config.truth.period + phase));
  }
}

static void make_constant(const smr_sample *sample, int64_t n, double *w) {
  (void)sample;
  for (int64_t j = 0; j < n; j++) {
    w[j] = 1.0;
  }
}

static void make_single(const smr_sample *sample, int64_t n, double *w) {
  (void)sample;
  for (int64_t j = 0; j < n; j++) {
    w[j] = j == 0 ? 1.0 : 0.0;
  }
}

static void (*const laws[])(const smr_sample *, int64_t, double *) = {
    [SMR_TRUTH_RANDOM] = make_random, [SMR_TRUTH_DECAYING] = make_decaying,
    [SMR_TRUTH_SMOOTH] = make_smooth, [SMR_TRUTH_CONSTANT] = make_constant,
    [SMR_TRUTH_SINGLE] = make_single,
};

void smr_truth_make(const smr_sample *sample, int64_t n, double *w) {
  laws[sample->config.truth.kind](sample, n, w);
  const double norm = smr_generator_norm(n, w);
  const double scale = norm > 0.0 ? sample->config.signal / norm : 0.0;
  for (int64_t j = 0; j < n; j++) {
    w[j] *= scale;
  }
}
