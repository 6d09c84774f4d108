/* Descent directions: Newton's, and L-BFGS's. */
#include <math.h>
#include <string.h>

#include "logistic_private.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/dense.h"

/* One rank solves, so that a mixture of CPU types in one group doesn't part the ranks' ways. */
smr_status smr_logistic_newton(smr_logistic *problem, double lambda,
                               const smr_logistic_slope *slope) {
  const int64_t q = problem->q;
  smr_status status = SMR_OK;
  if (problem->context->rank == 0) {
    double shift = 0;
    for (int64_t j = 0; j < q; ++j) {
      slope->hessian[j * q + j] += lambda * problem->weight[j];
      problem->direction[j] = -problem->gradient[j];
    }
    status = smr_dense_solve(q, slope->hessian, problem->direction, &shift);
  }
  SMR_TRY(smr_agree_root(problem->context, 0, status));
  smr_broadcast(problem->context, 0, problem->direction, (size_t)q * sizeof(double));
  return SMR_OK;
}

smr_status smr_logistic_memory_create(int64_t q, smr_logistic_memory *memory) {
  const char *what = "the memory of L-BFGS";
  *memory = (smr_logistic_memory){.q = q};
  SMR_TRY(smr_memory_alloc(SMR_LOGISTIC_PAIRS * q, sizeof(double), what, &memory->steps));
  SMR_TRY(smr_memory_alloc(SMR_LOGISTIC_PAIRS * q, sizeof(double), what, &memory->changes));
  SMR_TRY(smr_memory_alloc(SMR_LOGISTIC_PAIRS, sizeof(double), what, &memory->inverse));
  return smr_memory_alloc(q, sizeof(double), what, &memory->previous);
}

void smr_logistic_memory_clear(smr_logistic_memory *memory) {
  smr_memory_free(memory->steps);
  smr_memory_free(memory->changes);
  smr_memory_free(memory->inverse);
  smr_memory_free(memory->previous);
}

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

void smr_logistic_memory_add(smr_logistic_memory *memory, const smr_logistic *problem, double t) {
  double *step = memory->steps + memory->at * memory->q;
  double *change = memory->changes + memory->at * memory->q;
  for (int64_t j = 0; j < memory->q; ++j) {
    step[j] = t * problem->direction[j];
    change[j] = problem->gradient[j] - memory->previous[j];
  }
  const double product = dot(memory->q, step, change);
  /* A pair of rounding errors would spoil the curvature. */
  if (product > 1e-14 * sqrt(dot(memory->q, step, step) * dot(memory->q, change, change))) {
    memory->inverse[memory->at] = 1 / product;
    memory->at = (memory->at + 1) % SMR_LOGISTIC_PAIRS;
    memory->n += memory->n < SMR_LOGISTIC_PAIRS;
  }
}

/* Diagonal of the Hessian, since columns have unit variance: sum of second derivatives + penalty.
 */
static double get_diagonal(const smr_logistic *problem, double lambda,
                           const smr_logistic_slope *slope, int64_t j) {
  const double diagonal = slope->curvature + lambda * problem->weight[j];
  return diagonal > 0 ? diagonal : 1;
}

/* The first guess of the inverse Hessian: that diagonal, scaled to the latest pair. */
static void apply_guess(const smr_logistic *problem, double lambda, const smr_logistic_slope *slope,
                        const smr_logistic_memory *memory, double *v) {
  double factor = 1;
  if (memory->n > 0) {
    const int64_t last = (memory->at + SMR_LOGISTIC_PAIRS - 1) % SMR_LOGISTIC_PAIRS;
    const double *change = memory->changes + last * memory->q;
    double size = 0;
    for (int64_t j = 0; j < memory->q; ++j) {
      size += change[j] * change[j] / get_diagonal(problem, lambda, slope, j);
    }
    factor = 1 / (memory->inverse[last] * size);
  }
  for (int64_t j = 0; j < memory->q; ++j) {
    v[j] *= factor / get_diagonal(problem, lambda, slope, j);
  }
}

/* The two loops of Nocedal & Wright 2006, algorithm 7.4. */
void smr_logistic_lbfgs(smr_logistic *problem, double lambda, const smr_logistic_slope *slope,
                        smr_logistic_memory *memory) {
  const int64_t q = problem->q;
  double *v = problem->direction;
  double alpha[SMR_LOGISTIC_PAIRS];
  for (int64_t j = 0; j < q; ++j) {
    v[j] = -problem->gradient[j];
  }
  for (int64_t k = 0; k < memory->n; ++k) {
    const int64_t i = (memory->at + 2 * SMR_LOGISTIC_PAIRS - 1 - k) % SMR_LOGISTIC_PAIRS;
    alpha[i] = memory->inverse[i] * dot(q, memory->steps + i * q, v);
    for (int64_t j = 0; j < q; ++j) {
      v[j] -= alpha[i] * memory->changes[i * q + j];
    }
  }
  apply_guess(problem, lambda, slope, memory, v);
  for (int64_t k = memory->n - 1; k >= 0; --k) {
    const int64_t i = (memory->at + 2 * SMR_LOGISTIC_PAIRS - 1 - k) % SMR_LOGISTIC_PAIRS;
    const double beta = memory->inverse[i] * dot(q, memory->changes + i * q, v);
    for (int64_t j = 0; j < q; ++j) {
      v[j] += (alpha[i] - beta) * memory->steps[i * q + j];
    }
  }
  memcpy(memory->previous, problem->gradient, (size_t)q * sizeof(double));
}
