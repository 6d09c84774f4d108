/* Passes over the rows of a logistic regression: sums over fixed blocks in a fixed tree.
 *
 * A leaf is one block on the rank and thread that takes it; it also brings what the rank keeps of
 * that block (eta, z) up to date. */
#include <math.h>
#include <string.h>

#include "logistic_private.h"
#include "simmer/base/integer.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/dense.h"

enum { B = SMR_LOGISTIC_BLOCK, LD = SMR_LOGISTIC_LD };

/* One block as a leaf sees it. */
typedef struct {
  int64_t count;
  const double *x, *y;
  double *eta, *z;
  const bool *held; /* NULL: none */
} block_view;

/* A held row resists like a spring this stiff; an ordinary one at most like 1/4. */
static const double stiffness = 1e8;

static block_view get_view(const smr_logistic *problem, int64_t block) {
  const int64_t k = block - problem->first_block;
  return (block_view){smr_int_min(B, problem->n - block * B),
                      problem->x + k * LD * problem->q,
                      problem->y + k * B,
                      problem->eta + k * B,
                      problem->z + k * B,
                      problem->held == NULL ? NULL : problem->held + k * B};
}

/* log(1 + exp(-m)), and 1/(1 + exp(m)), which is minus its derivative; both to full relative
 * precision at either end. */
static double loss_of(double m) {
  return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
}

static double pull_of(double m) {
  const double e = exp(-fabs(m));
  return m > 0 ? e / (1 + e) : 1 / (1 + e);
}

/* --- along the direction --- */

typedef struct {
  smr_logistic *problem;
  double t;
  bool is_new;
} look_work;

static const smr_logistic_line nothing = {
    .min_margin = HUGE_VAL, .min_rise = HUGE_VAL, .max_rise = -HUGE_VAL};

/* One held row's part of a line. */
static void add_held(double eta, double z, smr_logistic_line *line) {
  line->loss += stiffness / 2 * eta * eta;
  line->slope += stiffness * eta * z;
  line->max_held = fmax(line->max_held, fabs(eta));
}

static smr_status look_leaf(void *self, int thread, int64_t block, void *value) {
  (void)thread;
  const look_work *work = self;
  const block_view v = get_view(work->problem, block);
  smr_logistic_line line = nothing;
  if (work->is_new) {
    SMR_TRY(smr_dense_apply(v.count, work->problem->q, v.x, LD, work->problem->direction, v.z));
  }
  for (int64_t i = 0; i < v.count; ++i) {
    const double eta = v.eta[i] + work->t * v.z[i];
    const double margin = v.y[i] * eta, rise = v.y[i] * v.z[i];
    line.min_rise = fmin(line.min_rise, rise);
    line.max_rise = fmax(line.max_rise, rise);
    if (v.held != NULL && v.held[i]) {
      add_held(eta, v.z[i], &line);
      continue;
    }
    line.loss += loss_of(margin);
    line.slope -= rise * pull_of(margin);
    line.n_right += (eta > 0) == (v.y[i] > 0);
    line.min_margin = fmin(line.min_margin, margin);
    line.max_eta = fmax(line.max_eta, fabs(eta));
  }
  memcpy(value, &line, sizeof line);
  return SMR_OK;
}

static smr_status look_combine(void *self, int thread, void *left, void *right) {
  (void)self;
  (void)thread;
  smr_logistic_line *a = left;
  const smr_logistic_line *b = right;
  a->loss += b->loss;
  a->slope += b->slope;
  a->n_right += b->n_right;
  a->min_margin = fmin(a->min_margin, b->min_margin);
  a->max_eta = fmax(a->max_eta, b->max_eta);
  a->max_held = fmax(a->max_held, b->max_held);
  a->min_rise = fmin(a->min_rise, b->min_rise);
  a->max_rise = fmax(a->max_rise, b->max_rise);
  return SMR_OK;
}

smr_status smr_logistic_look(smr_logistic *problem, double t, bool is_new,
                             smr_logistic_line *line) {
  look_work work = {problem, t, is_new};
  const smr_reduce_tree tree = {.n_shards = problem->n_blocks,
                                .value_bytes = sizeof *line,
                                .self = &work,
                                .leaf = look_leaf,
                                .combine = look_combine};
  return smr_reduce_run(problem->context, &tree, line);
}

/* --- derivatives: value of a block = [3 + q (+ q q)]: size, curvature, loss, gradient, Hessian ---
 */

enum { SIZE, CURVATURE, LOSS, N_SCALARS };

void smr_logistic_hold(smr_logistic *problem, double margin, bool is_more) {
  for (int64_t k = 0; k < problem->n_local; ++k) {
    const block_view v = get_view(problem, problem->first_block + k);
    bool *held = problem->held_rows + k * B;
    for (int64_t i = 0; i < v.count; ++i) {
      held[i] = (is_more && held[i]) || (fabs(v.z[i]) <= 0.1 && v.y[i] * v.eta[i] <= margin);
    }
  }
}

int64_t smr_logistic_count_sums(const smr_logistic *problem) {
  const int64_t q = problem->q;
  return N_SCALARS + q + (problem->is_newton ? q * q : 0);
}

typedef struct {
  smr_logistic *problem;
  double t;
  bool is_fresh;
} slope_work;

/* eta at the point, dloss/deta into pull[count], the square root of the second derivative into
 * root[count]. */
static smr_status weigh_rows(const slope_work *work, const block_view *v, double *pull,
                             double *root, double *value) {
  if (work->is_fresh) {
    SMR_TRY(smr_dense_apply(v->count, work->problem->q, v->x, LD, work->problem->u, v->eta));
  }
  for (int64_t i = 0; i < v->count; ++i) {
    v->eta[i] += work->is_fresh ? 0 : work->t * v->z[i];
    if (v->held != NULL && v->held[i]) {
      pull[i] = stiffness * v->eta[i];
      root[i] = sqrt(stiffness);
      value[LOSS] += stiffness / 2 * v->eta[i] * v->eta[i];
      continue;
    }
    const double margin = v->y[i] * v->eta[i];
    const double p = pull_of(margin), second = p * pull_of(-margin);
    pull[i] = -v->y[i] * p;
    root[i] = sqrt(second);
    value[SIZE] += p;
    value[CURVATURE] += second;
    value[LOSS] += loss_of(margin);
  }
  return SMR_OK;
}

static smr_status slope_leaf(void *self, int thread, int64_t block, void *value) {
  const slope_work *work = self;
  const smr_logistic *problem = work->problem;
  const block_view v = get_view(problem, block);
  double pull[B], root[B];
  double *out = value;
  SMR_TRY(weigh_rows(work, &v, pull, root, out));
  SMR_TRY(smr_dense_apply_transposed(v.count, problem->q, v.x, LD, pull, out + N_SCALARS));
  if (!problem->is_newton) {
    return SMR_OK;
  }
  double *weighted = problem->work[thread];
  for (int64_t j = 0; j < problem->q; ++j) {
    for (int64_t i = 0; i < v.count; ++i) {
      weighted[j * LD + i] = root[i] * v.x[j * LD + i];
    }
  }
  return smr_dense_gram(v.count, problem->q, weighted, LD, out + N_SCALARS + problem->q);
}

static smr_status slope_combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const slope_work *work = self;
  const int64_t n = smr_logistic_count_sums(work->problem);
  double *a = left;
  const double *b = right;
  for (int64_t i = 0; i < n; ++i) {
    a[i] += b[i];
  }
  return SMR_OK;
}

smr_status smr_logistic_differentiate(smr_logistic *problem, bool is_fresh, double t,
                                      smr_logistic_slope *slope) {
  slope_work work = {problem, t, is_fresh};
  const int64_t n = smr_logistic_count_sums(problem);
  const smr_reduce_tree tree = {.n_shards = problem->n_blocks,
                                .value_bytes = (size_t)n * sizeof(double),
                                .self = &work,
                                .leaf = slope_leaf,
                                .combine = slope_combine};
  SMR_TRY(smr_reduce_run(problem->context, &tree, problem->sums));
  double *sums = problem->sums;
  *slope =
      (smr_logistic_slope){.gradient = sums + N_SCALARS,
                           .size = sums[SIZE],
                           .curvature = sums[CURVATURE],
                           .loss = sums[LOSS],
                           .hessian = problem->is_newton ? sums + N_SCALARS + problem->q : NULL};
  return SMR_OK;
}
