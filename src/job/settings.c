/* Finds what the file and the overrides say for each key, before any value is read.
 *
 * Later sources win: a value takes the place of an axis, an axis that of a value. Twice in one
 * source is a mistake. */
#include <inttypes.h>
#include <string.h>

#include "model.h"

typedef struct {
  smr_job *job;
  int64_t source;
  smr_group *zip; /* the zip whose members are being read */
} gatherer;

int64_t smr_job_find_slot(const smr_job *job, const char *name) {
  for (int64_t i = 0; i < job->n_slots; i++) {
    if (strcmp(job->slots[i].key->name, name) == 0) {
      return i;
    }
  }
  return -1;
}

bool smr_job_is_section(const smr_job *job, const char *name) {
  size_t length = strlen(name);
  for (int64_t i = 0; i < job->n_slots; i++) {
    const char *key = job->slots[i].key->name;
    if (strncmp(key, name, length) == 0 && key[length] == '.') {
      return true;
    }
  }
  return false;
}

static int64_t get_line(const smr_job *job, const smr_node *node) {
  smr_place place = smr_node_get_key_place(node);
  return smr_report_get_line(&job->sources[place.source], place.start);
}

/* Sections are remembered, for mistakes about keys that nobody wrote. */
static smr_status add_section(smr_job *job, const char *name, const smr_node *value) {
  if (value->place.source != SMR_SOURCE_FILE) {
    return SMR_OK;
  }
  smr_section *section = NULL;
  SMR_TRY(smr_arena_alloc(&job->arena, 1, sizeof *section, "a section", &section));
  *section = (smr_section){job->sections, name, smr_node_get_key_place(value)};
  job->sections = section;
  return SMR_OK;
}

static void complain_section(smr_job *job, const char *name, const smr_node *value) {
  char quote[SMR_QUOTE_BYTES];
  smr_complaints_add(&job->complaints, smr_node_get_key_place(value),
                     smr_node_is_null(value)
                         ? "the section %s is empty; give it a key or leave it out"
                         : "%s is a section: its keys go below it, each with a value",
                     smr_report_quote(name, quote));
}

/* A section or `sweep` twice in one mapping; two of one key are found where keys are placed. */
static bool is_repeated(smr_job *job, const smr_node *mapping, const smr_node *value) {
  char quote[SMR_QUOTE_BYTES];
  if (smr_complaints_is_full(&job->complaints)) {
    return false;
  }
  for (const smr_node *other = mapping->first; other != value; other = other->next) {
    if (strcmp(other->key->text, value->key->text) == 0) {
      smr_complaints_add(&job->complaints, value->key->place,
                         "%s is given twice, first in line %" PRId64,
                         smr_report_quote(value->key->text, quote), get_line(job, other));
      return true;
    }
  }
  return false;
}

static void complain_unknown(smr_job *job, const char *name, const smr_node *value) {
  char suggestion[SMR_SUGGEST_BYTES];
  char quote[SMR_QUOTE_BYTES];
  if (job->has_all_keys) {
    bool is_full = smr_complaints_is_full(&job->complaints);
    smr_complaints_add(&job->complaints, smr_node_get_key_place(value), "there is no key %s; %s",
                       smr_report_quote(name, quote),
                       is_full ? "" : smr_suggest_key(job, name, suggestion));
  }
}

static smr_status visit(const smr_settings_visitor *visitor, const char *name,
                        const smr_node *mapping, const smr_node *value) {
  smr_job *job = visitor->job;
  int64_t slot = smr_job_find_slot(job, name);
  if (slot >= 0) {
    return visitor->found(visitor->self, slot, value);
  }
  bool is_section = smr_job_is_section(job, name);
  bool is_known = false;
  if (is_section && is_repeated(job, mapping, value)) {
    return SMR_OK;
  }
  if (is_section && value->kind == SMR_NODE_MAPPING && value->n > 0) {
    SMR_TRY(add_section(job, name, value));
    return smr_settings_walk(visitor, name, value);
  }
  if (is_section) {
    complain_section(job, name, value);
    return SMR_OK;
  }
  if (visitor->other != NULL) {
    SMR_TRY(visitor->other(visitor->self, name, value, &is_known));
  }
  if (!is_known) {
    complain_unknown(job, name, value);
  } else if (strcmp(name, "sweep") == 0) {
    is_repeated(job, mapping, value);
  }
  return SMR_OK;
}

smr_status smr_settings_walk(const smr_settings_visitor *visitor, const char *prefix,
                             const smr_node *mapping) {
  smr_text name = {0};
  smr_status status = SMR_OK;
  for (const smr_node *value = mapping->first; value != NULL; value = value->next) {
    const char *copy = NULL;
    name.length = 0;
    SMR_TRY_DONE(
        smr_text_add(&name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", value->key->text));
    SMR_TRY_DONE(smr_arena_copy(&visitor->job->arena, name.data, name.length, &copy));
    SMR_TRY_DONE(visit(visitor, copy, mapping, value));
  }
done:
  smr_text_clear(&name);
  return status;
}

/* Takes a key out of the sweep's groups; a group without members goes too. */
static void remove_from_groups(smr_job *job, int64_t slot) {
  for (smr_group **link = &job->groups; *link != NULL;) {
    smr_group *group = *link;
    int64_t kept = 0;
    for (int64_t i = 0; i < group->n_members; i++) {
      if (group->members[i] != slot) {
        group->members[kept++] = group->members[i];
      }
    }
    group->n_members = kept;
    if (kept == 0) {
      *link = group->next;
    } else {
      link = &group->next;
    }
  }
  job->slots[slot].is_zipped = false;
}

static smr_status create_group(smr_job *job, const smr_node *zip, smr_group **group) {
  size_t bytes = sizeof **group + (size_t)job->n_slots * sizeof(int64_t);
  SMR_TRY(smr_arena_alloc(&job->arena, 1, bytes, "an axis", group));
  (*group)->node = zip;
  return SMR_OK;
}

static void append_group(smr_job *job, smr_group *group) {
  smr_group **link = &job->groups;
  while (*link != NULL) {
    link = &(*link)->next;
  }
  *link = group;
}

/* True, after a complaint, when this source has already said something about the key. */
static bool is_settled(const gatherer *in, const smr_slot *slot, const smr_node *value,
                       bool is_sweep) {
  const smr_node *same = is_sweep ? slot->swept : slot->given;
  const smr_node *other = is_sweep ? slot->given : slot->swept;
  smr_place place = smr_node_get_key_place(value);
  if (same != NULL && same->place.source == in->source) {
    smr_complaints_add(&in->job->complaints, place, "%s is given twice, first in line %" PRId64,
                       slot->key->name, get_line(in->job, same));
    return true;
  }
  if (other != NULL && other->place.source == in->source) {
    smr_complaints_add(&in->job->complaints, place,
                       "%s is given here and %s (line %" PRId64 "); leave one out", slot->key->name,
                       is_sweep ? "in its section" : "in the sweep", get_line(in->job, other));
    return true;
  }
  return false;
}

static smr_status place_value(void *self, int64_t index, const smr_node *value) {
  const gatherer *in = self;
  smr_slot *slot = &in->job->slots[index];
  if (is_settled(in, slot, value, false)) {
    return SMR_OK;
  }
  remove_from_groups(in->job, index);
  slot->given = value;
  slot->swept = NULL;
  slot->is_overridden = in->source != SMR_SOURCE_FILE;
  return SMR_OK;
}

/* True, after a complaint, for a key that can't be an axis. */
static bool is_no_axis(const gatherer *in, const smr_slot *slot, const smr_node *value) {
  const char *reason = NULL;
  if ((slot->key->flags & SMR_KEY_RUN) != 0) {
    reason = "it says how to run, not what to compute";
  } else if (strcmp(slot->key->name, "seed") == 0) {
    reason = "repetitions are the axis 'replicate'";
  } else if ((slot->key->flags & SMR_KEY_NO_SWEEP) != 0) {
    reason = "a job has just one";
  }
  if (reason != NULL) {
    smr_complaints_add(&in->job->complaints, smr_node_get_key_place(value),
                       "%s can't be an axis: %s", slot->key->name, reason);
  }
  return reason != NULL;
}

static smr_status place_axis(void *self, int64_t index, const smr_node *value) {
  const gatherer *in = self;
  smr_job *job = in->job;
  smr_slot *slot = &job->slots[index];
  if (is_no_axis(in, slot, value) || is_settled(in, slot, value, true)) {
    return SMR_OK;
  }
  bool has_place = slot->swept != NULL && !slot->is_zipped;
  slot->given = NULL;
  slot->swept = value;
  slot->is_overridden = in->source != SMR_SOURCE_FILE;
  if (has_place) {
    return SMR_OK;
  }
  remove_from_groups(job, index);
  if (!smr_value_is_list(slot->key)) {
    smr_group *group = NULL;
    SMR_TRY(create_group(job, NULL, &group));
    group->members[group->n_members++] = index;
    append_group(job, group);
  }
  return SMR_OK;
}

static smr_status place_member(void *self, int64_t index, const smr_node *value) {
  const gatherer *in = self;
  smr_slot *slot = &in->job->slots[index];
  if (is_no_axis(in, slot, value) || is_settled(in, slot, value, true)) {
    return SMR_OK;
  }
  remove_from_groups(in->job, index);
  slot->given = NULL;
  slot->swept = value;
  slot->is_zipped = true;
  slot->is_overridden = in->source != SMR_SOURCE_FILE;
  in->zip->members[in->zip->n_members++] = index;
  return SMR_OK;
}

/* Takes out the zips of earlier sources. *before is the group in front of which new ones go. */
static void remove_zips(smr_job *job, const smr_group **before) {
  *before = NULL;
  for (smr_group **link = &job->groups; *link != NULL;) {
    smr_group *group = *link;
    if (group->node == NULL) {
      link = &group->next;
      continue;
    }
    for (int64_t i = 0; i < group->n_members; i++) {
      job->slots[group->members[i]].swept = NULL;
      job->slots[group->members[i]].is_zipped = false;
    }
    *link = group->next;
    *before = group->next;
  }
}

static smr_status place_zip(gatherer *in, const smr_node *mapping, const smr_group *before) {
  const smr_settings_visitor visitor = {in->job, in, place_member, NULL};
  if (mapping->kind != SMR_NODE_MAPPING || mapping->n == 0) {
    smr_complaints_add(&in->job->complaints, mapping->place,
                       "zip takes mappings like {data.instances: [10, 20], data.noise: [0.1, 1]}");
    return SMR_OK;
  }
  SMR_TRY(create_group(in->job, mapping, &in->zip));
  SMR_TRY(smr_settings_walk(&visitor, "", mapping));
  if (in->zip->n_members > 0) {
    smr_group **link = &in->job->groups;
    while (*link != NULL && *link != before) {
      link = &(*link)->next;
    }
    in->zip->next = *link;
    *link = in->zip;
  }
  return SMR_OK;
}

/* `zip` and `exclude` inside the sweep. */
static smr_status place_special(void *self, const char *name, const smr_node *value,
                                bool *is_known) {
  gatherer *in = self;
  smr_job *job = in->job;
  *is_known = strcmp(name, "zip") == 0 || strcmp(name, "exclude") == 0;
  if (!*is_known) {
    return SMR_OK;
  }
  const smr_node **last = name[0] == 'z' ? &job->zip : &job->exclude;
  const smr_node *first = *last;
  *last = value;
  if (first != NULL && first->place.source == in->source) {
    smr_complaints_add(&job->complaints, smr_node_get_key_place(value),
                       "%s is given twice, first in line %" PRId64, name, get_line(job, first));
    return SMR_OK;
  }
  if (name[0] == 'e') {
    return SMR_OK;
  }
  const smr_group *before = NULL;
  remove_zips(job, &before);
  if (value->kind != SMR_NODE_LIST) {
    return place_zip(in, value, before);
  }
  for (const smr_node *child = value->first; child != NULL; child = child->next) {
    SMR_TRY(place_zip(in, child, before));
  }
  return SMR_OK;
}

/* `sweep` and `sweep.KEY` beside the keys themselves. */
static smr_status place_sweep(void *self, const char *name, const smr_node *value, bool *is_known) {
  gatherer *in = self;
  const smr_settings_visitor visitor = {in->job, in, place_axis, place_special};
  *is_known = true;
  if (strcmp(name, "sweep") == 0) {
    SMR_TRY(add_section(in->job, name, value));
    if (value->kind == SMR_NODE_MAPPING) {
      return smr_settings_walk(&visitor, "", value);
    }
    complain_section(in->job, name, value);
    return SMR_OK;
  }
  *is_known = strncmp(name, "sweep.", 6) == 0;
  if (!*is_known) {
    return SMR_OK;
  }
  /* A mapping with this one member, named by what follows `sweep.`. */
  smr_node key = *value->key;
  key.text = name + 6;
  smr_node *axis = NULL;
  smr_node *axis_key = NULL;
  SMR_TRY(smr_arena_alloc(&in->job->arena, 1, sizeof *axis, "an axis", &axis));
  SMR_TRY(smr_arena_alloc(&in->job->arena, 1, sizeof *axis_key, "an axis", &axis_key));
  *axis_key = key;
  *axis = *value;
  axis->key = axis_key;
  axis->next = NULL;
  const smr_node mapping = {.kind = SMR_NODE_MAPPING, .place = value->place, .first = axis};
  return smr_settings_walk(&visitor, "", &mapping);
}

smr_status smr_settings_gather(smr_job *job, int64_t index, const smr_node *root) {
  gatherer in = {.job = job, .source = index};
  const smr_settings_visitor visitor = {job, &in, place_value, place_sweep};
  return smr_settings_walk(&visitor, "", root);
}

smr_place smr_settings_get_place(const smr_job *job, const char *key) {
  int64_t slot = smr_job_find_slot(job, key);
  if (slot >= 0) {
    const smr_slot *written = &job->slots[slot];
    const smr_node *node = written->swept != NULL ? written->swept : written->given;
    if (node != NULL) {
      return smr_node_get_key_place(node);
    }
  }
  smr_place place = {SMR_SOURCE_FILE, 0, 0};
  size_t best = 0;
  for (const smr_section *section = job->sections; section != NULL; section = section->next) {
    size_t length = strlen(section->name);
    bool is_inside =
        strncmp(key, section->name, length) == 0 && (key[length] == '.' || key[length] == '\0');
    if (is_inside && length > best) {
      best = length;
      place = section->place;
    }
  }
  return place;
}
