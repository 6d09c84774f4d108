/* The keys of every job. */
#include "simmer/job/key.h"

#include <math.h>

#include "simmer/job/job.h"

#define AT(field) offsetof(smr_common_config, field)

static const smr_key keys[] = {
    {"name", SMR_KEY_STRING, SMR_KEY_REQUIRED | SMR_KEY_NO_SWEEP, AT(name), 0, 0, "", NULL, NULL,
     "Name of the job: its results go to out/<name>."},
    {"experiment", SMR_KEY_STRING, SMR_KEY_REQUIRED | SMR_KEY_NO_SWEEP, AT(experiment), 0, 0, "",
     NULL, NULL, "What to compute."},
    {"seed", SMR_KEY_INT, SMR_KEY_NO_SWEEP, AT(seed), 0, INFINITY, "", "1", NULL,
     "Seed of all random numbers."},
    {"replicate", SMR_KEY_INT, 0, AT(replicate), 0, INFINITY, "", "0", NULL,
     "Number of a repetition with random numbers of its own; the axis over which results are "
     "summarised."},
    {"run.ranks_per_unit", SMR_KEY_INT, SMR_KEY_RUN | SMR_KEY_OR_AUTO, AT(ranks_per_unit), 1,
     INFINITY, "ranks", "auto", NULL,
     "MPI ranks that share one unit of work; auto is as few as its memory allows, and for "
     "trainings "
     "as many as there are for it."},
    {"run.memory_per_rank", SMR_KEY_BYTES, SMR_KEY_RUN | SMR_KEY_OR_AUTO, AT(memory_per_rank), 1,
     INFINITY, "bytes", "auto", NULL,
     "Memory that one rank may use for a unit; auto is 2 GiB, whatever the machine has."},
    {"run.retries", SMR_KEY_INT, SMR_KEY_RUN, AT(retries), 0, 1e6, "", "3", NULL,
     "How often a unit that took its process down is tried again before it is left out; raise it to"
     " try one again that was."},
    {"run.lease", SMR_KEY_DURATION, SMR_KEY_RUN | SMR_KEY_OPEN_MINIMUM, AT(lease_s), 0, INFINITY,
     "s", "60", NULL,
     "How long a claim without a sign of life is respected before others take the work over."},
    {"run.block_seconds", SMR_KEY_DURATION, SMR_KEY_RUN | SMR_KEY_OPEN_MINIMUM, AT(block_s), 0,
     INFINITY, "s", "2", NULL, "Predicted work that is claimed at a time."},
    {"run.flush_interval", SMR_KEY_DURATION, SMR_KEY_RUN, AT(flush_interval_s), 0, INFINITY, "s",
     "2", NULL, "How often finished units are written to disk."},
    {"run.time_limit", SMR_KEY_DURATION, SMR_KEY_RUN | SMR_KEY_OR_AUTO | SMR_KEY_OPEN_MINIMUM,
     AT(time_limit_s), 0, INFINITY, "s", "auto", NULL,
     "Stop in time for this limit with everything saved; auto is none."},
    {"run.data", SMR_KEY_STRING, SMR_KEY_RUN, AT(data_folder), 0, 0, "", "\"\"", NULL,
     "Folder of data files; empty means --data, then SIMMER_DATA, then data, then the working "
     "folder."},
};

static const smr_key_table table = {keys, sizeof keys / sizeof keys[0], sizeof(smr_common_config)};

const smr_key_table *smr_key_common(void) {
  return &table;
}

const char *smr_key_type_text(smr_key_type type) {
  switch (type) {
  case SMR_KEY_BOOL:
    return "true or false";
  case SMR_KEY_INT:
    return "integer";
  case SMR_KEY_REAL:
    return "real";
  case SMR_KEY_CHOICE:
    return "choice";
  case SMR_KEY_STRING:
    return "text";
  case SMR_KEY_BYTES:
    return "size in bytes";
  case SMR_KEY_DURATION:
    return "duration";
  case SMR_KEY_INTS:
    return "list of integers";
  case SMR_KEY_REALS:
    return "list of reals";
  }
  return "unknown";
}
