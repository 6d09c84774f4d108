/* How fast this machine adds over ranks. */
#include "simmer/comm/bench.h"

#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

smr_status smr_bench_allreduce(const smr_context *context, int64_t n, int is_integer, int repeats,
                               double *seconds) {
  MPI_Datatype type = is_integer ? MPI_INT32_T : MPI_FLOAT;
  int32_t *data = NULL; /* zeros: as int32 and as float */
  double *times = NULL;
  int count = 0;
  smr_status status = SMR_OK;
  *seconds = 0.0;
  if (repeats < 1) {
    SMR_FAIL(SMR_ERR_USAGE, "a benchmark needs at least one repeat");
  }
  SMR_TRY(smr_int_narrow(n, "the length of an allreduce", &count));
  status = smr_memory_alloc(n, sizeof *data, "an allreduce", &data);
  if (status == SMR_OK) {
    status = smr_memory_alloc(repeats, sizeof *times, "times of an allreduce", &times);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK || times == NULL) {
    goto done;
  }
  /* The first one warms up. */
  for (int i = -1; i < repeats; i++) {
    MPI_Barrier(context->comm);
    double start = smr_clock_monotonic_s();
    MPI_Allreduce(MPI_IN_PLACE, data, count, type, MPI_SUM, context->comm);
    times[i < 0 ? 0 : i] = smr_clock_monotonic_s() - start;
  }
  MPI_Allreduce(MPI_IN_PLACE, times, repeats, MPI_DOUBLE, MPI_MAX, context->comm);
  *seconds = smr_clock_median(repeats, times);
done:
  smr_memory_free(data);
  smr_memory_free(times);
  return status;
}
