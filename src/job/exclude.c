/* Combinations that are taken out of the sweep. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* One combination being read. */
typedef struct {
  smr_job *job;
  smr_exclusion *exclusion;
  bool *seen;     /* [slot] */
  bool is_never;  /* a condition on an overridden key that can't hold */
  int64_t n_held; /* conditions on overridden keys that always hold */
  bool is_bad;
} combiner;

/* First entry of the slot's order whose value isn't before `value`. */
static int64_t find_first(const smr_slot *slot, const smr_list *wanted, int64_t index) {
  smr_value target = smr_list_get(slot->key, wanted, index);
  int64_t low = 0;
  int64_t high = slot->list.n;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    smr_value value = smr_list_get(slot->key, &slot->list, slot->order[middle]);
    if (smr_value_compare(slot->key, value, target) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static int64_t count_matches(const smr_slot *slot, const smr_list *wanted, int64_t index) {
  smr_value target = smr_list_get(slot->key, wanted, index);
  int64_t first = find_first(slot, wanted, index);
  int64_t last = first;
  while (last < slot->list.n &&
         smr_value_compare(slot->key, smr_list_get(slot->key, &slot->list, slot->order[last]),
                           target) == 0) {
    last++;
  }
  return last - first;
}

static smr_status complain_absent(combiner *in, const smr_slot *slot, const smr_node *node,
                                  const smr_list *wanted, int64_t index) {
  smr_text text = {0};
  char quote[SMR_QUOTE_BYTES];
  smr_status status = smr_value_add_text(slot->key, smr_list_get(slot->key, wanted, index), &text);
  if (status == SMR_OK) {
    const smr_node *place = node;
    if (node->kind == SMR_NODE_LIST) {
      place = node->first;
      for (int64_t i = 0; i < index; i++) {
        place = place->next;
      }
    }
    smr_complaints_add(&in->job->complaints, place->place, "the axis %s has no value %s",
                       slot->key->name, smr_report_quote(text.data, quote));
    in->is_bad = true;
  }
  smr_text_clear(&text);
  return status;
}

static int compare_indices(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left;
  int64_t b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

/* Counts what the condition's values match and keeps those that do. */
static smr_status match_values(combiner *in, const smr_slot *slot, const smr_node *node,
                               smr_list *wanted, int64_t *n) {
  int64_t kept = 0;
  for (int64_t i = 0; i < wanted->n; i++) {
    int64_t matches = count_matches(slot, wanted, i);
    if (matches == 0 && !slot->is_overridden) {
      return complain_absent(in, slot, node, wanted, i);
    }
    if (matches > 0) {
      smr_list_set(slot->key, wanted, kept++, smr_list_get(slot->key, wanted, i));
      *n += matches;
    }
  }
  if (kept < wanted->n) {
    wanted->written = NULL;
  }
  wanted->n = kept;
  return SMR_OK;
}

static void fill_indices(const smr_slot *slot, smr_condition *condition) {
  int64_t used = 0;
  for (int64_t i = 0; i < condition->values.n; i++) {
    int64_t first = find_first(slot, &condition->values, i);
    int64_t n = count_matches(slot, &condition->values, i);
    for (int64_t j = 0; j < n && used < condition->n; j++) {
      condition->indices[used++] = slot->order[first + j];
    }
  }
  qsort(condition->indices, (size_t)condition->n, sizeof condition->indices[0], compare_indices);
}

static smr_status add_condition(combiner *in, int64_t index, const smr_node *node,
                                smr_list *wanted) {
  smr_job *job = in->job;
  smr_slot *slot = &job->slots[index];
  smr_condition *condition = NULL;
  int64_t n = 0;
  SMR_TRY(smr_sweep_sort(job, slot));
  SMR_TRY(match_values(in, slot, node, wanted, &n));
  if (in->is_bad) {
    return SMR_OK;
  }
  if (n == 0) {
    in->is_never = true;
    return SMR_OK;
  }
  if (n > job->lists.n_left) {
    smr_complaints_add(&job->complaints, node->place, "these combinations are too many to keep");
    in->is_bad = true;
    return SMR_OK;
  }
  job->lists.n_left -= n;
  SMR_TRY(smr_arena_alloc(&job->arena, 1, sizeof *condition, "a combination", &condition));
  SMR_TRY(smr_arena_alloc(&job->arena, n, sizeof(int64_t), "a combination", &condition->indices));
  condition->slot = index;
  condition->dimension = job->axes[slot->axis].dimension;
  condition->n = n;
  condition->values = *wanted;
  smr_condition **link = &in->exclusion->conditions;
  while (*link != NULL) {
    link = &(*link)->next;
  }
  *link = condition;
  fill_indices(slot, condition);
  return SMR_OK;
}

/* A condition on a key that an override made a scalar: it always holds or never. */
static void add_constant(combiner *in, const smr_slot *slot, const smr_list *wanted) {
  bool is_held = false;
  for (int64_t i = 0; i < wanted->n; i++) {
    is_held = is_held || smr_value_compare(slot->key, smr_list_get(slot->key, wanted, i),
                                           smr_list_get(slot->key, &slot->list, 0)) == 0;
  }
  in->is_never = in->is_never || !is_held;
  in->n_held += is_held;
}

/* True, after a complaint, when the key has no place in a combination. */
static bool is_misplaced(combiner *in, int64_t index, const smr_node *value) {
  const smr_slot *slot = &in->job->slots[index];
  smr_complaints *complaints = &in->job->complaints;
  smr_place place = smr_node_get_key_place(value);
  bool is_inner = slot->axis >= in->job->n_outer;
  bool is_repeated = in->seen[index];
  in->seen[index] = true;
  if (is_repeated) {
    smr_complaints_add(complaints, place, "%s is given twice in this combination", slot->key->name);
  } else if (is_inner) {
    smr_complaints_add(complaints, place,
                       "%s is an inner axis, every unit has all its values; exclude takes outer "
                       "axes only",
                       slot->key->name);
  } else if (slot->axis < 0 && !slot->is_overridden) {
    smr_complaints_add(complaints, place, "%s is no axis of this sweep", slot->key->name);
  } else {
    return false;
  }
  in->is_bad = true;
  return true;
}

static smr_status read_condition(void *self, int64_t index, const smr_node *value) {
  combiner *in = self;
  const smr_slot *slot = &in->job->slots[index];
  smr_list wanted = {0};
  bool is_good = false;
  if (is_misplaced(in, index, value)) {
    return SMR_OK;
  }
  SMR_TRY(smr_list_read(&in->job->lists, slot->key, value, &wanted, &is_good));
  if (!is_good) {
    in->is_bad = true;
    return SMR_OK;
  }
  if (slot->axis < 0) {
    add_constant(in, slot, &wanted);
    return SMR_OK;
  }
  return add_condition(in, index, value, &wanted);
}

static smr_status read_combination(smr_job *job, const smr_node *mapping, smr_exclusion ***end) {
  combiner in = {.job = job};
  const smr_settings_visitor visitor = {job, &in, read_condition, NULL};
  if (mapping->kind != SMR_NODE_MAPPING || mapping->n == 0) {
    smr_complaints_add(&job->complaints, mapping->place,
                       "exclude takes a list of combinations like {data.instances: 10, "
                       "replicate: [0, 1]}");
    return SMR_OK;
  }
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_slots, sizeof *in.seen, "a combination", &in.seen));
  SMR_TRY(smr_arena_alloc(&job->arena, 1, sizeof *in.exclusion, "a combination", &in.exclusion));
  SMR_TRY(smr_settings_walk(&visitor, "", mapping));
  if (in.is_bad || in.is_never) {
    return SMR_OK;
  }
  if (in.exclusion->conditions == NULL) {
    if (in.n_held > 0) {
      smr_complaints_add(&job->complaints, mapping->place,
                         "with the overrides given, this takes out the whole sweep");
    }
    return SMR_OK;
  }
  **end = in.exclusion;
  *end = &in.exclusion->next;
  return SMR_OK;
}

smr_status smr_exclude_read(smr_job *job) {
  smr_exclusion **end = &job->exclusions;
  if (job->exclude == NULL) {
    return SMR_OK;
  }
  if (job->exclude->kind != SMR_NODE_LIST) {
    return read_combination(job, job->exclude, &end);
  }
  for (const smr_node *child = job->exclude->first; child != NULL; child = child->next) {
    SMR_TRY(read_combination(job, child, &end));
  }
  return SMR_OK;
}
