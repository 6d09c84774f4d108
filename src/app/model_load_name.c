/* Which model file a name means: a path, an output folder, or a unit of one, "DIR[key=value,...]".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "model_load.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { MOST_CONDITIONS = 32, MOST_TEXTS = 12 /* values of an axis that a message lists */ };

static const char model_name[] = "model.h5";

/* One "key=value" of a name; texts are parts of the name. */
typedef struct {
  const char *key, *value;
  int key_length, value_length;
  const smr_axis *axis;
} condition;

typedef struct {
  const char *name;            /* as written */
  char folder[SMR_PATH_BYTES]; /* DIR */
  int64_t n;
  condition conditions[MOST_CONDITIONS];
  smr_cli_job job;
} search;

static const char *skip_blanks(const char *text, const char *end) {
  while (text < end && *text == ' ') {
    ++text;
  }
  return text;
}

static int trim(const char *text, const char *end) {
  while (end > text && end[-1] == ' ') {
    --end;
  }
  return (int)(end - text);
}

/* "key=value,key=value" between the brackets. */
static smr_status split(search *s, const char *text, const char *end) {
  for (const char *next = text; text < end; text = next + 1) {
    next = memchr(text, ',', (size_t)(end - text));
    next = next == NULL ? end : next;
    const char *equals = memchr(text, '=', (size_t)(next - text));
    if (equals == NULL) {
      SMR_FAIL(SMR_ERR_INPUT, "'%s': '%.*s' isn't key=value; a unit is named DIR[key=value,...]",
               s->name, (int)(next - text), text);
    }
    if (s->n == MOST_CONDITIONS) {
      SMR_FAIL(SMR_ERR_LIMIT, "'%s' names more than %d keys", s->name, (int)MOST_CONDITIONS);
    }
    condition *c = &s->conditions[s->n++];
    c->key = skip_blanks(text, equals);
    c->key_length = trim(c->key, equals);
    c->value = skip_blanks(equals + 1, next);
    c->value_length = trim(c->value, next);
  }
  return SMR_OK;
}

/* --- axes --- */

static bool is_text(const char *text, const char *part, int length) {
  return strncmp(text, part, (size_t)length) == 0 && text[length] == '\0';
}

static const smr_axis *find_axis(const smr_job *job, const condition *c) {
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    const char *dot = strrchr(axis->key, '.');
    const char *last = dot == NULL ? axis->key : dot + 1;
    if (!axis->is_inner &&
        (is_text(axis->name, c->key, c->key_length) || is_text(axis->key, c->key, c->key_length) ||
         is_text(last, c->key, c->key_length))) {
      return axis;
    }
  }
  return NULL;
}

/* "; its axes are hidden: 16, 32; replicate: 0, 1, ... 99 (100 values)". */
static smr_status add_axes(const smr_job *job, smr_text *out) {
  int64_t n = 0;
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    if (axis->is_inner) {
      continue;
    }
    SMR_TRY(smr_text_add(out, "%s%s: ", n++ == 0 ? "; its axes are " : "; ", axis->name));
    const int64_t shown = smr_int_min(axis->n, MOST_TEXTS);
    for (int64_t v = 0; v < shown; ++v) {
      SMR_TRY(smr_text_add(out, "%s%s", v == 0 ? "" : ", ", axis->texts[v]));
    }
    if (shown < axis->n) {
      SMR_TRY(
          smr_text_add(out, ", ... %s (%" PRId64 " values)", axis->texts[axis->n - 1], axis->n));
    }
  }
  return n > 0 ? SMR_OK : smr_text_add(out, "; its job has no axes: name the folder alone");
}

/* SMR_ERR_INPUT with a message that ends with what axes there are. */
static smr_status fail_with_axes(const search *s, const char *what) {
  smr_text axes = {0};
  const smr_status status = add_axes(s->job.job, &axes);
  if (status == SMR_OK) {
    smr_error_set(SMR_ERR_INPUT, "'%s': %s%s", s->name, what, axes.data);
  }
  smr_text_clear(&axes);
  return status == SMR_OK ? SMR_ERR_INPUT : status;
}

static bool is_value(const smr_axis *axis, int64_t index, const condition *c) {
  char number[64], *end = NULL;
  if (is_text(axis->texts[index], c->value, c->value_length)) {
    return true;
  }
  if (axis->reals == NULL || axis->type == SMR_KEY_CHOICE || axis->type == SMR_KEY_BOOL ||
      c->value_length == 0 || c->value_length >= (int)sizeof number) {
    return false;
  }
  memcpy(number, c->value, (size_t)c->value_length);
  number[c->value_length] = '\0';
  const double value = strtod(number, &end);
  return *end == '\0' && value == axis->reals[index];
}

static bool has_value(const condition *c) {
  for (int64_t i = 0; i < c->axis->n; ++i) {
    if (is_value(c->axis, i, c)) {
      return true;
    }
  }
  return false;
}

static smr_status resolve_axes(search *s) {
  char what[256];
  for (int64_t i = 0; i < s->n; ++i) {
    condition *c = &s->conditions[i];
    c->axis = find_axis(s->job.job, c);
    if (c->axis == NULL) {
      snprintf(what, sizeof what, "%.*s is no axis of %.100s", (int)smr_int_min(c->key_length, 60),
               c->key, s->folder);
      return fail_with_axes(s, what);
    }
    if (!has_value(c)) {
      snprintf(what, sizeof what, "no unit of %.100s has %.60s = %.*s", s->folder, c->axis->name,
               (int)smr_int_min(c->value_length, 60), c->value);
      return fail_with_axes(s, what);
    }
  }
  return SMR_OK;
}

/* --- cells --- */

/* Index along an outer dimension of a cell (row-major, last fastest). */
static int64_t find_index(const smr_job *job, int64_t dimension, int64_t cell) {
  for (int64_t d = smr_job_count_dimensions(job) - 1; d > dimension; --d) {
    cell /= smr_job_get_dimension(job, d);
  }
  return cell % smr_job_get_dimension(job, dimension);
}

static bool is_wanted(const search *s, int64_t cell) {
  const smr_job *job = s->job.job;
  if (smr_job_is_excluded(job, cell)) {
    return false;
  }
  for (int64_t i = 0; i < s->n; ++i) {
    const condition *c = &s->conditions[i];
    if (!is_value(c->axis, find_index(job, c->axis->dimension, cell), c)) {
      return false;
    }
  }
  return true;
}

static smr_status find_cell(const search *s, int64_t *cell) {
  char what[256];
  int64_t n = 0;
  for (int64_t i = 0; i < smr_job_count_cells(s->job.job); ++i) {
    if (is_wanted(s, i)) {
      *cell = i;
      ++n;
    }
  }
  if (n == 1) {
    return SMR_OK;
  }
  if (n == 0) {
    snprintf(what, sizeof what, "no unit of %.100s has these values together", s->folder);
  } else {
    snprintf(what, sizeof what,
             "%" PRId64 " units of %.100s are meant; say which one, DIR[key=value,...]", n,
             s->folder);
  }
  return fail_with_axes(s, what);
}

static bool writes_models(const smr_experiment *experiment) {
  const char *const *name = experiment->unit_files;
  while (name != NULL && *name != NULL && strcmp(*name, model_name) != 0) {
    ++name;
  }
  return name != NULL && *name != NULL && experiment->is_rank_free &&
         experiment->foresee_model != NULL;
}

static smr_status find_unit(search *s, int64_t *cell) {
  if (!writes_models(s->job.experiment)) {
    SMR_FAIL(SMR_ERR_INPUT, "'%s': units of the experiment %s have no models", s->name,
             s->job.experiment->name);
  }
  SMR_TRY(resolve_axes(s));
  return find_cell(s, cell);
}

static smr_status find_unit_file(search *s, char path[SMR_PATH_BYTES]) {
  char hash[SMR_HASH_TEXT_BYTES], text[256];
  int64_t cell = 0;
  SMR_TRY(find_unit(s, &cell));
  smr_hash_format(smr_job_identify(s->job.job, cell, ""), hash);
  const int length = snprintf(path, SMR_PATH_BYTES, "%s/units/%s/%s", s->folder, hash, model_name);
  if (length < 0 || length >= SMR_PATH_BYTES) {
    SMR_FAIL(SMR_ERR_LIMIT, "the path of the folder %s is too long", s->folder);
  }
  if (!smr_file_exists(path)) {
    SMR_FAIL(SMR_ERR_MISSING,
             "'%s': the unit %s isn't finished: it has no %s yet. 'simmer run %s/job.yaml -o %s' "
             "goes on with it",
             s->name, smr_job_describe(s->job.job, cell, text, sizeof text), path, s->folder,
             s->folder);
  }
  return SMR_OK;
}

/* DIR, and what stands in the brackets. */
static smr_status parse(search *s) {
  const size_t length = strlen(s->name);
  const char *open = s->name[length - 1] == ']' ? strchr(s->name, '[') : NULL;
  const size_t n = open == NULL ? length : (size_t)(open - s->name);
  if (n >= sizeof s->folder) {
    SMR_FAIL(SMR_ERR_LIMIT, "the name of a model is too long");
  }
  memcpy(s->folder, s->name, n);
  s->folder[n] = '\0';
  if (!smr_file_is_folder(s->folder)) {
    SMR_FAIL(SMR_ERR_MISSING, "there is no model %s: no such file%s%s", s->name,
             open == NULL ? " or folder" : "; no such folder ", open == NULL ? "" : s->folder);
  }
  return open == NULL ? SMR_OK : split(s, open + 1, s->name + length - 1);
}

/* A model that somebody put into a folder that isn't simmer's. */
static bool is_plain_folder(const search *s, char path[SMR_PATH_BYTES]) {
  const bool is_simmer =
      smr_file_join(path, s->folder, "job.yaml") == SMR_OK && smr_file_exists(path);
  return s->n == 0 && !is_simmer && smr_file_join(path, s->folder, model_name) == SMR_OK &&
         smr_file_exists(path);
}

static smr_status load_job(search *s) {
  const smr_status status = smr_cli_load_folder(s->folder, &s->job);
  if (status != SMR_OK && smr_error_message()[0] == '\0') {
    SMR_FAIL(status, "'%s': this version of simmer can't read the job of %s", s->name, s->folder);
  }
  return status;
}

static smr_status find_in_folder(search *s, char path[SMR_PATH_BYTES]) {
  SMR_TRY(parse(s));
  if (is_plain_folder(s, path)) {
    return SMR_OK;
  }
  SMR_TRY(load_job(s));
  return find_unit_file(s, path);
}

static smr_status foresee_in_folder(search *s, int64_t *n_visible, int64_t *n_hidden) {
  smr_common_config common;
  int64_t cell = 0;
  void *config = NULL;
  SMR_TRY(parse(s));
  SMR_TRY(load_job(s));
  SMR_TRY(find_unit(s, &cell));
  const smr_experiment *experiment = s->job.experiment;
  SMR_TRY(smr_memory_alloc(1, experiment->table->config_bytes, "configuration", &config));
  smr_job_configure(s->job.job, cell, &common, config);
  experiment->foresee_model(&common, config, s->job.data_folder, n_visible, n_hidden);
  smr_memory_free(config);
  if (*n_visible == 0) {
    SMR_FAIL(SMR_ERR_MISSING, "the sizes of the model %s aren't known", s->name);
  }
  return SMR_OK;
}

/* "DIR" of "DIR/model.h5". */
static void cut_file_name(char *name) {
  const size_t length = strlen(name), tail = sizeof model_name; /* with the slash */
  if (length > tail && name[length - tail] == '/' &&
      strcmp(name + length - tail + 1, model_name) == 0) {
    name[length - tail] = '\0';
  }
}

smr_status smr_model_foresee(const char *name, int64_t *n_visible, int64_t *n_hidden) {
  char folder[SMR_PATH_BYTES];
  search *s = NULL;
  *n_visible = 0;
  *n_hidden = 0;
  snprintf(folder, sizeof folder, "%s", name);
  cut_file_name(folder);
  SMR_TRY(smr_memory_alloc(1, sizeof *s, "search for a model", &s));
  s->name = folder;
  const smr_status status = foresee_in_folder(s, n_visible, n_hidden);
  smr_cli_clear_job(&s->job);
  smr_memory_free(s);
  return status;
}

smr_status smr_model_find_file(const char *name, char path[SMR_PATH_BYTES]) {
  search *s = NULL;
  if (name[0] == '\0' || (smr_file_exists(name) && !smr_file_is_folder(name))) {
    const int length = snprintf(path, SMR_PATH_BYTES, "%s", name);
    if (length >= SMR_PATH_BYTES) {
      SMR_FAIL(SMR_ERR_LIMIT, "the name of a model is too long");
    }
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(1, sizeof *s, "search for a model", &s));
  s->name = name;
  const smr_status status = find_in_folder(s, path);
  smr_cli_clear_job(&s->job);
  smr_memory_free(s);
  return status;
}
