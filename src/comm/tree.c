/* The reduction over a fixed binary tree.
 *
 * A node (level l, start s) covers shards [s, s + 2^l); s is a multiple of 2^l. It belongs to the
 * rank that owns shard s, so a left half is always where its node is, and a right half may have to
 * travel, always to a lower rank. Three phases:
 *   1. the rank's shards are cut into pieces (aligned nodes), which threads evaluate;
 *   2. neighbouring pieces are combined within the rank until none is left to combine;
 *   3. the rest is combined with what comes from higher ranks, or sent to a lower one.
 * Which nodes are combined never depends on how the work was cut. */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

#include "log2.h"
#include "simmer/base/fault.h"

enum { TAG_STATUS = 1, TAG_VALUE = 2, PIECES_PER_THREAD = 4, VALUE_ALIGNMENT = 64 };

/* A node with its value. */
typedef struct {
  int64_t start;
  int level;
  char *value;
} piece;

typedef struct {
  const smr_context *context;
  const smr_reduce_tree *tree;
  int64_t first, end; /* this rank's shards */
  int root_level;
  int n_threads;
  int max_level;   /* of a piece before phase 2 */
  int stack_depth; /* values that a thread needs beside its piece's own */
  int64_t stride;
  int64_t n_pieces;
  piece *pieces;
  char *memory; /* values of pieces, stacks of threads, one received value */
  char *stacks;
  char *received;
  /* The failure of the lowest piece, since messages belong to threads. */
  int64_t failed_piece;
  smr_status status;
  char message[1024];
} run_state;

static int owner_of(const run_state *run, int64_t shard) {
  int64_t size = run->context->size;
  int64_t base = run->tree->n_shards / size;
  int64_t rest = run->tree->n_shards % size;
  int64_t in_big = rest * (base + 1);
  return (int)(shard < in_big ? shard / (base + 1) : rest + (shard - in_big) / base);
}

/* The highest level of a node that starts at s. */
static int alignment_of(const run_state *run, int64_t s) {
  return s == 0 ? run->root_level : (int)smr_int_min(__builtin_ctzll((uint64_t)s), run->root_level);
}

/* Does the node lie within this rank? What is beyond the last shard doesn't exist. */
static int is_mine(const run_state *run, int64_t start, int level) {
  int64_t end = start + ((int64_t)1 << level);
  return smr_int_min(end, run->tree->n_shards) <= run->end;
}

/* Cuts this rank's shards into nodes of at most `max_level`, in order; counts when pieces is NULL.
 */
static int64_t cut(const run_state *run, int max_level, piece *pieces) {
  int64_t n = 0;
  for (int64_t s = run->first; s < run->end; n++) {
    int level = (int)smr_int_min(alignment_of(run, s), max_level);
    while (level > 0 && !is_mine(run, s, level)) {
      level--;
    }
    if (pieces != NULL) {
      pieces[n].start = s;
      pieces[n].level = level;
    }
    s += (int64_t)1 << level;
  }
  return n;
}

/* One thread takes the largest pieces there are; more of them share several pieces each. */
static int choose_max_level(const run_state *run) {
  int level = run->root_level;
  int64_t n = run->end - run->first;
  while (run->n_threads > 1 && level > 0 &&
         n >> level < (int64_t)run->n_threads * PIECES_PER_THREAD) {
    level--;
  }
  return level;
}

/* Place `depth` of the stack of a thread that evaluates p. */
static char *get_place(const run_state *run, int thread, const piece *p, int depth) {
  int64_t index = (int64_t)thread * run->stack_depth + depth - 1;
  return depth == 0 ? p->value : run->stacks + index * run->stride;
}

/* All memory of the run. Local. */
static smr_status allocate(run_state *run) {
  int64_t bytes = 0;
  int64_t n_values = 0;
  int64_t m = 0;
  run->stride =
      smr_int_ceil_divide((int64_t)run->tree->value_bytes, VALUE_ALIGNMENT) * VALUE_ALIGNMENT;
  run->max_level = choose_max_level(run);
  run->n_pieces = cut(run, run->max_level, NULL);
  /* A binary counter up to m needs floor(log2 m) + 1 places, the first of which is the piece's. */
  m = smr_int_max(1, smr_int_min(run->end - run->first, (int64_t)1 << run->max_level));
  run->stack_depth = ceil_log2(m + 1) - 1;
  n_values = run->n_pieces + (int64_t)run->n_threads * run->stack_depth + 1;
  SMR_TRY(smr_int_multiply(n_values, run->stride, "the memory of a reduction", &bytes));
  SMR_TRY(smr_memory_alloc(run->n_pieces, sizeof *run->pieces, "a reduction", &run->pieces));
  SMR_TRY(smr_memory_alloc(bytes, 1, "a reduction", &run->memory));
  cut(run, run->max_level, run->pieces);
  for (int64_t k = 0; k < run->n_pieces; k++) {
    run->pieces[k].value = run->memory + k * run->stride;
  }
  run->stacks = run->memory + run->n_pieces * run->stride;
  run->received = run->memory + (n_values - 1) * run->stride;
  return SMR_OK;
}

/* Keeps the failure of the lowest piece, so that the message doesn't depend on threads. */
static void record_failure(run_state *run, int64_t k, smr_status status) {
#pragma omp critical(smr_reduce_failure)
  if (run->status == SMR_OK || k < run->failed_piece) {
    run->status = status;
    snprintf(run->message, sizeof run->message, "%s", smr_error_message());
#pragma omp atomic write
    run->failed_piece = k;
  }
}

static smr_status evaluate_leaf(const smr_reduce_tree *tree, int thread, int64_t shard,
                                char *value) {
  if (smr_fault("comm.reduce.leaf")) {
    SMR_FAIL(SMR_ERR_INTERNAL, "fault comm.reduce.leaf at shard %" PRId64, shard);
  }
  memset(value, 0, tree->value_bytes);
  return tree->leaf(tree->self, thread, shard, value);
}

/* The two topmost nodes of a stack become one. */
static smr_status combine_top(const run_state *run, int thread, const piece *p, int depth) {
  const smr_reduce_tree *tree = run->tree;
  return tree->combine(tree->self, thread, get_place(run, thread, p, depth - 2),
                       get_place(run, thread, p, depth - 1));
}

/* Value of one piece by a stack of finished nodes, like a binary counter. */
static smr_status evaluate_piece(const run_state *run, int thread, const piece *p) {
  int depth = 0;
  int64_t end = smr_int_min(p->start + ((int64_t)1 << p->level), run->tree->n_shards);
  for (int64_t shard = p->start; shard < end; shard++) {
    SMR_TRY(evaluate_leaf(run->tree, thread, shard, get_place(run, thread, p, depth)));
    depth++;
    /* Each trailing 1 of the shard within the piece is a right half that has just ended. */
    for (int64_t bits = shard - p->start; (bits & 1) != 0; bits >>= 1) {
      SMR_TRY(combine_top(run, thread, p, depth));
      depth--;
    }
  }
  /* Where shards end early, what waits is combined from the right. */
  for (; depth > 1; depth--) {
    SMR_TRY(combine_top(run, thread, p, depth));
  }
  return SMR_OK;
}

static void evaluate_pieces(run_state *run) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(run->n_threads) if (run->n_pieces > 1)
  for (int64_t k = 0; k < run->n_pieces; k++) {
    int64_t failed = 0;
#pragma omp atomic read
    failed = run->failed_piece;
    if (k < failed) {
      smr_status status = evaluate_piece(run, omp_get_thread_num(), &run->pieces[k]);
      if (status != SMR_OK) {
        record_failure(run, k, status);
      }
    }
  }
}

/* Is piece k the left half of a node whose right half doesn't exist, is piece k+1, or neither? */
static int has_no_right(const run_state *run, const piece *p, int level) {
  return p->level == level && level < run->root_level && (p->start >> level & 1) == 0 &&
         p->start + ((int64_t)1 << level) >= run->tree->n_shards;
}

static int has_right_beside(const run_state *run, int64_t k, int level) {
  const piece *p = &run->pieces[k];
  return k + 1 < run->n_pieces && p->level == level && (p->start >> level & 1) == 0 &&
         p[1].level == level && p[1].start == p->start + ((int64_t)1 << level);
}

/* Combines the pairs of one level; a pair is left as its parent and a piece of level -1. */
static void combine_level(run_state *run, int level) {
  const smr_reduce_tree *tree = run->tree;
#pragma omp parallel for schedule(dynamic, 1) num_threads(run->n_threads) if (run->n_pieces > 2)
  for (int64_t k = 0; k < run->n_pieces; k++) {
    if (has_right_beside(run, k, level)) {
      piece *p = &run->pieces[k];
      smr_status status = tree->combine(tree->self, omp_get_thread_num(), p[0].value, p[1].value);
      if (status != SMR_OK) {
        record_failure(run, k, status);
      }
    }
  }
}

/* Pairs that were combined become one piece. */
static void merge_level(run_state *run, int level) {
  int64_t n = 0;
  for (int64_t k = 0; k < run->n_pieces;) {
    piece p = run->pieces[k];
    int is_pair = has_right_beside(run, k, level);
    p.level += is_pair || has_no_right(run, &p, level);
    run->pieces[n++] = p;
    k += is_pair ? 2 : 1;
  }
  run->n_pieces = n;
}

/* Phases 1 and 2. */
static void reduce_local(run_state *run) {
  evaluate_pieces(run);
  for (int level = 0; level < run->root_level && run->status == SMR_OK; level++) {
    combine_level(run, level);
    merge_level(run, level);
  }
  if (run->status != SMR_OK) {
    smr_error_set(run->status, "%s", run->message);
  }
}

/* A value or the news that there is none. Long values go in pieces: an MPI count is an int. */
static void send_value(const run_state *run, int to, const char *value) {
  MPI_Comm comm = run->context->comm;
  const size_t piece_bytes = (size_t)1 << 29;
  size_t rest = run->tree->value_bytes;
  int is_good = value != NULL;
  MPI_Send(&is_good, 1, MPI_INT, to, TAG_STATUS, comm);
  while (is_good && rest > 0) {
    size_t bytes = rest < piece_bytes ? rest : piece_bytes;
    MPI_Send(value, (int)bytes, MPI_BYTE, to, TAG_VALUE, comm);
    value += bytes;
    rest -= bytes;
  }
}

/* The value in run->received, NULL when the sender has none. */
static char *receive_value(const run_state *run, int from) {
  MPI_Comm comm = run->context->comm;
  const size_t piece_bytes = (size_t)1 << 29;
  size_t rest = run->tree->value_bytes;
  char *position = run->received;
  int is_good = 0;
  MPI_Recv(&is_good, 1, MPI_INT, from, TAG_STATUS, comm, MPI_STATUS_IGNORE);
  while (is_good && rest > 0) {
    size_t bytes = rest < piece_bytes ? rest : piece_bytes;
    MPI_Recv(position, (int)bytes, MPI_BYTE, from, TAG_VALUE, comm, MPI_STATUS_IGNORE);
    position += bytes;
    rest -= bytes;
  }
  return is_good ? run->received : NULL;
}

/* left = left (+) right where both exist; else NULL. A failure is kept in run->status. */
static char *combine_values(run_state *run, char *left, char *right) {
  const smr_reduce_tree *tree = run->tree;
  if (left == NULL || right == NULL || run->status != SMR_OK) {
    return NULL;
  }
  run->status = tree->combine(tree->self, 0, left, right);
  return run->status == SMR_OK ? left : NULL;
}

/* Value of a node of this rank, NULL after a failure here or where a part comes from. Pieces are
 * used up in order. Nothing is skipped after a failure, so that no sender waits for ever. */
static char *evaluate_node(run_state *run, int64_t start, int level, int64_t *next_piece) {
  if (is_mine(run, start, level)) {
    return run->status == SMR_OK ? run->pieces[(*next_piece)++].value : NULL;
  }
  char *left = evaluate_node(run, start, level - 1, next_piece);
  int64_t middle = start + ((int64_t)1 << (level - 1));
  if (middle >= run->tree->n_shards) {
    return left;
  }
  char *right = middle < run->end ? evaluate_node(run, middle, level - 1, next_piece)
                                  : receive_value(run, owner_of(run, middle));
  return combine_values(run, left, right);
}

/* Phase 3. Every rank goes through its messages in the order in which one rank alone would
 * combine the nodes, so no two ranks wait for each other. Returns the root's value on rank 0. */
static char *reduce_across(run_state *run) {
  char *value = NULL;
  int64_t next_piece = 0;
  for (int64_t s = run->first; s < run->end;) {
    int level = alignment_of(run, s);
    value = evaluate_node(run, s, level, &next_piece);
    if (s > 0) {
      send_value(run, owner_of(run, s - ((int64_t)1 << level)), value);
    }
    s += (int64_t)1 << level;
  }
  return value;
}

smr_status smr_reduce_run(const smr_context *context, const smr_reduce_tree *tree, void *value) {
  run_state run = {.context = context,
                   .tree = tree,
                   .n_threads = omp_get_max_threads(),
                   .root_level = ceil_log2(tree->n_shards),
                   .failed_piece = INT64_MAX};
  int64_t count = 0;
  char *result = NULL;
  memset(value, 0, tree->value_bytes);
  if (tree->n_shards < 0 || tree->n_shards > (int64_t)1 << 60) {
    SMR_FAIL(SMR_ERR_LIMIT, "a reduction over %" PRId64 " shards", tree->n_shards);
  }
  if (tree->n_shards == 0) {
    return SMR_OK;
  }
  smr_int_share(tree->n_shards, context->size, context->rank, &run.first, &count);
  run.end = run.first + count;
  smr_status status = smr_agree(context, allocate(&run));
  if (status != SMR_OK) {
    goto done;
  }
  reduce_local(&run);
  result = reduce_across(&run);
  status = smr_agree(context, run.status);
  if (status != SMR_OK) {
    goto done;
  }
  if (context->rank == 0) {
    memcpy(value, result, tree->value_bytes);
  }
  smr_broadcast(context, 0, value, tree->value_bytes);
done:
  smr_memory_free(run.pieces);
  smr_memory_free(run.memory);
  return status;
}
