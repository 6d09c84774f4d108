/* Mean-field free energies of an RBM: stationary points of
 *   sum H(m) + b'm_v + c'm_h + m_v'W m_h [+ 1/2 sum W_ij^2 (m_i - m_i^2)(m_j - m_j^2)],
 * H(m) the entropy of a unit of mean m, the last term for order 2 (TAP). All in double. */
#include "simmer/sample/mean_field.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "simmer/base/memory.h"
#include "simmer/base/random.h"

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

/* Numbers of the state that are no means. */
enum { TURN, ITERATION, BEST, IS_CONVERGED = BEST + 2, N_NUMBERS = IS_CONVERGED + 2 };

struct smr_mean_field {
  const smr_context *context;
  smr_rbm rbm;
  int64_t n_starts;
  uint64_t seed;
  double *memory;
  side visible, hidden;
  /* The state, with the means: starts that are done; iterations of the next one; of each order the
   * best -F and whether it is a fixed point. */
  double numbers[N_NUMBERS];
};
typedef smr_mean_field mean_field;

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

static smr_status check(const smr_rbm *rbm, int64_t n_starts) {
  const int64_t sizes[3] = {rbm->n_visible * rbm->n_hidden, rbm->n_visible, rbm->n_hidden};
  const float *parts[3] = {rbm->w, rbm->visible_bias, rbm->hidden_bias};
  if (n_starts < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "no mean field from %" PRId64 " starts", n_starts);
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

/* memory: means, fields and reactions of both sides. */
static side make_side(int64_t n, const float *bias, double *memory, int64_t n_both) {
  return (side){
      .n = n, .bias = bias, .m = memory, .field = memory + n_both, .reaction = memory + 2 * n_both};
}

/* Of the start that is under way. */
static int get_order(const mean_field *f) {
  return f->numbers[TURN] < (double)f->n_starts ? 1 : 2;
}

/* What the hidden units feel. */
static void sum_over_visible(mean_field *f) {
  side *h = &f->hidden;
  const int order = get_order(f);
  const size_t bytes = (size_t)h->n * sizeof *h->field;
  memset(h->field, 0, bytes);
  memset(h->reaction, 0, bytes);
  for (int64_t i = 0; i < f->visible.n; i++) {
    const float *row = f->rbm.w + i * h->n;
    const double m = f->visible.m[i];
    const double square = order == 2 ? variance(m) : 0.0;
    for (int64_t j = 0; j < h->n; j++) {
      const double w = (double)row[j];
      h->field[j] += w * m;
      h->reaction[j] += w * w * square;
    }
  }
}

static void sum_over_hidden(mean_field *f) {
  side *v = &f->visible;
  const int order = get_order(f);
  for (int64_t i = 0; i < v->n; i++) {
    const float *row = f->rbm.w + i * f->hidden.n;
    double field = 0.0;
    double reaction = 0.0;
    for (int64_t j = 0; j < f->hidden.n; j++) {
      const double w = (double)row[j];
      field += w * f->hidden.m[j];
      reaction += w * w * variance(f->hidden.m[j]);
    }
    v->field[i] = field;
    v->reaction[i] = order == 2 ? reaction : 0.0;
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

/* One iteration of the two sides in turn; true at a fixed point. */
static bool iterate(mean_field *f) {
  sum_over_visible(f);
  const double hidden = move(&f->hidden);
  sum_over_hidden(f);
  const double visible = move(&f->visible);
  return fmax(hidden, visible) < tolerance;
}

static void begin_start(mean_field *f, int64_t start) {
  const smr_random_key key = {f->seed, smr_random_stream("mean field", 0, 0)};
  smr_random_uniform(key, (uint64_t)start, 0, f->visible.n, f->visible.m);
  smr_random_uniform(key, (uint64_t)start, 1, f->hidden.n, f->hidden.m);
}

/* Keeps the start that ends if it is the best of its order. */
static void end_start(mean_field *f, int64_t start, bool is_fixed) {
  const int order = get_order(f);
  double *best = &f->numbers[BEST + order - 1];
  double *was_fixed = &f->numbers[IS_CONVERGED + order - 1];
  const double value = get_log_z(f);
  if (start == 0 || (is_fixed && *was_fixed == 0.0) ||
      (is_fixed == (*was_fixed != 0.0) && value > *best)) {
    *best = value;
    *was_fixed = is_fixed ? 1.0 : 0.0;
  }
  f->numbers[TURN]++;
  f->numbers[ITERATION] = 0.0;
}

static void work(mean_field *f, int64_t n_iterations) {
  const int64_t turn = smr_mean_field_get_turn(f), start = turn % f->n_starts;
  bool is_fixed = false;
  if (f->numbers[ITERATION] == 0.0) {
    begin_start(f, start);
  }
  for (int64_t k = 0; k < n_iterations && f->numbers[ITERATION] < MOST_ITERATIONS && !is_fixed;
       k++) {
    is_fixed = iterate(f);
    f->numbers[ITERATION]++;
  }
  if (is_fixed || f->numbers[ITERATION] == MOST_ITERATIONS) {
    end_start(f, start, is_fixed);
  }
}

void smr_mean_field_advance(smr_mean_field *f, int64_t n_iterations) {
  const int64_t n = f->visible.n + f->hidden.n;
  if (smr_mean_field_get_turn(f) == 2 * f->n_starts) {
    return;
  }
  if (f->context->rank == 0) {
    work(f, n_iterations);
  }
  smr_broadcast(f->context, 0, f->numbers, sizeof f->numbers);
  smr_broadcast(f->context, 0, f->memory, (size_t)n * sizeof *f->memory);
}

/* --- around it --- */

static smr_status build(mean_field *f) {
  const int64_t v = f->rbm.n_visible, h = f->rbm.n_hidden;
  SMR_TRY(check(&f->rbm, f->n_starts));
  SMR_TRY(smr_memory_alloc(3 * (v + h), sizeof *f->memory, "a mean field", &f->memory));
  f->visible = make_side(v, f->rbm.visible_bias, f->memory, v + h);
  f->hidden = make_side(h, f->rbm.hidden_bias, f->memory + v, v + h);
  f->numbers[BEST] = f->numbers[BEST + 1] = NAN;
  return SMR_OK;
}

smr_status smr_mean_field_create(const smr_context *context, const smr_rbm *rbm, int64_t n_starts,
                                 uint64_t seed, smr_mean_field **out) {
  mean_field *f = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *f, "a mean field", &f);
  if (status == SMR_OK) {
    f->context = context;
    f->rbm = *rbm;
    f->n_starts = n_starts;
    f->seed = seed;
    status = build(f);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK) {
    smr_mean_field_destroy(&f);
  }
  *out = f;
  return status;
}

void smr_mean_field_destroy(smr_mean_field **field) {
  if (*field != NULL) {
    smr_memory_free((*field)->memory);
    smr_memory_free(*field);
    *field = NULL;
  }
}

int64_t smr_mean_field_get_turn(const smr_mean_field *f) {
  return (int64_t)f->numbers[TURN];
}

double smr_mean_field_get_log_z(const smr_mean_field *f, int order, bool *is_converged) {
  *is_converged = f->numbers[IS_CONVERGED + order - 1] != 0.0;
  return f->numbers[BEST + order - 1];
}

smr_status smr_mean_field_list_state(smr_mean_field *f, smr_state *state) {
  SMR_TRY(smr_state_append(
      state,
      &(smr_state_array){.array = {.name = "mean_field_numbers",
                                   .type = SMR_F64,
                                   .n_dimensions = 1,
                                   .shape = {N_NUMBERS},
                                   .dimensions = {"mean_field_number"},
                                   .meaning = "starts done, iterations, best values, whether fixed",
                                   .data = f->numbers}}));
  SMR_TRY(smr_state_append(
      state,
      &(smr_state_array){.array = {.name = "means",
                                   .type = SMR_F64,
                                   .n_dimensions = 1,
                                   .shape = {f->visible.n + f->hidden.n},
                                   .dimensions = {"mean_field_unit"},
                                   .meaning = "means of the visible, then of the hidden units",
                                   .data = f->memory}}));
  return SMR_OK;
}

static smr_status check_state(const mean_field *f) {
  const double turn = f->numbers[TURN], iteration = f->numbers[ITERATION];
  bool is_good = turn >= 0.0 && turn <= 2.0 * (double)f->n_starts && turn == floor(turn) &&
                 iteration >= 0.0 && iteration < MOST_ITERATIONS && iteration == floor(iteration);
  for (int64_t i = 0; i < f->visible.n + f->hidden.n; i++) {
    is_good = is_good && f->memory[i] >= 0.0 && f->memory[i] <= 1.0;
  }
  if (!is_good) {
    SMR_FAIL(SMR_ERR_INPUT, "the state to go on from is none of a mean field");
  }
  return SMR_OK;
}

smr_status smr_mean_field_resume(smr_mean_field *f) {
  return smr_agree(f->context, check_state(f));
}
