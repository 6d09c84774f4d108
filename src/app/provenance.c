/* Root attributes of result files. */
#include "provenance.h"

#include <stdio.h>
#include <string.h>

#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "version.h"

enum { MOST_ATTRIBUTES = 16, MOST_RUNS_BYTES = 1 << 20 };

struct smr_provenance {
  int64_t n;
  smr_attribute attributes[MOST_ATTRIBUTES];
  smr_text libraries;
  char *runs;
  char cpu[256], date[32], title[512], unit[512];
};

static void add_text(smr_provenance *provenance, const char *name, const char *text) {
  provenance->attributes[provenance->n++] = (smr_attribute){.name = name, .text = text};
}

static void add_integer(smr_provenance *provenance, const char *name, int64_t number) {
  provenance->attributes[provenance->n++] =
      (smr_attribute){.name = name, .is_integer = true, .integer = number};
}

/* What log/runs.log says of the starts that made these results: a line each. */
static smr_status read_runs(smr_provenance *provenance, const char *folder) {
  char path[SMR_PATH_BYTES];
  size_t bytes = 0;
  SMR_TRY(smr_file_join(path, folder, "log/runs.log"));
  if (smr_file_exists(path)) {
    return smr_file_read(path, MOST_RUNS_BYTES, &provenance->runs, &bytes);
  }
  return smr_memory_copy_string("", &provenance->runs);
}

static smr_status add_attributes(smr_provenance *provenance, const char *folder, const smr_job *job,
                                 const smr_experiment *experiment) {
  const smr_common_config *common = smr_job_get_common(job);
  SMR_TRY(read_runs(provenance, folder));
  SMR_TRY(smr_version_write_libraries(&provenance->libraries));
  snprintf(provenance->title, sizeof provenance->title, "%s: %s", experiment->title, common->name);
  add_text(provenance, "title", provenance->title);
  add_text(provenance, "experiment", experiment->name);
  add_text(provenance, "job", smr_job_get_yaml(job));
  add_integer(provenance, "seed", common->seed);
  add_text(provenance, "simmer_version", smr_version());
  add_integer(provenance, "numerics_version", SMR_NUMERICS_VERSION);
  add_text(provenance, "git_commit", smr_version_git_commit());
  add_text(provenance, "libraries", provenance->libraries.data);
  add_text(provenance, "cpu", smr_version_cpu(provenance->cpu, sizeof provenance->cpu));
  add_text(provenance, "runs", provenance->runs);
  add_text(provenance, "date", smr_clock_format_date(provenance->date, sizeof provenance->date));
  add_integer(provenance, "format_version", 1);
  return SMR_OK;
}

smr_status smr_provenance_create(const char *folder, const smr_job *job,
                                 const smr_experiment *experiment, const char *unit,
                                 smr_provenance **out) {
  smr_provenance *provenance = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *provenance, "provenance", &provenance));
  smr_status status = add_attributes(provenance, folder, job, experiment);
  if (status != SMR_OK) {
    smr_provenance_destroy(&provenance);
  } else if (unit != NULL) {
    snprintf(provenance->unit, sizeof provenance->unit, "%s", unit);
    add_text(provenance, "unit", provenance->unit);
  }
  *out = provenance;
  return status;
}

void smr_provenance_destroy(smr_provenance **provenance) {
  smr_provenance *p = *provenance;
  if (p == NULL) {
    return;
  }
  smr_memory_free(p->runs);
  smr_text_clear(&p->libraries);
  smr_memory_free(p);
  *provenance = NULL;
}

const smr_attribute *smr_provenance_get(const smr_provenance *provenance, int64_t *n) {
  *n = provenance->n;
  return provenance->attributes;
}
