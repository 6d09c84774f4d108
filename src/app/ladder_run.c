/* Scans of a unit's parallel tempering, with checkpoints, progress and what is recorded. */
#include "ladder_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ladder_run_private.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/energy/model.h"
#include "simmer/store/checkpoint.h"

enum { POWER_STEPS = 60 };

/* --- what is followed --- */

static void observe(const void *self, int64_t n_rows, const float *const *parts, double *x) {
  const smr_ladder_run *run = self;
  const int64_t n = run->rbm.n_visible;
  for (int64_t i = 0; i < n_rows; ++i) {
    const float *v = parts[0] + i * n;
    double on = 0, along = 0;
    for (int64_t j = 0; j < n; ++j) {
      on += (double)v[j];
      along += (double)v[j] * (double)run->direction[j];
    }
    x[i * LADDER_N_OBSERVED + SMR_LADDER_ACTIVITY - 1] = on / (double)n;
    x[i * LADDER_N_OBSERVED + SMR_LADDER_MODE - 1] = along;
  }
}

/* One step of the power iteration: y = W x, x = W'y / |W'y|. */
static void iterate(const smr_rbm *rbm, double *x, double *y) {
  const int64_t n_visible = rbm->n_visible, n_hidden = rbm->n_hidden;
  double squares = 0;
  for (int64_t i = 0; i < n_visible; ++i) {
    y[i] = 0;
    for (int64_t j = 0; j < n_hidden; ++j) {
      y[i] += (double)rbm->w[i * n_hidden + j] * x[j];
    }
  }
  memset(x, 0, (size_t)n_hidden * sizeof *x);
  for (int64_t i = 0; i < n_visible; ++i) {
    for (int64_t j = 0; j < n_hidden; ++j) {
      x[j] += (double)rbm->w[i * n_hidden + j] * y[i];
    }
  }
  for (int64_t j = 0; j < n_hidden; ++j) {
    squares += x[j] * x[j];
  }
  for (int64_t j = 0; squares > 0 && j < n_hidden; ++j) {
    x[j] /= sqrt(squares);
  }
}

/* Leading left singular vector of W, about: a direction to watch need not be exact. Local. */
static smr_status find_direction(const smr_rbm *rbm, float *direction) {
  double *x = NULL, *y = NULL, squares = 0;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(rbm->n_hidden, sizeof *x, "a direction", &x));
  SMR_TRY_DONE(smr_memory_alloc(rbm->n_visible, sizeof *y, "a direction", &y));
  smr_random_normal((smr_random_key){0, smr_random_stream("ladder.direction", 0, 0)}, 0, 0,
                    rbm->n_hidden, x);
  for (int i = 0; i < POWER_STEPS; ++i) {
    iterate(rbm, x, y);
  }
  for (int64_t i = 0; i < rbm->n_visible; ++i) {
    squares += y[i] * y[i];
  }
  for (int64_t i = 0; i < rbm->n_visible; ++i) {
    direction[i] = squares > 0 ? (float)(y[i] / sqrt(squares)) : 0;
  }
done:
  smr_memory_free(x);
  smr_memory_free(y);
  return status;
}

/* Numbers of the scan just done, if it is a measured one. */
static smr_status record(smr_ladder_run *run) {
  const smr_tempering_observer observer = {LADDER_N_OBSERVED, run, observe};
  const int64_t n_tuning = smr_tempering_count_scans(run->tempering) - run->job.scans;
  const int64_t scan = smr_tempering_get_scan(run->tempering) - n_tuning - 1;
  if (scan < 0) {
    return SMR_OK;
  }
  const int64_t row = smr_tempering_get(run->tempering).n_temperatures * run->job.n_chains;
  return smr_tempering_observe(run->tempering, &observer, run->work,
                               run->observed + scan * row * LADDER_N_OBSERVED);
}

/* --- checkpoints --- */

static smr_status list_state(smr_ladder_run *run, smr_state *state) {
  const smr_ladder_job *job = &run->job;
  *state = (smr_state){0};
  SMR_TRY(smr_state_append(
      state, &(smr_state_array){.array = {.name = "saves",
                                          .type = SMR_I64,
                                          .meaning = "checkpoints after the last scan",
                                          .data = &run->n_saves}}));
  if (run->tempering != NULL) {
    const int64_t n =
        job->scans * job->n_chains * ladder_get_most_temperatures(job) * LADDER_N_OBSERVED;
    SMR_TRY(smr_tempering_list_state(run->tempering, state));
    SMR_TRY(smr_state_append(state, &(smr_state_array){.array = {.name = "observed",
                                                                 .type = SMR_F32,
                                                                 .n_dimensions = 1,
                                                                 .shape = {n},
                                                                 .dimensions = {"observed"},
                                                                 .data = run->observed}}));
  }
  return run->setup.list_state == NULL ? SMR_OK : run->setup.list_state(run->setup.self, state);
}

static int64_t get_scan(const smr_ladder_run *run) {
  return run->tempering == NULL ? 0 : smr_tempering_get_scan(run->tempering);
}

static int64_t count_scans(const smr_ladder_run *run) {
  return run->tempering == NULL ? 0 : smr_tempering_count_scans(run->tempering);
}

static smr_status save(smr_ladder_run *run) {
  smr_services *services = run->unit->services;
  smr_state state;
  const double start = smr_clock_monotonic_s();
  run->n_saves += get_scan(run) == count_scans(run);
  SMR_TRY(smr_agree(run->group, list_state(run, &state)));
  SMR_TRY(smr_checkpoint_write(run->group, run->checkpoints, services->identity,
                               get_scan(run) + run->n_saves,
                               (smr_checkpoint_mode)run->job.checkpoint_mode, &state));
  run->last_checkpoint_s = smr_clock_monotonic_s();
  return services->note_checkpoint(services, run->last_checkpoint_s - start);
}

static smr_status load(smr_ladder_run *run, smr_checkpoint *checkpoint) {
  smr_state state;
  SMR_TRY(smr_agree(run->group, list_state(run, &state)));
  SMR_TRY(smr_checkpoint_read(checkpoint, &state));
  if (run->tempering != NULL) {
    SMR_TRY(smr_tempering_resume(run->tempering));
  }
  smr_log_detail("unit %s goes on from its checkpoint, at scan %" PRId64 " of %" PRId64,
                 run->unit->services->identity, get_scan(run), count_scans(run));
  return SMR_OK;
}

static smr_status resume(smr_ladder_run *run) {
  smr_checkpoint *checkpoint = NULL;
  SMR_TRY(smr_checkpoint_open(run->group, run->checkpoints, run->unit->services->identity,
                              &checkpoint));
  if (checkpoint == NULL) {
    return SMR_OK;
  }
  const smr_status status = load(run, checkpoint);
  smr_checkpoint_close(&checkpoint);
  return status;
}

/* Rank 0's clock decides. */
static bool is_checkpoint_due(const smr_ladder_run *run) {
  const double elapsed = smr_clock_monotonic_s() - run->last_checkpoint_s;
  const int flag = run->group->rank == 0 && elapsed >= run->job.checkpoint_period_s;
  return smr_any(run->group, flag) != 0;
}

smr_status smr_ladder_run_look(smr_ladder_run *run) {
  smr_services *services = run->unit->services;
  if (services->should_stop(services)) {
    SMR_TRY(save(run));
    return SMR_STOPPED;
  }
  return is_checkpoint_due(run) ? save(run) : SMR_OK;
}

/* --- making it --- */

static smr_tempering_config get_config(const smr_ladder_run *run) {
  return (smr_tempering_config){.n_chains = run->job.n_chains,
                                .n_temperatures = run->job.n_temperatures,
                                .most_temperatures = ladder_get_most_temperatures(&run->job),
                                .rounds = run->job.rounds,
                                .scans = run->job.scans,
                                .sweeps = run->job.sweeps,
                                .betas = run->betas,
                                .seed = run->setup.seed};
}

static smr_status make_betas(smr_ladder_run *run) {
  if (run->job.betas[0] == '\0') {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(LADDER_MOST_BETAS, sizeof *run->betas, "a ladder", &run->betas));
  return ladder_parse_betas(run->job.betas, false, run->betas, &run->job.n_temperatures);
}

/* Local. */
static smr_status allocate(smr_ladder_run *run) {
  const int64_t c = run->job.n_chains;
  int64_t n = 0;
  SMR_TRY(smr_file_join(run->checkpoints, run->unit->services->folder, "checkpoints"));
  if (c == 0) {
    return SMR_OK;
  }
  SMR_TRY(make_betas(run));
  const int64_t most = ladder_get_most_temperatures(&run->job);
  SMR_TRY(smr_int_multiply(c * most * LADDER_N_OBSERVED, run->job.scans, "observed numbers", &n));
  SMR_TRY(smr_memory_alloc(n, sizeof *run->observed, "observed numbers", &run->observed));
  SMR_TRY(
      smr_memory_alloc(run->rbm.n_visible, sizeof *run->direction, "a direction", &run->direction));
  SMR_TRY(smr_memory_alloc(SMR_LADDER_N_OBSERVABLES * most, sizeof *run->series, "diagnoses",
                           &run->series));
  SMR_TRY(smr_memory_alloc(most, sizeof *run->barrier, "barrier of a ladder", &run->barrier));
  SMR_TRY(smr_memory_alloc(c, sizeof *run->round_trips, "round trips", &run->round_trips));
  SMR_TRY(find_direction(&run->rbm, run->direction));
  return smr_energy_create_rbm(&run->rbm, run->setup.base_bias, &run->model);
}

static smr_status build(smr_ladder_run *run) {
  SMR_TRY(smr_agree(run->group, allocate(run)));
  if (run->job.n_chains == 0) {
    return SMR_OK;
  }
  /* One rank's direction, should ranks differ in their last bits. */
  smr_broadcast(run->group, 0, run->direction, (size_t)run->rbm.n_visible * sizeof *run->direction);
  const smr_tempering_config config = get_config(run);
  SMR_TRY(smr_tempering_create(run->group, run->model, &config, &run->tempering));
  return smr_agree(run->group,
                   smr_memory_alloc(smr_tempering_count_observed(run->tempering, LADDER_N_OBSERVED),
                                    sizeof *run->work, "observed numbers", &run->work));
}

smr_status smr_ladder_run_create(const smr_unit *unit, const smr_ladder_setup *setup,
                                 smr_ladder_run **out) {
  smr_ladder_run *run = NULL;
  *out = NULL;
  SMR_TRY(smr_agree(unit->group, smr_memory_alloc(1, sizeof *run, "parallel tempering", &run)));
  run->unit = unit;
  run->group = unit->group;
  run->setup = *setup;
  run->job = *setup->job;
  run->rbm = *setup->rbm;
  run->last_checkpoint_s = smr_clock_monotonic_s();
  smr_status status = build(run);
  if (status == SMR_OK) {
    status = resume(run);
  }
  if (status != SMR_OK) {
    smr_ladder_run_destroy(&run);
  }
  *out = run;
  return status;
}

void smr_ladder_run_destroy(smr_ladder_run **out) {
  smr_ladder_run *run = *out;
  if (run == NULL) {
    return;
  }
  smr_tempering_destroy(&run->tempering);
  smr_energy_destroy(&run->model);
  smr_memory_free(run->betas);
  smr_memory_free(run->direction);
  smr_memory_free(run->observed);
  smr_memory_free(run->work);
  smr_memory_free(run->series);
  smr_memory_free(run->barrier);
  smr_memory_free(run->round_trips);
  smr_memory_free(run);
  *out = NULL;
}

/* --- scans --- */

/* Looking whether to stop costs an exchange of messages: rarely for short scans. A function of the
 * job. */
static int64_t choose_patience(const smr_ladder_run *run) {
  const smr_tempering_config config = get_config(run);
  double flops = 0;
  int64_t bytes = 0;
  smr_tempering_count_cost(&config, run->model, 1, 1, &flops, &bytes);
  return smr_int_max(1, smr_int_min(64, (int64_t)(1e9 / (flops + 1))));
}

static void tell_progress(const smr_ladder_run *run) {
  smr_services *services = run->unit->services;
  const smr_ladder_setup *setup = &run->setup;
  const int64_t scan = get_scan(run), n = count_scans(run);
  const int64_t n_tuning = n - run->job.scans;
  const double share = (double)scan / (double)n;
  char text[96];
  if (run->group->rank != 0) {
    return;
  }
  if (scan < n_tuning) {
    int round = 1;
    while (((int64_t)2 << round) - 2 <= scan) {
      ++round;
    }
    snprintf(text, sizeof text, "tuning %d/%" PRId64, round, run->job.rounds);
  } else {
    snprintf(text, sizeof text, "scan %" PRId64 "/%" PRId64 ", barrier %.3g", scan - n_tuning,
             run->job.scans, smr_tempering_get(run->tempering).barrier);
  }
  services->note_progress(
      services, setup->progress_from + share * (setup->progress_to - setup->progress_from), text);
}

static smr_status scan_all(smr_ladder_run *run) {
  const int64_t n = count_scans(run), patience = choose_patience(run);
  while (get_scan(run) < n) {
    int is_done = 0;
    SMR_TRY(smr_tempering_scan(run->tempering, &is_done));
    SMR_TRY(record(run));
    if (run->setup.after_scan != NULL) {
      SMR_TRY(run->setup.after_scan(run->setup.self, run->tempering));
    }
    if (get_scan(run) % patience == 0 && !is_done) {
      tell_progress(run);
      SMR_TRY(smr_ladder_run_look(run));
    }
  }
  tell_progress(run);
  return SMR_OK;
}

smr_status smr_ladder_run_finish(smr_ladder_run *run) {
  if (run->tempering == NULL) {
    return SMR_OK;
  }
  SMR_TRY(scan_all(run));
  SMR_TRY(ladder_diagnose(run));
  return smr_agree_root(run->group, 0, run->group->rank == 0 ? ladder_write(run) : SMR_OK);
}

const smr_ladder_view *smr_ladder_run_get(const smr_ladder_run *run) {
  return &run->view;
}

smr_tempering *smr_ladder_run_get_tempering(smr_ladder_run *run) {
  return run->tempering;
}
