/* What a result file says to the reader: the table of each unit that its experiment offers. Private
 * to src/app. */
#ifndef SIMMER_APP_TABLES_H
#define SIMMER_APP_TABLES_H

#include "experiment.h"

/* Adds the tables of the finished units of results.h5 at `path`, from the file alone; nothing for
 * other files, for experiments without tables, and where there are more than a few units. Local; no
 * MPI. */
smr_status smr_tables_write(const char *path, smr_text *out) SMR_NODISCARD;

#endif
