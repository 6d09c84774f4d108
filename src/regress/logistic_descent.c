/* Minimisation at one lambda: directions, a line search on the exact slope, and when to stop. */
#include <math.h>

#include "logistic_private.h"

/* Relative rounding of an objective, and how often a search may look. */
static const double rounding = 1e-13;
enum { MOST_LOOKS = 80, QUASI_STEPS = 5 };

/* Value and slope of the objective at one step length. */
typedef struct {
  double t, value, slope;
  smr_logistic_line line;
} point;

/* lambda/2 sum c (u + t d)^2 and its derivative by t. */
static void add_penalty(const smr_logistic *problem, double lambda, point *at) {
  double value = 0, slope = 0;
  for (int64_t j = 0; j < problem->p; ++j) {
    const double u = problem->u[j] + at->t * problem->direction[j];
    value += problem->weight[j] * u * u;
    slope += problem->weight[j] * u * problem->direction[j];
  }
  at->value += lambda / 2 * value;
  at->slope += lambda * slope;
}

static smr_status look(smr_logistic *problem, double lambda, double t, bool is_new, point *at) {
  *at = (point){.t = t};
  SMR_TRY(smr_logistic_look(problem, t, is_new, &at->line));
  at->value = at->line.loss;
  at->slope = at->line.slope;
  add_penalty(problem, lambda, at);
  return SMR_OK;
}

/* Enough of a fall: Armijo's rule, or, where values differ by rounding alone, the slope's sign and
 * size (Hager & Zhang 2005). NaN is too far. */
static bool is_low(const point *start, const point *at) {
  return at->value <= start->value + 1e-4 * at->t * start->slope ||
         (at->value <= start->value + rounding * fabs(start->value) &&
          at->slope <= -0.8 * start->slope);
}

/* The next step length between a too short and a too long one: where the slope, which only rises,
 * would be 0 on a straight line, kept off the ends. */
static double interpolate(const point *low, const point *high) {
  const double width = high->t - low->t;
  double t = low->t - low->slope * width / (high->slope - low->slope);
  if (!(t >= low->t + 0.1 * width)) {
    t = low->t + 0.1 * width;
  }
  return t <= high->t - 0.1 * width ? t : high->t - 0.1 * width;
}

/* Step length with Wolfe's conditions along the direction, t = 1 first; *found = false when
 * rounding hides any. Every rank takes the same turns: all numbers come from reductions. */
static smr_status search(smr_logistic *problem, double lambda, const point *start, point *out,
                         bool *found) {
  point low = *start, high = {.t = HUGE_VAL};
  double t = 1;
  *found = false;
  for (int k = 0; k < MOST_LOOKS && !*found; ++k) {
    SMR_TRY(look(problem, lambda, t, k == 0, out));
    if (!is_low(start, out)) {
      high = *out;
    } else if (out->slope < 0.9 * start->slope) {
      low = *out;
    } else {
      *found = true;
    }
    if (!isfinite(high.t)) {
      t = 4 * low.t > 1 ? 4 * low.t : 4;
    } else if (isfinite(high.slope) && high.slope > low.slope) {
      t = interpolate(&low, &high);
    } else {
      t = low.t + 0.1 * (high.t - low.t);
    }
  }
  return SMR_OK;
}

/* Gradient of the objective, and how large it is beside what it is a sum of. */
static double set_gradient(smr_logistic *problem, double lambda, const smr_logistic_slope *slope) {
  double most = 0;
  for (int64_t j = 0; j < problem->q; ++j) {
    const double g = slope->gradient[j] + lambda * problem->weight[j] * problem->u[j];
    problem->gradient[j] = g;
    most = fmax(most, fabs(g));
  }
  return slope->size > 0 ? most / slope->size : 0;
}

/* What one descent carries from step to step. */
typedef struct {
  double lambda;
  smr_logistic_slope slope;
  double measure; /* of the gradient */
  point at;
  smr_logistic_memory memory;
  int quasi_steps;
} descent;

/* A step in which no predictor moves by more than 1e-6 leaves Newton's method, which squares its
 * error, at rounding. */
static bool is_converged(const smr_logistic *problem, const descent *d) {
  const smr_logistic_line *line = &d->at.line;
  const double move = d->at.t * fmax(fabs(line->min_rise), fabs(line->max_rise));
  if (problem->is_newton) {
    return d->at.t >= 1 && (move <= 1e-6 * fmin(1, line->max_eta) || move <= 1e-15);
  }
  return d->measure <= 1e-12;
}

/* At lambda = 0: is there a proof that no minimum exists? */
static bool find_separation(descent *d, smr_logistic_outcome *outcome) {
  const smr_logistic_line *line = &d->at.line;
  if (line->min_margin > 1e-12 * line->max_eta) {
    *outcome = SMR_LOGISTIC_SEPARABLE;
    return true;
  }
  /* No row's margin falls along the direction, and some rise. One such step may be chance: other
   * directions differ in the last digits. A direction in which all margins rise will separate. */
  const bool is_flat = line->max_rise > 1e-6 && fabs(line->min_rise) <= 1e-9 * line->max_rise;
  d->quasi_steps = is_flat ? d->quasi_steps + 1 : 0;
  *outcome = SMR_LOGISTIC_QUASI_SEPARABLE;
  return d->quasi_steps >= QUASI_STEPS;
}

/* One step; *found = false when there is none to take any more. */
static smr_status take_step(smr_logistic *problem, descent *d, bool *found) {
  point start = {0};
  if (problem->is_newton) {
    SMR_TRY(smr_logistic_newton(problem, d->lambda, &d->slope));
  } else {
    smr_logistic_lbfgs(problem, d->lambda, &d->slope, &d->memory);
  }
  start.value = d->slope.loss;
  add_penalty(problem, d->lambda, &start);
  start.slope = 0;
  for (int64_t j = 0; j < problem->q; ++j) {
    start.slope += problem->gradient[j] * problem->direction[j];
  }
  *found = start.slope < 0;
  if (!*found) {
    return SMR_OK;
  }
  SMR_TRY(search(problem, d->lambda, &start, &d->at, found));
  if (!*found) {
    return SMR_OK;
  }
  for (int64_t j = 0; j < problem->q; ++j) {
    problem->u[j] += d->at.t * problem->direction[j];
  }
  SMR_TRY(smr_logistic_differentiate(problem, false, d->at.t, &d->slope));
  d->measure = set_gradient(problem, d->lambda, &d->slope);
  if (!problem->is_newton) {
    smr_logistic_memory_add(&d->memory, problem, d->at.t);
  }
  return SMR_OK;
}

static int64_t get_most(const smr_logistic *problem) {
  const int64_t most = problem->config.most_iterations;
  return most >= 0 ? most : problem->is_newton ? 100 : 10000;
}

static smr_status iterate(smr_logistic *problem, descent *d, smr_logistic_fit *fit) {
  const int64_t most = get_most(problem);
  fit->outcome = SMR_LOGISTIC_NOT_CONVERGED;
  /* A gradient of 1e-15 of its terms is 0. */
  bool is_done = d->measure <= 1e-15;
  if (is_done) {
    fit->outcome = SMR_LOGISTIC_CONVERGED;
  }
  while (!is_done && fit->iterations < most) {
    bool found = false;
    SMR_TRY(take_step(problem, d, &found));
    if (!found) {
      /* What is left is rounding, if it is small. */
      fit->outcome = d->measure <= 1e-10 ? SMR_LOGISTIC_CONVERGED : SMR_LOGISTIC_NOT_CONVERGED;
      break;
    }
    fit->iterations++;
    if (d->lambda == 0 && find_separation(d, &fit->outcome)) {
      break;
    }
    is_done = is_converged(problem, d);
    fit->outcome = is_done ? SMR_LOGISTIC_CONVERGED : SMR_LOGISTIC_NOT_CONVERGED;
  }
  return SMR_OK;
}

smr_status smr_logistic_descend(smr_logistic *problem, double lambda, smr_logistic_fit *fit) {
  descent d = {.lambda = lambda};
  point end;
  smr_status status = SMR_OK;
  *fit = (smr_logistic_fit){0};
  SMR_TRY_DONE(smr_agree(problem->context, smr_logistic_memory_create(problem->q, &d.memory)));
  SMR_TRY_DONE(smr_logistic_differentiate(problem, true, 0, &d.slope));
  d.measure = set_gradient(problem, lambda, &d.slope);
  SMR_TRY_DONE(iterate(problem, &d, fit));
  SMR_TRY_DONE(look(problem, lambda, 0, false, &end));
  fit->loss = end.line.loss;
  fit->n_right = (int64_t)end.line.n_right;
  fit->gradient = d.measure;
  /* Without Newton's steps a gradient that vanishes says nothing of rows that have run away. */
  if (lambda == 0 && !problem->is_newton && fit->outcome == SMR_LOGISTIC_CONVERGED &&
      end.line.max_eta > 25) {
    fit->outcome = SMR_LOGISTIC_NOT_CONVERGED;
  }
done:
  smr_logistic_memory_clear(&d.memory);
  return status;
}
