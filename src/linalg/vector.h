/* One vector of doubles, as wide as the CPU type of the build has them. Private to src/linalg. */
#ifndef SIMMER_SRC_LINALG_VECTOR_H
#define SIMMER_SRC_LINALG_VECTOR_H

#include <string.h>

/* A block of VECTOR_COLUMNS columns by 3 vectors fits into the registers. */
#if defined(__AVX512F__)
#include <immintrin.h>
enum { VECTOR_WIDTH = 8, VECTOR_COLUMNS = 8, VECTOR_IS_FAST = 1 };
typedef __m512d smr_vector;
static inline smr_vector vector_load(const double *x) {
  return _mm512_loadu_pd(x);
}
static inline smr_vector vector_spread(double x) {
  return _mm512_set1_pd(x);
}
static inline smr_vector vector_multiply_add(smr_vector x, smr_vector y, smr_vector z) {
  return _mm512_fmadd_pd(x, y, z);
}
static inline void vector_store(double *x, smr_vector v) {
  _mm512_storeu_pd(x, v);
}
static inline double vector_sum(smr_vector v) {
  return _mm512_reduce_add_pd(v);
}
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { VECTOR_WIDTH = 4, VECTOR_COLUMNS = 4, VECTOR_IS_FAST = 1 };
typedef __m256d smr_vector;
static inline smr_vector vector_load(const double *x) {
  return _mm256_loadu_pd(x);
}
static inline smr_vector vector_spread(double x) {
  return _mm256_set1_pd(x);
}
static inline smr_vector vector_multiply_add(smr_vector x, smr_vector y, smr_vector z) {
  return _mm256_fmadd_pd(x, y, z);
}
static inline void vector_store(double *x, smr_vector v) {
  _mm256_storeu_pd(x, v);
}
static inline double vector_sum(smr_vector v) {
  double x[4];
  _mm256_storeu_pd(x, v);
  return (x[0] + x[2]) + (x[1] + x[3]);
}
#else
/* Two doubles by the compiler's own means: NEON, SSE2, or one after the other. */
enum { VECTOR_WIDTH = 2, VECTOR_COLUMNS = 4, VECTOR_IS_FAST = 0 };
typedef double smr_vector __attribute__((vector_size(16)));
static inline smr_vector vector_load(const double *x) {
  smr_vector v;
  memcpy(&v, x, sizeof v);
  return v;
}
static inline smr_vector vector_spread(double x) {
  return (smr_vector){x, x};
}
static inline smr_vector vector_multiply_add(smr_vector x, smr_vector y, smr_vector z) {
  return x * y + z;
}
static inline void vector_store(double *x, smr_vector v) {
  memcpy(x, &v, sizeof v);
}
static inline double vector_sum(smr_vector v) {
  return v[0] + v[1];
}
#endif

/* x y + z of single numbers as the vectors have it. */
static inline double number_multiply_add(double x, double y, double z) {
  return VECTOR_IS_FAST ? __builtin_fma(x, y, z) : x * y + z;
}

#endif
