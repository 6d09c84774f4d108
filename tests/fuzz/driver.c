/* What libFuzzer calls: the target is named by SIMMER_FUZZ_TARGET. */
#include <stdio.h>
#include <stdlib.h>

#include "targets.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static fuzz_target target = NULL;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *name = getenv("SIMMER_FUZZ_TARGET");
  (void)argc;
  (void)argv;
  target = name != NULL ? fuzz_find(name) : NULL;
  if (target == NULL) {
    fprintf(stderr, "SIMMER_FUZZ_TARGET must name a target of tests/fuzz/targets.h\n");
    exit(2);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  target(data, size);
  return 0;
}
