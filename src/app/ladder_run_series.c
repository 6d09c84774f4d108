/* Diagnoses of a finished ladder: series at every temperature, round trips, and whether to trust
 * what was sampled. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ladder_run_private.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/estimate.h"

static const double most_r_hat = 1.05; /* at beta = 1: Gelman et al. ask for 1.1, Vehtari et al.
                                          2021 for 1.01 */
static const double most_r_hat_along = 1.1;
static const double fewest_samples = 100;
static const double most_rejection = 0.95;

/* --- series --- */

enum { SERIES_DOUBLES = sizeof(smr_ladder_series) / sizeof(double) };
_Static_assert(sizeof(smr_ladder_series) == SERIES_DOUBLES * sizeof(double), "padding");

/* What the threads of a rank work on: one series of an observable and a temperature at a time. */
typedef struct {
  const smr_ladder_run *run;
  int64_t n_scans, n_chains; /* that averages take */
  int n_threads;
  double *buffers; /* [threads x n_scans x n_chains] */
} series_work;

static void find_moments(int64_t n, const double *x, smr_ladder_series *out) {
  double sum = 0, squares = 0;
  out->least = x[0];
  out->most = x[0];
  for (int64_t i = 0; i < n; ++i) {
    sum += x[i];
    out->least = fmin(out->least, x[i]);
    out->most = fmax(out->most, x[i]);
  }
  out->mean = sum / (double)n;
  for (int64_t i = 0; i < n; ++i) {
    squares += (x[i] - out->mean) * (x[i] - out->mean);
  }
  out->variance = squares / (double)n;
}

/* Series number `item` = observable x T + temperature. */
static smr_status diagnose_item(const series_work *w, int64_t item, double *x,
                                smr_ladder_series *out) {
  const smr_tempering_view *view = &w->run->view.tempering;
  const int64_t temperature = item % view->n_temperatures;
  const smr_ladder_observable observable = (smr_ladder_observable)(item / view->n_temperatures);
  smr_series_diagnosis diagnosis;
  for (int64_t s = 0; s < w->n_scans; ++s) {
    for (int64_t c = 0; c < w->n_chains; ++c) {
      x[s * w->n_chains + c] =
          ladder_get_value(w->run, observable, w->run->view.n_left_out + s, c, temperature);
    }
  }
  find_moments(w->n_scans * w->n_chains, x, out);
  SMR_TRY(smr_series_diagnose(w->n_scans, w->n_chains, x, &diagnosis));
  out->autocorrelation_time = diagnosis.autocorrelation_time;
  out->effective_samples = diagnosis.effective_samples;
  out->split_r_hat = diagnosis.split_r_hat;
  return SMR_OK;
}

/* Items first..first+n-1. Local. */
static smr_status diagnose_items(const series_work *w, int64_t first, int64_t n,
                                 smr_ladder_series *out) {
  smr_status worst = SMR_OK;
  char message[512] = "";
#pragma omp parallel for schedule(dynamic, 1) num_threads(w->n_threads)
  for (int64_t i = 0; i < n; ++i) {
    double *x = w->buffers + omp_get_thread_num() * w->n_scans * w->n_chains;
    const smr_status status = diagnose_item(w, first + i, x, &out[i]);
#pragma omp critical(smr_ladder_failure)
    if (status != SMR_OK && worst == SMR_OK) {
      worst = status;
      snprintf(message, sizeof message, "%s", smr_error_message());
    }
  }
  if (worst != SMR_OK) {
    SMR_FAIL(worst, "%s", message);
  }
  return SMR_OK;
}

/* Every rank takes its share of the series; all get all of them. */
static smr_status diagnose_series(smr_ladder_run *run) {
  const smr_context *group = run->group;
  const smr_tempering_view *view = &run->view.tempering;
  const int64_t n_items = SMR_LADDER_N_OBSERVABLES * view->n_temperatures;
  const int64_t share = smr_int_ceil_divide(n_items, group->size);
  series_work w = {.run = run,
                   .n_scans = view->n_scans - run->view.n_left_out,
                   .n_chains = view->n_chains,
                   .n_threads = (int)smr_int_min(omp_get_max_threads(), share)};
  smr_ladder_series *gathered = NULL;
  int64_t first = 0, n = 0;
  int stride = 0;
  smr_status status =
      smr_memory_alloc(share * group->size, sizeof *gathered, "diagnoses", &gathered);
  if (status == SMR_OK) {
    status = smr_int_narrow(share * SERIES_DOUBLES, "diagnoses of a rank", &stride);
  }
  if (status == SMR_OK) {
    status = smr_memory_alloc(w.n_threads * w.n_scans * w.n_chains, sizeof(double),
                              "series to diagnose", &w.buffers);
  }
  smr_int_share(n_items, group->size, group->rank, &first, &n);
  if (status == SMR_OK) {
    status = diagnose_items(&w, first, n, gathered + group->rank * share);
  }
  SMR_TRY_DONE(smr_agree(group, status));
  smr_gather_all(group, stride, &gathered[0].mean);
  for (int rank = 0; rank < group->size; ++rank) {
    smr_int_share(n_items, group->size, rank, &first, &n);
    if (n > 0) {
      memcpy(run->series + first, gathered + rank * share, (size_t)n * sizeof *gathered);
    }
  }
done:
  smr_memory_free(gathered);
  smr_memory_free(w.buffers);
  return status;
}

/* --- the ladder --- */

enum { FROM_NOWHERE, FROM_HOT, FROM_COLD };

/* at[t] is the replica at temperature t of one chain. Returns 1 when one comes home. */
static int follow(int64_t n, const int32_t *at, uint8_t *from) {
  const int is_home = from[at[0]] == FROM_COLD;
  from[at[0]] = FROM_HOT;
  if (from[at[n - 1]] == FROM_HOT) {
    from[at[n - 1]] = FROM_COLD;
  }
  return is_home;
}

/* As tempering counts them: after the swaps of every measured scan, of which the last are only in
 * the replicas' present places. Local. */
static smr_status count_round_trips(smr_ladder_run *run, int64_t most_temperatures) {
  const smr_tempering_view *view = &run->view.tempering;
  const int64_t n = view->n_temperatures;
  const int32_t *now = smr_tempering_get_replicas(run->tempering);
  uint8_t *from = NULL;
  SMR_TRY(smr_memory_alloc(most_temperatures, sizeof *from, "round trips", &from));
  for (int64_t c = 0; c < view->n_chains; ++c) {
    run->round_trips[c] = 0;
    memset(from, FROM_NOWHERE, (size_t)most_temperatures);
    for (int64_t s = 1; n > 1 && s < view->n_scans; ++s) {
      run->round_trips[c] += follow(n, view->indices + (s * view->n_chains + c) * n, from);
    }
    run->round_trips[c] += n > 1 ? follow(n, now + c * most_temperatures, from) : 0;
  }
  smr_memory_free(from);
  return SMR_OK;
}

static void fill_rates(smr_ladder_run *run) {
  const smr_tempering_view *view = &run->view.tempering;
  double inefficiency = 0;
  run->barrier[0] = 0;
  for (int64_t i = 0; i + 1 < view->n_temperatures; ++i) {
    run->barrier[i + 1] = run->barrier[i] + view->rejection[i];
    inefficiency += view->rejection[i] / (1 - view->rejection[i]);
  }
  run->view.barrier = run->barrier;
  run->view.round_trips = run->round_trips;
  run->view.series = run->series;
  run->view.round_trip_rate =
      (double)view->round_trips / ((double)view->n_scans * (double)view->n_chains);
  run->view.ideal_round_trip_rate =
      view->n_temperatures > 1 ? 1 / (2 + 2 * inefficiency) : (double)NAN;
}

/* --- the verdict --- */

/* Worst of what matters, at beta = 1 and along the ladder. */
typedef struct {
  double r_hat, r_hat_along, samples, time, rejection;
  int64_t fewest_trips;
} worst_values;

/* A constant has no diagnosis, and needs none; NaN of anything else is as bad as can be. */
static void take_series(const smr_ladder_series *series, bool is_cold, worst_values *worst) {
  if (series->least == series->most) {
    return;
  }
  const bool is_known = isfinite(series->split_r_hat);
  const double r_hat = is_known ? series->split_r_hat : (double)INFINITY;
  worst->r_hat_along = fmax(worst->r_hat_along, r_hat);
  if (is_cold) {
    worst->r_hat = fmax(worst->r_hat, r_hat);
    worst->samples = fmin(worst->samples, is_known ? series->effective_samples : 0);
    worst->time = fmax(worst->time, is_known ? series->autocorrelation_time : (double)INFINITY);
  }
}

static worst_values find_worst(const smr_ladder_run *run) {
  const smr_tempering_view *view = &run->view.tempering;
  const int64_t n = view->n_temperatures;
  worst_values worst = {.r_hat = 1,
                        .r_hat_along = 1,
                        .samples =
                            (double)view->n_chains * (double)(view->n_scans - run->view.n_left_out),
                        .fewest_trips = INT64_MAX};
  for (int64_t i = 0; i < SMR_LADDER_N_OBSERVABLES * n; ++i) {
    take_series(&run->series[i], i % n == n - 1, &worst);
  }
  for (int64_t i = 0; i + 1 < n; ++i) {
    worst.rejection = fmax(worst.rejection, view->rejection[i]);
  }
  for (int64_t c = 0; c < view->n_chains; ++c) {
    worst.fewest_trips = smr_int_min(worst.fewest_trips, run->round_trips[c]);
  }
  return worst;
}

/* Notes one reason, if it is one. */
static void SMR_PRINTF(4, 5)
    doubt(smr_ladder_run *run, unsigned flag, bool is_true, const char *format, ...) {
  const size_t used = strlen(run->verdict);
  char text[128];
  va_list arguments;
  if (!is_true) {
    return;
  }
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  run->view.distrust |= flag;
  snprintf(run->verdict + used, sizeof run->verdict - used, "%s%s",
           used == 0 ? "samples can't be trusted: " : "; ", text);
}

static void judge(smr_ladder_run *run) {
  const worst_values worst = find_worst(run);
  const smr_tempering_view *view = &run->view.tempering;
  run->view.distrust = 0;
  run->view.worst_split_r_hat = worst.r_hat_along;
  run->verdict[0] = '\0';
  doubt(run, SMR_DISTRUST_R_HAT, worst.r_hat > most_r_hat, "split R-hat %.3g at beta = 1",
        worst.r_hat);
  doubt(run, SMR_DISTRUST_FEW, worst.samples < fewest_samples, "only %.3g effective samples",
        worst.samples);
  doubt(run, SMR_DISTRUST_NO_TRIPS, view->n_temperatures > 1 && worst.fewest_trips < 1,
        "a chain made no round trip in %" PRId64 " scans", view->n_scans);
  doubt(run, SMR_DISTRUST_GAP, worst.rejection > most_rejection,
        "an edge of the ladder rejects a share of %.3g of the swaps", worst.rejection);
  doubt(run, SMR_DISTRUST_ALONG_IT, worst.r_hat_along > most_r_hat_along,
        "split R-hat %.3g along the ladder", worst.r_hat_along);
  if (run->view.distrust == 0) {
    snprintf(run->verdict, sizeof run->verdict,
             "samples can be trusted: split R-hat %.3f, %.0f effective samples, autocorrelation "
             "time %.3g scans, %" PRId64 " round trips",
             worst.r_hat, worst.samples, worst.time, view->round_trips);
  }
  run->view.verdict = run->verdict;
}

smr_status ladder_diagnose(smr_ladder_run *run) {
  run->view = (smr_ladder_view){.tempering = smr_tempering_get(run->tempering),
                                .log_z0 = run->model->log_z0};
  run->view.n_left_out = smr_ladder_count_left_out(run->view.tempering.n_scans);
  SMR_TRY(diagnose_series(run));
  SMR_TRY(smr_agree(run->group, count_round_trips(run, ladder_get_most_temperatures(&run->job))));
  fill_rates(run);
  judge(run);
  return SMR_OK;
}

int64_t ladder_count_diagnosis_bytes(const smr_ladder_job *job, int64_t n_temperatures,
                                     int n_threads) {
  const int64_t n_scans = job->scans - smr_ladder_count_left_out(job->scans);
  return 8 * (n_threads * n_scans * job->n_chains +
              2 * SERIES_DOUBLES * SMR_LADDER_N_OBSERVABLES * n_temperatures);
}
