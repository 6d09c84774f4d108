/* Exact partition functions of small RBMs by enumerating the states of the smaller side. */
#ifndef SIMMER_SAMPLE_ENUMERATE_H
#define SIMMER_SAMPLE_ENUMERATE_H

#include "simmer/comm/context.h"
#include "simmer/energy/rbm.h"

/* Most units that are enumerated. */
enum { SMR_ENUMERATE_MOST_UNITS = 28 };

/* ln Z of the RBM, in float64, to 1e-10 relative (absolute where |ln Z| < 1): the sum over the 2^m
 * states of the smaller side (m = min(V, H)), the other side summed out in closed form. States are
 * cut into fixed blocks; the blocks are spread over ranks and OpenMP threads and summed in the
 * fixed tree of comm/reduce.h, so the bits depend on the model alone. e^x of a unit of the other
 * side is a product of a table over some bits of the state and one over the others, and sum
 * softplus the log of a scaled product, so that a block costs two products and a sum per state and
 * unit; weights and biases may be of any size. SMR_ERR_LIMIT when m is above the limit, with the
 * time it would take; SMR_ERR_NUMERIC for NaN or Inf in the model, or when the magnitudes of its
 * parameters add up to more than 1e12. Collective on context; the model is replicated. */
smr_status smr_enumerate_log_z(const smr_context *context, const smr_rbm *rbm,
                               double *log_z) SMR_NODISCARD;
/* Operations (additions and multiplications) of smr_enumerate_log_z, for `plan`; about 6e10 a
 * second and core with AVX-512. Local. */
double smr_enumerate_count_flops(int64_t n_visible, int64_t n_hidden);
/* Bytes per rank of smr_enumerate_log_z. Local. */
int64_t smr_enumerate_count_bytes(int64_t n_visible, int64_t n_hidden, int n_threads);

#endif
