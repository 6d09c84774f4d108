/* Minimisation at one lambda: directions, a line search on the exact slope, and when to stop. */
#include <math.h>
#include <string.h>

#include "logistic_private.h"
#include "simmer/base/memory.h"

/* Relative rounding of an objective, and how often a search may look. */
static const double rounding = 1e-13;
enum { MOST_LOOKS = 80, PROBE_STEPS = 60, PROBE_ROUNDS = 8 };
/* Probes for quasi-separation: how far the objective has come to rest, and the margin beyond which
 * a row has run away, whatever its last step. */
static const struct {
  double rest, margin;
} probes[] = {{1e-7, HUGE_VAL}, {1e-7, 40},        {1e-11, HUGE_VAL},
              {1e-11, 40},      {1e-15, HUGE_VAL}, {1e-15, 40}};
enum { MOST_PROBES = sizeof probes / sizeof probes[0] };

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

/* Newton's step so small that the next would be rounding: no predictor moves by more than 1e-6, and
 * the method squares its error. It is taken whole, as rounding may hide that it leads down. */
static bool is_last_step(const smr_logistic *problem, const point *at) {
  const double move = fmax(fabs(at->line.min_rise), fabs(at->line.max_rise));
  return problem->is_newton && at->t == 1 &&
         (move <= 1e-6 * fmin(1, at->line.max_eta) || move <= 1e-15);
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
    const bool is_last = is_last_step(problem, out);
    if (!is_last && !is_low(start, out)) {
      high = *out;
    } else if (!is_last && out->slope < 0.9 * start->slope) {
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
  int n_probes;
} descent;

static bool is_converged(const smr_logistic *problem, const descent *d) {
  return problem->is_newton ? is_last_step(problem, &d->at) : d->measure <= 1e-12;
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

/* Has the objective come to rest, to this share of its value, while predictors go on? */
static bool is_resting(const descent *d, double share) {
  const double move = fmax(fabs(d->at.line.min_rise), fabs(d->at.line.max_rise));
  return move > 1e-3 && fabs(d->at.slope) <= share * d->at.value;
}

/* Is there a direction that leaves the held rows where they are and moves all others to the right
 * side? *is_open: not found, but there may be one if more rows are held. Changes u and eta. */
static smr_status probe(smr_logistic *problem, bool *is_separable, bool *is_open) {
  descent d = {.lambda = 0};
  *is_separable = false;
  *is_open = false;
  memset(problem->u, 0, (size_t)problem->q * sizeof *problem->u);
  SMR_TRY(smr_logistic_differentiate(problem, true, 0, &d.slope));
  d.measure = set_gradient(problem, 0, &d.slope);
  /* Without a pull every row is held. */
  for (int k = 0; k < PROBE_STEPS && d.slope.size > 0; ++k) {
    bool found = false;
    SMR_TRY(take_step(problem, &d, &found));
    if (!found || is_converged(problem, &d)) {
      break;
    }
    const smr_logistic_line *line = &d.at.line;
    *is_separable = line->min_margin > 0 && line->max_held <= 1e-9 * line->max_eta;
    *is_open = is_resting(&d, 1e-7);
    if (*is_separable || *is_open) {
      break;
    }
  }
  return SMR_OK;
}

/* Holds the rows that have stayed, and asks if the others can go on for ever; where some of those
 * turn out to stay too, asks again without them. */
static smr_status probe_quasi(smr_logistic *problem, descent *d, bool *is_quasi) {
  const double margin = probes[d->n_probes++].margin;
  const size_t bytes = (size_t)problem->q * sizeof *problem->u;
  double *u = NULL;
  bool is_open = true;
  smr_status status =
      smr_agree(problem->context, smr_memory_alloc(problem->q, sizeof *u, "coefficients", &u));
  SMR_TRY_DONE(status);
  memcpy(u, problem->u, bytes);
  for (int round = 0; round < PROBE_ROUNDS && is_open; ++round) {
    smr_logistic_hold(problem, margin, round > 0);
    problem->held = problem->held_rows;
    SMR_TRY_DONE(probe(problem, is_quasi, &is_open));
    is_open = is_open && !*is_quasi;
  }
  problem->held = NULL;
  memcpy(problem->u, u, bytes);
  SMR_TRY_DONE(smr_logistic_differentiate(problem, true, 0, &d->slope));
  d->measure = set_gradient(problem, 0, &d->slope);
done:
  problem->held = NULL;
  smr_memory_free(u);
  return status;
}

/* At lambda = 0: is there a proof that no minimum exists? */
static smr_status find_separation(smr_logistic *problem, descent *d, smr_logistic_fit *fit,
                                  bool *is_proved) {
  const smr_logistic_line *line = &d->at.line;
  *is_proved = line->min_margin > 1e-12 * line->max_eta;
  if (*is_proved) {
    fit->outcome = SMR_LOGISTIC_SEPARABLE;
    return SMR_OK;
  }
  if (problem->is_newton && d->n_probes < MOST_PROBES && is_resting(d, probes[d->n_probes].rest)) {
    SMR_TRY(probe_quasi(problem, d, is_proved));
    fit->outcome = SMR_LOGISTIC_QUASI_SEPARABLE;
  }
  return SMR_OK;
}

static int64_t get_most(const smr_logistic *problem) {
  const int64_t most = problem->config.most_iterations;
  return most >= 0 ? most : problem->is_newton ? 200 : 10000;
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
    if (d->lambda == 0) {
      bool is_proved = false;
      SMR_TRY(find_separation(problem, d, fit, &is_proved));
      if (is_proved) {
        break;
      }
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
