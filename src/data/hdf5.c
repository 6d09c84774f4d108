/* Tables in HDF5 files: X as one dataset [rows x features], y as another [rows]. Rows and columns
 * count from 0 in messages, as in h5py. */
#include <math.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"
#include "source.h"

enum { BLOCK_VALUES = 1 << 17 };

typedef struct {
  smr_arrays *arrays;
  char *path, *x_name, *y_name;
  int64_t n_rows, n_features;
} hdf5;

static smr_status check_numbers(const hdf5 *file, const smr_array *array, int n_dimensions) {
  if (array->type == SMR_TEXTS) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s holds text, not numbers", file->path, array->name);
  }
  if (array->n_dimensions != n_dimensions) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s has %d dimensions, but %s", file->path, array->name,
             array->n_dimensions,
             n_dimensions == 2 ? "features need 2: rows x features" : "targets need 1: rows");
  }
  return SMR_OK;
}

static smr_status find_shape(hdf5 *file) {
  smr_array x = {0}, y = {0};
  SMR_TRY(smr_arrays_inspect(file->arrays, file->x_name, &x));
  x.name = file->x_name;
  SMR_TRY(check_numbers(file, &x, 2));
  SMR_TRY(smr_arrays_inspect(file->arrays, file->y_name, &y));
  y.name = file->y_name;
  SMR_TRY(check_numbers(file, &y, 1));
  if (x.shape[0] != y.shape[0]) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s has %lld rows, but %s has %lld", file->path,
             file->x_name, (long long)x.shape[0], file->y_name, (long long)y.shape[0]);
  }
  if (x.shape[0] == 0 || x.shape[1] == 0) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s has no %s", file->path, file->x_name,
             x.shape[0] == 0 ? "rows" : "features");
  }
  file->n_rows = x.shape[0];
  file->n_features = x.shape[1];
  return SMR_OK;
}

static smr_status open_hdf5(const smr_data_config *config, const char *path, void **reader,
                            int64_t *n_rows, int64_t *n_features) {
  hdf5 *file = NULL;
  if (config->x_name == NULL || config->y_name == NULL) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the names of the datasets of features and targets are not given",
             path);
  }
  SMR_TRY(smr_memory_alloc(1, sizeof *file, "an HDF5 reader", &file));
  *reader = file;
  SMR_TRY(smr_memory_copy_string(path, &file->path));
  SMR_TRY(smr_memory_copy_string(config->x_name, &file->x_name));
  SMR_TRY(smr_memory_copy_string(config->y_name, &file->y_name));
  SMR_TRY(smr_arrays_open(path, &file->arrays));
  SMR_TRY(find_shape(file));
  *n_rows = file->n_rows;
  *n_features = file->n_features;
  return SMR_OK;
}

static void close_hdf5(void *reader) {
  hdf5 *file = reader;
  if (file != NULL) {
    smr_arrays_close(&file->arrays);
    smr_memory_free(file->path);
    smr_memory_free(file->x_name);
    smr_memory_free(file->y_name);
    smr_memory_free(file);
  }
}

static smr_status check_finite(const hdf5 *file, const double *x, const double *y, int64_t first,
                               int64_t count) {
  for (int64_t i = 0; i < count * file->n_features; i++) {
    if (!isfinite(x[i])) {
      SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s has %s in row %lld, column %lld (counted from 0)",
               file->path, file->x_name, isnan(x[i]) ? "NaN" : "an infinite value",
               (long long)(first + i / file->n_features), (long long)(i % file->n_features));
    }
  }
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(y[i])) {
      SMR_FAIL(SMR_ERR_INPUT, "%s: the dataset %s has %s in row %lld (counted from 0)", file->path,
               file->y_name, isnan(y[i]) ? "NaN" : "an infinite value", (long long)(first + i));
    }
  }
  return SMR_OK;
}

/* Rows first..first+count-1 into x [count x n_features] and y [count], checked. */
static smr_status read_block(const hdf5 *file, int64_t first, int64_t count, double *x, double *y) {
  SMR_TRY(smr_arrays_read(file->arrays, file->x_name, SMR_F64, first, count, x));
  SMR_TRY(smr_arrays_read(file->arrays, file->y_name, SMR_F64, first, count, y));
  return check_finite(file, x, y, first, count);
}

/* Block by block, so that checking alone keeps no more than one of them. */
static smr_status scan_hdf5(void *reader, double *x, double *y, smr_labels *labels) {
  const hdf5 *file = reader;
  const int64_t block =
      smr_int_min(file->n_rows, smr_int_max(1, (int64_t)BLOCK_VALUES / (file->n_features + 1)));
  double *work = NULL;
  smr_status status = SMR_OK;
  if (x == NULL) {
    SMR_TRY(smr_memory_alloc(block * (file->n_features + 1), sizeof *work, "rows", &work));
  }
  for (int64_t first = 0; first < file->n_rows; first += block) {
    const int64_t count = smr_int_min(block, file->n_rows - first);
    double *x_block = x == NULL ? work : x + first * file->n_features;
    double *y_block = x == NULL ? work + block * file->n_features : y + first;
    SMR_TRY_DONE(read_block(file, first, count, x_block, y_block));
    for (int64_t i = 0; i < count; i++) {
      smr_labels_add(labels, y_block[i]);
    }
  }
done:
  smr_memory_free(work);
  return status;
}

static const smr_table_reader hdf5_reader = {open_hdf5, scan_hdf5, close_hdf5};

const smr_source_ops smr_source_hdf5_ops = {
    .name = "hdf5",
    .reader = &hdf5_reader,
    .create_sample = smr_table_sample_create,
    .read = smr_table_sample_read,
};
