/* Matrix products whose bits depend on shapes alone. */
#include "simmer/linalg/kernel.h"

#include <cblas.h>
#include <math.h>

#include "narrow.h"
#include "simmer/base/integer.h"

/* NOLINTNEXTLINE(readability-function-size): the arguments of a GEMM. */
smr_status smr_kernel_multiply(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                               const double *b, int64_t ldb, double *c, int64_t ldc) {
  int mi = 0;
  int ki = 0;
  int lda_i = 0;
  int ldb_i = 0;
  int ldc_i = 0;
  if (n % SMR_COLUMN_BLOCK != 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a product has a ragged block of columns");
  }
  if (smr_narrow_multiply(&(smr_narrow){m, n, k, a, lda, b, ldb, c, ldc})) {
    return SMR_OK;
  }
  SMR_TRY(smr_int_narrow(m, "rows of a product", &mi));
  SMR_TRY(smr_int_narrow(k, "inner length of a product", &ki));
  SMR_TRY(smr_int_narrow(smr_int_max(lda, 1), "leading dimension of a product", &lda_i));
  SMR_TRY(smr_int_narrow(smr_int_max(ldb, 1), "leading dimension of a product", &ldb_i));
  SMR_TRY(smr_int_narrow(smr_int_max(ldc, 1), "leading dimension of a product", &ldc_i));
  for (int64_t j = 0; j < n; j += SMR_COLUMN_BLOCK) {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, mi, SMR_COLUMN_BLOCK, ki, 1.0, a, lda_i,
                b + j * ldb, ldb_i, 0.0, c + j * ldc, ldc_i);
  }
  return SMR_OK;
}

double smr_kernel_norm(int64_t n, const double *x) {
  double largest = 0.0;
  double sum = 0.0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; i++) {
    const double size = fabs(x[i]);
    largest = size > largest ? size : largest;
  }
  if (!(largest > 0.0)) {
    return 0.0;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    const double share = x[i] / largest;
    sum += share * share;
  }
  return largest * sqrt(sum);
}

smr_status smr_kernel_sgemm(const smr_sgemm *p) {
  enum { N_SIZES = 6 };
  const int64_t sizes[N_SIZES] = {p->m, p->n, p->k, p->lda, p->ldb, p->ldc};
  int s[N_SIZES];
  for (int i = 0; i < N_SIZES; i++) {
    SMR_TRY(smr_int_narrow(smr_int_max(sizes[i], i < 3 ? 0 : 1), "a size of a product", &s[i]));
  }
  cblas_sgemm(CblasRowMajor, p->is_a_transposed ? CblasTrans : CblasNoTrans,
              p->is_b_transposed ? CblasTrans : CblasNoTrans, s[0], s[1], s[2], p->alpha, p->a,
              s[3], p->b, s[4], p->beta, p->c, s[5]);
  return SMR_OK;
}
