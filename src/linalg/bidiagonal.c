/* Bidiagonalization with one pass over the matrix for each column.
 *
 * As in LAPACK's dlabrd, a panel of 32 columns and rows is reduced while the rest of A stays as it
 * was; with V, X (rows) and Y, U (columns) of the panel so far it stands for A - V Y' - X U', and
 * is brought up to date by one product at the panel's end. Each column i needs
 *   y = tauq (A - V Y' - X U')' v,  r = row i of what is left after it,
 *   u = r / (r_1 - e) with u_1 = 1,  x = taup (A - V Y' - X U') u.
 * Since r is known block by block once y is, A r is summed in the same pass (Howell et al. 2008);
 * column 1 of A enters x apart, so that nothing cancels. Y, U and A are dealt by columns; all ranks
 * have V, X and do the small products alike. One exchange a column brings r and the ranks' sums,
 * which are added in the order of ranks. */
#include "bidiagonal.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "cyclic.h"
#include "fused.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { PANEL = SMR_CYCLIC_BLOCK, PAIRS = 2 * PANEL };

/* Below this e the entries of r could be lost as products with A: they are as good as zeros, the
 * largest entry of A being above 1e-20. */
static const double negligible = 1e-230;

/* One column's step. */
typedef struct {
  int c, i;       /* the column in the matrix and in the panel, which begins at c - i */
  int n_pairs;    /* columns of w and z before this one: 2 i */
  int top;        /* c, rounded down: the first row of aligned products */
  int first;      /* first local column after c */
  int n_local;    /* local columns after c */
  bool owns_next; /* is c + 1 local? */
  int owner;      /* of c + 1 */
  int n_longest;  /* n_local of the rank that has most */
  int n_slot;     /* doubles of a message: w, r, t, h */
  int64_t at_r, at_t, at_h;
  double divisor; /* 1 / (r_1 - e) */
} step;

static int64_t pad(int64_t n) {
  return smr_int_ceil_divide(n, SMR_FUSED_ALIGN) * SMR_FUSED_ALIGN;
}

/* How many columns before c does a rank own? */
static int count_before(const smr_bidiagonal *run, int c, int rank) {
  return smr_cyclic_count(c, rank, run->context->size);
}

static int get_owner(const smr_bidiagonal *run, int c) {
  return c / PANEL % run->context->size;
}

static double *take(double **position, int64_t n) {
  double *start = *position;
  *position += pad(n);
  return start;
}

static smr_status allocate(smr_bidiagonal *run) {
  const int64_t m = run->ld;
  const int64_t n = run->ld_y;
  const int64_t slots = (int64_t)run->context->size * run->n_slot;
  SMR_TRY(smr_memory_alloc(m * run->n_local, sizeof(double), "distributed matrix", &run->a));
  SMR_TRY(
      smr_memory_alloc(m * (PANEL + 1 + PAIRS + 1) + n * (PANEL + PAIRS + 2) + 2 * PAIRS + slots,
                       sizeof(double), "panels of a bidiagonalization", &run->memory));
  double *position = run->memory;
  run->panel = take(&position, m * (PANEL + 1));
  run->w = take(&position, m * PAIRS);
  run->v = take(&position, m);
  run->rows = take(&position, n * PANEL);
  run->z = take(&position, n * PAIRS);
  run->row = take(&position, n);
  run->correction = take(&position, n);
  run->left = take(&position, PAIRS);
  run->small = take(&position, PAIRS);
  run->slots = take(&position, slots);
  return SMR_OK;
}

smr_status smr_bidiagonal_init(const smr_context *context, int m, int n, smr_bidiagonal *out) {
  smr_bidiagonal run = {.context = context, .m = m, .n = n};
  *out = run;
  run.n_local = count_before(&run, n, context->rank);
  int64_t ld = pad(m);
  /* Columns a multiple of 4096 bytes apart would fall on the same lines of the cache. */
  ld += ld % 512 == 0 ? SMR_FUSED_ALIGN : 0;
  int64_t longest = count_before(&run, n, 0);
  SMR_TRY(smr_int_narrow(ld, "rows of a bidiagonalization", &run.ld));
  SMR_TRY(smr_int_narrow(pad(run.n_local + 1), "columns of a bidiagonalization", &run.ld_y));
  SMR_TRY(smr_int_narrow(pad(ld + longest + 2 * PAIRS), "a message of a bidiagonalization",
                         &run.n_slot));
  smr_status status = allocate(&run);
  *out = run;
  return status;
}

void smr_bidiagonal_clear(smr_bidiagonal *run) {
  smr_memory_free(run->a);
  smr_memory_free(run->memory);
  *run = (smr_bidiagonal){.context = NULL};
}

void smr_bidiagonal_load(smr_bidiagonal *run, const double *a, int64_t ld, bool transposed,
                         int exponent) {
  int64_t row_step = transposed ? ld : 1;
  int64_t col_step = transposed ? 1 : ld;
  for (int64_t j = 0; j < run->n_local; j++) {
    const double *from =
        a + smr_cyclic_global(j, run->context->rank, run->context->size) * col_step;
    double *to = run->a + j * run->ld;
    for (int64_t i = 0; i < run->m; i++) {
      to[i] = from[i * row_step];
    }
    for (int64_t i = 0; exponent != 0 && i < run->m; i++) {
      to[i] = ldexp(to[i], -exponent);
    }
  }
}

/* Columns c .. c + count - 1 from row `row` on, to all ranks. Collective. */
static void send_columns(const smr_bidiagonal *run, int c, int count, int row, double *to) {
  int64_t rows = run->ld - row;
  int owner = get_owner(run, c);
  if (owner == run->context->rank) {
    const double *from = run->a + (int64_t)count_before(run, c, owner) * run->ld + row;
    for (int64_t j = 0; j < count; j++) {
      memcpy(to + j * rows, from + j * run->ld, (size_t)rows * sizeof *to);
    }
  }
  smr_broadcast(run->context, owner, to, (size_t)(rows * count) * sizeof *to);
}

/* Collective. */
static void begin_panel(smr_bidiagonal *run, int first, int width) {
  int64_t rows = run->ld - first;
  send_columns(run, first, width, first, run->panel);
  if (first + width < run->n) {
    send_columns(run, first + width, 1, first, run->panel + width * rows);
  }
  for (int64_t j = count_before(run, first, run->context->rank); j < run->n_local; j++) {
    for (int64_t i = 0; i < width; i++) {
      run->rows[i * run->ld_y + j] = run->a[j * run->ld + first + i];
    }
  }
}

static step get_step(const smr_bidiagonal *run, int c, int i) {
  const smr_context *context = run->context;
  step s = {.c = c, .i = i, .n_pairs = 2 * i};
  s.top = c / SMR_FUSED_ALIGN * SMR_FUSED_ALIGN;
  s.first = count_before(run, c + 1, context->rank);
  s.n_local = run->n_local - s.first;
  s.owner = get_owner(run, c + 1);
  s.owns_next = s.owner == context->rank && c + 1 < run->n;
  for (int rank = 0; rank < context->size; rank++) {
    int count = count_before(run, run->n, rank) - count_before(run, c + 1, rank);
    s.n_longest = count > s.n_longest ? count : s.n_longest;
  }
  s.at_r = run->ld - s.top;
  s.at_t = s.at_r + s.n_longest;
  s.at_h = s.at_t + s.n_pairs + 1;
  s.n_slot = (int)pad(s.at_h + s.n_pairs + 1);
  return s;
}

/* Column c, brought up to date, becomes d and v. */
static void make_left(smr_bidiagonal *run, const step *s, const smr_bidiagonal_result *result) {
  int rows = run->m - s->c;
  double *column = run->panel + (int64_t)s->i * (run->ld - s->c + s->i) + s->i;
  double *v = run->v + s->c;
  cblas_dgemv(CblasColMajor, CblasNoTrans, rows, s->n_pairs, -1.0, run->w + s->c, run->ld,
              run->left, 1, 1.0, column, 1);
  LAPACKE_dlarfg_work(rows, column, column + 1, 1, &result->tauq[s->c]);
  result->d[s->c] = column[0];
  column[0] = 1.0;
  size_t bytes = (size_t)rows * sizeof *v;
  memset(run->v + s->top, 0, (size_t)(s->c - s->top) * sizeof *v);
  memcpy(v, column, bytes);
  memcpy(run->w + (int64_t)s->n_pairs * run->ld + s->c, column, bytes);
  memcpy(result->q->v + (int64_t)s->c * result->q->ld + s->c, column, bytes);
}

/* Row c of the local columns before v was applied, and what A'v lacks. */
static void make_row(smr_bidiagonal *run, const step *s) {
  const double *z = run->z + s->first;
  const double *w = run->w + s->c;
  memcpy(run->row, run->rows + (int64_t)s->i * run->ld_y + s->first,
         (size_t)s->n_local * sizeof *run->row);
  memset(run->correction, 0, (size_t)s->n_local * sizeof *run->row);
  if (s->n_pairs == 0) {
    return;
  }
  cblas_dgemv(CblasColMajor, CblasTrans, run->m - s->c, s->n_pairs, 1.0, w, run->ld, run->v + s->c,
              1, 0.0, run->small, 1);
  cblas_dgemv(CblasColMajor, CblasNoTrans, s->n_local, s->n_pairs, -1.0, z, run->ld_y, w, run->ld,
              1.0, run->row, 1);
  cblas_dgemv(CblasColMajor, CblasNoTrans, s->n_local, s->n_pairs, 1.0, z, run->ld_y, run->small, 1,
              0.0, run->correction, 1);
}

/* The pass: y, r, and this rank's part of A r (without column c + 1) and of [Y U]'r. */
static void make_message(smr_bidiagonal *run, const step *s, double tau) {
  double *slot = run->slots + (int64_t)run->context->rank * s->n_slot;
  double *y = run->z + (int64_t)s->n_pairs * run->ld_y + s->first;
  const double *z = run->z + s->first;
  int skip = s->owns_next;
  smr_fused f = {.rows = run->ld - s->top,
                 .n = s->n_local - skip,
                 .ld = run->ld,
                 .a = run->a + (int64_t)(s->first + skip) * run->ld + s->top,
                 .v = run->v + s->top,
                 .tau = tau,
                 .row = run->row + skip,
                 .correction = run->correction + skip,
                 .y = y + skip,
                 .r = slot + s->at_r + skip,
                 .w = slot};
  memset(slot, 0, (size_t)s->n_slot * sizeof *slot);
  if (skip) {
    y[0] = tau * (smr_dot(f.rows, f.a - run->ld, f.v) - run->correction[0]);
    slot[s->at_r] = run->row[0] - y[0];
    cblas_dcopy(s->n_pairs + 1, z, run->ld_y, slot + s->at_h, 1);
  }
  smr_fused_run(&f);
  cblas_dgemv(CblasColMajor, CblasTrans, s->n_local - skip, s->n_pairs + 1, 1.0, z + skip,
              run->ld_y, f.r, 1, 0.0, slot + s->at_t, 1);
}

/* Row c from all ranks becomes e and u. */
static void make_right(const smr_bidiagonal *run, step *s, const smr_bidiagonal_result *result) {
  int size = run->context->size;
  double *u = result->p->v + (int64_t)s->c * result->p->ld + s->c;
  for (int rank = 0; rank < size; rank++) {
    const double *r = run->slots + (int64_t)rank * s->n_slot + s->at_r;
    int first = count_before(run, s->c + 1, rank);
    int end = count_before(run, run->n, rank);
    for (int j = first; j < end;) {
      int count = (int)smr_int_min(PANEL - j % PANEL, end - j);
      memcpy(u + smr_cyclic_global(j, rank, size) - s->c - 1, r + j - first,
             (size_t)count * sizeof *u);
      j += count;
    }
  }
  int n = run->n - s->c - 1;
  double alpha = u[0];
  LAPACKE_dlarfg_work(n, u, u + 1, 1, &result->taup[s->c]);
  double beta = u[0];
  if (fabs(beta) < negligible) {
    memset(u, 0, (size_t)n * sizeof *u);
    result->taup[s->c] = 0.0;
    beta = alpha;
  }
  result->e[s->c] = beta;
  s->divisor = result->taup[s->c] != 0.0 ? 1.0 / (alpha - beta) : 0.0;
  u[0] = 1.0;
}

/* x, and what the next column will need. */
static void make_x(smr_bidiagonal *run, const step *s, double tau) {
  int rows = run->m - s->c - 1;
  int n_pairs = s->n_pairs + 1;
  double *x = run->w + (int64_t)n_pairs * run->ld + s->c + 1;
  const double *h = run->slots + (int64_t)s->owner * s->n_slot + s->at_h;
  const double *column = run->panel + (int64_t)(s->i + 1) * (run->ld - s->c + s->i) + s->i + 1;
  memset(x, 0, (size_t)rows * sizeof *x);
  memset(run->small, 0, PAIRS * sizeof *run->small);
  for (int rank = 0; rank < run->context->size; rank++) {
    const double *slot = run->slots + (int64_t)rank * s->n_slot;
    const double *part = slot + s->c + 1 - s->top;
    for (int i = 0; i < rows; i++) {
      x[i] += part[i];
    }
    for (int k = 0; k < n_pairs; k++) {
      run->small[k] += slot[s->at_t + k];
    }
  }
  for (int i = 0; i < rows; i++) {
    x[i] = column[i] + s->divisor * x[i];
  }
  for (int k = 0; k < n_pairs; k++) {
    run->small[k] = h[k] + s->divisor * run->small[k];
    run->left[k] = h[k];
  }
  run->left[n_pairs] = 1.0;
  cblas_dgemv(CblasColMajor, CblasNoTrans, rows, n_pairs, -tau, run->w + s->c + 1, run->ld,
              run->small, 1, tau, x, 1);
}

/* The local part of u into z. */
static void keep_right(smr_bidiagonal *run, const step *s, const smr_bidiagonal_result *result) {
  const smr_context *context = run->context;
  const double *u = result->p->v + (int64_t)s->c * result->p->ld - 1;
  double *to = run->z + (int64_t)(s->n_pairs + 1) * run->ld_y;
  for (int j = s->first; j < run->n_local; j++) {
    to[j] = u[smr_cyclic_global(j, context->rank, context->size)];
  }
}

/* Collective. */
static void reduce_column(smr_bidiagonal *run, int c, int i, const smr_bidiagonal_result *result) {
  step s = get_step(run, c, i);
  make_left(run, &s, result);
  if (c + 1 == run->n) {
    return;
  }
  make_row(run, &s);
  make_message(run, &s, result->tauq[c]);
  smr_gather_all(run->context, s.n_slot, run->slots);
  make_right(run, &s, result);
  make_x(run, &s, result->taup[c]);
  keep_right(run, &s, result);
}

/* The rest of A after a panel that ends before column and row `end`. Local. */
static void update_rest(smr_bidiagonal *run, int end, int width) {
  int first = count_before(run, end, run->context->rank);
  if (run->m > end && run->n_local > first) {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, run->m - end, run->n_local - first,
                2 * width, -1.0, run->w + end, run->ld, run->z + first, run->ld_y, 1.0,
                run->a + (int64_t)first * run->ld + end, run->ld);
  }
}

void smr_bidiagonal_reduce(smr_bidiagonal *run, const smr_bidiagonal_result *result) {
  for (int first = 0; first < run->n; first += PANEL) {
    int width = (int)smr_int_min(PANEL, run->n - first);
    begin_panel(run, first, width);
    for (int i = 0; i < width; i++) {
      reduce_column(run, first + i, i, result);
    }
    update_rest(run, first + width, width);
  }
  result->e[run->n - 1] = 0.0;
  result->taup[run->n - 1] = 0.0;
}
