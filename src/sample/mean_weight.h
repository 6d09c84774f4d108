/* Means of weights that are known by their logarithms. */
#ifndef SIMMER_SAMPLE_MEAN_WEIGHT_H
#define SIMMER_SAMPLE_MEAN_WEIGHT_H

#include <stdint.h>

typedef struct {
  double log_mean;          /* ln of the mean weight */
  double relative_stderr;   /* standard error of the mean over the mean; NaN for one weight */
  double effective_samples; /* (sum w)^2 / sum w^2 */
} smr_mean_weight;

/* Of n >= 1 finite log weights, summed in their order. Local. */
smr_mean_weight smr_mean_weight_get(int64_t n, const double *log_weights);
/* ln of the mean of exp(factor x[i * stride]), i < n. Local. */
double smr_mean_weight_log(int64_t n, int64_t stride, const double *x, double factor);

#endif
