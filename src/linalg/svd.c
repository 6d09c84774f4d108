/* Thin SVD: choices, memory, agreement. */
#include "simmer/linalg/svd.h"

#include <inttypes.h>
#include <math.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "svd_private.h"

/* Compact vectors cost less to make and to send, but more to apply. */
enum { MIN_SHARED = 256, MIN_COMPACT = 256, ALIGN_DOUBLES = 8 };

/* Beyond these magnitudes the matrix is scaled: squares could leave the range of a double, and so
 * could the products of small entries in the one-pass reduction. */
static const double smallest_norm = 1e-20;
static const double largest_norm = 1e20;

static bool is_for_grid(int n_ranks, int64_t m, int64_t n) {
  return n_ranks > 1 && smr_int_min(m, n) >= MIN_SHARED;
}

/* Takes n doubles from the storage, or only counts them. */
static double *take(smr_svd *svd, int64_t n) {
  double *start = svd->storage != NULL ? svd->storage + svd->n_doubles : NULL;
  svd->n_doubles += smr_int_ceil_divide(n, ALIGN_DOUBLES) * ALIGN_DOUBLES;
  return start;
}

static void take_chain(smr_svd *svd, smr_chain *chain, int rows, int count) {
  chain->rows = rows;
  chain->count = count;
  chain->ld = smr_pad(rows);
  chain->v = take(svd, (int64_t)chain->ld * smr_pad(count));
  chain->t = take(svd, (int64_t)SMR_PANEL * smr_pad(count));
}

/* Places all arrays; with storage == NULL only counts n_doubles. */
static void lay_out(smr_svd *svd) {
  int64_t m = svd->ld_m;
  int64_t n = svd->ld_n;
  svd->n_doubles = 0;
  svd->values = take(svd, n);
  if (svd->is_compact) {
    smr_compact_place(svd->n, take(svd, smr_compact_count_doubles(svd->n)), &svd->compact);
  } else {
    svd->vt = take(svd, n * n);
  }
  if (svd->method == SMR_SVD_GRAM) {
    svd->a = take(svd, m * n);
    return;
  }
  if (svd->method == SMR_SVD_GESVD) {
    svd->u = take(svd, m * n);
    return;
  }
  if (!svd->is_compact) {
    svd->u = take(svd, n * n);
  }
  if (svd->has_qr) {
    take_chain(svd, &svd->q0, svd->m, svd->n);
  }
  take_chain(svd, &svd->qb, svd->has_qr ? svd->n : svd->m, svd->n);
  take_chain(svd, &svd->pb, svd->n - 1, svd->n - 1);
}

static smr_status prepare(const smr_grid *grid, smr_svd_method method, int64_t m, int64_t n,
                          smr_svd *svd) {
  svd->grid = grid;
  svd->method = method == SMR_SVD_AUTO ? SMR_SVD_BIDIAGONAL : method;
  svd->flipped = n > m;
  if (m < 1 || n < 1) {
    SMR_FAIL(SMR_ERR_INTERNAL, "an SVD needs at least one row and one column");
  }
  SMR_TRY(smr_int_narrow(smr_int_max(m, n), "the longer side of a matrix", &svd->m));
  SMR_TRY(smr_int_narrow(smr_int_min(m, n), "the shorter side of a matrix", &svd->n));
  svd->ld_m = smr_pad(svd->m);
  svd->ld_n = smr_pad(svd->n);
  svd->has_qr = 5 * (int64_t)svd->m >= 6 * (int64_t)svd->n && svd->m > svd->n;
  svd->is_compact = svd->method == SMR_SVD_BIDIAGONAL && svd->n >= MIN_COMPACT;
  return SMR_OK;
}

static smr_status allocate_storage(smr_svd *svd) {
  lay_out(svd);
  SMR_TRY(smr_memory_alloc(svd->n_doubles, sizeof(double), "factors of the SVD", &svd->storage));
  lay_out(svd);
  return SMR_OK;
}

static smr_status allocate(const smr_grid *grid, smr_svd_method method, int64_t m, int64_t n,
                           smr_svd **out) {
  smr_svd *svd = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *svd, "SVD", &svd));
  smr_status status = prepare(grid, method, m, n, svd);
  if (status == SMR_OK) {
    status = allocate_storage(svd);
  }
  if (status != SMR_OK) {
    smr_memory_free(svd);
    return status;
  }
  *out = svd;
  return SMR_OK;
}

/* Largest magnitude of n numbers; NaN or Inf when one is. */
static double get_magnitude(int64_t n, const double *x) {
  double largest = 0.0;
  double poison = 0.0;
#pragma omp simd reduction(max : largest) reduction(+ : poison)
  for (int64_t i = 0; i < n; i++) {
    double magnitude = fabs(x[i]);
    largest = magnitude > largest ? magnitude : largest;
    poison += x[i] * 0.0;
  }
  return poison == 0.0 ? largest : (double)NAN;
}

/* Refuses NaN and Inf, on which LAPACK would loop for ever, and chooses the scaling: a power of
 * two, which rounds nothing. */
static smr_status scan(int64_t m, int64_t n, const double *a, int64_t ld, int *exponent) {
  double largest = 0.0;
  *exponent = 0;
  for (int64_t j = 0; j < n; j++) {
    double magnitude = get_magnitude(m, a + j * ld);
    if (!isfinite(magnitude)) {
      SMR_FAIL(SMR_ERR_NUMERIC, "the matrix of an SVD holds NaN or Inf in column %" PRId64, j);
    }
    largest = fmax(largest, magnitude);
  }
  if (largest > 0.0 && (largest < smallest_norm || largest > largest_norm)) {
    (void)frexp(largest, exponent);
  }
  return SMR_OK;
}

static smr_status restore_scale(smr_svd *svd) {
  for (int i = 0; svd->exponent != 0 && i < svd->n; i++) {
    svd->values[i] = ldexp(svd->values[i], svd->exponent);
  }
  if (!isfinite(svd->values[0])) {
    SMR_FAIL(SMR_ERR_NUMERIC, "the largest singular value is no finite number");
  }
  return SMR_OK;
}

/* Rank 0 computes and sends everything. Collective. */
static smr_status factor_on_root(smr_svd *svd, const double *a, int64_t ld) {
  const smr_context *context = svd->grid->context;
  smr_status status = context->rank == 0 ? smr_svd_factor_local(svd, a, ld) : SMR_OK;
  if (context->size > 1) {
    SMR_TRY(smr_agree_root(context, 0, status));
    smr_broadcast(context, 0, svd->storage, (size_t)svd->n_doubles * sizeof(double));
  }
  return status;
}

static smr_status factor(smr_svd *svd, const double *a, int64_t ld) {
  return is_for_grid(svd->grid->context->size, svd->m, svd->n) ? smr_svd_factor_grid(svd, a, ld)
                                                               : factor_on_root(svd, a, ld);
}

/* Again with dense vectors of the bidiagonal, for the rare matrix on which the compact form fails.
 * Collective. */
static smr_status factor_again(smr_svd *svd, const double *a, int64_t ld) {
  smr_error_clear();
  smr_memory_free(svd->storage);
  svd->storage = NULL;
  svd->is_compact = false;
  SMR_TRY(smr_linalg_agree(svd->grid->context, allocate_storage(svd)));
  return factor(svd, a, ld);
}

smr_status smr_svd_create(const smr_grid *grid, smr_svd_method method, int64_t m, int64_t n,
                          const double *a, int64_t ld, smr_svd **out) {
  smr_svd *svd = NULL;
  *out = NULL;
  smr_status status = allocate(grid, method, m, n, &svd);
  if (svd != NULL) {
    status = scan(m, n, a, ld, &svd->exponent);
  }
  if (status == SMR_OK && smr_fault("linalg.svd")) {
    status = smr_error_set(SMR_ERR_CONVERGENCE, "fault point linalg.svd");
  }
  SMR_TRY_DONE(smr_linalg_agree(grid->context, status));
  if (svd == NULL) {
    SMR_FAIL_DONE(SMR_ERR_INTERNAL, "an SVD was not allocated");
  }
  status = factor(svd, a, ld);
  if (svd->is_compact && status == SMR_ERR_CONVERGENCE) {
    status = factor_again(svd, a, ld);
  }
  SMR_TRY_DONE(status);
  SMR_TRY_DONE(restore_scale(svd));
  *out = svd;
  svd = NULL;
done:
  smr_svd_destroy(&svd);
  return status;
}

void smr_svd_destroy(smr_svd **svd) {
  if (svd != NULL && *svd != NULL) {
    smr_memory_free((*svd)->storage);
    smr_memory_free(*svd);
    *svd = NULL;
  }
}

int64_t smr_svd_count(const smr_svd *svd) {
  return svd->n;
}

const double *smr_svd_get_values(const smr_svd *svd) {
  return svd->values;
}

int64_t smr_svd_count_bytes(int64_t m, int64_t n, int n_ranks) {
  const int64_t size = (int64_t)sizeof(double);
  smr_svd svd = {.grid = NULL};
  if (prepare(NULL, SMR_SVD_BIDIAGONAL, m, n, &svd) != SMR_OK) {
    smr_error_clear();
    return SMR_MEMORY_TOO_MUCH;
  }
  lay_out(&svd);
  int64_t bidiagonal =
      (svd.is_compact ? 0 : 3 * (int64_t)svd.n * svd.n) + 64 * ((int64_t)svd.m + svd.n);
  /* A rank's part of the matrices, and the panels of the reduction. */
  int64_t distributed =
      is_for_grid(n_ranks, m, n) || svd.is_compact
          ? 3 * ((int64_t)svd.m + 64) * (svd.n + 64) / n_ranks + 128 * (int64_t)(svd.m + svd.n)
          : 0;
  return size * (svd.n_doubles + bidiagonal + distributed);
}

double smr_svd_count_flops(int64_t m, int64_t n, int64_t n_rhs) {
  double long_side = (double)smr_int_max(m, n);
  double k = (double)smr_int_min(m, n);
  double rhs = (double)n_rhs;
  double reduction = 5.0 * long_side >= 6.0 * k ? 2.0 * long_side * k * k + 2.0 * k * k * k
                                                : 4.0 * k * k * (long_side - k / 3.0);
  /* Divide and conquer with deflation does about 4 k^3 at most. */
  return reduction + 4.0 * k * k * k + rhs * (4.0 * long_side * k + 4.0 * k * k);
}
