/* simmer submit: checks the job, writes its batch script and hands it to Slurm. */
#include "submit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/log.h"
#include "simmer/store/folder.h"

/* This program's own path: batch jobs start the build that made their script. */
static smr_status find_program(char path[SMR_PATH_BYTES]) {
  ssize_t length = readlink("/proc/self/exe", path, SMR_PATH_BYTES - 1);
  if (length <= 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot find the path of this program: %s", strerror(errno));
  }
  path[length] = '\0';
  return SMR_OK;
}

/* Makes the output folder, so that mistakes about it show now and Slurm's log has a place. */
static smr_status prepare_folder(const smr_cli *cli, const smr_plan *plan,
                                 char folder[SMR_PATH_BYTES]) {
  const smr_job *job = plan->job.job;
  SMR_TRY(smr_folder_open(plan->job.folder, smr_job_get_yaml(job), smr_job_get_fixed_keys(job),
                          cli->is_fresh));
  char *real = realpath(plan->job.folder, NULL);
  if (real == NULL || strlen(real) >= SMR_PATH_BYTES) {
    free(real);
    SMR_FAIL(SMR_ERR_IO, "cannot find the path of %s", plan->job.folder);
  }
  memcpy(folder, real, strlen(real) + 1);
  free(real);
  return SMR_OK;
}

/* The output folder's path without making it. */
static smr_status guess_folder(const smr_plan *plan, char folder[SMR_PATH_BYTES]) {
  char here[SMR_PATH_BYTES];
  if (plan->job.folder[0] == '/') {
    snprintf(folder, SMR_PATH_BYTES, "%s", plan->job.folder);
    return SMR_OK;
  }
  if (getcwd(here, sizeof here) == NULL) {
    SMR_FAIL(SMR_ERR_IO, "the working folder is gone");
  }
  return smr_file_join(folder, here, plan->job.folder);
}

/* sbatch's answer is "<job>[;<cluster>]". */
static smr_status call_sbatch(const char *script, char id[32]) {
  smr_text command = {0};
  char answer[256] = "";
  FILE *pipe = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_text_add(&command, "sbatch --parsable "));
  SMR_TRY_DONE(smr_submit_quote(&command, script));
  pipe = popen(command.data, "r"); /* NOLINT(cert-env33-c): one quoted path */
  if (pipe == NULL || fgets(answer, sizeof answer, pipe) == NULL) {
    answer[0] = '\0';
  }
  int code = pipe != NULL ? pclose(pipe) : -1;
  answer[strspn(answer, "0123456789")] = '\0';
  if (answer[0] != '\0' && code != -1 && WIFEXITED(code) && WEXITSTATUS(code) != 0) {
    smr_log_warning("sbatch took the job as %s and ended with %d: that is the job's own exit code "
                    "when sbatch waits for it",
                    answer, WEXITSTATUS(code));
  } else if (code == -1 || !WIFEXITED(code) || WEXITSTATUS(code) != 0 || answer[0] == '\0') {
    status = smr_error_set(SMR_ERR_IO,
                           code != -1 && WIFEXITED(code) && WEXITSTATUS(code) == 127
                               ? "there is no sbatch here: submit from a login node of a Slurm "
                                 "cluster, or use --dry-run to see the script (%s)"
                               : "sbatch refused the script %s; its message is above",
                           script);
  }
  snprintf(id, 32, "%.31s", answer);
done:
  smr_text_clear(&command);
  return status;
}

/* One line in log/submitted, for `simmer status`. */
static smr_status note_submission(const char *folder, const char *id) {
  char path[SMR_PATH_BYTES], date[32];
  SMR_TRY(smr_file_join(path, folder, "log/submitted"));
  FILE *file = fopen(path, "a");
  if (file == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  }
  int is_written = fprintf(file, "%s %s\n", id, smr_clock_format_date(date, sizeof date)) > 0;
  if (fclose(file) != 0 || !is_written) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  }
  return SMR_OK;
}

static smr_status submit(const smr_cli *cli, const smr_plan *plan, const smr_site *site,
                         const char *program) {
  char folder[SMR_PATH_BYTES], path[SMR_PATH_BYTES], id[32];
  smr_text script = {0};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(cli->is_dry ? guess_folder(plan, folder) : prepare_folder(cli, plan, folder));
  SMR_TRY_DONE(smr_submit_write_script(cli, plan, site, program, folder, &script));
  if (cli->is_dry) {
    fputs(script.data, stdout);
    goto done;
  }
  SMR_TRY_DONE(smr_file_join(path, folder, "submit.sbatch"));
  SMR_TRY_DONE(smr_file_write(path, script.data, script.length));
  SMR_TRY_DONE(call_sbatch(path, id));
  printf("%s\n", id);
  fflush(stdout);
  if (note_submission(folder, id) != SMR_OK) { /* It is in the queue all the same. */
    smr_log_warning("'simmer status' won't ask Slurm about this job: %s", smr_error_message());
  }
  smr_log_info(
      "job %s; watch it by 'simmer status %s --watch', read %s/log/slurm-%s.out, end it by "
      "'scancel %s'",
      id, plan->job.folder, plan->job.folder, id, id);
done:
  smr_text_clear(&script);
  return status;
}

/* Options of sbatch that let a job wait. */
static bool is_waiting(const smr_cli *cli) {
  static const char *const starts[] = {"--dep", "--begin", "--hold", "-d", "-b", "-H"};
  for (int i = 0; i < cli->n_extra; ++i) {
    for (size_t k = 0; k < sizeof starts / sizeof starts[0]; ++k) {
      if (strncmp(cli->extra[i], starts[k], strlen(starts[k])) == 0) {
        return true;
      }
    }
  }
  return false;
}

static smr_status make_plan(const smr_cli *cli, smr_plan *plan) {
  if (cli->is_later && !cli->is_dry && !is_waiting(cli)) {
    SMR_FAIL(SMR_ERR_USAGE, "submit: --later is for a job that waits for others: add "
                            "'-- --dependency=afterok:JOB'");
  }
  const smr_status status = smr_plan_create(cli, cli->is_later, plan);
  if (status == SMR_ERR_JOB && !cli->is_later && is_waiting(cli)) {
    smr_log_info("if a job before this one makes what isn't there, add --later");
  }
  return status;
}

smr_status smr_command_submit(const smr_cli *cli, const smr_context *world) {
  (void)world;
  char program[SMR_PATH_BYTES];
  smr_plan plan = {0};
  smr_site site = {0};
  smr_job *profile = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(find_program(program));
  SMR_TRY_DONE(smr_site_read(cli, &site, &profile));
  SMR_TRY_DONE(make_plan(cli, &plan));
  SMR_TRY_DONE(submit(cli, &plan, &site, program));
done:
  smr_plan_clear(&plan);
  smr_job_destroy(&profile);
  return status;
}
