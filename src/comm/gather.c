/* Gathers of lists of any length: rank after rank, piece after piece. */
#include "simmer/comm/gather.h"

#include <string.h>

enum { PIECE_BYTES = 1 << 24, TAG = 71 };

void smr_gather_counts(const smr_context *context, int n, const int64_t *counts, int64_t *all) {
  if (context->size == 1) {
    memcpy(all, counts, (size_t)n * sizeof *counts);
    return;
  }
  MPI_Allgather(counts, n, MPI_INT64_T, all, n, MPI_INT64_T, context->comm);
}

static int get_piece(int64_t bytes) {
  return bytes < PIECE_BYTES ? (int)bytes : PIECE_BYTES;
}

static void send_rows(const smr_context *context, int root, int64_t bytes, const char *rows) {
  MPI_Send(&bytes, 1, MPI_INT64_T, root, TAG, context->comm);
  for (int64_t done = 0; done < bytes; done += PIECE_BYTES) {
    MPI_Send(rows + done, get_piece(bytes - done), MPI_BYTE, root, TAG, context->comm);
  }
}

static int64_t receive_rows(const smr_context *context, int rank, char *rows) {
  int64_t bytes = 0;
  MPI_Recv(&bytes, 1, MPI_INT64_T, rank, TAG, context->comm, MPI_STATUS_IGNORE);
  for (int64_t done = 0; done < bytes; done += PIECE_BYTES) {
    MPI_Recv(rows + done, get_piece(bytes - done), MPI_BYTE, rank, TAG, context->comm,
             MPI_STATUS_IGNORE);
  }
  return bytes;
}

void smr_gather_rows(const smr_context *context, int root, size_t row_bytes, int64_t n_rows,
                     const void *rows, void *all) {
  const int64_t bytes = n_rows * (int64_t)row_bytes;
  char *next = all;
  if (context->rank != root) {
    send_rows(context, root, bytes, rows);
    return;
  }
  for (int rank = 0; rank < context->size; rank++) {
    if (rank != root) {
      next += receive_rows(context, rank, next);
    } else if (bytes > 0) {
      memcpy(next, rows, (size_t)bytes);
      next += bytes;
    }
  }
}
