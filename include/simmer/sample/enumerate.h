/* Exact partition functions of small RBMs by enumerating the states of the smaller side. */
#ifndef SIMMER_SAMPLE_ENUMERATE_H
#define SIMMER_SAMPLE_ENUMERATE_H

#include "simmer/comm/context.h"
#include "simmer/energy/rbm.h"

/* Most units that are enumerated. */
enum { SMR_ENUMERATE_MOST_UNITS = 28 };

/* ln Z of the RBM, in float64, to 1e-10 relative: the sum over the 2^m states of the smaller side
 * (m = min(V, H)), the other side summed out in closed form. States are cut into fixed blocks; the
 * blocks are spread over ranks and OpenMP threads and summed in the fixed tree of comm/reduce.h, so
 * the bits depend on the model alone. Within a block the states come in Gray-code order: e^x of
 * every unit of the larger side is updated by one multiplication, and sum softplus is the log of a
 * rescaled product, recomputed from scratch often enough. SMR_ERR_LIMIT when m is above the limit,
 * with the time it would take; SMR_ERR_NUMERIC for NaN or Inf in the model. Collective on context;
 * the model is replicated. */
smr_status smr_enumerate_log_z(const smr_context *context, const smr_rbm *rbm,
                               double *log_z) SMR_NODISCARD;
/* Multiplications of smr_enumerate_log_z, for `plan`. Local. */
double smr_enumerate_count_flops(int64_t n_visible, int64_t n_hidden);

#endif
