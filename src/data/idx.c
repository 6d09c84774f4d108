/* IDX files: no length in a header is believed before the file's size confirms it. */
#include "idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "source.h"

enum { MAGIC_BYTES = 4, LENGTH_BYTES = 4, UNSIGNED_BYTES = 0x08 };

static int is_in(const char *folder, const char *name) {
  char path[SMR_PATH_BYTES];
  return smr_file_join(path, name[0] == '/' ? "" : folder, name) == SMR_OK && smr_file_exists(path);
}

/* The path of `name`, or of name.gz (name without .gz) when only that is there. */
static smr_status find_file(const char *name, const char *data_folder, char path[SMR_PATH_BYTES]) {
  char other[SMR_PATH_BYTES];
  const char *folder = data_folder == NULL ? "" : data_folder;
  const size_t length = strlen(name);
  const bool is_packed = length > 3 && strcmp(name + length - 3, ".gz") == 0;
  if (length == 0 || length + 4 > sizeof other || is_in(folder, name)) {
    return smr_data_find_file(name, data_folder, path);
  }
  snprintf(other, sizeof other, "%.*s%s", (int)(is_packed ? length - 3 : length), name,
           is_packed ? "" : ".gz");
  return smr_data_find_file(is_in(folder, other) ? other : name, data_folder, path);
}

/* ---- Bytes. ---- */

static smr_status read_at(const smr_idx_file *file, int64_t offset, int64_t bytes, void *out) {
  char *to = out;
  if (file->content != NULL) {
    memcpy(to, file->content + offset, (size_t)bytes);
    return SMR_OK;
  }
  while (bytes > 0) {
    const ssize_t got = pread(file->fd, to, (size_t)bytes, offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      SMR_FAIL(SMR_ERR_IO, "cannot read %s: %s", file->path,
               got < 0 ? strerror(errno) : "it has become shorter");
    }
    to += got;
    offset += got;
    bytes -= got;
  }
  return SMR_OK;
}

/* Opens a plain file, or unpacks a gzip one; *bytes there are. */
static smr_status open_bytes(smr_idx_file *file, int64_t *bytes) {
  unsigned char mark[2] = {0};
  *bytes = smr_file_get_size(file->path);
  file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->fd < 0 || *bytes < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot open %s: %s", file->path, strerror(errno));
  }
  if (*bytes < (int64_t)sizeof mark) {
    return SMR_OK;
  }
  SMR_TRY(read_at(file, 0, sizeof mark, mark));
  if (mark[0] == 0x1f && mark[1] == 0x8b) {
    smr_memory_limits limits = {0};
    size_t unpacked = 0;
    SMR_TRY(smr_memory_get_limits(&limits));
    SMR_TRY(smr_file_read(file->path, limits.available_bytes, &file->content, &unpacked));
    *bytes = (int64_t)unpacked;
  }
  return SMR_OK;
}

/* ---- Headers. ---- */

static smr_status check_magic(const smr_idx_file *file, const unsigned char *magic,
                              int n_dimensions) {
  if (magic[0] != 0 || magic[1] != 0) {
    SMR_FAIL(SMR_ERR_INPUT, "%s is no IDX file: it begins with %02x %02x instead of two zeros",
             file->path, magic[0], magic[1]);
  }
  if (magic[2] != UNSIGNED_BYTES) {
    SMR_FAIL(
        SMR_ERR_INPUT,
        "%s: its magic number says numbers of type %02x, and only unsigned bytes (08) are read",
        file->path, magic[2]);
  }
  const bool is_table = n_dimensions == SMR_IDX_IMAGES && magic[3] == 2;
  if (magic[3] != n_dimensions && !is_table) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s: its magic number says %d dimensions, and %s (wrong file, or images and labels "
             "swapped?)",
             file->path, magic[3],
             n_dimensions == SMR_IDX_IMAGES ? "images have 3" : "labels have 1");
  }
  return SMR_OK;
}

static int64_t get_length(const unsigned char *bytes) {
  return (int64_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static smr_status fail_short(const smr_idx_file *file, int64_t bytes, const char *what) {
  return smr_error_set(SMR_ERR_INPUT, "%s is truncated: %s, but there are %lld bytes", file->path,
                       what, (long long)bytes);
}

static smr_status check_lengths(smr_idx_file *file, int n, const int64_t lengths[3],
                                int64_t bytes) {
  char what[128];
  int64_t values = 0, expected = 0;
  file->n = lengths[0];
  file->height = n == SMR_IDX_IMAGES ? lengths[1] : 1;
  file->width = n == 1 ? 1 : lengths[n - 1];
  for (int d = 0; d < n; d++) {
    if (lengths[d] == 0) {
      SMR_FAIL(SMR_ERR_INPUT, "%s is empty: its header says a length of 0", file->path);
    }
  }
  if (smr_int_multiply(file->height, file->width, "values", &values) != SMR_OK ||
      smr_int_multiply(values, file->n, "values", &values) != SMR_OK ||
      smr_int_add(values, file->header_bytes, "values", &expected) != SMR_OK) {
    smr_error_clear();
    expected = INT64_MAX;
  }
  if (bytes < expected) {
    snprintf(what, sizeof what, "its header says %lld x %lld x %lld values", (long long)file->n,
             (long long)file->height, (long long)file->width);
    return fail_short(file, bytes, what);
  }
  if (bytes > expected) {
    SMR_FAIL(SMR_ERR_INPUT, "%s has %lld bytes more than its header says (%lld x %lld x %lld)",
             file->path, (long long)(bytes - expected), (long long)file->n, (long long)file->height,
             (long long)file->width);
  }
  return SMR_OK;
}

static smr_status read_header(smr_idx_file *file, int n_dimensions, int64_t bytes) {
  unsigned char header[SMR_IDX_HEADER_BYTES] = {0};
  int64_t lengths[SMR_IDX_IMAGES] = {0};
  if (bytes < MAGIC_BYTES) {
    return fail_short(file, bytes, "an IDX file begins with a magic number of 4");
  }
  SMR_TRY(read_at(file, 0, MAGIC_BYTES, header));
  SMR_TRY(check_magic(file, header, n_dimensions));
  const int n = header[3];
  file->header_bytes = MAGIC_BYTES + (int64_t)n * LENGTH_BYTES;
  if (bytes < file->header_bytes) {
    return fail_short(file, bytes, "the header alone is longer");
  }
  SMR_TRY(read_at(file, 0, file->header_bytes, header));
  for (int d = 0; d < n; d++) {
    lengths[d] = get_length(header + MAGIC_BYTES + (ptrdiff_t)d * LENGTH_BYTES);
  }
  return check_lengths(file, n, lengths, bytes);
}

smr_status smr_idx_open(const char *name, const char *data_folder, int n_dimensions,
                        smr_idx_file *file) {
  int64_t bytes = 0;
  smr_status status = SMR_OK;
  *file = (smr_idx_file){.fd = -1};
  SMR_TRY_DONE(find_file(name, data_folder, file->path));
  SMR_TRY_DONE(open_bytes(file, &bytes));
  SMR_TRY_DONE(read_header(file, n_dimensions, bytes));
done:
  if (status != SMR_OK) {
    smr_idx_close(file);
  }
  return status;
}

smr_status smr_idx_read(const smr_idx_file *file, int64_t n, uint8_t *out) {
  return read_at(file, file->header_bytes, n * file->height * file->width, out);
}

void smr_idx_close(smr_idx_file *file) {
  if (file->fd >= 0) {
    close(file->fd);
  }
  smr_memory_free(file->content);
  file->fd = -1;
  file->content = NULL;
}

int64_t smr_idx_make_header(int n_dimensions, int64_t n, int64_t height, int64_t width,
                            unsigned char header[SMR_IDX_HEADER_BYTES]) {
  const int64_t lengths[SMR_IDX_IMAGES] = {n, height, width};
  memset(header, 0, SMR_IDX_HEADER_BYTES);
  header[2] = UNSIGNED_BYTES;
  header[3] = (unsigned char)n_dimensions;
  for (int d = 0; d < n_dimensions; d++) {
    for (int b = 0; b < LENGTH_BYTES; b++) {
      header[MAGIC_BYTES + d * LENGTH_BYTES + b] =
          (unsigned char)(lengths[d] >> 8 * (LENGTH_BYTES - 1 - b));
    }
  }
  return MAGIC_BYTES + (int64_t)n_dimensions * LENGTH_BYTES;
}
