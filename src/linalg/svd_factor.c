/* SVD of a matrix on one rank, by LAPACK. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "svd_private.h"

/* At 256 columns dgebrd takes 3.0 ms and the one-pass reduction 1.9, at 1000 100 and 83. */
enum { MIN_ONE_PASS = 256 };
enum { BLOCK = 32, TEMPORARY_VECTORS = 7, INTEGERS = 8 };

smr_status smr_svd_temporary_init(const smr_svd *svd, smr_svd_temporary *temporary) {
  int64_t n = svd->n;
  int64_t reduction = BLOCK * ((int64_t)svd->m + n);
  int64_t bidiagonal = svd->is_compact ? 64 * n : 3 * n * n + 4 * n;
  double *memory = NULL;
  *temporary = (smr_svd_temporary){.work = NULL};
  SMR_TRY(smr_int_narrow(smr_int_max(reduction, bidiagonal), "the work space of an SVD",
                         &temporary->lwork));
  SMR_TRY(smr_memory_alloc(TEMPORARY_VECTORS * n + temporary->lwork, sizeof(double),
                           "SVD workspace", &memory));
  smr_status status =
      smr_memory_alloc(INTEGERS * n, sizeof(int), "SVD workspace", &temporary->iwork);
  if (status != SMR_OK) {
    smr_memory_free(memory);
    return status;
  }
  temporary->tau0 = memory;
  temporary->tauq = memory + n;
  temporary->taup = memory + 2 * n;
  temporary->d = memory + 3 * n;
  temporary->e = memory + 4 * n;
  temporary->d_copy = memory + 5 * n;
  temporary->e_copy = memory + 6 * n;
  temporary->work = memory + TEMPORARY_VECTORS * n;
  return SMR_OK;
}

void smr_svd_temporary_clear(smr_svd_temporary *temporary) {
  smr_memory_free(temporary->tau0);
  smr_memory_free(temporary->iwork);
  *temporary = (smr_svd_temporary){.work = NULL};
}

/* The matrix to factor [ld_m x n], transposed when A is wide, scaled. */
static void load(const smr_svd *svd, const double *a, int64_t ld, double *to) {
  int64_t row_step = svd->flipped ? ld : 1;
  int64_t col_step = svd->flipped ? 1 : ld;
  for (int64_t j = 0; j < svd->n; j++) {
    for (int64_t i = 0; i < svd->m; i++) {
      to[j * svd->ld_m + i] = a[i * row_step + j * col_step];
    }
  }
  for (int64_t i = 0; svd->exponent != 0 && i < (int64_t)svd->ld_m * svd->n; i++) {
    to[i] = ldexp(to[i], -svd->exponent);
  }
}

void smr_svd_copy_triangle(smr_svd *svd) {
  for (int64_t j = 0; j < svd->n; j++) {
    double *to = svd->qb.v + j * svd->ld_n;
    memcpy(to, svd->q0.v + j * svd->ld_m, (size_t)(j + 1) * sizeof *to);
    memset(to + j + 1, 0, (size_t)(svd->n - j - 1) * sizeof *to);
  }
}

/* QR iteration, for the rare matrix on which divide and conquer fails. */
static smr_status solve_by_iteration(smr_svd *svd, const smr_svd_temporary *temporary) {
  int n = svd->n;
  int ld = svd->ld_n;
  memcpy(temporary->d, temporary->d_copy, (size_t)n * sizeof(double));
  memcpy(temporary->e, temporary->e_copy, (size_t)n * sizeof(double));
  LAPACKE_dlaset_work(LAPACK_COL_MAJOR, 'A', n, n, 0.0, 1.0, svd->u, ld);
  LAPACKE_dlaset_work(LAPACK_COL_MAJOR, 'A', n, n, 0.0, 1.0, svd->vt, ld);
  int info = LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', n, n, n, 0, temporary->d, temporary->e,
                                 svd->vt, ld, svd->u, ld, NULL, 1, temporary->work);
  if (info != 0 || smr_fault("linalg.svd.iteration")) {
    SMR_FAIL(SMR_ERR_CONVERGENCE, "the SVD of a %d x %d matrix did not converge", svd->m, n);
  }
  return SMR_OK;
}

static smr_status solve_dense(smr_svd *svd, const smr_svd_temporary *temporary) {
  size_t bytes = (size_t)svd->n * sizeof(double);
  int n = svd->n;
  memcpy(temporary->d_copy, temporary->d, bytes);
  memcpy(temporary->e_copy, temporary->e, bytes);
  int info = LAPACKE_dbdsdc_work(LAPACK_COL_MAJOR, 'U', 'I', n, temporary->d, temporary->e, svd->u,
                                 svd->ld_n, svd->vt, svd->ld_n, NULL, NULL, temporary->work,
                                 temporary->iwork);
  if (info != 0 || smr_fault("linalg.svd.divide")) {
    SMR_TRY(solve_by_iteration(svd, temporary));
  }
  memcpy(svd->values, temporary->d, bytes);
  return SMR_OK;
}

static smr_status solve_compact(smr_svd *svd, const smr_svd_temporary *temporary) {
  if (smr_fault("linalg.svd.divide")) {
    SMR_FAIL(SMR_ERR_CONVERGENCE, "fault point linalg.svd.divide");
  }
  return smr_compact_solve(&svd->compact, temporary->d, temporary->e, svd->values, temporary->work,
                           temporary->iwork);
}

smr_status smr_svd_solve_bidiagonal(smr_svd *svd, const smr_svd_temporary *temporary) {
  return svd->is_compact ? solve_compact(svd, temporary) : solve_dense(svd, temporary);
}

void smr_svd_copy_rows(smr_svd *svd) {
  int64_t ld = svd->qb.ld;
  int64_t n = svd->pb.rows;
  /* Row i of qb.v holds reflector i of the right side from column i + 1 on. */
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c <= r; c++) {
      svd->pb.v[c * svd->pb.ld + r] = svd->qb.v[(r + 1) * ld + c];
    }
  }
}

void smr_svd_build_chains(smr_svd *svd, const smr_svd_temporary *temporary) {
  smr_chain_build(&svd->pb, temporary->taup);
  smr_chain_build(&svd->qb, temporary->tauq);
}

void smr_svd_reduce(smr_svd *svd, const smr_svd_temporary *temporary, smr_bidiagonal *reduction) {
  const smr_bidiagonal_result result = {.q = &svd->qb,
                                        .p = &svd->pb,
                                        .d = temporary->d,
                                        .e = temporary->e,
                                        .tauq = temporary->tauq,
                                        .taup = temporary->taup};
  smr_bidiagonal_reduce(reduction, &result);
}

static smr_status reduce_in_one_pass(smr_svd *svd, const smr_svd_temporary *temporary) {
  smr_bidiagonal reduction;
  smr_status status = smr_bidiagonal_init(svd->grid->context, svd->qb.rows, svd->n, &reduction);
  if (status == SMR_OK) {
    smr_bidiagonal_load(&reduction, svd->qb.v, svd->qb.ld, false, 0);
    smr_svd_reduce(svd, temporary, &reduction);
  }
  smr_bidiagonal_clear(&reduction);
  return status;
}

static smr_status factor_bidiagonal(smr_svd *svd, const smr_svd_temporary *temporary,
                                    const double *a, int64_t ld) {
  load(svd, a, ld, svd->has_qr ? svd->q0.v : svd->qb.v);
  if (svd->has_qr) {
    LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, svd->m, svd->n, svd->q0.v, svd->ld_m, temporary->tau0,
                        temporary->work, temporary->lwork);
    smr_svd_copy_triangle(svd);
    smr_chain_build(&svd->q0, temporary->tau0);
  }
  if (svd->n >= MIN_ONE_PASS && svd->grid->context->size == 1) {
    SMR_TRY(reduce_in_one_pass(svd, temporary));
  } else {
    LAPACKE_dgebrd_work(LAPACK_COL_MAJOR, svd->qb.rows, svd->n, svd->qb.v, svd->qb.ld, temporary->d,
                        temporary->e, temporary->tauq, temporary->taup, temporary->work,
                        temporary->lwork);
    smr_svd_copy_rows(svd);
  }
  smr_svd_build_chains(svd, temporary);
  return smr_svd_solve_bidiagonal(svd, temporary);
}

static smr_status factor_gesvd(smr_svd *svd, const double *a, int64_t ld) {
  int m = svd->m;
  int n = svd->n;
  int ld_m = svd->ld_m;
  int ld_n = svd->ld_n;
  int lwork = 0;
  double query = 0.0;
  double *copy = NULL;
  double *work = NULL;
  smr_status status =
      smr_memory_alloc((int64_t)ld_m * n, sizeof(double), "copy of a matrix", &copy);
  if (status != SMR_OK) {
    return status;
  }
  load(svd, a, ld, copy);
  LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'S', 'S', m, n, copy, ld_m, svd->values, svd->u, ld_m,
                      svd->vt, ld_n, &query, -1);
  SMR_TRY_DONE(smr_int_narrow((int64_t)query, "the work space of dgesvd", &lwork));
  SMR_TRY_DONE(smr_memory_alloc(lwork, sizeof(double), "SVD workspace", &work));
  int info = LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'S', 'S', m, n, copy, ld_m, svd->values, svd->u,
                                 ld_m, svd->vt, ld_n, work, lwork);
  if (info != 0) {
    SMR_FAIL_DONE(SMR_ERR_CONVERGENCE, "dgesvd of a %d x %d matrix did not converge", m, n);
  }
done:
  smr_memory_free(copy);
  smr_memory_free(work);
  return status;
}

void smr_svd_finish_gram(smr_svd *svd) {
  int64_t n = svd->n;
  for (int64_t i = 0; i < n / 2; i++) {
    double value = svd->values[i];
    svd->values[i] = svd->values[n - 1 - i];
    svd->values[n - 1 - i] = value;
    cblas_dswap((int)n, svd->vt + i * svd->ld_n, 1, svd->vt + (n - 1 - i) * svd->ld_n, 1);
  }
  for (int64_t i = 0; i < n; i++) {
    svd->values[i] = svd->values[i] > 0.0 ? sqrt(svd->values[i]) : 0.0;
  }
}

static smr_status factor_gram(smr_svd *svd, const double *a, int64_t ld) {
  int n = svd->n;
  int lwork = 0;
  int liwork = 0;
  double *work = NULL;
  int *iwork = NULL;
  smr_status status =
      smr_int_narrow(1 + 6 * (int64_t)n + 2 * (int64_t)n * n, "the work space of dsyevd", &lwork);
  if (status != SMR_OK) {
    return status;
  }
  liwork = 3 + 5 * n;
  SMR_TRY_DONE(smr_memory_alloc(lwork, sizeof(double), "SVD workspace", &work));
  SMR_TRY_DONE(smr_memory_alloc(liwork, sizeof(int), "SVD workspace", &iwork));
  load(svd, a, ld, svd->a);
  cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, n, svd->m, 1.0, svd->a, svd->ld_m, 0.0,
              svd->vt, svd->ld_n);
  int info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', n, svd->vt, svd->ld_n, svd->values,
                                 work, lwork, iwork, liwork);
  if (info != 0) {
    SMR_FAIL_DONE(SMR_ERR_CONVERGENCE, "dsyevd of a %d x %d Gram matrix did not converge", n, n);
  }
  smr_svd_finish_gram(svd);
done:
  smr_memory_free(work);
  smr_memory_free(iwork);
  return status;
}

smr_status smr_svd_factor_local(smr_svd *svd, const double *a, int64_t ld) {
  if (svd->method == SMR_SVD_GESVD) {
    return factor_gesvd(svd, a, ld);
  }
  if (svd->method == SMR_SVD_GRAM) {
    return factor_gram(svd, a, ld);
  }
  smr_svd_temporary temporary;
  SMR_TRY(smr_svd_temporary_init(svd, &temporary));
  smr_status status = factor_bidiagonal(svd, &temporary, a, ld);
  smr_svd_temporary_clear(&temporary);
  return status;
}
