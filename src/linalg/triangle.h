/* The value that travels in the TSQR tree: the R factor of some rows of [X | y], and how two such
 * values are combined.
 *
 * p columns in P = ceil(p / 32) panels, the last one padded with zero columns. With an intercept
 * the rows are centred: a row block of m rows becomes m - 1 rows orthogonal to the ones, and its
 * mean is kept beside R; to combine two blocks is to add the row sqrt(n1 n2 / (n1 + n2)) (mean2 -
 * mean1) (Chan, Golub, LeVeque 1983). So constant columns give exact zeros.
 *
 * Columns are treated from left to right (left-looking), so nothing depends on what follows. */
#ifndef SIMMER_LINALG_TRIANGLE_H
#define SIMMER_LINALG_TRIANGLE_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/error.h"
#include "simmer/linalg/qr.h"

/* What all values and workspaces of one factorization share. */
typedef struct {
  int64_t n_rows, n_cols;
  int64_t block_rows; /* B */
  int n_panels;       /* P */
  bool has_intercept;
} smr_triangle_shape;

/* A value seen as arrays. */
typedef struct {
  double *count; /* number of rows */
  double *mean;  /* [p + 1], y's last; zeros without intercept */
  double *z;     /* [32 P] Q'y, zero beyond p and beyond the rows */
  double *tail;  /* [p + 1] tail[k] = ||y||^2 beyond the first k columns */
  double *r;     /* panel j: [32 (j + 1) x 32], one after the other */
} smr_triangle;

/* Rows of a block: a function of p's power of two alone. */
int64_t smr_triangle_block_rows(int64_t n_cols);
smr_status smr_triangle_shape_init(int64_t n_rows, int64_t n_cols, bool has_intercept,
                                   smr_triangle_shape *shape) SMR_NODISCARD;
int64_t smr_triangle_count_doubles(const smr_triangle_shape *shape);
smr_triangle smr_triangle_view(const smr_triangle_shape *shape, void *value);
const double *smr_triangle_panel(const smr_triangle *triangle, int panel);

/* Memory that one thread works in. */
typedef struct smr_triangle_work smr_triangle_work;
int64_t smr_triangle_count_work_bytes(const smr_triangle_shape *shape);
smr_status smr_triangle_work_create(const smr_triangle_shape *shape,
                                    smr_triangle_work **out) SMR_NODISCARD;
void smr_triangle_work_destroy(smr_triangle_work **work);

/* Value of row block `block` of the source into zeroed value. SMR_ERR_NUMERIC names the first bad
 * row. Local. */
smr_status smr_triangle_factor(const smr_triangle_shape *shape, const smr_row_source *source,
                               int thread, int64_t block, smr_triangle_work *work,
                               void *value) SMR_NODISCARD;
/* left = left (+) right; right is only read. Local. */
void smr_triangle_combine(const smr_triangle_shape *shape, smr_triangle_work *work, void *left,
                          void *right);

/* SMR_ERR_NUMERIC when x [count x n_cols] or y [count] holds NaN or Inf; row `first` is their first
 * row. Local. */
smr_status smr_rows_check(int64_t first, int64_t count, int64_t n_cols, const double *x, int64_t ld,
                          const double *y) SMR_NODISCARD;

#endif
