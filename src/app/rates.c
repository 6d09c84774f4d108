/* Calibration: what one core of this host type does, in $XDG_CACHE_HOME/simmer or ~/.cache/simmer.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "simmer/base/file.h"
#include "simmer/base/hash.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"
#include "version.h"

static smr_status find_cache(char path[SMR_PATH_BYTES], int is_writing) {
  const char *cache = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  char folder[SMR_PATH_BYTES], cpu[256], name[64], hash[SMR_HASH_TEXT_BYTES];
  if (cache != NULL && cache[0] == '/') {
    SMR_TRY(smr_file_join(folder, cache, "simmer"));
  } else if (home != NULL && home[0] == '/') {
    SMR_TRY(smr_file_join(folder, home, ".cache/simmer"));
  } else {
    SMR_FAIL(SMR_ERR_IO, "no place to keep rates: neither XDG_CACHE_HOME nor HOME is set");
  }
  if (is_writing) {
    SMR_TRY(smr_file_make_folder(folder));
  }
  smr_version_cpu(cpu, sizeof cpu);
  smr_hash_format(smr_hash_add(smr_hash_start(), cpu, strlen(cpu)), hash);
  snprintf(name, sizeof name, "rates-%.16s.txt", hash);
  return smr_file_join(path, folder, name);
}

smr_status smr_rates_calibrate(smr_rates *rates) {
  double gemm = 0, copy = 0;
  /* Shapes of a danger-zone cell: rows x lambdas x features. */
  SMR_TRY(smr_bench_gemm(1, 512, 64, 128, 200, &gemm));
  SMR_TRY(smr_bench_copy((int64_t)64 << 20, 9, &copy));
  /* A matrix-vector product does two operations for 8 bytes read; caches make up for what is
   * written. */
  *rates = (smr_rates){gemm, copy / 4};
  char path[SMR_PATH_BYTES], text[512], cpu[256];
  SMR_TRY(find_cache(path, 1));
  int length =
      snprintf(text, sizeof text, "# %s: operations per second of one core\n%.6e %.6e\n",
               smr_version_cpu(cpu, sizeof cpu), rates->flops_per_s, rates->slow_flops_per_s);
  return smr_file_write(path, text, (size_t)length);
}

int smr_rates_load(smr_rates *rates) {
  char path[SMR_PATH_BYTES];
  char *text = NULL;
  size_t bytes = 0;
  smr_rates found = {0, 0};
  *rates = smr_rates_reference();
  if (find_cache(path, 0) != SMR_OK || !smr_file_exists(path) ||
      smr_file_read(path, 4096, &text, &bytes) != SMR_OK) {
    smr_error_clear();
    return 0;
  }
  const char *line = strchr(text, '\n');
  char *end = NULL;
  if (line != NULL) {
    found.flops_per_s = strtod(line, &end);
    found.slow_flops_per_s = strtod(end, NULL);
  }
  smr_memory_free(text);
  if (!(found.flops_per_s > 0 && isfinite(found.flops_per_s) && found.slow_flops_per_s > 0 &&
        isfinite(found.slow_flops_per_s))) {
    return 0;
  }
  *rates = found;
  return 1;
}
