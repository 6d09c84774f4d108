/* simmer run: checks, the output folder, groups of ranks over one queue, collection.
 *
 * Every step ends in an agreement, so that a failure on one rank is the same clean end on all. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "collect.h"
#include "progress.h"
#include "provenance.h"
#include "queue.h"
#include "simmer/base/clock.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"
#include "simmer/store/folder.h"
#include "stop.h"
#include "tables.h"
#include "version.h"

typedef struct {
  const smr_cli *cli;
  const smr_context *world;
  char *text; /* of the job file */
  smr_cli_job job;
  smr_units *units;
  smr_schema outputs, summaries;
  int64_t record_length;
  int64_t *deaths; /* see queue.h */
  void *state;     /* the experiment's */
  smr_progress *progress;
  smr_claims *presence; /* on rank 0, while no group is at work */
  int64_t memory_bytes; /* a rank's share */
  double start_s, deadline_s;
  int64_t n_done_before;
  int is_stopped;  /* some group stopped before the end */
  int has_started; /* some group ran a unit */
  double idle_s;
} run_work;

/* One group's part of the run. */
typedef struct {
  run_work *run;
  smr_context *group;
  smr_grid *grid;
  smr_queue *queue; /* on the group's rank 0 */
  double *record;   /* there too */
  void *config;
  int64_t cell;        /* being run */
  double checkpoint_s; /* what the last checkpoint took */
} group_work;

/* --- before the work --- */

static smr_status read_job(run_work *run) {
  const smr_context *world = run->world;
  smr_status status = SMR_OK;
  if (world->rank == 0) {
    status = smr_cli_read_job(run->cli, &run->text);
    if (status == SMR_ERR_IO) {
      status = SMR_ERR_JOB; /* a missing job file is a mistake of the command line */
    }
  }
  SMR_TRY(smr_agree_root(world, 0, status));
  SMR_TRY(smr_broadcast_text(world, 0, &run->text));
  SMR_TRY(smr_agree(world, smr_cli_parse_job(run->cli, run->text, world->rank == 0, &run->job)));
  status = world->rank == 0 ? smr_cli_check_job(&run->job, false) : SMR_OK;
  SMR_TRY(smr_agree_root(world, 0, status));
  smr_broadcast(world, 0, run->job.survey, run->job.experiment->survey_bytes);
  return SMR_OK;
}

static smr_status check_ranks(const run_work *run) {
  if (run->units->most_ranks > run->world->size) {
    SMR_FAIL(SMR_ERR_USAGE,
             "a unit of this job takes %d ranks (run.ranks_per_unit), and %d %s started; start at "
             "least %d, or set run.ranks_per_unit to less",
             run->units->most_ranks, run->world->size, run->world->size == 1 ? "was" : "were",
             run->units->most_ranks);
  }
  return SMR_OK;
}

/* Each rank's share of what its node has free. */
static smr_status find_memory_share(run_work *run) {
  smr_context *node = NULL;
  smr_memory_limits limits = {0};
  SMR_TRY(smr_context_split_node(run->world, &node));
  smr_status status = smr_agree(run->world, smr_memory_get_limits(&limits));
  run->memory_bytes =
      smr_int_max(limits.available_bytes - run->units->shared_bytes, 0) / node->size;
  smr_context_destroy(&node);
  return status;
}

/* Refuses before anything is written when no unit fits; else says how many don't. */
static smr_status check_memory(const run_work *run) {
  const smr_units *units = run->units;
  int64_t n_large = 0, most = 0;
  for (int64_t i = 0; i < units->n_ordered; ++i) {
    int64_t bytes = units->memory_bytes[units->order[i]];
    n_large += bytes > run->memory_bytes;
    most = smr_int_max(most, bytes);
  }
  char needs[32], has[32];
  smr_memory_format(most, needs, sizeof needs);
  smr_memory_format(run->memory_bytes, has, sizeof has);
  if (n_large > 0 && n_large == units->n_ordered) {
    SMR_FAIL(SMR_ERR_MEMORY,
             "a unit needs up to %s per rank, and each rank here has %s; start fewer ranks on a "
             "node, set a larger run.ranks_per_unit, or make the problem smaller",
             needs, has);
  }
  if (n_large > 0) {
    smr_log_warning("%" PRId64 " of %" PRId64 " units need more memory than the %s that each rank "
                    "has here (up to %s); they will be recorded as failed",
                    n_large, units->n_ordered, has, needs);
  }
  return SMR_OK;
}

static void warn_of_threads(const run_work *run, int node_size) {
  int threads = smr_cli_count_threads();
  int64_t cores = (int64_t)sysconf(_SC_NPROCESSORS_ONLN);
  if ((int64_t)threads * node_size > cores) {
    smr_log_warning("%d ranks x %d threads = %d on a node, more than its %" PRId64
                    " cores: expect less than full speed%s",
                    node_size, threads, threads * node_size, cores,
                    threads > 1 && getenv("OMP_WAIT_POLICY") == NULL
                        ? "; OMP_WAIT_POLICY=passive keeps waiting threads off them"
                        : "");
  }
  smr_log_info(
      "%s: %" PRId64 " unit%s in %" PRId64 " block%s, %d rank%s x %d thread%s, output in %s",
      run->job.experiment->name, run->units->n_ordered, run->units->n_ordered == 1 ? "" : "s",
      run->units->n_blocks, run->units->n_blocks == 1 ? "" : "s", run->world->size,
      run->world->size == 1 ? "" : "s", threads, threads == 1 ? "" : "s", run->job.folder);
}

static smr_status announce(run_work *run) {
  smr_context *node = NULL;
  SMR_TRY(smr_context_split_node(run->world, &node));
  warn_of_threads(run, node->size);
  smr_context_destroy(&node);
  return SMR_OK;
}

static smr_status make_units(run_work *run) {
  smr_status status =
      smr_units_create(run->job.job, run->job.experiment, run->job.survey, &run->units);
  if (status == SMR_OK) {
    status = run->job.experiment->describe(run->job.job, &run->outputs, &run->summaries);
  }
  if (status == SMR_OK) {
    status = smr_schema_count(&run->outputs, &run->record_length);
  }
  if (status == SMR_OK) {
    status = smr_memory_alloc(run->units->n_cells, sizeof(int64_t), "death counts", &run->deaths);
  }
  SMR_TRY(smr_agree(run->world, status));
  if (run->units->n_ordered == 0) {
    SMR_FAIL(SMR_ERR_JOB, "the sweep is empty: every combination is excluded");
  }
  SMR_TRY(check_ranks(run));
  SMR_TRY(find_memory_share(run));
  return smr_agree(run->world, check_memory(run));
}

/* A heart that beats before the groups' own do and after: somebody is at work here. */
static smr_status open_presence(run_work *run, const char *now) {
  const char *folder = run->job.folder;
  smr_journal *journal = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_journal_create(folder, &run->outputs, &journal));
  SMR_TRY_DONE(smr_claims_open(folder, smr_journal_get_writer(journal),
                               smr_job_get_common(run->job.job)->lease_s, &run->presence));
  smr_claims_report(run->presence, 0, 0, now);
done:
  smr_journal_destroy(&journal);
  return status;
}

/* A block that is marked done though its units aren't in the journals lost a part: it is opened
 * again. */
static smr_status reopen_lost_blocks(const run_work *run) {
  for (int64_t b = 0; b < run->units->n_blocks; ++b) {
    const smr_block *block = &run->units->blocks[b];
    if (!smr_block_is_finished(run->units, block)) {
      SMR_TRY(smr_claims_reopen(run->presence, block->name));
    }
  }
  return SMR_OK;
}

static bool has_files(const run_work *run, int64_t cell) {
  char hash[SMR_HASH_TEXT_BYTES], path[SMR_PATH_BYTES];
  smr_hash_format(run->units->hashes[cell], hash);
  for (const char *const *name = run->job.experiment->unit_files; *name != NULL; ++name) {
    int length = snprintf(path, sizeof path, "%s/units/%s/%s", run->job.folder, hash, *name);
    if (length < 0 || length >= (int)sizeof path || smr_file_get_size(path) <= 0) {
      return false;
    }
  }
  return true;
}

/* Finished units whose own files are gone are done again. A link to a unit's file at the top of the
 * folder is for jobs of one unit. */
static smr_status check_unit_files(const run_work *run) {
  int64_t n_lost = 0;
  if (run->job.experiment->unit_files == NULL) {
    return SMR_OK;
  }
  for (const char *const *name = run->job.experiment->unit_files;
       run->units->n_ordered > 1 && *name != NULL; ++name) {
    SMR_TRY(smr_folder_link_unit(run->job.folder, NULL, *name));
  }
  for (int64_t cell = 0; cell < run->units->n_cells; ++cell) {
    if (run->units->status[cell] == SMR_UNIT_DONE && !has_files(run, cell)) {
      run->units->status[cell] = SMR_UNIT_PENDING;
      ++n_lost;
    }
  }
  if (n_lost > 0) {
    smr_log_warning("%" PRId64
                    " finished unit%s in %s/units lost files; they will be computed again",
                    n_lost, n_lost == 1 ? "" : "s", run->job.folder);
  }
  return SMR_OK;
}

/* Opens the folder and finds what is finished in it; on rank 0. */
static smr_status load_folder(run_work *run) {
  const char *folder = run->job.folder;
  smr_ledger *ledger = NULL;
  int64_t n_dropped = 0;
  SMR_TRY(smr_folder_open(folder, smr_job_get_yaml(run->job.job),
                          smr_job_get_fixed_keys(run->job.job), run->cli->is_fresh));
  SMR_TRY(open_presence(run, "reads what is there"));
  SMR_TRY(smr_ledger_read(folder, &ledger));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_collect_verify(ledger, &n_dropped));
  smr_units_load(run->units, ledger);
  smr_units_retry(run->units, ledger, smr_job_get_common(run->job.job)->retries);
  SMR_TRY_DONE(check_unit_files(run));
  for (int64_t cell = 0; cell < run->units->n_cells; ++cell) {
    const smr_ledger_entry *entry = smr_ledger_find(ledger, run->units->hashes[cell]);
    if (entry != NULL && run->units->status[cell] == SMR_UNIT_PENDING) {
      bool is_suspect = entry->n_starts + entry->n_alone_starts > 0;
      run->deaths[cell] = is_suspect ? 1 + entry->n_alone_starts : 0;
    }
  }
  SMR_TRY_DONE(reopen_lost_blocks(run));
done:
  smr_ledger_destroy(&ledger);
  return status;
}

static smr_status open_folder(run_work *run) {
  const smr_context *world = run->world;
  SMR_TRY(smr_agree_root(world, 0, world->rank == 0 ? load_folder(run) : SMR_OK));
  smr_broadcast(world, 0, run->units->status, (size_t)run->units->n_cells);
  smr_broadcast(world, 0, run->deaths, (size_t)run->units->n_cells * sizeof(int64_t));
  smr_units_spread(run->units, world->size, smr_cli_count_threads());
  char *hosts = NULL;
  SMR_TRY(smr_context_list_hosts(world, &hosts));
  smr_status status = SMR_OK;
  if (world->rank == 0) {
    smr_run_facts facts = {world->size, smr_cli_count_threads(), hosts};
    status = smr_collect_note_run(run->job.folder, &facts);
  }
  smr_memory_free(hosts);
  return smr_agree_root(world, 0, status);
}

/* --- the work --- */

typedef struct {
  int64_t status, action, cell;
} group_command;

/* A checkpoint may still have to be written before time is up. */
static int should_stop(smr_services *services) {
  const group_work *work = services->self;
  const bool has_checkpoints = work->run->job.experiment->has_checkpoints;
  smr_fault_delay("run.look");
  double margin = has_checkpoints ? 1 + 2 * work->checkpoint_s : 0;
  int flag = smr_stop_get_signal() != 0 || smr_clock_monotonic_s() + margin > work->run->deadline_s;
  return work->group->size == 1 ? flag : smr_any(work->group, flag);
}

static smr_status note_checkpoint(smr_services *services, double seconds) {
  group_work *work = services->self;
  work->checkpoint_s = seconds;
  smr_status status =
      work->group->rank == 0 ? smr_queue_note_checkpoint(work->queue, work->cell) : SMR_OK;
  return smr_agree_root(work->group, 0, status);
}

static void note_progress(smr_services *services, double share, const char *text) {
  const group_work *work = services->self;
  smr_queue_note_progress(work->queue, share, text);
}

static void publish(smr_services *services, const char *name) {
  const group_work *work = services->self;
  const run_work *run = work->run;
  if (run->units->n_ordered == 1 &&
      smr_folder_link_unit(run->job.folder, services->identity, name) != SMR_OK) {
    smr_log_warning("%s", smr_error_message());
  }
}

/* Where the unit's own files go, and what they say of themselves. */
static smr_status describe_unit(const group_work *work, smr_services *services,
                                smr_provenance **provenance) {
  const run_work *run = work->run;
  char text[512];
  smr_hash_format(run->units->hashes[work->cell], services->identity);
  int length = snprintf(services->folder, sizeof services->folder, "%s/units/%s", run->job.folder,
                        services->identity);
  if (length < 0 || length >= (int)sizeof services->folder) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path of the output folder is too long: %s", run->job.folder);
  }
  if (work->group->rank == 0 && run->job.experiment->has_checkpoints) {
    SMR_TRY(smr_provenance_create(run->job.folder, run->job.job, run->job.experiment,
                                  smr_job_describe(run->job.job, work->cell, text, sizeof text),
                                  provenance));
  }
  services->provenance = *provenance;
  return SMR_OK;
}

static smr_status run_unit(group_work *work, int64_t cell, double *seconds) {
  run_work *run = work->run;
  smr_common_config common;
  smr_job_configure(run->job.job, cell, &common, work->config);
  for (int64_t i = 0; work->record != NULL && i < run->record_length; ++i) {
    work->record[i] = NAN;
  }
  smr_services services = {.self = work,
                           .should_stop = should_stop,
                           .note_checkpoint = note_checkpoint,
                           .note_progress = note_progress,
                           .publish = publish,
                           .record = work->record,
                           .schema = &run->outputs};
  smr_provenance *provenance = NULL;
  smr_unit unit = {work->group, work->grid, &common, work->config, run->state, &services};
  double start = smr_clock_monotonic_s();
  smr_error_clear();
  work->cell = cell;
  work->run->has_started = 1;
  smr_status status = smr_agree(work->group, describe_unit(work, &services, &provenance));
  if (status == SMR_OK) {
    status = run->job.experiment->run_unit(&unit);
  }
  smr_provenance_destroy(&provenance);
  *seconds = smr_clock_monotonic_s() - start;
  return status;
}

/* Rank 0 of the group asks its queue; everyone follows. */
static smr_status work_through(group_work *work) {
  const smr_context *group = work->group;
  for (;;) {
    group_command command = {SMR_OK, SMR_QUEUE_END, -1};
    if (group->rank == 0) {
      smr_queue_action action = SMR_QUEUE_END;
      command.status = smr_queue_next(work->queue, &action, &command.cell);
      command.action = action;
    }
    if (group->size > 1) {
      smr_broadcast(group, 0, &command, sizeof command);
    }
    if (command.status != SMR_OK || command.action != SMR_QUEUE_RUN) {
      work->run->is_stopped |= command.action == SMR_QUEUE_STOP;
      return smr_agree_root(group, 0, (smr_status)command.status);
    }
    double seconds = 0;
    smr_status result = run_unit(work, command.cell, &seconds);
    smr_status status = SMR_OK;
    if (group->rank == 0) {
      status = smr_queue_put(work->queue, command.cell, result, work->record, seconds);
    }
    if (group->size > 1) {
      status = smr_agree_root(group, 0, status);
    }
    SMR_TRY(status);
  }
}

static smr_status open_group(group_work *work, int ranks) {
  run_work *run = work->run;
  SMR_TRY(smr_memory_alloc(1, run->job.experiment->table->config_bytes, "configuration",
                           &work->config));
  if (work->group->rank != 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(run->record_length, sizeof(double), "record of a unit", &work->record));
  smr_queue_config config = {.units = run->units,
                             .deaths = run->deaths,
                             .folder = run->job.folder,
                             .schema = &run->outputs,
                             .common = smr_job_get_common(run->job.job),
                             .ranks = ranks,
                             .has_checkpoints = run->job.experiment->has_checkpoints,
                             .deadline_s = run->deadline_s,
                             .memory_bytes = run->memory_bytes};
  return smr_queue_create(&config, &work->queue);
}

/* All blocks whose units take `ranks` ranks. Collective on world; ranks that are left over wait. */
static smr_status run_class(run_work *run, int ranks) {
  group_work work = {.run = run};
  int index = -1;
  smr_status status = smr_context_split(run->world, ranks, &work.group, &index);
  SMR_TRY(status);
  if (work.group != NULL) {
    SMR_TRY_DONE(smr_agree(work.group, open_group(&work, ranks)));
    SMR_TRY_DONE(smr_grid_create(work.group, &work.grid));
    SMR_TRY_DONE(work_through(&work));
  }
done:
  if (work.queue != NULL) {
    /* Whatever happened, what is finished is written if it can be. */
    smr_status closed = smr_queue_close(work.queue);
    status = status == SMR_OK ? closed : status;
    run->idle_s += smr_queue_get_idle(work.queue);
  }
  smr_grid_destroy(&work.grid);
  smr_queue_destroy(&work.queue);
  smr_memory_free(work.record);
  smr_memory_free(work.config);
  smr_context_destroy(&work.group);
  status = smr_agree(run->world, status);
  run->is_stopped = smr_any(run->world, run->is_stopped);
  run->has_started = smr_any(run->world, run->has_started);
  return status;
}

static smr_status run_classes(run_work *run) {
  int ranks = 0;
  for (int64_t b = 0; b < run->units->n_blocks && !run->is_stopped; ++b) {
    if (run->units->blocks[b].ranks != ranks) {
      ranks = run->units->blocks[b].ranks;
      SMR_TRY(run_class(run, ranks));
    }
  }
  return SMR_OK;
}

/* --- after the work --- */

static smr_status conclude(const run_work *run, const smr_collect_counts *counts,
                           bool is_collected) {
  char elapsed[32];
  smr_clock_format_duration(smr_clock_monotonic_s() - run->start_s, elapsed, sizeof elapsed);
  int64_t n_bad = counts->n_failed + counts->n_quarantined;
  smr_log_info("%" PRId64 " of %" PRId64 " units done, %" PRId64 " failed, in %s; %s%s/results.h5",
               counts->n_done, run->units->n_ordered, n_bad, elapsed,
               is_collected ? "results in " : "no new ", run->job.folder);
  smr_log_detail("rank 0's group waited %.2f s for others", run->idle_s);
  if (counts->n_pending > 0) {
    const char *cause = smr_stop_get_signal() != 0  ? "a signal asked to stop"
                        : isfinite(run->deadline_s) ? "time is up"
                                                    : "the folder changed during the run";
    if (smr_stop_get_signal() == 0 && isfinite(run->deadline_s) &&
        counts->n_done <= run->n_done_before &&
        !(run->job.experiment->has_checkpoints && run->has_started)) {
      SMR_FAIL(SMR_ERR_LIMIT,
               "none of the %" PRId64 " units that are left can be finished within the time limit; "
               "give it more time",
               counts->n_pending);
    }
    smr_log_info("%s: %" PRId64 " unit%s left; run the same command again to go on", cause,
                 counts->n_pending, counts->n_pending == 1 ? " is" : "s are");
    return SMR_STOPPED;
  }
  return n_bad > 0 ? SMR_PARTIAL : SMR_OK;
}

/* Tables for the reader; no table is no reason to fail. */
static void print_report(const run_work *run) {
  smr_text text = {0};
  char path[SMR_PATH_BYTES];
  if (smr_log_get_level() < SMR_LOG_INFO) {
    return;
  }
  if (smr_file_join(path, run->job.folder, "results.h5") == SMR_OK &&
      smr_tables_write(path, &text) == SMR_OK && text.data != NULL) {
    fputs(text.data, stderr);
    fputs("\n", stderr);
  }
  smr_text_clear(&text);
}

/* Whether a partial results.h5 takes longer to write than a stop may: what Slurm leaves may be half
 * a minute. */
static smr_status is_too_large(const run_work *run, bool *too_large) {
  static const int64_t most_bytes = (int64_t)256 << 20;
  char size[32];
  int64_t record = 0, bytes = 0;
  SMR_TRY(smr_collect_measure(run->units, &record, &bytes));
  *too_large = run->is_stopped && bytes > most_bytes;
  if (*too_large) {
    smr_log_info("results.h5 (%s) isn't made at a stop: 'simmer collect %s' makes it from what is "
                 "finished",
                 smr_memory_format(bytes, size, sizeof size), run->job.folder);
  }
  return SMR_OK;
}

/* Rank 0 builds results.h5. */
static smr_status collect(run_work *run) {
  smr_ledger *ledger = NULL;
  smr_collect_counts counts = {0};
  int64_t n_dropped = 0;
  bool too_large = false;
  if (run->is_stopped) {
    smr_log_info("stopping: everything that is finished is saved");
  }
  if (open_presence(run, "collects the results") != SMR_OK) {
    smr_error_clear(); /* writing them will say what is wrong */
  }
  SMR_TRY(smr_ledger_read(run->job.folder, &ledger));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(is_too_large(run, &too_large));
  if (!too_large) {
    SMR_TRY_DONE(smr_collect_verify(ledger, &n_dropped));
  }
  counts = smr_collect_count(run->units, ledger);
  if (!too_large) {
    SMR_TRY_DONE(smr_collect(run->job.folder, run->units, ledger));
    smr_collect_print_failures(run->units, ledger);
    print_report(run);
  }
  status = conclude(run, &counts, !too_large);
done:
  smr_ledger_destroy(&ledger);
  smr_claims_close(&run->presence);
  return status;
}

/* What the ranks took at most, beside what `plan` said. */
static smr_status report_memory(const run_work *run) {
  const smr_context *world = run->world;
  int64_t *peaks = NULL, peak = smr_memory_get_peak(), most = 0;
  SMR_TRY(smr_agree(world, smr_memory_alloc(world->size, sizeof *peaks, "peaks", &peaks)));
  smr_gather_counts(world, 1, &peak, peaks);
  for (int i = 0; i < world->size; ++i) {
    most = smr_int_max(most, peaks[i]);
  }
  smr_memory_free(peaks);
  char used[32], planned[32], shared[32];
  smr_memory_format(most, used, sizeof used);
  smr_memory_format(run->units->most_memory_bytes, planned, sizeof planned);
  smr_memory_format(run->units->shared_bytes, shared, sizeof shared);
  if (run->units->shared_bytes > 0) {
    smr_log_info("memory: at most %s of a rank, libraries and shared data counted; planned %s a "
                 "rank and %s shared by a node",
                 used, planned, shared);
  } else {
    smr_log_detail("memory: at most %s of a rank, libraries counted; planned %s", used, planned);
  }
  return SMR_OK;
}

static smr_status finish(run_work *run) {
  SMR_TRY(report_memory(run));
  smr_status status = run->world->rank == 0 ? collect(run) : SMR_OK;
  return smr_agree_root(run->world, 0, status);
}

static double find_deadline(const run_work *run) {
  double limit = run->cli->time_limit_s;
  if (limit < 0) {
    limit = smr_job_get_common(run->job.job)->time_limit_s;
  }
  return limit < 0 ? (double)INFINITY : run->start_s + limit;
}

/* Data that changed since the folder was begun would mix with the old; on rank 0. */
static smr_status check_inputs(const run_work *run) {
  smr_text lines = {0};
  smr_status status = run->job.experiment->list_inputs(run->state, run->job.job, &lines);
  if (status == SMR_OK && lines.data != NULL) {
    status = smr_folder_check_data(run->job.folder, lines.data);
  }
  smr_text_clear(&lines);
  return status;
}

static smr_status work(run_work *run) {
  run->deadline_s = find_deadline(run);
  if (run->world->rank == 0) {
    int64_t n_finished = run->units->n_ordered - smr_units_count(run->units, SMR_UNIT_PENDING);
    run->n_done_before = smr_units_count(run->units, SMR_UNIT_DONE);
    if (n_finished > 0) {
      smr_log_info("%" PRId64 " units are finished already", n_finished);
    }
    /* No progress line is no reason not to run. */
    if (smr_progress_start(run->job.folder, run->units->n_ordered, n_finished, &run->progress) !=
        SMR_OK) {
      smr_log_warning("%s", smr_error_message());
    }
  }
  smr_fault_delay("run.open");
  smr_status status =
      run->job.experiment->open(run->world, run->job.job, run->job.data_folder, &run->state);
  if (status == SMR_OK && run->job.experiment->list_inputs != NULL) {
    status = smr_agree_root(run->world, 0, run->world->rank == 0 ? check_inputs(run) : SMR_OK);
  }
  smr_claims_close(&run->presence);
  if (status == SMR_OK) {
    status = run_classes(run);
  }
  smr_progress_end(&run->progress);
  return status;
}

static void clear(run_work *run) {
  if (run->job.experiment != NULL) {
    run->job.experiment->close(&run->state);
  }
  smr_claims_close(&run->presence);
  smr_memory_free(run->deaths);
  smr_schema_clear(&run->outputs);
  smr_schema_clear(&run->summaries);
  smr_units_destroy(&run->units);
  smr_cli_clear_job(&run->job);
  smr_memory_free(run->text);
}

smr_status smr_command_run(const smr_cli *cli, const smr_context *world) {
  run_work run = {.cli = cli, .world = world, .start_s = smr_clock_monotonic_s()};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(read_job(&run));
  SMR_TRY_DONE(make_units(&run));
  SMR_TRY_DONE(open_folder(&run));
  SMR_TRY_DONE(announce(&run));
  SMR_TRY_DONE(work(&run));
  SMR_TRY_DONE(finish(&run));
done:
  clear(&run);
  return status;
}
