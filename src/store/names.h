/* A table of distinct names with stable indices 0, 1, 2, … in the order of their first addition. */
#ifndef SIMMER_STORE_NAMES_H
#define SIMMER_STORE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* Caller's storage, zero-initialised; clear frees. */
typedef struct {
  int64_t n, capacity;
  char **names;
  int64_t n_slots; /* a power of two */
  int64_t *slots;  /* index + 1, 0 = empty */
} smr_names;

/* Index of `name`, which is added (copied) when it is new. Local. */
smr_status smr_names_add(smr_names *names, const char *name, int64_t *index) SMR_NODISCARD;
/* -1 if none. Local. */
int64_t smr_names_find(const smr_names *names, const char *name);
void smr_names_clear(smr_names *names);

/* Makes room for at least n_needed items in an array that smr_memory_alloc gave: doubled, the new
 * part zeroed. `array` points to the typed pointer. Local. */
smr_status smr_grow(int64_t n_needed, size_t item_bytes, const char *what, int64_t *capacity,
                    void *array) SMR_NODISCARD;

#endif
