/* Names and signatures of most functions here are HDF5's. */
#include "memory_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5.h"
#include "simmer/base/memory.h"

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* What the access properties carry. */
typedef struct {
  int fd;
  int *failure;
} settings;

typedef struct {
  H5FD_t base; /* HDF5's, must come first */
  settings settings;
  haddr_t end_of_allocation, end_of_file;
} memory_file;

/* HDF5 hands out its part; it is the first member of ours. */
static const memory_file *view(const H5FD_t *file) {
  return (const memory_file *)(const void *)file;
}

static memory_file *get(H5FD_t *file) {
  return (memory_file *)(void *)file;
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
  (void)name, (void)flags, (void)largest;
  const settings *given = H5Pget_driver_info(access);
  memory_file *file = NULL;
  if (given == NULL || smr_memory_alloc(1, sizeof *file, "a file in memory", &file) != SMR_OK) {
    return NULL;
  }
  file->settings = *given;
  return &file->base;
}

static herr_t driver_close(H5FD_t *file) {
  smr_memory_free(get(file));
  return 0;
}

/* Metadata and small values may be gathered, as in HDF5's own drivers. */
static herr_t driver_query(const H5FD_t *file, unsigned long *flags) {
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return view(file)->end_of_allocation;
}

static herr_t driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
  (void)type;
  get(file)->end_of_allocation = end;
  return 0;
}

static haddr_t driver_get_eof(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return view(file)->end_of_file;
}

static void keep_failure(memory_file *file, int cause) {
  if (*file->settings.failure == 0) {
    *file->settings.failure = cause;
  }
}

/* What was never written is zero. */
static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address,
                          size_t bytes, void *data) {
  (void)type, (void)transfer;
  memory_file *file = get(base);
  char *to = data;
  memset(data, 0, bytes);
  while (bytes > 0) {
    const ssize_t n = pread(file->settings.fd, to, bytes, (off_t)address);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      keep_failure(file, errno);
    }
    if (n <= 0) {
      return 0;
    }
    to += n;
    bytes -= (size_t)n;
    address += (haddr_t)n;
  }
  return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address,
                           size_t bytes, const void *data) {
  (void)type, (void)transfer;
  memory_file *file = get(base);
  const char *from = data;
  if (address + bytes > file->end_of_file) {
    file->end_of_file = address + bytes;
  }
  while (bytes > 0) {
    const ssize_t n = pwrite(file->settings.fd, from, bytes, (off_t)address);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      keep_failure(file, n < 0 ? errno : ENOSPC);
      return 0;
    }
    from += n;
    bytes -= (size_t)n;
    address += (haddr_t)n;
  }
  return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t transfer, hbool_t is_closing) {
  (void)transfer, (void)is_closing;
  get(base)->end_of_file = get(base)->end_of_allocation;
  return 0;
}

static const H5FD_class_t driver_class = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600, /* of those left to applications */
#endif
    .name = "simmer_memory",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(settings),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_SINGLE,
};

smr_status smr_memory_driver_set(hid_t access, int fd, int *failure, hid_t *driver) {
  const settings given = {.fd = fd, .failure = failure};
  *driver = H5FDregister(&driver_class);
  if (*driver < 0 || H5Pset_driver(access, *driver, &given) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot make a file in memory");
  }
  return SMR_OK;
}

void smr_memory_driver_close(hid_t driver) {
  if (driver > 0) {
    H5FDunregister(driver);
    H5Eclear2(H5E_DEFAULT);
  }
}
