/* A triangle of p columns that was combined from sets of few rows, q < p together, has rank q. But
 * where leading columns depend on each other within a set (copies, columns of zeros, smooth
 * kernels) what it holds needn't lie in q of its rows: a column that adds no direction still takes
 * one. Mostly q rows hold all but rounding errors, and are taken as they are; else q reflectors
 * with column pivoting gather them. */
#include "wide.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "reflector.h"
#include "simmer/base/memory.h"

/* One row, and its squares in units of the columns' own. */
typedef struct {
  double square;
  int64_t row;
} wide_row;

static int compare_squares(const void *a, const void *b) {
  const wide_row *x = a;
  const wide_row *y = b;
  if (x->square != y->square) {
    return x->square < y->square ? 1 : -1;
  }
  return (x->row > y->row) - (x->row < y->row);
}

static int compare_rows(const void *a, const void *b) {
  const wide_row *x = a;
  const wide_row *y = b;
  return (x->row > y->row) - (x->row < y->row);
}

/* Column c of the triangle: c + 1 numbers. */
static const double *get_column(const smr_triangle *triangle, int64_t c) {
  const int64_t panel = c / SMR_PANEL;
  return smr_triangle_panel(triangle, (int)panel) + c % SMR_PANEL * SMR_PANEL * (panel + 1);
}

/* A column's unit: a power of two that takes its largest number to 1..2, so that squares are in
 * range; and its squares in it. Both are 0 for a column of zeros. */
typedef struct {
  double scale, square;
} column_unit;

static column_unit measure_column(const smr_triangle *triangle, int64_t c) {
  const double *column = get_column(triangle, c);
  column_unit unit = {0.0, 0.0};
  double largest = 0.0;
  for (int64_t i = 0; i <= c; i++) {
    largest = fmax(largest, fabs(column[i]));
  }
  if (largest > 0.0) {
    const int exponent = -ilogb(largest);
    unit.scale = ldexp(1.0, exponent < DBL_MAX_EXP ? exponent : DBL_MAX_EXP - 1);
  }
  for (int64_t i = 0; i <= c; i++) {
    unit.square += unit.scale * column[i] * (unit.scale * column[i]);
  }
  return unit;
}

/* Share of a column's squares that number i of it holds. */
static double get_share(const column_unit *unit, const double *column, int64_t i) {
  const double number = unit->scale * column[i];
  return unit->square > 0.0 ? number * number / unit->square : 0.0;
}

/* The q rows that hold most, in order, then the others. */
static void choose_rows(const smr_triangle *triangle, int64_t n_cols, int64_t q,
                        const column_unit *units, wide_row *rows) {
  for (int64_t i = 0; i < n_cols; i++) {
    rows[i] = (wide_row){.row = i};
  }
  for (int64_t c = 0; q < n_cols && c < n_cols; c++) {
    const double *column = get_column(triangle, c);
    for (int64_t i = 0; i <= c; i++) {
      rows[i].square += get_share(&units[c], column, i);
    }
  }
  if (q < n_cols) {
    qsort(rows, (size_t)n_cols, sizeof *rows, compare_squares);
    qsort(rows, (size_t)q, sizeof *rows, compare_rows);
  }
}

/* Whether what the other rows hold of any column is within its rounding errors. */
static bool is_all(const smr_triangle *triangle, int64_t n_cols, int64_t q,
                   const column_unit *units, const wide_row *rows) {
  const double rounding = (double)n_cols * DBL_EPSILON;
  for (int64_t c = 0; c < n_cols; c++) {
    const double *column = get_column(triangle, c);
    double left = 0.0;
    for (int64_t i = q; i < n_cols; i++) {
      left += rows[i].row <= c ? get_share(&units[c], column, rows[i].row) : 0.0;
    }
    if (left > rounding * rounding) {
      return false;
    }
  }
  return true;
}

static void take_rows(const smr_triangle *triangle, int64_t n_cols, int64_t q, const wide_row *rows,
                      double *r, double *z, double *outside) {
  for (int64_t c = 0; c < n_cols; c++) {
    const double *column = get_column(triangle, c);
    for (int64_t i = 0; i < q; i++) {
      r[c * q + i] = rows[i].row <= c ? column[rows[i].row] : 0.0;
    }
  }
  *outside = 0.0;
  for (int64_t i = 0; i < n_cols; i++) {
    const double target = triangle->z[rows[i].row];
    if (i < q) {
      z[i] = target;
    } else {
      *outside += target * target;
    }
  }
}

/* --- by reflectors --- */

static double sum_squares(int64_t n, const double *x) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    sum += x[i] * x[i];
  }
  return sum;
}

/* The column of which most is left from row `row` on; -1 when nothing is. */
static int64_t find_pivot(int64_t n, int64_t row, const double *a, const column_unit *units) {
  int64_t best = -1;
  double most = 0.0;
  for (int64_t c = 0; c < n; c++) {
    const double left = sum_squares(n - row, a + c * n + row);
    if (left > most * units[c].square) {
      most = left / units[c].square;
      best = c;
    }
  }
  return best;
}

/* v[n] so that (I - vv')x is a multiple of the first axis; |x| > 0. */
static void make_reflector(int64_t n, const double *x, double *v) {
  const double norm = sqrt(sum_squares(n, x));
  for (int64_t i = 0; i < n; i++) {
    v[i] = x[i] / norm;
  }
  v[0] += copysign(1.0, v[0]);
  const double scale = 1.0 / sqrt(fabs(v[0]));
  for (int64_t i = 0; i < n; i++) {
    v[i] *= scale;
  }
}

static void reflect(int64_t n, const double *v, double *x) {
  double product = 0.0;
#pragma omp simd reduction(+ : product)
  for (int64_t i = 0; i < n; i++) {
    product += v[i] * x[i];
  }
  for (int64_t i = 0; i < n; i++) {
    x[i] -= product * v[i];
  }
}

/* a[n x n] and y[n], of which the first q rows will hold what there is; v[n] is room. */
static void gather_rows(int64_t n, int64_t q, const column_unit *units, double *a, double *y,
                        double *v) {
  for (int64_t row = 0; row < q; row++) {
    const int64_t pivot = find_pivot(n, row, a, units);
    if (pivot < 0) {
      return;
    }
    make_reflector(n - row, a + pivot * n + row, v);
    for (int64_t c = 0; c < n; c++) {
      reflect(n - row, v, a + c * n + row);
    }
    reflect(n - row, v, y + row);
  }
}

static smr_status read_gathered(const smr_triangle *triangle, int64_t n_cols, int64_t q,
                                const column_unit *units, double *r, double *z, double *outside) {
  double *a = NULL;
  SMR_TRY(smr_memory_alloc(n_cols * (n_cols + 2), sizeof *a, "rows of a wide set", &a));
  double *y = a + n_cols * n_cols;
  for (int64_t c = 0; c < n_cols; c++) {
    const double *column = get_column(triangle, c);
    for (int64_t i = 0; i <= c; i++) {
      a[c * n_cols + i] = units[c].scale * column[i];
    }
    y[c] = triangle->z[c];
  }
  gather_rows(n_cols, q, units, a, y, y + n_cols);
  for (int64_t i = 0; i < q; i++) {
    z[i] = y[i];
    for (int64_t c = 0; c < n_cols; c++) {
      r[c * q + i] = units[c].scale > 0.0 ? a[c * n_cols + i] / units[c].scale : 0.0;
    }
  }
  *outside = 0.0;
  for (int64_t i = q; i < n_cols; i++) {
    *outside += y[i] * y[i];
  }
  smr_memory_free(a);
  return SMR_OK;
}

smr_status smr_wide_read(const smr_triangle *triangle, int64_t n_cols, int64_t q, double *r,
                         double *z, double *outside) {
  wide_row *rows = NULL;
  column_unit *units = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(n_cols, sizeof *rows, "rows of a fold", &rows));
  SMR_TRY_DONE(smr_memory_alloc(n_cols, sizeof *units, "columns of a fold", &units));
  for (int64_t c = 0; c < n_cols; c++) {
    units[c] = measure_column(triangle, c);
  }
  choose_rows(triangle, n_cols, q, units, rows);
  if (is_all(triangle, n_cols, q, units, rows)) {
    take_rows(triangle, n_cols, q, rows, r, z, outside);
  } else {
    SMR_TRY_DONE(read_gathered(triangle, n_cols, q, units, r, z, outside));
  }
done:
  smr_memory_free(rows);
  smr_memory_free(units);
  return status;
}
