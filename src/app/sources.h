/* Where a job's images come from: the different sources over all its cells, looked at before units
 * run, opened once, and found again by a unit. For every experiment with the keys of image_keys.h.
 * Private to src/app. */
#ifndef SIMMER_APP_SOURCES_H
#define SIMMER_APP_SOURCES_H

#include "experiment.h"
#include "simmer/data/images.h"

/* How to find the images in an experiment's configuration. */
typedef struct {
  size_t config_bytes;
  /* The source of a cell, with its seed; false when it reads no images. */
  bool (*get)(const smr_common_config *common, const void *config, smr_image_config *out);
} smr_source_kind;

/* Shapes of the job's different sources, by a hash of their configuration. */
enum { SMR_MOST_SOURCES = 64 };
typedef struct {
  int64_t n;
  smr_hash keys[SMR_MOST_SOURCES];
  smr_image_shape shapes[SMR_MOST_SOURCES];
} smr_source_survey;

/* Looks at every source: mistakes go to report, with their places. SMR_ERR_LIMIT for too many
 * sources. Local. */
smr_status smr_sources_check(const smr_source_kind *kind, const smr_job *job,
                             const smr_inputs *inputs, smr_source_survey *survey,
                             smr_text *report) SMR_NODISCARD;
/* Shape of a source; NULL when nobody has looked at it, or it can't be read. */
const smr_image_shape *smr_sources_find_shape(const smr_source_survey *survey,
                                              const smr_image_config *config);

typedef struct smr_sources smr_sources;

/* Opens every source. *out is to be closed on failure, too. Collective on world. */
smr_status smr_sources_open(const smr_context *world, const smr_source_kind *kind,
                            const smr_job *job, const char *data_folder,
                            smr_sources **out) SMR_NODISCARD;
/* Collective on the context they were opened with; accepts NULL. */
void smr_sources_close(smr_sources **sources);
/* The opened images of this configuration. */
const smr_images *smr_sources_find(const smr_sources *sources, const smr_image_config *config);
/* A line with name and CRC for every source that is a file. */
smr_status smr_sources_list_inputs(const smr_sources *sources, smr_text *lines) SMR_NODISCARD;

#endif
