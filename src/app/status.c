/* simmer status and simmer retry: for login nodes, while jobs run or after. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "overview.h"
#include "simmer/base/clock.h"
#include "simmer/base/log.h"

enum { WATCH_SECONDS = 2 };

/* Prints one view; *is_over when nothing is left to wait for. */
static smr_status print_once(const smr_cli *cli, int is_screen, int *is_over) {
  smr_overview *overview = NULL;
  smr_text text = {0};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_overview_create(cli->argument[0], &overview));
  SMR_TRY_DONE(cli->is_json    ? smr_overview_write_json(overview, &text)
               : cli->is_brief ? smr_overview_write_brief(overview, &text)
                               : smr_overview_write_text(overview, &text));
  *is_over = overview->n_pending == 0 && overview->n_alive == 0;
  /* On a terminal each view takes the place of the one before. */
  printf("%s%s", is_screen ? "\033[H\033[2J" : "", text.data);
  if (fflush(stdout) != 0) {
    status = smr_error_set(SMR_ERR_IO, "cannot write to stdout");
  }
done:
  smr_text_clear(&text);
  smr_overview_destroy(&overview);
  return status;
}

smr_status smr_command_status(const smr_cli *cli, const smr_context *world) {
  (void)world;
  const int is_screen =
      cli->is_watching && !cli->is_json && !cli->is_brief && isatty(STDOUT_FILENO);
  for (;;) {
    int is_over = 0;
    SMR_TRY(print_once(cli, is_screen, &is_over));
    if (!cli->is_watching || is_over) {
      return SMR_OK;
    }
    smr_clock_sleep(WATCH_SECONDS);
  }
}

/* --- retry --- */

static int is_wanted(const smr_cli *cli, smr_unit_status status) {
  const int takes_all = !cli->is_failed_only && !cli->is_quarantined_only;
  return (status == SMR_UNIT_FAILED && (takes_all || cli->is_failed_only)) ||
         (status == SMR_UNIT_QUARANTINED && (takes_all || cli->is_quarantined_only));
}

static smr_status mark(const smr_cli *cli, const smr_overview *overview, int64_t *n_marked) {
  const smr_units *units = overview->units;
  smr_journal *journal = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_journal_create(cli->argument[0], NULL, &journal));
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    if (is_wanted(cli, (smr_unit_status)units->status[cell])) {
      SMR_TRY_DONE(smr_journal_mark_retry(journal, units->hashes[cell]));
      ++*n_marked;
    }
  }
done:
  smr_journal_destroy(&journal);
  return status;
}

smr_status smr_command_retry(const smr_cli *cli, const smr_context *world) {
  (void)world;
  smr_overview *overview = NULL;
  int64_t n_marked = 0;
  SMR_TRY(smr_overview_create(cli->argument[0], &overview));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(mark(cli, overview, &n_marked));
  if (n_marked == 0) {
    smr_log_info("%s: no unit has failed%s; nothing to retry", cli->argument[0],
                 overview->n_failed + overview->n_quarantined > 0 ? " in that way" : "");
  } else {
    smr_log_info("%s: %" PRId64 " unit%s will be tried again; %s", cli->argument[0], n_marked,
                 n_marked == 1 ? "" : "s",
                 overview->n_alive > 0
                     ? "the jobs that are at work don't look back: run the job once more after them"
                     : "run the job again");
  }
done:
  smr_overview_destroy(&overview);
  return status;
}
