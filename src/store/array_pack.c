/* Files of arrays built in memory.
 *
 * HDF5 writes into a buffer of ours (its core driver, file image callbacks), and leaves it to us
 * when the file is closed. Only then are the bytes those of a file that was closed well: an image
 * taken from an open file has a wrong checksum in its superblock (HDF5 1.10.8). */
#include <string.h>

#include "array_check.h"
#include "h5.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

typedef struct {
  char *data;
  size_t bytes;  /* allocated */
  bool is_taken; /* HDF5 writes into it now */
} buffer;

/* ---- What HDF5 calls. Names and signatures are HDF5's. ---- */

/* Unwritten bytes are zero, so that the file depends on the arguments only. */
static void *image_grow(void *old, size_t bytes, H5FD_file_image_op_t op, void *data) {
  (void)op, (void)old;
  buffer *b = data;
  b->is_taken = true;
  if (bytes <= b->bytes) {
    return b->data;
  }
  char *larger = NULL;
  if (bytes > INT64_MAX ||
      smr_memory_alloc((int64_t)bytes, 1, "a file in memory", &larger) != SMR_OK) {
    return NULL;
  }
  memcpy(larger, b->data, b->bytes);
  smr_memory_free(b->data);
  b->data = larger;
  b->bytes = bytes;
  return larger;
}

static void *image_allocate(size_t bytes, H5FD_file_image_op_t op, void *data) {
  return image_grow(NULL, bytes, op, data);
}

static void *image_copy(void *target, const void *source, size_t bytes, H5FD_file_image_op_t op,
                        void *data) {
  (void)op, (void)data;
  return memcpy(target, source, bytes);
}

static herr_t image_release(void *image, H5FD_file_image_op_t op, void *data) {
  (void)image, (void)op;
  buffer *b = data;
  b->is_taken = false;
  return 0;
}

static void *data_copy(void *data) {
  return data;
}

static herr_t data_release(void *data) {
  (void)data;
  return 0;
}

/* ---- Building. ---- */

/* Enough for the values and some metadata at once: growing later copies everything. */
static smr_status prepare_buffer(const smr_h5_contents *contents, buffer *b) {
  int64_t sum = 65536;
  for (int64_t i = 0; i < contents->n_arrays; i++) {
    const smr_array *array = &contents->arrays[i];
    int64_t n = 0, bytes = 0;
    SMR_TRY(smr_h5_count_elements(array, &n));
    if (n > 0 && array->data == NULL) {
      SMR_FAIL(SMR_ERR_INTERNAL, "array %s has no data", array->name);
    }
    SMR_TRY(smr_int_multiply(n,
                             array->type == SMR_TEXTS ? 32 : (int64_t)smr_h5_get_bytes(array->type),
                             "bytes of an array", &bytes));
    SMR_TRY(smr_int_add(bytes, 4096, "bytes of a file", &bytes));
    SMR_TRY(smr_int_add(sum, bytes, "bytes of a file", &sum));
  }
  SMR_TRY(smr_memory_alloc(sum, 1, "a file in memory", &b->data));
  b->bytes = (size_t)sum;
  return SMR_OK;
}

static smr_status create_in_memory(buffer *b, hid_t *file) {
  smr_status status = SMR_OK;
  hid_t creation = -1, access = -1;
  H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_allocate,
                                           .image_memcpy = image_copy,
                                           .image_realloc = image_grow,
                                           .image_free = image_release,
                                           .udata_copy = data_copy,
                                           .udata_free = data_release,
                                           .udata = b};
  const size_t step = b->bytes < (size_t)1 << 28 ? b->bytes : (size_t)1 << 28;
  SMR_TRY_DONE(smr_h5_create_file_properties(&creation, &access));
  SMR_H5_TRY_DONE(H5Pset_fapl_core(access, step, 0), "cannot make a file in memory");
  SMR_H5_TRY_DONE(H5Pset_file_image_callbacks(access, &callbacks), "cannot make a file in memory");
  SMR_H5_TRY_DONE(*file = H5Fcreate("simmer-in-memory", H5F_ACC_TRUNC, creation, access),
                  "cannot make a file in memory");
done:
  smr_h5_drop(access);
  smr_h5_drop(creation);
  return status;
}

/* Seals the closed file. Its end is what its superblock says: closing may have given back space. */
static smr_status seal(buffer *b, size_t *bytes) {
  unsigned char head[SMR_SUPERBLOCK_BYTES];
  if (b->data == NULL || b->bytes < sizeof head) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a file in memory has no bytes");
  }
  memcpy(head, b->data, sizeof head);
  const int64_t end = smr_seal_get_end(head);
  if (b->is_taken || end < 0 || (size_t)end > b->bytes) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a file in memory wasn't closed well");
  }
  *bytes = (size_t)end + SMR_SEAL_BYTES;
  if (image_grow(b->data, *bytes, H5FD_FILE_IMAGE_OP_NO_OP, b) == NULL) {
    SMR_FAIL(SMR_ERR_MEMORY, "not enough memory to finish a file");
  }
  b->is_taken = false;
  smr_seal_write(b->data, (size_t)end);
  return SMR_OK;
}

/* Writes, closes, and says how many bytes of the buffer are the file. */
static smr_status build(const smr_h5_contents *contents, buffer *b, size_t *bytes) {
  smr_status status = SMR_OK;
  hid_t file = -1;
  SMR_TRY_DONE(prepare_buffer(contents, b));
  SMR_TRY_DONE(create_in_memory(b, &file));
  SMR_TRY_DONE(smr_h5_write(file, contents));
  const herr_t closed = H5Fclose(file);
  file = -1;
  SMR_H5_TRY_DONE(closed, "cannot close a file in memory");
  SMR_TRY_DONE(seal(b, bytes));
done:
  smr_h5_drop(file);
  return status;
}

smr_status smr_arrays_pack(int64_t n_arrays, const smr_array *arrays, int64_t n_attributes,
                           const smr_attribute *attributes, void **image, size_t *bytes) {
  const smr_h5_contents contents = {.n_arrays = n_arrays,
                                    .arrays = arrays,
                                    .n_attributes = n_attributes,
                                    .attributes = attributes};
  buffer b = {0};
  *image = NULL;
  *bytes = 0;
  smr_h5_start();
  if (smr_fault("arrays.pack")) {
    SMR_FAIL(SMR_ERR_MEMORY, "no memory to pack arrays: a fault that a test asked for");
  }
  const smr_status status = build(&contents, &b, bytes);
  if (status == SMR_OK) {
    *image = b.data;
  } else if (!b.is_taken) {
    smr_memory_free(b.data);
  }
  return status;
}

smr_status smr_arrays_write(const char *path, int64_t n_arrays, const smr_array *arrays,
                            int64_t n_attributes, const smr_attribute *attributes) {
  void *image = NULL;
  size_t bytes = 0;
  SMR_TRY(smr_arrays_pack(n_arrays, arrays, n_attributes, attributes, &image, &bytes));
  const smr_status status = smr_file_write(path, image, bytes);
  smr_memory_free(image);
  return status;
}
