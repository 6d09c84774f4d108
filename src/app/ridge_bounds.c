/* Bounds on the squared error of predictions (ridge.bounds), as means over the test rows.
 *
 * Both bounds are linear in the squares of x'v_i and in ||x_null||^2 (simmer/regress/bounds.h), so
 * that their means follow from the means of those: one product of the test rows with V serves every
 * lambda. With standardized columns x and w are those of the standardized problem, whose product is
 * the same.
 *
 * Letters: as in ridge_work.h; B = rows of a block, D = diag(scale). */
#include <math.h>
#include <omp.h>

#include "ridge_work.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/kernel.h"
#include "simmer/regress/bounds.h"

/* As in the pass that predicts: not a power of two apart. */
enum { BLOCK = 512, BLOCK_LD = BLOCK + 8 };

/* Value of a shard = [m + 1]: sums over its rows of (v_i'x)^2, and of ||x||^2. */
typedef struct {
  const smr_ridge_work *work;
  const smr_ridge_cell *cell;
  const double *mean; /* [p] what was taken off the columns of X */
  int64_t n_test, n_threads;
  int64_t n_padded;     /* m padded to whole column blocks */
  double *v;            /* [p x n_padded] D^-1 V */
  double *offset;       /* [m] mean'v */
  double **x, **y, **z; /* per thread: [B x p], [B], [B x n_padded] */
} bounds_work;

/* Sums of squares of count values beside `offset`. The order of a vectorized sum is fixed by the
 * build: columns are aligned. */
static double sum_squares(int64_t count, const double *values, double offset) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    const double value = values[i] - offset;
    sum += value * value;
  }
  return sum;
}

static smr_status bounds_leaf(void *self, int thread, int64_t shard, void *value) {
  const bounds_work *bounds = self;
  const smr_ridge_cell *cell = bounds->cell;
  const int64_t first = shard * BLOCK;
  const int64_t count = smr_int_min(BLOCK, bounds->n_test - first);
  double *x = bounds->x[thread], *z = bounds->z[thread], *sums = value;
  SMR_TRY(smr_sample_read(bounds->work->sample, true, first, count, cell->p, x, BLOCK_LD,
                          bounds->y[thread]));
  for (int64_t j = 0; j < cell->p; ++j) {
    const double scale = cell->scale[j];
    sums[cell->m] += sum_squares(count, x + j * BLOCK_LD, bounds->mean[j]) / (scale * scale);
  }
  if (cell->m == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_kernel_multiply(count, bounds->n_padded, cell->p, x, BLOCK_LD, bounds->v, cell->p, z,
                              BLOCK_LD));
  for (int64_t i = 0; i < cell->m; ++i) {
    sums[i] = sum_squares(count, z + i * BLOCK_LD, bounds->offset[i]);
  }
  return SMR_OK;
}

static smr_status bounds_combine(void *self, int thread, void *left, void *right) {
  (void)thread;
  const bounds_work *bounds = self;
  double *a = left;
  const double *b = right;
  for (int64_t i = 0; i <= bounds->cell->m; ++i) {
    a[i] += b[i];
  }
  return SMR_OK;
}

/* Vectors that are gone once the sums are there. */
typedef struct {
  double *unit, *sums, *x_mode, *scratch; /* [m x n_padded], [m + 1], [m], [m] */
} bounds_vectors;

static smr_status allocate_bounds(bounds_work *bounds, bounds_vectors *vectors) {
  const int64_t p = bounds->cell->p, m = bounds->cell->m, c = bounds->n_padded;
  const int64_t t = bounds->n_threads;
  SMR_TRY(smr_memory_alloc(p * c, sizeof(double), "modes", &bounds->v));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "means of modes", &bounds->offset));
  SMR_TRY(smr_memory_alloc(m * c, sizeof(double), "unit vectors", &vectors->unit));
  SMR_TRY(smr_memory_alloc(m + 1, sizeof(double), "sums of modes", &vectors->sums));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "modes of a row", &vectors->x_mode));
  SMR_TRY(smr_memory_alloc(m, sizeof(double), "modes of a row", &vectors->scratch));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "bounds workspaces", &bounds->x));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "bounds workspaces", &bounds->y));
  SMR_TRY(smr_memory_alloc(t, sizeof(double *), "bounds workspaces", &bounds->z));
  for (int64_t i = 0; i < t; ++i) {
    SMR_TRY(smr_memory_alloc(BLOCK_LD * p, sizeof(double), "test rows", &bounds->x[i]));
    SMR_TRY(smr_memory_alloc(BLOCK, sizeof(double), "test targets", &bounds->y[i]));
    SMR_TRY(smr_memory_alloc(BLOCK_LD * c, sizeof(double), "modes of test rows", &bounds->z[i]));
  }
  return SMR_OK;
}

static void clear_list(double **list, int64_t n) {
  for (int64_t i = 0; list != NULL && i < n; ++i) {
    smr_memory_free(list[i]);
  }
  smr_memory_free(list);
}

static void clear_bounds(bounds_work *bounds, bounds_vectors *vectors) {
  smr_memory_free(bounds->v);
  smr_memory_free(bounds->offset);
  clear_list(bounds->x, bounds->n_threads);
  clear_list(bounds->y, bounds->n_threads);
  clear_list(bounds->z, bounds->n_threads);
  smr_memory_free(vectors->unit);
  smr_memory_free(vectors->sums);
  smr_memory_free(vectors->x_mode);
  smr_memory_free(vectors->scratch);
}

/* D^-1 V, and what the means of the columns are in its modes. Collective on the grid. */
static smr_status expand_modes(bounds_work *bounds, double *unit) {
  const smr_ridge_cell *cell = bounds->cell;
  if (cell->m == 0) {
    return SMR_OK;
  }
  for (int64_t i = 0; i < cell->m; ++i) {
    unit[i * cell->m + i] = 1;
  }
  SMR_TRY(smr_svd_expand_right(cell->svd, bounds->n_padded, unit, bounds->v));
  for (int64_t i = 0; i < cell->m; ++i) {
    for (int64_t j = 0; j < cell->p; ++j) {
      double *element = &bounds->v[i * cell->p + j];
      *element /= cell->scale[j];
      bounds->offset[i] += bounds->mean[j] * *element;
    }
  }
  return SMR_OK;
}

/* ||D w*|| <= r: given, or the teacher's. */
static double find_norm(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  double squares = 0;
  if (work->config->bound_norm >= 0) {
    return work->config->bound_norm;
  }
  for (int64_t j = 0; j < cell->p; ++j) {
    const double scaled = cell->truth[j] * cell->scale[j];
    squares += scaled * scaled;
  }
  return cell->has_truth ? sqrt(squares) : (double)NAN;
}

/* The bounds are about white noise with a variance; of a Gaussian design, what isn't fitted is part
 * of it. */
static double find_sigma(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  const bool is_white = cell->noise.is_white && cell->noise.has_variance &&
                        (cell->rest == 0 || smr_sample_is_isotropic(work->sample));
  return is_white || !cell->has_truth ? smr_ridge_find_noise(work, cell) : (double)NAN;
}

static void put_bounds(const bounds_work *bounds, const bounds_vectors *vectors) {
  const smr_ridge_work *work = bounds->work;
  const smr_ridge_cell *cell = bounds->cell;
  const int output = smr_ridge_count_outputs(work->config->choosers);
  const double r = find_norm(work, cell), sigma = find_sigma(work, cell);
  const double n = (double)bounds->n_test;
  double seen = 0;
  for (int64_t i = 0; i < cell->m; ++i) {
    seen += vectors->sums[i] / n;
    vectors->x_mode[i] = sqrt(vectors->sums[i] / n);
  }
  /* With as many modes as features nothing is outside; the difference would be rounding. */
  const double null2 = cell->m < cell->p ? fmax(vectors->sums[cell->m] / n - seen, 0) : 0;
  for (int64_t l = 0; l < work->n_lambda; ++l) {
    const int64_t at = cell->index * work->n_lambda + l;
    const smr_bounds_terms terms =
        smr_bounds_evaluate(&cell->spectrum, work->config->lambda.values[l], vectors->x_mode, null2,
                            sigma, vectors->scratch);
    smr_ridge_put(work, output + SMR_RIDGE_BOUND_WORST, at, smr_bounds_worst(terms, r));
    smr_ridge_put(work, output + SMR_RIDGE_BOUND_AVERAGE, at,
                  smr_bounds_average(terms, smr_bounds_alpha(cell->p, r)));
  }
}

smr_status smr_ridge_bound(const smr_ridge_work *work, const smr_ridge_cell *cell) {
  bounds_work bounds = {.work = work,
                        .cell = cell,
                        .mean = smr_qr_get(work->qr).mean,
                        .n_test = smr_sample_count_test(work->sample),
                        .n_threads = omp_get_max_threads(),
                        .n_padded = smr_kernel_pad(cell->m)};
  bounds_vectors vectors = {0};
  smr_status status = SMR_OK;
  if (!work->config->bounds || bounds.n_test == 0) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(work->unit->group, allocate_bounds(&bounds, &vectors)));
  SMR_TRY_DONE(expand_modes(&bounds, vectors.unit));
  smr_reduce_tree tree = {.n_shards = smr_int_ceil_divide(bounds.n_test, BLOCK),
                          .value_bytes = (size_t)(cell->m + 1) * sizeof(double),
                          .self = &bounds,
                          .leaf = bounds_leaf,
                          .combine = bounds_combine};
  SMR_TRY_DONE(smr_reduce_run(work->unit->group, &tree, vectors.sums));
  put_bounds(&bounds, &vectors);
done:
  clear_bounds(&bounds, &vectors);
  return status;
}

void smr_ridge_plan_bounds(const smr_ridge_config *config, int64_t n_test, smr_unit_cost *cost) {
  int64_t most = 0;
  for (int64_t f = 0; config->bounds && f < config->features.n; ++f) {
    const int64_t n = config->instances, p = config->features.values[f], m = smr_int_min(n, p);
    cost->flops += 2.0 * (double)n_test * (double)p * (double)m + 2.0 * (double)(p * p) * (double)m;
    cost->slow_flops +=
        (double)n_test * (smr_table_count_row_flops(&config->data, n, p) + 2.0 * (double)(m + p));
    most = smr_int_max(most, 2 * p * m + BLOCK_LD * (p + m));
  }
  cost->memory_bytes += 8 * most;
}
