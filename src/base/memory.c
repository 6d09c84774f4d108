/* Allocation with a status, and sizes as text. */
#include "simmer/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/fault.h"

enum { ALIGNMENT = 64, SIZE_TEXT_BYTES = 32 };

smr_status smr_memory_alloc(int64_t n, size_t item_bytes, const char *what, void *out) {
  void *pointer = NULL;
  size_t bytes = 0;
  memcpy(out, &pointer, sizeof pointer);
  if (n < 0 || __builtin_mul_overflow((uint64_t)n, item_bytes, &bytes) || bytes > PTRDIFF_MAX) {
    SMR_FAIL(SMR_ERR_LIMIT, "memory for %s: %" PRId64 " items of %zu bytes can't be addressed",
             what, n, item_bytes);
  }
  if (smr_fault("memory.alloc") ||
      posix_memalign(&pointer, ALIGNMENT, bytes > 0 ? bytes : 1) != 0) {
    char text[SIZE_TEXT_BYTES];
    SMR_FAIL(SMR_ERR_MEMORY, "not enough memory for %s: %s (%zu bytes)", what,
             smr_memory_format((int64_t)bytes, text, sizeof text), bytes);
  }
  memset(pointer, 0, bytes > 0 ? bytes : 1);
  /* By memcpy, since the caller's pointer has a type of its own. */
  memcpy(out, &pointer, sizeof pointer);
  return SMR_OK;
}

void smr_memory_free(void *pointer) {
  free(pointer);
}

smr_status smr_memory_copy_string(const char *text, char **out) {
  size_t bytes = strlen(text) + 1;
  SMR_TRY(smr_memory_alloc((int64_t)bytes, 1, "a string", out));
  memcpy(*out, text, bytes);
  return SMR_OK;
}

const char *smr_memory_format(int64_t bytes, char *buffer, size_t buffer_bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  enum { N_UNITS = sizeof units / sizeof units[0] };
  if (bytes > -1024 && bytes < 1024) {
    snprintf(buffer, buffer_bytes, "%d B", (int)bytes);
    return buffer;
  }
  double value = (double)bytes / 1024;
  int unit = 0;
  /* 1023.95 and more would print as 1024.0. */
  while ((value >= 1023.95 || value <= -1023.95) && unit + 1 < N_UNITS) {
    value /= 1024;
    unit++;
  }
  snprintf(buffer, buffer_bytes, "%.1f %s", value, units[unit]);
  return buffer;
}
