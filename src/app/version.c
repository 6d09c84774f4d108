/* Versions. */
#include "version.h"

#include <stdio.h>
#include <string.h>

#include "simmer/comm/context.h"
#include "simmer/job/job.h"
#include "simmer/linalg/grid.h"
#include "simmer/store/array.h"
#include "version_made.h"

const char *smr_version(void) {
  return SIMMER_VERSION;
}

const char *smr_version_git_commit(void) {
  return SIMMER_GIT_COMMIT;
}

smr_status smr_version_write_libraries(smr_text *out) {
  return smr_text_add(out, "%s; HDF5 %s; %s; libfyaml %s", smr_linalg_version(),
                      smr_store_library_version(), smr_context_library_version(),
                      smr_job_library_version());
}

const char *smr_version_cpu(char *buffer, size_t buffer_bytes) {
  snprintf(buffer, buffer_bytes, "unknown CPU");
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (file == NULL) {
    return buffer;
  }
  char line[512];
  while (fgets(line, sizeof line, file) != NULL) {
    const char *colon = strstr(line, ": ");
    if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
      line[strcspn(line, "\n")] = '\0';
      snprintf(buffer, buffer_bytes, "%s", colon + 2);
      break;
    }
  }
  fclose(file);
  return buffer;
}
