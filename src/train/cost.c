/* What a training costs, for `plan`. V: visible units; H: hidden units; B: rows of a batch; C:
 * chains of a ladder. */
#include "rbm_gradient.h"
#include "rbm_ladder.h"
#include "schedule.h"
#include "simmer/base/integer.h"

typedef struct {
  double flops, slow_flops;
  int64_t bytes;
} ladder_cost;

static smr_tempering_config describe_ladder(const smr_tempered_config *t) {
  return (smr_tempering_config){.n_chains = t->n_chains + t->n_observers,
                                .n_temperatures = t->most_temperatures,
                                .sweeps = 1,
                                .window = t->window};
}

/* Scans of an update that has lost nothing; temperatures that are found count half their bound, but
 * all of them in memory. */
static ladder_cost count_ladder(const smr_train_config *config, const smr_rbm_config *rbm,
                                int64_t n_visible, double k, int n_ranks, int n_threads) {
  const smr_tempered_config t = rbm_ladder_resolve(rbm, config->batch_rows);
  const int64_t h = rbm->n_hidden;
  const int64_t n_chains = t.n_chains + t.n_observers;
  const int64_t rows = n_chains * t.most_temperatures;
  const smr_energy_model model = {.n_parts = 2,
                                  .widths = {n_visible, h},
                                  .work_floats = h,
                                  .sweep_flops = 4.0 * (double)n_visible * (double)h};
  const smr_tempering_config tempering = describe_ladder(&t);
  ladder_cost cost = {0};
  const double share = t.n_temperatures < 0 ? 0.5 : 1.0;
  smr_tempering_count_cost(&tempering, &model, n_ranks, n_threads, &cost.flops, &cost.bytes);
  /* Free energies of the observers' samples before and after the update come on top. */
  cost.flops = share * cost.flops * k + 4.0 * (double)t.n_observers * (double)n_visible * (double)h;
  cost.slow_flops = 40.0 * share * k * (double)rows * (double)(n_visible + h);
  cost.bytes += n_chains * 4 * n_visible +
                8 * t.window * smr_int_max(n_chains, t.n_observers * t.most_temperatures) +
                n_threads * 4 * LADDER_SHARD_ROWS * h;
  return cost;
}

/* Products with W: h of the data, h of old chains, two a sweep; and two for the statistics. */
static double count_products(const smr_rbm_config *rbm, double k) {
  switch (rbm->negative_phase) {
  case SMR_NEGATIVE_PCD:
    return 1 + 1 + 2 * k + 2;
  case SMR_NEGATIVE_TEMPERED:
    return 1 + 2;
  default:
    return 1 + 2 * k + 2;
  }
}

void smr_train_count_cost(const smr_train_config *config, const smr_rbm_config *rbm,
                          int64_t n_visible, int n_ranks, int n_threads, double *flops,
                          double *slow_flops, int64_t *bytes) {
  const double v = (double)n_visible;
  const double h = (double)rbm->n_hidden;
  const double batch = (double)config->batch_rows;
  const int is_persistent = rbm->negative_phase == SMR_NEGATIVE_PCD;
  const int is_tempered = rbm->negative_phase == SMR_NEGATIVE_TEMPERED;
  const int64_t final = rbm->gibbs_steps_final < 0 ? rbm->gibbs_steps : rbm->gibbs_steps_final;
  const double k = 0.5 * (double)(rbm->gibbs_steps + final);
  const double n_sweeps = is_tempered ? 0 : k;
  *flops = count_products(rbm, k) * 2 * batch * v * h;
  /* About 40 operations a logistic function and random number; 10 an entry of W in the update. */
  *slow_flops =
      40 * batch * ((1 + is_persistent + n_sweeps) * h + n_sweeps * v) + 10 * n_ranks * v * h;
  const rbm_tiles tiles = rbm_gradient_choose_tiles(n_visible, rbm->n_hidden);
  const int64_t shard = smr_train_get_shard_rows(config);
  const int64_t units = n_visible + rbm->n_hidden;
  const int64_t n_chains = rbm_ladder_resolve(rbm, config->batch_rows).n_chains;
  const int64_t n_model =
      is_tempered ? smr_int_ceil_divide(shard * n_chains, config->batch_rows) : shard;
  const int64_t shards = smr_int_ceil_divide(smr_train_count_shards(config), n_ranks);
  const int64_t workers = smr_int_min(n_threads, shards);
  *bytes = 4 * (3 * n_visible * rbm->n_hidden + 12 * units +
                workers * ((shard + n_model) * units + tiles.n_rows * tiles.n_cols + 3 * units)) +
           is_persistent * shards * shard * n_visible;
  if (is_tempered) {
    const ladder_cost ladder = count_ladder(config, rbm, n_visible, k, n_ranks, n_threads);
    *flops += ladder.flops;
    *slow_flops += ladder.slow_flops;
    *bytes += ladder.bytes;
  }
}

int64_t smr_train_count_pieces(const smr_train_config *config, const smr_rbm_config *rbm) {
  const smr_tempered_config t = rbm_ladder_resolve(rbm, config->batch_rows);
  const smr_tempering_config tempering = describe_ladder(&t);
  const int64_t n = smr_train_count_shards(config);
  return rbm->negative_phase == SMR_NEGATIVE_TEMPERED
             ? smr_int_max(n, smr_tempering_count_shards(&tempering))
             : n;
}

int64_t smr_train_count_chain_bytes(const smr_train_config *config, const smr_rbm_config *rbm,
                                    int64_t n_visible) {
  const smr_tempered_config t = rbm_ladder_resolve(rbm, config->batch_rows);
  switch (rbm->negative_phase) {
  case SMR_NEGATIVE_PCD:
    return config->batch_rows * n_visible;
  case SMR_NEGATIVE_TEMPERED:
    return (t.n_chains + t.n_observers) * t.most_temperatures *
           (4 * (n_visible + rbm->n_hidden) + 8 * t.window);
  default:
    return 0;
  }
}
