/* Seals: the end of a file by its own account, and a CRC behind it. */
#include "array_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { BLOCK_BYTES = 1 << 20, MARK_BYTES = 8 };

static const char hdf5_mark[8] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
static const char seal_mark[MARK_BYTES] = {'s', 'i', 'm', 'm', 'e', 'r', '\x1a', '\n'};

static uint64_t decode(const unsigned char *bytes, int n) {
  uint64_t value = 0;
  for (int i = 0; i < n; i++) {
    value |= (uint64_t)bytes[i] << (8 * i);
  }
  return value;
}

/* Superblocks by the HDF5 file format specification, with addresses of 8 bytes. */
int64_t smr_seal_get_end(const unsigned char head[SMR_SUPERBLOCK_BYTES]) {
  if (memcmp(head, hdf5_mark, sizeof hdf5_mark) != 0) {
    return -1;
  }
  const int version = head[8];
  const int address_bytes = version < 2 ? head[13] : head[9];
  if (version > 3 || address_bytes != 8) {
    return -1;
  }
  static const int places[] = {40, 44, 28, 28};
  const uint64_t end = decode(head + places[version], 8);
  return end > INT64_MAX ? -1 : (int64_t)end;
}

static void encode_seal(uint32_t crc, char seal[SMR_SEAL_BYTES]) {
  memset(seal, 0, SMR_SEAL_BYTES);
  memcpy(seal, seal_mark, MARK_BYTES);
  for (int i = 0; i < 4; i++) {
    const unsigned char byte = (unsigned char)(crc >> (8 * i));
    memcpy(seal + MARK_BYTES + i, &byte, 1);
  }
}

void smr_seal_write(char *image, size_t end) {
  encode_seal(smr_crc32(0, image, end), image + end);
}

/* A file or an image, read alike. */
typedef struct {
  const char *name;
  const char *image; /* NULL for a file */
  int fd;
  int64_t bytes;
} source;

static smr_status read_at(const source *s, int64_t offset, void *data, size_t bytes) {
  if (s->image != NULL) {
    memcpy(data, s->image + offset, bytes);
    return SMR_OK;
  }
  for (size_t done = 0; done < bytes;) {
    const ssize_t n =
        pread(s->fd, (char *)data + done, bytes - done, (off_t)(offset + (int64_t)done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      SMR_FAIL(SMR_ERR_IO, "cannot read %s: %s", s->name,
               n == 0 ? "it became shorter" : strerror(errno));
    }
    done += (size_t)n;
  }
  return SMR_OK;
}

static smr_status compute_crc(const source *s, int64_t end, uint32_t *crc) {
  smr_status status = SMR_OK;
  char *block = NULL;
  *crc = 0;
  if (s->image != NULL) {
    *crc = smr_crc32(0, s->image, (size_t)end);
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_memory_alloc(BLOCK_BYTES, 1, "a block of a file", &block));
  for (int64_t offset = 0; offset < end; offset += BLOCK_BYTES) {
    const size_t n = (size_t)smr_int_min(BLOCK_BYTES, end - offset);
    SMR_TRY_DONE(read_at(s, offset, block, n));
    *crc = smr_crc32(*crc, block, n);
  }
done:
  smr_memory_free(block);
  return status;
}

smr_status smr_seal_make_for_file(const char *path, int fd, int64_t end,
                                  char seal[SMR_SEAL_BYTES]) {
  const source s = {.name = path, .fd = fd, .bytes = end};
  uint32_t crc = 0;
  SMR_TRY(compute_crc(&s, end, &crc));
  encode_seal(crc, seal);
  return SMR_OK;
}

/* *end = -1 for a file that doesn't say. */
static smr_status check_length(const source *s, int64_t *end) {
  unsigned char head[SMR_SUPERBLOCK_BYTES] = {0};
  SMR_TRY(read_at(s, 0, head, (size_t)smr_int_min(s->bytes, SMR_SUPERBLOCK_BYTES)));
  *end = smr_seal_get_end(head);
  if (*end > s->bytes) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s is cut off: it has %lld bytes of %lld", s->name,
             (long long)s->bytes, (long long)*end);
  }
  return SMR_OK;
}

static smr_status check(const source *s, bool *is_sealed) {
  char seal[SMR_SEAL_BYTES], expected[SMR_SEAL_BYTES];
  uint32_t crc = 0;
  int64_t end = -1;
  *is_sealed = false;
  SMR_TRY(check_length(s, &end));
  if (end < 0 || s->bytes - end < SMR_SEAL_BYTES) {
    return SMR_OK;
  }
  SMR_TRY(read_at(s, end, seal, SMR_SEAL_BYTES));
  if (memcmp(seal, seal_mark, MARK_BYTES) != 0) {
    return SMR_OK;
  }
  *is_sealed = true;
  SMR_TRY(compute_crc(s, end, &crc));
  encode_seal(crc, expected);
  if (memcmp(seal, expected, SMR_SEAL_BYTES) != 0) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s is damaged: its checksum doesn't fit its contents", s->name);
  }
  return SMR_OK;
}

smr_status smr_seal_check_image(const char *name, const void *image, size_t bytes) {
  const source s = {.name = name, .image = image, .fd = -1, .bytes = (int64_t)bytes};
  bool is_sealed = false;
  return check(&s, &is_sealed);
}

smr_status smr_seal_check_file(const char *path, int fd, int64_t bytes, bool *is_sealed) {
  const source s = {.name = path, .fd = fd, .bytes = bytes};
  return check(&s, is_sealed);
}

smr_status smr_seal_check_length(const char *path, int fd, int64_t bytes) {
  const source s = {.name = path, .fd = fd, .bytes = bytes};
  int64_t end = -1;
  return check_length(&s, &end);
}
