/* Contexts: groups, nodes, host names, and the benchmark of an allreduce. */
#include "mpi_frame.h"

#include <math.h>
#include <stdlib.h>

#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/comm/bench.h"
#include "simmer/comm/reduce.h"

static void test_world_context(void **state) {
  (void)state;
  int64_t sum = test_world->rank;
  assert_int_equal(test_world->world_rank, test_world->rank);
  assert_int_equal(test_world->world_size, test_world->size);
  assert_ok(smr_reduce_count(test_world, 1, &sum));
  assert_int_equal(sum, test_world->size * (test_world->size - 1) / 2);
  assert_true((smr_log_get_level() == SMR_LOG_SILENT) == (test_world->rank != 0));
  smr_barrier(test_world);
}

static void check_split(int group_size) {
  smr_context *group = NULL;
  int index = -7;
  int n_groups = test_world->size / group_size;
  int is_member = test_world->rank < n_groups * group_size;
  assert_ok(smr_context_split(test_world, group_size, &group, &index));
  if (!is_member) {
    assert_null(group);
    assert_int_equal(index, -1);
    return;
  }
  assert_int_equal(index, test_world->rank / group_size);
  assert_int_equal(group->size, group_size);
  assert_int_equal(group->rank, test_world->rank % group_size);
  assert_int_equal(group->world_rank, test_world->world_rank);
  assert_int_equal(group->world_size, test_world->world_size);
  /* The ranks are consecutive, and only they take part. */
  int64_t sum = test_world->rank;
  assert_ok(smr_reduce_count(group, 1, &sum));
  int first = index * group_size;
  assert_int_equal(sum, first * group_size + group_size * (group_size - 1) / 2);
  smr_context_destroy(&group);
  assert_null(group);
}

static void test_split(void **state) {
  (void)state;
  for (int group_size = 1; group_size <= test_world->size; group_size++) {
    check_split(group_size);
  }
}

static void test_split_refuses(void **state) {
  (void)state;
  smr_context *group = NULL;
  int index = 0;
  assert_fails(smr_context_split(test_world, 0, &group, &index), SMR_ERR_USAGE, "groups of 0");
  assert_fails(smr_context_split(test_world, test_world->size + 1, &group, &index), SMR_ERR_USAGE,
               "groups of");
  assert_null(group);
  smr_context_destroy(&group);
}

/* How many hosts there are is told from outside; 1 is the default. */
static int count_hosts(void) {
  const char *text = getenv("SIMMER_TEST_HOSTS");
  return text != NULL ? atoi(text) : 1;
}

static void test_split_node(void **state) {
  (void)state;
  smr_context *node = NULL;
  assert_ok(smr_context_split_node(test_world, &node));
  int64_t counts[2] = {node->rank == 0, 1};
  assert_ok(smr_reduce_count(test_world, 2, counts));
  assert_int_equal(counts[0], count_hosts());
  int64_t size = 1;
  assert_ok(smr_reduce_count(node, 1, &size));
  assert_int_equal(size, node->size);
  smr_context_destroy(&node);
}

static void test_list_hosts(void **state) {
  (void)state;
  char *hosts = NULL;
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  char first[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  int n = 1;
  MPI_Get_processor_name(name, &length);
  memcpy(first, name, sizeof first);
  smr_broadcast(test_world, 0, first, sizeof first);
  assert_ok(smr_context_list_hosts(test_world, &hosts));
  for (const char *c = hosts; *c != '\0'; c++) {
    n += *c == ' ';
  }
  assert_int_equal(n, count_hosts());
  assert_non_null(strstr(hosts, name));
  assert_int_equal(strncmp(hosts, first, strlen(first)), 0);
  smr_memory_free(hosts);
}

/* Row r of the table comes from rank r; also with empty rows. */
static void test_gather_all(void **state) {
  enum { N = 3 };
  double *data = NULL;
  double one = 7.0;
  (void)state;
  assert_ok(smr_memory_alloc((int64_t)test_world->size * N + 1, sizeof *data, "table", &data));
  for (int k = 0; k < N; k++) {
    data[test_world->rank * N + k] = 10.0 * test_world->rank + k;
  }
  data[test_world->size * N] = -1.0;
  smr_gather_all(test_world, N, data);
  smr_gather_all(test_world, 0, &one);
  int n_bad = data[test_world->size * N] != -1.0 || one != 7.0;
  for (int rank = 0; rank < test_world->size; rank++) {
    for (int k = 0; k < N; k++) {
      n_bad += data[rank * N + k] != 10.0 * rank + k;
    }
  }
  assert_on_all(n_bad == 0);
  smr_memory_free(data);
}

/* Every rank in turn is the root; bytes that come later don't overtake. */
static void test_broadcast_halves(void **state) {
  enum { N = 20000 };
  double *data[2] = {NULL, NULL};
  smr_broadcast_request requests[2];
  (void)state;
  for (int k = 0; k < 2; k++) {
    assert_ok(smr_memory_alloc(N, sizeof **data, "message", &data[k]));
  }
  for (int root = 0; root < test_world->size; root++) {
    int n_bad = 0;
    for (int k = 0; k < 2; k++) {
      for (int i = 0; i < N; i++) {
        data[k][i] = test_world->rank == root ? 1000.0 * root + i + k : -1.0;
      }
      smr_broadcast_begin(test_world, root, data[k], N * sizeof **data, &requests[k]);
    }
    for (int k = 0; k < 2; k++) {
      smr_broadcast_end(&requests[k]);
      for (int i = 0; i < N; i++) {
        n_bad += data[k][i] != 1000.0 * root + i + k;
      }
    }
    assert_on_all(n_bad == 0);
  }
  smr_memory_free(data[0]);
  smr_memory_free(data[1]);
}

static void test_library_version(void **state) {
  (void)state;
  assert_true(strlen(smr_context_library_version()) > 3);
  assert_null(strchr(smr_context_library_version(), ','));
}

static void test_bench(void **state) {
  (void)state;
  for (int is_integer = 0; is_integer < 2; is_integer++) {
    double seconds = -1.0;
    assert_ok(smr_bench_allreduce(test_world, 1000, is_integer, 3, &seconds));
    assert_true(isfinite(seconds) && seconds > 0.0);
    double first = seconds;
    smr_broadcast(test_world, 0, &first, sizeof first);
    assert_true(seconds == first);
  }
  double seconds = 0.0;
  assert_fails(smr_bench_allreduce(test_world, 10, 0, 0, &seconds), SMR_ERR_USAGE, "repeat");
  assert_fails(smr_bench_allreduce(test_world, (int64_t)1 << 40, 0, 1, &seconds), SMR_ERR_LIMIT,
               "allreduce");
}

MPI_TEST_MAIN(cmocka_unit_test(test_world_context), cmocka_unit_test(test_split),
              cmocka_unit_test(test_split_refuses), cmocka_unit_test(test_split_node),
              cmocka_unit_test(test_list_hosts), cmocka_unit_test(test_gather_all),
              cmocka_unit_test(test_broadcast_halves), cmocka_unit_test(test_library_version),
              cmocka_unit_test(test_bench))
