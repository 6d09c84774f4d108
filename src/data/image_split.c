/* Which rows are held out: of every 100 consecutive ones those with the smallest hashes. */
#include "image_source.h"

#include "simmer/base/integer.h"

enum { BLOCK = 100, HALF = 50, PLACE_BITS = 7, HASH_BITS = 31 };

/* The finalizer of MurmurHash3 (Appleby, public domain): every bit of the result depends on every
 * bit of x. */
static inline uint64_t mix(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 33;
}

/* Hashes of a block's rows with their places in the low bits, so that no two are alike. Below 2^31,
 * since comparing signed numbers is what CPUs do side by side. */
static void make_hashes(uint64_t key, int64_t block, int32_t hashes[BLOCK]) {
  const uint64_t first = key + (uint64_t)block * BLOCK;
  for (uint32_t j = 0; j < BLOCK; j++) {
    const uint32_t hash = (uint32_t)(mix(first + j) >> (64 - HASH_BITS));
    hashes[j] = (int32_t)(hash >> PLACE_BITS << PLACE_BITS | j);
  }
}

/* A number that exactly n of the hashes are below, bit by bit from the top. */
static int32_t find_limit(const int32_t hashes[BLOCK], int64_t n) {
  int32_t limit = 0;
  for (int bit = HASH_BITS - 1; bit >= 0; bit--) {
    const int32_t tried = limit | (int32_t)1 << bit;
    int32_t below = 0;
    for (int j = 0; j < BLOCK; j++) {
      below += hashes[j] < tried;
    }
    if (below == n) {
      return tried;
    }
    limit = below < n ? tried : limit;
  }
  return limit;
}

/* One bit a row, set for those held out: two words of HALF bits. */
static void mark_held(int64_t n_held, uint64_t key, int64_t block, uint64_t marks[2]) {
  int32_t hashes[BLOCK];
  make_hashes(key, block, hashes);
  const int32_t limit = find_limit(hashes, n_held);
  for (int w = 0; w < 2; w++) {
    marks[w] = 0;
    for (int j = 0; j < HALF; j++) {
      marks[w] |= (uint64_t)(hashes[w * HALF + j] < limit) << j;
    }
  }
}

int64_t smr_image_count_held(int64_t n_held, uint64_t key, int64_t n) {
  uint64_t marks[2];
  const int64_t rest = n % BLOCK;
  int64_t count = n / BLOCK * n_held;
  if (n_held > 0 && rest > 0) {
    mark_held(n_held, key, n / BLOCK, marks);
    for (int64_t j = 0; j < rest; j++) {
      count += (int64_t)(marks[j / HALF] >> j % HALF & 1);
    }
  }
  return count;
}

int64_t smr_image_split(int64_t n_held, uint64_t key, bool is_held, int64_t row) {
  const uint64_t all = ((uint64_t)1 << HALF) - 1;
  uint64_t marks[2];
  if (n_held == 0) {
    return row;
  }
  const int64_t in_block = is_held ? n_held : BLOCK - n_held;
  const int64_t block = row / in_block;
  int64_t left = row % in_block;
  mark_held(n_held, key, block, marks);
  uint64_t word = is_held ? marks[0] : ~marks[0] & all;
  const int64_t in_first = __builtin_popcountll(word);
  const bool is_first = left < in_first;
  if (!is_first) {
    word = is_held ? marks[1] : ~marks[1] & all;
    left -= in_first;
  }
  for (; left > 0; left--) {
    word &= word - 1; /* drops the lowest bit */
  }
  return block * BLOCK + (is_first ? 0 : HALF) + __builtin_ctzll(word);
}
