/* ln Z as a sum over the edges of a ladder. */
#include "simmer/sample/estimate.h"

#include <inttypes.h>
#include <math.h>

#include "betas.h"
#include "mean_weight.h"
#include "simmer/base/memory.h"

/* The energies of one chain at the two ends of an edge: hot[i stride], cold[i stride], i < n. */
typedef struct {
  int64_t n, stride;
  const double *hot, *cold;
  double step; /* beta of cold - beta of hot */
} ladder_edge;

/* Work of sample i of either end: step u. */
static double get_work(const ladder_edge *edge, const double *u, int64_t i) {
  return edge->step * u[i * edge->stride];
}

static double fermi(double x) {
  return x >= 0.0 ? exp(-x) / (1.0 + exp(-x)) : 1.0 / (1.0 + exp(x));
}

/* Adds a chain's excess of hot over cold acceptances at d = ln Z(cold) - ln Z(hot), which falls
 * with d, and its slope. */
static void count_acceptances(const ladder_edge *edge, double d, double *excess, double *slope) {
  for (int64_t i = 0; i < edge->n; i++) {
    const double up = fermi(get_work(edge, edge->hot, i) + d);
    const double down = fermi(-get_work(edge, edge->cold, i) - d);
    *excess += up - down;
    *slope -= up * (1.0 - up) + down * (1.0 - down);
  }
}

/* The root lies between minus the largest work and minus the smallest one. */
static void widen(const ladder_edge *edge, double *low, double *high) {
  for (int64_t i = 0; i < edge->n; i++) {
    const double up = -get_work(edge, edge->hot, i);
    const double down = -get_work(edge, edge->cold, i);
    *low = fmin(*low, fmin(up, down));
    *high = fmax(*high, fmax(up, down));
  }
}

static ladder_edge get_edge(const smr_ladder_energies *e, int64_t chain, int64_t t) {
  const double *hot = e->u + chain * e->n_temperatures + t;
  return (ladder_edge){.n = e->n_scans,
                       .stride = e->n_chains * e->n_temperatures,
                       .hot = hot,
                       .cold = hot + 1,
                       .step = e->betas[t + 1] - e->betas[t]};
}

static void count_all(const smr_ladder_energies *e, int64_t t, double d, double *excess,
                      double *slope) {
  *excess = 0.0;
  *slope = 0.0;
  for (int64_t c = 0; c < e->n_chains; c++) {
    const ladder_edge edge = get_edge(e, c, t);
    count_acceptances(&edge, d, excess, slope);
  }
}

/* Of all chains together: Newton's method, and bisection where it leaves the bracket or doesn't
 * halve its step. */
static double solve_bennett(const smr_ladder_energies *e, int64_t t) {
  enum { MOST_STEPS = 200 };
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (int64_t c = 0; c < e->n_chains; c++) {
    const ladder_edge edge = get_edge(e, c, t);
    widen(&edge, &low, &high);
  }
  double d = 0.5 * (low + high);
  double step = high - low;
  for (int k = 0; k < MOST_STEPS && fabs(step) > 1e-14 * fmax(1.0, fabs(d)); k++) {
    double excess = 0.0;
    double slope = 0.0;
    count_all(e, t, d, &excess, &slope);
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

/* ln Z(cold) - ln Z(hot) of edge t from all chains, added to *all, and without each chain, added to
 * without[C]; work [C]. */
typedef void edge_pool(const smr_ladder_energies *e, int64_t t, double *work, double *all,
                       double *without);

/* ln of the mean of e^x[c] over all c but one; none = -1. */
static double pool_logs(int64_t n, const double *x, int64_t but) {
  double largest = -HUGE_VAL;
  double sum = 0.0;
  int64_t count = 0;
  for (int64_t c = 0; c < n; c++) {
    largest = c != but ? fmax(largest, x[c]) : largest;
  }
  for (int64_t c = 0; c < n; c++) {
    sum += c != but ? exp(x[c] - largest) : 0.0;
    count += c != but;
  }
  return largest + log(sum / (double)count);
}

static void pool_steps(const smr_ladder_energies *e, double sign, const double *logs, double *all,
                       double *without) {
  *all += sign * pool_logs(e->n_chains, logs, -1);
  for (int64_t c = 0; c < e->n_chains && e->n_chains > 1; c++) {
    without[c] += sign * pool_logs(e->n_chains, logs, c);
  }
}

static void step_forward(const smr_ladder_energies *e, int64_t t, double *work, double *all,
                         double *without) {
  for (int64_t c = 0; c < e->n_chains; c++) {
    const ladder_edge edge = get_edge(e, c, t);
    work[c] = smr_mean_weight_log(edge.n, edge.stride, edge.hot, -edge.step);
  }
  pool_steps(e, 1.0, work, all, without);
}

static void step_backward(const smr_ladder_energies *e, int64_t t, double *work, double *all,
                          double *without) {
  for (int64_t c = 0; c < e->n_chains; c++) {
    const ladder_edge edge = get_edge(e, c, t);
    work[c] = smr_mean_weight_log(edge.n, edge.stride, edge.cold, edge.step);
  }
  pool_steps(e, -1.0, work, all, without);
}

/* Without a chain the root is one step of Newton's away from that of all. */
static void bennett(const smr_ladder_energies *e, int64_t t, double *work, double *all,
                    double *without) {
  const double d = solve_bennett(e, t);
  double total = 0.0;
  double total_slope = 0.0;
  (void)work;
  count_all(e, t, d, &total, &total_slope);
  *all += d;
  for (int64_t c = 0; c < e->n_chains; c++) {
    const ladder_edge edge = get_edge(e, c, t);
    double excess = 0.0;
    double slope = 0.0;
    count_acceptances(&edge, d, &excess, &slope);
    const double rest = total_slope - slope;
    without[c] += rest < 0.0 ? d - (total - excess) / rest : d;
  }
}

/* The jackknife over chains (Quenouille 1956; Tukey 1958). A mean of the chains' own values would
 * keep the bias that the logarithm has in one chain. */
static smr_status estimate_pooled(const smr_ladder_energies *e, edge_pool *pool,
                                  smr_log_z_estimate *out) {
  double *without = NULL;
  double all = 0.0;
  double mean = 0.0;
  double squares = 0.0;
  SMR_TRY(check(e));
  SMR_TRY(smr_memory_alloc(2 * e->n_chains, sizeof *without, "a jackknife", &without));
  for (int64_t t = 0; t + 1 < e->n_temperatures; t++) {
    pool(e, t, without + e->n_chains, &all, without);
  }
  for (int64_t c = 0; c < e->n_chains; c++) {
    const double d = without[c] - mean;
    mean += d / (double)(c + 1);
    squares += d * (without[c] - mean);
  }
  smr_memory_free(without);
  const double n = (double)e->n_chains;
  out->log_z = e->log_z0 + all;
  out->stderr_log_z = e->n_chains > 1 ? sqrt(squares * (n - 1.0) / n) : (double)NAN;
  return SMR_OK;
}

static double integrate_chain(const smr_ladder_energies *e, int64_t chain) {
  double sum = 0.0;
  for (int64_t t = 0; t + 1 < e->n_temperatures; t++) {
    const ladder_edge edge = get_edge(e, chain, t);
    sum += integrate(&edge);
  }
  return sum;
}

smr_status smr_estimate_stepping_forward(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate_pooled(e, step_forward, out);
}

smr_status smr_estimate_stepping_backward(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate_pooled(e, step_backward, out);
}

smr_status smr_estimate_bennett(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  return estimate_pooled(e, bennett, out);
}

/* With g = sum of the chains' g_c and g(d) = 0, chain c moves the root d by about -g_c / g'. */
smr_status smr_estimate_bennett_pooled(const smr_ladder_energies *e, double *values) {
  SMR_TRY(check(e));
  for (int64_t chain = 0; chain < e->n_chains; chain++) {
    values[chain] = e->log_z0;
  }
  for (int64_t t = 0; t + 1 < e->n_temperatures; t++) {
    const double d = solve_bennett(e, t);
    double total = 0.0;
    double total_slope = 0.0;
    count_all(e, t, d, &total, &total_slope);
    for (int64_t chain = 0; chain < e->n_chains; chain++) {
      const ladder_edge edge = get_edge(e, chain, t);
      double excess = 0.0;
      double slope = 0.0;
      count_acceptances(&edge, d, &excess, &slope);
      values[chain] += d - (double)e->n_chains * excess / total_slope;
    }
  }
  return SMR_OK;
}

/* The jackknife of a mean is its usual standard error; updated value by value (Welford 1962). */
typedef struct {
  int64_t n;
  double mean, squares;
} running_mean;

static void add_value(running_mean *m, double x) {
  const double d = x - m->mean;
  m->n++;
  m->mean += d / (double)m->n;
  m->squares += d * (x - m->mean);
}

static smr_log_z_estimate finish(const running_mean *m, double log_z0) {
  const double n = (double)m->n;
  return (smr_log_z_estimate){log_z0 + m->mean,
                              m->n > 1 ? sqrt(m->squares / (n * (n - 1.0))) : (double)NAN};
}

smr_log_z_estimate smr_estimate_mean(int64_t n, const double *values) {
  running_mean m = {0};
  for (int64_t i = 0; i < n; i++) {
    add_value(&m, values[i]);
  }
  return finish(&m, 0.0);
}

smr_status smr_estimate_integration(const smr_ladder_energies *e, smr_log_z_estimate *out) {
  running_mean m = {0};
  SMR_TRY(check(e));
  for (int64_t chain = 0; chain < e->n_chains; chain++) {
    add_value(&m, integrate_chain(e, chain));
  }
  *out = finish(&m, e->log_z0);
  return SMR_OK;
}
