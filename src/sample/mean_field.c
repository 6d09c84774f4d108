/* Mean-field free energies of an RBM: stationary points of
 *   sum H(m) + b'm_v + c'm_h + m_v'W m_h [+ 1/2 sum W_ij^2 (m_i - m_i^2)(m_j - m_j^2)],
 * H(m) the entropy of a unit of mean m, the last term for order 2 (TAP). All in double. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/sample/annealing.h"

enum { MOST_ITERATIONS = 5000 };
static const double damping = 0.5;
static const double tolerance = 1e-12; /* of means; ln Z is stationary there */

/* Means of V visible or H hidden units, and the sums that the other side's means take. */
typedef struct {
  int64_t n;
  const float *bias;
  double *m;        /* [n] */
  double *field;    /* [n] sum of W times the other side's means */
  double *reaction; /* [n] sum of W^2 times their variances; 0 for order 1 */
} side;

typedef struct {
  const smr_rbm *rbm;
  int order;
  double *memory;
  side visible, hidden;
} mean_field;

static double variance(double m) {
  return m * (1.0 - m);
}

static double logistic(double x) {
  const double e = exp(-fabs(x));
  return x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

static double entropy(double m) {
  return (m > 0.0 ? -m * log(m) : 0.0) - (m < 1.0 ? (1.0 - m) * log1p(-m) : 0.0);
}

static smr_status check(const smr_rbm *rbm, int order, int64_t n_starts) {
  const int64_t sizes[3] = {rbm->n_visible * rbm->n_hidden, rbm->n_visible, rbm->n_hidden};
  const float *parts[3] = {rbm->w, rbm->visible_bias, rbm->hidden_bias};
  if ((order != 1 && order != 2) || n_starts < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "no mean field of order %d from %" PRId64 " starts", order, n_starts);
  }
  for (int k = 0; k < 3; k++) {
    for (int64_t i = 0; i < sizes[k]; i++) {
      if (!isfinite(parts[k][i])) {
        SMR_FAIL(SMR_ERR_NUMERIC, "no mean field: a parameter of the RBM is %g",
                 (double)parts[k][i]);
      }
    }
  }
  return SMR_OK;
}

static side make_side(int64_t n, const float *bias, double *memory) {
  return (side){.n = n, .bias = bias, .m = memory, .field = memory + n, .reaction = memory + 2 * n};
}

static smr_status init(const smr_rbm *rbm, int order, mean_field *f) {
  *f = (mean_field){.rbm = rbm, .order = order};
  SMR_TRY(smr_memory_alloc(3 * (rbm->n_visible + rbm->n_hidden), sizeof *f->memory, "a mean field",
                           &f->memory));
  f->visible = make_side(rbm->n_visible, rbm->visible_bias, f->memory);
  f->hidden = make_side(rbm->n_hidden, rbm->hidden_bias, f->memory + 3 * rbm->n_visible);
  return SMR_OK;
}

/* What the hidden units feel. */
static void sum_over_visible(mean_field *f) {
  side *h = &f->hidden;
  const size_t bytes = (size_t)h->n * sizeof *h->field;
  memset(h->field, 0, bytes);
  memset(h->reaction, 0, bytes);
  for (int64_t i = 0; i < f->visible.n; i++) {
    const float *row = f->rbm->w + i * h->n;
    const double m = f->visible.m[i];
    const double square = f->order == 2 ? variance(m) : 0.0;
    for (int64_t j = 0; j < h->n; j++) {
      const double w = (double)row[j];
      h->field[j] += w * m;
      h->reaction[j] += w * w * square;
    }
  }
}

static void sum_over_hidden(mean_field *f) {
  side *v = &f->visible;
  for (int64_t i = 0; i < v->n; i++) {
    const float *row = f->rbm->w + i * f->hidden.n;
    double field = 0.0;
    double reaction = 0.0;
    for (int64_t j = 0; j < f->hidden.n; j++) {
      const double w = (double)row[j];
      field += w * f->hidden.m[j];
      reaction += w * w * variance(f->hidden.m[j]);
    }
    v->field[i] = field;
    v->reaction[i] = f->order == 2 ? reaction : 0.0;
  }
}

/* A damped step of one side towards its conditions; returns the largest distance from them. */
static double move(side *s) {
  double largest = 0.0;
  for (int64_t i = 0; i < s->n; i++) {
    const double m = s->m[i];
    const double wanted = logistic((double)s->bias[i] + s->field[i] + (0.5 - m) * s->reaction[i]);
    largest = fmax(largest, fabs(wanted - m));
    s->m[i] = m + damping * (wanted - m);
  }
  return largest;
}

/* Entropy and biases of one side. */
static double add_side(const side *s) {
  double sum = 0.0;
  for (int64_t i = 0; i < s->n; i++) {
    sum += entropy(s->m[i]) + (double)s->bias[i] * s->m[i];
  }
  return sum;
}

static double get_log_z(mean_field *f) {
  double sum = add_side(&f->visible) + add_side(&f->hidden);
  sum_over_visible(f);
  for (int64_t j = 0; j < f->hidden.n; j++) {
    const double m = f->hidden.m[j];
    sum += f->hidden.field[j] * m + 0.5 * f->hidden.reaction[j] * variance(m);
  }
  return sum;
}

/* Random means, then iterations of the two sides in turn. */
static bool solve(mean_field *f, uint64_t seed, int64_t start) {
  const smr_random_key key = {seed, smr_random_stream("mean field", 0, 0)};
  smr_random_uniform(key, (uint64_t)start, 0, f->visible.n, f->visible.m);
  smr_random_uniform(key, (uint64_t)start, 1, f->hidden.n, f->hidden.m);
  for (int k = 0; k < MOST_ITERATIONS; k++) {
    sum_over_visible(f);
    const double hidden = move(&f->hidden);
    sum_over_hidden(f);
    const double visible = move(&f->visible);
    if (fmax(hidden, visible) < tolerance) {
      return true;
    }
  }
  return false;
}

smr_status smr_mean_field_try(const smr_rbm *rbm, int order, int64_t start, uint64_t seed,
                              double *log_z, int *is_converged) {
  mean_field f = {.rbm = rbm};
  SMR_TRY(check(rbm, order, start + 1));
  SMR_TRY(init(rbm, order, &f));
  const bool is_fixed = solve(&f, seed, start);
  const double value = get_log_z(&f);
  if (start == 0 || (is_fixed && !*is_converged) ||
      (is_fixed == !!*is_converged && value > *log_z)) {
    *log_z = value;
    *is_converged = is_fixed;
  }
  smr_memory_free(f.memory);
  return SMR_OK;
}

smr_status smr_mean_field_log_z(const smr_rbm *rbm, int order, int64_t n_starts, uint64_t seed,
                                double *log_z, int *is_converged) {
  SMR_TRY(check(rbm, order, n_starts));
  for (int64_t start = 0; start < n_starts; start++) {
    SMR_TRY(smr_mean_field_try(rbm, order, start, seed, log_z, is_converged));
  }
  return SMR_OK;
}
