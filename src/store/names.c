/* Names with stable indices: a hash table with open addressing over copied strings. */
#include "names.h"

#include <string.h>

#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { FIRST_CAPACITY = 16 };

smr_status smr_grow(int64_t n_needed, size_t item_bytes, const char *what, int64_t *capacity,
                    void *array) {
  if (n_needed <= *capacity) {
    return SMR_OK;
  }
  int64_t doubled = 0;
  void *old = NULL;
  void *grown = NULL;
  SMR_TRY(smr_int_multiply(*capacity, 2, what, &doubled));
  int64_t n = smr_int_max(smr_int_max(doubled, n_needed), FIRST_CAPACITY);
  SMR_TRY(smr_memory_alloc(n, item_bytes, what, (void *)&grown));
  memcpy(&old, array, sizeof old);
  if (*capacity > 0) {
    memcpy(grown, old, (size_t)*capacity * item_bytes);
  }
  smr_memory_free(old);
  memcpy(array, &grown, sizeof grown);
  *capacity = n;
  return SMR_OK;
}

/* The slot that holds `name`, or the empty one where it belongs. */
static int64_t find_slot(const smr_names *names, const char *name) {
  smr_hash hash = smr_hash_add(smr_hash_start(), name, strlen(name));
  uint64_t mask = (uint64_t)names->n_slots - 1;
  uint64_t slot = (hash.high ^ hash.low) & mask;
  while (names->slots[slot] != 0 && strcmp(names->names[names->slots[slot] - 1], name) != 0) {
    slot = (slot + 1) & mask;
  }
  return (int64_t)slot;
}

static smr_status grow_slots(smr_names *names) {
  if (names->n_slots > 2 * (names->n + 1)) {
    return SMR_OK;
  }
  int64_t *slots = NULL;
  int64_t n_slots = names->n_slots == 0 ? (int64_t)4 * FIRST_CAPACITY : 2 * names->n_slots;
  SMR_TRY(smr_memory_alloc(n_slots, sizeof *slots, "table of names", (void *)&slots));
  smr_memory_free(names->slots);
  names->slots = slots;
  names->n_slots = n_slots;
  for (int64_t i = 0; i < names->n; i++) {
    slots[find_slot(names, names->names[i])] = i + 1;
  }
  return SMR_OK;
}

int64_t smr_names_find(const smr_names *names, const char *name) {
  return names->n_slots == 0 ? -1 : names->slots[find_slot(names, name)] - 1;
}

smr_status smr_names_add(smr_names *names, const char *name, int64_t *index) {
  *index = smr_names_find(names, name);
  if (*index >= 0) {
    return SMR_OK;
  }
  SMR_TRY(grow_slots(names));
  SMR_TRY(smr_grow(names->n + 1, sizeof *names->names, "names", &names->capacity,
                   (void *)&names->names));
  SMR_TRY(smr_memory_copy_string(name, &names->names[names->n]));
  *index = names->n++;
  names->slots[find_slot(names, name)] = *index + 1;
  return SMR_OK;
}

void smr_names_clear(smr_names *names) {
  for (int64_t i = 0; i < names->n; i++) {
    smr_memory_free(names->names[i]);
  }
  smr_memory_free(names->names);
  smr_memory_free(names->slots);
  *names = (smr_names){0};
}
