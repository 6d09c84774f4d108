/* Whole files and writes that survive a kill: a reader finds the old file or the new one. */
#include "simmer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gunzip.h"
#include "simmer/base/fault.h"
#include "simmer/base/memory.h"
#include "simmer/base/text.h"

enum { CHUNK_BYTES = 65536 };
/* Linux moves no more than this in one call. */
static const size_t call_bytes = 0x7ffff000;

static smr_status fail_io(const char *what, const char *path, int cause) {
  smr_status status = cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO;
  return smr_error_set(status, "cannot %s %s: %s", what, path, strerror(cause));
}

static int open_again(const char *path, int flags) {
  int file = -1;
  do {
    file = open(path, flags | O_CLOEXEC, 0666);
  } while (file < 0 && errno == EINTR);
  return file;
}

static smr_status sync_file(int file, const char *path) {
  int result = 0;
  do {
    result = fsync(file);
  } while (result != 0 && errno == EINTR);
  /* Some file systems can't sync a folder or a device: then there is nothing to wait for. */
  if (result != 0 && errno != EINVAL && errno != ENOTSUP && errno != ENOSYS) {
    return fail_io("sync", path, errno);
  }
  return SMR_OK;
}

static smr_status fail_limit(const char *path, int64_t max_bytes) {
  char text[32];
  return smr_error_set(SMR_ERR_LIMIT, "cannot read %s: it holds more than %s", path,
                       smr_memory_format(max_bytes, text, sizeof text));
}

static int is_gzip(const smr_text *content) {
  return content->length >= 2 && memcmp(content->data, "\x1f\x8b", 2) == 0;
}

/* What cannot be compressed grows a little in gzip. */
static int64_t get_limit(const smr_text *content, int64_t max_bytes) {
  int is_larger = is_gzip(content) && max_bytes < INT64_MAX / 2;
  return is_larger ? max_bytes + max_bytes / 64 + CHUNK_BYTES : max_bytes;
}

/* All of an open file, NUL-terminated, as far as max_bytes may come out of it. */
static smr_status read_all(int file, const char *path, int64_t max_bytes, smr_text *content) {
  char chunk[CHUNK_BYTES];
  for (;;) {
    ssize_t got = read(file, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_io("read", path, errno);
    }
    SMR_TRY(smr_text_add_bytes(content, chunk, (size_t)got));
    if ((int64_t)content->length > get_limit(content, max_bytes)) {
      return fail_limit(path, max_bytes);
    }
    if (got == 0) {
      return SMR_OK;
    }
  }
}

smr_status smr_file_read(const char *path, int64_t max_bytes, char **data, size_t *bytes) {
  smr_status status = SMR_OK;
  smr_text content = {0};
  smr_text unpacked = {0};
  *data = NULL;
  *bytes = 0;
  struct stat about;
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
    /* Opening a pipe without a writer would wait for ever. */
    SMR_FAIL(SMR_ERR_IO, "cannot read %s: it is no regular file", path);
  }
  int file = open_again(path, O_RDONLY);
  if (file < 0) {
    return fail_io("open", path, errno);
  }
  SMR_TRY_DONE(read_all(file, path, max_bytes, &content));
  if (is_gzip(&content)) {
    SMR_TRY_DONE(smr_gunzip(path, &content, max_bytes, &unpacked));
    smr_text_clear(&content);
    content = unpacked;
    unpacked = (smr_text){0};
  }
  *data = content.data;
  *bytes = content.length;
  content = (smr_text){0};
done:
  close(file);
  smr_text_clear(&content);
  smr_text_clear(&unpacked);
  return status;
}

static smr_status write_all(int file, const char *path, const char *data, size_t bytes) {
  if (smr_fault("file.write")) {
    return fail_io("write", path, EIO);
  }
  if (smr_fault("file.full")) {
    return fail_io("write", path, ENOSPC);
  }
  while (bytes > 0) {
    ssize_t written = write(file, data, bytes < call_bytes ? bytes : call_bytes);
    if (written < 0 && errno != EINTR) {
      return fail_io("write", path, errno);
    }
    /* A device that takes nothing and reports nothing would be asked forever. */
    if (written == 0) {
      return fail_io("write", path, ENOSPC);
    }
    data += written > 0 ? written : 0;
    bytes -= written > 0 ? (size_t)written : 0;
  }
  return SMR_OK;
}

static smr_status write_temporary(const char *temporary, const char *path, const void *data,
                                  size_t bytes) {
  int file = open_again(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (file < 0) {
    return fail_io("create", temporary, errno);
  }
  smr_status status = write_all(file, path, data, bytes);
  if (status == SMR_OK && smr_fault("file.sync")) {
    status = fail_io("sync", path, EIO);
  } else if (status == SMR_OK) {
    status = sync_file(file, path);
  }
  /* Network file systems report a full disk here. EINTR leaves the file closed on Linux. */
  if (close(file) != 0 && errno != EINTR && status == SMR_OK) {
    status = fail_io("close", path, errno);
  }
  return status;
}

/* The folder that holds path, in buffer. */
static smr_status get_parent(char buffer[SMR_PATH_BYTES], const char *path) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
  if (length >= SMR_PATH_BYTES) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
  }
  memcpy(buffer, slash == NULL ? "." : path, length);
  buffer[length] = '\0';
  return SMR_OK;
}

const char *smr_file_make_unique(char text[SMR_UNIQUE_BYTES]) {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
    bits = 0; /* the process number still tells processes of one host apart */
  }
  snprintf(text, SMR_UNIQUE_BYTES, "%ld.%016" PRIx64, (long)getpid(), bits);
  return text;
}

smr_status smr_file_write(const char *path, const void *data, size_t bytes) {
  char temporary[SMR_PATH_BYTES];
  char folder[SMR_PATH_BYTES];
  char unique[SMR_UNIQUE_BYTES];
  int length =
      snprintf(temporary, sizeof temporary, "%s.tmp.%s", path, smr_file_make_unique(unique));
  if (length < 0 || (size_t)length >= sizeof temporary) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
  }
  SMR_TRY(get_parent(folder, path));
  smr_status status = write_temporary(temporary, path, data, bytes);
  if (status == SMR_OK && smr_fault("file.rename")) {
    status = fail_io("rename", temporary, EIO);
  } else if (status == SMR_OK && rename(temporary, path) != 0) {
    int cause = errno;
    status = fail_io("put a new file at", path, cause);
  }
  if (status != SMR_OK) {
    unlink(temporary);
    return status;
  }
  return smr_file_sync_folder(folder);
}

smr_status smr_file_sync_folder(const char *path) {
  int file = open_again(path, O_RDONLY | O_DIRECTORY);
  if (file < 0) {
    return fail_io("open", path, errno);
  }
  smr_status status = sync_file(file, path);
  close(file);
  return status;
}

smr_status smr_file_make_folder(const char *path) {
  char part[SMR_PATH_BYTES];
  size_t length = strlen(path);
  if (length >= sizeof part) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') {
      continue;
    }
    memcpy(part, path, i);
    part[i] = '\0';
    /* Whatever mkdir says of a folder that exists (EEXIST, EROFS, EACCES): it exists. */
    if (mkdir(part, 0777) != 0) {
      int cause = errno;
      if (!smr_file_is_folder(part)) {
        return fail_io("make the folder", part, cause);
      }
    }
  }
  return SMR_OK;
}

int smr_file_exists(const char *path) {
  struct stat information;
  return stat(path, &information) == 0;
}

int smr_file_is_folder(const char *path) {
  struct stat information;
  return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

int64_t smr_file_get_size(const char *path) {
  struct stat information;
  return stat(path, &information) == 0 ? information.st_size : -1;
}

smr_status smr_file_get_free_space(const char *path, int64_t *bytes) {
  char existing[SMR_PATH_BYTES];
  struct statvfs system;
  int length = snprintf(existing, sizeof existing, "%s", path);
  if (length < 0 || (size_t)length >= sizeof existing) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
  }
  /* A folder still to be made will be on the file system of the nearest parent. */
  while (statvfs(existing, &system) != 0) {
    int cause = errno;
    char parent[SMR_PATH_BYTES];
    SMR_TRY(get_parent(parent, existing));
    if (cause != ENOENT || strcmp(parent, existing) == 0) {
      return fail_io("ask for the free space of", path, cause);
    }
    memcpy(existing, parent, sizeof existing);
  }
  if (__builtin_mul_overflow(system.f_bavail, system.f_frsize, bytes)) {
    *bytes = INT64_MAX;
  }
  return SMR_OK;
}

smr_status smr_file_join(char buffer[SMR_PATH_BYTES], const char *folder, const char *name) {
  size_t length = strlen(folder);
  const char *separator = length == 0 || folder[length - 1] == '/' ? "" : "/";
  int used = snprintf(buffer, SMR_PATH_BYTES, "%s%s%s", folder, separator, name);
  if (used < 0 || used >= SMR_PATH_BYTES) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s.../%.60s is too long", folder, name);
  }
  return SMR_OK;
}
