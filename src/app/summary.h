/* Statistics over replicates, for the summaries of every experiment. Pure, local. */
#ifndef SIMMER_APP_SUMMARY_H
#define SIMMER_APP_SUMMARY_H

#include "simmer/store/schema.h"

enum { SMR_SUMMARY_STATISTICS = 7, SMR_SUMMARY_NAME_BYTES = 64, SMR_SUMMARY_MEANING_BYTES = 160 };

/* What exists of the moments of a value; a heavy tail may have neither. */
typedef struct {
  bool has_mean, has_error;
} smr_summary_moments;

/* Name, meaning and shape of statistic 0..6 (mean, stderr, median, q05, q25, q75, q95) of an
 * output; the texts go to the caller's buffers. */
void smr_summary_describe(const smr_output *source, int statistic,
                          char name[SMR_SUMMARY_NAME_BYTES],
                          char meaning[SMR_SUMMARY_MEANING_BYTES], smr_output *out);
/* Copies element `at` of every record where it is a number into values[n]; returns how many. */
int64_t smr_summary_gather(int64_t n, const double *const *records, int64_t at, double *values);
/* The statistics of values[n], which get sorted; NaN where there are none. Quantiles interpolate
 * between order statistics (Hyndman & Fan 1996, type 7). */
void smr_summary_compute(int64_t n, double *values, smr_summary_moments exists,
                         double out[SMR_SUMMARY_STATISTICS]);
/* Mean and standard error; NaN for n = 0, and a standard error only from n = 2 on. */
void smr_summary_mean(int64_t n, const double *values, double *mean, double *error);

#endif
