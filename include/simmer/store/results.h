/* results.h5: the labelled cube of a whole sweep, streamed from parts. */
#ifndef SIMMER_STORE_RESULTS_H
#define SIMMER_STORE_RESULTS_H

#include "simmer/store/array.h"
#include "simmer/store/journal.h"

/* A variable whose values 0, 1, … mean words: attributes flag_values and flag_meanings. */
typedef struct {
  const char *name;
  const char *meanings; /* words with blanks between */
} smr_flags;

/* Outer dimensions, and the coordinates of all dimensions (1-d arrays; a second coordinate on one
 * dimension comes from a zip). */
typedef struct {
  int n_outer;
  const char *outer_names[SMR_ARRAY_DIMENSIONS];
  int64_t outer_shape[SMR_ARRAY_DIMENSIONS];
  int64_t n_coordinates;
  const smr_array *coordinates; /* outer and inner */
  const smr_schema *schema;
  const smr_flags *flags; /* ended by {NULL, NULL}; NULL = none */
  int64_t n_attributes;
  const smr_attribute *attributes;
} smr_results_layout;

/* A variable over all outer dimensions but one reduced one (or all of them), and some inner
 * dimensions. */
typedef struct {
  smr_output output; /* name, unit, meaning, inner dimensions (indices into the schema's) */
} smr_results_summary;

typedef struct smr_results smr_results;

/* Starts DIR/results.h5 as a temporary file; free space is checked first (SMR_ERR_FULL with the
 * numbers). reduced_dimension is the outer dimension that summaries lack, -1 if none. All variables
 * are created and filled with NaN; `status` is uint8 over the outer dimensions with flag_values and
 * flag_meanings "pending done failed quarantined excluded". Local. */
smr_status smr_results_create(const char *folder, const smr_results_layout *layout,
                              int reduced_dimension, int64_t n_summaries,
                              const smr_results_summary *summaries,
                              smr_results **out) SMR_NODISCARD;
/* Cells first..first+count-1 (row-major over the outer dimensions): status[count] and records
 * [count x record length]. */
smr_status smr_results_write(smr_results *results, int64_t first, int64_t count,
                             const uint8_t *status, const double *records) SMR_NODISCARD;
/* One summary at one outer cell of the reduced cube (row-major over the outer dimensions without
 * the reduced one). */
smr_status smr_results_write_summary(smr_results *results, int64_t summary, int64_t first,
                                     int64_t count, const double *values) SMR_NODISCARD;
/* Closes, syncs and renames to results.h5; on failure the old file stays. Destroys. */
smr_status smr_results_finish(smr_results **results) SMR_NODISCARD;
/* Drops the temporary file. Accepts NULL. */
void smr_results_abandon(smr_results **results);

/* 1 when two files agree bit for bit in all datasets but measured times; else 0 and the first
 * difference in `difference`. */
smr_status smr_results_compare(const char *a, const char *b, int *is_equal,
                               smr_text *difference) SMR_NODISCARD;

#endif
