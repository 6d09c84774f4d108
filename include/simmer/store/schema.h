/* What one unit of a sweep puts out: names, inner dimensions, and where each output lies in the
 * unit's record.
 *
 * A record is a packed run of doubles: output after output, each row-major over its inner
 * dimensions, NaN where there is nothing. */
#ifndef SIMMER_STORE_SCHEMA_H
#define SIMMER_STORE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"

enum { SMR_OUTPUT_DIMENSIONS = 3 };

typedef struct {
  const char *name; /* "lambda", "mode", "features" */
  int64_t n;
  bool is_ragged; /* padded with NaN to the longest unit of a job: records of a smaller grid are
                     shorter. Only as the last dimension of an output. */
} smr_inner_dimension;

typedef struct {
  const char *name, *unit, *meaning;
  int n_dimensions;
  int dimensions[SMR_OUTPUT_DIMENSIONS]; /* indices into the schema's inner dimensions */
  bool is_measured_time;                 /* seconds…: not part of bit-equality */
} smr_output;

typedef struct {
  int64_t n_dimensions;
  const smr_inner_dimension *dimensions;
  int64_t n_outputs;
  const smr_output *outputs;
} smr_schema;

/* Doubles in one output, in a record, and the offset of an output in it. SMR_ERR_LIMIT on overflow.
 * Local. */
smr_status smr_schema_count(const smr_schema *schema, int64_t *n_doubles) SMR_NODISCARD;
int64_t smr_schema_get_length(const smr_schema *schema, int64_t output);
int64_t smr_schema_get_offset(const smr_schema *schema, int64_t output);
/* Index of an output by name, -1 if none. */
int64_t smr_schema_find(const smr_schema *schema, const char *name);

#endif
