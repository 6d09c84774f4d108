/* Noise that isn't white: the variance of the estimate is sigma^2 tr(A Omega A'), A = (X'X +
 * lambda)^-1 X', and with X = U S V' that is the sum over modes of (s/(s^2+lambda))^2 u'Omega u.
 * The modes X v = s u are made row block by row block, and u'Omega u is taken as their Rayleigh
 * quotient: it lies within Omega's spectrum even where s is rounding.
 *
 * Letters: n = rows, p = columns, m = modes, B = rows of a block. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "ridge.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"

/* As in the pass over the test rows: not a power of two apart. */
enum { BLOCK = 512, BLOCK_LD = BLOCK + 8 };

/* What is known of one mode z over a run of rows. With t = sum phi^(last - i) z_i and h = sum
 * phi^(i - first) z_i, two runs that follow each other have the cross term 2 phi t_left h_right. */
typedef struct {
  double form;   /* z'Omega z */
  double square; /* z'z */
  double tail;   /* t */
  double head;   /* h */
  double power;  /* phi^rows */
} run_sums;

typedef struct {
  const smr_colour_request *request;
  smr_noise_law law;
  int64_t m, n_padded;              /* modes, and padded to whole column blocks */
  double *v;                        /* [p x n_padded] */
  double *offset;                   /* [m] mean'v */
  double **x, **y, **z, **variance; /* per thread: [B x p], [B], [B x n_padded], [B] */
  int64_t n_threads;
} colour_work;

/* The plain loop: one mode over `count` rows. */
static run_sums sum_run(int64_t count, const double *z, double offset, const double *variance,
                        double phi) {
  run_sums sums = {.power = 1};
  for (int64_t i = 0; i < count; ++i) {
    const double value = z[i] - offset;
    sums.form += value * (variance[i] * value + 2 * phi * sums.tail);
    sums.square += value * value;
    sums.tail = phi * sums.tail + value;
    sums.head += sums.power * value;
    sums.power *= phi;
  }
  return sums;
}

static smr_status colour_leaf(void *self, int thread, int64_t shard, void *value) {
  const colour_work *work = self;
  const smr_colour_request *request = work->request;
  const int64_t first = shard * BLOCK;
  const int64_t count = smr_int_min(BLOCK, request->n - first);
  double *z = work->z[thread];
  SMR_TRY(smr_sample_read(request->sample, false, first, count, request->p, work->x[thread],
                          BLOCK_LD, work->y[thread]));
  smr_sample_get_variances(request->sample, first, count, work->variance[thread]);
  SMR_TRY(smr_kernel_multiply(count, work->n_padded, request->p, work->x[thread], BLOCK_LD, work->v,
                              request->p, z, BLOCK_LD));
  run_sums *sums = value;
  for (int64_t i = 0; i < work->m; ++i) {
    sums[i] = sum_run(count, z + i * BLOCK_LD, work->offset[i], work->variance[thread],
                      work->law.correlation);
  }
  return SMR_OK;
}

static smr_status colour_combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const colour_work *work = self;
  run_sums *a = left;
  const run_sums *b = right;
  for (int64_t i = 0; i < work->m; ++i) {
    a[i].form += b[i].form + 2 * work->law.correlation * a[i].tail * b[i].head;
    a[i].square += b[i].square;
    a[i].tail = b[i].power * a[i].tail + b[i].tail;
    a[i].head += a[i].power * b[i].head;
    a[i].power *= b[i].power;
  }
  return SMR_OK;
}

static smr_status allocate_work(colour_work *work, double **unit, run_sums **sums) {
  const int64_t p = work->request->p, t = work->n_threads;
  SMR_TRY(smr_memory_alloc(p * work->n_padded, sizeof(double), "modes", &work->v));
  SMR_TRY(smr_memory_alloc(work->m, sizeof(double), "means of modes", &work->offset));
  SMR_TRY(smr_memory_alloc(work->m * work->n_padded, sizeof(double), "unit vectors", unit));
  SMR_TRY(smr_memory_alloc(work->m, sizeof(run_sums), "sums of modes", sums));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "noise workspaces", &work->x));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "noise workspaces", &work->y));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "noise workspaces", &work->z));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "noise workspaces", &work->variance));
  for (int64_t i = 0; i < t; ++i) {
    SMR_TRY(smr_memory_alloc(BLOCK_LD * p, sizeof(double), "rows", &work->x[i]));
    SMR_TRY(smr_memory_alloc(BLOCK, sizeof(double), "targets", &work->y[i]));
    SMR_TRY(smr_memory_alloc(BLOCK_LD * work->n_padded, sizeof(double), "modes", &work->z[i]));
    SMR_TRY(smr_memory_alloc(BLOCK, sizeof(double), "variances", &work->variance[i]));
  }
  return SMR_OK;
}

static void clear_list(double **list, int64_t n) {
  for (int64_t i = 0; list != NULL && i < n; ++i) {
    smr_memory_free(list[i]);
  }
  smr_memory_free(list);
}

static void clear_work(colour_work *work) {
  smr_memory_free(work->v);
  smr_memory_free(work->offset);
  clear_list(work->x, work->n_threads);
  clear_list(work->y, work->n_threads);
  clear_list(work->z, work->n_threads);
  clear_list(work->variance, work->n_threads);
}

/* V, and the means of X V. Collective on the grid. */
static smr_status expand_modes(colour_work *work, double *unit) {
  const smr_colour_request *request = work->request;
  for (int64_t i = 0; i < work->m; ++i) {
    unit[i * work->m + i] = 1;
  }
  SMR_TRY(smr_svd_expand_right(request->svd, work->n_padded, unit, work->v));
  for (int64_t i = 0; i < work->m; ++i) {
    for (int64_t j = 0; j < request->p; ++j) {
      work->offset[i] += request->mean[j] * work->v[i * request->p + j];
    }
  }
  return SMR_OK;
}

smr_status smr_ridge_colour(const smr_context *group, const smr_colour_request *request,
                            double *colour) {
  const int64_t m = smr_svd_count(request->svd);
  colour_work work = {.request = request,
                      .law = smr_sample_get_noise(request->sample),
                      .m = m,
                      .n_padded = smr_kernel_pad(m),
                      .n_threads = omp_get_max_threads()};
  double *unit = NULL;
  run_sums *sums = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(group, allocate_work(&work, &unit, &sums)));
  SMR_TRY_DONE(expand_modes(&work, unit));
  smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(request->n, BLOCK),
                          .value_bytes = (size_t)m * sizeof *sums,
                          .self = &work,
                          .leaf = colour_leaf,
                          .combine = colour_combine};
  SMR_TRY_DONE(smr_reduce_run(group, &tree, sums));
  for (int64_t i = 0; sums != NULL && i < m; ++i) {
    colour[i] = sums[i].square > 0 ? sums[i].form / sums[i].square : 0;
  }
done:
  clear_work(&work);
  smr_memory_free(unit);
  smr_memory_free(sums);
  return status;
}
