/* What a job will cost, and the measured rates that say so. Local. */
#ifndef SIMMER_APP_PLAN_H
#define SIMMER_APP_PLAN_H

#include "cli.h"
#include "units.h"

/* Measures for a few seconds and keeps the result for this CPU type, in the user's cache folder. */
smr_status smr_rates_calibrate(smr_rates *rates) SMR_NODISCARD;
/* Rates kept for this CPU type; 0 when there are none (*rates is then the reference). */
int smr_rates_load(smr_rates *rates);

typedef struct {
  smr_cli_job job;
  smr_units *units;
  smr_rates rates;
  int has_rates;
  int64_t n_ranks;
  double total_flops, core_seconds, longest_unit_s; /* the longest on the ranks it takes */
  int64_t most_shards;
  int64_t record_bytes, result_bytes, unit_file_bytes;
  bool takes_any_ranks; /* units share whatever ranks there are */
} smr_plan;

/* Plans the job that the command line names; its mistakes are printed. is_later: see smr_inputs;
 * usual sizes stand for those of files that aren't there. */
smr_status smr_plan_create(const smr_cli *cli, bool is_later, smr_plan *plan) SMR_NODISCARD;
void smr_plan_clear(smr_plan *plan);

/* What to ask a batch system for. */
typedef struct {
  int64_t n_ranks, memory_mebibytes; /* per rank of one core */
  double seconds;
} smr_plan_batch;
/* On n_ranks ranks; 0 = as many as do it in ten minutes, if they have work. */
smr_plan_batch smr_plan_suggest(const smr_plan *plan, int64_t n_ranks);

#endif
