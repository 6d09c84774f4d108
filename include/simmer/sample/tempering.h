/* Parallel tempering by non-reversible exchange of temperature indices (Okabe et al. 2001; Syed,
 * Bouchard-Cote, Deligiannidis, Doucet 2021), over ranks.
 *
 * T temperatures x C chains = R rows of states, which never move: each chain has its own ladder and
 * permutation. The replica in slot k of chain c is row c M + k, M = most temperatures. A scan =
 * `sweeps` block-Gibbs sweeps of every row at its beta, the energies u of all rows gathered, one
 * round of even or odd swaps decided from them once, alike on every rank, from random numbers keyed
 * (seed, scan, pair, chain). Rows are cut into fixed shards of 128 that ranks and OpenMP threads
 * take; bits depend on the configuration alone.
 *
 * Either a ladder is tuned and measured and then done; or, with a window, scans go on without end
 * under a model that may change between them (training), the latest energies are kept, and the
 * caller says when the ladder adapts. */
#ifndef SIMMER_SAMPLE_TEMPERING_H
#define SIMMER_SAMPLE_TEMPERING_H

#include "simmer/base/array.h"
#include "simmer/comm/context.h"
#include "simmer/energy/model.h"

typedef struct {
  int64_t n_chains;
  int64_t n_temperatures;    /* -1 = about twice the barrier, found while tuning */
  int64_t most_temperatures; /* bound of that, and what memory is made for; not read otherwise */
  int64_t rounds;      /* tuning rounds of 2, 4, 8, … scans; the ladder is adapted after each */
  int64_t scans;       /* measured ones after tuning */
  int64_t sweeps;      /* per scan */
  int64_t window;      /* > 0: scans without end, of which the latest so many are kept; rounds and
                          scans must be 0 */
  const double *betas; /* first ladder [n_temperatures], strictly increasing within 0 to 1; NULL =
                          equal steps; must be NULL when the number is to be found */
  uint64_t seed;
} smr_tempering_config;

/* What was measured since the last ladder change. Borrowed; alike on all ranks. T = n_temperatures.
 */
typedef struct {
  int64_t n_temperatures, n_chains, n_scans;
  const double *betas;     /* [T] */
  const double *rejection; /* [T-1] mean rejection probability of each edge, of all scans */
  double barrier;          /* sum of the rejections, Lambda */
  int64_t round_trips;     /* of all chains; with a window since the start */
  const double *energies;  /* u [n_scans x C x T] by temperature, before the scan's swaps; NULL
                              while tuning; with a window u [n_window x C x T] */
  const int32_t *indices;  /* replica (slot) at temperature t, likewise: [n_scans x C x T]; NULL
                              with a window */
  /* With a window: */
  int64_t n_wanted;     /* temperatures that the ladder would have if it adapted now */
  int64_t n_window;     /* scans kept since the last ladder change */
  const double *drifts; /* [n_window x C] what was noted of each chain's drift at those scans */
  const double *drift;  /* [C] and now */
} smr_tempering_view;

typedef struct smr_tempering smr_tempering;

/* SMR_ERR_INPUT for a ladder that isn't strictly increasing within [0,1]. The model is borrowed.
 * Collective on context. */
smr_status smr_tempering_create(const smr_context *context, const smr_energy_model *model,
                                const smr_tempering_config *config,
                                smr_tempering **out) SMR_NODISCARD;
void smr_tempering_destroy(smr_tempering **tempering);
/* The next scan, tuning ones first; *is_done when all are done. SMR_ERR_NUMERIC, alike on all
 * ranks, for an energy that isn't finite. Collective. */
smr_status smr_tempering_scan(smr_tempering *tempering, int *is_done) SMR_NODISCARD;
int64_t smr_tempering_get_scan(const smr_tempering *tempering); /* done so far */
int64_t smr_tempering_count_scans(const smr_tempering *tempering);
smr_tempering_view smr_tempering_get(const smr_tempering *tempering);
/* With a window: a new ladder at equal steps of the barrier of all scans since the last change, or
 * fails as smr_ladder_adapt; then nothing is kept. A number of temperatures that is to be found
 * changes only when it is off by more than an eighth, and is 5 at least. Nothing happens before the
 * first scan. Collective. */
smr_status smr_tempering_adapt(smr_tempering *tempering) SMR_NODISCARD;
/* With a window: the model has changed, and its ln Z by change[C] as each chain sees it; alike on
 * all ranks. Local. */
void smr_tempering_note_drift(smr_tempering *tempering, const double *change);
/* States at beta = 1 of all chains, part 0, x [C x widths[0]] on all ranks. Collective. */
smr_status smr_tempering_get_samples(const smr_tempering *tempering, float *x) SMR_NODISCARD;
/* The same of any part, x [C x widths[part]]. Collective. */
smr_status smr_tempering_get_part(const smr_tempering *tempering, int part, float *x) SMR_NODISCARD;
/* Replica (slot) at temperature t of chain c after the last scan's swaps: [c M + t], borrowed. */
const int32_t *smr_tempering_get_replicas(const smr_tempering *tempering);

/* n numbers made of a state: x [n_rows x n] of rows of the parts. Local, called by several threads
 * at once. */
typedef struct {
  int64_t n;
  const void *self;
  void (*observe)(const void *self, int64_t n_rows, const float *const *parts, double *x);
} smr_tempering_observer;

/* x [C x T x n] of all replicas by temperature, after the last scan's swaps, on all ranks; work has
 * smr_tempering_count_observed numbers. SMR_ERR_LIMIT, alike on all ranks. Collective. */
smr_status smr_tempering_observe(const smr_tempering *tempering,
                                 const smr_tempering_observer *observer, double *work,
                                 float *x) SMR_NODISCARD;
int64_t smr_tempering_count_observed(const smr_tempering *tempering, int64_t n);
/* For checkpoints, as train/trainer.h does: local; collective. */
smr_status smr_tempering_list_state(smr_tempering *tempering, smr_state *state) SMR_NODISCARD;
smr_status smr_tempering_resume(smr_tempering *tempering) SMR_NODISCARD;
/* Shards of rows: the largest useful number of ranks x threads. Local. */
int64_t smr_tempering_count_shards(const smr_tempering_config *config);
/* Operations of a scan, and bytes per rank. Local. */
void smr_tempering_count_cost(const smr_tempering_config *config, const smr_energy_model *model,
                              int n_ranks, int n_threads, double *flops, int64_t *bytes);

/* New ladder of n values at equal steps of the barrier: r[T-1] mean rejections of `betas` [T];
 * monotone cubic (Fritsch & Carlson 1980) interpolation of beta against the cumulated barrier.
 * Pure, local. */
smr_status smr_ladder_adapt(int64_t n_old, const double *betas, const double *r, int64_t n,
                            double *out) SMR_NODISCARD;

#endif
