/* Compact SVD of a bidiagonal matrix: products with U, V and their transposes.
 *
 * U'x and V'x climb the trees from the leaves, U x and V x descend. A node's part of x is gathered
 * to y and its result comes back to x. All products have padded shapes (a panel's 32 columns, rows
 * in multiples of 8) given by the node alone, so that a column's bits don't depend on its
 * neighbours. The plain form of all this is LAPACK's dlalsa, for two of the four products. */
#include <math.h>
#include <string.h>

#include "compact.h"
#include "dots.h"
#include "narrow.h"
#include "simmer/linalg/kernel.h"
#include "tree.h"

enum { GROUP = SMR_COLUMN_BLOCK };

typedef struct {
  const smr_compact *compact;
  bool is_left, is_project;
  double *x, *y; /* [ld x 16 n_groups] */
  int n_groups, ld;
  double *work;  /* [32 x 16] */
  double *panel; /* [ld x 32] */
} climb;

/* One inner node. */
typedef struct {
  int first, n; /* its rows */
  int n_left;   /* rows of the left child */
  int k;        /* roots of the secular equation; other rows are deflated */
  int n_givens;
  bool has_null; /* n + 1 columns: a rotation with row first + n */
  double c, s;
  const double *roots, *poles;   /* [k] */
  const double *difl, *difr, *z; /* [k] root i - pole i, root i - pole i + 1 */
  const double *norms;           /* [k] of the right vectors */
  const double *sines, *cosines; /* [n_givens] */
  const int *columns1, *columns2, *perm;
} node;

/* Node i of a level, both from 1, of the piece that begins at `start`. */
static node get_node(const smr_compact *c, int start, int level, int i) {
  int first_node = 1 << (level - 1);
  int last_node = 2 * first_node - 1;
  /* dlasda numbers the scalars of a level backwards. */
  int j = start + first_node + last_node - i - 1;
  int left = c->n_left[start + i - 1];
  int64_t n = c->n;
  node v = {.n_left = left,
            .n = left + 1 + c->n_right[start + i - 1],
            .first = start + c->centers[start + i - 1] - 1 - left,
            .k = c->n_roots[j],
            .n_givens = c->n_givens[j],
            .has_null = i != last_node,
            .c = c->c[j],
            .s = c->s[j]};
  int64_t single = (level - 1) * n + v.first;
  int64_t twin = 2 * (level - 1) * n + v.first;
  v.roots = c->poles + twin;
  v.poles = c->poles + twin + n;
  v.difl = c->difl + single;
  v.difr = c->difr + twin;
  v.norms = c->difr + twin + n;
  v.z = c->z + single;
  v.sines = c->givnum + twin;
  v.cosines = c->givnum + twin + n;
  v.columns1 = c->givcol + twin;
  v.columns2 = c->givcol + twin + n;
  v.perm = c->perm + single;
  return v;
}

/* z_i / (pole_i^2 - root_j^2) for rows first..end; the difference is (pole_i - origin) - offset,
 * which has no cancellation that matters. */
static void form_quotients(const node *v, int first, int end, double root, double origin,
                           double offset, double *w) {
#pragma omp simd
  for (int i = first; i < end; i++) {
    double difference = (v->poles[i] - origin) - offset;
    double quotient = v->z[i] / (difference * (v->poles[i] + root));
    w[i] = v->z[i] == 0.0 ? 0.0 : quotient;
  }
}

static void scale_column(int k, double factor, double *w) {
#pragma omp simd
  for (int i = 0; i < k; i++) {
    w[i] *= factor;
  }
}

/* Singular vector j of the node's k x k problem (Gu, Eisenstat 1995). */
static void form_column(const node *v, bool is_left, int j, double *w) {
  int k = v->k;
  if (k == 1) {
    w[0] = is_left && v->z[0] < 0.0 ? -1.0 : 1.0;
    return;
  }
  double root = v->roots[j];
  form_quotients(v, 0, j + 1, root, v->poles[j], v->difl[j], w);
  if (j + 1 < k) {
    form_quotients(v, j + 1, k, root, v->poles[j + 1], v->difr[j], w);
  }
  double norm = v->norms[j];
  if (is_left) {
    double sum = 1.0;
#pragma omp simd reduction(+ : sum)
    for (int i = 1; i < k; i++) {
      w[i] *= v->poles[i];
      sum += w[i] * w[i];
    }
    w[0] = -1.0;
    norm = sqrt(sum);
  }
  scale_column(k, 1.0 / norm, w);
}

/* Columns j … j + width of the node's matrix, padded with zeros to a whole panel. */
static void form_panel(const climb *t, const node *v, int j, int width) {
  int rows = smr_pad(v->k);
  for (int c = 0; c < SMR_PANEL; c++) {
    double *w = t->panel + (int64_t)c * rows;
    int used = 0;
    if (c < width) {
      form_column(v, t->is_left, j + c, w);
      used = v->k;
    }
    memset(w + used, 0, (size_t)(rows - used) * sizeof *w);
  }
}

static void rotate(double c, double s, double *x, double *y) {
  double old = *x;
  *x = c * old + s * *y;
  *y = c * *y - s * old;
}

/* One column of x -> the node's order in y. */
static void gather(const climb *t, const node *v, double *x, double *y) {
  for (int i = 0; i < v->n_givens; i++) {
    rotate(v->cosines[i], v->sines[i], x + v->columns2[i] - 1, x + v->columns1[i] - 1);
  }
  y[0] = x[v->n_left];
  for (int i = 1; i < v->n; i++) {
    y[i] = x[v->perm[i] - 1];
  }
  if (!t->is_left && v->has_null) {
    rotate(v->c, -v->s, y, x + v->n);
  }
  memcpy(x + v->k, y + v->k, (size_t)(v->n - v->k) * sizeof *x);
}

/* The inverse of gather. */
static void scatter(const climb *t, const node *v, double *x, double *y) {
  memcpy(y + v->k, x + v->k, (size_t)(v->n - v->k) * sizeof *x);
  if (!t->is_left && v->has_null) {
    rotate(v->c, v->s, y, x + v->n);
  }
  x[v->n_left] = y[0];
  for (int i = 1; i < v->n; i++) {
    x[v->perm[i] - 1] = y[i];
  }
  for (int i = v->n_givens - 1; i >= 0; i--) {
    rotate(v->cosines[i], -v->sines[i], x + v->columns2[i] - 1, x + v->columns1[i] - 1);
  }
}

/* rows of x [width x 16] = the first of panel' y. */
static void project_panel(const climb *t, int rows, int width, int inner, const double *y,
                          double *x) {
  smr_dots_run(
      &(smr_dots){inner, SMR_PANEL, GROUP, false, t->panel, rows, y, t->ld, t->work, SMR_PANEL});
  for (int64_t c = 0; c < GROUP; c++) {
    memcpy(x + c * t->ld, t->work + c * SMR_PANEL, (size_t)width * sizeof *x);
  }
}

static double *get_column(const climb *t, double *x, int64_t column) {
  return x + column * t->ld;
}

static void apply_node(const climb *t, const node *v) {
  int64_t n_columns = (int64_t)GROUP * t->n_groups;
  int rows = smr_pad(v->k);
  for (int64_t c = 0; t->is_project && c < n_columns; c++) {
    gather(t, v, get_column(t, t->x, c) + v->first, get_column(t, t->y, c));
  }
  for (int64_t c = 0; !t->is_project && c < n_columns; c++) {
    memset(get_column(t, t->y, c), 0, (size_t)rows * sizeof *t->y);
  }
  for (int j = 0; j < v->k; j += SMR_PANEL) {
    int width = v->k - j < SMR_PANEL ? v->k - j : SMR_PANEL;
    form_panel(t, v, j, width);
    for (int g = 0; g < t->n_groups; g++) {
      double *x = get_column(t, t->x, (int64_t)g * GROUP) + v->first + j;
      double *y = get_column(t, t->y, (int64_t)g * GROUP);
      if (t->is_project) {
        project_panel(t, rows, width, v->k, y, x);
      } else {
        smr_narrow_add(&(smr_narrow){rows, GROUP, width, t->panel, rows, x, t->ld, y, t->ld});
      }
    }
  }
  for (int64_t c = 0; !t->is_project && c < n_columns; c++) {
    scatter(t, v, get_column(t, t->x, c) + v->first, get_column(t, t->y, c));
  }
}

/* A small dense factor [n x n] at rows `first` on. */
static void apply_leaf(const climb *t, int first, int n) {
  const smr_compact *compact = t->compact;
  const double *from = (t->is_left ? compact->u : compact->vt) + first;
  bool transposed = t->is_left == t->is_project;
  memset(t->panel, 0, sizeof(double) * SMR_PANEL * SMR_PANEL);
  for (int64_t c = 0; c < n; c++) {
    for (int64_t r = 0; r < n; r++) {
      t->panel[transposed ? c * SMR_PANEL + r : r * SMR_PANEL + c] = from[c * compact->n + r];
    }
  }
  for (int64_t g = 0; g < t->n_groups; g++) {
    double *x = get_column(t, t->x, g * GROUP) + first;
    project_panel(t, SMR_PANEL, n, n, x, x);
  }
}

/* Both leaves of every node on the lowest level. In V, the row between two leaves belongs to the
 * left one. */
static void apply_leaves(const climb *t, int start) {
  const smr_compact *c = t->compact;
  int first_node = 1 << (c->levels[start] - 1);
  int last_node = 2 * first_node - 1;
  for (int i = first_node; i <= last_node; i++) {
    int center = start + c->centers[start + i - 1] - 1;
    int left = c->n_left[start + i - 1];
    int right = c->n_right[start + i - 1];
    apply_leaf(t, center - left, left + (t->is_left ? 0 : 1));
    apply_leaf(t, center + 1, right + (t->is_left || i == last_node ? 0 : 1));
  }
}

static void apply_level(const climb *t, int start, int level) {
  int first_node = 1 << (level - 1);
  for (int i = first_node; i < 2 * first_node; i++) {
    node v = get_node(t->compact, start, level, i);
    apply_node(t, &v);
  }
}

static void apply_piece(const climb *t, int start, int n) {
  int levels = t->compact->levels[start];
  if (n <= SMR_LEAF) {
    apply_leaf(t, start, n);
    return;
  }
  if (t->is_project) {
    apply_leaves(t, start);
  }
  for (int level = 1; level <= levels; level++) {
    apply_level(t, start, t->is_project ? levels + 1 - level : level);
  }
  if (!t->is_project) {
    apply_leaves(t, start);
  }
}

/* to[i] = from[order[i]], or back. */
static void sort_column(const smr_compact *compact, bool is_back, const double *from, double *to) {
  for (int i = 0; i < compact->n; i++) {
    if (is_back) {
      to[compact->order[i]] = from[i];
    } else {
      to[i] = from[compact->order[i]];
    }
  }
}

void smr_compact_apply(const smr_compact *compact, bool is_left, bool is_project,
                       const smr_groups *groups, double *panel) {
  climb t = {.compact = compact,
             .is_left = is_left,
             .is_project = is_project,
             /* Descending begins with sorted values in x, so that y becomes the tree's side. */
             .x = is_project ? groups->x : groups->y,
             .y = is_project ? groups->y : groups->x,
             .n_groups = groups->n_groups,
             .ld = groups->ld,
             .work = groups->work,
             .panel = panel};
  int64_t n_columns = (int64_t)GROUP * groups->n_groups;
  for (int64_t c = 0; !is_project && c < n_columns; c++) {
    sort_column(compact, true, get_column(&t, t.y, c), get_column(&t, t.x, c));
  }
  for (int p = 0; p < *compact->n_pieces; p++) {
    int start = compact->starts[p];
    apply_piece(&t, start, compact->starts[p + 1] - start);
  }
  for (int64_t c = 0; is_project && c < n_columns; c++) {
    sort_column(compact, false, get_column(&t, t.x, c), get_column(&t, t.y, c));
  }
}
