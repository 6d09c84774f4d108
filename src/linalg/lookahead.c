/* QR with look-ahead. m x n, panels of 32 columns over the first min(m, n). */
#include "lookahead.h"

#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <string.h>

#include "reflector.h"
#include "simmer/base/integer.h"

enum { PANEL = SMR_CYCLIC_BLOCK };

typedef struct {
  const smr_cyclic *a;
  double *tau;
  double *messages[2]; /* of panels in turns: V [rows x width] with its ones and zeros, T [width x
                          width] */
  double *product;     /* [32 x n_local] */
  smr_broadcast_request request;
} factorization;

/* One panel: columns and rows from `first` on. */
typedef struct {
  int first, width, rows, owner;
  double *v, *t; /* in its message */
} panel;

static int64_t count_message(const smr_cyclic *a) {
  return (int64_t)PANEL * (a->m + PANEL);
}

bool smr_lookahead_is_possible(const smr_cyclic *matrix) {
  return matrix->grid->n_rows == 1 && count_message(matrix) <= INT_MAX / (int64_t)sizeof(double);
}

int64_t smr_lookahead_count(const smr_cyclic *matrix) {
  return 2 * count_message(matrix) + (int64_t)PANEL * smr_int_max(1, matrix->n_local);
}

static panel get_panel(const factorization *run, int index) {
  const smr_cyclic *a = run->a;
  panel p = {.first = index * PANEL, .owner = index % a->grid->n_cols};
  p.width = (int)smr_int_min(PANEL, smr_int_min(a->m, a->n) - p.first);
  p.rows = a->m - p.first;
  p.v = run->messages[index % 2];
  p.t = p.v + (int64_t)p.rows * p.width;
  return p;
}

/* Local columns before column c. */
static int count_before(const factorization *run, int64_t c) {
  const smr_cyclic *a = run->a;
  return smr_cyclic_count((int)smr_int_min(c, a->n), a->grid->col, a->grid->n_cols);
}

/* Factors a panel of this rank and makes its message. Local. */
static void factor(const factorization *run, const panel *p) {
  const smr_cyclic *a = run->a;
  int column = count_before(run, p->first);
  double *from = a->a + (int64_t)column * a->ld + p->first;
  if (p->width == SMR_PANEL && p->rows >= SMR_PANEL) {
    smr_panel_factor(p->rows, from, a->ld, p->t);
  } else {
    LAPACKE_dgeqrt3_work(LAPACK_COL_MAJOR, p->rows, p->width, from, a->ld, p->t, p->width);
  }
  for (int64_t j = 0; j < p->width; j++) {
    double *to = p->v + j * p->rows;
    memset(to, 0, (size_t)j * sizeof *to);
    to[j] = 1.0;
    memcpy(to + j + 1, from + j * a->ld + j + 1, (size_t)(p->rows - j - 1) * sizeof *to);
    run->tau[column + j] = p->t[j * p->width + j];
  }
}

/* Local columns first .. end - 1 = H' them. */
static void update(const factorization *run, const panel *p, int first, int end) {
  const smr_cyclic *a = run->a;
  double *c = a->a + (int64_t)first * a->ld + p->first;
  int n = end - first;
  if (n <= 0) {
    return;
  }
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, p->width, n, p->rows, 1.0, p->v, p->rows, c,
              a->ld, 0.0, run->product, p->width);
  cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, p->width, n, 1.0,
              p->t, p->width, run->product, p->width);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, p->rows, n, p->width, -1.0, p->v, p->rows,
              run->product, p->width, 1.0, c, a->ld);
}

/* Collective: the owner has made the message. */
static void send(factorization *run, const panel *p) {
  size_t doubles = (size_t)p->width * (size_t)(p->rows + p->width);
  smr_broadcast_begin(run->a->grid->context, p->owner, p->v, doubles * sizeof(double),
                      &run->request);
}

/* The columns right of panel p, those of the next panel first. Collective. */
static void advance(factorization *run, const panel *p, const panel *next) {
  int first = count_before(run, p->first + p->width);
  int end = count_before(run, run->a->n);
  if (next != NULL) {
    if (next->owner == run->a->grid->col) {
      int middle = count_before(run, (int64_t)next->first + PANEL);
      update(run, p, first, middle);
      factor(run, next);
      first = middle;
    }
    send(run, next);
  }
  update(run, p, first, end);
  if (next != NULL) {
    smr_broadcast_end(&run->request);
  }
}

void smr_lookahead_factor(const smr_cyclic *matrix, double *tau, double *work) {
  int64_t length = count_message(matrix);
  factorization run = {
      .a = matrix, .tau = tau, .messages = {work, work + length}, .product = work + 2 * length};
  int n_panels = (int)smr_int_ceil_divide(smr_int_min(matrix->m, matrix->n), PANEL);
  for (int k = 0; k < n_panels; k++) {
    panel p = get_panel(&run, k);
    if (k == 0) {
      if (p.owner == matrix->grid->col) {
        factor(&run, &p);
      }
      send(&run, &p);
      smr_broadcast_end(&run.request);
    }
    panel next = k + 1 < n_panels ? get_panel(&run, k + 1) : p;
    advance(&run, &p, k + 1 < n_panels ? &next : NULL);
  }
}
