/* What a file of arrays holds: names, types, shapes, dimensions, attributes. */
#include <hdf5_hl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "array_file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* Groups in groups deeper than this aren't looked into. */
enum { DEEPEST_GROUP = 8, NAME_BYTES = 1024, SHOWN_NUMBERS = 64 };

/* ---- Attributes. ---- */

typedef struct {
  hid_t id, type, space;
  int64_t n;
} attribute;

static void close_attribute(attribute *a) {
  smr_h5_drop(a->space);
  smr_h5_drop(a->type);
  smr_h5_drop(a->id);
}

/* Opens an attribute that is no larger than the file; id stays negative when there is none. */
static smr_status open_attribute(const smr_arrays *arrays, hid_t object, const char *name,
                                 attribute *a) {
  *a = (attribute){.id = -1, .type = -1, .space = -1};
  const htri_t exists = H5Aexists(object, name);
  if (exists == 0) {
    return SMR_OK;
  }
  a->id = exists < 0 ? -1 : H5Aopen(object, name, H5P_DEFAULT);
  a->type = a->id < 0 ? -1 : H5Aget_type(a->id);
  a->space = a->id < 0 ? -1 : H5Aget_space(a->id);
  const hssize_t n = a->space < 0 ? -1 : H5Sget_simple_extent_npoints(a->space);
  const size_t width = a->type < 0 ? 0 : H5Tget_size(a->type);
  if (n < 0 || width == 0) {
    return smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read attribute %s", arrays->name, name);
  }
  if (width > (size_t)arrays->bytes || n > arrays->bytes / (int64_t)width) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s: attribute %s is larger than the file", arrays->name, name);
  }
  a->n = n;
  return SMR_OK;
}

static smr_status read_fixed(const attribute *a, smr_text *text) {
  smr_status status = SMR_OK;
  char *buffer = NULL;
  const size_t width = H5Tget_size(a->type);
  SMR_TRY_DONE(smr_memory_alloc(a->n, width, "an attribute", &buffer));
  SMR_H5_TRY_DONE(H5Aread(a->id, a->type, buffer), "cannot read an attribute");
  for (int64_t i = 0; i < a->n; i++) {
    const char *item = buffer + (size_t)i * width;
    SMR_TRY_DONE(smr_text_add(text, "%s%.*s", i > 0 ? " " : "", (int)strnlen(item, width), item));
  }
done:
  smr_memory_free(buffer);
  return status;
}

static smr_status read_variable(const attribute *a, smr_text *text) {
  smr_status status = SMR_OK;
  char **buffer = NULL;
  bool is_read = false;
  SMR_TRY_DONE(smr_memory_alloc(a->n, sizeof *buffer, "an attribute", &buffer));
  SMR_H5_TRY_DONE(H5Aread(a->id, a->type, (void *)buffer), "cannot read an attribute");
  is_read = true;
  for (int64_t i = 0; i < a->n; i++) {
    const char *item = buffer[i] == NULL ? "" : buffer[i];
    SMR_TRY_DONE(smr_text_add(text, "%s%s", i > 0 ? " " : "", item));
  }
done:
  if (is_read) {
    H5Dvlen_reclaim(a->type, a->space, H5P_DEFAULT, (void *)buffer);
    H5Eclear2(H5E_DEFAULT);
  }
  smr_memory_free((void *)buffer);
  return status;
}

static smr_status read_integers(const attribute *a, smr_text *text) {
  smr_status status = SMR_OK;
  int64_t *values = NULL;
  SMR_TRY_DONE(smr_memory_alloc(a->n, sizeof *values, "an attribute", &values));
  SMR_H5_TRY_DONE(H5Aread(a->id, H5T_NATIVE_INT64, values), "cannot read an attribute");
  for (int64_t i = 0; i < smr_int_min(a->n, SHOWN_NUMBERS); i++) {
    SMR_TRY_DONE(smr_text_add(text, "%s%" PRId64, i > 0 ? " " : "", values[i]));
  }
done:
  smr_memory_free(values);
  return status;
}

static smr_status read_numbers(const attribute *a, smr_text *text) {
  smr_status status = SMR_OK;
  double *values = NULL;
  if (H5Tget_class(a->type) == H5T_INTEGER) {
    return read_integers(a, text);
  }
  SMR_TRY_DONE(smr_memory_alloc(a->n, sizeof *values, "an attribute", &values));
  SMR_H5_TRY_DONE(H5Aread(a->id, H5T_NATIVE_DOUBLE, values), "cannot read an attribute");
  for (int64_t i = 0; i < smr_int_min(a->n, SHOWN_NUMBERS); i++) {
    /* The shortest of these that reads back as the same number. */
    char number[32];
    for (int digits = 15; digits <= 17; digits += 2) {
      snprintf(number, sizeof number, "%.*g", digits, values[i]);
      double back = 0;
      if (sscanf(number, "%lf", &back) == 1 && back == values[i]) {
        break;
      }
    }
    SMR_TRY_DONE(smr_text_add(text, "%s%s", i > 0 ? " " : "", number));
  }
done:
  smr_memory_free(values);
  return status;
}

/* *is_there = false for no attribute, and for one of a kind that has no text. */
static smr_status read_attribute(const smr_arrays *arrays, hid_t object, const char *name,
                                 smr_text *text, bool *is_there) {
  smr_status status = SMR_OK;
  attribute a;
  *is_there = false;
  SMR_TRY_DONE(open_attribute(arrays, object, name, &a));
  if (a.id < 0) {
    goto done;
  }
  SMR_TRY_DONE(smr_text_add(text, "%s", ""));
  const H5T_class_t class = H5Tget_class(a.type);
  *is_there = true;
  if (class == H5T_STRING && H5Tis_variable_str(a.type) > 0) {
    status = read_variable(&a, text);
  } else if (class == H5T_STRING) {
    status = read_fixed(&a, text);
  } else if (class == H5T_INTEGER || class == H5T_FLOAT) {
    status = read_numbers(&a, text);
  } else {
    *is_there = false;
  }
  if (status != SMR_OK) {
    smr_error_set(SMR_ERR_CORRUPT, "%s: attribute %s: %s", arrays->name, name, smr_error_message());
    status = SMR_ERR_CORRUPT;
  }
done:
  close_attribute(&a);
  return status;
}

smr_status smr_arrays_get_attribute(smr_arrays *arrays, hid_t object, const char *name,
                                    const char **text) {
  smr_status status = SMR_OK;
  smr_text value = {0};
  bool is_there = false;
  char *copy = NULL;
  *text = NULL;
  SMR_TRY_DONE(read_attribute(arrays, object, name, &value, &is_there));
  if (is_there) {
    SMR_TRY_DONE(smr_arrays_own_text(arrays, value.data, value.length, &copy));
    *text = copy;
  }
done:
  smr_text_clear(&value);
  return status;
}

smr_status smr_arrays_read_attribute(smr_arrays *arrays, const char *name, char **text) {
  smr_status status = SMR_OK;
  smr_text value = {0};
  bool is_there = false;
  *text = NULL;
  SMR_TRY_DONE(read_attribute(arrays, arrays->file, name, &value, &is_there));
  if (!is_there) {
    SMR_FAIL_DONE(SMR_ERR_INPUT, "%s has no attribute named %s", arrays->name, name);
  }
  SMR_TRY_DONE(smr_memory_copy_string(value.data, text));
done:
  smr_text_clear(&value);
  return status;
}

/* ---- Names. ---- */

typedef struct {
  smr_arrays *arrays;
  char prefix[NAME_BYTES];
  int depth;
  smr_text *names; /* each with its terminator */
  int64_t n;
  smr_status status;
} walk;

bool smr_h5_is_plain_scale(hid_t dataset) {
  char name[sizeof SMR_H5_PLAIN_SCALE] = "";
  const bool is_scale = H5DSis_scale(dataset) > 0 &&
                        H5DSget_scale_name(dataset, name, sizeof name) > 0 &&
                        strncmp(name, SMR_H5_PLAIN_SCALE, sizeof name - 1) == 0;
  H5Eclear2(H5E_DEFAULT);
  return is_scale;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data);

static void walk_group(walk *w, hid_t group) {
  /* A file of others may not have kept the order of creation. */
  if (H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_link, w) < 0 &&
      w->status == SMR_OK && w->n == 0) {
    H5Eclear2(H5E_DEFAULT);
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, w) < 0 &&
        w->status == SMR_OK) {
      w->status = smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot list its datasets", w->arrays->name);
    }
  }
  H5Eclear2(H5E_DEFAULT);
}

static smr_status enter_group(walk *w, hid_t group, const char *name) {
  char prefix[NAME_BYTES];
  if (w->depth == DEEPEST_GROUP || strlen(w->prefix) + strlen(name) + 2 > sizeof prefix) {
    return SMR_OK;
  }
  memcpy(prefix, w->prefix, sizeof prefix);
  const size_t used = strlen(w->prefix);
  snprintf(w->prefix + used, sizeof w->prefix - used, "%s/", name);
  w->depth++;
  walk_group(w, group);
  w->depth--;
  memcpy(w->prefix, prefix, sizeof prefix);
  return w->status;
}

/* Only real links: soft and external ones may lead anywhere. */
static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  walk *w = data;
  if (info->type != H5L_TYPE_HARD) {
    return 0;
  }
  const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  const H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
  if (object < 0) {
    w->status =
        smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot open %s%s", w->arrays->name, w->prefix, name);
  } else if (type == H5I_GROUP) {
    w->status = enter_group(w, object, name);
  } else if (type == H5I_DATASET && !smr_h5_is_plain_scale(object)) {
    w->status = smr_text_add(w->names, "%s%s", w->prefix, name);
    if (w->status == SMR_OK) {
      w->status = smr_text_add_bytes(w->names, "", 1);
    }
    w->n++;
  }
  smr_h5_drop(object);
  return w->status == SMR_OK ? 0 : -1;
}

/* Texts one after another, each with its terminator -> a list of them. */
static smr_status own_list(smr_arrays *arrays, const smr_text *text, int64_t n,
                           const char *const **names) {
  const char **list = NULL;
  char *copy = NULL;
  SMR_TRY(smr_arrays_own(arrays, n + 1, sizeof *list, "names", (void *)&list));
  SMR_TRY(smr_arrays_own(arrays, (int64_t)text->length + 1, 1, "names", &copy));
  if (text->length > 0) {
    memcpy(copy, text->data, text->length);
  }
  for (int64_t i = 0; i < n; i++) {
    list[i] = copy;
    copy += strlen(copy) + 1;
  }
  *names = list;
  return SMR_OK;
}

smr_status smr_arrays_list(smr_arrays *arrays, int64_t *n, const char *const **names) {
  smr_status status = SMR_OK;
  smr_text text = {0};
  walk w = {.arrays = arrays, .names = &text};
  walk_group(&w, arrays->file);
  SMR_TRY_DONE(w.status);
  SMR_TRY_DONE(own_list(arrays, &text, w.n, names));
  *n = w.n;
done:
  smr_text_clear(&text);
  return status;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data) {
  (void)object, (void)info;
  walk *w = data;
  w->status = smr_text_add_bytes(w->names, name, strlen(name) + 1);
  w->n++;
  return w->status == SMR_OK ? 0 : -1;
}

smr_status smr_arrays_list_attributes(smr_arrays *arrays, int64_t *n, const char *const **names) {
  smr_status status = SMR_OK;
  smr_text text = {0};
  walk w = {.arrays = arrays, .names = &text};
  if (H5Aiterate2(arrays->file, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_attribute, &w) < 0 &&
      w.status == SMR_OK && w.n == 0) {
    H5Eclear2(H5E_DEFAULT);
    H5Aiterate2(arrays->file, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_attribute, &w);
  }
  H5Eclear2(H5E_DEFAULT);
  SMR_TRY_DONE(w.status);
  SMR_TRY_DONE(own_list(arrays, &text, w.n, names));
  *n = w.n;
done:
  smr_text_clear(&text);
  return status;
}

/* ---- One dataset. ---- */

static smr_status get_type(const smr_arrays *arrays, const char *name, hid_t dataset,
                           smr_array_type *out) {
  const hid_t type = H5Dget_type(dataset);
  const H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
  const size_t bytes = type < 0 ? 0 : H5Tget_size(type);
  const bool is_signed = class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  smr_h5_drop(type);
  switch (class) {
  case H5T_FLOAT:
    *out = bytes <= 4 ? SMR_F32 : SMR_F64;
    return SMR_OK;
  case H5T_INTEGER:
    if (bytes == 1 && !is_signed) {
      *out = SMR_U8;
    } else {
      *out = bytes < 4 || (bytes == 4 && is_signed) ? SMR_I32 : SMR_I64;
    }
    return SMR_OK;
  case H5T_STRING:
    *out = SMR_TEXTS;
    return SMR_OK;
  default:
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s holds neither numbers nor texts", arrays->name, name);
  }
}

static smr_status own_string(smr_arrays *arrays, const char *text, const char **out) {
  char *copy = NULL;
  SMR_TRY(smr_arrays_own_text(arrays, text, strlen(text), &copy));
  *out = copy;
  return SMR_OK;
}

static herr_t take_scale_name(hid_t dataset, unsigned dim, hid_t scale, void *name) {
  (void)dataset, (void)dim;
  return H5Iget_name(scale, name, NAME_BYTES) > 0 ? 1 : 0;
}

/* The name of the scale of dimension d; "dim_d" when there is none. */
static smr_status get_dimension(smr_arrays *arrays, hid_t dataset, int d, const char **out) {
  char path[NAME_BYTES] = "";
  if (H5DSis_scale(dataset) > 0) {
    H5Iget_name(dataset, path, sizeof path);
  } else {
    H5DSiterate_scales(dataset, (unsigned)d, NULL, take_scale_name, path);
  }
  H5Eclear2(H5E_DEFAULT);
  const char *slash = strrchr(path, '/');
  if (path[0] == '\0') {
    snprintf(path, sizeof path, "dim_%d", d);
  }
  return own_string(arrays, slash != NULL ? slash + 1 : path, out);
}

static smr_status get_shape(smr_arrays *arrays, const char *name, hid_t dataset, smr_array *out) {
  hsize_t shape[SMR_ARRAY_DIMENSIONS] = {0};
  const hid_t space = H5Dget_space(dataset);
  out->n_dimensions = space < 0 ? -1 : H5Sget_simple_extent_dims(space, shape, NULL);
  smr_h5_drop(space);
  if (out->n_dimensions < 0) {
    return smr_h5_fail(SMR_ERR_CORRUPT, "%s: cannot read the shape of %s", arrays->name, name);
  }
  for (int d = 0; d < out->n_dimensions; d++) {
    out->shape[d] = (int64_t)shape[d];
    SMR_TRY(get_dimension(arrays, dataset, d, &out->dimensions[d]));
  }
  return SMR_OK;
}

smr_status smr_arrays_inspect(smr_arrays *arrays, const char *name, smr_array *out) {
  smr_status status = SMR_OK;
  hid_t dataset = -1;
  const char *measured = NULL;
  *out = (smr_array){0};
  SMR_TRY_DONE(smr_arrays_open_dataset(arrays, name, &dataset));
  SMR_TRY_DONE(own_string(arrays, name, &out->name));
  SMR_TRY_DONE(get_type(arrays, name, dataset, &out->type));
  SMR_TRY_DONE(get_shape(arrays, name, dataset, out));
  SMR_TRY_DONE(smr_arrays_get_attribute(arrays, dataset, "units", &out->unit));
  SMR_TRY_DONE(smr_arrays_get_attribute(arrays, dataset, "long_name", &out->meaning));
  SMR_TRY_DONE(smr_arrays_get_attribute(arrays, dataset, "simmer_measured", &measured));
  out->is_measured_time = measured != NULL && strcmp(measured, "1") == 0;
done:
  smr_h5_drop(dataset);
  return status;
}
