/* The labelled shape of a job's results: dimensions, coordinates and root attributes. Private to
 * collection. Local. */
#ifndef SIMMER_APP_LAYOUT_H
#define SIMMER_APP_LAYOUT_H

#include "simmer/store/results.h"
#include "units.h"

typedef struct smr_layout smr_layout;

/* The replicate axis is the reduced dimension when it is an axis of its own. */
smr_status smr_layout_create(const char *folder, const smr_units *units, const smr_schema *schema,
                             smr_layout **out) SMR_NODISCARD;
void smr_layout_destroy(smr_layout **layout);
const smr_results_layout *smr_layout_get(const smr_layout *layout);
/* Outer dimension of the replicates, -1 if there is none. */
int smr_layout_get_reduced(const smr_layout *layout);

#endif
