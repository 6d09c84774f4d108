/* Where the limits of memory are read from; apart from the public header so that tests can point
 * at folders of their own. */
#ifndef SIMMER_SRC_BASE_NODE_MEMORY_H
#define SIMMER_SRC_BASE_NODE_MEMORY_H

#include <stdint.h>

/* Bytes still free under the tightest limit of the process's cgroup and its parents; INT64_MAX when
 * there is none. `membership` is a file like /proc/self/cgroup, `mount` a folder like
 * /sys/fs/cgroup (v1's controller is expected in <mount>/memory). Page cache counts as free. */
int64_t smr_node_memory_read_cgroup(const char *membership, const char *mount);
/* MemAvailable of a file like /proc/meminfo; INT64_MAX when it isn't there. */
int64_t smr_node_memory_read_meminfo(const char *path);
/* What Slurm grants on this node by the environment; INT64_MAX outside Slurm. */
int64_t smr_node_memory_read_slurm(void);

#endif
