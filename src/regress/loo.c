/* Leave-one-out errors and residuals of all lambdas in one pass over fixed row blocks; rows whose
 * own leverage is nearly all there is are looked at again.
 *
 * n rows, p features, L lambdas, R ranks, C = L padded to whole column blocks, B rows of a block, q
 * and Q as in loo_basis.h, d delicate rows (at most a little more than q: the leverages sum to q).
 *
 * With G_j = (s_q^2 + lambda) / (s_j^2 + lambda) and kappa = lambda / (s_q^2 + lambda), the weights
 * of the header are g_j = kappa G_j: two products U (G beta) and (U o U) G give
 *   r_i = kappa N_i + (Py)_i and e_i = r_i / (kappa D_i + P_ii), or N_i / D_i where P_ii = 0. */
#include "simmer/regress/loo.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "loo_basis.h"
#include "loo_ranks.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

/* Columns lie LD apart: a power of two would make all of them compete for the same lines of the
 * cache. */
enum { BLOCK = 512, LD = BLOCK + 8 };

/* P_ii = 1 - leverage is summed again below this: the difference has lost three digits. */
static const double delicate_below = 1e-3;

/* Workspace of one thread. */
typedef struct {
  double *memory;
  smr_loo_rows rows;
  double *squares;     /* [LD x Q] U o U */
  double *numerator;   /* [LD x C] N */
  double *denominator; /* [LD x C] D */
  double *outside;     /* [LD x d, padded] columns of P */
  double *left;        /* [LD x 3] what a rank leaves of the rows */
} loo_thread;

typedef struct {
  const smr_loo_fit *fit;
  const smr_context *context;
  smr_loo_basis basis;
  int64_t n_lambda, n_padded;
  double *weight;       /* [Q x C] G */
  double *weighted;     /* [Q x C] G beta */
  double *kappa;        /* [C] */
  double *residual;     /* [n x L], then those of kept ranks; or NULL */
  int64_t *is_delicate; /* [n] 0 or 1 */
  int64_t n_delicate, n_delicate_padded;
  int64_t *delicate;  /* [d] their rows */
  double *delicate_u; /* [q x d, padded] */
  double *delicate_y; /* [d] centred */
  /* [d] P_ii and (Py)_i by subtraction: rounding, but of one piece with u. */
  double *delicate_outer, *delicate_rest;
  smr_loo_ranks ranks;
  int n_threads;
  loo_thread *threads;
} loo_run;

static void clear_threads(loo_run *run) {
  for (int t = 0; run->threads != NULL && t < run->n_threads; t++) {
    smr_memory_free(run->threads[t].memory);
  }
  smr_memory_free(run->threads);
  run->threads = NULL;
}

static void clear(loo_run *run) {
  clear_threads(run);
  smr_loo_basis_clear(&run->basis);
  smr_memory_free(run->weight);
  smr_memory_free(run->weighted);
  smr_memory_free(run->kappa);
  smr_memory_free(run->is_delicate);
  smr_memory_free(run->delicate);
  smr_memory_free(run->delicate_u);
  smr_memory_free(run->delicate_y);
  smr_memory_free(run->delicate_outer);
  smr_memory_free(run->delicate_rest);
}

/* Doubles of one thread, each column LD long. */
static int64_t count_columns(int64_t p, int64_t q_padded, int64_t n_padded, int64_t d_padded) {
  return p + 2 * q_padded + 2 * n_padded + d_padded + 6;
}

static void place_thread(const loo_run *run, loo_thread *thread) {
  const smr_loo_basis *basis = &run->basis;
  double *next = thread->memory;
  thread->rows.ld = LD;
  thread->rows.y = next;
  thread->rows.outer = next + LD;
  thread->rows.rest = next + 2 * (int64_t)LD;
  thread->rows.u = next + 3 * (int64_t)LD;
  thread->squares = thread->rows.u + basis->q_padded * LD;
  thread->numerator = thread->squares + basis->q_padded * LD;
  thread->denominator = thread->numerator + run->n_padded * LD;
  thread->outside = thread->denominator + run->n_padded * LD;
  thread->left = thread->outside + run->n_delicate_padded * LD;
  thread->rows.x = thread->left + 3 * (int64_t)LD;
}

/* Workspaces for what is known by now. Local. */
static smr_status allocate_threads(loo_run *run) {
  const smr_loo_basis *basis = &run->basis;
  const int64_t p = basis->is_square ? 0 : basis->p;
  const int64_t columns = count_columns(p, basis->q_padded, run->n_padded, run->n_delicate_padded);
  SMR_TRY(smr_memory_alloc(run->n_threads, sizeof *run->threads, "row pass", &run->threads));
  for (int t = 0; t < run->n_threads; t++) {
    SMR_TRY(smr_memory_alloc(columns * LD, sizeof(double), "row pass", &run->threads[t].memory));
    place_thread(run, &run->threads[t]);
  }
  return SMR_OK;
}

static smr_status allocate(loo_run *run) {
  const int64_t length = run->basis.q_padded * run->n_padded;
  SMR_TRY(smr_memory_alloc(length, sizeof(double), "filter factors", &run->weight));
  SMR_TRY(smr_memory_alloc(length, sizeof(double), "filter factors", &run->weighted));
  SMR_TRY(smr_memory_alloc(run->n_padded, sizeof(double), "filter factors", &run->kappa));
  SMR_TRY(smr_memory_alloc(run->basis.n, sizeof(int64_t), "marks of rows", &run->is_delicate));
  return allocate_threads(run);
}

/* a / (1 + a), also for a = infinity. */
static double saturate(double a) {
  return a < 1.0 ? a / (1.0 + a) : 1.0 / (1.0 + 1.0 / a);
}

/* G, G beta and kappa of all lambdas, without s^2 + lambda: with a = lambda / s_j^2 and b = lambda
 * / s_q^2, G = a / (1 + a) (1 + b) / b. */
static void weigh(loo_run *run, const double *lambda) {
  const smr_loo_basis *basis = &run->basis;
  const int64_t q = basis->q;
  for (int64_t l = 0; l < run->n_lambda; l++) {
    double *weight = run->weight + l * q;
    const double smallest = q > 0 ? basis->s[q - 1] : 1.0;
    const double b = lambda[l] / smallest / smallest;
    run->kappa[l] = q > 0 ? saturate(b) : 1.0;
    for (int64_t j = 0; j < q; j++) {
      const double a = lambda[l] / basis->s[j] / basis->s[j];
      const double ratio = smallest / basis->s[j];
      const double g =
          a > 1.0 ? 1.0 / (1.0 + 1.0 / a) / saturate(b) : (ratio * ratio + a) / (1.0 + a);
      weight[j] = g;
      run->weighted[l * q + j] = g * basis->beta[j];
    }
  }
}

/* Residual and error of a row at one lambda. */
typedef struct {
  double residual, error;
} left_out;

/* What is outside the columns, P_ii and (Py)_i, is rounding up to `cutoff`, and set to 0 where it
 * would be divided by a small kappa. With lambda above s_q^2 a mode beyond the cutoff is treated as
 * the kept ones are, and what it has counts. */
static left_out leave_out(double kappa, double numerator, double denominator, double outer,
                          double rest, double cutoff) {
  const bool is_inside = outer <= cutoff && kappa < 0.5;
  outer = is_inside ? 0.0 : outer;
  const double residual = kappa * numerator + (is_inside ? 0.0 : rest);
  const double error =
      outer > 0.0 ? residual / (kappa * denominator + outer) : numerator / denominator;
  return (left_out){residual, error};
}

/* Marks the rows whose P_ii can't be trusted. */
static void mark(const loo_run *run, int64_t first, int64_t count, const smr_loo_rows *rows) {
  for (int64_t i = 0; i < count && !run->basis.is_square; i++) {
    run->is_delicate[first + i] = rows->outer[i] < delicate_below;
  }
}

static double sum_column(const loo_run *run, const loo_thread *thread, int64_t l, int64_t first,
                         int64_t count) {
  const double *numerator = thread->numerator + l * LD;
  const double *denominator = thread->denominator + l * LD;
  /* Of a tall X the rows near the cutoff are delicate: here their residuals are wanted only. */
  const double cutoff = run->basis.is_square ? smr_loo_basis_cutoff(&run->basis) : -1.0;
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const left_out row = leave_out(run->kappa[l], numerator[i], denominator[i],
                                   thread->rows.outer[i], thread->rows.rest[i], cutoff);
    if (run->residual != NULL) {
      run->residual[l * run->basis.n + first + i] = row.residual;
    }
    sum += run->is_delicate[first + i] ? 0.0 : row.error * row.error;
  }
  return sum;
}

static smr_status load_block(const loo_run *run, int thread, int64_t shard, int64_t *first,
                             int64_t *count) {
  const smr_loo_basis *basis = &run->basis;
  *first = shard * BLOCK;
  *count = smr_int_min(BLOCK, basis->n - *first);
  return smr_loo_basis_load(basis, thread, *first, *count, &run->threads[thread].rows);
}

/* The same at every rank of truncated SVD, onto sums[R]. */
static void sum_ranks(const loo_run *run, const loo_thread *thread, int64_t first, int64_t count,
                      double *sums) {
  const smr_loo_rank_block block = {.rows = &thread->rows,
                                    .first = first,
                                    .count = count,
                                    .is_delicate = run->is_delicate + first,
                                    .numerator = thread->left,
                                    .denominator = thread->left + LD,
                                    .share = thread->left + 2 * (int64_t)LD};
  if (run->ranks.n_ranks > 0) {
    smr_loo_ranks_add(&run->ranks, &block, sums);
  }
}

/* value [L + R] = sums of squared errors over a block. */
static smr_status leave_leaf(void *self, int thread, int64_t shard, void *value) {
  const loo_run *run = self;
  const smr_loo_basis *basis = &run->basis;
  loo_thread *work = &run->threads[thread];
  double *sums = value;
  int64_t first = 0;
  int64_t count = 0;
  if (smr_fault("regress.loo")) {
    SMR_FAIL(SMR_ERR_MEMORY, "fault point regress.loo");
  }
  SMR_TRY(load_block(run, thread, shard, &first, &count));
  mark(run, first, count, &work->rows);
  for (int64_t j = 0; j < basis->q; j++) {
    const double *u = work->rows.u + j * LD;
    for (int64_t i = 0; i < count; i++) {
      work->squares[j * LD + i] = u[i] * u[i];
    }
  }
  SMR_TRY(smr_kernel_multiply(count, run->n_padded, basis->q, work->rows.u, LD, run->weighted,
                              basis->q, work->numerator, LD));
  SMR_TRY(smr_kernel_multiply(count, run->n_padded, basis->q, work->squares, LD, run->weight,
                              basis->q, work->denominator, LD));
  for (int64_t l = 0; l < run->n_lambda; l++) {
    sums[l] = sum_column(run, work, l, first, count);
  }
  sum_ranks(run, work, first, count, sums + run->n_lambda);
  return SMR_OK;
}

static void add(int64_t n, double *left, const double *right) {
  for (int64_t i = 0; i < n; i++) {
    left[i] += right[i];
  }
}

static smr_status leave_combine(void *self, int thread, void *left, void *right) {
  const loo_run *run = self;
  (void)thread;
  add(run->n_lambda + run->ranks.n_ranks, left, right);
  return SMR_OK;
}

static smr_status run_tree(loo_run *run, int64_t n_values,
                           smr_status (*leaf)(void *, int, int64_t, void *),
                           smr_status (*combine)(void *, int, void *, void *), double *value) {
  const smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(run->basis.n, BLOCK),
                                .value_bytes = (size_t)n_values * sizeof(double),
                                .self = run,
                                .leaf = leaf,
                                .combine = combine};
  return smr_reduce_run(run->context, &tree, value);
}

/* --- rows that carry nearly all of their own leverage --- */

/* value [2 d]: ||P e_i||^2 and (P e_i)'y over a block, for the delicate rows i. */
static smr_status outside_leaf(void *self, int thread, int64_t shard, void *value) {
  const loo_run *run = self;
  const smr_loo_basis *basis = &run->basis;
  loo_thread *work = &run->threads[thread];
  const double mean = (double)basis->i0 / (double)basis->n;
  double *sums = value;
  int64_t first = 0;
  int64_t count = 0;
  SMR_TRY(load_block(run, thread, shard, &first, &count));
  SMR_TRY(smr_kernel_multiply(count, run->n_delicate_padded, basis->q, work->rows.u, LD,
                              run->delicate_u, basis->q, work->outside, LD));
  for (int64_t k = 0; k < run->n_delicate; k++) {
    const double *column = work->outside + k * LD;
    const int64_t own = run->delicate[k] - first;
    for (int64_t i = 0; i < count; i++) {
      const double z = (i == own ? 1.0 : 0.0) - mean - column[i];
      sums[k] += z * z;
      sums[run->n_delicate + k] += z * work->rows.y[i];
    }
  }
  return SMR_OK;
}

static smr_status outside_combine(void *self, int thread, void *left, void *right) {
  const loo_run *run = self;
  (void)thread;
  add(2 * run->n_delicate, left, right);
  return SMR_OK;
}

/* Lists the marked rows and takes their u from the rows themselves, on every rank alike. Local. */
static smr_status gather_delicate(loo_run *run, double **sums) {
  const smr_loo_basis *basis = &run->basis;
  const int64_t d = run->n_delicate;
  int64_t k = 0;
  clear_threads(run);
  SMR_TRY(smr_memory_alloc(d, sizeof(int64_t), "rows of high leverage", &run->delicate));
  SMR_TRY(smr_memory_alloc(basis->q * run->n_delicate_padded, sizeof(double),
                           "rows of high leverage", &run->delicate_u));
  SMR_TRY(smr_memory_alloc(d, sizeof(double), "rows of high leverage", &run->delicate_y));
  SMR_TRY(smr_memory_alloc(d, sizeof(double), "rows of high leverage", &run->delicate_outer));
  SMR_TRY(smr_memory_alloc(d, sizeof(double), "rows of high leverage", &run->delicate_rest));
  SMR_TRY(smr_memory_alloc(2 * d, sizeof(double), "rows of high leverage", sums));
  SMR_TRY(allocate_threads(run));
  for (int64_t i = 0; i < basis->n; i++) {
    if (run->is_delicate[i]) {
      const smr_loo_rows *rows = &run->threads[0].rows;
      SMR_TRY(smr_loo_basis_load(basis, 0, i, 1, rows));
      for (int64_t j = 0; j < basis->q; j++) {
        run->delicate_u[k * basis->q + j] = rows->u[j * LD];
      }
      run->delicate_y[k] = rows->y[0];
      run->delicate_outer[k] = rows->outer[0];
      run->delicate_rest[k] = rows->rest[0];
      run->delicate[k++] = i;
    }
  }
  return SMR_OK;
}

/* One delicate row at one lambda. Where 1 - h_ii = P_ii + kappa D_i isn't small P_ii by subtraction
 * is better: columns of U with a small s are known badly, and what they take off P_ii they put into
 * D_i, but for their filter factor. */
static left_out leave_delicate(const loo_run *run, int64_t k, int64_t l, const double *sums) {
  const int64_t q = run->basis.q;
  const double *u = run->delicate_u + k * q;
  const double kappa = run->kappa[l];
  double numerator = 0.0;
  double denominator = 0.0;
  for (int64_t j = 0; j < q; j++) {
    numerator += u[j] * run->weighted[l * q + j];
    denominator += u[j] * u[j] * run->weight[l * q + j];
  }
  const double left = run->delicate_outer[k] + kappa * denominator;
  if (left >= delicate_below) {
    const double residual = run->delicate_rest[k] + kappa * numerator;
    return (left_out){residual, residual / left};
  }
  return leave_out(kappa, numerator, denominator, sums[k], sums[run->n_delicate + k],
                   smr_loo_basis_cutoff(&run->basis));
}

/* Squared errors of the delicate rows onto loo[L + R]. */
static void add_delicate(const loo_run *run, const double *sums, double *loo) {
  for (int64_t k = 0; k < run->n_delicate; k++) {
    for (int64_t l = 0; l < run->n_lambda; l++) {
      const double e = leave_delicate(run, k, l, sums).error;
      loo[l] += e * e;
    }
    const smr_loo_delicate_row row = {run->delicate_u + k * run->basis.q, run->delicate_y[k],
                                      sums[k], sums[run->n_delicate + k]};
    smr_loo_ranks_add_delicate(&run->ranks, &row, loo + run->n_lambda);
  }
}

static smr_status run_delicate(loo_run *run, double *loo) {
  double *sums = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_reduce_count(run->context, run->basis.n, run->is_delicate));
  for (int64_t i = 0; i < run->basis.n; i++) {
    run->n_delicate += run->is_delicate[i];
  }
  if (run->n_delicate == 0) {
    goto done;
  }
  run->n_delicate_padded = smr_kernel_pad(run->n_delicate);
  SMR_TRY_DONE(smr_agree(run->context, gather_delicate(run, &sums)));
  if (sums == NULL) {
    SMR_FAIL_DONE(SMR_ERR_INTERNAL, "rows of high leverage were not allocated");
  }
  SMR_TRY_DONE(run_tree(run, 2 * run->n_delicate, outside_leaf, outside_combine, sums));
  add_delicate(run, sums, loo);
done:
  smr_memory_free(sums);
  return status;
}

/* --- all --- */

/* Every residual is a number on one rank and zero on the others: their bits, as integers, add up
 * exactly. */
static smr_status share_residual(const loo_run *run) {
  void *bits = run->residual;
  const int64_t n_columns = run->n_lambda + run->ranks.n_kept;
  return run->context->size > 1 && run->residual != NULL
             ? smr_reduce_count(run->context, run->basis.n * n_columns, bits)
             : SMR_OK;
}

static smr_status pass(loo_run *run, double *loo) {
  const int64_t n = run->basis.n;
  const int64_t n_values = run->n_lambda + run->ranks.n_ranks;
  if (run->residual != NULL) {
    const int64_t n_columns = run->n_lambda + run->ranks.n_kept;
    memset(run->residual, 0, (size_t)(n * n_columns) * sizeof(double));
  }
  SMR_TRY(run_tree(run, n_values, leave_leaf, leave_combine, loo));
  SMR_TRY(share_residual(run));
  SMR_TRY(run_delicate(run, loo));
  for (int64_t l = 0; l < n_values; l++) {
    /* One NaN for all: its sign would tell of the order of the sums. */
    loo[l] = isnan(loo[l]) ? (double)NAN : loo[l] / (double)n;
  }
  return SMR_OK;
}

/* One row and an intercept. */
static void leave_nothing(const smr_loo_fit *fit, int64_t n_lambda, double *loo, double *residual) {
  for (int64_t l = 0; l < n_lambda + fit->n_ranks; l++) {
    loo[l] = NAN;
  }
  for (int64_t l = 0; residual != NULL && l < n_lambda + fit->n_kept; l++) {
    residual[l] = 0.0;
  }
}

smr_status smr_loo_run(const smr_loo_fit *fit, int64_t n_lambda, const double *lambda, double *loo,
                       double *residual) {
  loo_run run = {.fit = fit,
                 .context = smr_grid_get_context(fit->grid),
                 .n_lambda = n_lambda,
                 .n_padded = smr_kernel_pad(n_lambda),
                 .residual = residual,
                 .n_threads = omp_get_max_threads()};
  smr_status status = SMR_OK;
  if (fit->spectrum->n - fit->spectrum->has_intercept < 1) {
    leave_nothing(fit, n_lambda, loo, residual);
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_loo_basis_init(fit, &run.basis));
  SMR_TRY_DONE(smr_agree(run.context, allocate(&run)));
  weigh(&run, lambda);
  run.ranks =
      (smr_loo_ranks){.basis = &run.basis,
                      .n_ranks = fit->n_ranks,
                      .n_kept = fit->n_kept,
                      .kept = fit->kept,
                      .residual = residual != NULL ? residual + fit->spectrum->n * n_lambda : NULL};
  SMR_TRY_DONE(pass(&run, loo));
done:
  clear(&run);
  return status;
}

int64_t smr_loo_count_bytes(int64_t n, int64_t p, int64_t n_lambda, bool with_residual) {
  const int64_t k = smr_int_min(n, p);
  const int64_t n_padded = smr_kernel_pad(n_lambda);
  const int64_t q_padded = smr_kernel_pad(k);
  const int64_t tall = p * q_padded + 3 * k * k + k * p + 2 * (p + 16) * q_padded;
  const int64_t square = n * (p + 1) + 3 * n * n;
  const int64_t basis = n > p + 1 ? tall : square;
  const int64_t columns = count_columns(p, q_padded, n_padded, q_padded);
  const int64_t doubles = basis + columns * LD * omp_get_max_threads() + 2 * q_padded * n_padded +
                          n + (with_residual ? n * n_lambda : 0);
  return (int64_t)sizeof(double) * doubles + smr_svd_count_bytes(k, smr_int_max(p, 1), 1);
}

double smr_loo_count_flops(int64_t n, int64_t p, int64_t n_lambda) {
  const double k = (double)smr_int_min(n, p);
  const double rows = (double)n;
  const double basis = n > p + 1 ? 2.0 * rows * (double)p * k + 8.0 * k * k * k
                                 : 4.0 * rows * k * (double)p + 8.0 * k * k * k;
  return basis + 4.0 * rows * k * (double)n_lambda;
}
