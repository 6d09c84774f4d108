/* Records to the bytes of a part file and back. */
#include "part.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

enum { HASH_BYTES = 16 };
static const char part_format[] = "simmer part 1";
static const char hash_name[] = "unit_hash";

/* Copies a string behind what is there already, or only counts when `strings` is NULL. */
static const char *keep_string(char *strings, size_t *used, const char *text) {
  if (text == NULL) {
    return NULL;
  }
  size_t bytes = strlen(text) + 1;
  char *copy = NULL;
  if (strings != NULL) {
    copy = strings + *used;
    memcpy(copy, text, bytes);
  }
  *used += bytes;
  return copy;
}

static size_t keep_strings(const smr_schema *schema, smr_part_schema *copy) {
  size_t used = 0;
  for (int64_t i = 0; i < schema->n_dimensions; i++) {
    copy->dimensions[i].name = keep_string(copy->strings, &used, schema->dimensions[i].name);
  }
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    const smr_output *output = &schema->outputs[i];
    copy->outputs[i].name = keep_string(copy->strings, &used, output->name);
    copy->outputs[i].unit = keep_string(copy->strings, &used, output->unit);
    copy->outputs[i].meaning = keep_string(copy->strings, &used, output->meaning);
  }
  return used;
}

smr_status smr_part_schema_copy(const smr_schema *schema, smr_part_schema *copy) {
  smr_status status = SMR_OK;
  *copy = (smr_part_schema){0};
  if (schema == NULL) {
    return SMR_OK;
  }
  SMR_TRY(smr_schema_count(schema, &copy->n_doubles));
  SMR_TRY_DONE(smr_memory_alloc(schema->n_dimensions, sizeof *copy->dimensions, "dimensions",
                                (void *)&copy->dimensions));
  SMR_TRY_DONE(smr_memory_alloc(schema->n_outputs, sizeof *copy->outputs, "outputs",
                                (void *)&copy->outputs));
  for (int64_t i = 0; i < schema->n_dimensions; i++) {
    copy->dimensions[i] = schema->dimensions[i];
  }
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    copy->outputs[i] = schema->outputs[i];
  }
  SMR_TRY_DONE(smr_memory_alloc((int64_t)keep_strings(schema, copy), 1, "names of outputs",
                                (void *)&copy->strings));
  (void)keep_strings(schema, copy);
  copy->schema =
      (smr_schema){schema->n_dimensions, copy->dimensions, schema->n_outputs, copy->outputs};
done:
  if (status != SMR_OK) {
    smr_part_schema_clear(copy);
  }
  return status;
}

void smr_part_schema_clear(smr_part_schema *copy) {
  smr_memory_free(copy->dimensions);
  smr_memory_free(copy->outputs);
  smr_memory_free(copy->strings);
  *copy = (smr_part_schema){0};
}

static void hash_to_bytes(smr_hash hash, uint8_t bytes[HASH_BYTES]) {
  for (int i = 0; i < 8; i++) {
    bytes[i] = (uint8_t)(hash.high >> (56 - 8 * i));
    bytes[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
  }
}

/* The array of one output: its description, data left open. */
static smr_array describe_output(const smr_schema *schema, int64_t index, int64_t n_rows) {
  const smr_output *output = &schema->outputs[index];
  smr_array array = {.name = output->name,
                     .type = SMR_F64,
                     .n_dimensions = 1 + output->n_dimensions,
                     .shape = {n_rows},
                     .unit = output->unit,
                     .meaning = output->meaning,
                     .is_measured_time = output->is_measured_time};
  for (int d = 0; d < output->n_dimensions; d++) {
    array.shape[1 + d] = schema->dimensions[output->dimensions[d]].n;
  }
  return array;
}

/* Column `first`..`first + length` of records [R x L] to `column` [R x length], or back. */
static void gather(const double *records, int64_t n_rows, int64_t n_doubles, int64_t first,
                   int64_t length, double *column) {
  for (int64_t row = 0; length > 0 && row < n_rows; row++) {
    memcpy(column + row * length, records + row * n_doubles + first,
           (size_t)length * sizeof *records);
  }
}

static void scatter(const double *column, int64_t n_rows, int64_t n_doubles, int64_t first,
                    int64_t length, double *records) {
  for (int64_t row = 0; length > 0 && row < n_rows; row++) {
    memcpy(records + row * n_doubles + first, column + row * length,
           (size_t)length * sizeof *records);
  }
}

smr_status smr_part_pack(const smr_part_schema *schema, int64_t n_rows, const smr_hash *units,
                         const double *records, void **image, size_t *bytes) {
  smr_status status = SMR_OK;
  smr_array *arrays = NULL;
  double *columns = NULL;
  uint8_t *hashes = NULL;
  int64_t n_outputs = schema->schema.n_outputs;
  const smr_attribute attributes[] = {{.name = "format", .text = part_format},
                                      {.name = "outputs", .number = (double)n_outputs}};
  SMR_TRY_DONE(smr_memory_alloc(n_outputs + 1, sizeof *arrays, "a part", (void *)&arrays));
  SMR_TRY_DONE(smr_memory_alloc(n_rows, HASH_BYTES, "hashes of a part", (void *)&hashes));
  SMR_TRY_DONE(smr_memory_alloc(n_rows, (size_t)schema->n_doubles * sizeof *columns,
                                "columns of a part", (void *)&columns));
  for (int64_t row = 0; row < n_rows; row++) {
    hash_to_bytes(units[row], hashes + row * HASH_BYTES);
  }
  arrays[0] = (smr_array){.name = hash_name,
                          .type = SMR_U8,
                          .n_dimensions = 2,
                          .shape = {n_rows, HASH_BYTES},
                          .meaning = "identity of each unit",
                          .data = hashes};
  int64_t offset = 0;
  for (int64_t i = 0; i < n_outputs; i++) {
    int64_t length = smr_schema_get_length(&schema->schema, i);
    double *column = columns + offset * n_rows;
    gather(records, n_rows, schema->n_doubles, offset, length, column);
    arrays[i + 1] = describe_output(&schema->schema, i, n_rows);
    arrays[i + 1].data = column;
    offset += length;
  }
  SMR_TRY_DONE(smr_arrays_pack(n_outputs + 1, arrays, 2, attributes, image, bytes));
done:
  smr_memory_free(arrays);
  smr_memory_free(columns);
  smr_memory_free(hashes);
  return status;
}

/* Whatever is wrong inside a part makes it a damaged one; but lack of memory says nothing about it.
 */
static smr_status as_damage(smr_status status) {
  return status == SMR_OK || status == SMR_ERR_MEMORY ? status : SMR_ERR_CORRUPT;
}

static smr_status check_array(smr_arrays *file, const char *name, const smr_array *expected) {
  smr_array found;
  SMR_TRY(as_damage(smr_arrays_inspect(file, expected->name, &found)));
  int is_equal = found.type == expected->type && found.n_dimensions == expected->n_dimensions;
  for (int d = 0; is_equal && d < expected->n_dimensions; d++) {
    is_equal = found.shape[d] == expected->shape[d];
  }
  if (!is_equal) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s: %s has another shape than this job's", name, expected->name);
  }
  return SMR_OK;
}

static smr_status check_units(smr_arrays *file, const char *name, int64_t n_rows,
                              const smr_hash *units) {
  smr_status status = SMR_OK;
  uint8_t *hashes = NULL;
  uint8_t expected[HASH_BYTES];
  const smr_array array = {
      .name = hash_name, .type = SMR_U8, .n_dimensions = 2, .shape = {n_rows, HASH_BYTES}};
  SMR_TRY(check_array(file, name, &array));
  SMR_TRY(smr_memory_alloc(n_rows, HASH_BYTES, "hashes of a part", (void *)&hashes));
  SMR_TRY_DONE(as_damage(smr_arrays_read(file, hash_name, SMR_U8, 0, n_rows, hashes)));
  for (int64_t row = 0; row < n_rows; row++) {
    hash_to_bytes(units[row], expected);
    if (memcmp(expected, hashes + row * HASH_BYTES, HASH_BYTES) != 0) {
      SMR_FAIL_DONE(SMR_ERR_CORRUPT, "%s: row %lld holds another unit than its journal says", name,
                    (long long)row);
    }
  }
done:
  smr_memory_free(hashes);
  return status;
}

static smr_status check_output_count(smr_arrays *file, const char *name, const smr_schema *schema) {
  char *text = NULL;
  SMR_TRY(as_damage(smr_arrays_read_attribute(file, "outputs", &text)));
  double n = strtod(text, NULL);
  smr_memory_free(text);
  if (n != (double)schema->n_outputs) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s holds %.0f outputs, this job has %lld", name, n,
             (long long)schema->n_outputs);
  }
  return SMR_OK;
}

/* Runs of `from` numbers become runs of `to`: cut, or padded with NaN. */
static void refit(const double *source, int64_t n_runs, int64_t from, int64_t to, double *out) {
  for (int64_t run = 0; run < n_runs; run++) {
    for (int64_t i = 0; i < to; i++) {
      out[run * to + i] = i < from ? source[run * from + i] : (double)NAN;
    }
  }
}

/* An output whose last dimension is ragged, from a job whose longest unit was another. */
static smr_status read_ragged(smr_arrays *file, const char *name, smr_array expected,
                              int64_t n_rows, double *column) {
  smr_array found;
  double *source = NULL;
  const int last = expected.n_dimensions - 1;
  const int64_t wanted = expected.shape[last];
  SMR_TRY(as_damage(smr_arrays_inspect(file, expected.name, &found)));
  const int64_t length = found.n_dimensions == expected.n_dimensions ? found.shape[last] : wanted;
  expected.shape[last] = length;
  SMR_TRY(check_array(file, name, &expected));
  int64_t n_runs = 1;
  for (int d = 0; d < last; d++) {
    n_runs *= expected.shape[d];
  }
  SMR_TRY(smr_memory_alloc(n_runs, (size_t)length * sizeof *source, "a column of a part",
                           (void *)&source));
  smr_status status = as_damage(smr_arrays_read(file, expected.name, SMR_F64, 0, n_rows, source));
  if (status == SMR_OK) {
    refit(source, n_runs, length, wanted, column);
  }
  smr_memory_free(source);
  return status;
}

/* One output of all rows into the records, through `column`. */
static smr_status read_output(smr_arrays *file, const char *name, const smr_schema *schema,
                              int64_t index, int64_t n_rows, double *column) {
  const smr_array expected = describe_output(schema, index, n_rows);
  const smr_output *output = &schema->outputs[index];
  const int last = output->n_dimensions - 1;
  if (last >= 0 && schema->dimensions[output->dimensions[last]].is_ragged) {
    return read_ragged(file, name, expected, n_rows, column);
  }
  SMR_TRY(check_array(file, name, &expected));
  return as_damage(smr_arrays_read(file, expected.name, SMR_F64, 0, n_rows, column));
}

smr_status smr_part_unpack(const smr_part_file *part, const smr_schema *schema, int64_t n_rows,
                           const smr_hash *units, double *records) {
  smr_status status = SMR_OK;
  smr_arrays *file = NULL;
  double *column = NULL;
  int64_t n_doubles = 0;
  int64_t offset = 0;
  SMR_TRY(smr_schema_count(schema, &n_doubles));
  SMR_TRY(smr_memory_alloc(n_rows, (size_t)n_doubles * sizeof *column, "a column of a part",
                           (void *)&column));
  SMR_TRY_DONE(as_damage(smr_arrays_open_image(part->image, part->bytes, part->name, &file)));
  SMR_TRY_DONE(check_output_count(file, part->name, schema));
  SMR_TRY_DONE(check_units(file, part->name, n_rows, units));
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    int64_t length = smr_schema_get_length(schema, i);
    SMR_TRY_DONE(read_output(file, part->name, schema, i, n_rows, column));
    scatter(column, n_rows, n_doubles, offset, length, records);
    offset += length;
  }
done:
  smr_arrays_close(&file);
  smr_memory_free(column);
  return status;
}
