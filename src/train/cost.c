/* What a training costs, for `plan`. V: visible units; H: hidden units; B: rows of a batch. */
#include "rbm_gradient.h"
#include "schedule.h"
#include "simmer/base/integer.h"

void smr_train_count_cost(const smr_train_config *config, const smr_rbm_config *rbm,
                          int64_t n_visible, int n_ranks, int n_threads, double *flops,
                          double *slow_flops, int64_t *bytes) {
  const double v = (double)n_visible;
  const double h = (double)rbm->n_hidden;
  const double batch = (double)config->batch_rows;
  const int is_persistent = rbm->negative_phase == SMR_NEGATIVE_PCD;
  const int64_t final = rbm->gibbs_steps_final < 0 ? rbm->gibbs_steps : rbm->gibbs_steps_final;
  const double k = 0.5 * (double)(rbm->gibbs_steps + final);
  /* Products with W: h of the data, h of old chains, two a sweep; and two for the statistics. */
  const double n_products = 1 + is_persistent + 2 * k + 2;
  *flops = n_products * 2 * batch * v * h;
  /* About 40 operations a logistic function and random number; 10 an entry of W in the update. */
  *slow_flops = 40 * batch * ((1 + is_persistent + k) * h + k * v) + 10 * n_ranks * v * h;
  const rbm_tiles tiles = rbm_gradient_choose_tiles(n_visible, rbm->n_hidden);
  const int64_t shard = smr_train_get_shard_rows(config);
  const int64_t units = n_visible + rbm->n_hidden;
  const int64_t shards = smr_int_ceil_divide(smr_train_count_shards(config), n_ranks);
  const int64_t workers = smr_int_min(n_threads, shards);
  *bytes = 4 * (3 * n_visible * rbm->n_hidden + 12 * units +
                workers * (2 * shard * units + tiles.n_rows * tiles.n_cols + 3 * units)) +
           is_persistent * shards * shard * n_visible;
}
