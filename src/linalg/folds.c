/* R factors of folds and of training sets, as values of the TSQR tree.
 *
 * n rows, P columns, k folds. Three steps, each dealt to ranks and threads: the folds' own values;
 * the products of folds 0..f and of folds f..k-1, one chain each; the training set of each fold,
 * product of what is before it and what is after it. */
#include "simmer/linalg/folds.h"

#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "grid_private.h"
#include "reflector.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "triangle.h"
#include "wide.h"

struct smr_folds {
  int64_t n_rows, n_cols, n_folds;
  bool has_intercept;
  smr_folds_kind kind;
  int64_t first, count; /* folds of this rank */
  const smr_grid *grid;
  smr_context *alone;       /* NULL when the group is one rank already */
  smr_grid *alone_grid;     /* NULL likewise */
  smr_triangle_shape shape; /* of the largest set */
  int64_t n_doubles;        /* of a value */
  double *all;              /* [k][n_doubles] the folds */
  /* [k][n_doubles] products of folds 0..f and f..k-1; then the training set of fold f is in
   * before[f - 1], that of fold 0 in after[1]. Only those of this rank's folds are made. */
  double *before, *after;
};

/* The rows of one fold as a source of their own. */
typedef struct {
  const smr_row_source *source;
  int64_t first, step; /* row i is first + i step of the source */
} fold_rows;

typedef struct {
  smr_folds *folds;
  const smr_row_source *source;
  int n_threads;
  smr_triangle_work **works; /* [n_threads] */
  double **values;           /* [n_threads] one value each */
  /* The failure of the lowest task, since messages belong to threads. */
  int64_t failed;
  smr_status status;
  char message[1024];
} fold_run;

static void get_fold(int64_t n_rows, int64_t n_folds, smr_folds_kind kind, int64_t fold,
                     int64_t *first, int64_t *count) {
  smr_int_share(n_rows, n_folds, fold, first, count);
  /* Fold f of n mod k > f has one more row, contiguous or not. */
  if (kind == SMR_FOLDS_INTERLEAVED) {
    *first = fold;
  }
}

static smr_status read_fold(void *self, int thread, int64_t first, int64_t count, double *x,
                            int64_t ld, double *y) {
  const fold_rows *rows = self;
  const smr_row_source *source = rows->source;
  if (rows->step == 1) {
    return source->read(source->self, thread, rows->first + first, count, x, ld, y);
  }
  for (int64_t i = 0; i < count; i++) {
    const int64_t row = rows->first + (first + i) * rows->step;
    SMR_TRY(source->read(source->self, thread, row, 1, x + i, ld, y + i));
  }
  return SMR_OK;
}

static void copy_value(const smr_folds *folds, double *to, const double *from) {
  memcpy(to, from, (size_t)folds->n_doubles * sizeof *to);
}

/* Value of fold `fold`: its row blocks, one after the other. */
static smr_status factor_fold(fold_run *run, int thread, int64_t fold) {
  const smr_folds *folds = run->folds;
  double *value = folds->all + fold * folds->n_doubles;
  smr_triangle_shape shape = folds->shape;
  fold_rows rows = {.source = run->source,
                    .step = folds->kind == SMR_FOLDS_INTERLEAVED ? folds->n_folds : 1};
  const smr_row_source source = {.n_cols = folds->n_cols, .self = &rows, .read = read_fold};
  if (smr_fault("linalg.folds")) {
    SMR_FAIL(SMR_ERR_MEMORY, "fault point linalg.folds");
  }
  get_fold(folds->n_rows, folds->n_folds, folds->kind, fold, &rows.first, &shape.n_rows);
  for (int64_t b = 0; b * shape.block_rows < shape.n_rows; b++) {
    double *part = b == 0 ? value : run->values[thread];
    memset(part, 0, (size_t)folds->n_doubles * sizeof *part);
    const smr_status status =
        smr_triangle_factor(&shape, &source, thread, b, run->works[thread], part);
    if (status != SMR_OK) {
      return smr_error_prefix(status, "fold %" PRId64 " of %" PRId64 ", rows counted within it",
                              fold, folds->n_folds);
    }
    if (b > 0) {
      smr_triangle_combine(&shape, run->works[thread], value, part);
    }
  }
  return SMR_OK;
}

/* Chain 0: products from the front; chain 1: from the back. */
static smr_status run_chain(fold_run *run, int thread, int64_t chain) {
  smr_folds *folds = run->folds;
  const int64_t k = folds->n_folds;
  const int64_t d = folds->n_doubles;
  if (chain == 0) {
    copy_value(folds, folds->before, folds->all);
    for (int64_t f = 1; f < k - 1; f++) {
      double *to = folds->before + f * d;
      copy_value(folds, to, to - d);
      smr_triangle_combine(&folds->shape, run->works[thread], to, folds->all + f * d);
    }
    return SMR_OK;
  }
  copy_value(folds, folds->after + (k - 1) * d, folds->all + (k - 1) * d);
  for (int64_t f = k - 2; f > 0; f--) {
    double *to = folds->after + f * d;
    copy_value(folds, to, folds->all + f * d);
    smr_triangle_combine(&folds->shape, run->works[thread], to, to + d);
  }
  return SMR_OK;
}

static double *get_training(const smr_folds *folds, int64_t fold) {
  return fold == 0 ? folds->after + folds->n_doubles
                   : folds->before + (fold - 1) * folds->n_doubles;
}

static smr_status make_training(fold_run *run, int thread, int64_t fold) {
  const smr_folds *folds = run->folds;
  if (fold > 0 && fold < folds->n_folds - 1) {
    smr_triangle_combine(&folds->shape, run->works[thread], get_training(folds, fold),
                         folds->after + (fold + 1) * folds->n_doubles);
  }
  return SMR_OK;
}

typedef smr_status (*fold_task)(fold_run *run, int thread, int64_t task);

/* Tasks first..first+count-1 by the threads of this rank. Local. */
static smr_status run_tasks(fold_run *run, int64_t first, int64_t count, fold_task task) {
  run->failed = INT64_MAX;
  run->status = SMR_OK;
#pragma omp parallel for schedule(dynamic, 1) num_threads(run->n_threads) if (run->n_threads > 1)
  for (int64_t t = first; t < first + count; t++) {
    const smr_status status = task(run, omp_get_thread_num(), t);
#pragma omp critical(smr_folds_failure)
    if (status != SMR_OK && t < run->failed) {
      run->failed = t;
      run->status = status;
      snprintf(run->message, sizeof run->message, "%s", smr_error_message());
    }
  }
  return run->status == SMR_OK ? SMR_OK : smr_error_set(run->status, "%s", run->message);
}

/* --- memory --- */

static void clear_run(fold_run *run) {
  for (int t = 0; run->works != NULL && t < run->n_threads; t++) {
    smr_triangle_work_destroy(&run->works[t]);
  }
  for (int t = 0; run->values != NULL && t < run->n_threads; t++) {
    smr_memory_free(run->values[t]);
  }
  smr_memory_free(run->works);
  smr_memory_free(run->values);
}

static smr_status allocate_run(fold_run *run) {
  const smr_folds *folds = run->folds;
  SMR_TRY(smr_memory_alloc(run->n_threads, sizeof *run->works, "fold threads", &run->works));
  SMR_TRY(smr_memory_alloc(run->n_threads, sizeof *run->values, "fold threads", &run->values));
  for (int t = 0; t < run->n_threads; t++) {
    SMR_TRY(smr_triangle_work_create(&folds->shape, &run->works[t]));
    SMR_TRY(smr_memory_alloc(folds->n_doubles, sizeof(double), "value of a fold", &run->values[t]));
  }
  return SMR_OK;
}

static smr_status allocate(const smr_grid *grid, const smr_row_source *source, bool intercept,
                           int64_t n_folds, smr_folds **out) {
  smr_folds *folds = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(1, sizeof *folds, "folds", &folds));
  *folds = (smr_folds){.n_rows = source->n_rows,
                       .n_cols = source->n_cols,
                       .n_folds = n_folds,
                       .has_intercept = intercept,
                       .grid = grid};
  SMR_TRY_DONE(smr_triangle_shape_init(source->n_rows, source->n_cols, intercept, &folds->shape));
  /* Every set is combined with others, so a workspace must do for that even when n is small. */
  folds->shape.n_rows = smr_int_max(folds->n_rows, folds->shape.block_rows + 1);
  folds->n_doubles = smr_triangle_count_doubles(&folds->shape);
  smr_int_share(n_folds, grid->context->size, grid->context->rank, &folds->first, &folds->count);
  int64_t length = 0;
  SMR_TRY_DONE(smr_int_multiply(n_folds, folds->n_doubles, "the size of all folds", &length));
  SMR_TRY_DONE(smr_memory_alloc(length, sizeof(double), "folds", &folds->all));
  SMR_TRY_DONE(smr_memory_alloc(length, sizeof(double), "products of folds", &folds->before));
  SMR_TRY_DONE(smr_memory_alloc(length, sizeof(double), "products of folds", &folds->after));
  *out = folds;
  folds = NULL;
done:
  smr_folds_destroy(&folds);
  return status;
}

/* --- steps --- */

/* The folds of all ranks on all ranks. Collective. */
static void share_values(const smr_folds *folds) {
  const smr_context *context = folds->grid->context;
  for (int rank = 0; context->size > 1 && rank < context->size; rank++) {
    int64_t first = 0;
    int64_t count = 0;
    smr_int_share(folds->n_folds, context->size, rank, &first, &count);
    if (count > 0) {
      smr_broadcast(context, rank, folds->all + first * folds->n_doubles,
                    (size_t)(count * folds->n_doubles) * sizeof(double));
    }
  }
}

/* The chain from the front on the first rank, that from the back on the last one. Collective. */
static smr_status run_chains(fold_run *run) {
  const smr_folds *folds = run->folds;
  const smr_context *context = folds->grid->context;
  const int last = context->size - 1;
  const int64_t first = context->rank == 0 ? 0 : 1;
  const int64_t end = context->rank == last ? 2 : 1;
  const bool is_owner = context->rank == 0 || context->rank == last;
  SMR_TRY(
      smr_linalg_agree(context, is_owner ? run_tasks(run, first, end - first, run_chain) : SMR_OK));
  if (context->size > 1) {
    const size_t bytes = (size_t)(folds->n_folds * folds->n_doubles) * sizeof(double);
    smr_broadcast(context, 0, folds->before, bytes);
    smr_broadcast(context, last, folds->after, bytes);
  }
  return SMR_OK;
}

static smr_status make_values(smr_folds *folds, const smr_row_source *source) {
  const smr_context *context = folds->grid->context;
  fold_run run = {.folds = folds, .source = source, .n_threads = omp_get_max_threads()};
  smr_status status = smr_linalg_agree(context, allocate_run(&run));
  if (status != SMR_OK) {
    goto done;
  }
  SMR_TRY_DONE(smr_linalg_agree(context, run_tasks(&run, folds->first, folds->count, factor_fold)));
  share_values(folds);
  SMR_TRY_DONE(run_chains(&run));
  SMR_TRY_DONE(
      smr_linalg_agree(context, run_tasks(&run, folds->first, folds->count, make_training)));
done:
  clear_run(&run);
  return status;
}

static smr_status make_alone(smr_folds *folds) {
  int index = 0;
  if (folds->grid->context->size == 1) {
    return SMR_OK;
  }
  SMR_TRY(smr_context_split(folds->grid->context, 1, &folds->alone, &index));
  return smr_linalg_agree(folds->grid->context, smr_grid_create(folds->alone, &folds->alone_grid));
}

smr_status smr_folds_create(const smr_grid *grid, const smr_row_source *source, bool intercept,
                            int64_t n_folds, smr_folds_kind kind, smr_folds **out) {
  smr_folds *folds = NULL;
  *out = NULL;
  if (n_folds < 2 || n_folds > source->n_rows) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%" PRId64 " rows can't be cut into %" PRId64
             " folds: cross-validation needs at least 2 folds and a row in each",
             source->n_rows, n_folds);
  }
  smr_status status =
      smr_linalg_agree(grid->context, allocate(grid, source, intercept, n_folds, &folds));
  if (status != SMR_OK || folds == NULL) {
    goto done;
  }
  folds->kind = kind;
  SMR_TRY_DONE(make_alone(folds));
  SMR_TRY_DONE(make_values(folds, source));
  *out = folds;
  folds = NULL;
done:
  smr_folds_destroy(&folds);
  return status;
}

void smr_folds_destroy(smr_folds **folds) {
  if (folds != NULL && *folds != NULL) {
    smr_grid_destroy(&(*folds)->alone_grid);
    smr_context_destroy(&(*folds)->alone);
    smr_memory_free((*folds)->all);
    smr_memory_free((*folds)->before);
    smr_memory_free((*folds)->after);
    smr_memory_free(*folds);
    *folds = NULL;
  }
}

smr_folds_view smr_folds_get(const smr_folds *folds) {
  return (smr_folds_view){.n_rows = folds->n_rows,
                          .n_cols = folds->n_cols,
                          .n_folds = folds->n_folds,
                          .has_intercept = folds->has_intercept,
                          .first = folds->first,
                          .count = folds->count};
}

const smr_grid *smr_folds_get_grid(const smr_folds *folds) {
  return folds->alone_grid != NULL ? folds->alone_grid : folds->grid;
}

int64_t smr_folds_count_rows(const smr_folds *folds, int64_t fold, bool is_training) {
  int64_t first = 0;
  int64_t count = 0;
  get_fold(folds->n_rows, folds->n_folds, folds->kind, fold, &first, &count);
  return is_training ? folds->n_rows - count : count;
}

smr_status smr_folds_read(const smr_folds *folds, int64_t fold, bool is_training, int64_t n_cols,
                          double *r, double *z, smr_folds_part *part) {
  double *value = is_training ? get_training(folds, fold) : folds->all + fold * folds->n_doubles;
  const smr_triangle view = smr_triangle_view(&folds->shape, value);
  const int64_t n = smr_folds_count_rows(folds, fold, is_training);
  const int64_t q = smr_int_max(0, smr_int_min(n - folds->has_intercept, n_cols));
  double outside = 0.0;
  SMR_TRY(smr_wide_read(&view, n_cols, q, r, z, &outside));
  *part = (smr_folds_part){.n_rows = n,
                           .n_cols = n_cols,
                           .n_used = q,
                           .r = r,
                           .z = z,
                           .mean = view.mean,
                           .mean_y = view.mean[folds->n_cols],
                           .tail = view.tail[n_cols] + outside};
  return SMR_OK;
}

int64_t smr_folds_count_bytes(int64_t n_rows, int64_t n_cols, int64_t n_folds) {
  smr_triangle_shape shape;
  int64_t bytes = 0;
  if (smr_triangle_shape_init(n_rows, n_cols, true, &shape) != SMR_OK ||
      smr_int_multiply((3 * n_folds + omp_get_max_threads()) * (int64_t)sizeof(double),
                       smr_triangle_count_doubles(&shape), "folds", &bytes) != SMR_OK) {
    smr_error_clear();
    return SMR_MEMORY_TOO_MUCH;
  }
  shape.n_rows = shape.block_rows + 1;
  return bytes + smr_triangle_count_work_bytes(&shape) * omp_get_max_threads();
}

double smr_folds_count_flops(int64_t n_rows, int64_t n_cols, int64_t n_folds) {
  const double p = (double)n_cols;
  return smr_qr_count_flops(n_rows, n_cols) + 3.0 * (double)n_folds * p * p * (p + 96.0);
}
