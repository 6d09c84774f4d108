/* The resolved job as YAML: all keys, sections in the order of the tables, the sweep as written. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "model.h"

/* A text that any YAML reader takes as this text without quotes. */
static bool is_plain_text(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
  static const char others[] = "0123456789.-";
  static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  if (text[0] == '\0' || strchr(letters, text[0]) == NULL) {
    return false;
  }
  for (const char *at = text; *at != '\0'; at++) {
    if (strchr(letters, *at) == NULL && strchr(others, *at) == NULL) {
      return false;
    }
  }
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(text, words[i]) == 0) {
      return false;
    }
  }
  return true;
}

static bool needs_escape(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static smr_status add_quoted(const char *text, smr_text *out) {
  size_t left = strlen(text);
  SMR_TRY(smr_text_add_bytes(out, "\"", 1));
  while (left > 0) {
    uint32_t code = 0;
    size_t bytes = smr_node_decode(text, left, &code);
    bytes = bytes > 0 ? bytes : 1;
    if (code == '"' || code == '\\') {
      SMR_TRY(smr_text_add(out, "\\%c", (int)code));
    } else if (code == '\n') {
      SMR_TRY(smr_text_add(out, "\\n"));
    } else if (needs_escape(code)) {
      SMR_TRY(smr_text_add(out, "\\u%04" PRIX32, code));
    } else {
      SMR_TRY(smr_text_add_bytes(out, text, bytes));
    }
    text += bytes;
    left -= bytes;
  }
  return smr_text_add_bytes(out, "\"", 1);
}

smr_status smr_yaml_add_value(const smr_key *key, smr_value value, smr_text *out) {
  if (key->type == SMR_KEY_STRING && !is_plain_text(value.s)) {
    return add_quoted(value.s, out);
  }
  return smr_value_add_text(key, value, out);
}

static smr_status add_list(const smr_key *key, const smr_list *list, smr_text *out) {
  if (list->written != NULL) {
    return smr_text_add(out, "%s", list->written);
  }
  SMR_TRY(smr_text_add_bytes(out, "[", 1));
  for (int64_t i = 0; i < list->n; i++) {
    SMR_TRY(smr_text_add_bytes(out, ", ", i > 0 ? 2 : 0));
    SMR_TRY(smr_yaml_add_value(key, smr_list_get(key, list, i), out));
  }
  return smr_text_add_bytes(out, "]", 1);
}

/* Outer axes are written in the sweep, all others in their sections. */
static bool is_in_section(const smr_job *job, const smr_slot *slot) {
  return slot->axis < 0 || slot->axis >= job->n_outer;
}

static smr_status add_key(const smr_slot *slot, const char *lead, const char *name, smr_text *out) {
  SMR_TRY(smr_text_add(out, "%s%s: ", lead, name));
  if (slot->axis >= 0) {
    SMR_TRY(add_list(slot->key, &slot->list, out));
  } else {
    SMR_TRY(smr_yaml_add_value(slot->key, smr_list_get(slot->key, &slot->list, 0), out));
  }
  return smr_text_add_bytes(out, "\n", 1);
}

/* The section that begins with slot `first`, unless an earlier slot began it. */
static smr_status add_section(const smr_job *job, int64_t first, smr_text *out) {
  const char *name = job->slots[first].key->name;
  size_t length = strcspn(name, ".");
  bool has_head = false;
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_slot *slot = &job->slots[i];
    const char *key = slot->key->name;
    bool is_inside = strncmp(key, name, length) == 0 && key[length] == '.';
    if (is_inside && i < first) {
      return SMR_OK;
    }
    if (!is_inside || !is_in_section(job, slot)) {
      continue;
    }
    if (!has_head) {
      SMR_TRY(smr_text_add(out, "%.*s:\n", (int)length, name));
      has_head = true;
    }
    SMR_TRY(add_key(slot, "  ", key + length + 1, out));
  }
  return SMR_OK;
}

static smr_status add_sections(const smr_job *job, bool is_run, smr_text *out) {
  for (int64_t i = 0; i < job->n_slots; i++) {
    const char *name = job->slots[i].key->name;
    if (strchr(name, '.') != NULL && (strncmp(name, "run.", 4) == 0) == is_run) {
      SMR_TRY(add_section(job, i, out));
    }
  }
  return SMR_OK;
}

static smr_status add_zips(const smr_job *job, smr_text *out) {
  SMR_TRY(smr_text_add(out, "  zip:\n"));
  for (const smr_group *group = job->groups; group != NULL; group = group->next) {
    for (int64_t i = 0; i < group->n_members && group->node != NULL; i++) {
      const smr_slot *slot = &job->slots[group->members[i]];
      SMR_TRY(smr_text_add(out, "%s%s: ", i == 0 ? "    - {" : ", ", slot->key->name));
      SMR_TRY(add_list(slot->key, &slot->list, out));
      SMR_TRY(smr_text_add(out, "%s", i + 1 == group->n_members ? "}\n" : ""));
    }
  }
  return SMR_OK;
}

static smr_status add_exclusions(const smr_job *job, smr_text *out) {
  SMR_TRY(smr_text_add(out, "  exclude:\n"));
  for (const smr_exclusion *e = job->exclusions; e != NULL; e = e->next) {
    for (const smr_condition *c = e->conditions; c != NULL; c = c->next) {
      const smr_key *key = job->slots[c->slot].key;
      SMR_TRY(smr_text_add(out, "%s%s: ", c == e->conditions ? "    - {" : ", ", key->name));
      SMR_TRY(add_list(key, &c->values, out));
    }
    SMR_TRY(smr_text_add(out, "}\n"));
  }
  return SMR_OK;
}

static smr_status add_sweep(const smr_job *job, smr_text *out) {
  bool has_zips = false;
  if (job->groups == NULL) {
    return SMR_OK;
  }
  SMR_TRY(smr_text_add(out, "sweep:\n"));
  for (const smr_group *group = job->groups; group != NULL; group = group->next) {
    const smr_slot *slot = &job->slots[group->members[0]];
    if (group->node == NULL) {
      SMR_TRY(add_key(slot, "  ", slot->key->name, out));
    } else if (!has_zips) {
      has_zips = true;
      SMR_TRY(add_zips(job, out));
    }
  }
  return job->exclusions != NULL ? add_exclusions(job, out) : SMR_OK;
}

static smr_status add_job(const smr_job *job, smr_text *out) {
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_slot *slot = &job->slots[i];
    if (strchr(slot->key->name, '.') == NULL && is_in_section(job, slot)) {
      SMR_TRY(add_key(slot, "", slot->key->name, out));
    }
  }
  SMR_TRY(add_sections(job, false, out));
  SMR_TRY(add_sweep(job, out));
  return add_sections(job, true, out);
}

smr_status smr_yaml_write(smr_job *job) {
  smr_text out = {0};
  smr_status status = add_job(job, &out);
  if (status == SMR_OK) {
    status = smr_arena_copy(&job->arena, out.data, out.length, &job->yaml);
  }
  smr_text_clear(&out);
  return status;
}
