/* Two products with one matrix in one pass over memory: what bidiagonalization does to each column
 * (Howell, Demmel, Fulton, Hammarling, Marmol 2008, routine GEMVT). */
#ifndef SIMMER_LINALG_FUSED_H
#define SIMMER_LINALG_FUSED_H

#include <stdint.h>

enum { SMR_FUSED_ALIGN = 8 };

/* y = tau (a'v - correction), r = row - y, w += a r. a, v and w are 64-byte aligned, as is ld; the
 * rows are a multiple of SMR_FUSED_ALIGN. */
typedef struct {
  int64_t rows, n, ld;
  const double *a; /* [ld x n] column-major */
  const double *v; /* [rows] */
  double tau;
  const double *row, *correction; /* [n] */
  double *y, *r;                  /* [n] */
  double *w;                      /* [rows] */
} smr_fused;

/* Local, thread-safe; bits depend on the shape alone. */
void smr_fused_run(const smr_fused *fused);
/* The same by plain loops, the tests' reference. */
void smr_fused_run_plain(const smr_fused *fused);

#endif
