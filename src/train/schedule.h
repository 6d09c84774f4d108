/* Numbers of shards and steps, and what changes in the course of a training. Pure functions. */
#ifndef SIMMER_TRAIN_SCHEDULE_H
#define SIMMER_TRAIN_SCHEDULE_H

#include "simmer/train/trainer.h"

/* Epochs that are done before `step`. */
double smr_schedule_epoch(const smr_train_config *config, int64_t n_train, int64_t step);
/* Share of the training that is done before `step`, in [0,1]. */
double smr_schedule_progress(const smr_train_config *config, int64_t n_train, int64_t step);
double smr_schedule_rate(const smr_train_config *config, int64_t n_train, int64_t step);
double smr_schedule_momentum(const smr_train_config *config, int64_t n_train, int64_t step);
/* k at a share of the training. */
int64_t smr_schedule_gibbs_steps(const smr_rbm_config *config, double progress);
/* Sizes and rates that no training can go with: SMR_ERR_INPUT with what is wrong. */
smr_status smr_schedule_check(const smr_train_config *config, int64_t n_train) SMR_NODISCARD;

#endif
