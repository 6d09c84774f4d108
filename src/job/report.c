/* Mistakes with file, line, column, the source line and a caret. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A long line is shown around its caret only. */
enum { EXCERPT_LENGTH = 100, EXCERPT_BEFORE = 60, MESSAGE_BYTES = 2048 };

static bool is_continuation(char byte) {
  return ((unsigned char)byte & 0xC0U) == 0x80U;
}

static bool is_control(char byte) {
  return (unsigned char)byte < 0x20 || byte == 0x7f;
}

/* The last start of a character at or before `length`, so that a cut leaves whole characters; among
 * bytes that aren't UTF-8 `length` itself. */
static size_t cut_at_character(const char *text, size_t length) {
  enum { MOST_CONTINUATIONS = 3 };
  size_t back = 0;
  while (back < MOST_CONTINUATIONS && back < length && is_continuation(text[length - back])) {
    back++;
  }
  return is_continuation(text[length - back]) ? length : length - back;
}

const char *smr_report_quote(const char *text, char buffer[SMR_QUOTE_BYTES]) {
  enum { MOST = SMR_QUOTE_BYTES - 8 };
  size_t length = strlen(text);
  bool is_cut = length > MOST;
  length = is_cut ? cut_at_character(text, MOST) : length;
  snprintf(buffer, SMR_QUOTE_BYTES, "'%.*s%s'", (int)length, text, is_cut ? "..." : "");
  for (char *at = buffer; *at != '\0'; at++) {
    *at = is_control(*at) ? ' ' : *at;
  }
  return buffer;
}

bool smr_complaints_is_full(const smr_complaints *complaints) {
  return complaints->n_mistakes >= SMR_MISTAKE_LIMIT;
}

void smr_complaints_add(smr_complaints *complaints, smr_place place, const char *format, ...) {
  if (smr_complaints_is_full(complaints)) {
    complaints->n_mistakes++;
    return;
  }
  char message[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  smr_mistake *mistake = &complaints->mistakes[complaints->n_mistakes];
  smr_status status = smr_arena_copy(complaints->arena, message, strlen(message), &mistake->text);
  if (status != SMR_OK) {
    complaints->failure = status;
    return;
  }
  mistake->place = place;
  complaints->n_mistakes++;
}

int64_t smr_report_get_line(const smr_source *source, size_t offset) {
  int64_t line = 1;
  for (size_t i = 0; i < offset && i < source->length; i++) {
    line += source->text[i] == '\n';
  }
  return line;
}

/* The part of a source line that is shown, as bytes of the source. */
typedef struct {
  size_t line_start, first, last; /* shown: [first, last) */
  size_t caret, caret_end;
} excerpt;

static excerpt find_excerpt(const smr_source *source, smr_place place) {
  excerpt shown = {0};
  const char *text = source->text;
  shown.caret = place.start < source->length ? place.start : source->length;
  shown.line_start = shown.caret;
  while (shown.line_start > 0 && text[shown.line_start - 1] != '\n') {
    shown.line_start--;
  }
  size_t line_end = shown.caret + strcspn(text + shown.caret, "\r\n");
  shown.first = shown.line_start;
  shown.last = line_end;
  if (line_end - shown.line_start > EXCERPT_LENGTH) {
    if (shown.caret - shown.line_start > EXCERPT_BEFORE) {
      shown.first = cut_at_character(text, shown.caret - EXCERPT_BEFORE);
    }
    if (line_end - shown.first > EXCERPT_LENGTH) {
      shown.last = cut_at_character(text, shown.first + EXCERPT_LENGTH);
    }
  }
  shown.caret_end = place.end < shown.last ? place.end : shown.last;
  return shown;
}

static int64_t count_characters(const char *text, size_t from, size_t to) {
  int64_t n = 0;
  for (size_t i = from; i < to; i++) {
    n += !is_continuation(text[i]);
  }
  return n;
}

static smr_status add_repeated(smr_text *out, char byte, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    SMR_TRY(smr_text_add_bytes(out, &byte, 1));
  }
  return SMR_OK;
}

/* Bytes [from, to) with control characters as blanks, so that the caret below stands right. */
static smr_status add_clean(smr_text *out, const char *text, size_t from, size_t to) {
  size_t start = out->length;
  SMR_TRY(smr_text_add_bytes(out, text + from, to - from));
  for (size_t i = start; i < out->length; i++) {
    out->data[i] = is_control(out->data[i]) ? ' ' : out->data[i];
  }
  return SMR_OK;
}

static smr_status write_excerpt(const smr_source *source, excerpt shown, int64_t line,
                                smr_text *out) {
  const char *text = source->text;
  const char *before = shown.first > shown.line_start ? "..." : "";
  const char *lead = source->is_override ? "-s " : "";
  if (source->is_override) {
    SMR_TRY(smr_text_add(out, "       | %s%s", lead, before));
  } else {
    SMR_TRY(smr_text_add(out, "%6" PRId64 " | %s", line, before));
  }
  SMR_TRY(add_clean(out, text, shown.first, shown.last));
  SMR_TRY(smr_text_add(out, "\n       | "));
  int64_t indent = count_characters(text, shown.first, shown.caret);
  SMR_TRY(add_repeated(out, ' ', indent + (int64_t)(strlen(lead) + strlen(before))));
  SMR_TRY(smr_text_add(out, "^"));
  if (shown.caret_end > shown.caret) {
    SMR_TRY(add_repeated(out, '~', count_characters(text, shown.caret, shown.caret_end) - 1));
  }
  return smr_text_add(out, "\n");
}

smr_status smr_report_write(const smr_source *source, smr_place place, const char *message,
                            smr_text *report) {
  excerpt shown = find_excerpt(source, place);
  int64_t line = smr_report_get_line(source, shown.caret);
  int64_t column = 1 + count_characters(source->text, shown.line_start, shown.caret);
  SMR_TRY(smr_text_add(report, "simmer: error: %s:%" PRId64 ":%" PRId64 ": ", source->name, line,
                       column));
  SMR_TRY(add_clean(report, message, 0, strlen(message)));
  SMR_TRY(smr_text_add(report, "\n"));
  if (shown.last == shown.first) {
    return SMR_OK;
  }
  return write_excerpt(source, shown, line, report);
}

static int compare_places(const void *left, const void *right) {
  const smr_mistake *a = left;
  const smr_mistake *b = right;
  if (a->place.source != b->place.source) {
    return a->place.source < b->place.source ? -1 : 1;
  }
  if (a->place.start != b->place.start) {
    return a->place.start < b->place.start ? -1 : 1;
  }
  return strcmp(a->text, b->text);
}

smr_status smr_complaints_write(smr_complaints *complaints, smr_text *report) {
  int64_t n =
      complaints->n_mistakes < SMR_MISTAKE_LIMIT ? complaints->n_mistakes : SMR_MISTAKE_LIMIT;
  qsort(complaints->mistakes, (size_t)n, sizeof complaints->mistakes[0], compare_places);
  for (int64_t i = 0; i < n; i++) {
    const smr_mistake *mistake = &complaints->mistakes[i];
    SMR_TRY(smr_report_write(&complaints->sources[mistake->place.source], mistake->place,
                             mistake->text, report));
  }
  if (complaints->n_mistakes > n) {
    SMR_TRY(smr_text_add(report, "simmer: error: and %" PRId64 " more mistakes\n",
                         complaints->n_mistakes - n));
  }
  return SMR_OK;
}
