/* SVD of a matrix over the ranks of a grid, by ScaLAPACK. Each rank picks its entries from the
 * replicated matrix, and the factors are gathered on all ranks. */
#include <math.h>
#include <string.h>

#include "cyclic.h"
#include "lookahead.h"
#include "scalapack.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "svd_private.h"

static const int one = 1;
static const int query = -1;
enum { MAX_ONE_PASS = 4 };

/* Distributed matrices and work space of one factorization; what is unused stays empty. */
typedef struct {
  smr_svd *svd;
  smr_svd_temporary temporary;
  smr_cyclic a, b, c;
  smr_bidiagonal reduction;   /* on few ranks, in place of pdgebrd */
  double *tau, *taup, *d, *e; /* local parts */
  double *buffer;             /* of a gather */
  double *work;
  int *iwork;
  int lwork, liwork;
} grid_svd;

static void clear(grid_svd *run) {
  smr_svd_temporary_clear(&run->temporary);
  smr_cyclic_clear(&run->a);
  smr_cyclic_clear(&run->b);
  smr_cyclic_clear(&run->c);
  smr_bidiagonal_clear(&run->reduction);
  smr_memory_free(run->tau);
  smr_memory_free(run->taup);
  smr_memory_free(run->d);
  smr_memory_free(run->e);
  smr_memory_free(run->buffer);
  smr_memory_free(run->work);
  smr_memory_free(run->iwork);
}

static smr_status agree(const grid_svd *run, smr_status status) {
  return smr_linalg_agree(run->svd->grid->context, status);
}

/* This rank's part of the matrix to factor, scaled. */
static void load(grid_svd *run, const double *a, int64_t ld) {
  smr_cyclic_load(&run->a, a, ld, run->svd->flipped);
  int64_t length = (int64_t)run->a.ld * run->a.n_local;
  for (int64_t i = 0; run->svd->exponent != 0 && i < length; i++) {
    run->a.a[i] = ldexp(run->a.a[i], -run->svd->exponent);
  }
}

/* The matrix and a buffer to gather it. Local. */
static smr_status allocate(grid_svd *run) {
  const smr_svd *svd = run->svd;
  SMR_TRY(smr_cyclic_init(svd->grid, svd->m, svd->n, &run->a));
  return smr_memory_alloc(smr_cyclic_count_gather(&run->a, svd->m), sizeof(double), "SVD factors",
                          &run->buffer);
}

static smr_status allocate_work(grid_svd *run, double length, int integers) {
  SMR_TRY(smr_work_length(length, "the work space of a distributed SVD", &run->lwork));
  SMR_TRY(smr_work_length(integers, "the work space of a distributed SVD", &run->liwork));
  SMR_TRY(smr_memory_alloc(run->lwork, sizeof(double), "SVD workspace", &run->work));
  return smr_memory_alloc(run->liwork, sizeof(int), "SVD workspace", &run->iwork);
}

/* One pass over the matrix a column beats pdgebrd's two and its many small messages (1000 x 1000 on
 * 2 ranks: 51 ms against 135; on 4 ranks that share 2 cores 80 against 118), but it deals columns
 * only and each rank does the panels' small products. */
static bool is_one_pass(const smr_svd *svd) {
  return svd->grid->context->size <= MAX_ONE_PASS;
}

static smr_status allocate_bidiagonal(grid_svd *run) {
  const smr_svd *svd = run->svd;
  int64_t n = svd->n;
  if (is_one_pass(svd)) {
    SMR_TRY(smr_bidiagonal_init(svd->grid->context, svd->has_qr ? svd->n : svd->m, svd->n,
                                &run->reduction));
  }
  if (svd->has_qr || !is_one_pass(svd)) {
    SMR_TRY(allocate(run));
  }
  if (svd->has_qr && !is_one_pass(svd)) {
    SMR_TRY(smr_cyclic_init(svd->grid, n, n, &run->b));
  }
  SMR_TRY(smr_svd_temporary_init(svd, &run->temporary));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "SVD scalars", &run->tau));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "SVD scalars", &run->taup));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "SVD scalars", &run->d));
  return smr_memory_alloc(n, sizeof(double), "SVD scalars", &run->e);
}

/* The matrix that pdgebrd reduces: A, or the triangle of its QR. */
static smr_cyclic *get_reduced(grid_svd *run) {
  return run->svd->has_qr ? &run->b : &run->a;
}

/* The longer of both work spaces. The questions are collective, as everything in ScaLAPACK. */
static double ask_bidiagonal(grid_svd *run) {
  smr_cyclic *a = &run->a;
  smr_cyclic *b = get_reduced(run);
  double first = 0.0;
  double second = 0.0;
  int info = 0;
  if (run->svd->has_qr && smr_lookahead_is_possible(a)) {
    first = (double)smr_lookahead_count(a);
  } else if (run->svd->has_qr) {
    pdgeqrf_(&a->m, &a->n, a->a, &one, &one, a->desc, run->tau, &first, &query, &info);
  }
  if (!is_one_pass(run->svd)) {
    pdgebrd_(&b->m, &b->n, b->a, &one, &one, b->desc, run->d, run->e, run->tau, run->taup, &second,
             &query, &info);
  }
  return fmax(first, second);
}

/* A = Q0 R; R goes to the smaller distributed matrix. */
static void reduce_to_triangle(grid_svd *run) {
  smr_svd *svd = run->svd;
  smr_cyclic *a = &run->a;
  int info = 0;
  if (smr_lookahead_is_possible(a)) {
    smr_lookahead_factor(a, run->tau, run->work);
  } else {
    pdgeqrf_(&a->m, &a->n, a->a, &one, &one, a->desc, run->tau, run->work, &run->lwork, &info);
  }
  smr_cyclic_gather(a, svd->m, run->buffer, svd->q0.v, svd->ld_m);
  smr_cyclic_gather_vector(svd->grid, svd->n, true, run->tau, run->temporary.tau0);
  smr_svd_copy_triangle(svd);
  smr_chain_build(&svd->q0, run->temporary.tau0);
  if (is_one_pass(svd)) {
    smr_bidiagonal_load(&run->reduction, svd->qb.v, svd->ld_n, false, 0);
  } else {
    smr_cyclic_load(&run->b, svd->qb.v, svd->ld_n, false);
  }
}

static void reduce_to_bidiagonal(grid_svd *run) {
  smr_svd *svd = run->svd;
  const smr_svd_temporary *temporary = &run->temporary;
  smr_cyclic *b = get_reduced(run);
  int info = 0;
  pdgebrd_(&b->m, &b->n, b->a, &one, &one, b->desc, run->d, run->e, run->tau, run->taup, run->work,
           &run->lwork, &info);
  smr_cyclic_gather(b, b->m, run->buffer, svd->qb.v, svd->qb.ld);
  smr_cyclic_gather_vector(svd->grid, svd->n, true, run->tau, temporary->tauq);
  smr_cyclic_gather_vector(svd->grid, svd->n, false, run->taup, temporary->taup);
  for (int64_t i = 0; i < svd->n; i++) {
    temporary->d[i] = svd->qb.v[i * svd->qb.ld + i];
    temporary->e[i] = i + 1 < svd->n ? svd->qb.v[(i + 1) * svd->qb.ld + i] : 0.0;
  }
  smr_svd_copy_rows(svd);
}

/* Rank 0 solves the bidiagonal and sends, so that all have the same bits. Meanwhile the others
 * have made their blocks. */
static smr_status solve_on_root(grid_svd *run) {
  smr_svd *svd = run->svd;
  const smr_context *context = svd->grid->context;
  size_t square = (size_t)svd->ld_n * (size_t)svd->ld_n * sizeof(double);
  smr_svd_build_chains(svd, &run->temporary);
  smr_status status = context->rank == 0 ? smr_svd_solve_bidiagonal(svd, &run->temporary) : SMR_OK;
  SMR_TRY(smr_agree_root(context, 0, status));
  smr_broadcast(context, 0, svd->values, (size_t)svd->n * sizeof(double));
  if (svd->is_compact) {
    smr_broadcast(context, 0, svd->compact.block,
                  (size_t)smr_compact_count_doubles(svd->n) * sizeof(double));
    return SMR_OK;
  }
  smr_broadcast(context, 0, svd->u, square);
  smr_broadcast(context, 0, svd->vt, square);
  return SMR_OK;
}

static smr_status factor_bidiagonal(grid_svd *run, const double *a, int64_t ld) {
  SMR_TRY(agree(run, allocate_bidiagonal(run)));
  SMR_TRY(agree(run, allocate_work(run, ask_bidiagonal(run), 0)));
  if (run->svd->has_qr) {
    load(run, a, ld);
    reduce_to_triangle(run);
  } else if (is_one_pass(run->svd)) {
    smr_bidiagonal_load(&run->reduction, a, ld, run->svd->flipped, run->svd->exponent);
  } else {
    load(run, a, ld);
  }
  if (is_one_pass(run->svd)) {
    smr_svd_reduce(run->svd, &run->temporary, &run->reduction);
  } else {
    reduce_to_bidiagonal(run);
  }
  return solve_on_root(run);
}

static void call_gesvd(grid_svd *run, double *work, const int *lwork, int *info) {
  pdgesvd_("V", "V", &run->a.m, &run->a.n, run->a.a, &one, &one, run->a.desc, run->svd->values,
           run->b.a, &one, &one, run->b.desc, run->c.a, &one, &one, run->c.desc, work, lwork, info);
}

static smr_status allocate_gesvd(grid_svd *run) {
  const smr_svd *svd = run->svd;
  SMR_TRY(allocate(run));
  SMR_TRY(smr_cyclic_init(svd->grid, svd->m, svd->n, &run->b));
  return smr_cyclic_init(svd->grid, svd->n, svd->n, &run->c);
}

static smr_status factor_gesvd(grid_svd *run, const double *a, int64_t ld) {
  smr_svd *svd = run->svd;
  double length = 0.0;
  int info = 0;
  SMR_TRY(agree(run, allocate_gesvd(run)));
  call_gesvd(run, &length, &query, &info);
  SMR_TRY(agree(run, allocate_work(run, length, 0)));
  load(run, a, ld);
  call_gesvd(run, run->work, &run->lwork, &info);
  /* n + 1 says that ranks disagree on singular values. It comes on identical hardware too, when a
   * rank owns no vectors, so rank 0's are taken. */
  smr_status status = SMR_OK;
  if (info != 0 && info != svd->n + 1) {
    status = smr_error_set(SMR_ERR_CONVERGENCE, "pdgesvd of a %d x %d matrix ended with code %d",
                           svd->m, svd->n, info);
  }
  SMR_TRY(agree(run, status));
  smr_broadcast(svd->grid->context, 0, svd->values, (size_t)svd->n * sizeof(double));
  smr_cyclic_gather(&run->b, svd->m, run->buffer, svd->u, svd->ld_m);
  smr_cyclic_gather(&run->c, svd->n, run->buffer, svd->vt, svd->ld_n);
  return SMR_OK;
}

static void call_syevd(grid_svd *run, double *work, const int *lwork, int *iwork, const int *liwork,
                       int *info) {
  pdsyevd_("V", "L", &run->b.n, run->b.a, &one, &one, run->b.desc, run->svd->values, run->c.a, &one,
           &one, run->c.desc, work, lwork, iwork, liwork, info);
}

static smr_status allocate_gram(grid_svd *run) {
  const smr_svd *svd = run->svd;
  SMR_TRY(allocate(run));
  SMR_TRY(smr_cyclic_init(svd->grid, svd->n, svd->n, &run->b));
  return smr_cyclic_init(svd->grid, svd->n, svd->n, &run->c);
}

static smr_status factor_gram(grid_svd *run, const double *a, int64_t ld) {
  const double zero = 0.0;
  const double unit = 1.0;
  smr_svd *svd = run->svd;
  double length = 0.0;
  int integers = 0;
  int info = 0;
  SMR_TRY(agree(run, allocate_gram(run)));
  call_syevd(run, &length, &query, &integers, &query, &info);
  SMR_TRY(agree(run, allocate_work(run, length, integers)));
  load(run, a, ld);
  smr_cyclic_gather(&run->a, svd->m, run->buffer, svd->a, svd->ld_m);
  pdsyrk_("L", "T", &svd->n, &svd->m, &unit, run->a.a, &one, &one, run->a.desc, &zero, run->b.a,
          &one, &one, run->b.desc);
  call_syevd(run, run->work, &run->lwork, run->iwork, &run->liwork, &info);
  smr_status status = SMR_OK;
  if (info != 0) {
    status = smr_error_set(SMR_ERR_CONVERGENCE, "pdsyevd of a %d x %d matrix ended with code %d",
                           svd->n, svd->n, info);
  }
  SMR_TRY(agree(run, status));
  smr_broadcast(svd->grid->context, 0, svd->values, (size_t)svd->n * sizeof(double));
  smr_cyclic_gather(&run->c, svd->n, run->buffer, svd->vt, svd->ld_n);
  smr_svd_finish_gram(svd);
  return SMR_OK;
}

smr_status smr_svd_factor_grid(smr_svd *svd, const double *a, int64_t ld) {
  grid_svd run = {.svd = svd};
  smr_status status = SMR_OK;
  if (svd->method == SMR_SVD_GESVD) {
    status = factor_gesvd(&run, a, ld);
  } else if (svd->method == SMR_SVD_GRAM) {
    status = factor_gram(&run, a, ld);
  } else {
    status = factor_bidiagonal(&run, a, ld);
  }
  clear(&run);
  return status;
}
