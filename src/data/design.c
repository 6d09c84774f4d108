/* Designs: how a row of a teacher's X is made. Element (i, j) is a function of the row's own
 * stream, so that a row is the same whatever range is read, and more features don't change earlier
 * ones. Letter: d = dimension of a rotation. */
#include <math.h>

#include "generator.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static void make_gaussian(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                          double *out, double *work) {
  (void)work;
  smr_random_normal(sample->x_key[is_test ? 1 : 0], (uint64_t)row, 0, width, out);
}

static void make_smooth(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                        double *out, double *work) {
  const smr_design_config *design = &sample->config.design;
  const double t = (double)smr_generator_get_position(sample, is_test, row);
  (void)work;
  for (int64_t j = 0; j < width; j++) {
    const double z =
        (t - (design->bump_first + (double)j * design->bump_spacing)) / design->bump_width;
    out[j] = exp(-0.5 * z * z);
  }
}

/* Reflection k of a rotation acts on components k..d-1; its unit vector begins here. */
static int64_t find_reflection(int64_t d, int64_t k) {
  return k * d - k * (k - 1) / 2;
}

/* out[d] = H_0 H_1 … H_{d-2} out, H = 1 - 2vv': a rotation of Haar's law up to signs (Stewart 1980,
 * sec. 3), which what is turned here, Gaussian components, don't need. */
static void rotate(const smr_sample *sample, double *out) {
  const int64_t d = sample->n_design;
  for (int64_t k = d - 2; k >= 0; k--) {
    const double *v = sample->rotation + find_reflection(d, k);
    const double twice = 2.0 * smr_generator_dot(d - k, v, out + k);
    for (int64_t j = 0; j < d - k; j++) {
      out[k + j] -= twice * v[j];
    }
  }
}

static void make_spectral(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                          double *out, double *work) {
  const int64_t n = sample->rotation != NULL ? sample->n_design : width;
  make_gaussian(sample, is_test, row, n, out, work);
  for (int64_t j = 0; j < n; j++) {
    out[j] *= sample->scales[j];
  }
  if (sample->rotation != NULL) {
    rotate(sample, out);
  }
}

static void make_duplicated(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                            double *out, double *work) {
  const smr_design_config *design = &sample->config.design;
  make_gaussian(sample, is_test, row, smr_int_ceil_divide(width, design->copies), out, work);
  for (int64_t j = width - 1; j > 0; j--) { /* from the end: what is read isn't yet overwritten */
    out[j] = out[j / design->copies];
  }
  if (design->jitter > 0.0) {
    smr_random_normal(smr_generator_get_key(sample, "teacher.jitter", is_test), (uint64_t)row, 0,
                      width, work);
    for (int64_t j = 0; j < width; j++) {
      out[j] += design->jitter * work[j];
    }
  }
}

static void (*const designs[])(const smr_sample *, bool, int64_t, int64_t, double *, double *) = {
    [SMR_DESIGN_GAUSSIAN] = make_gaussian,     [SMR_DESIGN_SMOOTH] = make_smooth,
    [SMR_DESIGN_POWER_LAW] = make_spectral,    [SMR_DESIGN_EXPONENTIAL] = make_spectral,
    [SMR_DESIGN_DUPLICATED] = make_duplicated,
};

void smr_design_make_row(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                         double *out, double *work) {
  designs[sample->config.design.kind](sample, is_test, row, width, out, work);
}

/* Unit vectors of the reflections that take Gaussian vectors to the first axis. */
static smr_status create_rotation(smr_sample *sample) {
  const int64_t d = sample->n_design;
  const smr_random_key key = smr_generator_get_key(sample, "teacher.rotation", false);
  SMR_TRY(
      smr_memory_alloc(d * (d + 1) / 2, sizeof *sample->rotation, "a rotation", &sample->rotation));
  for (int64_t k = 0; k + 1 < d; k++) {
    double *v = sample->rotation + find_reflection(d, k);
    smr_random_normal(key, (uint64_t)k, 0, d - k, v);
    v[0] += copysign(smr_generator_norm(d - k, v), v[0]);
    const double norm = smr_generator_norm(d - k, v);
    for (int64_t j = 0; j < d - k; j++) {
      v[j] /= norm;
    }
  }
  return SMR_OK;
}

smr_status smr_design_create(smr_sample *sample) {
  const smr_design_config *design = &sample->config.design;
  const bool is_power = design->kind == SMR_DESIGN_POWER_LAW;
  const int64_t width = smr_int_max(sample->n_signal, sample->n_features);
  sample->n_design = width;
  if (!is_power && design->kind != SMR_DESIGN_EXPONENTIAL) {
    return SMR_OK;
  }
  if (design->rotate && design->columns >= 0) {
    if (design->columns < width) {
      SMR_FAIL(SMR_ERR_INPUT,
               "a rotated design of %lld columns (data.design_columns) has no %lld of them",
               (long long)design->columns, (long long)width);
    }
    sample->n_design = design->columns;
  }
  SMR_TRY(
      smr_memory_alloc(sample->n_design, sizeof *sample->scales, "a spectrum", &sample->scales));
  for (int64_t j = 0; j < sample->n_design; j++) {
    sample->scales[j] = is_power ? pow((double)(j + 1), -0.5 * design->decay)
                                 : exp(-0.5 * design->decay * (double)j);
  }
  return design->rotate ? create_rotation(sample) : SMR_OK;
}
