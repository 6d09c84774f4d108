/* Subcommands and what their command lines hold. Private to src/app. */
#ifndef SIMMER_APP_CLI_H
#define SIMMER_APP_CLI_H

#include "simmer/comm/context.h"
#include "units.h"

enum { SMR_CLI_MOST_OVERRIDES = 256 };

typedef struct {
  const char *command;
  const char *argument[3]; /* positional: JOB, DIR, FILE NAME, … */
  int n_arguments;
  const char *overrides[SMR_CLI_MOST_OVERRIDES]; /* -s */
  int64_t n_overrides;
  const char *output; /* -o */
  const char *data;   /* --data */
  const char *range;  /* --range */
  int is_fresh, is_csv, is_json, is_calibrating, is_markdown;
  int is_watching, is_failed_only, is_quarantined_only, is_brief;
  int is_dry, is_later; /* submit */
  const char *site;     /* submit --site */
  char *const *extra;   /* what follows -- */
  int n_extra;
  double time_limit_s; /* --time-limit, -1 if none */
  int64_t n_ranks;     /* plan -n */
} smr_cli;

/* A job as commands need it: parsed and resolved, with its experiment and its folders. */
typedef struct {
  smr_job *job;
  const smr_experiment *experiment;
  char folder[4096]; /* output */
  const char *data_folder;
  void *survey; /* what smr_cli_check_job found; zeros before */
} smr_cli_job;

/* Parses JOB's text (already read) with the overrides; mistakes are printed by this rank when
 * `is_speaking`. Local. */
smr_status smr_cli_parse_job(const smr_cli *cli, const char *text, int is_speaking,
                             smr_cli_job *out) SMR_NODISCARD;
/* Reads JOB. Local. */
smr_status smr_cli_read_job(const smr_cli *cli, char **text) SMR_NODISCARD;
/* The experiment's own checks against data files and models; prints what is wrong. is_later: see
 * smr_inputs. Local. */
smr_status smr_cli_check_job(smr_cli_job *job, bool is_later) SMR_NODISCARD;
/* The job of an output folder. Local. */
smr_status smr_cli_load_folder(const char *folder, smr_cli_job *out) SMR_NODISCARD;
void smr_cli_clear_job(smr_cli_job *job);

/* Threads of a rank: OMP_NUM_THREADS, else 1. */
int smr_cli_count_threads(void);

/* The commands. `run`, `data` and `bench` are collective on world; the others are local and get
 * NULL. */
smr_status smr_command_run(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_bench(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_data(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_plan(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_collect(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_submit(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_status(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_retry(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_show(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_keys(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;
smr_status smr_command_version(const smr_cli *cli, const smr_context *world) SMR_NODISCARD;

#endif
