/* ln Z from energies along a ladder, and how far to trust samples. Pure, local.
 *
 * u [S x C x T] is the energy difference E - E_0 of S scans, C independent chains, T temperatures
 * betas[T] from 0 to 1; log_z0 = ln Z of E_0. Every edge is estimated from all chains together (a
 * mean of ln Z over chains would keep the bias of the logarithm in one chain), and the standard
 * error is a jackknife that leaves out chain after chain, NaN for one. Energies are summed in a
 * fixed order with log-sum-exp. SMR_ERR_INPUT for betas that don't rise strictly from 0 to 1
 * (names the first one), SMR_ERR_NUMERIC for NaN or Inf among the energies. */
#ifndef SIMMER_SAMPLE_ESTIMATE_H
#define SIMMER_SAMPLE_ESTIMATE_H

#include <stdint.h>

#include "simmer/base/error.h"

typedef struct {
  int64_t n_scans, n_chains, n_temperatures;
  const double *betas; /* [T] */
  const double *u;     /* [S x C x T] */
  double log_z0;
} smr_ladder_energies;

typedef struct {
  double log_z, stderr_log_z;
} smr_log_z_estimate;

/* Stepping stone (Xie et al. 2011): the samples of an edge's hotter end weighted towards the colder
 * one; and back, those of the colder end towards the hotter one. */
smr_status smr_estimate_stepping_forward(const smr_ladder_energies *e,
                                         smr_log_z_estimate *out) SMR_NODISCARD;
smr_status smr_estimate_stepping_backward(const smr_ladder_energies *e,
                                          smr_log_z_estimate *out) SMR_NODISCARD;
/* Bennett's acceptance ratio (Bennett 1976) on every edge. */
smr_status smr_estimate_bennett(const smr_ladder_energies *e,
                                smr_log_z_estimate *out) SMR_NODISCARD;
/* Bennett's ratio of all chains together, for few scans of many chains: an estimate of each chain
 * alone would be as biased as it is short. values[C] are what the chains stand for, as in a
 * jackknife (influences, to first order): smr_estimate_mean of them is the estimate. NaN where two
 * temperatures have nothing in common. */
smr_status smr_estimate_bennett_pooled(const smr_ladder_energies *e, double *values) SMR_NODISCARD;
/* Mean of n >= 1 independent values, and its standard error; NaN for one. */
smr_log_z_estimate smr_estimate_mean(int64_t n, const double *values);
/* Thermodynamic integration, with the trapezoid rule corrected by the energies' variances (Euler &
 * Maclaurin): an edge of step d is off by O(d^5). */
smr_status smr_estimate_integration(const smr_ladder_energies *e,
                                    smr_log_z_estimate *out) SMR_NODISCARD;

/* Of a series x[S x C] (row = scan): integrated autocorrelation time in scans (Geyer 1992, initial
 * positive sequence, chains pooled: their disagreement counts as correlation; at least 1 /
 * log10(S C)), effective sample size S C / time of all chains, split R-hat (Gelman et al. 2013).
 * NaN for constants and for fewer than 4 scans; SMR_ERR_NUMERIC for NaN or Inf in x. */
typedef struct {
  double autocorrelation_time, effective_samples, split_r_hat;
} smr_series_diagnosis;
smr_status smr_series_diagnose(int64_t n_scans, int64_t n_chains, const double *x,
                               smr_series_diagnosis *out) SMR_NODISCARD;

#endif
