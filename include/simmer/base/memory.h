/* Allocation with a status, and how much memory and disk there is. All local. */
#ifndef SIMMER_BASE_MEMORY_H
#define SIMMER_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* n items of item_bytes, zeroed, 64-byte aligned, freed by smr_memory_free. n = 0 gives a valid
 * pointer. SMR_ERR_MEMORY names `what` and the bytes; SMR_ERR_LIMIT for n < 0 or overflow. `out` is
 * a pointer to the caller's typed pointer: smr_memory_alloc(n, sizeof *x, "singular values", &x).
 */
smr_status smr_memory_alloc(int64_t n, size_t item_bytes, const char *what,
                            void *out) SMR_NODISCARD;
void smr_memory_free(void *pointer);
/* Copy of a string, freed by smr_memory_free. */
smr_status smr_memory_copy_string(const char *text, char **out) SMR_NODISCARD;

/* More than any machine has, for counts that overflow; sums of a few of them don't. */
#define SMR_MEMORY_TOO_MUCH (INT64_MAX / 64)

typedef struct {
  int64_t available_bytes;     /* what this process's node may still take: the smallest of the next
                                  three (shared memory is counted in them, and apart below) */
  int64_t mem_available_bytes; /* MemAvailable of /proc/meminfo */
  int64_t cgroup_free_bytes;   /* limit minus use over the cgroup v1 or v2 hierarchy; INT64_MAX if
                                  unlimited */
  int64_t slurm_bytes; /* SLURM_MEM_PER_NODE or SLURM_MEM_PER_CPU x CPUs; INT64_MAX outside Slurm */
  int64_t shm_free_bytes; /* free space of /dev/shm */
} smr_memory_limits;

smr_status smr_memory_get_limits(smr_memory_limits *limits) SMR_NODISCARD;
/* Peak resident set of this process so far, bytes. */
int64_t smr_memory_get_peak(void);
/* Bytes as "1.5 GiB". Returns buffer. */
const char *smr_memory_format(int64_t bytes, char *buffer, size_t buffer_bytes);

#endif
