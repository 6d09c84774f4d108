/* Lets HDF5 write into a file in memory, closes it, and looks up where it ends. */
#include "hollow.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array_check.h"
#include "memory_driver.h"

/* The file as HDF5 sees it, and what happened behind its back. */
typedef struct {
  hid_t driver, file;
  int failure;
} memory;

static smr_status open_in_memory(int fd, memory *m) {
  smr_status status = SMR_OK;
  hid_t creation = -1, access = -1;
  SMR_TRY_DONE(smr_h5_create_file_properties(&creation, &access));
  SMR_TRY_DONE(smr_memory_driver_set(access, fd, &m->failure, &m->driver));
  SMR_H5_TRY_DONE(m->file = H5Fcreate("simmer-hollow", H5F_ACC_TRUNC, creation, access),
                  "cannot make a file in memory");
done:
  smr_h5_drop(access);
  smr_h5_drop(creation);
  return status;
}

static smr_status read_end(int fd, int64_t *bytes) {
  unsigned char head[SMR_SUPERBLOCK_BYTES] = {0};
  const ssize_t n = pread(fd, head, sizeof head, 0);
  *bytes = n == (ssize_t)sizeof head ? smr_seal_get_end(head) : -1;
  if (*bytes < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a file in memory wasn't closed well");
  }
  return SMR_OK;
}

static smr_status build(const smr_hollow_source *source, int fd) {
  smr_status status = SMR_OK;
  memory m = {.driver = -1, .file = -1};
  SMR_TRY_DONE(open_in_memory(fd, &m));
  SMR_TRY_DONE(smr_h5_write(m.file, source->contents));
  if (source->finish != NULL) {
    SMR_TRY_DONE(source->finish(source->self, m.file));
  }
  const herr_t closed = H5Fclose(m.file);
  m.file = -1;
  SMR_H5_TRY_DONE(closed, "cannot close a file in memory");
done:
  smr_h5_drop(m.file);
  smr_memory_driver_close(m.driver);
  if (m.failure != 0) {
    SMR_FAIL(m.failure == ENOMEM ? SMR_ERR_MEMORY : SMR_ERR_FULL, "cannot prepare %s in memory: %s",
             source->name, strerror(m.failure));
  }
  return status;
}

smr_status smr_hollow_create(const smr_hollow_source *source, int *fd, int64_t *bytes) {
  smr_h5_start();
  *fd = memfd_create("simmer-hollow", MFD_CLOEXEC);
  if (*fd < 0) {
    SMR_FAIL(SMR_ERR_MEMORY, "cannot make a file in memory: %s", strerror(errno));
  }
  smr_status status = build(source, *fd);
  if (status == SMR_OK) {
    status = read_end(*fd, bytes);
  }
  if (status != SMR_OK) {
    close(*fd);
    *fd = -1;
  }
  return status;
}
