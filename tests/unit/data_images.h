/* Frame of the unit tests of image sources: MPI with one rank, and a folder of scratch files. */
#ifndef SIMMER_TESTS_DATA_IMAGES_H
#define SIMMER_TESTS_DATA_IMAGES_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "mpi_frame.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

static char scratch[] = "/tmp/simmer-images-XXXXXX";

static inline void write_scratch(const char *name, const void *data, size_t bytes) {
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, scratch, name));
  assert_ok(smr_file_write(path, data, bytes));
}

static void remove_scratch(const char *name) {
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, scratch, name));
  unlink(path);
}

static int make_scratch(void **state) {
  (void)state;
  return mkdtemp(scratch) == NULL;
}

static int clear_scratch(void **state) {
  (void)state;
  DIR *folder = opendir(scratch);
  for (struct dirent *entry = NULL; folder != NULL && (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] != '.') {
      remove_scratch(entry->d_name);
    }
  }
  if (folder != NULL) {
    closedir(folder);
  }
  return rmdir(scratch);
}

/* main() with the folder made and removed around the group. */
#define IMAGE_TEST_MAIN(...)                                                   \
  int main(int argc, char **argv) {                                            \
    const struct CMUnitTest tests[] = {__VA_ARGS__};                           \
    if (smr_context_start(&argc, &argv, &test_world) != SMR_OK) {              \
      fprintf(stderr, "cannot start MPI: %s\n", smr_error_message());          \
      return 1;                                                                \
    }                                                                          \
    int failures = cmocka_run_group_tests(tests, make_scratch, clear_scratch); \
    smr_context_finish(&test_world);                                           \
    return failures != 0;                                                      \
  }

#endif
