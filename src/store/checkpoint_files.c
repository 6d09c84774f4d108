/* The files of a folder of checkpoints: names, listing, sweeping up, setting aside. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint_file.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"

enum { STEP_DIGITS = 12, NAME_LENGTH = 5 + STEP_DIGITS + 3 };
/* A younger temporary file may belong to somebody who lives. */
static const int64_t old_temporary_s = 600;
static const int64_t largest_step = INT64_C(999999999999);

smr_status smr_checkpoint_make_path(const char *folder, int64_t step, char path[SMR_PATH_BYTES]) {
  char name[64];
  if (step < 0 || step > largest_step) {
    SMR_FAIL(SMR_ERR_LIMIT, "there can't be a checkpoint of step %" PRId64, step);
  }
  snprintf(name, sizeof name, "step-%012" PRId64 ".h5", step);
  return smr_file_join(path, folder, name);
}

/* The step when a name begins like a checkpoint's, else -1. */
static int64_t parse_name(const char *name) {
  int64_t step = 0;
  if (strlen(name) < NAME_LENGTH || strncmp(name, "step-", 5) != 0 ||
      strncmp(name + 5 + STEP_DIGITS, ".h5", 3) != 0) {
    return -1;
  }
  for (int i = 0; i < STEP_DIGITS; i++) {
    const char digit = name[5 + i];
    if (!isdigit((unsigned char)digit)) {
      return -1;
    }
    step = step * 10 + (digit - '0');
  }
  return step;
}

/* Our own temporary names alone: .tmp.<process>.<16 hexadecimal digits>. */
static bool is_temporary(const char *name) {
  const char *rest = name + NAME_LENGTH;
  if (parse_name(name) < 0 || strncmp(rest, ".tmp.", 5) != 0) {
    return false;
  }
  rest += 5;
  const size_t n_digits = strspn(rest, "0123456789");
  if (n_digits == 0 || rest[n_digits] != '.') {
    return false;
  }
  rest += n_digits + 1;
  return strspn(rest, "0123456789abcdef") == 16 && rest[16] == '\0';
}

static int compare_steps(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

static smr_status add_step(int64_t step, smr_text *list) {
  return smr_text_add_bytes(list, &step, sizeof step);
}

smr_status smr_checkpoint_list(const char *folder, int64_t **steps, int64_t *n) {
  smr_status status = SMR_OK;
  smr_text list = {0};
  *steps = NULL;
  *n = 0;
  DIR *files = opendir(folder);
  if (files == NULL && errno != ENOENT) {
    SMR_FAIL(SMR_ERR_IO, "cannot list %s: %s", folder, strerror(errno));
  }
  const struct dirent *file = files == NULL ? NULL : readdir(files);
  for (; file != NULL; file = readdir(files)) {
    const int64_t step = parse_name(file->d_name);
    if (step >= 0 && strlen(file->d_name) == NAME_LENGTH) {
      SMR_TRY_DONE(add_step(step, &list));
    }
  }
  *n = (int64_t)(list.length / sizeof **steps);
  SMR_TRY_DONE(smr_memory_alloc(*n, sizeof **steps, "steps of checkpoints", steps));
  if (*n > 0) {
    memcpy(*steps, list.data, list.length);
    qsort(*steps, (size_t)*n, sizeof **steps, compare_steps);
  }
done:
  if (files != NULL) {
    closedir(files);
  }
  smr_text_clear(&list);
  return status;
}

smr_status smr_checkpoint_list_all(const smr_context *context, const char *folder, int64_t **steps,
                                   int64_t *n) {
  smr_status status = SMR_OK;
  *steps = NULL;
  *n = 0;
  if (context->rank == 0) {
    status = smr_checkpoint_list(folder, steps, n);
  }
  SMR_TRY_DONE(smr_agree_root(context, 0, status));
  smr_broadcast(context, 0, n, sizeof *n);
  if (context->rank != 0) {
    status = smr_memory_alloc(*n, sizeof **steps, "steps of checkpoints", steps);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  smr_broadcast(context, 0, *steps, (size_t)*n * sizeof **steps);
done:
  if (status != SMR_OK) {
    smr_memory_free(*steps);
    *steps = NULL;
    *n = 0;
  }
  return status;
}

/* When a file was last written, by the file system's clock; 0 if it is gone. */
static int64_t get_time(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 ? (int64_t)found.st_mtime : 0;
}

void smr_checkpoint_sweep(const char *folder, const char *fresh) {
  char path[SMR_PATH_BYTES];
  const int64_t now = get_time(fresh);
  DIR *files = opendir(folder);
  if (files == NULL) {
    return;
  }
  for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
    if (is_temporary(file->d_name) && smr_file_join(path, folder, file->d_name) == SMR_OK &&
        now - get_time(path) > old_temporary_s) {
      unlink(path);
    }
  }
  closedir(files);
}

void smr_checkpoint_warn(const smr_context *context, const char *message) {
  const smr_log_level level = smr_log_get_level();
  if (context->rank != 0) {
    return;
  }
  if (level < SMR_LOG_QUIET) {
    smr_log_set_level(SMR_LOG_QUIET);
  }
  smr_log_warning("%s", message);
  smr_log_set_level(level);
}

/* Rank 0 alone. */
static void rename_damaged(const smr_context *context, const char *path) {
  char aside[SMR_PATH_BYTES], message[2 * SMR_PATH_BYTES];
  snprintf(message, sizeof message,
           "%s; it is set aside as *.damaged, and the checkpoint before it is used, if any",
           smr_error_message());
  smr_checkpoint_warn(context, message);
  const int length = snprintf(aside, sizeof aside, "%s.damaged", path);
  if (length < 0 || (size_t)length >= sizeof aside || rename(path, aside) != 0) {
    snprintf(message, sizeof message, "cannot rename %s: %s", path, strerror(errno));
    smr_checkpoint_warn(context, message);
  }
}

void smr_checkpoint_set_aside(const smr_context *context, const char *path) {
  if (context->rank == 0) {
    rename_damaged(context, path);
  }
  smr_barrier(context);
}
