/* Renormalized energies and the trace condition of Kadanoff's variational renormalization group
 * (Mehta & Schwab 2014), for RBMs small enough to go through every visible state: does the same Z
 * mean the same p(v)?
 *
 * State s in 0..2^V-1 has visible unit i on when bit i of s is set; arrays over states have n =
 * 2^V entries. Everything is float64 and local; sums over states are compensated (Neumaier 1974)
 * and in a fixed order, so the bits depend on the arguments alone, and the numbers are good to
 * 1e-12 while |energies| stay below some hundreds. */
#ifndef SIMMER_SAMPLE_RENORMALIZE_H
#define SIMMER_SAMPLE_RENORMALIZE_H

#include <stdint.h>

#include "simmer/energy/rbm.h"

enum {
  SMR_RENORMALIZE_MOST_UNITS = 20, /* V */
  SMR_RENORMALIZE_JOINT_BITS = 24  /* most units, V + H, whose joint states are gone through */
};

/* --- energies over states --- */

/* f[2^V] = F(v) = -b'v - sum_j softplus(c_j + (v'W)_j). SMR_ERR_LIMIT beyond 20 visible units,
 * SMR_ERR_NUMERIC for parameters that aren't finite. */
smr_status smr_renormalize_free_energies(const smr_rbm *rbm, double *f) SMR_NODISCARD;
/* h[2^(L^2)] = -K sum over bonds of s s' of the periodic L x L Ising model, s = 2 v - 1 (at L = 2
 * bonds count twice, as periodicity does). SMR_ERR_LIMIT unless 2 <= L <= 4. */
smr_status smr_renormalize_fill_ising(int64_t side, double coupling, double *h) SMR_NODISCARD;
/* h[n] = -ln((1 - smoothing) counts / total + smoothing / n): the Hamiltonian of smoothed empirical
 * data, with ln Z = 0. SMR_ERR_INPUT unless 0 < smoothing <= 1 (without it some state has
 * probability 0) and there are counts, none negative. */
smr_status smr_renormalize_fill_smoothed(int64_t n, const int64_t *counts, double smoothing,
                                         double *h) SMR_NODISCARD;
/* ln of the sum of exp(-energies[n]), n >= 1. */
double smr_renormalize_log_z(int64_t n, const double *energies);

/* --- the trace condition --- */

/* tau(v) = ln Tr_h e^T = H(v) - F(v), and with its free constant fixed tau_n = tau + ln Z_data - ln
 * Z_model = ln p_model(v) - ln p_data(v). The condition Tr_h e^T = 1 is tau_n = 0 for every v. */
typedef struct {
  double log_z_difference; /* ln Z_model - ln Z_data */
  double tau_mean;         /* <tau_n>_data = -KL(p_data || p_model) */
  double tau_std;          /* standard deviation of tau_n under p_data */
  double tau_max;          /* max over all states of |tau_n| */
  double exp_tau_mean;     /* <e^tau_n>_data: 1, whatever the model */
} smr_trace;

/* From the model's free energies f[n] and the data's Hamiltonian h[n], both finite. */
smr_trace smr_renormalize_trace(int64_t n, const double *f, const double *h);

/* --- the same Z, another p --- */

/* With E' = E + K(v) + ln Z~, Z~ = sum p(v) e^{-K(v)}: Z' = Z, p'(v) = p(v) e^{-K}/Z~, p'(h|v) =
 * p(h|v). */
typedef struct {
  double log_z, log_z_renormalized; /* of F, and of F' = F + K + ln Z~: the same */
  double log_z_tilde;
  double kl, kl_enumerated; /* KL(p || p'): <K>_p + ln Z~, and by the sum of p ln(p/p') */
  double total_variation, total_variation_enumerated; /* 1/2 <|e^{-K}/Z~ - 1|>_p, 1/2 sum |p-p'| */
  double conditional_error; /* max over v, h of |ln p'(h|v) - ln p(h|v)|, with ln p'(h|v) from the
                               joint energies E'(v,h) and ln p(h|v) of independent units; NaN when
                               V + H > 24 */
  smr_trace trace; /* of p' with p as data: ln Z is the same, and tau_n = ln(p'/p) isn't 0 */
} smr_same_z;

/* From the RBM, its free energies f[2^V] and any finite K(v), k[2^V]. */
smr_status smr_renormalize_same_z(const smr_rbm *rbm, const double *f, const double *k,
                                  smr_same_z *out) SMR_NODISCARD;

/* Operations of all of the above once for each, for `plan`. */
double smr_renormalize_count_flops(int64_t n_visible, int64_t n_hidden);
/* Bytes of their arguments and workspaces, on one thread. */
int64_t smr_renormalize_count_bytes(int64_t n_visible, int64_t n_hidden);

#endif
