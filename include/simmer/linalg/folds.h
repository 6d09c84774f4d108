/* R factors of the folds of a data set and of what is left when each is held out: one reading of
 * the rows serves every training set of k-fold cross-validation.
 *
 * n rows in k folds, P columns of X. The R factor of [1 | X | y] of each fold comes from its rows;
 * those of the training sets from the folds' by prefix and suffix products (R of stacked R's, 3k
 * combinations), as in linalg/qr.h: centred by each set's own mean. Row i is in fold i mod k
 * (interleaved), or in the smr_int_share of k contiguous blocks that holds it.
 *
 * Folds are dealt to ranks and threads whole, so the bits depend on the shape, k and the kind
 * alone, and those of the first p columns not on what follows (see linalg/qr.h). */
#ifndef SIMMER_LINALG_FOLDS_H
#define SIMMER_LINALG_FOLDS_H

#include "simmer/linalg/qr.h"

typedef enum { SMR_FOLDS_INTERLEAVED, SMR_FOLDS_BLOCK } smr_folds_kind;

typedef struct smr_folds smr_folds;

/* SMR_ERR_INPUT unless 2 <= n_folds <= n; SMR_ERR_NUMERIC when X or y holds NaN or Inf,
 * SMR_ERR_MEMORY, SMR_ERR_LIMIT, and what the source returns. grid is borrowed and must outlive it.
 * Interleaved rows are read one by one. Collective on grid. */
smr_status smr_folds_create(const smr_grid *grid, const smr_row_source *source, bool intercept,
                            int64_t n_folds, smr_folds_kind kind, smr_folds **out) SMR_NODISCARD;
/* Collective; accepts NULL. */
void smr_folds_destroy(smr_folds **folds);

typedef struct {
  int64_t n_rows, n_cols, n_folds;
  bool has_intercept;
  int64_t first, count; /* the folds that this rank holds */
} smr_folds_view;
smr_folds_view smr_folds_get(const smr_folds *folds);
/* A grid of this rank alone, for what it does with its folds; borrowed. */
const smr_grid *smr_folds_get_grid(const smr_folds *folds);

/* One fold, or its training set, for the first n_cols columns. */
typedef struct {
  int64_t n_rows, n_cols;
  int64_t n_used;     /* q = min(n_rows - intercept, n_cols), not below 0 */
  double *r;          /* [q x n_cols] column-major, leading dimension q: an upper triangle; for q <
                         n_cols any rows with the same products */
  double *z;          /* [q] */
  const double *mean; /* [n_cols] borrowed; zeros without intercept */
  double mean_y;
  double tail; /* ||y - U U'y||^2 of the (centred) y */
} smr_folds_part;
/* Number of rows of a part. Local. */
int64_t smr_folds_count_rows(const smr_folds *folds, int64_t fold, bool is_training);
/* Fills `part`; r and z go to the caller's arrays r[q x n_cols] and z[q]. `fold` is one of this
 * rank's. SMR_ERR_MEMORY. Local, thread-safe. */
smr_status smr_folds_read(const smr_folds *folds, int64_t fold, bool is_training, int64_t n_cols,
                          double *r, double *z, smr_folds_part *part) SMR_NODISCARD;

/* Bytes per rank and floating point operations of smr_folds_create; local, for `plan`. */
int64_t smr_folds_count_bytes(int64_t n_rows, int64_t n_cols, int64_t n_folds);
double smr_folds_count_flops(int64_t n_rows, int64_t n_cols, int64_t n_folds);

#endif
