/* model.h5: what a model has to be, in one table. V visible and H hidden units, S samples. */
#include "simmer/store/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_file.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

typedef enum { NONE, VISIBLE, HIDDEN, SAMPLE } letter;

typedef struct {
  const char *name, *meaning;
  letter rows, columns;
  bool is_optional;
  size_t place; /* of the pointer in smr_model */
} part;

static const part parts[] = {
    {"W", "weights", VISIBLE, HIDDEN, false, offsetof(smr_model, w)},
    {"visible_bias", "biases of the visible units", VISIBLE, NONE, false,
     offsetof(smr_model, visible_bias)},
    {"hidden_bias", "biases of the hidden units", HIDDEN, NONE, false,
     offsetof(smr_model, hidden_bias)},
    {"visible_offset", "what centring takes from the visible units", VISIBLE, NONE, true,
     offsetof(smr_model, visible_offset)},
    {"hidden_offset", "what centring takes from the hidden units", HIDDEN, NONE, true,
     offsetof(smr_model, hidden_offset)},
    {"visible_mean", "mean of the training data", VISIBLE, NONE, true,
     offsetof(smr_model, visible_mean)},
    {"samples", "probabilities of fantasy particles", SAMPLE, VISIBLE, true,
     offsetof(smr_model, samples)},
};
enum { N_PARTS = sizeof parts / sizeof parts[0] };

/* Whole numbers beside the arrays; 0 when unknown. */
typedef struct {
  const char *name;
  size_t place;
} size_row;

static const size_row sizes[] = {{"image_height", offsetof(smr_model, height)},
                                 {"image_width", offsetof(smr_model, width)},
                                 {"n_train", offsetof(smr_model, n_train)}};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

static const int64_t *get_size(const smr_model *model, const size_row *size) {
  return (const int64_t *)(const void *)((const char *)model + size->place);
}

static float *get_data(const smr_model *model, const part *p) {
  float *data = NULL;
  memcpy(&data, (const char *)model + p->place, sizeof data);
  return data;
}

static void set_data(smr_model *model, const part *p, float *data) {
  memcpy((char *)model + p->place, &data, sizeof data);
}

static int64_t get_length(const smr_model *model, letter l) {
  switch (l) {
  case VISIBLE:
    return model->n_visible;
  case HIDDEN:
    return model->n_hidden;
  case SAMPLE:
    return model->n_samples;
  case NONE:
  default:
    return 1;
  }
}

static const char *get_dimension(letter l) {
  static const char *const names[] = {NULL, "visible", "hidden", "sample"};
  return names[l];
}

static smr_status check_finite(const char *path, const part *p, int64_t n, int64_t n_columns,
                               const float *data, smr_status code) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(data[i])) {
      SMR_FAIL(code,
               "%s: %s holds something that isn't a finite number of single precision, first "
               "at [%" PRId64 ", %" PRId64 "]",
               path, p->name, i / n_columns, i % n_columns);
    }
  }
  return SMR_OK;
}

static smr_status check_image(const char *path, const smr_model *model, smr_status code) {
  const bool is_unknown = model->height == 0 && model->width == 0;
  const bool is_sane = model->height > 0 && model->width > 0 && model->height <= model->n_visible &&
                       model->width <= model->n_visible;
  if (!is_unknown && !(is_sane && model->height * model->width == model->n_visible)) {
    SMR_FAIL(code, "%s: an image of %" PRId64 " x %" PRId64 " hasn't %" PRId64 " visible units",
             path, model->height, model->width, model->n_visible);
  }
  return SMR_OK;
}

/* ---- Writing. ---- */

static smr_status list_part(const char *path, const smr_model *model, const part *p,
                            smr_array *out) {
  int64_t n = 0;
  const int64_t rows = get_length(model, p->rows), columns = get_length(model, p->columns);
  float *data = get_data(model, p);
  *out = (smr_array){.name = p->name,
                     .type = SMR_F32,
                     .n_dimensions = p->columns == NONE ? 1 : 2,
                     .shape = {rows, columns},
                     .dimensions = {get_dimension(p->rows), get_dimension(p->columns)},
                     .unit = "1",
                     .meaning = p->meaning,
                     .data = data};
  if (data == NULL) {
    SMR_FAIL(SMR_ERR_INTERNAL, "%s: the model has no %s", path, p->name);
  }
  SMR_TRY(smr_int_multiply(rows, columns, "numbers of a model", &n));
  return check_finite(path, p, n, smr_int_max(columns, 1), data, SMR_ERR_NUMERIC);
}

smr_status smr_model_write(const char *path, const smr_model *model, int64_t n_attributes,
                           const smr_attribute *attributes) {
  smr_array arrays[N_PARTS];
  smr_attribute *all = NULL;
  int64_t n = 0;
  SMR_TRY(check_image(path, model, SMR_ERR_INTERNAL));
  for (size_t i = 0; i < N_PARTS; i++) {
    if (get_data(model, &parts[i]) != NULL || !parts[i].is_optional) {
      SMR_TRY(list_part(path, model, &parts[i], &arrays[n++]));
    }
  }
  SMR_TRY(smr_memory_alloc(n_attributes + N_SIZES, sizeof *all, "attributes of a model", &all));
  if (n_attributes > 0) {
    memcpy(all, attributes, (size_t)n_attributes * sizeof *all);
  }
  for (int i = 0; i < N_SIZES; i++) {
    all[n_attributes + i] = (smr_attribute){
        .name = sizes[i].name, .is_integer = true, .integer = *get_size(model, &sizes[i])};
  }
  const smr_status status = smr_arrays_write(path, n, arrays, n_attributes + N_SIZES, all);
  smr_memory_free(all);
  return status;
}

/* ---- Reading. ---- */

static smr_status check_shape(const char *path, const smr_model *model, const part *p,
                              const smr_array *array) {
  const int n_dimensions = p->columns == NONE ? 1 : 2;
  const letter letters[] = {p->rows, p->columns};
  if (array->n_dimensions != n_dimensions) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s has %d dimensions, and should have %d", path, p->name,
             array->n_dimensions, n_dimensions);
  }
  for (int d = 0; d < n_dimensions; d++) {
    if (array->shape[d] != get_length(model, letters[d])) {
      SMR_FAIL(SMR_ERR_INPUT, "%s: %s has %" PRId64 " entries along %s, where W asks for %" PRId64,
               path, p->name, array->shape[d], get_dimension(letters[d]),
               get_length(model, letters[d]));
    }
  }
  if (array->type == SMR_TEXTS) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: %s holds no numbers", path, p->name);
  }
  return SMR_OK;
}

/* W says how many units there are, samples how many of them. */
static smr_status take_sizes(const char *path, const part *p, const smr_array *array,
                             smr_model *model) {
  if (array->n_dimensions != 2 || (p->rows == SAMPLE && array->shape[0] < 0)) {
    return SMR_OK; /* said by check_shape */
  }
  if (p->rows == SAMPLE) {
    model->n_samples = array->shape[0];
    return SMR_OK;
  }
  if (array->shape[0] < 1 || array->shape[1] < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: W is empty", path);
  }
  model->n_visible = array->shape[0];
  model->n_hidden = array->shape[1];
  return SMR_OK;
}

static smr_status read_part(smr_arrays *file, const char *path, const part *p, smr_model *model) {
  smr_array array;
  float *data = NULL;
  int64_t n = 0;
  SMR_TRY(smr_arrays_inspect(file, p->name, &array));
  if (p->columns != NONE) {
    SMR_TRY(take_sizes(path, p, &array, model));
  }
  SMR_TRY(check_shape(path, model, p, &array));
  const int64_t columns = get_length(model, p->columns);
  SMR_TRY(smr_int_multiply(array.shape[0], columns, "numbers of a model", &n));
  SMR_TRY(smr_memory_alloc(n, sizeof *data, p->name, &data));
  set_data(model, p, data);
  SMR_TRY(smr_arrays_read(file, p->name, SMR_F32, 0, array.shape[0], data));
  return check_finite(path, p, n, smr_int_max(columns, 1), data, SMR_ERR_INPUT);
}

static bool has_part(int64_t n, const char *const *names, const part *p) {
  for (int64_t i = 0; i < n; i++) {
    if (strcmp(names[i], p->name) == 0) {
      return true;
    }
  }
  return false;
}

/* Models of others don't say what their images are like. */
static smr_status read_size(smr_arrays *file, const char *path, const size_row *size,
                            smr_model *model) {
  char *text = NULL;
  int64_t value = 0;
  const smr_status status = smr_arrays_read_attribute(file, size->name, &text);
  if (status == SMR_ERR_INPUT) {
    smr_error_clear();
    return SMR_OK;
  }
  SMR_TRY(status);
  value = strtoll(text, NULL, 10);
  smr_memory_free(text);
  if (value < 0) {
    SMR_FAIL(SMR_ERR_INPUT, "%s: the attribute %s is %" PRId64, path, size->name, value);
  }
  memcpy((char *)model + size->place, &value, sizeof value);
  return SMR_OK;
}

smr_status smr_model_create(int64_t n_visible, int64_t n_hidden, int64_t n_samples,
                            smr_model *model) {
  smr_status status = SMR_OK;
  *model = (smr_model){
      .n_visible = n_visible, .n_hidden = n_hidden, .n_samples = smr_int_max(n_samples, 0)};
  for (size_t i = 0; i < N_PARTS; i++) {
    const part *p = &parts[i];
    int64_t n = 0;
    float *data = NULL;
    if (p->is_optional && (n_samples < 0 || (p->rows == SAMPLE && n_samples == 0))) {
      continue;
    }
    SMR_TRY_DONE(smr_int_multiply(get_length(model, p->rows), get_length(model, p->columns),
                                  p->meaning, &n));
    SMR_TRY_DONE(smr_memory_alloc(n, sizeof *data, p->meaning, &data));
    set_data(model, p, data);
  }
done:
  if (status != SMR_OK) {
    smr_model_clear(model);
  }
  return status;
}

smr_status smr_model_read(const char *path, smr_model *model) {
  smr_status status = SMR_OK;
  smr_arrays *file = NULL;
  const char *const *names = NULL;
  int64_t n = 0;
  *model = (smr_model){0};
  SMR_TRY_DONE(smr_arrays_open(path, &file));
  SMR_TRY_DONE(smr_arrays_list(file, &n, &names));
  for (size_t i = 0; i < N_PARTS; i++) {
    if (!parts[i].is_optional || has_part(n, names, &parts[i])) {
      SMR_TRY_DONE(read_part(file, path, &parts[i], model));
    }
  }
  for (size_t i = 0; i < N_SIZES; i++) {
    SMR_TRY_DONE(read_size(file, path, &sizes[i], model));
  }
  SMR_TRY_DONE(check_image(path, model, SMR_ERR_INPUT));
done:
  smr_arrays_close(&file);
  if (status != SMR_OK) {
    smr_model_clear(model);
  }
  return status;
}

void smr_model_clear(smr_model *model) {
  for (size_t i = 0; i < N_PARTS; i++) {
    smr_memory_free(get_data(model, &parts[i]));
  }
  *model = (smr_model){0};
}

uint32_t smr_model_find_crc(const smr_model *model) {
  const int64_t numbers[] = {model->n_visible, model->n_hidden, model->n_train};
  const size_t v = (size_t)model->n_visible * sizeof(float);
  const size_t h = (size_t)model->n_hidden * sizeof(float);
  uint32_t crc = smr_crc32(0, numbers, sizeof numbers);
  crc = smr_crc32(crc, model->w, v * (size_t)model->n_hidden);
  crc = smr_crc32(crc, model->visible_bias, v);
  crc = smr_crc32(crc, model->hidden_bias, h);
  return model->visible_mean == NULL ? crc : smr_crc32(crc, model->visible_mean, v);
}
