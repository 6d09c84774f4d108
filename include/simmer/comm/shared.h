/* Memory that the ranks of one node share: a dataset is kept once a node. */
#ifndef SIMMER_COMM_SHARED_H
#define SIMMER_COMM_SHARED_H

#include "simmer/comm/context.h"

typedef struct smr_shared smr_shared;

/* `bytes` (the same on all ranks) of zeroed memory per node, 64-byte aligned. The room in /dev/shm
 * is checked on every node and agreed upon first: SMR_ERR_MEMORY on all ranks with the numbers when
 * it is short anywhere. Collective. */
smr_status smr_shared_create(const smr_context *context, int64_t bytes,
                             smr_shared **out) SMR_NODISCARD;
/* Borrowed; NULL when bytes was 0. */
void *smr_shared_get(const smr_shared *shared);
/* 1 on the one rank of the node that fills it. */
int smr_shared_is_filler(const smr_shared *shared);
/* Everyone's writes before are seen by everyone after. Collective. */
void smr_shared_sync(smr_shared *shared);
/* Collective; accepts NULL. */
void smr_shared_destroy(smr_shared **shared);

#endif
