/* Statistics over replicates. */
#include "summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const statistic_names[SMR_SUMMARY_STATISTICS] = {
    "mean", "stderr", "median", "q05", "q25", "q75", "q95"};
static const char *const statistic_texts[SMR_SUMMARY_STATISTICS] = {
    "mean over replicates",   "standard error of the mean",
    "median over replicates", "5 % quantile",
    "25 % quantile",          "75 % quantile",
    "95 % quantile"};

void smr_summary_describe(const smr_output *source, int statistic,
                          char name[SMR_SUMMARY_NAME_BYTES],
                          char meaning[SMR_SUMMARY_MEANING_BYTES], smr_output *out) {
  snprintf(name, SMR_SUMMARY_NAME_BYTES, "%s_%s", source->name, statistic_names[statistic]);
  snprintf(meaning, SMR_SUMMARY_MEANING_BYTES, "%s: %s", source->meaning,
           statistic_texts[statistic]);
  *out = *source;
  out->name = name;
  out->meaning = meaning;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Quantile by linear interpolation between order statistics (Hyndman & Fan 1996, type 7). */
static double quantile(int64_t n, const double *sorted, double p) {
  double place = p * (double)(n - 1);
  int64_t below = (int64_t)floor(place);
  int64_t above = below + 1 < n ? below + 1 : below;
  double share = place - (double)below;
  /* An infinite neighbour has no say at an exact place. */
  if (sorted[below] == sorted[above] || share == 0) {
    return sorted[below];
  }
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

void smr_summary_mean(int64_t n, const double *values, double *mean, double *error) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += values[i];
  }
  *mean = n > 0 ? sum / (double)n : (double)NAN;
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    squares += (values[i] - *mean) * (values[i] - *mean);
  }
  *error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : (double)NAN;
}

void smr_summary_compute(int64_t n, double *values, smr_summary_moments exists,
                         double out[SMR_SUMMARY_STATISTICS]) {
  static const double levels[SMR_SUMMARY_STATISTICS - 2] = {0.5, 0.05, 0.25, 0.75, 0.95};
  double mean = NAN, error = NAN;
  smr_summary_mean(n, values, &mean, &error);
  out[0] = exists.has_mean ? mean : (double)NAN;
  out[1] = exists.has_error ? error : (double)NAN;
  qsort(values, (size_t)n, sizeof *values, compare_doubles);
  for (int i = 2; i < SMR_SUMMARY_STATISTICS; ++i) {
    out[i] = n > 0 ? quantile(n, values, levels[i - 2]) : (double)NAN;
  }
}

int64_t smr_summary_gather(int64_t n, const double *const *records, int64_t at, double *values) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!isnan(records[i][at])) {
      values[count++] = records[i][at];
    }
  }
  return count;
}
