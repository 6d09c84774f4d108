/* ladder.h5: what became of a ladder, labelled. B bins of an energy histogram; P scans and Q chains
 * of the history. */
#include <math.h>
#include <string.h>

#include "ladder_run_private.h"
#include "provenance.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

enum { MOST_ARRAYS = 32, MOST_ATTRIBUTES = 32 };

const char *const smr_ladder_observables[] = {"energy", "activity", "mode", NULL};

typedef struct {
  const smr_ladder_run *run;
  int64_t n_temperatures, n_history_scans, n_history_chains;
  int64_t step; /* between scans of the history */
  int64_t n;
  smr_array arrays[MOST_ARRAYS];
  double *series;     /* [5 x observable x T], as the file has them */
  double *edges;      /* [T x (B + 1)] */
  int64_t *histogram; /* [T x B] */
  int64_t *scans, *chains;
  int32_t *replicas; /* [P x Q x T] */
  double *trace;     /* [observable x P x Q] */
  double scalars[3];
  int64_t counts[3];
} sheet;

static int64_t count_history_scans(const smr_ladder_job *job) {
  const int64_t step = smr_int_ceil_divide(job->scans, job->history_scans);
  return smr_int_ceil_divide(job->scans, step);
}

static smr_status allocate(sheet *s) {
  const int64_t t = s->n_temperatures, p = s->n_history_scans, q = s->n_history_chains;
  const char *what = "ladder.h5";
  SMR_TRY(smr_memory_alloc(5 * SMR_LADDER_N_OBSERVABLES * t, sizeof(double), what, &s->series));
  SMR_TRY(smr_memory_alloc(t * (LADDER_BINS + 1), sizeof(double), what, &s->edges));
  SMR_TRY(smr_memory_alloc(t * LADDER_BINS, sizeof(int64_t), what, &s->histogram));
  SMR_TRY(smr_memory_alloc(p, sizeof(int64_t), what, &s->scans));
  SMR_TRY(smr_memory_alloc(q, sizeof(int64_t), what, &s->chains));
  SMR_TRY(smr_memory_alloc(p * q * t, sizeof(int32_t), what, &s->replicas));
  return smr_memory_alloc(SMR_LADDER_N_OBSERVABLES * p * q, sizeof(double), what, &s->trace);
}

static void clear(sheet *s) {
  smr_memory_free(s->series);
  smr_memory_free(s->edges);
  smr_memory_free(s->histogram);
  smr_memory_free(s->scans);
  smr_memory_free(s->chains);
  smr_memory_free(s->replicas);
  smr_memory_free(s->trace);
}

/* --- what there is to say --- */

/* Bins between the least and the highest energy of a temperature; a constant is in the middle. */
static void fill_histogram(sheet *s, int64_t t) {
  const smr_ladder_view *view = &s->run->view;
  const smr_ladder_series *energy = &view->series[SMR_LADDER_ENERGY * s->n_temperatures + t];
  const double margin = energy->least == energy->most ? 0.5 : 0;
  const double least = energy->least - margin;
  const double width = energy->most + margin - least;
  double *edges = s->edges + t * (LADDER_BINS + 1);
  int64_t *counts = s->histogram + t * LADDER_BINS;
  for (int64_t i = 0; i <= LADDER_BINS; ++i) {
    edges[i] = least + width * (double)i / LADDER_BINS;
  }
  for (int64_t scan = view->n_left_out; scan < view->tempering.n_scans; ++scan) {
    for (int64_t c = 0; c < view->tempering.n_chains; ++c) {
      const double u = ladder_get_value(s->run, SMR_LADDER_ENERGY, scan, c, t);
      const int64_t bin = (int64_t)((u - least) / width * LADDER_BINS);
      counts[smr_int_min(smr_int_max(bin, 0), LADDER_BINS - 1)]++;
    }
  }
}

static void fill_history(sheet *s) {
  const smr_tempering_view *view = &s->run->view.tempering;
  const int64_t q = s->n_history_chains, t = s->n_temperatures;
  for (int64_t c = 0; c < q; ++c) {
    s->chains[c] = c;
  }
  for (int64_t p = 0; p < s->n_history_scans; ++p) {
    const int64_t scan = p * s->step;
    s->scans[p] = scan + 1;
    for (int64_t c = 0; c < q; ++c) {
      memcpy(s->replicas + (p * q + c) * t, view->indices + (scan * view->n_chains + c) * t,
             (size_t)t * sizeof *s->replicas);
      for (int o = 0; o < SMR_LADDER_N_OBSERVABLES; ++o) {
        s->trace[(o * s->n_history_scans + p) * q + c] =
            ladder_get_value(s->run, (smr_ladder_observable)o, scan, c, t - 1);
      }
    }
  }
}

static void fill_series(sheet *s) {
  const int64_t n = SMR_LADDER_N_OBSERVABLES * s->n_temperatures;
  for (int64_t i = 0; i < n; ++i) {
    const smr_ladder_series *series = &s->run->view.series[i];
    s->series[i] = series->mean;
    s->series[n + i] = series->variance;
    s->series[2 * n + i] = series->autocorrelation_time;
    s->series[3 * n + i] = series->effective_samples;
    s->series[4 * n + i] = series->split_r_hat;
  }
}

/* --- how it is laid out --- */

static smr_array *put(sheet *s, const char *name, smr_array_type type, const char *meaning,
                      const void *data) {
  smr_array *array = &s->arrays[s->n++];
  *array = (smr_array){.name = name, .type = type, .unit = "1", .meaning = meaning};
  memcpy(&array->data, &data, sizeof data); /* writing only reads it */
  return array;
}

static void add_dimension(smr_array *array, const char *name, int64_t n) {
  array->dimensions[array->n_dimensions] = name;
  array->shape[array->n_dimensions++] = n;
}

static void put_line(sheet *s, const char *name, const char *dimension, int64_t n,
                     const char *meaning, const double *data) {
  add_dimension(put(s, name, SMR_F64, meaning, data), dimension, n);
}

static void list_ladder(sheet *s) {
  const smr_ladder_view *view = &s->run->view;
  const smr_tempering_view *tempering = &view->tempering;
  const int64_t t = s->n_temperatures;
  put_line(s, "beta", "temperature", t, "inverse temperature: 1 is the model", tempering->betas);
  put_line(s, "barrier", "temperature", t, "rejections summed from the hot end to here: Lambda",
           view->barrier);
  if (t > 1) {
    put_line(s, "rejection", "edge", t - 1,
             "mean probability that a swap of neighbouring temperatures is refused",
             tempering->rejection);
  }
  add_dimension(put(s, "round_trips", SMR_I64,
                    "round trips of a chain's replicas between both ends of the ladder",
                    view->round_trips),
                "chain", tempering->n_chains);
  s->scalars[0] = view->round_trip_rate;
  s->scalars[1] = view->ideal_round_trip_rate;
  s->scalars[2] = view->log_z0;
  put(s, "round_trip_rate", SMR_F64, "round trips per scan of a chain's ladder", &s->scalars[0]);
  put(s, "ideal_round_trip_rate", SMR_F64,
      "the same with perfect local exploration: 1 / (2 + 2 sum r/(1-r)) (Syed et al. 2021)",
      &s->scalars[1]);
  put(s, "log_z0", SMR_F64, "ln Z of the independent units at beta = 0", &s->scalars[2])->unit =
      "nats";
  s->counts[0] = tempering->n_scans;
  s->counts[1] = view->n_left_out;
  s->counts[2] = view->distrust;
  put(s, "n_scans", SMR_I64, "measured scans", &s->counts[0]);
  put(s, "n_left_out", SMR_I64, "first ones of them, which averages leave out", &s->counts[1]);
  put(s, "distrust", SMR_I64, SMR_DISTRUST_TEXT, &s->counts[2]);
}

static void list_series(sheet *s) {
  static const struct {
    const char *name, *meaning;
  } rows[] = {{"observable_mean", "mean over scans and chains"},
              {"observable_variance", "variance over scans and chains"},
              {"autocorrelation_time", "integrated autocorrelation time in scans (Geyer 1992)"},
              {"effective_samples", "effective sample size of all chains"},
              {"split_r_hat", "split R-hat (Gelman et al. 2013): 1 for chains that agree"}};
  const int64_t n = SMR_LADDER_N_OBSERVABLES * s->n_temperatures;
  add_dimension(put(s, "observable", SMR_TEXTS,
                    "energy: u = E - E_0; activity: share of visible units that are on; mode: "
                    "visible units along the leading left singular vector of W",
                    smr_ladder_observables),
                "observable", SMR_LADDER_N_OBSERVABLES);
  for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); ++i) {
    smr_array *array = put(s, rows[i].name, SMR_F64, rows[i].meaning, s->series + i * n);
    add_dimension(array, "observable", SMR_LADDER_N_OBSERVABLES);
    add_dimension(array, "temperature", s->n_temperatures);
  }
  smr_array *counts =
      put(s, "energy_histogram", SMR_I64,
          "how many energies of all scans and chains fell into a bin", s->histogram);
  add_dimension(counts, "temperature", s->n_temperatures);
  add_dimension(counts, "energy_bin", LADDER_BINS);
  smr_array *edges =
      put(s, "energy_edge", SMR_F64, "edges of a temperature's energy bins", s->edges);
  add_dimension(edges, "temperature", s->n_temperatures);
  add_dimension(edges, "energy_bin_edge", LADDER_BINS + 1);
}

static void list_history(sheet *s) {
  if (s->n_history_chains == 0) {
    return;
  }
  add_dimension(put(s, "history_scan", SMR_I64, "measured scan, from 1", s->scans), "history_scan",
                s->n_history_scans);
  add_dimension(put(s, "history_chain", SMR_I64, "chain, from 0", s->chains), "history_chain",
                s->n_history_chains);
  smr_array *replicas =
      put(s, "replica", SMR_I32, "replica that is at a temperature before the scan's swaps",
          s->replicas);
  add_dimension(replicas, "history_scan", s->n_history_scans);
  add_dimension(replicas, "history_chain", s->n_history_chains);
  add_dimension(replicas, "temperature", s->n_temperatures);
  smr_array *trace = put(s, "trace", SMR_F64, "the observables at beta = 1", s->trace);
  add_dimension(trace, "observable", SMR_LADDER_N_OBSERVABLES);
  add_dimension(trace, "history_scan", s->n_history_scans);
  add_dimension(trace, "history_chain", s->n_history_chains);
}

static smr_status write_sheet(const sheet *s) {
  const smr_services *services = s->run->unit->services;
  char path[SMR_PATH_BYTES];
  smr_attribute attributes[MOST_ATTRIBUTES];
  int64_t n = 0;
  const smr_attribute *known = smr_provenance_get(services->provenance, &n);
  n = smr_int_min(n, MOST_ATTRIBUTES - 2);
  memcpy(attributes, known, (size_t)n * sizeof *known);
  attributes[n++] = (smr_attribute){.name = "verdict", .text = s->run->view.verdict};
  attributes[n++] = (smr_attribute){
      .name = "is_trusted", .is_integer = true, .integer = s->run->view.distrust == 0};
  SMR_TRY(smr_file_make_folder(services->folder));
  SMR_TRY(smr_file_join(path, services->folder, "ladder.h5"));
  return smr_arrays_write(path, s->n, s->arrays, n, attributes);
}

smr_status ladder_write(const smr_ladder_run *run) {
  smr_services *services = run->unit->services;
  sheet s = {.run = run,
             .n_temperatures = run->view.tempering.n_temperatures,
             .n_history_scans = count_history_scans(&run->job),
             .n_history_chains = smr_int_min(run->job.history_chains, run->job.n_chains),
             .step = smr_int_ceil_divide(run->job.scans, run->job.history_scans)};
  smr_status status = allocate(&s);
  if (status == SMR_OK) {
    for (int64_t t = 0; t < s.n_temperatures; ++t) {
      fill_histogram(&s, t);
    }
    fill_history(&s);
    fill_series(&s);
    list_ladder(&s);
    list_series(&s);
    list_history(&s);
    status = write_sheet(&s);
  }
  clear(&s);
  SMR_TRY(status);
  services->publish(services, "ladder.h5");
  return SMR_OK;
}

int64_t ladder_count_file_bytes(const smr_ladder_job *job, int64_t n_temperatures) {
  const int64_t chains = smr_int_min(job->history_chains, job->n_chains);
  return n_temperatures * 8 * (2 * LADDER_BINS + 4 + 5 * SMR_LADDER_N_OBSERVABLES) +
         8 * job->n_chains +
         count_history_scans(job) *
             (8 + chains * (4 * n_temperatures + 8 * SMR_LADDER_N_OBSERVABLES));
}
