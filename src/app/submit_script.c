/* The site profile, and the batch script made from it, the plan and slurm/run.sbatch. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch_script_made.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "submit.h"

static const char settings_begin[] = "# --- settings";
static const char settings_end[] = "# --- end of settings";

static const char *const launchers[] = {"auto", "srun", "mpirun", NULL};

#define AT(field) offsetof(smr_site, field)

static const smr_key keys[] = {
    {"site.partition", SMR_KEY_STRING, SMR_KEY_RUN, AT(partition), 0, 0, "", "\"\"", NULL,
     "Slurm's partition."},
    {"site.account", SMR_KEY_STRING, SMR_KEY_RUN, AT(account), 0, 0, "", "\"\"", NULL,
     "Slurm's account."},
    {"site.modules", SMR_KEY_STRING, SMR_KEY_RUN, AT(modules), 0, 0, "", "\"\"", NULL,
     "Environment modules to load."},
    {"site.launcher", SMR_KEY_CHOICE, SMR_KEY_RUN, AT(launcher), 0, 0, "", "auto", launchers,
     "What starts the ranks; auto is srun where it knows PMIx."},
    {"site.cores_per_node", SMR_KEY_INT, SMR_KEY_RUN | SMR_KEY_OR_AUTO, AT(cores_per_node), 1, 1e6,
     "cores", "auto", NULL, "Ranks that a node takes."},
    {"site.most_nodes", SMR_KEY_INT, SMR_KEY_RUN | SMR_KEY_OR_AUTO, AT(most_nodes), 1, 1e6, "nodes",
     "auto", NULL, "Most nodes to ask for."},
    {"site.most_time", SMR_KEY_DURATION, SMR_KEY_RUN | SMR_KEY_OR_AUTO, AT(most_time_s), 60, 1e9,
     "s", "auto", NULL, "The partition's time limit; longer jobs requeue themselves."},
    {"site.signal_seconds", SMR_KEY_INT, SMR_KEY_RUN, AT(signal_s), 1, 65535, "s", "120", NULL,
     "How long before the limit the ranks are told to save and stop."},
};
static const smr_key_table site_table = {keys, sizeof keys / sizeof keys[0], sizeof(smr_site)};

/* --- the profile --- */

static int find_profile(const smr_cli *cli, char path[SMR_PATH_BYTES]) {
  const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  if (cli->site != NULL) {
    snprintf(path, SMR_PATH_BYTES, "%s", cli->site);
    return 1;
  }
  snprintf(path, SMR_PATH_BYTES, "slurm/site.yaml");
  if (smr_file_exists(path)) {
    return 1;
  }
  if (config != NULL && config[0] == '/') {
    snprintf(path, SMR_PATH_BYTES, "%s/simmer/site.yaml", config);
  } else {
    snprintf(path, SMR_PATH_BYTES, "%s/.config/simmer/site.yaml", home != NULL ? home : "");
  }
  return smr_file_exists(path);
}

/* Whether there is more than comments. */
static bool has_content(const char *text) {
  for (const char *c = text; *c != '\0'; c += strcspn(c, "\n"), c += *c == '\n') {
    c += strspn(c, " \t\r");
    if (*c != '#' && *c != '\n' && *c != '\0') {
      return true;
    }
  }
  return false;
}

/* A profile is a job file of one section: the same parser, the same messages. */
smr_status smr_site_read(const smr_cli *cli, smr_site *site, smr_job **profile) {
  static const smr_job_experiment kinds[] = {{"site", &site_table, NULL}};
  static const char *const overrides[] = {"experiment=site", "name=site"};
  static const char nothing[] = "experiment: site\n";
  char path[SMR_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  smr_text report = {0};
  smr_common_config common;
  const int is_found = find_profile(cli, path);
  if (is_found) {
    SMR_TRY(smr_file_read(path, 1 << 20, &text, &bytes));
  }
  const bool is_used = is_found && has_content(text);
  smr_status status = smr_job_parse(is_used ? text : nothing, is_found ? path : "defaults", 2,
                                    overrides, 1, kinds, &report, profile);
  smr_memory_free(text);
  if (status == SMR_OK) {
    smr_job_configure(*profile, 0, &common, site);
    if (site->most_time_s > 0 && site->most_time_s < 2 * (double)site->signal_s) {
      SMR_FAIL_DONE(
          SMR_ERR_USAGE,
          "%s: a most_time of %g s leaves no time to work, as ranks are told to stop %g s "
          "before; give at least twice site.signal_seconds",
          is_found ? path : "defaults", site->most_time_s, (double)site->signal_s);
    }
  } else if (report.data != NULL) {
    fputs(report.data, stderr);
    smr_error_set(status, "%s", "");
  }
done:
  smr_text_clear(&report);
  return status;
}

/* --- the script --- */

smr_status smr_submit_quote(smr_text *out, const char *words) {
  SMR_TRY(smr_text_add(out, "'"));
  for (const char *c = words; *c != '\0'; ++c) {
    SMR_TRY(*c == '\'' ? smr_text_add(out, "'\\''") : smr_text_add_bytes(out, c, 1));
  }
  return smr_text_add(out, "'");
}

static smr_status add_setting(smr_text *out, const char *name, const char *words) {
  SMR_TRY(smr_text_add(out, "%s=", name));
  SMR_TRY(smr_submit_quote(out, words));
  return smr_text_add(out, "\n");
}

/* Words in double quotes, as sbatch takes them in comment lines. */
static smr_status add_quoted(smr_text *out, const char *words) {
  SMR_TRY(smr_text_add(out, "\""));
  for (const char *c = words; *c != '\0'; ++c) {
    SMR_TRY(smr_text_add(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c));
  }
  return smr_text_add(out, "\"");
}

static smr_status add_option(smr_text *out, const char *name, const char *words) {
  SMR_TRY(smr_text_add(out, "#SBATCH --%s=", name));
  SMR_TRY(add_quoted(out, words));
  return smr_text_add(out, "\n");
}

/* Slurm's log in the folder, each % of whose name is a pattern but for two of them. */
static smr_status add_log(smr_text *out, const char *folder) {
  smr_text path = {0};
  smr_status status = SMR_OK;
  for (const char *c = folder; *c != '\0'; ++c) {
    SMR_TRY_DONE(smr_text_add(&path, "%s%c", *c == '%' ? "%" : "", *c));
  }
  SMR_TRY_DONE(smr_text_add(&path, "/log/slurm-%%j.out"));
  status = add_option(out, "output", path.data);
done:
  smr_text_clear(&path);
  return status;
}

/* One word of the command line: its value, after the first '=', in quotes where it needs them. */
static smr_status add_word(smr_text *out, const char *word) {
  const char *value = strchr(word, '=');
  value = word[0] == '-' && value != NULL ? value + 1 : word;
  SMR_TRY(smr_text_add_bytes(out, word, (size_t)(value - word)));
  const bool is_plain = value[0] != '\0' && strpbrk(value, " \t\"'\\#") == NULL;
  return is_plain ? smr_text_add(out, "%s", value) : add_quoted(out, value);
}

/* The shell's own path of a file that is given from where we are. */
static smr_status make_absolute(const char *path, char out[SMR_PATH_BYTES]) {
  char here[SMR_PATH_BYTES];
  if (path[0] == '/') {
    snprintf(out, SMR_PATH_BYTES, "%s", path);
    return SMR_OK;
  }
  if (getcwd(here, sizeof here) == NULL) {
    SMR_FAIL(SMR_ERR_IO, "the working folder is gone");
  }
  return smr_file_join(out, here, path);
}

/* As many ranks as the site has, and its time limit. */
static smr_plan_batch choose_batch(const smr_cli *cli, const smr_plan *plan, const smr_site *site) {
  smr_plan_batch batch = smr_plan_suggest(plan, cli->n_ranks);
  if (cli->n_ranks == 0 && site->cores_per_node > 0 && site->most_nodes > 0 &&
      batch.n_ranks > site->cores_per_node * site->most_nodes) {
    batch = smr_plan_suggest(plan, site->cores_per_node * site->most_nodes);
  }
  /* Some time to begin and to end: what the signal leaves must be enough for any work. */
  batch.seconds = fmax(batch.seconds, 60 * ceil((3 * (double)site->signal_s + 60) / 60));
  if (site->most_time_s > 0) {
    batch.seconds = fmin(batch.seconds, site->most_time_s);
  }
  return batch;
}

/* Words that begin with a dash begin an option; others are its value. */
static smr_status add_user_options(const smr_cli *cli, smr_text *out) {
  for (int i = 0; i < cli->n_extra; ++i) {
    const int is_option = cli->extra[i][0] == '-';
    if (i == 0 && !is_option) {
      SMR_FAIL(SMR_ERR_USAGE, "submit: after -- come options of sbatch, and '%s' is none",
               cli->extra[i]);
    }
    SMR_TRY(smr_text_add(out, "%s", is_option ? (i > 0 ? "\n#SBATCH " : "#SBATCH ") : " "));
    SMR_TRY(add_word(out, cli->extra[i]));
  }
  return cli->n_extra > 0 ? smr_text_add(out, "\n") : SMR_OK;
}

static smr_status add_header(const smr_cli *cli, const smr_plan *plan, const smr_site *site,
                             const char *folder, smr_text *out) {
  const smr_plan_batch batch = choose_batch(cli, plan, site);
  const int64_t minutes = (int64_t)(batch.seconds / 60);
  SMR_TRY(smr_text_add(out, "#!/bin/bash\n# Written by 'simmer submit': %s of job file ",
                       plan->job.experiment->name));
  for (const char *c = cli->argument[0]; *c != '\0'; ++c) {
    SMR_TRY(smr_text_add(out, "%c", (unsigned char)*c < ' ' ? '?' : *c));
  }
  SMR_TRY(smr_text_add(out, ".\n"));
  SMR_TRY(add_option(out, "job-name", smr_job_get_common(plan->job.job)->name));
  SMR_TRY(smr_text_add(out, "#SBATCH --ntasks=%" PRId64 "\n#SBATCH --cpus-per-task=1\n",
                       batch.n_ranks));
  if (site->cores_per_node > 0) {
    SMR_TRY(smr_text_add(out, "#SBATCH --nodes=%" PRId64 "\n",
                         smr_int_ceil_divide(batch.n_ranks, site->cores_per_node)));
  }
  SMR_TRY(smr_text_add(out, "#SBATCH --mem-per-cpu=%" PRId64 "M\n", batch.memory_mebibytes));
  SMR_TRY(smr_text_add(out, "#SBATCH --time=%" PRId64 ":%02" PRId64 ":00\n", minutes / 60,
                       minutes % 60));
  if (site->partition[0] != '\0') {
    SMR_TRY(add_option(out, "partition", site->partition));
  }
  if (site->account[0] != '\0') {
    SMR_TRY(add_option(out, "account", site->account));
  }
  SMR_TRY(add_log(out, folder));
  SMR_TRY(smr_text_add(out, "#SBATCH --signal=B:USR1@%" PRId64 "\n", site->signal_s));
  SMR_TRY(smr_text_add(out, "#SBATCH --requeue\n#SBATCH --open-mode=append\n"));
  return add_user_options(cli, out);
}

static smr_status add_settings(const smr_cli *cli, const smr_plan *plan, const smr_site *site,
                               const char *program, smr_text *out) {
  char path[SMR_PATH_BYTES] = "";
  SMR_TRY(make_absolute(cli->argument[0], path));
  SMR_TRY(add_setting(out, "job", path));
  SMR_TRY(smr_text_add(out, "options=("));
  for (int64_t i = 0; i < cli->n_overrides; ++i) {
    SMR_TRY(smr_text_add(out, "%s-s ", i > 0 ? " " : ""));
    SMR_TRY(smr_submit_quote(out, cli->overrides[i]));
  }
  if (plan->job.data_folder[0] != '\0') {
    SMR_TRY(make_absolute(plan->job.data_folder, path));
    SMR_TRY(smr_text_add(out, "%s--data ", cli->n_overrides > 0 ? " " : ""));
    SMR_TRY(smr_submit_quote(out, path));
  }
  SMR_TRY(smr_text_add(out, ")\n"));
  SMR_TRY(add_setting(out, "simmer", program));
  SMR_TRY(add_setting(out, "launcher", launchers[site->launcher]));
  SMR_TRY(add_setting(out, "modules", site->modules));
  return smr_text_add(out, "most_idle_restarts=${MOST_IDLE_RESTARTS:-3}\n");
}

smr_status smr_submit_write_script(const smr_cli *cli, const smr_plan *plan, const smr_site *site,
                                   const char *program, const char *folder, smr_text *out) {
  int line = 0;
  SMR_TRY(add_header(cli, plan, site, folder, out));
  SMR_TRY(smr_text_add(out, "set -u\n"));
  SMR_TRY(add_settings(cli, plan, site, program, out));
  SMR_TRY(add_setting(out, "out", folder));
  while (line < N_BATCH_LINES && strcmp(batch_script[line], settings_begin) != 0) {
    ++line;
  }
  while (line < N_BATCH_LINES && strcmp(batch_script[line], settings_end) != 0) {
    ++line;
  }
  if (line == N_BATCH_LINES) {
    SMR_FAIL(SMR_ERR_INTERNAL, "slurm/run.sbatch has lost its marks '%s' and '%s'", settings_begin,
             settings_end);
  }
  for (++line; line + 1 < N_BATCH_LINES; ++line) {
    SMR_TRY(smr_text_add(out, "%s\n", batch_script[line]));
  }
  return SMR_OK;
}
