/* Fields, tangents, and the pixels that come out of them. */
#include "deform.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/random.h"

enum {
  S = SMR_DEFORM_SIDE,
  D = SMR_DEFORM_PIXELS,
  REACH = 12, /* of the smoothing of fields */
  NOISE = S + 2 * REACH,
  EDGE = 2, /* of the smoothing and differences of images */
  WIDE = 32 /* a row with its edges */
};
static const double smoothing = 5.0; /* pixels */
static const double largest = 2.5;

/* One line of the smoothing: a row of NOISE numbers, `step` apart, to S numbers. */
static void smooth_line(const double *kernel, const double *in, int step, double *out) {
  for (int i = 0; i < S; i++) {
    double sum = 0.0;
    for (int k = 0; k <= 2 * REACH; k++) {
      sum += kernel[k] * in[(ptrdiff_t)(i + k) * step];
    }
    out[i] = sum;
  }
}

void smr_deform_make_field(int64_t field, float out[SMR_DEFORM_PIXELS]) {
  const smr_random_key key = {.seed = 0, .stream = smr_random_stream("images.field", 0, 0)};
  double kernel[2 * REACH + 1], noise[NOISE * NOISE], rows[NOISE * S], column[S];
  double norm = 0.0;
  for (int k = 0; k <= 2 * REACH; k++) {
    const double t = (k - REACH) / smoothing;
    kernel[k] = exp(-0.5 * t * t);
    norm += kernel[k] * kernel[k];
  }
  for (int k = 0; k <= 2 * REACH; k++) {
    kernel[k] /= sqrt(norm); /* the variance stays 1 */
  }
  smr_random_normal(key, (uint64_t)field, 0, (int64_t)NOISE * NOISE, noise);
  for (int i = 0; i < NOISE; i++) {
    smooth_line(kernel, noise + (ptrdiff_t)i * NOISE, 1, rows + (ptrdiff_t)i * S);
  }
  for (int j = 0; j < S; j++) {
    smooth_line(kernel, rows + j, S, column);
    for (int i = 0; i < S; i++) {
      out[i * S + j] = (float)fmin(fmax(column[i], -largest), largest);
    }
  }
}

void smr_deform_make_fields(float *tables, int64_t part, int64_t n_parts) {
  int64_t first = 0, count = 0;
  smr_int_share(SMR_DEFORM_FIELDS, n_parts, part, &first, &count);
#pragma omp parallel for schedule(static)
  for (int64_t field = first; field < first + count; field++) {
    smr_deform_make_field(field, tables + field * D);
  }
}

/* The image with zeros around it, smoothed: 16 times the values, as whole numbers. */
static void smooth_image(const uint8_t *x, int16_t out[S + 2 * EDGE][WIDE]) {
  int16_t rows[S + 2 * EDGE][WIDE] = {{0}};
  int16_t wide[S + 2 * EDGE][WIDE] = {{0}};
  for (int i = 0; i < S; i++) {
    for (int j = 0; j < S; j++) {
      wide[i + EDGE][j + EDGE] = x[i * S + j];
    }
  }
  for (int i = 1; i < S + 2 * EDGE - 1; i++) {
    for (int j = 0; j < WIDE; j++) {
      rows[i][j] = (int16_t)(wide[i - 1][j] + 2 * wide[i][j] + wide[i + 1][j]);
    }
  }
  memset(out, 0, sizeof rows);
  for (int i = 1; i < S + 2 * EDGE - 1; i++) {
    for (int j = 1; j < WIDE - 1; j++) {
      out[i][j] = (int16_t)(rows[i][j - 1] + 2 * rows[i][j] + rows[i][j + 1]);
    }
  }
}

void smr_deform_make_tangents(const uint8_t x[SMR_DEFORM_PIXELS], float t0[SMR_DEFORM_PIXELS],
                              float t1[SMR_DEFORM_PIXELS]) {
  int16_t smooth[S + 2 * EDGE][WIDE];
  smooth_image(x, smooth);
  /* 16 of the smoothing and 2 of the difference. */
  const float scale = 1.0F / 32.0F;
  for (int i = 0; i < S; i++) {
    const int16_t *above = smooth[i + EDGE - 1] + EDGE, *here = smooth[i + EDGE] + EDGE;
    const int16_t *below = smooth[i + EDGE + 1] + EDGE;
    for (int j = 0; j < S; j++) {
      t0[i * S + j] = (float)(here[j + 1] - here[j - 1]) * scale;
      t1[i * S + j] = (float)(below[j] - above[j]) * scale;
    }
  }
}

void smr_deform_apply(const uint8_t x[SMR_DEFORM_PIXELS], float sign,
                      const float f0[SMR_DEFORM_PIXELS], const float f1[SMR_DEFORM_PIXELS],
                      const float t0[SMR_DEFORM_PIXELS], const float t1[SMR_DEFORM_PIXELS],
                      uint8_t out[SMR_DEFORM_PIXELS]) {
  for (int p = 0; p < D; p++) {
    float value = (float)x[p] + sign * (f0[p] * t0[p] - f1[p] * t1[p]);
    value = value > 0.0F ? value : 0.0F;
    value = value < 255.0F ? value : 255.0F;
    out[p] = (uint8_t)(int32_t)value;
  }
}

static void shift_up(uint8_t *x) {
  uint8_t old[D];
  memcpy(old, x, D);
  memcpy(x, old + S, D - S);
  memset(x + D - S, 0, S);
}

static void shift_down(uint8_t *x) {
  uint8_t old[D];
  memcpy(old, x, D);
  memcpy(x + S, old, D - S);
  memset(x, 0, S);
}

/* Column 0 becomes 0, every other pixel takes the next one's value, even the next row's first. */
static void shift_left(uint8_t *x) {
  uint8_t old[D];
  memcpy(old, x, D);
  memcpy(x, old + 1, D - 1);
  x[D - 1] = 0;
  for (int i = 0; i < S; i++) {
    x[i * S] = 0;
  }
}

/* Column 1 becomes 0, every other pixel takes the one before it, even the last of the row before.
 */
static void shift_right(uint8_t *x) {
  uint8_t old[D];
  memcpy(old, x, D);
  memcpy(x + 1, old, D - 1);
  x[0] = 0;
  for (int i = 0; i < S; i++) {
    x[i * S + 1] = 0;
  }
}

void smr_deform_shift(int64_t shift, uint8_t x[SMR_DEFORM_PIXELS]) {
  static void (*const moves[SMR_DEFORM_SHIFTS][2])(uint8_t *) = {
      {shift_up, NULL},         {shift_down, NULL},        {shift_left, NULL},
      {shift_right, NULL},      {shift_up, shift_left},    {shift_up, shift_right},
      {shift_down, shift_left}, {shift_down, shift_right}, {NULL, NULL}};
  for (int m = 0; m < 2; m++) {
    if (moves[shift][m] != NULL) {
      moves[shift][m](x);
    }
  }
}
