/* Growing strings, and edit distance against its plain recursive definition. */
#include "check.h"

#include <string.h>

#include "simmer/base/text.h"

static void test_growth(void **state) {
  (void)state;
  smr_text text = {0};
  assert_null(text.data);
  for (int i = 0; i < 1000; i++) {
    assert_ok(smr_text_add(&text, "%04d,", i));
    assert_int_equal(text.length, 5 * (size_t)(i + 1));
    assert_int_equal(strlen(text.data), text.length);
    assert_true(text.capacity > text.length);
  }
  for (int i = 0; i < 1000; i++) {
    char expected[8];
    snprintf(expected, sizeof expected, "%04d,", i);
    assert_memory_equal(text.data + 5 * i, expected, 5);
  }
  smr_text_clear(&text);
  assert_null(text.data);
  assert_int_equal(text.length, 0);
  smr_text_clear(&text);
}

/* What JSON can't hold as it is gets escaped, or replaced when it isn't UTF-8. */
static void test_json(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "\"\""},
      {"a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\""},
      {"\n\x01", "\"\\u000a\\u0001\""},
      {"\xce\xbb \xf0\x9f\x94\xa5", "\"\xce\xbb \xf0\x9f\x94\xa5\""},
      {"\xce", "\"\\ufffd\""},
      {"\xc0\xaf|\xed\xa0\x80|\xf4\x90\x80\x80",
       "\"\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd\\ufffd\""}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    smr_text text = {0};
    assert_ok(smr_text_add_json(&text, cases[i][0]));
    assert_string_equal(text.data, cases[i][1]);
    smr_text_clear(&text);
  }
}

/* Lengths around every capacity: the terminator must always fit. */
static void test_edges_of_capacity(void **state) {
  (void)state;
  char filler[300];
  memset(filler, 'x', sizeof filler - 1);
  filler[sizeof filler - 1] = '\0';
  for (int length = 0; length < 299; length++) {
    smr_text text = {0};
    assert_ok(smr_text_add(&text, "%.*s", length, filler));
    assert_int_equal(strlen(text.data), length);
    smr_text_clear(&text);
  }
}

static void test_bytes(void **state) {
  (void)state;
  smr_text text = {0};
  assert_ok(smr_text_add_bytes(&text, NULL, 0));
  assert_string_equal(text.data, "");
  assert_ok(smr_text_add_bytes(&text, "a\0b", 3));
  assert_ok(smr_text_add(&text, "%s", "c"));
  assert_int_equal(text.length, 4);
  assert_memory_equal(text.data, "a\0bc", 5);
  assert_fails(smr_text_add_bytes(&text, "a", SIZE_MAX), SMR_ERR_LIMIT, "addressed");
  assert_fails(smr_text_add_bytes(&text, "a", SIZE_MAX / 2), SMR_ERR_LIMIT, "addressed");
  assert_int_equal(text.length, 4);
  smr_text_clear(&text);
}

/* The definition: the last letters are equal, changed, removed, added or swapped. */
static int define_distance(const char *a, int m, const char *b, int n) {
  if (m == 0 || n == 0) {
    return m + n;
  }
  int best = define_distance(a, m - 1, b, n - 1) + (a[m - 1] != b[n - 1]);
  int removed = define_distance(a, m - 1, b, n) + 1;
  int added = define_distance(a, m, b, n - 1) + 1;
  best = removed < best ? removed : best;
  best = added < best ? added : best;
  if (m > 1 && n > 1 && a[m - 1] == b[n - 2] && a[m - 2] == b[n - 1]) {
    int swapped = define_distance(a, m - 2, b, n - 2) + 1;
    best = swapped < best ? swapped : best;
  }
  return best;
}

static void test_distance_by_definition(void **state) {
  (void)state;
  unsigned int random = 12345;
  for (int i = 0; i < 1000; i++) {
    char words[2][8] = {{0}};
    for (int w = 0; w < 2; w++) {
      random = random * 1664525u + 1013904223u;
      int length = (int)(random >> 16) % 7;
      for (int j = 0; j < length; j++) {
        random = random * 1664525u + 1013904223u;
        words[w][j] = (char)('a' + (random >> 16) % 3);
      }
    }
    int expected =
        define_distance(words[0], (int)strlen(words[0]), words[1], (int)strlen(words[1]));
    assert_int_equal(smr_text_distance(words[0], words[1]), expected);
  }
}

static void test_distance(void **state) {
  (void)state;
  assert_int_equal(smr_text_distance("", ""), 0);
  assert_int_equal(smr_text_distance("", "abc"), 3);
  assert_int_equal(smr_text_distance("abc", ""), 3);
  assert_int_equal(smr_text_distance("kitten", "sitting"), 3);
  assert_int_equal(smr_text_distance("lambda", "lamdba"), 1);
  assert_int_equal(smr_text_distance("features", "feature"), 1);
  char a[400];
  char b[400];
  memset(a, 'x', sizeof a);
  memset(b, 'x', sizeof b);
  /* The longest that is measured, and what is too long for it. */
  a[255] = '\0';
  b[254] = '\0';
  assert_int_equal(smr_text_distance(a, b), 1);
  a[255] = 'x';
  a[300] = '\0';
  assert_int_equal(smr_text_distance(a, b), 300);
  assert_int_equal(smr_text_distance(b, a), 300);
  assert_int_equal(smr_text_distance(a, a), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_growth),
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_edges_of_capacity),
      cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_distance_by_definition),
      cmocka_unit_test(test_distance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
