/* Householder reflectors in blocks: panels of 32 columns for the QR of row blocks, and chains of
 * LAPACK's reflectors that are applied to blocks of 16 vectors.
 *
 * A block of w reflectors is H = I - V T V' (V unit lower trapezoidal, stored with its zeros and
 * ones; T upper triangular). The shapes of all products are given by rows and w alone, so a
 * column's bits don't depend on what stands beside it. All local, thread-safe. */
#ifndef SIMMER_LINALG_REFLECTOR_H
#define SIMMER_LINALG_REFLECTOR_H

#include <stdbool.h>
#include <stdint.h>

enum { SMR_PANEL = 32 };

/* QR of a panel a [rows x 32], rows >= 32: R in the upper triangle, V below it, T in t [32 x 32].
 */
void smr_panel_factor(int rows, double *a, int lda, double *t);
/* a [rows x 32] = H' a, work [32 x 32]. */
void smr_panel_apply(int rows, const double *v, int ldv, const double *t, double *a, int lda,
                     double *work);
/* T of one block from V [rows x width], width <= 32, with its zeros and ones, and from tau: column
 * j is -tau_j T(0:j,0:j) (V'V)(0:j,j), and tau_j on the diagonal (Schreiber, Van Loan 1989). dlarft
 * does the same by products of vectors, far slower. Leading dimension of t: 32. */
void smr_reflector_build_t(int rows, int width, const double *v, int ld, const double *tau,
                           double *t);
/* Puts V's ones and zeros in place of R in a factored panel. */
void smr_panel_clear_triangle(double *a, int lda);
/* Sum of x[i]^2 and sum of x[i] y[i] over n, in an order given by n alone; x 64-byte aligned. */
double smr_sum_squares(int64_t n, const double *x);
double smr_dot(int64_t n, const double *x, const double *y);

/* n rounded up to a multiple of 8. */
int smr_pad(int n);

/* Groups of 16 columns that are worked on together; all arrays 64-byte aligned. */
typedef struct {
  int n_groups, ld;
  double *x, *y; /* [ld x 16 n_groups] what goes in and may be used up, and what comes out */
  double *work;  /* [32 x 16] */
} smr_groups;

/* y = a x or a' x, m rows (padded) from k rows, one product for each group. On padded shapes
 * OpenBLAS gives a column the same bits wherever it stands among the 16; for other m the last 4 of
 * them differ. */
void smr_groups_multiply(const smr_groups *groups, bool transposed, int m, int k, const double *a,
                         int lda);

/* Q = H_0 H_1 … of `count` reflectors of length `rows` >= count, padded with zeros to multiples
 * of 8. Borrowed storage. */
typedef struct {
  int rows, count;
  int ld;    /* rows, padded */
  double *v; /* [ld x count, padded] */
  double *t; /* [32 x count, padded]: block b's T in columns 32 b … */
} smr_chain;

/* Makes blocks from LAPACK's reflectors (v below the diagonal of chain->v) and tau[count]. */
void smr_chain_build(smr_chain *chain, const double *tau);
/* c [chain->ld x 16 n_groups] = Q c or Q' c, work [32 x 16]. Rows of c beyond `rows` must be
 * finite.
 */
void smr_chain_apply(const smr_chain *chain, bool transposed, int n_groups, double *c, int ldc,
                     double *work);

#endif
