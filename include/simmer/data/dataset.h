/* Regression data: a design matrix X and targets y, row by row of numbered streams.
 *
 * Generators: the teacher (designs, laws of w* and noise models, below) and the ill-posed problems.
 *
 * A stream is a replicate's training rows 0, 1, 2, … (nested: the first n rows are the training set
 * of size n), or its test rows. Adding one more source is one file and one line in the registry of
 * src/data/dataset.c. */
#ifndef SIMMER_DATA_DATASET_H
#define SIMMER_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/comm/context.h"

typedef enum { SMR_SOURCE_TEACHER, SMR_SOURCE_CSV, SMR_SOURCE_HDF5, SMR_SOURCE_PROBLEM } smr_source;

/* Rows of a teacher's X; i, j count rows and columns from 0, g is standard normal. */
typedef enum {
  SMR_DESIGN_GAUSSIAN,  /* g_ij */
  SMR_DESIGN_SMOOTH,    /* exp(-(i - c_j)^2 / 2w^2), c_j = first + j spacing; test row i is training
                           row i mod N_i */
  SMR_DESIGN_POWER_LAW, /* sqrt(mu_j) g_ij, mu_j = (j+1)^-a; or turned by a random rotation */
  SMR_DESIGN_EXPONENTIAL, /* the same with mu_j = exp(-a j) */
  SMR_DESIGN_DUPLICATED   /* g_i,b + jitter g'_ij with b = floor(j / copies) */
} smr_design_kind;

typedef struct {
  int kind;                                    /* smr_design_kind */
  double bump_width, bump_spacing, bump_first; /* smooth: w, spacing and c_0, in rows */
  double decay;                                /* power_law, exponential: a */
  bool rotate; /* power_law, exponential: columns mix all directions */
  int64_t
      columns;    /* rotated: dimension of the rotation; -1 = as many as are read or carry signal */
  int64_t copies; /* duplicated: columns that repeat one */
  double jitter;  /* duplicated: standard deviation of what tells them apart */
} smr_design_config;

/* Direction of a teacher's w*, before it is scaled to its norm. */
typedef enum {
  SMR_TRUTH_RANDOM,   /* g_j */
  SMR_TRUTH_DECAYING, /* g_j (j+1)^-decay */
  SMR_TRUTH_SMOOTH,   /* sin(2 pi (j / period + phase)), the phase drawn for each replicate */
  SMR_TRUTH_CONSTANT, /* 1 */
  SMR_TRUTH_SINGLE    /* 1 for column 0, else 0 */
} smr_truth_kind;

typedef struct {
  int kind; /* smr_truth_kind */
  double decay, period;
} smr_truth_config;

/* Noise of row i, of standard deviation sigma. */
typedef enum {
  SMR_NOISE_IID,             /* sigma g_i */
  SMR_NOISE_AR1,             /* stationary, e_i = phi e_{i-1} + sigma sqrt(1 - phi^2) g_i */
  SMR_NOISE_HETEROSCEDASTIC, /* sigma sqrt(1 + swing cos(2 pi i / period)) g_i */
  SMR_NOISE_STUDENT_T /* Student's t of nu degrees of freedom, scaled to variance sigma^2 where
                         nu > 2, times sigma else */
} smr_noise_kind;

typedef struct {
  int kind;             /* smr_noise_kind */
  double correlation;   /* ar1: phi, |phi| <= SMR_NOISE_MAX_CORRELATION */
  double swing, period; /* heteroscedastic: 0..1, and rows */
  double nu;            /* student_t: > 0 */
  bool is_relative;     /* problem: sigma is config.noise ||X w*|| / sqrt(n) */
} smr_noise_config;
#define SMR_NOISE_MAX_CORRELATION 0.999

/* Integral equations of the first kind of Hansen's Regularization Tools, discretized as there. */
typedef enum {
  SMR_PROBLEM_SHAW,
  SMR_PROBLEM_PHILLIPS,
  SMR_PROBLEM_DERIV2,
  SMR_PROBLEM_BAART,
  SMR_PROBLEM_HEAT,
  SMR_PROBLEM_FOXGOOD
} smr_problem_kind;

/* Plain configuration; strings borrowed. */
typedef struct {
  int source;                  /* smr_source */
  const char *file;            /* csv, hdf5: path, relative to the data folder */
  const char *x_name, *y_name; /* hdf5: dataset names; X is [rows x features], y is [rows] */
  int64_t target_column;       /* csv: column of y, from 0; -1 = the last */
  bool labels_to_signs;        /* two-valued targets become -1 (smaller) and +1 */
  int64_t teacher_features;    /* teacher: features that carry signal; -1 = as many as are fitted */
  double signal;               /* teacher: r = ||w*|| */
  double noise;                /* generators: sigma, standard deviation of the noise */
  smr_design_config design;    /* teacher */
  smr_truth_config truth;      /* teacher */
  smr_noise_config noise_law;  /* generators */
  int problem;                 /* problem: smr_problem_kind; N_i = n, its N_f leading columns */
  double heat_kappa;           /* problem heat: 1 is ill-conditioned, 5 well */
  int64_t test_instances; /* generators: test rows; files: test on at most this many left-out rows,
                             -1 = all */
  uint64_t seed;
} smr_data_config;

typedef struct {
  int64_t n_rows;         /* INT64_MAX for a generator */
  int64_t n_features;     /* INT64_MAX for a generator */
  int64_t file_bytes;     /* memory that the dataset takes, once a node */
  uint32_t crc;           /* of what the file holds; 0 for a generator */
  bool is_classification; /* y takes exactly two values (files), and they were turned into -1 and +1
                           */
  bool is_constant;       /* files: y is the same number in all rows */
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

/* What is known of the noise in y, given X and w*. */
typedef struct {
  double sigma;       /* standard deviation, root mean square over rows; the scale of a Student t
                         without variance; NaN when unknown (files) */
  bool has_variance;  /* false for files, and for Student's t with nu <= 2 */
  bool is_white;      /* uncorrelated, and the same variance in every row */
  double correlation; /* of neighbouring rows; 0 but for ar1, where it is phi^d at distance d */
} smr_noise_law;
smr_noise_law smr_sample_get_noise(const smr_sample *sample);
/* variance[count] = Var(noise of training row first + i) / sigma^2: 1 but for heteroscedastic
 * noise. Local. */
void smr_sample_get_variances(const smr_sample *sample, int64_t first, int64_t count,
                              double *variance);
/* 1 when X is i.i.d. N(0,1), so that what of w* isn't fitted acts as noise. Local. */
int smr_sample_is_isotropic(const smr_sample *sample);

/* A problem's n must be a multiple of this. Local. */
int64_t smr_problem_get_divisor(int problem);

#endif
