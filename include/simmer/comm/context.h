/* The ranks that work together: a communicator with its rank and size, made in `app` and borrowed
 * by all.
 *
 * MPI_COMM_WORLD appears in src/comm/context.c alone. */
#ifndef SIMMER_COMM_CONTEXT_H
#define SIMMER_COMM_CONTEXT_H

#include <mpi.h>
#include <stdint.h>

#include "simmer/base/error.h"

typedef struct {
  MPI_Comm comm;
  int rank, size;
  int world_rank, world_size; /* for messages */
} smr_context;

/* MPI_Init_thread (FUNNELED), world context, mutes the log of all ranks but 0. Collective on all.
 */
smr_status smr_context_start(int *argc, char ***argv, smr_context **world) SMR_NODISCARD;
/* MPI_Finalize; world is freed and set to NULL. Collective. */
void smr_context_finish(smr_context **world);
/* MPI_Abort after printing the message: a broken invariant on this rank. Fatal, does not return. */
void smr_context_abort(const smr_context *context, smr_status status) __attribute__((noreturn));

/* Splits parent into groups of group_size consecutive ranks; ranks that are left over get *group =
 * NULL. *group_index counts groups, -1 on a left-over rank. Collective on parent. Group is freed by
 * smr_context_destroy (collective). */
smr_status smr_context_split(const smr_context *parent, int group_size, smr_context **group,
                             int *group_index) SMR_NODISCARD;
/* The ranks of parent that share a node's memory. Collective on parent. */
smr_status smr_context_split_node(const smr_context *parent, smr_context **node) SMR_NODISCARD;
void smr_context_destroy(smr_context **context);

/* SMR_OK iff all passed SMR_OK. Else, on all ranks, the status and message of the lowest rank that
 * failed, as "rank 3: …" (world rank, said once) when the world has more than one rank. Any error
 * goes before SMR_STOPPED, and that before SMR_PARTIAL. Collective. */
smr_status smr_agree(const smr_context *context, smr_status status) SMR_NODISCARD;
/* status of rank `root` on all ranks, with its message. Collective. */
smr_status smr_agree_root(const smr_context *context, int root, smr_status status) SMR_NODISCARD;
/* 1 on all ranks when `flag` is non-zero on any. Collective. */
int smr_any(const smr_context *context, int flag);
/* Root's bytes on all ranks (any size, sent in pieces below 2 GiB). Collective. */
void smr_broadcast(const smr_context *context, int root, void *data, size_t bytes);
/* The same in two halves, between which the caller may compute but not touch data: the root's send
 * goes on meanwhile. bytes < 2 GiB, narrowed by the caller. begin, once per broadcast and in the
 * same order on all ranks, is collective; one end follows each begin. */
typedef struct {
  MPI_Request request;
} smr_broadcast_request;
void smr_broadcast_begin(const smr_context *context, int root, void *data, size_t bytes,
                         smr_broadcast_request *request);
void smr_broadcast_end(smr_broadcast_request *request);
/* data [size x n]: each rank has filled row `rank`; all rows on all ranks. n is narrowed by the
 * caller. Collective. */
void smr_gather_all(const smr_context *context, int n, double *data);
/* Root's string on all ranks, allocated with smr_memory_alloc on every other rank; *text is
 * replaced there (what it pointed to isn't freed). NULL arrives as NULL. Collective, agrees on
 * memory. */
smr_status smr_broadcast_text(const smr_context *context, int root, char **text) SMR_NODISCARD;
void smr_barrier(const smr_context *context);
/* Host names of all ranks, without repeats, in rank order, "a b c"; allocated on every rank.
 * Collective. */
smr_status smr_context_list_hosts(const smr_context *context, char **hosts) SMR_NODISCARD;
/* "Open MPI v4.1.4 …". Local. */
const char *smr_context_library_version(void);

#endif
