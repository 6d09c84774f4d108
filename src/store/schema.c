/* Lengths and offsets of the outputs of a unit's record. */
#include "simmer/store/schema.h"

#include <stddef.h>
#include <string.h>

#include "simmer/base/integer.h"

static smr_status count_output(const smr_schema *schema, const smr_output *output, int64_t *n) {
  *n = 1;
  if (output->n_dimensions < 0 || output->n_dimensions > SMR_OUTPUT_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT, "output %s has %d inner dimensions; there can be %d at most",
             output->name, output->n_dimensions, (int)SMR_OUTPUT_DIMENSIONS);
  }
  for (int d = 0; d < output->n_dimensions; d++) {
    const int index = output->dimensions[d];
    if (index < 0 || index >= schema->n_dimensions || schema->dimensions[index].n < 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "output %s has a bad inner dimension", output->name);
    }
    SMR_TRY(smr_int_multiply(*n, schema->dimensions[index].n, "numbers in an output", n));
  }
  return SMR_OK;
}

smr_status smr_schema_count(const smr_schema *schema, int64_t *n_doubles) {
  *n_doubles = 0;
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    int64_t n = 0;
    SMR_TRY(count_output(schema, &schema->outputs[i], &n));
    SMR_TRY(smr_int_add(*n_doubles, n, "numbers in a record", n_doubles));
  }
  /* The bytes must be countable too. */
  int64_t bytes = 0;
  return smr_int_multiply(*n_doubles, (int64_t)sizeof(double), "bytes in a record", &bytes);
}

int64_t smr_schema_get_length(const smr_schema *schema, int64_t output) {
  const smr_output *o = &schema->outputs[output];
  int64_t n = 1;
  for (int d = 0; d < o->n_dimensions; d++) {
    n *= schema->dimensions[o->dimensions[d]].n;
  }
  return n;
}

int64_t smr_schema_get_offset(const smr_schema *schema, int64_t output) {
  int64_t offset = 0;
  for (int64_t i = 0; i < output; i++) {
    offset += smr_schema_get_length(schema, i);
  }
  return offset;
}

int64_t smr_schema_find(const smr_schema *schema, const char *name) {
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    if (strcmp(schema->outputs[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}
