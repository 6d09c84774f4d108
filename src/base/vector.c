/* Element-wise functions on float32 arrays, written so that compilers vectorize the loops: no
 * branches, no calls of the mathematical library, every operation rounded by itself
 * (-ffp-contract=off), so that an element's bits depend on neither its place nor the vector length.
 */
#include "simmer/base/vector.h"

#include <math.h>
#include <string.h>

#include "philox.h"

/* Columns whose random words are made at a time. */
enum { CHUNK = 256, LANES = 16 };

typedef union {
  float value;
  uint32_t bits;
} float_bits;

/* exp(y) for y <= 0, to 1e-7; below -87 the result is exp(-87); NaN stays NaN. y = k ln 2 + r with
 * |r| <= ln(2)/2: adding 1.5 2^23 leaves k in the low bits without a conversion, which C doesn't
 * define for NaN. The polynomial is the Chebyshev interpolant of (exp(r) - 1 - r) / r^2 (1e-8 in
 * exp). */
static inline float exp_negative(float y) {
  const float magic = 0x1.8p23F;
  y = y < -87.0F ? -87.0F : y;
  float_bits k = {.value = y * 1.44269504F + magic};
  float_bits power = {.bits = (k.bits + 127U) << 23};
  float n = k.value - magic;
  float r = y - n * 0.693359375F;
  r = r + n * 2.12194440e-4F;
  float p = 0x1.6d113cp-10F;
  p = p * r + 0x1.120ba2p-7F;
  p = p * r + 0x1.55551ap-5F;
  p = p * r + 0x1.5554dcp-3F;
  p = p * r + 0.5F;
  p = p * r * r + r + 1.0F;
  return p * power.value;
}

static inline float logistic(float x) {
  float e = exp_negative(-fabsf(x));
  float r = 1.0F / (1.0F + e);
  /* False for NaN; e r is NaN then. */
  return x >= 0.0F ? r : e * r;
}

/* ln(1 + e) = 2 artanh(e / (2 + e)), e in [0,1]. The polynomial in the square of that is the
 * Chebyshev interpolant of artanh(s)/s on [0, 1/9] (8e-9). */
static inline float log_one_plus(float e) {
  float s = e / (2.0F + e);
  float z = s * s;
  float p = 0x1.2055eep-3F;
  p = p * z + 0x1.1e5cfcp-3F;
  p = p * z + 0x1.99da14p-3F;
  p = p * z + 0x1.5554e2p-2F;
  p = p * z + 1.0F;
  return 2.0F * (s * p);
}

void smr_vector_logistic(int64_t n, float *x) {
  for (int64_t i = 0; i < n; i++) {
    x[i] = logistic(x[i]);
  }
}

static void add_logistic(int64_t n, const float *restrict bias, float *restrict x) {
  for (int64_t j = 0; j < n; j++) {
    x[j] = logistic(x[j] + bias[j]);
  }
}

void smr_vector_logistic_bias(int64_t n_rows, int64_t n_cols, const float *bias, float *x) {
  for (int64_t i = 0; i < n_rows; i++) {
    add_logistic(n_cols, bias, x + i * n_cols);
  }
}

/* t = x + b: the positive part exactly in double, the rest, in [0, ln 2], from float. */
static inline double softplus(float x, float b) {
  double t = (double)x + (double)b;
  float rest = log_one_plus(exp_negative(-fabsf(x + b)));
  return (t <= 0.0 ? 0.0 : t) + (double)rest;
}

double smr_vector_sum_softplus(int64_t n, const float *x, const float *bias) {
  double sums[LANES] = {0};
  int64_t whole = n - n % LANES;
  for (int64_t first = 0; first < whole; first += LANES) {
    for (int l = 0; l < LANES; l++) {
      sums[l] += softplus(x[first + l], bias[first + l]);
    }
  }
  for (int64_t j = whole; j < n; j++) {
    sums[j - whole] += softplus(x[j], bias[j]);
  }
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; l++) {
      sums[l] += sums[l + half];
    }
  }
  return sums[0];
}

typedef float float_lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t word_lanes __attribute__((vector_size(4 * LANES)));

/* u < p for u = word 2^-32, exactly: word < ceil(p 2^32). Thresholds from 2^31 up are converted
 * less 2^31; 2^32 itself (p = 1) and NaN are brought into range first, and p = 1 is decided apart.
 * A comparison of lanes gives a mask of all bits, or none. Explicit lanes, as no compiler
 * vectorizes the plain loop: 0.4 ns a draw, words included, against 7 ns. */
static inline float_lanes draw(word_lanes words, float_lanes p) {
  float_lanes t = p * 0x1p32F;
  int_lanes is_high = t >= 0x1p31F;
  float_lanes low = t - (float_lanes)(is_high & (int_lanes)(0x1p31F - (float_lanes){0}));
  low = (float_lanes)((int_lanes)low & (low >= 0.0F) & (p < 1.0F));
  int_lanes whole = __builtin_convertvector(low, int_lanes);
  /* The conversion cuts off the fraction that numbers below 2^24 may have: minus a mask is plus 1.
   */
  whole -= __builtin_convertvector(whole, float_lanes) < low;
  word_lanes threshold = (word_lanes)whole + ((word_lanes)is_high & 0x80000000U);
  int_lanes is_on = (words < threshold) | (p >= 1.0F);
  return (float_lanes)(is_on & (int_lanes)(1.0F - (float_lanes){0}));
}

/* words[] has room for whole lanes. x and out are the same or don't overlap. */
static void draw_chunk(int64_t n, const uint32_t *words, const float *x, float *out) {
  for (int64_t j = 0; j < n; j += LANES) {
    word_lanes w;
    float_lanes p = {0};
    size_t bytes = (size_t)(n - j < LANES ? n - j : LANES) * sizeof *x;
    memcpy(&w, words + j, sizeof w);
    if (bytes == sizeof p) {
      memcpy(&p, x + j, sizeof p);
      p = draw(w, p);
      memcpy(out + j, &p, sizeof p);
    } else {
      memcpy(&p, x + j, bytes);
      p = draw(w, p);
      memcpy(out + j, &p, bytes);
    }
  }
}

static void draw_row(const philox_batch *batch, uint64_t row, int64_t n, const float *x,
                     float *out) {
  uint32_t words[CHUNK];
  for (int64_t first = 0; first < n; first += CHUNK) {
    int64_t count = n - first < CHUNK ? n - first : CHUNK;
    philox_fill(batch, row, first, count, words);
    draw_chunk(count, words, x + first, out + first);
  }
}

void smr_vector_bernoulli(smr_random_key key, uint64_t step, int64_t first_row, int64_t n_rows,
                          int64_t n_cols, const float *x, float *out) {
  const philox_batch batch = philox_start(key, step);
  for (int64_t i = 0; i < n_rows; i++) {
    draw_row(&batch, (uint64_t)(first_row + i), n_cols, x + i * n_cols, out + i * n_cols);
  }
}

void smr_vector_sample(smr_random_key key, uint64_t step, int64_t first_row,
                       const smr_vector_units *units, float *x, float *out) {
  const philox_batch batch = philox_start(key, step);
  const int64_t n = units->n_cols;
  for (int64_t i = 0; i < units->n_rows; i++) {
    add_logistic(n, units->bias, x + i * n);
    draw_row(&batch, (uint64_t)(first_row + i), n, x + i * n, out + i * n);
  }
}

static void temper_logistic(int64_t n, const float *restrict bias, float beta, float *restrict x) {
  for (int64_t j = 0; j < n; j++) {
    x[j] = logistic(beta * (x[j] + bias[j]));
  }
}

static void temper_logistic_base(int64_t n, const float *restrict bias, const float *restrict base,
                                 float beta, float *restrict x) {
  const float rest = 1.0F - beta;
  for (int64_t j = 0; j < n; j++) {
    x[j] = logistic(beta * (x[j] + bias[j]) + rest * base[j]);
  }
}

void smr_vector_sample_tempered(smr_random_key key, uint64_t step, int64_t first_row,
                                const smr_vector_tempered *tempered, float *x, float *out) {
  const philox_batch batch = philox_start(key, step);
  const smr_vector_units *units = &tempered->units;
  const int64_t n = units->n_cols;
  for (int64_t i = 0; i < units->n_rows; i++) {
    const float beta = (float)tempered->beta[i];
    if (tempered->base == NULL) {
      temper_logistic(n, units->bias, beta, x + i * n);
    } else {
      temper_logistic_base(n, units->bias, tempered->base, beta, x + i * n);
    }
    draw_row(&batch, (uint64_t)(first_row + i), n, x + i * n, out + i * n);
  }
}

void smr_vector_random_words(smr_random_key key, uint64_t step, uint64_t row, int64_t n,
                             uint32_t *out) {
  const philox_batch batch = philox_start(key, step);
  for (int64_t first = 0; first < n; first += CHUNK) {
    uint32_t words[CHUNK];
    int64_t count = n - first < CHUNK ? n - first : CHUNK;
    philox_fill(&batch, row, first, count, words);
    memcpy(out + first, words, (size_t)count * sizeof *out);
  }
}
