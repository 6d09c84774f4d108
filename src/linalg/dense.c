/* Small dense products and solves. */
#include "simmer/linalg/dense.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

/* None, and 1e-14 to 1. */
enum { MOST_SHIFTS = 16 };

/* Sizes as BLAS takes them. */
typedef struct {
  int m, n, ld;
} sizes;

static smr_status narrow(int64_t m, int64_t n, int64_t ld, sizes *out) {
  SMR_TRY(smr_int_narrow(m, "rows of a matrix", &out->m));
  SMR_TRY(smr_int_narrow(n, "columns of a matrix", &out->n));
  return smr_int_narrow(smr_int_max(ld, 1), "leading dimension of a matrix", &out->ld);
}

smr_status smr_dense_apply(int64_t m, int64_t n, const double *a, int64_t ld, const double *x,
                           double *y) {
  sizes s;
  SMR_TRY(narrow(m, n, ld, &s));
  memset(y, 0, (size_t)m * sizeof *y);
  cblas_dgemv(CblasColMajor, CblasNoTrans, s.m, s.n, 1.0, a, s.ld, x, 1, 0.0, y, 1);
  return SMR_OK;
}

smr_status smr_dense_apply_transposed(int64_t m, int64_t n, const double *a, int64_t ld,
                                      const double *x, double *y) {
  sizes s;
  SMR_TRY(narrow(m, n, ld, &s));
  memset(y, 0, (size_t)n * sizeof *y);
  cblas_dgemv(CblasColMajor, CblasTrans, s.m, s.n, 1.0, a, s.ld, x, 1, 0.0, y, 1);
  return SMR_OK;
}

smr_status smr_dense_gram(int64_t m, int64_t n, const double *a, int64_t ld, double *c) {
  sizes s;
  SMR_TRY(narrow(m, n, ld, &s));
  cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, s.n, s.m, 1.0, a, s.ld, 0.0, c,
              s.n > 0 ? s.n : 1);
  return SMR_OK;
}

/* Upper triangle of `from` scaled to a unit diagonal plus shift, into `to`. A row without a
 * diagonal is left alone with 1 there. */
static void scale_upper(int64_t n, const double *from, const double *scale, double shift,
                        double *to) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < j; ++i) {
      to[j * n + i] = from[j * n + i] * scale[i] * scale[j];
    }
    to[j * n + j] = 1 + shift;
  }
}

smr_status smr_dense_solve(int64_t n, const double *a, double *b, double *shift) {
  sizes s;
  double *factor = NULL, *scale = NULL;
  int info = 1;
  smr_status status = SMR_OK;
  SMR_TRY(narrow(n, n, n, &s));
  SMR_TRY_DONE(smr_memory_alloc(n * n, sizeof *factor, "a Cholesky factor", &factor));
  SMR_TRY_DONE(smr_memory_alloc(n, sizeof *scale, "scales of a matrix", &scale));
  for (int64_t j = 0; j < n; ++j) {
    scale[j] = a[j * n + j] > 0 ? 1 / sqrt(a[j * n + j]) : 0;
  }
  *shift = 0;
  for (int k = 0; n > 0 && info != 0 && k < MOST_SHIFTS; ++k) {
    *shift = k == 0 ? 0 : k == 1 ? 1e-14 : 10 * *shift;
    scale_upper(n, a, scale, *shift, factor);
    info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', s.n, factor, s.ld);
  }
  if (n > 0 && info != 0) {
    SMR_FAIL_DONE(SMR_ERR_NUMERIC, "a symmetric matrix of order %d can't be factored", s.n);
  }
  for (int64_t j = 0; j < n; ++j) {
    b[j] *= scale[j];
  }
  LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', s.n, 1, factor, s.ld, b, s.ld);
  for (int64_t j = 0; j < n; ++j) {
    b[j] *= scale[j];
  }
done:
  smr_memory_free(factor);
  smr_memory_free(scale);
  return status;
}
