/* Images in HDF5 files: one dataset [rows x pixels] or [rows x height x width] of whole numbers
 * 0..255 or fractions 0..1, labels in another; test images under the same names in another file. */
#include <math.h>
#include <string.h>

#include "image_source.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"
#include "source.h"

enum { BLOCK_BYTES = 1 << 20 };

typedef struct {
  smr_arrays *arrays;
  char path[SMR_PATH_BYTES];
  smr_array_type type; /* of the images */
  int64_t n, height, width;
} hdf5_file;

typedef struct {
  hdf5_file train, test;
  char *x_name, *y_name; /* y_name NULL: no labels */
} hdf5_reader;

static bool is_given(const char *name) {
  return name != NULL && name[0] != '\0';
}

static smr_status check_labels(const hdf5_file *file, const char *x_name, const char *y_name) {
  smr_array y = {0};
  SMR_TRY(smr_arrays_inspect(file->arrays, y_name, &y));
  if (y.n_dimensions != 1 || y.type == SMR_TEXTS || y.shape[0] != file->n) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s: the dataset %s must be a list of %lld numbers, one for every image of %s",
             file->path, y_name, (long long)file->n, x_name);
  }
  return SMR_OK;
}

static smr_status open_file(const char *name, const char *data_folder, const hdf5_reader *r,
                            hdf5_file *file) {
  smr_array x = {0};
  SMR_TRY(smr_data_find_file(name, data_folder, file->path));
  SMR_TRY(smr_arrays_open(file->path, &file->arrays));
  SMR_TRY(smr_arrays_inspect(file->arrays, r->x_name, &x));
  if (x.type == SMR_TEXTS || (x.n_dimensions != 2 && x.n_dimensions != 3)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s: the dataset %s must be numbers, rows x pixels or rows x height x width",
             file->path, r->x_name);
  }
  file->type = x.type;
  file->n = x.shape[0];
  file->height = x.n_dimensions == 3 ? x.shape[1] : 1;
  file->width = x.shape[x.n_dimensions - 1];
  if (file->n == 0 || file->height == 0 || file->width == 0) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s is empty", file->path, r->x_name);
  }
  return r->y_name == NULL ? SMR_OK : check_labels(file, r->x_name, r->y_name);
}

static smr_status choose_rows(const hdf5_file *file, const char *x_name, int64_t count,
                              int64_t *n) {
  *n = count < 0 ? file->n : count;
  if (*n > file->n) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s has %lld images, and the first %lld of them are asked for",
             file->path, x_name, (long long)file->n, (long long)*n);
  }
  return SMR_OK;
}

static smr_status plan_hdf5(const smr_image_config *config, const char *data_folder,
                            smr_image_plan *plan, void **reader) {
  hdf5_reader *r = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *r, "an HDF5 reader", &r));
  *reader = r;
  if (!is_given(config->x_name)) {
    SMR_FAIL(SMR_ERR_INPUT, "the name of the dataset of images is not given");
  }
  SMR_TRY(smr_memory_copy_string(config->x_name, &r->x_name));
  if (is_given(config->y_name)) {
    SMR_TRY(smr_memory_copy_string(config->y_name, &r->y_name));
  }
  SMR_TRY(open_file(config->file, data_folder, r, &r->train));
  SMR_TRY(choose_rows(&r->train, r->x_name, config->count, &plan->n_rows));
  if (plan->n_rows == 0) {
    SMR_FAIL(SMR_ERR_INPUT, "no images of %s are asked for", r->train.path);
  }
  if (is_given(config->test_file)) {
    SMR_TRY(open_file(config->test_file, data_folder, r, &r->test));
    SMR_TRY(choose_rows(&r->test, r->x_name, config->test_count, &plan->n_test));
    if (r->test.height != r->train.height || r->test.width != r->train.width) {
      SMR_FAIL(SMR_ERR_INPUT, "%s has images of %lld x %lld pixels, but %s of %lld x %lld",
               r->train.path, (long long)r->train.height, (long long)r->train.width, r->test.path,
               (long long)r->test.height, (long long)r->test.width);
    }
  }
  plan->height = r->train.height;
  plan->width = r->train.width;
  plan->test_first = plan->n_rows;
  plan->n_kept = plan->end = plan->n_rows + plan->n_test;
  plan->has_labels = r->y_name != NULL;
  return SMR_OK;
}

/* Fractions to bytes, to the nearest. */
static smr_status convert(const hdf5_file *file, const char *x_name, int64_t n, const float *x,
                          uint8_t *out) {
  for (int64_t i = 0; i < n; i++) {
    if (!(x[i] >= 0.0F && x[i] <= 1.0F)) {
      SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s holds %g: fractions must be 0 to 1", file->path,
               x_name, (double)x[i]);
    }
    out[i] = (uint8_t)(x[i] * 255.0F + 0.5F);
  }
  return SMR_OK;
}

static smr_status read_fractions(const hdf5_file *file, const char *x_name, int64_t n,
                                 uint8_t *pixels) {
  const int64_t n_pixels = file->height * file->width;
  const int64_t block = smr_int_max(1, BLOCK_BYTES / (int64_t)sizeof(float) / n_pixels);
  float *rows = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(smr_memory_alloc(block * n_pixels, sizeof *rows, "rows of images", &rows));
  for (int64_t first = 0; first < n; first += block) {
    const int64_t count = smr_int_min(block, n - first);
    SMR_TRY_DONE(smr_arrays_read(file->arrays, x_name, SMR_F32, first, count, rows));
    SMR_TRY_DONE(convert(file, x_name, count * n_pixels, rows, pixels + first * n_pixels));
  }
done:
  smr_memory_free(rows);
  return status;
}

static smr_status fill_file(const hdf5_reader *r, const hdf5_file *file, int64_t n, uint8_t *pixels,
                            uint8_t *labels) {
  const bool is_fraction = file->type == SMR_F32 || file->type == SMR_F64;
  memset(labels, SMR_NO_LABEL, (size_t)n);
  if (is_fraction) {
    SMR_TRY(read_fractions(file, r->x_name, n, pixels));
  } else {
    SMR_TRY(smr_arrays_read(file->arrays, r->x_name, SMR_U8, 0, n, pixels));
    smr_image_widen(n * file->height * file->width, pixels);
  }
  return r->y_name == NULL ? SMR_OK
                           : smr_arrays_read(file->arrays, r->y_name, SMR_U8, 0, n, labels);
}

static smr_status fill_hdf5(void *reader, const smr_image_plan *plan,
                            const smr_image_memory *memory) {
  const hdf5_reader *r = reader;
  SMR_TRY(fill_file(r, &r->train, plan->n_rows, memory->pixels, memory->labels));
  if (plan->n_test == 0) {
    return SMR_OK;
  }
  return fill_file(r, &r->test, plan->n_test,
                   memory->pixels + plan->n_rows * plan->height * plan->width,
                   memory->labels + plan->n_rows);
}

static void close_hdf5(void *reader) {
  hdf5_reader *r = reader;
  if (r != NULL) {
    smr_arrays_close(&r->train.arrays);
    smr_arrays_close(&r->test.arrays);
    smr_memory_free(r->x_name);
    smr_memory_free(r->y_name);
    smr_memory_free(r);
  }
}

const smr_image_ops smr_image_hdf5_ops = {
    .name = "hdf5", .plan = plan_hdf5, .fill = fill_hdf5, .close = close_hdf5, .is_kept = true};
