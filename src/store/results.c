/* Writes the numbers of a cube to their places in results.h5.
 *
 * Records hold output after output for one cell; the file holds cell after cell for one output. A
 * cube that is small beside the memory is put together there, so cells may come in any order. For
 * a larger one, consecutive cells are gathered in a block, and each output of a block is one write.
 */
#include "simmer/store/results.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "array_check.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "skeleton.h"

enum { BLOCK_BYTES = 4 << 20, COLUMN_BYTES = 1 << 18 };
/* Small enough to be put together in memory; and to be read whole for a checksum by every reader.
 */
static const int64_t largest_in_memory = INT64_C(1) << 30, largest_sealed = INT64_C(256) << 20;

struct smr_results {
  char folder[SMR_PATH_BYTES], path[SMR_PATH_BYTES], temporary[SMR_PATH_BYTES];
  int fd;      /* the temporary file, -1 if it isn't open */
  char *image; /* what the file will be, NULL if it is written at once */
  smr_skeleton skeleton;
  int64_t n_cells, n_outputs, n_summaries, record_length;
  int64_t *lengths; /* doubles of each output, then of each summary in one cell */
  /* Consecutive cells that wait to be written. */
  int64_t block_first, block_count, block_capacity;
  uint8_t *block_status; /* [block_capacity] */
  double *block;         /* [block_capacity x record_length] */
  double *column;        /* COLUMN_BYTES: part of one output */
};

/* ---- Writing bytes. ---- */

static smr_status fail_write(const smr_results *r, int cause) {
  const bool is_full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
  return smr_error_set(is_full ? SMR_ERR_FULL : SMR_ERR_IO, "cannot write %s: %s", r->temporary,
                       strerror(cause));
}

static smr_status write_at(const smr_results *r, int64_t offset, const void *data, int64_t bytes) {
  const char *from = data;
  if (r->image != NULL) {
    memcpy(r->image + offset, data, (size_t)bytes);
    return SMR_OK;
  }
  while (bytes > 0) {
    /* One call moves 2 GiB at most. */
    const ssize_t n = pwrite(r->fd, from, (size_t)smr_int_min(bytes, 1 << 30), (off_t)offset);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return fail_write(r, n < 0 ? errno : ENOSPC);
    }
    from += n;
    offset += n;
    bytes -= n;
  }
  return SMR_OK;
}

/* `length` doubles of each of `count` records that are `stride` apart, to `offset` on. */
static smr_status write_column(const smr_results *r, int64_t offset, int64_t length,
                               const double *records, int64_t stride, int64_t count) {
  const int64_t bytes = length * (int64_t)sizeof(double);
  if (length == stride) {
    return write_at(r, offset, records, count * bytes);
  }
  const int64_t n_fitting = COLUMN_BYTES / smr_int_max(bytes, 1);
  if (n_fitting == 0 || count == 1) {
    for (int64_t i = 0; i < count; i++) {
      SMR_TRY(write_at(r, offset + i * bytes, records + i * stride, bytes));
    }
    return SMR_OK;
  }
  for (int64_t done = 0; done < count; done += n_fitting) {
    const int64_t n = smr_int_min(n_fitting, count - done);
    for (int64_t i = 0; i < n; i++) {
      memcpy(r->column + i * length, records + (done + i) * stride, (size_t)bytes);
    }
    SMR_TRY(write_at(r, offset + done * bytes, r->column, n * bytes));
  }
  return SMR_OK;
}

static smr_status write_cells(const smr_results *r, int64_t first, int64_t count,
                              const uint8_t *status, const double *records) {
  SMR_TRY(write_at(r, r->skeleton.status->offset + first, status, count));
  int64_t start = 0;
  for (int64_t i = 0; i < r->n_outputs; i++) {
    const int64_t length = r->lengths[i];
    if (length > 0) {
      const int64_t offset =
          r->skeleton.outputs[i].offset + first * length * (int64_t)sizeof(double);
      SMR_TRY(write_column(r, offset, length, records + start, r->record_length, count));
    }
    start += length;
  }
  return SMR_OK;
}

static smr_status flush_block(smr_results *r) {
  if (r->block_count == 0) {
    return SMR_OK;
  }
  SMR_TRY(write_cells(r, r->block_first, r->block_count, r->block_status, r->block));
  r->block_count = 0;
  return SMR_OK;
}

/* ---- Starting the file. ---- */

static smr_status check_space(const smr_results *r) {
  int64_t available = 0;
  char needed[32], free_text[32];
  SMR_TRY(smr_file_get_free_space(r->folder, &available));
  if (available < r->skeleton.bytes) {
    SMR_FAIL(SMR_ERR_FULL, "results.h5 needs %s, and %s has %s left",
             smr_memory_format(r->skeleton.bytes, needed, sizeof needed), r->folder,
             smr_memory_format(available, free_text, sizeof free_text));
  }
  return SMR_OK;
}

/* Takes the space at once where the file system can; elsewhere a later write may find it full. */
static smr_status reserve(const smr_results *r) {
  int result = 0;
  do {
    result = fallocate(r->fd, 0, 0, (off_t)r->skeleton.bytes);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
    return fail_write(r, errno);
  }
  return SMR_OK;
}

/* Copies from the file in memory. It may end early: what HDF5 never wrote is zero. */
static smr_status copy_range(const smr_results *r, int64_t from, int64_t to) {
  char *buffer = (char *)r->column;
  while (from < to) {
    const int64_t wanted = smr_int_min(COLUMN_BYTES, to - from);
    ssize_t n = pread(r->skeleton.fd, buffer, (size_t)wanted, (off_t)from);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "cannot read a file in memory: %s", strerror(errno));
    }
    if (n == 0) {
      memset(buffer, 0, (size_t)wanted);
      n = (ssize_t)wanted;
    }
    SMR_TRY(write_at(r, from, buffer, n));
    from += n;
  }
  return SMR_OK;
}

/* The place that begins first at or behind `offset`, NULL if none. */
static const smr_place *find_next_place(const smr_skeleton *skeleton, int64_t offset) {
  const smr_place *next = NULL;
  for (int64_t i = 0; i < skeleton->n_places; i++) {
    const smr_place *place = &skeleton->places[i];
    if (place->bytes > 0 && place->offset >= offset &&
        (next == NULL || place->offset < next->offset)) {
      next = place;
    }
  }
  return next;
}

static smr_status fill_place(const smr_results *r, const smr_place *place) {
  const bool is_status = place == r->skeleton.status;
  if (is_status) {
    memset(r->column, 0, COLUMN_BYTES);
  }
  for (size_t i = 0; !is_status && i < COLUMN_BYTES / sizeof(double); i++) {
    r->column[i] = NAN;
  }
  for (int64_t done = 0; done < place->bytes; done += COLUMN_BYTES) {
    SMR_TRY(write_at(r, place->offset + done, r->column,
                     smr_int_min(COLUMN_BYTES, place->bytes - done)));
  }
  return SMR_OK;
}

/* Every byte of the file, in order: what HDF5 wrote, and NaN or 0 at the places of numbers. */
static smr_status write_skeleton(const smr_results *r) {
  int64_t offset = 0;
  for (;;) {
    const smr_place *place = find_next_place(&r->skeleton, offset);
    SMR_TRY(copy_range(r, offset, place != NULL ? place->offset : r->skeleton.bytes));
    if (place == NULL) {
      return SMR_OK;
    }
    SMR_TRY(fill_place(r, place));
    offset = place->offset + place->bytes;
  }
}

static smr_status open_temporary(smr_results *r) {
  r->fd = open(r->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (r->fd < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot create %s: %s", r->temporary, strerror(errno));
  }
  return reserve(r);
}

static bool fits_in_memory(int64_t bytes) {
  smr_memory_limits limits;
  if (bytes > largest_in_memory || smr_fault("results.memory")) {
    return false;
  }
  if (smr_memory_get_limits(&limits) != SMR_OK) {
    smr_error_clear(); /* not known: the disk is always right */
    return false;
  }
  return bytes <= limits.available_bytes / 4;
}

static smr_status start_file(smr_results *r) {
  SMR_TRY(check_space(r));
  SMR_TRY(open_temporary(r));
  if (fits_in_memory(r->skeleton.bytes)) {
    SMR_TRY(smr_memory_alloc(r->skeleton.bytes + SMR_SEAL_BYTES, 1, "results.h5", &r->image));
  }
  SMR_TRY(write_skeleton(r));
  /* HDF5's file in memory isn't needed any more. */
  close(r->skeleton.fd);
  r->skeleton.fd = -1;
  return SMR_OK;
}

/* ---- Creation. ---- */

static smr_status set_lengths(smr_results *r, const smr_cube *cube) {
  const smr_schema *schema = cube->layout->schema;
  SMR_TRY(smr_schema_count(schema, &r->record_length));
  r->n_outputs = schema->n_outputs;
  r->n_summaries = cube->n_summaries;
  r->n_cells = 1;
  for (int d = 0; d < cube->layout->n_outer; d++) {
    SMR_TRY(smr_int_multiply(r->n_cells, cube->layout->outer_shape[d], "cells", &r->n_cells));
  }
  SMR_TRY(smr_memory_alloc(r->n_outputs + r->n_summaries, sizeof *r->lengths, "lengths of outputs",
                           &r->lengths));
  for (int64_t i = 0; i < r->n_outputs; i++) {
    r->lengths[i] = smr_schema_get_length(schema, i);
  }
  for (int64_t i = 0; i < r->n_summaries; i++) {
    const smr_output *output = &cube->summaries[i].output;
    int64_t *length = &r->lengths[r->n_outputs + i];
    *length = 1;
    for (int d = 0; d < output->n_dimensions; d++) {
      *length *= schema->dimensions[output->dimensions[d]].n;
    }
  }
  return SMR_OK;
}

static smr_status allocate_blocks(smr_results *r) {
  const int64_t record_bytes = smr_int_max(r->record_length, 1) * (int64_t)sizeof(double);
  r->block_capacity =
      smr_int_max(1, smr_int_min(r->n_cells, smr_int_min(BLOCK_BYTES / record_bytes, 1 << 16)));
  SMR_TRY(smr_memory_alloc(r->block_capacity, 1, "cells", &r->block_status));
  SMR_TRY(smr_memory_alloc(r->block_capacity, (size_t)record_bytes, "cells", &r->block));
  return smr_memory_alloc(COLUMN_BYTES, 1, "cells", &r->column);
}

static smr_status set_paths(smr_results *r, const char *folder) {
  char unique[SMR_UNIQUE_BYTES];
  char name[64];
  snprintf(name, sizeof name, "results.h5.tmp.%s", smr_file_make_unique(unique));
  SMR_TRY(smr_file_join(r->path, folder, "results.h5"));
  SMR_TRY(smr_file_join(r->temporary, folder, name));
  memcpy(r->folder, folder, strlen(folder) + 1); /* shorter than the paths that fitted */
  return SMR_OK;
}

smr_status smr_results_create(const char *folder, const smr_results_layout *layout,
                              int reduced_dimension, int64_t n_summaries,
                              const smr_results_summary *summaries, smr_results **out) {
  const smr_cube cube = {.layout = layout,
                         .reduced_dimension = reduced_dimension,
                         .n_summaries = n_summaries,
                         .summaries = summaries};
  smr_status status = SMR_OK;
  smr_results *r = NULL;
  *out = NULL;
  SMR_TRY_DONE(smr_memory_alloc(1, sizeof *r, "results", &r));
  r->fd = -1;
  r->skeleton.fd = -1;
  SMR_TRY_DONE(set_paths(r, folder));
  SMR_TRY_DONE(smr_skeleton_create(&cube, &r->skeleton));
  SMR_TRY_DONE(set_lengths(r, &cube));
  SMR_TRY_DONE(allocate_blocks(r));
  SMR_TRY_DONE(start_file(r));
  *out = r;
  r = NULL;
done:
  smr_results_abandon(&r);
  return status;
}

/* ---- Filling. ---- */

static smr_status check_range(int64_t first, int64_t count, int64_t n, const char *what) {
  if (first < 0 || count < 0 || first > n - count) {
    SMR_FAIL(SMR_ERR_INTERNAL, "%s %lld to %lld of %lld", what, (long long)first, (long long)count,
             (long long)n);
  }
  return SMR_OK;
}

smr_status smr_results_write(smr_results *results, int64_t first, int64_t count,
                             const uint8_t *status, const double *records) {
  smr_results *r = results;
  SMR_TRY(check_range(first, count, r->n_cells, "cells of results.h5"));
  if (smr_fault("results.write")) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: a fault that a test asked for", r->temporary);
  }
  if (count == 0) {
    return SMR_OK;
  }
  const bool follows = first == r->block_first + r->block_count;
  if (!follows || count > r->block_capacity - r->block_count) {
    SMR_TRY(flush_block(r));
  }
  if (count >= r->block_capacity) {
    return write_cells(r, first, count, status, records);
  }
  if (r->block_count == 0) {
    r->block_first = first;
  }
  memcpy(r->block_status + r->block_count, status, (size_t)count);
  if (r->record_length > 0) {
    memcpy(r->block + r->block_count * r->record_length, records,
           (size_t)(count * r->record_length) * sizeof(double));
  }
  r->block_count += count;
  return SMR_OK;
}

smr_status smr_results_write_summary(smr_results *results, int64_t summary, int64_t first,
                                     int64_t count, const double *values) {
  SMR_TRY(check_range(summary, 1, results->n_summaries, "summaries"));
  const smr_place *place = &results->skeleton.summaries[summary];
  const int64_t bytes = results->lengths[results->n_outputs + summary] * (int64_t)sizeof(double);
  if (bytes == 0 || count == 0) {
    return SMR_OK;
  }
  SMR_TRY(check_range(first, count, place->bytes / bytes, "cells of a summary"));
  return write_at(results, place->offset + first * bytes, values, count * bytes);
}

/* ---- The end. ---- */

static smr_status sync_and_close(smr_results *r) {
  int result = 0;
  do {
    result = fsync(r->fd);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return fail_write(r, errno);
  }
  const int fd = r->fd;
  r->fd = -1;
  /* Linux closes in any case; NFS says here that it was full. */
  return close(fd) == 0 || errno == EINTR ? SMR_OK : fail_write(r, errno);
}

static smr_status write_image(smr_results *r) {
  char *image = r->image;
  const bool is_sealed = r->skeleton.bytes <= largest_sealed;
  r->image = NULL; /* from here on bytes go to the disk */
  if (is_sealed) {
    smr_seal_write(image, (size_t)r->skeleton.bytes);
  }
  const smr_status status =
      write_at(r, 0, image, r->skeleton.bytes + (is_sealed ? SMR_SEAL_BYTES : 0));
  smr_memory_free(image);
  return status;
}

static smr_status seal_file(const smr_results *r) {
  char seal[SMR_SEAL_BYTES];
  if (r->skeleton.bytes > largest_sealed) {
    return SMR_OK;
  }
  SMR_TRY(smr_seal_make_for_file(r->temporary, r->fd, r->skeleton.bytes, seal));
  return write_at(r, r->skeleton.bytes, seal, SMR_SEAL_BYTES);
}

static smr_status finish(smr_results *r) {
  SMR_TRY(flush_block(r));
  SMR_TRY(r->image != NULL ? write_image(r) : seal_file(r));
  SMR_TRY(sync_and_close(r));
  if (rename(r->temporary, r->path) != 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot rename %s to %s: %s", r->temporary, r->path, strerror(errno));
  }
  r->temporary[0] = '\0';
  return smr_file_sync_folder(r->folder);
}

smr_status smr_results_finish(smr_results **results) {
  const smr_status status = finish(*results);
  smr_results_abandon(results);
  return status;
}

void smr_results_abandon(smr_results **results) {
  if (results == NULL || *results == NULL) {
    return;
  }
  smr_results *r = *results;
  if (r->fd >= 0) {
    close(r->fd);
  }
  if (r->temporary[0] != '\0') {
    unlink(r->temporary);
  }
  smr_skeleton_clear(&r->skeleton);
  smr_memory_free(r->image);
  smr_memory_free(r->lengths);
  smr_memory_free(r->block_status);
  smr_memory_free(r->block);
  smr_memory_free(r->column);
  smr_memory_free(r);
  *results = NULL;
}
