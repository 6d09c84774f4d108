/* The factors of an SVD as they are kept on every rank, and their makers.
 *
 * What is factored is A, or A' when A is wide (`flipped`): m x n with m >= n = k. All arrays lie in
 * one block of memory, so that one broadcast sends them. */
#ifndef SIMMER_LINALG_SVD_PRIVATE_H
#define SIMMER_LINALG_SVD_PRIVATE_H

#include <stdbool.h>

#include "bidiagonal.h"
#include "compact.h"
#include "grid_private.h"
#include "reflector.h"
#include "simmer/linalg/svd.h"

struct smr_svd {
  const smr_grid *grid;
  smr_svd_method method;
  bool flipped, has_qr;
  bool is_compact; /* bidiagonal: B's vectors are in `compact`, not in u and vt */
  int m, n;
  int ld_m, ld_n; /* m and n padded; pads of all arrays are zeros */
  int exponent;   /* A was multiplied by 2^-exponent */
  int64_t n_doubles;
  double *storage;
  double *values;       /* [n] */
  smr_chain q0, qb, pb; /* bidiagonal: A = q0 [qb B pb'; 0], pb without its first row */
  smr_compact compact;
  double *u;  /* bidiagonal: left vectors of B [ld_n x ld_n]; gesvd: U [ld_m x ld_n] */
  double *vt; /* right vectors of B or of A, transposed; gram: V [ld_n x ld_n] */
  double *a;  /* gram: the matrix [ld_m x ld_n] */
};

/* What is needed while the factors are made. */
typedef struct {
  double *tau0, *tauq, *taup; /* [n] each */
  double *d, *e;              /* [n] each */
  double *d_copy, *e_copy;    /* [n] each */
  double *work;               /* [lwork] */
  int lwork;
  int *iwork; /* [8 n] */
} smr_svd_temporary;

/* Local; the caller agrees. */
smr_status smr_svd_temporary_init(const smr_svd *svd, smr_svd_temporary *temporary) SMR_NODISCARD;
void smr_svd_temporary_clear(smr_svd_temporary *temporary);

/* Factors a [as given to smr_svd_create] by LAPACK. Local. */
smr_status smr_svd_factor_local(smr_svd *svd, const double *a, int64_t ld) SMR_NODISCARD;
/* The same by ScaLAPACK; the factors end on all ranks. Collective. */
smr_status smr_svd_factor_grid(smr_svd *svd, const double *a, int64_t ld) SMR_NODISCARD;

/* Steps that both share. SVD of the bidiagonal (d, e) into values and compact, SMR_ERR_CONVERGENCE
 * when it fails; or into values, u and vt, with a fallback. Local. */
smr_status smr_svd_solve_bidiagonal(smr_svd *svd, const smr_svd_temporary *temporary) SMR_NODISCARD;
/* Rows of reflectors as (p)dgebrd left them in qb.v -> columns of pb.v. Local. */
void smr_svd_copy_rows(smr_svd *svd);
/* The loaded matrix -> d, e, tau and reflectors in qb.v and pb.v. Collective. */
void smr_svd_reduce(smr_svd *svd, const smr_svd_temporary *temporary, smr_bidiagonal *reduction);
/* Blocks of qb and pb from qb.v and pb.v. Local. */
void smr_svd_build_chains(smr_svd *svd, const smr_svd_temporary *temporary);
/* Upper triangle of q0.v -> qb.v. Local. */
void smr_svd_copy_triangle(smr_svd *svd);
/* Eigenvalues, ascending, in values and eigenvectors in vt -> descending singular values and V.
 * Local. */
void smr_svd_finish_gram(smr_svd *svd);

#endif
