/* Layout of a TSQR value, its leaves and its combination. */
#include "triangle.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "reflector.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { PANEL_DOUBLES = SMR_PANEL * SMR_PANEL, ALIGN_DOUBLES = 8, MIN_BLOCK_ROWS = 1024 };

struct smr_triangle_work {
  int lda;
  double *a;    /* [lda x 32 P] the row block, later V; or the bottom of a combination */
  double *y;    /* [lda] */
  double *t;    /* [P][32 x 32] */
  double *work; /* [32 x 32] */
};

static int64_t round_up(int64_t n, int64_t multiple) {
  return smr_int_ceil_divide(n, multiple) * multiple;
}

int64_t smr_triangle_block_rows(int64_t n_cols) {
  int64_t power = MIN_BLOCK_ROWS / 2;
  while (power < n_cols) {
    power *= 2;
  }
  return 2 * power;
}

/* Rows of V in a combination lie below 32 rows of the left factor and, with an intercept, 32 more
 * whose first is the difference of the means. */
static int get_offset(const smr_triangle_shape *shape) {
  return shape->has_intercept ? SMR_PANEL : 0;
}

static int64_t count_work_rows(const smr_triangle_shape *shape) {
  int64_t leaf = round_up(smr_int_min(shape->block_rows, shape->n_rows), SMR_PANEL);
  int64_t combination = (int64_t)SMR_PANEL * (shape->n_panels + 2);
  int64_t rows = shape->n_rows > shape->block_rows ? smr_int_max(leaf, combination) : leaf;
  /* Not a power of two: its columns would compete for the same lines of the cache. */
  return rows + ALIGN_DOUBLES;
}

smr_status smr_triangle_shape_init(int64_t n_rows, int64_t n_cols, bool has_intercept,
                                   smr_triangle_shape *shape) {
  int narrow = 0;
  if (n_rows < 0 || n_cols < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a matrix has a negative number of rows or columns");
  }
  SMR_TRY(smr_int_narrow(4 * smr_int_min(n_cols, (int64_t)1 << 40), "four times the columns of X",
                         &narrow));
  *shape = (smr_triangle_shape){.n_rows = n_rows,
                                .n_cols = n_cols,
                                .block_rows = smr_triangle_block_rows(n_cols),
                                .n_panels = (int)smr_int_ceil_divide(n_cols, SMR_PANEL),
                                .has_intercept = has_intercept};
  return SMR_OK;
}

int64_t smr_triangle_count_doubles(const smr_triangle_shape *shape) {
  int64_t panels = shape->n_panels;
  return ALIGN_DOUBLES + 2 * round_up(shape->n_cols + 1, ALIGN_DOUBLES) + SMR_PANEL * panels +
         PANEL_DOUBLES * panels * (panels + 1) / 2;
}

smr_triangle smr_triangle_view(const smr_triangle_shape *shape, void *value) {
  smr_triangle view;
  int64_t n = round_up(shape->n_cols + 1, ALIGN_DOUBLES);
  view.count = value;
  view.mean = view.count + ALIGN_DOUBLES;
  view.tail = view.mean + n;
  view.z = view.tail + n;
  view.r = view.z + (int64_t)SMR_PANEL * shape->n_panels;
  return view;
}

static double *get_panel(const smr_triangle *triangle, int panel) {
  return triangle->r + (int64_t)PANEL_DOUBLES * panel * (panel + 1) / 2;
}

const double *smr_triangle_panel(const smr_triangle *triangle, int panel) {
  return get_panel(triangle, panel);
}

int64_t smr_triangle_count_work_bytes(const smr_triangle_shape *shape) {
  int64_t columns = (int64_t)SMR_PANEL * shape->n_panels;
  return (int64_t)sizeof(double) *
         (count_work_rows(shape) * (columns + 1) + PANEL_DOUBLES * ((int64_t)shape->n_panels + 1));
}

smr_status smr_triangle_work_create(const smr_triangle_shape *shape, smr_triangle_work **out) {
  smr_triangle_work *work = NULL;
  int64_t rows = count_work_rows(shape);
  int64_t doubles = smr_triangle_count_work_bytes(shape) / (int64_t)sizeof(double);
  SMR_TRY(smr_memory_alloc(1, sizeof *work, "QR workspace", &work));
  smr_status status = smr_int_narrow(rows, "rows of a row block", &work->lda);
  if (status == SMR_OK) {
    status = smr_memory_alloc(doubles, sizeof(double), "QR workspace", &work->t);
  }
  if (status != SMR_OK) {
    smr_memory_free(work);
    return status;
  }
  work->work = work->t + (int64_t)PANEL_DOUBLES * shape->n_panels;
  work->y = work->work + PANEL_DOUBLES;
  work->a = work->y + rows;
  *out = work;
  return SMR_OK;
}

void smr_triangle_work_destroy(smr_triangle_work **work) {
  if (work != NULL && *work != NULL) {
    smr_memory_free((*work)->t);
    smr_memory_free(*work);
    *work = NULL;
  }
}

/* Is every number finite? Zero times it is zero then. */
static bool is_finite(int64_t n, const double *x) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    sum += x[i] * 0.0;
  }
  return sum == 0.0;
}

static smr_status fail_row(int64_t first, int64_t count, const double *x, const char *what,
                           int64_t column) {
  int64_t i = 0;
  while (i < count - 1 && isfinite(x[i])) {
    i++;
  }
  SMR_FAIL(SMR_ERR_NUMERIC,
           "%s is not a finite number in row %" PRId64 ", column %" PRId64 " (counted from 0)",
           what, first + i, column);
}

smr_status smr_rows_check(int64_t first, int64_t count, int64_t n_cols, const double *x, int64_t ld,
                          const double *y) {
  for (int64_t c = 0; c < n_cols; c++) {
    if (!is_finite(count, x + c * ld)) {
      return fail_row(first, count, x + c * ld, "the data X", c);
    }
  }
  return is_finite(count, y) ? SMR_OK : fail_row(first, count, y, "the target y", 0);
}

/* x[0..m-2] = the part of x[0..m-1] orthogonal to the ones, by the reflector that takes the ones to
 * the first axis: with d = x - x[0] and S = sum d it is d[i] - S / (m + sqrt m), i >= 1. Returns
 * the mean. */
static double center_column(int64_t m, double *x) {
  double x0 = x[0];
  double sum = 0.0;
  for (int64_t i = 1; i < m; i++) {
    x[i - 1] = x[i] - x0;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < m - 1; i++) {
    sum += x[i];
  }
  double shift = sum / ((double)m + sqrt((double)m));
  for (int64_t i = 0; i < m - 1; i++) {
    x[i] -= shift;
  }
  return x0 + sum / (double)m;
}

/* Reads a row block into the workspace, centred and padded with zeros to *n_padded rows. */
static smr_status read_block(const smr_triangle_shape *shape, const smr_row_source *source,
                             int thread, int64_t block, smr_triangle_work *work,
                             smr_triangle *value, int *n_padded) {
  int64_t lda = work->lda;
  int64_t first = block * shape->block_rows;
  int64_t count = smr_int_min(shape->block_rows, shape->n_rows - first);
  int64_t columns = (int64_t)SMR_PANEL * shape->n_panels;
  SMR_TRY(source->read(source->self, thread, first, count, work->a, lda, work->y));
  SMR_TRY(smr_rows_check(first, count, shape->n_cols, work->a, lda, work->y));
  int64_t used = count - shape->has_intercept;
  int64_t padded = round_up(used, SMR_PANEL);
  *value->count = (double)count;
  for (int64_t c = 0; c <= columns; c++) {
    double *x = c < columns ? work->a + c * lda : work->y;
    int64_t n_good = c < shape->n_cols || c == columns ? used : 0;
    if (shape->has_intercept && (c < shape->n_cols || c == columns)) {
      value->mean[smr_int_min(c, shape->n_cols)] = center_column(count, x);
    }
    memset(x + n_good, 0, (size_t)(padded - n_good) * sizeof *x);
  }
  *n_padded = (int)padded;
  return SMR_OK;
}

/* Copies rows 0..rows-1 of panel j, without what is below the diagonal, to the value. */
static void copy_panel(int j, int rows, const double *a, int64_t lda, double *panel) {
  int64_t ld = (int64_t)SMR_PANEL * (j + 1);
  for (int c = 0; c < SMR_PANEL; c++) {
    int64_t n = smr_int_min(rows, (int64_t)SMR_PANEL * j + c + 1);
    memcpy(panel + c * ld, a + c * lda, (size_t)n * sizeof *a);
  }
}

/* y = (I - tau v v') y for one reflector of length n; n and the alignment are the same for all
 * columns of a panel. */
static void reflect(int64_t n, double tau, const double *v, double *y) {
  double w = tau * smr_dot(n, v, y);
  for (int64_t i = 0; i < n; i++) {
    y[i] -= w * v[i];
  }
}

/* ||y||^2 over n_head rows (a multiple of 32), then rows n_head..n_all-1 one by one. */
static double sum_tail(int64_t n_head, int64_t n_all, const double *y) {
  double sum = smr_sum_squares(n_head, y);
  for (int64_t i = n_head; i < n_all; i++) {
    sum += y[i] * y[i];
  }
  return sum;
}

/* Applies the real columns' reflectors of panel j to y one at a time and notes each tail. */
static void reflect_leaf(const smr_triangle_shape *shape, int j, int rows,
                         const smr_triangle_work *work, double *tail) {
  int first = SMR_PANEL * j;
  int width = (int)smr_int_min(SMR_PANEL, shape->n_cols - first);
  const double *t = work->t + (int64_t)PANEL_DOUBLES * j;
  double *y = work->y + first;
  for (int k = 0; k < width; k++) {
    const double *v = work->a + (int64_t)(first + k) * work->lda + first;
    reflect(rows - first, t[k * (SMR_PANEL + 1)], v, y);
    double sum = smr_sum_squares(rows - first - SMR_PANEL, y + SMR_PANEL);
    for (int i = SMR_PANEL - 1; i > k; i--) {
      sum += y[i] * y[i];
    }
    tail[first + k + 1] = sum;
  }
}

static void factor_block(const smr_triangle_shape *shape, int rows, smr_triangle_work *work,
                         const smr_triangle *value) {
  int lda = work->lda;
  int n_factored = (int)smr_int_min(shape->n_panels, rows / SMR_PANEL);
  value->tail[0] = smr_sum_squares(rows, work->y);
  for (int j = 0; j < shape->n_panels; j++) {
    double *a = work->a + (int64_t)SMR_PANEL * j * lda;
    for (int i = 0; i < j && i < n_factored; i++) {
      int64_t first = (int64_t)SMR_PANEL * i;
      smr_panel_apply(rows - (int)first, work->a + first * lda + first, lda,
                      work->t + i * PANEL_DOUBLES, a + first, lda, work->work);
    }
    if (j < n_factored) {
      int first = SMR_PANEL * j;
      smr_panel_factor(rows - first, a + first, lda, work->t + (int64_t)j * PANEL_DOUBLES);
    }
    copy_panel(j, rows, a, lda, get_panel(value, j));
    if (j < n_factored) {
      smr_panel_clear_triangle(a + (int64_t)SMR_PANEL * j, lda);
      reflect_leaf(shape, j, rows, work, value->tail);
    }
  }
  int64_t n_z = smr_int_min(shape->n_cols, rows);
  memcpy(value->z, work->y, (size_t)n_z * sizeof *value->z);
}

smr_status smr_triangle_factor(const smr_triangle_shape *shape, const smr_row_source *source,
                               int thread, int64_t block, smr_triangle_work *work, void *value) {
  smr_triangle view = smr_triangle_view(shape, value);
  int rows = 0;
  SMR_TRY(read_block(shape, source, thread, block, work, &view, &rows));
  factor_block(shape, rows, work, &view);
  return SMR_OK;
}

/* Combines the means; the weighted difference becomes row 0 of the bottom (32 rows below the place
 * of the left factor's rows). */
static void combine_means(const smr_triangle_shape *shape, const smr_triangle_work *work,
                          const smr_triangle *left, const smr_triangle *right) {
  double n1 = *left->count;
  double n2 = *right->count;
  double weight = sqrt(n1) * sqrt(n2 / (n1 + n2));
  *left->count = n1 + n2;
  if (!shape->has_intercept) {
    return;
  }
  memset(work->y, 0, SMR_PANEL * sizeof(double));
  for (int64_t c = 0; c <= shape->n_cols; c++) {
    double difference = right->mean[c] - left->mean[c];
    left->mean[c] += difference * (n2 / (n1 + n2));
    double *row = c < shape->n_cols ? work->a + c * work->lda + SMR_PANEL : work->y;
    *row = weight * difference;
  }
}

/* Bottom of panel j: [difference of means and 31 zero rows;] the right factor's panel. */
static void load_bottom(const smr_triangle_shape *shape, const smr_triangle_work *work,
                        const smr_triangle *right, int j) {
  const double *panel = get_panel(right, j);
  int offset = get_offset(shape);
  int64_t rows = (int64_t)SMR_PANEL * (j + 1);
  for (int c = 0; c < SMR_PANEL; c++) {
    double *a = work->a + ((int64_t)SMR_PANEL * j + c) * work->lda + SMR_PANEL;
    if (offset > 0) {
      bool is_padding = (int64_t)SMR_PANEL * j + c >= shape->n_cols;
      memset(a + !is_padding, 0, (size_t)(offset - !is_padding) * sizeof *a);
    }
    memcpy(a + offset, panel + c * rows, (size_t)rows * sizeof *a);
  }
}

/* Copies the 32 x 32 block of the left factor at row `first` of a panel to the top of the
 * workspace's panel, or back. */
static void copy_block(const double *from, int64_t ld_from, double *to, int64_t ld_to) {
  for (int c = 0; c < SMR_PANEL; c++) {
    memcpy(to + c * ld_to, from + c * ld_from, SMR_PANEL * sizeof *to);
  }
}

/* As reflect_leaf, where a reflector is 1 at the left factor's row g and v at the bottom. */
static void reflect_combined(const smr_triangle_shape *shape, const smr_triangle_work *work, int j,
                             const smr_triangle *left, const smr_triangle *right) {
  int64_t first = (int64_t)SMR_PANEL * j;
  int64_t offset = get_offset(shape);
  int64_t width = smr_int_min(SMR_PANEL, shape->n_cols - first);
  int64_t height = offset + first + SMR_PANEL;
  double *y = work->y;
  for (int64_t k = 0; k < width; k++) {
    int64_t g = first + k;
    const double *v = work->a + g * work->lda + SMR_PANEL;
    double tau = work->t[(int64_t)PANEL_DOUBLES * j + k * (SMR_PANEL + 1)];
    double w = tau * (left->z[g] + smr_dot(height, v, y));
    left->z[g] -= w;
    for (int64_t i = 0; i < height; i++) {
      y[i] -= w * v[i];
    }
    left->tail[g + 1] += right->tail[g + 1] + sum_tail(offset + first, offset + g + 1, y);
  }
}

/* H_i' applied to panel j of [left; right]. */
static void apply_combined(const smr_triangle_shape *shape, const smr_triangle_work *work, int i,
                           int j, double *left_panel) {
  int64_t lda = work->lda;
  int64_t ld = (int64_t)SMR_PANEL * (j + 1);
  double *a = work->a + (int64_t)SMR_PANEL * j * lda;
  const double *v = work->a + (int64_t)SMR_PANEL * i * lda;
  int height = SMR_PANEL + get_offset(shape) + SMR_PANEL * (i + 1);
  /* The top 32 rows of the workspace stand for the left factor's rows of panel i; V has the unit
   * matrix there. */
  copy_block(left_panel + (int64_t)SMR_PANEL * i, ld, a, lda);
  smr_panel_apply(height, v, work->lda, work->t + (int64_t)PANEL_DOUBLES * i, a, work->lda,
                  work->work);
  copy_block(a, lda, left_panel + (int64_t)SMR_PANEL * i, ld);
}

static void factor_combined(const smr_triangle_shape *shape, const smr_triangle_work *work, int j,
                            double *left_panel) {
  int64_t lda = work->lda;
  int64_t ld = (int64_t)SMR_PANEL * (j + 1);
  double *a = work->a + (int64_t)SMR_PANEL * j * lda;
  int height = SMR_PANEL + get_offset(shape) + SMR_PANEL * (j + 1);
  copy_block(left_panel + (int64_t)SMR_PANEL * j, ld, a, lda);
  smr_panel_factor(height, a, work->lda, work->t + (int64_t)PANEL_DOUBLES * j);
  for (int c = 0; c < SMR_PANEL; c++) {
    memcpy(left_panel + c * ld + (int64_t)SMR_PANEL * j, a + c * lda, (size_t)(c + 1) * sizeof *a);
  }
  smr_panel_clear_triangle(a, work->lda);
}

void smr_triangle_combine(const smr_triangle_shape *shape, smr_triangle_work *work, void *left,
                          void *right) {
  smr_triangle l = smr_triangle_view(shape, left);
  smr_triangle r = smr_triangle_view(shape, right);
  int offset = get_offset(shape);
  combine_means(shape, work, &l, &r);
  memcpy(work->y + offset, r.z, (size_t)SMR_PANEL * (size_t)shape->n_panels * sizeof *r.z);
  l.tail[0] += r.tail[0] + smr_sum_squares(offset, work->y);
  for (int j = 0; j < shape->n_panels; j++) {
    double *panel = get_panel(&l, j);
    load_bottom(shape, work, &r, j);
    for (int i = 0; i < j; i++) {
      apply_combined(shape, work, i, j, panel);
    }
    factor_combined(shape, work, j, panel);
    reflect_combined(shape, work, j, &l, &r);
  }
}
