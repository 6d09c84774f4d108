/* Keyed permutations without memory: a Feistel network on a few bits, with cycle walking.
 *
 * A number of 2b bits is two halves; each round adds to one half a hash of the other, so that every
 * round, and the whole, can be undone: it is a permutation whatever the hash. */
#include "simmer/base/random.h"

enum { WORDS = 4 };

/* The finalizer of MurmurHash3: every bit of the result depends on every bit of the word. */
static inline uint64_t mix(uint64_t word) {
  word = (word ^ word >> 33) * UINT64_C(0xff51afd7ed558ccd);
  word = (word ^ word >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return word ^ word >> 33;
}

smr_permutation smr_random_shuffle(smr_random_key key, uint64_t index, int64_t n) {
  smr_permutation permutation = {.n = n};
  while (permutation.half_bits < 31 && (n - 1) >> (2 * permutation.half_bits) != 0) {
    permutation.half_bits++;
  }
  for (int i = 0; i < SMR_PERMUTATION_ROUNDS / WORDS; i++) {
    smr_random_bits(key, index, (uint64_t)n, (uint64_t)i, permutation.keys + WORDS * i);
  }
  return permutation;
}

static uint64_t encrypt(const smr_permutation *permutation, uint64_t number) {
  const int bits = permutation->half_bits;
  const uint64_t mask = (UINT64_C(1) << bits) - 1;
  uint64_t left = number >> bits;
  uint64_t right = number & mask;
  for (int round = 0; round < SMR_PERMUTATION_ROUNDS; round++) {
    uint64_t next = left ^ (mix(right ^ permutation->keys[round]) & mask);
    left = right;
    right = next;
  }
  return left << bits | right;
}

int64_t smr_permutation_get(const smr_permutation *permutation, int64_t i) {
  /* At least a quarter of the network's numbers are below n (but for n = 1), so that four turns are
   * the mean at worst; the cycle that starts below n comes back there. */
  uint64_t number = (uint64_t)i;
  do {
    number = encrypt(permutation, number);
  } while (number >= (uint64_t)permutation->n);
  return (int64_t)number;
}

int64_t smr_random_permute(smr_random_key key, uint64_t epoch, int64_t n, int64_t i) {
  const smr_permutation permutation = smr_random_shuffle(key, epoch, n);
  return smr_permutation_get(&permutation, i);
}
