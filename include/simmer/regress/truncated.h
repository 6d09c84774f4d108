/* Truncated SVD: the filters are 1 for the first `rank` singular values and 0 for the others.
 *
 * r = numerical rank, the number of singular values above max(n, p) eps s_1; ranks 0..r. Curves are
 * arrays [r+1]. All local and pure. */
#ifndef SIMMER_REGRESS_TRUNCATED_H
#define SIMMER_REGRESS_TRUNCATED_H

#include "simmer/regress/choosers.h"

/* r. */
int64_t smr_truncated_count(const smr_spectrum *spectrum);
/* Norms of the residual and of the solution. */
void smr_truncated_norms(const smr_spectrum *spectrum, double *residual, double *solution);
/* n residual^2 / (n - rank - intercept)^2; NaN where nothing is left over. */
void smr_truncated_gcv(const smr_spectrum *spectrum, double *gcv);
/* ||what - w*||^2; truth[k] = V'w*, truth_null2 = ||w* - VV'w*||^2. */
void smr_truncated_error(const smr_spectrum *spectrum, const double *truth, double truth_null2,
                         double *error);
/* Coefficients in the right singular basis, c[k]. */
void smr_truncated_coefficients(const smr_spectrum *spectrum, int64_t rank, double *c);

/* A chosen rank. */
typedef struct {
  int64_t rank; /* -1 without a choice */
  double value; /* of the curve there */
  smr_choice_status status;
} smr_rank_choice;

/* The least of curve[r+1], the first of equal ones; ranks with NaN are passed over. An edge at rank
 * 0, and at the last rank that has a value; flat when it stays within SMR_FLAT_RISE over singular
 * values whose squares span SMR_FLAT_DECADES. */
smr_rank_choice smr_truncated_minimum(const smr_spectrum *spectrum, const double *curve);
/* The deepest minimum of ||w_rank - w_(rank-1)|| = |beta/s| inside 1..r; none: an edge. */
smr_rank_choice smr_truncated_quasiopt(const smr_spectrum *spectrum);
/* The least rank whose residual is at most 1.01 sigma sqrt(n - intercept). Ranks 0 and r are edges
 * when they already, or don't, reach it. */
smr_rank_choice smr_truncated_discrepancy(const smr_spectrum *spectrum, double sigma);
/* Corner of the discrete L-curve by adaptive pruning (Hansen, Jensen, Rodriguez 2007, J. Comput.
 * Appl. Math. 198, 483-492). No corner when no pruned curve is convex anywhere. SMR_ERR_MEMORY. */
smr_status smr_truncated_corner(const smr_spectrum *spectrum,
                                smr_rank_choice *choice) SMR_NODISCARD;

/* The same on any points n of a curve (residual falling, solution rising along it): index of the
 * corner, -1 when there is none. Points that are zero or not finite are left out. */
smr_status smr_corner_find(int64_t n, const double *residual, const double *solution,
                           int64_t *corner) SMR_NODISCARD;

#endif
