/* All units of a job: identity, predicted cost, and the blocks in which they are claimed. A
 * function of the job file alone, so every rank makes the same table. Local. */
#ifndef SIMMER_APP_UNITS_H
#define SIMMER_APP_UNITS_H

#include "experiment.h"
#include "simmer/store/journal.h"

/* Operations per second of one rank: GEMM-like kernels, and memory-bound ones. */
typedef struct {
  double flops_per_s, slow_flops_per_s;
} smr_rates;

/* What blocks are cut by: fixed, so that they don't depend on the machine. */
smr_rates smr_rates_reference(void);
/* Seconds of a unit on n_ranks ranks of n_threads threads. */
double smr_rates_predict(const smr_rates *rates, const smr_unit_cost *cost, int n_ranks,
                         int n_threads);

typedef struct {
  char name[SMR_HASH_TEXT_BYTES]; /* hash of its units' identities */
  int64_t first, count;           /* run of `order` */
  int ranks;
  double seconds;
} smr_block;

typedef struct {
  const smr_job *job;
  const smr_experiment *experiment;
  const void *survey; /* borrowed */
  int64_t n_cells, n_excluded;
  /* By cell. */
  smr_hash *hashes;
  double *seconds; /* at the reference rates */
  int *ranks;
  int64_t *memory_bytes; /* per rank */
  uint8_t *status;       /* smr_unit_status */
  /* Cells in the order of work: most ranks first, then costliest first. */
  int64_t n_ordered;
  int64_t *order;
  int64_t n_blocks;
  smr_block *blocks;
  int64_t most_memory_bytes; /* per rank, over all units */
  int most_ranks;
  int64_t fewest_shards; /* of the unit that has the fewest */
  int64_t shared_bytes;  /* once a node */
} smr_units;

/* `survey` is what the experiment's check found (borrowed). SMR_ERR_MEMORY. */
smr_status smr_units_create(const smr_job *job, const smr_experiment *experiment,
                            const void *survey, smr_units **out) SMR_NODISCARD;
void smr_units_destroy(smr_units **units);
/* Sets the status of every cell from a ledger. */
void smr_units_load(smr_units *units, const smr_ledger *ledger);
/* Lets every unit of a rank-free experiment with `auto` ranks take an equal share of world_size
 * ranks, as far as its shards keep them busy. */
void smr_units_spread(smr_units *units, int world_size, int n_threads);
/* Pending again: units that failed for want of memory (this machine may have more), and units in
 * quarantine that died no more than `retries` times alone (the job may allow more now). */
void smr_units_retry(smr_units *units, const smr_ledger *ledger, int64_t retries);
int64_t smr_units_count(const smr_units *units, smr_unit_status status);
int smr_block_is_finished(const smr_units *units, const smr_block *block);

/* Memory that `auto` grants a rank when it chooses how many ranks share a unit. */
enum { SMR_AUTO_MEMORY_GIB = 2 };
/* Ranks that share a unit: run.ranks_per_unit, or as many (a power of two) as bring the unit's
 * memory per rank under run.memory_per_rank. */
int smr_units_choose_ranks(const smr_units *units, const smr_common_config *common,
                           const void *config, smr_unit_cost *cost);

#endif
