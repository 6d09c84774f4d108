/* The two-dimensional periodic Ising model as an exact anchor: its partition function, and the RBM
 * that has it. Local. */
#ifndef SIMMER_ENERGY_ISING_H
#define SIMMER_ENERGY_ISING_H

#include <stdint.h>

#include "simmer/base/error.h"

/* ln Z of the periodic L x L Ising model at coupling K, exactly (Kaufman 1949), in float64 without
 * overflow; L >= 1, |K| <= 300, and K >= 0 when L is odd, else SMR_ERR_INPUT. */
smr_status smr_ising_log_z(int64_t side, double coupling, double *log_z) SMR_NODISCARD;

/* The RBM with V = L^2, H = 2 L^2 whose marginal over v is the Ising model (one hidden unit a
 * bond): w = acosh(e^{2K})/2, W = 4w on the bond's two sites, hidden bias -4w, visible bias -8w; ln
 * Z_RBM = ln Z_Ising + 2L^2 (ln 2 + K) - 4 L^2 w. Fills w [V x H], visible_bias [V], hidden_bias
 * [H] and the exact ln Z of the exact (not rounded) parameters. 0 < K <= 300, else
 * SMR_ERR_INPUT. */
smr_status smr_ising_make_rbm(int64_t side, double coupling, float *w, float *visible_bias,
                              float *hidden_bias, double *log_z) SMR_NODISCARD;

#endif
