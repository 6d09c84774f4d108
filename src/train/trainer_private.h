/* The trainer as its own files see it. */
#ifndef SIMMER_TRAIN_TRAINER_PRIVATE_H
#define SIMMER_TRAIN_TRAINER_PRIVATE_H

#include "gradient_model.h"
#include "rbm_gradient.h"
#include "rbm_ladder.h"
#include "simmer/train/trainer.h"

/* A failure in a thread, kept for the rank: messages belong to threads. */
typedef struct {
  int64_t item; /* the lowest that failed */
  smr_status status;
  char message[512];
} train_failure;

struct smr_trainer {
  const smr_context *context;
  smr_train_config config;
  smr_train_rows rows;
  rbm_gradient *rbm;
  smr_gradient_model model; /* over rbm */
  rbm_ladder *ladder;       /* NULL but for the tempered phase */
  double scale;             /* of statistics */
  int n_threads;
  int64_t shard_rows, first_shard, n_shards; /* shards of this rank */
  int32_t *sums;                             /* statistics, and the number of ranks that failed */
  int64_t *indices;                          /* [n_threads x shard_rows] */
  int64_t n_steps;
  int64_t step;
  double gradient_norm;
  double reduce_seconds; /* of all allreduces so far, waiting included */
  train_failure failure;
};

/* Keeps a failure of item `item`; called by many threads. */
void smr_train_record(train_failure *failure, int64_t item, smr_status status);
/* The kept failure with its message on this thread. */
smr_status smr_train_get_failure(const train_failure *failure) SMR_NODISCARD;

#endif
