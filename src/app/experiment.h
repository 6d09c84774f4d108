/* What an experiment is to the rest of the program. Adding one is one file and one line in
 * registry.c.
 *
 * A unit is one cell of the outer axes with the full lists of the inner ones. */
#ifndef SIMMER_APP_EXPERIMENT_H
#define SIMMER_APP_EXPERIMENT_H

#include <stdbool.h>

#include "simmer/base/file.h"
#include "simmer/base/hash.h"
#include "simmer/comm/context.h"
#include "simmer/job/job.h"
#include "simmer/linalg/grid.h"
#include "simmer/store/results.h"

/* Predicted cost of one unit on one group of ranks. A function of the job alone. */
typedef struct {
  double flops;         /* operations in GEMM-like kernels */
  double slow_flops;    /* operations in memory-bound kernels (bidiagonalization, gathers, random
                           numbers) */
  int64_t memory_bytes; /* per rank, beside what the node shares */
  int64_t shared_bytes; /* once a node */
  int64_t file_bytes;   /* in the unit's own folder */
  int64_t n_shards;     /* pieces of work that ranks x threads of a group can share */
} smr_unit_cost;

/* What a running unit may ask for. */
typedef struct smr_services {
  void *self;
  /* 1 on all ranks of the group when the unit should end with SMR_STOPPED, with enough time left
   * for a checkpoint. Collective in the group. */
  int (*should_stop)(struct smr_services *services);
  /* Called by all ranks of the group when a checkpoint is safely on disk, with the seconds it took:
   * the unit has made progress, and a later death is no longer held against it. SMR_STOPPED: the
   * unit is in other hands by now, and ends here. */
  smr_status (*note_checkpoint)(struct smr_services *services, double seconds) SMR_NODISCARD;
  /* Tells the progress line how far the unit is, 0 to 1, and a short text. Group's rank 0, cheap.
   */
  void (*note_progress)(struct smr_services *services, double share, const char *text);
  /* After the group's rank 0 has written `name` into `folder`: a job of one unit links it at the
   * top of the output folder. */
  void (*publish)(struct smr_services *services, const char *name);
  /* The unit's own folder, DIR/units/<identity>, made by whoever writes to it first; the identity;
   * and what its files say of where they come from (group's rank 0, else NULL). */
  char folder[SMR_PATH_BYTES];
  char identity[SMR_HASH_TEXT_BYTES];
  const struct smr_provenance *provenance;
  /* The unit's record on the group's rank 0 (NaN at start), NULL on the others. */
  double *record;
  const smr_schema *schema;
} smr_services;

/* Where an output's values lie in the record; NULL on ranks that keep none. */
double *smr_services_get(const smr_services *services, int64_t output);

typedef struct {
  const smr_context *group;
  const smr_grid *grid;
  const smr_common_config *common;
  const void *config; /* the experiment's struct */
  void *state;        /* what `open` made */
  smr_services *services;
} smr_unit;

/* Words for the values of an inner dimension that belongs to no key, instead of numbers from 1. */
typedef struct {
  const char *dimension;
  const char *const *words; /* NULL-terminated, one a value */
} smr_output_labels;

/* Where a job's input files are. */
typedef struct {
  const char *data_folder;
  /* What isn't there yet is left to jobs that end before this one begins: said, and no mistake. */
  bool is_later;
} smr_inputs;
/* Tells the user of such an input: what is wrong with it now. Local. */
void smr_inputs_await(const char *mistake);

typedef struct {
  const char *name, *title, *summary;
  const smr_key_table *table;
  const char *const *output_names; /* NULL-terminated: no axis takes one of them for its name */
  const smr_output_labels
      *labels;            /* ended by {NULL, NULL}; NULL = values of inner dimensions count */
  const smr_flags *flags; /* outputs that are words; ended by {NULL, NULL}; NULL = none */

  /* Names and shapes of outputs and of summaries over replicates. Freed by the caller (one block
   * each). Local. */
  smr_status (*describe)(const smr_job *job, smr_schema *outputs,
                         smr_schema *summaries) SMR_NODISCARD;
  /* Results don't depend on how many ranks share a unit: that number is no part of its identity,
   * and `auto` takes what the run offers. */
  bool is_rank_free;
  /* Files that a finished unit has in its folder, NULL-terminated; NULL = none. */
  const char *const *unit_files;
  /* Sizes of the model.h5 that a unit will write; zeros where its data can't be read. NULL = units
   * write none. Local. */
  void (*foresee_model)(const smr_common_config *common, const void *config,
                        const char *data_folder, int64_t *n_visible, int64_t *n_hidden);
  /* Units write checkpoints: one may be started though it can't be finished in time. */
  bool has_checkpoints;
  /* Bytes of what `check` finds out about the data: plain bytes without pointers, zeros when nobody
   * has looked. */
  size_t survey_bytes;
  /* Mistakes that only this experiment can see, with the places in the job file, into report; fills
   * the survey. May look at data files (no MPI). Local; called on one rank. */
  smr_status (*check)(const smr_job *job, const smr_inputs *inputs, void *survey,
                      smr_text *report) SMR_NODISCARD;
  /* Cost of a unit on n_ranks. Local, fast: called for every cell. */
  void (*plan)(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost);
  /* What all units share (datasets). Collective on world. */
  smr_status (*open)(const smr_context *world, const smr_job *job, const char *data_folder,
                     void **state) SMR_NODISCARD;
  void (*close)(void **state);
  /* What the opened inputs hold, for smr_folder_check_data; NULL = nothing from files. Local;
   * called on rank 0. */
  smr_status (*list_inputs)(void *state, const smr_job *job, smr_text *lines) SMR_NODISCARD;
  /* Computes one unit. Collective on the group: the same status on all its ranks. */
  smr_status (*run_unit)(const smr_unit *unit) SMR_NODISCARD;
  /* Summaries of n >= 0 finished replicates: records[n] in the order of the axis; out is a packed
   * record of `summaries`, NaN at start. Pure. */
  smr_status (*summarize)(const void *config, const smr_schema *outputs,
                          const smr_schema *summaries, int64_t n, const double *const *records,
                          double *out) SMR_NODISCARD;
  /* A finished unit's record as a table for the reader; NULL = none. Pure. */
  smr_status (*report)(const void *config, const smr_schema *outputs, const double *record,
                       smr_text *out) SMR_NODISCARD;
} smr_experiment;

/* All experiments, and their names and tables as the job layer wants them. */
int64_t smr_experiment_count(void);
const smr_experiment *smr_experiment_get(int64_t index);
const smr_job_experiment *smr_experiment_list(void);

extern const smr_experiment smr_experiment_ridge;
extern const smr_experiment smr_experiment_logistic;
extern const smr_experiment smr_experiment_rbm;
extern const smr_experiment smr_experiment_partition;
extern const smr_experiment smr_experiment_sample;
extern const smr_experiment smr_experiment_renormalize;

#endif
