/* Growing strings and small text helpers. All local. */
#ifndef SIMMER_BASE_TEXT_H
#define SIMMER_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* Caller's storage, zero-initialised; clear frees. `data` is NUL-terminated once anything was
 * added, else NULL. */
typedef struct {
  char *data;
  size_t length, capacity;
} smr_text;

smr_status smr_text_add(smr_text *text, const char *format, ...) SMR_NODISCARD SMR_PRINTF(2, 3);
smr_status smr_text_add_bytes(smr_text *text, const void *data, size_t bytes) SMR_NODISCARD;
/* The words as a JSON string, in quotes; bytes that aren't UTF-8 become U+FFFD. */
smr_status smr_text_add_json(smr_text *text, const char *words) SMR_NODISCARD;
void smr_text_clear(smr_text *text);

/* Edit distance (Damerau & Levenshtein, neighbours may swap) for "did you mean". */
int smr_text_distance(const char *a, const char *b);

#endif
