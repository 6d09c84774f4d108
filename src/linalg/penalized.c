/* Penalised least squares by one bidiagonalization.
 *
 * m >= n; L lambdas in groups of 16. Rows of [B; sqrt(lambda) I] are rotated from the top: d_i with
 * the penalty's entry in column i, which fills in at column i + 1 and is rotated there with the
 * next sqrt(lambda). */
#include "simmer/linalg/penalized.h"

#include <math.h>
#include <string.h>

#include "bidiagonal.h"
#include "grid_private.h"
#include "reflector.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"

enum { GROUP = SMR_COLUMN_BLOCK };

/* Outside, A is scaled by a power of two, as in an SVD. */
static const double smallest_norm = 1e-20;
static const double largest_norm = 1e20;

typedef struct {
  int m, n, ld; /* ld: room for both chains, of which the right one begins at row 1 */
  int exponent; /* A was multiplied by 2^-exponent */
  double *storage;
  smr_chain q, p;
  double *d, *e;                    /* [n] */
  double *tauq, *taup;              /* [n] */
  double *y;                        /* [ld x 16] Q'b in its first column */
  double *group;                    /* [ld x 16] */
  double *work;                     /* [32 x 16] */
  double *diagonal, *above, *right; /* [n] the rotated system of one lambda */
} bidiagonal_form;

static double *take(bidiagonal_form *run, int64_t *used, int64_t n) {
  double *start = run->storage != NULL ? run->storage + *used : NULL;
  *used += smr_pad((int)n);
  return start;
}

static void place_chain(bidiagonal_form *run, int64_t *used, int rows, int count,
                        smr_chain *chain) {
  *chain = (smr_chain){.rows = rows, .count = count, .ld = smr_pad(rows)};
  chain->v = run->storage != NULL ? run->storage + *used : NULL;
  *used += (int64_t)chain->ld * smr_pad(count);
  chain->t = run->storage != NULL ? run->storage + *used : NULL;
  *used += (int64_t)SMR_PANEL * smr_pad(count);
}

/* Places all arrays; without storage only counts. */
static int64_t lay_out(bidiagonal_form *run) {
  int64_t used = 0;
  double **const vectors[] = {&run->d,        &run->e,     &run->tauq, &run->taup,
                              &run->diagonal, &run->above, &run->right};
  place_chain(run, &used, run->m, run->n, &run->q);
  place_chain(run, &used, run->n - 1, run->n - 1, &run->p);
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    *vectors[i] = take(run, &used, run->n);
  }
  run->y = take(run, &used, (int64_t)run->ld * GROUP);
  run->group = take(run, &used, (int64_t)run->ld * GROUP);
  run->work = take(run, &used, (int64_t)SMR_PANEL * GROUP);
  return used;
}

static smr_status allocate(int64_t m, int64_t n, bidiagonal_form *run) {
  *run = (bidiagonal_form){.m = 0};
  SMR_TRY(smr_int_narrow(m, "the rows of a regression", &run->m));
  SMR_TRY(smr_int_narrow(n, "the columns of a regression", &run->n));
  run->ld = smr_pad(run->m) + SMR_PANEL / 4;
  return smr_memory_alloc(lay_out(run), sizeof(double), "bidiagonal factors", &run->storage);
}

/* Refuses NaN and Inf and chooses the scaling. */
static smr_status scan(const smr_penalized *problem, int *exponent) {
  double largest = 0.0;
  double poison = 0.0;
  for (int64_t j = 0; j < problem->n; j++) {
    const double *a = problem->a + j * problem->ld;
#pragma omp simd reduction(max : largest) reduction(+ : poison)
    for (int64_t i = 0; i < problem->m; i++) {
      const double magnitude = fabs(a[i]);
      largest = magnitude > largest ? magnitude : largest;
      poison += a[i] * 0.0;
    }
  }
  if (poison != 0.0 || isnan(poison)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the matrix of a regression holds NaN or Inf");
  }
  *exponent = 0;
  if (largest > 0.0 && (largest < smallest_norm || largest > largest_norm)) {
    (void)frexp(largest, exponent);
  }
  return SMR_OK;
}

/* A = Q B P', and Q'b. */
static smr_status reduce(const smr_grid *grid, const smr_penalized *problem, bidiagonal_form *run) {
  smr_bidiagonal reduction;
  const smr_bidiagonal_result result = {
      .q = &run->q, .p = &run->p, .d = run->d, .e = run->e, .tauq = run->tauq, .taup = run->taup};
  smr_status status = smr_bidiagonal_init(grid->context, run->m, run->n, &reduction);
  if (status == SMR_OK) {
    smr_bidiagonal_load(&reduction, problem->a, problem->ld, false, run->exponent);
    smr_bidiagonal_reduce(&reduction, &result);
    smr_chain_build(&run->q, run->tauq);
    smr_chain_build(&run->p, run->taup);
    memcpy(run->y, problem->b, (size_t)run->m * sizeof *run->y);
    smr_chain_apply(&run->q, true, 1, run->y, run->ld, run->work);
  }
  smr_bidiagonal_clear(&reduction);
  return status;
}

/* xi[n] of one lambda, root = its square root. */
static void solve(const bidiagonal_form *run, double root, double *xi) {
  const int n = run->n;
  double penalty = root; /* the penalty's entry in column i, and its right-hand side */
  double target = 0.0;
  for (int i = 0; i < n; i++) {
    const double r = hypot(run->d[i], penalty);
    const double c = run->d[i] / r;
    const double s = penalty / r;
    run->diagonal[i] = r;
    run->above[i] = i < n - 1 ? c * run->e[i] : 0.0;
    run->right[i] = c * run->y[i] + s * target;
    const double rest = c * target - s * run->y[i];
    const double fill = i < n - 1 ? -s * run->e[i] : 0.0;
    penalty = hypot(fill, root);
    target = fill / penalty * rest;
  }
  double next = 0.0;
  for (int i = n - 1; i >= 0; i--) {
    next = (run->right[i] - run->above[i] * next) / run->diagonal[i];
    xi[i] = next;
  }
}

/* Up to 16 lambdas: xi, then w = P xi. */
static void solve_group(const bidiagonal_form *run, int64_t count, const double *lambda,
                        double *w) {
  memset(run->group, 0, (size_t)run->ld * GROUP * sizeof *run->group);
  for (int64_t l = 0; l < count; l++) {
    solve(run, ldexp(sqrt(lambda[l]), -run->exponent), run->group + l * run->ld);
  }
  if (run->n > 1) {
    smr_chain_apply(&run->p, false, 1, run->group + 1, run->ld, run->work);
  }
  for (int64_t l = 0; l < count; l++) {
    for (int64_t i = 0; i < run->n; i++) {
      w[l * run->n + i] = ldexp(run->group[l * run->ld + i], -run->exponent);
    }
  }
}

smr_status smr_penalized_solve(const smr_grid *grid, const smr_penalized *problem, int64_t n_lambda,
                               const double *lambda, double *w) {
  const int64_t n = problem->n;
  bidiagonal_form run;
  if (grid->context->size != 1 || problem->m < n || n < 1) {
    SMR_FAIL(SMR_ERR_INTERNAL,
             "a penalised regression needs one rank and no fewer rows than columns");
  }
  SMR_TRY(allocate(problem->m, n, &run));
  smr_status status = scan(problem, &run.exponent);
  if (status == SMR_OK) {
    lay_out(&run);
    status = reduce(grid, problem, &run);
  }
  for (int64_t first = 0; status == SMR_OK && first < n_lambda; first += GROUP) {
    solve_group(&run, smr_int_min(GROUP, n_lambda - first), lambda + first, w + first * n);
  }
  smr_memory_free(run.storage);
  return status;
}
