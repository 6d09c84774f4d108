/* Hashes against published values. */
#include "check.h"

#include <string.h>

#include "simmer/base/hash.h"

static void check_hash(const void *data, size_t bytes, const char *expected) {
  char text[SMR_HASH_TEXT_BYTES];
  smr_hash hash = smr_hash_add(smr_hash_start(), data, bytes);
  assert_string_equal(smr_hash_format(hash, text), expected);
}

static void test_known_hashes(void **state) {
  (void)state;
  /* The FNV authors' test vectors; the last line comes from Python's integers. */
  check_hash("", 0, "6c62272e07bb014262b821756295c58d");
  check_hash("a", 1, "d228cb696f1a8caf78912b704e4a8964");
  check_hash("foobar", 6, "343e1662793c64bf6f0d3597ba446f18");
  unsigned char bytes[5 * 256];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)i;
  }
  check_hash(bytes, sizeof bytes, "4c1c47515d114d67e251627595721c8d");
}

static void test_pieces(void **state) {
  (void)state;
  smr_hash whole = smr_hash_add(smr_hash_start(), "foobar", 6);
  for (size_t cut = 0; cut <= 6; cut++) {
    smr_hash pieces = smr_hash_add(smr_hash_start(), "foobar", cut);
    pieces = smr_hash_add(pieces, &"foobar"[cut], 6 - cut);
    assert_int_equal(smr_hash_compare(whole, pieces), 0);
  }
}

static void test_parse(void **state) {
  (void)state;
  smr_hash hash = {1, 2};
  assert_true(smr_hash_parse("d228cb696f1a8cAF78912b704e4a8964.h5", &hash));
  assert_int_equal(hash.high, 0xd228cb696f1a8caf);
  assert_int_equal(hash.low, 0x78912b704e4a8964);
  assert_false(smr_hash_parse("", &hash));
  assert_false(smr_hash_parse("d228cb696f1a8caf78912b704e4a896", &hash));
  assert_false(smr_hash_parse("d228cb696f1a8caf78912b704e4a896g", &hash));
  assert_false(smr_hash_parse(" 228cb696f1a8caf78912b704e4a8964", &hash));
  /* A failure leaves the hash alone. */
  assert_int_equal(hash.high, 0xd228cb696f1a8caf);
}

static void test_compare(void **state) {
  (void)state;
  const smr_hash ordered[] = {{0, 0}, {0, 1}, {0, UINT64_MAX}, {1, 0}, {UINT64_MAX, 0}};
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 5; j++) {
      assert_int_equal(smr_hash_compare(ordered[i], ordered[j]), (i > j) - (i < j));
    }
  }
}

static void test_crc(void **state) {
  (void)state;
  /* The check value of every catalogue of CRCs. */
  assert_int_equal(smr_crc32(0, "123456789", 9), 0xcbf43926);
  assert_int_equal(smr_crc32(smr_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
  assert_int_equal(smr_crc32(0xcbf43926, NULL, 0), 0xcbf43926);
  assert_int_equal(smr_crc32(0, "", 0), 0);
  /* The catalogue value again, from its parts; an empty part changes nothing. */
  const uint32_t first = smr_crc32(0, "1234", 4), second = smr_crc32(0, "56789", 5);
  assert_int_equal(smr_crc32_combine(first, second, 5), 0xcbf43926);
  assert_int_equal(smr_crc32_combine(0, second, 5), second);
  assert_int_equal(smr_crc32_combine(first, 0, 0), first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_hashes), cmocka_unit_test(test_pieces),
      cmocka_unit_test(test_parse),        cmocka_unit_test(test_compare),
      cmocka_unit_test(test_crc),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
