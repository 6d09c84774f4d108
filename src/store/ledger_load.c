/* Reading journals into a ledger. The format is told in line.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"
#include "line.h"
#include "names.h"
#include "simmer/base/memory.h"

/* Journals are read in pieces; the buffer grows to the longest line that can be whole. */
enum { PIECE_BYTES = 1 << 20 };

/* n hexadecimal digits (16 at most) as a number; 0 when there is another character. */
static int parse_hex(const char *digits, int n, uint64_t *value) {
  uint64_t sum = 0;
  for (int i = 0; i < n; i++) {
    char c = digits[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = (unsigned)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = (unsigned)(c - 'a') + 10;
    } else {
      return 0;
    }
    sum = sum << 4 | digit;
  }
  *value = sum;
  return 1;
}

static int parse_hash(const char *digits, smr_hash *hash) {
  return parse_hex(digits, 16, &hash->high) && parse_hex(digits + 16, 16, &hash->low);
}

static void insert_slot(smr_ledger *ledger, int64_t index);

static smr_status grow_slots(smr_ledger *ledger) {
  if (ledger->n_slots > 2 * (ledger->n_units + 1)) {
    return SMR_OK;
  }
  int64_t *slots = NULL;
  int64_t n_slots = ledger->n_slots == 0 ? 1024 : 4 * ledger->n_slots;
  SMR_TRY(smr_memory_alloc(n_slots, sizeof *slots, "table of units", (void *)&slots));
  smr_memory_free(ledger->slots);
  ledger->slots = slots;
  ledger->n_slots = n_slots;
  for (int64_t i = 0; i < ledger->n_units; i++) {
    insert_slot(ledger, i);
  }
  return SMR_OK;
}

static void insert_slot(smr_ledger *ledger, int64_t index) {
  uint64_t mask = (uint64_t)ledger->n_slots - 1;
  uint64_t slot = smr_ledger_spread(ledger->units[index].entry.unit) & mask;
  while (ledger->slots[slot] != 0) {
    slot = (slot + 1) & mask;
  }
  ledger->slots[slot] = index + 1;
}

/* Index of a unit, which is added when it is new. */
static smr_status add_unit(smr_ledger *ledger, smr_hash hash, int64_t *index) {
  *index = smr_ledger_find_index(ledger, hash);
  if (*index >= 0) {
    return SMR_OK;
  }
  SMR_TRY(grow_slots(ledger));
  SMR_TRY(smr_grow(ledger->n_units + 1, sizeof *ledger->units, "units of a ledger",
                   &ledger->unit_capacity, (void *)&ledger->units));
  *index = ledger->n_units++;
  ledger->units[*index] = (smr_ledger_unit){
      .entry = {.unit = hash, .part = -1, .row = -1, .message = ""}, .history = -1};
  insert_slot(ledger, *index);
  return SMR_OK;
}

static smr_status get_history(smr_ledger *ledger, int64_t unit, smr_ledger_history **history) {
  if (ledger->units[unit].history < 0) {
    SMR_TRY(smr_grow(ledger->n_histories + 1, sizeof *ledger->histories, "histories of units",
                     &ledger->history_capacity, (void *)&ledger->histories));
    ledger->histories[ledger->n_histories] =
        (smr_ledger_history){.other_places = -1, .journal = -1};
    ledger->units[unit].history = ledger->n_histories++;
  }
  *history = &ledger->histories[ledger->units[unit].history];
  return SMR_OK;
}

/* A unit came to an end: its starts in the same journal before were no deaths. */
static void note_end(smr_ledger *ledger, smr_ledger_unit *unit) {
  smr_ledger_history *history = unit->history < 0 ? NULL : &ledger->histories[unit->history];
  if (history != NULL && history->journal == ledger->n_journals) {
    unit->entry.n_starts -= history->n_starts;
    unit->entry.n_alone_starts -= history->n_alone_starts;
    history->n_starts = 0;
    history->n_alone_starts = 0;
  }
}

/* A unit's record is in row `row` of the last part. */
static smr_status note_done(smr_ledger *ledger, smr_hash hash, int64_t row) {
  int64_t index = 0;
  int64_t part = ledger->n_parts - 1;
  SMR_TRY(add_unit(ledger, hash, &index));
  ledger->rows[ledger->n_rows++] = index;
  smr_ledger_unit *unit = &ledger->units[index];
  note_end(ledger, unit);
  if (unit->entry.part < 0) {
    unit->entry.part = part;
    unit->entry.row = row;
    smr_ledger_settle(ledger, unit);
    return SMR_OK;
  }
  smr_ledger_history *history = NULL;
  SMR_TRY(get_history(ledger, index, &history));
  SMR_TRY(smr_grow(ledger->n_places + 1, sizeof *ledger->places, "further places of units",
                   &ledger->place_capacity, (void *)&ledger->places));
  smr_ledger_place other = {part, row, history->other_places};
  if (smr_ledger_is_before(ledger, part, row, unit->entry.part, unit->entry.row)) {
    other.part = unit->entry.part;
    other.row = unit->entry.row;
    unit->entry.part = part;
    unit->entry.row = row;
  }
  ledger->places[ledger->n_places] = other;
  history->other_places = ledger->n_places++;
  return SMR_OK;
}

/* A part's name from its padded column: a plain file name. */
static int parse_part_name(const char *column, char name[SMR_LINE_PART_NAME + 1]) {
  size_t length = 0;
  while (length < SMR_LINE_PART_NAME && column[length] != ' ') {
    length++;
  }
  memcpy(name, column, length);
  name[length] = '\0';
  return length > 0 && name[0] != '.' && strlen(name) == length && strchr(name, '/') == NULL;
}

/* The hashes of a D line are all well-formed? Known before anything is noted. */
static int are_hashes(const char *hashes, int64_t n) {
  smr_hash hash;
  for (int64_t row = 0; row < n; row++) {
    const char *column = hashes + row * (1 + SMR_LINE_HASH);
    if (column[0] != ' ' || !parse_hash(column + 1, &hash)) {
      return 0;
    }
  }
  return 1;
}

static smr_status add_part(smr_ledger *ledger, const char *name, uint64_t size, uint64_t crc,
                           int64_t n_rows) {
  SMR_TRY(smr_grow(ledger->n_parts + 1, sizeof *ledger->parts, "parts of a ledger",
                   &ledger->part_capacity, (void *)&ledger->parts));
  SMR_TRY(smr_grow(ledger->n_rows + n_rows, sizeof *ledger->rows, "rows of a ledger",
                   &ledger->row_capacity, (void *)&ledger->rows));
  smr_ledger_part *part = &ledger->parts[ledger->n_parts];
  *part = (smr_ledger_part){
      .size = (int64_t)size, .crc = (uint32_t)crc, .first = ledger->n_rows, .n_rows = n_rows};
  SMR_TRY(smr_memory_copy_string(name, &part->name));
  ledger->n_parts++;
  return SMR_OK;
}

/* `line` [length] ends before the blank in front of its CRC, as in all that follows. */
static smr_status read_done(smr_ledger *ledger, const char *line, size_t length, int *is_good) {
  char name[SMR_LINE_PART_NAME + 1];
  uint64_t size = 0;
  uint64_t crc = 0;
  uint64_t n = 0;
  const char *columns = line + 2 + SMR_LINE_PART_NAME;
  *is_good = length >= SMR_LINE_DONE_HEAD && parse_part_name(line + 2, name) &&
             parse_hex(columns + 1, 16, &size) && parse_hex(columns + 18, 8, &crc) &&
             parse_hex(columns + 27, 8, &n) && size <= INT64_MAX &&
             length == SMR_LINE_DONE_HEAD + n * (1 + SMR_LINE_HASH) &&
             are_hashes(line + SMR_LINE_DONE_HEAD, (int64_t)n);
  if (!*is_good) {
    return SMR_OK;
  }
  SMR_TRY(add_part(ledger, name, size, crc, (int64_t)n));
  for (int64_t row = 0; row < (int64_t)n; row++) {
    smr_hash hash;
    (void)parse_hash(line + SMR_LINE_DONE_HEAD + row * (1 + SMR_LINE_HASH) + 1, &hash);
    SMR_TRY(note_done(ledger, hash, row));
  }
  return SMR_OK;
}

/* A message without its percent escapes, freed by smr_memory_free. */
static smr_status unescape(const char *text, size_t length, char **message) {
  size_t n = 0;
  uint64_t code = 0;
  SMR_TRY(smr_memory_alloc((int64_t)length + 1, 1, "message of a failure", (void *)message));
  for (size_t i = 0; i < length; i++) {
    (*message)[n] = text[i];
    if (text[i] == '%' && i + 2 < length) {
      char digits[2] = {text[i + 1], text[i + 2]};
      for (int d = 0; d < 2; d++) {
        digits[d] =
            (char)(digits[d] >= 'A' && digits[d] <= 'F' ? digits[d] - 'A' + 'a' : digits[d]);
      }
      if (parse_hex(digits, 2, &code) && code != 0) {
        (*message)[n] = (char)(unsigned char)code;
        i += 2;
      }
    }
    n++;
  }
  (*message)[n] = '\0';
  return SMR_OK;
}

static smr_status note_failure(smr_ledger *ledger, int64_t unit, uint64_t cause, const char *text,
                               size_t length) {
  smr_ledger_history *history = NULL;
  char *message = NULL;
  SMR_TRY(unescape(text, length, &message));
  smr_status status = get_history(ledger, unit, &history);
  if (status != SMR_OK) {
    smr_memory_free(message);
    return status;
  }
  smr_memory_free(history->message);
  history->message = message;
  history->is_failed = 1;
  smr_ledger_entry *entry = &ledger->units[unit].entry;
  entry->message = message;
  entry->cause = cause < SMR_STATUS_COUNT ? (smr_status)cause : SMR_ERR_INTERNAL;
  note_end(ledger, &ledger->units[unit]);
  return SMR_OK;
}

static smr_status note_start(smr_ledger *ledger, int64_t unit, int is_alone) {
  smr_ledger_history *history = NULL;
  SMR_TRY(get_history(ledger, unit, &history));
  if (history->journal != ledger->n_journals) {
    history->journal = ledger->n_journals;
    history->n_starts = 0;
    history->n_alone_starts = 0;
  }
  smr_ledger_entry *entry = &ledger->units[unit].entry;
  history->n_starts += !is_alone;
  entry->n_starts += !is_alone;
  history->n_alone_starts += is_alone;
  entry->n_alone_starts += is_alone;
  return SMR_OK;
}

/* Everything but a finished record is void. */
static void forget(smr_ledger *ledger, int64_t unit) {
  smr_ledger_entry *entry = &ledger->units[unit].entry;
  entry->n_starts = 0;
  entry->n_alone_starts = 0;
  entry->cause = SMR_OK;
  entry->message = "";
  if (ledger->units[unit].history >= 0) {
    smr_ledger_history *history = &ledger->histories[ledger->units[unit].history];
    smr_memory_free(history->message);
    *history = (smr_ledger_history){.other_places = history->other_places, .journal = -1};
  }
}

/* A line about one unit; `rest` [n_rest] follows its hash. */
static smr_status note_unit(smr_ledger *ledger, char kind, smr_hash hash, const char *rest,
                            size_t n_rest) {
  int64_t unit = 0;
  uint64_t cause = 0;
  smr_ledger_history *history = NULL;
  SMR_TRY(add_unit(ledger, hash, &unit));
  if (kind == 'F') {
    (void)parse_hex(rest + 1, 2, &cause);
    SMR_TRY(note_failure(ledger, unit, cause, rest + 4, n_rest - 4));
  } else if (kind == 'Q') {
    SMR_TRY(get_history(ledger, unit, &history));
    history->is_quarantined = 1;
  } else if (kind == 'R') {
    forget(ledger, unit);
  } else {
    SMR_TRY(note_start(ledger, unit, kind == 'A'));
  }
  smr_ledger_settle(ledger, &ledger->units[unit]);
  return SMR_OK;
}

static smr_status read_unit(smr_ledger *ledger, const char *line, size_t length, int *is_good) {
  smr_hash hash;
  uint64_t number = 0;
  const char *rest = line + SMR_LINE_UNIT_HEAD;
  *is_good = length >= SMR_LINE_UNIT_HEAD && parse_hash(line + 2, &hash);
  if (!*is_good) {
    return SMR_OK;
  }
  size_t n_rest = length - SMR_LINE_UNIT_HEAD;
  switch (line[0]) {
  case 'F':
    *is_good = n_rest >= 4 && parse_hex(rest + 1, 2, &number) && rest[3] == ' ';
    break;
  case 'Q':
    *is_good = n_rest == 9 && parse_hex(rest + 1, 8, &number);
    break;
  case 'S':
  case 'A':
  case 'R':
    *is_good = n_rest == 0;
    break;
  default:
    *is_good = 0;
  }
  return *is_good ? note_unit(ledger, line[0], hash, rest, n_rest) : SMR_OK;
}

/* One line without its newline. */
static smr_status read_line(smr_ledger *ledger, const char *line, size_t length) {
  uint64_t crc = 0;
  int is_good = 0;
  if (length == 0) {
    return SMR_OK;
  }
  if (length > 2 + SMR_LINE_CRC && line[1] == ' ' &&
      parse_hex(line + length - SMR_LINE_CRC, SMR_LINE_CRC, &crc) &&
      smr_crc32(0, line, length - SMR_LINE_CRC) == crc) {
    size_t content = length - SMR_LINE_CRC - 1;
    SMR_TRY(line[0] == 'D' ? read_done(ledger, line, content, &is_good)
                           : read_unit(ledger, line, content, &is_good));
  }
  ledger->n_ignored += !is_good;
  return SMR_OK;
}

/* The whole lines of a buffer; *n_used is where the first other one begins. */
static smr_status read_lines(smr_ledger *ledger, const char *buffer, size_t bytes, size_t *n_used) {
  *n_used = 0;
  for (;;) {
    const char *line = buffer + *n_used;
    const char *end = memchr(line, '\n', bytes - *n_used);
    if (end == NULL) {
      return SMR_OK;
    }
    SMR_TRY(read_line(ledger, line, (size_t)(end - line)));
    *n_used += (size_t)(end - line) + 1;
  }
}

static smr_status read_piece(int file, const char *path, char *buffer, size_t bytes, size_t *got) {
  ssize_t n = 0;
  do {
    n = read(file, buffer, bytes);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot read %s: %s", path, strerror(errno));
  }
  *got = (size_t)n;
  return SMR_OK;
}

/* Reads an open journal through `buffer`. A piece without any newline is longer than the longest
 * line: damage, of which the end of that line is ignored too, by its CRC. */
static smr_status read_journal(smr_ledger *ledger, int file, const char *path, char *buffer) {
  size_t held = 0;
  size_t got = 0;
  size_t n_used = 0;
  do {
    SMR_TRY(read_piece(file, path, buffer + held, PIECE_BYTES - held, &got));
    held += got;
    SMR_TRY(read_lines(ledger, buffer, held, &n_used));
    memmove(buffer, buffer + n_used, held - n_used);
    held -= n_used;
    if (held == PIECE_BYTES) {
      held = 0;
      ledger->n_ignored++;
    }
  } while (got > 0);
  ledger->n_ignored += held > 0;
  return SMR_OK;
}

static smr_status load_journal(smr_ledger *ledger, const char *folder, const char *name,
                               char *buffer) {
  char path[SMR_PATH_BYTES];
  SMR_TRY(smr_file_join(path, folder, name));
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  }
  smr_status status = read_journal(ledger, file, path, buffer);
  close(file);
  ledger->n_journals++;
  return status;
}

static smr_status list_journals(const char *folder, smr_names *names) {
  DIR *files = opendir(folder);
  smr_status status = SMR_OK;
  int64_t index = 0;
  if (files == NULL && errno == ENOENT) {
    return SMR_OK;
  }
  if (files == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot list %s: %s", folder, strerror(errno));
  }
  errno = 0;
  for (const struct dirent *file = readdir(files); file != NULL && status == SMR_OK;
       file = readdir(files)) {
    const char *dot = strrchr(file->d_name, '.');
    if (dot != NULL && strcmp(dot, ".log") == 0) {
      status = smr_names_add(names, file->d_name, &index);
    }
    errno = 0;
  }
  if (status == SMR_OK && errno != 0) {
    status = smr_error_set(SMR_ERR_IO, "cannot list %s: %s", folder, strerror(errno));
  }
  closedir(files);
  return status;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

smr_status smr_ledger_load(smr_ledger *ledger) {
  smr_status status = SMR_OK;
  char folder[SMR_PATH_BYTES];
  smr_names names = {0};
  char *buffer = NULL;
  SMR_TRY_DONE(smr_file_join(folder, ledger->folder, "journal"));
  SMR_TRY_DONE(list_journals(folder, &names));
  SMR_TRY_DONE(smr_memory_alloc(PIECE_BYTES, 1, "a piece of a journal", (void *)&buffer));
  if (names.n > 0) {
    qsort(names.names, (size_t)names.n, sizeof *names.names, compare_names);
  }
  for (int64_t i = 0; i < names.n; i++) {
    SMR_TRY_DONE(load_journal(ledger, folder, names.names[i], buffer));
  }
done:
  smr_names_clear(&names);
  smr_memory_free(buffer);
  return status;
}
