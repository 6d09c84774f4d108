/* The failure message of each thread, status texts and fault points. */
#include "simmer/base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };

static _Thread_local char message[MESSAGE_BYTES];

#define STATUS_TEXT(name, exit_code, text) text,
static const char *const status_texts[] = {SMR_STATUS_LIST(STATUS_TEXT)};
#define STATUS_EXIT(name, exit_code, text) exit_code,
static const int status_exits[] = {SMR_STATUS_LIST(STATUS_EXIT)};

static int is_known(smr_status status) {
  return (int)status >= 0 && status < SMR_STATUS_COUNT;
}

const char *smr_status_text(smr_status status) {
  return is_known(status) ? status_texts[status] : "unknown status";
}

int smr_status_exit_code(smr_status status) {
  return is_known(status) ? status_exits[status] : 1;
}

smr_status smr_error_set(smr_status status, const char *format, ...) {
  /* Formatted aside first: the arguments may point into the old message. */
  char text[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  memcpy(message, text, sizeof message);
  return status;
}

smr_status smr_error_prefix(smr_status status, const char *format, ...) {
  char text[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int used = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (used >= 0 && (size_t)used < sizeof text) {
    snprintf(text + used, sizeof text - (size_t)used, ": %s", message);
  }
  memcpy(message, text, sizeof message);
  return status;
}

const char *smr_error_message(void) {
  return message;
}

void smr_error_clear(void) {
  message[0] = '\0';
}

#if SIMMER_FAULTS

static int fault_rank = 0;

void smr_fault_set_rank(int world_rank) {
  fault_rank = world_rank;
}

int smr_fault(const char *site) {
  static int passes = 0;
  const char *spec = getenv("SIMMER_FAULT");
  if (spec == NULL) {
    return 0;
  }
  size_t length = strlen(site);
  if (strncmp(spec, site, length) != 0 || spec[length] != ':') {
    return 0;
  }
  const char *rank = spec + length + 1;
  char *end = NULL;
  if (*rank == '*') {
    end = (char *)(size_t)(rank + 1);
  } else if (strtol(rank, &end, 10) != fault_rank) {
    return 0;
  }
  long count = *end == ':' ? strtol(end + 1, NULL, 10) : 1;
  return __atomic_add_fetch(&passes, 1, __ATOMIC_RELAXED) == count;
}

#else

void smr_fault_set_rank(int world_rank) {
  (void)world_rank;
}

int smr_fault(const char *site) {
  (void)site;
  return 0;
}

#endif
