/* Files whose values many processes write in place: HDF5 makes the rest in memory, and says where
 * they belong. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array_check.h"
#include "h5.h"
#include "memory_driver.h"
#include "simmer/base/file.h"
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

static smr_status find_offsets(const reserving *r, hid_t file) {
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

/* HDF5's part, into the file in memory. */
static smr_status build(reserving *r) {
  unsigned char head[SMR_SUPERBLOCK_BYTES] = {0};
  smr_status status = SMR_OK;
  int failure = 0;
  hid_t creation = -1, access = -1, driver = -1, file = -1;
  SMR_TRY_DONE(smr_h5_create_file_properties(&creation, &access));
  SMR_TRY_DONE(smr_memory_driver_set(access, r->memory, &failure, &driver));
  SMR_H5_TRY_DONE(file = H5Fcreate("simmer-reserved", H5F_ACC_TRUNC, creation, access),
                  "cannot make a file in memory");
  SMR_TRY_DONE(smr_h5_write(file, r->contents));
  SMR_TRY_DONE(find_offsets(r, file));
  const herr_t closed = H5Fclose(file);
  file = -1;
  SMR_H5_TRY_DONE(closed, "cannot close a file in memory");
done:
  smr_h5_drop(file);
  smr_h5_drop(access);
  smr_h5_drop(creation);
  smr_memory_driver_close(driver);
  if (failure != 0) {
    SMR_FAIL(failure == ENOMEM ? SMR_ERR_MEMORY : SMR_ERR_FULL, "cannot prepare %s in memory: %s",
             r->path, strerror(failure));
  }
  SMR_TRY(status);
  r->bytes =
      pread(r->memory, head, sizeof head, 0) == (ssize_t)sizeof head ? smr_seal_get_end(head) : -1;
  if (r->bytes < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a file in memory wasn't closed well");
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
  smr_h5_start();
  SMR_TRY_DONE(smr_memory_alloc(n_arrays, sizeof *r.sizes, "sizes of arrays", &r.sizes));
  r.memory = memfd_create("simmer-reserved", MFD_CLOEXEC);
  if (r.memory < 0) {
    SMR_FAIL_DONE(SMR_ERR_MEMORY, "cannot make a file in memory: %s", strerror(errno));
  }
  SMR_TRY_DONE(build(&r));
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
