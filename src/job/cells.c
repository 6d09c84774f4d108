/* Cells of the grid: configurations and descriptions. */
#include <stdio.h>
#include <string.h>

#include "model.h"

/* Puts value `index` of a list where a struct keeps it. */
static void store_value(smr_key_type type, void *field, const smr_list *list, int64_t index) {
  smr_ints ints = {1, NULL};
  smr_reals reals = {1, NULL};
  bool is_true = false;
  int choice = 0;
  switch (type) {
  case SMR_KEY_BOOL:
    is_true = list->integers[index] != 0;
    memcpy(field, &is_true, sizeof is_true);
    break;
  case SMR_KEY_CHOICE:
    choice = (int)list->integers[index];
    memcpy(field, &choice, sizeof choice);
    break;
  case SMR_KEY_INT:
  case SMR_KEY_BYTES:
    memcpy(field, &list->integers[index], sizeof(int64_t));
    break;
  case SMR_KEY_REAL:
  case SMR_KEY_DURATION:
    memcpy(field, &list->reals[index], sizeof(double));
    break;
  case SMR_KEY_STRING:
    memcpy(field, &list->texts[index], sizeof(const char *));
    break;
  case SMR_KEY_INTS:
    ints.values = &list->integers[index];
    memcpy(field, &ints, sizeof ints);
    break;
  case SMR_KEY_REALS:
    reals.values = &list->reals[index];
    memcpy(field, &reals, sizeof reals);
    break;
  }
}

/* A key's value in the template: the first one of an outer axis, all of an inner one. */
static void store_slot(smr_job *job, const smr_slot *slot) {
  char *base = slot->is_common ? (char *)&job->common : (char *)job->config;
  void *field = base + slot->key->offset;
  const smr_ints ints = {slot->list.n, slot->list.integers};
  const smr_reals reals = {slot->list.n, slot->list.reals};
  if (slot->key->type == SMR_KEY_INTS && !slot->is_zipped) {
    memcpy(field, &ints, sizeof ints);
  } else if (slot->key->type == SMR_KEY_REALS && !slot->is_zipped) {
    memcpy(field, &reals, sizeof reals);
  } else {
    store_value(slot->key->type, field, &slot->list, 0);
  }
}

smr_status smr_cells_prepare(smr_job *job) {
  SMR_TRY(smr_arena_alloc(&job->arena, (int64_t)job->table->config_bytes, 1, "a configuration",
                          &job->config));
  SMR_TRY(smr_arena_alloc(&job->arena, job->n_outer, sizeof *job->stores, "axes", &job->stores));
  for (int64_t i = 0; i < job->n_slots; i++) {
    store_slot(job, &job->slots[i]);
  }
  for (int64_t i = 0; i < job->n_outer; i++) {
    const smr_slot *slot = &job->slots[job->axis_slots[i]];
    const smr_axis *axis = &job->axes[i];
    job->stores[i] = (smr_store){slot->key->type,   slot->is_common,
                                 slot->key->offset, job->strides[axis->dimension],
                                 axis->n,           &slot->list};
  }
  return SMR_OK;
}

void smr_job_configure(const smr_job *job, int64_t cell, smr_common_config *common, void *config) {
  if (common != NULL) {
    *common = job->common;
  }
  if (config != NULL) {
    memcpy(config, job->config, job->table->config_bytes);
  }
  for (int64_t i = 0; i < job->n_outer; i++) {
    const smr_store *store = &job->stores[i];
    char *base = store->is_common ? (char *)common : (char *)config;
    if (base != NULL) {
      store_value(store->type, base + store->offset, store->list, cell / store->stride % store->n);
    }
  }
}

static bool holds(const smr_condition *condition, int64_t index) {
  int64_t low = 0;
  int64_t high = condition->n;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (condition->indices[middle] < index) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < condition->n && condition->indices[low] == index;
}

int smr_job_is_excluded(const smr_job *job, int64_t cell) {
  for (const smr_exclusion *e = job->exclusions; e != NULL; e = e->next) {
    bool is_match = true;
    for (const smr_condition *c = e->conditions; c != NULL && is_match; c = c->next) {
      is_match = holds(c, cell / job->strides[c->dimension] % job->dimensions[c->dimension]);
    }
    if (is_match) {
      return 1;
    }
  }
  return 0;
}

const char *smr_job_describe(const smr_job *job, int64_t cell, char *buffer, size_t buffer_bytes) {
  size_t used = 0;
  snprintf(buffer, buffer_bytes, "%s", job->n_outer == 0 ? "1 of 1" : "");
  for (int64_t i = 0; i < job->n_outer && used + 1 < buffer_bytes; i++) {
    const smr_axis *axis = &job->axes[i];
    int64_t index = cell / job->strides[axis->dimension] % axis->n;
    int more = snprintf(buffer + used, buffer_bytes - used, "%s%s=%s", i > 0 ? " " : "", axis->name,
                        axis->texts[index]);
    used += more > 0 ? (size_t)more : 0;
  }
  return buffer;
}

int64_t smr_job_get_experiment(const smr_job *job) {
  return job->experiment;
}

const smr_common_config *smr_job_get_common(const smr_job *job) {
  return &job->common;
}

const char *smr_job_get_yaml(const smr_job *job) {
  return job->yaml;
}

const char *smr_job_get_fixed_keys(const smr_job *job) {
  return job->fixed_keys;
}

int64_t smr_job_count_axes(const smr_job *job) {
  return job->n_axes;
}

const smr_axis *smr_job_get_axis(const smr_job *job, int64_t index) {
  return &job->axes[index];
}

int64_t smr_job_count_dimensions(const smr_job *job) {
  return job->n_dimensions;
}

int64_t smr_job_get_dimension(const smr_job *job, int64_t dimension) {
  return job->dimensions[dimension];
}

int64_t smr_job_count_cells(const smr_job *job) {
  return job->n_cells;
}
