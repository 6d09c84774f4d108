/* A job file, parsed and checked: values of all keys, axes of the sweep, and every unit of the
 * grid.
 *
 * Pure and local: no MPI, no files (the text is given), so every rank parses the same text and
 * finds the same. */
#ifndef SIMMER_JOB_JOB_H
#define SIMMER_JOB_JOB_H

#include "simmer/base/hash.h"
#include "simmer/base/text.h"
#include "simmer/job/key.h"

typedef struct smr_job smr_job;

/* What the job layer needs to know of an experiment: its name, its key table, and the names of its
 * outputs (NULL-terminated, or NULL), which axes don't take. */
typedef struct {
  const char *name;
  const smr_key_table *table;
  const char *const *outputs;
} smr_job_experiment;

/* Parses `text` (called `file_name` in messages) with overrides "key=value" (later ones win),
 * resolves the experiment among `experiments`, applies defaults, expands and checks the sweep.
 * Every mistake that can be found in one go is put into `report` as "simmer: error:
 * FILE:LINE:COLUMN: …" with the source line, a caret and, for an unknown name, the nearest valid
 * one. SMR_ERR_JOB when there is any; *job is NULL then. Local. */
smr_status smr_job_parse(const char *text, const char *file_name, int64_t n_overrides,
                         const char *const *overrides, int64_t n_experiments,
                         const smr_job_experiment *experiments, smr_text *report,
                         smr_job **job) SMR_NODISCARD;
void smr_job_destroy(smr_job **job);

/* Index into `experiments`. */
int64_t smr_job_get_experiment(const smr_job *job);
/* Values that don't vary over the sweep (axes hold their first value). Borrowed. */
const smr_common_config *smr_job_get_common(const smr_job *job);
/* The resolved job as YAML: every key with its value, the sweep as written out lists or generators.
 * Borrowed. */
const char *smr_job_get_yaml(const smr_job *job);
/* Key=value lines of everything that takes part in identity and is not an axis, sorted: what a
 * folder's job must agree in. Keys that are axes (outer or inner) appear as "key=*". Borrowed. */
const char *smr_job_get_fixed_keys(const smr_job *job);

/* One axis of the result. Outer axes come first, in the order of the file; inner ones follow, in
 * the order of the experiment's table. A key of type INTS or REALS is always an inner axis, unless
 * the sweep zips it with others, when it is outer with one value a unit. Every value is shown once:
 * duplicates in one axis are a mistake. */
typedef struct {
  const char *key;  /* "data.instances" */
  const char *name; /* "instances"; the full key where last parts collide */
  const char *unit, *meaning;
  smr_key_type type; /* BOOL, INT, REAL, CHOICE, STRING, … of one value */
  bool is_inner;
  int64_t dimension; /* which dimension of the result: members of one zip share it, the first names
                        it */
  int64_t n;
  const double *reals;      /* numbers (INT, BOOL and CHOICE too), [n]; NULL for STRING */
  const char *const *texts; /* every value as canonical text, [n] */
} smr_axis;

int64_t smr_job_count_axes(const smr_job *job);
const smr_axis *smr_job_get_axis(const smr_job *job, int64_t index);
/* Outer dimensions and their lengths; cells = their product. */
int64_t smr_job_count_dimensions(const smr_job *job);
int64_t smr_job_get_dimension(const smr_job *job, int64_t dimension);
int64_t smr_job_count_cells(const smr_job *job);
/* 1 when `exclude` takes the cell out of the sweep. A cell is a row-major index over the outer
 * dimensions, last fastest. */
int smr_job_is_excluded(const smr_job *job, int64_t cell);

/* Configuration of one cell: fills the caller's structs (config_bytes of the experiment's table).
 * Pointers in them are owned by the job. Fast: a copy and one store an axis. */
void smr_job_configure(const smr_job *job, int64_t cell, smr_common_config *common, void *config);
/* Identity of a cell's unit: hash of numerics_version, the canonical "key=value" lines of all keys
 * but the RUN ones and `name` (outer values of this cell, inner axes as whole lists), and `extra`
 * (resolved ranks per unit, …). */
smr_hash smr_job_identify(const smr_job *job, int64_t cell, const char *extra);
/* "instances=40 replicate=3" for messages. Returns buffer. */
const char *smr_job_describe(const smr_job *job, int64_t cell, char *buffer, size_t buffer_bytes);

/* Adds a mistake found after parsing (by an experiment: "instances 5000 is more than the 4601 rows
 * of …") to report at the place where `key` (or its axis) was written, or its section if it was
 * not. Returns SMR_ERR_JOB. */
smr_status smr_job_complain(const smr_job *job, const char *key, smr_text *report,
                            const char *format, ...) SMR_PRINTF(4, 5);

/* `simmer keys`: the keys of common and experiment tables whose names begin with prefix, as aligned
 * text or as the Markdown of docs/job-file.md. */
smr_status smr_job_write_keys(int64_t n_experiments, const smr_job_experiment *experiments,
                              const char *prefix, bool markdown, smr_text *out) SMR_NODISCARD;

/* Bumped when numerics change on purpose: results of other versions are computed anew. */
enum { SMR_NUMERICS_VERSION = 5 };
const char *smr_job_library_version(void); /* libfyaml's */

#endif
