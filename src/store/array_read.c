/* Opening files of arrays, and reading rows of them.
 *
 * A file may be damaged or made by somebody else: every size in it is compared with the size of
 * the file before it is believed. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array_check.h"
#include "array_file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* deflate packs 1032 to 1 at best, and space never written takes no bytes: more than this many
 * times the file's size can't be meant. */
enum { LARGEST_RATIO = 1100, SMALLEST_BYTES = 1 << 20 };

struct owned_block {
  owned_block *next;
  _Alignas(64) char data[];
};

smr_status smr_arrays_own(smr_arrays *arrays, int64_t n, size_t item_bytes, const char *what,
                          void *out) {
  int64_t bytes = 0;
  owned_block *block = NULL;
  SMR_TRY(smr_int_multiply(n, (int64_t)item_bytes, what, &bytes));
  SMR_TRY(smr_int_add(bytes, (int64_t)sizeof *block, what, &bytes));
  SMR_TRY(smr_memory_alloc(bytes, 1, what, &block));
  block->next = arrays->owned;
  arrays->owned = block;
  void *data = block->data;
  memcpy(out, &data, sizeof data);
  return SMR_OK;
}

smr_status smr_arrays_own_text(smr_arrays *arrays, const char *text, size_t length, char **out) {
  char *copy = NULL;
  SMR_TRY(smr_arrays_own(arrays, (int64_t)length + 1, 1, "a text", &copy));
  memcpy(copy, text, length);
  copy[length] = '\0';
  *out = copy;
  return SMR_OK;
}

/* ---- Opening and closing. ---- */

static smr_status create_handle(const char *name, int64_t bytes, smr_arrays **out) {
  smr_h5_start();
  SMR_TRY(smr_memory_alloc(1, sizeof **out, "an open file", out));
  (*out)->file = -1;
  (*out)->bytes = bytes;
  return smr_memory_copy_string(name, &(*out)->name);
}

/* The system says better than HDF5 why a file can't be opened. */
static smr_status check_file(smr_arrays *arrays, bool has_seal) {
  struct stat facts;
  const int fd = open(arrays->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &facts) != 0) {
    smr_error_set(SMR_ERR_IO, "cannot open %s: %s", arrays->name, strerror(errno));
    if (fd >= 0) {
      close(fd);
    }
    return SMR_ERR_IO;
  }
  smr_status status = SMR_OK;
  arrays->bytes = (int64_t)facts.st_size;
  if (S_ISREG(facts.st_mode)) {
    bool is_sealed = true;
    status = has_seal ? smr_seal_check_file(arrays->name, fd, arrays->bytes, &is_sealed)
                      : smr_seal_check_length(arrays->name, fd, arrays->bytes);
    if (status == SMR_OK && !is_sealed) {
      status = smr_arrays_try(arrays->name);
    }
  } else {
    status = smr_error_set(SMR_ERR_IO, "%s is not a file", arrays->name);
  }
  close(fd);
  return status;
}

static smr_status open_file(smr_arrays *arrays, bool has_seal) {
  smr_status status = SMR_OK;
  hid_t access = -1;
  SMR_TRY_DONE(check_file(arrays, has_seal));
  SMR_H5_TRY_DONE(access = H5Pcreate(H5P_FILE_ACCESS), "cannot open %s", arrays->name);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
  /* Files here are only ever replaced whole, and some file systems know no locks. */
  SMR_H5_TRY_DONE(H5Pset_file_locking(access, 0, 1), "cannot open %s", arrays->name);
#endif
  arrays->file = H5Fopen(arrays->name, H5F_ACC_RDONLY, access);
  if (arrays->file < 0) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s isn't a whole HDF5 file", arrays->name);
  }
done:
  smr_h5_drop(access);
  return status;
}

static smr_status open_path(const char *path, bool has_seal, smr_arrays **out) {
  *out = NULL;
  smr_arrays *arrays = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(create_handle(path, 0, &arrays));
  SMR_TRY_DONE(open_file(arrays, has_seal));
  *out = arrays;
  arrays = NULL;
done:
  smr_arrays_close(&arrays);
  return status;
}

smr_status smr_arrays_open(const char *path, smr_arrays **out) {
  return open_path(path, true, out);
}

smr_status smr_arrays_open_unsealed(const char *path, smr_arrays **out) {
  return open_path(path, false, out);
}

/* HDF5 reads a copy of the bytes. Its own helper for this leaks; and two core files of one name are
 * one file to HDF5, so the name is the place of the bytes. */
static hid_t open_copy(const void *image, size_t bytes) {
  enum { STEP_BYTES = 64 << 10 };
  void *borrowed = NULL;
  memcpy(&borrowed, &image, sizeof borrowed); /* the signature isn't const */
  char name[64];
  snprintf(name, sizeof name, "image at %p", borrowed);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = -1;
  if (access >= 0 && H5Pset_fapl_core(access, STEP_BYTES, 0) >= 0 &&
      H5Pset_file_image(access, borrowed, bytes) >= 0) {
    file = H5Fopen(name, H5F_ACC_RDONLY, access);
  }
  if (access >= 0) {
    H5Pclose(access);
  }
  return file;
}

smr_status smr_arrays_open_image(const void *image, size_t bytes, const char *name_for_messages,
                                 smr_arrays **out) {
  *out = NULL;
  smr_arrays *arrays = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(create_handle(name_for_messages, (int64_t)bytes, &arrays));
  SMR_TRY_DONE(smr_seal_check_image(name_for_messages, image, bytes));
  /* An empty image makes HDF5 open a file of that name. */
  arrays->file = bytes == 0 ? -1 : open_copy(image, bytes);
  if (arrays->file < 0) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s isn't a whole HDF5 file", name_for_messages);
    goto done;
  }
  *out = arrays;
  arrays = NULL;
done:
  smr_arrays_close(&arrays);
  return status;
}

void smr_arrays_close(smr_arrays **arrays) {
  if (arrays == NULL || *arrays == NULL) {
    return;
  }
  smr_h5_drop((*arrays)->file);
  for (owned_block *block = (*arrays)->owned; block != NULL;) {
    owned_block *next = block->next;
    smr_memory_free(block);
    block = next;
  }
  smr_memory_free((*arrays)->name);
  smr_memory_free(*arrays);
  *arrays = NULL;
}

/* ---- Believing sizes. ---- */

/* Elements of a dataspace; a damaged one may claim more than can be counted. */
static smr_status count_points(const smr_arrays *arrays, const char *name, hid_t space,
                               int64_t *n) {
  hsize_t shape[H5S_MAX_RANK] = {0};
  *n = 1;
  const H5S_class_t class = H5Sget_simple_extent_type(space);
  const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
  if (rank < 0 || class == H5S_NO_CLASS || class == H5S_NULL) {
    return smr_h5_fail(SMR_ERR_CORRUPT, "%s: %s has no values", arrays->name, name);
  }
  if (rank > SMR_ARRAY_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT, "%s: %s has %d dimensions; simmer reads %d at most", arrays->name, name,
             rank, (int)SMR_ARRAY_DIMENSIONS);
  }
  for (int d = 0; d < rank; d++) {
    if (shape[d] > INT64_MAX ||
        smr_int_multiply(*n, (int64_t)shape[d], "numbers in an array", n) != SMR_OK) {
      SMR_FAIL(SMR_ERR_CORRUPT, "%s: %s claims more values than a file can hold", arrays->name,
               name);
    }
  }
  return SMR_OK;
}

/* The most bytes that a dataset of this kind can have in a file of this size. */
static smr_status get_largest(const smr_arrays *arrays, const char *name, hid_t dataset,
                              int64_t *largest) {
  smr_status status = SMR_OK;
  const hid_t properties = H5Dget_create_plist(dataset);
  const H5D_layout_t layout = properties < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(properties);
  if (layout == H5D_LAYOUT_ERROR) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot see how %s is stored", arrays->name, name);
    goto done;
  }
  if (layout == H5D_VIRTUAL || H5Pget_external_count(properties) > 0) {
    SMR_FAIL_DONE(SMR_ERR_INPUT, "%s: the values of %s are in other files; copy them into one",
                  arrays->name, name);
  }
  *largest = arrays->bytes;
  if (layout == H5D_CHUNKED || H5Dget_storage_size(dataset) == 0) {
    *largest = arrays->bytes > INT64_MAX / LARGEST_RATIO
                   ? INT64_MAX
                   : smr_int_max(arrays->bytes * LARGEST_RATIO, SMALLEST_BYTES);
  }
done:
  smr_h5_drop(properties);
  return status;
}

static smr_status check_size(const smr_arrays *arrays, const char *name, hid_t dataset) {
  smr_status status = SMR_OK;
  int64_t n = 0, largest = 0;
  const hid_t space = H5Dget_space(dataset);
  const hid_t type = H5Dget_type(dataset);
  const size_t bytes = type < 0 ? 0 : H5Tget_size(type);
  if (space < 0 || bytes == 0 || bytes > INT64_MAX) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read the shape of %s", arrays->name, name);
    goto done;
  }
  SMR_TRY_DONE(count_points(arrays, name, space, &n));
  SMR_TRY_DONE(get_largest(arrays, name, dataset, &largest));
  if (n > largest / (int64_t)bytes) {
    SMR_FAIL_DONE(SMR_ERR_CORRUPT,
                  "%s: %s claims %lld values of %zu bytes, and the file has %lld bytes in all",
                  arrays->name, name, (long long)n, bytes, (long long)arrays->bytes);
  }
done:
  smr_h5_drop(type);
  smr_h5_drop(space);
  return status;
}

static smr_status fail_missing(smr_arrays *arrays, const char *name) {
  int64_t n = 0;
  const char *const *names = NULL;
  smr_text list = {0};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_arrays_list(arrays, &n, &names));
  for (int64_t i = 0; i < n; i++) {
    SMR_TRY_DONE(smr_text_add(&list, "%s%s", i > 0 ? " " : "", names[i]));
  }
  status = smr_error_set(SMR_ERR_INPUT, "%s has no dataset named %s; it has: %s", arrays->name,
                         name, n > 0 ? list.data : "none");
done:
  smr_text_clear(&list);
  return status;
}

smr_status smr_arrays_open_dataset(smr_arrays *arrays, const char *name, hid_t *dataset) {
  *dataset = -1;
  if (name[0] == '\0' || H5LTpath_valid(arrays->file, name, 1) <= 0) {
    H5Eclear2(H5E_DEFAULT);
    return fail_missing(arrays, name);
  }
  *dataset = H5Dopen2(arrays->file, name, H5P_DEFAULT);
  if (*dataset < 0) {
    return smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot open %s", arrays->name, name);
  }
  const smr_status status = smr_h5_is_plain_scale(*dataset) ? fail_missing(arrays, name)
                                                            : check_size(arrays, name, *dataset);
  if (status != SMR_OK) {
    smr_h5_drop(*dataset);
    *dataset = -1;
  }
  return status;
}

/* ---- Reading. ---- */

typedef struct {
  smr_arrays *arrays;
  const char *name;
  hid_t dataset, type, file_space, memory_space;
  int64_t n; /* elements asked for */
} reading;

/* Integers that can't hold a value are a mistake of the file or of the caller; HDF5 would clip. */
static H5T_conv_ret_t refuse_conversion(H5T_conv_except_t what, hid_t from, hid_t to, void *source,
                                        void *target, void *data) {
  (void)what, (void)from, (void)to, (void)source, (void)target, (void)data;
  return H5T_CONV_ABORT;
}

static smr_status read_numbers(const reading *r, smr_array_type type, void *data) {
  smr_status status = SMR_OK;
  const H5T_class_t class = H5Tget_class(r->type);
  hid_t transfer = -1;
  if (class != H5T_INTEGER && class != H5T_FLOAT) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s holds no numbers", r->arrays->name, r->name);
  }
  SMR_H5_TRY_DONE(transfer = H5Pcreate(H5P_DATASET_XFER), "cannot read %s", r->name);
  if (type != SMR_F64 && type != SMR_F32) {
    SMR_H5_TRY_DONE(H5Pset_type_conv_cb(transfer, refuse_conversion, NULL), "cannot read %s",
                    r->name);
  }
  if (H5Dread(r->dataset, smr_h5_get_memory_type(type), r->memory_space, r->file_space, transfer,
              data) < 0) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read %s", r->arrays->name, r->name);
  }
done:
  smr_h5_drop(transfer);
  return status;
}

/* Texts of one fixed length, padded with zeros or blanks. */
static smr_status read_fixed_texts(const reading *r, char **texts) {
  smr_status status = SMR_OK;
  char *buffer = NULL;
  const size_t width = H5Tget_size(r->type);
  const bool is_blank_padded = H5Tget_strpad(r->type) == H5T_STR_SPACEPAD;
  SMR_TRY_DONE(smr_memory_alloc(r->n, width, "texts of a file", &buffer));
  if (H5Dread(r->dataset, r->type, r->memory_space, r->file_space, H5P_DEFAULT, buffer) < 0) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read %s", r->arrays->name, r->name);
    goto done;
  }
  for (int64_t i = 0; i < r->n; i++) {
    const char *text = buffer + (size_t)i * width;
    size_t length = strnlen(text, width);
    while (is_blank_padded && length > 0 && text[length - 1] == ' ') {
      length--;
    }
    SMR_TRY_DONE(smr_arrays_own_text(r->arrays, text, length, &texts[i]));
  }
done:
  smr_memory_free(buffer);
  return status;
}

static smr_status read_variable_texts(const reading *r, char **texts) {
  smr_status status = SMR_OK;
  char **buffer = NULL;
  bool is_read = false;
  SMR_TRY_DONE(smr_memory_alloc(r->n, sizeof *buffer, "texts of a file", &buffer));
  if (H5Dread(r->dataset, r->type, r->memory_space, r->file_space, H5P_DEFAULT, (void *)buffer) <
      0) {
    status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read %s", r->arrays->name, r->name);
    goto done;
  }
  is_read = true;
  for (int64_t i = 0; i < r->n; i++) {
    const char *text = buffer[i] == NULL ? "" : buffer[i];
    SMR_TRY_DONE(smr_arrays_own_text(r->arrays, text, strlen(text), &texts[i]));
  }
done:
  if (is_read) {
    H5Dvlen_reclaim(r->type, r->memory_space, H5P_DEFAULT, (void *)buffer);
    H5Eclear2(H5E_DEFAULT);
  }
  smr_memory_free((void *)buffer);
  return status;
}

static smr_status select_rows(reading *r, int64_t first, int64_t count) {
  hsize_t shape[SMR_ARRAY_DIMENSIONS] = {0}, start[SMR_ARRAY_DIMENSIONS] = {0};
  const int rank = H5Sget_simple_extent_dims(r->file_space, shape, NULL);
  if (rank <= 0) {
    r->n = 1;
    r->memory_space = H5Screate(H5S_SCALAR);
    return SMR_OK;
  }
  if (first < 0 || count < 0 || first > (int64_t)shape[0] - count) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %lld rows from row %lld on of %s, which has %lld", r->arrays->name,
             (long long)count, (long long)first, r->name, (long long)shape[0]);
  }
  start[0] = (hsize_t)first;
  shape[0] = (hsize_t)count;
  r->n = 1;
  for (int d = 0; d < rank; d++) {
    r->n *= (int64_t)shape[d];
  }
  const hsize_t n = (hsize_t)r->n;
  r->memory_space = H5Screate_simple(1, &n, NULL);
  if (r->n > 0 &&
      H5Sselect_hyperslab(r->file_space, H5S_SELECT_SET, start, NULL, shape, NULL) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot choose rows of %s", r->name);
  }
  return SMR_OK;
}

static smr_status read_selection(const reading *r, smr_array_type type, void *data) {
  if (r->n == 0) {
    return SMR_OK;
  }
  if (type != SMR_TEXTS) {
    return read_numbers(r, type, data);
  }
  if (H5Tget_class(r->type) != H5T_STRING) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s holds no texts", r->arrays->name, r->name);
  }
  return H5Tis_variable_str(r->type) > 0 ? read_variable_texts(r, data) : read_fixed_texts(r, data);
}

smr_status smr_arrays_read(smr_arrays *arrays, const char *name, smr_array_type type, int64_t first,
                           int64_t count, void *data) {
  smr_status status = SMR_OK;
  reading r = {.arrays = arrays,
               .name = name,
               .dataset = -1,
               .type = -1,
               .file_space = -1,
               .memory_space = -1};
  SMR_TRY_DONE(smr_arrays_open_dataset(arrays, name, &r.dataset));
  SMR_H5_TRY_DONE(r.type = H5Dget_type(r.dataset), "cannot read the type of %s", name);
  SMR_H5_TRY_DONE(r.file_space = H5Dget_space(r.dataset), "cannot read the shape of %s", name);
  SMR_TRY_DONE(select_rows(&r, first, count));
  SMR_H5_TRY_DONE(r.memory_space, "cannot make a shape for %s", name);
  SMR_TRY_DONE(read_selection(&r, type, data));
done:
  smr_h5_drop(r.memory_space);
  smr_h5_drop(r.file_space);
  smr_h5_drop(r.type);
  smr_h5_drop(r.dataset);
  return status;
}
