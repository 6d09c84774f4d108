/* One writer for everything that goes to stderr, so that the live line and messages don't mix. */
#include "simmer/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static smr_log_level current_level = SMR_LOG_INFO;
static int live_is_shown = 0;

void smr_log_set_level(smr_log_level level) {
  current_level = level;
}

smr_log_level smr_log_get_level(void) {
  return current_level;
}

int smr_log_is_terminal(void) {
  return isatty(STDERR_FILENO);
}

SMR_PRINTF(3, 0)
static void print_line(smr_log_level least, const char *prefix, const char *format,
                       va_list arguments) {
  if (current_level < least) {
    return;
  }
  char line[LINE_BYTES];
  vsnprintf(line, sizeof line, format, arguments);
  pthread_mutex_lock(&lock);
  /* One fprintf a message: lines of several ranks on one terminal stay whole. */
  fprintf(stderr, "%ssimmer: %s%s\n", live_is_shown ? "\r\033[K" : "", prefix, line);
  fflush(stderr);
  live_is_shown = 0;
  pthread_mutex_unlock(&lock);
}

#define DEFINE_LOG(name, least, prefix)           \
  void name(const char *format, ...) {            \
    va_list arguments;                            \
    va_start(arguments, format);                  \
    print_line(least, prefix, format, arguments); \
    va_end(arguments);                            \
  }

DEFINE_LOG(smr_log_error, SMR_LOG_ERROR, "error: ")
DEFINE_LOG(smr_log_warning, SMR_LOG_QUIET, "warning: ")
DEFINE_LOG(smr_log_info, SMR_LOG_INFO, "")
DEFINE_LOG(smr_log_detail, SMR_LOG_VERBOSE, "")

void smr_log_live(const char *text) {
  if (current_level < SMR_LOG_INFO || !smr_log_is_terminal()) {
    return;
  }
  pthread_mutex_lock(&lock);
  if (text[0] != '\0' || live_is_shown) {
    fprintf(stderr, "\r\033[K%s", text);
    fflush(stderr);
  }
  live_is_shown = text[0] != '\0';
  pthread_mutex_unlock(&lock);
}
