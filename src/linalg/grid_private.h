/* What the other files of this layer know about a grid. */
#ifndef SIMMER_LINALG_GRID_PRIVATE_H
#define SIMMER_LINALG_GRID_PRIVATE_H

#include "simmer/linalg/grid.h"

struct smr_grid {
  const smr_context *context;
  int handle, blacs; /* blacs is -1 on one rank */
  int n_rows, n_cols, row, col;
};

/* smr_agree, without a call on one rank, so that several threads may work on one-rank grids at
 * once. Collective. */
smr_status smr_linalg_agree(const smr_context *context, smr_status status) SMR_NODISCARD;

#endif
