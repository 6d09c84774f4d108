/* Memory that lives as long as a job: taken piece by piece, freed at once. */
#ifndef SIMMER_JOB_ARENA_H
#define SIMMER_JOB_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

struct smr_arena_chunk;
typedef struct {
  struct smr_arena_chunk *chunks;
} smr_arena;

/* n zeroed items, 16-byte aligned; `out` as in smr_memory_alloc. Local. */
smr_status smr_arena_alloc(smr_arena *arena, int64_t n, size_t item_bytes, const char *what,
                           void *out) SMR_NODISCARD;
/* A terminated copy of `bytes` bytes. Local. */
smr_status smr_arena_copy(smr_arena *arena, const char *text, size_t bytes,
                          const char **out) SMR_NODISCARD;
void smr_arena_clear(smr_arena *arena);

#endif
