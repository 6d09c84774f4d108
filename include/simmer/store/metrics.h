/* A history of numbers over training steps: metrics.h5, rewritten whole at every monitoring point,
 * and part of every checkpoint. Local; every rank of a group holds the same rows. */
#ifndef SIMMER_STORE_METRICS_H
#define SIMMER_STORE_METRICS_H

#include "simmer/store/array.h"

/* One variable over [step], or over [step, dimension] when n > 0. */
typedef struct {
  const char *name, *unit, *meaning;
  const char *dimension; /* NULL for one number a step */
  int64_t n;
  bool is_measured_time;
} smr_metric;

typedef struct smr_metrics smr_metrics;

/* The list and its strings are borrowed until destroy. */
smr_status smr_metrics_create(int64_t n_metrics, const smr_metric *metrics,
                              smr_metrics **out) SMR_NODISCARD;
void smr_metrics_destroy(smr_metrics **metrics);
/* Appends a row: values packed metric after metric. SMR_ERR_INTERNAL unless steps grow. */
smr_status smr_metrics_add(smr_metrics *metrics, int64_t step, const double *values) SMR_NODISCARD;
int64_t smr_metrics_count(const smr_metrics *metrics);
/* Last row, packed; NULL when there is none. Borrowed until the next add. */
const double *smr_metrics_get_last(const smr_metrics *metrics);
/* Makes room for n_rows rows that smr_checkpoint_read then fills (0 empties the history). */
smr_status smr_metrics_resize(smr_metrics *metrics, int64_t n_rows) SMR_NODISCARD;
/* The history as arrays for a checkpoint: "metrics_step" [rows], "metrics" [rows x packed],
 * appended to the list, pointing into the history until the next add or resize. */
smr_status smr_metrics_list_state(smr_metrics *metrics, smr_state *state) SMR_NODISCARD;
/* metrics.h5: coordinate `step`, a coordinate 1..n for each second dimension, one dataset a metric;
 * replaced whole, but for a file whose last step is a later one: that is from whoever took the
 * training over meanwhile, and stays. One rank calls. */
smr_status smr_metrics_write(const smr_metrics *metrics, const char *path, int64_t n_attributes,
                             const smr_attribute *attributes) SMR_NODISCARD;

#endif
