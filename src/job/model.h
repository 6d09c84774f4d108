/* What a job is made of, shared by the files of this layer.
 *
 * A slot is one key of the common or the experiment's table with what was written for it. Nodes are
 * gathered first (settings.c: file, then overrides), then read into values (sweep.c), then laid out
 * for fast access to cells (cells.c, identity.c). */
#ifndef SIMMER_JOB_MODEL_H
#define SIMMER_JOB_MODEL_H

#include "list.h"
#include "simmer/job/job.h"

typedef struct {
  const smr_key *key;
  bool is_common;
  const smr_node *given;    /* value in its section; NULL when swept or not written */
  const smr_node *swept;    /* value in the sweep, or NULL */
  const smr_node *fallback; /* the default, NULL when required */
  bool is_zipped;
  bool is_overridden;
  bool is_good;
  int64_t axis; /* -1 for a scalar */
  smr_list list;
  int64_t *order; /* indices of list by value, [n]; made when needed */
} smr_slot;

/* One outer dimension: an axis, or several which go together (zip). */
typedef struct smr_group {
  struct smr_group *next;
  const smr_node *node; /* of the zip's mapping, NULL for a plain axis */
  int64_t n_members;
  int64_t members[]; /* slots; room for all */
} smr_group;

/* A section of the file, for mistakes that have no key to point to. */
typedef struct smr_section {
  struct smr_section *next;
  const char *name;
  smr_place place;
} smr_section;

/* One condition of an excluded combination: indices of a dimension, ascending, [n]. */
typedef struct smr_condition {
  struct smr_condition *next;
  int64_t slot, dimension, n;
  int64_t *indices;
  smr_list values; /* those that are in the axis, for the resolved job */
} smr_condition;

typedef struct smr_exclusion {
  struct smr_exclusion *next;
  smr_condition *conditions;
} smr_exclusion;

/* Where an outer axis's value goes in a configuration. */
typedef struct {
  smr_key_type type;
  bool is_common;
  size_t offset;
  int64_t stride, n;
  const smr_list *list;
} smr_store;

/* A piece of identity: fixed text, or the line of an outer axis. */
typedef struct {
  const char *text;
  size_t length;
  int64_t stride, n;         /* of the axis; n = 0 for fixed text */
  const char *const *values; /* ends of the lines, "40\n" */
} smr_segment;

struct smr_job {
  smr_arena arena;
  smr_complaints complaints;
  smr_list_reader lists;
  int64_t n_sources;
  smr_source *sources; /* file, defaults, overrides */

  int64_t experiment;         /* index, -1 while unknown */
  const char *const *outputs; /* its output names, NULL-terminated; NULL if none */
  bool has_all_keys;          /* false when the experiment is unknown, so that its keys are too */
  const smr_key_table *table;
  int64_t n_slots;
  smr_slot *slots;
  int64_t *sorted; /* slots by name */

  smr_section *sections;
  smr_group *groups;
  const smr_node *zip;     /* the last one written, or NULL */
  const smr_node *exclude; /* the last one written, or NULL */

  int64_t n_axes, n_outer;
  smr_axis *axes;
  int64_t *axis_slots;
  int64_t n_dimensions;
  int64_t *dimensions, *strides;
  int64_t n_cells;
  smr_exclusion *exclusions;

  smr_common_config common;
  void *config;
  smr_store *stores; /* [n_outer] */

  smr_hash identity_start; /* of everything before the first segment */
  int64_t n_segments;
  smr_segment *segments;
  const char *yaml, *fixed_keys;
};

enum { SMR_SOURCE_FILE, SMR_SOURCE_DEFAULTS, SMR_SOURCE_FIRST_OVERRIDE };

/* settings.c: finds what is written for each key. Mistakes go to the complaints. All local. */
int64_t smr_job_find_slot(const smr_job *job, const char *name);
bool smr_job_is_section(const smr_job *job, const char *name);
smr_status smr_settings_gather(smr_job *job, int64_t index, const smr_node *root) SMR_NODISCARD;
/* Calls `found` for each key of a mapping, its sections walked through. A name that is no key goes
 * to `other` first (which may be NULL), and is complained of when that doesn't know it. */
typedef struct {
  smr_job *job;
  void *self;
  smr_status (*found)(void *self, int64_t slot, const smr_node *value);
  smr_status (*other)(void *self, const char *name, const smr_node *value, bool *is_known);
} smr_settings_visitor;
smr_status smr_settings_walk(const smr_settings_visitor *visitor, const char *prefix,
                             const smr_node *mapping) SMR_NODISCARD;
/* Where a key, its axis or its section was written; the file's start if none was. */
smr_place smr_settings_get_place(const smr_job *job, const char *key);

/* suggest.c: "; did you mean …" or the valid names, for a name that is none. Returns buffer. */
enum { SMR_SUGGEST_BYTES = 1024 };
const char *smr_suggest_key(const smr_job *job, const char *name, char buffer[SMR_SUGGEST_BYTES]);
const char *smr_suggest_experiment(int64_t n, const smr_job_experiment *experiments,
                                   const char *name, int64_t *nearest,
                                   char buffer[SMR_SUGGEST_BYTES]);

/* sweep.c: values of all keys, axes, dimensions. */
smr_status smr_sweep_sort(smr_job *job, smr_slot *slot) SMR_NODISCARD;
smr_status smr_sweep_read(smr_job *job) SMR_NODISCARD;
/* exclude.c */
smr_status smr_exclude_read(smr_job *job) SMR_NODISCARD;
/* cells.c, identity.c, yaml_out.c: what is made once all is known to be right. */
smr_status smr_cells_prepare(smr_job *job) SMR_NODISCARD;
smr_status smr_identity_prepare(smr_job *job) SMR_NODISCARD;
smr_status smr_yaml_write(smr_job *job) SMR_NODISCARD;

/* Adds "value" or "[a, b]" as it takes part in identity and in the resolved job. */
smr_status smr_yaml_add_value(const smr_key *key, smr_value value, smr_text *out) SMR_NODISCARD;

#endif
