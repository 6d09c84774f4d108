/* Tables for the reader, from a result file alone: its job text says which units there are, its
 * variables are put together to their records. */
#include "tables.h"

#include <inttypes.h>
#include <string.h>

#include "collect.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"
#include "simmer/store/journal.h"

enum { MOST_UNITS = 24, TITLE_BYTES = 512 };

typedef struct {
  smr_arrays *arrays;
  char *name, *text; /* of the experiment; its job */
  smr_job *job;
  const smr_experiment *experiment;
  smr_schema outputs, summaries;
  int64_t n_cells, record_length;
  uint8_t *status;
  double *records; /* [cells x record length] */
  double *column;  /* one output of all cells */
  void *config;
} reader;

static void clear(reader *r) {
  smr_arrays_close(&r->arrays);
  smr_memory_free(r->name);
  smr_memory_free(r->text);
  smr_job_destroy(&r->job);
  smr_schema_clear(&r->outputs);
  smr_schema_clear(&r->summaries);
  smr_memory_free(r->status);
  smr_memory_free(r->records);
  smr_memory_free(r->column);
  smr_memory_free(r->config);
}

/* Which experiment it is, and whether that has tables. */
static bool has_report(reader *r, const char *path) {
  if (smr_arrays_open(path, &r->arrays) != SMR_OK ||
      smr_arrays_read_attribute(r->arrays, "experiment", &r->name) != SMR_OK ||
      smr_arrays_read_attribute(r->arrays, "job", &r->text) != SMR_OK) {
    smr_error_clear();
    return false;
  }
  for (int64_t i = 0; i < smr_experiment_count(); ++i) {
    if (strcmp(smr_experiment_get(i)->name, r->name) == 0) {
      r->experiment = smr_experiment_get(i);
    }
  }
  smr_array status;
  const bool is_result = smr_arrays_inspect(r->arrays, "status", &status) == SMR_OK;
  smr_error_clear();
  return is_result && r->experiment != NULL && r->experiment->report != NULL;
}

static smr_status read_column(reader *r, int64_t output) {
  const int64_t length = smr_schema_get_length(&r->outputs, output);
  const int64_t offset = smr_schema_get_offset(&r->outputs, output);
  const char *name = r->outputs.outputs[output].name;
  smr_array array;
  int64_t n = 1;
  SMR_TRY(smr_arrays_inspect(r->arrays, name, &array));
  for (int d = 0; d < array.n_dimensions; ++d) {
    n *= array.shape[d];
  }
  if (n != r->n_cells * length) {
    SMR_FAIL(SMR_ERR_INPUT, "%s doesn't have the shape that this version of simmer gives it", name);
  }
  SMR_TRY(smr_arrays_read(r->arrays, name, SMR_F64, 0, array.n_dimensions > 0 ? array.shape[0] : 1,
                          r->column));
  for (int64_t cell = 0; cell < r->n_cells; ++cell) {
    memcpy(r->records + cell * r->record_length + offset, r->column + cell * length,
           (size_t)length * sizeof(double));
  }
  return SMR_OK;
}

static smr_status read_records(reader *r) {
  smr_array status;
  SMR_TRY(r->experiment->describe(r->job, &r->outputs, &r->summaries));
  SMR_TRY(smr_schema_count(&r->outputs, &r->record_length));
  const int64_t n = r->n_cells * r->record_length;
  SMR_TRY(smr_memory_alloc(r->n_cells, 1, "status of units", &r->status));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "records", &r->records));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "one output", &r->column));
  SMR_TRY(smr_memory_alloc(1, r->experiment->table->config_bytes, "configuration", &r->config));
  SMR_TRY(smr_arrays_inspect(r->arrays, "status", &status));
  SMR_TRY(smr_arrays_read(r->arrays, "status", SMR_U8, 0,
                          status.n_dimensions > 0 ? status.shape[0] : 1, r->status));
  for (int64_t i = 0; i < r->outputs.n_outputs; ++i) {
    SMR_TRY(read_column(r, i));
  }
  return SMR_OK;
}

static smr_status write_unit(const reader *r, int64_t cell, smr_text *out) {
  char title[TITLE_BYTES];
  smr_common_config common;
  smr_job_describe(r->job, cell, title, sizeof title);
  smr_job_configure(r->job, cell, &common, r->config);
  SMR_TRY(smr_text_add(out, "\n%s\n", title[0] != '\0' ? title : common.name));
  return r->experiment->report(r->config, &r->outputs, r->records + cell * r->record_length, out);
}

static smr_status write_units(reader *r, smr_text *out) {
  smr_text mistakes = {0};
  smr_status status = smr_job_parse(r->text, "job", 0, NULL, smr_experiment_count(),
                                    smr_experiment_list(), &mistakes, &r->job);
  smr_text_clear(&mistakes);
  if (status != SMR_OK) {
    SMR_FAIL(SMR_ERR_INPUT, "its job isn't one that this version of simmer reads");
  }
  r->n_cells = smr_job_count_cells(r->job);
  if (r->n_cells > MOST_UNITS) {
    return SMR_OK;
  }
  SMR_TRY(read_records(r));
  for (int64_t cell = 0; cell < r->n_cells; ++cell) {
    if (r->status[cell] == SMR_UNIT_DONE) {
      SMR_TRY(write_unit(r, cell, out));
    }
  }
  return SMR_OK;
}

smr_status smr_tables_write(const char *path, smr_text *out) {
  reader r = {.arrays = NULL};
  smr_status status = has_report(&r, path) ? write_units(&r, out) : SMR_OK;
  clear(&r);
  return status;
}
