/* The table of units, its order of work and its blocks. */
#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum {
  MOST_RANKS = 4096,   /* that `auto` goes up to */
  FEWEST_BLOCKS = 256, /* so that the end of a sweep is balanced */
  MOST_BLOCKS = 16384, /* so that claims stay a manageable folder */
  MOST_BLOCK_UNITS = 4096
};

smr_rates smr_rates_reference(void) {
  return (smr_rates){2e10, 2e9};
}

double smr_rates_predict(const smr_rates *rates, const smr_unit_cost *cost, int n_ranks,
                         int n_threads) {
  int64_t shards = smr_int_max(cost->n_shards, n_ranks);
  double workers = (double)smr_int_min((int64_t)n_ranks * n_threads, shards);
  double fixed = 2e-5; /* seconds that no worker can take off: allocation, bookkeeping */
  double alone = cost->flops / rates->flops_per_s + cost->slow_flops / rates->slow_flops_per_s;
  return fixed + alone / workers;
}

int smr_units_choose_ranks(const smr_units *units, const smr_common_config *common,
                           const void *config, smr_unit_cost *cost) {
  const smr_experiment *experiment = units->experiment;
  int ranks = 1;
  if (experiment->is_rank_free && common->ranks_per_unit < 0) {
    /* Every rank holds a whole model: more of them don't make it fit. */
    experiment->plan(config, units->survey, ranks, cost);
    return ranks;
  }
  if (common->ranks_per_unit > 0) {
    ranks = (int)smr_int_min(common->ranks_per_unit, 1 << 30);
    experiment->plan(config, units->survey, ranks, cost);
    return ranks;
  }
  int64_t share =
      common->memory_per_rank > 0 ? common->memory_per_rank : (int64_t)SMR_AUTO_MEMORY_GIB << 30;
  experiment->plan(config, units->survey, ranks, cost);
  int64_t before = INT64_MAX;
  while (cost->memory_bytes > share && ranks < MOST_RANKS && cost->memory_bytes < before) {
    before = cost->memory_bytes;
    ranks *= 2;
    experiment->plan(config, units->survey, ranks, cost);
  }
  if (cost->memory_bytes >= before) {
    /* More ranks don't help: what is replicated is too large. The check of memory will say so. */
    ranks /= 2;
    experiment->plan(config, units->survey, ranks, cost);
  }
  return ranks;
}

static smr_status allocate(smr_units *units) {
  const int64_t n = units->n_cells;
  SMR_TRY(smr_memory_alloc(n, sizeof(smr_hash), "unit identities", &units->hashes));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "unit costs", &units->seconds));
  SMR_TRY(smr_memory_alloc(n, sizeof(int), "ranks of units", &units->ranks));
  SMR_TRY(smr_memory_alloc(n, sizeof(int64_t), "memory of units", &units->memory_bytes));
  SMR_TRY(smr_memory_alloc(n, 1, "status of units", &units->status));
  return smr_memory_alloc(n, sizeof(int64_t), "order of units", &units->order);
}

static void fill_cell(smr_units *units, int64_t cell, const smr_rates *rates,
                      smr_common_config *common, void *config) {
  smr_unit_cost cost = {0};
  smr_job_configure(units->job, cell, common, config);
  int ranks = smr_units_choose_ranks(units, common, config, &cost);
  char extra[48] = "";
  if (!units->experiment->is_rank_free) {
    snprintf(extra, sizeof extra, "ranks_per_unit=%d\n", ranks);
  }
  units->hashes[cell] = smr_job_identify(units->job, cell, extra);
  units->ranks[cell] = ranks;
  units->seconds[cell] = smr_rates_predict(rates, &cost, ranks, 1);
  units->memory_bytes[cell] = cost.memory_bytes;
  if (smr_job_is_excluded(units->job, cell)) {
    units->status[cell] = SMR_UNIT_EXCLUDED;
    units->n_excluded++;
    return;
  }
  units->order[units->n_ordered++] = cell;
  units->most_memory_bytes = smr_int_max(units->most_memory_bytes, cost.memory_bytes);
  units->fewest_shards =
      units->n_ordered == 1 ? cost.n_shards : smr_int_min(units->fewest_shards, cost.n_shards);
  units->shared_bytes = smr_int_max(units->shared_bytes, cost.shared_bytes);
  units->most_ranks = ranks > units->most_ranks ? ranks : units->most_ranks;
}

/* qsort has no argument for context; sort keys travel with the cells. */
typedef struct {
  double seconds;
  int64_t cell;
  int ranks;
} sort_key;

static int compare_keys(const void *a, const void *b) {
  const sort_key *x = a, *y = b;
  if (x->ranks != y->ranks) {
    return x->ranks > y->ranks ? -1 : 1;
  }
  if (x->seconds != y->seconds) {
    return x->seconds > y->seconds ? -1 : 1;
  }
  return (x->cell > y->cell) - (x->cell < y->cell);
}

static smr_status sort_cells(smr_units *units) {
  sort_key *keys = NULL;
  SMR_TRY(smr_memory_alloc(units->n_ordered, sizeof *keys, "sort keys", &keys));
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    int64_t cell = units->order[i];
    keys[i] = (sort_key){units->seconds[cell], cell, units->ranks[cell]};
  }
  qsort(keys, (size_t)units->n_ordered, sizeof *keys, compare_keys);
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    units->order[i] = keys[i].cell;
  }
  smr_memory_free(keys);
  return SMR_OK;
}

static void name_block(const smr_units *units, smr_block *block) {
  smr_hash hash = smr_hash_start();
  for (int64_t i = 0; i < block->count; ++i) {
    const smr_hash *unit = &units->hashes[units->order[block->first + i]];
    hash = smr_hash_add(hash, unit, sizeof *unit);
  }
  smr_hash_format(hash, block->name);
}

static double choose_block_seconds(const smr_units *units) {
  smr_common_config common = *smr_job_get_common(units->job);
  double total = 0;
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    total += units->seconds[units->order[i]];
  }
  double seconds = total / FEWEST_BLOCKS;
  seconds = seconds < common.block_s ? seconds : common.block_s;
  return seconds > total / MOST_BLOCKS ? seconds : total / MOST_BLOCKS;
}

static smr_status cut_blocks(smr_units *units) {
  const double target = choose_block_seconds(units);
  /* Every block but the last of each class of ranks is full by time or by count. */
  int64_t most = MOST_BLOCKS + units->n_ordered / MOST_BLOCK_UNITS + 64;
  SMR_TRY(smr_memory_alloc(smr_int_min(most, units->n_ordered), sizeof(smr_block), "blocks",
                           &units->blocks));
  smr_block *block = NULL;
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    int64_t cell = units->order[i];
    bool is_full =
        block != NULL && (block->seconds >= target || block->ranks != units->ranks[cell] ||
                          block->count >= MOST_BLOCK_UNITS);
    if (block == NULL || is_full) {
      block = &units->blocks[units->n_blocks++];
      *block = (smr_block){.first = i, .ranks = units->ranks[cell]};
    }
    block->count++;
    block->seconds += units->seconds[cell];
  }
  for (int64_t b = 0; b < units->n_blocks; ++b) {
    name_block(units, &units->blocks[b]);
  }
  return SMR_OK;
}

static smr_status fill(smr_units *units) {
  const smr_rates rates = smr_rates_reference();
  smr_common_config common;
  void *config = NULL;
  SMR_TRY(smr_memory_alloc(1, units->experiment->table->config_bytes, "configuration", &config));
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    fill_cell(units, cell, &rates, &common, config);
  }
  smr_memory_free(config);
  SMR_TRY(sort_cells(units));
  return cut_blocks(units);
}

smr_status smr_units_create(const smr_job *job, const smr_experiment *experiment,
                            const void *survey, smr_units **out) {
  smr_units *units = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *units, "units", &units));
  units->job = job;
  units->experiment = experiment;
  units->survey = survey;
  units->n_cells = smr_job_count_cells(job);
  smr_status status = allocate(units);
  if (status == SMR_OK) {
    status = fill(units);
  }
  if (status != SMR_OK) {
    smr_units_destroy(&units);
  }
  *out = units;
  return status;
}

void smr_units_destroy(smr_units **units) {
  smr_units *u = *units;
  if (u == NULL) {
    return;
  }
  smr_memory_free(u->hashes);
  smr_memory_free(u->seconds);
  smr_memory_free(u->ranks);
  smr_memory_free(u->memory_bytes);
  smr_memory_free(u->status);
  smr_memory_free(u->order);
  smr_memory_free(u->blocks);
  smr_memory_free(u);
  *units = NULL;
}

void smr_units_spread(smr_units *units, int world_size, int n_threads) {
  if (!units->experiment->is_rank_free || smr_job_get_common(units->job)->ranks_per_unit > 0) {
    return;
  }
  const int64_t n_pending = smr_int_max(smr_units_count(units, SMR_UNIT_PENDING), 1);
  const int64_t shards = smr_int_ceil_divide(units->fewest_shards, n_threads);
  int64_t ranks = world_size / smr_int_min(n_pending, world_size);
  ranks = smr_int_max(smr_int_min(ranks, shards), units->most_ranks);
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    units->ranks[cell] = (int)ranks;
  }
  for (int64_t b = 0; b < units->n_blocks; ++b) {
    units->blocks[b].ranks = (int)ranks;
  }
  units->most_ranks = (int)ranks;
}

void smr_units_load(smr_units *units, const smr_ledger *ledger) {
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    if (units->status[cell] == SMR_UNIT_EXCLUDED) {
      continue;
    }
    const smr_ledger_entry *entry = smr_ledger_find(ledger, units->hashes[cell]);
    units->status[cell] = (uint8_t)(entry != NULL ? entry->status : SMR_UNIT_PENDING);
  }
}

void smr_units_retry(smr_units *units, const smr_ledger *ledger, int64_t retries) {
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    const smr_ledger_entry *entry = smr_ledger_find(ledger, units->hashes[cell]);
    if (entry == NULL) {
      continue;
    }
    bool lacked_memory = units->status[cell] == SMR_UNIT_FAILED && entry->cause == SMR_ERR_MEMORY;
    bool has_tries =
        units->status[cell] == SMR_UNIT_QUARANTINED && entry->n_alone_starts <= retries;
    if (lacked_memory || has_tries) {
      units->status[cell] = SMR_UNIT_PENDING;
    }
  }
}

int64_t smr_units_count(const smr_units *units, smr_unit_status status) {
  int64_t count = 0;
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    count += units->status[cell] == (uint8_t)status;
  }
  return count;
}

int smr_block_is_finished(const smr_units *units, const smr_block *block) {
  for (int64_t i = 0; i < block->count; ++i) {
    if (units->status[units->order[block->first + i]] == SMR_UNIT_PENDING) {
      return 0;
    }
  }
  return 1;
}
