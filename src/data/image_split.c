/* Which rows are held out: of every 100 consecutive ones those with the smallest hashes. */
#include "image_source.h"

#include "simmer/base/integer.h"

enum { BLOCK = 100, PLACE_BITS = 7 };

/* The finalizer of MurmurHash3 (Appleby, public domain): every bit of the result depends on every
 * bit of x. */
static inline uint64_t mix(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 33;
}

/* Hashes of a block's rows with their places in the low bits, so that no two are alike. */
static void make_hashes(uint64_t key, int64_t block, uint32_t hashes[BLOCK]) {
  const uint64_t first = key + (uint64_t)block * BLOCK;
  for (uint32_t j = 0; j < BLOCK; j++) {
    hashes[j] = (uint32_t)(mix(first + j) >> 32) >> PLACE_BITS << PLACE_BITS | j;
  }
}

/* The number that exactly n of the hashes are below, bit by bit from the top. */
static uint32_t find_limit(const uint32_t hashes[BLOCK], int64_t n) {
  uint32_t limit = 0;
  for (int bit = 31; bit >= 0; bit--) {
    const uint32_t tried = limit | (uint32_t)1 << bit;
    int32_t below = 0;
    for (int j = 0; j < BLOCK; j++) {
      below += hashes[j] < tried;
    }
    limit = below <= n ? tried : limit;
  }
  return limit;
}

int64_t smr_image_count_held(int64_t n_held, uint64_t key, int64_t n) {
  uint32_t hashes[BLOCK];
  const int64_t rest = n % BLOCK;
  int64_t count = n / BLOCK * n_held;
  if (n_held > 0 && rest > 0) {
    make_hashes(key, n / BLOCK, hashes);
    const uint32_t limit = find_limit(hashes, n_held);
    for (int64_t j = 0; j < rest; j++) {
      count += hashes[j] < limit;
    }
  }
  return count;
}

int64_t smr_image_split(int64_t n_held, uint64_t key, bool is_held, int64_t row) {
  uint32_t hashes[BLOCK];
  if (n_held == 0) {
    return row;
  }
  const int64_t in_block = is_held ? n_held : BLOCK - n_held;
  const int64_t block = row / in_block;
  int64_t left = row % in_block;
  make_hashes(key, block, hashes);
  const uint32_t limit = find_limit(hashes, n_held);
  for (int64_t j = 0; j < BLOCK; j++) {
    if ((hashes[j] < limit) == is_held && left-- == 0) {
      return block * BLOCK + j;
    }
  }
  return -1; /* never: a block has in_block such rows */
}
