/* Node-shared memory: one filler a node, seen by all of the node, or refused alike everywhere. */
#include "mpi_frame.h"

#include <stdlib.h>

#include "simmer/comm/reduce.h"
#include "simmer/comm/shared.h"

static int count_hosts(void) {
  const char *text = getenv("SIMMER_TEST_HOSTS");
  return text != NULL ? atoi(text) : 1;
}

static void check_size(int64_t bytes) {
  smr_shared *shared = NULL;
  assert_ok(smr_shared_create(test_world, bytes, &shared));
  unsigned char *data = smr_shared_get(shared);
  int64_t n_fillers = smr_shared_is_filler(shared);
  int64_t wrong = 0;
  assert_non_null(data);
  assert_int_equal((uintptr_t)data % 64, 0);
  for (int64_t i = 0; i < bytes; i++) {
    wrong += data[i] != 0;
  }
  assert_int_equal(wrong, 0);
  assert_ok(smr_reduce_count(test_world, 1, &n_fillers));
  assert_int_equal(n_fillers, count_hosts());
  smr_shared_sync(shared);
  for (int64_t i = 0; smr_shared_is_filler(shared) && i < bytes; i++) {
    data[i] = (unsigned char)(i * 7 + 1);
  }
  smr_shared_sync(shared);
  for (int64_t i = 0; i < bytes; i++) {
    wrong += data[i] != (unsigned char)(i * 7 + 1);
  }
  assert_int_equal(wrong, 0);
  smr_shared_destroy(&shared);
  assert_null(shared);
}

static void test_sizes(void **state) {
  (void)state;
  check_size(1);
  check_size(63);
  check_size(4096);
  check_size((1 << 20) + 3);
}

static void test_no_bytes(void **state) {
  (void)state;
  smr_shared *shared = NULL;
  assert_ok(smr_shared_create(test_world, 0, &shared));
  assert_null(smr_shared_get(shared));
  smr_shared_sync(shared);
  smr_shared_destroy(&shared);
  smr_shared_destroy(&shared);
}

/* Every rank writes its own place, and all of its node read it. */
static void test_all_write(void **state) {
  (void)state;
  smr_shared *shared = NULL;
  smr_context *node = NULL;
  assert_ok(smr_context_split_node(test_world, &node));
  assert_ok(smr_shared_create(test_world, (int64_t)sizeof(int) * test_world->size, &shared));
  int *slots = smr_shared_get(shared);
  for (int round = 1; round <= 20; round++) {
    slots[node->rank] = round * 1000 + node->rank;
    smr_shared_sync(shared);
    for (int i = 0; i < node->size; i++) {
      assert_int_equal(slots[i], round * 1000 + i);
    }
    smr_shared_sync(shared);
  }
  smr_shared_destroy(&shared);
  smr_context_destroy(&node);
}

static void test_two_at_once(void **state) {
  (void)state;
  smr_shared *a = NULL;
  smr_shared *b = NULL;
  assert_ok(smr_shared_create(test_world, 1000, &a));
  assert_ok(smr_shared_create(test_world, 1000, &b));
  if (smr_shared_is_filler(a)) {
    memset(smr_shared_get(a), 1, 1000);
  }
  smr_shared_sync(a);
  assert_int_equal(((char *)smr_shared_get(a))[999], 1);
  assert_int_equal(((char *)smr_shared_get(b))[999], 0);
  smr_shared_destroy(&a);
  smr_shared_destroy(&b);
}

static void test_too_large(void **state) {
  (void)state;
  smr_shared *shared = NULL;
  assert_fails(smr_shared_create(test_world, (int64_t)1 << 55, &shared), SMR_ERR_MEMORY, "needs");
  assert_null(shared);
  assert_fails(smr_shared_create(test_world, INT64_MAX, &shared), SMR_ERR_LIMIT, "shared memory");
  assert_fails(smr_shared_create(test_world, -1, &shared), SMR_ERR_LIMIT, "shared memory");
  assert_null(shared);
  check_size(100);
}

/* Only the last rank has no room: all refuse, and go on. */
static void test_fault_on_one_rank(void **state) {
  (void)state;
#if SIMMER_FAULTS
  smr_shared *shared = NULL;
  char fault[64];
  snprintf(fault, sizeof fault, "comm.shared:%d:1", test_world->size - 1);
  setenv("SIMMER_FAULT", fault, 1);
  assert_fails(smr_shared_create(test_world, 100, &shared), SMR_ERR_MEMORY, "fault comm.shared");
  unsetenv("SIMMER_FAULT");
  assert_null(shared);
  check_size(100);
#else
  skip();
#endif
}

MPI_TEST_MAIN(cmocka_unit_test(test_sizes), cmocka_unit_test(test_no_bytes),
              cmocka_unit_test(test_all_write), cmocka_unit_test(test_two_at_once),
              cmocka_unit_test(test_too_large), cmocka_unit_test(test_fault_on_one_rank))
