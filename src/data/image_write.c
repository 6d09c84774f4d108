/* Generated images to files, every rank its share in place. D = pixels of an image.
 *
 * The first rank prepares temporary files, all ranks write into them, and the first one renames
 * them when everything is on disk. */
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "idx.h"
#include "image_source.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/store/array.h"

enum { BLOCK_ROWS = 256, SLACK_BYTES = 1 << 16, IMAGES = 0, LABELS = 1 };

/* The part of a file that holds images or labels. Both may be one file. */
typedef struct {
  char path[SMR_PATH_BYTES];      /* "" = not written */
  char temporary[SMR_PATH_BYTES]; /* the same for both in HDF5 */
  int64_t offset;
  int fd;
} target;

typedef struct {
  const smr_images *images;
  int64_t first, count;
  int64_t is_hdf5;
  target targets[2];
  uint8_t *pixels, *labels; /* [threads x BLOCK_ROWS x D], [threads x BLOCK_ROWS] */
} writing;

static bool ends_in(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- Names. ---- */

static smr_status fail_long(const char *path) {
  return smr_error_set(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
}

/* train-images-idx3-ubyte -> train-labels-idx1-ubyte, anything else -> anything else.labels. */
static smr_status name_labels(const char *path, char out[SMR_PATH_BYTES]) {
  static const char images[] = "images-idx3-ubyte";
  const bool is_usual = ends_in(path, images);
  const int kept = (int)(strlen(path) - (is_usual ? sizeof images - 1 : 0));
  const int n = snprintf(out, SMR_PATH_BYTES, "%.*s%s", kept, path,
                         is_usual ? "labels-idx1-ubyte" : ".labels");
  return n < 0 || n >= SMR_PATH_BYTES ? fail_long(path) : SMR_OK;
}

/* A name of its own beside the file's. */
static smr_status name_temporary(const char *path, const char *unique, char out[SMR_PATH_BYTES]) {
  const int n = snprintf(out, SMR_PATH_BYTES, "%s.tmp.%s", path, unique);
  return n < 0 || n >= SMR_PATH_BYTES ? fail_long(path) : SMR_OK;
}

static smr_status set_names(writing *w, const char *path) {
  const bool has_labels = w->images->shape.has_labels;
  char unique[SMR_UNIQUE_BYTES];
  target *labels = &w->targets[LABELS];
  SMR_TRY(smr_file_join(w->targets[IMAGES].path, "", path));
  w->is_hdf5 = ends_in(path, ".h5") || ends_in(path, ".hdf5");
  if (has_labels && w->is_hdf5) {
    SMR_TRY(smr_file_join(labels->path, "", path));
  } else if (has_labels) {
    SMR_TRY(name_labels(path, labels->path));
  } else if (!w->is_hdf5) {
    char stale[SMR_PATH_BYTES];
    SMR_TRY(name_labels(path, stale));
    if (smr_file_exists(stale)) {
      SMR_FAIL(SMR_ERR_INPUT,
               "%s holds labels of other images, and these have none: remove it first", stale);
    }
  }
  smr_file_make_unique(unique);
  for (int k = 0; k < 2; k++) {
    SMR_TRY(name_temporary(w->targets[k].path, unique, w->targets[k].temporary));
  }
  return SMR_OK;
}

/* ---- What the first rank prepares. ---- */

static smr_status check_space(const writing *w) {
  int64_t bytes = 0, available = 0;
  char needed[32], left[32];
  const char *path = w->targets[IMAGES].path;
  SMR_TRY(smr_int_multiply(w->count, w->images->shape.n_pixels + 1, "bytes of images", &bytes));
  SMR_TRY(smr_int_add(bytes, SLACK_BYTES, "bytes of images", &bytes));
  SMR_TRY(smr_file_get_free_space(path, &available));
  if (available < bytes) {
    SMR_FAIL(SMR_ERR_FULL, "%s needs %s, and there are %s left", path,
             smr_memory_format(bytes, needed, sizeof needed),
             smr_memory_format(available, left, sizeof left));
  }
  return SMR_OK;
}

static smr_status create_hdf5(writing *w) {
  const smr_image_shape *shape = &w->images->shape;
  const smr_array arrays[2] = {{.name = "images",
                                .type = SMR_U8,
                                .n_dimensions = 3,
                                .shape = {w->count, shape->height, shape->width},
                                .dimensions = {"image", "row", "column"},
                                .meaning = "grey levels 0 to 255"},
                               {.name = "labels",
                                .type = SMR_U8,
                                .n_dimensions = 1,
                                .shape = {w->count},
                                .dimensions = {"image"},
                                .meaning = "class of the image"}};
  const smr_attribute attributes[2] = {
      {.name = "source", .text = w->images->ops->name},
      {.name = "first_image", .is_integer = true, .integer = w->first}};
  int64_t offsets[2] = {0};
  SMR_TRY(smr_arrays_reserve(w->targets[IMAGES].temporary, shape->has_labels ? 2 : 1, arrays, 2,
                             attributes, offsets));
  w->targets[IMAGES].offset = offsets[0];
  w->targets[LABELS].offset = offsets[1];
  return SMR_OK;
}

static smr_status create_idx(writing *w) {
  static const int n_dimensions[2] = {SMR_IDX_IMAGES, SMR_IDX_LABELS};
  const smr_image_shape *shape = &w->images->shape;
  if (w->count > INT32_MAX) {
    SMR_FAIL(SMR_ERR_LIMIT, "an IDX file holds %d images at most: write HDF5 (a name in .h5)",
             INT32_MAX);
  }
  for (int k = 0; k < 2; k++) {
    target *t = &w->targets[k];
    unsigned char header[SMR_IDX_HEADER_BYTES];
    if (t->path[0] == '\0') {
      continue;
    }
    t->offset = smr_idx_make_header(n_dimensions[k], w->count, shape->height, shape->width, header);
    SMR_TRY(smr_file_write(t->temporary, header, (size_t)t->offset));
  }
  return SMR_OK;
}

static smr_status prepare(writing *w, const char *path) {
  SMR_TRY(set_names(w, path));
  SMR_TRY(check_space(w));
  return w->is_hdf5 ? create_hdf5(w) : create_idx(w);
}

static void remove_temporaries(const writing *w) {
  for (int k = 0; k < 2; k++) {
    if (w->targets[k].path[0] != '\0') {
      unlink(w->targets[k].temporary);
    }
  }
}

static smr_status rename_all(const writing *w) {
  char folder[SMR_PATH_BYTES];
  /* Labels first: whoever finds the images finds their labels too. */
  for (int k = w->is_hdf5 ? IMAGES : LABELS; k >= 0; k--) {
    const target *t = &w->targets[k];
    if (t->path[0] != '\0' && rename(t->temporary, t->path) != 0) {
      SMR_FAIL(SMR_ERR_IO, "cannot put a new file at %s: %s", t->path, strerror(errno));
    }
  }
  memcpy(folder, w->targets[IMAGES].path, sizeof folder);
  char *slash = strrchr(folder, '/');
  if (slash == NULL) {
    strcpy(folder, ".");
  } else {
    slash[slash == folder ? 1 : 0] = '\0';
  }
  return smr_file_sync_folder(folder);
}

/* ---- What every rank does. ---- */

static smr_status open_targets(writing *w) {
  const int64_t n_threads = omp_get_max_threads();
  SMR_TRY(smr_memory_alloc(n_threads * BLOCK_ROWS, (size_t)w->images->shape.n_pixels,
                           "blocks of images", &w->pixels));
  SMR_TRY(smr_memory_alloc(n_threads * BLOCK_ROWS, 1, "blocks of labels", &w->labels));
  for (int k = 0; k < 2; k++) {
    target *t = &w->targets[k];
    if (t->path[0] == '\0') {
      continue;
    }
    t->fd = open(t->temporary, O_WRONLY | O_CLOEXEC);
    if (t->fd < 0) {
      SMR_FAIL(SMR_ERR_IO,
               "cannot open %s: %s (a file written by several nodes must be on a file system that "
               "they share)",
               t->temporary, strerror(errno));
    }
  }
  return SMR_OK;
}

static smr_status write_at(const target *t, int64_t offset, int64_t bytes, const uint8_t *from) {
  offset += t->offset;
  if (smr_fault("images.write")) {
    SMR_FAIL(SMR_ERR_FULL, "fault images.write");
  }
  while (bytes > 0) {
    const ssize_t n = pwrite(t->fd, from, (size_t)bytes, (off_t)offset);
    if (n <= 0 && errno != EINTR) {
      const int cause = n == 0 ? ENOSPC : errno;
      SMR_FAIL(cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO,
               "cannot write %s: %s", t->path, strerror(cause));
    }
    from += n > 0 ? n : 0;
    offset += n > 0 ? n : 0;
    bytes -= n > 0 ? n : 0;
  }
  return SMR_OK;
}

/* One block of images, made and written. A reduction of nothing spreads blocks over ranks and
 * threads, and agrees on failures. */
static smr_status write_block(void *self, int thread, int64_t shard, void *value) {
  const writing *w = self;
  const int64_t n_pixels = w->images->shape.n_pixels;
  const int64_t first = shard * BLOCK_ROWS;
  const int64_t count = smr_int_min(BLOCK_ROWS, w->count - first);
  uint8_t *pixels = w->pixels + thread * BLOCK_ROWS * n_pixels;
  uint8_t *labels = w->labels + (ptrdiff_t)thread * BLOCK_ROWS;
  (void)value;
  SMR_TRY(smr_images_generate(w->images, w->first + first, count, pixels, labels));
  SMR_TRY(write_at(&w->targets[IMAGES], first * n_pixels, count * n_pixels, pixels));
  return w->targets[LABELS].fd < 0 ? SMR_OK : write_at(&w->targets[LABELS], first, count, labels);
}

static smr_status keep_left(void *self, int thread, void *left, void *right) {
  (void)self, (void)thread, (void)left, (void)right;
  return SMR_OK;
}

/* Closes, after a sync unless something has failed. */
static smr_status close_targets(writing *w, smr_status status) {
  for (int k = 0; k < 2; k++) {
    target *t = &w->targets[k];
    if (t->fd < 0) {
      continue;
    }
    if (status == SMR_OK && fsync(t->fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
      status = smr_error_set(SMR_ERR_IO, "cannot sync %s: %s", t->path, strerror(errno));
    }
    if (close(t->fd) != 0 && status == SMR_OK) {
      status = smr_error_set(SMR_ERR_IO, "cannot close %s: %s", t->path, strerror(errno));
    }
    t->fd = -1;
  }
  return status;
}

static smr_status check_request(const smr_images *images, int64_t first, int64_t count) {
  if (count < 1) {
    SMR_FAIL(SMR_ERR_USAGE, "there are no images to write: the range is empty");
  }
  /* Says what is wrong with the source or the range. */
  return first < 0 || images->ops->generate == NULL || first > images->plan.end - count
             ? smr_images_generate(images, first, count, NULL, NULL)
             : SMR_OK;
}

static smr_status write_all(const smr_context *context, writing *w) {
  const smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(w->count, BLOCK_ROWS),
                                .value_bytes = 1,
                                .self = w,
                                .leaf = write_block,
                                .combine = keep_left};
  char nothing = 0;
  smr_status status = smr_agree(context, open_targets(w));
  if (status == SMR_OK) {
    status = smr_reduce_run(context, &tree, &nothing);
  }
  return smr_agree(context, close_targets(w, status));
}

smr_status smr_images_write(const smr_context *context, const smr_images *images, int64_t first,
                            int64_t count, const char *path) {
  const bool is_root = context->rank == 0;
  writing *w = NULL;
  smr_status status = check_request(images, first, count);
  if (status == SMR_OK) {
    status = smr_memory_alloc(1, sizeof *w, "the writing of images", &w);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK || w == NULL) {
    goto done;
  }
  *w = (writing){.images = images, .first = first, .count = count};
  w->targets[IMAGES].fd = w->targets[LABELS].fd = -1;
  status = smr_agree_root(context, 0, is_root ? prepare(w, path) : SMR_OK);
  if (status == SMR_OK) {
    smr_broadcast(context, 0, w->targets, sizeof w->targets);
    status = write_all(context, w);
  }
  if (status == SMR_OK) {
    status = smr_agree_root(context, 0, is_root ? rename_all(w) : SMR_OK);
  }
  if (status != SMR_OK && is_root) {
    remove_temporaries(w);
  }
done:
  smr_memory_free(w == NULL ? NULL : w->pixels);
  smr_memory_free(w == NULL ? NULL : w->labels);
  smr_memory_free(w);
  return status;
}
