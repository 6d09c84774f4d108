/* Files of a test's own folder. */
#ifndef SIMMER_TESTS_STORE_SCRATCH_H
#define SIMMER_TESTS_STORE_SCRATCH_H

#include "base_scratch.h"
#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simmer/base/file.h"
#include "simmer/base/memory.h"

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
