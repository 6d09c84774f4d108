/* The discrete Picard condition: do the coefficients |u_i'y| fall faster than the singular values
 * until they level off at the noise? (Hansen 1990.) And the noise level, where it isn't known.
 *
 * All local and pure. */
#ifndef SIMMER_REGRESS_PICARD_H
#define SIMMER_REGRESS_PICARD_H

#include "simmer/regress/ridge.h"

/* Standard deviation of the noise of one row, estimated: from what is outside the columns when at
 * least 10 directions are left there; else from the coefficients beta where a line in (i, ln|beta|)
 * turns into a plateau, if that describes them better (by the Bayesian information criterion) than
 * a line or a plateau alone, together with what is outside; else from the directions outside if
 * there is one; NaN if there is none. */
double smr_picard_noise(const smr_spectrum *spectrum);

typedef enum { SMR_PICARD_HOLDS, SMR_PICARD_VIOLATED, SMR_PICARD_UNDECIDED } smr_picard_verdict;

typedef struct {
  int64_t level;     /* number of coefficients before |beta| has levelled off: after them none is
                        beyond what k draws of noise reach with a probability of 5 % */
  double slope_beta; /* of log10 |beta|, decades a mode, over those; NaN for fewer than 2 */
  double slope_s;    /* of log10 s over the same */
  smr_picard_verdict verdict;
} smr_picard;

/* sigma > 0, or 0 or NaN when nothing is known: every coefficient up to the numerical rank counts.
 * The condition holds when log |beta/s| falls by more than two standard errors of its fitted slope,
 * is violated when it rises by as much; undecided also with fewer than 4 coefficients. */
smr_picard smr_picard_check(const smr_spectrum *spectrum, double sigma);

#endif
