/* Writing checkpoints: the small ones through rank 0, then the old ones go. */
#include <string.h>
#include <unistd.h>

#include "array_file.h"
#include "checkpoint_file.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"

static const int64_t smallest_parallel = INT64_C(4) << 30;

/* ---- Serial. ---- */

/* What rank 0 holds of a checkpoint that it writes alone. */
typedef struct {
  smr_checkpoint_layout layout;
  void *gathered[SMR_STATE_ARRAYS]; /* whole distributed arrays, NULL for others */
} collected;

static void clear_collected(collected *c) {
  for (int64_t i = 0; i < SMR_STATE_ARRAYS; i++) {
    smr_memory_free(c->gathered[i]);
    smr_memory_free(c->layout.arrays[i].crcs);
  }
}

static bool needs_gather(const smr_context *context, const smr_state *state, int64_t i) {
  return context->size > 1 && state->arrays[i].is_distributed;
}

/* All memory but that of the image, which is as large as the arrays. Rank 0 alone. */
static smr_status allocate_collected(const smr_context *context, const smr_state *state,
                                     collected *c) {
  for (int64_t i = 0; i < state->n; i++) {
    smr_checkpoint_array *array = &c->layout.arrays[i];
    SMR_TRY(smr_memory_alloc(array->n_blocks, sizeof *array->crcs, "checksums", &array->crcs));
    if (needs_gather(context, state, i)) {
      SMR_TRY(smr_memory_alloc(array->n_rows, (size_t)array->row_bytes, "an array to checkpoint",
                               &c->gathered[i]));
    }
  }
  return SMR_OK;
}

static void compute_crcs(smr_checkpoint_array *array) {
  for (int64_t b = 0; b < array->n_blocks; b++) {
    const int64_t rows = smr_checkpoint_get_block_rows(array, b);
    array->crcs[b] = smr_crc32(0, array->data + b * array->block_rows * array->row_bytes,
                               (size_t)(rows * array->row_bytes));
  }
}

/* Rank 0 alone. */
static smr_status write_collected(collected *c, const smr_checkpoint_target *target) {
  smr_status status = SMR_OK;
  smr_checkpoint_contents contents = {0};
  void *image = NULL;
  size_t bytes = 0;
  if (smr_fault("checkpoint.write")) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: a fault that a test asked for", target->path);
  }
  for (int64_t i = 0; i < c->layout.n; i++) {
    compute_crcs(&c->layout.arrays[i]);
  }
  SMR_TRY_DONE(
      smr_checkpoint_contents_init(&c->layout, target->identity, target->step, true, &contents));
  SMR_TRY_DONE(smr_arrays_pack(contents.contents.n_arrays, contents.arrays,
                               contents.contents.n_attributes, contents.attributes, &image,
                               &bytes));
  SMR_TRY_DONE(smr_file_write(target->path, image, bytes));
done:
  smr_memory_free(image);
  smr_checkpoint_contents_clear(&contents);
  return status;
}

static smr_status write_serial(const smr_context *context, const smr_state *state,
                               const smr_checkpoint_target *target) {
  int64_t largest[SMR_STATE_ARRAYS];
  collected c = {0};
  smr_status status = smr_checkpoint_lay_out(context, state, false, &c.layout, largest);
  if (status != SMR_OK) {
    goto done;
  }
  if (smr_fault("checkpoint.gather")) {
    status = smr_error_set(SMR_ERR_MEMORY, "no memory to gather a checkpoint: a fault that a test "
                                           "asked for");
  } else if (context->rank == 0) {
    status = allocate_collected(context, state, &c);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  for (int64_t i = 0; i < state->n; i++) {
    smr_checkpoint_array *array = &c.layout.arrays[i];
    if (needs_gather(context, state, i)) {
      smr_gather_rows(context, 0, (size_t)array->row_bytes, array->count, array->data,
                      c.gathered[i]);
      array->data = c.gathered[i];
    }
  }
  if (context->rank == 0) {
    status = write_collected(&c, target);
  }
  status = smr_agree_root(context, 0, status);
done:
  clear_collected(&c);
  return status;
}

/* ---- Which way. ---- */

static int64_t count_bytes(const smr_state *state) {
  int64_t sum = 0;
  for (int64_t i = 0; i < state->n; i++) {
    int64_t n = 0, bytes = 0;
    if (smr_h5_count_elements(&state->arrays[i].array, &n) != SMR_OK ||
        smr_int_multiply(n, (int64_t)smr_h5_get_bytes(state->arrays[i].array.type), "bytes",
                         &bytes) != SMR_OK ||
        smr_int_add(sum, bytes, "bytes", &sum) != SMR_OK) {
      smr_error_clear(); /* whoever writes will say it */
      return INT64_MAX;
    }
  }
  return sum;
}

/* Gathered arrays and the image of the file, which grows by copying at worst. */
static bool fits_in_memory(int64_t bytes) {
  smr_memory_limits limits;
  if (smr_fault("checkpoint.memory")) {
    return false;
  }
  if (smr_memory_get_limits(&limits) != SMR_OK) {
    smr_error_clear(); /* not known: allocation will tell */
    return true;
  }
  return bytes <= limits.available_bytes / 3;
}

/* Rank 0 decides. What comes back when the checkpoint is read doesn't depend on it. */
static smr_status choose(smr_checkpoint_mode mode, const smr_state *state, int *is_parallel) {
  const int64_t bytes = count_bytes(state);
  char text[32];
  *is_parallel = mode == SMR_CHECKPOINT_PARALLEL;
  if (mode == SMR_CHECKPOINT_AUTO) {
    *is_parallel = bytes >= smallest_parallel || !fits_in_memory(bytes);
  } else if (mode == SMR_CHECKPOINT_SERIAL && !fits_in_memory(bytes)) {
    SMR_FAIL(SMR_ERR_MEMORY,
             "rank 0 has no memory to gather a checkpoint of %s; write it in parallel",
             smr_memory_format(bytes, text, sizeof text));
  }
  return SMR_OK;
}

/* ---- Old checkpoints. ---- */

/* A file whose description can be read and that is of another identity isn't ours to remove. */
static bool is_removable(const char *path, const char *identity) {
  smr_arrays *arrays = NULL;
  char *other = NULL;
  smr_status status = smr_arrays_open_unsealed(path, &arrays);
  if (status == SMR_OK) {
    status = smr_arrays_read_attribute(arrays, "identity", &other);
  }
  const bool is_ours = status == SMR_OK ? strcmp(other, identity) == 0 : status != SMR_ERR_IO;
  smr_memory_free(other);
  smr_arrays_close(&arrays);
  smr_error_clear();
  return is_ours;
}

/* Rank 0 alone: all from steps[first] on but the new one. */
static void remove_older(const smr_checkpoint_target *target, const int64_t *steps, int64_t first,
                         int64_t n) {
  char path[SMR_PATH_BYTES];
  for (int64_t i = first; i < n; i++) {
    if (steps[i] != target->step &&
        smr_checkpoint_make_path(target->folder, steps[i], path) == SMR_OK &&
        is_removable(path, target->identity)) {
      unlink(path);
    }
  }
}

/* The index of the newest whole checkpoint of this identity beside the new one; n if there is none.
 * Damaged ones on the way are set aside. Collective. */
static smr_status find_second(const smr_context *context, const smr_checkpoint_target *target,
                              const int64_t *steps, int64_t n, int64_t *second) {
  char path[SMR_PATH_BYTES];
  for (*second = 0; *second < n; ++*second) {
    smr_checkpoint *checkpoint = NULL;
    bool is_ours = false;
    if (steps[*second] == target->step) {
      continue;
    }
    const smr_status status =
        smr_checkpoint_open_file(context, target->folder, steps[*second], &checkpoint);
    if (status == SMR_ERR_CORRUPT) {
      SMR_TRY(smr_checkpoint_make_path(target->folder, steps[*second], path));
      smr_checkpoint_set_aside(context, path);
      continue;
    }
    SMR_TRY(status);
    is_ours = strcmp(smr_checkpoint_get_identity(checkpoint), target->identity) == 0;
    smr_checkpoint_close(&checkpoint);
    if (is_ours) {
      return SMR_OK;
    }
  }
  return SMR_OK;
}

/* Only the new one is known to be whole: the second that stays is read before any other goes. */
static smr_status prune(const smr_context *context, const smr_checkpoint_target *target) {
  smr_status status = SMR_OK;
  int64_t *steps = NULL, n = 0, second = 0;
  SMR_TRY_DONE(smr_checkpoint_list_all(context, target->folder, &steps, &n));
  if (n <= 2) {
    goto done;
  }
  SMR_TRY_DONE(find_second(context, target, steps, n, &second));
  if (context->rank == 0) {
    remove_older(target, steps, second + 1, n);
  }
  smr_barrier(context); /* who comes back finds the folder as it stays */
done:
  smr_memory_free(steps);
  return status;
}

/* ---- The whole of it. ---- */

static smr_status prepare_folder(const smr_checkpoint_target *target) {
  SMR_TRY(smr_file_make_folder(target->folder));
  return SMR_OK;
}

smr_status smr_checkpoint_write(const smr_context *context, const char *folder,
                                const char *identity, int64_t step, smr_checkpoint_mode mode,
                                const smr_state *state) {
  char path[SMR_PATH_BYTES];
  int is_parallel = 0;
  const smr_checkpoint_target target = {
      .folder = folder, .path = path, .identity = identity, .step = step};
  smr_status status = smr_checkpoint_make_path(folder, step, path);
  if (status == SMR_OK && context->rank == 0) {
    status = prepare_folder(&target);
  }
  if (status == SMR_OK && context->rank == 0) {
    status = choose(mode, state, &is_parallel);
  }
  SMR_TRY(smr_agree(context, status));
  smr_broadcast(context, 0, &is_parallel, sizeof is_parallel);
  SMR_TRY(is_parallel ? smr_checkpoint_write_parallel(context, state, &target)
                      : write_serial(context, state, &target));
  if (context->rank == 0) {
    smr_checkpoint_sweep(folder, path);
  }
  if (prune(context, &target) != SMR_OK) {
    /* The new one is safe; the old ones take room. */
    smr_checkpoint_warn(context, smr_error_message());
    smr_error_clear();
  }
  return SMR_OK;
}
