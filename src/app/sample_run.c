/* One unit of the sample experiment: a ladder's run, images taken on the way, and what is said of
 * them.
 *
 * Letters: V visible and H hidden units; C chains; N images. Everything is collective in the unit's
 * group; images are its rank 0's. */
#include <math.h>
#include <string.h>

#include "provenance.h"
#include "sample.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

enum { MOST_ARRAYS = 4, MOST_ATTRIBUTES = 32 };

typedef struct {
  const smr_unit *unit;
  const smr_context *group;
  const smr_sample_job *job;
  smr_sample_plan plan;
  smr_model model;
  smr_rbm rbm;
  float *base_bias; /* [V] */
  smr_ladder_run *ladder;
  float *images;       /* [N x V], rank 0 */
  double *free_energy; /* [N], rank 0 */
  float *v, *h;        /* [C x V], [C x H] states of the chains */
  float *p;            /* [C x V] probabilities; rank 0 */
  float *work;         /* [C x H]; rank 0 */
  double *f;           /* [C]; rank 0 */
  double start_s;
} sampling;

static bool is_first(const sampling *s) {
  return s->group->rank == 0;
}

/* --- images --- */

/* From the chains' states, into place. Rank 0. */
static smr_status keep_images(sampling *s, int64_t index) {
  const int64_t c = s->plan.n_chains, v = s->rbm.n_visible;
  const int64_t first = index * c;
  const int64_t n = smr_int_min(c, s->job->count - first);
  const float *values = s->v;
  SMR_TRY(smr_rbm_free_energy(&s->rbm, c, s->v, s->work, s->f));
  if (s->job->values == SMR_SAMPLE_PROBABILITIES) {
    SMR_TRY(smr_rbm_visible(&s->rbm, c, s->h, s->p));
    values = s->p;
  }
  memcpy(s->images + first * v, values, (size_t)(n * v) * sizeof *s->images);
  memcpy(s->free_energy + first, s->f, (size_t)n * sizeof *s->free_energy);
  return SMR_OK;
}

static smr_status take_images(void *self, smr_tempering *tempering) {
  sampling *s = self;
  const int64_t n_tuning = smr_tempering_count_scans(tempering) - s->job->ladder.scans;
  const int64_t index =
      smr_sample_find_scan(&s->plan, smr_tempering_get_scan(tempering) - n_tuning);
  if (index < 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_tempering_get_part(tempering, 0, s->v));
  if (s->job->values == SMR_SAMPLE_PROBABILITIES) {
    SMR_TRY(smr_tempering_get_part(tempering, 1, s->h));
  }
  return smr_agree_root(s->group, 0, is_first(s) ? keep_images(s, index) : SMR_OK);
}

static smr_status list_state(void *self, smr_state *state) {
  sampling *s = self;
  const int64_t n = s->job->count;
  const smr_state_array images = {.array = {.name = "images",
                                            .type = SMR_F32,
                                            .n_dimensions = 2,
                                            .shape = {n, s->rbm.n_visible},
                                            .dimensions = {"image", "visible"},
                                            .data = s->images},
                                  .is_distributed = true,
                                  .first_row = is_first(s) ? 0 : n,
                                  .n_rows = is_first(s) ? n : 0};
  smr_state_array free_energy = images;
  free_energy.array = (smr_array){.name = "free_energy",
                                  .type = SMR_F64,
                                  .n_dimensions = 1,
                                  .shape = {n},
                                  .dimensions = {"image"},
                                  .data = s->free_energy};
  SMR_TRY(smr_state_append(state, &images));
  return smr_state_append(state, &free_energy);
}

/* --- samples.h5 --- */

typedef struct {
  int64_t n;
  smr_array arrays[MOST_ARRAYS];
  uint8_t *bytes;          /* states [N x V] */
  int64_t *chains, *scans; /* [N] */
} sample_file;

static void add_column(sample_file *sheet, const char *name, smr_array_type type, int64_t n,
                       const char *unit, const char *meaning, void *data) {
  sheet->arrays[sheet->n++] = (smr_array){.name = name,
                                          .type = type,
                                          .n_dimensions = 1,
                                          .shape = {n},
                                          .dimensions = {"sample"},
                                          .unit = unit,
                                          .meaning = meaning,
                                          .data = data};
}

static void add_images(const sampling *s, sample_file *sheet) {
  const bool is_image = s->model.height > 0;
  const bool is_states = s->job->values == SMR_SAMPLE_STATES;
  smr_array *images = &sheet->arrays[sheet->n++];
  *images = (smr_array){
      .name = "samples",
      .type = is_states ? SMR_U8 : SMR_F32,
      .n_dimensions = is_image ? 3 : 2,
      .shape = {s->job->count, is_image ? s->model.height : s->rbm.n_visible, s->model.width},
      .dimensions = {"sample", is_image ? "height" : "visible", "width"},
      .unit = "1",
      .meaning =
          is_states ? "states of the visible units" : "p(v = 1 | h) for sampled hidden states",
      .data = s->images};
  if (is_states) {
    images->data = sheet->bytes;
  }
}

static smr_status fill_sheet(const sampling *s, sample_file *sheet) {
  const int64_t n = s->job->count, n_values = n * s->rbm.n_visible;
  const bool is_states = s->job->values == SMR_SAMPLE_STATES;
  SMR_TRY(smr_memory_alloc(n, sizeof *sheet->chains, "samples.h5", &sheet->chains));
  SMR_TRY(smr_memory_alloc(n, sizeof *sheet->scans, "samples.h5", &sheet->scans));
  SMR_TRY(smr_memory_alloc(is_states ? n_values : 0, 1, "samples.h5", &sheet->bytes));
  for (int64_t i = 0; i < n; ++i) {
    sheet->chains[i] = i % s->plan.n_chains;
    sheet->scans[i] = smr_sample_get_scan(&s->plan, i / s->plan.n_chains);
  }
  for (int64_t i = 0; is_states && i < n_values; ++i) {
    sheet->bytes[i] = s->images[i] != 0;
  }
  add_images(s, sheet);
  add_column(sheet, "chain", SMR_I64, n, "1", "chain that it is of, from 0", sheet->chains);
  add_column(sheet, "scan", SMR_I64, n, "1", "measured scan that it is of, from 1", sheet->scans);
  add_column(sheet, "free_energy", SMR_F64, n, "nats", "free energy F(v) of the states",
             s->free_energy);
  return SMR_OK;
}

static smr_status write_sheet(const sampling *s, const sample_file *sheet) {
  smr_services *services = s->unit->services;
  const smr_ladder_view *view = smr_ladder_run_get(s->ladder);
  smr_attribute attributes[MOST_ATTRIBUTES];
  char path[SMR_PATH_BYTES];
  int64_t n = 0;
  const smr_attribute *known = smr_provenance_get(services->provenance, &n);
  n = smr_int_min(n, MOST_ATTRIBUTES - 3);
  memcpy(attributes, known, (size_t)n * sizeof *known);
  attributes[n++] = (smr_attribute){.name = "model", .text = s->job->model};
  attributes[n++] = (smr_attribute){.name = "verdict", .text = view->verdict};
  attributes[n++] =
      (smr_attribute){.name = "is_trusted", .is_integer = true, .integer = view->distrust == 0};
  SMR_TRY(smr_file_make_folder(services->folder));
  SMR_TRY(smr_file_join(path, services->folder, "samples.h5"));
  return smr_arrays_write(path, sheet->n, sheet->arrays, n, attributes);
}

static smr_status write_samples(const sampling *s) {
  sample_file sheet = {0};
  smr_status status = fill_sheet(s, &sheet);
  if (status == SMR_OK) {
    status = write_sheet(s, &sheet);
  }
  smr_memory_free(sheet.bytes);
  smr_memory_free(sheet.chains);
  smr_memory_free(sheet.scans);
  SMR_TRY(status);
  s->unit->services->publish(s->unit->services, "samples.h5");
  return SMR_OK;
}

/* --- outputs --- */

static void put(const sampling *s, int output, double value) {
  *smr_services_get(s->unit->services, output) = value;
}

/* Mean over images, and its standard error from the means of the chains that have any. */
static void put_free_energy(const sampling *s) {
  const int64_t n = s->job->count, c = s->plan.n_chains;
  const int64_t n_chains = smr_int_min(n, c);
  double sum = 0, chains = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += s->free_energy[i];
  }
  for (int pass = 0; pass < 2; ++pass) {
    const double mean = chains / (double)n_chains;
    for (int64_t k = 0; k < n_chains; ++k) {
      double own = 0;
      int64_t count = 0;
      for (int64_t i = k; i < n; i += c, ++count) {
        own += s->free_energy[i];
      }
      own /= (double)count;
      chains += pass == 0 ? own : 0;
      squares += pass == 0 ? 0 : (own - mean) * (own - mean);
    }
  }
  put(s, SMR_SAMPLE_OUT_free_energy, sum / (double)n);
  if (n_chains > 1) {
    put(s, SMR_SAMPLE_OUT_free_energy_stderr,
        sqrt(squares / (double)(n_chains - 1) / (double)n_chains));
  }
}

static void put_images(const sampling *s) {
  const int64_t n = s->job->count, v = s->rbm.n_visible;
  const float *mean = s->model.visible_mean;
  double on = 0, data = 0, errors = 0, noise = 0;
  for (int64_t j = 0; j < v; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      sum += (double)s->images[i * v + j];
    }
    on += sum / (double)n;
    if (mean != NULL) {
      const double p = (double)mean[j];
      data += p;
      errors += (sum / (double)n - p) * (sum / (double)n - p);
      noise += p * (1 - p) / (double)n;
    }
  }
  put(s, SMR_SAMPLE_OUT_activity, on / (double)v);
  if (mean != NULL) {
    put(s, SMR_SAMPLE_OUT_data_activity, data / (double)v);
    put(s, SMR_SAMPLE_OUT_mean_image_error, sqrt(errors / (double)v));
    put(s, SMR_SAMPLE_OUT_mean_image_noise, sqrt(noise / (double)v));
  }
}

static void put_ladder(const sampling *s, const smr_ladder_view *view) {
  const smr_tempering_view *tempering = &view->tempering;
  const smr_services *services = s->unit->services;
  const int64_t t = tempering->n_temperatures;
  double highest = 0;
  for (int o = 0; o < SMR_LADDER_N_OBSERVABLES; ++o) {
    const smr_ladder_series *cold = &view->series[o * t + t - 1];
    smr_services_get(services, SMR_SAMPLE_OUT_observable_mean)[o] = cold->mean;
    smr_services_get(services, SMR_SAMPLE_OUT_autocorrelation_time)[o] = cold->autocorrelation_time;
    smr_services_get(services, SMR_SAMPLE_OUT_effective_samples)[o] = cold->effective_samples;
    smr_services_get(services, SMR_SAMPLE_OUT_split_r_hat)[o] = cold->split_r_hat;
  }
  for (int64_t i = 0; i + 1 < t; ++i) {
    highest = fmax(highest, tempering->rejection[i]);
  }
  put(s, SMR_SAMPLE_OUT_is_trusted, view->distrust == 0);
  put(s, SMR_SAMPLE_OUT_distrust, view->distrust);
  put(s, SMR_SAMPLE_OUT_worst_split_r_hat, view->worst_split_r_hat);
  put(s, SMR_SAMPLE_OUT_n_temperatures, (double)t);
  put(s, SMR_SAMPLE_OUT_barrier, view->barrier[t - 1]);
  put(s, SMR_SAMPLE_OUT_highest_rejection, highest);
  put(s, SMR_SAMPLE_OUT_round_trips, (double)tempering->round_trips);
  put(s, SMR_SAMPLE_OUT_round_trip_rate, view->round_trip_rate);
  put(s, SMR_SAMPLE_OUT_ideal_round_trip_rate, view->ideal_round_trip_rate);
  const int64_t spacing = s->plan.n_kept / s->plan.n;
  put(s, SMR_SAMPLE_OUT_spacing, (double)spacing);
}

/* Rank 0. */
static smr_status conclude(const sampling *s) {
  const smr_ladder_view *view = smr_ladder_run_get(s->ladder);
  SMR_TRY(write_samples(s));
  put_ladder(s, view);
  put_images(s);
  put_free_energy(s);
  put(s, SMR_SAMPLE_OUT_seconds, smr_clock_monotonic_s() - s->start_s);
  smr_log_info("%s: %s", s->job->model, view->verdict);
  return SMR_OK;
}

/* --- putting it together --- */

/* Local. */
static smr_status allocate(sampling *s) {
  const int64_t v = s->rbm.n_visible, h = s->rbm.n_hidden, c = s->plan.n_chains;
  const int64_t n = is_first(s) ? s->job->count : 0;
  int64_t n_values = 0;
  SMR_TRY(smr_int_multiply(s->job->count, v, "values of images", &n_values));
  SMR_TRY(smr_memory_alloc(n * v, sizeof(float), "images", &s->images));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "free energies", &s->free_energy));
  SMR_TRY(smr_memory_alloc(c * v, sizeof(float), "states of chains", &s->v));
  SMR_TRY(smr_memory_alloc(c * h, sizeof(float), "states of chains", &s->h));
  SMR_TRY(smr_memory_alloc(is_first(s) ? c * v : 0, sizeof(float), "probabilities", &s->p));
  SMR_TRY(smr_memory_alloc(is_first(s) ? c * h : 0, sizeof(float), "workspace", &s->work));
  return smr_memory_alloc(is_first(s) ? c : 0, sizeof(double), "free energies", &s->f);
}

static smr_status prepare(sampling *s) {
  SMR_TRY(smr_model_load(s->group, s->job->model, s->unit->state, &s->model));
  s->rbm = smr_model_get_rbm(&s->model);
  smr_status status =
      smr_memory_alloc(s->rbm.n_visible, sizeof(float), "base rates", &s->base_bias);
  if (status == SMR_OK && !s->job->has_flat_base) {
    status = smr_model_get_base_bias(&s->model, s->base_bias);
  }
  return smr_agree(s->group, status == SMR_OK ? allocate(s) : status);
}

static void clear(sampling *s) {
  smr_ladder_run_destroy(&s->ladder);
  smr_model_clear(&s->model);
  smr_memory_free(s->base_bias);
  smr_memory_free(s->images);
  smr_memory_free(s->free_energy);
  smr_memory_free(s->v);
  smr_memory_free(s->h);
  smr_memory_free(s->p);
  smr_memory_free(s->work);
  smr_memory_free(s->f);
}

static smr_status run_ladder(sampling *s) {
  const smr_common_config *common = s->unit->common;
  const smr_ladder_setup setup = {
      .job = &s->job->ladder,
      .rbm = &s->rbm,
      .base_bias = s->base_bias,
      .seed = smr_random_stream("sample", (uint64_t)common->seed, (uint64_t)common->replicate),
      .progress_to = 1,
      .self = s,
      .after_scan = take_images,
      .list_state = list_state};
  SMR_TRY(smr_ladder_run_create(s->unit, &setup, &s->ladder));
  return smr_ladder_run_finish(s->ladder);
}

smr_status smr_sample_run(const smr_unit *unit) {
  sampling s = {.unit = unit,
                .group = unit->group,
                .job = unit->config,
                .plan = smr_sample_make_plan(unit->config),
                .start_s = smr_clock_monotonic_s()};
  smr_status status = SMR_OK;
  SMR_TRY_DONE(prepare(&s));
  SMR_TRY_DONE(run_ladder(&s));
  SMR_TRY_DONE(smr_agree_root(s.group, 0, is_first(&s) ? conclude(&s) : SMR_OK));
done:
  clear(&s);
  return status;
}
