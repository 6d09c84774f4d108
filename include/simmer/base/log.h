/* Messages to the user, all on stderr: "simmer: error: …", "simmer: warning: …", "simmer: …".
 *
 * A rank other than the one that speaks for the run is muted by level SMR_LOG_SILENT. All functions
 * are local and may be called from any thread. */
#ifndef SIMMER_BASE_LOG_H
#define SIMMER_BASE_LOG_H

#include "simmer/base/error.h"

typedef enum {
  SMR_LOG_SILENT,
  SMR_LOG_ERROR,
  SMR_LOG_QUIET,
  SMR_LOG_INFO,
  SMR_LOG_VERBOSE
} smr_log_level;

void smr_log_set_level(smr_log_level level);
smr_log_level smr_log_get_level(void);

/* Errors show from SMR_LOG_ERROR on, warnings from SMR_LOG_QUIET, info from SMR_LOG_INFO, details
 * from VERBOSE. */
void smr_log_error(const char *format, ...) SMR_PRINTF(1, 2);
void smr_log_warning(const char *format, ...) SMR_PRINTF(1, 2);
void smr_log_info(const char *format, ...) SMR_PRINTF(1, 2);
void smr_log_detail(const char *format, ...) SMR_PRINTF(1, 2);

/* The live line at the bottom of a terminal: replaces itself, makes way for other messages. `text`
 * may be "" to erase it. Does nothing when stderr is no terminal. */
void smr_log_live(const char *text);
int smr_log_is_terminal(void);

#endif
