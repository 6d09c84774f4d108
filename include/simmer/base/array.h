/* Named, labelled arrays: what components hand to `store` without knowing files. Plain data. */
#ifndef SIMMER_BASE_ARRAY_H
#define SIMMER_BASE_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"

typedef enum {
  SMR_F64,
  SMR_F32,
  SMR_I64,
  SMR_I32,
  SMR_U8,
  SMR_TEXTS
} smr_array_type; /* TEXTS: const char *const * */
enum { SMR_ARRAY_DIMENSIONS = 8 };

typedef struct {
  const char *name;
  smr_array_type type;
  int n_dimensions; /* 0 = scalar */
  int64_t shape[SMR_ARRAY_DIMENSIONS];
  const char *dimensions[SMR_ARRAY_DIMENSIONS]; /* names; a name without a coordinate array gets a
                                                   plain scale */
  const char *unit, *meaning;                   /* attributes units and long_name; NULL = none */
  void *data;            /* row-major; borrowed for writing, caller's storage for reading */
  bool is_measured_time; /* excluded from bit-equality; attribute simmer_measured = 1 */
} smr_array;

/* One array of a component's state: what it needs to go on bit for bit, on any number of ranks.
 * Replicated: every rank holds all of it. Distributed: array.shape is the global one, and
 * array.data holds rows first_row..first_row+n_rows-1 of the first dimension; the rows of all ranks
 * cover it once, in rank order, and n_rows may be 0. Names are plain HDF5 names ("W",
 * "momentum_W"), borrowed. */
typedef struct {
  smr_array array;
  bool is_distributed;
  int64_t first_row, n_rows;
} smr_state_array;

enum { SMR_STATE_ARRAYS = 32 };
typedef struct {
  int64_t n;
  smr_state_array arrays[SMR_STATE_ARRAYS];
} smr_state;

/* SMR_ERR_INTERNAL when there is no room. Local. */
smr_status smr_state_append(smr_state *state, const smr_state_array *array) SMR_NODISCARD;

#endif
