/* The update of an RBM from the sums of a minibatch, the same bits on every rank and any number of
 * threads: rows of W are shared among threads, and what is summed over them is summed in order.
 *
 * With G = dW less decay, db = <v> - G lambda and dc = <h> - G'mu (Melchior et al. 2016, in the
 * parameters of the plain model, so that nothing has to be done when offsets move). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "rbm_gradient.h"
#include "simmer/base/integer.h"

enum { LANES = 16, COLUMNS = 64 };

/* Beyond any use: sums of inputs to a unit would no longer be good to 1 in float32. */
static const float largest_weight = 1e6F;

/* What turns a sum and a weight into an entry of the gradient. */
typedef struct {
  float inverse, l1, l2;
} entry_rule;

static inline float get_entry(const entry_rule *rule, int32_t sum, float w) {
  float sign = (w > 0.0F ? 1.0F : 0.0F) - (w < 0.0F ? 1.0F : 0.0F);
  return (float)sum * rule->inverse - rule->l2 * w - rule->l1 * sign;
}

/* Squared norm of a row of G and its product with lambda, in a fixed order. */
static void measure_row(const rbm_gradient *g, const entry_rule *rule, const int32_t *sums,
                        int64_t i) {
  const int64_t n = g->n_hidden;
  const float *w = g->w + i * n;
  const int32_t *row = sums + i * n;
  float squares[LANES] = {0};
  float dots[LANES] = {0};
  int64_t whole = n - n % LANES;
  for (int64_t first = 0; first < whole; first += LANES) {
    for (int l = 0; l < LANES; l++) {
      float x = get_entry(rule, row[first + l], w[first + l]);
      squares[l] += x * x;
      dots[l] += x * g->lambda[first + l];
    }
  }
  for (int64_t j = whole; j < n; j++) {
    float x = get_entry(rule, row[j], w[j]);
    squares[j - whole] += x * x;
    dots[j - whole] += x * g->lambda[j];
  }
  g->row_norms[i] = 0;
  double dot = 0;
  for (int l = 0; l < LANES; l++) {
    g->row_norms[i] += (double)squares[l];
    dot += (double)dots[l];
  }
  g->row_dots[i] = (float)dot;
}

/* gradient_c[j] = <h>_j - (G'mu)_j for the columns of one block. */
static void measure_columns(const rbm_gradient *g, const entry_rule *rule, const int32_t *sums,
                            int64_t first) {
  const int64_t n = smr_int_min(COLUMNS, g->n_hidden - first);
  const int32_t *h_sums = sums + g->n_visible * g->n_hidden + g->n_visible;
  float dots[COLUMNS] = {0};
  for (int64_t i = 0; i < g->n_visible && g->config.is_centred; i++) {
    const int64_t start = i * g->n_hidden + first;
    for (int64_t j = 0; j < n; j++) {
      dots[j] += get_entry(rule, sums[start + j], g->w[start + j]) * g->mu[i];
    }
  }
  for (int64_t j = 0; j < n; j++) {
    g->gradient_c[first + j] = (float)h_sums[first + j] * rule->inverse - dots[j];
  }
}

/* Gradients of biases, and the norm of it all. */
static double measure_gradient(const rbm_gradient *g, const entry_rule *rule, const int32_t *sums) {
  const int32_t *v_sums = sums + g->n_visible * g->n_hidden;
  double square = 0;
#pragma omp parallel num_threads(g->n_threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < g->n_visible; i++) {
      measure_row(g, rule, sums, i);
    }
#pragma omp for schedule(static)
    for (int64_t first = 0; first < g->n_hidden; first += COLUMNS) {
      measure_columns(g, rule, sums, first);
    }
  }
  for (int64_t i = 0; i < g->n_visible; i++) {
    float dot = g->config.is_centred ? g->row_dots[i] : 0.0F;
    g->gradient_b[i] = (float)v_sums[i] * rule->inverse - dot;
    square += g->row_norms[i] + (double)g->gradient_b[i] * (double)g->gradient_b[i];
  }
  for (int64_t j = 0; j < g->n_hidden; j++) {
    square += (double)g->gradient_c[j] * (double)g->gradient_c[j];
  }
  return sqrt(square);
}

typedef struct {
  float rate, momentum;
} step_rule;

/* Bits of |x|, which order like |x|, with NaN above all. */
static inline uint32_t get_size(float x) {
  union {
    float value;
    uint32_t bits;
  } u = {.value = x};
  return u.bits & 0x7fffffffU;
}

/* One row of W; returns the largest size. The sums are set to 0 for the next minibatch. */
static uint32_t update_row(const entry_rule *rule, const step_rule *step, int64_t n,
                           float *restrict w, float *restrict momentum, int32_t *restrict sums) {
  uint32_t largest = 0;
  for (int64_t j = 0; j < n; j++) {
    float m = step->momentum * momentum[j] + step->rate * get_entry(rule, sums[j], w[j]);
    float x = w[j] + m;
    uint32_t size = get_size(x);
    largest = size > largest ? size : largest;
    momentum[j] = m;
    w[j] = x;
    sums[j] = 0;
  }
  return largest;
}

static uint32_t update_biases(const step_rule *step, int64_t n, const float *gradient, float *bias,
                              float *momentum) {
  uint32_t largest = 0;
  for (int64_t j = 0; j < n; j++) {
    momentum[j] = step->momentum * momentum[j] + step->rate * gradient[j];
    bias[j] += momentum[j];
    uint32_t size = get_size(bias[j]);
    largest = size > largest ? size : largest;
  }
  return largest;
}

static void move_offsets(float rate, int64_t n, const int32_t *sums, float inverse, float *offset) {
  for (int64_t j = 0; j < n; j++) {
    float x = offset[j] + rate * ((float)sums[j] * inverse - offset[j]);
    x = x > 0.0F ? x : 0.0F;
    offset[j] = x < 1.0F ? x : 1.0F;
  }
}

static uint32_t apply_gradient(const rbm_gradient *g, const entry_rule *rule, const step_rule *step,
                               int32_t *sums) {
  const int64_t n = g->n_hidden;
  uint32_t largest = 0;
#pragma omp parallel for num_threads(g->n_threads) schedule(static) reduction(max : largest)
  for (int64_t i = 0; i < g->n_visible; i++) {
    uint32_t size = update_row(rule, step, n, g->w + i * n, g->momentum_w + i * n, sums + i * n);
    largest = size > largest ? size : largest;
  }
  uint32_t sizes[] = {update_biases(step, g->n_visible, g->gradient_b, g->b, g->momentum_b),
                      update_biases(step, g->n_hidden, g->gradient_c, g->c, g->momentum_c)};
  largest = sizes[0] > largest ? sizes[0] : largest;
  return sizes[1] > largest ? sizes[1] : largest;
}

smr_status rbm_gradient_update(void *self, const smr_train_update *update, int32_t *sums,
                               double *norm) {
  rbm_gradient *g = self;
  const int64_t n_units = g->n_visible + g->n_hidden;
  int32_t *unit_sums = sums + g->n_visible * g->n_hidden;
  const entry_rule rule = {(float)(1 / (update->scale * (double)g->batch_rows)), (float)update->l1,
                           (float)update->l2};
  *norm = measure_gradient(g, &rule, sums);
  if (!isfinite(*norm)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the norm of the gradient is %g", *norm);
  }
  double share = *norm > update->gradient_limit ? update->gradient_limit / *norm : 1.0;
  const step_rule step = {(float)(update->rate * share), (float)update->momentum};
  uint32_t largest = apply_gradient(g, &rule, &step, sums);
  if (largest > get_size(largest_weight)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the parameters have exploded beyond %g", (double)largest_weight);
  }
  if (g->config.is_centred) {
    const float rate = (float)g->config.offset_rate;
    move_offsets(rate, g->n_visible, unit_sums + n_units, rule.inverse, g->mu);
    move_offsets(rate, g->n_hidden, unit_sums + n_units + g->n_visible, rule.inverse, g->lambda);
  }
  memset(unit_sums, 0, (size_t)(g->config.is_centred ? 2 * n_units : n_units) * sizeof *sums);
  return SMR_OK;
}
