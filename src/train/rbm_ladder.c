/* The ladder of the tempered negative phase: memory, scans, state. Letters as in the header. */
#include "rbm_ladder.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/annealing.h"

enum {
  AUTO_CHAINS = 128,
  AUTO_OBSERVERS = 16, /* at least */
  AUTO_TEMPERATURES = 40,
  AUTO_WINDOW = 32,
  AUTO_SWEEPS = 8,
  FIRST_ROUND = 2, /* rounds of the beginning, in scans */
  NEXT_ROUND = 2   /* and the first one of the training, in windows */
};

/* Added to the counts of either value of a pixel, so that none is certain. */
static const double base_strength = 5.0;

static int64_t choose(int64_t value, int64_t automatic) {
  return value < 0 ? automatic : value;
}

static double choose_real(double value, double automatic) {
  return value < 0 ? automatic : value;
}

smr_tempered_config rbm_ladder_resolve(const smr_rbm_config *rbm, int64_t batch_rows) {
  const smr_tempered_config *c = &rbm->tempered;
  const int64_t k = smr_int_max(rbm->gibbs_steps, rbm->gibbs_steps_final);
  const int64_t n_chains = choose(c->n_chains, smr_int_min(batch_rows, AUTO_CHAINS));
  return (smr_tempered_config){
      .n_chains = n_chains,
      .n_observers = choose(c->n_observers, smr_int_max(n_chains / 4, AUTO_OBSERVERS)),
      .n_temperatures = c->n_temperatures,
      .most_temperatures = c->n_temperatures < 0 ? choose(c->most_temperatures, AUTO_TEMPERATURES)
                                                 : c->n_temperatures,
      .window = choose(c->window, AUTO_WINDOW),
      .most_sweeps = choose(c->most_sweeps, AUTO_SWEEPS * k),
      .least_acceptance = choose_real(c->least_acceptance, 0.15),
      .least_effective = choose_real(c->least_effective, 0.5),
      .least_rate = choose_real(c->least_rate, 0.0625)};
}

static smr_status check_config(const smr_tempered_config *c) {
  if (c->n_chains < 1 || c->n_observers < 1 || c->most_temperatures < 2 || c->window < 4 ||
      c->most_sweeps < 1 || !(c->least_acceptance >= 0 && c->least_acceptance < 1) ||
      !(c->least_effective >= 0 && c->least_effective < 1) ||
      !(c->least_rate > 0 && c->least_rate <= 1)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "a ladder of %" PRId64 " chains and %" PRId64 " observers, %" PRId64
             " temperatures, a window of %" PRId64 " scans and %" PRId64
             " sweeps at most, or what it reacts to, makes no sense",
             c->n_chains, c->n_observers, c->most_temperatures, c->window, c->most_sweeps);
  }
  return SMR_OK;
}

static smr_status allocate(rbm_ladder *l) {
  const char *what = "the ladder of a training";
  const int64_t n = l->config.n_observers;
  const int64_t row =
      smr_int_max(n * l->config.most_temperatures, l->n_chains); /* energies of a scan */
  const int64_t gathered = l->context->size * (rbm_ladder_count_share(n, l->context->size) + 1);
  const int64_t work = l->n_threads * LADDER_SHARD_ROWS * l->rbm.n_hidden;
  int64_t n_samples = 0;
  int64_t window = 0;
  SMR_TRY(smr_int_multiply(l->n_chains, l->rbm.n_visible, "samples of a ladder", &n_samples));
  SMR_TRY(smr_int_multiply(row, l->config.window, "energies of a ladder", &window));
  SMR_TRY(smr_memory_alloc(l->rbm.n_visible, sizeof(float), what, &l->base_bias));
  SMR_TRY(smr_memory_alloc(n_samples, sizeof(float), what, &l->samples));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), what, &l->values));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), what, &l->estimates));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), what, &l->energies));
  SMR_TRY(smr_memory_alloc(l->n_chains, sizeof(double), what, &l->changes));
  SMR_TRY(smr_memory_alloc(gathered, sizeof(double), what, &l->gathered));
  SMR_TRY(smr_memory_alloc(work, sizeof(float), what, &l->work));
  return smr_memory_alloc(window, sizeof(double), what, &l->window);
}

/* Local part of creation. */
static smr_status build(rbm_ladder *l, const rbm_gradient *g, const double *mean, int64_t n_rows) {
  l->config = g->config.tempered;
  l->rbm = rbm_gradient_get_rbm(g);
  l->n_chains = l->config.n_chains + l->config.n_observers;
  l->n_threads = g->n_threads;
  SMR_TRY(check_config(&l->config));
  SMR_TRY(allocate(l));
  for (int i = 0; i < LADDER_N_FOUND; i++) {
    l->found[i] = (double)NAN;
  }
  smr_annealing_base_bias(g->n_visible, mean, n_rows, base_strength, l->base_bias);
  return smr_energy_create_rbm(&l->rbm, l->base_bias, &l->model);
}

smr_status rbm_ladder_create(const smr_context *context, rbm_gradient *g, const double *mean,
                             int64_t n_rows, rbm_ladder **out) {
  *out = NULL;
  smr_status status = smr_memory_alloc(1, sizeof **out, "a ladder", out);
  if (status == SMR_OK) {
    (*out)->context = context;
    status = build(*out, g, mean, n_rows);
  }
  SMR_TRY(smr_agree(context, status));
  rbm_ladder *l = *out;
  g->samples = l->samples;
  return smr_tempering_create(
      context, l->model,
      &(smr_tempering_config){.n_chains = l->n_chains,
                              .n_temperatures = l->config.n_temperatures,
                              .most_temperatures = l->config.most_temperatures,
                              .sweeps = 1,
                              .window = l->config.window,
                              .seed = g->seed},
      &l->tempering);
}

void rbm_ladder_destroy(rbm_ladder **ladder) {
  rbm_ladder *l = *ladder;
  if (l == NULL) {
    return;
  }
  smr_tempering_destroy(&l->tempering);
  smr_energy_destroy(&l->model);
  void *const arrays[] = {l->base_bias, l->samples,  l->values, l->estimates, l->energies,
                          l->changes,   l->gathered, l->window, l->work,      l};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    smr_memory_free(arrays[i]);
  }
  *ladder = NULL;
}

static smr_status scan(rbm_ladder *l, int64_t n) {
  int is_done = 0;
  for (int64_t i = 0; i < n; i++) {
    SMR_TRY(smr_tempering_scan(l->tempering, &is_done));
  }
  return SMR_OK;
}

/* Rounds of 2, 4, 8, … scans as long as a window, and a window of the ladder that comes of it. */
static smr_status warm_up(rbm_ladder *l) {
  for (int64_t n = FIRST_ROUND; n <= l->config.window; n *= 2) {
    SMR_TRY(scan(l, n));
    SMR_TRY(rbm_ladder_adapt(l));
  }
  l->counts[LADDER_CHECK_TRIPS] = smr_tempering_get(l->tempering).round_trips;
  SMR_TRY(scan(l, l->config.window));
  l->counts[LADDER_ROUND_SCANS] = NEXT_ROUND * l->config.window;
  l->counts[LADDER_SCANS] = l->counts[LADDER_CHECK_SCANS] = l->config.window;
  SMR_TRY(smr_agree(l->context, rbm_ladder_look(l)));
  return smr_tempering_get_samples(l->tempering, l->samples);
}

smr_status rbm_ladder_advance(rbm_ladder *l, int64_t step, int64_t k) {
  l->step = step;
  l->sweeps = k;
  if (smr_tempering_get_scan(l->tempering) == 0) {
    SMR_TRY(warm_up(l));
  }
  const int64_t n = rbm_ladder_get_sweeps(l);
  for (int64_t i = 0; i < n; i++) {
    SMR_TRY(scan(l, 1));
    SMR_TRY(rbm_ladder_control(l));
  }
  return smr_tempering_get_samples(l->tempering, l->samples);
}

smr_status rbm_ladder_measure(rbm_ladder *l, int64_t k, smr_ladder_values *values) {
  l->sweeps = k;
  if (smr_tempering_get_scan(l->tempering) == 0) {
    SMR_TRY(warm_up(l));
  }
  SMR_TRY(smr_agree(l->context, rbm_ladder_estimate(l, l->estimates)));
  const smr_log_z_estimate estimate = smr_estimate_mean(l->config.n_observers, l->estimates);
  const smr_tempering_view view = smr_tempering_get(l->tempering);
  const double sweeps = (double)rbm_ladder_get_sweeps(l);
  const double time = fmax(sweeps, l->found[LADDER_TIME]);
  *values = (smr_ladder_values){
      .log_z = estimate.log_z,
      .log_z_stderr = l->counts[LADDER_N_LOST] > 0 ? (double)NAN : estimate.stderr_log_z,
      .n_temperatures = (double)view.n_temperatures,
      .barrier = l->found[LADDER_BARRIER],
      .acceptance = l->found[LADDER_ACCEPTANCE],
      .effective_share = l->found[LADDER_EFFECTIVE],
      .fresh_samples = (double)l->config.n_chains * sweeps / time,
      .round_trip_rate = l->found[LADDER_TRIP_RATE],
      .sweeps = sweeps,
      .rate_factor = rbm_ladder_get_rate_factor(l),
      .reactions = (double)l->counts[LADDER_REACTIONS]};
  return SMR_OK;
}

/* --- state --- */

enum { N_ARRAYS = 3 };

static smr_status list_own(rbm_ladder *l, smr_state *state) {
  const smr_array arrays[N_ARRAYS] = {
      {.name = "ladder_counts",
       .type = SMR_I64,
       .n_dimensions = 1,
       .shape = {LADDER_N_COUNTS},
       .dimensions = {"ladder_count"},
       .meaning = "rounds, checks and reactions of the ladder",
       .data = l->counts},
      {.name = "ladder_found",
       .type = SMR_F64,
       .n_dimensions = 1,
       .shape = {LADDER_N_FOUND},
       .dimensions = {"ladder_finding"},
       .meaning = "what the last check of the ladder found",
       .data = l->found},
      {.name = "ladder_values",
       .type = SMR_F64,
       .n_dimensions = 1,
       .shape = {l->config.n_observers},
       .dimensions = {"observer"},
       .meaning = "ln Z by each observer before the ladder's last change, less its drift",
       .data = l->values}};
  for (int i = 0; i < N_ARRAYS; i++) {
    SMR_TRY(smr_state_append(state, &(smr_state_array){.array = arrays[i]}));
  }
  return SMR_OK;
}

smr_status rbm_ladder_list_state(rbm_ladder *l, smr_state *state) {
  SMR_TRY(smr_tempering_list_state(l->tempering, state));
  return list_own(l, state);
}

static smr_status check_counts(const rbm_ladder *l) {
  for (int i = 0; i < LADDER_N_COUNTS; i++) {
    if (l->counts[i] < 0) {
      SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has a ladder with the count %" PRId64,
               l->counts[i]);
    }
  }
  if (l->counts[LADDER_SCANS] > l->counts[LADDER_ROUND_SCANS] ||
      l->counts[LADDER_EXTRA_SWEEPS] > l->config.most_sweeps) {
    SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has a ladder beyond its limits");
  }
  return SMR_OK;
}

smr_status rbm_ladder_resume(rbm_ladder *l) {
  SMR_TRY(smr_agree(l->context, check_counts(l)));
  SMR_TRY(smr_tempering_resume(l->tempering));
  return smr_tempering_get_samples(l->tempering, l->samples);
}
