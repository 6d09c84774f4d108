/* A history of numbers over steps: rows in memory, one column a variable in the file. */
#include "simmer/store/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

struct smr_metrics {
  int64_t n;
  const smr_metric *list;
  int64_t width; /* numbers of a row */
  int64_t n_rows, capacity;
  int64_t *steps; /* [capacity] */
  double *values; /* [capacity x width] */
};

/* Numbers of one metric in a row. */
static int64_t get_length(const smr_metric *metric) {
  return metric->dimension == NULL ? 1 : metric->n;
}

smr_status smr_metrics_create(int64_t n_metrics, const smr_metric *metrics, smr_metrics **out) {
  int64_t width = 0;
  *out = NULL;
  for (int64_t i = 0; i < n_metrics; i++) {
    if (metrics[i].dimension != NULL && metrics[i].n < 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "metric %s has a negative length", metrics[i].name);
    }
    SMR_TRY(smr_int_add(width, get_length(&metrics[i]), "numbers of a row of metrics", &width));
  }
  smr_metrics *m = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *m, "metrics", &m));
  m->n = n_metrics;
  m->list = metrics;
  m->width = width;
  const smr_status status = smr_metrics_resize(m, 0);
  if (status != SMR_OK) {
    smr_metrics_destroy(&m);
    return status;
  }
  *out = m;
  return SMR_OK;
}

void smr_metrics_destroy(smr_metrics **metrics) {
  if (metrics == NULL || *metrics == NULL) {
    return;
  }
  smr_memory_free((*metrics)->steps);
  smr_memory_free((*metrics)->values);
  smr_memory_free(*metrics);
  *metrics = NULL;
}

/* Room for n_rows rows; those that there are stay. */
static smr_status reserve(smr_metrics *m, int64_t n_rows) {
  int64_t *steps = NULL, n_values = 0;
  double *values = NULL;
  if (n_rows <= m->capacity && m->steps != NULL) {
    return SMR_OK;
  }
  const int64_t capacity = smr_int_max(smr_int_max(n_rows, 16), 2 * m->capacity);
  SMR_TRY(smr_int_multiply(capacity, m->width, "metrics", &n_values));
  SMR_TRY(smr_memory_alloc(capacity, sizeof *steps, "steps of metrics", &steps));
  const smr_status status = smr_memory_alloc(n_values, sizeof *values, "metrics", &values);
  if (status != SMR_OK) {
    smr_memory_free(steps);
    return status;
  }
  if (m->n_rows > 0 && m->steps != NULL) {
    memcpy(steps, m->steps, (size_t)m->n_rows * sizeof *steps);
    memcpy(values, m->values, (size_t)(m->n_rows * m->width) * sizeof *values);
  }
  smr_memory_free(m->steps);
  smr_memory_free(m->values);
  m->steps = steps;
  m->values = values;
  m->capacity = capacity;
  return SMR_OK;
}

smr_status smr_metrics_resize(smr_metrics *metrics, int64_t n_rows) {
  if (n_rows < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "there can't be %" PRId64 " rows of metrics", n_rows);
  }
  SMR_TRY(reserve(metrics, n_rows));
  for (int64_t row = metrics->n_rows; row < n_rows; row++) {
    metrics->steps[row] = 0;
    memset(metrics->values + row * metrics->width, 0,
           (size_t)metrics->width * sizeof *metrics->values);
  }
  metrics->n_rows = n_rows;
  return SMR_OK;
}

smr_status smr_metrics_add(smr_metrics *metrics, int64_t step, const double *values) {
  const int64_t row = metrics->n_rows;
  if (row > 0 && step <= metrics->steps[row - 1]) {
    SMR_FAIL(SMR_ERR_INTERNAL, "metrics of step %" PRId64 " come after those of step %" PRId64,
             step, metrics->steps[row - 1]);
  }
  SMR_TRY(reserve(metrics, row + 1));
  metrics->steps[row] = step;
  if (metrics->width > 0) {
    memcpy(metrics->values + row * metrics->width, values, (size_t)metrics->width * sizeof *values);
  }
  metrics->n_rows = row + 1;
  return SMR_OK;
}

int64_t smr_metrics_count(const smr_metrics *metrics) {
  return metrics->n_rows;
}

const double *smr_metrics_get_last(const smr_metrics *metrics) {
  return metrics->n_rows == 0 ? NULL : metrics->values + (metrics->n_rows - 1) * metrics->width;
}

smr_status smr_metrics_list_state(smr_metrics *metrics, smr_state *state) {
  const smr_array steps = {.name = "metrics_step",
                           .type = SMR_I64,
                           .n_dimensions = 1,
                           .shape = {metrics->n_rows},
                           .data = metrics->steps};
  const smr_array values = {.name = "metrics",
                            .type = SMR_F64,
                            .n_dimensions = 2,
                            .shape = {metrics->n_rows, metrics->width},
                            .data = metrics->values};
  if (state->n > SMR_STATE_ARRAYS - 2) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a state has %d arrays at most", (int)SMR_STATE_ARRAYS);
  }
  state->arrays[state->n++] = (smr_state_array){.array = steps};
  state->arrays[state->n++] = (smr_state_array){.array = values};
  return SMR_OK;
}

/* ---- The file. ---- */

/* The arrays of the file and the memory behind them. */
typedef struct {
  smr_array *arrays; /* step, then the others */
  int64_t n;
  double *columns;  /* [rows x width], metric after metric */
  int64_t *numbers; /* coordinates of second dimensions, one after another */
} sheet;

static bool has_array(const sheet *s, const char *name) {
  for (int64_t i = 0; i < s->n; i++) {
    if (strcmp(s->arrays[i].name, name) == 0) {
      return true;
    }
  }
  return false;
}

/* The entries of a second dimension are numbered from 1. */
static void add_coordinate(const smr_metric *metric, sheet *s, int64_t **numbers) {
  if (metric->dimension == NULL || has_array(s, metric->dimension)) {
    return;
  }
  for (int64_t k = 0; k < metric->n; k++) {
    (*numbers)[k] = k + 1;
  }
  s->arrays[s->n++] = (smr_array){.name = metric->dimension,
                                  .type = SMR_I64,
                                  .n_dimensions = 1,
                                  .shape = {metric->n},
                                  .dimensions = {metric->dimension},
                                  .unit = "1",
                                  .meaning = "number, from 1",
                                  .data = *numbers};
  *numbers += metric->n;
}

static void add_metric(const smr_metrics *m, int64_t i, int64_t start, sheet *s) {
  const smr_metric *metric = &m->list[i];
  const int64_t length = get_length(metric);
  double *column = s->columns + start * m->n_rows;
  for (int64_t row = 0; length > 0 && row < m->n_rows; row++) {
    memcpy(column + row * length, m->values + row * m->width + start,
           (size_t)length * sizeof *column);
  }
  s->arrays[s->n++] = (smr_array){.name = metric->name,
                                  .type = SMR_F64,
                                  .n_dimensions = metric->dimension == NULL ? 1 : 2,
                                  .shape = {m->n_rows, metric->dimension == NULL ? 0 : metric->n},
                                  .dimensions = {"step", metric->dimension},
                                  .unit = metric->unit,
                                  .meaning = metric->meaning,
                                  .data = column,
                                  .is_measured_time = metric->is_measured_time};
}

static smr_status fill_sheet(const smr_metrics *m, sheet *s) {
  int64_t *numbers = NULL;
  int64_t start = 0;
  SMR_TRY(smr_memory_alloc(1 + 2 * m->n, sizeof *s->arrays, "variables of metrics.h5", &s->arrays));
  SMR_TRY(smr_memory_alloc(m->n_rows * m->width, sizeof *s->columns, "metrics", &s->columns));
  SMR_TRY(smr_memory_alloc(m->width, sizeof *s->numbers, "coordinates of metrics", &s->numbers));
  s->arrays[s->n++] = (smr_array){.name = "step",
                                  .type = SMR_I64,
                                  .n_dimensions = 1,
                                  .shape = {m->n_rows},
                                  .dimensions = {"step"},
                                  .unit = "1",
                                  .meaning = "training steps done",
                                  .data = m->steps};
  numbers = s->numbers;
  for (int64_t i = 0; i < m->n; i++) {
    add_coordinate(&m->list[i], s, &numbers);
  }
  for (int64_t i = 0; i < m->n; i++) {
    add_metric(m, i, start, s);
    start += get_length(&m->list[i]);
  }
  return SMR_OK;
}

/* The last step that the file at path tells of; -1 when there is no such file, row or sense. */
static int64_t read_last_step(const char *path) {
  smr_arrays *file = NULL;
  smr_array steps;
  int64_t last = -1;
  if (!smr_file_exists(path)) {
    return -1;
  }
  smr_status status = smr_arrays_open(path, &file);
  if (status == SMR_OK) {
    status = smr_arrays_inspect(file, "step", &steps);
  }
  if (status == SMR_OK && steps.n_dimensions == 1 && steps.shape[0] > 0) {
    status = smr_arrays_read(file, "step", SMR_I64, steps.shape[0] - 1, 1, &last);
  }
  if (status != SMR_OK) {
    smr_error_clear(); /* it is replaced */
    last = -1;
  }
  smr_arrays_close(&file);
  return last;
}

/* Puts a new file, already on disk, in the place of one that doesn't go further. A process that
 * stood still in the write, for so long that its unit was taken over, finds out here. */
static smr_status replace(const smr_metrics *metrics, const char *fresh, const char *path) {
  const int64_t last = metrics->n_rows > 0 ? metrics->steps[metrics->n_rows - 1] : -1;
  if (read_last_step(path) > last) {
    (void)unlink(fresh);
    return SMR_OK;
  }
  if (rename(fresh, path) != 0) {
    const int cause = errno;
    (void)unlink(fresh);
    SMR_FAIL(cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO,
             "cannot put a new file at %s: %s", path, strerror(cause));
  }
  char folder[SMR_PATH_BYTES];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  snprintf(slash == NULL ? folder : slash, 3, slash == NULL ? "." : "/.");
  return smr_file_sync_folder(folder);
}

smr_status smr_metrics_write(const smr_metrics *metrics, const char *path, int64_t n_attributes,
                             const smr_attribute *attributes) {
  char fresh[SMR_PATH_BYTES], unique[SMR_UNIQUE_BYTES];
  sheet s = {0};
  const int length = snprintf(fresh, sizeof fresh, "%s.new.%s", path, smr_file_make_unique(unique));
  if (length < 0 || (size_t)length >= sizeof fresh) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path %.60s... is too long", path);
  }
  smr_status status = fill_sheet(metrics, &s);
  if (status == SMR_OK) {
    status = smr_arrays_write(fresh, s.n, s.arrays, n_attributes, attributes);
  }
  if (status == SMR_OK) {
    status = replace(metrics, fresh, path);
  }
  smr_memory_free(s.arrays);
  smr_memory_free(s.columns);
  smr_memory_free(s.numbers);
  return status;
}
