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

/* Rows of W that a thread takes at a time, a function of nothing. */
enum { LANES = 16, PANEL_ROWS = 32 };

/* Beyond any use: sums of inputs to a unit would no longer be good to 1 in float32. */
static const float largest_weight = 1e6F;

typedef float float_lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));

/* A pass over W: what turns a sum and a weight into an entry of the gradient, and that into a step.
 * Without a limit of the norm, G is measured and applied in one pass. */
typedef struct {
  const rbm_gradient *g;
  int32_t *sums;
  float inverse, l1, l2;
  float rate, momentum;
} update_pass;

/* What a row gathers, in lanes: a fixed order of sums. */
typedef struct {
  float_lanes squares, dots;
  int_lanes largest; /* bits of |x|, which order like |x|, with NaN above all */
} row_sums;

/* Up to 16 entries of one row. */
typedef struct {
  float *w, *momentum, *column_dots;
  int32_t *sums;
  const float *lambda;
  float mu;
} row_piece;

static inline float_lanes load(int64_t n, const void *x) {
  float_lanes y = {0};
  memcpy(&y, x, (size_t)n * sizeof(float));
  return y;
}

static inline float_lanes get_entries(const update_pass *pass, const row_piece *piece, int64_t n,
                                      float_lanes w) {
  const float_lanes one = 1.0F - (float_lanes){0};
  float_lanes sums = __builtin_convertvector((int_lanes)load(n, piece->sums), float_lanes);
  float_lanes sign =
      (float_lanes)((w > 0.0F) & (int_lanes)one) - (float_lanes)((w < 0.0F) & (int_lanes)one);
  return sums * pass->inverse - pass->l2 * w - pass->l1 * sign;
}

static inline void measure_piece(const row_piece *piece, int64_t n, float_lanes x, row_sums *out) {
  float_lanes column = load(n, piece->column_dots) + x * piece->mu;
  memcpy(piece->column_dots, &column, (size_t)n * sizeof(float));
  out->squares += x * x;
  out->dots += x * load(n, piece->lambda);
}

/* The sums are set to 0 for the next minibatch. */
static inline void apply_piece(const update_pass *pass, const row_piece *piece, int64_t n,
                               float_lanes x, row_sums *out) {
  const int_lanes zero = {0};
  float_lanes m = pass->momentum * load(n, piece->momentum) + pass->rate * x;
  float_lanes w = load(n, piece->w) + m;
  int_lanes size = (int_lanes)w & 0x7fffffff;
  int_lanes is_larger = size > out->largest;
  out->largest = (size & is_larger) | (out->largest & ~is_larger);
  memcpy(piece->momentum, &m, (size_t)n * sizeof(float));
  memcpy(piece->w, &w, (size_t)n * sizeof(float));
  memcpy(piece->sums, &zero, (size_t)n * sizeof(float));
}

/* n is a constant but at the end of a row. */
static inline __attribute__((always_inline)) void pass_piece(const update_pass *pass,
                                                             int is_measured, int is_applied,
                                                             int64_t n, const row_piece *piece,
                                                             row_sums *out) {
  float_lanes x = get_entries(pass, piece, n, load(n, piece->w));
  if (is_measured) {
    measure_piece(piece, n, x, out);
  }
  if (is_applied) {
    apply_piece(pass, piece, n, x, out);
  }
}

/* Row i; column_dots [H] gathers G'mu of the panel. Returns the largest size. */
static inline __attribute__((always_inline)) uint32_t
pass_row(const update_pass *pass, int is_measured, int is_applied, int64_t i, float *column_dots) {
  const rbm_gradient *g = pass->g;
  row_sums out = {{0}, {0}, {0}};
  for (int64_t j = 0; j < g->n_hidden; j += LANES) {
    const int64_t at = i * g->n_hidden + j;
    const row_piece piece = {g->w + at,       g->momentum_w + at, column_dots + j,
                             pass->sums + at, g->lambda + j,      g->mu[i]};
    if (g->n_hidden - j >= LANES) {
      pass_piece(pass, is_measured, is_applied, LANES, &piece, &out);
    } else {
      pass_piece(pass, is_measured, is_applied, g->n_hidden - j, &piece, &out);
    }
  }
  double square = 0;
  double dot = 0;
  uint32_t largest = 0;
  for (int l = 0; l < LANES; l++) {
    square += (double)out.squares[l];
    dot += (double)out.dots[l];
    largest = (uint32_t)out.largest[l] > largest ? (uint32_t)out.largest[l] : largest;
  }
  if (is_measured) {
    g->row_norms[i] = square;
    g->row_dots[i] = (float)dot;
  }
  return largest;
}

static uint32_t pass_panel(const update_pass *pass, int is_measured, int is_applied,
                           int64_t panel) {
  const rbm_gradient *g = pass->g;
  float *dots = g->column_dots + panel * g->n_hidden;
  const int64_t end = smr_int_min((panel + 1) * PANEL_ROWS, g->n_visible);
  uint32_t largest = 0;
  if (is_measured) {
    memset(dots, 0, (size_t)g->n_hidden * sizeof *dots);
  }
  for (int64_t i = panel * PANEL_ROWS; i < end; i++) {
    uint32_t size = !is_applied    ? pass_row(pass, 1, 0, i, dots)
                    : !is_measured ? pass_row(pass, 0, 1, i, dots)
                                   : pass_row(pass, 1, 1, i, dots);
    largest = size > largest ? size : largest;
  }
  return largest;
}

int64_t rbm_gradient_count_update_panels(int64_t n_visible) {
  return smr_int_ceil_divide(n_visible, PANEL_ROWS);
}

/* All of W; returns the largest size of a new weight. */
static uint32_t pass_weights(const update_pass *pass, int is_measured, int is_applied) {
  const int64_t n_panels = rbm_gradient_count_update_panels(pass->g->n_visible);
  uint32_t largest = 0;
#pragma omp parallel for num_threads(pass->g->n_threads) schedule(static) reduction(max : largest)
  for (int64_t panel = 0; panel < n_panels; panel++) {
    uint32_t size = pass_panel(pass, is_measured, is_applied, panel);
    largest = size > largest ? size : largest;
  }
  return largest;
}

/* Gradients of biases from what was measured, and the norm of it all. */
static double finish_gradient(const update_pass *pass) {
  const rbm_gradient *g = pass->g;
  const int64_t n_panels = rbm_gradient_count_update_panels(g->n_visible);
  const int32_t *v_sums = pass->sums + g->n_visible * g->n_hidden;
  const int32_t *h_sums = v_sums + g->n_visible;
  double square = 0;
  for (int64_t i = 0; i < g->n_visible; i++) {
    g->gradient_b[i] = (float)v_sums[i] * pass->inverse - g->row_dots[i];
    square += g->row_norms[i] + (double)g->gradient_b[i] * (double)g->gradient_b[i];
  }
  for (int64_t j = 0; j < g->n_hidden; j++) {
    float dot = 0;
    for (int64_t panel = 0; panel < n_panels; panel++) {
      dot += g->column_dots[panel * g->n_hidden + j];
    }
    g->gradient_c[j] = (float)h_sums[j] * pass->inverse - dot;
    square += (double)g->gradient_c[j] * (double)g->gradient_c[j];
  }
  return sqrt(square);
}

static inline uint32_t get_size(float x) {
  union {
    float value;
    uint32_t bits;
  } u = {.value = x};
  return u.bits & 0x7fffffffU;
}

static uint32_t update_biases(const update_pass *step, int64_t n, const float *gradient,
                              float *bias, float *momentum) {
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

static uint32_t larger(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

/* Measures and applies the gradient; *norm is set, and the largest size of a parameter returned. */
static uint32_t apply_gradient(update_pass *pass, double limit, double *norm) {
  const rbm_gradient *g = pass->g;
  const int is_limited = isfinite(limit) != 0;
  uint32_t largest = pass_weights(pass, 1, !is_limited);
  *norm = finish_gradient(pass);
  if (is_limited) {
    pass->rate *= (float)(*norm > limit ? limit / *norm : 1.0);
    largest = pass_weights(pass, 0, 1);
  }
  largest = larger(largest, update_biases(pass, g->n_visible, g->gradient_b, g->b, g->momentum_b));
  return larger(largest, update_biases(pass, g->n_hidden, g->gradient_c, g->c, g->momentum_c));
}

smr_status rbm_gradient_update(void *self, const smr_train_update *update, int32_t *sums,
                               double *norm) {
  rbm_gradient *g = self;
  const int64_t n_units = g->n_visible + g->n_hidden;
  int32_t *unit_sums = sums + g->n_visible * g->n_hidden;
  update_pass pass = {.g = g,
                      .sums = sums,
                      .inverse = (float)(1 / (update->scale * (double)g->batch_rows)),
                      .l1 = (float)update->l1,
                      .l2 = (float)update->l2,
                      .rate = (float)update->rate,
                      .momentum = (float)update->momentum};
  uint32_t largest = apply_gradient(&pass, update->gradient_limit, norm);
  if (!isfinite(*norm)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the norm of the gradient is %g", *norm);
  }
  if (largest > get_size(largest_weight)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the parameters have exploded beyond %g", (double)largest_weight);
  }
  if (g->config.is_centred) {
    const float rate = (float)g->config.offset_rate;
    move_offsets(rate, g->n_visible, unit_sums + n_units, pass.inverse, g->mu);
    move_offsets(rate, g->n_hidden, unit_sums + n_units + g->n_visible, pass.inverse, g->lambda);
  }
  memset(unit_sums, 0, (size_t)(g->config.is_centred ? 2 * n_units : n_units) * sizeof *sums);
  return SMR_OK;
}
