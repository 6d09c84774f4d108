/* R factor of [1 | X | y]: choice of the way, TSQR, and access. n rows, p columns, q = min(n -
 * intercept, p). */
#include "simmer/linalg/qr.h"

#include <omp.h>
#include <string.h>

#include "grid_private.h"
#include "qr_private.h"
#include "reflector.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "triangle.h"

enum { MIN_SHARED = 256 };

/* A squarish or wide matrix has too few row blocks to share; a function of shape and ranks alone.
 */
static bool is_for_grid(int n_ranks, int64_t n_rows, int64_t n_cols) {
  return n_ranks > 1 && n_rows / 4 < n_cols + 1 && n_rows >= MIN_SHARED && n_cols >= MIN_SHARED;
}

typedef struct {
  smr_triangle_shape shape;
  const smr_row_source *source;
  int n_threads;
  smr_triangle_work **works; /* [n_threads], each made by its thread at first use */
} tsqr;

static smr_status get_work(tsqr *run, int thread, smr_triangle_work **work) {
  if (thread >= run->n_threads) {
    SMR_FAIL(SMR_ERR_INTERNAL, "more threads than expected");
  }
  if (run->works[thread] == NULL) {
    SMR_TRY(smr_triangle_work_create(&run->shape, &run->works[thread]));
  }
  *work = run->works[thread];
  return SMR_OK;
}

static smr_status factor_leaf(void *self, int thread, int64_t shard, void *value) {
  tsqr *run = self;
  smr_triangle_work *work = NULL;
  if (smr_fault("linalg.qr")) {
    SMR_FAIL(SMR_ERR_MEMORY, "fault point linalg.qr");
  }
  SMR_TRY(get_work(run, thread, &work));
  return smr_triangle_factor(&run->shape, run->source, thread, shard, work, value);
}

static smr_status combine(void *self, int thread, void *left, void *right) {
  tsqr *run = self;
  smr_triangle_work *work = NULL;
  SMR_TRY(get_work(run, thread, &work));
  smr_triangle_combine(&run->shape, work, left, right);
  return SMR_OK;
}

/* Value -> arrays of the factor. */
static void unpack(const tsqr *run, void *value, smr_qr *qr) {
  smr_triangle view = smr_triangle_view(&run->shape, value);
  memcpy(qr->z, view.z, (size_t)qr->n_used * sizeof *qr->z);
  memcpy(qr->mean, view.mean, (size_t)(qr->n_cols + 1) * sizeof *qr->mean);
  memcpy(qr->tail, view.tail, (size_t)(qr->n_cols + 1) * sizeof *qr->tail);
  for (int64_t c = 0; c < qr->n_cols; c++) {
    int panel = (int)(c / SMR_PANEL);
    int64_t ld = (int64_t)SMR_PANEL * (panel + 1);
    const double *column = smr_triangle_panel(&view, panel) + c % SMR_PANEL * ld;
    memcpy(qr->r + c * qr->n_used, column, (size_t)smr_int_min(c + 1, qr->n_used) * sizeof *qr->r);
  }
}

static smr_status run_tree(const smr_context *context, tsqr *run, smr_qr *qr) {
  void *value = NULL;
  int64_t doubles = smr_triangle_count_doubles(&run->shape);
  const smr_reduce_tree tree = {.n_shards =
                                    smr_int_ceil_divide(run->shape.n_rows, run->shape.block_rows),
                                .value_bytes = (size_t)doubles * sizeof(double),
                                .self = run,
                                .leaf = factor_leaf,
                                .combine = combine};
  smr_status status =
      smr_memory_alloc(run->n_threads, sizeof *run->works, "QR threads", &run->works);
  if (status == SMR_OK) {
    status = smr_memory_alloc(doubles, sizeof(double), "R factor", &value);
  }
  SMR_TRY_DONE(smr_linalg_agree(context, status));
  SMR_TRY_DONE(smr_reduce_run(context, &tree, value));
  unpack(run, value, qr);
done:
  for (int t = 0; run->works != NULL && t < run->n_threads; t++) {
    smr_triangle_work_destroy(&run->works[t]);
  }
  smr_memory_free(run->works);
  smr_memory_free(value);
  return status;
}

static smr_status run_tsqr(const smr_grid *grid, const smr_row_source *source, bool intercept,
                           smr_qr *qr) {
  tsqr run = {.source = source, .n_threads = omp_get_max_threads()};
  SMR_TRY(smr_triangle_shape_init(source->n_rows, source->n_cols, intercept, &run.shape));
  return run_tree(grid->context, &run, qr);
}

static smr_status allocate(const smr_row_source *source, bool intercept, smr_qr **out) {
  smr_qr *qr = NULL;
  smr_status status = SMR_OK;
  int64_t p = source->n_cols;
  int64_t q = smr_int_max(0, smr_int_min(source->n_rows - intercept, p));
  int64_t length = 0;
  SMR_TRY_DONE(smr_int_multiply(q, p, "the size of the R factor", &length));
  SMR_TRY_DONE(smr_memory_alloc(1, sizeof *qr, "QR factorization", &qr));
  *qr = (smr_qr){.n_rows = source->n_rows, .n_cols = p, .n_used = q, .has_intercept = intercept};
  SMR_TRY_DONE(smr_memory_alloc(length, sizeof(double), "R factor", &qr->r));
  SMR_TRY_DONE(smr_memory_alloc(q, sizeof(double), "Q'y", &qr->z));
  SMR_TRY_DONE(smr_memory_alloc(p + 1, sizeof(double), "column means", &qr->mean));
  SMR_TRY_DONE(smr_memory_alloc(p + 1, sizeof(double), "residuals", &qr->tail));
  *out = qr;
  qr = NULL;
done:
  smr_qr_destroy(&qr);
  return status;
}

smr_status smr_qr_create(const smr_grid *grid, const smr_row_source *source, bool intercept,
                         smr_qr **out) {
  smr_qr *qr = NULL;
  *out = NULL;
  smr_status status = smr_linalg_agree(grid->context, allocate(source, intercept, &qr));
  if (status == SMR_OK && qr != NULL) {
    status = is_for_grid(grid->context->size, source->n_rows, source->n_cols)
                 ? smr_qr_run_grid(grid, source, qr)
                 : run_tsqr(grid, source, intercept, qr);
  }
  if (status != SMR_OK) {
    smr_qr_destroy(&qr);
    return status;
  }
  *out = qr;
  return SMR_OK;
}

void smr_qr_destroy(smr_qr **qr) {
  if (qr != NULL && *qr != NULL) {
    smr_memory_free((*qr)->r);
    smr_memory_free((*qr)->z);
    smr_memory_free((*qr)->mean);
    smr_memory_free((*qr)->tail);
    smr_memory_free(*qr);
    *qr = NULL;
  }
}

smr_qr_view smr_qr_get(const smr_qr *qr) {
  return (smr_qr_view){.n_rows = qr->n_rows,
                       .n_cols = qr->n_cols,
                       .n_used = qr->n_used,
                       .has_intercept = qr->has_intercept,
                       .r = qr->r,
                       .z = qr->z,
                       .mean = qr->mean,
                       .mean_y = qr->mean[qr->n_cols]};
}

double smr_qr_get_tail(const smr_qr *qr, int64_t k) {
  return qr->tail[smr_int_max(0, smr_int_min(k, qr->n_cols))];
}

int64_t smr_qr_count_bytes(int64_t n_rows, int64_t n_cols, int n_ranks) {
  const int64_t size = (int64_t)sizeof(double);
  int64_t factor = size * (smr_int_min(n_rows, n_cols) + 4) * n_cols;
  if (is_for_grid(n_ranks, n_rows, n_cols)) {
    int64_t local = size * (n_rows / n_ranks + 2 * SMR_PANEL) * (n_cols + 1);
    return factor + 3 * local;
  }
  smr_triangle_shape shape;
  if (smr_triangle_shape_init(n_rows, n_cols, true, &shape) != SMR_OK) {
    smr_error_clear();
    return SMR_MEMORY_TOO_MUCH;
  }
  int64_t blocks = smr_int_ceil_divide(n_rows, shape.block_rows);
  int64_t local_blocks = smr_int_ceil_divide(blocks, n_ranks);
  int64_t values = 3;
  for (int64_t b = 1; b < local_blocks; b *= 2) {
    values++;
  }
  return factor + size * smr_triangle_count_doubles(&shape) * values +
         smr_triangle_count_work_bytes(&shape);
}

double smr_qr_count_flops(int64_t n_rows, int64_t n_cols) {
  double n = (double)n_rows;
  double p = (double)n_cols + 1.0;
  return n >= p ? 2.0 * p * p * (n - p / 3.0) : 2.0 * n * n * (p - n / 3.0);
}
