/* Diagnoses of Markov chains. S scans, C chains. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/estimate.h"

typedef struct {
  int64_t n_scans, n_chains;
  const double *x; /* [S x C] */
  double *means;   /* [C] */
  double within;   /* mean variance of a chain */
  double total;    /* what is estimated from variances within and between chains */
} series;

static smr_status check(int64_t n_scans, int64_t n_chains, const double *x, bool *is_constant) {
  if (n_scans < 1 || n_chains < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "no diagnosis of %" PRId64 " scans of %" PRId64 " chains", n_scans,
             n_chains);
  }
  *is_constant = true;
  for (int64_t i = 0; i < n_scans * n_chains; i++) {
    if (!isfinite(x[i])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "no diagnosis: scan %" PRId64 " of chain %" PRId64 " is %g",
               i / n_chains, i % n_chains, x[i]);
    }
    *is_constant = *is_constant && x[i] == x[0];
  }
  return SMR_OK;
}

/* Mean and variance of scans first..first+n-1 of one chain. */
static void get_moments(const series *s, int64_t chain, int64_t first, int64_t n,
                        double moments[2]) {
  const double *x = s->x + first * s->n_chains + chain;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i * s->n_chains];
  }
  moments[0] = sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    const double d = x[i * s->n_chains] - moments[0];
    squares += d * d;
  }
  moments[1] = squares / (double)(n - 1);
}

/* Unbiased variance of n numbers; 0 for one. */
static double get_variance(int64_t n, const double *x) {
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i];
  }
  for (int64_t i = 0; i < n; i++) {
    const double d = x[i] - sum / (double)n;
    squares += d * d;
  }
  return n > 1 ? squares / (double)(n - 1) : 0.0;
}

/* Fills means, within and total for `n_parts` equal parts of every chain, from its ends inwards. */
static void pool(series *s, int64_t n_parts) {
  const int64_t n = s->n_scans / n_parts;
  const int64_t n_all = s->n_chains * n_parts;
  s->within = 0.0;
  for (int64_t chain = 0; chain < s->n_chains; chain++) {
    for (int64_t part = 0; part < n_parts; part++) {
      double moments[2];
      get_moments(s, chain, part == 0 ? 0 : s->n_scans - n, n, moments);
      s->means[chain * n_parts + part] = moments[0];
      s->within += moments[1] / (double)n_all;
    }
  }
  s->total = (double)(n - 1) / (double)n * s->within + get_variance(n_all, s->means);
}

/* Mean over chains of the autocovariance at a lag. */
static double get_autocovariance(const series *s, int64_t lag) {
  double sum = 0.0;
  for (int64_t i = 0; i + lag < s->n_scans; i++) {
    const double *x = s->x + i * s->n_chains;
    const double *y = x + lag * s->n_chains;
    for (int64_t chain = 0; chain < s->n_chains; chain++) {
      sum += (x[chain] - s->means[chain]) * (y[chain] - s->means[chain]);
    }
  }
  return sum / (double)s->n_scans / (double)s->n_chains;
}

/* Of the pooled series (Gelman et al. 2013, eq. 11.7, with autocovariances in place of variograms).
 */
static double get_autocorrelation(const series *s, int64_t lag) {
  const double n = (double)s->n_scans;
  return 1.0 - (s->within - get_autocovariance(s, lag) * n / (n - 1.0)) / s->total;
}

/* 1 + 2 sum of rho as long as the sums of two neighbours are positive. At lag 0 rho is 1. */
static double get_time(const series *s) {
  const double count = (double)s->n_scans * (double)s->n_chains;
  double time = -1.0;
  for (int64_t lag = 0; lag + 1 < s->n_scans; lag += 2) {
    const double pair =
        (lag == 0 ? 1.0 : get_autocorrelation(s, lag)) + get_autocorrelation(s, lag + 1);
    if (!(pair > 0.0)) {
      break;
    }
    time += 2.0 * pair;
  }
  /* Anticorrelated series: no more than log10(count) times as good as independent ones. */
  return fmax(time, 1.0 / log10(fmax(count, 10.0)));
}

smr_status smr_series_diagnose(int64_t n_scans, int64_t n_chains, const double *x,
                               smr_series_diagnosis *out) {
  const int64_t fewest_scans = 4; /* two in each half */
  series s = {.n_scans = n_scans, .n_chains = n_chains, .x = x};
  bool is_constant = false;
  *out = (smr_series_diagnosis){(double)NAN, (double)NAN, (double)NAN};
  SMR_TRY(check(n_scans, n_chains, x, &is_constant));
  if (is_constant || n_scans < fewest_scans) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(2 * n_chains, sizeof *s.means, "a diagnosis", &s.means));
  pool(&s, 2);
  out->split_r_hat = sqrt(s.total / s.within);
  pool(&s, 1);
  out->autocorrelation_time = get_time(&s);
  out->effective_samples = (double)n_scans * (double)n_chains / out->autocorrelation_time;
  smr_memory_free(s.means);
  return SMR_OK;
}
