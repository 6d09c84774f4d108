/* Files whose values many processes write in place: HDF5 makes the rest in memory, and says where
 * they belong. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hollow.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { BUFFER_BYTES = 65536 };

typedef struct {
  const smr_h5_contents *contents;
  int64_t *offsets; /* of the values left out, -1 where there are none */
  int64_t *sizes;   /* their bytes, 0 where there are none */
  int64_t bytes;    /* of the whole file */
  int memory, target;
  const char *path;
} reserving;

/* Called by the maker of the file before HDF5 closes it. */
static smr_status find_offsets(void *self, hid_t file) {
  const reserving *r = self;
  for (int64_t i = 0; i < r->contents->n_arrays; i++) {
    const smr_array *array = &r->contents->arrays[i];
    int64_t n = 0;
    SMR_TRY(smr_h5_count_elements(array, &n));
    r->offsets[i] = -1;
    if (n == 0 || array->data != NULL) {
      continue;
    }
    const hid_t dataset = H5Dopen2(file, array->name, H5P_DEFAULT);
    const haddr_t offset = dataset < 0 ? HADDR_UNDEF : H5Dget_offset(dataset);
    smr_h5_drop(dataset);
    if (offset == HADDR_UNDEF || offset > INT64_MAX) {
      return smr_h5_fail(SMR_ERR_INTERNAL, "cannot find the place of %s", array->name);
    }
    r->offsets[i] = (int64_t)offset;
    r->sizes[i] = n * (int64_t)smr_h5_get_bytes(array->type);
  }
  return SMR_OK;
}

static smr_status fail_write(const reserving *r, int cause) {
  return smr_error_set(cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO,
                       "cannot write %s: %s", r->path, strerror(cause));
}

/* Copies what HDF5 wrote. The file in memory may end early: the rest is zero in a new file. */
static smr_status copy_range(const reserving *r, int64_t from, int64_t to) {
  char buffer[BUFFER_BYTES];
  while (from < to) {
    const size_t wanted = (size_t)smr_int_min(BUFFER_BYTES, to - from);
    const ssize_t got = pread(r->memory, buffer, wanted, (off_t)from);
    if (got <= 0) {
      return got == 0 ? SMR_OK : fail_write(r, errno);
    }
    for (ssize_t done = 0; done < got;) {
      const ssize_t n = pwrite(r->target, buffer + done, (size_t)(got - done), (off_t)from + done);
      if (n <= 0 && errno != EINTR) {
        return fail_write(r, n == 0 ? ENOSPC : errno);
      }
      done += n > 0 ? n : 0;
    }
    from += got;
  }
  return SMR_OK;
}

/* The array whose values come first at or behind `offset`, -1 if none. */
static int64_t find_next(const reserving *r, int64_t offset) {
  int64_t next = -1;
  for (int64_t i = 0; i < r->contents->n_arrays; i++) {
    if (r->sizes[i] > 0 && r->offsets[i] >= offset &&
        (next < 0 || r->offsets[i] < r->offsets[next])) {
      next = i;
    }
  }
  return next;
}

static smr_status copy_all(const reserving *r) {
  int64_t offset = 0, next = 0;
  do {
    next = find_next(r, offset);
    SMR_TRY(copy_range(r, offset, next < 0 ? r->bytes : r->offsets[next]));
    offset = next < 0 ? offset : r->offsets[next] + r->sizes[next];
  } while (next >= 0);
  return SMR_OK;
}

/* The space is taken at once where the file system can. */
static smr_status create_target(reserving *r) {
  r->target = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (r->target < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot create %s: %s", r->path, strerror(errno));
  }
  if (fallocate(r->target, 0, 0, (off_t)r->bytes) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || ftruncate(r->target, (off_t)r->bytes) != 0)) {
    return fail_write(r, errno);
  }
  return SMR_OK;
}

smr_status smr_arrays_reserve(const char *path, int64_t n_arrays, const smr_array *arrays,
                              int64_t n_attributes, const smr_attribute *attributes,
                              int64_t *offsets) {
  const smr_h5_contents contents = {.n_arrays = n_arrays,
                                    .arrays = arrays,
                                    .n_attributes = n_attributes,
                                    .attributes = attributes};
  reserving r = {
      .contents = &contents, .offsets = offsets, .memory = -1, .target = -1, .path = path};
  smr_status status = SMR_OK;
  const smr_hollow_source source = {
      .name = path, .contents = &contents, .finish = find_offsets, .self = &r};
  SMR_TRY_DONE(smr_memory_alloc(n_arrays, sizeof *r.sizes, "sizes of arrays", &r.sizes));
  SMR_TRY_DONE(smr_hollow_create(&source, &r.memory, &r.bytes));
  SMR_TRY_DONE(create_target(&r));
  SMR_TRY_DONE(copy_all(&r));
done:
  if (r.target >= 0 && close(r.target) != 0 && status == SMR_OK) {
    status = fail_write(&r, errno);
  }
  if (status != SMR_OK && r.target >= 0) {
    unlink(path);
  }
  if (r.memory >= 0) {
    close(r.memory);
  }
  smr_memory_free(r.sizes);
  return status;
}
