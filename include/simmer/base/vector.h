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
/* Row i, column j of x [n_rows x n_cols]: 1 when u < x, else 0, with u uniform on [0,1) in steps of
 * 2^-32, a pure function of (key, first_row + i, step, j) (Philox4x32-10 of Random123, keyed by a
 * hash of key). out may be x. p = 1 always gives 1, p = 0 never. */
void smr_vector_bernoulli(smr_random_key key, uint64_t step, int64_t first_row, int64_t n_rows,
                          int64_t n_cols, const float *x, float *out);

#endif
