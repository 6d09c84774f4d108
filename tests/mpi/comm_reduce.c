/* Fixed-point sums against exact integer sums, however the shards are spread over ranks. */
#include "mpi_frame.h"

#include <float.h>
#include <stdlib.h>

#include "simmer/comm/reduce.h"

__extension__ typedef __int128 wide;

enum { N_COLUMNS = 67, N_SHARDS = 37 };

static uint64_t hash(int64_t a, int64_t b) {
  uint64_t h = (uint64_t)(a * 1000003 + b + 1) * 0x9E3779B97F4A7C15U;
  h ^= h >> 31;
  h *= 0xBF58476D1CE4E5B9U;
  return h ^ h >> 29;
}

/* Three ways to spread shards over ranks. */
static int is_mine(int way, int64_t shard) {
  switch (way) {
  case 0:
    return shard % test_world->size == test_world->rank;
  case 1:
    return test_world->rank == test_world->size - 1;
  default:
    return (int)(hash(99, shard) % (uint64_t)test_world->size) == test_world->rank;
  }
}
enum { N_WAYS = 3 };

static void test_scale32(void **state) {
  (void)state;
  assert_true(smr_reduce_scale32(1) == 0x1p30);
  assert_true(smr_reduce_scale32(2) == 0x1p29);
  assert_true(smr_reduce_scale32(3) == 0x1p28);
  assert_true(smr_reduce_scale32(128) == 0x1p23);
  assert_true(smr_reduce_scale32(129) == 0x1p22);
  /* The proof's worst case: every row gives 1, and the sum still fits. */
  for (int64_t rows = 1; rows < 5000; rows += 37) {
    assert_true((double)rows * smr_reduce_scale32(rows) <= 0x1p30);
  }
}

static void test_add32_rounds_to_even(void **state) {
  (void)state;
  const float x[] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 2.25F, -2.75F, 0.0F, -0.0F, 1e-30F};
  const int32_t expected[] = {0, 2, 2, 0, -2, 2, -3, 0, 0, 0};
  int32_t sums[10] = {0};
  assert_ok(smr_reduce_add32(10, x, 1.0, sums));
  assert_memory_equal(sums, expected, sizeof sums);
  assert_ok(smr_reduce_add32(0, x, 1.0, sums));
  float ones[1] = {-1.0F};
  int32_t sum[1] = {7};
  assert_ok(smr_reduce_add32(1, ones, 0x1p30, sum));
  assert_int_equal(sum[0], 7 - (1 << 30));
}

/* Lengths that are no multiple of a vector; the oracle rounds in double. */
static void test_add32_all_lengths(void **state) {
  (void)state;
  float x[133];
  int32_t sums[133];
  for (int64_t n = 0; n < 133; n++) {
    double scale = ldexp(1.0, (int)(n % 30));
    for (int64_t i = 0; i < n; i++) {
      x[i] = (float)((double)(hash(n, i) % 2000001) / 1e6 - 1.0);
      sums[i] = (int32_t)i - 50;
    }
    assert_ok(smr_reduce_add32(n, x, scale, sums));
    for (int64_t i = 0; i < n; i++) {
      assert_int_equal(sums[i], i - 50 + llrint((double)x[i] * scale));
    }
  }
}

static void test_add32_refuses(void **state) {
  (void)state;
  const float bad[] = {NAN, INFINITY, -INFINITY, 1.0001F, -1.0001F, 3e38F};
  for (int k = 0; k < 6; k++) {
    for (int place = 0; place < 20; place += 19) {
      float x[20] = {0};
      int32_t sums[20] = {0};
      x[place] = bad[k];
      assert_fails(smr_reduce_add32(20, x, 0x1p30, sums), SMR_ERR_NUMERIC, "entry");
    }
  }
  const float one[] = {1.0F};
  int32_t sum[] = {0};
  assert_ok(smr_reduce_add32(1, one, 0x1p30, sum));
  assert_fails(smr_reduce_add32(1, one, 0x1p30, sum), SMR_ERR_NUMERIC, "2^31");
  assert_fails(smr_reduce_add32(1, one, 3.0, sum), SMR_ERR_INTERNAL, "power of two");
  assert_fails(smr_reduce_add32(1, one, (double)NAN, sum), SMR_ERR_INTERNAL, "power of two");
  assert_fails(smr_reduce_add32(1, one, -2.0, sum), SMR_ERR_INTERNAL, "power of two");
}

static void test_sum32(void **state) {
  (void)state;
  const double scale = smr_reduce_scale32(N_SHARDS);
  int64_t expected[N_COLUMNS] = {0};
  float rows[N_SHARDS][N_COLUMNS];
  for (int64_t s = 0; s < N_SHARDS; s++) {
    for (int64_t j = 0; j < N_COLUMNS; j++) {
      rows[s][j] = (float)((double)(hash(s, j) % 2000001) / 1e6 - 1.0);
      expected[j] += llrint((double)rows[s][j] * scale);
    }
  }
  for (int way = 0; way < N_WAYS; way++) {
    int32_t sums[N_COLUMNS] = {0};
    for (int64_t s = 0; s < N_SHARDS; s++) {
      if (is_mine(way, s)) {
        assert_ok(smr_reduce_add32(N_COLUMNS, rows[s], scale, sums));
      }
    }
    assert_ok(smr_reduce_sum32(test_world, N_COLUMNS, sums));
    for (int64_t j = 0; j < N_COLUMNS; j++) {
      assert_int_equal(sums[j], expected[j]);
    }
  }
  assert_ok(smr_reduce_sum32(test_world, 0, NULL));
}

/* This rank's rows of a table [N_SHARDS][N_COLUMNS], packed; returns how many. */
static int64_t take_rows(int way, double (*table)[N_COLUMNS], double (*rows)[N_COLUMNS]) {
  int64_t n = 0;
  for (int64_t s = 0; s < N_SHARDS; s++) {
    if (is_mine(way, s)) {
      memcpy(rows[n++], table[s], sizeof *rows);
    }
  }
  return n;
}

/* 53-bit integers times a power of two per column: with 37 shards the sums must be exact, and the
 * double nearest to them comes out. Neighbours nearly cancel. */
static void test_sum64_is_exact(void **state) {
  (void)state;
  static double table[N_SHARDS][N_COLUMNS];
  static double rows[N_SHARDS][N_COLUMNS];
  wide sums[N_COLUMNS] = {0};
  for (int64_t j = 0; j < N_COLUMNS; j++) {
    for (int64_t s = 0; s < N_SHARDS; s++) {
      int64_t integer = (int64_t)(hash(s, j) >> 11) - ((int64_t)1 << 52);
      if (s % 2 == 1 && j % 2 == 1) {
        integer =
            (int64_t)(hash(s, j) % 1000) - ((int64_t)(hash(s - 1, j) >> 11) - ((int64_t)1 << 52));
      }
      table[s][j] = ldexp((double)integer, (int)(j - 33) * 29 - 52);
      sums[j] += integer;
    }
  }
  for (int way = 0; way < N_WAYS; way++) {
    double out[N_COLUMNS];
    int64_t n = take_rows(way, table, rows);
    assert_ok(smr_reduce_sum64(test_world, n, N_COLUMNS, rows[0], out));
    for (int64_t j = 0; j < N_COLUMNS; j++) {
      double expected = ldexp((double)sums[j], (int)(j - 33) * 29 - 52);
      assert_close(out[j], expected, 0.0, 0.0);
    }
  }
}

/* Values of all sizes in one column: bits don't depend on the spread, and the error keeps its
 * bound. */
static void test_sum64_wild(void **state) {
  (void)state;
  static double table[N_SHARDS][N_COLUMNS];
  static double rows[N_SHARDS][N_COLUMNS];
  double first[N_COLUMNS];
  for (int way = 0; way < N_WAYS; way++) {
    double out[N_COLUMNS];
    for (int64_t s = 0; s < N_SHARDS; s++) {
      for (int64_t j = 0; j < N_COLUMNS; j++) {
        uint64_t h = hash(s, j);
        table[s][j] = ldexp((double)(h >> 12) / 0x1p51 - 1.0, -(int)(h % 60));
      }
    }
    int64_t n = take_rows(way, table, rows);
    assert_ok(smr_reduce_sum64(test_world, n, N_COLUMNS, rows[0], out));
    for (int64_t j = 0; j < N_COLUMNS; j++) {
      long double sum = 0.0L;
      double largest = 0.0;
      for (int64_t s = 0; s < N_SHARDS; s++) {
        sum += (long double)table[s][j];
        largest = fmax(largest, fabs(table[s][j]));
      }
      /* The bound of the header, the rounding of the result, and the oracle's own 37 roundings. */
      double bound = N_SHARDS * ldexp(N_SHARDS * largest, -61) + fabs(out[j]) * 0x1p-53 +
                     N_SHARDS * ldexp(largest, -62);
      assert_true((double)fabsl((long double)out[j] - sum) <= bound);
    }
    if (way == 0) {
      memcpy(first, out, sizeof first);
    }
    assert_memory_equal(first, out, sizeof out);
  }
}

static void test_sum64_edges(void **state) {
  (void)state;
  double out[3] = {9.0, 9.0, 9.0};
  const int is_last = test_world->rank == test_world->size - 1;
  assert_ok(smr_reduce_sum64(test_world, 0, 3, NULL, out));
  assert_true(out[0] == 0.0 && out[1] == 0.0 && out[2] == 0.0);
  assert_ok(smr_reduce_sum64(test_world, 0, 0, NULL, NULL));
  /* The smallest number, the largest, and none. One rank has three shards, the others have none. */
  const double x[9] = {0x1p-1074, DBL_MAX, 0.0, 0x1p-1074, -DBL_MAX, 0.0, 0x1p-1074, DBL_MAX, -0.0};
  assert_ok(smr_reduce_sum64(test_world, is_last ? 3 : 0, 3, x, out));
  assert_true(out[0] == 3 * 0x1p-1074);
  assert_true(out[1] == DBL_MAX);
  assert_true(out[2] == 0.0);
}

static void test_sum64_refuses(void **state) {
  (void)state;
  const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  double out[2];
  for (int k = 0; k < 3; k++) {
    for (int rank = 0; rank < test_world->size; rank++) {
      double x[4] = {1.0, 2.0, 3.0, 4.0};
      if (test_world->rank == rank) {
        x[3] = bad[k];
      }
      assert_fails(smr_reduce_sum64(test_world, 2, 2, x, out), SMR_ERR_NUMERIC, "entry 1");
    }
  }
  const double large[4] = {DBL_MAX, 1.0, DBL_MAX, 1.0};
  assert_fails(smr_reduce_sum64(test_world, 2, 2, large, out), SMR_ERR_NUMERIC, "entry 0");
  /* A length that no memory holds fails alike on all. */
  assert_fails(smr_reduce_sum64(test_world, 0, -1, NULL, out), SMR_ERR_LIMIT, "");
}

static void test_count(void **state) {
  (void)state;
  int64_t counts[2] = {test_world->rank + 1, (int64_t)1 << 50};
  int64_t size = test_world->size;
  assert_ok(smr_reduce_count(test_world, 2, counts));
  assert_int_equal(counts[0], size * (size + 1) / 2);
  assert_int_equal(counts[1], size << 50);
}

MPI_TEST_MAIN(cmocka_unit_test(test_scale32), cmocka_unit_test(test_add32_rounds_to_even),
              cmocka_unit_test(test_add32_all_lengths), cmocka_unit_test(test_add32_refuses),
              cmocka_unit_test(test_sum32), cmocka_unit_test(test_sum64_is_exact),
              cmocka_unit_test(test_sum64_wild), cmocka_unit_test(test_sum64_edges),
              cmocka_unit_test(test_sum64_refuses), cmocka_unit_test(test_count))
