/* The small commands: collect, show, keys, version. None of them starts MPI. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "collect.h"
#include "simmer/base/file.h"
#include "simmer/base/log.h"
#include "simmer/store/array.h"
#include "tables.h"
#include "version.h"

static smr_status print_text(smr_text *text) {
  if (text->data != NULL) {
    fputs(text->data, stdout);
  }
  smr_text_clear(text);
  return fflush(stdout) == 0 ? SMR_OK : smr_error_set(SMR_ERR_IO, "cannot write to stdout");
}

smr_status smr_command_collect(const smr_cli *cli, const smr_context *world) {
  (void)world;
  smr_cli_job job;
  smr_units *units = NULL;
  smr_ledger *ledger = NULL;
  smr_collect_counts counts = {0};
  int64_t n_dropped = 0;
  char path[SMR_PATH_BYTES];
  SMR_TRY(smr_cli_load_folder(cli->argument[0], &job));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_units_create(job.job, job.experiment, job.survey, &units));
  SMR_TRY_DONE(smr_ledger_read(job.folder, &ledger));
  SMR_TRY_DONE(smr_collect_verify(ledger, &n_dropped));
  SMR_TRY_DONE(smr_file_join(path, job.folder, "results.h5"));
  counts = smr_collect_count(units, ledger);
  if (counts.n_done == 0 && smr_file_exists(path)) {
    SMR_FAIL_DONE(
        SMR_ERR_INPUT,
        "%s knows of no finished unit, and has a results.h5, which is left as it is; were "
        "journal/ or parts/ taken away?",
        job.folder);
  }
  SMR_TRY_DONE(smr_collect(job.folder, units, ledger));
  smr_collect_print_failures(units, ledger);
  smr_log_info("%s/results.h5: %" PRId64 " units done, %" PRId64 " pending, %" PRId64
               " failed, %" PRId64 " quarantined",
               job.folder, counts.n_done, counts.n_pending, counts.n_failed, counts.n_quarantined);
done:
  smr_ledger_destroy(&ledger);
  smr_units_destroy(&units);
  smr_cli_clear_job(&job);
  return status;
}

smr_status smr_command_show(const smr_cli *cli, const smr_context *world) {
  (void)world;
  smr_text text = {0};
  char path[SMR_PATH_BYTES];
  if (smr_file_is_folder(cli->argument[0])) {
    SMR_TRY(smr_file_join(path, cli->argument[0], "results.h5"));
  } else {
    snprintf(path, sizeof path, "%s", cli->argument[0]);
  }
  smr_status status = smr_arrays_show(path, cli->argument[1], cli->is_csv != 0, &text);
  if (status != SMR_OK) {
    smr_text_clear(&text);
    return status;
  }
  if (cli->argument[1] == NULL && !cli->is_csv && smr_tables_write(path, &text) != SMR_OK) {
    smr_log_warning("%s: no tables of units: %s", path, smr_error_message());
  }
  return print_text(&text);
}

static int has_key(const smr_key_table *table, const char *prefix) {
  for (int64_t i = 0; i < table->n_keys; ++i) {
    if (strncmp(table->keys[i].name, prefix, strlen(prefix)) == 0) {
      return 1;
    }
  }
  return 0;
}

smr_status smr_command_keys(const smr_cli *cli, const smr_context *world) {
  (void)world;
  const smr_job_experiment *list = smr_experiment_list();
  int64_t first = 0, count = smr_experiment_count();
  const char *prefix = "";
  for (int a = 0; a < cli->n_arguments; ++a) {
    int is_experiment = 0;
    for (int64_t i = 0; i < smr_experiment_count(); ++i) {
      if (a == 0 && strcmp(list[i].name, cli->argument[a]) == 0) {
        first = i;
        count = 1;
        is_experiment = 1;
      }
    }
    prefix = is_experiment ? prefix : cli->argument[a];
  }
  int is_known = has_key(smr_key_common(), prefix);
  for (int64_t i = first; i < first + count; ++i) {
    is_known |= has_key(list[i].table, prefix);
  }
  if (!is_known) {
    SMR_FAIL(SMR_ERR_USAGE, "no key or experiment begins with '%s'; 'simmer keys' lists them all",
             prefix);
  }
  smr_text text = {0};
  smr_status status = smr_job_write_keys(count, list + first, prefix, cli->is_markdown != 0, &text);
  if (status != SMR_OK) {
    smr_text_clear(&text);
    return status;
  }
  return print_text(&text);
}

smr_status smr_command_version(const smr_cli *cli, const smr_context *world) {
  (void)cli;
  (void)world;
  smr_text text = {0};
  char cpu[256];
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_text_add(&text, "simmer %s (commit %s, numerics %d)\n", smr_version(),
                            smr_version_git_commit(), SMR_NUMERICS_VERSION));
  SMR_TRY_DONE(smr_version_write_libraries(&text));
  SMR_TRY_DONE(smr_text_add(&text, "\nCPU: %s\n", smr_version_cpu(cpu, sizeof cpu)));
  return print_text(&text);
done:
  smr_text_clear(&text);
  return status;
}
