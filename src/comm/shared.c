/* Node-shared memory by an MPI shared window. MPI unlinks it at creation, so that a killed run
 * leaves nothing in /dev/shm. */
#include "simmer/comm/shared.h"

#include <string.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { ALIGNMENT = 64, SLACK_BYTES = 1 << 20 };

struct smr_shared {
  smr_context *node;
  MPI_Win window; /* MPI_WIN_NULL when the node has one rank, or there are no bytes */
  void *alone;    /* the memory of a node's only rank */
  void *data;
};

static smr_status check_room(const char *where, int64_t room, int64_t bytes) {
  char have[32];
  char need[32];
  if (room >= bytes) {
    return SMR_OK;
  }
  SMR_FAIL(SMR_ERR_MEMORY, "memory shared by a node needs %s, but %s has %s free",
           smr_memory_format(bytes, need, sizeof need), where,
           smr_memory_format(room, have, sizeof have));
}

/* A window larger than /dev/shm ends in SIGBUS at some later write, so this is asked first. */
static smr_status check_node(const smr_context *node, int64_t bytes) {
  smr_memory_limits limits = {0};
  int64_t needed = 0;
  if (smr_fault("comm.shared")) {
    SMR_FAIL(SMR_ERR_MEMORY, "fault comm.shared");
  }
  SMR_TRY(smr_int_add(bytes, SLACK_BYTES, "the bytes of shared memory", &needed));
  if (node->rank != 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_get_limits(&limits));
  if (node->size > 1) {
    SMR_TRY(check_room("/dev/shm", limits.shm_free_bytes, needed));
  }
  return check_room("the node", smr_int_min(limits.mem_available_bytes, limits.cgroup_free_bytes),
                    needed);
}

/* The filler gives all bytes and zeroes them. Pages begin at multiples of 64 everywhere, so the
 * filler's distance to the next such address serves every rank. Collective on the node. */
static void open_window(smr_shared *shared, int64_t bytes) {
  const smr_context *node = shared->node;
  char *base = NULL;
  MPI_Aint segment_bytes = 0;
  int unit = 1;
  int64_t shift = 0;
  MPI_Aint own = node->rank == 0 ? (MPI_Aint)bytes + ALIGNMENT : 0;
  MPI_Win_allocate_shared(own, 1, MPI_INFO_NULL, node->comm, &base, &shared->window);
  MPI_Win_shared_query(shared->window, 0, &segment_bytes, &unit, &base);
  shift = (int64_t)(-(uintptr_t)base % ALIGNMENT);
  smr_broadcast(node, 0, &shift, sizeof shift);
  shared->data = base + shift;
  MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window);
  if (node->rank == 0) {
    memset(shared->data, 0, (size_t)bytes);
  }
  smr_shared_sync(shared);
}

/* All that may fail, before any window. Collective. */
static smr_status prepare(const smr_context *context, int64_t bytes, smr_shared **out) {
  smr_shared *shared = NULL;
  smr_status status = SMR_OK;
  if (bytes < 0) {
    SMR_FAIL(SMR_ERR_LIMIT, "shared memory of less than 0 bytes");
  }
  status = smr_agree(context, smr_memory_alloc(1, sizeof *shared, "shared memory", &shared));
  if (status != SMR_OK) {
    smr_memory_free(shared);
    return status;
  }
  shared->window = MPI_WIN_NULL;
  *out = shared;
  SMR_TRY(smr_context_split_node(context, &shared->node));
  status = check_node(shared->node, bytes);
  if (status == SMR_OK && shared->node->size == 1) {
    status = smr_memory_alloc(bytes, 1, "shared memory", &shared->alone);
  }
  return smr_agree(context, status);
}

smr_status smr_shared_create(const smr_context *context, int64_t bytes, smr_shared **out) {
  *out = NULL;
  smr_status status = prepare(context, bytes, out);
  if (status != SMR_OK) {
    smr_shared_destroy(out);
    return status;
  }
  if (bytes > 0 && (*out)->node->size > 1) {
    open_window(*out, bytes);
  } else if (bytes > 0) {
    (*out)->data = (*out)->alone;
  }
  return SMR_OK;
}

void *smr_shared_get(const smr_shared *shared) {
  return shared->data;
}

int smr_shared_is_filler(const smr_shared *shared) {
  return shared->node->rank == 0;
}

void smr_shared_sync(smr_shared *shared) {
  if (shared->window != MPI_WIN_NULL) {
    MPI_Win_sync(shared->window);
    MPI_Barrier(shared->node->comm);
    MPI_Win_sync(shared->window);
  }
}

void smr_shared_destroy(smr_shared **shared) {
  if (*shared == NULL) {
    return;
  }
  if ((*shared)->window != MPI_WIN_NULL) {
    MPI_Win_unlock_all((*shared)->window);
    MPI_Win_free(&(*shared)->window);
  }
  if ((*shared)->node != NULL) {
    smr_context_destroy(&(*shared)->node);
  }
  smr_memory_free((*shared)->alone);
  smr_memory_free(*shared);
  *shared = NULL;
}
