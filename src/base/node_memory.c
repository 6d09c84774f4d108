/* How much memory this process's node may still take: the kernel's, the cgroup's and Slurm's view.
 *
 * A file that is missing or unreadable never fails: it means that this limit doesn't exist here. */
#include "node_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { LINE_BYTES = 4352, KIB = 1024, MIB = 1024 * 1024 };
/* v1 writes "unlimited" as the largest multiple of a page; nothing real comes near this. */
static const int64_t unlimited_from = INT64_C(1) << 60;

/* File names of one version of cgroups. */
typedef struct {
  const char *limit, *use, *inactive_file, *active_file;
} cgroup_names;

static const cgroup_names names_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                      "total_inactive_file", "total_active_file"};
static const cgroup_names names_v2 = {"memory.max", "memory.current", "inactive_file",
                                      "active_file"};

/* The number after `key` at the start of a line (separated by spaces), `missing` if there is none.
 */
static int64_t read_field(const char *path, const char *key, int64_t missing) {
  char line[LINE_BYTES];
  int64_t value = missing;
  size_t length = strlen(key);
  FILE *file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *end = NULL;
    if (strncmp(line, key, length) != 0 || (length > 0 && line[length] != ' ')) {
      continue;
    }
    long long number = strtoll(line + length, &end, 10);
    if (end != line + length && number >= 0) {
      value = number;
    }
    break;
  }
  if (file != NULL) {
    fclose(file);
  }
  return value;
}

static int64_t read_group_field(const char *folder, const char *name, const char *key,
                                int64_t missing) {
  char path[SMR_PATH_BYTES + 64];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  return length > 0 && (size_t)length < sizeof path ? read_field(path, key, missing) : missing;
}

/* Free bytes of one cgroup folder by itself. "max" is no number, so it counts as missing. */
static int64_t read_group(const char *folder, const cgroup_names *names) {
  int64_t limit = read_group_field(folder, names->limit, "", INT64_MAX);
  if (limit >= unlimited_from) {
    return INT64_MAX;
  }
  int64_t use = read_group_field(folder, names->use, "", 0);
  /* The kernel drops file cache before it kills anything. */
  int64_t cache = read_group_field(folder, "memory.stat", names->inactive_file, 0) +
                  read_group_field(folder, "memory.stat", names->active_file, 0);
  return smr_int_max(0, limit - smr_int_max(0, use - cache));
}

/* The group <root><group> and all its parents up to root: each may have a limit. Inside a container
 * the group's folder may not be visible; its parents up to the mount point then still are. */
static int64_t read_hierarchy(const char *root, const char *group, const cgroup_names *names) {
  char folder[SMR_PATH_BYTES];
  size_t root_length = strlen(root);
  int length = snprintf(folder, sizeof folder, "%s%s", root, group);
  if (length < 0 || (size_t)length >= sizeof folder) {
    folder[root_length] = '\0';
  }
  int64_t least = INT64_MAX;
  for (;;) {
    least = smr_int_min(least, read_group(folder, names));
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash < folder + root_length) {
      return least;
    }
    *slash = '\0';
  }
}

static int has_controller(const char *list, const char *end, const char *name) {
  size_t length = strlen(name);
  while (list < end) {
    const char *comma = memchr(list, ',', (size_t)(end - list));
    const char *stop = comma != NULL ? comma : end;
    if ((size_t)(stop - list) == length && memcmp(list, name, length) == 0) {
      return 1;
    }
    list = stop + 1;
  }
  return 0;
}

int64_t smr_node_memory_read_cgroup(const char *membership, const char *mount) {
  char line[LINE_BYTES];
  char root_v1[SMR_PATH_BYTES];
  int length = snprintf(root_v1, sizeof root_v1, "%s/memory", mount);
  FILE *file = fopen(membership, "re");
  if (file == NULL) {
    return INT64_MAX;
  }
  int64_t least = INT64_MAX;
  /* Lines are "id:controller,controller:/group"; v2's has no controllers. */
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) {
      continue;
    }
    if (group == controllers + 1) {
      least = smr_int_min(least, read_hierarchy(mount, group + 1, &names_v2));
    } else if (has_controller(controllers + 1, group, "memory") && length > 0 &&
               (size_t)length < sizeof root_v1) {
      least = smr_int_min(least, read_hierarchy(root_v1, group + 1, &names_v1));
    }
  }
  fclose(file);
  return least;
}

int64_t smr_node_memory_read_meminfo(const char *path) {
  int64_t kib = read_field(path, "MemAvailable:", INT64_MAX);
  return kib < INT64_MAX / KIB ? kib * KIB : INT64_MAX;
}

/* A positive number in the environment, 0 otherwise. */
static int64_t read_environment(const char *name) {
  const char *text = getenv(name);
  long long value = text != NULL ? strtoll(text, NULL, 10) : 0;
  return value > 0 ? value : 0;
}

int64_t smr_node_memory_read_slurm(void) {
  int64_t mib = read_environment("SLURM_MEM_PER_NODE");
  if (mib == 0) {
    int64_t per_cpu = read_environment("SLURM_MEM_PER_CPU");
    int64_t cpus = read_environment("SLURM_CPUS_ON_NODE");
    if (__builtin_mul_overflow(per_cpu, cpus, &mib)) {
      return INT64_MAX;
    }
  }
  /* Slurm writes 0 for "all of the node's memory". */
  return mib > 0 && mib < INT64_MAX / MIB ? mib * MIB : INT64_MAX;
}

static int64_t read_shm(void) {
  struct statvfs system;
  int64_t bytes = 0;
  if (statvfs("/dev/shm", &system) != 0) {
    return 0;
  }
  return __builtin_mul_overflow(system.f_bavail, system.f_frsize, &bytes) ? INT64_MAX : bytes;
}

smr_status smr_memory_get_limits(smr_memory_limits *limits) {
  *limits = (smr_memory_limits){
      .mem_available_bytes = smr_node_memory_read_meminfo("/proc/meminfo"),
      .cgroup_free_bytes = smr_node_memory_read_cgroup("/proc/self/cgroup", "/sys/fs/cgroup"),
      .slurm_bytes = smr_node_memory_read_slurm(),
      .shm_free_bytes = read_shm(),
  };
  limits->available_bytes = smr_int_min(
      limits->mem_available_bytes, smr_int_min(limits->cgroup_free_bytes, limits->slurm_bytes));
  return SMR_OK;
}

int64_t smr_memory_get_peak(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * KIB : 0;
}
