/* An output folder and the job it belongs to.
 *
 * DIR/job.keys holds the fixed keys, one "key=value" a line, sorted; it is the first file in a
 * folder and the mark of a simmer folder. DIR/job.yaml is the resolved job. Both are written by
 * rename, so that processes that open one folder at the same time see whole files. While --fresh
 * renames a folder, DIR/aside.lock is in it. */
#include "simmer/store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/base/text.h"
#include "simmer/store/claims.h"

static const char keys_name[] = "job.keys";
static const char yaml_name[] = "job.yaml";
static const char data_name[] = "data.keys";
static const char lock_name[] = "aside.lock";
static const char *const sub_folders[] = {"journal", "claims", "parts", "log"};
enum {
  N_SUB_FOLDERS = sizeof sub_folders / sizeof *sub_folders,
  MAX_TEXT_BYTES = 1 << 28,
  CRC_DIGITS = 8
};

/* May this be in a folder that was only begun (or made ready for the batch system's output)? */
static int is_harmless(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "log") == 0 ||
         strncmp(name, ".nfs", 4) == 0 ||
         (strncmp(name, keys_name, sizeof keys_name - 1) == 0 &&
          strncmp(name + sizeof keys_name - 1, ".tmp", 4) == 0);
}

static int has_file(const char *folder, const char *name) {
  char path[SMR_PATH_BYTES];
  int is_there = smr_file_join(path, folder, name) == SMR_OK && smr_file_exists(path);
  smr_error_clear();
  return is_there;
}

/* *is_marked = 1 for a simmer folder; else the folder must be new. */
static smr_status check_is_new(const char *folder, int *is_marked) {
  DIR *files = opendir(folder);
  char other[256] = "";
  *is_marked = 0;
  if (files == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot list %s: %s", folder, strerror(errno));
  }
  for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
    if (strcmp(file->d_name, keys_name) == 0) {
      *is_marked = 1;
    } else if (!is_harmless(file->d_name)) {
      snprintf(other, sizeof other, "%s", file->d_name);
    }
  }
  closedir(files);
  /* Asked again: another process may have made it a simmer folder while it was listed. */
  *is_marked = *is_marked || has_file(folder, keys_name);
  if (!*is_marked && other[0] != '\0') {
    SMR_FAIL(SMR_ERR_USAGE,
             "%s isn't an output folder of simmer, and it isn't empty (it holds %s). Choose "
             "another folder with -o",
             folder, other);
  }
  return SMR_OK;
}

/* One "key=value" line. */
typedef struct {
  const char *key, *value;
  size_t key_length, value_length;
} key_line;

/* Whether a text is lines of "key=value", as smr_folder_open writes them. */
static smr_status check_keys(const char *folder, const char *text) {
  int n_line = 1;
  for (const char *at = text; *at != '\0' || at == text; n_line++) {
    const size_t length = strcspn(at, "\n");
    if (at[length] == '\0' || memchr(at, '=', length) == NULL) {
      SMR_FAIL(SMR_ERR_INPUT,
               "%s/%s is damaged at line %d, so that it can't be told which job the folder holds. "
               "Mend it by a backup, choose another folder with -o, or put this one aside with "
               "--fresh",
               folder, keys_name, n_line);
    }
    at += length + 1;
  }
  return SMR_OK;
}

/* Takes the next line off `text`; 0 at the end. */
static int next_line(const char **text, key_line *line) {
  while (**text == '\n') {
    (*text)++;
  }
  if (**text == '\0') {
    return 0;
  }
  size_t length = strcspn(*text, "\n");
  const char *equals = memchr(*text, '=', length);
  line->key = *text;
  line->key_length = equals == NULL ? length : (size_t)(equals - *text);
  line->value = equals == NULL ? "" : equals + 1;
  line->value_length = equals == NULL ? 0 : length - line->key_length - 1;
  *text += length;
  return 1;
}

static int compare_keys(const key_line *a, const key_line *b) {
  size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
  int order = memcmp(a->key, b->key, shorter);
  return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int is_free(const key_line *line) {
  return line->value_length == 1 && line->value[0] == '*';
}

static smr_status fail_missing(const char *folder, const key_line *line, const char *has,
                               const char *lacks) {
  SMR_FAIL(SMR_ERR_JOB,
           "%s holds another job: %s %.*s=%.*s, and %s no such key. Choose another folder with -o, "
           "or put the old one aside with --fresh",
           folder, has, (int)line->key_length, line->key, (int)line->value_length, line->value,
           lacks);
}

static smr_status check_pair(const char *folder, const key_line *old, const key_line *new) {
  if (is_free(old) || is_free(new) ||
      (old->value_length == new->value_length &&memcmp(old->value, new->value, old->value_length) ==
       0)) {
    return SMR_OK;
  }
  SMR_FAIL(SMR_ERR_JOB,
           "%s holds another job: %.*s is %.*s there and %.*s here. Choose another folder with -o, "
           "or put the old one aside with --fresh",
           folder, (int)old->key_length, old->key, (int)old->value_length, old->value,
           (int)new->value_length, new->value);
}

/* Both texts are sorted by key. */
static smr_status compare_jobs(const char *folder, const char *old_keys, const char *new_keys) {
  key_line old = {0};
  key_line new = {0};
  int has_old = next_line(&old_keys, &old);
  int has_new = next_line(&new_keys, &new);
  while (has_old || has_new) {
    int order = !has_old ? 1 : !has_new ? -1 : compare_keys(&old, &new);
    if (order < 0 && !is_free(&old)) {
      return fail_missing(folder, &old, "that one has", "this one has");
    }
    if (order > 0 && !is_free(&new)) {
      return fail_missing(folder, &new, "this one has", "that one has");
    }
    if (order == 0) {
      SMR_TRY(check_pair(folder, &old, &new));
    }
    has_old = order <= 0 ? next_line(&old_keys, &old) : has_old;
    has_new = order >= 0 ? next_line(&new_keys, &new) : has_new;
  }
  return SMR_OK;
}

static smr_status read_text(const char *folder, const char *name, char **text) {
  char path[SMR_PATH_BYTES];
  size_t bytes = 0;
  SMR_TRY(smr_file_join(path, folder, name));
  SMR_TRY(smr_file_read(path, MAX_TEXT_BYTES, text, &bytes));
  if (strlen(*text) != bytes) {
    smr_memory_free(*text);
    *text = NULL;
    SMR_FAIL(SMR_ERR_INPUT, "%s is damaged: it holds a byte 0", path);
  }
  return SMR_OK;
}

static int holds_text(const char *folder, const char *name, const char *text) {
  char *found = NULL;
  if (read_text(folder, name, &found) != SMR_OK || found == NULL) {
    smr_error_clear();
    return 0;
  }
  int is_equal = strcmp(found, text) == 0;
  smr_memory_free(found);
  return is_equal;
}

/* Writes a file unless it holds the text already. Another process may be writing the same text at
 * the same time: when that one was faster, its file is as good. */
static smr_status write_text(const char *folder, const char *name, const char *text) {
  char path[SMR_PATH_BYTES];
  if (holds_text(folder, name, text)) {
    return SMR_OK;
  }
  SMR_TRY(smr_file_join(path, folder, name));
  smr_status status = smr_file_write(path, text, strlen(text));
  char message[SMR_PATH_BYTES];
  snprintf(message, sizeof message, "%s", smr_error_message());
  if (status != SMR_OK && !holds_text(folder, name, text)) {
    return smr_error_set(status, "%s", message);
  }
  return SMR_OK;
}

/* DIR without the slashes at its end. */
static smr_status trim(const char *folder, char path[SMR_PATH_BYTES]) {
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') {
    length--;
  }
  if (length == 0) {
    SMR_FAIL(SMR_ERR_USAGE, "the name of the output folder is empty");
  }
  if (length >= SMR_PATH_BYTES) {
    SMR_FAIL(SMR_ERR_LIMIT, "the name of the output folder is too long");
  }
  memcpy(path, folder, length);
  path[length] = '\0';
  return SMR_OK;
}

/* Renames DIR to DIR.old-<date>, with a number behind it where that is taken. */
static smr_status put_aside(const char *folder) {
  char date[32];
  char aside[SMR_PATH_BYTES + 64];
  (void)smr_clock_format_date(date, sizeof date);
  for (char *c = date; *c != '\0'; c++) {
    if (*c == ':') {
      *c = '-';
    }
  }
  int n = snprintf(aside, sizeof aside, "%s.old-%s", folder, date);
  for (int i = 1; smr_file_exists(aside); i++) {
    snprintf(aside + n, sizeof aside - (size_t)n, "-%d", i);
  }
  if (rename(folder, aside) != 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot rename %s to %s: %s", folder, aside, strerror(errno));
  }
  smr_log_info("the old folder is now %s", aside);
  return SMR_OK;
}

/* Of several that would put it aside one does, and the others are told: the lock is made in the
 * folder that was looked at, wherever that has gone, and the folder must still have its name then.
 */
static smr_status put_aside_once(const char *path, int folder) {
  struct stat then, now;
  const int lock = openat(folder, lock_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (lock < 0 && errno == EEXIST) {
    SMR_FAIL(SMR_ERR_USAGE,
             "somebody else is just putting %s aside: try again, and remove %s/%s if this stays so",
             path, path, lock_name);
  }
  if (lock < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot make %s/%s: %s", path, lock_name, strerror(errno));
  }
  close(lock);
  smr_status status = SMR_OK;
  if (fstat(folder, &then) != 0 || stat(path, &now) != 0 || then.st_dev != now.st_dev ||
      then.st_ino != now.st_ino) {
    status = smr_error_set(SMR_ERR_USAGE,
                           "somebody else has just put %s aside, and begins there: choose another "
                           "folder with -o, or leave --fresh out to join in",
                           path);
  }
  status = status == SMR_OK ? put_aside(path) : status;
  (void)unlinkat(folder, lock_name, 0);
  return status;
}

/* What the folder holds is put aside, unless somebody is at work there. */
static smr_status begin_anew(const char *path) {
  smr_status status = SMR_OK;
  const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 && errno == ENOENT) {
    return SMR_OK; /* another process was faster */
  }
  if (folder < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  }
  status = smr_claims_check_quiet(path);
  if (status == SMR_OK) {
    status = put_aside_once(path, folder);
  }
  close(folder);
  return status;
}

/* Marks a new folder as this job's, unless another process was faster: link(2) never replaces a
 * file, also over NFS. */
static smr_status mark_folder(const char *folder, const char *fixed_keys) {
  char keys[SMR_PATH_BYTES], own[SMR_PATH_BYTES], name[96], unique[SMR_UNIQUE_BYTES];
  snprintf(name, sizeof name, "%s.tmp.%s", keys_name, smr_file_make_unique(unique));
  SMR_TRY(smr_file_join(keys, folder, keys_name));
  SMR_TRY(smr_file_join(own, folder, name));
  SMR_TRY(smr_file_write(own, fixed_keys, strlen(fixed_keys)));
  int is_settled = link(own, keys) == 0 || errno == EEXIST;
  (void)unlink(own);
  if (is_settled) {
    return smr_file_sync_folder(folder);
  }
  return write_text(folder, keys_name, fixed_keys); /* a file system without links */
}

/* Accepts a folder that holds this job or none; its job.keys are this job's afterwards. */
static smr_status check_or_claim(const char *path, const char *fixed_keys) {
  char *old_keys = NULL;
  int is_marked = 0;
  SMR_TRY(check_is_new(path, &is_marked));
  if (!is_marked) {
    SMR_TRY(mark_folder(path, fixed_keys));
  }
  /* Read in any case: another process may have put its own job here in between. */
  SMR_TRY(read_text(path, keys_name, &old_keys));
  smr_status status = check_keys(path, old_keys);
  if (status == SMR_OK) {
    status = compare_jobs(path, old_keys, fixed_keys);
  }
  smr_memory_free(old_keys);
  return status == SMR_OK ? write_text(path, keys_name, fixed_keys) : status;
}

smr_status smr_folder_open(const char *folder, const char *job_yaml, const char *fixed_keys,
                           int is_fresh) {
  char path[SMR_PATH_BYTES];
  char sub_folder[SMR_PATH_BYTES];
  SMR_TRY(trim(folder, path));
  if (smr_file_exists(path) && !smr_file_is_folder(path)) {
    SMR_FAIL(SMR_ERR_USAGE, "%s is a file, not a folder. Choose another folder with -o", path);
  }
  if (is_fresh && has_file(path, keys_name)) {
    SMR_TRY(begin_anew(path));
  }
  SMR_TRY(smr_file_make_folder(path));
  SMR_TRY(check_or_claim(path, fixed_keys));
  SMR_TRY(write_text(path, yaml_name, job_yaml));
  for (int i = 0; i < N_SUB_FOLDERS; i++) {
    SMR_TRY(smr_file_join(sub_folder, path, sub_folders[i]));
    SMR_TRY(smr_file_make_folder(sub_folder));
  }
  return SMR_OK;
}

/* Line of text that ends like `line` after its CRC; NULL if none. */
static const char *find_input(const char *text, const char *line, size_t length) {
  const size_t crc = CRC_DIGITS + 1;
  for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
    const char *end = strchr(at, '\n');
    if (end == NULL) {
      return NULL;
    }
    if ((size_t)(end - at) == length && length > crc &&
        memcmp(at + crc, line + crc, length - crc) == 0) {
      return at;
    }
  }
  return NULL;
}

/* Adds what is new of lines to known; SMR_ERR_JOB for what differs. */
static smr_status merge_inputs(const char *folder, const char *lines, smr_text *known) {
  for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1) {
    const size_t length = strcspn(line, "\n");
    const char *old = known->data == NULL ? NULL : find_input(known->data, line, length);
    if (old != NULL && memcmp(old, line, CRC_DIGITS) != 0) {
      SMR_FAIL(SMR_ERR_JOB,
               "%.*s has changed since %s was begun: its results would mix old and new data. Use "
               "--fresh to set the folder aside, or choose another one with -o",
               (int)(length - CRC_DIGITS - 1), line + CRC_DIGITS + 1, folder);
    }
    if (old == NULL) {
      SMR_TRY(smr_text_add(known, "%.*s\n", (int)length, line));
    }
  }
  return SMR_OK;
}

smr_status smr_folder_check_data(const char *folder, const char *lines) {
  smr_text known = {0};
  char *old = NULL;
  smr_status status = SMR_OK;
  if (has_file(folder, data_name)) {
    SMR_TRY_DONE(read_text(folder, data_name, &old));
    SMR_TRY_DONE(smr_text_add(&known, "%s", old));
  }
  SMR_TRY_DONE(merge_inputs(folder, lines, &known));
  if (known.data != NULL) {
    SMR_TRY_DONE(write_text(folder, data_name, known.data));
  }
done:
  smr_memory_free(old);
  smr_text_clear(&known);
  return status;
}

smr_status smr_folder_read_job(const char *folder, char **yaml) {
  *yaml = NULL;
  if (!smr_file_is_folder(folder)) {
    SMR_FAIL(SMR_ERR_USAGE, "there is no folder %s", folder);
  }
  if (!has_file(folder, keys_name) || !has_file(folder, yaml_name)) {
    SMR_FAIL(SMR_ERR_USAGE, "%s isn't an output folder of simmer: it has no %s", folder,
             has_file(folder, keys_name) ? yaml_name : keys_name);
  }
  return read_text(folder, yaml_name, yaml);
}

smr_status smr_folder_link_unit(const char *folder, const char *unit, const char *name) {
  char link[SMR_PATH_BYTES], target[SMR_PATH_BYTES], now[SMR_PATH_BYTES], temporary[SMR_PATH_BYTES];
  char unique[SMR_UNIQUE_BYTES];
  struct stat found;
  SMR_TRY(smr_file_join(link, folder, name));
  if (unit == NULL) {
    if (lstat(link, &found) == 0 && S_ISLNK(found.st_mode) && unlink(link) != 0) {
      SMR_FAIL(SMR_ERR_IO, "cannot remove the link %s: %s", link, strerror(errno));
    }
    return SMR_OK;
  }
  snprintf(target, sizeof target, "units/%s/%s", unit, name);
  if (lstat(link, &found) == 0) {
    ssize_t length = S_ISLNK(found.st_mode) ? readlink(link, now, sizeof now - 1) : -1;
    now[length > 0 ? length : 0] = '\0';
    if (length < 0 || strcmp(now, target) == 0) {
      return SMR_OK;
    }
  }
  int length =
      snprintf(temporary, sizeof temporary, "%s.tmp.%s", link, smr_file_make_unique(unique));
  if (length < 0 || length >= (int)sizeof temporary) {
    SMR_FAIL(SMR_ERR_LIMIT, "a path is too long: %s", link);
  }
  if (symlink(target, temporary) != 0 || rename(temporary, link) != 0) {
    const int cause = errno;
    (void)unlink(temporary);
    SMR_FAIL(cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO, "cannot link %s: %s",
             link, strerror(cause));
  }
  return SMR_OK;
}
