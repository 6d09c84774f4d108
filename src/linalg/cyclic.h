/* Block-cyclic matrices on the process grid: who owns what, copies from replicated matrices, and
 * back to all ranks. */
#ifndef SIMMER_LINALG_CYCLIC_H
#define SIMMER_LINALG_CYCLIC_H

#include <stdbool.h>
#include <stdint.h>

#include "grid_private.h"

/* MB = NB. */
enum { SMR_CYCLIC_BLOCK = 32, SMR_DESC_LENGTH = 9 };

typedef struct {
  const smr_grid *grid;
  int m, n;             /* global */
  int m_local, n_local; /* this rank's */
  int ld;               /* max(1, m_local) */
  int desc[SMR_DESC_LENGTH];
  double *a; /* [ld x n_local] */
} smr_cyclic;

/* How many of n rows (or columns) process `process` of n_procs owns. Local. */
int smr_cyclic_count(int n, int process, int n_procs);
/* Global index of local index i of process `process`. Local. */
int64_t smr_cyclic_global(int64_t i, int process, int n_procs);

/* Zeroed matrix. Local: the caller agrees. smr_cyclic_clear accepts a zeroed struct. */
smr_status smr_cyclic_init(const smr_grid *grid, int64_t m, int64_t n,
                           smr_cyclic *out) SMR_NODISCARD;
void smr_cyclic_clear(smr_cyclic *matrix);
/* This rank's entries of a replicated a [m x n], or of its transpose (a [n x m]). Local. */
void smr_cyclic_load(smr_cyclic *matrix, const double *a, int64_t ld, bool transposed);
/* Bytes of the buffer that gathering `rows` leading rows needs. Local. */
int64_t smr_cyclic_count_gather(const smr_cyclic *matrix, int rows);
/* The leading `rows` rows of the matrix into full [rows x n] (leading dimension ld) on all ranks;
 * buffer [smr_cyclic_count_gather doubles]. Collective. */
void smr_cyclic_gather(const smr_cyclic *matrix, int rows, double *buffer, double *full,
                       int64_t ld);
/* A vector whose entry i (of n) lies on the process column (by_columns) or row that owns column or
 * row i, as ScaLAPACK keeps its tau: local -> full [n] on all ranks. Collective. */
void smr_cyclic_gather_vector(const smr_grid *grid, int n, bool by_columns, const double *local,
                              double *full);
/* A work length that ScaLAPACK gave as floating point, with slack, as an int. Queries can be a
 * little short. SMR_ERR_LIMIT. Local. */
smr_status smr_work_length(double query, const char *what, int *length) SMR_NODISCARD;

#endif
