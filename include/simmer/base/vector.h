/* Element-wise functions on float32 arrays, vectorized, with bits that depend on the input alone
 * (not on alignment, length or position). All local, thread-safe, in place where stated. */
#ifndef SIMMER_BASE_VECTOR_H
#define SIMMER_BASE_VECTOR_H

#include <stdint.h>

#include "simmer/base/random.h"

/* x[n] = 1 / (1 + exp(-x)), in place; relative error below 4e-7 where the result is above 1e-30;
 * exactly in [0,1]; NaN stays NaN. */
void smr_vector_logistic(int64_t n, float *x);
/* x [n_rows x n_cols] = logistic(x + bias[n_cols] of its column), in place. */
void smr_vector_logistic_bias(int64_t n_rows, int64_t n_cols, const float *bias, float *x);
/* Sum over j of softplus(x[j] + bias[j]), the sum in double, in a fixed order; softplus(t) = ln(1 +
 * e^t) without overflow, absolute error per term below 1e-6. */
double smr_vector_sum_softplus(int64_t n, const float *x, const float *bias);
/* Sum over j of softplus(to t_j) - softplus(from t_j), t = x + bias, in double with double
 * exponentials, in a fixed order: to 1e-14 n absolutely; `from` and `to` in [0,1]. x[j] becomes
 * logistic(to t_j), as precise as smr_vector_logistic. NaN in any t gives NaN. */
double smr_vector_change_softplus(int64_t n, double from, double to, const float *bias, float *x);
/* Sum over j of a[j] x[j] in double, in a fixed order. */
double smr_vector_dot(int64_t n, const double *a, const float *x);
/* Row i, column j of x [n_rows x n_cols]: 1 when u < x, else 0, with u uniform on [0,1) in steps of
 * 2^-32, a pure function of (key, first_row + i, step, j): word j of smr_vector_random_words, times
 * 2^-32. out may be x. p = 1 always gives 1, p = 0 and NaN never. */
void smr_vector_bernoulli(smr_random_key key, uint64_t step, int64_t first_row, int64_t n_rows,
                          int64_t n_cols, const float *x, float *out);

/* A block of stochastic units: n_rows x n_cols of them, bias[n_cols]. */
typedef struct {
  int64_t n_rows, n_cols;
  const float *bias;
} smr_vector_units;
/* The two above in one pass: x [n_rows x n_cols] = logistic(x + bias), out = draws from it; out may
 * be x. */
void smr_vector_sample(smr_random_key key, uint64_t step, int64_t first_row,
                       const smr_vector_units *units, float *x, float *out);

/* The same at an inverse temperature a row, beta[n_rows]: x = logistic(beta (x + bias) + (1 - beta)
 * base), with base[n_cols] the biases at beta = 0, or NULL for zeros. At beta = 1 the bits are
 * those of smr_vector_sample. */
typedef struct {
  smr_vector_units units;
  const double *beta;
  const float *base;
} smr_vector_tempered;
void smr_vector_sample_tempered(smr_random_key key, uint64_t step, int64_t first_row,
                                const smr_vector_tempered *tempered, float *x, float *out);

/* out[n]: 32 random bits each, by Philox4x32-10 (Random123). Word j depends on (key, row, step, j)
 * only. With K the first word of smr_random_bits(key, 0, step, UINT64_MAX), Philox's key is {low K,
 * high K} and the counter of block q is {q, low row, high row, low step}. Words go by groups of 32,
 * made of blocks 8g..8g+7: word 32g + 2i + w is word w of block 8g + i for w = 0, 1, and word 32g +
 * 16 + 2i + w its word 2 + w. */
void smr_vector_random_words(smr_random_key key, uint64_t step, uint64_t row, int64_t n,
                             uint32_t *out);

#endif
