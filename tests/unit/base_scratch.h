/* A folder of its own for a test, removed with all that is in it. */
#ifndef SIMMER_TESTS_BASE_SCRATCH_H
#define SIMMER_TESTS_BASE_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCRATCH_BYTES = 1024 };

static char scratch_folder[SCRATCH_BYTES];

static inline int scratch_create(void **state) {
  const char *parent = getenv("TMPDIR");
  (void)state;
  snprintf(scratch_folder, sizeof scratch_folder, "%s/simmer-test-XXXXXX",
           parent != NULL ? parent : "/tmp");
  return mkdtemp(scratch_folder) != NULL ? 0 : -1;
}

static inline int scratch_remove_entry(const char *path, const struct stat *information, int type,
                                       struct FTW *where) {
  (void)information;
  (void)type;
  (void)where;
  return remove(path);
}

static inline int scratch_destroy(void **state) {
  (void)state;
  return nftw(scratch_folder, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in the scratch folder; four may be in use at a time. */
static inline const char *scratch_path(const char *name) {
  static char paths[4][2 * SCRATCH_BYTES];
  static int next = 0;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
  return path;
}

#endif
