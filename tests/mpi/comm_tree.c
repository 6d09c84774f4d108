/* The tree over shards: the same tree on any number of ranks and threads, and no rank left waiting
 * when a part of it fails. */
#include "mpi_frame.h"

#include <omp.h>
#include <stdlib.h>

#include "simmer/comm/reduce.h"

enum { TEXT_BYTES = 2048, MAX_THREADS = 3 };

static const int64_t n_shards_tried[] = {1, 2, 3, 4, 5, 7, 8, 13, 31, 64, 100};
enum { N_TRIED = sizeof n_shards_tried / sizeof *n_shards_tried };

/* What a test's tree is told, and how often its functions were called. */
typedef struct {
  int64_t failing_shard;             /* -1: none */
  int64_t n_combines_before_failure; /* of this rank; -1: never */
  int64_t n_leaves, n_combines;
  int is_dirty, is_thread_wrong;
} observer;

static smr_status text_leaf(void *self, int thread, int64_t shard, void *value) {
  observer *seen = self;
  char *text = value;
#pragma omp atomic
  seen->n_leaves++;
  if (thread != omp_get_thread_num() || thread >= omp_get_max_threads()) {
    seen->is_thread_wrong = 1;
  }
  for (int i = 0; i < TEXT_BYTES; i++) {
    if (text[i] != 0) {
      seen->is_dirty = 1;
    }
  }
  if (shard == seen->failing_shard) {
    SMR_FAIL(SMR_ERR_NUMERIC, "shard %d is bad", (int)shard);
  }
  snprintf(text, TEXT_BYTES, "%d", (int)shard);
  return SMR_OK;
}

/* "a", "b" -> "(a b)". */
static smr_status text_combine(void *self, int thread, void *left, void *right) {
  observer *seen = self;
  char *text = left;
  int64_t n = 0;
  (void)thread;
#pragma omp atomic capture
  n = seen->n_combines++;
  if (n == seen->n_combines_before_failure) {
    SMR_FAIL(SMR_ERR_CONVERGENCE, "combining failed");
  }
  size_t length = strlen(text);
  memmove(text + 1, text, length);
  text[0] = '(';
  snprintf(text + length + 1, TEXT_BYTES - length - 1, " %s)", (const char *)right);
  memset(right, '#', TEXT_BYTES); /* it is ours to destroy */
  return SMR_OK;
}

static void append(char *text, const char *more) {
  size_t length = strlen(text);
  snprintf(text + length, TEXT_BYTES - length, "%s", more);
}

/* The definition, from the top: node (level, i) covers [i 2^level, (i+1) 2^level). */
static void write_node(int64_t n_shards, int level, int64_t i, char *text) {
  int64_t middle = level > 0 ? (2 * i + 1) << (level - 1) : 0;
  if (level == 0) {
    char number[32];
    snprintf(number, sizeof number, "%d", (int)i);
    append(text, number);
  } else if (middle >= n_shards) {
    write_node(n_shards, level - 1, 2 * i, text);
  } else {
    append(text, "(");
    write_node(n_shards, level - 1, 2 * i, text);
    append(text, " ");
    write_node(n_shards, level - 1, 2 * i + 1, text);
    append(text, ")");
  }
}

static smr_reduce_tree text_tree(int64_t n_shards, observer *seen) {
  *seen = (observer){.failing_shard = -1, .n_combines_before_failure = -1};
  return (smr_reduce_tree){.n_shards = n_shards,
                           .value_bytes = TEXT_BYTES,
                           .self = seen,
                           .leaf = text_leaf,
                           .combine = text_combine};
}

static void check_text(int64_t n_shards) {
  char expected[TEXT_BYTES] = "";
  char value[TEXT_BYTES];
  observer seen;
  smr_reduce_tree tree = text_tree(n_shards, &seen);
  memset(value, 'x', sizeof value);
  write_node(n_shards, 7, 0, expected);
  assert_ok(smr_reduce_run(test_world, &tree, value));
  assert_string_equal(value, expected);
  assert_false(seen.is_dirty);
  assert_false(seen.is_thread_wrong);
  int64_t counts[2] = {seen.n_leaves, seen.n_combines};
  assert_ok(smr_reduce_count(test_world, 2, counts));
  assert_int_equal(counts[0], n_shards);
  assert_int_equal(counts[1], n_shards - 1);
}

static void test_same_tree(void **state) {
  (void)state;
  for (int threads = 1; threads <= MAX_THREADS; threads++) {
    omp_set_num_threads(threads);
    for (int i = 0; i < N_TRIED; i++) {
      check_text(n_shards_tried[i]);
    }
  }
  omp_set_num_threads(1);
}

/* A check of the oracle itself. */
static void test_oracle(void **state) {
  (void)state;
  char text[TEXT_BYTES] = "";
  write_node(5, 7, 0, text);
  assert_string_equal(text, "(((0 1) (2 3)) 4)");
  text[0] = '\0';
  write_node(7, 3, 0, text);
  assert_string_equal(text, "(((0 1) (2 3)) ((4 5) 6))");
}

static void test_no_shards(void **state) {
  (void)state;
  observer seen;
  char value[TEXT_BYTES];
  char zeros[TEXT_BYTES] = "";
  smr_reduce_tree tree = text_tree(0, &seen);
  memset(value, 'x', sizeof value);
  assert_ok(smr_reduce_run(test_world, &tree, value));
  assert_memory_equal(value, zeros, sizeof value);
  assert_int_equal(seen.n_leaves, 0);
  tree.n_shards = -1;
  assert_fails(smr_reduce_run(test_world, &tree, value), SMR_ERR_LIMIT, "shards");
}

/* Every shard in turn fails, on whichever rank has it; and after each failure all is well. */
static void test_leaf_fails(void **state) {
  (void)state;
  const int64_t n_shards = 13;
  char value[TEXT_BYTES];
  char message[64];
  for (int threads = 1; threads <= 2; threads++) {
    omp_set_num_threads(threads);
    for (int64_t shard = 0; shard < n_shards; shard++) {
      observer seen;
      smr_reduce_tree tree = text_tree(n_shards, &seen);
      seen.failing_shard = shard;
      snprintf(message, sizeof message, "shard %d is bad", (int)shard);
      assert_fails(smr_reduce_run(test_world, &tree, value), SMR_ERR_NUMERIC, message);
      assert_true((strstr(smr_error_message(), "rank ") != NULL) == (test_world->size > 1));
      check_text(n_shards);
    }
  }
  omp_set_num_threads(1);
}

/* All shards fail: the message is the first one's, on any number of threads. */
static smr_status bad_leaf(void *self, int thread, int64_t shard, void *value) {
  (void)self;
  (void)thread;
  (void)value;
  SMR_FAIL(SMR_ERR_INPUT, "shard %d has failed", (int)shard);
}

static void test_all_leaves_fail(void **state) {
  (void)state;
  char value[TEXT_BYTES];
  for (int threads = 1; threads <= MAX_THREADS; threads++) {
    omp_set_num_threads(threads);
    observer seen;
    smr_reduce_tree tree = text_tree(40, &seen);
    tree.leaf = bad_leaf;
    assert_fails(smr_reduce_run(test_world, &tree, value), SMR_ERR_INPUT, "shard 0 has failed");
  }
  omp_set_num_threads(1);
}

/* Each rank in turn fails at each of its combinations: within it, and across ranks. */
static void test_combine_fails(void **state) {
  (void)state;
  const int64_t n_shards = 13;
  char value[TEXT_BYTES];
  observer seen;
  smr_reduce_tree tree = text_tree(n_shards, &seen);
  assert_ok(smr_reduce_run(test_world, &tree, value));
  const int64_t n_own = seen.n_combines;
  for (int rank = 0; rank < test_world->size; rank++) {
    int64_t n = n_own;
    smr_broadcast(test_world, rank, &n, sizeof n);
    for (int64_t k = 0; k < n; k++) {
      tree = text_tree(n_shards, &seen);
      seen.n_combines_before_failure = test_world->rank == rank ? k : -1;
      assert_fails(smr_reduce_run(test_world, &tree, value), SMR_ERR_CONVERGENCE,
                   "combining failed");
      check_text(n_shards);
    }
  }
}

/* Floats of wild sizes, for bits; large, so that MPI sends them by rendezvous. */
enum { N_FLOATS = 60000 };

static float wild_float(int64_t shard, int64_t i) {
  uint64_t h = (uint64_t)(shard * 1000003 + i) * 0x9E3779B97F4A7C15U;
  h ^= h >> 29;
  return ldexpf((float)(h % 20011) - 10005.0F, (int)(h >> 32) % 30 - 15);
}

static smr_status float_leaf(void *self, int thread, int64_t shard, void *value) {
  float *x = value;
  (void)self;
  (void)thread;
  for (int64_t i = 0; i < N_FLOATS; i++) {
    x[i] = wild_float(shard, i);
  }
  return SMR_OK;
}

static smr_status float_combine(void *self, int thread, void *left, void *right) {
  float *x = left;
  const float *y = right;
  (void)self;
  (void)thread;
  for (int64_t i = 0; i < N_FLOATS; i++) {
    x[i] += y[i];
  }
  return SMR_OK;
}

static float sum_node(int64_t n_shards, int level, int64_t i, int64_t column) {
  if (level == 0) {
    return wild_float(i, column);
  }
  float sum = sum_node(n_shards, level - 1, 2 * i, column);
  if ((2 * i + 1) << (level - 1) < n_shards) {
    sum += sum_node(n_shards, level - 1, 2 * i + 1, column);
  }
  return sum;
}

static uint32_t get_bits(float x) {
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void test_float_bits(void **state) {
  (void)state;
  const smr_reduce_tree tree = {.n_shards = 29,
                                .value_bytes = sizeof(float) * N_FLOATS,
                                .leaf = float_leaf,
                                .combine = float_combine};
  float *sums = malloc(tree.value_bytes);
  assert_non_null(sums);
  for (int threads = 1; threads <= 2; threads++) {
    int64_t n_different = 0;
    int64_t n_order_matters = 0;
    omp_set_num_threads(threads);
    assert_ok(smr_reduce_run(test_world, &tree, sums));
    for (int64_t i = 0; i < N_FLOATS; i += 7) {
      float expected = sum_node(tree.n_shards, 5, 0, i);
      float serial = 0.0F;
      for (int64_t shard = 0; shard < tree.n_shards; shard++) {
        serial += wild_float(shard, i);
      }
      n_different += get_bits(sums[i]) != get_bits(expected);
      n_order_matters += get_bits(serial) != get_bits(expected);
    }
    assert_int_equal(n_different, 0);
    assert_true(n_order_matters > 1000); /* else this test would show nothing */
  }
  omp_set_num_threads(1);
  free(sums);
}

static void test_fault_on_one_rank(void **state) {
  (void)state;
#if SIMMER_FAULTS
  observer seen;
  char value[TEXT_BYTES];
  char fault[64];
  smr_reduce_tree tree = text_tree(40, &seen);
  snprintf(fault, sizeof fault, "comm.reduce.leaf:%d:2", test_world->size > 3 ? 3 : 0);
  setenv("SIMMER_FAULT", fault, 1);
  assert_fails(smr_reduce_run(test_world, &tree, value), SMR_ERR_INTERNAL,
               "fault comm.reduce.leaf");
  unsetenv("SIMMER_FAULT");
  check_text(40);
#else
  skip();
#endif
}

MPI_TEST_MAIN(cmocka_unit_test(test_oracle), cmocka_unit_test(test_same_tree),
              cmocka_unit_test(test_no_shards), cmocka_unit_test(test_leaf_fails),
              cmocka_unit_test(test_all_leaves_fail), cmocka_unit_test(test_combine_fails),
              cmocka_unit_test(test_float_bits), cmocka_unit_test(test_fault_on_one_rank))
