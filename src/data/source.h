/* What a data source is, and what the parts of the data layer share. Private to src/data.
 *
 * A source is either a file that is read into a table (csv, hdf5) or a generator (teacher,
 * problem: generator.h). Adding
 * one is one file that defines an smr_source_ops and one line in dataset.c. */
#ifndef SMR_DATA_SOURCE_H
#define SMR_DATA_SOURCE_H

#include "simmer/base/file.h"
#include "simmer/base/random.h"
#include "simmer/comm/shared.h"
#include "simmer/data/dataset.h"

/* A file's rows in memory that the ranks of a node share. */
typedef struct {
  int64_t n_rows, n_features;
  const double *x; /* [n_rows x n_features] row-major */
  const double *y; /* [n_rows] */
} smr_table;

/* The distinct values of y, as far as they matter: none, one, two, or more. */
typedef struct {
  int n; /* 0..3, 3 = more than two */
  double value[2];
} smr_labels;

static inline void smr_labels_add(smr_labels *labels, double y) {
  for (int i = 0; i < labels->n && i < 2; i++) {
    if (labels->value[i] == y) {
      return;
    }
  }
  if (labels->n < 2) {
    labels->value[labels->n] = y;
  }
  labels->n += labels->n < 3;
}

/* A file being read. */
typedef struct {
  /* Opens the file and finds its shape. *reader may be set on failure too; close frees it. Local.
   */
  smr_status (*open)(const smr_data_config *config, const char *path, void **reader,
                     int64_t *n_rows, int64_t *n_features);
  /* Reads and checks everything: x [n_rows x n_features] row-major and y [n_rows], or only checks
   * when both are NULL. Adds each y to labels. Local. */
  smr_status (*scan)(void *reader, double *x, double *y, smr_labels *labels);
  /* Accepts NULL. */
  void (*close)(void *reader);
} smr_table_reader;

typedef struct {
  const char *name;
  const smr_table_reader *reader; /* NULL for a generator */
  /* Fills what the source keeps in a sample, and its number of test rows. Local. */
  smr_status (*create_sample)(smr_sample *sample);
  /* A generator's row: out = its first `width` columns; out and work hold max(width, n_design).
   * NULL for a file. */
  void (*make_row)(const smr_sample *sample, bool is_test, int64_t row, int64_t width, double *out,
                   double *work);
  /* As smr_sample_read, its arguments checked. */
  smr_status (*read)(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                     int64_t n_features, double *x, int64_t ld, double *y);
  /* As smr_sample_get_truth; NULL when unknown. */
  void (*get_truth)(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest);
} smr_source_ops;

extern const smr_source_ops smr_source_teacher_ops, smr_source_problem_ops, smr_source_csv_ops,
    smr_source_hdf5_ops;

/* The table's half of smr_source_ops (table_sample.c). */
smr_status smr_table_sample_create(smr_sample *sample) SMR_NODISCARD;
smr_status smr_table_sample_read(const smr_sample *sample, bool is_test, int64_t first,
                                 int64_t count, int64_t n_features, double *x, int64_t ld,
                                 double *y) SMR_NODISCARD;

struct smr_dataset {
  const smr_source_ops *ops;
  int source;
  smr_data_shape shape;
  smr_table table;    /* files */
  smr_shared *shared; /* files: holds x, then y */
};

struct smr_sample {
  const smr_dataset *dataset;
  smr_data_config config; /* its strings are not used */
  int64_t replicate, n_train, n_test, n_features;
  int64_t *rows;    /* files: [n_train + n_test] */
  int64_t *columns; /* [n_features] */
  /* Generators. */
  smr_random_key x_key[2]; /* of training and test rows of X */
  int64_t n_signal;        /* columns that carry signal, 0 when y is the noise alone */
  double *truth;           /* [n_signal] w* */
  double sigma;            /* of the noise */
  int64_t n_design;        /* columns that the design makes at least */
  double *scales;          /* [n_design] square roots of a spectrum */
  double *rotation;        /* reflections, packed (design.c); NULL without */
};

/* The file's path: absolute as it is, else in data_folder when that is given. SMR_ERR_MISSING says
 * what was tried when there is no such file. Local. */
smr_status smr_data_find_file(const char *file, const char *data_folder,
                              char path[SMR_PATH_BYTES]) SMR_NODISCARD;

/* x(i, j) = rows[i][columns[j]] for i < count, x column-major with leading dimension ld. Local. */
void smr_gather(int64_t count, const double *const *rows, int64_t n_columns, const int64_t *columns,
                double *x, int64_t ld);

#endif
