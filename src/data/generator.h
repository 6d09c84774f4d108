/* What the generators of data, the teacher and the problems, are made of. Private to src/data. */
#ifndef SMR_DATA_GENERATOR_H
#define SMR_DATA_GENERATOR_H

#include "source.h"

/* Numbers of one purpose for this replicate, training or test rows. */
smr_random_key smr_generator_get_key(const smr_sample *sample, const char *purpose, bool is_test);
/* a'b, always summed in the same order. */
double smr_generator_dot(int64_t n, const double *a, const double *b);
double smr_generator_norm(int64_t n, const double *v);
/* Training row that a test row repeats where rows are ordered: row mod N_i. */
int64_t smr_generator_get_position(const smr_sample *sample, bool is_test, int64_t row);

/* Number of test rows, and the columns in their order. Local. */
smr_status smr_generator_create(smr_sample *sample) SMR_NODISCARD;
/* As smr_sample_read, with rows by make_row of the source's operations. */
smr_status smr_generator_read(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                              int64_t n_features, double *x, int64_t ld, double *y) SMR_NODISCARD;
/* As smr_sample_get_truth, from sample->truth [n_signal]. */
void smr_generator_get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest);

/* sample->n_design, scales and rotation of a teacher's design. Local. */
smr_status smr_design_create(smr_sample *sample) SMR_NODISCARD;
/* out = the first `width` columns of a row; out and work hold max(width, n_design). */
void smr_design_make_row(const smr_sample *sample, bool is_test, int64_t row, int64_t width,
                         double *out, double *work);

/* w[n] = the first n components of a teacher's w* where n carry signal: norm `signal`. */
void smr_truth_make(const smr_sample *sample, int64_t n, double *w);

/* out[count] = noise of rows first..first+count-1. */
void smr_noise_make(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                    double *out);

/* An integral equation on n cells: row i of its matrix, and its solution. */
typedef struct {
  const char *name;
  int64_t divisor; /* n must be a multiple of it */
  void (*make_row)(const smr_data_config *config, int64_t n, int64_t i, int64_t width, double *out);
  void (*solve)(const smr_data_config *config, int64_t n, double *w);
} smr_problem;
/* NULL when there is no such problem. */
const smr_problem *smr_problem_find(int kind);

#endif
