/* The partition experiment: ln Z of one RBM by every estimator, beside the exact value where there
 * is one. Collective in the unit's group. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "partition.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/enumerate.h"
#include "simmer/sample/mean_field.h"

enum {
  BURN_IN_SHARE = 4,      /* of the measured scans, the first one in so many is left out */
  IMAGES_PER_BATCH = 100, /* of Salakhutdinov & Murray's training */
  COUNTS_PER_BATCH = 5,   /* that they add to each pixel's, on and off */
  MEAN_FIELD_STARTS = 8,
  CLUSTER_SWEEPS = 500,
  SPINS_BETWEEN_LOOKS = 40000,       /* of a thread */
  WEIGHTS_BETWEEN_LOOKS = 200000000, /* of a mean field's iterations */
  FLOPS_BETWEEN_LOOKS = 1000000000
};
enum { ROWS, ENUMERATION, TEMPERING, ANNEALING_UP, ANNEALING_DOWN, MEAN_FIELD, N_STAGES };
/* Part of a unit that is done when a stage begins; all of it in the end. */
static const double progress[N_STAGES + 1] = {0, 0.01, 0.02, 0.6, 0.79, 0.98, 1};

typedef struct {
  const smr_unit *unit;
  const smr_context *group;
  const smr_partition_job *job;
  uint64_t seed;
  smr_model model;
  smr_rbm rbm;
  const smr_images *images; /* NULL without data */
  float *base_bias;
  double *betas;
  int64_t n_betas;
  float *samples;           /* [chains or runs x V] of the model */
  uint8_t *drawn;           /* [runs x V] spins of the Ising model by cluster sweeps; else NULL */
  smr_annealing *annealing; /* up, then down; NULL without runs */
  smr_mean_field *field;    /* NULL without */
  smr_ladder_run *ladder;
  /* What a checkpoint holds beside the states of these. */
  int64_t n_stages; /* done */
  int64_t n_drawn;  /* rows */
  smr_partition_values values;
} work;

static void note_progress(const work *w, double share, const char *text) {
  if (w->group->rank == 0) {
    w->unit->services->note_progress(w->unit->services, share, text);
  }
}

/* --- the model and where it starts from --- */

static smr_status load_model(work *w) {
  const smr_partition_job *job = w->job;
  const smr_partition_state *state = w->unit->state;
  if (job->model[0] == '\0') {
    SMR_TRY(smr_model_load_ising(w->group, job->side, job->coupling, &w->model, &w->values.exact));
  } else {
    SMR_TRY(smr_model_load(w->group, job->model, state->models, &w->model));
  }
  w->rbm = smr_model_get_rbm(&w->model);
  return SMR_OK;
}

/* Log odds of the base rates: of the data's mean image, else of the model file's. */
static smr_status set_base(work *w) {
  const int64_t v = w->rbm.n_visible;
  double *mean = NULL;
  smr_status status = SMR_OK;
  if (w->job->has_flat_base) {
    return SMR_OK;
  }
  if (w->images == NULL) {
    return smr_agree(w->group, smr_model_get_base_bias(&w->model, w->base_bias));
  }
  const int64_t n = smr_images_count(w->images, SMR_STREAM_TRAIN);
  SMR_TRY(smr_agree(w->group, smr_memory_alloc(v, sizeof *mean, "mean image", &mean)));
  SMR_TRY_DONE(smr_images_get_mean(w->group, w->images, mean));
  smr_annealing_base_bias(
      v, mean, n, (double)COUNTS_PER_BATCH * (double)smr_int_ceil_divide(n, IMAGES_PER_BATCH),
      w->base_bias);
done:
  smr_memory_free(mean);
  return status;
}

static smr_status allocate(work *w) {
  const int64_t v = w->rbm.n_visible;
  w->n_betas = smr_partition_fill_betas(w->job, NULL);
  SMR_TRY(smr_memory_alloc(v, sizeof(float), "base rates", &w->base_bias));
  SMR_TRY(smr_memory_alloc(w->n_betas, sizeof(double), "inverse temperatures", &w->betas));
  SMR_TRY(smr_memory_alloc(smr_int_max(w->job->ladder.n_chains, w->job->n_runs) * v, sizeof(float),
                           "samples", &w->samples));
  if (w->job->model[0] == '\0' && w->job->n_runs > 0) {
    SMR_TRY(smr_memory_alloc(w->job->n_runs * v, 1, "spins", &w->drawn));
  }
  smr_partition_fill_betas(w->job, w->betas);
  return SMR_OK;
}

static smr_status prepare(work *w) {
  const smr_partition_state *state = w->unit->state;
  smr_image_config config;
  SMR_TRY(load_model(w));
  if (smr_partition_get_source(w->unit->common, w->job, &config)) {
    w->images = smr_sources_find(state->sources, &config);
  }
  SMR_TRY(smr_agree(w->group, allocate(w)));
  return set_base(w);
}

/* --- exact --- */

static smr_status enumerate(work *w) {
  double *log_z = &w->values.log_z[SMR_PARTITION_exact];
  *log_z = w->values.exact;
  if (!smr_partition_is_enumerated(w->job, w->rbm.n_visible, w->rbm.n_hidden)) {
    return SMR_OK;
  }
  SMR_TRY(smr_enumerate_log_z(w->group, &w->rbm, log_z));
  w->values.exact = *log_z;
  return SMR_OK;
}

/* --- parallel tempering --- */

static void take(work *w, int method, const smr_log_z_estimate *estimate) {
  w->values.log_z[method] = estimate->log_z;
  w->values.error[method] = estimate->stderr_log_z;
}

static smr_status estimate_along_ladder(work *w) {
  const smr_ladder_view *ladder = smr_ladder_run_get(w->ladder);
  const smr_tempering_view *view = &ladder->tempering;
  /* The last change of the ladder has to be forgotten first. */
  const int64_t n_left_out = ladder->n_left_out;
  const double *u = view->energies + n_left_out * view->n_chains * view->n_temperatures;
  const smr_ladder_energies energies = {view->n_scans - n_left_out,
                                        view->n_chains,
                                        view->n_temperatures,
                                        view->betas,
                                        u,
                                        ladder->log_z0};
  smr_log_z_estimate estimate;
  SMR_TRY(smr_estimate_stepping_forward(&energies, &estimate));
  take(w, SMR_PARTITION_stepping_forward, &estimate);
  SMR_TRY(smr_estimate_stepping_backward(&energies, &estimate));
  take(w, SMR_PARTITION_stepping_backward, &estimate);
  SMR_TRY(smr_estimate_bennett(&energies, &estimate));
  take(w, SMR_PARTITION_bennett, &estimate);
  SMR_TRY(smr_estimate_integration(&energies, &estimate));
  take(w, SMR_PARTITION_integration, &estimate);
  w->values.barrier = view->barrier;
  w->values.n_temperatures = (double)view->n_temperatures;
  w->values.round_trips = (double)view->round_trips;
  return SMR_OK;
}

/* Of a run that goes on, the scans may all be done: the ladder is looked at again then. */
static smr_status temper(work *w) {
  if (w->job->ladder.n_chains == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_ladder_run_finish(w->ladder));
  SMR_TRY(smr_agree(w->group, estimate_along_ladder(w)));
  return smr_tempering_get_samples(smr_ladder_run_get_tempering(w->ladder), w->samples);
}

/* --- annealing --- */

static smr_annealing_config get_annealing(const work *w) {
  return (smr_annealing_config){w->job->n_runs, w->n_betas, w->betas, w->base_bias, w->seed};
}

/* Looking whether to stop costs an exchange of messages: rarely for short steps. A function of the
 * job. */
static int64_t choose_patience(const work *w) {
  const smr_annealing_config config = get_annealing(w);
  const double flops = smr_annealing_count_flops(&config, w->rbm.n_visible, w->rbm.n_hidden);
  return 1 + (int64_t)(FLOPS_BETWEEN_LOOKS * (double)w->n_betas / (flops + 1));
}

/* The steps that are left, a stop or a checkpoint between them. */
static smr_status anneal_on(work *w, int stage, smr_annealing_result *result) {
  const int64_t n_steps = w->n_betas - 1, patience = choose_patience(w);
  char text[96];
  while (smr_annealing_get_step(w->annealing) < n_steps) {
    SMR_TRY(smr_annealing_advance(w->annealing, patience));
    const int64_t step = smr_annealing_get_step(w->annealing);
    snprintf(text, sizeof text, "annealing %s, step %" PRId64 "/%" PRId64,
             stage == ANNEALING_UP ? "up" : "down", step, n_steps);
    note_progress(w,
                  progress[stage] +
                      (progress[stage + 1] - progress[stage]) * (double)step / (double)n_steps,
                  text);
    if (step < n_steps) {
      SMR_TRY(smr_ladder_run_look(w->ladder));
    }
  }
  return smr_annealing_finish(w->annealing, NULL, result);
}

static void take_annealing(work *w, int method, const smr_annealing_result *result) {
  w->values.log_z[method] = result->log_z;
  w->values.error[method] = result->log_z_stderr;
}

static smr_status anneal(work *w) {
  smr_annealing_result result;
  if (w->annealing == NULL) {
    return SMR_OK;
  }
  if (smr_annealing_get_step(w->annealing) == 0) {
    SMR_TRY(smr_annealing_start(w->annealing, NULL));
  }
  SMR_TRY(anneal_on(w, ANNEALING_UP, &result));
  take_annealing(w, SMR_PARTITION_ais, &result);
  w->values.effective = result.effective_samples;
  return SMR_OK;
}

/* The next rows on all ranks. */
static smr_status draw_batch(work *w, const smr_images *images, int64_t n) {
  const int64_t v = w->rbm.n_visible;
  int64_t first = 0, n_own = 0;
  uint8_t *own = NULL;
  smr_int_share(n, w->group->size, w->group->rank, &first, &n_own);
  smr_status status = smr_memory_alloc(n_own * v, 1, "spins", &own);
  if (status == SMR_OK) {
    status = smr_images_generate(images, w->n_drawn + first, n_own, own, NULL);
  }
  status = smr_agree(w->group, status);
  if (status == SMR_OK) {
    uint8_t *rows = w->drawn + w->n_drawn * v;
    smr_gather_rows(w->group, 0, (size_t)v, n_own, own, rows);
    smr_broadcast(w->group, 0, rows, (size_t)(n * v));
    w->n_drawn += n;
  }
  smr_memory_free(own);
  return status;
}

/* A thread's share of a batch takes about half a second. */
static smr_status draw_all(work *w, const smr_images *images) {
  int64_t n = smr_int_max(1, SPINS_BETWEEN_LOOKS / w->rbm.n_visible) * omp_get_max_threads();
  char text[96];
  smr_broadcast(w->group, 0, &n, sizeof n);
  n *= w->group->size;
  while (w->n_drawn < w->job->n_runs) {
    SMR_TRY(draw_batch(w, images, smr_int_min(n, w->job->n_runs - w->n_drawn)));
    snprintf(text, sizeof text, "clusters of spins, %" PRId64 "/%" PRId64, w->n_drawn,
             w->job->n_runs);
    note_progress(w, progress[ANNEALING_DOWN], text);
    SMR_TRY(smr_ladder_run_look(w->ladder));
  }
  for (int64_t i = 0; i < w->job->n_runs * w->rbm.n_visible; ++i) {
    w->samples[i] = w->drawn[i] != 0 ? 1.0F : 0.0F;
  }
  return SMR_OK;
}

/* Exact states of the Ising model, each from a run of cluster sweeps of its own. */
static smr_status draw_clusters(work *w) {
  const smr_image_config config = {.source = SMR_IMAGES_ISING,
                                   .count = 1, /* that is kept; the others are made as they come */
                                   .test_count = 0,
                                   .side = w->job->side,
                                   .coupling = w->job->coupling,
                                   .sweeps = CLUSTER_SWEEPS,
                                   .binarize = SMR_BINARIZE_NONE,
                                   .seed = w->seed};
  smr_images *images = NULL;
  SMR_TRY(smr_images_open(w->group, &config, "", &images));
  const smr_status status = draw_all(w, images);
  smr_images_close(&images);
  return status;
}

/* Runs down start from cluster-sampled states, or from the last states of the tempered chains, each
 * once: several runs from one state would share its error. */
static smr_status anneal_in_reverse(work *w) {
  const smr_partition_job *job = w->job;
  const bool is_ising = w->drawn != NULL;
  smr_annealing_result result;
  if (w->annealing == NULL || (!is_ising && job->ladder.n_chains < job->n_runs)) {
    return SMR_OK;
  }
  if (smr_annealing_get_step(w->annealing) == 0) {
    SMR_TRY(is_ising ? draw_clusters(w) : SMR_OK);
    SMR_TRY(smr_annealing_start(w->annealing, w->samples));
  }
  SMR_TRY(anneal_on(w, ANNEALING_DOWN, &result));
  take_annealing(w, SMR_PARTITION_reverse_ais, &result);
  w->values.reverse_effective = result.effective_samples;
  return SMR_OK;
}

/* --- the rest --- */

/* The iterations that are left, a stop or a checkpoint between them. */
static smr_status solve_mean_field(work *w) {
  const int64_t patience = 1 + WEIGHTS_BETWEEN_LOOKS / (w->rbm.n_visible * w->rbm.n_hidden);
  int64_t turn = 0;
  char text[96];
  if (w->field == NULL) {
    return SMR_OK;
  }
  while ((turn = smr_mean_field_get_turn(w->field)) < 2 * MEAN_FIELD_STARTS) {
    snprintf(text, sizeof text, "mean field of order %d, start %" PRId64 "/%d",
             turn < MEAN_FIELD_STARTS ? 1 : 2, turn % MEAN_FIELD_STARTS + 1,
             (int)MEAN_FIELD_STARTS);
    note_progress(w, progress[MEAN_FIELD], text);
    smr_mean_field_advance(w->field, patience);
    SMR_TRY(smr_ladder_run_look(w->ladder));
  }
  for (int order = 1; order <= 2; ++order) {
    bool is_fixed = false;
    const double value = smr_mean_field_get_log_z(w->field, order, &is_fixed);
    w->values.log_z[order == 1 ? SMR_PARTITION_mean_field : SMR_PARTITION_tap] =
        is_fixed ? value : (double)NAN;
  }
  return SMR_OK;
}

static smr_status measure_data(work *w) {
  const int64_t most = w->job->n_rows < 0 ? INT64_MAX : w->job->n_rows;
  if (w->images == NULL) {
    return SMR_OK;
  }
  const int64_t n_train = smr_int_min(smr_images_count(w->images, SMR_STREAM_TRAIN), most);
  const int64_t n_test = smr_int_min(smr_images_count(w->images, SMR_STREAM_TEST), most);
  SMR_TRY(smr_partition_measure_rows(w->group, &w->rbm, w->images, SMR_STREAM_TRAIN, n_train,
                                     w->values.free_energy_train));
  return smr_partition_measure_rows(w->group, &w->rbm, w->images, SMR_STREAM_TEST, n_test,
                                    w->values.free_energy_test);
}

/* --- the unit --- */

typedef struct {
  const char *name;
  smr_status (*run)(work *w);
  bool is_repeated; /* by a run that goes on: it makes more than the values */
} stage;

static const stage stages[N_STAGES] = {
    [ROWS] = {"rows of data", measure_data, false},
    [ENUMERATION] = {"enumeration", enumerate, false},
    [TEMPERING] = {"parallel tempering", temper, true},
    [ANNEALING_UP] = {"annealing", anneal, false},
    [ANNEALING_DOWN] = {"annealing in reverse", anneal_in_reverse, false},
    [MEAN_FIELD] = {"mean field", solve_mean_field, false}};

static smr_status list_drawn(work *w, smr_state *state) {
  SMR_TRY(smr_state_append(
      state, &(smr_state_array){.array = {.name = "n_drawn",
                                          .type = SMR_I64,
                                          .meaning = "rows of spins drawn by cluster sweeps",
                                          .data = &w->n_drawn}}));
  SMR_TRY(smr_state_append(state,
                           &(smr_state_array){.array = {.name = "drawn",
                                                        .type = SMR_U8,
                                                        .n_dimensions = 2,
                                                        .shape = {w->job->n_runs, w->rbm.n_visible},
                                                        .dimensions = {"run", "unit_0"},
                                                        .meaning = "these rows",
                                                        .data = w->drawn}}));
  return SMR_OK;
}

static smr_status list_state(void *self, smr_state *state) {
  work *w = self;
  SMR_TRY(smr_state_append(state, &(smr_state_array){.array = {.name = "stages",
                                                               .type = SMR_I64,
                                                               .meaning = "stages done",
                                                               .data = &w->n_stages}}));
  SMR_TRY(smr_state_append(
      state, &(smr_state_array){.array = {.name = "values",
                                          .type = SMR_F64,
                                          .n_dimensions = 1,
                                          .shape = {sizeof w->values / sizeof(double)},
                                          .dimensions = {"value"},
                                          .meaning = "what the stages found",
                                          .data = &w->values}}));
  if (w->drawn != NULL) {
    SMR_TRY(list_drawn(w, state));
  }
  if (w->annealing != NULL) {
    SMR_TRY(smr_annealing_list_state(w->annealing, state));
  }
  return w->field == NULL ? SMR_OK : smr_mean_field_list_state(w->field, state);
}

static smr_status run_stages(work *w) {
  for (int i = 0; i < N_STAGES; ++i) {
    if (i < w->n_stages && !stages[i].is_repeated) {
      continue;
    }
    SMR_TRY(smr_ladder_run_look(w->ladder));
    note_progress(w, progress[i], stages[i].name);
    SMR_TRY(stages[i].run(w));
    w->n_stages = smr_int_max(w->n_stages, i + 1);
  }
  return SMR_OK;
}

static smr_status check_drawn(const work *w) {
  if (w->n_drawn < 0 || w->n_drawn > w->job->n_runs) {
    SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has %" PRId64 " rows of spins of %" PRId64,
             w->n_drawn, w->job->n_runs);
  }
  return SMR_OK;
}

/* From the newest checkpoint, if there is one. */
static smr_status begin(work *w) {
  const smr_ladder_setup setup = {.job = &w->job->ladder,
                                  .rbm = &w->rbm,
                                  .base_bias = w->base_bias,
                                  .seed = w->seed,
                                  .progress_from = progress[TEMPERING],
                                  .progress_to = progress[TEMPERING + 1],
                                  .self = w,
                                  .list_state = list_state};
  const smr_annealing_config annealing = get_annealing(w);
  if (annealing.n_runs > 0) {
    SMR_TRY(smr_annealing_create(w->group, &w->rbm, &annealing, &w->annealing));
  }
  if (w->job->has_mean_field) {
    SMR_TRY(smr_mean_field_create(w->group, &w->rbm, MEAN_FIELD_STARTS, w->seed, &w->field));
  }
  SMR_TRY(smr_ladder_run_create(w->unit, &setup, &w->ladder));
  SMR_TRY(smr_agree(w->group, check_drawn(w)));
  SMR_TRY(w->annealing == NULL ? SMR_OK : smr_annealing_resume(w->annealing));
  return w->field == NULL ? SMR_OK : smr_mean_field_resume(w->field);
}

smr_status smr_partition_run(const smr_unit *unit) {
  const double start = smr_clock_monotonic_s();
  work w = {.unit = unit,
            .group = unit->group,
            .job = unit->config,
            .seed = smr_random_stream("partition", (uint64_t)unit->common->seed,
                                      (uint64_t)unit->common->replicate)};
  smr_status status = SMR_OK;
  smr_partition_clear_values(&w.values);
  SMR_TRY_DONE(prepare(&w));
  SMR_TRY_DONE(begin(&w));
  SMR_TRY_DONE(run_stages(&w));
  smr_partition_put(unit->services, &w.values, smr_clock_monotonic_s() - start);
done:
  smr_ladder_run_destroy(&w.ladder);
  smr_annealing_destroy(&w.annealing);
  smr_mean_field_destroy(&w.field);
  smr_model_clear(&w.model);
  smr_memory_free(w.base_bias);
  smr_memory_free(w.betas);
  smr_memory_free(w.samples);
  smr_memory_free(w.drawn);
  return status;
}
