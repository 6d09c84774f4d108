/* Reads the values of all keys and lays out axes and dimensions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { NAME_LIMIT = 200 };
/* Far beyond what anybody can run, and far from overflow. */
static const int64_t cell_limit = INT64_C(1000000000000);

static smr_status read_slot(smr_job *job, smr_slot *slot) {
  smr_complaints *complaints = &job->complaints;
  const smr_node *node = slot->swept != NULL ? slot->swept : slot->given;
  node = node != NULL ? node : slot->fallback;
  char expected[SMR_EXPECT_BYTES];
  if (node == NULL && strcmp(slot->key->name, "experiment") == 0) {
    return SMR_OK; /* Said where the experiment was looked for. */
  }
  if (node == NULL) {
    smr_complaints_add(complaints, smr_settings_get_place(job, slot->key->name),
                       "%s is missing: it must be %s, and has no default", slot->key->name,
                       smr_value_expect(slot->key, expected));
    return SMR_OK;
  }
  if (slot->swept != NULL || smr_value_is_list(slot->key)) {
    return smr_list_read(&job->lists, slot->key, node, &slot->list, &slot->is_good);
  }
  bool is_axis_like =
      node->kind != SMR_NODE_SCALAR && (slot->key->flags & (SMR_KEY_RUN | SMR_KEY_NO_SWEEP)) == 0;
  if (is_axis_like) {
    smr_complaints_add(complaints, node->place,
                       "%s takes one value here, %s; to vary it, write it below sweep",
                       slot->key->name, smr_value_expect(slot->key, expected));
    return SMR_OK;
  }
  smr_value value = {0};
  slot->is_good = smr_value_read(complaints, slot->key, node, &value);
  if (slot->is_good) {
    SMR_TRY(smr_list_create(&job->arena, slot->key, 1, &slot->list));
    smr_list_set(slot->key, &slot->list, 0, value);
  }
  return SMR_OK;
}

/* The name becomes a folder's name. */
static void check_name(smr_job *job) {
  const smr_slot *slot = &job->slots[smr_job_find_slot(job, "name")];
  if (!slot->is_good) {
    return;
  }
  const char *name = slot->list.texts[0];
  bool is_bad = name[0] == '\0' || name[0] == '.' || strlen(name) > NAME_LIMIT;
  for (const char *at = name; *at != '\0'; at++) {
    is_bad = is_bad || *at == '/' || (unsigned char)*at < 0x20;
  }
  if (is_bad) {
    smr_complaints_add(&job->complaints, slot->given->place,
                       "name becomes the name of a folder: 1 to %d characters, none of them '/', "
                       "not beginning with '.'",
                       NAME_LIMIT);
  }
}

typedef struct {
  const smr_job *job;
  const int64_t *members;
  int64_t n_members;
} tuple_order;

static int compare_tuples(const void *left, const void *right, void *self) {
  const tuple_order *order = self;
  int64_t i = *(const int64_t *)left;
  int64_t j = *(const int64_t *)right;
  for (int64_t m = 0; m < order->n_members; m++) {
    const smr_slot *slot = &order->job->slots[order->members[m]];
    int sign = smr_list_compare(slot->key, &slot->list, i, j);
    if (sign != 0) {
      return sign;
    }
  }
  return 0;
}

/* By value, equal values by place. */
static int compare_stably(const void *left, const void *right, void *self) {
  int sign = compare_tuples(left, right, self);
  int64_t i = *(const int64_t *)left;
  int64_t j = *(const int64_t *)right;
  return sign != 0 ? sign : (i > j) - (i < j);
}

static smr_status sort_tuples(smr_job *job, tuple_order *order, int64_t n, int64_t **indices) {
  SMR_TRY(smr_arena_alloc(&job->arena, n, sizeof **indices, "the order of an axis", indices));
  for (int64_t i = 0; i < n; i++) {
    (*indices)[i] = i;
  }
  qsort_r(*indices, (size_t)n, sizeof **indices, compare_stably, order);
  return SMR_OK;
}

smr_status smr_sweep_sort(smr_job *job, smr_slot *slot) {
  if (slot->order != NULL) {
    return SMR_OK;
  }
  const int64_t index = slot - job->slots;
  tuple_order order = {job, &index, 1};
  return sort_tuples(job, &order, slot->list.n, &slot->order);
}

/* Node of value `index` where values were written one by one, else the whole. */
static const smr_node *find_value_node(const smr_node *node, int64_t index) {
  const smr_node *child = node->first;
  if (node->kind != SMR_NODE_LIST) {
    return node;
  }
  for (int64_t i = 0; i < index; i++) {
    child = child->next;
  }
  return child;
}

static smr_status complain_repeated(smr_job *job, const smr_slot *slot, int64_t index,
                                    bool is_tuple) {
  const smr_node *node = slot->swept != NULL ? slot->swept : slot->given;
  smr_text text = {0};
  char quote[SMR_QUOTE_BYTES];
  smr_status status =
      smr_value_add_text(slot->key, smr_list_get(slot->key, &slot->list, index), &text);
  if (status == SMR_OK) {
    smr_complaints_add(&job->complaints, find_value_node(node, index)->place,
                       is_tuple ? "this zip has a combination twice, with %s = %s"
                                : "%s has the value %s twice",
                       slot->key->name, smr_report_quote(text.data, quote));
  }
  smr_text_clear(&text);
  return status;
}

/* True when each value is greater than the one before: most axes are, and need no sorting. */
static bool is_rising(tuple_order *order, int64_t n) {
  bool is_so = true;
  for (int64_t i = 1; i < n && is_so; i++) {
    const int64_t before = i - 1;
    is_so = compare_tuples(&before, &i, order) < 0;
  }
  return is_so;
}

/* Every value of an axis, or combination of a zip, may be there once. */
static smr_status check_unique(smr_job *job, const int64_t *members, int64_t n_members) {
  smr_slot *slot = &job->slots[members[0]];
  tuple_order order = {job, members, n_members};
  int64_t n = slot->list.n;
  int64_t *indices = NULL;
  if (is_rising(&order, n)) {
    return SMR_OK;
  }
  SMR_TRY(sort_tuples(job, &order, n, &indices));
  if (n_members == 1) {
    slot->order = indices;
  }
  for (int64_t i = 1; i < n; i++) {
    if (compare_tuples(&indices[i - 1], &indices[i], &order) == 0) {
      return complain_repeated(job, slot, indices[i], n_members > 1);
    }
  }
  return SMR_OK;
}

/* Lengths of a zip's members. */
static bool is_even(smr_job *job, const smr_group *group) {
  const smr_slot *first = &job->slots[group->members[0]];
  for (int64_t i = 1; i < group->n_members; i++) {
    const smr_slot *slot = &job->slots[group->members[i]];
    if (slot->list.n != first->list.n) {
      smr_complaints_add(&job->complaints, smr_node_get_key_place(slot->swept),
                         "%s and %s are zipped, but list %" PRId64 " and %" PRId64 " values",
                         first->key->name, slot->key->name, first->list.n, slot->list.n);
      return false;
    }
  }
  return true;
}

static bool is_group_good(const smr_job *job, const smr_group *group) {
  bool is_good = true;
  for (int64_t i = 0; i < group->n_members; i++) {
    is_good = is_good && job->slots[group->members[i]].is_good;
  }
  return is_good;
}

static smr_status check_axes(smr_job *job) {
  for (const smr_group *group = job->groups; group != NULL; group = group->next) {
    if (is_group_good(job, group) && is_even(job, group)) {
      SMR_TRY(check_unique(job, group->members, group->n_members));
    }
  }
  for (int64_t i = 0; i < job->n_slots; i++) {
    const smr_slot *slot = &job->slots[i];
    if (smr_value_is_list(slot->key) && !slot->is_zipped && slot->is_good) {
      SMR_TRY(check_unique(job, &i, 1));
    }
  }
  return SMR_OK;
}

static smr_status fill_axis(smr_job *job, int64_t slot_index, int64_t dimension, bool is_inner) {
  smr_slot *slot = &job->slots[slot_index];
  smr_list *list = &slot->list;
  const char **texts = NULL;
  SMR_TRY(smr_list_get_texts(&job->arena, slot->key, list, &texts));
  if (smr_value_get_kind(slot->key) == SMR_KIND_INTEGER) {
    SMR_TRY(smr_arena_alloc(&job->arena, list->n, sizeof *list->reals, "an axis", &list->reals));
    for (int64_t i = 0; i < list->n; i++) {
      list->reals[i] = (double)list->integers[i];
    }
  }
  slot->axis = job->n_axes;
  job->axis_slots[job->n_axes] = slot_index;
  job->axes[job->n_axes++] = (smr_axis){.key = slot->key->name,
                                        .unit = slot->key->unit != NULL ? slot->key->unit : "",
                                        .meaning = slot->key->meaning,
                                        .type = smr_value_get_type(slot->key),
                                        .is_inner = is_inner,
                                        .dimension = dimension,
                                        .n = list->n,
                                        .reals = list->reals,
                                        .texts = texts};
  return SMR_OK;
}

static const char *get_last_part(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

/* An axis is named by the last part of its key, unless another one, or something else in the result
 * file, would have that name too. */
static void name_axes(smr_job *job) {
  static const char *const reserved[] = {"mode", "status"};
  for (int64_t i = 0; i < job->n_axes; i++) {
    const char *part = get_last_part(job->axes[i].key);
    bool is_taken = false;
    for (int64_t j = 0; j < job->n_axes; j++) {
      is_taken = is_taken || (i != j && strcmp(part, get_last_part(job->axes[j].key)) == 0);
    }
    for (size_t j = 0; j < sizeof reserved / sizeof reserved[0]; j++) {
      is_taken = is_taken || strcmp(part, reserved[j]) == 0;
    }
    for (const char *const *name = job->outputs; name != NULL && *name != NULL; name++) {
      is_taken = is_taken || strcmp(part, *name) == 0;
    }
    job->axes[i].name = is_taken ? job->axes[i].key : part;
  }
}

static smr_status lay_out_dimensions(smr_job *job) {
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_slots, sizeof *job->axes, "axes", &job->axes));
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_slots, sizeof *job->axis_slots, "axes",
                          &job->axis_slots));
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_slots, sizeof *job->dimensions, "dimensions",
                          &job->dimensions));
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_slots, sizeof *job->strides, "dimensions",
                          &job->strides));
  for (const smr_group *group = job->groups; group != NULL; group = group->next) {
    for (int64_t i = 0; i < group->n_members; i++) {
      SMR_TRY(fill_axis(job, group->members[i], job->n_dimensions, false));
    }
    job->dimensions[job->n_dimensions++] = job->slots[group->members[0]].list.n;
  }
  job->n_outer = job->n_axes;
  int64_t next = job->n_dimensions;
  for (int64_t i = 0; i < job->n_slots; i++) {
    if (smr_value_is_list(job->slots[i].key) && !job->slots[i].is_zipped) {
      job->dimensions[next] = job->slots[i].list.n;
      SMR_TRY(fill_axis(job, i, next++, true));
    }
  }
  name_axes(job);
  return SMR_OK;
}

static void count_cells(smr_job *job) {
  job->n_cells = 1;
  for (int64_t d = job->n_dimensions - 1; d >= 0; d--) {
    job->strides[d] = job->n_cells;
    bool is_too_many = __builtin_mul_overflow(job->n_cells, job->dimensions[d], &job->n_cells);
    if (is_too_many || job->n_cells > cell_limit) {
      smr_complaints_add(&job->complaints, smr_settings_get_place(job, "sweep"),
                         "this sweep has more than %" PRId64 " cells", cell_limit);
      return;
    }
  }
}

smr_status smr_sweep_read(smr_job *job) {
  for (int64_t i = 0; i < job->n_slots; i++) {
    SMR_TRY(read_slot(job, &job->slots[i]));
  }
  check_name(job);
  SMR_TRY(check_axes(job));
  if (job->complaints.n_mistakes == 0) {
    SMR_TRY(lay_out_dimensions(job));
    count_cells(job);
  }
  return SMR_OK;
}
