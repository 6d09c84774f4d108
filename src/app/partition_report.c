/* The table of one unit of the partition experiment, for the reader: made from its record alone. */
#include <math.h>
#include <stdio.h>

#include "partition.h"

enum { N_METHODS = SMR_PARTITION_N_METHODS, NOTE_BYTES = 160 };

#define NAME(name, title) title,
static const char *const titles[] = {SMR_PARTITION_METHODS(NAME)};
#undef NAME

typedef struct {
  const smr_partition_job *job;
  const smr_schema *schema;
  const double *record;
} reader;

static const double *get(const reader *r, int output) {
  return r->record + smr_schema_get_offset(r->schema, output);
}

static double get_one(const reader *r, int output) {
  return *get(r, output);
}

static bool is_tempered(int method) {
  return method >= SMR_PARTITION_stepping_forward && method <= SMR_PARTITION_integration;
}

/* What to know of a method's value; "" for nothing. */
static const char *note(const reader *r, int method) {
  const double least = 0.1 * (double)r->job->n_runs;
  const double trips = get_one(r, SMR_PARTITION_OUT_round_trips);
  if ((method == SMR_PARTITION_ais &&
       get_one(r, SMR_PARTITION_OUT_annealing_effective_samples) < least) ||
      (method == SMR_PARTITION_reverse_ais &&
       get_one(r, SMR_PARTITION_OUT_reverse_effective_samples) < least)) {
    return "effective sample size below 10 % of runs: error unreliable";
  }
  if (is_tempered(method) && trips < (double)r->job->ladder.n_chains) {
    return "fewer than one round trip a chain: error unreliable";
  }
  if (method == SMR_PARTITION_mean_field) {
    return "a lower bound, without an error";
  }
  return method == SMR_PARTITION_tap ? "without an error" : "";
}

/* A number in a column, blank where there is none. */
static const char *format(double value, int width, int digits, char buffer[32]) {
  if (isnan(value)) {
    snprintf(buffer, 32, "%*s", width, "");
  } else {
    snprintf(buffer, 32, "%*.*f", width, digits, value);
  }
  return buffer;
}

static smr_status add_method(const reader *r, int method, bool has_data, smr_text *out) {
  char value[32], error[32], z[32], train[32], test[32];
  const double log_z = get(r, SMR_PARTITION_OUT_log_z)[method];
  if (isnan(log_z)) {
    return SMR_OK;
  }
  SMR_TRY(smr_text_add(out, "  %-26s %s %s %s", titles[method], format(log_z, 12, 4, value),
                       format(3 * get(r, SMR_PARTITION_OUT_log_z_stderr)[method], 9, 4, error),
                       format(get(r, SMR_PARTITION_OUT_z_score)[method], 7, 2, z)));
  if (has_data) {
    SMR_TRY(smr_text_add(
        out, " %s %s", format(get(r, SMR_PARTITION_OUT_log_likelihood_train)[method], 11, 3, train),
        format(get(r, SMR_PARTITION_OUT_log_likelihood_test)[method], 11, 3, test)));
  }
  const char *text = note(r, method);
  return smr_text_add(out, "%s%s\n", text[0] != '\0' ? "  " : "", text);
}

/* The two values that are furthest from each other in standard errors. */
static smr_status add_verdict(const reader *r, smr_text *out) {
  const double *mutual = get(r, SMR_PARTITION_OUT_z_mutual);
  int worst = -1;
  for (int i = 0; i < N_METHODS * N_METHODS; ++i) {
    worst = mutual[i] > (worst < 0 ? 0 : mutual[worst]) ? i : worst;
  }
  if (worst < 0) {
    return SMR_OK;
  }
  const bool is_agreed = get_one(r, SMR_PARTITION_OUT_is_agreed) > 0;
  return smr_text_add(out,
                      "  the values %s; the most distant: %s above %s by %.2f standard errors\n",
                      is_agreed ? "agree" : "DISAGREE", titles[worst / N_METHODS],
                      titles[worst % N_METHODS], mutual[worst]);
}

static smr_status add_gap(const reader *r, smr_text *out) {
  const double gap = get_one(r, SMR_PARTITION_OUT_annealing_gap);
  return isnan(gap)
             ? SMR_OK
             : smr_text_add(out,
                            "  annealing in reverse is %.4f +- %.4f (3 sigma) above annealing\n",
                            gap, 3 * get_one(r, SMR_PARTITION_OUT_annealing_gap_stderr));
}

static smr_status add_rows(const reader *r, smr_text *out) {
  const double train = 3 * get_one(r, SMR_PARTITION_OUT_free_energy_train_stderr);
  const double test = 3 * get_one(r, SMR_PARTITION_OUT_free_energy_test_stderr);
  char first[32], second[32];
  return smr_text_add(out,
                      "  beside the error of ln Z, 3 sigma by the number of rows: %s train, "
                      "%s test\n",
                      format(train, 0, 3, first), format(test, 0, 3, second));
}

smr_status smr_partition_report(const void *config, const smr_schema *outputs, const double *record,
                                smr_text *out) {
  const reader r = {config, outputs, record};
  const bool has_data = !isnan(get_one(&r, SMR_PARTITION_OUT_free_energy_train));
  SMR_TRY(smr_text_add(out, "  %-26s %12s %9s %7s%s\n", "method", "ln Z", "3 sigma", "z",
                       has_data ? " train, nats  test, nats" : ""));
  for (int method = 0; method < N_METHODS; ++method) {
    SMR_TRY(add_method(&r, method, has_data, out));
  }
  SMR_TRY(add_gap(&r, out));
  if (has_data) {
    SMR_TRY(add_rows(&r, out));
  }
  return add_verdict(&r, out);
}
