/* Versions of simmer and everything linked. Local. */
#ifndef SIMMER_APP_VERSION_H
#define SIMMER_APP_VERSION_H

#include "simmer/base/text.h"

const char *smr_version(void);
const char *smr_version_git_commit(void);
/* "OpenBLAS 0.3.21 …; HDF5 1.10.8; Open MPI …; libfyaml …; zlib …". */
smr_status smr_version_write_libraries(smr_text *out) SMR_NODISCARD;
/* Model name of the CPU. Returns buffer. */
const char *smr_version_cpu(char *buffer, size_t buffer_bytes);

#endif
