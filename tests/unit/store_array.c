/* Arrays in files: what goes in comes out; bytes depend on arguments only; damage never crashes. */
#include "check.h"

#include <hdf5.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/file.h"
#include "simmer/base/memory.h"
#include "simmer/store/array.h"

static double lambda[] = {1e-8, 1e-3, 1.0};
static int64_t instances[] = {10, INT64_C(1) << 40};
static float risk[] = {1, 2, 3, 4, 5, NAN};
static uint8_t flags[] = {0, 255};
static int32_t steps[] = {-7};
static const char *words[] = {"gcv", "", "sch\xc3\xb6n"};
static double seconds = 0.25;

static const smr_array arrays[] = {
    {.name = "risk",
     .type = SMR_F32,
     .n_dimensions = 2,
     .shape = {2, 3},
     .dimensions = {"instances", "lambda"},
     .unit = "1",
     .meaning = "risk on new data",
     .data = risk},
    {.name = "lambda",
     .type = SMR_F64,
     .n_dimensions = 1,
     .shape = {3},
     .dimensions = {"lambda"},
     .data = lambda},
    {.name = "instances",
     .type = SMR_I64,
     .n_dimensions = 1,
     .shape = {2},
     .dimensions = {"instances"},
     .data = instances},
    {.name = "flags",
     .type = SMR_U8,
     .n_dimensions = 1,
     .shape = {2},
     .dimensions = {"plain"},
     .data = flags},
    {.name = "steps", .type = SMR_I32, .n_dimensions = 1, .shape = {1}, .data = steps},
    {.name = "words",
     .type = SMR_TEXTS,
     .n_dimensions = 1,
     .shape = {3},
     .dimensions = {"lambda"},
     .data = (void *)words},
    {.name = "nothing",
     .type = SMR_F64,
     .n_dimensions = 2,
     .shape = {0, 3},
     .dimensions = {"empty", "lambda"}},
    {.name = "seconds",
     .type = SMR_F64,
     .unit = "s",
     .meaning = "time",
     .data = &seconds,
     .is_measured_time = true},
};
static const smr_attribute attributes[] = {{.name = "title", .text = "a test"},
                                           {.name = "seed", .number = 17},
                                           {.name = "empty", .text = ""}};
enum { N_ARRAYS = sizeof arrays / sizeof arrays[0], N_ATTRIBUTES = 3 };

static void pack(void **image, size_t *bytes) {
  assert_ok(smr_arrays_pack(N_ARRAYS, arrays, N_ATTRIBUTES, attributes, image, bytes));
}

static void check_values(smr_arrays *file) {
  float r[6];
  double l[3], s = 0;
  int64_t n[2];
  int32_t step = 0;
  uint8_t f[2];
  const char *w[3];
  assert_ok(smr_arrays_read(file, "risk", SMR_F32, 0, 2, r));
  assert_memory_equal(r, risk, sizeof r);
  assert_ok(smr_arrays_read(file, "lambda", SMR_F64, 0, 3, l));
  assert_memory_equal(l, lambda, sizeof l);
  assert_ok(smr_arrays_read(file, "instances", SMR_I64, 0, 2, n));
  assert_memory_equal(n, instances, sizeof n);
  assert_ok(smr_arrays_read(file, "steps", SMR_I32, 0, 1, &step));
  assert_int_equal(step, -7);
  assert_ok(smr_arrays_read(file, "flags", SMR_U8, 0, 2, f));
  assert_memory_equal(f, flags, sizeof f);
  assert_ok(smr_arrays_read(file, "words", SMR_TEXTS, 0, 3, (void *)w));
  for (int i = 0; i < 3; i++) {
    assert_string_equal(w[i], words[i]);
  }
  assert_ok(smr_arrays_read(file, "nothing", SMR_F64, 0, 0, NULL));
  assert_ok(smr_arrays_read(file, "seconds", SMR_F64, 0, 1, &s));
  assert_true(s == 0.25);
}

static void test_round_trip(void **state) {
  (void)state;
  void *image = NULL;
  size_t bytes = 0;
  smr_arrays *file = NULL;
  pack(&image, &bytes);
  assert_ok(smr_arrays_open_image(image, bytes, "an image", &file));
  check_values(file);
  smr_arrays_close(&file);
  assert_null(file);
  smr_memory_free(image);
}

static void test_file(void **state) {
  (void)state;
  smr_arrays *file = NULL;
  char *text = NULL;
  assert_ok(smr_arrays_write("store_array_test.h5", N_ARRAYS, arrays, N_ATTRIBUTES, attributes));
  assert_ok(smr_arrays_open("store_array_test.h5", &file));
  check_values(file);
  assert_ok(smr_arrays_read_attribute(file, "title", &text));
  assert_string_equal(text, "a test");
  smr_memory_free(text);
  assert_ok(smr_arrays_read_attribute(file, "seed", &text));
  assert_string_equal(text, "17");
  smr_memory_free(text);
  assert_ok(smr_arrays_read_attribute(file, "empty", &text));
  assert_string_equal(text, "");
  smr_memory_free(text);
  assert_fails(smr_arrays_read_attribute(file, "titel", &text), SMR_ERR_INPUT, "titel");
  smr_arrays_close(&file);
  unlink("store_array_test.h5");
}

static void test_inspect(void **state) {
  (void)state;
  void *image = NULL;
  size_t bytes = 0;
  smr_arrays *file = NULL;
  smr_array a;
  pack(&image, &bytes);
  assert_ok(smr_arrays_open_image(image, bytes, "an image", &file));
  assert_ok(smr_arrays_inspect(file, "risk", &a));
  assert_string_equal(a.name, "risk");
  assert_int_equal(a.type, SMR_F32);
  assert_int_equal(a.n_dimensions, 2);
  assert_int_equal(a.shape[0], 2);
  assert_int_equal(a.shape[1], 3);
  assert_string_equal(a.dimensions[0], "instances");
  assert_string_equal(a.dimensions[1], "lambda");
  assert_string_equal(a.unit, "1");
  assert_string_equal(a.meaning, "risk on new data");
  assert_false(a.is_measured_time);
  assert_ok(smr_arrays_inspect(file, "seconds", &a));
  assert_int_equal(a.n_dimensions, 0);
  assert_true(a.is_measured_time);
  assert_ok(smr_arrays_inspect(file, "flags", &a));
  assert_int_equal(a.type, SMR_U8);
  assert_string_equal(a.dimensions[0], "plain");
  assert_null(a.unit);
  assert_ok(smr_arrays_inspect(file, "steps", &a));
  assert_string_equal(a.dimensions[0], "dim_0");
  assert_ok(smr_arrays_inspect(file, "lambda", &a));
  assert_string_equal(a.dimensions[0], "lambda");
  assert_ok(smr_arrays_inspect(file, "words", &a));
  assert_int_equal(a.type, SMR_TEXTS);
  assert_ok(smr_arrays_inspect(file, "nothing", &a));
  assert_int_equal(a.shape[0], 0);
  assert_int_equal(a.shape[1], 3);
  assert_fails(smr_arrays_inspect(file, "risc", &a), SMR_ERR_INPUT, "lambda");
  assert_fails(smr_arrays_inspect(file, "risc", &a), SMR_ERR_INPUT, "words");
  assert_fails(smr_arrays_inspect(file, "plain", &a), SMR_ERR_INPUT, "plain"); /* no array */
  smr_arrays_close(&file);
  smr_memory_free(image);
}

static void test_rows(void **state) {
  (void)state;
  void *image = NULL;
  size_t bytes = 0;
  smr_arrays *file = NULL;
  double r[3];
  const char *w = NULL;
  uint8_t small[3];
  int32_t numbers[2];
  pack(&image, &bytes);
  assert_ok(smr_arrays_open_image(image, bytes, "an image", &file));
  assert_ok(smr_arrays_read(file, "risk", SMR_F64, 1, 1, r));
  assert_true(r[0] == 4 && r[1] == 5 && isnan(r[2]));
  assert_ok(smr_arrays_read(file, "words", SMR_TEXTS, 2, 1, (void *)&w));
  assert_string_equal(w, words[2]);
  assert_ok(smr_arrays_read(file, "flags", SMR_F64, 0, 2, r));
  assert_true(r[1] == 255);
  assert_fails(smr_arrays_read(file, "risk", SMR_F64, 1, 2, r), SMR_ERR_INPUT, "risk");
  assert_fails(smr_arrays_read(file, "risk", SMR_F64, -1, 1, r), SMR_ERR_INPUT, "risk");
  assert_fails(smr_arrays_read(file, "risk", SMR_F64, INT64_MAX, 1, r), SMR_ERR_INPUT, "risk");
  assert_fails(smr_arrays_read(file, "risk", SMR_TEXTS, 0, 1, r), SMR_ERR_INPUT, "no texts");
  assert_fails(smr_arrays_read(file, "words", SMR_F64, 0, 3, r), SMR_ERR_INPUT, "no numbers");
  /* Integers that can't hold a value are refused, not clipped. */
  assert_fails(smr_arrays_read(file, "lambda", SMR_U8, 0, 3, small), SMR_ERR_CORRUPT, "lambda");
  assert_fails(smr_arrays_read(file, "instances", SMR_I32, 0, 2, numbers), SMR_ERR_CORRUPT,
               "instances");
  smr_arrays_close(&file);
  smr_memory_free(image);
}

/* Whatever the heap held before, and whenever it is made: equal arguments, equal bytes. */
static void test_same_bytes(void **state) {
  (void)state;
  void *first = NULL, *second = NULL;
  size_t n_first = 0, n_second = 0;
  mallopt(M_PERTURB, 0x5a);
  pack(&first, &n_first);
  usleep(1100000); /* a date would change */
  mallopt(M_PERTURB, 0x33);
  pack(&second, &n_second);
  mallopt(M_PERTURB, 0);
  assert_int_equal(n_first, n_second);
  assert_memory_equal(first, second, n_first);
  smr_memory_free(first);
  smr_memory_free(second);
}

static void test_refusals(void **state) {
  (void)state;
  void *image = NULL;
  size_t bytes = 0;
  smr_array pair[2] = {arrays[1], arrays[1]};
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_INTERNAL, "two arrays");
  pair[1] = arrays[5];
  pair[1].shape[0] = 2;
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_INTERNAL, "lambda");
  pair[1] = arrays[0];
  pair[1].name = "instances";
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_INTERNAL, "instances");
  pair[1].name = "a/b";
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_INTERNAL, "a/b");
  pair[1] = arrays[0];
  pair[1].data = NULL;
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_INTERNAL, "no data");
  pair[1].shape[0] = INT64_MAX / 4;
  assert_fails(smr_arrays_pack(2, pair, 0, NULL, &image, &bytes), SMR_ERR_LIMIT, "");
  setenv("SIMMER_FAULT", "arrays.pack:*:1", 1);
  assert_fails(smr_arrays_pack(1, pair, 0, NULL, &image, &bytes), SMR_ERR_MEMORY, "fault");
  unsetenv("SIMMER_FAULT");
  assert_null(image);
  /* And nothing of this is left behind. */
  assert_ok(smr_arrays_pack(1, pair, 0, NULL, &image, &bytes));
  smr_memory_free(image);
}

/* More arrays, attributes and text than HDF5 keeps in its compact forms. */
static void test_many(void **state) {
  (void)state;
  enum { N = 300, LENGTH = 200000 };
  static smr_array many[N];
  static char names[N][16], text[LENGTH + 1];
  void *image = NULL;
  size_t bytes = 0;
  smr_arrays *file = NULL;
  char *back = NULL;
  memset(text, 'x', LENGTH);
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "variable_%d", i);
    many[i] = arrays[0];
    many[i].name = names[i];
  }
  const smr_attribute job = {.name = "job", .text = text};
  assert_ok(smr_arrays_pack(N, many, 1, &job, &image, &bytes));
  assert_ok(smr_arrays_open_image(image, bytes, "an image", &file));
  assert_ok(smr_arrays_read_attribute(file, "job", &back));
  assert_string_equal(back, text);
  float r[6];
  assert_ok(smr_arrays_read(file, "variable_299", SMR_F32, 0, 2, r));
  assert_memory_equal(r, risk, sizeof r);
  smr_arrays_close(&file);
  smr_memory_free(back);
  smr_memory_free(image);
  /* No array at all is a file too. */
  assert_ok(smr_arrays_pack(0, NULL, 0, NULL, &image, &bytes));
  assert_ok(smr_arrays_open_image(image, bytes, "an image", &file));
  smr_arrays_close(&file);
  smr_memory_free(image);
}

/* Reads whatever a damaged image still shows. Every outcome but a crash is fine. */
static int read_all(const void *image, size_t bytes) {
  smr_arrays *file = NULL;
  char *text = NULL;
  int n_failures = 0;
  if (smr_arrays_open_image(image, bytes, "a damaged image", &file) != SMR_OK) {
    return 1;
  }
  for (int i = 0; i < N_ARRAYS; i++) {
    smr_array a;
    void *data = NULL;
    if (smr_arrays_inspect(file, arrays[i].name, &a) != SMR_OK) {
      n_failures++;
      continue;
    }
    int64_t n = 1;
    for (int d = 0; d < a.n_dimensions; d++) {
      n *= a.shape[d];
    }
    assert_true(n >= 0 && n < 1 << 28); /* inspect has refused absurd sizes */
    assert_ok(smr_memory_alloc(n, 8, "values", &data));
    n_failures += smr_arrays_read(file, a.name, a.type, 0, a.n_dimensions == 0 ? 1 : a.shape[0],
                                  data) != SMR_OK;
    smr_memory_free(data);
  }
  n_failures += smr_arrays_read_attribute(file, "title", &text) != SMR_OK;
  smr_memory_free(text);
  smr_arrays_close(&file);
  return n_failures;
}

static void test_truncation(void **state) {
  (void)state;
  void *image = NULL;
  size_t bytes = 0;
  pack(&image, &bytes);
  assert_int_equal(read_all(image, bytes), 0);
  for (size_t n = 0; n < bytes; n += 1 + n / 16) {
    char *part = malloc(n + 1); /* exact, so that AddressSanitizer sees a read beyond it */
    memcpy(part, image, n);
    part = realloc(part, n > 0 ? n : 1);
    assert_true(read_all(part, n) > 0);
    free(part);
  }
  smr_memory_free(image);
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 33;
}

static void test_damage(void **state) {
  (void)state;
  enum { ROUNDS = 1500, SEAL_BYTES = 16 };
  void *image = NULL;
  size_t bytes = 0;
  uint64_t random = 1;
  int n_noticed = 0;
  pack(&image, &bytes);
  for (int round = 0; round < ROUNDS; round++) {
    unsigned char *copy = malloc(bytes);
    memcpy(copy, image, bytes);
    const uint64_t n_hits = 1 + next_random(&random) % 4;
    for (uint64_t h = 0; h < n_hits; h++) {
      copy[next_random(&random) % bytes] = (unsigned char)next_random(&random);
    }
    const int n_failures = read_all(copy, bytes);
    const size_t n_sealed = bytes - SEAL_BYTES;
    const bool is_changed = memcmp(copy, image, n_sealed) != 0;
    const bool is_sealed = memcmp(copy + n_sealed, "simmer\x1a\n", 8) == 0;
    if (is_changed && is_sealed) {
      assert_true(n_failures > 0);
      n_noticed++;
    }
    free(copy);
  }
  assert_true(n_noticed > ROUNDS / 2);
  smr_memory_free(image);
}

static void test_open_failures(void **state) {
  (void)state;
  smr_arrays *file = NULL;
  assert_fails(smr_arrays_open("no-such-file.h5", &file), SMR_ERR_IO, "no-such-file.h5");
  assert_null(file);
  assert_fails(smr_arrays_open("/", &file), SMR_ERR_IO, "/");
  FILE *out = fopen("store_array_bad.h5", "w");
  fputs("this is no HDF5 file, it only looks like text, and it is text", out);
  fclose(out);
  assert_fails(smr_arrays_open("store_array_bad.h5", &file), SMR_ERR_CORRUPT, "store_array_bad.h5");
  unlink("store_array_bad.h5");
}

/* Two images at once, and the same one twice. */
static void test_two_open(void **state) {
  (void)state;
  void *image = NULL, *other = NULL;
  size_t bytes = 0, n_other = 0;
  smr_arrays *a = NULL, *b = NULL, *c = NULL;
  int32_t step = 3, back = 0;
  smr_array one = arrays[4];
  one.data = &step;
  pack(&image, &bytes);
  assert_ok(smr_arrays_open_image(image, bytes, "a", &a));
  assert_ok(smr_arrays_pack(1, &one, 0, NULL, &other, &n_other));
  assert_ok(smr_arrays_open_image(other, n_other, "b", &b));
  assert_ok(smr_arrays_open_image(image, bytes, "c", &c));
  assert_ok(smr_arrays_read(a, "steps", SMR_I32, 0, 1, &back));
  assert_int_equal(back, -7);
  assert_ok(smr_arrays_read(b, "steps", SMR_I32, 0, 1, &back));
  assert_int_equal(back, 3);
  smr_arrays_close(&a);
  assert_ok(smr_arrays_read(c, "steps", SMR_I32, 0, 1, &back));
  assert_int_equal(back, -7);
  smr_arrays_close(&b);
  smr_arrays_close(&c);
  smr_arrays_close(&c);
  smr_memory_free(image);
  smr_memory_free(other);
}

/* ---- Files of others. ---- */

typedef struct {
  hid_t type;
  int n_dimensions;
  hsize_t shape[2], chunk[2];
  int deflate;
} foreign;

static void write_foreign(const foreign *f, hid_t memory_type, const void *data) {
  const hid_t file = H5Fcreate("store_array_foreign.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t space = H5Screate_simple(f->n_dimensions, f->shape, NULL);
  if (f->chunk[0] > 0) {
    H5Pset_chunk(properties, f->n_dimensions, f->chunk);
  }
  if (f->deflate > 0) {
    H5Pset_deflate(properties, (unsigned)f->deflate);
  }
  const hid_t dataset =
      H5Dcreate2(group, "x", f->type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  assert_true(dataset >= 0);
  if (data != NULL) {
    assert_true(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  }
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(properties);
  H5Gclose(group);
  assert_true(H5Fclose(file) >= 0);
}

static void open_foreign(smr_arrays **file) {
  assert_ok(smr_arrays_open("store_array_foreign.h5", file));
}

/* Sizes that no file of this length can have are never believed. */
static void test_absurd_sizes(void **state) {
  (void)state;
  smr_arrays *file = NULL;
  smr_array a;
  double x = 0;
  const foreign chunked = {H5T_IEEE_F64LE, 1, {(hsize_t)1 << 60}, {1024}, 0};
  const foreign missing = {H5T_IEEE_F64LE, 2, {(hsize_t)1 << 20, (hsize_t)1 << 39}, {0}, 0};
  const foreign endless = {H5T_STD_U8LE, 2, {(hsize_t)1 << 40, (hsize_t)1 << 40}, {64, 64}, 0};
  const foreign *const all[] = {&chunked, &missing, &endless};
  for (int i = 0; i < 3; i++) {
    write_foreign(all[i], -1, NULL);
    open_foreign(&file);
    assert_fails(smr_arrays_inspect(file, "group/x", &a), SMR_ERR_CORRUPT, "claims");
    assert_fails(smr_arrays_read(file, "group/x", SMR_F64, 0, 1, &x), SMR_ERR_CORRUPT, "claims");
    smr_arrays_close(&file);
  }
  unlink("store_array_foreign.h5");
}

static void test_foreign(void **state) {
  (void)state;
  enum { N = 100000 };
  static double zeros[N], back[N];
  smr_arrays *file = NULL;
  smr_array a;
  /* Packed 500 to 1 or so. */
  const foreign packed = {H5T_IEEE_F64BE, 1, {N}, {N}, 9};
  zeros[N - 1] = 3;
  write_foreign(&packed, H5T_NATIVE_DOUBLE, zeros);
  open_foreign(&file);
  assert_ok(smr_arrays_inspect(file, "group/x", &a));
  assert_int_equal(a.type, SMR_F64);
  assert_int_equal(a.shape[0], N);
  assert_string_equal(a.dimensions[0], "dim_0");
  assert_ok(smr_arrays_read(file, "group/x", SMR_F64, 0, N, back));
  assert_memory_equal(back, zeros, sizeof back);
  smr_arrays_close(&file);

  const int16_t shorts[] = {-5, 300};
  const foreign small = {H5T_STD_I16BE, 1, {2}, {0}, 0};
  write_foreign(&small, H5T_NATIVE_SHORT, shorts);
  open_foreign(&file);
  int32_t ints[2];
  assert_ok(smr_arrays_inspect(file, "group/x", &a));
  assert_int_equal(a.type, SMR_I32);
  assert_ok(smr_arrays_read(file, "group/x", SMR_I32, 0, 2, ints));
  assert_true(ints[0] == -5 && ints[1] == 300);
  smr_arrays_close(&file);

  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  const foreign texts = {type, 1, {2}, {0}, 0};
  write_foreign(&texts, type, "abcdxy\0\0");
  open_foreign(&file);
  const char *strings[2];
  assert_ok(smr_arrays_inspect(file, "group/x", &a));
  assert_int_equal(a.type, SMR_TEXTS);
  assert_ok(smr_arrays_read(file, "group/x", SMR_TEXTS, 0, 2, (void *)strings));
  assert_string_equal(strings[0], "abcd");
  assert_string_equal(strings[1], "xy");
  smr_arrays_close(&file);
  H5Tclose(type);

  const foreign other = {H5T_STD_REF_OBJ, 1, {2}, {0}, 0};
  write_foreign(&other, -1, NULL);
  open_foreign(&file);
  assert_fails(smr_arrays_inspect(file, "group/x", &a), SMR_ERR_INPUT, "neither");
  assert_fails(smr_arrays_inspect(file, "group", &a), SMR_ERR_CORRUPT, "group");
  smr_arrays_close(&file);
  unlink("store_array_foreign.h5");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_file),
      cmocka_unit_test(test_inspect),      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_same_bytes),   cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_many),         cmocka_unit_test(test_truncation),
      cmocka_unit_test(test_damage),       cmocka_unit_test(test_open_failures),
      cmocka_unit_test(test_absurd_sizes), cmocka_unit_test(test_foreign),
      cmocka_unit_test(test_two_open),
  };
  return cmocka_run_group_tests_name("store_array", tests, NULL, NULL);
}
