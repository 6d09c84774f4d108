/* What experiments on rows of a table have in common: the keys under `data`, the datasets that
 * units share, and the checks of a job against its data. */
#ifndef SIMMER_APP_TABLE_DATA_H
#define SIMMER_APP_TABLE_DATA_H

#include "experiment.h"
#include "simmer/data/dataset.h"

/* Names of the values of data.source, design, truth, noise_model and problem; the rows of the keys
 * are in table_data_keys.inc. */
extern const char *const smr_table_sources[],
    *const smr_table_designs[], *const smr_table_truths[], *const smr_table_noise_models[],
                                                               *const smr_table_problems[];

/* The part of an experiment's configuration that those keys fill. */
typedef struct {
  smr_data_config data;
  int64_t instances; /* N_i */
  smr_ints features; /* N_f */
} smr_table_part;

/* How an experiment keeps that part. */
typedef struct {
  const smr_key_table *table;
  smr_table_part (*get)(const void *config);
  bool needs_classes; /* targets of files must take just two values; no problems */
} smr_table_view;

/* True when rows come from a csv or hdf5 file. */
bool smr_table_is_file(const smr_data_config *data);
/* Rows to test on: what the job says; else 1000 for a teacher, `instances` where rows are ordered
 * (a smooth design, a problem), -1 (all that are left out) for files. */
int64_t smr_table_count_test(const smr_data_config *data, int64_t instances);
/* Columns that are made of a row of which `columns` are read, and the operations that takes, for
 * `plan`. */
int64_t smr_table_count_columns(const smr_data_config *data, int64_t instances, int64_t columns);
double smr_table_count_row_flops(const smr_data_config *data, int64_t instances, int64_t columns);
/* Bytes of a sample beside its rows. */
int64_t smr_table_count_bytes(const smr_data_config *data, int64_t columns);
int64_t smr_table_max_features(const smr_ints *features);

/* A job's files against what it asks for, into report. As smr_experiment.check. */
smr_status smr_table_check(const smr_table_view *view, const smr_job *job, const smr_inputs *inputs,
                           smr_text *report) SMR_NODISCARD;
/* Opens one dataset for every data file of the job. As smr_experiment.open, close and list_inputs.
 */
smr_status smr_table_open(const smr_table_view *view, const smr_context *world, const smr_job *job,
                          const char *data_folder, void **state) SMR_NODISCARD;
void smr_table_close(void **state);
smr_status smr_table_list_inputs(void *state, const smr_job *job, smr_text *lines) SMR_NODISCARD;
/* The opened dataset of this configuration. Borrowed. Local. */
const smr_dataset *smr_table_find(void *state, const smr_data_config *config);

#endif
