/* simmer plan: what a job will cost, without doing any of it and without MPI. */
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "collect.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"

/* Sums over all units at the given rates. */
static smr_status add_costs(smr_plan *plan) {
  const smr_units *units = plan->units;
  smr_common_config common;
  void *config = NULL;
  SMR_TRY(smr_memory_alloc(1, plan->job.experiment->table->config_bytes, "configuration", &config));
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    smr_unit_cost cost = {0};
    smr_job_configure(units->job, units->order[i], &common, config);
    const int ranks = units->ranks[units->order[i]];
    units->experiment->plan(config, units->survey, ranks, &cost);
    double seconds = smr_rates_predict(&plan->rates, &cost, ranks, 1);
    plan->total_flops += cost.flops + cost.slow_flops;
    plan->core_seconds += seconds * ranks;
    plan->longest_unit_s = fmax(plan->longest_unit_s, seconds);
    plan->most_shards = smr_int_max(plan->most_shards, cost.n_shards);
    plan->unit_file_bytes += cost.file_bytes;
  }
  smr_memory_free(config);
  return SMR_OK;
}

/* A wall time is bounded by the work over the ranks, and by the longest unit. */
static double predict_wall(const smr_plan *plan, int64_t n_ranks) {
  int64_t shared = plan->takes_any_ranks ? smr_int_min(n_ranks, plan->most_shards) : 1;
  return fmax(plan->core_seconds / (double)n_ranks, plan->longest_unit_s / (double)shared) + 1;
}

/* More groups than this would wait for the longest unit. */
static int64_t most_useful_ranks(const smr_plan *plan) {
  const int64_t ranks = plan->units->most_ranks;
  if (plan->takes_any_ranks) {
    return plan->units->n_ordered * smr_int_max(plan->units->fewest_shards, 1);
  }
  double groups = floor(plan->core_seconds / fmax(plan->longest_unit_s * (double)ranks, 1e-9));
  groups = fmin(fmax(groups, 1), (double)plan->units->n_blocks);
  return (int64_t)groups * ranks;
}

static void print_axes(const smr_job *job) {
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    printf("  %-22s %6" PRId64 " value%s  %s .. %s%s\n", axis->key, axis->n,
           axis->n == 1 ? " " : "s", axis->texts[0], axis->texts[axis->n - 1],
           axis->is_inner ? "  (inner: all in one unit)" : "");
  }
}

static void print_units(const smr_plan *plan) {
  const smr_units *units = plan->units;
  char text[32];
  printf("experiment        %s\n", plan->job.experiment->name);
  printf("axes\n");
  print_axes(plan->job.job);
  printf("units             %" PRId64 " in %" PRId64 " block%s", units->n_ordered, units->n_blocks,
         units->n_blocks == 1 ? "" : "s");
  if (units->n_excluded > 0) {
    printf(", %" PRId64 " excluded", units->n_excluded);
  }
  printf("\noperations        %.3g\n", plan->total_flops);
  if (plan->takes_any_ranks) {
    printf("ranks per unit    as many as there are, up to %" PRId64, units->fewest_shards);
  } else {
    printf("ranks per unit    %d", units->most_ranks);
  }
  if (units->n_ordered > 0 &&
      units->ranks[units->order[units->n_ordered - 1]] != units->most_ranks) {
    printf(" at most, %d at least", units->ranks[units->order[units->n_ordered - 1]]);
  }
  printf("\nmemory per rank   %s\n",
         smr_memory_format(units->most_memory_bytes, text, sizeof text));
  if (units->shared_bytes > 0) {
    printf("memory per node   %s shared, for the data\n",
           smr_memory_format(units->shared_bytes, text, sizeof text));
  }
}

static void print_time(const smr_plan *plan) {
  const smr_units *units = plan->units;
  char wall[32], longest[32], core[32];
  int64_t useful = most_useful_ranks(plan);
  int64_t ranks = plan->n_ranks > 0 ? plan->n_ranks : units->most_ranks;
  smr_clock_format_duration(predict_wall(plan, ranks), wall, sizeof wall);
  smr_clock_format_duration(plan->longest_unit_s, longest, sizeof longest);
  smr_clock_format_duration(plan->core_seconds, core, sizeof core);
  printf("time              about %s on %" PRId64 " rank%s (%s of one core; longest unit %s)\n",
         wall, ranks, ranks == 1 ? "" : "s", core, longest);
  printf("rates             %.3g matrix and %.3g vector operations/s of one core (%s)\n",
         plan->rates.flops_per_s, plan->rates.slow_flops_per_s,
         plan->has_rates ? "measured on this CPU type"
                         : "a guess; 'simmer plan --calibrate' measures them");
  printf("shards            %" PRId64 " in the largest unit: ranks per unit x threads up to that "
         "have work\n",
         plan->most_shards);
  printf("useful at most    %" PRId64 " ranks of 1 thread\n", useful);
}

static void print_files(const smr_plan *plan) {
  char record[32], result[32];
  printf("files             %s a unit, results.h5 about %s, parts as much again, in %s\n",
         smr_memory_format(plan->record_bytes, record, sizeof record),
         smr_memory_format(plan->result_bytes, result, sizeof result), plan->job.folder);
  if (plan->unit_file_bytes > 0) {
    printf("                  %s in units/: models, histories, checkpoints\n",
           smr_memory_format(plan->unit_file_bytes, result, sizeof result));
  }
}

/* Enough ranks for a run of ten minutes, in whole groups. */
static int64_t suggest_ranks(const smr_plan *plan) {
  const int64_t group = plan->units->most_ranks;
  int64_t groups = (int64_t)ceil(plan->core_seconds / 600 / (double)group);
  return smr_int_max(group, smr_int_min(groups * group, most_useful_ranks(plan)));
}

smr_plan_batch smr_plan_suggest(const smr_plan *plan, int64_t n_ranks) {
  const smr_units *units = plan->units;
  const int64_t ranks = n_ranks > 0 ? n_ranks : suggest_ranks(plan);
  /* Twice the predicted time and some memory for the libraries. */
  return (smr_plan_batch){ranks,
                          (units->most_memory_bytes >> 20) + 256 + (units->shared_bytes >> 20),
                          60 * ceil(predict_wall(plan, ranks) * 2 / 60)};
}

static void print_batch(const smr_plan *plan) {
  const smr_plan_batch batch = smr_plan_suggest(plan, plan->n_ranks);
  const int64_t minutes = (int64_t)(batch.seconds / 60);
  printf("batch resources   sbatch --ntasks=%" PRId64 " --cpus-per-task=1 --mem-per-cpu=%" PRId64
         "M --time=%02" PRId64 ":%02" PRId64 ":00\n",
         batch.n_ranks, batch.memory_mebibytes, minutes / 60, minutes % 60);
}

void smr_inputs_await(const char *mistake) {
  smr_log_warning("%s; a job before this one has to make it, and usual sizes are planned with",
                  mistake);
}

smr_status smr_plan_create(const smr_cli *cli, bool is_later, smr_plan *plan) {
  char *text = NULL;
  *plan = (smr_plan){.n_ranks = cli->n_ranks};
  smr_status status = smr_cli_read_job(cli, &text);
  if (status == SMR_ERR_IO) {
    status = SMR_ERR_JOB;
  }
  SMR_TRY(status);
  SMR_TRY_DONE(smr_cli_parse_job(cli, text, 1, &plan->job));
  SMR_TRY_DONE(smr_cli_check_job(&plan->job, is_later));
  if (cli->is_calibrating) {
    smr_log_info("measuring for a few seconds");
    SMR_TRY_DONE(smr_rates_calibrate(&plan->rates));
  }
  plan->has_rates = cli->is_calibrating || smr_rates_load(&plan->rates);
  SMR_TRY_DONE(
      smr_units_create(plan->job.job, plan->job.experiment, plan->job.survey, &plan->units));
  plan->takes_any_ranks =
      plan->job.experiment->is_rank_free && smr_job_get_common(plan->job.job)->ranks_per_unit < 0;
  SMR_TRY_DONE(add_costs(plan));
  SMR_TRY_DONE(smr_collect_measure(plan->units, &plan->record_bytes, &plan->result_bytes));
done:
  smr_memory_free(text);
  if (status != SMR_OK) {
    smr_plan_clear(plan);
  }
  return status;
}

void smr_plan_clear(smr_plan *plan) {
  smr_units_destroy(&plan->units);
  smr_cli_clear_job(&plan->job);
}

smr_status smr_command_plan(const smr_cli *cli, const smr_context *world) {
  (void)world;
  smr_plan plan;
  SMR_TRY(smr_plan_create(cli, false, &plan));
  print_units(&plan);
  print_time(&plan);
  print_files(&plan);
  print_batch(&plan);
  smr_plan_clear(&plan);
  return SMR_OK;
}
