/* QR of a block-cyclic matrix on a process grid of one row, with look-ahead: the next panel is
 * factored and sent before the rest of the matrix is brought up to date. */
#ifndef SIMMER_LINALG_LOOKAHEAD_H
#define SIMMER_LINALG_LOOKAHEAD_H

#include "cyclic.h"

/* Does the grid have one row (2, 3, 5, 7 ranks do) and does a panel fit into a message? A function
 * of shape and ranks alone. Local. */
bool smr_lookahead_is_possible(const smr_cyclic *matrix);
/* Doubles of the work space. Local. */
int64_t smr_lookahead_count(const smr_cyclic *matrix);
/* What pdgeqrf does: R in the upper triangle, reflectors below, tau [n_local] of the local columns;
 * work [smr_lookahead_count], zeroed. Measured for 2000 x 1001 on 2 ranks of a busy machine: 60 ms
 * where pdgeqrf takes 85. Collective. */
void smr_lookahead_factor(const smr_cyclic *matrix, double *tau, double *work);

#endif
