/* The allreduce limit of `simmer bench`. */
#ifndef SIMMER_COMM_BENCH_H
#define SIMMER_COMM_BENCH_H

#include "simmer/comm/context.h"

/* Median seconds over `repeats` of MPI_Allreduce of n int32 (is_integer) or floats, the slowest
 * rank's. Collective. */
smr_status smr_bench_allreduce(const smr_context *context, int64_t n, int is_integer, int repeats,
                               double *seconds) SMR_NODISCARD;

#endif
