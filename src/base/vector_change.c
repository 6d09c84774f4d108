/* Sums in double along a row of float32: how softplus changes with an inverse temperature, and
 * products with a fixed vector. As in vector.c, no branches, and bits that depend on the input
 * alone; explicit lanes, as compilers leave the plain loop scalar (17 ns a unit against 2 ns). */
#include <math.h>
#include <string.h>

#include "simmer/base/vector.h"

/* Products of factors in [1, 2] stay far below 2^1023: CHUNK / LANES factors a lane, and the lanes
 * together CHUNK. */
enum { LANES = 8, CHUNK = 512 };

typedef double double_lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t int_lanes __attribute__((vector_size(8 * LANES)));
typedef float float_lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int32_lanes __attribute__((vector_size(4 * LANES)));

/* a where the mask is set, else b. */
static inline double_lanes choose(int_lanes mask, double_lanes a, double_lanes b) {
  return (double_lanes)((mask & (int_lanes)a) | (~mask & (int_lanes)b));
}

/* exp(-|y|), to 2e-15; beyond 700 the result is exp(-700); NaN stays NaN. As exp_negative of
 * vector.c, with 1.5 2^52, ln 2 in two parts whose first times k is exact, and the interpolant of
 * degree 8 (1.2e-15 in exp). */
static inline double_lanes exp_magnitude(double_lanes y) {
  const double magic = 0x1.8p52;
  const double_lanes least = -700.0 - (double_lanes){0};
  y = (double_lanes)((int_lanes)y | INT64_MIN);
  y = choose(y < least, least, y);
  double_lanes k = y * 0x1.71547652b82fep0 + magic;
  double_lanes power = (double_lanes)(((int_lanes)k + 1023) << 52);
  double_lanes n = k - magic;
  double_lanes r = y - n * 0x1.62e42feep-1;
  r = r - n * 0x1.a39ef35793c76p-33;
  double_lanes p = r * 0x1.2880411bad1aap-22 + 0x1.72c72ca338df0p-19;
  p = p * r + 0x1.a019c9a5652d3p-16;
  p = p * r + 0x1.a019ada3609f3p-13;
  p = p * r + 0x1.6c16c1738ff55p-10;
  p = p * r + 0x1.1111111c478ebp-7;
  p = p * r + 0x1.5555555554cb7p-5;
  p = p * r + 0x1.5555555553b78p-3;
  p = p * r + 0.5;
  p = p * r * r + r + 1.0;
  return p * power;
}

/* softplus(s) = max(s, 0) + ln(1 + e^-|s|): the first parts are summed, the logarithms' arguments
 * multiplied. */
typedef struct {
  double_lanes linear, to, from;
} change_sums;

/* x becomes logistic(to (x + bias)). Lanes of zeros change nothing: their factors are 2 and 2. */
static inline float_lanes add_units(double from, double to, float_lanes bias, float_lanes x,
                                    change_sums *sums) {
  const double_lanes zero = {0};
  double_lanes t =
      __builtin_convertvector(x, double_lanes) + __builtin_convertvector(bias, double_lanes);
  double_lanes e = exp_magnitude(t * to);
  sums->linear += choose(t <= zero, zero, t * (to - from));
  sums->to *= 1.0 + e;
  sums->from *= 1.0 + exp_magnitude(t * from);
  float_lanes e32 = __builtin_convertvector(e, float_lanes);
  float_lanes r = 1.0F / (1.0F + e32);
  int32_lanes is_positive = __builtin_convertvector(t >= zero, int32_lanes);
  return (float_lanes)((is_positive & (int32_lanes)r) | (~is_positive & (int32_lanes)(e32 * r)));
}

/* Lanes together, by halves. */
static double finish(const change_sums *sums) {
  double linear[LANES], to[LANES], from[LANES];
  memcpy(linear, &sums->linear, sizeof linear);
  memcpy(to, &sums->to, sizeof to);
  memcpy(from, &sums->from, sizeof from);
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; l++) {
      linear[l] += linear[l + half];
      to[l] *= to[l + half];
      from[l] *= from[l + half];
    }
  }
  return linear[0] + log(to[0] / from[0]);
}

static double change_chunk(int64_t n, double from, double to, const float *bias, float *x) {
  const double_lanes zero = {0};
  change_sums sums = {zero, zero + 1.0, zero + 1.0};
  for (int64_t first = 0; first < n; first += LANES) {
    float_lanes a = {0};
    float_lanes b = {0};
    if (n - first >= LANES) {
      memcpy(&a, x + first, sizeof a);
      memcpy(&b, bias + first, sizeof b);
      a = add_units(from, to, b, a, &sums);
      memcpy(x + first, &a, sizeof a);
    } else {
      const size_t bytes = (size_t)(n - first) * sizeof *x;
      memcpy(&a, x + first, bytes);
      memcpy(&b, bias + first, bytes);
      a = add_units(from, to, b, a, &sums);
      memcpy(x + first, &a, bytes);
    }
  }
  return finish(&sums);
}

double smr_vector_change_softplus(int64_t n, double from, double to, const float *bias, float *x) {
  double sum = 0.0;
  for (int64_t first = 0; first < n; first += CHUNK) {
    const int64_t count = n - first < CHUNK ? n - first : CHUNK;
    sum += change_chunk(count, from, to, bias + first, x + first);
  }
  return sum;
}

double smr_vector_dot(int64_t n, const double *a, const float *x) {
  double sums[LANES] = {0.0};
  const int64_t whole = n - n % LANES;
  for (int64_t first = 0; first < whole; first += LANES) {
    for (int l = 0; l < LANES; l++) {
      sums[l] += a[first + l] * (double)x[first + l];
    }
  }
  for (int64_t j = whole; j < n; j++) {
    sums[j - whole] += a[j] * (double)x[j];
  }
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; l++) {
      sums[l] += sums[l + half];
    }
  }
  return sums[0];
}
