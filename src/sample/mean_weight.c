/* Log-sum-exp in a fixed order. */
#include "mean_weight.h"

#include <math.h>

smr_mean_weight smr_mean_weight_get(int64_t n, const double *log_weights) {
  const double count = (double)n;
  double largest = log_weights[0];
  double sum = 0.0;
  double squares = 0.0;
  double deviations = 0.0;
  for (int64_t i = 1; i < n; i++) {
    largest = fmax(largest, log_weights[i]);
  }
  for (int64_t i = 0; i < n; i++) {
    const double w = exp(log_weights[i] - largest);
    sum += w;
    squares += w * w;
  }
  const double mean = sum / count;
  for (int64_t i = 0; i < n; i++) {
    const double d = exp(log_weights[i] - largest) - mean;
    deviations += d * d;
  }
  const double variance = n > 1 ? deviations / (count - 1.0) : (double)NAN;
  return (smr_mean_weight){.log_mean = largest + log(mean),
                           .relative_stderr = sqrt(variance / count) / mean,
                           .effective_samples = sum * sum / squares};
}

double smr_mean_weight_log(int64_t n, int64_t stride, const double *x, double factor) {
  double largest = factor * x[0];
  double sum = 0.0;
  for (int64_t i = 1; i < n; i++) {
    largest = fmax(largest, factor * x[i * stride]);
  }
  for (int64_t i = 0; i < n; i++) {
    sum += exp(factor * x[i * stride] - largest);
  }
  return largest + log(sum / (double)n);
}
