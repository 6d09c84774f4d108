/* ln Z from energies along a ladder, and how far to trust samples. Pure, local.
 *
 * u [S x C x T] is the energy difference E - E_0 of S scans, C independent chains, T temperatures
 * betas[T] from 0 to 1; log_z0 = ln Z of E_0. Each chain gives its own estimate; the value is their
 * mean (in ln Z) and the standard error a jackknife over chains. Energies are summed in a fixed
 * order with log-sum-exp. */
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

/* Stepping stone (Xie et al. 2011), from the colder's point of view and back. */
smr_status smr_estimate_stepping_forward(const smr_ladder_energies *e,
                                         smr_log_z_estimate *out) SMR_NODISCARD;
smr_status smr_estimate_stepping_backward(const smr_ladder_energies *e,
                                          smr_log_z_estimate *out) SMR_NODISCARD;
/* Bennett's acceptance ratio (Bennett 1976) on every edge. */
smr_status smr_estimate_bennett(const smr_ladder_energies *e,
                                smr_log_z_estimate *out) SMR_NODISCARD;
/* Thermodynamic integration, with the trapezoid rule corrected by the energies' variances. */
smr_status smr_estimate_integration(const smr_ladder_energies *e,
                                    smr_log_z_estimate *out) SMR_NODISCARD;

/* Of a series x[S x C] (row = scan): integrated autocorrelation time in scans (Geyer 1992, initial
 * positive sequence, chains pooled), effective sample size of all chains, split R-hat (Gelman et
 * al. 2013). NaN for constants. */
typedef struct {
  double autocorrelation_time, effective_samples, split_r_hat;
} smr_series_diagnosis;
smr_status smr_series_diagnose(int64_t n_scans, int64_t n_chains, const double *x,
                               smr_series_diagnosis *out) SMR_NODISCARD;

#endif
