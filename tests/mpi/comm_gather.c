/* Gathers: uneven shares, empty ranks, rows larger than a piece, any root. */
#include "mpi_frame.h"

#include "simmer/base/memory.h"
#include "simmer/comm/gather.h"

static void test_counts(void **state) {
  (void)state;
  const int64_t mine[2] = {test_world->rank, INT64_C(1) << (40 + test_world->rank % 8)};
  int64_t *all = NULL;
  assert_ok(smr_memory_alloc(2 * (int64_t)test_world->size, sizeof *all, "counts", &all));
  smr_gather_counts(test_world, 2, mine, all);
  for (int r = 0; r < test_world->size; r++) {
    assert_int_equal(all[(ptrdiff_t)2 * r], r);
    assert_int_equal(all[2 * r + 1], INT64_C(1) << (40 + r % 8));
  }
  smr_memory_free(all);
}

/* Rank r has rows of its own number: every third rank none. */
static int64_t count_rows(int rank, int64_t scale) {
  return rank % 3 == 1 ? 0 : scale * (rank + 1);
}

/* Row i of everything, in 64-bit words. */
static int64_t make_word(int64_t row, int64_t column) {
  return row * 1000003 + column;
}

static void check_rows(int root, int64_t width, int64_t scale) {
  int64_t first = 0, total = 0;
  int64_t *mine = NULL, *all = NULL;
  for (int r = 0; r < test_world->size; r++) {
    first += r < test_world->rank ? count_rows(r, scale) : 0;
    total += count_rows(r, scale);
  }
  const int64_t n = count_rows(test_world->rank, scale);
  assert_ok(smr_memory_alloc(n * width, sizeof *mine, "rows", &mine));
  if (test_world->rank == root) {
    assert_ok(smr_memory_alloc(total * width + 1, sizeof *all, "rows", &all));
    all[total * width] = -7;
  }
  for (int64_t i = 0; i < n * width; i++) {
    mine[i] = make_word(first + i / width, i % width);
  }
  smr_gather_rows(test_world, root, (size_t)width * sizeof *mine, n, n > 0 ? mine : NULL, all);
  int64_t n_wrong = 0;
  for (int64_t i = 0; all != NULL && i < total * width; i++) {
    n_wrong += all[i] != make_word(i / width, i % width);
  }
  assert_int_equal(n_wrong, 0);
  assert_true(all == NULL || all[total * width] == -7);
  smr_memory_free(mine);
  smr_memory_free(all);
}

static void test_rows(void **state) {
  (void)state;
  for (int root = 0; root < test_world->size; root++) {
    check_rows(root, 3, 5);
    check_rows(root, 1, 0);
  }
}

/* 8 MiB and more a rank: rank 2 and up send several pieces; pieces end within rows. */
static void test_pieces(void **state) {
  (void)state;
  check_rows(test_world->size - 1, 1000003, 1);
}

MPI_TEST_MAIN(cmocka_unit_test(test_counts), cmocka_unit_test(test_rows),
              cmocka_unit_test(test_pieces))
