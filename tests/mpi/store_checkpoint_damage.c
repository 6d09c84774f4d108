/* Damaged checkpoints: any byte, any length; the one before is used, and nothing whole is lost. */
#include "store_checkpoint_frame.h"

/* Some bytes of everything there is in a file; fewer on more ranks, where each open is a talk of
 * all. Strides are prime, so that they don't fall in step with the layout. */
static int64_t get_stride(void) {
  return test_world->size == 1 ? 5 : 61;
}

/* Puts `bytes` of a file in place of the second checkpoint, and opens what is newest: 1 or 2. */
static int64_t open_damaged(const char *data, size_t bytes) {
  if (test_world->rank == 0) {
    scratch_put(step_name(2), data, bytes);
  }
  smr_barrier(test_world);
  return open_step(0);
}

/* `largest_unnoticed`: bytes whose change changes nothing. */
static void check_flips(smr_checkpoint_mode mode, const char *fault, int64_t largest_unnoticed) {
  char *data = NULL, *said = NULL;
  size_t bytes = 0;
  int64_t n_unnoticed = 0;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  assert_ok(write_sample(0, 2, mode));
  scratch_get(step_name(2), &data, &bytes);
  smr_barrier(test_world);
  const int stderr_kept = capture_begin();
  for (size_t i = 0; i < bytes; i += (size_t)get_stride()) {
    set_fault(fault);
    data[i] ^= (char)(1 << (i % 8));
    n_unnoticed += open_damaged(data, bytes) == 2;
    data[i] ^= (char)(1 << (i % 8));
  }
  set_fault(NULL);
  capture_end(stderr_kept, &said);
  assert_true(n_unnoticed <= largest_unnoticed);
  assert_int_equal(open_damaged(data, bytes), 2);
  smr_memory_free(said);
  smr_memory_free(data);
}

/* Only the mark of the seal may go unnoticed: without it, other checksums are looked at. */
static void test_flips_serial(void **state) {
  (void)state;
  check_flips(SMR_CHECKPOINT_SERIAL, NULL, 8);
}

/* As above, and what the file doesn't use. */
static void test_flips_unsealed(void **state) {
  (void)state;
  check_flips(SMR_CHECKPOINT_SERIAL, "checkpoint.big:0:1", INT64_MAX);
}

static void test_flips_parallel(void **state) {
  (void)state;
  check_flips(SMR_CHECKPOINT_PARALLEL, NULL, INT64_MAX);
}

static void check_lengths(smr_checkpoint_mode mode) {
  char *data = NULL, *said = NULL;
  size_t bytes = 0;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  assert_ok(write_sample(0, 2, mode));
  scratch_get(step_name(2), &data, &bytes);
  smr_barrier(test_world);
  const size_t n_seal = mode == SMR_CHECKPOINT_SERIAL ? 16 : 0;
  const int stderr_kept = capture_begin();
  for (size_t n = 0; n < bytes - n_seal; n += 1 + n / 8) {
    assert_int_equal(open_damaged(data, n), 1);
  }
  assert_int_equal(open_damaged(data, bytes - n_seal - 1), 1);
  capture_end(stderr_kept, &said);
  smr_memory_free(said);
  smr_memory_free(data);
}

static void test_lengths(void **state) {
  (void)state;
  check_lengths(SMR_CHECKPOINT_SERIAL);
  check_lengths(SMR_CHECKPOINT_PARALLEL);
}

static void damage(int64_t step) {
  char *data = NULL;
  size_t bytes = 0;
  if (test_world->rank == 0) {
    scratch_get(step_name(step), &data, &bytes);
    data[bytes / 2] ^= 1;
    scratch_put(step_name(step), data, bytes);
    smr_memory_free(data);
  }
  smr_barrier(test_world);
}

static bool is_set_aside(int64_t step) {
  char name[128];
  snprintf(name, sizeof name, "%s.damaged", step_name(step));
  return smr_file_exists(scratch_path(name)) && !step_exists(step);
}

static void test_warning(void **state) {
  (void)state;
  char *said = NULL;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  assert_ok(write_sample(0, 2, SMR_CHECKPOINT_SERIAL));
  damage(2);
  int stderr_kept = capture_begin();
  assert_int_equal(open_step(0), 1);
  capture_end(stderr_kept, &said);
  assert_on_all(is_set_aside(2));
  if (said != NULL) {
    assert_non_null(strstr(said, "simmer: warning: "));
    assert_non_null(strstr(said, "step-000000000002.h5 is damaged: its checksum"));
    assert_null(strstr(strstr(said, "warning") + 1, "warning"));
  }
  smr_memory_free(said);
  /* Damaged ones alone are none. */
  damage(1);
  stderr_kept = capture_begin();
  assert_int_equal(open_step(0), -1);
  capture_end(stderr_kept, &said);
  assert_true(said == NULL || strstr(said, "step-000000000001.h5 is damaged") != NULL);
  smr_memory_free(said);
  assert_on_all(is_set_aside(1));
}

/* The newest two that are whole stay, however many damaged ones lie between. */
static void test_whole_ones_stay(void **state) {
  (void)state;
  char *said = NULL;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  assert_ok(write_sample(0, 2, SMR_CHECKPOINT_PARALLEL));
  damage(2);
  int stderr_kept = capture_begin();
  assert_ok(write_sample(0, 3, SMR_CHECKPOINT_SERIAL));
  capture_end(stderr_kept, &said);
  assert_true(said == NULL || strstr(said, "step-000000000002.h5") != NULL);
  smr_memory_free(said);
  assert_on_all(step_exists(1) && is_set_aside(2) && step_exists(3));
  damage(3);
  stderr_kept = capture_begin();
  assert_int_equal(open_step(2), 1);
  capture_end(stderr_kept, &said);
  smr_memory_free(said);
  assert_ok(write_sample(0, 4, SMR_CHECKPOINT_PARALLEL));
  assert_on_all(step_exists(1) && is_set_aside(3) && step_exists(4));
}

/* A whole file under another step's name, and a whole HDF5 file that isn't a checkpoint. */
static void test_impostors(void **state) {
  (void)state;
  char *data = NULL, *said = NULL;
  size_t bytes = 0;
  int failed = 0;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  scratch_get(step_name(1), &data, &bytes);
  smr_barrier(test_world);
  const int stderr_kept = capture_begin();
  assert_int_equal(open_damaged(data, bytes), 1);
  assert_on_all(is_set_aside(2));
  if (test_world->rank == 0) {
    failed = smr_arrays_write(scratch_path(step_name(3)), 0, NULL, 0, NULL) != SMR_OK;
  }
  assert_on_all(failed == 0);
  assert_int_equal(open_step(0), 1);
  assert_on_all(is_set_aside(3));
  capture_end(stderr_kept, &said);
  assert_true(said == NULL || strstr(said, "another step than its name") != NULL);
  assert_true(said == NULL || strstr(said, "isn't a whole checkpoint") != NULL);
  smr_memory_free(said);
  smr_memory_free(data);
}

MPI_TEST_MAIN(shared_test(test_flips_serial), shared_test(test_flips_unsealed),
              shared_test(test_flips_parallel), shared_test(test_lengths),
              shared_test(test_warning), shared_test(test_whole_ones_stay),
              shared_test(test_impostors))
