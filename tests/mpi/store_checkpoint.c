/* Checkpoints: the same bits on any other distribution of rows, both ways of writing; two are kept;
 * a failure on one rank is the same failure on all, and the older ones stay. */
#include "store_checkpoint_frame.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#include "simmer/store/results.h"

static const smr_checkpoint_mode modes[] = {SMR_CHECKPOINT_SERIAL, SMR_CHECKPOINT_PARALLEL,
                                            SMR_CHECKPOINT_AUTO};

static void test_round_trip(void **state) {
  (void)state;
  int64_t step = 0;
  assert_int_equal(open_step(0), -1); /* no folder yet */
  for (int mode = 0; mode < 3; mode++) {
    for (int way = 0; way < N_SPREADS; way++) {
      assert_ok(write_sample(way, ++step, modes[mode]));
      for (int other = 0; other < N_SPREADS; other++) {
        set_fault(other % 2 == 0 ? NULL : "checkpoint.big:0:1"); /* every rank opens the file */
        assert_int_equal(open_step(other), step);
        set_fault(NULL);
      }
    }
  }
}

/* One file is as the other, to whoever reads it. */
static void test_same_contents(void **state) {
  (void)state;
  smr_text difference = {0};
  int is_equal = 1, failed = 0;
  assert_ok(write_sample(0, 3, SMR_CHECKPOINT_SERIAL));
  smr_barrier(test_world);
  if (test_world->rank == 0) {
    failed = rename(scratch_path(step_name(3)), scratch_path("serial.h5")) != 0;
  }
  assert_on_all(failed == 0);
  assert_ok(write_sample(3, 3, SMR_CHECKPOINT_PARALLEL));
  if (test_world->rank == 0) {
    failed = smr_results_compare(scratch_path("serial.h5"), scratch_path(step_name(3)), &is_equal,
                                 &difference) != SMR_OK;
  }
  assert_on_all(failed == 0 && is_equal);
  smr_text_clear(&difference);
}

/* Sizes of what isn't known before: rows of a history. */
static void test_count_rows(void **state) {
  (void)state;
  smr_checkpoint *checkpoint = NULL;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  assert_ok(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint));
  assert_int_equal(smr_checkpoint_count_rows(checkpoint, "chains"), 11);
  assert_int_equal(smr_checkpoint_count_rows(checkpoint, "step"), 1);
  assert_int_equal(smr_checkpoint_count_rows(checkpoint, "empty"), 0);
  assert_int_equal(smr_checkpoint_count_rows(checkpoint, "chain"), -1);
  smr_checkpoint_close(&checkpoint);
  smr_checkpoint_close(&checkpoint);
  assert_null(checkpoint);
}

/* Several blocks, pieces and rounds, which end within rows of ranks: 17 MiB and more a rank. */
static void check_big(smr_checkpoint_mode mode, int64_t step) {
  enum { WIDTH = 100003 };
  const int64_t n_rows = 45 * (int64_t)test_world->size + 1;
  smr_checkpoint *checkpoint = NULL;
  smr_state state = {.n = 2};
  int32_t *rows = NULL, *all = NULL;
  int64_t n_wrong = 0;
  state.arrays[0] = (smr_state_array){
      .array = {.name = "rows", .type = SMR_I32, .n_dimensions = 2, .shape = {n_rows, WIDTH}},
      .is_distributed = true};
  state.arrays[1] = (smr_state_array){
      .array = {.name = "all", .type = SMR_I32, .n_dimensions = 1, .shape = {WIDTH * 40}}};
  smr_state_array *a = &state.arrays[0];
  spread_rows(0, n_rows, &a->first_row, &a->n_rows);
  assert_ok(smr_memory_alloc(a->n_rows * WIDTH, sizeof *rows, "rows", &rows));
  assert_ok(smr_memory_alloc((int64_t)WIDTH * 40, sizeof *all, "all", &all));
  a->array.data = rows;
  state.arrays[1].array.data = all;
  for (int64_t i = 0; i < a->n_rows * WIDTH; i++) {
    rows[i] = (int32_t)(a->first_row * WIDTH + i);
  }
  for (int32_t i = 0; i < WIDTH * 40; i++) {
    all[i] = -i;
  }
  assert_ok(smr_checkpoint_write(test_world, scratch_path("c"), identity, step, mode, &state));
  memset(rows, 0, (size_t)a->n_rows * WIDTH * sizeof *rows);
  memset(all, 0, (size_t)WIDTH * 40 * sizeof *all);
  assert_ok(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint));
  assert_int_equal(smr_checkpoint_get_step(checkpoint), step);
  assert_ok(smr_checkpoint_read(checkpoint, &state));
  for (int64_t i = 0; i < a->n_rows * WIDTH; i++) {
    n_wrong += rows[i] != (int32_t)(a->first_row * WIDTH + i);
  }
  for (int32_t i = 0; i < WIDTH * 40; i++) {
    n_wrong += all[i] != -i;
  }
  assert_on_all(n_wrong == 0);
  smr_checkpoint_close(&checkpoint);
  smr_memory_free(rows);
  smr_memory_free(all);
}

static void test_big(void **state) {
  (void)state;
  check_big(SMR_CHECKPOINT_SERIAL, 1);
  check_big(SMR_CHECKPOINT_PARALLEL, 2);
}

static void test_two_are_kept(void **state) {
  (void)state;
  static const char *const kept[] = {"c/step-000000000001.h5.tmp.x.0123456789abcdef",
                                     "c/step-000000000001.h5.tmp.12.0123456789abcde",
                                     "c/step-1.h5.tmp.12.0123456789abcdef", "c/notes.h5"};
  static const char dead[] = "c/step-000000000001.h5.tmp.12.0123456789abcdef";
  for (int64_t step = 1; step <= 5; step++) {
    assert_ok(write_sample(0, step, modes[step % 2]));
    assert_on_all(step_exists(step));
    assert_on_all(step < 2 || step_exists(step - 1));
    assert_on_all(step < 3 || !step_exists(step - 2));
    for (size_t i = 0; test_world->rank == 0 && step == 3 && i < 4; i++) {
      scratch_put(kept[i], "x", 1);
    }
    if (test_world->rank == 0 && step >= 3) {
      scratch_put(dead, "x", 1); /* a run that died an hour ago left it */
      const struct timeval old = {time(NULL) - 3600, 0};
      const struct timeval times[2] = {old, old};
      assert_int_equal(utimes(scratch_path(dead), times), 0);
    }
    smr_barrier(test_world);
  }
  assert_ok(write_sample(0, 6, SMR_CHECKPOINT_SERIAL));
  assert_on_all(!smr_file_exists(scratch_path(dead)));
  for (size_t i = 0; i < 4; i++) {
    assert_on_all(smr_file_exists(scratch_path(kept[i])));
  }
  /* The same step again, and an earlier one: the new one is never the one that goes. */
  assert_ok(write_sample(0, 6, SMR_CHECKPOINT_PARALLEL));
  assert_on_all(step_exists(5) && step_exists(6));
  assert_ok(write_sample(0, 2, SMR_CHECKPOINT_SERIAL));
  assert_on_all(step_exists(2) && step_exists(6) && !step_exists(5));
}

/* What belongs to somebody else is neither used nor removed. */
static void test_other_identity(void **state) {
  (void)state;
  static const char other[] = "ffffffffffffffffffffffffffffffff";
  sample s;
  smr_checkpoint *checkpoint = NULL;
  sample_create(&s, 0, 1);
  assert_ok(smr_checkpoint_write(test_world, scratch_path("c"), other, 1, SMR_CHECKPOINT_SERIAL,
                                 &s.state));
  sample_destroy(&s);
  assert_fails(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint),
               SMR_ERR_INPUT, other);
  assert_non_null(strstr(smr_error_message(), identity));
  assert_non_null(strstr(smr_error_message(), "step-000000000001.h5"));
  assert_null(checkpoint);
  for (int64_t step = 2; step <= 5; step++) {
    assert_ok(write_sample(0, step, SMR_CHECKPOINT_SERIAL));
  }
  assert_on_all(step_exists(1) && !step_exists(2) && !step_exists(3) && step_exists(4) &&
                step_exists(5));
}

static void test_other_shape(void **state) {
  (void)state;
  smr_checkpoint *checkpoint = NULL;
  sample s;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_PARALLEL));
  assert_ok(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint));
  sample_create(&s, 0, -1);
  s.state.arrays[0].array.shape[1] = 4;
  assert_fails(smr_checkpoint_read(checkpoint, &s.state), SMR_ERR_INPUT,
               "W is float32 [7 x 5] there and float32 [7 x 4] here");
  s.state.arrays[0].array.shape[1] = 5;
  s.state.arrays[1].array.type = SMR_I64;
  assert_fails(smr_checkpoint_read(checkpoint, &s.state), SMR_ERR_INPUT,
               "bias is float64 [3] there and int64 [3] here");
  s.state.arrays[1].array.type = SMR_F64;
  s.state.arrays[2].array.name = "stepp";
  assert_fails(smr_checkpoint_read(checkpoint, &s.state), SMR_ERR_INPUT, "has no stepp");
  s.state.arrays[2].array.name = "step";
  assert_ok(smr_checkpoint_read(checkpoint, &s.state));
  sample_destroy(&s);
  smr_checkpoint_close(&checkpoint);
  assert_on_all(step_exists(1));
}

/* Rows that nobody gives, or two; ranks that disagree: the same error everywhere. */
static void test_mistakes(void **state) {
  (void)state;
  sample s;
  for (int mode = 0; mode < 2; mode++) {
    sample_create(&s, 2, 1);
    smr_state_array *chains = &s.state.arrays[4];
    chains->n_rows -= test_world->rank == 0;
    assert_fails(
        smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
        SMR_ERR_INTERNAL, "nobody gives row 10 of chains");
    chains->n_rows += 2 * (test_world->rank == 0);
    assert_fails(
        smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
        SMR_ERR_INTERNAL, "12 rows from row 0 on of chains");
    chains->n_rows -= test_world->rank == 0;
    if (test_world->size > 1) {
      s.state.arrays[1].array.shape[0] -= test_world->rank == test_world->size - 1;
      assert_fails(
          smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
          SMR_ERR_INTERNAL, "ranks disagree");
      s.state.arrays[1].array.shape[0] = 3;
      s.state.n -= test_world->rank == test_world->size - 1;
      assert_fails(
          smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
          SMR_ERR_INTERNAL, "ranks disagree");
      s.state.n = N_ARRAYS;
    }
    s.state.arrays[1].array.name = "W";
    assert_fails(
        smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
        SMR_ERR_INTERNAL, "two arrays");
    s.state.arrays[1].array.name = "a/b";
    assert_fails(
        smr_checkpoint_write(test_world, scratch_path("c"), identity, 1, modes[mode], &s.state),
        SMR_ERR_INTERNAL, "a/b");
    sample_destroy(&s);
  }
  assert_on_all(!step_exists(1));
}

/* ---- Failures. ---- */

typedef struct {
  const char *site;
  smr_checkpoint_mode mode;
  bool is_anywhere; /* on any rank, or on rank 0 alone */
  smr_status status;
} fault;

static const fault faults[] = {
    {"checkpoint.gather", SMR_CHECKPOINT_SERIAL, true, SMR_ERR_MEMORY},
    {"checkpoint.write", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_IO},
    {"checkpoint.memory", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_MEMORY},
    {"arrays.pack", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_MEMORY},
    {"file.write", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_IO},
    {"file.full", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_FULL},
    {"file.sync", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_IO},
    {"file.rename", SMR_CHECKPOINT_SERIAL, false, SMR_ERR_IO},
    {"checkpoint.full", SMR_CHECKPOINT_PARALLEL, false, SMR_ERR_FULL},
    {"checkpoint.parallel", SMR_CHECKPOINT_PARALLEL, true, SMR_ERR_IO},
    {"checkpoint.round", SMR_CHECKPOINT_PARALLEL, true, SMR_ERR_IO},
    {"checkpoint.silent", SMR_CHECKPOINT_PARALLEL, true, SMR_ERR_IO},
    {"checkpoint.read", SMR_CHECKPOINT_PARALLEL, true, SMR_ERR_IO},
    {"checkpoint.rename", SMR_CHECKPOINT_PARALLEL, false, SMR_ERR_IO},
};

static void check_fault(const fault *f, int rank, int64_t step) {
  char spec[64], name[256];
  snprintf(spec, sizeof spec, "%s:%d:1", f->site, rank);
  set_fault(spec);
  const smr_status status = write_sample(0, step, f->mode);
  set_fault(NULL);
  assert_on_all(status == f->status);
  assert_true(strlen(smr_error_message()) > 10);
  assert_on_all(!step_exists(step));
  assert_on_all(scratch_count("c", ".tmp.", name) == 0);
  assert_int_equal(open_step(1), step - 1);
}

static void test_failures(void **state) {
  (void)state;
  int64_t step = 1;
  assert_ok(write_sample(0, step, SMR_CHECKPOINT_SERIAL));
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    const int last = faults[i].is_anywhere ? test_world->size - 1 : 0;
    for (int rank = 0; rank <= last; rank++) {
      check_fault(&faults[i], rank, step + 1);
    }
    assert_ok(write_sample(0, ++step, faults[i].mode));
    assert_int_equal(open_step(0), step);
  }
}

static void test_read_failures(void **state) {
  (void)state;
  char spec[64];
  smr_checkpoint *checkpoint = NULL;
  sample s;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_SERIAL));
  for (int rank = 0; rank < test_world->size; rank++) {
    snprintf(spec, sizeof spec, "checkpoint.read:%d:1", rank);
    set_fault(spec);
    assert_fails(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint),
                 SMR_ERR_IO, "step-000000000001.h5");
    assert_null(checkpoint);
    assert_ok(smr_checkpoint_open(test_world, scratch_path("c"), identity, &checkpoint));
    snprintf(spec, sizeof spec, "checkpoint.rows:%d:1", rank);
    set_fault(spec);
    sample_create(&s, 0, -1);
    assert_fails(smr_checkpoint_read(checkpoint, &s.state), SMR_ERR_IO, "step-000000000001.h5");
    sample_destroy(&s);
    assert_true(holds_sample(checkpoint, 1));
    smr_checkpoint_close(&checkpoint);
  }
  set_fault(NULL);
}

/* Where rank 0 has no memory to gather, ranks write together. */
static void test_memory(void **state) {
  (void)state;
  set_fault("checkpoint.memory:0:1");
  assert_ok(write_sample(1, 1, SMR_CHECKPOINT_AUTO));
  set_fault(NULL);
  assert_int_equal(open_step(3), 1);
}

/* A system that gives no more room, as a full disk does. */
static void test_no_room(void **state) {
  (void)state;
  struct rlimit old, small;
  assert_ok(write_sample(0, 1, SMR_CHECKPOINT_PARALLEL));
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 2048;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  const smr_status status = write_sample(0, 2, SMR_CHECKPOINT_PARALLEL);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  assert_on_all(status == SMR_ERR_FULL);
  assert_on_all(!step_exists(2));
  assert_int_equal(open_step(0), 1);
}

MPI_TEST_MAIN(shared_test(test_round_trip), shared_test(test_same_contents),
              shared_test(test_count_rows), shared_test(test_big), shared_test(test_two_are_kept),
              shared_test(test_other_identity), shared_test(test_other_shape),
              shared_test(test_mistakes), shared_test(test_failures),
              shared_test(test_read_failures), shared_test(test_memory), shared_test(test_no_room))
