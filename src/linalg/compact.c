/* Compact SVD of a bidiagonal matrix: the solver. */
#include "compact.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/memory.h"
#include "tree.h"

static int count_levels(int n) {
  int levels = 1;
  while (n / 2 >= SMR_LEAF) {
    n /= 2;
    levels++;
  }
  return levels;
}

/* Takes n doubles from the block, or only counts them. */
static double *take(double *block, int64_t *used, int64_t n) {
  double *start = block != NULL ? block + *used : NULL;
  *used += n;
  return start;
}

static int *take_integers(double *block, int64_t *used, int64_t n) {
  void *start = take(block, used, (n + 1) / 2);
  return start;
}

static int64_t place(int size, double *block, smr_compact *out) {
  int64_t n = size;
  int64_t levels = count_levels(size);
  int64_t used = 0;
  *out = (smr_compact){.n = size, .n_levels = (int)levels, .block = block};
  out->u = take(block, &used, n * SMR_LEAF);
  out->vt = take(block, &used, n * (SMR_LEAF + 1));
  out->difl = take(block, &used, n * levels);
  out->difr = take(block, &used, 2 * n * levels);
  out->z = take(block, &used, n * levels);
  out->poles = take(block, &used, 2 * n * levels);
  out->givnum = take(block, &used, 2 * n * levels);
  out->c = take(block, &used, n);
  out->s = take(block, &used, n);
  out->n_pieces = take_integers(block, &used, 1);
  out->starts = take_integers(block, &used, n + 1);
  out->order = take_integers(block, &used, n);
  out->n_roots = take_integers(block, &used, n);
  out->n_givens = take_integers(block, &used, n);
  out->perm = take_integers(block, &used, n * levels);
  out->givcol = take_integers(block, &used, 2 * n * levels);
  out->levels = take_integers(block, &used, n);
  out->centers = take_integers(block, &used, n);
  out->n_left = take_integers(block, &used, n);
  out->n_right = take_integers(block, &used, n);
  return used;
}

int64_t smr_compact_count_doubles(int n) {
  smr_compact compact;
  return place(n, NULL, &compact);
}

void smr_compact_place(int n, double *block, smr_compact *out) {
  (void)place(n, block, out);
}

/* Scales B to a largest entry of 1, so that tiny entries are known by eps alone; no diagonal may
 * vanish (as in LAPACK's dbdsdc). */
static double scale(int n, double *d, double *e, double tiny) {
  double norm = 0.0;
  for (int i = 0; i < n; i++) {
    norm = fmax(norm, fmax(fabs(d[i]), i + 1 < n ? fabs(e[i]) : 0.0));
  }
  for (int i = 0; i < n; i++) {
    d[i] = norm > 0.0 ? d[i] / norm : 0.0;
    d[i] = fabs(d[i]) < tiny ? copysign(tiny, d[i]) : d[i];
    if (i + 1 < n) {
      e[i] = norm > 0.0 ? e[i] / norm : 0.0;
    }
  }
  return norm;
}

static void split(smr_compact *compact, const double *e, double tiny) {
  int n_pieces = 1;
  for (int i = 0; i + 1 < compact->n; i++) {
    if (fabs(e[i]) < tiny) {
      compact->starts[n_pieces++] = i + 1;
    }
  }
  compact->starts[n_pieces] = compact->n;
  *compact->n_pieces = n_pieces;
}

/* A piece of a leaf's size, by QR iteration. */
static int solve_leaf(smr_compact *compact, int start, int n, double *d, double *e, double *work) {
  double *u = compact->u + start;
  double *vt = compact->vt + start;
  LAPACKE_dlaset_work(LAPACK_COL_MAJOR, 'A', n, n, 0.0, 1.0, u, compact->n);
  LAPACKE_dlaset_work(LAPACK_COL_MAJOR, 'A', n, n, 0.0, 1.0, vt, compact->n);
  return LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', n, n, n, 0, d, e, vt, compact->n, u, compact->n,
                             NULL, 1, work);
}

static int solve_tree(smr_compact *c, int start, int n, double *d, double *e, double *work,
                      int *iwork) {
  const int in_compact_form = 1;
  const int leaf = SMR_LEAF;
  const int square = 0;
  int n_nodes = 0;
  int info = 0;
  dlasdt_(&n, c->levels + start, &n_nodes, c->centers + start, c->n_left + start,
          c->n_right + start, &leaf);
  dlasda_(&in_compact_form, &leaf, &n, &square, d, e, c->u + start, &c->n, c->vt + start,
          c->n_roots + start, c->difl + start, c->difr + start, c->z + start, c->poles + start,
          c->n_givens + start, c->givcol + start, &c->n, c->perm + start, c->givnum + start,
          c->c + start, c->s + start, work, iwork, &info);
  return info;
}

typedef struct {
  double value;
  int place;
} ranked;

/* Descending; equal values by place, so that the order is unique. */
static int compare(const void *a, const void *b) {
  const ranked *x = a;
  const ranked *y = b;
  if (x->value != y->value) {
    return x->value > y->value ? -1 : 1;
  }
  return x->place - y->place;
}

static smr_status sort(smr_compact *compact, const double *d, double norm, double *values) {
  ranked *all = NULL;
  SMR_TRY(smr_memory_alloc(compact->n, sizeof *all, "order of singular values", &all));
  for (int i = 0; i < compact->n; i++) {
    all[i] = (ranked){.value = d[i], .place = i};
  }
  qsort(all, (size_t)compact->n, sizeof *all, compare);
  for (int i = 0; i < compact->n; i++) {
    compact->order[i] = all[i].place;
    values[i] = all[i].value * norm;
  }
  smr_memory_free(all);
  return SMR_OK;
}

smr_status smr_compact_solve(smr_compact *compact, double *d, double *e, double *values,
                             double *work, int *iwork) {
  const double tiny = 0.9 * DBL_EPSILON / 2.0;
  int info = 0;
  double norm = scale(compact->n, d, e, tiny);
  split(compact, e, tiny);
  for (int p = 0; p < *compact->n_pieces && info == 0; p++) {
    int start = compact->starts[p];
    int n = compact->starts[p + 1] - start;
    info = n <= SMR_LEAF ? solve_leaf(compact, start, n, d + start, e + start, work)
                         : solve_tree(compact, start, n, d + start, e + start, work, iwork);
  }
  if (info != 0) {
    SMR_FAIL(SMR_ERR_CONVERGENCE, "divide and conquer on a bidiagonal of order %d ended with %d",
             compact->n, info);
  }
  return sort(compact, d, norm, values);
}
