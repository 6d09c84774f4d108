/* How a state lies in a checkpoint: row blocks, checksums, and the text that describes them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint_file.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"

enum { BLOCK_BYTES = 1 << 20 };

const char *smr_checkpoint_get_type_name(smr_array_type type) {
  static const char *const names[] = {
      [SMR_F64] = "float64", [SMR_F32] = "float32", [SMR_I64] = "int64",
      [SMR_I32] = "int32",   [SMR_U8] = "uint8",    [SMR_TEXTS] = "texts"};
  return names[type];
}

const char *smr_checkpoint_describe(const smr_array *array, char *buffer, size_t bytes) {
  size_t used = 0;
  int n = snprintf(buffer, bytes, "%s [", smr_checkpoint_get_type_name(array->type));
  for (int d = 0; d < array->n_dimensions && n >= 0 && used + (size_t)n < bytes; d++) {
    used += (size_t)n;
    n = snprintf(buffer + used, bytes - used, "%s%" PRId64, d > 0 ? " x " : "", array->shape[d]);
  }
  if (n >= 0 && used + (size_t)n < bytes) {
    used += (size_t)n;
    snprintf(buffer + used, bytes - used, "]");
  }
  return buffer;
}

/* ---- One array. ---- */

static smr_status check_name(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  const size_t length = name == NULL ? 0 : strlen(name);
  if (length == 0 || length + sizeof SMR_CHECKPOINT_SUFFIX > SMR_CHECKPOINT_NAME_BYTES ||
      strspn(name, letters) != length) {
    SMR_FAIL(SMR_ERR_INTERNAL, "\"%s\" can't be the name of an array in a checkpoint",
             name == NULL ? "" : name);
  }
  return SMR_OK;
}

smr_status smr_checkpoint_cut(const smr_array *array, smr_checkpoint_array *out) {
  int64_t n = 0;
  SMR_TRY(check_name(array->name));
  if (array->type == SMR_TEXTS) {
    SMR_FAIL(SMR_ERR_INTERNAL, "%s: texts can't be part of a checkpoint", array->name);
  }
  SMR_TRY(smr_h5_count_elements(array, &n));
  *out = (smr_checkpoint_array){.array = *array};
  for (int d = 0; d < SMR_ARRAY_DIMENSIONS; d++) {
    out->array.dimensions[d] = NULL;
  }
  out->array.unit = NULL;
  out->array.meaning = NULL;
  out->array.is_measured_time = false;
  out->array.data = NULL;
  out->n_rows = array->n_dimensions == 0 ? 1 : array->shape[0];
  out->row_bytes = n > 0 ? n / out->n_rows * (int64_t)smr_h5_get_bytes(array->type) : 0;
  out->block_rows = out->row_bytes > 0 ? smr_int_max(1, BLOCK_BYTES / out->row_bytes)
                                       : smr_int_max(1, out->n_rows);
  out->n_blocks = out->row_bytes > 0 ? smr_int_ceil_divide(out->n_rows, out->block_rows) : 0;
  snprintf(out->crc_name, sizeof out->crc_name, "%s" SMR_CHECKPOINT_SUFFIX, array->name);
  return SMR_OK;
}

int64_t smr_checkpoint_get_block_rows(const smr_checkpoint_array *array, int64_t block) {
  return smr_int_min(array->block_rows, array->n_rows - block * array->block_rows);
}

uint32_t smr_checkpoint_sum_table(const smr_checkpoint_array *array) {
  return smr_crc32(0, array->crcs, (size_t)array->n_blocks * sizeof *array->crcs);
}

smr_status smr_checkpoint_make_line(const smr_checkpoint_array *array,
                                    char line[SMR_CHECKPOINT_LINE_BYTES]) {
  char shape[SMR_CHECKPOINT_LINE_BYTES / 2];
  const int length =
      snprintf(line, SMR_CHECKPOINT_LINE_BYTES, "%s %s rows %" PRId64 " crc32 %08" PRIx32,
               array->array.name, smr_checkpoint_describe(&array->array, shape, sizeof shape),
               array->block_rows, smr_checkpoint_sum_table(array));
  if (length < 0 || length >= SMR_CHECKPOINT_LINE_BYTES) {
    SMR_FAIL(SMR_ERR_LIMIT, "the description of %s is too long", array->array.name);
  }
  return SMR_OK;
}

uint32_t smr_checkpoint_sum_description(const char *format, const char *identity, const char *step,
                                        const char *arrays) {
  const char *const parts[] = {format, identity, step, arrays};
  uint32_t crc = 0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    crc = smr_crc32(crc, parts[i], strlen(parts[i]) + 1);
  }
  return crc;
}

/* ---- A state over the ranks. ---- */

static smr_status lay_out_local(const smr_state *state, smr_checkpoint_layout *layout) {
  *layout = (smr_checkpoint_layout){0};
  if (state->n < 0 || state->n > SMR_STATE_ARRAYS) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a checkpoint has %d arrays at most", (int)SMR_STATE_ARRAYS);
  }
  for (int64_t i = 0; i < state->n; i++) {
    const smr_state_array *from = &state->arrays[i];
    smr_checkpoint_array *to = &layout->arrays[i];
    SMR_TRY(smr_checkpoint_cut(&from->array, to));
    for (int64_t k = 0; k < i; k++) {
      if (strcmp(layout->arrays[k].array.name, to->array.name) == 0) {
        SMR_FAIL(SMR_ERR_INTERNAL, "two arrays of a checkpoint are named %s", to->array.name);
      }
    }
    to->data = from->array.data;
    to->first = from->is_distributed ? from->first_row : 0;
    to->count = from->is_distributed ? from->n_rows : to->n_rows;
    if (from->is_distributed && from->array.n_dimensions == 0) {
      SMR_FAIL(SMR_ERR_INTERNAL, "%s has no rows to distribute", to->array.name);
    }
    if (to->count > 0 && to->row_bytes > 0 && to->data == NULL) {
      SMR_FAIL(SMR_ERR_INTERNAL, "array %s of a checkpoint has no data", to->array.name);
    }
    SMR_TRY(smr_int_add(layout->bytes, to->n_rows * to->row_bytes, "bytes of a checkpoint",
                        &layout->bytes));
  }
  layout->n = state->n;
  return SMR_OK;
}

/* Names, types, shapes: the same on all ranks. */
static uint32_t sum_signature(const smr_state *state, const smr_checkpoint_layout *layout) {
  uint32_t crc = 0;
  char text[SMR_CHECKPOINT_LINE_BYTES];
  for (int64_t i = 0; i < layout->n; i++) {
    const smr_array *array = &layout->arrays[i].array;
    const unsigned char flag = state->arrays[i].is_distributed;
    crc = smr_crc32(crc, array->name, strlen(array->name) + 1);
    smr_checkpoint_describe(array, text, sizeof text);
    crc = smr_crc32(crc, text, strlen(text) + 1);
    crc = smr_crc32(crc, &flag, 1);
  }
  return crc;
}

/* One column of `all` [size x width]: what each rank says of array i. */
static smr_status check_cover(const smr_checkpoint_array *array, int size, int64_t width,
                              const int64_t *all, int64_t *largest) {
  int64_t next = 0;
  for (int r = 0; all != NULL && r < size; r++) {
    const int64_t first = all[r * width], count = all[r * width + 1];
    if (count < 0 || count > array->n_rows - next || (count > 0 && first != next)) {
      SMR_FAIL(SMR_ERR_INTERNAL,
               "rank %d of a group gives %" PRId64 " rows from row %" PRId64
               " on of %s, where row %" PRId64 " of %" PRId64 " is next",
               r, count, first, array->array.name, next, array->n_rows);
    }
    next += count;
    *largest = smr_int_max(*largest, count);
  }
  if (next != array->n_rows) {
    SMR_FAIL(SMR_ERR_INTERNAL, "nobody gives row %" PRId64 " of %s", next, array->array.name);
  }
  return SMR_OK;
}

/* The same decision on every rank: all look at the same numbers. */
static smr_status check_all(const smr_context *context, const smr_state *state,
                            const smr_checkpoint_layout *layout, const int64_t *all,
                            int64_t *largest) {
  const int64_t width = 1 + 2 * layout->n;
  for (int r = 1; all != NULL && r < context->size; r++) {
    if (all[r * width] != all[0]) {
      SMR_FAIL(SMR_ERR_INTERNAL, "ranks disagree on the arrays of a checkpoint");
    }
  }
  for (int64_t i = 0; i < layout->n; i++) {
    largest[i] = 0;
    if (state->arrays[i].is_distributed) {
      SMR_TRY(check_cover(&layout->arrays[i], context->size, width, all + 1 + 2 * i, &largest[i]));
    }
  }
  return SMR_OK;
}

static void share_replicated(const smr_context *context, const smr_state *state, bool is_spread,
                             smr_checkpoint_layout *layout, int64_t *largest) {
  for (int64_t i = 0; i < layout->n; i++) {
    smr_checkpoint_array *array = &layout->arrays[i];
    if (state->arrays[i].is_distributed) {
      continue;
    }
    array->first = 0;
    array->count = context->rank == 0 ? array->n_rows : 0;
    largest[i] = array->n_rows;
    if (is_spread) {
      smr_int_share(array->n_rows, context->size, context->rank, &array->first, &array->count);
      largest[i] = smr_int_ceil_divide(array->n_rows, context->size);
      array->data += array->data == NULL ? 0 : array->first * array->row_bytes;
    }
  }
}

smr_status smr_checkpoint_lay_out(const smr_context *context, const smr_state *state,
                                  bool is_spread, smr_checkpoint_layout *layout,
                                  int64_t largest[SMR_STATE_ARRAYS]) {
  int64_t mine[1 + 2 * SMR_STATE_ARRAYS] = {0}, *all = NULL;
  smr_status status = lay_out_local(state, layout);
  if (status == SMR_OK) {
    status = smr_memory_alloc(context->size, sizeof mine, "rows of all ranks", &all);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  mine[0] = (int64_t)sum_signature(state, layout);
  for (int64_t i = 0; i < layout->n; i++) {
    mine[1 + 2 * i] = layout->arrays[i].first;
    mine[2 + 2 * i] = layout->arrays[i].count;
  }
  /* Ranks that disagree on n must not end up in different collectives. */
  int64_t n = layout->n;
  smr_broadcast(context, 0, &n, sizeof n);
  if (n != layout->n) {
    status = smr_error_set(SMR_ERR_INTERNAL, "ranks disagree on the arrays of a checkpoint");
  }
  SMR_TRY_DONE(smr_agree(context, status));
  smr_gather_counts(context, (int)(1 + 2 * layout->n), mine, all);
  SMR_TRY_DONE(check_all(context, state, layout, all, largest));
  share_replicated(context, state, is_spread, layout, largest);
done:
  smr_memory_free(all);
  return status;
}

/* ---- Contents. ---- */

static smr_status add_arrays(const smr_checkpoint_layout *layout, bool has_data,
                             smr_checkpoint_contents *out) {
  char line[SMR_CHECKPOINT_LINE_BYTES];
  int64_t n = 0;
  SMR_TRY(smr_text_add(&out->lines, "%s", ""));
  for (int64_t i = 0; i < layout->n; i++) {
    const smr_checkpoint_array *array = &layout->arrays[i];
    void *data = NULL;
    if (has_data) {
      memcpy(&data, &array->data, sizeof data); /* borrowed, and only read */
    }
    SMR_TRY(smr_checkpoint_make_line(array, line));
    SMR_TRY(smr_text_add(&out->lines, "%s\n", line));
    out->arrays[n] = array->array;
    out->arrays[n++].data = data;
    out->arrays[n++] = (smr_array){.name = array->crc_name,
                                   .type = SMR_I64,
                                   .n_dimensions = 1,
                                   .shape = {array->n_blocks},
                                   .data = array->crcs};
  }
  return SMR_OK;
}

smr_status smr_checkpoint_contents_init(const smr_checkpoint_layout *layout, const char *identity,
                                        int64_t step, bool has_data, smr_checkpoint_contents *out) {
  char format_text[32], step_text[32];
  *out = (smr_checkpoint_contents){0};
  SMR_TRY(add_arrays(layout, has_data, out));
  snprintf(format_text, sizeof format_text, "%d", (int)SMR_CHECKPOINT_FORMAT);
  snprintf(step_text, sizeof step_text, "%" PRId64, step);
  const uint32_t crc =
      smr_checkpoint_sum_description(format_text, identity, step_text, out->lines.data);
  const smr_attribute attributes[SMR_CHECKPOINT_ATTRIBUTES] = {
      {.name = "title", .text = "a checkpoint of simmer"},
      {.name = "format_version", .is_integer = true, .integer = SMR_CHECKPOINT_FORMAT},
      {.name = "identity", .text = identity},
      {.name = "step", .is_integer = true, .integer = step},
      {.name = "arrays", .text = out->lines.data},
      {.name = "description_crc32", .is_integer = true, .integer = (int64_t)crc}};
  memcpy(out->attributes, attributes, sizeof attributes);
  out->contents = (smr_h5_contents){.n_arrays = 2 * layout->n,
                                    .arrays = out->arrays,
                                    .n_attributes = SMR_CHECKPOINT_ATTRIBUTES,
                                    .attributes = out->attributes};
  return SMR_OK;
}

void smr_checkpoint_contents_clear(smr_checkpoint_contents *contents) {
  smr_text_clear(&contents->lines);
}
