/* What the ranks hold in parts, put together in rank order. */
#ifndef SIMMER_COMM_GATHER_H
#define SIMMER_COMM_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/comm/context.h"

/* n numbers of every rank (the same n) on every rank: all[size x n]. Collective. */
void smr_gather_counts(const smr_context *context, int n, const int64_t *counts, int64_t *all);
/* The rows of all ranks, in rank order, on `root`: all[sum of n_rows x row_bytes], NULL on other
 * ranks. row_bytes is the same on all ranks, n_rows may be 0. Sent in pieces of 16 MiB.
 * Collective. */
void smr_gather_rows(const smr_context *context, int root, size_t row_bytes, int64_t n_rows,
                     const void *rows, void *all);

#endif
