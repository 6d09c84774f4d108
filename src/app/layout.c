/* Dimensions, coordinates and attributes of results.h5. */
#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "provenance.h"
#include "simmer/base/memory.h"

struct smr_layout {
  smr_results_layout results;
  int reduced;
  int64_t n_owned;
  smr_array *coordinates;
  void **owned; /* converted values, one a coordinate */
  smr_provenance *provenance;
};

/* Values of an axis in the type that suits it. */
static smr_status convert_axis(const smr_axis *axis, smr_array *array, void **owned) {
  if (axis->type == SMR_KEY_INT || axis->type == SMR_KEY_INTS || axis->type == SMR_KEY_BYTES) {
    int64_t *values = NULL;
    SMR_TRY(smr_memory_alloc(axis->n, sizeof *values, "coordinate", &values));
    for (int64_t i = 0; i < axis->n; ++i) {
      values[i] = (int64_t)axis->reals[i];
    }
    *owned = values;
    array->type = SMR_I64;
  } else if (axis->type == SMR_KEY_REAL || axis->type == SMR_KEY_REALS ||
             axis->type == SMR_KEY_DURATION) {
    double *values = NULL;
    SMR_TRY(smr_memory_alloc(axis->n, sizeof *values, "coordinate", &values));
    memcpy(values, axis->reals, (size_t)axis->n * sizeof *values);
    *owned = values;
    array->type = SMR_F64;
  } else {
    const char **values = NULL;
    SMR_TRY(smr_memory_alloc(axis->n, sizeof *values, "coordinate", &values));
    memcpy(values, axis->texts, (size_t)axis->n * sizeof *values);
    *owned = values;
    array->type = SMR_TEXTS;
  }
  array->data = *owned;
  return SMR_OK;
}

static smr_status add_axis(smr_layout *layout, const smr_axis *axis) {
  smr_array *array = &layout->coordinates[layout->n_owned];
  *array = (smr_array){.name = axis->name,
                       .n_dimensions = 1,
                       .shape = {axis->n},
                       .dimensions = {axis->name},
                       .unit = axis->unit,
                       .meaning = axis->meaning};
  SMR_TRY(convert_axis(axis, array, &layout->owned[layout->n_owned]));
  layout->n_owned++;
  if (axis->is_inner) {
    return SMR_OK;
  }
  const int64_t d = axis->dimension;
  if (d >= SMR_ARRAY_DIMENSIONS - SMR_OUTPUT_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT, "a sweep may have %d outer axes at most",
             SMR_ARRAY_DIMENSIONS - SMR_OUTPUT_DIMENSIONS);
  }
  smr_results_layout *results = &layout->results;
  if (results->outer_names[d] == NULL) {
    results->outer_names[d] = axis->name;
    results->outer_shape[d] = axis->n;
  }
  array->dimensions[0] = results->outer_names[d];
  return SMR_OK;
}

/* Words of an inner dimension; NULL when it has none. */
static const char *const *find_words(const smr_output_labels *labels, const char *dimension) {
  for (; labels != NULL && labels->dimension != NULL; ++labels) {
    if (strcmp(labels->dimension, dimension) == 0) {
      return labels->words;
    }
  }
  return NULL;
}

static smr_status add_words(smr_layout *layout, const smr_inner_dimension *dimension,
                            const char *const *words) {
  const char **values = NULL;
  SMR_TRY(smr_memory_alloc(dimension->n, sizeof *values, "coordinate", &values));
  memcpy(values, words, (size_t)dimension->n * sizeof *values);
  layout->coordinates[layout->n_owned] = (smr_array){.name = dimension->name,
                                                     .type = SMR_TEXTS,
                                                     .n_dimensions = 1,
                                                     .shape = {dimension->n},
                                                     .dimensions = {dimension->name},
                                                     .data = values};
  layout->owned[layout->n_owned++] = values;
  return SMR_OK;
}

/* Inner dimensions that belong to no key ("mode") count from 1, or have words. */
static smr_status add_counter(smr_layout *layout, const smr_inner_dimension *dimension,
                              const smr_output_labels *labels) {
  for (int64_t i = 0; i < layout->n_owned; ++i) {
    if (strcmp(layout->coordinates[i].name, dimension->name) == 0) {
      return SMR_OK;
    }
  }
  const char *const *words = find_words(labels, dimension->name);
  if (words != NULL) {
    return add_words(layout, dimension, words);
  }
  int64_t *values = NULL;
  SMR_TRY(smr_memory_alloc(dimension->n, sizeof *values, "coordinate", &values));
  for (int64_t i = 0; i < dimension->n; ++i) {
    values[i] = i + 1;
  }
  layout->coordinates[layout->n_owned] = (smr_array){.name = dimension->name,
                                                     .type = SMR_I64,
                                                     .n_dimensions = 1,
                                                     .shape = {dimension->n},
                                                     .dimensions = {dimension->name},
                                                     .meaning = "number, from 1",
                                                     .data = values};
  layout->owned[layout->n_owned++] = values;
  return SMR_OK;
}

static int find_reduced(const smr_job *job) {
  int dimension = -1, members = 0;
  for (int64_t i = 0; i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    if (!axis->is_inner && strcmp(axis->key, "replicate") == 0) {
      dimension = (int)axis->dimension;
    }
  }
  for (int64_t i = 0; dimension >= 0 && i < smr_job_count_axes(job); ++i) {
    const smr_axis *axis = smr_job_get_axis(job, i);
    members += !axis->is_inner && axis->dimension == dimension;
  }
  return members == 1 ? dimension : -1;
}

static smr_status add_coordinates(smr_layout *layout, const smr_job *job, const smr_schema *schema,
                                  const smr_output_labels *labels) {
  const int64_t n_axes = smr_job_count_axes(job);
  int64_t most = n_axes + schema->n_dimensions;
  SMR_TRY(smr_memory_alloc(most, sizeof(smr_array), "coordinates", &layout->coordinates));
  SMR_TRY(smr_memory_alloc(most, sizeof(void *), "coordinates", &layout->owned));
  for (int64_t i = 0; i < n_axes; ++i) {
    SMR_TRY(add_axis(layout, smr_job_get_axis(job, i)));
  }
  for (int64_t i = 0; i < schema->n_dimensions; ++i) {
    SMR_TRY(add_counter(layout, &schema->dimensions[i], labels));
  }
  return SMR_OK;
}

smr_status smr_layout_create(const char *folder, const smr_units *units, const smr_schema *schema,
                             smr_layout **out) {
  smr_layout *layout = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *layout, "result layout", &layout));
  smr_status status = SMR_OK;
  SMR_TRY_DONE(add_coordinates(layout, units->job, schema, units->experiment->labels));
  SMR_TRY_DONE(
      smr_provenance_create(folder, units->job, units->experiment, NULL, &layout->provenance));
  layout->results.attributes =
      smr_provenance_get(layout->provenance, &layout->results.n_attributes);
  layout->results.n_outer = (int)smr_job_count_dimensions(units->job);
  layout->results.n_coordinates = layout->n_owned;
  layout->results.coordinates = layout->coordinates;
  layout->results.schema = schema;
  layout->results.flags = units->experiment->flags;
  layout->reduced = find_reduced(units->job);
done:
  if (status != SMR_OK) {
    smr_layout_destroy(&layout);
  }
  *out = layout;
  return status;
}

void smr_layout_destroy(smr_layout **layout) {
  smr_layout *l = *layout;
  if (l == NULL) {
    return;
  }
  for (int64_t i = 0; i < l->n_owned; ++i) {
    smr_memory_free(l->owned[i]);
  }
  smr_memory_free(l->owned);
  smr_memory_free(l->coordinates);
  smr_provenance_destroy(&l->provenance);
  smr_memory_free(l);
  *layout = NULL;
}

const smr_results_layout *smr_layout_get(const smr_layout *layout) {
  return &layout->results;
}

int smr_layout_get_reduced(const smr_layout *layout) {
  return layout->reduced;
}
