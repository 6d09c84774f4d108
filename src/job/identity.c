/* Identity of units: a hash of what takes part in a unit's result, in an order that nobody chose.
 *
 * The text that is hashed is "numerics_version=N\n", a line "key=value\n" for each key by name, and
 * `extra`. A value longer than 64 bytes stands there as "#" and its own hash, so that a million
 * units with long inner axes stay cheap. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { LONG_VALUE = 64 };

static bool takes_part(const smr_slot *slot) {
  return (slot->key->flags & SMR_KEY_RUN) == 0 && strcmp(slot->key->name, "name") != 0;
}

static bool is_outer(const smr_job *job, const smr_slot *slot) {
  return slot->axis >= 0 && slot->axis < job->n_outer;
}

/* What was added to `out` since `start`, when long, becomes its hash. */
static smr_status shorten(smr_text *out, size_t start) {
  char digits[SMR_HASH_TEXT_BYTES];
  size_t length = out->length - start;
  if (length <= LONG_VALUE) {
    return SMR_OK;
  }
  smr_hash_format(smr_hash_add(smr_hash_start(), out->data + start, length), digits);
  out->length = start;
  return smr_text_add(out, "#%s", digits);
}

/* Values [first, first + n) as they take part in identity. */
static smr_status add_values(const smr_slot *slot, int64_t first, int64_t n, smr_text *out) {
  bool is_list = smr_value_is_list(slot->key);
  size_t start = out->length;
  SMR_TRY(smr_text_add_bytes(out, "[", is_list));
  for (int64_t i = first; i < first + n; i++) {
    SMR_TRY(smr_text_add_bytes(out, ",", i > first));
    SMR_TRY(smr_yaml_add_value(slot->key, smr_list_get(slot->key, &slot->list, i), out));
  }
  SMR_TRY(smr_text_add_bytes(out, "]", is_list));
  return shorten(out, start);
}

/* The ends of an outer axis's lines, "40\n", one for each value. */
static smr_status add_axis(smr_job *job, const smr_slot *slot) {
  const smr_axis *axis = &job->axes[slot->axis];
  const char **values = NULL;
  const char *at = NULL;
  smr_text all = {0};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_arena_alloc(&job->arena, axis->n, sizeof *values, "identities", &values));
  for (int64_t i = 0; i < axis->n; i++) {
    SMR_TRY_DONE(add_values(slot, i, 1, &all));
    SMR_TRY_DONE(smr_text_add_bytes(&all, "\n", 2)); /* The terminator too. */
  }
  SMR_TRY_DONE(smr_arena_copy(&job->arena, all.data, all.length, &at));
  for (int64_t i = 0; i < axis->n; i++) {
    values[i] = at;
    at += strlen(at) + 1;
  }
  job->segments[job->n_segments++] =
      (smr_segment){NULL, 0, job->strides[axis->dimension], axis->n, values};
done:
  smr_text_clear(&all);
  return status;
}

/* Ends a run of fixed lines: the first goes into the start value, others become segments. */
static smr_status flush(smr_job *job, smr_text *fixed) {
  if (job->n_segments == 0) {
    job->identity_start = smr_hash_add(job->identity_start, fixed->data, fixed->length);
  } else if (fixed->length > 0) {
    const char *text = NULL;
    SMR_TRY(smr_arena_copy(&job->arena, fixed->data, fixed->length, &text));
    job->segments[job->n_segments++] = (smr_segment){text, fixed->length, 0, 0, NULL};
  }
  fixed->length = 0;
  return SMR_OK;
}

static smr_status write_segments(smr_job *job, smr_text *fixed) {
  SMR_TRY(smr_text_add(fixed, "numerics_version=%d\n", SMR_NUMERICS_VERSION));
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_slot *slot = &job->slots[job->sorted[i]];
    if (!takes_part(slot)) {
      continue;
    }
    SMR_TRY(smr_text_add(fixed, "%s=", slot->key->name));
    if (is_outer(job, slot)) {
      SMR_TRY(flush(job, fixed));
      SMR_TRY(add_axis(job, slot));
    } else {
      SMR_TRY(add_values(slot, 0, slot->list.n, fixed));
      SMR_TRY(smr_text_add_bytes(fixed, "\n", 1));
    }
  }
  return flush(job, fixed);
}

static smr_status write_fixed_keys(smr_job *job, smr_text *out) {
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_slot *slot = &job->slots[job->sorted[i]];
    if (!takes_part(slot)) {
      continue;
    }
    SMR_TRY(smr_text_add(out, "%s=", slot->key->name));
    if (slot->axis >= 0) {
      SMR_TRY(smr_text_add_bytes(out, "*", 1));
    } else {
      SMR_TRY(smr_yaml_add_value(slot->key, smr_list_get(slot->key, &slot->list, 0), out));
    }
    SMR_TRY(smr_text_add_bytes(out, "\n", 1));
  }
  return smr_arena_copy(&job->arena, out->data, out->length, &job->fixed_keys);
}

static int compare_names(const void *left, const void *right, void *self) {
  const smr_job *job = self;
  return strcmp(job->slots[*(const int64_t *)left].key->name,
                job->slots[*(const int64_t *)right].key->name);
}

smr_status smr_identity_prepare(smr_job *job) {
  smr_text text = {0};
  smr_status status = SMR_OK;
  int64_t most = 2 * job->n_slots + 1;
  SMR_TRY_DONE(
      smr_arena_alloc(&job->arena, most, sizeof *job->segments, "identities", &job->segments));
  SMR_TRY_DONE(
      smr_arena_alloc(&job->arena, job->n_slots, sizeof *job->sorted, "keys", &job->sorted));
  for (int64_t i = 0; i < job->n_slots; i++) {
    job->sorted[i] = i;
  }
  qsort_r(job->sorted, (size_t)job->n_slots, sizeof *job->sorted, compare_names, job);
  job->identity_start = smr_hash_start();
  SMR_TRY_DONE(write_segments(job, &text));
  text.length = 0;
  SMR_TRY_DONE(write_fixed_keys(job, &text));
done:
  smr_text_clear(&text);
  return status;
}

smr_hash smr_job_identify(const smr_job *job, int64_t cell, const char *extra) {
  smr_hash hash = job->identity_start;
  for (int64_t i = 0; i < job->n_segments; i++) {
    const smr_segment *segment = &job->segments[i];
    if (segment->n == 0) {
      hash = smr_hash_add(hash, segment->text, segment->length);
    } else {
      const char *value = segment->values[cell / segment->stride % segment->n];
      hash = smr_hash_add(hash, value, strlen(value));
    }
  }
  return extra != NULL ? smr_hash_add(hash, extra, strlen(extra)) : hash;
}
