/* Files whose values are written in place: what is read back, and that nothing is left of failures.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

enum { ROWS = 7, COLUMNS = 5 };

static char folder[] = "/tmp/simmer-reserve-XXXXXX";
static char path[SMR_PATH_BYTES];

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL || smr_file_join(path, folder, "t.h5") != SMR_OK;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

static void write_values(int64_t offset, const void *values, size_t bytes) {
  const int fd = open(path, O_WRONLY);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, values, bytes, offset), (ssize_t)bytes);
  close(fd);
}

static void test_read_back(void **state) {
  (void)state;
  double known[ROWS], read_known[ROWS];
  uint8_t bytes[ROWS * COLUMNS], read_bytes[ROWS * COLUMNS];
  float numbers[ROWS], read_numbers[ROWS];
  for (int i = 0; i < ROWS; i++) {
    known[i] = 0.5 * i;
    numbers[i] = 1.0F - (float)i;
  }
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    bytes[i] = (uint8_t)(i * 7);
  }
  const smr_array arrays[] = {
      {.name = "bytes",
       .type = SMR_U8,
       .n_dimensions = 2,
       .shape = {ROWS, COLUMNS},
       .dimensions = {"row", "column"}},
      {.name = "row",
       .type = SMR_F64,
       .n_dimensions = 1,
       .shape = {ROWS},
       .dimensions = {"row"},
       .data = known},
      {.name = "numbers",
       .type = SMR_F32,
       .n_dimensions = 1,
       .shape = {ROWS},
       .dimensions = {"row"},
       .unit = "m"},
      {.name = "none", .type = SMR_U8, .n_dimensions = 1, .shape = {0}, .dimensions = {"nothing"}},
  };
  const smr_attribute attributes[] = {{.name = "source", .text = "here"}};
  int64_t offsets[4] = {7, 7, 7, 7};
  assert_ok(smr_arrays_reserve(path, 4, arrays, 1, attributes, offsets));
  assert_true(offsets[0] > 0 && offsets[2] > 0);
  assert_true(offsets[1] == -1 && offsets[3] == -1);
  write_values(offsets[2], numbers, sizeof numbers);
  write_values(offsets[0], bytes, sizeof bytes);
  smr_arrays *file = NULL;
  char *source = NULL;
  assert_ok(smr_arrays_open(path, &file));
  assert_ok(smr_arrays_read(file, "bytes", SMR_U8, 0, ROWS, read_bytes));
  assert_ok(smr_arrays_read(file, "numbers", SMR_F32, 0, ROWS, read_numbers));
  assert_ok(smr_arrays_read(file, "row", SMR_F64, 0, ROWS, read_known));
  assert_ok(smr_arrays_read_attribute(file, "source", &source));
  assert_memory_equal(read_bytes, bytes, sizeof bytes);
  assert_memory_equal(read_numbers, numbers, sizeof numbers);
  assert_memory_equal(read_known, known, sizeof known);
  assert_string_equal(source, "here");
  smr_memory_free(source);
  smr_arrays_close(&file);
}

/* Values come after everything that HDF5 writes at once: the file has its whole length before. */
static void test_length(void **state) {
  (void)state;
  const int64_t n = 100000000;
  const smr_array array = {
      .name = "big", .type = SMR_U8, .n_dimensions = 1, .shape = {n}, .dimensions = {"i"}};
  int64_t offset = 0;
  assert_ok(smr_arrays_reserve(path, 1, &array, 0, NULL, &offset));
  assert_true(smr_file_get_size(path) >= offset + n);
  assert_true(smr_file_get_size(path) < offset + n + 65536);
}

static void test_mistakes(void **state) {
  (void)state;
  char wrong[SMR_PATH_BYTES];
  smr_array array = {
      .name = "a", .type = SMR_U8, .n_dimensions = 1, .shape = {1}, .dimensions = {"i"}};
  int64_t offset = 0;
  assert_ok(smr_file_join(wrong, folder, "nowhere/t.h5"));
  assert_fails(smr_arrays_reserve(wrong, 1, &array, 0, NULL, &offset), SMR_ERR_IO, "nowhere");
  unlink(path);
  array.name = "";
  assert_fails(smr_arrays_reserve(path, 1, &array, 0, NULL, &offset), SMR_ERR_INTERNAL, "name");
  assert_false(smr_file_exists(path));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_back),
                                     cmocka_unit_test(test_length),
                                     cmocka_unit_test(test_mistakes)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
