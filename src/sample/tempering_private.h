/* What the parts of parallel tempering share. T: temperatures now; M: most temperatures; C: chains;
 * slot k < T of chain c is row c M + k of the states, and is called a replica. */
#ifndef SIMMER_SAMPLE_TEMPERING_PRIVATE_H
#define SIMMER_SAMPLE_TEMPERING_PRIVATE_H

#include <stdbool.h>

#include "simmer/sample/tempering.h"

enum { TEMPERING_SHARD_ROWS = 128, TEMPERING_WORD_BITS = 32 };
enum { TRIP_NONE, TRIP_FROM_HOT, TRIP_FROM_COLD }; /* where a replica was since it was hot */

struct smr_tempering {
  const smr_context *context;
  const smr_energy_model *model;
  smr_tempering_config config; /* betas NULL; most_temperatures set */
  int n_threads;
  int64_t first_row, n_rows; /* of this rank, among C M */
  int64_t share_rows;        /* most rows of a rank */
  int64_t n_tuning;          /* scans of tuning */
  /* Distributed. */
  float *parts[SMR_ENERGY_PARTS]; /* [n_rows x width] */
  /* Replicated. */
  int64_t scan;           /* done */
  int64_t n_temperatures; /* T */
  double *betas;          /* [M] */
  int32_t *replicas;      /* [C x M] slot at temperature t */
  int32_t *trips;         /* [C x M] of slots: TRIP_… */
  double *rejections;     /* [M] sums over scans and chains since the last change */
  int64_t n_statistics;   /* scans in them */
  int64_t round_trips;
  double *energies;     /* [scans x C x T]; with a window W [2W x C x T], see below */
  int32_t *indices;     /* [scans x C x T]; NULL with a window */
  int64_t window_first; /* rows of the window begin here; they move to the front when it is full */
  int64_t n_window;
  double *drifts; /* [2W x C] of the window's rows */
  double *drift;  /* [C] */
  /* Scratch. */
  double *mean_rejections; /* [M] */
  double *gathered;        /* [ranks x (share_rows + 1)] energies of rows, and a failure */
  double *u;               /* [C x M] energies of rows */
  double *beta;            /* [C x M] of rows; 0 for slots that aren't in use */
  double *uniforms;        /* [M] */
  double *old;             /* [M] */
  float *work;             /* [threads x shard x work_floats] */
  int32_t *bits;           /* [C x words] samples on their way between ranks */
};

static inline bool tempering_has_window(const smr_tempering *t) {
  return t->config.window > 0;
}
/* beta of all rows from the permutation. */
void tempering_set_betas(smr_tempering *t);
/* Sweeps of this rank's rows, and u [C x M] of all rows on all ranks. Collective. */
smr_status tempering_sweep(smr_tempering *t) SMR_NODISCARD;
/* Even edges in even scans, odd ones in odd scans; rejections of all edges and round trips are
 * counted. */
void tempering_swap(smr_tempering *t);
/* Mean rejections, and their sum; NaN before the first scan. */
double tempering_find_barrier(const smr_tempering *t);
/* Temperatures that a new ladder from them would have. */
int64_t tempering_choose_number(const smr_tempering *t, double barrier);
/* A new ladder from them. */
smr_status tempering_adapt(smr_tempering *t) SMR_NODISCARD;
/* Keeps the scan's energies: all of them, or in the window. */
void tempering_measure(smr_tempering *t);
/* Moves the window to the front, zeros behind it. */
void tempering_tidy_window(smr_tempering *t);

#endif
