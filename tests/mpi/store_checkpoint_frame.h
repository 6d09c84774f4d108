/* A state whose every number is known, spread over the ranks in several ways, and a folder that all
 * ranks share. */
#ifndef SIMMER_TESTS_STORE_CHECKPOINT_FRAME_H
#define SIMMER_TESTS_STORE_CHECKPOINT_FRAME_H

#include "mpi_frame.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit/store_scratch.h"
#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/store/checkpoint.h"

static const char identity[] = "0123456789abcdef0123456789abcdef";

/* A folder for all ranks. Collective. */
static inline int shared_create(void **state) {
  const int failed = test_world->rank == 0 ? scratch_create(state) : 0;
  smr_broadcast(test_world, 0, scratch_folder, sizeof scratch_folder);
  return smr_any(test_world, failed) ? -1 : 0;
}

static inline int shared_destroy(void **state) {
  unsetenv("SIMMER_FAULT");
  smr_barrier(test_world);
  const int failed = test_world->rank == 0 ? scratch_destroy(state) : 0;
  return smr_any(test_world, failed) ? -1 : 0;
}

#define shared_test(f) cmocka_unit_test_setup_teardown(f, shared_create, shared_destroy)

/* The count of passes starts anew; NULL for no fault. */
static inline void set_fault(const char *spec) {
  if (spec == NULL) {
    unsetenv("SIMMER_FAULT");
  } else {
    setenv("SIMMER_FAULT", spec, 1);
  }
  smr_fault_set_rank(test_world->world_rank);
}

/* Ways to spread rows: evenly; all on the last rank; all on the first; the odd ranks alone. */
enum { N_SPREADS = 4 };

static inline void spread_rows(int way, int64_t n, int64_t *first, int64_t *count) {
  const int rank = test_world->rank, size = test_world->size;
  if (way == 0 || size == 1) {
    smr_int_share(n, size, rank, first, count);
  } else if (way < 3) {
    const int owner = way == 1 ? size - 1 : 0;
    *first = rank > owner ? n : 0;
    *count = rank == owner ? n : 0;
  } else {
    const int n_odd = size / 2;
    smr_int_share(n, n_odd, smr_int_min(rank / 2, n_odd - 1), first, count);
    *count = rank % 2 == 1 ? *count : 0;
  }
}

/* Array k of the test's state; rows of array 4 (u8) and 5 (f64) are distributed. */
enum { N_ARRAYS = 8 };

typedef struct {
  smr_state state;
  int64_t n_bytes[N_ARRAYS];
  unsigned char *data[N_ARRAYS];
} sample;

static const smr_state_array sample_arrays[N_ARRAYS] = {
    {.array = {"W", SMR_F32, 2, {7, 5}, {"visible", "hidden"}, "1", "weights", NULL, false}},
    {.array = {.name = "bias", .type = SMR_F64, .n_dimensions = 1, .shape = {3}}},
    {.array = {.name = "step", .type = SMR_I64}},
    {.array = {.name = "empty", .type = SMR_F64, .n_dimensions = 2, .shape = {0, 3}}},
    {.array = {.name = "chains", .type = SMR_U8, .n_dimensions = 3, .shape = {11, 2, 3}},
     .is_distributed = true},
    {.array = {.name = "ladder", .type = SMR_F64, .n_dimensions = 1, .shape = {5}},
     .is_distributed = true},
    {.array = {.name = "counts", .type = SMR_I32, .n_dimensions = 2, .shape = {2, 1}}},
    {.array = {.name = "nobody", .type = SMR_F32, .n_dimensions = 2, .shape = {0, 4}},
     .is_distributed = true},
};

static inline int64_t get_item_bytes(smr_array_type type) {
  return type == SMR_F64 || type == SMR_I64 ? 8 : type == SMR_U8 ? 1 : 4;
}

/* Byte i of array k at a step: every pattern of bits comes up, NaNs among them. */
static inline unsigned char make_byte(int64_t step, int64_t k, int64_t i) {
  uint64_t x = (uint64_t)(step * 1000 + k * 100000007 + i * 7919) * UINT64_C(0x9e3779b97f4a7c15);
  return (unsigned char)(x >> 40);
}

/* The sample's own rows; `step` < 0 leaves zeros. */
static inline void sample_create(sample *s, int way, int64_t step) {
  *s = (sample){.state = {.n = N_ARRAYS}};
  memcpy(s->state.arrays, sample_arrays, sizeof sample_arrays);
  for (int64_t k = 0; k < N_ARRAYS; k++) {
    smr_state_array *a = &s->state.arrays[k];
    int64_t row_bytes = get_item_bytes(a->array.type);
    int64_t n_rows = a->array.n_dimensions == 0 ? 1 : a->array.shape[0];
    for (int d = 1; d < a->array.n_dimensions; d++) {
      row_bytes *= a->array.shape[d];
    }
    if (a->is_distributed) {
      spread_rows(way, n_rows, &a->first_row, &a->n_rows);
      n_rows = a->n_rows;
    }
    s->n_bytes[k] = n_rows * row_bytes;
    assert_ok(smr_memory_alloc(s->n_bytes[k], 1, "an array", &s->data[k]));
    for (int64_t i = 0; step >= 0 && i < s->n_bytes[k]; i++) {
      s->data[k][i] = make_byte(step, k, a->first_row * row_bytes + i);
    }
    a->array.data = n_rows > 0 ? s->data[k] : NULL;
  }
}

static inline void sample_destroy(sample *s) {
  for (int64_t k = 0; k < N_ARRAYS; k++) {
    smr_memory_free(s->data[k]);
  }
}

static inline bool sample_is_equal(const sample *a, const sample *b) {
  for (int64_t k = 0; k < N_ARRAYS; k++) {
    if (a->n_bytes[k] != b->n_bytes[k] ||
        memcmp(a->data[k], b->data[k], (size_t)a->n_bytes[k]) != 0) {
      return false;
    }
  }
  return true;
}

static inline smr_status write_sample(int way, int64_t step, smr_checkpoint_mode mode) {
  sample s;
  sample_create(&s, way, step);
  const smr_status status =
      smr_checkpoint_write(test_world, scratch_path("c"), identity, step, mode, &s.state);
  sample_destroy(&s);
  return status;
}

/* An open checkpoint holds the sample of its step. */
static inline bool holds_sample(smr_checkpoint *checkpoint, int way) {
  sample wanted, got;
  sample_create(&wanted, way, smr_checkpoint_get_step(checkpoint));
  sample_create(&got, way, -1);
  const bool is_equal =
      smr_checkpoint_read(checkpoint, &got.state) == SMR_OK && sample_is_equal(&wanted, &got);
  sample_destroy(&wanted);
  sample_destroy(&got);
  return !smr_any(test_world, !is_equal);
}

/* The step of the checkpoint that opens, -1 for none; its values are right. Collective. */
static inline int64_t open_step(int way) {
  smr_checkpoint *checkpoint = NULL;
  assert_ok(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint));
  if (checkpoint == NULL) {
    return -1;
  }
  const int64_t step = smr_checkpoint_get_step(checkpoint);
  assert_true(holds_sample(checkpoint, way));
  smr_checkpoint_close(&checkpoint);
  return step;
}

static inline const char *step_name(int64_t step) {
  static char names[4][64];
  static int next = 0;
  char *name = names[next++ % 4];
  snprintf(name, sizeof names[0], "c/step-%012lld.h5", (long long)step);
  return name;
}

static inline bool step_exists(int64_t step) {
  return smr_file_exists(scratch_path(step_name(step)));
}

/* What rank 0 says on stderr from here to capture_end goes to a file. */
static inline int capture_begin(void) {
  fflush(stderr);
  const int old = dup(STDERR_FILENO);
  if (test_world->rank == 0) {
    const int file = open(scratch_path("stderr"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
  }
  return old;
}

/* On rank 0 *text is what was said (freed by smr_memory_free), else NULL. */
static inline void capture_end(int old, char **text) {
  size_t bytes = 0;
  fflush(stderr);
  dup2(old, STDERR_FILENO);
  close(old);
  *text = NULL;
  if (test_world->rank == 0) {
    scratch_get("stderr", text, &bytes);
    unlink(scratch_path("stderr"));
  }
}

#endif
