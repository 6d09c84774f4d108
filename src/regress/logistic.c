/* Logistic regression: the problem's memory, warm starts, and coefficients as the caller's columns
 * have them. */
#include "simmer/regress/logistic.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "logistic_private.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* Decades of warm starts below the first. */
enum { MOST_RUNGS = 30 };

static smr_status allocate_rows(smr_logistic *problem) {
  const int64_t rows = problem->n_local * SMR_LOGISTIC_BLOCK;
  const int64_t block = SMR_LOGISTIC_LD * problem->q;
  SMR_TRY(smr_memory_alloc(problem->n_local * block, sizeof(double), "training rows", &problem->x));
  SMR_TRY(smr_memory_alloc(rows, sizeof(double), "labels", &problem->y));
  SMR_TRY(smr_memory_alloc(rows, sizeof(double), "predictors", &problem->eta));
  SMR_TRY(smr_memory_alloc(rows, sizeof(double), "predictors", &problem->z));
  if (!problem->is_newton) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(rows, sizeof(bool), "marks of rows", &problem->held_rows));
  SMR_TRY(smr_memory_alloc(problem->n_threads, sizeof(double *), "workspaces", &problem->work));
  for (int i = 0; i < problem->n_threads; ++i) {
    SMR_TRY(smr_memory_alloc(block, sizeof(double), "weighted rows", &problem->work[i]));
  }
  return SMR_OK;
}

static smr_status allocate(smr_logistic *problem) {
  const int64_t q = problem->q;
  const char *what = "coefficients";
  SMR_TRY(smr_memory_alloc(problem->p, sizeof(double), what, &problem->mean));
  SMR_TRY(smr_memory_alloc(problem->p, sizeof(double), what, &problem->scale));
  SMR_TRY(smr_memory_alloc(q, sizeof(double), what, &problem->weight));
  SMR_TRY(smr_memory_alloc(q, sizeof(double), what, &problem->u));
  SMR_TRY(smr_memory_alloc(q, sizeof(double), what, &problem->direction));
  SMR_TRY(smr_memory_alloc(q, sizeof(double), what, &problem->gradient));
  SMR_TRY(smr_memory_alloc(q, sizeof(double), what, &problem->rung_u));
  SMR_TRY(smr_memory_alloc(smr_int_max(smr_logistic_count_sums(problem), problem->p + 1),
                           sizeof(double), "sums over the rows", &problem->sums));
  return allocate_rows(problem);
}

/* 10^k without the library's pow: the same bits everywhere. */
static double get_power(int k) {
  double power = 1;
  for (int i = 0; i < k; ++i) {
    power *= 10;
  }
  for (int i = 0; i > k; --i) {
    power /= 10;
  }
  return power;
}

/* The first warm start is where the penalty is as stiff as all of the loss at w = 0. */
static void choose_top(smr_logistic *problem) {
  double trace = 0;
  for (int64_t j = 0; j < problem->p; ++j) {
    trace += problem->scale[j] > 0 ? (double)problem->n / 4 / problem->weight[j] : 0;
  }
  problem->top = -300;
  while (problem->top < 300 && get_power(problem->top) < trace) {
    problem->top++;
  }
  problem->rung = problem->top + 1;
}

static bool is_newton(const smr_logistic_config *config, int64_t p) {
  return config->method == SMR_LOGISTIC_NEWTON ||
         (config->method == SMR_LOGISTIC_AUTO && p <= SMR_LOGISTIC_NEWTON_FEATURES);
}

static smr_status check_shape(const smr_row_source *source) {
  if (source->n_rows < 1 || source->n_cols < 1) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a logistic regression without rows or features");
  }
  return SMR_OK;
}

smr_status smr_logistic_create(const smr_context *context, const smr_row_source *source,
                               const smr_logistic_config *config, smr_logistic **out) {
  smr_logistic *problem = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(check_shape(source));
  SMR_TRY(smr_agree(context, smr_memory_alloc(1, sizeof *problem, "a problem", &problem)));
  *problem = (smr_logistic){.context = context,
                            .config = *config,
                            .is_newton = is_newton(config, source->n_cols),
                            .n = source->n_rows,
                            .p = source->n_cols,
                            .q = source->n_cols + config->intercept,
                            .n_threads = omp_get_max_threads()};
  problem->n_blocks = smr_int_ceil_divide(problem->n, SMR_LOGISTIC_BLOCK);
  smr_int_share(problem->n_blocks, context->size, context->rank, &problem->first_block,
                &problem->n_local);
  SMR_TRY_DONE(smr_agree(context, allocate(problem)));
  SMR_TRY_DONE(smr_logistic_read_rows(problem, source));
  choose_top(problem);
done:
  if (status != SMR_OK) {
    smr_logistic_destroy(&problem);
  }
  *out = problem;
  return status;
}

void smr_logistic_destroy(smr_logistic **problem) {
  smr_logistic *p = problem == NULL ? NULL : *problem;
  if (p == NULL) {
    return;
  }
  for (int i = 0; p->work != NULL && i < p->n_threads; ++i) {
    smr_memory_free(p->work[i]);
  }
  double *const arrays[] = {p->x,      p->y, p->eta,       p->z,        p->mean, p->scale,
                            p->weight, p->u, p->direction, p->gradient, p->sums, p->rung_u};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; ++i) {
    smr_memory_free(arrays[i]);
  }
  smr_memory_free(p->held_rows);
  smr_memory_free(p->work);
  smr_memory_free(p);
  *problem = NULL;
}

/* u = the solution at 10^k, by way of all higher powers of ten from the top on. */
static smr_status climb_down(smr_logistic *problem, int k) {
  smr_logistic_fit fit;
  const size_t bytes = (size_t)problem->q * sizeof(double);
  if (problem->rung < k) {
    problem->rung = problem->top + 1;
  }
  if (problem->rung > problem->top) {
    memset(problem->rung_u, 0, bytes);
  }
  memcpy(problem->u, problem->rung_u, bytes);
  while (problem->rung > k) {
    SMR_TRY(smr_logistic_descend(problem, get_power(problem->rung - 1), &fit));
    problem->rung_iterations = fit.iterations;
    memcpy(problem->rung_u, problem->u, bytes);
    problem->rung--;
  }
  return SMR_OK;
}

/* Starts from the next power of ten at or above lambda; from 0 at lambda = 0 and above the top. */
static smr_status start(smr_logistic *problem, double lambda, int64_t *iterations) {
  int k = problem->top;
  if (lambda == 0 || lambda > get_power(k)) {
    memset(problem->u, 0, (size_t)problem->q * sizeof(double));
    *iterations = 0;
    return SMR_OK;
  }
  while (k > problem->top - MOST_RUNGS && get_power(k - 1) >= lambda) {
    k--;
  }
  SMR_TRY(climb_down(problem, k));
  *iterations = problem->rung_iterations;
  return SMR_OK;
}

/* Back to the caller's columns. */
static void convert(const smr_logistic *problem, double *w, double *b, double *norm) {
  double squares = 0;
  *b = problem->config.intercept ? problem->u[problem->p] : 0;
  for (int64_t j = 0; j < problem->p; ++j) {
    w[j] = problem->scale[j] > 0 ? problem->u[j] / problem->scale[j] : 0;
    *b -= problem->mean[j] * w[j];
    squares += problem->weight[j] * problem->u[j] * problem->u[j];
  }
  *norm = sqrt(squares);
}

smr_status smr_logistic_solve(smr_logistic *problem, double lambda, double *w, double *b,
                              smr_logistic_fit *fit) {
  *fit = (smr_logistic_fit){.outcome = SMR_LOGISTIC_ONE_CLASS, .n_right = problem->n};
  if (!(lambda >= 0 && isfinite(lambda))) {
    SMR_FAIL(SMR_ERR_INTERNAL, "lambda = %g", lambda);
  }
  if (problem->is_one_class) {
    memset(w, 0, (size_t)problem->p * sizeof(double));
    *b = problem->is_positive ? HUGE_VAL : -HUGE_VAL;
    return SMR_OK;
  }
  int64_t iterations = 0;
  SMR_TRY(start(problem, lambda, &iterations));
  SMR_TRY(smr_logistic_descend(problem, lambda, fit));
  fit->iterations += iterations;
  convert(problem, w, b, &fit->norm);
  if (fit->outcome == SMR_LOGISTIC_SEPARABLE || fit->outcome == SMR_LOGISTIC_QUASI_SEPARABLE) {
    fit->norm = HUGE_VAL;
  }
  return SMR_OK;
}

int64_t smr_logistic_count_bytes(const smr_logistic_config *config, int64_t n, int64_t p,
                                 int n_ranks) {
  const int64_t q = p + config->intercept;
  const int64_t blocks = smr_int_ceil_divide(n, SMR_LOGISTIC_BLOCK);
  const int64_t n_local = smr_int_ceil_divide(blocks, n_ranks);
  const int64_t rows = 8 * n_local * (SMR_LOGISTIC_LD * q + 3 * SMR_LOGISTIC_BLOCK);
  const int64_t vectors = 8 * q * (10 + 2 * SMR_LOGISTIC_PAIRS);
  int64_t depth = 2;
  while ((int64_t)1 << (depth - 2) < n_local) {
    depth++;
  }
  const int64_t values = 8 * depth * (q + 8);
  return rows + vectors + values +
         (is_newton(config, p) ? 8 * ((depth + 2) * q * q + SMR_LOGISTIC_LD * q) : 0);
}

double smr_logistic_count_flops(const smr_logistic_config *config, int64_t n, int64_t p,
                                int64_t n_lambda, double *slow) {
  const double q = (double)(p + config->intercept), rows = (double)n, times = (double)n_lambda;
  const double a_pass = rows * (4 * q + 100);
  /* Typical numbers of iterations at one lambda, warm starts included. */
  if (is_newton(config, p)) {
    *slow = 6 * times * (a_pass + 2e3);
    return 6 * times * (rows * q * q + q * q * q / 3);
  }
  *slow = 150 * times * (a_pass + 160 * q + 2e3);
  return 0;
}

double smr_logistic_cover(int64_t n, int64_t p, bool intercept) {
  const int64_t q = p + intercept;
  if (q >= n) {
    return 1;
  }
  double log_term = -(double)(n - 1) * log(2.0), sum = 0;
  for (int64_t k = 0; k < q; ++k) {
    sum += exp(log_term);
    log_term += log((double)(n - 1 - k) / (double)(k + 1));
  }
  return sum;
}
