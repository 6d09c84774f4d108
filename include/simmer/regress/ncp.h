/* The normalized cumulative periodogram of residuals in row order: are they white?
 *
 * n rows, q = floor(n / 2); P_j = |DFT(r)_j|^2 for j = 1..q (without j = 0), c_j = (P_1 + … + P_j)
 * / (P_1 + … + P_q), v_j = j / q. White residuals have c near v; a lambda is chosen by the least
 * ||c - v||_2 (Rust & O'Leary 2008, eq. 13; Hansen, Kilmer, Kjeldsen 2006). Only for rows whose
 * order means something. A transform for each lambda: there are fewer of them than columns of U. */
#ifndef SIMMER_REGRESS_NCP_H
#define SIMMER_REGRESS_NCP_H

#include <stdint.h>

#include "simmer/comm/context.h"

/* residual [n x L] column-major, replicated, as from smr_loo_run. distance[L] = ||c - v||_2 and
 * deviation[L] = Kolmogorov's D of the cumulated periodogram: of white Gaussian noise the
 * frequencies below n / 2, m + 1 = floor((n - 1) / 2) of them, have independent exponential powers,
 * so that their cumulated shares s_1 .. s_m are ordered uniform numbers (Bartlett 1955), D = max
 * over j of (s_j - (j - 1) / m, j / m - s_j). Replicated with the same bits on any ranks and
 * threads; NaN where q = 0 or the residuals are constant. SMR_ERR_MEMORY, SMR_ERR_LIMIT.
 * Collective. */
smr_status smr_ncp_run(const smr_context *context, int64_t n, int64_t n_lambda,
                       const double *residual, double *distance, double *deviation) SMR_NODISCARD;

/* Ranks of truncated SVD whose residuals are looked at: of 0..n_ranks-1 all up to SMR_NCP_RANKS of
 * them; else the first half of that many, and as many more in a geometric sequence up to the last.
 * Ascending into ranks[SMR_NCP_RANKS]; returns their number. Local. */
enum { SMR_NCP_RANKS = 64 };
int64_t smr_ncp_select_ranks(int64_t n_ranks, int64_t *ranks);

/* Probability that white Gaussian noise deviates by more, from `deviation` and n: Kolmogorov's law
 * with Stephens' correction (1970): x = D (sqrt(m) + 0.12 + 0.11 / sqrt(m)), 2 sum (-1)^(k-1)
 * exp(-2 k^2 x^2). Small means that the residuals are not white. 1 for m < 1, NaN for NaN. Local.
 */
double smr_ncp_significance(int64_t n, double deviation);

/* Bytes per rank and floating point operations of smr_ncp_run; local, for `plan`. */
int64_t smr_ncp_count_bytes(int64_t n, int64_t n_lambda);
double smr_ncp_count_flops(int64_t n, int64_t n_lambda);

#endif
