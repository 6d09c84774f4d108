/* Gathers what the journals, heartbeats, histories and the batch system say of a folder. */
#include "overview.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

/* What is shown of a training: the first of these that has a number. */
static const char *const telling[] = {"log_likelihood_test", "log_likelihood_train",
                                      "pseudo_log_likelihood", "reconstruction_error", NULL};

int smr_overview_is_alive(const smr_overview *overview, const smr_beat *beat) {
  return beat->quiet_s <= smr_job_get_common(overview->job.job)->lease_s;
}

/* A report of a unit that tells how far it is begins with a percentage. */
static double get_share(const smr_beat *beat) {
  double percent = 0;
  return sscanf(beat->now, "%lf%%", &percent) == 1 ? percent / 100 : 0;
}

static void predict(smr_overview *o) {
  double rate = 0, partly = 0;
  for (int64_t i = 0; i < o->n_beats; ++i) {
    const smr_beat *beat = &o->beats[i];
    if (!smr_overview_is_alive(o, beat)) {
      continue;
    }
    double worked = (double)(beat->n_done + beat->n_failed) + get_share(beat);
    o->n_alive++;
    partly += get_share(beat);
    rate += worked / fmax((double)beat->elapsed_s, 1);
  }
  o->rate = o->n_alive > 0 ? rate : (double)NAN;
  o->left_s = rate > 0 ? fmax((double)o->n_pending - partly, 0) / rate : (double)NAN;
}

static void list_failures(smr_overview *o) {
  for (int64_t cell = 0; cell < o->units->n_cells && o->n_bad < SMR_OVERVIEW_FAILURES; ++cell) {
    if (o->units->status[cell] == SMR_UNIT_FAILED ||
        o->units->status[cell] == SMR_UNIT_QUARANTINED) {
      o->bad[o->n_bad++] = cell;
    }
  }
}

/* --- units' own files --- */

/* Step of the newest checkpoint in a folder of files "step-<number>.h5"; 0 without any. */
static int64_t find_newest_step(const char *folder) {
  int64_t newest = 0;
  DIR *entries = opendir(folder);
  for (const struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL;
       e = readdir(entries)) {
    if (strncmp(e->d_name, "step-", 5) == 0) {
      newest = smr_int_max(newest, strtoll(e->d_name + 5, NULL, 10));
    }
  }
  if (entries != NULL) {
    closedir(entries);
  }
  return newest;
}

/* The unit whose metrics.h5 was written last, and the steps of all checkpoints. */
static int search_units(const char *folder, smr_overview_training *t, int64_t *n_steps,
                        char path[SMR_PATH_BYTES]) {
  char units[SMR_PATH_BYTES], one[SMR_PATH_BYTES + 300];
  struct timespec newest = {0};
  DIR *entries = smr_file_join(units, folder, "units") == SMR_OK ? opendir(units) : NULL;
  for (const struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL;
       e = readdir(entries)) {
    struct stat facts;
    if (e->d_name[0] == '.') {
      continue;
    }
    snprintf(one, sizeof one, "%s/%s/checkpoints", units, e->d_name);
    *n_steps += find_newest_step(one);
    snprintf(one, sizeof one, "%s/%s/metrics.h5", units, e->d_name);
    if (stat(one, &facts) != 0) {
      continue;
    }
    const struct timespec at = facts.st_mtim;
    if (t->n_units++ == 0 || at.tv_sec > newest.tv_sec ||
        (at.tv_sec == newest.tv_sec && at.tv_nsec > newest.tv_nsec)) {
      newest = at;
      snprintf(t->unit, sizeof t->unit, "%.*s", (int)sizeof t->unit - 1, e->d_name);
      snprintf(path, SMR_PATH_BYTES, "%.*s", SMR_PATH_BYTES - 1, one);
    }
  }
  if (entries != NULL) {
    closedir(entries);
  }
  return t->n_units > 0;
}

static int read_history(smr_arrays *file, const char *name, smr_overview_training *t) {
  smr_array array;
  double *step = NULL, *value = NULL;
  int has_number = 0;
  if (smr_arrays_inspect(file, name, &array) != SMR_OK || array.n_dimensions != 1 ||
      array.shape[0] < 1 ||
      smr_memory_alloc(array.shape[0], sizeof *step, "steps", &step) != SMR_OK) {
    return 0;
  }
  const int64_t n = array.shape[0];
  if (smr_memory_alloc(n, sizeof *value, "history", &value) == SMR_OK &&
      smr_arrays_read(file, "step", SMR_F64, 0, n, step) == SMR_OK &&
      smr_arrays_read(file, name, SMR_F64, 0, n, value) == SMR_OK) {
    t->n = smr_int_min(n, SMR_OVERVIEW_POINTS);
    for (int64_t i = 0; i < t->n; ++i) {
      int64_t at = t->n > 1 ? i * (n - 1) / (t->n - 1) : n - 1;
      t->step[i] = step[at];
      t->value[i] = value[at];
      has_number |= isfinite(value[at]);
    }
    snprintf(t->name, sizeof t->name, "%s", name);
  }
  smr_memory_free(step);
  smr_memory_free(value);
  return has_number;
}

/* No history, or one that can't be read, is no reason not to show the rest. */
static void load_training(const char *folder, smr_overview_training *t, int64_t *n_steps) {
  char path[SMR_PATH_BYTES];
  smr_arrays *file = NULL;
  if (!search_units(folder, t, n_steps, path) || smr_arrays_open(path, &file) != SMR_OK) {
    return;
  }
  int has_number = 0;
  for (int i = 0; telling[i] != NULL && !has_number; ++i) {
    has_number = read_history(file, telling[i], t);
  }
  t->n = has_number ? t->n : 0;
  smr_arrays_close(&file);
}

/* --- the batch system --- */

/* Numbers of the batch jobs that were submitted for this folder (log/submitted: one a line, the
 * number first), the newest ones, joined by commas. */
static int list_submitted(const char *folder, char *ids, size_t bytes) {
  char path[SMR_PATH_BYTES], *text = NULL, *rest = NULL;
  size_t length = 0, used = 0;
  ids[0] = '\0';
  if (smr_file_join(path, folder, "log/submitted") != SMR_OK || !smr_file_exists(path) ||
      smr_file_read(path, 1 << 20, &text, &length) != SMR_OK) {
    return 0;
  }
  /* Whole lines of the end. */
  const size_t most = bytes / 2;
  char *newest = length > most ? strchr(text + length - most, '\n') : text;
  for (char *line = newest != NULL ? strtok_r(newest, "\n", &rest) : NULL; line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    size_t digits = strspn(line, "0123456789");
    if (digits > 0 && digits < 20 && used + digits + 2 < bytes) {
      used += (size_t)snprintf(ids + used, bytes - used, "%s%.*s", used > 0 ? "," : "", (int)digits,
                               line);
    }
  }
  smr_memory_free(text);
  return used > 0;
}

static void take_field(char **rest, char *to, size_t bytes) {
  char *field = strsep(rest, "|\n");
  snprintf(to, bytes, "%s", field != NULL ? field : "");
}

/* What squeue says of them; nothing where there is no squeue, or it doesn't answer in time. */
static void load_batch_jobs(const char *folder, smr_overview *o) {
  char ids[1024], command[1200], line[512];
  if (!list_submitted(folder, ids, sizeof ids)) {
    return;
  }
  snprintf(command, sizeof command,
           "command -v squeue >/dev/null && timeout 3 squeue -h -o '%%i|%%T|%%M|%%l|%%R' -j %s "
           "2>/dev/null",
           ids);
  FILE *answer = popen(command, "r"); /* NOLINT(cert-env33-c): ids are digits and commas */
  while (answer != NULL && o->n_batch_jobs < SMR_OVERVIEW_BATCH_JOBS &&
         fgets(line, sizeof line, answer) != NULL) {
    smr_overview_batch_job *job = &o->batch_jobs[o->n_batch_jobs++];
    char *rest = line;
    take_field(&rest, job->id, sizeof job->id);
    take_field(&rest, job->state, sizeof job->state);
    take_field(&rest, job->used, sizeof job->used);
    take_field(&rest, job->limit, sizeof job->limit);
    take_field(&rest, job->where, sizeof job->where);
  }
  if (answer != NULL) {
    pclose(answer);
  }
}

/* --- all of it --- */

smr_status smr_overview_create(const char *folder, smr_overview **out) {
  smr_overview *o = NULL;
  *out = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *o, "overview", &o));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_cli_load_folder(folder, &o->job));
  SMR_TRY_DONE(smr_units_create(o->job.job, o->job.experiment, o->job.survey, &o->units));
  SMR_TRY_DONE(smr_ledger_read(folder, &o->ledger));
  SMR_TRY_DONE(smr_claims_read_beats(folder, &o->beats, &o->n_beats));
  smr_units_load(o->units, o->ledger);
  o->n_done = smr_units_count(o->units, SMR_UNIT_DONE);
  o->n_failed = smr_units_count(o->units, SMR_UNIT_FAILED);
  o->n_quarantined = smr_units_count(o->units, SMR_UNIT_QUARANTINED);
  o->n_pending = smr_units_count(o->units, SMR_UNIT_PENDING);
  o->n_excluded = smr_units_count(o->units, SMR_UNIT_EXCLUDED);
  predict(o);
  list_failures(o);
  load_training(folder, &o->training, &o->n_steps);
  load_batch_jobs(folder, o);
  smr_error_clear();
  *out = o;
  o = NULL;
done:
  smr_overview_destroy(&o);
  return status;
}

void smr_overview_destroy(smr_overview **overview) {
  smr_overview *o = *overview;
  if (o == NULL) {
    return;
  }
  smr_ledger_destroy(&o->ledger);
  smr_units_destroy(&o->units);
  smr_cli_clear_job(&o->job);
  smr_memory_free(o->beats);
  smr_memory_free(o);
  *overview = NULL;
}
