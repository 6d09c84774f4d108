/* The writer of parts and of its journal. The format is told in line.h.
 *
 * Order of a flush: the part is on disk before the line that names it is written, so that a whole
 * line always names a whole part. */
#include "simmer/store/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "line.h"
#include "names.h"
#include "owner.h"
#include "part.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/text.h"

enum { HOST_COLUMNS = 40 };
/* More records than this make another part, so that one can be read without much memory. */
static const int64_t part_bytes = INT64_C(64) << 20;

struct smr_journal {
  char folder[SMR_PATH_BYTES];
  char path[SMR_PATH_BYTES];
  char writer[SMR_LINE_PART_NAME - 16];
  smr_part_schema schema;
  int file; /* -1 before the first line */
  int is_folder_synced;
  int is_torn;     /* the last write may have left half a line */
  int64_t n_parts; /* the number of the next part */
  int64_t n_rows;  /* the batch: units [n_rows], records [n_rows x L] */
  int64_t unit_capacity, record_capacity;
  smr_hash *units;
  double *records;
  int64_t n_failures;
  smr_text failures; /* their lines */
};

enum { DATE_COLUMNS = 16, LAST_YEAR = 9000 /* of dates that are believed */ };
static const char date_format[] = "%Y%m%dT%H%M%SZ";

/* The time of a writer's name; -1 when it doesn't begin with one. */
static time_t parse_date(const char *name) {
  struct tm parts = {0};
  const char *rest = strptime(name, date_format, &parts);
  if (rest == NULL || rest != name + DATE_COLUMNS || parts.tm_year + 1900 > LAST_YEAR) {
    return -1;
  }
  return timegm(&parts);
}

/* Now, or a second after the newest journal there is, should that be later: journals are read in
 * the order of their names, and what a line says of earlier journals must hold whatever the clocks
 * of hosts say. */
static smr_status choose_date(const char *journal_folder, char date[DATE_COLUMNS + 1]) {
  time_t chosen = time(NULL);
  DIR *files = opendir(journal_folder);
  if (files == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot list %s: %s", journal_folder, strerror(errno));
  }
  for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
    const time_t other = parse_date(file->d_name);
    chosen = other >= chosen ? other + 1 : chosen;
  }
  closedir(files);
  struct tm parts;
  if (gmtime_r(&chosen, &parts) == NULL ||
      strftime(date, DATE_COLUMNS + 1, date_format, &parts) != DATE_COLUMNS) {
    SMR_FAIL(SMR_ERR_IO, "the clock of this host is wrong: it isn't between the years 1000 and "
                         "9999");
  }
  return SMR_OK;
}

/* <UTC date and time>-<host>-<process>-<random>. */
static smr_status make_writer(const char *journal_folder, char *writer, size_t writer_bytes) {
  char host[SMR_OWNER_NAME_BYTES];
  char date[DATE_COLUMNS + 1];
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
    SMR_FAIL(SMR_ERR_IO, "cannot get random bytes for the name of a journal: %s", strerror(errno));
  }
  smr_owner_get_host(host);
  host[HOST_COLUMNS] = '\0';
  for (char *c = host; *c != '\0'; c++) {
    if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c) == NULL) {
      *c = '_';
    }
  }
  SMR_TRY(choose_date(journal_folder, date));
  snprintf(writer, writer_bytes, "%s-%.*s-%ld-%016" PRIx64, date, HOST_COLUMNS, host,
           (long)getpid(), random);
  return SMR_OK;
}

smr_status smr_journal_create(const char *folder, const smr_schema *schema, smr_journal **out) {
  smr_status status = SMR_OK;
  smr_journal *journal = NULL;
  char sub_folder[SMR_PATH_BYTES];
  char name[SMR_LINE_PART_NAME];
  *out = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *journal, "journal", (void *)&journal));
  journal->file = -1;
  SMR_TRY_DONE(smr_part_schema_copy(schema, &journal->schema));
  SMR_TRY_DONE(smr_file_join(sub_folder, folder, "parts"));
  SMR_TRY_DONE(smr_file_make_folder(sub_folder));
  SMR_TRY_DONE(smr_file_join(sub_folder, folder, "journal"));
  SMR_TRY_DONE(smr_file_make_folder(sub_folder));
  SMR_TRY_DONE(make_writer(sub_folder, journal->writer, sizeof journal->writer));
  SMR_TRY_DONE(smr_file_join(journal->folder, folder, "."));
  journal->folder[strlen(journal->folder) - 2] = '\0';
  snprintf(name, sizeof name, "%s.log", journal->writer);
  SMR_TRY_DONE(smr_file_join(journal->path, sub_folder, name));
  *out = journal;
  journal = NULL;
done:
  smr_journal_destroy(&journal);
  return status;
}

void smr_journal_destroy(smr_journal **journal) {
  smr_journal *ending = *journal;
  if (ending == NULL) {
    return;
  }
  if (ending->file >= 0) {
    close(ending->file);
  }
  smr_part_schema_clear(&ending->schema);
  smr_memory_free(ending->units);
  smr_memory_free(ending->records);
  smr_text_clear(&ending->failures);
  smr_memory_free(ending);
  *journal = NULL;
}

const char *smr_journal_get_writer(const smr_journal *journal) {
  return journal->writer;
}

smr_status smr_journal_add(smr_journal *journal, smr_hash unit, const double *record) {
  int64_t n_doubles = journal->schema.n_doubles;
  int64_t n_needed = 0;
  SMR_TRY(smr_int_multiply(journal->n_rows + 1, n_doubles, "records of a batch", &n_needed));
  SMR_TRY(smr_grow(journal->n_rows + 1, sizeof *journal->units, "units of a batch",
                   &journal->unit_capacity, (void *)&journal->units));
  SMR_TRY(smr_grow(n_needed, sizeof *journal->records, "records of a batch",
                   &journal->record_capacity, (void *)&journal->records));
  if (n_doubles > 0) {
    memcpy(journal->records + journal->n_rows * n_doubles, record,
           (size_t)n_doubles * sizeof *record);
  }
  journal->units[journal->n_rows++] = unit;
  return SMR_OK;
}

/* Ends the line that begins at `start` of text with its CRC. */
static smr_status end_line(smr_text *text, size_t start) {
  SMR_TRY(smr_text_add_bytes(text, " ", 1));
  uint32_t crc = smr_crc32(0, text->data + start, text->length - start);
  return smr_text_add(text, "%08" PRIx32 "\n", crc);
}

static smr_status add_escaped(smr_text *text, const char *message) {
  for (size_t i = 0; message[i] != '\0' && i < SMR_LINE_MESSAGE; i++) {
    unsigned char c = (unsigned char)message[i];
    if (c < ' ' || c == '%' || c == 0x7f) {
      SMR_TRY(smr_text_add(text, "%%%02X", c));
    } else {
      SMR_TRY(smr_text_add_bytes(text, &c, 1));
    }
  }
  return SMR_OK;
}

static smr_status add_failure_line(smr_text *text, smr_hash unit, smr_status cause,
                                   const char *message) {
  char hash[SMR_HASH_TEXT_BYTES];
  size_t start = text->length;
  SMR_TRY(smr_text_add(text, "F %s %02x ", smr_hash_format(unit, hash), (unsigned)cause & 0xffU));
  SMR_TRY(add_escaped(text, message));
  return end_line(text, start);
}

smr_status smr_journal_add_failure(smr_journal *journal, smr_hash unit, smr_status cause,
                                   const char *message) {
  size_t before = journal->failures.length;
  smr_status status = add_failure_line(&journal->failures, unit, cause, message);
  if (status != SMR_OK) {
    journal->failures.length = before;
    return status;
  }
  journal->n_failures++;
  return SMR_OK;
}

int64_t smr_journal_count_pending(const smr_journal *journal) {
  return journal->n_rows + journal->n_failures;
}

int64_t smr_journal_count_pending_bytes(const smr_journal *journal) {
  int64_t row_bytes = journal->schema.n_doubles * (int64_t)sizeof *journal->records +
                      (int64_t)sizeof *journal->units;
  return journal->n_rows * row_bytes + (int64_t)journal->failures.length;
}

static smr_status fail_write(smr_journal *journal, int cause) {
  smr_status status = cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO;
  return smr_error_set(status, "cannot write %s: %s", journal->path, strerror(cause));
}

/* Creates the journal's file at its first line. */
static smr_status open_file(smr_journal *journal) {
  char folder[SMR_PATH_BYTES];
  if (journal->file < 0) {
    journal->file = open(journal->path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (journal->file < 0) {
      return fail_write(journal, errno);
    }
  }
  if (!journal->is_folder_synced) {
    SMR_TRY(smr_file_join(folder, journal->folder, "journal"));
    SMR_TRY(smr_file_sync_folder(folder));
    journal->is_folder_synced = 1;
  }
  return SMR_OK;
}

/* One write; a short one is a full disk. */
static int write_once(smr_journal *journal, const char *data, size_t bytes) {
  size_t allowed = bytes;
  if (smr_fault("journal.line")) {
    allowed = bytes / 2;
  }
  ssize_t written = 0;
  do {
    written = write(journal->file, data, allowed);
  } while (written < 0 && errno == EINTR);
  if (written < 0) {
    return errno;
  }
  return (size_t)written == bytes ? 0 : ENOSPC;
}

/* 0, or the cause of the failure. */
static int sync_file(int file) {
  int result = 0;
  do {
    result = fsync(file);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

/* Appends whole lines and syncs them. *may_be_there says, after a failure, that they may have
 * reached the disk all the same. */
static smr_status append_lines(smr_journal *journal, const smr_text *lines, int *may_be_there) {
  smr_status status = SMR_OK;
  smr_text fresh = {0};
  const smr_text *text = lines;
  *may_be_there = 0;
  SMR_TRY_DONE(open_file(journal));
  if (journal->is_torn) {
    SMR_TRY_DONE(smr_text_add_bytes(&fresh, "\n", 1));
    SMR_TRY_DONE(smr_text_add_bytes(&fresh, lines->data, lines->length));
    text = &fresh;
  }
  journal->is_torn = 1;
  int cause = write_once(journal, text->data, text->length);
  if (cause == 0) {
    *may_be_there = 1;
    cause = sync_file(journal->file);
  }
  if (cause != 0) {
    status = fail_write(journal, cause);
    goto done;
  }
  journal->is_torn = 0;
done:
  smr_text_clear(&fresh);
  return status;
}

/* The line that says that a part is good. */
static smr_status add_done_line(smr_text *line, const char *part, const void *image, size_t bytes,
                                int64_t n_rows, const smr_hash *units) {
  char hash[SMR_HASH_TEXT_BYTES];
  SMR_TRY(smr_text_add(line, "D %-*s %016" PRIx64 " %08" PRIx32 " %08" PRIx64, SMR_LINE_PART_NAME,
                       part, (uint64_t)bytes, smr_crc32(0, image, bytes), (uint64_t)n_rows));
  for (int64_t row = 0; row < n_rows; row++) {
    SMR_TRY(smr_text_add_bytes(line, " ", 1));
    SMR_TRY(smr_text_add_bytes(line, smr_hash_format(units[row], hash), SMR_LINE_HASH));
  }
  return end_line(line, 0);
}

static smr_status write_part(const char *path, const void *image, size_t bytes) {
  if (smr_fault("journal.part")) {
    SMR_FAIL(SMR_ERR_FULL, "cannot write %s: %s", path, strerror(ENOSPC));
  }
  return smr_file_write(path, image, bytes);
}

/* Writes rows first..first+n_rows-1 of the batch as one part, with its line. A part number is used
 * once only: a line that may be there keeps naming the same bytes. */
static smr_status flush_rows(smr_journal *journal, int64_t first, int64_t n_rows) {
  smr_status status = SMR_OK;
  char name[SMR_LINE_PART_NAME];
  char folder[SMR_PATH_BYTES];
  char path[SMR_PATH_BYTES];
  void *image = NULL;
  size_t bytes = 0;
  smr_text line = {0};
  const smr_hash *units = journal->units + first;
  const double *records =
      journal->schema.n_doubles == 0 ? NULL : journal->records + first * journal->schema.n_doubles;
  snprintf(name, sizeof name, "%s-%06" PRId64 ".h5", journal->writer, journal->n_parts);
  SMR_TRY_DONE(smr_file_join(folder, journal->folder, "parts"));
  SMR_TRY_DONE(smr_file_join(path, folder, name));
  SMR_TRY_DONE(smr_part_pack(&journal->schema, n_rows, units, records, &image, &bytes));
  SMR_TRY_DONE(add_done_line(&line, name, image, bytes, n_rows, units));
  SMR_TRY_DONE(write_part(path, image, bytes));
  journal->n_parts++;
  int may_be_there = 0;
  status = append_lines(journal, &line, &may_be_there);
  if (status != SMR_OK && !may_be_there) {
    (void)unlink(path); /* nothing names it, and space may be what is lacking */
  }
done:
  smr_memory_free(image);
  smr_text_clear(&line);
  return status;
}

/* Drops the first rows of the batch. */
static void drop_rows(smr_journal *journal, int64_t n_rows) {
  int64_t n_doubles = journal->schema.n_doubles;
  int64_t n_left = journal->n_rows - n_rows;
  if (n_left > 0) {
    memmove(journal->units, journal->units + n_rows, (size_t)n_left * sizeof *journal->units);
  }
  if (n_left > 0 && n_doubles > 0) {
    memmove(journal->records, journal->records + n_rows * n_doubles,
            (size_t)(n_left * n_doubles) * sizeof *journal->records);
  }
  journal->n_rows = n_left;
}

smr_status smr_journal_flush(smr_journal *journal) {
  smr_status status = SMR_OK;
  int64_t record_bytes =
      smr_int_max(journal->schema.n_doubles * (int64_t)sizeof *journal->records, 1);
  int64_t n_at_once =
      smr_int_max(smr_int_min(part_bytes / record_bytes, (int64_t)SMR_PART_UNITS), 1);
  int64_t n_flushed = 0;
  while (status == SMR_OK && n_flushed < journal->n_rows) {
    int64_t n = smr_int_min(n_at_once, journal->n_rows - n_flushed);
    status = flush_rows(journal, n_flushed, n);
    n_flushed += status == SMR_OK ? n : 0;
  }
  drop_rows(journal, n_flushed);
  int may_be_there = 0;
  if (status == SMR_OK && journal->n_failures > 0) {
    status = append_lines(journal, &journal->failures, &may_be_there);
  }
  if (status == SMR_OK) {
    journal->n_failures = 0;
    journal->failures.length = 0;
  }
  return status;
}

static smr_status write_mark(smr_journal *journal, const char *kind, smr_hash unit,
                             const char *rest) {
  char hash[SMR_HASH_TEXT_BYTES];
  smr_text line = {0};
  int may_be_there = 0;
  smr_status status = smr_text_add(&line, "%s %s%s", kind, smr_hash_format(unit, hash), rest);
  if (status == SMR_OK) {
    status = end_line(&line, 0);
  }
  if (status == SMR_OK) {
    status = append_lines(journal, &line, &may_be_there);
  }
  smr_text_clear(&line);
  return status;
}

smr_status smr_journal_mark_start(smr_journal *journal, smr_hash unit, int is_alone) {
  return write_mark(journal, is_alone ? "A" : "S", unit, "");
}

smr_status smr_journal_mark_quarantined(smr_journal *journal, smr_hash unit, int64_t deaths) {
  char number[16];
  int64_t bounded = smr_int_max(smr_int_min(deaths, UINT32_MAX), 0);
  snprintf(number, sizeof number, " %08" PRIx32, (uint32_t)bounded);
  return write_mark(journal, "Q", unit, number);
}

smr_status smr_journal_mark_retry(smr_journal *journal, smr_hash unit) {
  return write_mark(journal, "R", unit, "");
}
