/* Outputs of the partition experiment, statistics over replicates, and the table for the reader. */
#include <math.h>
#include <string.h>

#include "partition.h"
#include "simmer/base/memory.h"
#include "summary.h"

enum { N_METHODS = SMR_PARTITION_N_METHODS, MOST_SPREADS = 4 };

/* --- what there is --- */

typedef struct {
  smr_inner_dimension dimensions[2];
  smr_output outputs[SMR_PARTITION_N_OUTPUTS];
} output_block;

/* Values with an error of their own are summarised by their means alone. */
typedef struct {
  int source; /* output */
  const char *mean_name, *mean_meaning, *other_name, *other_meaning, *unit;
} summary_pair;

static const summary_pair pairs[] = {
    {SMR_PARTITION_OUT_log_z, "log_z_mean", "mean over replicates of ln Z", "log_z_mean_stderr",
     "standard error of that mean", "nats"},
    {SMR_PARTITION_OUT_z_score, "z_score_mean",
     "mean over replicates of the distance from the exact value, in standard errors", "z_score_rms",
     "root mean square over replicates of the same: 1 for honest errors", ""},
};
enum { N_PAIRS = sizeof pairs / sizeof pairs[0], N_SUMMARIES = 2 * N_PAIRS };

typedef struct {
  smr_inner_dimension dimensions[2];
  smr_output outputs[N_SUMMARIES];
} summary_block;

static const smr_inner_dimension method_dimensions[2] = {{"method", N_METHODS, false},
                                                         {"other_method", N_METHODS, false}};

static void fill_outputs(smr_output *outputs) {
#define SET_OUTPUT(name_, unit_, n_, meaning_) \
  outputs[SMR_PARTITION_OUT_##name_] = (smr_output){#name_, unit_, meaning_, n_, {0, 1}, false};
  SMR_PARTITION_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
  outputs[SMR_PARTITION_OUT_seconds].is_measured_time = true;
}

smr_status smr_partition_describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  (void)job;
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
  memcpy(first->dimensions, method_dimensions, sizeof method_dimensions);
  memcpy(second->dimensions, method_dimensions, sizeof method_dimensions);
  fill_outputs(first->outputs);
  for (int i = 0; i < N_PAIRS; ++i) {
    const summary_pair *p = &pairs[i];
    second->outputs[2 * i] = (smr_output){p->mean_name, p->unit, p->mean_meaning, 1, {0}, false};
    second->outputs[2 * i + 1] =
        (smr_output){p->other_name, p->unit, p->other_meaning, 1, {0}, false};
  }
  *outputs = (smr_schema){2, first->dimensions, SMR_PARTITION_N_OUTPUTS, first->outputs};
  *summaries = (smr_schema){2, second->dimensions, N_SUMMARIES, second->outputs};
  return SMR_OK;
}

smr_status smr_partition_summarize(const void *config, const smr_schema *outputs,
                                   const smr_schema *summaries, int64_t n,
                                   const double *const *records, double *out) {
  (void)config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  for (int i = 0; i < N_PAIRS * N_METHODS; ++i) {
    const int pair = i / N_METHODS, method = i % N_METHODS;
    double mean = NAN, error = NAN, squares = 0;
    const int64_t at = smr_schema_get_offset(outputs, pairs[pair].source) + method;
    const int64_t count = smr_summary_gather(n, records, at, values);
    smr_summary_mean(count, values, &mean, &error);
    for (int64_t r = 0; r < count; ++r) {
      squares += values[r] * values[r];
    }
    const double rms = count > 0 ? sqrt(squares / (double)count) : (double)NAN;
    const bool is_score = pairs[pair].source == SMR_PARTITION_OUT_z_score;
    out[smr_schema_get_offset(summaries, 2 * pair) + method] = mean;
    out[smr_schema_get_offset(summaries, 2 * pair + 1) + method] = is_score ? rms : error;
  }
  smr_memory_free(values);
  return SMR_OK;
}

/* --- a unit's record --- */

void smr_partition_clear_values(smr_partition_values *values) {
  double *all = (double *)values;
  for (size_t i = 0; i < sizeof *values / sizeof(double); ++i) {
    all[i] = NAN;
  }
}

/* Standard error of a method's ln Z; the exact one has none. */
static double get_error(const smr_partition_values *values, int method) {
  return method == SMR_PARTITION_exact ? 0 : values->error[method];
}

static double compare(const smr_partition_values *values, int a, int b) {
  const double spread = hypot(get_error(values, a), get_error(values, b));
  return spread > 0 ? (values->log_z[a] - values->log_z[b]) / spread : (double)NAN;
}

static void put_log_z(const smr_services *services, const smr_partition_values *values) {
  double *log_z = smr_services_get(services, SMR_PARTITION_OUT_log_z);
  double *error = smr_services_get(services, SMR_PARTITION_OUT_log_z_stderr);
  double *z = smr_services_get(services, SMR_PARTITION_OUT_z_score);
  double *mutual = smr_services_get(services, SMR_PARTITION_OUT_z_mutual);
  bool is_agreed = true;
  for (int a = 0; a < N_METHODS; ++a) {
    log_z[a] = values->log_z[a];
    error[a] = values->error[a];
    z[a] = (values->log_z[a] - values->exact) / values->error[a];
    for (int b = 0; b < N_METHODS; ++b) {
      const double distance = a == b ? (double)NAN : compare(values, a, b);
      mutual[a * N_METHODS + b] = distance;
      is_agreed = is_agreed && !(fabs(distance) > MOST_SPREADS);
    }
  }
  *smr_services_get(services, SMR_PARTITION_OUT_is_agreed) = is_agreed ? 1 : 0;
}

/* ln p = -F - ln Z, in the mean over rows. */
static void put_likelihood(const smr_services *services, const smr_partition_values *values,
                           int output, const double free_energy[2]) {
  double *mean = smr_services_get(services, output);
  double *error = smr_services_get(services, output + 1);
  for (int m = 0; m < N_METHODS; ++m) {
    mean[m] = -free_energy[0] - values->log_z[m];
    error[m] = isfinite(mean[m]) ? hypot(free_energy[1], get_error(values, m)) : (double)NAN;
  }
}

void smr_partition_put(const smr_services *services, const smr_partition_values *values,
                       double seconds) {
  if (services->record == NULL) {
    return;
  }
  const int up = SMR_PARTITION_ais, down = SMR_PARTITION_reverse_ais;
  const struct {
    int output;
    double value;
  } scalars[] = {
      {SMR_PARTITION_OUT_free_energy_train, values->free_energy_train[0]},
      {SMR_PARTITION_OUT_free_energy_train_stderr, values->free_energy_train[1]},
      {SMR_PARTITION_OUT_free_energy_test, values->free_energy_test[0]},
      {SMR_PARTITION_OUT_free_energy_test_stderr, values->free_energy_test[1]},
      {SMR_PARTITION_OUT_log_z_exact, values->exact},
      {SMR_PARTITION_OUT_annealing_gap, values->log_z[down] - values->log_z[up]},
      {SMR_PARTITION_OUT_annealing_gap_stderr, hypot(values->error[up], values->error[down])},
      {SMR_PARTITION_OUT_annealing_effective_samples, values->effective},
      {SMR_PARTITION_OUT_reverse_effective_samples, values->reverse_effective},
      {SMR_PARTITION_OUT_n_temperatures, values->n_temperatures},
      {SMR_PARTITION_OUT_barrier, values->barrier},
      {SMR_PARTITION_OUT_round_trips, values->round_trips},
      {SMR_PARTITION_OUT_seconds, seconds},
  };
  put_log_z(services, values);
  put_likelihood(services, values, SMR_PARTITION_OUT_log_likelihood_train,
                 values->free_energy_train);
  put_likelihood(services, values, SMR_PARTITION_OUT_log_likelihood_test, values->free_energy_test);
  for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; ++i) {
    *smr_services_get(services, scalars[i].output) = scalars[i].value;
  }
}
