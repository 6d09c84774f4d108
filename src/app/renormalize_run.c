/* One unit of the renormalize experiment: an RBM is trained on samples of the data, and before and
 * after it the group's rank 0 goes through all visible states.
 *
 * Letters: V visible units, n = 2^V states. */

#include "renormalize.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/renormalize.h"

enum { BLOCK_ROWS = 1024, STEPS_BETWEEN_LOOKS = 64 };

/* Arrays are the group's rank 0's. */
typedef struct {
  const smr_unit *unit;
  const smr_context *group;
  smr_rbm_job job;
  const smr_images *images;
  smr_image_shape shape;
  smr_trainer *trainer;
  int64_t n;
  double *h; /* [n] the data's Hamiltonian */
  double *k; /* [n] K(v) */
  double *f; /* [n] free energies of the RBM */
} experiment;

/* --- data and K --- */

static int64_t find_state(int64_t n_pixels, const float *v) {
  int64_t state = 0;
  for (int64_t i = 0; i < n_pixels; ++i) {
    state |= (int64_t)(v[i] != 0) << i;
  }
  return state;
}

/* How often each state is among the training rows: counts[n]. */
static smr_status count_states(const experiment *e, int64_t *counts) {
  float *v = NULL;
  int64_t rows[BLOCK_ROWS];
  smr_status status = SMR_OK;
  SMR_TRY(smr_memory_alloc(BLOCK_ROWS * e->shape.n_pixels, sizeof *v, "rows of data", &v));
  for (int64_t first = 0; first < e->shape.n_train; first += BLOCK_ROWS) {
    const int64_t n = smr_int_min(BLOCK_ROWS, e->shape.n_train - first);
    for (int64_t i = 0; i < n; ++i) {
      rows[i] = first + i;
    }
    SMR_TRY_DONE(smr_images_read(e->images, SMR_STREAM_TRAIN, n, rows, 0, v));
    for (int64_t i = 0; i < n; ++i) {
      ++counts[find_state(e->shape.n_pixels, v + i * e->shape.n_pixels)];
    }
  }
done:
  smr_memory_free(v);
  return status;
}

static smr_status fill_smoothed(const experiment *e) {
  int64_t *counts = NULL;
  SMR_TRY(smr_memory_alloc(e->n, sizeof *counts, "counts of states", &counts));
  smr_status status = count_states(e, counts);
  if (status == SMR_OK) {
    status = smr_renormalize_fill_smoothed(e->n, counts, e->job.renormalize.smoothing, e->h);
  }
  smr_memory_free(counts);
  return status;
}

static void fill_term(const experiment *e) {
  const smr_common_config *common = e->unit->common;
  if (e->job.renormalize.term == SMR_TERM_FIELD) {
    const uint64_t stream = smr_random_stream("renormalize", (uint64_t)common->replicate, 0);
    smr_random_normal((smr_random_key){(uint64_t)common->seed, stream}, 0, 0, e->n, e->k);
  } else {
    for (int64_t s = 0; s < e->n; ++s) {
      e->k[s] = (double)__builtin_popcountll((unsigned long long)s);
    }
  }
  for (int64_t s = 0; s < e->n; ++s) {
    e->k[s] *= e->job.renormalize.strength;
  }
}

/* Local. */
static smr_status prepare(experiment *e) {
  SMR_TRY(smr_memory_alloc(e->n, sizeof *e->h, "Hamiltonian of the data", &e->h));
  SMR_TRY(smr_memory_alloc(e->n, sizeof *e->k, "added energies", &e->k));
  SMR_TRY(smr_memory_alloc(e->n, sizeof *e->f, "free energies", &e->f));
  fill_term(e);
  if (e->job.data.source == SMR_IMAGES_ISING) {
    return smr_renormalize_fill_ising(e->job.data.side, e->job.data.coupling, e->h);
  }
  return fill_smoothed(e);
}

/* --- one stage --- */

static void put(const experiment *e, int output, int stage, double value) {
  double *record = smr_services_get(e->unit->services, output);
  if (record != NULL) {
    record[stage] = value;
  }
}

static void put_all(const experiment *e, int stage, const smr_same_z *same,
                    const smr_trace *trace) {
  const double values[SMR_RENORMALIZE_N_OUTPUTS] = {
      [SMR_RENORMALIZE_log_z] = same->log_z,
      [SMR_RENORMALIZE_log_z_renormalized] = same->log_z_renormalized,
      [SMR_RENORMALIZE_log_z_change] = same->trace.log_z_difference,
      [SMR_RENORMALIZE_kl] = same->kl,
      [SMR_RENORMALIZE_kl_enumerated] = same->kl_enumerated,
      [SMR_RENORMALIZE_total_variation] = same->total_variation,
      [SMR_RENORMALIZE_total_variation_enumerated] = same->total_variation_enumerated,
      [SMR_RENORMALIZE_conditional_error] = same->conditional_error,
      [SMR_RENORMALIZE_same_z_tau_max] = same->trace.tau_max,
      [SMR_RENORMALIZE_log_z_data] = smr_renormalize_log_z(e->n, e->h),
      [SMR_RENORMALIZE_log_z_difference] = trace->log_z_difference,
      [SMR_RENORMALIZE_tau_mean] = trace->tau_mean,
      [SMR_RENORMALIZE_tau_std] = trace->tau_std,
      [SMR_RENORMALIZE_tau_max] = trace->tau_max,
      [SMR_RENORMALIZE_exp_tau_mean] = trace->exp_tau_mean,
  };
  for (int i = 0; i < SMR_RENORMALIZE_N_OUTPUTS; ++i) {
    put(e, i, stage, values[i]);
  }
}

/* Local. */
static smr_status measure(const experiment *e, int stage) {
  const smr_rbm rbm = smr_trainer_get_rbm(e->trainer);
  smr_same_z same = {0};
  SMR_TRY(smr_renormalize_free_energies(&rbm, e->f));
  SMR_TRY(smr_renormalize_same_z(&rbm, e->f, e->k, &same));
  const smr_trace trace = smr_renormalize_trace(e->n, e->f, e->h);
  put_all(e, stage, &same, &trace);
  return SMR_OK;
}

/* --- the unit --- */

static smr_status train(const experiment *e) {
  smr_services *services = e->unit->services;
  const int64_t n_steps = smr_trainer_count_steps(e->trainer);
  for (int64_t step = 0; step < n_steps; ++step) {
    if (step % STEPS_BETWEEN_LOOKS == 0 && services->should_stop(services)) {
      return SMR_STOPPED;
    }
    SMR_TRY(smr_trainer_step(e->trainer));
  }
  return smr_trainer_check_replicas(e->trainer);
}

smr_status smr_renormalize_run(const smr_unit *unit) {
  experiment e = {
      .unit = unit, .group = unit->group, .job = smr_rbm_configure(unit->common, unit->config)};
  e.images = smr_rbm_find_images(unit->state, &e.job.data);
  e.shape = smr_images_get_shape(e.images);
  e.n = (int64_t)1 << e.shape.n_pixels;
  const bool is_first = e.group->rank == 0;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree_root(e.group, 0, is_first ? prepare(&e) : SMR_OK));
  SMR_TRY_DONE(smr_rbm_create_trainer(e.group, &e.job, e.images, &e.trainer));
  SMR_TRY_DONE(smr_agree_root(e.group, 0, is_first ? measure(&e, SMR_STAGE_BEFORE) : SMR_OK));
  SMR_TRY_DONE(train(&e));
  SMR_TRY_DONE(smr_agree_root(e.group, 0, is_first ? measure(&e, SMR_STAGE_AFTER) : SMR_OK));
done:
  smr_trainer_destroy(&e.trainer);
  smr_memory_free(e.h);
  smr_memory_free(e.k);
  smr_memory_free(e.f);
  return status;
}
