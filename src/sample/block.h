/* Blocks of 2^12 states of the enumerated side of an RBM, and the sums over them.
 *
 * Letters: m enumerated units, n units of the other side, which is summed out:
 *   Z = sum over s in {0,1}^m of exp(a's) prod_j (1 + e^{x_j}),  x_j = d_j + sum_i s_i M_ij.
 * A state is (top, high, low): 6 low bits, 6 high bits, and the top bits, which number the block.
 * So e^{x_j} is a product of a part of (top, high) and a part of low, and a block is evaluated like
 * a matrix product, with 1 + product and multiplication in place of product and sum. Fewer than 12
 * units are filled up with units that are never on. */
#ifndef SIMMER_SAMPLE_BLOCK_H
#define SIMMER_SAMPLE_BLOCK_H

#include <stdint.h>

#include "simmer/energy/rbm.h"

enum { SMR_LOW_BITS = 6, SMR_HIGH_BITS = 6, SMR_BLOCK_BITS = SMR_LOW_BITS + SMR_HIGH_BITS };
enum { SMR_N_LOW = 1 << SMR_LOW_BITS, SMR_N_HIGH = 1 << SMR_HIGH_BITS };

/* f 2^k of many numbers: they may be beyond the range of a double. */
typedef struct {
  double f[SMR_N_LOW];
  int64_t k[SMR_N_LOW];
} smr_scaled;

/* A sum of many states: sum 2^exponent. Travels between ranks as plain bytes. */
typedef struct {
  double sum;
  int64_t exponent;
} smr_state_sum;

/* What all blocks share. Made once, then only read. */
typedef struct {
  int64_t m, n;
  int64_t m_filled;     /* max(m, 12) */
  double *memory;       /* of all arrays */
  double *w;            /* M [m_filled x n], zeros beyond m */
  double *small_bias;   /* a [m_filled] */
  double *large_bias;   /* d [n] */
  double *low_max;      /* [n] largest sum of low rows of M */
  double *high_max;     /* [n] the same of high rows */
  double *high_min;     /* [n] smallest one */
  double *high_largest; /* [n] largest magnitude of an entry in high rows */
  double *ratio;        /* [6 x n] e^{M_ij} of high rows; 1 where that is out of range */
  double *low;          /* e^{sum of low rows - low_max}, in tiles, see block.c */
  smr_scaled low_factor, high_factor; /* e^{a's} of the low and of the high part */
} smr_block_model;

/* Scratch of one thread. */
typedef struct {
  double *memory;
  double *x;         /* [n] d_j and the top rows */
  double *high;      /* e^{x_j + sum of high rows + low_max}, in tiles; 0 for a wild unit */
  double *mantissas; /* [64 x 64] of the product of each state */
  double *wild;      /* [64 x 64] sum of softplus over wild units */
  int64_t *integers;
  int64_t *exponents; /* [64 x 64] */
  int64_t *ends;      /* [n] where runs of units end after which products are scaled */
} smr_block_work;

/* All are local; sizes of the RBM have been checked. */
smr_status smr_block_model_init(const smr_rbm *rbm, smr_block_model *model) SMR_NODISCARD;
void smr_block_model_clear(smr_block_model *model);
smr_status smr_block_work_init(int64_t n, smr_block_work *work) SMR_NODISCARD;
void smr_block_work_clear(smr_block_work *work);
/* Bytes of a model and of the work of n_threads. */
int64_t smr_block_count_bytes(int64_t m, int64_t n, int n_threads);

/* Sum over the states of block `top`. Local, thread-safe with a work of one's own. */
void smr_block_sum(const smr_block_model *model, int64_t top, smr_block_work *work,
                   smr_state_sum *sum);
/* left += right. */
void smr_state_sum_add(smr_state_sum *left, const smr_state_sum *right);

#endif
