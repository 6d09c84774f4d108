/* A folder of its own for a test, removed with all that is in it; and small file helpers. */
#ifndef SIMMER_TESTS_STORE_SCRATCH_H
#define SIMMER_TESTS_STORE_SCRATCH_H

#include "check.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simmer/base/file.h"
#include "simmer/base/memory.h"

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

/* Writes a file in place, as a careless program would. */
static inline void scratch_put(const char *name, const void *data, size_t bytes) {
  FILE *file = fopen(scratch_path(name), "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

/* *data is freed by smr_memory_free. */
static inline void scratch_get(const char *name, char **data, size_t *bytes) {
  assert_ok(smr_file_read(scratch_path(name), INT64_MAX, data, bytes));
}

/* Number of entries of a folder whose names hold `part`; `name` gets the last one. */
static inline int scratch_count(const char *folder, const char *part, char name[256]) {
  int n = 0;
  DIR *files = opendir(scratch_path(folder));
  if (files == NULL) {
    return 0;
  }
  for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
    if (file->d_name[0] != '.' && strstr(file->d_name, part) != NULL) {
      snprintf(name, 256, "%s", file->d_name);
      n++;
    }
  }
  closedir(files);
  return n;
}

#endif
