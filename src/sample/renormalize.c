/* Same Z and other p, and the trace condition, by going through every visible state. */
#include "simmer/sample/renormalize.h"

#include <math.h>
#include <stdbool.h>

#include "precise.h"
#include "simmer/base/memory.h"

/* --- the trace condition --- */

static double deviation(int64_t n, const double *f, const double *h, const smr_trace *trace,
                        double log_z_data) {
  smr_compensated sum = {0};
  for (int64_t s = 0; s < n; ++s) {
    const double off = h[s] - f[s] - trace->log_z_difference - trace->tau_mean;
    smr_compensated_add(&sum, exp(-h[s] - log_z_data) * off * off);
  }
  return sqrt(smr_compensated_get(&sum));
}

smr_trace smr_renormalize_trace(int64_t n, const double *f, const double *h) {
  smr_trace trace = {0};
  smr_compensated mean = {0}, exp_mean = {0};
  const double log_z_data = smr_renormalize_log_z(n, h);
  trace.log_z_difference = smr_renormalize_log_z(n, f) - log_z_data;
  for (int64_t s = 0; s < n; ++s) {
    const double tau = h[s] - f[s] - trace.log_z_difference;
    const double log_p = -h[s] - log_z_data;
    smr_compensated_add(&mean, exp(log_p) * tau);
    smr_compensated_add(&exp_mean, exp(log_p + tau)); /* e^tau alone may be out of range */
    trace.tau_max = fmax(trace.tau_max, fabs(tau));
  }
  trace.tau_mean = smr_compensated_get(&mean);
  trace.exp_tau_mean = smr_compensated_get(&exp_mean);
  trace.tau_std = deviation(n, f, h, &trace, log_z_data);
  return trace;
}

/* --- p(h|v) by going through joint states --- */

/* Over the 2^H states h of one v: sums over the units that are on, from the sum without the lowest
 * of them. */
typedef struct {
  double *input;   /* [H] c + v'W */
  double *energy;  /* [2^H] the part of E'(v,h) that depends on h */
  double *log_p;   /* [2^H] ln p(h|v) of independent units */
  double *log_odd; /* [H] ln p(h_j = 1|v) - ln p(h_j = 0|v) */
} joint;

static void clear_joint(joint *all) {
  smr_memory_free(all->input);
  smr_memory_free(all->energy);
  smr_memory_free(all->log_p);
  smr_memory_free(all->log_odd);
}

static smr_status create_joint(int64_t n_hidden, joint *all) {
  const int64_t n = (int64_t)1 << n_hidden;
  SMR_TRY(smr_memory_alloc(n_hidden, sizeof(double), "inputs of hidden units", &all->input));
  SMR_TRY(smr_memory_alloc(n_hidden, sizeof(double), "odds of hidden units", &all->log_odd));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "energies of hidden states", &all->energy));
  return smr_memory_alloc(n, sizeof(double), "probabilities of hidden states", &all->log_p);
}

static void set_inputs(const smr_rbm *rbm, int64_t state, double *x) {
  for (int64_t j = 0; j < rbm->n_hidden; ++j) {
    x[j] = (double)rbm->hidden_bias[j];
    for (int64_t i = 0; i < rbm->n_visible; ++i) {
      x[j] += (state >> i & 1) != 0 ? (double)rbm->w[i * rbm->n_hidden + j] : 0.0;
    }
  }
}

static int64_t find_lowest_bit(int64_t state) {
  int64_t bit = 0;
  while ((state >> bit & 1) == 0) {
    ++bit;
  }
  return bit;
}

/* Largest |ln p'(h|v) - ln p(h|v)| over h: E'(v,h) = E(v,h) + shift against independent units. */
static double compare_state(const smr_rbm *rbm, int64_t state, double shift, joint *all) {
  const int64_t n = (int64_t)1 << rbm->n_hidden;
  set_inputs(rbm, state, all->input);
  all->energy[0] = shift;
  all->log_p[0] = 0;
  for (int64_t i = 0; i < rbm->n_visible; ++i) {
    all->energy[0] -= (state >> i & 1) != 0 ? (double)rbm->visible_bias[i] : 0.0;
  }
  for (int64_t j = 0; j < rbm->n_hidden; ++j) {
    const double log_on = -smr_softplus(-all->input[j]), log_off = -smr_softplus(all->input[j]);
    all->log_odd[j] = log_on - log_off;
    all->log_p[0] += log_off;
  }
  for (int64_t h = 1; h < n; ++h) {
    const int64_t j = find_lowest_bit(h);
    all->energy[h] = all->energy[h & (h - 1)] - all->input[j];
    all->log_p[h] = all->log_p[h & (h - 1)] + all->log_odd[j];
  }
  const double log_sum = smr_renormalize_log_z(n, all->energy);
  double worst = 0;
  for (int64_t h = 0; h < n; ++h) {
    worst = fmax(worst, fabs(-all->energy[h] - log_sum - all->log_p[h]));
  }
  return worst;
}

static smr_status compare_conditionals(const smr_rbm *rbm, const double *k, double log_z_tilde,
                                       double *worst) {
  joint all = {0};
  *worst = NAN;
  if (rbm->n_visible + rbm->n_hidden > SMR_RENORMALIZE_JOINT_BITS) {
    return SMR_OK;
  }
  smr_status status = create_joint(rbm->n_hidden, &all);
  if (status == SMR_OK) {
    *worst = 0;
    for (int64_t s = 0; s < (int64_t)1 << rbm->n_visible; ++s) {
      *worst = fmax(*worst, compare_state(rbm, s, k[s] + log_z_tilde, &all));
    }
  }
  clear_joint(&all);
  return status;
}

/* --- the same Z --- */

/* <K>_p + ln Z~ and 1/2 <|e^{-K}/Z~ - 1|>_p. */
static void compute_closed(int64_t n, const double *f, const double *k, smr_same_z *out) {
  smr_compensated mean = {0}, distance = {0};
  for (int64_t s = 0; s < n; ++s) {
    const double log_p = -f[s] - out->log_z;
    smr_compensated_add(&mean, exp(log_p) * (k[s] + out->log_z_tilde));
    smr_compensated_add(&distance, fabs(exp(log_p) * expm1(-k[s] - out->log_z_tilde)));
  }
  out->kl = smr_compensated_get(&mean);
  out->total_variation = 0.5 * smr_compensated_get(&distance);
}

/* The same from p = e^{-F}/Z and p' = e^{-F'}/Z' alone. */
static void compute_enumerated(int64_t n, const double *f, const double *renormalized,
                               smr_same_z *out) {
  smr_compensated divergence = {0}, distance = {0};
  for (int64_t s = 0; s < n; ++s) {
    const double log_p = -f[s] - out->log_z;
    const double log_other = -renormalized[s] - out->log_z_renormalized;
    smr_compensated_add(&divergence, exp(log_p) * (log_p - log_other));
    smr_compensated_add(&distance, fabs(exp(log_p) - exp(log_other)));
  }
  out->kl_enumerated = smr_compensated_get(&divergence);
  out->total_variation_enumerated = 0.5 * smr_compensated_get(&distance);
}

smr_status smr_renormalize_same_z(const smr_rbm *rbm, const double *f, const double *k,
                                  smr_same_z *out) {
  const int64_t n = (int64_t)1 << rbm->n_visible;
  double *renormalized = NULL;
  smr_status status = SMR_OK;
  *out = (smr_same_z){0};
  SMR_TRY(smr_memory_alloc(n, sizeof *renormalized, "renormalized energies", &renormalized));
  out->log_z = smr_renormalize_log_z(n, f);
  for (int64_t s = 0; s < n; ++s) {
    renormalized[s] = f[s] + k[s];
  }
  out->log_z_tilde = smr_renormalize_log_z(n, renormalized) - out->log_z;
  for (int64_t s = 0; s < n; ++s) {
    renormalized[s] += out->log_z_tilde;
  }
  out->log_z_renormalized = smr_renormalize_log_z(n, renormalized);
  compute_closed(n, f, k, out);
  compute_enumerated(n, f, renormalized, out);
  out->trace = smr_renormalize_trace(n, renormalized, f);
  status = compare_conditionals(rbm, k, out->log_z_tilde, &out->conditional_error);
  smr_memory_free(renormalized);
  return status;
}

double smr_renormalize_count_flops(int64_t n_visible, int64_t n_hidden) {
  const double per_exp = 20;
  const int64_t n_joint = n_visible + n_hidden;
  const double n_states = n_joint > SMR_RENORMALIZE_JOINT_BITS ? 0 : exp2((double)n_joint);
  return exp2((double)n_visible) * (2 * per_exp * (double)n_hidden + 20 * per_exp) +
         n_states * 2 * per_exp;
}

int64_t smr_renormalize_count_bytes(int64_t n_visible, int64_t n_hidden) {
  const int64_t n_low = 1024; /* states in the table of hamiltonian.c */
  const int64_t n_arrays = 4; /* f, k, h, and renormalized energies */
  const bool has_joint = n_visible + n_hidden <= SMR_RENORMALIZE_JOINT_BITS;
  const int64_t n_joint = has_joint ? (int64_t)2 << n_hidden : 0;
  return (int64_t)sizeof(double) *
         (n_arrays * ((int64_t)1 << n_visible) + (n_low + 1) * n_hidden + n_joint);
}
