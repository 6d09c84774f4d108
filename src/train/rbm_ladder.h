/* The ladder of the tempered negative phase: chains of parallel tempering that follow a model in
 * training (Desjardins et al. 2010), what they say about its ln Z (Desjardins, Courville, Bengio
 * 2011), and what is done when they can't keep up.
 *
 * Letters: C chains that give negative samples, O observers: chains that don't, V visible units, S
 * scans of a window. Everything but the states is replicated,
 * and every decision is a function of replicated numbers. */
#ifndef SIMMER_TRAIN_RBM_LADDER_H
#define SIMMER_TRAIN_RBM_LADDER_H

#include "rbm_gradient.h"
#include "simmer/sample/estimate.h"
#include "simmer/sample/tempering.h"

enum { LADDER_SHARD_ROWS = 32 }; /* of observers */

/* Integers of the state, for a checkpoint. */
typedef enum {
  LADDER_ROUND_SCANS,  /* scans until the ladder adapts next, counted from the last time */
  LADDER_SCANS,        /* of them done */
  LADDER_CHECK_SCANS,  /* scans since the last check */
  LADDER_CHECK_TRIPS,  /* round trips until then */
  LADDER_EXTRA_SWEEPS, /* of an update */
  LADDER_CUTS,         /* quarters of a halving of the learning rate */
  LADDER_N_LOST,       /* checks in a row that found no equilibrium */
  LADDER_N_KEPT,       /* checks in a row that found it, since something was given back */
  LADDER_REACTIONS,
  LADDER_IS_ALARMED, /* something was reacted to that isn't all given back yet */
  LADDER_HAS_VALUES, /* of chains, from before the last change */
  LADDER_N_COUNTS
} ladder_count;

/* What the last check found. */
typedef enum {
  LADDER_ACCEPTANCE,
  LADDER_EFFECTIVE, /* share of samples */
  LADDER_TIME,      /* autocorrelation time at beta = 1, in scans */
  LADDER_TRIP_RATE,
  LADDER_BARRIER, /* since the ladder's change before it */
  LADDER_N_FOUND
} ladder_found;

typedef struct {
  const smr_context *context;
  smr_tempered_config config; /* without auto */
  smr_rbm rbm;                /* the model in training, borrowed */
  int n_threads;
  int64_t n_chains; /* C + O, observers last */
  int64_t sweeps;   /* an update's without reactions */
  int64_t step;     /* for messages */
  float *base_bias;
  smr_energy_model *model;
  smr_tempering *tempering;
  float *samples; /* [C+O x V] at beta = 1 */
  int64_t counts[LADDER_N_COUNTS];
  double found[LADDER_N_FOUND];
  double *values; /* [O] ln Z by each observer less its drift, before the ladder's last change */
  /* Scratch. */
  double *estimates; /* [O] */
  double *energies;  /* [O] free energies of observers' samples before an update */
  double *changes;   /* [C+O] of ln Z by an update, as observers see it */
  double *gathered;  /* [ranks x (rows of a rank + 1)] */
  double *window;    /* [S x O x T] observers' energies; [S x C+O] those at beta = 1 */
  float *work;       /* [threads x shard x H] */
} rbm_ladder;

/* Auto values resolved for a batch. */
smr_tempered_config rbm_ladder_resolve(const smr_rbm_config *rbm, int64_t batch_rows);
/* Over the parameters of g, for training rows with these means; g takes its samples from the
 * ladder from now on. *out is valid for rbm_ladder_destroy even after a failure. Collective. */
smr_status rbm_ladder_create(const smr_context *context, rbm_gradient *g, const double *mean,
                             int64_t n_rows, rbm_ladder **out) SMR_NODISCARD;
void rbm_ladder_destroy(rbm_ladder **ladder);
/* The scans of an update with k sweeps, and more if it has come to that; brings the ladder into
 * equilibrium before the first one. Collective. */
smr_status rbm_ladder_advance(rbm_ladder *ladder, int64_t step, int64_t k) SMR_NODISCARD;
/* Before and after the update: by how much ln Z changes, as each observer sees it. Local;
 * collective. */
smr_status rbm_ladder_look_back(rbm_ladder *ladder) SMR_NODISCARD;
smr_status rbm_ladder_follow(rbm_ladder *ladder) SMR_NODISCARD;
/* Rows of observers that the rank with most of them takes. */
int64_t rbm_ladder_count_share(int64_t n_observers, int n_ranks);
smr_status rbm_ladder_measure(rbm_ladder *ladder, int64_t k,
                              smr_ladder_values *values) SMR_NODISCARD;
double rbm_ladder_get_rate_factor(const rbm_ladder *ladder);
smr_status rbm_ladder_list_state(rbm_ladder *ladder, smr_state *state) SMR_NODISCARD;
/* Collective. */
smr_status rbm_ladder_resume(rbm_ladder *ladder) SMR_NODISCARD;

/* Its parts. */
int64_t rbm_ladder_get_sweeps(const rbm_ladder *ladder);
/* Looks at the window that has just been filled. Local, alike on all ranks. */
smr_status rbm_ladder_look(rbm_ladder *ladder) SMR_NODISCARD;
/* After a scan: checks, reactions, and a new ladder when it is time. Collective. */
smr_status rbm_ladder_control(rbm_ladder *ladder) SMR_NODISCARD;
/* ln Z of the model now as each observer sees it, estimates[O]; NaN when nothing is known. Local,
 * alike on all ranks. */
smr_status rbm_ladder_estimate(const rbm_ladder *ladder, double *estimates) SMR_NODISCARD;
/* A new ladder that doesn't lose what is known of ln Z. Collective. */
smr_status rbm_ladder_adapt(rbm_ladder *ladder) SMR_NODISCARD;

#endif
