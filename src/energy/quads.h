/* Columns of a row-major matrix as vectors. */
#ifndef SIMMER_ENERGY_QUADS_H
#define SIMMER_ENERGY_QUADS_H

#include <stdint.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

/* Floats of a vector register. */
#ifdef __AVX512F__
enum { QUADS_LANES = 16 };
#elif defined __AVX__
enum { QUADS_LANES = 8 };
#else
enum { QUADS_LANES = 4 };
#endif
typedef float quads_lanes __attribute__((vector_size(4 * QUADS_LANES)));

/* out[q], lane l = w[l ld + q] for q = 0..3: 4 floats of as many rows as a vector has lanes. Four
 * loads from each of rows m, m + 4, m + 8, … make a vector whose quarters are then transposed. */
static inline void quads_transpose(const float *w, int64_t ld, quads_lanes out[4]) {
#ifdef __AVX512F__
  __m512 a[4], b[4];
  for (int m = 0; m < 4; m++) {
    const float *row = w + m * ld;
    a[m] = _mm512_castps128_ps512(_mm_loadu_ps(row));
    a[m] = _mm512_insertf32x4(a[m], _mm_loadu_ps(row + 4 * ld), 1);
    a[m] = _mm512_insertf32x4(a[m], _mm_loadu_ps(row + 8 * ld), 2);
    a[m] = _mm512_insertf32x4(a[m], _mm_loadu_ps(row + 12 * ld), 3);
  }
  for (int m = 0; m < 4; m += 2) {
    b[m] = _mm512_unpacklo_ps(a[m], a[m + 1]);
    b[m + 1] = _mm512_unpackhi_ps(a[m], a[m + 1]);
  }
  for (int m = 0; m < 2; m++) {
    const __m512d left = _mm512_castps_pd(b[m]);
    const __m512d right = _mm512_castps_pd(b[m + 2]);
    out[2 * m] = (quads_lanes)_mm512_unpacklo_pd(left, right);
    out[2 * m + 1] = (quads_lanes)_mm512_unpackhi_pd(left, right);
  }
#elif defined __AVX__
  __m256 a[4], b[4];
  for (int m = 0; m < 4; m++) {
    const float *row = w + m * ld;
    a[m] = _mm256_castps128_ps256(_mm_loadu_ps(row));
    a[m] = _mm256_insertf128_ps(a[m], _mm_loadu_ps(row + 4 * ld), 1);
  }
  for (int m = 0; m < 4; m += 2) {
    b[m] = _mm256_unpacklo_ps(a[m], a[m + 1]);
    b[m + 1] = _mm256_unpackhi_ps(a[m], a[m + 1]);
  }
  for (int m = 0; m < 2; m++) {
    const __m256d left = _mm256_castps_pd(b[m]);
    const __m256d right = _mm256_castps_pd(b[m + 2]);
    out[2 * m] = (quads_lanes)_mm256_unpacklo_pd(left, right);
    out[2 * m + 1] = (quads_lanes)_mm256_unpackhi_pd(left, right);
  }
#else
  float columns[4][QUADS_LANES];
  for (int l = 0; l < QUADS_LANES; l++) {
    for (int q = 0; q < 4; q++) {
      columns[q][l] = w[l * ld + q];
    }
  }
  memcpy(out, columns, sizeof columns);
#endif
}

#endif
