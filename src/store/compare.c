/* Are two result files the same but for measured times? */
#include <string.h>

#include "array_file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/results.h"

enum { CHUNK_BYTES = 4 << 20 };

typedef struct {
  const char *path;
  smr_arrays *arrays;
  int64_t n;
  const char *const *names;
} side;

typedef struct {
  side a, b;
  smr_text *difference; /* empty as long as there is none */
  char *chunk_a, *chunk_b;
  int64_t chunk_bytes;
} comparison;

static smr_status open_side(side *s, const char *path) {
  s->path = path;
  SMR_TRY(smr_arrays_open(path, &s->arrays));
  return smr_arrays_list(s->arrays, &s->n, &s->names);
}

static bool has_name(const side *s, const char *name) {
  for (int64_t i = 0; i < s->n; i++) {
    if (strcmp(s->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_found(const comparison *c) {
  return c->difference->length > 0;
}

/* Variables of `s` that `other` lacks, measured times apart. */
static smr_status compare_names(comparison *c, const side *s, const side *other) {
  for (int64_t i = 0; i < s->n && !is_found(c); i++) {
    smr_array array;
    if (has_name(other, s->names[i])) {
      continue;
    }
    SMR_TRY(smr_arrays_inspect(s->arrays, s->names[i], &array));
    if (!array.is_measured_time) {
      SMR_TRY(smr_text_add(c->difference, "%s has %s, and %s has not", s->path, s->names[i],
                           other->path));
    }
  }
  return SMR_OK;
}

static smr_status compare_shapes(comparison *c, const smr_array *a, const smr_array *b) {
  if (a->type != b->type) {
    return smr_text_add(c->difference, "%s has another type in %s than in %s", a->name, c->a.path,
                        c->b.path);
  }
  if (a->n_dimensions != b->n_dimensions) {
    return smr_text_add(c->difference, "%s has %d dimensions in %s and %d in %s", a->name,
                        a->n_dimensions, c->a.path, b->n_dimensions, c->b.path);
  }
  for (int d = 0; d < a->n_dimensions; d++) {
    if (a->shape[d] != b->shape[d] || strcmp(a->dimensions[d], b->dimensions[d]) != 0) {
      return smr_text_add(c->difference, "%s has the dimension %s: %lld in %s and %s: %lld in %s",
                          a->name, a->dimensions[d], (long long)a->shape[d], c->a.path,
                          b->dimensions[d], (long long)b->shape[d], c->b.path);
    }
  }
  return SMR_OK;
}

static smr_status add_value(smr_text *text, smr_array_type type, const char *data) {
  double f64 = 0;
  float f32 = 0;
  int64_t i64 = 0;
  int32_t i32 = 0;
  const char *word = NULL;
  switch (type) {
  case SMR_F64:
    memcpy(&f64, data, sizeof f64);
    return smr_text_add(text, "%.17g (%a)", f64, f64);
  case SMR_F32:
    memcpy(&f32, data, sizeof f32);
    return smr_text_add(text, "%.9g (%a)", (double)f32, (double)f32);
  case SMR_I64:
    memcpy(&i64, data, sizeof i64);
    return smr_text_add(text, "%lld", (long long)i64);
  case SMR_I32:
    memcpy(&i32, data, sizeof i32);
    return smr_text_add(text, "%d", (int)i32);
  case SMR_U8:
    return smr_text_add(text, "%d", (int)(unsigned char)*data);
  case SMR_TEXTS:
  default:
    memcpy(&word, data, sizeof word);
    return smr_text_add(text, "\"%s\"", word);
  }
}

static smr_status add_index(smr_text *text, const smr_array *array, int64_t index) {
  int64_t indices[SMR_ARRAY_DIMENSIONS];
  for (int d = array->n_dimensions - 1; d >= 0; d--) {
    indices[d] = index % array->shape[d];
    index /= array->shape[d];
  }
  for (int d = 0; d < array->n_dimensions; d++) {
    SMR_TRY(smr_text_add(text, "%s%lld", d == 0 ? "[" : ", ", (long long)indices[d]));
  }
  return smr_text_add(text, "%s", array->n_dimensions > 0 ? "]" : "");
}

static bool is_same(smr_array_type type, const char *a, const char *b, size_t bytes) {
  if (type != SMR_TEXTS) {
    return memcmp(a, b, bytes) == 0;
  }
  const char *word_a = NULL, *word_b = NULL;
  memcpy(&word_a, a, sizeof word_a);
  memcpy(&word_b, b, sizeof word_b);
  return strcmp(word_a, word_b) == 0;
}

/* `n` elements in the chunks; the first of them is element `first` of the array. */
static smr_status compare_chunks(comparison *c, const smr_array *array, int64_t first, int64_t n) {
  const size_t bytes = smr_h5_get_bytes(array->type);
  if (array->type != SMR_TEXTS && memcmp(c->chunk_a, c->chunk_b, (size_t)n * bytes) == 0) {
    return SMR_OK;
  }
  for (int64_t i = 0; i < n; i++) {
    const char *a = c->chunk_a + (size_t)i * bytes, *b = c->chunk_b + (size_t)i * bytes;
    if (!is_same(array->type, a, b, bytes)) {
      SMR_TRY(smr_text_add(c->difference, "%s", array->name));
      SMR_TRY(add_index(c->difference, array, first + i));
      SMR_TRY(smr_text_add(c->difference, " is "));
      SMR_TRY(add_value(c->difference, array->type, a));
      SMR_TRY(smr_text_add(c->difference, " in %s and ", c->a.path));
      SMR_TRY(add_value(c->difference, array->type, b));
      return smr_text_add(c->difference, " in %s", c->b.path);
    }
  }
  return SMR_OK;
}

static smr_status provide_chunks(comparison *c, int64_t bytes) {
  if (bytes <= c->chunk_bytes) {
    return SMR_OK;
  }
  c->chunk_bytes = 0;
  smr_memory_free(c->chunk_a);
  smr_memory_free(c->chunk_b);
  c->chunk_a = c->chunk_b = NULL;
  SMR_TRY(smr_memory_alloc(bytes, 1, "values to compare", &c->chunk_a));
  SMR_TRY(smr_memory_alloc(bytes, 1, "values to compare", &c->chunk_b));
  c->chunk_bytes = bytes;
  return SMR_OK;
}

static smr_status compare_values(comparison *c, const smr_array *array) {
  const int64_t n_rows = array->n_dimensions > 0 ? array->shape[0] : 1;
  const int64_t bytes = (int64_t)smr_h5_get_bytes(array->type);
  int64_t n_row = 1;
  for (int d = 1; d < array->n_dimensions; d++) {
    n_row *= array->shape[d];
  }
  if (n_row == 0) {
    return SMR_OK;
  }
  const int64_t step = smr_int_max(1, CHUNK_BYTES / (n_row * bytes));
  SMR_TRY(provide_chunks(c, smr_int_min(step, n_rows) * n_row * bytes));
  for (int64_t row = 0; row < n_rows && !is_found(c); row += step) {
    const int64_t n = smr_int_min(step, n_rows - row);
    SMR_TRY(smr_arrays_read(c->a.arrays, array->name, array->type, row, n, c->chunk_a));
    SMR_TRY(smr_arrays_read(c->b.arrays, array->name, array->type, row, n, c->chunk_b));
    SMR_TRY(compare_chunks(c, array, row * n_row, n * n_row));
  }
  return SMR_OK;
}

static smr_status compare_arrays(comparison *c) {
  for (int64_t i = 0; i < c->a.n && !is_found(c); i++) {
    smr_array a, b;
    if (!has_name(&c->b, c->a.names[i])) {
      continue; /* a measured time */
    }
    SMR_TRY(smr_arrays_inspect(c->a.arrays, c->a.names[i], &a));
    SMR_TRY(smr_arrays_inspect(c->b.arrays, c->a.names[i], &b));
    if (a.is_measured_time && b.is_measured_time) {
      continue;
    }
    SMR_TRY(compare_shapes(c, &a, &b));
    if (!is_found(c)) {
      SMR_TRY(compare_values(c, &a));
    }
  }
  return SMR_OK;
}

smr_status smr_results_compare(const char *a, const char *b, int *is_equal, smr_text *difference) {
  smr_status status = SMR_OK;
  comparison c = {.difference = difference};
  *is_equal = 0;
  smr_text_clear(difference);
  SMR_TRY_DONE(open_side(&c.a, a));
  SMR_TRY_DONE(open_side(&c.b, b));
  SMR_TRY_DONE(compare_names(&c, &c.a, &c.b));
  SMR_TRY_DONE(compare_names(&c, &c.b, &c.a));
  SMR_TRY_DONE(compare_arrays(&c));
  *is_equal = !is_found(&c);
done:
  smr_memory_free(c.chunk_a);
  smr_memory_free(c.chunk_b);
  smr_arrays_close(&c.a.arrays);
  smr_arrays_close(&c.b.arrays);
  return status;
}
