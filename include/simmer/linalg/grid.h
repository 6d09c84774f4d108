/* The ranks of a group as a linear-algebra machine: the BLACS process grid, made once per group and
 * reused.
 *
 * Everything here runs BLAS and LAPACK on one thread; OpenMP threads and ranks take whole pieces of
 * work. */
#ifndef SIMMER_LINALG_GRID_H
#define SIMMER_LINALG_GRID_H

#include "simmer/comm/context.h"

typedef struct smr_grid smr_grid;

/* Once per process, before any other call of this layer: one BLAS thread. *warning is NULL, or says
 * (static text) that the BLAS behind ScaLAPACK is the slow reference one. Local. */
void smr_linalg_start(const char **warning);
/* "OpenBLAS 0.3.21 …; core type Haswell". Static. Local. */
const char *smr_linalg_version(void);
const char *smr_linalg_core_type(void);

/* Grid over all ranks of context (borrowed, must outlive it); on one rank no BLACS is started.
 * Collective. */
smr_status smr_grid_create(const smr_context *context, smr_grid **out) SMR_NODISCARD;
/* Collective; accepts NULL. */
void smr_grid_destroy(smr_grid **grid);
const smr_context *smr_grid_get_context(const smr_grid *grid);
/* Rows and columns of the process grid for a number of ranks: the most nearly square, rows <=
 * columns. Local. */
void smr_grid_shape(int n_ranks, int *n_rows, int *n_cols);

#endif
