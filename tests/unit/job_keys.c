/* The list of keys, as text and as Markdown. */
#include "job_fixture.h"

static char *write_keys(const char *prefix, bool markdown, smr_text *out) {
  out->length = 0;
  assert_ok(smr_job_write_keys(2, fixture_experiments, prefix, markdown, out));
  return out->data;
}

static void test_text(void **state) {
  (void)state;
  smr_text out = {0};
  const char *text = write_keys("data.c", false, &out);
  assert_string_equal(text, "  key         type             range           unit   default  axis\n"
                            "\nexperiment toy\n"
                            "  data.cut    integer or auto  from 0 to 1000  rows   auto     yes\n"
                            "      Rows to leave out.\n"
                            "  data.cache  size in bytes    >= 0            bytes  1 MiB    yes\n"
                            "      Memory for rows.\n");
  text = write_keys("", false, &out);
  assert_non_null(strstr(text, "every job\n"));
  assert_non_null(strstr(text, "experiment other\n"));
  assert_non_null(strstr(text, "teacher, csv, hdf5"));
  smr_text_clear(&out);
}

static void test_every_key(void **state) {
  (void)state;
  smr_text out = {0};
  for (int markdown = 0; markdown < 2; markdown++) {
    const char *text = write_keys(NULL, markdown == 1, &out);
    const smr_key_table *tables[] = {smr_key_common(), fixture_experiments[0].table,
                                     fixture_experiments[1].table};
    for (int t = 0; t < 3; t++) {
      for (int64_t i = 0; i < tables[t]->n_keys; i++) {
        char name[80];
        snprintf(name, sizeof name, markdown == 1 ? "| `%s` |" : "  %s ", tables[t]->keys[i].name);
        assert_non_null(strstr(text, name));
      }
    }
  }
  smr_text_clear(&out);
}

static void test_markdown(void **state) {
  (void)state;
  smr_text out = {0};
  const char *text = write_keys("", true, &out);
  assert_true(strstr(text, "# Job files\n") == text);
  static const char *const parts[] = {
      "\n## Every job\n",
      "\n### run\n",
      "\n## Experiment `toy`\n",
      "\n### data\n",
      "\n### fit\n",
      "**zip**",
      "**exclude**",
      "**sweep**",
      "logspace",
      "| `data.cut` | integer or auto | from 0 to 1000 | rows | `auto` | yes | Rows to leave out. "
      "|",
      "| `fit.lambda` | list of reals | >= 0 |  | `{logspace: [1e-8, 1e4, 61]}` | inner | Penalty "
      "on the norm \\| of the solution. |",
      "| `data.instances` | integer | from 1 to 1e12 | rows | required | yes |",
      "| `seed` | integer | >= 0 |  | `1` | no |"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (strstr(text, parts[i]) == NULL) {
      fail_msg("the document lacks \"%s\"", parts[i]);
    }
  }
  smr_text_clear(&out);
}

static void test_version(void **state) {
  (void)state;
  assert_true(strlen(smr_job_library_version()) > 0);
  assert_string_equal(smr_key_type_text(SMR_KEY_REALS), "list of reals");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_every_key),
      cmocka_unit_test(test_markdown),
      cmocka_unit_test(test_version),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
