/* The rows of U: by a map from the rows of a tall X, or by an SVD of the rows when they are no more
 * than the columns.
 *
 * The map is V S^-1 where the columns have like norms. Else x V S^-1 would lose digits: the terms
 * of columns with large norms cancel. There R D^-1 = U_e S_e V_e' with D = column norms is factored
 * too, and the map is D^-1 V_e S_e^-1 (U_e' U_R), whose error is that of the scaled problem.
 * Dimension letters as in loo_basis.h; k = modes of the fit, m = n - i0. */
#include "loo_basis.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"

enum { READ_ROWS = 512 };

/* Columns whose norms differ by more than this are scaled before U is taken from them. */
static const double largest_spread = 64.0;

/* How many of s[k], descending, are above the cutoff that the ridge path has at lambda = 0. */
static int64_t count_modes(int64_t n, int64_t p, int64_t k, const double *s) {
  int64_t q = 0;
  while (q < k && s[q] > (double)smr_int_max(n, p) * DBL_EPSILON * s[0]) {
    q++;
  }
  return q;
}

static double get_scale(const smr_loo_fit *fit, int64_t j) {
  return fit->scale != NULL ? fit->scale[j] : 1.0;
}

/* norms[p] of the triangle's columns, rounded to powers of two; 0 stays 0. Returns the ratio of the
 * largest to the smallest. */
static double measure_columns(const smr_loo_fit *fit, double *norms) {
  const int64_t k = fit->spectrum->k;
  double largest = 0.0;
  double smallest = HUGE_VAL;
  for (int64_t j = 0; j < fit->spectrum->p; j++) {
    const double norm = smr_kernel_norm(smr_int_min(j + 1, k), fit->triangle + j * k);
    norms[j] = norm > 0.0 ? ldexp(1.0, ilogb(norm)) : 0.0;
    largest = fmax(largest, norms[j]);
    smallest = norms[j] > 0.0 ? fmin(smallest, norms[j]) : smallest;
  }
  return largest > 0.0 ? largest / smallest : 1.0;
}

/* What the making of a map needs. */
typedef struct {
  double *norms; /* [p] */
  double *unit;  /* [k x q] unit vectors, over s in the plain way */
  bool is_scaled;
  /* Where the columns are scaled. */
  double *left;   /* [k x q] U_R */
  double *turned; /* [k x q] U_e' U_R */
  double *scaled; /* [k x p] triangle over the norms */
  smr_svd *scaled_svd;
} map_work;

static void clear_map_work(map_work *work) {
  smr_memory_free(work->norms);
  smr_memory_free(work->unit);
  smr_memory_free(work->left);
  smr_memory_free(work->turned);
  smr_memory_free(work->scaled);
  smr_svd_destroy(&work->scaled_svd);
}

static smr_status allocate_map(smr_loo_basis *basis, map_work *work) {
  const int64_t k = basis->fit->spectrum->k;
  const int64_t q = basis->q;
  SMR_TRY(smr_memory_alloc(basis->p * basis->q_padded, sizeof(double), "map to U", &basis->map));
  SMR_TRY(smr_memory_alloc(basis->p, sizeof(double), "column norms", &work->norms));
  SMR_TRY(smr_memory_alloc(k * q, sizeof(double), "unit vectors", &work->unit));
  work->is_scaled = measure_columns(basis->fit, work->norms) > largest_spread;
  if (!work->is_scaled) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(k * q, sizeof(double), "left vectors", &work->left));
  SMR_TRY(smr_memory_alloc(k * q, sizeof(double), "left vectors", &work->turned));
  return smr_memory_alloc(k * basis->p, sizeof(double), "scaled triangle", &work->scaled);
}

/* Map by the scaled triangle. Collective. */
static smr_status map_scaled(smr_loo_basis *basis, map_work *work) {
  const smr_loo_fit *fit = basis->fit;
  const int64_t k = fit->spectrum->k;
  const int64_t q = basis->q;
  for (int64_t j = 0; j < basis->p; j++) {
    for (int64_t i = 0; i < k; i++) {
      double entry = fit->triangle[j * k + i];
      work->scaled[j * k + i] = work->norms[j] > 0.0 ? entry / work->norms[j] : 0.0;
    }
  }
  SMR_TRY(smr_svd_create(fit->grid, SMR_SVD_AUTO, k, basis->p, work->scaled, k, &work->scaled_svd));
  const double *s = smr_svd_get_values(work->scaled_svd);
  const int64_t q_scaled = count_modes(basis->n, basis->p, k, s);
  basis->noise = DBL_EPSILON * s[0] / s[q_scaled - 1];
  SMR_TRY(smr_svd_expand_left(fit->svd, q, work->unit, work->left));
  SMR_TRY(smr_svd_project_left(work->scaled_svd, q, work->left, work->turned));
  for (int64_t j = 0; j < q; j++) {
    for (int64_t i = 0; i < k; i++) {
      work->turned[j * k + i] = i < q_scaled ? work->turned[j * k + i] / s[i] : 0.0;
    }
  }
  return smr_svd_expand_right(work->scaled_svd, q, work->turned, basis->map);
}

/* Map by the fit's own SVD. Collective. */
static smr_status map_plain(smr_loo_basis *basis, map_work *work) {
  const int64_t k = basis->fit->spectrum->k;
  for (int64_t j = 0; j < basis->q; j++) {
    work->unit[j * k + j] = 1.0 / basis->s[j];
    work->norms[j] = work->norms[j] > 0.0 ? 1.0 : 0.0;
  }
  basis->noise = DBL_EPSILON * basis->s[0] / basis->s[basis->q - 1];
  return smr_svd_expand_right(basis->fit->svd, basis->q, work->unit, basis->map);
}

static smr_status make_map(smr_loo_basis *basis) {
  const smr_loo_fit *fit = basis->fit;
  map_work work = {.norms = NULL};
  smr_status status = smr_agree(smr_grid_get_context(fit->grid), allocate_map(basis, &work));
  if (status != SMR_OK || basis->q == 0 || work.unit == NULL) {
    goto done;
  }
  for (int64_t j = 0; j < basis->q; j++) {
    work.unit[j * fit->spectrum->k + j] = 1.0;
  }
  SMR_TRY_DONE(work.is_scaled ? map_scaled(basis, &work) : map_plain(basis, &work));
  for (int64_t j = 0; j < basis->p; j++) {
    /* In the plain way V has them already; a constant column is left out in both. */
    double factor = work.norms[j] > 0.0 ? 1.0 / get_scale(fit, j) : 0.0;
    factor = work.is_scaled && factor > 0.0 ? factor / work.norms[j] : factor;
    for (int64_t i = 0; i < basis->q; i++) {
      basis->map[i * basis->p + j] *= factor;
    }
  }
done:
  clear_map_work(&work);
  return status;
}

/* --- U itself, for n - i0 <= p --- */

typedef struct {
  double *rows; /* [n x (p + 1)] the rows of X and y; then [m x (p + 1)] */
  double *unit; /* [m x m] */
  double *left; /* [m x m] */
  double *beta; /* [m] */
  smr_svd *svd;
} square_work;

static void clear_square_work(square_work *work) {
  smr_memory_free(work->rows);
  smr_memory_free(work->unit);
  smr_memory_free(work->left);
  smr_memory_free(work->beta);
  smr_svd_destroy(&work->svd);
}

/* x[n] -> its n - 1 coordinates orthogonal to the ones, as in the TSQR: with d = x - x[0] and S =
 * sum d they are d[i] - S / (n + sqrt n), i >= 1. */
static void center_column(int64_t n, const double *x, double *out) {
  const double x0 = x[0];
  double sum = 0.0;
  for (int64_t i = 1; i < n; i++) {
    out[i - 1] = x[i] - x0;
    sum += out[i - 1];
  }
  const double shift = sum / ((double)n + sqrt((double)n));
  for (int64_t i = 0; i < n - 1; i++) {
    out[i] -= shift;
  }
}

static bool is_constant(const smr_loo_fit *fit, int64_t j) {
  const int64_t k = fit->spectrum->k;
  for (int64_t i = 0; i < k; i++) {
    if (fit->triangle[j * k + i] != 0.0) {
      return false;
    }
  }
  return true;
}

/* All rows, scaled; with an intercept, their m = n - 1 coordinates orthogonal to the ones. Local.
 */
static smr_status read_square(const smr_loo_basis *basis, square_work *work) {
  const smr_loo_fit *fit = basis->fit;
  const int64_t n = basis->n;
  const int64_t m = n - basis->i0;
  SMR_TRY(smr_memory_alloc(n * (basis->p + 1), sizeof(double), "rows", &work->rows));
  SMR_TRY(smr_memory_alloc(m * m, sizeof(double), "unit vectors", &work->unit));
  SMR_TRY(smr_memory_alloc(m * m, sizeof(double), "left vectors", &work->left));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "target modes", &work->beta));
  for (int64_t first = 0; first < n; first += READ_ROWS) {
    SMR_TRY(fit->source->read(fit->source->self, 0, first, smr_int_min(READ_ROWS, n - first),
                              work->rows + first, n, work->rows + basis->p * n + first));
  }
  for (int64_t j = 0; j <= basis->p; j++) {
    const double *from = work->rows + j * n;
    double *to = work->rows + j * m;
    const double scale = j < basis->p ? get_scale(fit, j) : 1.0;
    if (basis->i0 == 1) {
      center_column(n, from, to);
    }
    const double factor = j < basis->p && is_constant(fit, j) ? 0.0 : 1.0;
    for (int64_t i = 0; i < m; i++) {
      to[i] = to[i] / scale * factor;
    }
  }
  for (int64_t i = 0; i < m; i++) {
    work->unit[i * m + i] = 1.0;
  }
  return SMR_OK;
}

/* One vector orthogonal to the ones, from its m coordinates into column[n]. */
static void expand_column(const smr_loo_basis *basis, const double *from, double *column) {
  const int64_t m = basis->n - basis->i0;
  double sum = 0.0;
  for (int64_t i = 0; i < m; i++) {
    sum += from[i];
  }
  if (basis->i0 == 0) {
    memcpy(column, from, (size_t)m * sizeof *column);
    return;
  }
  const double n = (double)basis->n;
  column[0] = -sum / sqrt(n);
  for (int64_t i = 0; i < m; i++) {
    column[i + 1] = from[i] - sum / (n + sqrt(n));
  }
}

/* Columns 0..q-1 are kept; of the others, which X doesn't reach, P_ii and (Py)_i. */
static void split_square(smr_loo_basis *basis, const square_work *work, double *column) {
  const int64_t m = basis->n - basis->i0;
  for (int64_t j = 0; j < basis->q; j++) {
    expand_column(basis, work->left + j * m, basis->u + j * basis->n);
  }
  for (int64_t j = basis->q; j < m; j++) {
    expand_column(basis, work->left + j * m, column);
    for (int64_t i = 0; i < basis->n; i++) {
      basis->outer[i] += column[i] * column[i];
      basis->rest[i] += column[i] * work->beta[j];
    }
  }
}

static smr_status allocate_square(smr_loo_basis *basis, double **column) {
  const int64_t n = basis->n;
  SMR_TRY(smr_memory_alloc(n * basis->q_padded, sizeof(double), "left vectors", &basis->u));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "leverages", &basis->outer));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "residuals", &basis->rest));
  SMR_TRY(smr_memory_alloc(basis->q, sizeof(double), "singular values", &basis->s));
  SMR_TRY(smr_memory_alloc(basis->q, sizeof(double), "target modes", &basis->beta));
  return smr_memory_alloc(n, sizeof(double), "one left vector", column);
}

static smr_status make_square(smr_loo_basis *basis) {
  const smr_loo_fit *fit = basis->fit;
  const smr_context *context = smr_grid_get_context(fit->grid);
  const int64_t m = basis->n - basis->i0;
  square_work work = {.rows = NULL};
  double *column = NULL;
  smr_status status = smr_agree(context, read_square(basis, &work));
  if (status != SMR_OK) {
    goto done;
  }
  SMR_TRY_DONE(smr_svd_create(fit->grid, SMR_SVD_AUTO, m, basis->p, work.rows, m, &work.svd));
  SMR_TRY_DONE(smr_svd_expand_left(work.svd, m, work.unit, work.left));
  SMR_TRY_DONE(smr_svd_project_left(work.svd, 1, work.rows + m * basis->p, work.beta));
  const double *s = smr_svd_get_values(work.svd);
  basis->q = count_modes(basis->n, basis->p, m, s);
  basis->q_padded = smr_kernel_pad(basis->q);
  SMR_TRY_DONE(smr_agree(context, allocate_square(basis, &column)));
  if (column == NULL) {
    SMR_FAIL_DONE(SMR_ERR_INTERNAL, "left vectors were not allocated");
  }
  memcpy(basis->s, s, (size_t)basis->q * sizeof *s);
  memcpy(basis->beta, work.beta, (size_t)basis->q * sizeof *s);
  basis->noise = basis->q > 0 ? DBL_EPSILON * s[0] / s[basis->q - 1] : DBL_EPSILON;
  split_square(basis, &work, column);
done:
  clear_square_work(&work);
  smr_memory_free(column);
  return status;
}

/* --- both --- */

static smr_status copy_spectrum(smr_loo_basis *basis) {
  const smr_spectrum *spectrum = basis->fit->spectrum;
  const size_t bytes = (size_t)basis->q * sizeof(double);
  SMR_TRY(smr_memory_alloc(basis->q, sizeof(double), "singular values", &basis->s));
  SMR_TRY(smr_memory_alloc(basis->q, sizeof(double), "target modes", &basis->beta));
  memcpy(basis->s, spectrum->s, bytes);
  memcpy(basis->beta, spectrum->beta, bytes);
  return SMR_OK;
}

smr_status smr_loo_basis_init(const smr_loo_fit *fit, smr_loo_basis *basis) {
  const smr_spectrum *spectrum = fit->spectrum;
  *basis = (smr_loo_basis){.fit = fit,
                           .n = spectrum->n,
                           .p = spectrum->p,
                           .i0 = spectrum->has_intercept,
                           .noise = DBL_EPSILON};
  if (fit->source->n_rows != basis->n || fit->source->n_cols != basis->p) {
    SMR_FAIL(SMR_ERR_INTERNAL, "the rows of a fit are not those it was made from");
  }
  basis->is_square = basis->n - basis->i0 <= basis->p;
  smr_status status = SMR_OK;
  if (basis->is_square) {
    status = make_square(basis);
  } else {
    basis->q = count_modes(basis->n, basis->p, spectrum->k, spectrum->s);
    basis->q_padded = smr_kernel_pad(basis->q);
    status = smr_agree(smr_grid_get_context(fit->grid), copy_spectrum(basis));
    if (status == SMR_OK) {
      status = make_map(basis);
    }
  }
  if (status != SMR_OK) {
    smr_loo_basis_clear(basis);
  }
  return status;
}

void smr_loo_basis_clear(smr_loo_basis *basis) {
  smr_memory_free(basis->s);
  smr_memory_free(basis->beta);
  smr_memory_free(basis->map);
  smr_memory_free(basis->u);
  smr_memory_free(basis->outer);
  smr_memory_free(basis->rest);
  *basis = (smr_loo_basis){.fit = NULL};
}

/* The squares of up to n entries that should be zero. */
double smr_loo_basis_cutoff(const smr_loo_basis *basis) {
  const double entry = 8.0 * fmin(basis->noise, 1e-9);
  return (double)smr_int_max(basis->n, basis->p) * entry * entry;
}

static void load_square(const smr_loo_basis *basis, int64_t first, int64_t count,
                        const smr_loo_rows *rows) {
  for (int64_t j = 0; j < basis->q; j++) {
    memcpy(rows->u + j * rows->ld, basis->u + j * basis->n + first, (size_t)count * sizeof(double));
  }
  for (int64_t i = 0; i < count; i++) {
    rows->outer[i] = basis->outer[first + i];
    rows->rest[i] = basis->rest[first + i];
  }
}

/* P_ii = 1 - i0/n - ||u||^2 and (Py)_i = y - u beta. */
static void subtract(const smr_loo_basis *basis, int64_t count, const smr_loo_rows *rows) {
  for (int64_t i = 0; i < count; i++) {
    rows->outer[i] = 1.0 - (double)basis->i0 / (double)basis->n;
    rows->rest[i] = rows->y[i];
  }
  for (int64_t j = 0; j < basis->q; j++) {
    const double *u = rows->u + j * rows->ld;
    for (int64_t i = 0; i < count; i++) {
      rows->outer[i] -= u[i] * u[i];
      rows->rest[i] -= u[i] * basis->beta[j];
    }
  }
}

smr_status smr_loo_basis_load(const smr_loo_basis *basis, int thread, int64_t first, int64_t count,
                              const smr_loo_rows *rows) {
  const smr_loo_fit *fit = basis->fit;
  if (basis->is_square) {
    load_square(basis, first, count, rows);
    return SMR_OK;
  }
  SMR_TRY(fit->source->read(fit->source->self, thread, first, count, rows->x, rows->ld, rows->y));
  for (int64_t j = 0; basis->i0 == 1 && j <= basis->p; j++) {
    double *x = j < basis->p ? rows->x + j * rows->ld : rows->y;
    const double mean = j < basis->p ? fit->mean[j] : fit->mean_y;
    for (int64_t i = 0; i < count; i++) {
      x[i] -= mean;
    }
  }
  SMR_TRY(smr_kernel_multiply(count, basis->q_padded, basis->p, rows->x, rows->ld, basis->map,
                              basis->p, rows->u, rows->ld));
  subtract(basis, count, rows);
  return SMR_OK;
}
