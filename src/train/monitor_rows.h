/* The rows of a monitor: this rank's share of the shards, kept as bytes, and the sums over them. */
#ifndef SIMMER_TRAIN_MONITOR_ROWS_H
#define SIMMER_TRAIN_MONITOR_ROWS_H

#include "simmer/comm/context.h"
#include "simmer/data/images.h"
#include "simmer/energy/rbm.h"

enum { SMR_MONITOR_SHARD_ROWS = 128, SMR_MONITOR_STREAMS = 3 };

/* Columns of the sums over shards. */
typedef enum {
  SMR_SUM_ENERGY_TRAIN, /* free energies of each stream, in the order of smr_stream */
  SMR_SUM_ENERGY_VALID,
  SMR_SUM_ENERGY_TEST,
  SMR_SUM_SQUARE_TRAIN, /* their squares */
  SMR_SUM_SQUARE_VALID,
  SMR_SUM_SQUARE_TEST,
  SMR_SUM_ERROR,  /* training rows: squared error of the reconstruction, summed over units */
  SMR_SUM_PSEUDO, /* ln p(v_i | v_-i) of one unit a row */
  SMR_SUM_ACTIVE, /* p(h = 1 | v), summed over units */
  SMR_N_SUMS
} smr_monitor_sum;

typedef struct {
  smr_stream stream;
  int64_t first_row, n_rows;
  int64_t offset; /* of its first byte in pixels */
} smr_monitor_shard;

typedef struct {
  int64_t n_visible, n_hidden;
  int64_t n_rows[SMR_MONITOR_STREAMS]; /* of all ranks */
  int64_t n_shards;                    /* of this rank */
  smr_monitor_shard *shards;
  uint8_t *pixels; /* 255 v of this rank's rows, one after another */
  double *sums;    /* [n_shards x SMR_N_SUMS] */
  int n_threads;
  int64_t work_floats;
  float *work;          /* [n_threads x work_floats]: v, p(v|h), x or p(h|v) of a shard */
  double *energies;     /* [n_threads x SMR_MONITOR_SHARD_ROWS] */
  double *row_work;     /* [n_threads x H] */
  smr_random_key units; /* which unit of a row is flipped, a function of (row, step) */
} smr_monitor_rows;

/* Takes this rank's share of n_rows[stream] rows of each stream and reads it. Local; the caller
 * agrees. */
smr_status smr_monitor_rows_init(const smr_context *context, const smr_images *images,
                                 const int64_t *n_rows, int64_t n_hidden,
                                 smr_monitor_rows *rows) SMR_NODISCARD;
void smr_monitor_rows_clear(smr_monitor_rows *rows);
/* Fills rows->sums. Local, by all threads. */
smr_status smr_monitor_rows_measure(smr_monitor_rows *rows, const smr_rbm *rbm,
                                    int64_t step) SMR_NODISCARD;
/* Bytes of one rank of n_ranks. Local. */
int64_t smr_monitor_rows_count_bytes(const int64_t *n_rows, int64_t n_visible, int64_t n_hidden,
                                     int n_ranks, int n_threads);

#endif
