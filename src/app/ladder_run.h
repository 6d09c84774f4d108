/* Parallel tempering of an RBM in a unit, for every experiment that samples: scans with checkpoints
 * and progress, diagnoses of what came out, and units/<hash>/ladder.h5.
 *
 * Letters: T temperatures; M most of them; C chains; S measured scans; V visible units. */
#ifndef SIMMER_APP_LADDER_RUN_H
#define SIMMER_APP_LADDER_RUN_H

#include "experiment.h"
#include "simmer/energy/rbm.h"
#include "simmer/sample/tempering.h"

/* What job files say, with rows for a key table: SECTION is "sample", AT(field) the offset of a
 * field of the smr_ladder_job in the experiment's configuration. */
typedef struct {
  int64_t n_chains;
  int64_t n_temperatures; /* -1 = found while tuning, at most most_temperatures */
  int64_t most_temperatures;
  const char *betas; /* first ladder as text; "" = equal steps */
  int64_t rounds, scans, sweeps;
  int64_t history_chains, history_scans;
  double checkpoint_period_s;
  int checkpoint_mode; /* smr_checkpoint_mode */
} smr_ladder_job;

extern const char *const smr_ladder_checkpoint_modes[];

#define SMR_LADDER_KEY(NAME, FLAGS, AT, LEAST, MOST, UNIT, DEFAULT, MEANING) \
  { NAME, SMR_KEY_INT, FLAGS, AT, LEAST, MOST, UNIT, DEFAULT, NULL, MEANING }
#define SMR_LADDER_KEYS(SECTION, FEWEST_CHAINS, AT)                                                \
  SMR_LADDER_KEY(SECTION ".chains", 0, AT(n_chains), FEWEST_CHAINS, 1e6, "chains", "16",           \
                 "Independent chains of parallel tempering, each with a ladder of its own."),      \
      SMR_LADDER_KEY(SECTION ".temperatures", SMR_KEY_OR_AUTO, AT(n_temperatures), 2, 4096, "",    \
                     "auto", "Temperatures of the ladder; auto is twice the barrier."),            \
      SMR_LADDER_KEY(SECTION ".most_temperatures", 0, AT(most_temperatures), 2, 4096, "", "64",    \
                     "auto: at most so many, for which room is made."),                            \
      {SECTION ".betas",                                                                           \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       AT(betas),                                                                                  \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "First ladder as a text of rising inverse temperatures, '0, 0.2, 0.5, 1'; with rounds 0 "   \
       "it stays as it is. Empty: equal steps."},                                                  \
      SMR_LADDER_KEY(SECTION ".rounds", 0, AT(rounds), 0, 30, "rounds", "8",                       \
                     "Rounds of 2, 4, 8, ... scans in which the ladder is adapted."),              \
      SMR_LADDER_KEY(SECTION ".scans", 0, AT(scans), 2, 1e9, "scans", "1000",                      \
                     "Scans that are measured after that; averages leave out a quarter of them."), \
      SMR_LADDER_KEY(SECTION ".sweeps", 0, AT(sweeps), 1, 1e6, "sweeps", "1",                      \
                     "Gibbs sweeps of a scan, between two rounds of swaps."),                      \
      SMR_LADDER_KEY(SECTION ".history_chains", 0, AT(history_chains), 0, 1e6, "chains", "4",      \
                     "Chains whose replicas' ways through the ladder are kept in ladder.h5."),     \
      SMR_LADDER_KEY(SECTION ".history_scans", 0, AT(history_scans), 1, 1e9, "scans", "1000",      \
                     "Scans of that history; of more, every second, third, ... is kept."),         \
      {"checkpoint.period",                                                                        \
       SMR_KEY_DURATION,                                                                           \
       SMR_KEY_RUN,                                                                                \
       AT(checkpoint_period_s),                                                                    \
       0,                                                                                          \
       1e9,                                                                                        \
       "s",                                                                                        \
       "600",                                                                                      \
       NULL,                                                                                       \
       "Time between two checkpoints of a unit."},                                                 \
  {                                                                                                \
    "checkpoint.mode", SMR_KEY_CHOICE, SMR_KEY_RUN, AT(checkpoint_mode), 0, 0, "", "auto",         \
        smr_ladder_checkpoint_modes,                                                               \
        "Gathered and written by one rank, or by all through MPI-IO; auto: by all from 4 GiB on."  \
  }

/* Mistakes in these keys, at their places in the job file. A ladder ends at 1, and begins at 0 if
 * needs_zero. Local. */
smr_status smr_ladder_check(const smr_job *job, const char *section, const smr_ladder_job *ladder,
                            bool needs_zero, smr_text *report) SMR_NODISCARD;
/* Adds operations, memory and files of a whole run with a model of these sizes to `cost`, and
 * raises its shards. Local. */
void smr_ladder_add_cost(const smr_ladder_job *ladder, int64_t n_visible, int64_t n_hidden,
                         int n_ranks, int n_threads, smr_unit_cost *cost);

/* --- one run --- */

typedef struct {
  const smr_ladder_job *job;
  const smr_rbm *rbm;     /* alike on all ranks */
  const float *base_bias; /* a [V]: log odds of the path's beginning */
  uint64_t seed;
  double progress_from, progress_to; /* the run's part in the unit's progress, 0 to 1 */
  /* The caller's own, each may be NULL: after every scan (collective, the same status on all
   * ranks); appends what belongs to the caller to a checkpoint, or to what is read from one
   * (local; array names that tempering doesn't use). */
  void *self;
  smr_status (*after_scan)(void *self, smr_tempering *tempering);
  smr_status (*list_state)(void *self, smr_state *state);
} smr_ladder_setup;

/* Numbers made of states that are followed at every temperature: u = E - E_0; the share of visible
 * units that are on; the visible units along the leading left singular vector of W, which is where
 * chains stick first. */
typedef enum {
  SMR_LADDER_ENERGY,
  SMR_LADDER_ACTIVITY,
  SMR_LADDER_MODE,
  SMR_LADDER_N_OBSERVABLES
} smr_ladder_observable;

/* Their names, NULL-terminated. */
extern const char *const smr_ladder_observables[];

/* Of one observable at one temperature, over the scans that aren't left out and all chains. */
typedef struct {
  double mean, variance, least, most;
  double autocorrelation_time, effective_samples, split_r_hat; /* smr_series_diagnosis */
} smr_ladder_series;

/* Why samples at beta = 1 can't be trusted: bits of smr_ladder_view.distrust. */
enum {
  SMR_DISTRUST_R_HAT = 1,     /* split R-hat of an observable above 1.05 */
  SMR_DISTRUST_FEW = 2,       /* fewer than 100 effective samples of one */
  SMR_DISTRUST_NO_TRIPS = 4,  /* a chain without a single round trip */
  SMR_DISTRUST_GAP = 8,       /* an edge of the ladder with rejections above 0.95 */
  SMR_DISTRUST_ALONG_IT = 16, /* split R-hat above 1.1 somewhere along the ladder */
};
#define SMR_DISTRUST_TEXT                                                                      \
  "0 when samples can be trusted, else the sum of 1: split R-hat above 1.05 at beta = 1; 2: "  \
  "fewer than 100 effective samples; 4: a chain made no round trip; 8: an edge of the ladder " \
  "rejects more than 95 % of swaps; 16: split R-hat above 1.1 along the ladder"

/* Borrowed, alike on all ranks. */
typedef struct {
  smr_tempering_view tempering;    /* S scans */
  double log_z0;                   /* of the independent units at beta = 0 */
  int64_t n_left_out;              /* first ones of S that averages leave out */
  const smr_ladder_series *series; /* [observable x T] */
  const double *barrier;           /* [T] cumulated from the hot end: Lambda(beta) */
  const int64_t *round_trips;      /* [C] of each chain's replicas */
  double round_trip_rate;          /* per scan, of one chain's ladder */
  double ideal_round_trip_rate;    /* 1 / (2 + 2 sum r/(1-r)): with perfect local exploration */
  double worst_split_r_hat;        /* along the ladder */
  unsigned distrust;               /* SMR_DISTRUST_... */
  const char *verdict;             /* "samples can be trusted: ..." */
} smr_ladder_view;

typedef struct smr_ladder_run smr_ladder_run;

/* Goes on from the unit's newest checkpoint, or starts. What the setup points to is borrowed until
 * destroy. With 0 chains there is no tempering, and checkpoints are of the caller's state alone.
 * Collective in the unit's group, as all below but destroy and the getters. */
smr_status smr_ladder_run_create(const smr_unit *unit, const smr_ladder_setup *setup,
                                 smr_ladder_run **out) SMR_NODISCARD;
void smr_ladder_run_destroy(smr_ladder_run **run);
/* All scans that are left, the diagnoses, and ladder.h5, which is published. SMR_STOPPED with a
 * checkpoint written. */
smr_status smr_ladder_run_finish(smr_ladder_run *run) SMR_NODISCARD;
/* For what a unit does after that (or instead): SMR_STOPPED with a checkpoint written when the unit
 * should stop; writes one when it is time. Costs an exchange of messages. */
smr_status smr_ladder_run_look(smr_ladder_run *run) SMR_NODISCARD;
/* After finish. */
const smr_ladder_view *smr_ladder_run_get(const smr_ladder_run *run);
smr_tempering *smr_ladder_run_get_tempering(smr_ladder_run *run);
/* Measured scans that averages leave out, of S. */
int64_t smr_ladder_count_left_out(int64_t n_scans);

#endif
