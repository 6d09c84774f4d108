/* Householder panels of 32 columns: factorization and application.
 *
 * Four sub-panels of SUB columns are factored one column at a time while they are in the cache, and
 * applied to what is right of them as blocks. Nothing looks for zeros but the reflector itself, so
 * that padding with zero rows changes no bits beyond the order of the sums, which depends on the
 * number of rows alone. dgeqrt3 does the same by recursion down to single columns, and spends most
 * of its time on packing for DGEMM. Measured on a panel of 704 rows (Zen 5, AVX-512): 52 us,
 * against 148 us; its application 42 us, against 64 us by OpenBLAS 0.3.21. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "dots.h"
#include "narrow.h"
#include "reflector.h"
#include "vector.h"

enum { SUB = 8 };

/* Within these squares neither over- nor underflow: LAPACK's care is for the rest. */
static const double smallest_square = 1e-200;
static const double largest_square = 1e200;

/* x[0..n-1] becomes beta, then v below its one (LAPACK's dlarfg). Returns tau. */
static double make_reflector(int n, double *x) {
  double tau = 0;
  const double alpha = x[0];
  const double squares = smr_sum_squares(n - 1, x + 1);
  if (!(squares > smallest_square && squares < largest_square && alpha * alpha < largest_square)) {
    LAPACKE_dlarfg_work(n, x, x + 1, 1, &tau);
    return tau;
  }
  const double beta = -copysign(sqrt(alpha * alpha + squares), alpha);
  const double scale = 1 / (alpha - beta);
  for (int i = 1; i < n; i++) {
    x[i] *= scale;
  }
  x[0] = beta;
  return (beta - alpha) / beta;
}

/* Moves what is on and above the diagonal of the leading square of a to r and leaves zeros and ones
 * there. */
static void take_triangle(int width, double *a, int64_t lda, double *r) {
  for (int c = 0; c < width; c++) {
    memcpy(r + (ptrdiff_t)c * SMR_PANEL, a + c * lda, (size_t)(c + 1) * sizeof *r);
    memset(a + c * lda, 0, (size_t)c * sizeof *a);
    a[c * lda + c] = 1;
  }
}

static void give_triangle(int width, double *a, int64_t lda, const double *r) {
  for (int c = 0; c < width; c++) {
    memcpy(a + c * lda, r + (ptrdiff_t)c * SMR_PANEL, (size_t)(c + 1) * sizeof *r);
  }
}

/* Columns 0..SUB-1, one at a time. */
static void factor_columns(int rows, double *a, int lda, double *tau) {
  for (int c = 0; c < SUB; c++) {
    double *v = a + c * lda + c;
    double products[SUB];
    tau[c] = make_reflector(rows - c, v);
    const double diagonal = v[0];
    const int n = SUB - 1 - c;
    v[0] = 1;
    smr_dots_run(&(smr_dots){.rows = rows - c,
                             .m = 1,
                             .n = n,
                             .v = v,
                             .ldv = lda,
                             .c = v + lda,
                             .ldc = lda,
                             .out = products,
                             .ldo = 1});
    for (int j = 0; j < n; j++) {
      double *restrict x = v + (j + 1) * lda;
      const double w = tau[c] * products[j];
      for (int i = 0; i < rows - c; i++) {
        x[i] -= w * v[i];
      }
    }
    v[0] = diagonal;
  }
}

/* out [width x n] = -T' w, all with leading dimension SMR_PANEL; below its diagonal t isn't read.
 */
static void multiply_triangle(int width, int n, const double *t, const double *w, double *out) {
  double negative[SMR_PANEL * SMR_PANEL];
  for (int c = 0; c < width; c++) {
    for (int l = 0; l < width; l++) {
      const int at = c * SMR_PANEL + l;
      negative[at] = l <= c ? -t[at] : 0;
    }
  }
  smr_dots_run(
      &(smr_dots){width, width, n, false, negative, SMR_PANEL, w, SMR_PANEL, out, SMR_PANEL});
}

/* I - V T V' with V [rows x width] as it is stored, its zeros and ones included. */
typedef struct {
  int rows, width;
  const double *v;
  int64_t ldv;
  const double *t; /* leading dimension SMR_PANEL */
} block;

/* a [rows x n] = (I - V T' V') a. */
static void apply(const block *h, int n, double *a, int64_t lda, double *work) {
  double products[SMR_PANEL * SMR_PANEL];
  smr_dots_run(&(smr_dots){h->rows, h->width, n, false, h->v, h->ldv, a, lda, work, SMR_PANEL});
  multiply_triangle(h->width, n, h->t, work, products);
  smr_narrow_add(&(smr_narrow){h->rows, n, h->width, h->v, h->ldv, products, SMR_PANEL, a, lda});
}

void smr_panel_factor(int rows, double *a, int lda, double *t) {
  double tau[SMR_PANEL], r[SMR_PANEL * SMR_PANEL], sub_t[SUB * SMR_PANEL];
  double work[SMR_PANEL * SMR_PANEL];
  for (int first = 0; first < SMR_PANEL; first += SUB) {
    double *v = a + (int64_t)first * lda + first;
    const int n = SMR_PANEL - first - SUB;
    factor_columns(rows - first, v, lda, tau + first);
    if (n > 0) {
      take_triangle(SUB, v, lda, r);
      smr_reflector_build_t(rows - first, SUB, v, lda, tau + first, sub_t);
      apply(&(block){rows - first, SUB, v, lda, sub_t}, n, v + (int64_t)SUB * lda, lda, work);
      give_triangle(SUB, v, lda, r);
    }
  }
  take_triangle(SMR_PANEL, a, lda, r);
  smr_reflector_build_t(rows, SMR_PANEL, a, lda, tau, t);
  give_triangle(SMR_PANEL, a, lda, r);
}

void smr_panel_apply(int rows, const double *v, int ldv, const double *t, double *a, int lda,
                     double *work) {
  if ((int)VECTOR_WIDTH >= 8) {
    apply(&(block){rows, SMR_PANEL, v, ldv, t}, SMR_PANEL, a, lda, work);
    return;
  }
  /* With short vectors packing is worth its while. */
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, SMR_PANEL, SMR_PANEL, rows, 1.0, v, ldv, a,
              lda, 0.0, work, SMR_PANEL);
  cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, SMR_PANEL, SMR_PANEL,
              1.0, t, SMR_PANEL, work, SMR_PANEL);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, SMR_PANEL, SMR_PANEL, -1.0, v, ldv,
              work, SMR_PANEL, 1.0, a, lda);
}
