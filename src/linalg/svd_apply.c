/* Products with U, V and their transposes, in groups of 16 columns.
 *
 * Every rank has all factors. Groups of a big product are dealt to ranks and threads, a few at a
 * time so that they share what is in the cache; since a group always sees the same calls, who
 * computes it doesn't matter. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"
#include "svd_private.h"

enum { GROUP = SMR_COLUMN_BLOCK, MAX_BATCH = 8 };
/* Below this many operations it is faster to do everything everywhere than to send it. */
static const double min_shared_flops = 2e7;

/* One product, in terms of the matrix that was factored. */
typedef struct {
  const smr_svd *svd;
  bool is_left;    /* of the factored matrix */
  bool is_project; /* U' or V', else U or V */
  int n_in, n_out;
  int64_t n_rhs;
  const double *in;
  double *out;
  int ld;         /* of a batch */
  int n_threads;  /* that take batches */
  int batch;      /* groups in a batch, at most */
  double *memory; /* [n_threads][x, y: ld x 16 batch; 32 x 16; panel: ld x 32] */
} product;

static void multiply(const smr_groups *c, bool transposed, int m, int k, const double *a, int lda) {
  smr_groups_multiply(c, transposed, smr_pad(m), k, a, lda);
}

static void swap(smr_groups *c) {
  double *x = c->x;
  c->x = c->y;
  c->y = x;
}

/* Vectors of the bidiagonal. */
static void apply_inner(const product *p, const smr_groups *c) {
  const smr_svd *svd = p->svd;
  if (svd->is_compact) {
    smr_compact_apply(&svd->compact, p->is_left, p->is_project, c, c->work + SMR_PANEL * GROUP);
  } else {
    multiply(c, p->is_left == p->is_project, svd->n, svd->n, p->is_left ? svd->u : svd->vt,
             svd->ld_n);
  }
}

static void apply_bidiagonal(const product *p, smr_groups *c) {
  const smr_svd *svd = p->svd;
  const smr_chain *chain = p->is_left ? &svd->qb : &svd->pb;
  int shift = p->is_left ? 0 : 1;
  int n = svd->n;
  bool has_q0 = p->is_left && svd->has_qr;
  if (p->is_project) {
    if (has_q0) {
      smr_chain_apply(&svd->q0, true, c->n_groups, c->x, c->ld, c->work);
    }
    smr_chain_apply(chain, true, c->n_groups, c->x + shift, c->ld, c->work);
    apply_inner(p, c);
    return;
  }
  apply_inner(p, c);
  for (int64_t j = 0; j < (int64_t)GROUP * c->n_groups; j++) {
    memset(c->y + j * c->ld + n, 0, (size_t)(c->ld - n) * sizeof *c->y);
  }
  smr_chain_apply(chain, false, c->n_groups, c->y + shift, c->ld, c->work);
  if (has_q0) {
    smr_chain_apply(&svd->q0, false, c->n_groups, c->y, c->ld, c->work);
  }
}

static void apply_explicit(const product *p, const smr_groups *c) {
  const smr_svd *svd = p->svd;
  if (p->is_left) {
    multiply(c, p->is_project, p->n_out, p->n_in, svd->u, svd->ld_m);
  } else {
    multiply(c, !p->is_project, p->n_out, p->n_in, svd->vt, svd->ld_n);
  }
}

/* Rows of x over the singular values of the scaled matrix; 0 where they are 0. */
static void divide(const smr_svd *svd, const smr_groups *c, double *x) {
  for (int64_t j = 0; j < (int64_t)GROUP * c->n_groups; j++) {
    for (int i = 0; i < svd->n; i++) {
      double s = ldexp(svd->values[i], -svd->exponent);
      x[j * c->ld + i] = s > 0.0 ? x[j * c->ld + i] / s : 0.0;
    }
  }
}

/* U = A V / S. */
static void apply_gram(const product *p, smr_groups *c) {
  const smr_svd *svd = p->svd;
  int m = svd->m;
  int n = svd->n;
  if (!p->is_left) {
    multiply(c, p->is_project, n, n, svd->vt, svd->ld_n);
  } else if (p->is_project) {
    multiply(c, true, n, m, svd->a, svd->ld_m);
    swap(c);
    multiply(c, true, n, n, svd->vt, svd->ld_n);
    divide(svd, c, c->y);
  } else {
    divide(svd, c, c->x);
    multiply(c, false, n, n, svd->vt, svd->ld_n);
    swap(c);
    multiply(c, false, m, n, svd->a, svd->ld_m);
  }
}

/* Doubles of one thread's memory. */
static int64_t count_memory(const product *p) {
  int64_t panel = p->svd->is_compact ? (int64_t)p->ld * SMR_PANEL : 0;
  return 2 * (int64_t)p->ld * GROUP * p->batch + SMR_PANEL * GROUP + panel;
}

static void apply_batch(const product *p, int thread, int64_t first_group, int n_groups) {
  int64_t length = (int64_t)p->ld * GROUP * n_groups;
  double *memory = p->memory + thread * count_memory(p);
  smr_groups c = {.n_groups = n_groups,
                  .ld = p->ld,
                  .x = memory,
                  .y = memory + length,
                  .work = memory + 2 * length};
  int64_t first = first_group * GROUP;
  int64_t count = smr_int_min((int64_t)GROUP * n_groups, p->n_rhs - first);
  memset(memory, 0, (size_t)(2 * length) * sizeof *memory);
  for (int64_t j = 0; j < count; j++) {
    memcpy(c.x + j * p->ld, p->in + (first + j) * p->n_in, (size_t)p->n_in * sizeof *c.x);
  }
  if (p->svd->method == SMR_SVD_BIDIAGONAL) {
    apply_bidiagonal(p, &c);
  } else if (p->svd->method == SMR_SVD_GESVD) {
    apply_explicit(p, &c);
  } else {
    apply_gram(p, &c);
  }
  for (int64_t j = 0; j < count; j++) {
    memcpy(p->out + (first + j) * p->n_out, c.y + j * p->ld, (size_t)p->n_out * sizeof *c.y);
  }
}

static void apply_groups(const product *p, int64_t first, int64_t count) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(p->n_threads) if (p->n_threads > 1)
  for (int64_t g = first; g < first + count; g += p->batch) {
    apply_batch(p, p->n_threads > 1 ? omp_get_thread_num() : 0, g,
                (int)smr_int_min(p->batch, first + count - g));
  }
}

/* Are the groups dealt to ranks, or does each rank do all of them? */
static bool is_shared(const product *p) {
  const smr_svd *svd = p->svd;
  double all = smr_svd_count_flops(svd->m, svd->n, p->n_rhs);
  return svd->grid->context->size > 1 &&
         all - smr_svd_count_flops(svd->m, svd->n, 0) > min_shared_flops;
}

/* Each rank sends the columns of its groups to all. Collective. */
static void exchange(const product *p, int64_t n_groups) {
  const smr_context *context = p->svd->grid->context;
  for (int rank = 0; rank < context->size; rank++) {
    int64_t group = 0;
    int64_t count = 0;
    smr_int_share(n_groups, context->size, rank, &group, &count);
    int64_t first = group * GROUP;
    int64_t end = smr_int_min((group + count) * GROUP, p->n_rhs);
    if (count > 0) {
      smr_broadcast(context, rank, p->out + first * p->n_out,
                    (size_t)(end - first) * (size_t)p->n_out * sizeof(double));
    }
  }
}

static smr_status run(product *p) {
  const smr_context *context = p->svd->grid->context;
  int64_t n_groups = smr_int_ceil_divide(p->n_rhs, GROUP);
  int64_t first = 0;
  int64_t count = n_groups;
  bool shared = is_shared(p);
  if (shared) {
    smr_int_share(n_groups, context->size, context->rank, &first, &count);
  }
  int64_t n_threads = omp_in_parallel() ? 1 : smr_int_min(omp_get_max_threads(), count);
  p->n_threads = (int)smr_int_max(1, n_threads);
  p->batch = (int)smr_int_max(1, smr_int_min(MAX_BATCH, smr_int_ceil_divide(count, p->n_threads)));
  smr_status status =
      smr_memory_alloc(count_memory(p) * p->n_threads, sizeof(double), "vectors", &p->memory);
  SMR_TRY_DONE(smr_linalg_agree(context, status));
  apply_groups(p, first, count);
  if (shared) {
    exchange(p, n_groups);
  }
done:
  smr_memory_free(p->memory);
  return status;
}

static smr_status apply(const smr_svd *svd, bool is_left, bool is_project, int64_t n_rhs,
                        const double *in, double *out) {
  product p = {.svd = svd,
               .is_left = is_left != svd->flipped,
               .is_project = is_project,
               .n_rhs = n_rhs,
               .in = in,
               .out = out};
  int side = p.is_left ? svd->m : svd->n;
  p.n_in = is_project ? side : svd->n;
  p.n_out = is_project ? svd->n : side;
  /* 8 rows more, since the right side's reflectors begin at row 1. */
  p.ld = svd->ld_m + 8;
  return n_rhs > 0 ? run(&p) : SMR_OK;
}

smr_status smr_svd_project_left(const smr_svd *svd, int64_t n_rhs, const double *b, double *out) {
  return apply(svd, true, true, n_rhs, b, out);
}

smr_status smr_svd_project_right(const smr_svd *svd, int64_t n_rhs, const double *b, double *out) {
  return apply(svd, false, true, n_rhs, b, out);
}

smr_status smr_svd_expand_left(const smr_svd *svd, int64_t n_rhs, const double *c, double *out) {
  return apply(svd, true, false, n_rhs, c, out);
}

smr_status smr_svd_expand_right(const smr_svd *svd, int64_t n_rhs, const double *c, double *out) {
  return apply(svd, false, false, n_rhs, c, out);
}
