/* L2-regularized logistic regression of rows that the ranks share.
 *
 * Minimises sum_i log(1 + exp(-y_i (x_i w + b))) + lambda/2 ||w||^2 over w and b, y_i = -1 or +1,
 * b unpenalised. lambda is 1/C of scikit-learn. n = N_i rows, p = N_f features.
 *
 * Every rank keeps its share of fixed blocks of rows; sums go through the fixed tree of
 * comm/reduce.h, so the bits depend on neither ranks nor threads. Columns are centred (with an
 * intercept) and scaled to unit variance for the computation; the minimum is that of the problem as
 * stated. What is found at one lambda depends on the rows and that lambda alone: warm starts come
 * from the powers of ten above it, which are solved first, and not from other lambdas that are
 * asked for. */
#ifndef SIMMER_REGRESS_LOGISTIC_H
#define SIMMER_REGRESS_LOGISTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/comm/context.h"
#include "simmer/linalg/qr.h"

/* `auto` is Newton's method up to SMR_LOGISTIC_NEWTON_FEATURES features, else L-BFGS. */
typedef enum {
  SMR_LOGISTIC_AUTO,
  SMR_LOGISTIC_NEWTON, /* Cholesky of the (p+1)^2 Hessian */
  SMR_LOGISTIC_LBFGS   /* limited-memory BFGS (Liu & Nocedal 1989) */
} smr_logistic_method;
enum { SMR_LOGISTIC_NEWTON_FEATURES = 1000 };

typedef struct {
  int method; /* smr_logistic_method */
  bool intercept;
  bool standardize; /* penalise w_j times the standard deviation of column j instead of w_j */
  int64_t most_iterations; /* of one lambda; -1 = 200 for Newton's method, 10000 for L-BFGS */
} smr_logistic_config;

/* How a computation ended. SEPARABLE and QUASI_SEPARABLE happen at lambda = 0 only, where no
 * minimum exists: ||w|| grows without end (Albert & Anderson 1984).
 *   SEPARABLE        some (w, b) has y (x w + b) > 0 on every row; it is what is returned
 *   QUASI_SEPARABLE  some (w, b) has y (x w + b) > 0 on some rows and 0 on all others (to 1e-9 of
 *                    the largest); found by Newton's method only
 *   ONE_CLASS        all y are alike and there is an intercept: w = 0, b = +-infinity, any lambda
 *   NOT_CONVERGED    most_iterations were not enough */
typedef enum {
  SMR_LOGISTIC_CONVERGED,
  SMR_LOGISTIC_SEPARABLE,
  SMR_LOGISTIC_QUASI_SEPARABLE,
  SMR_LOGISTIC_ONE_CLASS,
  SMR_LOGISTIC_NOT_CONVERGED
} smr_logistic_outcome;

typedef struct {
  smr_logistic_outcome outcome;
  int64_t iterations; /* at this lambda and at the power of ten that it starts from */
  double loss;        /* sum of log(1 + exp(-y (x w + b))) */
  int64_t n_right;    /* training rows on the right side */
  double norm; /* of the penalised coefficients; infinite when (quasi-)separable at lambda = 0 */
  double gradient; /* largest component of the gradient in scaled columns, over sum_i |dloss_i| */
} smr_logistic_fit;

typedef struct smr_logistic smr_logistic;

/* Reads the rows: y must be -1 or +1 (SMR_ERR_INPUT names the row), x finite (SMR_ERR_NUMERIC).
 * SMR_ERR_MEMORY. context is borrowed and must outlive it. Collective on context. */
smr_status smr_logistic_create(const smr_context *context, const smr_row_source *source,
                               const smr_logistic_config *config, smr_logistic **out) SMR_NODISCARD;
void smr_logistic_destroy(smr_logistic **problem);
/* The minimum at one lambda >= 0: w[p] and *b in the coordinates of the rows, on every rank. At
 * lambda = 0 with collinear columns w isn't unique, predictions are. Lambdas in falling order share
 * their warm starts. Collective on context. */
smr_status smr_logistic_solve(smr_logistic *problem, double lambda, double *w, double *b,
                              smr_logistic_fit *fit) SMR_NODISCARD;

/* Bytes per rank, and operations of n_lambda solutions: in matrix products, and in *slow those
 * bound by memory and exponentials. For `plan`. Local. */
int64_t smr_logistic_count_bytes(const smr_logistic_config *config, int64_t n, int64_t p,
                                 int n_ranks);
double smr_logistic_count_flops(const smr_logistic_config *config, int64_t n, int64_t p,
                                int64_t n_lambda, double *slow);

/* Share of the 2^n ways to label n points in general position in p dimensions that a hyperplane
 * tells apart, through the origin or, with an intercept, anywhere: 2^(1-n) sum_{k<q} C(n-1, k), q =
 * p + intercept (Cover 1965). The chance of separability for labels that are fair coins. n, p >= 1.
 * Local. */
double smr_logistic_cover(int64_t n, int64_t p, bool intercept);

#endif
