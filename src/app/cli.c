/* The command line: a table of subcommands, one parser for their options, one place that starts MPI
 * and prints errors. */
#include "cli.h"

#include <ctype.h>
#include <getopt.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/app/app.h"
#include "simmer/base/clock.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/grid.h"
#include "simmer/store/folder.h"
#include "stop.h"

enum { MOST_JOB_BYTES = 64 << 20 };

typedef struct {
  const char *name, *usage,
      *options;     /* letters of the options it takes; capitals are long-only ones */
  int fewest, most; /* positional arguments */
  int needs_mpi;
  smr_status (*run)(const smr_cli *cli, const smr_context *world);
  const char *summary;
} cli_command;

static const cli_command commands[] = {
    {"run",
     "JOB [-o DIR] [-s key=value]... [--data DIR] [--resume|--fresh] [--time-limit HH:MM:SS] "
     "[-q|-v]",
     "osDRFTqv", 1, 1, 1, smr_command_run,
     "run a job; under mpirun or srun on many ranks, alone on one; resumes by default"},
    {"plan", "JOB [-n RANKS] [-o DIR] [-s key=value]... [--data DIR] [--calibrate]", "nosDKqv", 1,
     1, 0, smr_command_plan, "what a job will cost: units, memory, time, files, batch resources"},
    {"submit",
     "JOB [-n RANKS] [-o DIR] [-s key=value]... [--data DIR] [--fresh] [--site FILE] [--later] "
     "[--dry-run] [-q|-v] [-- SBATCH OPTIONS]",
     "nosDFSLYqv-", 1, 1, 0, smr_command_submit,
     "check a job, write its batch script from plan and site profile, and submit it to Slurm; "
     "--later: "
     "a job before it makes what isn't there yet"},
    {"status", "DIR [--json|--brief] [--watch]", "JWB", 1, 1, 0, smr_command_status,
     "what is done, who is at work, what failed, how training goes; works while jobs run"},
    {"retry", "DIR [--failed|--quarantined] [-q|-v]", "AQqv", 1, 1, 0, smr_command_retry,
     "let failed and quarantined units be tried again by the next run"},
    {"collect", "DIR [-q|-v]", "qv", 1, 1, 0, smr_command_collect,
     "build results.h5 from what is finished"},
    {"show", "FILE|DIR [NAME] [--csv]", "C", 1, 2, 0, smr_command_show,
     "what a result file holds, or one variable as a table"},
    {"data",
     "digits|infimnist|ising|bars-and-stripes --range FIRST:END -o FILE [-s key=value]... "
     "[--data DIR] [-q|-v]",
     "osDGqv", 1, 1, 1, smr_command_data,
     "write generated images to an IDX or HDF5 file, in parallel"},
    {"keys", "[EXPERIMENT] [PREFIX] [--markdown]", "M", 0, 2, 0, smr_command_keys,
     "every job-file key with type, range, unit, default and meaning"},
    {"bench", "[sgemm|dgemm|memory|allreduce|ridge_path|pdgesvd|rbm|sample] [--json]", "Jqv", 0, 1,
     1, smr_command_bench, "the limits of this machine and simmer's share of them"},
    {"version", "", "", 0, 0, 0, smr_command_version, "versions of everything linked, CPU type"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"set", required_argument, NULL, 's'},
                                             {"data", required_argument, NULL, 'D'},
                                             {"range", required_argument, NULL, 'G'},
                                             {"resume", no_argument, NULL, 'R'},
                                             {"fresh", no_argument, NULL, 'F'},
                                             {"time-limit", required_argument, NULL, 'T'},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {"verbose", no_argument, NULL, 'v'},
                                             {"ranks", required_argument, NULL, 'n'},
                                             {"calibrate", no_argument, NULL, 'K'},
                                             {"csv", no_argument, NULL, 'C'},
                                             {"markdown", no_argument, NULL, 'M'},
                                             {"json", no_argument, NULL, 'J'},
                                             {"watch", no_argument, NULL, 'W'},
                                             {"brief", no_argument, NULL, 'B'},
                                             {"dry-run", no_argument, NULL, 'Y'},
                                             {"later", no_argument, NULL, 'L'},
                                             {"site", required_argument, NULL, 'S'},
                                             {"failed", no_argument, NULL, 'A'},
                                             {"quarantined", no_argument, NULL, 'Q'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static void print_usage(FILE *stream) {
  fprintf(stream, "usage: simmer COMMAND ...\n\n");
  for (int i = 0; i < N_COMMANDS; ++i) {
    fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
  }
  fprintf(stream, "\n'simmer COMMAND --help' shows its options. Exit codes: 0 done, 1 failed, 2 "
                  "bad usage or job "
                  "file,\n3 done but some units failed, 75 stopped in time with everything saved: "
                  "run again.\n");
}

static const cli_command *find_command(const char *name) {
  for (int i = 0; i < N_COMMANDS; ++i) {
    if (strcmp(commands[i].name, name) == 0) {
      return &commands[i];
    }
  }
  return NULL;
}

static smr_status unknown_command(const char *name) {
  const char *nearest = NULL;
  int least = 3;
  for (int i = 0; i < N_COMMANDS; ++i) {
    int distance = smr_text_distance(name, commands[i].name);
    if (distance < least) {
      least = distance;
      nearest = commands[i].name;
    }
  }
  SMR_FAIL(SMR_ERR_USAGE, "no command '%s'%s%s%s; 'simmer --help' lists them", name,
           nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static smr_status parse_ranks(const char *text, int64_t *ranks) {
  char *end = NULL;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 1 || value > 100000000) {
    SMR_FAIL(SMR_ERR_USAGE, "-n takes a number of ranks, not '%s'", text);
  }
  *ranks = value;
  return SMR_OK;
}

static smr_status take_option(int letter, const char *value, smr_cli *cli) {
  switch (letter) {
  case 'o':
    cli->output = value;
    break;
  case 's':
    if (cli->n_overrides == SMR_CLI_MOST_OVERRIDES) {
      SMR_FAIL(SMR_ERR_USAGE, "more than %d overrides -s", SMR_CLI_MOST_OVERRIDES);
    }
    cli->overrides[cli->n_overrides++] = value;
    break;
  case 'D':
    cli->data = value;
    break;
  case 'G':
    cli->range = value;
    break;
  case 'F':
    cli->is_fresh = 1;
    break;
  case 'R':
    cli->is_fresh = 0;
    break;
  case 'T':
    /* A bare number would be minutes to Slurm and seconds to a job file. */
    if (strchr(value, ':') == NULL) {
      SMR_FAIL(SMR_ERR_USAGE, "--time-limit takes HH:MM:SS or D-HH:MM:SS, not '%s'", value);
    }
    return smr_clock_parse_duration(value, &cli->time_limit_s);
  case 'q':
    smr_log_set_level(SMR_LOG_QUIET);
    break;
  case 'v':
    smr_log_set_level(SMR_LOG_VERBOSE);
    break;
  case 'n':
    return parse_ranks(value, &cli->n_ranks);
  case 'K':
    cli->is_calibrating = 1;
    break;
  case 'C':
    cli->is_csv = 1;
    break;
  case 'B':
    cli->is_brief = 1;
    break;
  case 'Y':
    cli->is_dry = 1;
    break;
  case 'L':
    cli->is_later = 1;
    break;
  case 'S':
    cli->site = value;
    break;
  case 'W':
    cli->is_watching = 1;
    break;
  case 'A':
    cli->is_failed_only = 1;
    break;
  case 'Q':
    cli->is_quarantined_only = 1;
    break;
  case 'M':
    cli->is_markdown = 1;
    break;
  default:
    cli->is_json = 1;
    break;
  }
  return SMR_OK;
}

static smr_status bad_option(const cli_command *command, const char *word, int needs_value) {
  SMR_FAIL(SMR_ERR_USAGE, "%s: %s '%s'; usage: simmer %s %s", command->name,
           needs_value ? "a value is missing after" : "no option", word, command->name,
           command->usage);
}

/* Options may stand anywhere among the arguments. *is_help is set for --help. */
static smr_status parse_options(const cli_command *command, int argc, char **argv, smr_cli *cli,
                                int *is_help) {
  opterr = 0;
  optind = 1;
  /* What follows -- is for others, where a command takes it. */
  for (int i = 1; i < argc && strchr(command->options, '-') != NULL; ++i) {
    if (strcmp(argv[i], "--") == 0) {
      cli->extra = argv + i + 1;
      cli->n_extra = argc - i - 1;
      argc = i;
    }
  }
  for (;;) {
    int letter = getopt_long(argc, argv, ":o:s:qvn:h", long_options, NULL);
    if (letter == -1) {
      break;
    }
    if (letter == 'h') {
      *is_help = 1;
      return SMR_OK;
    }
    const char *word = optind > 1 ? argv[optind - 1] : "";
    if (letter == '?' || letter == ':' || strchr(command->options, letter) == NULL) {
      return bad_option(command, word, letter == ':');
    }
    SMR_TRY(take_option(letter, optarg, cli));
  }
  cli->n_arguments = argc - optind;
  if (cli->n_arguments < command->fewest || cli->n_arguments > command->most) {
    SMR_FAIL(SMR_ERR_USAGE, "%s: %s; usage: simmer %s %s", command->name,
             cli->n_arguments < command->fewest ? "an argument is missing" : "too many arguments",
             command->name, command->usage);
  }
  for (int i = 0; i < cli->n_arguments; ++i) {
    cli->argument[i] = argv[optind + i];
  }
  return SMR_OK;
}

int smr_cli_count_threads(void) {
  const char *text = getenv("OMP_NUM_THREADS");
  int threads = text != NULL ? atoi(text) : 1;
  return threads > 0 ? threads : 1;
}

/* --- jobs --- */

smr_status smr_cli_read_job(const smr_cli *cli, char **text) {
  size_t bytes = 0;
  SMR_TRY(smr_file_read(cli->argument[0], MOST_JOB_BYTES, text, &bytes));
  if (strlen(*text) != bytes) {
    smr_memory_free(*text);
    *text = NULL;
    SMR_FAIL(SMR_ERR_JOB, "%s is not a job file: it holds zero bytes", cli->argument[0]);
  }
  return SMR_OK;
}

static smr_status parse_text(const char *text, const char *name, int64_t n_overrides,
                             const char *const *overrides, int is_speaking, smr_cli_job *out) {
  smr_text report = {0};
  smr_status status = smr_job_parse(text, name, n_overrides, overrides, smr_experiment_count(),
                                    smr_experiment_list(), &report, &out->job);
  if (status != SMR_OK && is_speaking && report.data != NULL) {
    fputs(report.data, stderr);
    smr_error_set(status, "%s", "");
  }
  smr_text_clear(&report);
  SMR_TRY(status);
  out->experiment = smr_experiment_get(smr_job_get_experiment(out->job));
  status = smr_memory_alloc((int64_t)out->experiment->survey_bytes, 1, "survey of the data",
                            &out->survey);
  if (status != SMR_OK) {
    smr_cli_clear_job(out);
  }
  return status;
}

static const char *choose_data_folder(const char *option, const smr_job *job) {
  const smr_common_config *common = smr_job_get_common(job);
  if (option != NULL) {
    return option;
  }
  if (common->data_folder[0] != '\0') {
    return common->data_folder;
  }
  const char *environment = getenv("SIMMER_DATA");
  if (environment != NULL) {
    return environment;
  }
  return smr_file_is_folder("data") ? "data" : "";
}

smr_status smr_cli_parse_job(const smr_cli *cli, const char *text, int is_speaking,
                             smr_cli_job *out) {
  *out = (smr_cli_job){0};
  SMR_TRY(parse_text(text, cli->argument[0], cli->n_overrides, cli->overrides, is_speaking, out));
  if (cli->output != NULL) {
    snprintf(out->folder, sizeof out->folder, "%s", cli->output);
  } else {
    snprintf(out->folder, sizeof out->folder, "out/%s", smr_job_get_common(out->job)->name);
  }
  out->data_folder = choose_data_folder(cli->data, out->job);
  return SMR_OK;
}

smr_status smr_cli_check_job(smr_cli_job *job, bool is_later) {
  const smr_inputs inputs = {job->data_folder, is_later};
  smr_text report = {0};
  smr_status status = job->experiment->check(job->job, &inputs, job->survey, &report);
  if (status != SMR_OK && report.data != NULL) {
    fputs(report.data, stderr);
    smr_error_set(status, "%s", "");
  }
  smr_text_clear(&report);
  return status;
}

smr_status smr_cli_load_folder(const char *folder, smr_cli_job *out) {
  char *yaml = NULL, name[SMR_PATH_BYTES];
  *out = (smr_cli_job){0};
  SMR_TRY(smr_folder_read_job(folder, &yaml));
  smr_status status = smr_file_join(name, folder, "job.yaml");
  if (status == SMR_OK) {
    status = parse_text(yaml, name, 0, NULL, 1, out);
  }
  smr_memory_free(yaml);
  SMR_TRY(status);
  snprintf(out->folder, sizeof out->folder, "%s", folder);
  out->data_folder = choose_data_folder(NULL, out->job);
  return SMR_OK;
}

void smr_cli_clear_job(smr_cli_job *job) {
  smr_job_destroy(&job->job);
  smr_memory_free(job->survey);
  job->survey = NULL;
}

/* --- the program --- */

/* Prints the failure once; reports of several mistakes have been printed already. */
static int finish(smr_status status, int is_speaking) {
  int is_failure = status != SMR_OK && status != SMR_PARTIAL && status != SMR_STOPPED;
  if (is_failure && is_speaking && smr_error_message()[0] != '\0') {
    smr_log_error("%s", smr_error_message());
  }
  if (is_failure && getenv("OMPI_COMM_WORLD_SIZE") != NULL) {
    /* mpirun ends everything at the first bad exit code, and now and then drops output that it
     * hasn't read yet. */
    smr_clock_sleep(0.2);
  }
  return smr_status_exit_code(status);
}

static int environment_number(const char *name) {
  const char *text = getenv(name);
  return text != NULL && isdigit((unsigned char)text[0]) ? atoi(text) : 0;
}

/* Before MPI is up: the launcher's rank 0, or a process that no launcher started. */
static int is_first_task(void) {
  return environment_number("OMPI_COMM_WORLD_RANK") == 0 && environment_number("PMIX_RANK") == 0;
}

/* One rank of one, while a launcher started several tasks: they would all do the same work over
 * each other. */
static smr_status check_launch(const smr_context *world) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
  for (size_t i = 0; world->size == 1 && i < sizeof names / sizeof names[0]; ++i) {
    if (environment_number(names[i]) > 1) {
      SMR_FAIL(
          SMR_ERR_USAGE,
          "%d tasks were started (%s), but this one is alone: the launcher and this MPI library "
          "don't know each other; start it with 'mpirun simmer run ...' or 'srun --mpi=pmix "
          "simmer run ...'",
          environment_number(names[i]), names[i]);
    }
  }
  if (world->size == 1 && environment_number("SLURM_NTASKS") > 1) {
    smr_log_warning("Slurm granted %d tasks, but simmer runs as one; start it with 'srun "
                    "--mpi=pmix' or 'mpirun'",
                    environment_number("SLURM_NTASKS"));
  }
  return SMR_OK;
}

static int run_with_mpi(const cli_command *command, const smr_cli *cli, int argc, char **argv) {
  smr_context *world = NULL;
  smr_log_level level = smr_log_get_level();
  smr_fault_delay("app.start");
  smr_status status = smr_context_start(&argc, &argv, &world);
  if (status != SMR_OK) {
    return finish(status, 1);
  }
  int is_speaking = world->rank == 0;
  smr_log_set_level(is_speaking ? level : SMR_LOG_SILENT);
  status = check_launch(world);
  if (status == SMR_OK) {
    status = command->run(cli, world);
  }
  int code = finish(status, is_speaking);
  smr_context_finish(&world);
  return code;
}

int smr_app_run(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
      strcmp(argv[1], "help") == 0) {
    print_usage(argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  const cli_command *command =
      find_command(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
  const int is_first = is_first_task();
  if (command == NULL) {
    return finish(unknown_command(argv[1]), is_first);
  }
  smr_cli cli = {.command = command->name, .time_limit_s = -1, .n_ranks = 0};
  int is_help = 0;
  smr_status status = parse_options(command, argc - 1, argv + 1, &cli, &is_help);
  if (status != SMR_OK) {
    return finish(status, is_first);
  }
  if (is_help) {
    printf("usage: simmer %s %s\n\n%s\n", command->name, command->usage, command->summary);
    return 0;
  }
  smr_stop_ignore_limits();
  if (command->run == smr_command_run) {
    smr_stop_install(); /* MPI may take its time to start, and a run may be stopped in it */
  }
  omp_set_num_threads(smr_cli_count_threads());
  const char *warning = NULL;
  smr_linalg_start(&warning);
  if (warning != NULL && command->needs_mpi && is_first) {
    smr_log_warning("%s", warning);
  }
  if (command->needs_mpi) {
    return run_with_mpi(command, &cli, argc, argv);
  }
  return finish(command->run(&cli, NULL), 1);
}
