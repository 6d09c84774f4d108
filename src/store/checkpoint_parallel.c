/* Big checkpoints: every rank writes its rows through collective MPI-IO.
 *
 * Rank 0 first makes the temporary file with everything but the values, and takes its space, so
 * that what HDF5 does in parallel can hardly fail: it opens the file, writes values at places that
 * exist, and closes it without changing anything else. (After a failed write HDF5 1.10 may crash at
 * exit, and after an H5Fcreate the space would have to be taken by parallel writes.) */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_file.h"
#include "hollow.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"
#include "simmer/comm/reduce.h"

/* A rank writes at most so much in one collective call. */
enum { ROUND_BYTES = 1 << 24, COPY_BYTES = 1 << 16 };

typedef struct {
  const smr_context *context;
  const smr_checkpoint_target *target;
  char temporary[SMR_PATH_BYTES]; /* the same on all ranks */
  smr_checkpoint_layout layout;
  int64_t largest[SMR_STATE_ARRAYS]; /* the most rows that any rank writes */
} job;

/* ---- Checksums. ---- */

/* What a rank knows of one block. */
typedef struct {
  int64_t block, crc, bytes;
} partial;

static int64_t count_partials(const smr_checkpoint_array *array) {
  if (array->count == 0 || array->row_bytes == 0) {
    return 0;
  }
  return (array->first + array->count - 1) / array->block_rows - array->first / array->block_rows +
         1;
}

static void compute_partials(const smr_checkpoint_array *array, int64_t n, partial *partials) {
  int64_t row = array->first;
  for (int64_t i = 0; partials != NULL && i < n; i++) {
    const int64_t block = row / array->block_rows;
    const int64_t end = smr_int_min((block + 1) * array->block_rows, array->first + array->count);
    const int64_t bytes = (end - row) * array->row_bytes;
    const char *data = array->data + (row - array->first) * array->row_bytes;
    partials[i] = (partial){block, (int64_t)smr_crc32(0, data, (size_t)bytes), bytes};
    row = end;
  }
}

/* Ranks come in the order of their rows. Rank 0 alone. */
static void combine(int64_t n, const partial *partials, smr_checkpoint_array *array) {
  for (int64_t i = 0; array->crcs != NULL && partials != NULL && i < n; i++) {
    int64_t *crc = &array->crcs[partials[i].block];
    *crc = (int64_t)smr_crc32_combine((uint32_t)*crc, (uint32_t)partials[i].crc, partials[i].bytes);
  }
}

/* Blocks that ranks share are told of by each of them. */
static int64_t count_most_partials(const smr_context *context, const smr_checkpoint_array *array) {
  return array->n_blocks + context->size;
}

static smr_status allocate_checksums(job *j, partial **mine, partial **all) {
  int64_t n_mine = 0, n_all = 0;
  for (int64_t i = 0; i < j->layout.n; i++) {
    smr_checkpoint_array *array = &j->layout.arrays[i];
    n_mine = smr_int_max(n_mine, count_partials(array));
    n_all = smr_int_max(n_all, count_most_partials(j->context, array));
    if (j->context->rank == 0) {
      SMR_TRY(smr_memory_alloc(array->n_blocks, sizeof *array->crcs, "checksums", &array->crcs));
    }
  }
  SMR_TRY(smr_memory_alloc(n_mine, sizeof **mine, "checksums", mine));
  return j->context->rank == 0 ? smr_memory_alloc(n_all, sizeof **all, "checksums", all) : SMR_OK;
}

/* The checksums of all blocks on rank 0. Collective. */
static smr_status collect_checksums(job *j) {
  partial *mine = NULL, *all = NULL;
  smr_status status = allocate_checksums(j, &mine, &all);
  SMR_TRY_DONE(smr_agree(j->context, status));
  for (int64_t i = 0; i < j->layout.n; i++) {
    smr_checkpoint_array *array = &j->layout.arrays[i];
    int64_t n_all = count_partials(array);
    const int64_t n = n_all;
    compute_partials(array, n, mine);
    SMR_TRY_DONE(smr_reduce_count(j->context, 1, &n_all));
    smr_gather_rows(j->context, 0, sizeof *mine, n, mine, all);
    if (j->context->rank == 0) {
      combine(n_all, all, array);
    }
  }
done:
  smr_memory_free(mine);
  smr_memory_free(all);
  return status;
}

/* ---- The hollow file. Rank 0 alone. ---- */

static smr_status fail_system(const job *j, const char *what, int cause) {
  const bool is_full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
  return smr_error_set(is_full ? SMR_ERR_FULL : SMR_ERR_IO, "cannot %s %s: %s", what, j->temporary,
                       strerror(cause));
}

static smr_status check_space(const job *j, int64_t bytes) {
  int64_t available = 0;
  char needed[32], free_text[32];
  SMR_TRY(smr_file_get_free_space(j->target->folder, &available));
  if (smr_fault("checkpoint.full")) {
    available = 0;
  }
  if (available < bytes) {
    SMR_FAIL(SMR_ERR_FULL, "a checkpoint needs %s, and %s has %s left; older ones are untouched",
             smr_memory_format(bytes, needed, sizeof needed), j->target->folder,
             smr_memory_format(available, free_text, sizeof free_text));
  }
  return SMR_OK;
}

/* Takes the space where the file system can; elsewhere a later write may find it full. */
static smr_status reserve(const job *j, int fd, int64_t bytes) {
  int result = 0;
  do {
    result = fallocate(fd, 0, 0, (off_t)bytes);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
    return fail_system(j, "take the space of", errno);
  }
  return ftruncate(fd, (off_t)bytes) == 0 ? SMR_OK : fail_system(j, "extend", errno);
}

static smr_status copy_range(const job *j, int from, int to, off_t start, off_t end) {
  char buffer[COPY_BYTES];
  while (start < end) {
    const size_t wanted = (size_t)smr_int_min(COPY_BYTES, end - start);
    const ssize_t n = pread(from, buffer, wanted, start);
    if (n <= 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "cannot read a file in memory: %s",
               n < 0 ? strerror(errno) : "it ended");
    }
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = pwrite(to, buffer + done, (size_t)(n - done), start + done);
      if (written <= 0 && errno != EINTR) {
        return fail_system(j, "write", written < 0 ? errno : ENOSPC);
      }
      done += written > 0 ? written : 0;
    }
    start += n;
  }
  return SMR_OK;
}

/* All but the holes. */
static smr_status copy_hollow(const job *j, int from, int to) {
  off_t start = lseek(from, 0, SEEK_DATA);
  while (start >= 0) {
    const off_t end = lseek(from, start, SEEK_HOLE);
    SMR_TRY(copy_range(j, from, to, start, end));
    start = lseek(from, end, SEEK_DATA);
  }
  return SMR_OK;
}

static smr_status put_hollow(const job *j, int hollow, int64_t bytes) {
  SMR_TRY(check_space(j, bytes));
  const int fd = open(j->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    return fail_system(j, "create", errno);
  }
  smr_status status = reserve(j, fd, bytes);
  if (status == SMR_OK) {
    status = copy_hollow(j, hollow, fd);
  }
  if (close(fd) != 0 && errno != EINTR && status == SMR_OK) {
    status = fail_system(j, "close", errno);
  }
  return status;
}

static smr_status make_file(job *j) {
  smr_checkpoint_contents contents = {0};
  int hollow = -1;
  int64_t bytes = 0;
  smr_status status = smr_checkpoint_contents_init(&j->layout, j->target->identity, j->target->step,
                                                   false, &contents);
  const smr_hollow_source source = {.name = "a checkpoint", .contents = &contents.contents};
  if (status == SMR_OK) {
    status = smr_hollow_create(&source, &hollow, &bytes);
  }
  if (status == SMR_OK) {
    status = put_hollow(j, hollow, bytes);
  }
  if (hollow >= 0) {
    close(hollow);
  }
  smr_checkpoint_contents_clear(&contents);
  return status;
}

/* ---- Values, by all ranks. ---- */

typedef struct {
  hid_t access, transfer, file;
  hid_t dataset; /* of the array being written */
} writer;

/* What can fail on one rank is looked at before the collective calls. Local. */
static smr_status check_access(const job *j) {
  const int fd = open(j->temporary, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return fail_system(j, "open", errno);
  }
  close(fd);
  if (smr_fault("checkpoint.parallel")) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: a fault that a test asked for", j->target->path);
  }
  return SMR_OK;
}

/* H5Pset_fapl_mpio duplicates the communicator. Collective, but for its failures. */
static smr_status make_properties(const job *j, writer *w) {
  w->access = H5Pcreate(H5P_FILE_ACCESS);
  w->transfer = H5Pcreate(H5P_DATASET_XFER);
  const herr_t has_driver = H5Pset_fapl_mpio(w->access, j->context->comm, MPI_INFO_NULL);
  if (w->transfer < 0 || has_driver < 0 ||
      H5Pset_libver_bounds(w->access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0 ||
      H5Pset_dxpl_mpio(w->transfer, H5FD_MPIO_COLLECTIVE) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot set the properties of a parallel file");
  }
  return SMR_OK;
}

/* A call that all ranks make together and that only some survive leaves HDF5 in states that no
 * further collective call can leave in common. Fatal then. Collective. */
static smr_status agree_or_die(const job *j, smr_status status) {
  const bool is_mixed =
      smr_any(j->context, status != SMR_OK) && smr_any(j->context, status == SMR_OK);
  if (is_mixed && status != SMR_OK) {
    smr_context_abort(j->context, status);
  }
  return smr_agree(j->context, status);
}

static smr_status open_dataset(const job *j, const smr_checkpoint_array *array, writer *w) {
  w->dataset = H5Dopen2(w->file, array->array.name, H5P_DEFAULT);
  if (w->dataset < 0) {
    return smr_h5_fail(SMR_ERR_IO, "cannot open %s in %s", array->array.name, j->temporary);
  }
  return SMR_OK;
}

/* The places of rows from..from+n-1 of the array, in the file and in memory. */
static smr_status select_rows(const smr_checkpoint_array *array, const writer *w, int64_t from,
                              int64_t n, hid_t *file_space, hid_t *memory_space) {
  hsize_t start[SMR_ARRAY_DIMENSIONS] = {0}, shape[SMR_ARRAY_DIMENSIONS] = {0};
  const hsize_t elements =
      (hsize_t)(n * array->row_bytes) / (hsize_t)smr_h5_get_bytes(array->array.type);
  *file_space = H5Dget_space(w->dataset);
  *memory_space = H5Screate_simple(1, &elements, NULL);
  if (*file_space < 0 || *memory_space < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot make a shape for %s", array->array.name);
  }
  if (n == 0) {
    return H5Sselect_none(*file_space) < 0 || H5Sselect_none(*memory_space) < 0
               ? smr_h5_fail(SMR_ERR_INTERNAL, "cannot choose no rows of %s", array->array.name)
               : SMR_OK;
  }
  if (array->array.n_dimensions == 0) {
    return SMR_OK; /* all of a scalar */
  }
  for (int d = 0; d < array->array.n_dimensions; d++) {
    shape[d] = (hsize_t)array->array.shape[d];
  }
  start[0] = (hsize_t)from;
  shape[0] = (hsize_t)n;
  if (H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, shape, NULL) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot choose rows of %s", array->array.name);
  }
  return SMR_OK;
}

/* HDF5 doesn't say why; a file system without room does. */
static smr_status fail_write(const job *j, const smr_checkpoint_array *array) {
  int64_t available = 0;
  const bool is_known = smr_file_get_free_space(j->target->folder, &available) == SMR_OK;
  const smr_status code = is_known && available < ROUND_BYTES ? SMR_ERR_FULL : SMR_ERR_IO;
  return smr_h5_fail(code, "cannot write %s to %s", array->array.name, j->temporary);
}

/* This rank's rows done..done+n-1 of its own, n may be 0. Collective. */
static smr_status write_round(const job *j, const smr_checkpoint_array *array, const writer *w,
                              int64_t done, int64_t n) {
  static const char nothing[8] = {0};
  hid_t file_space = -1, memory_space = -1;
  if (smr_fault("checkpoint.silent")) {
    n = 0; /* rows are lost, and nobody says so */
  }
  const char *data = n > 0 ? array->data + done * array->row_bytes : nothing;
  smr_status status = select_rows(array, w, array->first + done, n, &file_space, &memory_space);
  SMR_TRY_DONE(smr_agree(j->context, status));
  if (H5Dwrite(w->dataset, smr_h5_get_memory_type(array->array.type), memory_space, file_space,
               w->transfer, data) < 0 ||
      smr_fault("checkpoint.round")) {
    status = fail_write(j, array);
  }
  status = smr_agree(j->context, status);
done:
  smr_h5_drop(memory_space);
  smr_h5_drop(file_space);
  return status;
}

static smr_status write_array(const job *j, int64_t i, writer *w) {
  const smr_checkpoint_array *array = &j->layout.arrays[i];
  smr_status status = SMR_OK;
  if (array->n_blocks == 0) {
    return SMR_OK;
  }
  const int64_t step = smr_int_max(1, ROUND_BYTES / array->row_bytes);
  SMR_TRY_DONE(smr_agree(j->context, open_dataset(j, array, w)));
  for (int64_t done = 0; done < j->largest[i]; done += step) {
    const int64_t n = smr_int_max(0, smr_int_min(step, array->count - done));
    SMR_TRY_DONE(write_round(j, array, w, done, n));
  }
done:
  smr_h5_drop(w->dataset);
  w->dataset = -1;
  return status;
}

static smr_status open_parallel(const job *j, writer *w) {
  w->file = H5Fopen(j->temporary, H5F_ACC_RDWR, w->access);
  if (w->file < 0) {
    return smr_h5_fail(SMR_ERR_IO, "cannot open %s in parallel", j->temporary);
  }
  return SMR_OK;
}

static smr_status write_values(const job *j) {
  writer w = {.access = -1, .transfer = -1, .file = -1, .dataset = -1};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(j->context, check_access(j)));
  SMR_TRY_DONE(agree_or_die(j, make_properties(j, &w)));
  SMR_TRY_DONE(agree_or_die(j, open_parallel(j, &w)));
  for (int64_t i = 0; i < j->layout.n && status == SMR_OK; i++) {
    status = write_array(j, i, &w);
  }
  /* Closed by all, also after a failure that all know of. */
  const herr_t closed = H5Fclose(w.file);
  if (status == SMR_OK) {
    status = smr_agree(
        j->context, closed < 0 ? smr_h5_fail(SMR_ERR_IO, "cannot close %s", j->temporary) : SMR_OK);
  }
done:
  smr_h5_drop(w.transfer);
  smr_h5_drop(w.access);
  return status;
}

/* Every rank: only its own node knows what it has not written yet. Local. */
static smr_status sync_local(const job *j) {
  const int fd = open(j->temporary, O_RDWR | O_CLOEXEC);
  int result = 0;
  if (fd < 0) {
    return fail_system(j, "open", errno);
  }
  do {
    result = fsync(fd);
  } while (result != 0 && errno == EINTR);
  const int cause = errno;
  close(fd);
  if (result != 0 && cause != EINVAL && cause != ENOTSUP && cause != ENOSYS) {
    return fail_system(j, "sync", cause);
  }
  return SMR_OK;
}

/* Open MPI's own MPI-IO (4.1.4) keeps silent about a disk that fills up in a collective write of
 * three ranks. Collective. */
static smr_status read_back(const job *j) {
  int64_t available = 0;
  const smr_status status = smr_checkpoint_verify(j->context, j->temporary, j->target->step);
  if (status != SMR_ERR_CORRUPT) {
    return status;
  }
  smr_status code = SMR_ERR_IO;
  if (j->context->rank == 0) {
    smr_error_prefix(code, "what was written can't be read back");
    code =
        smr_file_get_free_space(j->target->folder, &available) == SMR_OK && available < ROUND_BYTES
            ? SMR_ERR_FULL
            : SMR_ERR_IO;
  }
  return smr_agree_root(j->context, 0, code);
}

/* Rank 0 alone. */
static smr_status rename_file(const job *j) {
  if (smr_fault("checkpoint.rename")) {
    return fail_system(j, "rename", EIO);
  }
  if (rename(j->temporary, j->target->path) != 0) {
    return fail_system(j, "rename", errno);
  }
  return smr_file_sync_folder(j->target->folder);
}

/* ---- All of it. ---- */

/* Rank 0's choice on all ranks. Collective. */
static smr_status choose_temporary(job *j) {
  char unique[SMR_UNIQUE_BYTES];
  smr_status status = SMR_OK;
  if (j->context->rank == 0) {
    const int length = snprintf(j->temporary, sizeof j->temporary, "%s.tmp.%s", j->target->path,
                                smr_file_make_unique(unique));
    if (length < 0 || (size_t)length >= sizeof j->temporary) {
      status = smr_error_set(SMR_ERR_LIMIT, "the path %.60s... is too long", j->target->path);
    }
  }
  SMR_TRY(smr_agree_root(j->context, 0, status));
  smr_broadcast(j->context, 0, j->temporary, sizeof j->temporary);
  return SMR_OK;
}

static smr_status write_file(job *j) {
  smr_status status = SMR_OK;
  SMR_TRY(collect_checksums(j));
  SMR_TRY(choose_temporary(j));
  if (j->context->rank == 0) {
    status = make_file(j);
  }
  SMR_TRY(smr_agree_root(j->context, 0, status));
  SMR_TRY(write_values(j));
  SMR_TRY(smr_agree(j->context, sync_local(j)));
  SMR_TRY(read_back(j));
  if (j->context->rank == 0) {
    status = rename_file(j);
  }
  return smr_agree_root(j->context, 0, status);
}

smr_status smr_checkpoint_write_parallel(const smr_context *context, const smr_state *state,
                                         const smr_checkpoint_target *target) {
  job *j = NULL;
  smr_h5_start();
  smr_status status = smr_memory_alloc(1, sizeof *j, "a checkpoint", &j);
  status = smr_agree(context, status);
  if (status != SMR_OK) {
    smr_memory_free(j);
    return status;
  }
  j->context = context;
  j->target = target;
  status = smr_checkpoint_lay_out(context, state, true, &j->layout, j->largest);
  if (status == SMR_OK) {
    status = write_file(j);
  }
  if (status != SMR_OK) {
    if (context->rank == 0 && j->temporary[0] != '\0') {
      unlink(j->temporary);
    }
    smr_barrier(context);
  }
  for (int64_t i = 0; i < SMR_STATE_ARRAYS; i++) {
    smr_memory_free(j->layout.arrays[i].crcs);
  }
  smr_memory_free(j);
  return status;
}
