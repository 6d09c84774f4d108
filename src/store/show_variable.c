/* One variable as a table: a row for each element with its coordinates, or, when it has two
 * dimensions and is narrow enough, a matrix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sheet.h"
#include "show.h"

enum { MOST_COLUMNS = 20, NUMBER_BYTES = 40, MOST_COORDINATES = 40 };

/* A list of values that can be printed. Numbers keep the type of the file. */
typedef struct {
  smr_array array;
  int dimension; /* of the variable, for coordinates */
  bool is_index; /* there is no coordinate: counts from 0 */
  char *data;
  const char *const *words; /* what numbers mean (flag_meanings), NULL if nothing */
  int64_t n_words;
} column;

typedef struct {
  smr_arrays *arrays;
  bool csv;
  column value;
  int n_coordinates;
  column coordinates[MOST_COORDINATES]; /* in the order of dimensions */
  int64_t n;                            /* elements */
} table;

/* ---- Values as text. ---- */

/* Fewest digits that read back the same in CSV, eight in tables. */
static void format_float(double value, int first_digits, int last_digits, bool is_single,
                         char text[NUMBER_BYTES]) {
  if (value != value) {
    snprintf(text, NUMBER_BYTES, "nan");
    return;
  }
  for (int digits = first_digits; digits <= last_digits; digits++) {
    snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
    const double back = strtod(text, NULL);
    if (back == value || (is_single && (float)back == (float)value)) {
      return;
    }
  }
}

static void format_number(const column *c, int64_t i, bool csv, char text[NUMBER_BYTES]) {
  const char *at = c->data + (size_t)i * smr_h5_get_bytes(c->array.type);
  double f64 = 0;
  float f32 = 0;
  int64_t i64 = 0;
  int32_t i32 = 0;
  switch (c->array.type) {
  case SMR_F64:
    memcpy(&f64, at, sizeof f64);
    format_float(f64, csv ? 15 : 8, csv ? 17 : 8, false, text);
    break;
  case SMR_F32:
    memcpy(&f32, at, sizeof f32);
    format_float((double)f32, csv ? 6 : 8, csv ? 9 : 8, true, text);
    break;
  case SMR_I64:
    memcpy(&i64, at, sizeof i64);
    snprintf(text, NUMBER_BYTES, "%lld", (long long)i64);
    break;
  case SMR_I32:
    memcpy(&i32, at, sizeof i32);
    snprintf(text, NUMBER_BYTES, "%d", (int)i32);
    break;
  case SMR_U8:
  case SMR_TEXTS:
  default:
    snprintf(text, NUMBER_BYTES, "%d", (int)(unsigned char)*at);
  }
}

static bool is_number(const column *c) {
  return c->is_index || (c->array.type != SMR_TEXTS && c->words == NULL);
}

/* Index of the word that a value stands for, -1 if none. */
static int64_t find_word(const column *c, int64_t i) {
  if (c->words == NULL) {
    return -1;
  }
  if (c->array.type == SMR_U8) {
    const unsigned char value = (unsigned char)c->data[i];
    return value < c->n_words ? value : -1;
  }
  double value = 0;
  memcpy(&value, c->data + (size_t)i * sizeof value, sizeof value);
  for (int64_t k = 0; k < c->n_words; k++) {
    if (value == (double)k) {
      return k;
    }
  }
  return -1;
}

static smr_status add_value(smr_sheet *sheet, const column *c, int64_t i) {
  char text[NUMBER_BYTES];
  if (c->is_index) {
    snprintf(text, sizeof text, "%lld", (long long)i);
    return smr_sheet_add(sheet, text);
  }
  if (c->array.type == SMR_TEXTS) {
    const char *word = NULL;
    memcpy(&word, c->data + (size_t)i * sizeof word, sizeof word);
    return smr_sheet_add(sheet, word);
  }
  const int64_t word = find_word(c, i);
  if (word >= 0) {
    return smr_sheet_add(sheet, c->words[word]);
  }
  format_number(c, i, sheet->is_csv, text);
  return smr_sheet_add(sheet, text);
}

/* ---- Reading. ---- */

static smr_status read_column(smr_arrays *arrays, column *c, int64_t *n) {
  *n = 1;
  for (int d = 0; d < c->array.n_dimensions; d++) {
    *n *= c->array.shape[d];
  }
  SMR_TRY(smr_arrays_own(arrays, *n, smr_h5_get_bytes(c->array.type), "values to show", &c->data));
  return smr_arrays_read(arrays, c->array.name, c->array.type, 0,
                         c->array.n_dimensions > 0 ? c->array.shape[0] : 1, c->data);
}

/* Words of an attribute, by blanks; the list ends where `text` does. */
static smr_status split(smr_arrays *arrays, const char *text, const char *const **words,
                        int64_t *n) {
  char *copy = NULL;
  const char **list = NULL;
  char *rest = NULL;
  *n = 0;
  SMR_TRY(smr_arrays_own_text(arrays, text, strlen(text), &copy));
  SMR_TRY(smr_arrays_own(arrays, (int64_t)strlen(text) + 1, sizeof *list, "words", (void *)&list));
  for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    list[(*n)++] = word;
  }
  *words = list;
  return SMR_OK;
}

static smr_status read_words(table *t, const char *attribute, const char *const **words,
                             int64_t *n) {
  hid_t dataset = -1;
  const char *text = NULL;
  *words = NULL;
  *n = 0;
  SMR_TRY(smr_arrays_open_dataset(t->arrays, t->value.array.name, &dataset));
  const smr_status status = smr_arrays_get_attribute(t->arrays, dataset, attribute, &text);
  smr_h5_drop(dataset);
  SMR_TRY(status);
  return text != NULL ? split(t->arrays, text, words, n) : SMR_OK;
}

/* Adds `name` as a coordinate of dimension d if it is one. */
static smr_status add_coordinate(table *t, const char *name, int d, bool *is_added) {
  const smr_array *value = &t->value.array;
  column c = {.dimension = d};
  int64_t n = 0;
  *is_added = false;
  if (t->n_coordinates == MOST_COORDINATES || strcmp(name, value->name) == 0) {
    return SMR_OK;
  }
  if (smr_arrays_inspect(t->arrays, name, &c.array) != SMR_OK) {
    smr_error_clear(); /* no such variable, or none to be shown */
    return SMR_OK;
  }
  if (c.array.n_dimensions != 1 || c.array.shape[0] != value->shape[d] ||
      strcmp(c.array.dimensions[0], value->dimensions[d]) != 0) {
    return SMR_OK;
  }
  SMR_TRY(read_column(t->arrays, &c, &n));
  t->coordinates[t->n_coordinates++] = c;
  *is_added = true;
  return SMR_OK;
}

static smr_status add_coordinates(table *t) {
  const char *const *names = NULL;
  int64_t n = 0;
  SMR_TRY(read_words(t, "coordinates", &names, &n));
  for (int d = 0; d < t->value.array.n_dimensions; d++) {
    const char *dimension = t->value.array.dimensions[d];
    bool is_added = false;
    SMR_TRY(add_coordinate(t, dimension, d, &is_added));
    const bool is_itself = strcmp(dimension, t->value.array.name) == 0;
    if (!is_added && !is_itself && t->n_coordinates < MOST_COORDINATES) {
      t->coordinates[t->n_coordinates++] =
          (column){.array = {.name = dimension}, .dimension = d, .is_index = true};
    }
    for (int64_t i = 0; i < n; i++) {
      SMR_TRY(add_coordinate(t, names[i], d, &is_added));
    }
  }
  return SMR_OK;
}

static smr_status read_table(table *t, const char *name) {
  SMR_TRY(smr_arrays_inspect(t->arrays, name, &t->value.array));
  SMR_TRY(read_column(t->arrays, &t->value, &t->n));
  SMR_TRY(add_coordinates(t));
  if (!t->csv && (t->value.array.type == SMR_U8 || t->value.array.type == SMR_F64)) {
    SMR_TRY(read_words(t, "flag_meanings", &t->value.words, &t->value.n_words));
  }
  return SMR_OK;
}

/* ---- Printing. ---- */

static smr_status print_title(const table *t, smr_text *out) {
  const smr_array *a = &t->value.array;
  SMR_TRY(smr_text_add(out, "%s", a->name));
  for (int d = 0; d < a->n_dimensions; d++) {
    SMR_TRY(smr_text_add(out, "%s%s: %lld", d == 0 ? "(" : ", ", a->dimensions[d],
                         (long long)a->shape[d]));
  }
  SMR_TRY(smr_text_add(out, "%s", a->n_dimensions > 0 ? ")" : ""));
  if (a->unit != NULL) {
    SMR_TRY(smr_text_add(out, ", unit %s", a->unit));
  }
  if (a->meaning != NULL) {
    SMR_TRY(smr_text_add(out, ", %s", a->meaning));
  }
  return smr_text_add(out, "\n");
}

static smr_status print_rows(const table *t, smr_text *out) {
  smr_status status = SMR_OK;
  smr_sheet sheet = {.is_csv = t->csv, .n_columns = t->n_coordinates + 1, .out = out};
  int64_t strides[SMR_ARRAY_DIMENSIONS] = {0};
  int64_t stride = 1;
  for (int d = t->value.array.n_dimensions - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= t->value.array.shape[d];
  }
  for (int k = 0; k < t->n_coordinates; k++) {
    sheet.is_number[k] = is_number(&t->coordinates[k]);
    SMR_TRY_DONE(smr_sheet_add(&sheet, t->coordinates[k].array.name));
  }
  sheet.is_number[t->n_coordinates] = is_number(&t->value);
  SMR_TRY_DONE(smr_sheet_add(&sheet, t->value.array.name));
  for (int64_t i = 0; i < t->n; i++) {
    for (int k = 0; k < t->n_coordinates; k++) {
      const column *c = &t->coordinates[k];
      const int64_t index = i / strides[c->dimension] % t->value.array.shape[c->dimension];
      SMR_TRY_DONE(add_value(&sheet, c, index));
    }
    SMR_TRY_DONE(add_value(&sheet, &t->value, i));
  }
  SMR_TRY_DONE(smr_sheet_print(&sheet));
done:
  smr_sheet_clear(&sheet);
  return status;
}

static int count_coordinates(const table *t, int d) {
  int n = 0;
  for (int k = 0; k < t->n_coordinates; k++) {
    n += t->coordinates[k].dimension == d;
  }
  return n;
}

/* One coordinate across; as many as there are down. */
static bool is_matrix(const table *t) {
  const smr_array *a = &t->value.array;
  return !t->csv && a->n_dimensions == 2 && a->shape[1] > 0 && a->shape[1] <= MOST_COLUMNS &&
         count_coordinates(t, 1) == 1;
}

static smr_status print_matrix(const table *t, smr_text *out) {
  smr_status status = SMR_OK;
  const int n_down = count_coordinates(t, 0);
  const int n_across = (int)t->value.array.shape[1];
  const column *across = &t->coordinates[n_down];
  smr_sheet sheet = {.n_columns = n_down + n_across, .out = out};
  SMR_TRY_DONE(smr_text_add(out, "across: %s\n", across->array.name));
  for (int k = 0; k < n_down; k++) {
    sheet.is_number[k] = is_number(&t->coordinates[k]);
    SMR_TRY_DONE(smr_sheet_add(&sheet, t->coordinates[k].array.name));
  }
  for (int j = 0; j < n_across; j++) {
    sheet.is_number[n_down + j] = is_number(&t->value);
    SMR_TRY_DONE(add_value(&sheet, across, j));
  }
  for (int64_t i = 0; i < t->value.array.shape[0]; i++) {
    for (int k = 0; k < n_down; k++) {
      SMR_TRY_DONE(add_value(&sheet, &t->coordinates[k], i));
    }
    for (int j = 0; j < n_across; j++) {
      SMR_TRY_DONE(add_value(&sheet, &t->value, i * n_across + j));
    }
  }
  SMR_TRY_DONE(smr_sheet_print(&sheet));
done:
  smr_sheet_clear(&sheet);
  return status;
}

smr_status smr_show_variable(smr_arrays *arrays, const char *name, bool csv, smr_text *out) {
  table t = {.arrays = arrays, .csv = csv};
  SMR_TRY(read_table(&t, name));
  if (!csv) {
    SMR_TRY(print_title(&t, out));
  }
  return is_matrix(&t) ? print_matrix(&t, out) : print_rows(&t, out);
}
