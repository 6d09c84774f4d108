/* Allocation, sizes as text, and limits read from made-up cgroups. */
#include "check.h"

#include <string.h>
#include <sys/stat.h>

#include "../../src/base/node_memory.h"
#include "base_scratch.h"
#include "simmer/base/fault.h"
#include "simmer/base/memory.h"

static void test_alloc(void **state) {
  (void)state;
  for (int64_t n = 0; n < 200; n++) {
    double *values = NULL;
    assert_ok(smr_memory_alloc(n, sizeof *values, "values", &values));
    assert_non_null(values);
    assert_int_equal((uintptr_t)values % 64, 0);
    for (int64_t i = 0; i < n; i++) {
      assert_true(values[i] == 0);
      values[i] = 1;
    }
    smr_memory_free(values);
  }
  smr_memory_free(NULL);
}

static void test_alloc_too_much(void **state) {
  (void)state;
  char other = 0;
  char *pointer = &other;
  assert_fails(smr_memory_alloc(-1, 8, "weights", &pointer), SMR_ERR_LIMIT, "weights");
  assert_null(pointer);
  assert_fails(smr_memory_alloc(INT64_MAX, 8, "weights", &pointer), SMR_ERR_LIMIT, "weights");
  assert_fails(smr_memory_alloc(INT64_MAX, 2, "weights", &pointer), SMR_ERR_LIMIT, "weights");
#ifndef __SANITIZE_ADDRESS__ /* It ends the program instead. */
  pointer = &other;
  assert_fails(smr_memory_alloc(INT64_C(1) << 62, 1, "weights", &pointer), SMR_ERR_MEMORY,
               "weights: 4.0 EiB (4611686018427387904 bytes)");
  assert_null(pointer);
#endif
#ifdef SIMMER_FAULTS
  smr_fault_set_rank(0);
  setenv("SIMMER_FAULT", "memory.alloc:0:2", 1);
  assert_ok(smr_memory_alloc(1, 1, "weights", &pointer));
  smr_memory_free(pointer);
  assert_fails(smr_memory_alloc(3, 512, "weights", &pointer), SMR_ERR_MEMORY, "1.5 KiB");
  assert_null(pointer);
  unsetenv("SIMMER_FAULT");
#endif
}

static void test_copy_string(void **state) {
  (void)state;
  static const char *const texts[] = {"", "a", "simmer"};
  for (int i = 0; i < 3; i++) {
    char *copy = NULL;
    assert_ok(smr_memory_copy_string(texts[i], &copy));
    assert_string_equal(copy, texts[i]);
    assert_ptr_not_equal(copy, texts[i]);
    smr_memory_free(copy);
  }
}

static void test_format(void **state) {
  (void)state;
  static const struct {
    int64_t bytes;
    const char *text;
  } cases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1048575, "1.0 MiB"},
      {INT64_C(3) << 29, "1.5 GiB"},
      {INT64_C(1) << 40, "1.0 TiB"},
      {INT64_C(1) << 50, "1.0 PiB"},
      {INT64_MAX, "8.0 EiB"},
      {-1536, "-1.5 KiB"},
      {INT64_MIN, "-8.0 EiB"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char buffer[32];
    assert_string_equal(smr_memory_format(cases[i].bytes, buffer, sizeof buffer), cases[i].text);
  }
}

/* Writes a small file into the scratch folder, with the folders on its way. */
static void put(const char *name, const char *text) {
  char path[2 * SCRATCH_BYTES];
  snprintf(path, sizeof path, "%s", scratch_path(name));
  for (char *slash = strchr(path + strlen(scratch_folder) + 1, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0777);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int64_t read_cgroup(void) {
  return smr_node_memory_read_cgroup(scratch_path("cgroup"), scratch_path("mount"));
}

static void test_cgroup_v2(void **state) {
  (void)state;
  assert_int_equal(read_cgroup(), INT64_MAX);
  put("cgroup", "0::/slurm/job_7/step_0\n");
  assert_int_equal(read_cgroup(), INT64_MAX);
  put("mount/slurm/job_7/step_0/memory.max", "max\n");
  put("mount/slurm/job_7/step_0/memory.current", "500\n");
  assert_int_equal(read_cgroup(), INT64_MAX);
  /* The parent has the limit; its page cache is as good as free. */
  put("mount/slurm/job_7/memory.max", "10000\n");
  put("mount/slurm/job_7/memory.current", "7000\n");
  assert_int_equal(read_cgroup(), 3000);
  put("mount/slurm/job_7/memory.stat",
      "anon 4000\nfile 3000\ninactive_file 1500\nactive_file 500\n");
  assert_int_equal(read_cgroup(), 5000);
  /* The tightest counts, wherever it is. */
  put("mount/slurm/memory.max", "6000\n");
  put("mount/slurm/memory.current", "5990\n");
  assert_int_equal(read_cgroup(), 10);
  put("mount/memory.max", "3\n");
  assert_int_equal(read_cgroup(), 3);
  /* More in use than allowed. */
  put("mount/slurm/memory.max", "100\n");
  assert_int_equal(read_cgroup(), 0);
}

static void test_cgroup_v1(void **state) {
  (void)state;
  put("cgroup", "9:name=systemd:/\n5:cpuset,memory:/job:7\n3:memory_x:/trap\n2:cpuset:/trap\n");
  put("mount/memory/trap/memory.limit_in_bytes", "1\n");
  put("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");
  assert_int_equal(read_cgroup(), INT64_MAX);
  put("mount/memory/job:7/memory.limit_in_bytes", "1000\n");
  put("mount/memory/job:7/memory.usage_in_bytes", "900\n");
  put("mount/memory/job:7/memory.stat", "cache 5\ninactive_file 1\ntotal_inactive_file 30\n"
                                        "total_active_file 4\n");
  assert_int_equal(read_cgroup(), 134);
  /* Not visible from inside a container: what is mounted still counts. */
  put("cgroup", "5:memory:/outside/name\n");
  put("mount/memory/memory.limit_in_bytes", "700\n");
  assert_int_equal(read_cgroup(), 700);
  put("cgroup", "nonsense\n4:\n\n");
  assert_int_equal(read_cgroup(), INT64_MAX);
}

static void test_meminfo(void **state) {
  (void)state;
  put("meminfo", "MemTotal:  9 kB\nMemFree:   5 kB\nMemAvailable:    7 kB\n");
  assert_int_equal(smr_node_memory_read_meminfo(scratch_path("meminfo")), 7 * 1024);
  put("meminfo", "MemTotal:  9 kB\n");
  assert_int_equal(smr_node_memory_read_meminfo(scratch_path("meminfo")), INT64_MAX);
  assert_int_equal(smr_node_memory_read_meminfo(scratch_path("none")), INT64_MAX);
}

static void test_slurm(void **state) {
  (void)state;
  static const char *const names[] = {"SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU",
                                      "SLURM_CPUS_ON_NODE"};
  for (int i = 0; i < 3; i++) {
    unsetenv(names[i]);
  }
  assert_int_equal(smr_node_memory_read_slurm(), INT64_MAX);
  setenv(names[1], "2000", 1);
  assert_int_equal(smr_node_memory_read_slurm(), INT64_MAX);
  setenv(names[2], "4", 1);
  assert_int_equal(smr_node_memory_read_slurm(), INT64_C(8000) << 20);
  setenv(names[0], "3000", 1);
  assert_int_equal(smr_node_memory_read_slurm(), INT64_C(3000) << 20);
  smr_memory_limits limits;
  assert_ok(smr_memory_get_limits(&limits));
  assert_int_equal(limits.slurm_bytes, INT64_C(3000) << 20);
  assert_true(limits.available_bytes <= limits.slurm_bytes);
  for (int i = 0; i < 3; i++) {
    setenv(names[i], "nonsense", 1);
  }
  assert_int_equal(smr_node_memory_read_slurm(), INT64_MAX);
  /* Zero is Slurm's "all of it". */
  setenv(names[0], "0", 1);
  assert_int_equal(smr_node_memory_read_slurm(), INT64_MAX);
  for (int i = 0; i < 3; i++) {
    unsetenv(names[i]);
  }
}

static void test_this_machine(void **state) {
  (void)state;
  smr_memory_limits limits;
  assert_ok(smr_memory_get_limits(&limits));
  assert_true(limits.available_bytes > 0);
  assert_true(limits.available_bytes <= limits.mem_available_bytes);
  assert_true(limits.available_bytes <= limits.cgroup_free_bytes);
  assert_true(limits.shm_free_bytes >= 0);
  /* The peak follows what is touched. */
  int64_t before = smr_memory_get_peak();
  assert_true(before > 0);
  char *bytes = NULL;
  assert_ok(smr_memory_alloc(before + (8 << 20), 1, "a peak", &bytes));
  assert_true(smr_memory_get_peak() >= before + (8 << 20));
  smr_memory_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alloc),
      cmocka_unit_test(test_alloc_too_much),
      cmocka_unit_test(test_copy_string),
      cmocka_unit_test(test_format),
      cmocka_unit_test_setup_teardown(test_cgroup_v2, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_cgroup_v1, scratch_create, scratch_destroy),
      cmocka_unit_test_setup_teardown(test_meminfo, scratch_create, scratch_destroy),
      cmocka_unit_test(test_slurm),
      cmocka_unit_test(test_this_machine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
