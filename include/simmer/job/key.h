/* Declarative key tables: one row a key gives parsing, type, range, unit, default, `simmer keys`
 * and docs/job-file.md.
 *
 * A table describes the fields of a C configuration struct: `offset` says where a value goes. The
 * common table belongs to this layer (smr_common_config); every experiment brings its own. */
#ifndef SIMMER_JOB_KEY_H
#define SIMMER_JOB_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* Type of a key and of the struct field behind it. */
typedef enum {
  SMR_KEY_BOOL,     /* bool */
  SMR_KEY_INT,      /* int64_t */
  SMR_KEY_REAL,     /* double */
  SMR_KEY_CHOICE,   /* int: index into `choices` */
  SMR_KEY_STRING,   /* const char *, owned by the job */
  SMR_KEY_BYTES,    /* int64_t: "2 GiB", "500 MB" or a number of bytes */
  SMR_KEY_DURATION, /* double seconds: a number of seconds or "HH:MM:SS" */
  SMR_KEY_INTS,     /* smr_ints: a list (or one value); an inner axis of the experiment's results */
  SMR_KEY_REALS     /* smr_reals: the same */
} smr_key_type;

typedef struct {
  int64_t n;
  const int64_t *values;
} smr_ints;
typedef struct {
  int64_t n;
  const double *values;
} smr_reals;

enum {
  SMR_KEY_REQUIRED = 1, /* no default */
  SMR_KEY_RUN =
      2, /* how to run, not what to compute: no part of a unit's identity, can't be an axis */
  SMR_KEY_OPEN_MINIMUM = 4, /* value > minimum instead of >= */
  SMR_KEY_OR_AUTO = 8,      /* INT, REAL, BYTES, DURATION also take `auto`, stored as -1 */
  SMR_KEY_NO_SWEEP = 16     /* part of the identity, but can't be an axis (seed, experiment) */
};

typedef struct {
  const char *name; /* full dotted name: "data.instances" */
  smr_key_type type;
  unsigned flags;
  size_t offset;
  double minimum, maximum;    /* range of numbers; -INFINITY, INFINITY for none */
  const char *unit;           /* "rows", "s", "bytes"; "" for a pure number */
  const char *default_text;   /* YAML, as one would write it; NULL when required */
  const char *const *choices; /* CHOICE only: NULL-terminated */
  const char *meaning; /* one sentence; for `simmer keys`, the docs and long_name of an axis */
} smr_key;

typedef struct {
  const smr_key *keys;
  int64_t n_keys;
  size_t config_bytes; /* size of the struct that `offset` indexes */
} smr_key_table;

/* The keys every job has: name, experiment, seed, replicate, run.*. */
typedef struct {
  const char *name; /* output goes to out/<name> */
  const char *experiment;
  int64_t seed;
  int64_t replicate;       /* the axis over which repetitions are summarised */
  int64_t ranks_per_unit;  /* -1 = auto */
  int64_t memory_per_rank; /* bytes; -1 = auto: 2 GiB, so that it never depends on the machine */
  int64_t retries;
  double lease_s, block_s, flush_interval_s;
  double time_limit_s;     /* -1 = none */
  const char *data_folder; /* run.data: folder of data files; "" = --data, SIMMER_DATA, then the
                              working folder */
} smr_common_config;

const smr_key_table *smr_key_common(void);

/* "integer", "real", "list of reals", … */
const char *smr_key_type_text(smr_key_type type);

#endif
