/* ln Z as a sum over the edges of a ladder, chain by chain. */
#include "simmer/sample/estimate.h"

#include <inttypes.h>
#include <math.h>

#include "betas.h"
#include "mean_weight.h"

/* The energies of one chain at the two ends of an edge: hot[i stride], cold[i stride], i < n. */
typedef struct {
  int64_t n, stride;
  const double *hot, *cold;
  double step; /* beta of cold - beta of hot */
} ladder_edge;

/* ln Z(cold) - ln Z(hot). */
typedef double edge_estimator(const ladder_edge *edge);

static double step_forward(const ladder_edge *edge) {
  return smr_mean_weight_log(edge->n, edge->stride, edge->hot, -edge->step);
}

static double step_backward(const ladder_edge *edge) {
  return -smr_mean_weight_log(edge->n, edge->stride, edge->cold, edge->step);
}

/* Work of sample i of either end: step u. */
static double get_work(const ladder_edge *edge, const double *u, int64_t i) {
  return edge->step * u[i * edge->stride];
}

static double fermi(double x) {
  return x >= 0.0 ? exp(-x) / (1.0 + exp(-x)) : 1.0 / (1.0 + exp(x));
}

/* Excess of hot over cold acceptances at d = ln Z(cold) - ln Z(hot), which falls with d, and its
 * slope. */
static double count_acceptances(const ladder_edge *edge, double d, double *slope) {
  double excess = 0.0;
  *slope = 0.0;
  for (int64_t i = 0; i < edge->n; i++) {
    const double up = fermi(get_work(edge, edge->hot, i) + d);
    const double down = fermi(-get_work(edge, edge->cold, i) - d);
    excess += up - down;
    *slope -= up * (1.0 - up) + down * (1.0 - down);
  }
  return excess;
}

/* The root lies between minus the largest work and minus the smallest one. */
static void bracket(const ladder_edge *edge, double *low, double *high) {
  *low = HUGE_VAL;
  *high = -HUGE_VAL;
  for (int64_t i = 0; i < edge->n; i++) {
    const double up = -get_work(edge, edge->hot, i);
    const double down = -get_work(edge, edge->cold, i);
    *low = fmin(*low, fmin(up, down));
    *high = fmax(*high, fmax(up, down));
  }
}

/* Newton's method, and bisection where it leaves the bracket or doesn't halve its step. */
static double solve_bennett(const ladder_edge *edge) {
  enum { MOST_STEPS = 200 };
  double low = 0.0;
  double high = 0.0;
  bracket(edge, &low, &high);
  double d = 0.5 * (low + high);
  double step = high - low;
  for (int k = 0; k < MOST_STEPS && fabs(step) > 1e-14 * fmax(1.0, fabs(d)); k++) {
    double slope = 0.0;
    const double excess = count_acceptances(edge, d, &slope);
    const double newton = -excess / slope; /* NaN or Inf where the slope vanishes */
    *(excess > 0.0 ? &low : &high) = d;
    if (d + newton >= low && d + newton <= high && fabs(newton) <= 0.5 * fabs(step)) {
      step = newton;
    } else {
      step = 0.5 * (low + high) - d;
    }
    d += step;
  }
  return d;
}

static void get_moments(int64_t n, int64_t stride, const double *u, double *mean,
                        double *variance) {
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += u[i * stride];
  }
  *mean = sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    const double d = u[i * stride] - *mean;
    squares += d * d;
  }
  *variance = n > 1 ? squares / (double)(n - 1) : 0.0;
}

/* Euler & Maclaurin: the derivative of the integrand -<u> is the variance of u. */
static double integrate(const ladder_edge *edge) {
  double mean[2];
  double variance[2];
  get_moments(edge->n, edge->stride, edge->hot, &mean[0], &variance[0]);
  get_moments(edge->n, edge->stride, edge->cold, &mean[1], &variance[1]);
  return -0.5 * edge->step * (mean[0] + mean[1]) -
         edge->step * edge->step / 12.0 * (variance[1] - variance[0]);
}

static smr_status check(const smr_ladder_energies *e) {
  const int64_t n = e->n_scans * e->n_chains * e->n_temperatures;
  if (e->n_scans < 1 || e->n_chains < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "no ln Z from %" PRId64 " scans of %" PRId64 " chains", e->n_scans,
             e->n_chains);
  }
  SMR_TRY(smr_betas_check(e->n_temperatures, e->betas, true));
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(e->u[i])) {
      SMR_FAIL(SMR_ERR_NUMERIC, "no ln Z: energy %" PRId64 " is %g", i, e->u[i]);
    }
  }
  return SMR_OK;
}

static double estimate_chain(const smr_ladder_energies *e, int64_t chain, edge_estimator *get) {
  double sum = 0.0;
  for (int64_t t = 0; t + 1 < e->n_temperatures; t++) {
    const double *hot = e->u + chain * e->n_temperatures + t;
    sum += get(&(ladder_edge){.n = e->n_scans,
                              .stride = e->n_chains * e->n_temperatures,
                              .hot = hot,
                              .cold = hot + 1,
                              .step = e->betas[t + 1] - e->betas[t]});
  }
  return sum;
}

/* The jackknife of a mean is its usual standard error; updated chain by chain (Welford 1962). */
static smr_status estimate(const smr_ladder_energies *e, edge_estimator *get,
                           smr_log_z_estimate *out) {
  double mean = 0.0;
  double squares = 0.0;
  SMR_TRY(check(e));
  for (int64_t chain = 0; chain < e->n_chains; chain++) {
    const double log_ratio = estimate_chain(e, chain, get);
    const double d = log_ratio - mean;
    mean += d / (double)(chain + 1);
    squares += d * (log_ratio - mean);
  }
  const double n = (double)e->n_chains;
  out->log_z = e->log_z0 + mean;
  out->stderr_log_z = e->n_chains > 1 ? sqrt(squares / (n * (n - 1.0))) : (double)NAN;
  return SMR_OK;
}

smr_status smr_estimate_stepping_forward(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate(e, step_forward, out);
}

smr_status smr_estimate_stepping_backward(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate(e, step_backward, out);
}

smr_status smr_estimate_bennett(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate(e, solve_bennett, out);
}

smr_status smr_estimate_integration(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate(e, integrate, out);
}
