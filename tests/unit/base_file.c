/* Reading (plain, gzip, damaged) and writes that leave the old file or the new one. */
#include "check.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base_scratch.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/memory.h"

enum { BIG = 300000, PACKED_BYTES = BIG + 1000 };

/* Compressible in part, longer than one chunk of any buffer inside. */
static void fill(char *data, size_t bytes) {
  unsigned int random = 99;
  for (size_t i = 0; i < bytes; i++) {
    random = random * 1664525u + 1013904223u;
    data[i] = (char)(i % 3 == 0 ? random >> 24 : i >> 8);
  }
}

static void put(const char *name, const void *data, size_t bytes) {
  FILE *file = fopen(scratch_path(name), "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

/* data as one gzip member; returns its length. */
static size_t pack(const char *data, size_t bytes, char packed[PACKED_BYTES]) {
  z_stream stream = {0};
  char copy[1];
  assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  memcpy(&stream.next_in, &data, sizeof data);
  if (bytes == 0) {
    stream.next_in = (Bytef *)copy;
  }
  stream.avail_in = (uInt)bytes;
  stream.next_out = (Bytef *)packed;
  stream.avail_out = PACKED_BYTES;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  size_t length = stream.total_out;
  deflateEnd(&stream);
  return length;
}

static void check_content(const char *name, const void *data, size_t bytes) {
  char *content = NULL;
  size_t length = 77;
  assert_ok(smr_file_read(scratch_path(name), INT64_MAX, &content, &length));
  assert_int_equal(length, bytes);
  assert_memory_equal(content, data, bytes);
  assert_int_equal(content[length], '\0');
  smr_memory_free(content);
}

static void check_unreadable(const char *name, int64_t max_bytes, smr_status expected,
                             const char *part) {
  char *content = NULL;
  size_t length = 77;
  assert_fails(smr_file_read(scratch_path(name), max_bytes, &content, &length), expected, part);
  assert_non_null(strstr(smr_error_message(), scratch_path(name)));
  assert_null(content);
  assert_int_equal(length, 0);
}

static int count_entries(void) {
  DIR *folder = opendir(scratch_folder);
  int count = 0;
  assert_non_null(folder);
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    count += entry->d_name[0] != '.';
  }
  closedir(folder);
  return count;
}

static void test_read_plain(void **state) {
  (void)state;
  static char data[BIG];
  static const size_t sizes[] = {0, 1, 2, 65535, 65536, 65537, BIG};
  fill(data, sizeof data);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    put("plain", data, sizes[i]);
    check_content("plain", data, sizes[i]);
  }
  /* Half of gzip's magic number is no gzip. */
  put("plain", "\x1f", 1);
  check_content("plain", "\x1f", 1);
}

static void test_read_mistakes(void **state) {
  (void)state;
  check_unreadable("none", INT64_MAX, SMR_ERR_IO, "No such file");
  put("plain", "12345", 5);
  check_unreadable("plain/below", INT64_MAX, SMR_ERR_IO, "Not a directory");
  check_unreadable("", INT64_MAX, SMR_ERR_IO, "Is a directory");
}

static void test_read_limit(void **state) {
  (void)state;
  char packed[PACKED_BYTES];
  static char data[BIG];
  char *content = NULL;
  size_t length = 0;
  put("plain", "12345", 5);
  assert_ok(smr_file_read(scratch_path("plain"), 5, &content, &length));
  smr_memory_free(content);
  check_unreadable("plain", 4, SMR_ERR_LIMIT, "more than 4 B");
  check_unreadable("plain", 0, SMR_ERR_LIMIT, "more than 0 B");
  put("plain", data, BIG);
  check_unreadable("plain", 10, SMR_ERR_LIMIT, "more than 10 B");
  check_unreadable("plain", BIG - 1, SMR_ERR_LIMIT, "more than");
  /* Zeros: a small file with much inside. */
  put("packed", packed, pack(data, BIG, packed));
  assert_ok(smr_file_read(scratch_path("packed"), BIG, &content, &length));
  assert_int_equal(length, BIG);
  smr_memory_free(content);
  check_unreadable("packed", BIG - 1, SMR_ERR_LIMIT, "unpacked");
}

/* /proc tells no size. */
static void test_read_without_size(void **state) {
  (void)state;
  char *content = NULL;
  size_t length = 0;
  assert_ok(smr_file_read("/proc/self/status", 1 << 20, &content, &length));
  assert_true(length > 0);
  assert_memory_equal(content, "Name:", 5);
  smr_memory_free(content);
}

static void test_read_gzip(void **state) {
  (void)state;
  static char data[BIG];
  static char packed[PACKED_BYTES];
  static const size_t sizes[] = {0, 1, 65536, BIG};
  fill(data, sizeof data);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    put("packed", packed, pack(data, sizes[i], packed));
    check_content("packed", data, sizes[i]);
  }
}

static void test_read_gzip_members(void **state) {
  (void)state;
  char packed[PACKED_BYTES];
  size_t length = pack("first, ", 7, packed);
  static char second[PACKED_BYTES];
  size_t more = pack("second", 6, second);
  memcpy(packed + length, second, more);
  length += more;
  memset(packed + length, 0, 100);
  put("packed", packed, length);
  check_content("packed", "first, second", 13);
  put("packed", packed, length + 100);
  check_content("packed", "first, second", 13);
  packed[length + 50] = 'x';
  put("packed", packed, length + 100);
  check_unreadable("packed", INT64_MAX, SMR_ERR_CORRUPT, "damaged");
}

/* Cut anywhere behind the magic number, a file is damaged, never short. */
static void test_read_truncated_gzip(void **state) {
  (void)state;
  char data[600];
  char packed[PACKED_BYTES];
  fill(data, sizeof data);
  size_t length = pack(data, sizeof data, packed);
  for (size_t cut = 2; cut < length; cut++) {
    put("packed", packed, cut);
    check_unreadable("packed", INT64_MAX, SMR_ERR_CORRUPT, "ends too early");
  }
}

/* The data and the checks behind them; gzip's header has bytes without meaning. */
static void test_read_flipped_gzip(void **state) {
  (void)state;
  char data[500];
  char packed[PACKED_BYTES];
  fill(data, sizeof data);
  size_t length = pack(data, sizeof data, packed);
  for (size_t i = 10; i < length; i++) {
    packed[i] = (char)(packed[i] ^ 4);
    put("packed", packed, length);
    check_unreadable("packed", INT64_MAX, SMR_ERR_CORRUPT, "damaged");
    packed[i] = (char)(packed[i] ^ 4);
  }
}

static void test_write(void **state) {
  (void)state;
  static char data[BIG];
  fill(data, sizeof data);
  assert_ok(smr_file_write(scratch_path("file"), "old", 3));
  check_content("file", "old", 3);
  assert_ok(smr_file_write(scratch_path("file"), data, sizeof data));
  check_content("file", data, sizeof data);
  assert_ok(smr_file_write(scratch_path("file"), NULL, 0));
  check_content("file", "", 0);
  assert_int_equal(count_entries(), 1);
  /* A name without a folder. */
  char *before = getcwd(NULL, 0);
  assert_int_equal(chdir(scratch_folder), 0);
  assert_ok(smr_file_write("here", "x", 1));
  assert_int_equal(chdir(before), 0);
  free(before);
  check_content("here", "x", 1);
}

static void test_write_mistakes(void **state) {
  (void)state;
  put("plain", "12345", 5);
  assert_fails(smr_file_write(scratch_path("plain/below"), "x", 1), SMR_ERR_IO, "plain/below");
  assert_fails(smr_file_write(scratch_path("none/below"), "x", 1), SMR_ERR_IO, "No such file");
  assert_ok(smr_file_make_folder(scratch_path("folder")));
  assert_fails(smr_file_write(scratch_path("folder"), "x", 1), SMR_ERR_IO, "folder");
  assert_int_equal(count_entries(), 2);
  char path[SMR_PATH_BYTES + 10];
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_fails(smr_file_write(path, "x", 1), SMR_ERR_LIMIT, "too long");
}

/* A write that the system cuts short, and then refuses. */
static void test_write_beyond_the_limit(void **state) {
  (void)state;
  static char data[BIG];
  struct rlimit before;
  fill(data, sizeof data);
  assert_ok(smr_file_write(scratch_path("file"), "old", 3));
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = {BIG / 2, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  smr_status status = smr_file_write(scratch_path("file"), data, sizeof data);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  assert_int_equal(status, SMR_ERR_IO);
  assert_non_null(strstr(smr_error_message(), "File too large"));
  check_content("file", "old", 3);
  assert_int_equal(count_entries(), 1);
}

static void test_write_faults(void **state) {
  (void)state;
#ifdef SIMMER_FAULTS
  static const struct {
    const char *spec;
    smr_status status;
    const char *part;
  } cases[] = {{"file.write:0:1", SMR_ERR_IO, "cannot write"},
               {"file.full:0:1", SMR_ERR_FULL, "No space left"},
               {"file.sync:0:1", SMR_ERR_IO, "cannot sync"},
               {"file.rename:0:1", SMR_ERR_IO, "cannot rename"}};
  assert_ok(smr_file_write(scratch_path("file"), "old", 3));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    smr_fault_set_rank(0);
    setenv("SIMMER_FAULT", cases[i].spec, 1);
    assert_fails(smr_file_write(scratch_path("file"), "new", 3), cases[i].status, cases[i].part);
    assert_non_null(strstr(smr_error_message(), scratch_path("file")));
    check_content("file", "old", 3);
    assert_int_equal(count_entries(), 1);
    /* Only the first pass fails. */
    assert_ok(smr_file_write(scratch_path("file"), "new", 3));
    check_content("file", "new", 3);
    assert_ok(smr_file_write(scratch_path("file"), "old", 3));
  }
  unsetenv("SIMMER_FAULT");
#else
  skip();
#endif
}

static void test_make_folder(void **state) {
  (void)state;
  assert_ok(smr_file_make_folder(scratch_path("a/b//c/")));
  assert_true(smr_file_is_folder(scratch_path("a/b/c")));
  assert_ok(smr_file_make_folder(scratch_path("a/b/c")));
  assert_ok(smr_file_make_folder("/"));
  put("plain", "12345", 5);
  assert_fails(smr_file_make_folder(scratch_path("plain")), SMR_ERR_IO, "plain: File exists");
  assert_fails(smr_file_make_folder(scratch_path("plain/d")), SMR_ERR_IO, "plain");
  assert_ok(smr_file_sync_folder(scratch_path("a")));
  assert_fails(smr_file_sync_folder(scratch_path("plain")), SMR_ERR_IO, "plain");
  assert_fails(smr_file_sync_folder(scratch_path("none")), SMR_ERR_IO, "none");
}

static void test_questions(void **state) {
  (void)state;
  put("plain", "12345", 5);
  assert_true(smr_file_exists(scratch_path("plain")));
  assert_true(smr_file_exists(scratch_folder));
  assert_false(smr_file_exists(scratch_path("none")));
  assert_false(smr_file_is_folder(scratch_path("plain")));
  assert_false(smr_file_is_folder(scratch_path("none")));
  assert_int_equal(smr_file_get_size(scratch_path("plain")), 5);
  assert_int_equal(smr_file_get_size(scratch_path("none")), -1);
}

static void test_free_space(void **state) {
  (void)state;
  int64_t bytes = -1;
  assert_ok(smr_file_get_free_space(scratch_folder, &bytes));
  assert_true(bytes > 0);
  bytes = -1;
  assert_ok(smr_file_get_free_space(scratch_path("still/to/be/made"), &bytes));
  assert_true(bytes > 0);
  assert_ok(smr_file_get_free_space("no-such-folder-here/x", &bytes));
  put("plain", "12345", 5);
  assert_fails(smr_file_get_free_space(scratch_path("plain/x"), &bytes), SMR_ERR_IO, "plain/x");
}

static void test_join(void **state) {
  (void)state;
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, "a", "b"));
  assert_string_equal(path, "a/b");
  assert_ok(smr_file_join(path, "a/", "b"));
  assert_string_equal(path, "a/b");
  assert_ok(smr_file_join(path, "", "b"));
  assert_string_equal(path, "b");
  assert_ok(smr_file_join(path, "/", "b"));
  assert_string_equal(path, "/b");
  char name[SMR_PATH_BYTES];
  memset(name, 'x', sizeof name);
  /* "a/" and 4093 letters just fit with the terminator. */
  name[SMR_PATH_BYTES - 3] = '\0';
  assert_ok(smr_file_join(path, "a", name));
  assert_int_equal(strlen(path), SMR_PATH_BYTES - 1);
  assert_fails(smr_file_join(path, "ab", name), SMR_ERR_LIMIT, "too long");
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_create, scratch_destroy)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_SCRATCH(test_read_plain),
      IN_SCRATCH(test_read_mistakes),
      IN_SCRATCH(test_read_limit),
      IN_SCRATCH(test_read_without_size),
      IN_SCRATCH(test_read_gzip),
      IN_SCRATCH(test_read_gzip_members),
      IN_SCRATCH(test_read_truncated_gzip),
      IN_SCRATCH(test_read_flipped_gzip),
      IN_SCRATCH(test_write),
      IN_SCRATCH(test_write_mistakes),
      IN_SCRATCH(test_write_beyond_the_limit),
      IN_SCRATCH(test_write_faults),
      IN_SCRATCH(test_make_folder),
      IN_SCRATCH(test_questions),
      IN_SCRATCH(test_free_space),
      IN_SCRATCH(test_join),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
