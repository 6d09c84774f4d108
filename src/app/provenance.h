/* Where results come from: the root attributes of every file that holds some. Local. */
#ifndef SIMMER_APP_PROVENANCE_H
#define SIMMER_APP_PROVENANCE_H

#include "experiment.h"
#include "simmer/store/array.h"

typedef struct smr_provenance smr_provenance;

/* Title, experiment, job, seed, versions, libraries, CPU type, the starts that made the folder's
 * results, date; and which unit, unless that is NULL (copied). SMR_ERR_MEMORY, SMR_ERR_IO. */
smr_status smr_provenance_create(const char *folder, const smr_job *job,
                                 const smr_experiment *experiment, const char *unit,
                                 smr_provenance **out) SMR_NODISCARD;
void smr_provenance_destroy(smr_provenance **provenance);
/* The attributes, borrowed. */
const smr_attribute *smr_provenance_get(const smr_provenance *provenance, int64_t *n);

#endif
