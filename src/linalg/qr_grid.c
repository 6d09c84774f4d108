/* R factor of a squarish or wide [1 | X | y] by pdgeqrf, or with look-ahead.
 *
 * The distributed matrix is M x (p + 1) with M = n - intercept: X, then y. With an intercept the
 * rows are centred as in a leaf of TSQR: d = x - x[0], row i >= 1 becomes d[i] - S / (n + sqrt n).
 */
#include <math.h>
#include <string.h>

#include "cyclic.h"
#include "lookahead.h"
#include "qr_private.h"
#include "scalapack.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "triangle.h"

typedef struct {
  const smr_grid *grid;
  const smr_row_source *source;
  smr_qr *qr;
  smr_cyclic a;
  double *rows;   /* [32 x (p + 1)] rows as they are read, y in the last column */
  double *packed; /* the rows that this rank reads, by their owners; later the gathered factor
                     [n_gathered x (p + 1)] */
  double *first;  /* [p + 1] row 0, with an intercept */
  double *sums;   /* [p + 1] */
  double *tau, *work;
  double *buffer;
  int lwork, n_gathered;
} grid_qr;

/* Part of a process row's local rows that process column `col` reads: whole blocks. */
static void get_reader_share(const grid_qr *run, int col, int *first, int *count) {
  int64_t block = 0;
  int64_t n_blocks = 0;
  int64_t total = smr_int_ceil_divide(run->a.m_local, SMR_CYCLIC_BLOCK);
  smr_int_share(total, run->grid->n_cols, col, &block, &n_blocks);
  *first = (int)(block * SMR_CYCLIC_BLOCK);
  *count = (int)smr_int_max(
      0, smr_int_min(n_blocks * SMR_CYCLIC_BLOCK, (int64_t)run->a.m_local - *first));
}

static smr_status allocate(grid_qr *run) {
  const smr_qr *qr = run->qr;
  int64_t n = qr->n_cols + 1;
  int64_t m = qr->n_rows - qr->has_intercept;
  int first = 0;
  int count = 0;
  SMR_TRY(smr_cyclic_init(run->grid, m, n, &run->a));
  run->n_gathered = (int)smr_int_min(m, n);
  SMR_TRY(smr_memory_alloc(SMR_CYCLIC_BLOCK * n, sizeof(double), "rows", &run->rows));
  get_reader_share(run, run->grid->col, &first, &count);
  SMR_TRY(smr_memory_alloc(smr_int_max(count, run->n_gathered) * n, sizeof(double), "rows",
                           &run->packed));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "first row", &run->first));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "column sums", &run->sums));
  SMR_TRY(smr_memory_alloc(run->a.n_local, sizeof(double), "QR scalars", &run->tau));
  return smr_memory_alloc(smr_cyclic_count_gather(&run->a, run->n_gathered), sizeof(double),
                          "R factor", &run->buffer);
}

/* Asks for the length of the work space (the question is collective too) and allocates it. */
static smr_status allocate_work(grid_qr *run) {
  if (smr_lookahead_is_possible(&run->a)) {
    return smr_memory_alloc(smr_lookahead_count(&run->a), sizeof(double), "QR workspace",
                            &run->work);
  }
  const int one = 1;
  const int query = -1;
  int info = 0;
  double length = 0.0;
  pdgeqrf_(&run->a.m, &run->a.n, run->a.a, &one, &one, run->a.desc, run->tau, &length, &query,
           &info);
  SMR_TRY(smr_work_length(length, "the work space of pdgeqrf", &run->lwork));
  return smr_memory_alloc(run->lwork, sizeof(double), "QR workspace", &run->work);
}

static void clear(grid_qr *run) {
  smr_cyclic_clear(&run->a);
  smr_memory_free(run->rows);
  smr_memory_free(run->packed);
  smr_memory_free(run->first);
  smr_memory_free(run->sums);
  smr_memory_free(run->tau);
  smr_memory_free(run->work);
  smr_memory_free(run->buffer);
}

/* Source rows first..first+count-1 into run->rows, leading dimension 32. */
static smr_status read_rows(const grid_qr *run, int64_t first, int64_t count) {
  const smr_row_source *source = run->source;
  double *y = run->rows + SMR_CYCLIC_BLOCK * source->n_cols;
  SMR_TRY(source->read(source->self, 0, first, count, run->rows, SMR_CYCLIC_BLOCK, y));
  return smr_rows_check(first, count, source->n_cols, run->rows, SMR_CYCLIC_BLOCK, y);
}

/* run->packed [count x (p + 1)], columns in the order of their owners: the rows that this rank
 * reads. Local. */
static smr_status read_share(const grid_qr *run) {
  const smr_grid *grid = run->grid;
  int first = 0;
  int count = 0;
  if (run->qr->has_intercept) {
    SMR_TRY(read_rows(run, 0, 1));
    for (int64_t c = 0; c < run->a.n; c++) {
      run->first[c] = run->rows[c * SMR_CYCLIC_BLOCK];
    }
  }
  get_reader_share(run, grid->col, &first, &count);
  for (int done = 0; done < count; done += SMR_CYCLIC_BLOCK) {
    int64_t n = smr_int_min(SMR_CYCLIC_BLOCK, count - done);
    int64_t row = smr_cyclic_global(first + done, grid->row, grid->n_rows);
    SMR_TRY(read_rows(run, row + run->qr->has_intercept, n));
    double *to = run->packed + done;
    for (int col = 0; col < grid->n_cols; col++) {
      for (int64_t j = 0; j < smr_cyclic_count(run->a.n, col, grid->n_cols); j++) {
        int64_t c = smr_cyclic_global(j, col, grid->n_cols);
        for (int64_t i = 0; i < n; i++) {
          to[i] = run->rows[c * SMR_CYCLIC_BLOCK + i] - run->first[c];
        }
        to += count;
      }
    }
  }
  return SMR_OK;
}

/* Each process of a row gives the others their columns of the rows that it has read. */
static void exchange(const grid_qr *run) {
  const smr_grid *grid = run->grid;
  int first = 0;
  int count = 0;
  get_reader_share(run, grid->col, &first, &count);
  const double *part = run->packed;
  for (int col = 0; col < grid->n_cols; col++) {
    int n = smr_cyclic_count(run->a.n, col, grid->n_cols);
    if (count > 0 && n > 0) {
      Cdgesd2d(grid->blacs, count, n, part, count, grid->row, col);
    }
    part += (int64_t)count * n;
  }
  for (int col = 0; col < grid->n_cols; col++) {
    get_reader_share(run, col, &first, &count);
    if (count > 0 && run->a.n_local > 0) {
      Cdgerv2d(grid->blacs, count, run->a.n_local, run->a.a + first, run->a.ld, grid->row, col);
    }
  }
}

/* Centres the distributed rows and notes the means. Collective. */
static void center(const grid_qr *run) {
  const smr_grid *grid = run->grid;
  double n = (double)run->qr->n_rows;
  double *full = run->rows; /* free by now, and longer than p + 1 */
  for (int64_t j = 0; j < run->a.n_local; j++) {
    const double *x = run->a.a + j * run->a.ld;
    double sum = 0.0;
    for (int64_t i = 0; i < run->a.m_local; i++) {
      sum += x[i];
    }
    run->sums[j] = sum;
  }
  if (run->a.n_local > 0) {
    Cdgsum2d(grid->blacs, "Columnwise", " ", run->a.n_local, 1, run->sums, run->a.n_local, -1, -1);
  }
  for (int64_t j = 0; j < run->a.n_local; j++) {
    double *x = run->a.a + j * run->a.ld;
    double shift = run->sums[j] / (n + sqrt(n));
    for (int64_t i = 0; i < run->a.m_local; i++) {
      x[i] -= shift;
    }
  }
  smr_cyclic_gather_vector(grid, run->a.n, true, run->sums, full);
  for (int64_t c = 0; c < run->a.n; c++) {
    run->qr->mean[c] = run->first[c] + full[c] / n;
  }
}

/* Gathered R of [X | y] -> arrays of the factor. */
static void unpack(const grid_qr *run) {
  smr_qr *qr = run->qr;
  int64_t ld = run->n_gathered;
  const double *y = run->packed + qr->n_cols * ld;
  for (int64_t c = 0; c < qr->n_cols; c++) {
    memcpy(qr->r + c * qr->n_used, run->packed + c * ld,
           (size_t)smr_int_min(c + 1, qr->n_used) * sizeof *qr->r);
  }
  memcpy(qr->z, y, (size_t)qr->n_used * sizeof *qr->z);
  double sum = 0.0;
  for (int64_t k = qr->n_cols; k >= 0; k--) {
    sum += k < ld ? y[k] * y[k] : 0.0;
    qr->tail[k] = sum;
  }
}

smr_status smr_qr_run_grid(const smr_grid *grid, const smr_row_source *source, smr_qr *qr) {
  const int one = 1;
  int info = 0;
  grid_qr run = {.grid = grid, .source = source, .qr = qr};
  smr_status status = allocate(&run);
  if (status == SMR_OK && smr_fault("linalg.qr")) {
    status = smr_error_set(SMR_ERR_MEMORY, "fault point linalg.qr");
  }
  SMR_TRY_DONE(smr_linalg_agree(grid->context, status));
  status = allocate_work(&run);
  if (status == SMR_OK) {
    status = read_share(&run);
  }
  SMR_TRY_DONE(smr_linalg_agree(grid->context, status));
  exchange(&run);
  if (qr->has_intercept) {
    center(&run);
  }
  if (smr_lookahead_is_possible(&run.a)) {
    smr_lookahead_factor(&run.a, run.tau, run.work);
  } else {
    pdgeqrf_(&run.a.m, &run.a.n, run.a.a, &one, &one, run.a.desc, run.tau, run.work, &run.lwork,
             &info);
  }
  smr_cyclic_gather(&run.a, run.n_gathered, run.buffer, run.packed, run.n_gathered);
  unpack(&run);
done:
  clear(&run);
  return status;
}
