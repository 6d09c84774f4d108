/* Images on several ranks: the same bits of reads and means everywhere, and the same errors. */
#include <stdlib.h>
#include <unistd.h>

#include "mpi_frame.h"
#include "simmer/base/fault.h"
#include "simmer/base/file.h"
#include "simmer/base/hash.h"
#include "simmer/base/memory.h"
#include "simmer/data/images.h"

enum { MAX_PIXELS = 784 };

/* One of every source that needs no files. */
static const smr_image_config sources[] = {
    {.source = SMR_IMAGES_DIGITS,
     .first = 10000,
     .count = 1000,
     .test_count = 10,
     .holdout = 0.1,
     .binarize = SMR_BINARIZE_SAMPLE,
     .seed = 3},
    {.source = SMR_IMAGES_ISING,
     .count = 37,
     .test_count = 5,
     .side = 16,
     .coupling = 0.44,
     .sweeps = 10,
     .holdout = 0.2,
     .seed = 4},
    {.source = SMR_IMAGES_BARS, .count = -1, .test_count = -1, .side = 6, .is_inverted = true},
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

static uint32_t hash_rows(const smr_images *images, smr_stream stream) {
  float x[MAX_PIXELS];
  const int64_t n = smr_images_count(images, stream);
  const int64_t n_pixels = smr_images_get_shape(images).n_pixels;
  uint32_t crc = 0;
  for (int64_t r = 0; r < n; r++) {
    assert_ok(smr_images_read(images, stream, 1, &r, 4, x));
    crc = smr_crc32(crc, x, (size_t)n_pixels * sizeof *x);
  }
  return crc;
}

/* Alone on this rank, against all ranks together. */
static void check_source(const smr_image_config *config) {
  double mean[2][MAX_PIXELS] = {{0}};
  uint32_t rows[2][3] = {{0}};
  smr_context *self = NULL;
  int index = 0;
  assert_ok(smr_context_split(test_world, 1, &self, &index));
  for (int k = 0; k < 2; k++) {
    const smr_context *context = k == 0 ? self : test_world;
    smr_images *images = NULL;
    assert_ok(smr_images_open(context, config, NULL, &images));
    for (int s = 0; s < 3; s++) {
      rows[k][s] = hash_rows(images, (smr_stream)s);
    }
    assert_ok(smr_images_get_mean(context, images, mean[k]));
    smr_images_close(&images);
  }
  assert_on_all(memcmp(rows[0], rows[1], sizeof rows[0]) == 0);
  assert_on_all(memcmp(mean[0], mean[1], sizeof mean[0]) == 0);
  double root[MAX_PIXELS];
  memcpy(root, mean[1], sizeof root);
  smr_broadcast(test_world, 0, root, sizeof root);
  assert_on_all(memcmp(root, mean[1], sizeof root) == 0);
  smr_context_destroy(&self);
}

static void test_same_bits(void **state) {
  (void)state;
  for (int i = 0; i < N_SOURCES; i++) {
    check_source(&sources[i]);
  }
}

/* The mean against a plain loop. */
static void test_mean(void **state) {
  (void)state;
  smr_images *images = NULL;
  double mean[MAX_PIXELS], sums[MAX_PIXELS] = {0};
  assert_ok(smr_images_open(test_world, &sources[0], NULL, &images));
  assert_ok(smr_images_get_mean(test_world, images, mean));
  const int64_t n = smr_images_count(images, SMR_STREAM_TRAIN);
  for (int64_t r = 0; r < n; r++) {
    float x[MAX_PIXELS];
    assert_ok(smr_images_read(images, SMR_STREAM_TRAIN, 1, &r, 0, x));
    for (int p = 0; p < MAX_PIXELS; p++) {
      sums[p] += (double)x[p];
    }
  }
  int is_same = 1;
  for (int p = 0; p < MAX_PIXELS; p++) {
    is_same &= fabs(mean[p] - sums[p] / (double)n) < 1e-15;
  }
  assert_on_all(is_same);
  smr_images_close(&images);
}

#if SIMMER_FAULTS
/* The next pass through `site` on world rank `rank` fails; site NULL: no more. */
static void set_fault(const char *site, int rank) {
  char fault[64];
  snprintf(fault, sizeof fault, "%s:%d:1", site == NULL ? "" : site, rank);
  setenv("SIMMER_FAULT", fault, 1);
  smr_fault_set_rank(test_world->rank); /* counts passes anew */
}
#endif

/* ---- Writing. ---- */

/* A folder of rank 0's, known to all. */
typedef struct {
  char path[64];
} scratch_folder;

static scratch_folder make_folder(void) {
  scratch_folder f = {"/tmp/simmer-images-XXXXXX"};
  const int is_wrong = test_world->rank == 0 && mkdtemp(f.path) == NULL;
  smr_broadcast(test_world, 0, f.path, sizeof f.path);
  assert_on_all(!is_wrong);
  return f;
}

/* Removes the folder; 1 when it held nothing but `names`, which are removed if they are there. */
static int remove_folder(const scratch_folder *f, int n, const char *const *names) {
  char path[SMR_PATH_BYTES];
  int is_clean = 1;
  smr_barrier(test_world);
  if (test_world->rank == 0) {
    for (int i = 0; i < n; i++) {
      assert_ok(smr_file_join(path, f->path, names[i]));
      unlink(path);
    }
    is_clean = rmdir(f->path) == 0;
  }
  return !smr_any(test_world, !is_clean);
}

/* The file's bytes; freed by smr_memory_free. */
static char *read_file(const scratch_folder *f, const char *name, size_t *bytes) {
  char path[SMR_PATH_BYTES], *data = NULL;
  assert_ok(smr_file_join(path, f->path, name));
  assert_ok(smr_file_read(path, 1 << 24, &data, bytes));
  return data;
}

static void check_same_file(const scratch_folder *f, const char *name, const char *other) {
  size_t bytes[2] = {0};
  char *data[2] = {read_file(f, name, &bytes[0]), read_file(f, other, &bytes[1])};
  assert_on_all(bytes[0] > 0 && bytes[0] == bytes[1] && memcmp(data[0], data[1], bytes[0]) == 0);
  smr_memory_free(data[0]);
  smr_memory_free(data[1]);
}

/* What was written is read back as images first..first+n-1. */
static void check_content(const smr_images *digits, const smr_image_config *config,
                          const scratch_folder *f, int64_t first, int64_t n) {
  smr_images *images = NULL;
  assert_ok(smr_images_open(test_world, config, f->path, &images));
  assert_on_all(smr_images_count(images, SMR_STREAM_TRAIN) == n);
  int is_same = 1;
  for (int64_t r = 0; r < n; r++) {
    uint8_t x[2][MAX_PIXELS], label[2];
    assert_ok(smr_images_read_bytes(images, SMR_STREAM_TRAIN, 1, &r, x[0], &label[0]));
    assert_ok(smr_images_generate(digits, first + r, 1, x[1], &label[1]));
    is_same &= memcmp(x[0], x[1], MAX_PIXELS) == 0 && label[0] == label[1];
  }
  assert_on_all(is_same);
  smr_images_close(&images);
}

static void write_one(const smr_context *context, const smr_images *images, const scratch_folder *f,
                      const char *name, int64_t n) {
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, f->path, name));
  assert_ok(smr_images_write(context, images, 1234567, n, path));
}

static void test_write(void **state) {
  (void)state;
  enum { N = 1500 }; /* no multiple of a block */
  static const char *const names[] = {
      "a-images-idx3-ubyte", "a-labels-idx1-ubyte", "b", "b.labels", "c.h5", "d.h5"};
  const scratch_folder f = make_folder();
  smr_context *self = NULL;
  smr_images *digits = NULL;
  int index = 0;
  assert_ok(smr_images_open(test_world, &sources[0], NULL, &digits));
  assert_ok(smr_context_split(test_world, 1, &self, &index));
  write_one(test_world, digits, &f, names[0], N);
  write_one(test_world, digits, &f, names[4], N);
  if (test_world->rank == 0) {
    write_one(self, digits, &f, names[2], N);
    write_one(self, digits, &f, names[5], N);
  }
  smr_barrier(test_world);
  check_same_file(&f, names[0], names[2]);
  check_same_file(&f, names[1], names[3]);
  check_same_file(&f, names[4], names[5]);
  const smr_image_config idx = {.source = SMR_IMAGES_IDX,
                                .file = names[0],
                                .labels = names[1],
                                .count = -1,
                                .test_count = -1};
  const smr_image_config hdf5 = {.source = SMR_IMAGES_HDF5,
                                 .file = names[4],
                                 .x_name = "images",
                                 .y_name = "labels",
                                 .count = -1,
                                 .test_count = -1};
  check_content(digits, &idx, &f, 1234567, N);
  check_content(digits, &hdf5, &f, 1234567, N);
  write_one(test_world, digits, &f, names[4], 1); /* replaces it; fewer images than ranks */
  check_content(digits, &hdf5, &f, 1234567, 1);
  smr_images_close(&digits);
  smr_context_destroy(&self);
  assert_on_all(remove_folder(&f, 6, names));
}

/* Without labels there is no file of labels. */
static void test_write_bars(void **state) {
  (void)state;
  static const char *const name = "bars";
  const scratch_folder f = make_folder();
  smr_images *bars = NULL;
  size_t bytes = 0;
  assert_ok(smr_images_open(test_world, &sources[2], NULL, &bars));
  char path[SMR_PATH_BYTES];
  assert_ok(smr_file_join(path, f.path, name));
  assert_ok(smr_images_write(test_world, bars, 0, 126, path));
  char *data = read_file(&f, name, &bytes);
  assert_on_all(bytes == 16 + 126 * 36);
  smr_memory_free(data);
  smr_images_close(&bars);
  assert_on_all(remove_folder(&f, 1, &name));
}

/* Nothing is left of a file that failed on one rank, and all ranks say the same. */
static void check_write_fails(const smr_images *images, int64_t first, int64_t count,
                              const char *path, smr_status expected, const char *part) {
  const smr_status status = smr_images_write(test_world, images, first, count, path);
  assert_on_all(status == expected);
  assert_on_all(strstr(smr_error_message(), part) != NULL);
}

static void test_write_errors(void **state) {
  (void)state;
  const scratch_folder f = make_folder();
  char path[SMR_PATH_BYTES];
  smr_images *digits = NULL;
  const int64_t most = INT64_MAX;
  assert_ok(smr_images_open(test_world, &sources[0], NULL, &digits));
  assert_ok(smr_file_join(path, f.path, "no-folder/x"));
  check_write_fails(digits, 0, 10, path, SMR_ERR_IO, "no-folder/x");
  assert_ok(smr_file_join(path, f.path, "no-folder/x.h5"));
  check_write_fails(digits, 0, 10, path, SMR_ERR_IO, "no-folder/x.h5");
  assert_ok(smr_file_join(path, f.path, "x"));
  check_write_fails(digits, 0, 0, path, SMR_ERR_USAGE, "empty");
  check_write_fails(digits, -5, 10, path, SMR_ERR_INPUT, "no images -5 to 4");
  check_write_fails(digits, 0, most, path, SMR_ERR_INPUT, "digits makes numbers 0");
  check_write_fails(digits, 0, 1000000000000, path, SMR_ERR_FULL, "needs");
#if SIMMER_FAULTS
  set_fault("images.write", test_world->size - 1);
  check_write_fails(digits, 0, 5000, path, SMR_ERR_FULL, "fault images.write");
  set_fault(NULL, 0);
#endif
  smr_images_close(&digits);
  assert_on_all(remove_folder(&f, 0, NULL));
}

/* ---- Errors. ---- */

static void check_fails(const smr_image_config *config, const char *folder, smr_status expected,
                        const char *part) {
  smr_images *images = NULL;
  const smr_status status = smr_images_open(test_world, config, folder, &images);
  assert_on_all(status == expected);
  assert_on_all(images == NULL);
  assert_on_all(strstr(smr_error_message(), part) != NULL);
}

/* Only the rank that reads sees these: all return them. */
static void test_errors(void **state) {
  (void)state;
  const smr_image_config config = {
      .source = SMR_IMAGES_IDX, .file = "no-such-images", .count = -1, .test_count = -1};
  check_fails(&config, "/tmp", SMR_ERR_MISSING, "no-such-images");
#if SIMMER_FAULTS
  set_fault("images.open", 0);
  check_fails(&sources[0], NULL, SMR_ERR_IO, "fault images.open");
  set_fault("images.read", 0);
  check_fails(&sources[0], NULL, SMR_ERR_IO, "fault images.read");
  set_fault("comm.shared", test_world->size - 1);
  check_fails(&sources[1], NULL, SMR_ERR_MEMORY, "fault comm.shared");
  set_fault(NULL, 0);
#endif
}

MPI_TEST_MAIN(cmocka_unit_test(test_same_bits), cmocka_unit_test(test_mean),
              cmocka_unit_test(test_write), cmocka_unit_test(test_write_bars),
              cmocka_unit_test(test_write_errors), cmocka_unit_test(test_errors))
