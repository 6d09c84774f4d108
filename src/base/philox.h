/* Philox4x32-10 (Salmon et al., SC11), eight counters at once. Each 32-bit word sits in the low
 * half of a 64-bit lane, since processors multiply 32 x 32 -> 64 bits there; high halves hold
 * garbage that nothing reads. Constants from Random123. */
#ifndef SIMMER_BASE_PHILOX_PRIVATE_H
#define SIMMER_BASE_PHILOX_PRIVATE_H

#include <Random123/philox.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "simmer/base/random.h"

enum { PHILOX_WIDTH = 8, PHILOX_GROUP = 32, PHILOX_ROUNDS = 10 };

typedef uint64_t philox_lanes __attribute__((vector_size(64)));

/* Philox's key and the word of the counter that are the same for all rows of a call. */
typedef struct {
  uint32_t key[2];
  uint32_t step;
} philox_batch;

static inline philox_batch philox_start(smr_random_key key, uint64_t step) {
  uint64_t words[4];
  smr_random_bits(key, 0, step, UINT64_MAX, words);
  return (philox_batch){{(uint32_t)words[0], (uint32_t)(words[0] >> 32)}, (uint32_t)step};
}

/* Products of the low halves. */
static inline philox_lanes philox_multiply(philox_lanes a, philox_lanes b) {
#if defined(__AVX512F__)
  return (philox_lanes)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  philox_lanes product;
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  x[0] = _mm256_mul_epu32(x[0], y[0]);
  x[1] = _mm256_mul_epu32(x[1], y[1]);
  memcpy(&product, x, sizeof product);
  return product;
#else
  return (a & 0xffffffffU) * (b & 0xffffffffU);
#endif
}

static inline philox_lanes philox_repeat(uint32_t word) {
  return (philox_lanes){word, word, word, word, word, word, word, word};
}

/* The words of blocks first..first+7 of a row, in the order that vector.h says. */
static inline void philox_make_group(const philox_batch *batch, uint64_t row, uint32_t first,
                                     uint32_t out[PHILOX_GROUP]) {
  const philox_lanes m0 = philox_repeat(PHILOX_M4x32_0);
  const philox_lanes m1 = philox_repeat(PHILOX_M4x32_1);
  uint32_t k0 = batch->key[0];
  uint32_t k1 = batch->key[1];
  philox_lanes x0 = philox_repeat(first) + (philox_lanes){0, 1, 2, 3, 4, 5, 6, 7};
  philox_lanes x1 = philox_repeat((uint32_t)row);
  philox_lanes x2 = philox_repeat((uint32_t)(row >> 32));
  philox_lanes x3 = philox_repeat(batch->step);
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    philox_lanes p0 = philox_multiply(x0, m0);
    philox_lanes p1 = philox_multiply(x2, m1);
    x0 = (p1 >> 32) ^ x1 ^ philox_repeat(k0);
    x2 = (p0 >> 32) ^ x3 ^ philox_repeat(k1);
    x1 = p1;
    x3 = p0;
    k0 += PHILOX_W32_0;
    k1 += PHILOX_W32_1;
  }
  philox_lanes low = (x0 & 0xffffffffU) | x1 << 32;
  philox_lanes high = (x2 & 0xffffffffU) | x3 << 32;
  memcpy(out, &low, sizeof low);
  memcpy(out + 2 * PHILOX_WIDTH, &high, sizeof high);
}

/* Words first..first+n-1 of a row; first is a multiple of PHILOX_GROUP, and out has room up to the
 * next multiple of it. */
static inline void philox_fill(const philox_batch *batch, uint64_t row, int64_t first, int64_t n,
                               uint32_t *out) {
  for (int64_t j = 0; j < n; j += PHILOX_GROUP) {
    philox_make_group(batch, row, (uint32_t)((first + j) / 4), out + j);
  }
}

#endif
