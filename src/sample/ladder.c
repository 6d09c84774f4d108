/* Ladders of inverse temperatures at equal steps of the communication barrier (Syed et al. 2021).
 */
#include <inttypes.h>
#include <math.h>

#include "simmer/base/memory.h"
#include "simmer/sample/tempering.h"

/* Tangents m[n] of the monotone cubic through (x, y), both strictly increasing (Fritsch & Carlson
 * 1980). */
static void find_tangents(int64_t n, const double *x, const double *y, double *m) {
  for (int64_t i = 0; i < n; i++) {
    const int64_t left = i > 0 ? i - 1 : 0;
    const int64_t right = i < n - 1 ? i : n - 2;
    m[i] = ((y[left + 1] - y[left]) / (x[left + 1] - x[left]) +
            (y[right + 1] - y[right]) / (x[right + 1] - x[right])) /
           2;
  }
  for (int64_t i = 0; i + 1 < n; i++) {
    const double slope = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
    const double a = m[i] / slope;
    const double b = m[i + 1] / slope;
    if (a * a + b * b > 9.0) {
      const double factor = 3.0 / sqrt(a * a + b * b);
      m[i] = factor * a * slope;
      m[i + 1] = factor * b * slope;
    }
  }
}

/* Hermite's cubic on [x[0], x[1]]. */
static double interpolate(const double *x, const double *y, const double *m, double at) {
  const double h = x[1] - x[0];
  const double t = (at - x[0]) / h;
  const double rest = 1.0 - t;
  return rest * rest * ((1.0 + 2.0 * t) * y[0] + t * h * m[0]) +
         t * t * ((3.0 - 2.0 * t) * y[1] - rest * h * m[1]);
}

/* Cumulated barrier, at least a little an edge, so that it can be inverted. */
static smr_status cumulate(int64_t n, const double *betas, const double *r, double *barrier) {
  double sum = 0.0;
  for (int64_t i = 0; i + 1 < n; i++) {
    if (!(r[i] >= 0.0 && r[i] <= 1.0) || !(betas[i] < betas[i + 1])) {
      SMR_FAIL(SMR_ERR_INPUT, "edge %" PRId64 " of a ladder: from %g to %g, rejection %g", i,
               betas[i], betas[i + 1], r[i]);
    }
    sum += r[i];
  }
  const double least = 1e-9 + 1e-6 * sum / (double)n;
  barrier[0] = 0.0;
  for (int64_t i = 0; i + 1 < n; i++) {
    barrier[i + 1] = barrier[i] + fmax(r[i], least);
  }
  return SMR_OK;
}

smr_status smr_ladder_adapt(int64_t n_old, const double *betas, const double *r, int64_t n,
                            double *out) {
  smr_status status = SMR_OK;
  double *x = NULL;
  if (n_old < 2 || n < 2) {
    SMR_FAIL(SMR_ERR_INPUT, "a ladder of fewer than two temperatures can't be adapted");
  }
  SMR_TRY(smr_memory_alloc(2 * n_old, sizeof *x, "a ladder", &x));
  double *m = x + n_old;
  SMR_TRY_DONE(cumulate(n_old, betas, r, x));
  find_tangents(n_old, x, betas, m);
  out[0] = betas[0];
  for (int64_t k = 1, i = 0; k < n - 1; k++) {
    const double at = x[n_old - 1] * (double)k / (double)(n - 1);
    while (i < n_old - 2 && x[i + 1] <= at) {
      i++;
    }
    out[k] = interpolate(x + i, betas + i, m + i, at);
  }
  out[n - 1] = betas[n_old - 1];
  for (int64_t k = 0; k + 1 < n; k++) {
    if (!(out[k] < out[k + 1])) {
      SMR_FAIL_DONE(SMR_ERR_NUMERIC, "a ladder of %" PRId64 " temperatures is too fine at %g", n,
                    out[k]);
    }
  }
done:
  smr_memory_free(x);
  return status;
}
