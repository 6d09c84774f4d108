/* Counter-based random numbers: every number is a pure function of (seed, stream, index, step).
 *
 * Philox4x64-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC11), from Random123. The key is (seed, stream), the counter is (index, step, block,
 * 0). There is no state: any rank may ask for any number in any order. All functions are local and
 * never fail. */
#ifndef SIMMER_BASE_RANDOM_H
#define SIMMER_BASE_RANDOM_H

#include <stdint.h>

typedef struct {
  uint64_t seed;   /* the job's seed */
  uint64_t stream; /* what the numbers are for; see smr_random_stream */
} smr_random_key;

/* Stream number of a named purpose and up to two indices (replicate, …): a hash, so that purposes
 * never collide by accident and new ones need no registry. */
uint64_t smr_random_stream(const char *purpose, uint64_t a, uint64_t b);

/* Four words of 64 random bits for (key, index, step, block). */
void smr_random_bits(smr_random_key key, uint64_t index, uint64_t step, uint64_t block,
                     uint64_t out[4]);

/* out[0..n): uniform on [0,1) with 53 random bits; element j depends on (key, index, step, j) only,
 * so a longer call begins with the numbers of a shorter one. */
void smr_random_uniform(smr_random_key key, uint64_t index, uint64_t step, int64_t n, double *out);
/* out[0..n): standard normal (Box & Muller 1958), same prefix property. */
void smr_random_normal(smr_random_key key, uint64_t index, uint64_t step, int64_t n, double *out);
/* One integer uniform on [0, bound), bound > 0, without modulo bias (Lemire 2019). */
uint64_t smr_random_below(smr_random_key key, uint64_t index, uint64_t step, uint64_t bound);

/* First k entries of a random permutation of 0..n-1 (Fisher & Yates, drawn from the front: the
 * first k entries are the same for every k, so subsets of one key are nested). out[k]; work[n]
 * holds scratch. 0 <= k <= n. */
void smr_random_permutation(smr_random_key key, uint64_t index, int64_t n, int64_t k, int64_t *out,
                            int64_t *work);
/* The same k entries in ascending order: a random subset. */
void smr_random_subset(smr_random_key key, uint64_t index, int64_t n, int64_t k, int64_t *out,
                       int64_t *work);

/* A permutation of 0..n-1 with any entry at O(1) time and memory, for orders of rows that are too
 * long to keep: a Feistel network (Luby & Rackoff 1988) on the fewest bits, an even number, that
 * hold n numbers, walked along its cycles until the number is below n (Black & Rogaway 2002). */
enum { SMR_PERMUTATION_ROUNDS = 8 };
typedef struct {
  int64_t n;
  int half_bits;
  uint64_t keys[SMR_PERMUTATION_ROUNDS];
} smr_permutation;

/* The permutation of (key, index), n >= 1. */
smr_permutation smr_random_shuffle(smr_random_key key, uint64_t index, int64_t n);
/* Entry i of it, 0 <= i < n. */
int64_t smr_permutation_get(const smr_permutation *permutation, int64_t i);
/* The same in one call: entry i of the permutation of (key, epoch). */
int64_t smr_random_permute(smr_random_key key, uint64_t epoch, int64_t n, int64_t i);

#endif
