/* Reading checkpoints: nothing is believed before its checksums agree.
 *
 * Rank 0 reads a small file and spreads its bytes; a big one is opened by every rank, which checks
 * its share of the row blocks and reads its rows. HDF5 works serially on each rank. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array_file.h"
#include "checkpoint_file.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static const int64_t largest_spread = INT64_C(64) << 20;

struct smr_checkpoint {
  const smr_context *context;
  char path[SMR_PATH_BYTES];
  int64_t step;
  char *identity;
  smr_arrays *arrays;
  char *image; /* bytes of a small file, NULL for a big one */
  int64_t n;
  smr_checkpoint_array entries[SMR_STATE_ARRAYS];
};

/* ---- The file on every rank. ---- */

/* Rank 0 alone: the bytes of a small file; *bytes = -1 for a big one. */
static smr_status read_small(smr_checkpoint *c, int64_t largest, int64_t *bytes) {
  size_t n = 0;
  *bytes = smr_file_get_size(c->path);
  if (*bytes > largest || smr_fault("checkpoint.big")) {
    *bytes = -1;
    return SMR_OK;
  }
  SMR_TRY(smr_file_read(c->path, INT64_MAX, &c->image, &n));
  *bytes = (int64_t)n;
  return SMR_OK;
}

static smr_status open_local(smr_checkpoint *c, int64_t bytes) {
  if (smr_fault("checkpoint.read")) {
    SMR_FAIL(SMR_ERR_IO, "cannot read %s: a fault that a test asked for", c->path);
  }
  if (bytes < 0) {
    return smr_arrays_open_unsealed(c->path, &c->arrays);
  }
  return smr_arrays_open_image(c->image, (size_t)bytes, c->path, &c->arrays);
}

static smr_status open_everywhere(smr_checkpoint *c, int64_t largest) {
  const smr_context *context = c->context;
  smr_status status = SMR_OK;
  int64_t bytes = 0;
  if (context->rank == 0) {
    status = read_small(c, largest, &bytes);
  }
  SMR_TRY(smr_agree_root(context, 0, status));
  smr_broadcast(context, 0, &bytes, sizeof bytes);
  if (bytes >= 0 && context->rank != 0) {
    status = smr_memory_alloc(bytes, 1, "a checkpoint", &c->image);
  }
  SMR_TRY(smr_agree(context, status));
  if (bytes > 0) {
    smr_broadcast(context, 0, c->image, (size_t)bytes);
  }
  return smr_agree(context, open_local(c, bytes));
}

/* ---- Description. All local. ---- */

static smr_status fail_damaged(const smr_checkpoint *c, const char *why) {
  return smr_error_set(SMR_ERR_CORRUPT, "%s is damaged: %s", c->path, why);
}

/* What simmer wrote can be read, or the file is damaged. Memory and access are other matters. */
static smr_status judge(const smr_checkpoint *c, smr_status status) {
  if (status == SMR_OK || status == SMR_ERR_MEMORY || status == SMR_ERR_IO ||
      status == SMR_ERR_CORRUPT) {
    return status;
  }
  return smr_error_set(SMR_ERR_CORRUPT, "%s isn't a whole checkpoint: %s", c->path,
                       smr_error_message());
}

/* One line "NAME type [shape] rows N crc32 X": true when the file has just that. */
static smr_status read_entry(smr_checkpoint *c, const char *line, size_t length) {
  char name[SMR_CHECKPOINT_NAME_BYTES], expected[SMR_CHECKPOINT_LINE_BYTES];
  smr_checkpoint_array *entry = &c->entries[c->n];
  smr_array array, table;
  const size_t n_name = strcspn(line, " ");
  if (c->n == SMR_STATE_ARRAYS || n_name >= sizeof name || n_name >= length) {
    return fail_damaged(c, "its list of arrays can't be read");
  }
  memcpy(name, line, n_name);
  name[n_name] = '\0';
  SMR_TRY(smr_arrays_inspect(c->arrays, name, &array));
  SMR_TRY(smr_checkpoint_cut(&array, entry));
  SMR_TRY(smr_arrays_inspect(c->arrays, entry->crc_name, &table));
  if (table.type != SMR_I64 || table.n_dimensions != 1 || table.shape[0] != entry->n_blocks) {
    return fail_damaged(c, "its checksums don't fit its arrays");
  }
  SMR_TRY(smr_memory_alloc(entry->n_blocks, sizeof *entry->crcs, "checksums", &entry->crcs));
  c->n++;
  SMR_TRY(smr_arrays_read(c->arrays, entry->crc_name, SMR_I64, 0, entry->n_blocks, entry->crcs));
  SMR_TRY(smr_checkpoint_make_line(entry, expected));
  if (strlen(expected) != length || memcmp(expected, line, length) != 0) {
    return fail_damaged(c, "its arrays aren't those that it lists");
  }
  return SMR_OK;
}

static smr_status read_entries(smr_checkpoint *c, const char *lines) {
  while (*lines != '\0') {
    const size_t length = strcspn(lines, "\n");
    SMR_TRY(read_entry(c, lines, length));
    lines += length + (lines[length] == '\n');
  }
  return SMR_OK;
}

/* The root attributes that the description's checksum covers, and the checksum. */
typedef struct {
  char *format, *step, *arrays, *crc;
} description;

static smr_status check_description(smr_checkpoint *c, const description *d, int64_t step) {
  char text[32];
  const uint32_t crc = smr_checkpoint_sum_description(d->format, c->identity, d->step, d->arrays);
  snprintf(text, sizeof text, "%" PRIu32, crc);
  if (strcmp(text, d->crc) != 0) {
    return fail_damaged(c, "the checksum of its description doesn't fit");
  }
  c->step = strtoll(d->step, NULL, 10);
  if (c->step != step) {
    return fail_damaged(c, "it is of another step than its name says");
  }
  return SMR_OK;
}

static smr_status read_description(smr_checkpoint *c, int64_t step) {
  smr_status status = SMR_OK;
  description d = {0};
  SMR_TRY_DONE(smr_arrays_read_attribute(c->arrays, "format_version", &d.format));
  SMR_TRY_DONE(smr_arrays_read_attribute(c->arrays, "identity", &c->identity));
  SMR_TRY_DONE(smr_arrays_read_attribute(c->arrays, "step", &d.step));
  SMR_TRY_DONE(smr_arrays_read_attribute(c->arrays, "arrays", &d.arrays));
  SMR_TRY_DONE(smr_arrays_read_attribute(c->arrays, "description_crc32", &d.crc));
  SMR_TRY_DONE(check_description(c, &d, step));
  if (strtol(d.format, NULL, 10) != SMR_CHECKPOINT_FORMAT) {
    /* Whole, and not to be set aside. */
    status = smr_error_set(SMR_ERR_IO, "%s has format %s, and this simmer reads format %d", c->path,
                           d.format, (int)SMR_CHECKPOINT_FORMAT);
    goto done;
  }
  SMR_TRY_DONE(read_entries(c, d.arrays));
done:
  smr_memory_free(d.format);
  smr_memory_free(d.step);
  smr_memory_free(d.arrays);
  smr_memory_free(d.crc);
  return judge(c, status);
}

/* ---- Values. ---- */

static smr_status check_block(smr_checkpoint *c, const smr_checkpoint_array *entry, int64_t block,
                              void *buffer) {
  const int64_t rows = smr_checkpoint_get_block_rows(entry, block);
  SMR_TRY(smr_arrays_read(c->arrays, entry->array.name, entry->array.type,
                          block * entry->block_rows, rows, buffer));
  const uint32_t crc = smr_crc32(0, buffer, (size_t)(rows * entry->row_bytes));
  if ((int64_t)crc != entry->crcs[block]) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s is damaged: the checksum of %s doesn't fit in block %" PRId64,
             c->path, entry->array.name, block);
  }
  return SMR_OK;
}

/* Blocks first..first+count-1 of all arrays, counted through. */
static smr_status check_blocks(smr_checkpoint *c, int64_t first, int64_t count, void *buffer) {
  int64_t start = 0;
  for (int64_t i = 0; i < c->n; i++) {
    const smr_checkpoint_array *entry = &c->entries[i];
    const int64_t from = smr_int_max(first - start, 0);
    const int64_t to = smr_int_min(first + count - start, entry->n_blocks);
    for (int64_t b = from; b < to; b++) {
      SMR_TRY(check_block(c, entry, b, buffer));
    }
    start += entry->n_blocks;
  }
  return SMR_OK;
}

/* This rank's share of all blocks. Local. */
static smr_status check_values(smr_checkpoint *c) {
  int64_t n = 0, bytes = 0, first = 0, count = 0;
  char *buffer = NULL;
  for (int64_t i = 0; i < c->n; i++) {
    const smr_checkpoint_array *entry = &c->entries[i];
    n += entry->n_blocks;
    bytes = smr_int_max(bytes, smr_int_min(entry->block_rows, entry->n_rows) * entry->row_bytes);
  }
  SMR_TRY(smr_memory_alloc(bytes, 1, "a block of a checkpoint", &buffer));
  smr_int_share(n, c->context->size, c->context->rank, &first, &count);
  const smr_status status = check_blocks(c, first, count, buffer);
  smr_memory_free(buffer);
  return judge(c, status);
}

/* ---- Opening. ---- */

/* A file up to `largest` bytes is read by rank 0 alone. Collective. */
static smr_status open_path(const smr_context *context, const char *path, int64_t step,
                            int64_t largest, smr_checkpoint **out) {
  smr_checkpoint *c = NULL;
  *out = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *c, "a checkpoint", &c);
  if (status == SMR_OK) {
    c->context = context;
    snprintf(c->path, sizeof c->path, "%s", path);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  SMR_TRY_DONE(open_everywhere(c, largest));
  SMR_TRY_DONE(smr_agree(context, read_description(c, step)));
  SMR_TRY_DONE(smr_agree(context, check_values(c)));
  *out = c;
  c = NULL;
done:
  smr_checkpoint_close(&c);
  return status;
}

smr_status smr_checkpoint_open_file(const smr_context *context, const char *folder, int64_t step,
                                    smr_checkpoint **out) {
  char path[SMR_PATH_BYTES];
  *out = NULL;
  SMR_TRY(smr_agree(context, smr_checkpoint_make_path(folder, step, path)));
  return open_path(context, path, step, largest_spread, out);
}

smr_status smr_checkpoint_verify(const smr_context *context, const char *path, int64_t step) {
  smr_checkpoint *checkpoint = NULL;
  const smr_status status = open_path(context, path, step, -1, &checkpoint);
  smr_checkpoint_close(&checkpoint);
  return status;
}

/* The newest whole one; NULL if there is none. Collective. */
static smr_status open_newest(const smr_context *context, const char *folder, const int64_t *steps,
                              int64_t n, smr_checkpoint **out) {
  char path[SMR_PATH_BYTES];
  for (int64_t i = 0; i < n; i++) {
    const smr_status status = smr_checkpoint_open_file(context, folder, steps[i], out);
    if (status != SMR_ERR_CORRUPT) {
      return status;
    }
    SMR_TRY(smr_checkpoint_make_path(folder, steps[i], path));
    smr_checkpoint_set_aside(context, path);
    smr_error_clear();
  }
  return SMR_OK;
}

smr_status smr_checkpoint_open(const smr_context *context, const char *folder, const char *identity,
                               smr_checkpoint **out) {
  int64_t *steps = NULL, n = 0;
  *out = NULL;
  SMR_TRY(smr_checkpoint_list_all(context, folder, &steps, &n));
  smr_status status = open_newest(context, folder, steps, n, out);
  if (status == SMR_OK && *out != NULL && strcmp((*out)->identity, identity) != 0) {
    status = smr_error_set(SMR_ERR_INPUT,
                           "%s is a checkpoint of unit %s, and this is unit %s; move the folder "
                           "away to start anew",
                           (*out)->path, (*out)->identity, identity);
    smr_checkpoint_close(out);
  }
  smr_memory_free(steps);
  return status;
}

void smr_checkpoint_close(smr_checkpoint **checkpoint) {
  if (checkpoint == NULL || *checkpoint == NULL) {
    return;
  }
  smr_checkpoint *c = *checkpoint;
  smr_arrays_close(&c->arrays);
  for (int64_t i = 0; i < SMR_STATE_ARRAYS; i++) {
    smr_memory_free(c->entries[i].crcs);
  }
  smr_memory_free(c->image);
  smr_memory_free(c->identity);
  smr_memory_free(c);
  *checkpoint = NULL;
}

int64_t smr_checkpoint_get_step(const smr_checkpoint *checkpoint) {
  return checkpoint->step;
}

const char *smr_checkpoint_get_identity(const smr_checkpoint *checkpoint) {
  return checkpoint->identity;
}

static const smr_checkpoint_array *find_entry(const smr_checkpoint *c, const char *name) {
  for (int64_t i = 0; i < c->n; i++) {
    if (strcmp(c->entries[i].array.name, name) == 0) {
      return &c->entries[i];
    }
  }
  return NULL;
}

int64_t smr_checkpoint_count_rows(const smr_checkpoint *checkpoint, const char *name) {
  const smr_checkpoint_array *entry = find_entry(checkpoint, name);
  return entry == NULL ? -1 : entry->n_rows;
}

/* ---- Reading. Local but for the end. ---- */

static bool is_alike(const smr_array *a, const smr_array *b) {
  bool is_same = a->type == b->type && a->n_dimensions == b->n_dimensions;
  for (int d = 0; is_same && d < a->n_dimensions; d++) {
    is_same = a->shape[d] == b->shape[d];
  }
  return is_same;
}

static smr_status check_array(const smr_checkpoint *c, const smr_state_array *wanted) {
  char there[256], here[256];
  const smr_array *array = &wanted->array;
  const smr_checkpoint_array *entry = find_entry(c, array->name);
  smr_checkpoint_describe(array, here, sizeof here);
  if (entry == NULL) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s has no %s, which is %s here; move the checkpoints away to start "
             "anew",
             c->path, array->name, here);
  }
  if (!is_alike(&entry->array, array)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%s: %s is %s there and %s here; move the checkpoints away to start "
             "anew",
             c->path, array->name, smr_checkpoint_describe(&entry->array, there, sizeof there),
             here);
  }
  if (wanted->is_distributed &&
      (wanted->first_row < 0 || wanted->n_rows < 0 ||
       wanted->n_rows > entry->n_rows - smr_int_min(wanted->first_row, entry->n_rows))) {
    SMR_FAIL(SMR_ERR_INTERNAL, "%" PRId64 " rows from row %" PRId64 " on of %s, which has %" PRId64,
             wanted->n_rows, wanted->first_row, array->name, entry->n_rows);
  }
  return SMR_OK;
}

static smr_status read_local(smr_checkpoint *c, const smr_state *state) {
  for (int64_t i = 0; i < state->n; i++) {
    SMR_TRY(check_array(c, &state->arrays[i]));
  }
  if (smr_fault("checkpoint.rows")) {
    SMR_FAIL(SMR_ERR_IO, "cannot read %s: a fault that a test asked for", c->path);
  }
  for (int64_t i = 0; i < state->n; i++) {
    const smr_state_array *wanted = &state->arrays[i];
    const smr_checkpoint_array *entry = find_entry(c, wanted->array.name);
    const int64_t first = wanted->is_distributed ? wanted->first_row : 0;
    const int64_t count = wanted->is_distributed ? wanted->n_rows : entry->n_rows;
    if (count > 0 && entry->row_bytes > 0) {
      SMR_TRY(smr_arrays_read(c->arrays, wanted->array.name, wanted->array.type, first, count,
                              wanted->array.data));
    }
  }
  return SMR_OK;
}

smr_status smr_checkpoint_read(smr_checkpoint *checkpoint, const smr_state *state) {
  return smr_agree(checkpoint->context, read_local(checkpoint, state));
}
