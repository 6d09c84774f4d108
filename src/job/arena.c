/* A bump allocator: small pieces share a chunk, a large one gets its own. */
#include "arena.h"

#include <string.h>

#include "simmer/base/memory.h"

enum { CHUNK_BYTES = 1 << 16, ALIGNMENT = 16, HEADER_BYTES = 64 };

typedef struct smr_arena_chunk {
  struct smr_arena_chunk *next;
  size_t used, size;
} chunk;

_Static_assert(sizeof(chunk) <= HEADER_BYTES, "a chunk's header has its place");

static smr_status add_chunk(smr_arena *arena, size_t bytes, const char *what) {
  size_t size = HEADER_BYTES + (bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES);
  chunk *fresh = NULL;
  SMR_TRY(smr_memory_alloc((int64_t)size, 1, what, &fresh));
  fresh->used = HEADER_BYTES;
  fresh->size = size;
  if (bytes > CHUNK_BYTES && arena->chunks != NULL) {
    /* A large piece goes behind the head, whose rest stays in use. */
    fresh->next = arena->chunks->next;
    arena->chunks->next = fresh;
  } else {
    fresh->next = arena->chunks;
    arena->chunks = fresh;
  }
  return SMR_OK;
}

static void *take(chunk *from, size_t bytes) {
  char *piece = (char *)from + from->used;
  from->used += bytes;
  return piece;
}

smr_status smr_arena_alloc(smr_arena *arena, int64_t n, size_t item_bytes, const char *what,
                           void *out) {
  size_t bytes = 0;
  if (n < 0 || __builtin_mul_overflow((uint64_t)n, item_bytes, &bytes) || bytes > PTRDIFF_MAX / 2) {
    SMR_FAIL(SMR_ERR_LIMIT, "memory for %s can't be addressed", what);
  }
  bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  chunk *from = arena->chunks;
  if (from == NULL || from->size - from->used < bytes) {
    SMR_TRY(add_chunk(arena, bytes, what));
    from = arena->chunks;
    if (from->size - from->used < bytes) {
      from = from->next;
    }
  }
  void *piece = take(from, bytes);
  memcpy(out, &piece, sizeof piece);
  return SMR_OK;
}

smr_status smr_arena_copy(smr_arena *arena, const char *text, size_t bytes, const char **out) {
  char *copy = NULL;
  SMR_TRY(smr_arena_alloc(arena, (int64_t)bytes + 1, 1, "a text of the job", &copy));
  if (copy != NULL && bytes > 0) {
    memcpy(copy, text, bytes);
  }
  *out = copy;
  return SMR_OK;
}

void smr_arena_clear(smr_arena *arena) {
  while (arena->chunks != NULL) {
    chunk *next = arena->chunks->next;
    smr_memory_free(arena->chunks);
    arena->chunks = next;
  }
}
