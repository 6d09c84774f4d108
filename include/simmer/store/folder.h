/* An output folder: whose job it holds. Local; one rank calls and broadcasts. */
#ifndef SIMMER_STORE_FOLDER_H
#define SIMMER_STORE_FOLDER_H

#include "simmer/base/error.h"

/* Prepares DIR for a job: makes it with journal/, claims/, parts/, log/ and job.yaml. A folder that
 * holds a job is accepted when experiment, seed and the fixed keys agree (a key that is an axis in
 * either, "key=*", may differ); else SMR_ERR_JOB naming the first key that differs and what to do
 * (--fresh, or another -o). SMR_ERR_INPUT when its job.keys is damaged. is_fresh
 * renames an old folder to DIR.old-<date>[-n] first (never deletes); SMR_ERR_USAGE where somebody
 * is at work, or is just doing the same. job_yaml is replaced when it changed. SMR_ERR_IO,
 * SMR_ERR_FULL. */
smr_status smr_folder_open(const char *folder, const char *job_yaml, const char *fixed_keys,
                           int is_fresh) SMR_NODISCARD;
/* Holds the folder to the data its units came from: `lines` are "<crc> <name>\n", one for each
 * input, kept in DIR/data.keys. SMR_ERR_JOB naming the first one that was there with another CRC.
 */
smr_status smr_folder_check_data(const char *folder, const char *lines) SMR_NODISCARD;
/* The job.yaml of a folder; freed by smr_memory_free. SMR_ERR_USAGE when it isn't a simmer folder.
 */
smr_status smr_folder_read_job(const char *folder, char **yaml) SMR_NODISCARD;
/* Makes DIR/<name> a link to DIR/units/<unit>/<name>; a file of that name that is no link is left
 * alone. unit = NULL removes the link. SMR_ERR_IO, SMR_ERR_FULL. */
smr_status smr_folder_link_unit(const char *folder, const char *unit,
                                const char *name) SMR_NODISCARD;

#endif
