/* A part file: the records of some units, as bytes.
 *
 * Dimension letters: R units, L doubles in a record. Arrays: `unit_hash` u8 [R x 16], big-endian,
 * so that a dump of its bytes reads like the hash; and one f64 array [R x inner shape] per output,
 * by its name. Root attributes: `format` and `outputs`, the number of outputs. */
#ifndef SIMMER_STORE_PART_H
#define SIMMER_STORE_PART_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/hash.h"
#include "simmer/store/schema.h"

/* A schema that owns all it points to. Caller's storage; clear frees. */
typedef struct {
  smr_schema schema;
  int64_t n_doubles; /* L */
  smr_inner_dimension *dimensions;
  smr_output *outputs;
  char *strings;
} smr_part_schema;

smr_status smr_part_schema_copy(const smr_schema *schema, smr_part_schema *copy) SMR_NODISCARD;
void smr_part_schema_clear(smr_part_schema *copy);

/* units [R] and records [R x L] to the bytes of a part, freed by smr_memory_free. Local. */
smr_status smr_part_pack(const smr_part_schema *schema, int64_t n_rows, const smr_hash *units,
                         const double *records, void **image, size_t *bytes) SMR_NODISCARD;
/* The bytes of a part (borrowed), and what messages call it. */
typedef struct {
  const void *image;
  size_t bytes;
  const char *name;
} smr_part_file;

/* Bytes to records [R x L]. SMR_ERR_CORRUPT when the part holds other units than `units` [R], or
 * other outputs than the schema. Local. */
smr_status smr_part_unpack(const smr_part_file *part, const smr_schema *schema, int64_t n_rows,
                           const smr_hash *units, double *records) SMR_NODISCARD;

#endif
