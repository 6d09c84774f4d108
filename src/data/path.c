/* Where a job's data file is. */
#include <stdio.h>
#include <string.h>

#include "source.h"

smr_status smr_data_find_file(const char *file, const char *data_folder,
                              char path[SMR_PATH_BYTES]) {
  if (file == NULL || file[0] == '\0') {
    SMR_FAIL(SMR_ERR_INPUT, "no data file is named: set data.file in the job file");
  }
  const bool in_folder = file[0] != '/' && data_folder != NULL && data_folder[0] != '\0';
  SMR_TRY(smr_file_join(path, in_folder ? data_folder : "", file));
  if (smr_file_is_folder(path)) {
    SMR_FAIL(SMR_ERR_INPUT, "the data file %s is a folder: data.file names one file", path);
  }
  if (smr_file_exists(path)) {
    return SMR_OK;
  }
  if (file[0] == '/') {
    SMR_FAIL(SMR_ERR_MISSING, "there is no data file %s", path);
  }
  SMR_FAIL(SMR_ERR_MISSING,
           "there is no data file %s (looked for %s%s). The data folder is given by run.data in "
           "the job file, --data on the command line, or SIMMER_DATA in the environment",
           file, path, in_folder ? "" : " in the current folder");
}
