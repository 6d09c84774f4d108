/* The factor as it is kept, and its ScaLAPACK maker. */
#ifndef SIMMER_LINALG_QR_PRIVATE_H
#define SIMMER_LINALG_QR_PRIVATE_H

#include "simmer/linalg/qr.h"

struct smr_qr {
  int64_t n_rows, n_cols, n_used;
  bool has_intercept;
  double *r;    /* [q x p] */
  double *z;    /* [q] */
  double *mean; /* [p + 1], y's last */
  double *tail; /* [p + 1] */
};

/* Fills an allocated factor by pdgeqrf over the grid (more than one rank). Collective. */
smr_status smr_qr_run_grid(const smr_grid *grid, const smr_row_source *source,
                           smr_qr *qr) SMR_NODISCARD;

#endif
