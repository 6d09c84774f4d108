/* Writing a list of arrays as dimension scales and variables that netCDF-4 tools open.
 *
 * Scales come first, then the other arrays, each attached to the scales of its dimensions. The
 * order of everything follows the arguments, so equal arguments give equal bytes. */
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "h5.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

typedef struct {
  const char *name;
  int64_t n;
  int64_t coordinate; /* index of the array that is its coordinate, -1 if none */
  hid_t scale;
} dimension;

typedef struct {
  const smr_h5_contents *contents;
  hid_t file;
  hid_t *datasets; /* one an array */
  dimension *dimensions;
  int64_t n_dimensions;
} writer;

/* ---- Checks of what the caller wants. ---- */

static smr_status check_name(const char *name, const char *what) {
  if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "\"%s\" can't be the name of %s", name == NULL ? "" : name, what);
  }
  return SMR_OK;
}

smr_status smr_h5_count_elements(const smr_array *array, int64_t *n) {
  *n = 1;
  if (array->n_dimensions < 0 || array->n_dimensions > SMR_ARRAY_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT, "array %s has %d dimensions; there can be %d at most", array->name,
             array->n_dimensions, (int)SMR_ARRAY_DIMENSIONS);
  }
  for (int d = 0; d < array->n_dimensions; d++) {
    if (array->shape[d] < 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "array %s has a negative length", array->name);
    }
    SMR_TRY(smr_int_multiply(*n, array->shape[d], "numbers in an array", n));
  }
  int64_t bytes = 0;
  return smr_int_multiply(*n, (int64_t)smr_h5_get_bytes(array->type), "bytes in an array", &bytes);
}

static bool is_named(const smr_array *array, int d) {
  return array->dimensions[d] != NULL && array->dimensions[d][0] != '\0';
}

static bool is_coordinate(const smr_array *array) {
  return array->n_dimensions == 1 && is_named(array, 0) &&
         strcmp(array->name, array->dimensions[0]) == 0;
}

static dimension *find_dimension(const writer *w, const char *name) {
  for (int64_t i = 0; i < w->n_dimensions; i++) {
    if (strcmp(w->dimensions[i].name, name) == 0) {
      return &w->dimensions[i];
    }
  }
  return NULL;
}

/* Adds the dimensions of an array that are new, and compares lengths with those that aren't. */
static smr_status gather_dimensions(writer *w, const smr_array *array) {
  for (int d = 0; d < array->n_dimensions; d++) {
    if (!is_named(array, d)) {
      continue;
    }
    const char *name = array->dimensions[d];
    dimension *old = find_dimension(w, name);
    if (old == NULL) {
      SMR_TRY(check_name(name, "a dimension"));
      w->dimensions[w->n_dimensions++] =
          (dimension){.name = name, .n = array->shape[d], .coordinate = -1, .scale = -1};
    } else if (old->n != array->shape[d]) {
      SMR_FAIL(SMR_ERR_INTERNAL, "dimension %s has %lld entries in array %s, and %lld before", name,
               (long long)array->shape[d], array->name, (long long)old->n);
    }
  }
  return SMR_OK;
}

/* An array named like a dimension must be its coordinate, and names must differ. */
static smr_status check_array_name(writer *w, int64_t index) {
  const smr_array *array = &w->contents->arrays[index];
  for (int64_t i = 0; i < index; i++) {
    if (strcmp(w->contents->arrays[i].name, array->name) == 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "two arrays are named %s", array->name);
    }
  }
  dimension *named = find_dimension(w, array->name);
  if (named == NULL) {
    return SMR_OK;
  }
  if (!is_coordinate(array)) {
    SMR_FAIL(SMR_ERR_INTERNAL, "array %s is named like a dimension and isn't its coordinate",
             array->name);
  }
  named->coordinate = index;
  return SMR_OK;
}

static smr_status check_contents(writer *w) {
  const smr_h5_contents *contents = w->contents;
  for (int64_t i = 0; i < contents->n_arrays; i++) {
    int64_t n = 0;
    SMR_TRY(check_name(contents->arrays[i].name, "an array"));
    SMR_TRY(smr_h5_count_elements(&contents->arrays[i], &n));
    SMR_TRY(gather_dimensions(w, &contents->arrays[i]));
  }
  for (int64_t i = 0; i < contents->n_arrays; i++) {
    SMR_TRY(check_array_name(w, i));
  }
  for (int64_t i = 0; i < contents->n_attributes; i++) {
    SMR_TRY(check_name(contents->attributes[i].name, "an attribute"));
  }
  return SMR_OK;
}

/* ---- Attributes. ---- */

smr_status smr_h5_write_text_attribute(hid_t object, const char *name, const char *text) {
  smr_status status = SMR_OK;
  hid_t type = -1, space = -1, attribute = -1;
  const size_t length = strlen(text);
  SMR_H5_TRY_DONE(type = H5Tcopy(H5T_C_S1), "cannot make a type");
  SMR_H5_TRY_DONE(H5Tset_size(type, length > 0 ? length : 1), "cannot write attribute %s", name);
  SMR_H5_TRY_DONE(H5Tset_strpad(type, H5T_STR_NULLPAD), "cannot write attribute %s", name);
  SMR_H5_TRY_DONE(H5Tset_cset(type, H5T_CSET_UTF8), "cannot write attribute %s", name);
  SMR_H5_TRY_DONE(space = H5Screate(H5S_SCALAR), "cannot make a dataspace");
  attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, type, text) < 0) {
    status = smr_h5_fail(SMR_ERR_INTERNAL, "cannot write attribute %s", name);
  }
done:
  smr_h5_drop(attribute);
  smr_h5_drop(space);
  smr_h5_drop(type);
  return status;
}

/* One number, as the one-element list that netCDF-4 writes. */
static smr_status write_number_attribute(hid_t object, const char *name, hid_t file_type,
                                         hid_t memory_type, const void *value) {
  const hsize_t one = 1;
  smr_status status = SMR_OK;
  const hid_t space = H5Screate_simple(1, &one, NULL);
  const hid_t attribute =
      space < 0 ? -1 : H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0 || H5Awrite(attribute, memory_type, value) < 0) {
    status = smr_h5_fail(SMR_ERR_INTERNAL, "cannot write attribute %s", name);
  }
  smr_h5_drop(attribute);
  smr_h5_drop(space);
  return status;
}

static smr_status write_root_attributes(const writer *w) {
  for (int64_t i = 0; i < w->contents->n_attributes; i++) {
    const smr_attribute *a = &w->contents->attributes[i];
    if (a->text != NULL) {
      SMR_TRY(smr_h5_write_text_attribute(w->file, a->name, a->text));
    } else if (a->is_integer) {
      SMR_TRY(
          write_number_attribute(w->file, a->name, H5T_STD_I64LE, H5T_NATIVE_INT64, &a->integer));
    } else {
      SMR_TRY(
          write_number_attribute(w->file, a->name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &a->number));
    }
  }
  return SMR_OK;
}

static smr_status write_array_attributes(hid_t dataset, const smr_array *array) {
  if (array->unit != NULL) {
    SMR_TRY(smr_h5_write_text_attribute(dataset, "units", array->unit));
  }
  if (array->meaning != NULL) {
    SMR_TRY(smr_h5_write_text_attribute(dataset, "long_name", array->meaning));
  }
  if (!is_coordinate(array) && (array->type == SMR_F64 || array->type == SMR_F32)) {
    const double fill = NAN;
    SMR_TRY(write_number_attribute(dataset, "_FillValue", smr_h5_get_file_type(array->type),
                                   H5T_NATIVE_DOUBLE, &fill));
  }
  if (array->is_measured_time) {
    const int one = 1;
    SMR_TRY(
        write_number_attribute(dataset, "simmer_measured", H5T_STD_I32LE, H5T_NATIVE_INT, &one));
  }
  return SMR_OK;
}

/* ---- Datasets. ---- */

/* Space at once and no filling: every byte is written by us or by the owner of the file. (Texts of
 * any length must be filled, says HDF5.) */
static smr_status create_dataset_properties(const smr_array *array, hid_t *properties) {
  const double fill = NAN;
  *properties = H5Pcreate(H5P_DATASET_CREATE);
  if (*properties < 0 || H5Pset_alloc_time(*properties, H5D_ALLOC_TIME_EARLY) < 0 ||
      (array->type != SMR_TEXTS && H5Pset_fill_time(*properties, H5D_FILL_TIME_NEVER) < 0)) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot set the properties of a dataset");
  }
  if ((array->type == SMR_F64 || array->type == SMR_F32) &&
      H5Pset_fill_value(*properties, H5T_NATIVE_DOUBLE, &fill) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot set a fill value");
  }
  return smr_h5_set_object_properties(*properties);
}

static smr_status create_space(const smr_array *array, hid_t *space) {
  hsize_t shape[SMR_ARRAY_DIMENSIONS] = {0};
  for (int d = 0; d < array->n_dimensions; d++) {
    shape[d] = (hsize_t)array->shape[d];
  }
  *space = array->n_dimensions == 0 ? H5Screate(H5S_SCALAR)
                                    : H5Screate_simple(array->n_dimensions, shape, NULL);
  return *space < 0 ? smr_h5_fail(SMR_ERR_LIMIT, "cannot make the shape of %s", array->name)
                    : SMR_OK;
}

static smr_status write_dataset(hid_t file, const smr_array *array, hid_t *dataset) {
  smr_status status = SMR_OK;
  hid_t space = -1, properties = -1, text_type = -1;
  hid_t file_type = smr_h5_get_file_type(array->type);
  hid_t memory_type = smr_h5_get_memory_type(array->type);
  int64_t n = 0;
  SMR_TRY_DONE(smr_h5_count_elements(array, &n));
  SMR_TRY_DONE(create_space(array, &space));
  SMR_TRY_DONE(create_dataset_properties(array, &properties));
  if (array->type == SMR_TEXTS) {
    SMR_TRY_DONE(smr_h5_create_text_type(&text_type));
    file_type = memory_type = text_type;
  }
  SMR_H5_TRY_DONE(*dataset = H5Dcreate2(file, array->name, file_type, space, H5P_DEFAULT,
                                        properties, H5P_DEFAULT),
                  "cannot create dataset %s", array->name);
  if (n > 0 && array->data != NULL) {
    SMR_H5_TRY_DONE(H5Dwrite(*dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data),
                    "cannot write dataset %s", array->name);
  }
  SMR_TRY_DONE(write_array_attributes(*dataset, array));
done:
  smr_h5_drop(text_type);
  smr_h5_drop(properties);
  smr_h5_drop(space);
  return status;
}

/* A dimension without a coordinate: netCDF-4 knows it by the text and its width. It needs no
 * values; one byte an entry is the least that HDF5 makes. */
static smr_status write_plain_scale(const writer *w, dimension *dim) {
  smr_status status = SMR_OK;
  hid_t space = -1, properties = -1;
  char text[96];
  const hsize_t n = (hsize_t)dim->n;
  snprintf(text, sizeof text, SMR_H5_PLAIN_SCALE "%10lld", (long long)dim->n);
  SMR_H5_TRY_DONE(space = H5Screate_simple(1, &n, NULL), "cannot make dimension %s", dim->name);
  SMR_H5_TRY_DONE(properties = H5Pcreate(H5P_DATASET_CREATE), "cannot make dimension %s",
                  dim->name);
  SMR_TRY_DONE(smr_h5_set_object_properties(properties));
  SMR_H5_TRY_DONE(dim->scale = H5Dcreate2(w->file, dim->name, H5T_IEEE_F32BE, space, H5P_DEFAULT,
                                          properties, H5P_DEFAULT),
                  "cannot make dimension %s", dim->name);
  SMR_H5_TRY_DONE(H5DSset_scale(dim->scale, text), "cannot make dimension %s", dim->name);
done:
  smr_h5_drop(properties);
  smr_h5_drop(space);
  return status;
}

static smr_status write_scales(writer *w) {
  for (int64_t i = 0; i < w->n_dimensions; i++) {
    dimension *dim = &w->dimensions[i];
    if (dim->coordinate < 0) {
      SMR_TRY(write_plain_scale(w, dim));
      continue;
    }
    hid_t *dataset = &w->datasets[dim->coordinate];
    SMR_TRY(write_dataset(w->file, &w->contents->arrays[dim->coordinate], dataset));
    if (H5DSset_scale(*dataset, dim->name) < 0) {
      return smr_h5_fail(SMR_ERR_INTERNAL, "cannot make %s a coordinate", dim->name);
    }
    dim->scale = *dataset;
  }
  return SMR_OK;
}

static smr_status attach_scales(const writer *w, const smr_array *array, hid_t dataset) {
  for (int d = 0; d < array->n_dimensions; d++) {
    const dimension *dim = is_named(array, d) ? find_dimension(w, array->dimensions[d]) : NULL;
    if (dim != NULL && H5DSattach_scale(dataset, dim->scale, (unsigned)d) < 0) {
      return smr_h5_fail(SMR_ERR_INTERNAL, "cannot attach dimension %s to %s", dim->name,
                         array->name);
    }
  }
  return SMR_OK;
}

static const smr_array *find_array(const smr_h5_contents *contents, const char *name) {
  for (int64_t i = 0; i < contents->n_arrays; i++) {
    if (strcmp(contents->arrays[i].name, name) == 0) {
      return &contents->arrays[i];
    }
  }
  return NULL;
}

static bool has_dimension(const smr_array *array, const char *name) {
  for (int d = 0; d < array->n_dimensions; d++) {
    if (is_named(array, d) && strcmp(array->dimensions[d], name) == 0) {
      return true;
    }
  }
  return false;
}

/* The attribute `coordinates` makes xarray treat zipped axes as coordinates. */
static smr_status write_coordinates(const writer *w, const smr_array *array, hid_t dataset) {
  smr_status status = SMR_OK;
  smr_text names = {0};
  for (int64_t i = 0; i < w->contents->n_auxiliary; i++) {
    const smr_array *other = find_array(w->contents, w->contents->auxiliary[i]);
    if (other == array) { /* a coordinate has no coordinates */
      smr_text_clear(&names);
      return SMR_OK;
    }
    if (other != NULL && other->n_dimensions == 1 && is_named(other, 0) &&
        has_dimension(array, other->dimensions[0])) {
      SMR_TRY_DONE(smr_text_add(&names, "%s%s", names.length > 0 ? " " : "", other->name));
    }
  }
  if (names.length > 0) {
    SMR_TRY_DONE(smr_h5_write_text_attribute(dataset, "coordinates", names.data));
  }
done:
  smr_text_clear(&names);
  return status;
}

static smr_status write_all(writer *w) {
  SMR_TRY(write_root_attributes(w));
  SMR_TRY(write_scales(w));
  for (int64_t i = 0; i < w->contents->n_arrays; i++) {
    const smr_array *array = &w->contents->arrays[i];
    if (is_coordinate(array)) {
      continue;
    }
    SMR_TRY(write_dataset(w->file, array, &w->datasets[i]));
    SMR_TRY(attach_scales(w, array, w->datasets[i]));
    SMR_TRY(write_coordinates(w, array, w->datasets[i]));
    /* Few ids stay open, however many arrays there are. */
    smr_h5_drop(w->datasets[i]);
    w->datasets[i] = -1;
  }
  return SMR_OK;
}

static void close_writer(writer *w) {
  for (int64_t i = 0; w->dimensions != NULL && i < w->n_dimensions; i++) {
    smr_h5_drop(w->dimensions[i].coordinate < 0 ? w->dimensions[i].scale : -1);
  }
  for (int64_t i = 0; w->datasets != NULL && i < w->contents->n_arrays; i++) {
    smr_h5_drop(w->datasets[i]);
  }
  smr_memory_free(w->dimensions);
  smr_memory_free(w->datasets);
}

smr_status smr_h5_write(hid_t file, const smr_h5_contents *contents) {
  smr_status status = SMR_OK;
  writer w = {.contents = contents, .file = file};
  int64_t n = 0;
  SMR_TRY_DONE(smr_int_multiply(contents->n_arrays, SMR_ARRAY_DIMENSIONS, "dimensions", &n));
  SMR_TRY_DONE(smr_memory_alloc(n, sizeof *w.dimensions, "dimensions", &w.dimensions));
  SMR_TRY_DONE(
      smr_memory_alloc(contents->n_arrays, sizeof *w.datasets, "open datasets", &w.datasets));
  for (int64_t i = 0; i < contents->n_arrays; i++) {
    w.datasets[i] = -1;
  }
  SMR_TRY_DONE(check_contents(&w));
  SMR_TRY_DONE(write_all(&w));
done:
  close_writer(&w);
  return status;
}
