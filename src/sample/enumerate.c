/* ln Z by enumeration: checks, and blocks of states spread over ranks and threads. */
#include "simmer/sample/enumerate.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

#include "block.h"

static const double flops_per_second = 2e10;   /* of one core, for a message */
static const double largest_magnitudes = 1e12; /* beyond it the exponents of a sum lose digits */

typedef struct {
  smr_block_model model;
  int64_t n_blocks;
  int n_works;
  smr_block_work *works; /* of threads */
} enumeration;

double smr_enumerate_count_flops(int64_t n_visible, int64_t n_hidden) {
  const double large = (double)smr_int_max(n_visible, n_hidden);
  return 3.0 * large * exp2((double)smr_int_min(n_visible, n_hidden));
}

int64_t smr_enumerate_count_bytes(int64_t n_visible, int64_t n_hidden, int n_threads) {
  const int64_t m = smr_int_min(n_visible, n_hidden);
  const int64_t n = smr_int_max(n_visible, n_hidden);
  return smr_block_count_bytes(m, n, n_threads);
}

static smr_status check_size(const smr_rbm *rbm) {
  const int64_t m = smr_int_min(rbm->n_visible, rbm->n_hidden);
  if (m < 1) {
    SMR_FAIL(SMR_ERR_INTERNAL, "an RBM without units");
  }
  if (m > SMR_ENUMERATE_MOST_UNITS) {
    const double hours =
        smr_enumerate_count_flops(rbm->n_visible, rbm->n_hidden) / flops_per_second / 3600.0;
    SMR_FAIL(SMR_ERR_LIMIT,
             "ln Z of %" PRId64 " x %" PRId64 " units by enumeration is a sum over 2^%" PRId64
             " states, about %.2g hours on one core; the limit is %d units",
             rbm->n_visible, rbm->n_hidden, m, hours, SMR_ENUMERATE_MOST_UNITS);
  }
  return SMR_OK;
}

static double add_magnitudes(int64_t n, const float *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += fabs((double)x[i]);
  }
  return sum;
}

static smr_status check_values(const smr_rbm *rbm) {
  const double sum = add_magnitudes(rbm->n_visible * rbm->n_hidden, rbm->w) +
                     add_magnitudes(rbm->n_visible, rbm->visible_bias) +
                     add_magnitudes(rbm->n_hidden, rbm->hidden_bias);
  if (!(sum <= largest_magnitudes)) {
    SMR_FAIL(SMR_ERR_NUMERIC,
             "no ln Z by enumeration: the magnitudes of the RBM's parameters add up to %g", sum);
  }
  return SMR_OK;
}

static void clear(enumeration *all) {
  for (int t = 0; t < all->n_works; t++) {
    smr_block_work_clear(&all->works[t]);
  }
  smr_memory_free(all->works);
  smr_block_model_clear(&all->model);
}

/* Everything that can fail. Local. */
static smr_status prepare(const smr_rbm *rbm, enumeration *all) {
  SMR_TRY(check_size(rbm));
  SMR_TRY(check_values(rbm));
  SMR_TRY(smr_block_model_init(rbm, &all->model));
  all->n_blocks = (int64_t)1 << (all->model.m_filled - SMR_BLOCK_BITS);
  const int n_threads = omp_get_max_threads();
  SMR_TRY(smr_memory_alloc(n_threads, sizeof *all->works, "an enumeration", &all->works));
  while (all->n_works < n_threads) {
    smr_block_work *work = &all->works[all->n_works++];
    SMR_TRY(smr_block_work_init(all->model.n, work));
  }
  return SMR_OK;
}

static smr_status evaluate_leaf(void *self, int thread, int64_t block, void *value) {
  enumeration *all = self;
  smr_block_sum(&all->model, block, &all->works[thread], value);
  return SMR_OK;
}

static smr_status combine(void *self, int thread, void *left, void *right) {
  (void)self;
  (void)thread;
  smr_state_sum_add(left, right);
  return SMR_OK;
}

smr_status smr_enumerate_log_z(const smr_context *context, const smr_rbm *rbm, double *log_z) {
  enumeration all = {.n_works = 0};
  smr_state_sum sum = {0};
  smr_reduce_tree tree = {
      .value_bytes = sizeof sum, .self = &all, .leaf = evaluate_leaf, .combine = combine};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(context, prepare(rbm, &all)));
  tree.n_shards = all.n_blocks;
  SMR_TRY_DONE(smr_reduce_run(context, &tree, &sum));
  *log_z = (double)sum.exponent * log(2.0) + log(sum.sum);
done:
  clear(&all);
  return status;
}
