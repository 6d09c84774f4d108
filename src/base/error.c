/* The failure message of each thread, and status texts. */
#include "simmer/base/error.h"

#include <stdio.h>
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
  static const char separator[] = ": ";
  char text[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  /* What is too long is cut at its end. */
  size_t used = strlen(text);
  const char *const parts[] = {separator, message};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    size_t room = sizeof text - 1 - used;
    size_t length = strnlen(parts[i], room);
    memcpy(text + used, parts[i], length);
    used += length;
  }
  text[used] = '\0';
  memcpy(message, text, sizeof message);
  return status;
}

const char *smr_error_message(void) {
  return message;
}

void smr_error_clear(void) {
  message[0] = '\0';
}
