/* Numbers of shards and steps, and schedules. B: rows of a batch; N: rows of the data; t: step. */
#include "schedule.h"

#include <inttypes.h>
#include <math.h>

#include "simmer/base/integer.h"

/* Shards of 128 rows keep GEMMs at full rate; fewer rows let more ranks share a small batch. */
enum { SHARD_MIN = 16, SHARD_MAX = 128, SHARDS_WANTED = 4 };

int64_t smr_train_get_shard_rows(const smr_train_config *config) {
  int64_t rows = config->shard_rows;
  if (rows < 1) {
    rows = smr_int_ceil_divide(config->batch_rows, SHARDS_WANTED);
    rows = smr_int_min(smr_int_max(rows, SHARD_MIN), SHARD_MAX);
  }
  return smr_int_min(rows, config->batch_rows);
}

int64_t smr_train_count_shards(const smr_train_config *config) {
  return smr_int_ceil_divide(config->batch_rows, smr_train_get_shard_rows(config));
}

int64_t smr_train_count_epoch_steps(const smr_train_config *config, int64_t n_train) {
  return smr_int_ceil_divide(n_train, config->batch_rows);
}

int64_t smr_train_count_steps(const smr_train_config *config, int64_t n_train) {
  if (config->steps >= 0) {
    return config->steps;
  }
  return (int64_t)ceil(config->epochs * (double)n_train / (double)config->batch_rows);
}

double smr_schedule_epoch(const smr_train_config *config, int64_t n_train, int64_t step) {
  return (double)step * (double)config->batch_rows / (double)n_train;
}

double smr_schedule_progress(const smr_train_config *config, int64_t n_train, int64_t step) {
  int64_t n_steps = smr_train_count_steps(config, n_train);
  return n_steps > 0 ? fmin((double)step / (double)n_steps, 1.0) : 0.0;
}

double smr_schedule_rate(const smr_train_config *config, int64_t n_train, int64_t step) {
  const double pi = 3.14159265358979323846;
  double epoch = smr_schedule_epoch(config, n_train, step);
  double rate = config->learning_rate;
  switch (config->rate_schedule) {
  case SMR_RATE_STEP:
    rate *= pow(config->rate_factor, floor(epoch / config->rate_period));
    break;
  case SMR_RATE_EXPONENTIAL:
    rate *= pow(config->rate_factor, epoch);
    break;
  case SMR_RATE_COSINE:
    rate = config->rate_final + (rate - config->rate_final) * 0.5 *
                                    (1 + cos(pi * smr_schedule_progress(config, n_train, step)));
    break;
  case SMR_RATE_INVERSE_TIME:
    rate /= 1 + epoch / config->rate_period;
    break;
  default:
    break;
  }
  /* The first step has a part of the rate, not 0. */
  double warmed = smr_schedule_epoch(config, n_train, step + 1);
  return warmed < config->warm_up ? rate * warmed / config->warm_up : rate;
}

double smr_schedule_momentum(const smr_train_config *config, int64_t n_train, int64_t step) {
  return smr_schedule_epoch(config, n_train, step) < config->momentum_epochs
             ? config->momentum_initial
             : config->momentum;
}

int64_t smr_schedule_gibbs_steps(const smr_rbm_config *config, double progress) {
  int64_t from = config->gibbs_steps;
  int64_t to = config->gibbs_steps_final < 0 ? from : config->gibbs_steps_final;
  int64_t n_parts = (to > from ? to - from : from - to) + 1;
  int64_t part = smr_int_min((int64_t)(progress * (double)n_parts), n_parts - 1);
  return to > from ? from + part : from - part;
}

static int is_share(double x) {
  return x >= 0 && x < 1;
}

smr_status smr_schedule_check(const smr_train_config *config, int64_t n_train) {
  if (n_train < 1) {
    SMR_FAIL(SMR_ERR_INPUT, "there are no rows to train on");
  }
  if (config->batch_rows < 1 || config->batch_rows > (int64_t)1 << 30) {
    SMR_FAIL(SMR_ERR_INPUT, "a batch of %" PRId64 " rows: it takes 1 to 2^30", config->batch_rows);
  }
  if (config->steps < 0 && !(config->epochs >= 0 && config->epochs < 1e15)) {
    SMR_FAIL(SMR_ERR_INPUT, "a training needs a number of epochs or of steps");
  }
  if (!isfinite(config->learning_rate) || !is_share(config->momentum) ||
      !is_share(config->momentum_initial)) {
    SMR_FAIL(SMR_ERR_INPUT, "the learning rate must be finite and momentum in [0,1)");
  }
  if ((config->rate_schedule == SMR_RATE_STEP || config->rate_schedule == SMR_RATE_INVERSE_TIME) &&
      !(config->rate_period > 0)) {
    SMR_FAIL(SMR_ERR_INPUT, "this schedule of the learning rate needs a period above 0");
  }
  if (!(config->l1 >= 0) || !(config->l2 >= 0) || !(config->gradient_limit > 0)) {
    SMR_FAIL(SMR_ERR_INPUT, "decays must be at least 0 and the limit of the gradient above it");
  }
  return SMR_OK;
}
