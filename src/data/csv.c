/* Tables of numbers as text: fields separated by commas, semicolons, tabs or blanks (whichever the
 * first line of numbers has), maybe gzipped, with or without a header line. Blank lines and lines
 * that begin with # are skipped. Lines and columns count from 1 in messages. */
#include <string.h>

#include "csv_number.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "source.h"

typedef struct {
  char *path;
  char *text;
  const char *end;
  const char *data; /* the first line of numbers, which is line first_line */
  int64_t first_line;
  char separator; /* ' ' = any run of blanks and tabs */
  int64_t n_rows, n_fields;
  int64_t target; /* column of y, from 0 */
} csv;

typedef struct {
  const char *begin, *end; /* without blanks at its ends and line end */
  const char *next;        /* where the next line begins */
  int64_t number;          /* from 1 */
} line;

typedef struct {
  const char *begin, *end; /* without blanks at its ends */
  const char *rest;        /* what follows its separator; NULL after the last field */
} field;

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **begin, const char **end) {
  while (*begin < *end && is_blank(**begin)) {
    (*begin)++;
  }
  while (*begin < *end && is_blank((*end)[-1])) {
    (*end)--;
  }
}

/* Moves to the next line that says something; `here` begins with next = where to look and number =
 * lines before it. False at the end of the text. */
static bool next_line(const char *end, line *here) {
  while (here->next < end) {
    const char *stop = memchr(here->next, '\n', (size_t)(end - here->next));
    here->begin = here->next;
    here->end = stop == NULL ? end : stop;
    here->next = stop == NULL ? end : stop + 1;
    here->number++;
    trim(&here->begin, &here->end);
    if (here->begin < here->end && *here->begin != '#') {
      return true;
    }
  }
  return false;
}

/* The field at `from`; blanks as separators come in runs. */
static field next_field(const char *from, const char *end, char separator) {
  field f = {.begin = from};
  const char *p = from;
  if (separator == ' ') {
    while (p < end && !is_blank(*p)) {
      p++;
    }
    f.end = p;
    while (p < end && is_blank(*p)) {
      p++;
    }
    f.rest = p < end ? p : NULL;
    return f;
  }
  while (p < end && *p != separator) {
    p++;
  }
  f.end = p;
  f.rest = p < end ? p + 1 : NULL;
  trim(&f.begin, &f.end);
  return f;
}

static int64_t count_fields(const line *here, char separator) {
  int64_t n = 0;
  for (const char *p = here->begin; p != NULL; n++) {
    p = next_field(p, here->end, separator).rest;
  }
  return n;
}

static bool has_character(const char *begin, const char *end, char c) {
  return memchr(begin, c, (size_t)(end - begin)) != NULL;
}

/* True when tabs alone separate: no blank is left within a field. */
static bool is_split_by_tabs(const line *here) {
  const char *p = here->begin;
  while (p != NULL) {
    const field f = next_field(p, here->end, '\t');
    if (has_character(f.begin, f.end, ' ')) {
      return false;
    }
    p = f.rest;
  }
  return has_character(here->begin, here->end, '\t');
}

static char guess_separator(const line *here) {
  if (has_character(here->begin, here->end, ',')) {
    return ',';
  }
  if (has_character(here->begin, here->end, ';')) {
    return ';';
  }
  return is_split_by_tabs(here) ? '\t' : ' ';
}

/* A header has a field that is neither empty nor a number. One with numbers too may be a row of
 * data with a mistake in it, and must not vanish in silence. */
static bool is_header(const csv *file, const line *here) {
  const char separator = guess_separator(here);
  const char *p = here->begin;
  int64_t n_texts = 0, n_numbers = 0;
  while (p != NULL) {
    const field f = next_field(p, here->end, separator);
    double value = 0.0;
    const smr_field kind = smr_csv_parse_number(f.begin, f.end, &value);
    n_texts += kind == SMR_FIELD_TEXT;
    n_numbers += kind == SMR_FIELD_NUMBER;
    p = f.rest;
  }
  if (n_texts > 0 && n_numbers > 0) {
    smr_log_warning("%s: line %lld is taken for a header, since not all of it is numbers",
                    file->path, (long long)here->number);
  }
  return n_texts > 0;
}

/* Finds header, first line of numbers, separator, and the numbers of fields and rows. */
static smr_status find_layout(csv *file) {
  line here = {.next = file->text};
  if (file->end - file->text >= 3 && memcmp(file->text, "\xEF\xBB\xBF", 3) == 0) {
    here.next += 3; /* The byte order mark of UTF-8. */
  }
  bool found = next_line(file->end, &here);
  if (found && is_header(file, &here)) {
    found = next_line(file->end, &here);
  }
  if (!found) {
    SMR_FAIL(SMR_ERR_INPUT, "%s has no rows of numbers", file->path);
  }
  file->data = here.begin;
  file->first_line = here.number;
  file->separator = guess_separator(&here);
  file->n_fields = count_fields(&here, file->separator);
  if (file->n_fields < 2) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s: line %lld has only one column, but a table needs at least one feature and the "
             "target, separated by commas, semicolons, tabs or blanks",
             file->path, (long long)here.number);
  }
  do {
    file->n_rows++;
  } while (next_line(file->end, &here));
  return SMR_OK;
}

static smr_status find_target(csv *file, int64_t target_column) {
  file->target = target_column == -1 ? file->n_fields - 1 : target_column;
  if (file->target < 0 || file->target >= file->n_fields) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s has %lld columns: the target can't be column %lld (they count from 0; auto is "
             "the last)",
             file->path, (long long)file->n_fields, (long long)target_column);
  }
  return SMR_OK;
}

static smr_status open_csv(const smr_data_config *config, const char *path, void **reader,
                           int64_t *n_rows, int64_t *n_features) {
  smr_memory_limits limits = {0};
  size_t bytes = 0;
  csv *file = NULL;
  SMR_TRY(smr_memory_get_limits(&limits));
  SMR_TRY(smr_memory_alloc(1, sizeof *file, "a CSV reader", &file));
  *reader = file;
  SMR_TRY(smr_memory_copy_string(path, &file->path));
  SMR_TRY(smr_file_read(path, limits.available_bytes, &file->text, &bytes));
  file->end = file->text + bytes;
  if (memchr(file->text, '\0', bytes) != NULL) {
    SMR_FAIL(SMR_ERR_INPUT, "%s is not text: it has zero bytes", path);
  }
  SMR_TRY(find_layout(file));
  SMR_TRY(find_target(file, config->target_column));
  *n_rows = file->n_rows;
  *n_features = file->n_fields - 1;
  return SMR_OK;
}

static void close_csv(void *reader) {
  csv *file = reader;
  if (file != NULL) {
    smr_memory_free(file->path);
    smr_memory_free(file->text);
    smr_memory_free(file);
  }
}

static smr_status fail_ragged(const csv *file, const line *here) {
  SMR_FAIL(SMR_ERR_INPUT, "%s: line %lld has %lld fields where the lines before have %lld",
           file->path, (long long)here->number, (long long)count_fields(here, file->separator),
           (long long)file->n_fields);
}

/* Says what is wrong with a field; a control character in it must not reach a terminal. */
static smr_status fail_field(const csv *file, const line *here, int64_t column, const field *f,
                             smr_field kind) {
  char shown[40];
  size_t length = (size_t)(f->end - f->begin);
  const char *dots = length >= sizeof shown ? "..." : "";
  length = length < sizeof shown ? length : sizeof shown - 1;
  for (size_t i = 0; i < length; i++) {
    const unsigned char c = (unsigned char)f->begin[i];
    shown[i] = f->begin[i];
    if (c < 0x20 || c == 0x7f) {
      shown[i] = '?';
    }
  }
  shown[length] = '\0';
  const long long number = (long long)here->number, at = (long long)column + 1;
  if (kind == SMR_FIELD_EMPTY) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: line %lld, column %lld: the field is empty", file->path, number,
             at);
  }
  SMR_FAIL(SMR_ERR_INPUT, "%s: line %lld, column %lld: '%s%s' is not a %snumber", file->path,
           number, at, shown, dots, kind == SMR_FIELD_NOT_FINITE ? "finite " : "");
}

/* One line into x [n_fields - 1] (or NULL) and y. */
static smr_status parse_line(const csv *file, const line *here, double *x, double *y) {
  const char *p = here->begin;
  for (int64_t column = 0; column < file->n_fields; column++) {
    if (p == NULL) {
      return fail_ragged(file, here);
    }
    const field f = next_field(p, here->end, file->separator);
    double value = 0.0;
    const smr_field kind = smr_csv_parse_number(f.begin, f.end, &value);
    if (kind != SMR_FIELD_NUMBER) {
      /* A line of another length is the better explanation of a strange field. */
      return count_fields(here, file->separator) == file->n_fields
                 ? fail_field(file, here, column, &f, kind)
                 : fail_ragged(file, here);
    }
    if (column == file->target) {
      *y = value;
    } else if (x != NULL) {
      x[column - (column > file->target)] = value;
    }
    p = f.rest;
  }
  return p == NULL ? SMR_OK : fail_ragged(file, here);
}

static smr_status scan_csv(void *reader, double *x, double *y, smr_labels *labels) {
  const csv *file = reader;
  line here = {.next = file->data, .number = file->first_line - 1};
  for (int64_t row = 0; row < file->n_rows && next_line(file->end, &here); row++) {
    double target = 0.0;
    SMR_TRY(parse_line(file, &here, x == NULL ? NULL : x + row * (file->n_fields - 1), &target));
    smr_labels_add(labels, target);
    if (y != NULL) {
      y[row] = target;
    }
  }
  return SMR_OK;
}

static const smr_table_reader csv_reader = {open_csv, scan_csv, close_csv};

const smr_source_ops smr_source_csv_ops = {
    .name = "csv",
    .reader = &csv_reader,
    .create_sample = smr_table_sample_create,
    .read = smr_table_sample_read,
};
