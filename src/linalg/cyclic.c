/* Block-cyclic matrices. */
#include "cyclic.h"

#include <string.h>

#include "scalapack.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

int smr_cyclic_count(int n, int process, int n_procs) {
  const int nb = SMR_CYCLIC_BLOCK;
  const int source = 0;
  return numroc_(&n, &nb, &process, &source, &n_procs);
}

int64_t smr_cyclic_global(int64_t i, int process, int n_procs) {
  int64_t block = i / SMR_CYCLIC_BLOCK;
  return (block * n_procs + process) * SMR_CYCLIC_BLOCK + i % SMR_CYCLIC_BLOCK;
}

smr_status smr_cyclic_init(const smr_grid *grid, int64_t m, int64_t n, smr_cyclic *out) {
  smr_cyclic matrix = {.grid = grid};
  *out = matrix;
  SMR_TRY(smr_int_narrow(m, "rows of a distributed matrix", &matrix.m));
  SMR_TRY(smr_int_narrow(n, "columns of a distributed matrix", &matrix.n));
  matrix.m_local = smr_cyclic_count(matrix.m, grid->row, grid->n_rows);
  matrix.n_local = smr_cyclic_count(matrix.n, grid->col, grid->n_cols);
  matrix.ld = matrix.m_local > 0 ? matrix.m_local : 1;
  int64_t length = (int64_t)matrix.ld * smr_int_max(matrix.n_local, 1);
  int narrow = 0;
  SMR_TRY(smr_int_narrow(length, "entries of a rank's part of a distributed matrix", &narrow));
  SMR_TRY(smr_memory_alloc(length, sizeof(double), "distributed matrix", &matrix.a));
  const int desc[SMR_DESC_LENGTH] = {
      1, grid->blacs, matrix.m, matrix.n, SMR_CYCLIC_BLOCK, SMR_CYCLIC_BLOCK, 0, 0, matrix.ld};
  memcpy(matrix.desc, desc, sizeof desc);
  *out = matrix;
  return SMR_OK;
}

void smr_cyclic_clear(smr_cyclic *matrix) {
  smr_memory_free(matrix->a);
  matrix->a = NULL;
}

void smr_cyclic_load(smr_cyclic *matrix, const double *a, int64_t ld, bool transposed) {
  const smr_grid *grid = matrix->grid;
  int64_t row_step = transposed ? ld : 1;
  int64_t col_step = transposed ? 1 : ld;
  for (int64_t j = 0; j < matrix->n_local; j++) {
    const double *from = a + smr_cyclic_global(j, grid->col, grid->n_cols) * col_step;
    double *to = matrix->a + j * matrix->ld;
    for (int64_t i = 0; i < matrix->m_local; i++) {
      to[i] = from[smr_cyclic_global(i, grid->row, grid->n_rows) * row_step];
    }
  }
}

int64_t smr_cyclic_count_gather(const smr_cyclic *matrix, int rows) {
  /* Process (0, 0) owns the most. */
  return (int64_t)smr_cyclic_count(rows, 0, matrix->grid->n_rows) *
         smr_cyclic_count(matrix->n, 0, matrix->grid->n_cols);
}

/* Puts one rank's part [m x n] where it belongs. */
static void unpack(const smr_grid *grid, int rank, int m, int n, const double *part, double *full,
                   int64_t ld) {
  int row = rank / grid->n_cols;
  int col = rank % grid->n_cols;
  for (int64_t j = 0; j < n; j++) {
    double *to = full + smr_cyclic_global(j, col, grid->n_cols) * ld;
    for (int64_t i = 0; i < m; i += SMR_CYCLIC_BLOCK) {
      int64_t count = smr_int_min(SMR_CYCLIC_BLOCK, m - i);
      memcpy(to + smr_cyclic_global(i, row, grid->n_rows), part + j * m + i,
             (size_t)count * sizeof *to);
    }
  }
}

void smr_cyclic_gather(const smr_cyclic *matrix, int rows, double *buffer, double *full,
                       int64_t ld) {
  const smr_grid *grid = matrix->grid;
  for (int rank = 0; rank < grid->context->size; rank++) {
    int m = smr_cyclic_count(rows, rank / grid->n_cols, grid->n_rows);
    int n = smr_cyclic_count(matrix->n, rank % grid->n_cols, grid->n_cols);
    if (rank == grid->context->rank) {
      for (int64_t j = 0; j < n; j++) {
        memcpy(buffer + j * m, matrix->a + j * matrix->ld, (size_t)m * sizeof *buffer);
      }
    }
    smr_broadcast(grid->context, rank, buffer, (size_t)m * (size_t)n * sizeof *buffer);
    unpack(grid, rank, m, n, buffer, full, ld);
  }
}

void smr_cyclic_gather_vector(const smr_grid *grid, int n, bool by_columns, const double *local,
                              double *full) {
  int n_procs = by_columns ? grid->n_cols : grid->n_rows;
  int process = by_columns ? grid->col : grid->row;
  bool speaks = (by_columns ? grid->row : grid->col) == 0;
  memset(full, 0, (size_t)n * sizeof *full);
  for (int64_t i = 0; speaks && i < smr_cyclic_count(n, process, n_procs); i++) {
    full[smr_cyclic_global(i, process, n_procs)] = local[i];
  }
  /* All but one term are zeros, so the sum is exact. */
  Cdgsum2d(grid->blacs, "All", " ", n, 1, full, n > 0 ? n : 1, -1, -1);
}

smr_status smr_work_length(double query, const char *what, int *length) {
  const double limit = 9e15;
  if (!(query >= 0.0 && query < limit)) {
    SMR_FAIL(SMR_ERR_LIMIT, "%s overflows ScaLAPACK's 32-bit integers", what);
  }
  return smr_int_narrow((int64_t)(query * 1.05) + 1024, what, length);
}
