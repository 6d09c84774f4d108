/* From text to job: the order in which the pieces of this layer are called. */
#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "simmer/base/memory.h"

enum { MESSAGE_BYTES = 2048 };

/* What parsing needs beside the job. */
typedef struct {
  smr_job *job;
  smr_node **roots; /* of each source; NULL after a mistake */
  int64_t n_experiments;
  const smr_job_experiment *experiments;
} parser;

static smr_status set_source(smr_job *job, int64_t index, const char *name, const char *text) {
  smr_source *source = &job->sources[index];
  source->length = strlen(text);
  source->is_override = index >= SMR_SOURCE_FIRST_OVERRIDE;
  SMR_TRY(smr_arena_copy(&job->arena, name, strlen(name), &source->name));
  return smr_arena_copy(&job->arena, text, source->length, &source->text);
}

static smr_status create_job(const char *text, const char *file_name, int64_t n_overrides,
                             const char *const *overrides, smr_job **out) {
  smr_job *job = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *job, "a job", &job));
  *out = job;
  job->n_sources = SMR_SOURCE_FIRST_OVERRIDE + n_overrides;
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_sources, sizeof *job->sources, "overrides",
                          &job->sources));
  job->complaints.arena = &job->arena;
  job->complaints.sources = job->sources;
  job->lists.complaints = &job->complaints;
  job->lists.n_left = SMR_LIST_LIMIT;
  SMR_TRY(set_source(job, SMR_SOURCE_FILE, file_name, text));
  for (int64_t i = 0; i < n_overrides; i++) {
    SMR_TRY(set_source(job, SMR_SOURCE_FIRST_OVERRIDE + i, "<override>", overrides[i]));
  }
  return SMR_OK;
}

static smr_status read_file(parser *in) {
  smr_job *job = in->job;
  smr_node **root = &in->roots[SMR_SOURCE_FILE];
  SMR_TRY(smr_node_read(&job->complaints, SMR_SOURCE_FILE, 0, root));
  if (job->complaints.n_mistakes > 0) {
    return SMR_OK;
  }
  if (*root == NULL) {
    smr_complaints_add(&job->complaints, (smr_place){SMR_SOURCE_FILE, 0, 0},
                       "this job file is empty");
  } else if ((*root)->kind != SMR_NODE_MAPPING) {
    smr_complaints_add(&job->complaints, (*root)->place,
                       "a job file is made of lines like 'name: my-job', not of a single %s",
                       (*root)->kind == SMR_NODE_LIST ? "list" : "value");
    *root = NULL;
  }
  return SMR_OK;
}

/* An override as a mapping with one member. */
static smr_status read_override(parser *in, int64_t index) {
  smr_job *job = in->job;
  const smr_source *source = &job->sources[index];
  const char *text = source->text;
  size_t first = strspn(text, " ");
  size_t sign = strcspn(text, "=");
  size_t last = sign;
  while (last > first && text[last - 1] == ' ') {
    last--;
  }
  if (text[sign] == '\0' || last == first) {
    smr_complaints_add(&job->complaints, (smr_place){index, 0, source->length},
                       "an override is written key=value");
    return SMR_OK;
  }
  smr_node *nodes = NULL;
  smr_node *value = NULL;
  int64_t n_before = job->complaints.n_mistakes;
  SMR_TRY(smr_node_read(&job->complaints, index, sign + 1, &value));
  if (job->complaints.n_mistakes > n_before) {
    return SMR_OK;
  }
  SMR_TRY(smr_arena_alloc(&job->arena, 3, sizeof *nodes, "an override", &nodes));
  if (value == NULL) {
    value = &nodes[2];
    *value = (smr_node){.is_plain = true, .place = {index, sign + 1, sign + 1}, .text = ""};
  }
  smr_node *key = &nodes[1];
  *key = (smr_node){.is_plain = true, .place = {index, first, last}};
  SMR_TRY(smr_arena_copy(&job->arena, text + first, last - first, &key->text));
  value->key = key;
  nodes[0] = (smr_node){
      .kind = SMR_NODE_MAPPING, .place = value->place, .first = value, .last = value, .n = 1};
  in->roots[index] = nodes;
  return SMR_OK;
}

/* What the sources say about `experiment`; the last one wins. */
static const smr_node *find_experiment(const parser *in) {
  const smr_node *found = NULL;
  for (int64_t i = 0; i < in->job->n_sources; i++) {
    const smr_node *root = in->roots[i];
    for (const smr_node *value = root != NULL ? root->first : NULL; value != NULL;
         value = value->next) {
      found = strcmp(value->key->text, "experiment") == 0 ? value : found;
    }
  }
  return found;
}

/* Sets the experiment, or complains and takes the nearest one, so that the other keys can be
 * checked all the same. */
static void choose_experiment(parser *in) {
  smr_job *job = in->job;
  const smr_node *node = find_experiment(in);
  const char *name = node != NULL && node->kind == SMR_NODE_SCALAR ? node->text : "";
  char suggestion[SMR_SUGGEST_BYTES];
  char quote[SMR_QUOTE_BYTES];
  job->experiment = -1;
  for (int64_t i = 0; i < in->n_experiments; i++) {
    if (strcmp(in->experiments[i].name, name) == 0) {
      job->experiment = i;
      return;
    }
  }
  smr_suggest_experiment(in->n_experiments, in->experiments, name, &job->experiment, suggestion);
  if (node == NULL) {
    smr_complaints_add(&job->complaints, (smr_place){SMR_SOURCE_FILE, 0, 0},
                       "experiment is missing: it says what to compute; %s", suggestion);
  } else if (node->kind == SMR_NODE_SCALAR && !smr_node_is_null(node)) {
    smr_complaints_add(&job->complaints, node->place, "there is no experiment %s; %s",
                       smr_report_quote(name, quote), suggestion);
  }
}

static void add_slots(smr_job *job, const smr_key_table *table, bool is_common) {
  for (int64_t i = 0; i < table->n_keys; i++) {
    if (smr_job_find_slot(job, table->keys[i].name) < 0) {
      job->slots[job->n_slots++] =
          (smr_slot){.key = &table->keys[i], .is_common = is_common, .axis = -1};
    }
  }
}

/* Defaults are YAML too: one text with a line for each key. */
static smr_status read_defaults(parser *in) {
  smr_job *job = in->job;
  smr_text text = {0};
  smr_node *root = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_text_add(&text, "# defaults\n"));
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_key *key = job->slots[i].key;
    if (key->default_text != NULL && (key->flags & SMR_KEY_REQUIRED) == 0) {
      SMR_TRY_DONE(smr_text_add(&text, "%s: %s\n", key->name, key->default_text));
    }
  }
  SMR_TRY_DONE(set_source(job, SMR_SOURCE_DEFAULTS, "<default>", text.data));
  SMR_TRY_DONE(smr_node_read(&job->complaints, SMR_SOURCE_DEFAULTS, 0, &root));
  for (smr_node *value = root != NULL ? root->first : NULL; value != NULL; value = value->next) {
    int64_t slot = smr_job_find_slot(job, value->key->text);
    if (slot >= 0) {
      job->slots[slot].fallback = value;
    }
  }
done:
  smr_text_clear(&text);
  return status;
}

static smr_status create_slots(parser *in) {
  static const smr_key_table no_keys = {NULL, 0, 0};
  smr_job *job = in->job;
  const smr_key_table *common = smr_key_common();
  job->has_all_keys = job->experiment >= 0;
  job->outputs = job->has_all_keys ? in->experiments[job->experiment].outputs : NULL;
  job->table = job->has_all_keys ? in->experiments[job->experiment].table : &no_keys;
  SMR_TRY(smr_arena_alloc(&job->arena, common->n_keys + job->table->n_keys, sizeof *job->slots,
                          "keys", &job->slots));
  add_slots(job, common, true);
  add_slots(job, job->table, false);
  return read_defaults(in);
}

static smr_status read_sources(parser *in) {
  SMR_TRY(smr_arena_alloc(&in->job->arena, in->job->n_sources, sizeof(smr_node *), "overrides",
                          &in->roots));
  SMR_TRY(read_file(in));
  for (int64_t i = SMR_SOURCE_FIRST_OVERRIDE; i < in->job->n_sources; i++) {
    SMR_TRY(read_override(in, i));
  }
  return SMR_OK;
}

static smr_status read_job(parser *in) {
  smr_job *job = in->job;
  SMR_TRY(read_sources(in));
  if (job->complaints.n_mistakes > 0) {
    return SMR_OK;
  }
  choose_experiment(in);
  SMR_TRY(create_slots(in));
  for (int64_t i = 0; i < job->n_sources; i++) {
    if (in->roots[i] != NULL) {
      SMR_TRY(smr_settings_gather(job, i, in->roots[i]));
    }
  }
  SMR_TRY(smr_sweep_read(job));
  if (job->complaints.n_mistakes == 0) {
    SMR_TRY(smr_exclude_read(job));
  }
  if (job->complaints.n_mistakes > 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_cells_prepare(job));
  SMR_TRY(smr_identity_prepare(job));
  return smr_yaml_write(job);
}

/* SMR_ERR_JOB with a report when anything was complained of. */
static smr_status conclude(smr_job *job, const char *file_name, smr_text *report) {
  const smr_complaints *complaints = &job->complaints;
  for (int64_t i = 0; i < complaints->n_mistakes && i < SMR_MISTAKE_LIMIT; i++) {
    if (complaints->mistakes[i].place.source == SMR_SOURCE_DEFAULTS) {
      SMR_FAIL(SMR_ERR_INTERNAL, "a default in simmer's own tables is wrong: %s",
               complaints->mistakes[i].text);
    }
  }
  if (complaints->failure != SMR_OK) {
    SMR_FAIL(complaints->failure, "not enough memory to list the mistakes of %s", file_name);
  }
  if (complaints->n_mistakes == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_complaints_write(&job->complaints, report));
  SMR_FAIL(SMR_ERR_JOB, "%s has %lld mistake%s", file_name, (long long)complaints->n_mistakes,
           complaints->n_mistakes > 1 ? "s" : "");
}

smr_status smr_job_parse(const char *text, const char *file_name, int64_t n_overrides,
                         const char *const *overrides, int64_t n_experiments,
                         const smr_job_experiment *experiments, smr_text *report, smr_job **job) {
  parser in = {.n_experiments = n_experiments, .experiments = experiments};
  smr_status status = SMR_OK;
  *job = NULL;
  SMR_TRY_DONE(create_job(text, file_name, n_overrides, overrides, &in.job));
  SMR_TRY_DONE(read_job(&in));
  SMR_TRY_DONE(conclude(in.job, file_name, report));
  *job = in.job;
  in.job = NULL;
done:
  smr_job_destroy(&in.job);
  return status;
}

void smr_job_destroy(smr_job **job) {
  if (job != NULL && *job != NULL) {
    smr_arena_clear(&(*job)->arena);
    smr_memory_free(*job);
    *job = NULL;
  }
}

smr_status smr_job_complain(const smr_job *job, const char *key, smr_text *report,
                            const char *format, ...) {
  char message[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  smr_place place = smr_settings_get_place(job, key);
  SMR_TRY(smr_report_write(&job->sources[place.source], place, message, report));
  SMR_FAIL(SMR_ERR_JOB, "%s", message);
}

const char *smr_job_library_version(void) {
  return fy_library_version();
}
