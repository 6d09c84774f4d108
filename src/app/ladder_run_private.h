/* What the parts of a ladder's run share. Private to src/app/ladder_run*.c. */
#ifndef SIMMER_APP_LADDER_RUN_PRIVATE_H
#define SIMMER_APP_LADDER_RUN_PRIVATE_H

#include "ladder_run.h"

/* Observables that are made of states; the energy is tempering's own. */
enum {
  LADDER_N_OBSERVED = SMR_LADDER_N_OBSERVABLES - 1,
  LADDER_BINS = 64,
  LADDER_MOST_BETAS = 4096
};

struct smr_ladder_run {
  const smr_unit *unit;
  const smr_context *group;
  smr_ladder_setup setup;
  smr_ladder_job job;
  smr_rbm rbm;
  double *betas; /* first ladder, or NULL */
  smr_energy_model *model;
  smr_tempering *tempering; /* NULL with 0 chains */
  float *direction;         /* [V] leading left singular vector of W */
  float *observed;          /* [S x C x T x LADDER_N_OBSERVED], room for M */
  double *work;             /* of smr_tempering_observe */
  int64_t n_saves;          /* checkpoints after the last scan */
  double last_checkpoint_s; /* monotonic */
  char checkpoints[SMR_PATH_BYTES];
  /* Results. */
  smr_ladder_series *series; /* [observable x M] */
  double *barrier;           /* [M] */
  int64_t *round_trips;      /* [C] */
  char verdict[1024];
  smr_ladder_view view;
};

/* Measured value of an observable. */
static inline double ladder_get_value(const smr_ladder_run *run, smr_ladder_observable observable,
                                      int64_t scan, int64_t chain, int64_t temperature) {
  const smr_tempering_view *view = &run->view.tempering;
  const int64_t at = (scan * view->n_chains + chain) * view->n_temperatures + temperature;
  return observable == SMR_LADDER_ENERGY
             ? view->energies[at]
             : (double)run->observed[at * LADDER_N_OBSERVED + (int64_t)observable - 1];
}

/* betas[LADDER_MOST_BETAS] from a text of numbers with blanks or commas between them. SMR_ERR_INPUT
 * unless they rise within 0 to 1, up to 1, and from 0 if needs_zero. */
smr_status ladder_parse_betas(const char *text, bool needs_zero, double *betas,
                              int64_t *n) SMR_NODISCARD;
/* M: of the first ladder, of the job, or the most that a found one may have. */
int64_t ladder_get_most_temperatures(const smr_ladder_job *job);
/* Fills the view. Collective. */
smr_status ladder_diagnose(smr_ladder_run *run) SMR_NODISCARD;
/* Writes ladder.h5. The group's rank 0. */
smr_status ladder_write(const smr_ladder_run *run) SMR_NODISCARD;
/* Bytes of what diagnose and write take, and of the file. */
int64_t ladder_count_diagnosis_bytes(const smr_ladder_job *job, int64_t n_temperatures,
                                     int n_threads);
int64_t ladder_count_file_bytes(const smr_ladder_job *job, int64_t n_temperatures);

#endif
