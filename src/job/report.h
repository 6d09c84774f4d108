/* Mistakes of a job file and the places they point to. */
#ifndef SIMMER_JOB_REPORT_H
#define SIMMER_JOB_REPORT_H

#include <stdarg.h>
#include <stdbool.h>

#include "arena.h"
#include "simmer/base/text.h"

/* A text that keys are read from: the job file, the defaults, or one override "key=value". */
typedef struct {
  const char *name; /* in messages */
  const char *text; /* terminated */
  size_t length;
  bool is_override; /* shown as "-s key=value" */
} smr_source;

/* Bytes [start, end) of a source. */
typedef struct {
  int64_t source;
  size_t start, end;
} smr_place;

enum { SMR_MISTAKE_LIMIT = 50 };

typedef struct {
  smr_place place;
  const char *text;
} smr_mistake;

/* Mistakes so far; those beyond the limit are only counted. */
typedef struct {
  smr_arena *arena;
  const smr_source *sources;
  int64_t n_mistakes;
  smr_mistake mistakes[SMR_MISTAKE_LIMIT];
  smr_status failure; /* memory for a mistake was lacking */
} smr_complaints;

void smr_complaints_add(smr_complaints *complaints, smr_place place, const char *format, ...)
    SMR_PRINTF(3, 4);
/* True when more mistakes would only be counted: what makes their texts can be skipped. */
bool smr_complaints_is_full(const smr_complaints *complaints);
/* All mistakes in the order of their places. Local. */
smr_status smr_complaints_write(smr_complaints *complaints, smr_text *report) SMR_NODISCARD;

/* One mistake as the user sees it: place, message, source line, caret. Local. */
smr_status smr_report_write(const smr_source *source, smr_place place, const char *message,
                            smr_text *report) SMR_NODISCARD;
/* Line of a place, counted from 1. Local. */
int64_t smr_report_get_line(const smr_source *source, size_t offset);

/* `text` in quotes, cut when long, without control characters. Returns buffer. */
enum { SMR_QUOTE_BYTES = 80 };
const char *smr_report_quote(const char *text, char buffer[SMR_QUOTE_BYTES]);

#endif
