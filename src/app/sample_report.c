/* What a unit of the sample experiment found, as a table for the reader. */
#include <math.h>

#include "sample.h"

typedef struct {
  const smr_schema *outputs;
  const double *record;
} reader;

static const double *get(const reader *r, int output) {
  return r->record + smr_schema_get_offset(r->outputs, output);
}

static smr_status add_observables(const reader *r, smr_text *out) {
  SMR_TRY(smr_text_add(out, "  %-10s %12s %12s %12s %18s\n", "observable", "mean", "split R-hat",
                       "effective", "autocorrelation"));
  for (int i = 0; i < SMR_LADDER_N_OBSERVABLES; ++i) {
    SMR_TRY(smr_text_add(out, "  %-10s %12.5g %12.4f %12.0f %12.3g scans\n",
                         smr_ladder_observables[i], get(r, SMR_SAMPLE_OUT_observable_mean)[i],
                         get(r, SMR_SAMPLE_OUT_split_r_hat)[i],
                         get(r, SMR_SAMPLE_OUT_effective_samples)[i],
                         get(r, SMR_SAMPLE_OUT_autocorrelation_time)[i]));
  }
  return SMR_OK;
}

static smr_status add_ladder(const reader *r, smr_text *out) {
  const double ideal = *get(r, SMR_SAMPLE_OUT_ideal_round_trip_rate);
  if (isnan(ideal)) {
    return smr_text_add(out, "  one temperature alone: Gibbs sampling\n");
  }
  return smr_text_add(out,
                      "  %.0f temperatures, barrier %.3g, %.0f round trips: %.3g a scan and chain, "
                      "%.3g where every replica forgot at once\n",
                      *get(r, SMR_SAMPLE_OUT_n_temperatures), *get(r, SMR_SAMPLE_OUT_barrier),
                      *get(r, SMR_SAMPLE_OUT_round_trips), *get(r, SMR_SAMPLE_OUT_round_trip_rate),
                      ideal);
}

static smr_status add_mean_image(const reader *r, smr_text *out) {
  const double error = *get(r, SMR_SAMPLE_OUT_mean_image_error);
  return isnan(error) ? SMR_OK
                      : smr_text_add(out,
                                     "  the mean image is %.3g off that of the data (root mean "
                                     "square), %.3g were noise\n",
                                     error, *get(r, SMR_SAMPLE_OUT_mean_image_noise));
}

static smr_status add_verdict(const reader *r, smr_text *out) {
  static const char *const reasons[] = {
      "chains disagree at beta = 1", "too few effective samples", "a chain made no round trip",
      "an edge of the ladder hardly swaps", "chains disagree along the ladder"};
  const unsigned distrust = (unsigned)*get(r, SMR_SAMPLE_OUT_distrust);
  if (distrust == 0) {
    return smr_text_add(out, "  samples can be trusted\n");
  }
  const char *between = "  samples CAN'T be trusted: ";
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; ++i) {
    if ((distrust >> i & 1) != 0) {
      SMR_TRY(smr_text_add(out, "%s%s", between, reasons[i]));
      between = "; ";
    }
  }
  return smr_text_add(out, "\n");
}

smr_status smr_sample_report(const void *config, const smr_schema *outputs, const double *record,
                             smr_text *out) {
  const reader r = {outputs, record};
  (void)config;
  SMR_TRY(add_observables(&r, out));
  SMR_TRY(add_ladder(&r, out));
  SMR_TRY(add_mean_image(&r, out));
  return add_verdict(&r, out);
}
