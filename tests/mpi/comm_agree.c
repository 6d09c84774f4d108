/* Agreement: one rank's failure is everyone's, with one message. */
#include "mpi_frame.h"

#include <stdlib.h>

#include "simmer/base/memory.h"

/* The rank that fails alone: 3 where there is one. */
static int lonely_rank(void) {
  return test_world->size > 3 ? 3 : test_world->size - 1;
}

static const char *with_rank(char buffer[128], int rank, const char *message) {
  if (test_world->world_size == 1) {
    snprintf(buffer, 128, "%s", message);
  } else {
    snprintf(buffer, 128, "rank %d: %s", rank, message);
  }
  return buffer;
}

static void test_all_ok_keeps_the_message(void **state) {
  (void)state;
  smr_error_set(SMR_ERR_IO, "from before");
  assert_ok(smr_agree(test_world, SMR_OK));
  assert_string_equal(smr_error_message(), "from before");
  assert_ok(smr_agree_root(test_world, 0, SMR_OK));
  smr_error_clear();
}

static void test_one_rank_fails(void **state) {
  (void)state;
  char expected[128];
  for (int failing = 0; failing < test_world->size; failing++) {
    smr_status status = SMR_OK;
    smr_error_clear();
    if (test_world->rank == failing) {
      status = smr_error_set(SMR_ERR_INPUT, "row %d is odd", failing);
    }
    assert_int_equal(smr_agree(test_world, status), SMR_ERR_INPUT);
    char message[64];
    snprintf(message, sizeof message, "row %d is odd", failing);
    assert_string_equal(smr_error_message(), with_rank(expected, failing, message));
  }
}

static void test_lowest_rank_speaks(void **state) {
  (void)state;
  char expected[128];
  smr_status status = SMR_OK;
  /* All but rank 0 fail, each with another code; with one rank, rank 0 does. */
  int speaker = test_world->size > 1 ? 1 : 0;
  if (test_world->rank >= speaker) {
    status = smr_error_set(test_world->rank == speaker ? SMR_ERR_IO : SMR_ERR_NUMERIC, "by %d",
                           test_world->rank);
  }
  assert_int_equal(smr_agree(test_world, status), SMR_ERR_IO);
  assert_string_equal(smr_error_message(),
                      with_rank(expected, speaker, speaker == 1 ? "by 1" : "by 0"));
}

static void test_errors_beat_stops(void **state) {
  (void)state;
  int last = test_world->size - 1;
  smr_error_clear();
  smr_status status = test_world->rank == last ? SMR_STOPPED : SMR_PARTIAL;
  assert_int_equal(smr_agree(test_world, status), SMR_STOPPED);
  assert_string_equal(smr_error_message(), "");
  status = test_world->rank == 0 ? SMR_STOPPED : SMR_OK;
  if (test_world->rank == last) {
    status = smr_error_set(SMR_ERR_FULL, "no room");
  }
  assert_fails(smr_agree(test_world, status), SMR_ERR_FULL, "no room");
  assert_int_equal(smr_agree(test_world, test_world->rank == last ? SMR_PARTIAL : SMR_OK),
                   SMR_PARTIAL);
}

/* A group agrees, puts words in front, and then all agree: "rank 3: " is said once. */
static void test_nested_agreement(void **state) {
  (void)state;
  smr_context *group = NULL;
  int index = 0;
  char expected[128];
  int failing = lonely_rank();
  assert_ok(smr_context_split(test_world, 1, &group, &index));
  smr_status status = SMR_OK;
  if (test_world->rank == failing) {
    status = smr_error_set(SMR_ERR_NUMERIC, "NaN");
  }
  status = smr_agree(group, status);
  assert_int_equal(status, test_world->rank == failing ? SMR_ERR_NUMERIC : SMR_OK);
  if (status != SMR_OK) {
    assert_string_equal(smr_error_message(), with_rank(expected, failing, "NaN"));
    smr_error_prefix(status, "unit 7");
  }
  status = smr_agree(test_world, status);
  assert_int_equal(status, SMR_ERR_NUMERIC);
  snprintf(expected, sizeof expected, test_world->size > 1 ? "unit 7: rank %d: NaN" : "unit 7: NaN",
           failing);
  assert_string_equal(smr_error_message(), expected);
  smr_context_destroy(&group);
}

static void test_root_decides(void **state) {
  (void)state;
  char expected[128];
  int root = lonely_rank();
  smr_status status = SMR_OK;
  if (test_world->rank == root) {
    status = smr_error_set(SMR_ERR_CORRUPT, "bad part");
  }
  assert_int_equal(smr_agree_root(test_world, root, status), SMR_ERR_CORRUPT);
  assert_string_equal(smr_error_message(), with_rank(expected, root, "bad part"));
  /* What others say doesn't count. */
  status = test_world->rank == root ? SMR_OK : SMR_ERR_IO;
  assert_ok(smr_agree_root(test_world, root, status));
}

static void test_long_message_is_cut(void **state) {
  (void)state;
  char message[4000];
  memset(message, 'x', sizeof message - 1);
  message[sizeof message - 1] = '\0';
  smr_status status = smr_error_set(SMR_ERR_IO, "%s", message);
  assert_fails(smr_agree(test_world, status), SMR_ERR_IO, "xxx");
  assert_true(strlen(smr_error_message()) > 1000);
}

static void test_any(void **state) {
  (void)state;
  assert_int_equal(smr_any(test_world, 0), 0);
  assert_int_equal(smr_any(test_world, test_world->rank == lonely_rank() ? -5 : 0), 1);
}

static void test_broadcast(void **state) {
  (void)state;
  enum { N = 70001 };
  int32_t *data = calloc(N, sizeof *data);
  assert_non_null(data);
  for (int root = 0; root < test_world->size; root++) {
    for (int i = 0; i < N; i++) {
      data[i] = test_world->rank == root ? i * 3 + root : -1;
    }
    smr_broadcast(test_world, root, data, (size_t)(N - 1) * sizeof *data);
    int wrong = 0;
    for (int i = 0; i < N - 1; i++) {
      wrong += data[i] != i * 3 + root;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(data[N - 1], test_world->rank == root ? (N - 1) * 3 + root : -1);
  }
  smr_broadcast(test_world, 0, data, 0);
  free(data);
}

static void test_broadcast_text(void **state) {
  (void)state;
  const char *const words[] = {"", "a: [1, 2]\nb: 3\n"};
  for (int i = 0; i < 2; i++) {
    int root = i == 0 ? 0 : lonely_rank();
    char *text = NULL;
    if (test_world->rank == root) {
      assert_ok(smr_memory_copy_string(words[i], &text));
    }
    assert_ok(smr_broadcast_text(test_world, root, &text));
    assert_string_equal(text, words[i]);
    smr_memory_free(text);
  }
}

MPI_TEST_MAIN(cmocka_unit_test(test_all_ok_keeps_the_message),
              cmocka_unit_test(test_one_rank_fails), cmocka_unit_test(test_lowest_rank_speaks),
              cmocka_unit_test(test_errors_beat_stops), cmocka_unit_test(test_nested_agreement),
              cmocka_unit_test(test_root_decides), cmocka_unit_test(test_long_message_is_cut),
              cmocka_unit_test(test_any), cmocka_unit_test(test_broadcast),
              cmocka_unit_test(test_broadcast_text))
