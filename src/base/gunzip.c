/* Unpacking of gzip in memory, with every kind of damage found. */
#include "gunzip.h"

#include <zlib.h>

#include "simmer/base/memory.h"

/* 15 bits of window, and 16 to ask for gzip's frame. */
enum { CHUNK_BYTES = 65536, WINDOW_BITS = 15 + 16 };

static smr_status add_chunk(const char *path, const unsigned char *chunk, size_t bytes,
                            int64_t max_bytes, smr_text *out) {
  if ((int64_t)(out->length + bytes) > max_bytes) {
    char text[32];
    SMR_FAIL(SMR_ERR_LIMIT, "cannot read %s: unpacked it holds more than %s", path,
             smr_memory_format(max_bytes, text, sizeof text));
  }
  return smr_text_add_bytes(out, chunk, bytes);
}

/* Some archives are padded with zeros. */
static int is_padding(const unsigned char *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (data[i] != 0) {
      return 0;
    }
  }
  return 1;
}

/* Inflates one member from data[*used], and moves *used behind it. */
static smr_status inflate_member(const char *path, z_stream *stream, const smr_text *packed,
                                 size_t *used, int64_t max_bytes, smr_text *out) {
  unsigned char chunk[CHUNK_BYTES];
  int code = inflateReset(stream);
  while (code != Z_STREAM_END) {
    size_t rest = packed->length - *used;
    uInt given = rest < CHUNK_BYTES ? (uInt)rest : CHUNK_BYTES;
    stream->next_in = (z_const Bytef *)(packed->data + *used);
    stream->avail_in = given;
    stream->next_out = chunk;
    stream->avail_out = sizeof chunk;
    code = inflate(stream, Z_NO_FLUSH);
    *used += given - stream->avail_in;
    if (code == Z_MEM_ERROR) {
      SMR_FAIL(SMR_ERR_MEMORY, "not enough memory to unpack %s", path);
    }
    if (code == Z_BUF_ERROR) {
      SMR_FAIL(SMR_ERR_CORRUPT, "%s is damaged: this gzip file ends too early", path);
    }
    if (code != Z_OK && code != Z_STREAM_END) {
      SMR_FAIL(SMR_ERR_CORRUPT, "%s is damaged: gzip says %s", path,
               stream->msg != NULL ? stream->msg : "that it can't be unpacked");
    }
    SMR_TRY(add_chunk(path, chunk, sizeof chunk - stream->avail_out, max_bytes, out));
  }
  return SMR_OK;
}

smr_status smr_gunzip(const char *path, const smr_text *packed, int64_t max_bytes, smr_text *out) {
  z_stream stream = {0};
  size_t used = 0;
  smr_status status = SMR_OK;
  if (inflateInit2(&stream, WINDOW_BITS) != Z_OK) {
    SMR_FAIL(SMR_ERR_MEMORY, "not enough memory to unpack %s", path);
  }
  do {
    status = inflate_member(path, &stream, packed, &used, max_bytes, out);
  } while (status == SMR_OK && used < packed->length &&
           !is_padding((const unsigned char *)packed->data + used, packed->length - used));
  inflateEnd(&stream);
  return status;
}
