/* Regression data: a design matrix X and targets y, row by row of numbered streams.
 *
 * A stream is a replicate's training rows 0, 1, 2, … (nested: the first n rows are the training set
 * of size n), or its test rows. Adding one more source is one file and one line in the registry of
 * src/data/dataset.c. */
#ifndef SIMMER_DATA_DATASET_H
#define SIMMER_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/comm/context.h"

typedef enum { SMR_SOURCE_TEACHER, SMR_SOURCE_CSV, SMR_SOURCE_HDF5 } smr_source;

/* Plain configuration; strings borrowed. */
typedef struct {
  int source;                  /* smr_source */
  const char *file;            /* csv, hdf5: path, relative to the data folder */
  const char *x_name, *y_name; /* hdf5: dataset names; X is [rows x features], y is [rows] */
  int64_t target_column;       /* csv: column of y, from 0; -1 = the last */
  bool labels_to_signs;        /* two-valued targets become -1 (smaller) and +1 */
  int64_t teacher_features;    /* teacher: features that carry signal; -1 = as many as are fitted */
  double signal;               /* teacher: r = ||w*|| */
  double noise;                /* teacher: sigma, standard deviation of the noise */
  int64_t test_instances; /* teacher: test rows; files: test on at most this many left-out rows, -1
                             = all */
  uint64_t seed;
} smr_data_config;

typedef struct {
  int64_t n_rows;         /* INT64_MAX for a generator */
  int64_t n_features;     /* INT64_MAX for a generator */
  int64_t file_bytes;     /* memory that the dataset takes, once a node */
  uint32_t crc;           /* of what the file holds; 0 for a generator */
  bool is_classification; /* y takes exactly two values (files), and they were turned into -1 and +1
                           */
} smr_data_shape;

/* Shape without MPI and without keeping the data (a CSV file is read through once). Errors say
 * file, line and column: missing, unreadable, ragged rows, text, NaN, no rows, dataset missing
 * (with the names there are). Local. */
smr_status smr_dataset_inspect(const smr_data_config *config, const char *data_folder,
                               smr_data_shape *shape) SMR_NODISCARD;

typedef struct smr_dataset smr_dataset;

/* Opens the data; files are parsed by one rank a node into node-shared memory. Collective on
 * context. */
smr_status smr_dataset_open(const smr_context *context, const smr_data_config *config,
                            const char *data_folder, smr_dataset **out) SMR_NODISCARD;
/* Collective on the context it was opened with; accepts NULL. */
void smr_dataset_close(smr_dataset **dataset);
smr_data_shape smr_dataset_get_shape(const smr_dataset *dataset);

/* One replicate's view of a dataset for one unit: which rows and columns. For files: a random
 * permutation of all rows keyed by (seed, replicate), whose first n_train rows train and whose next
 * test_instances rows test (or the whole rest, then in the file's order); and a random order of
 * columns likewise. */
typedef struct smr_sample smr_sample;

/* n_features leading columns of this replicate's column order will be read at most. Config gives
 * noise, signal, … of this unit (they may be axes of a sweep; source and file must be the ones
 * opened). SMR_ERR_INPUT when n_train exceeds the rows (or leaves none to test on). Local. */
smr_status smr_sample_create(const smr_dataset *dataset, const smr_data_config *config,
                             int64_t replicate, int64_t n_train, int64_t n_features,
                             smr_sample **out) SMR_NODISCARD;
void smr_sample_destroy(smr_sample **sample);
int64_t smr_sample_count_test(const smr_sample *sample);
/* Training or test rows first..first+count-1: x [count x n_features] column-major, leading
 * dimension ld, and y[count]. For a teacher with teacher_features = -1, y is the noise alone: the
 * target of the first k features is X(:,0:k) w_k + y with w_k from smr_sample_get_truth(k).
 * Thread-safe; local. */
smr_status smr_sample_read(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                           int64_t n_features, double *x, int64_t ld, double *y) SMR_NODISCARD;
/* Known truth for the first k features: w*[k], and the norm of what isn't fitted. 0 when unknown
 * (files), else 1. With teacher_features = -1, w_k = r g(0:k) / ||g(0:k)|| for one Gaussian vector
 * g; else w* has teacher_features components with norm r, of which the first k are fitted (zeros
 * beyond). Local. */
int smr_sample_get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest);
/* 1 when y from smr_sample_read lacks the signal (see there). */
int smr_sample_is_noise_only(const smr_sample *sample);

#endif
