/* The partition experiment: ln Z of one RBM by every estimator, beside the exact value where there
 * is one. Collective in the unit's group. */
#include "partition.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"
#include "simmer/energy/ising.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/enumerate.h"
#include "simmer/sample/estimate.h"
#include "simmer/sample/tempering.h"
#include "simmer/store/model.h"
#include "summary.h"

enum { BURN_IN_SHARE = 4 /* of the measured scans, the first one in so many is left out */ };

#define AT(field) offsetof(smr_partition_job, field)

static const smr_key keys[] = {
    {"partition.model", SMR_KEY_STRING, 0, AT(model), 0, 0, "", "\"\"", NULL,
     "Model file; empty for the RBM of an Ising model, whose ln Z is known exactly at any size."},
    {"partition.side", SMR_KEY_INT, 0, AT(side), 2, 256, "units", "8", NULL,
     "Without a model: L of the L x L Ising model."},
    {"partition.coupling", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(coupling), 0, 10, "",
     "0.4406867935097715", NULL, "Without a model: K = J/kT; the default is critical."},
    {"partition.flat_base", SMR_KEY_BOOL, 0, AT(has_flat_base), 0, 0, "", "false", NULL,
     "Start annealing and tempering from fair coins, not from the data's mean image."},
    {"partition.exact_units", SMR_KEY_INT, 0, AT(exact_units), 0, SMR_ENUMERATE_MOST_UNITS, "units",
     "24", NULL, "Enumerate models whose smaller side has at most so many units."},
    {"partition.annealing_runs", SMR_KEY_INT, 0, AT(n_runs), 0, 1e7, "runs", "100", NULL,
     "Runs of annealed importance sampling (Neal 2001); 0 leaves it out."},
    {"partition.annealing_steps", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(n_betas), 2, 1e8, "", "auto",
     NULL,
     "Inverse temperatures of a run at equal steps; auto: the 14,501 of Salakhutdinov & Murray "
     "2008."},
    {"partition.chains", SMR_KEY_INT, 0, AT(n_chains), 0, 1e6, "chains", "16", NULL,
     "Independent chains of parallel tempering; 0 leaves it out."},
    {"partition.temperatures", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(n_temperatures), 2, 4096, "",
     "auto", NULL, "Temperatures of the ladder; auto is twice the communication barrier."},
    {"partition.most_temperatures", SMR_KEY_INT, 0, AT(most_temperatures), 2, 4096, "", "64", NULL,
     "auto: at most so many, for which room is made."},
    {"partition.rounds", SMR_KEY_INT, 0, AT(rounds), 0, 30, "rounds", "8", NULL,
     "Rounds of 2, 4, 8, ... scans in which the ladder is adapted."},
    {"partition.scans", SMR_KEY_INT, 0, AT(scans), 2, 1e9, "scans", "1000", NULL,
     "Scans that are measured after that."},
    {"partition.sweeps", SMR_KEY_INT, 0, AT(sweeps), 1, 1e6, "sweeps", "1", NULL,
     "Gibbs sweeps of a scan, between two rounds of swaps."},
    {"partition.mean_field", SMR_KEY_BOOL, 0, AT(has_mean_field), 0, 0, "", "true", NULL,
     "Mean-field and second-order TAP values, which have no standard error."},
};

static const smr_key_table key_table = {keys, sizeof keys / sizeof keys[0],
                                        sizeof(smr_partition_job)};

/* --- outputs --- */

typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[SMR_PARTITION_N_OUTPUTS];
} output_block;

/* ln Z, its error and z by method are summarised by their means alone: each is a number with an
 * error already. */
enum { N_SUMMARIES = 4 };
static const int summarised[] = {SMR_PARTITION_OUT_log_z, SMR_PARTITION_OUT_z_score};

typedef struct {
  smr_inner_dimension dimensions[1];
  smr_output outputs[N_SUMMARIES];
} summary_block;

static smr_status describe(const smr_job *job, smr_schema *outputs, smr_schema *summaries) {
  (void)job;
  output_block *first = NULL;
  summary_block *second = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *first, "output list", &first));
  smr_status status = smr_memory_alloc(1, sizeof *second, "summary list", &second);
  if (status != SMR_OK) {
    smr_memory_free(first);
    return status;
  }
#define SET_OUTPUT(name_, unit_, meaning_) \
  first->outputs[SMR_PARTITION_OUT_##name_] = (smr_output){#name_, unit_, meaning_, 0, {0}, false};
  SMR_PARTITION_OUTPUTS(SET_OUTPUT)
#undef SET_OUTPUT
  for (int i = 0; i <= SMR_PARTITION_OUT_z_score; ++i) {
    first->outputs[i].n_dimensions = 1;
  }
  first->outputs[SMR_PARTITION_OUT_seconds].is_measured_time = true;
  first->dimensions[0] = (smr_inner_dimension){"method", SMR_PARTITION_N_METHODS, false};
  second->dimensions[0] = first->dimensions[0];
  second->outputs[0] =
      (smr_output){"log_z_mean", "nats", "mean over replicates of ln Z", 1, {0}, false};
  second->outputs[1] =
      (smr_output){"log_z_mean_stderr", "nats", "standard error of that mean", 1, {0}, false};
  second->outputs[2] =
      (smr_output){"z_score_mean",
                   "",
                   "mean over replicates of the distance from the exact value, in standard "
                   "errors",
                   1,
                   {0},
                   false};
  second->outputs[3] = (smr_output){
      "z_score_rms", "",   "root mean square over replicates of the same: 1 for honest errors", 1,
      {0},           false};
  *outputs = (smr_schema){1, first->dimensions, SMR_PARTITION_N_OUTPUTS, first->outputs};
  *summaries = (smr_schema){1, second->dimensions, N_SUMMARIES, second->outputs};
  return SMR_OK;
}

static smr_status summarize(const void *config, const smr_schema *outputs,
                            const smr_schema *summaries, int64_t n, const double *const *records,
                            double *out) {
  (void)config;
  double *values = NULL;
  SMR_TRY(smr_memory_alloc(n, sizeof *values, "replicates of one value", &values));
  for (int method = 0; method < SMR_PARTITION_N_METHODS; ++method) {
    for (int i = 0; i < 2; ++i) {
      double mean = NAN, error = NAN, squares = 0;
      int64_t at = smr_schema_get_offset(outputs, summarised[i]) + method;
      int64_t count = smr_summary_gather(n, records, at, values);
      smr_summary_mean(count, values, &mean, &error);
      for (int64_t r = 0; r < count; ++r) {
        squares += values[r] * values[r];
      }
      double rms = count > 0 ? sqrt(squares / (double)count) : (double)NAN;
      out[smr_schema_get_offset(summaries, 2 * i) + method] = mean;
      out[smr_schema_get_offset(summaries, 2 * i + 1) + method] = i == 0 ? error : rms;
    }
  }
  smr_memory_free(values);
  return SMR_OK;
}

/* --- before the work --- */

static smr_status check(const smr_job *job, const char *data_folder, void *survey,
                        smr_text *report) {
  smr_status verdict = SMR_OK;
  const char *seen = ""; /* the file that was read last: most sweeps have one alone */
  (void)data_folder;
  (void)survey;
  for (int64_t cell = 0; cell < smr_job_count_cells(job) && verdict == SMR_OK; ++cell) {
    smr_common_config common;
    smr_partition_job config;
    smr_model model = {0};
    smr_job_configure(job, cell, &common, &config);
    if (config.model[0] == '\0' || strcmp(config.model, seen) == 0) {
      continue;
    }
    seen = config.model;
    if (smr_model_read(config.model, &model) != SMR_OK) {
      verdict = smr_job_complain(job, "partition.model", report, "%s", smr_error_message());
    }
    smr_model_clear(&model);
  }
  return verdict;
}

/* Sizes of a model file aren't known here: those of MNIST with 500 hidden units stand for them. */
static void plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  const smr_partition_job *job = config;
  const bool is_ising = job->model[0] == '\0';
  const double v = is_ising ? (double)(job->side * job->side) : 784;
  const double h = is_ising ? 2 * v : 500;
  const double temperatures =
      job->n_temperatures > 0 ? (double)job->n_temperatures : (double)job->most_temperatures;
  const double rows = (double)job->n_chains * temperatures;
  const double scans = (double)job->scans + (double)((int64_t)2 << job->rounds);
  (void)survey;
  *cost = (smr_unit_cost){.flops = 4 * v * h * rows * scans * (double)job->sweeps +
                                   2 * 4 * v * h * (double)job->n_runs *
                                       (job->n_betas > 0 ? (double)job->n_betas : 14501),
                          .memory_bytes = (int64_t)(8 * (v * h + rows * (double)job->scans * 1.5) +
                                                    4 * rows * (v + h) * 2 / n_ranks),
                          .n_shards = smr_int_max(1, (int64_t)(rows / 128))};
}

static smr_status open(const smr_context *world, const smr_job *job, const char *data_folder,
                       void **state) {
  (void)world;
  (void)job;
  (void)data_folder;
  *state = NULL;
  return SMR_OK;
}

static void close(void **state) {
  *state = NULL;
}

/* --- one unit --- */

typedef struct {
  const smr_unit *unit;
  const smr_context *group;
  const smr_partition_job *job;
  uint64_t seed;
  smr_model model;
  smr_rbm rbm;
  float *base_bias;
  double *betas;
  int64_t n_betas;
  float *samples; /* [n_chains x V] of the model, from parallel tempering */
  double log_z[SMR_PARTITION_N_METHODS], error[SMR_PARTITION_N_METHODS];
  double exact, effective, barrier, n_temperatures, round_trips;
} work;

/* The model on all ranks: read by rank 0, or made. */
static smr_status load_model(work *w) {
  const smr_partition_job *job = w->job;
  int64_t sizes[2] = {job->side * job->side, 2 * job->side * job->side};
  smr_status status = SMR_OK;
  if (job->model[0] == '\0') {
    status = smr_model_create(sizes[0], sizes[1], -1, &w->model);
    if (status == SMR_OK) {
      status = smr_ising_make_rbm(job->side, job->coupling, w->model.w, w->model.visible_bias,
                                  w->model.hidden_bias, &w->exact);
    }
    return smr_agree(w->group, status);
  }
  if (w->group->rank == 0) {
    status = smr_model_read(job->model, &w->model);
    sizes[0] = w->model.n_visible;
    sizes[1] = w->model.n_hidden;
  }
  SMR_TRY(smr_agree_root(w->group, 0, status));
  smr_broadcast(w->group, 0, sizes, sizeof sizes);
  if (w->group->rank != 0) {
    status = smr_model_create(sizes[0], sizes[1], 0, &w->model);
  }
  SMR_TRY(smr_agree(w->group, status));
  return SMR_OK;
}

static void share_model(work *w) {
  const size_t v = (size_t)w->model.n_visible, h = (size_t)w->model.n_hidden;
  smr_broadcast(w->group, 0, w->model.w, v * h * sizeof(float));
  smr_broadcast(w->group, 0, w->model.visible_bias, v * sizeof(float));
  smr_broadcast(w->group, 0, w->model.hidden_bias, h * sizeof(float));
  w->rbm = (smr_rbm){w->model.n_visible, w->model.n_hidden, w->model.w, w->model.visible_bias,
                     w->model.hidden_bias};
}

/* Log odds of the base rates: of the mean image, kept from certainty. */
static void set_base(work *w) {
  const int64_t v = w->rbm.n_visible;
  const bool has_mean = w->group->rank == 0 && w->model.visible_mean != NULL;
  for (int64_t i = 0; has_mean && !w->job->has_flat_base && i < v; ++i) {
    double p = fmin(fmax((double)w->model.visible_mean[i], 0), 1) * 0.99 + 0.005;
    w->base_bias[i] = (float)log(p / (1 - p));
  }
  smr_broadcast(w->group, 0, w->base_bias, (size_t)v * sizeof(float));
}

static smr_status prepare(work *w) {
  SMR_TRY(load_model(w));
  share_model(w);
  const int64_t v = w->rbm.n_visible;
  w->n_betas = w->job->n_betas > 0 ? w->job->n_betas : smr_annealing_usual_betas(NULL);
  smr_status status = smr_memory_alloc(v, sizeof(float), "base rates", &w->base_bias);
  if (status == SMR_OK) {
    status = smr_memory_alloc(w->n_betas, sizeof(double), "inverse temperatures", &w->betas);
  }
  if (status == SMR_OK) {
    status = smr_memory_alloc(smr_int_max(w->job->n_chains, w->job->n_runs) * v, sizeof(float),
                              "samples", &w->samples);
  }
  SMR_TRY(smr_agree(w->group, status));
  set_base(w);
  if (w->job->n_betas < 0) {
    smr_annealing_usual_betas(w->betas);
  }
  for (int64_t i = 0; w->job->n_betas > 0 && i < w->n_betas; ++i) {
    w->betas[i] = (double)i / (double)(w->n_betas - 1);
  }
  return SMR_OK;
}

static smr_status enumerate(work *w) {
  const int64_t smaller = smr_int_min(w->rbm.n_visible, w->rbm.n_hidden);
  if (smaller > w->job->exact_units) {
    w->log_z[SMR_PARTITION_exact] = w->exact;
    return SMR_OK;
  }
  SMR_TRY(smr_enumerate_log_z(w->group, &w->rbm, &w->log_z[SMR_PARTITION_exact]));
  w->exact = w->log_z[SMR_PARTITION_exact];
  return SMR_OK;
}

static void take(work *w, int method, const smr_log_z_estimate *estimate) {
  w->log_z[method] = estimate->log_z;
  w->error[method] = estimate->stderr_log_z;
}

static smr_status estimate_along_ladder(work *w, const smr_tempering_view *view, double log_z0) {
  /* The last change of the ladder has to be forgotten first. */
  const int64_t n_left_out = view->n_scans / BURN_IN_SHARE;
  const double *u = view->energies + n_left_out * view->n_chains * view->n_temperatures;
  const smr_ladder_energies energies = {
      view->n_scans - n_left_out, view->n_chains, view->n_temperatures, view->betas, u, log_z0};
  smr_log_z_estimate estimate;
  SMR_TRY(smr_estimate_stepping_forward(&energies, &estimate));
  take(w, SMR_PARTITION_stepping_forward, &estimate);
  SMR_TRY(smr_estimate_stepping_backward(&energies, &estimate));
  take(w, SMR_PARTITION_stepping_backward, &estimate);
  SMR_TRY(smr_estimate_bennett(&energies, &estimate));
  take(w, SMR_PARTITION_bennett, &estimate);
  SMR_TRY(smr_estimate_integration(&energies, &estimate));
  take(w, SMR_PARTITION_integration, &estimate);
  w->barrier = view->barrier;
  w->n_temperatures = (double)view->n_temperatures;
  w->round_trips = (double)view->round_trips;
  return SMR_OK;
}

static smr_status run_scans(work *w, smr_tempering *tempering) {
  smr_services *services = w->unit->services;
  for (int is_done = 0; !is_done;) {
    SMR_TRY(smr_tempering_scan(tempering, &is_done));
    if (smr_tempering_get_scan(tempering) % 16 == 0 && services->should_stop(services)) {
      return SMR_STOPPED;
    }
  }
  return SMR_OK;
}

static smr_status temper(work *w) {
  const smr_partition_job *job = w->job;
  smr_energy_model *model = NULL;
  smr_tempering *tempering = NULL;
  smr_status status = SMR_OK;
  const smr_tempering_config config = {.n_chains = job->n_chains,
                                       .n_temperatures = job->n_temperatures,
                                       .most_temperatures =
                                           smr_int_max(job->most_temperatures, job->n_temperatures),
                                       .rounds = job->rounds,
                                       .scans = job->scans,
                                       .sweeps = job->sweeps,
                                       .seed = w->seed};
  if (job->n_chains == 0) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(w->group, smr_energy_create_rbm(&w->rbm, w->base_bias, &model)));
  SMR_TRY_DONE(smr_tempering_create(w->group, model, &config, &tempering));
  SMR_TRY_DONE(run_scans(w, tempering));
  smr_tempering_view view = smr_tempering_get(tempering);
  SMR_TRY_DONE(smr_agree(w->group, estimate_along_ladder(w, &view, model->log_z0)));
  SMR_TRY_DONE(smr_tempering_get_samples(tempering, w->samples));
done:
  smr_tempering_destroy(&tempering);
  smr_energy_destroy(&model);
  return status;
}

/* Exact states of the Ising model, each from a run of cluster sweeps of its own. */
static smr_status draw_clusters(work *w) {
  const smr_image_config config = {.source = SMR_IMAGES_ISING,
                                   .file = "",
                                   .labels = "",
                                   .test_file = "",
                                   .test_labels = "",
                                   .x_name = "",
                                   .y_name = "",
                                   .mnist_folder = "",
                                   .fields = "",
                                   .tangents = "",
                                   .count = w->job->n_runs,
                                   .test_count = 0,
                                   .side = w->job->side,
                                   .coupling = w->job->coupling,
                                   .sweeps = 500,
                                   .binarize = SMR_BINARIZE_NONE,
                                   .seed = w->seed};
  smr_images *images = NULL;
  SMR_TRY(smr_images_open(w->group, &config, "", &images));
  smr_status status = SMR_OK;
  for (int64_t row = 0; status == SMR_OK && row < w->job->n_runs; ++row) {
    status =
        smr_images_read(images, SMR_STREAM_TRAIN, 1, &row, 0, w->samples + row * w->rbm.n_visible);
  }
  smr_images_close(&images);
  return smr_agree(w->group, status);
}

/* Runs down start from cluster-sampled states, or from the last states of the tempered chains, each
 * once. */
static smr_status anneal(work *w) {
  const smr_partition_job *job = w->job;
  smr_annealing_result result;
  const smr_annealing_config config = {job->n_runs, w->n_betas, w->betas, w->base_bias, w->seed};
  if (job->n_runs == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_annealing_run(w->group, &w->rbm, &config, NULL, &result));
  take(w, SMR_PARTITION_ais, &(smr_log_z_estimate){result.log_z, result.log_z_stderr});
  w->effective = result.effective_samples;
  if (job->model[0] == '\0') {
    SMR_TRY(draw_clusters(w));
  } else if (job->n_chains < job->n_runs) {
    /* Several runs from one state would share its error. */
    return SMR_OK;
  }
  SMR_TRY(smr_annealing_run_reverse(w->group, &w->rbm, &config, w->samples, NULL, &result));
  take(w, SMR_PARTITION_reverse_ais, &(smr_log_z_estimate){result.log_z, result.log_z_stderr});
  return SMR_OK;
}

static smr_status solve_mean_field(work *w) {
  if (!w->job->has_mean_field) {
    return SMR_OK;
  }
  for (int order = 1; order <= 2; ++order) {
    int is_converged = 0;
    double value = NAN;
    SMR_TRY(smr_mean_field_log_z(&w->rbm, order, 8, w->seed, &value, &is_converged));
    w->log_z[order == 1 ? SMR_PARTITION_mean_field : SMR_PARTITION_tap] =
        is_converged ? value : (double)NAN;
  }
  return SMR_OK;
}

/* All pairs of estimates with standard errors within four of them. */
static double find_agreement(const work *w) {
  bool is_agreed = true;
  for (int a = 0; a < SMR_PARTITION_N_METHODS; ++a) {
    for (int b = 0; b < a; ++b) {
      double spread = hypot(w->error[a], w->error[b]);
      if (isfinite(spread) && isfinite(w->log_z[a] - w->log_z[b])) {
        is_agreed = is_agreed && fabs(w->log_z[a] - w->log_z[b]) <= 4 * spread;
      }
    }
  }
  return is_agreed ? 1 : 0;
}

static void put(const work *w, double seconds) {
  const smr_services *services = w->unit->services;
  double *log_z = smr_services_get(services, SMR_PARTITION_OUT_log_z);
  if (log_z == NULL) {
    return;
  }
  double *error = smr_services_get(services, SMR_PARTITION_OUT_log_z_stderr);
  double *z = smr_services_get(services, SMR_PARTITION_OUT_z_score);
  for (int i = 0; i < SMR_PARTITION_N_METHODS; ++i) {
    log_z[i] = w->log_z[i];
    error[i] = w->error[i];
    z[i] = (w->log_z[i] - w->exact) / w->error[i];
  }
  *smr_services_get(services, SMR_PARTITION_OUT_log_z_exact) = w->exact;
  *smr_services_get(services, SMR_PARTITION_OUT_is_agreed) = find_agreement(w);
  *smr_services_get(services, SMR_PARTITION_OUT_annealing_effective_samples) = w->effective;
  *smr_services_get(services, SMR_PARTITION_OUT_n_temperatures) = w->n_temperatures;
  *smr_services_get(services, SMR_PARTITION_OUT_barrier) = w->barrier;
  *smr_services_get(services, SMR_PARTITION_OUT_round_trips) = w->round_trips;
  *smr_services_get(services, SMR_PARTITION_OUT_seconds) = seconds;
}

static smr_status run_unit(const smr_unit *unit) {
  const double start = smr_clock_monotonic_s();
  work w = {.unit = unit,
            .group = unit->group,
            .job = unit->config,
            .seed = smr_random_stream("partition", (uint64_t)unit->common->seed,
                                      (uint64_t)unit->common->replicate),
            .exact = NAN,
            .effective = NAN,
            .barrier = NAN,
            .n_temperatures = NAN,
            .round_trips = NAN};
  smr_status status = SMR_OK;
  for (int i = 0; i < SMR_PARTITION_N_METHODS; ++i) {
    w.log_z[i] = NAN;
    w.error[i] = NAN;
  }
  SMR_TRY_DONE(prepare(&w));
  SMR_TRY_DONE(enumerate(&w));
  SMR_TRY_DONE(temper(&w));
  SMR_TRY_DONE(anneal(&w));
  SMR_TRY_DONE(smr_agree(w.group, solve_mean_field(&w)));
  put(&w, smr_clock_monotonic_s() - start);
done:
  smr_model_clear(&w.model);
  smr_memory_free(w.base_bias);
  smr_memory_free(w.betas);
  smr_memory_free(w.samples);
  return status;
}

#define NAME(name, unit, meaning) #name,
static const char *const output_names[] = {SMR_PARTITION_OUTPUTS(NAME) NULL};
#undef NAME

const smr_experiment smr_experiment_partition = {
    .name = "partition",
    .title = "Partition functions",
    .summary = "ln Z of an RBM by every estimator, beside the exact value where there is one.",
    .table = &key_table,
    .output_names = output_names,
    .is_rank_free = true,
    .describe = describe,
    .check = check,
    .plan = plan,
    .open = open,
    .close = close,
    .run_unit = run_unit,
    .summarize = summarize,
};
