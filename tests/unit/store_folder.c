/* Which folders are accepted for which job, and what is in them then. */
#include "store_scratch.h"

#include <sys/wait.h>

#include "simmer/base/text.h"
#include "simmer/store/claims.h"
#include "simmer/store/folder.h"

static const char yaml[] = "experiment: ridge\nseed: 1\n";
static const char keys[] = "data.features=60\nexperiment=ridge\nridge.lambda=*\nseed=1\n";

static void check_content(const char *name, const char *expected) {
  char *text = NULL;
  size_t bytes = 0;
  scratch_get(name, &text, &bytes);
  assert_string_equal(text, expected);
  smr_memory_free(text);
}

static void test_new(void **state) {
  (void)state;
  static const char *const names[] = {"a/b/out", "slash///", "a/b/out"};
  for (int i = 0; i < 3; i++) {
    assert_ok(smr_folder_open(scratch_path(names[i]), yaml, keys, 0));
  }
  check_content("a/b/out/job.yaml", yaml);
  check_content("slash/job.keys", keys);
  assert_true(smr_file_is_folder(scratch_path("slash/journal")));
  assert_true(smr_file_is_folder(scratch_path("slash/claims")));
  assert_true(smr_file_is_folder(scratch_path("slash/parts")));
  assert_true(smr_file_is_folder(scratch_path("slash/log")));
  char *text = NULL;
  assert_ok(smr_folder_read_job(scratch_path("slash"), &text));
  assert_string_equal(text, yaml);
  smr_memory_free(text);
}

static void test_another_job(void **state) {
  (void)state;
  static const struct {
    const char *keys, *message;
  } refused[] = {
      {"data.features=60\nexperiment=ridge\nridge.lambda=*\nseed=2\n",
       "seed is 1 there and 2 here"},
      {"data.features=600\nexperiment=ridge\nridge.lambda=*\nseed=2\n",
       "data.features is 60 there and 600 here"},
      {"data.features=60\nexperiment=rbm\nseed=1\n", "experiment is ridge there and rbm here"},
      {"data.features=60\ndata.noise=0.5\nexperiment=ridge\nridge.lambda=*\nseed=1\n",
       "this one has data.noise=0.5"},
      {"experiment=ridge\nridge.lambda=*\nseed=1\n", "that one has data.features=60"},
      {"", "that one has data.features=60"}};
  const char *folder = scratch_path("out");
  assert_ok(smr_folder_open(folder, yaml, keys, 0));
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_fails(smr_folder_open(folder, "other", refused[i].keys, 0), SMR_ERR_JOB,
                 refused[i].message);
    assert_fails(smr_folder_open(folder, "other", refused[i].keys, 0), SMR_ERR_JOB, "--fresh");
  }
  check_content("out/job.yaml", yaml);
  check_content("out/job.keys", keys);
}

/* A key that is an axis on either side may differ; the newest job is what the folder holds. */
static void test_free_keys(void **state) {
  (void)state;
  static const char *const accepted[] = {
      "data.features=*\nexperiment=ridge\nridge.lambda=*\nseed=1\n",
      "data.features=70\nexperiment=ridge\nridge.lambda=5\nseed=1\n",
      "data.features=70\nexperiment=ridge\nridge.method=*\nridge.lambda=5\nseed=1\n"};
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 0));
  for (int i = 0; i < 2; i++) {
    assert_ok(smr_folder_open(scratch_path("out"), accepted[i], accepted[i], 0));
    check_content("out/job.yaml", accepted[i]);
    check_content("out/job.keys", accepted[i]);
  }
}

static void test_fresh(void **state) {
  (void)state;
  char name[256];
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 1));
  scratch_put("out/results.h5", "old", 3);
  for (int i = 0; i < 3; i++) {
    assert_ok(smr_folder_open(scratch_path("out/"), "new", "seed=2\n", 1));
    assert_false(smr_file_exists(scratch_path("out/results.h5")));
    check_content("out/job.yaml", "new");
    assert_int_equal(scratch_count(".", "out.old-", name), i + 1);
  }
}

/* Whoever works there keeps the folder from being set aside; whoever died there doesn't. */
static void test_fresh_at_work(void **state) {
  (void)state;
  smr_claims *claims = NULL;
  char name[256];
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 0));
  assert_ok(smr_claims_open(scratch_path("out"), "writer-1", 60, &claims));
  assert_fails(smr_folder_open(scratch_path("out"), "new", "seed=2\n", 1), SMR_ERR_USAGE,
               "at work");
  check_content("out/job.yaml", yaml);
  char *beat = NULL;
  size_t bytes = 0;
  scratch_get("out/claims/writer-1.beat", &beat, &bytes);
  smr_claims_close(&claims);
  scratch_put("out/claims/writer-1.beat", beat, bytes);
  smr_memory_free(beat);
  assert_ok(smr_folder_open(scratch_path("out"), "new", "seed=2\n", 1));
  assert_int_equal(scratch_count(".", "out.old-", name), 1);
}

/* Of several at once that would begin anew one does, and nobody puts its new folder aside. */
static void test_fresh_together(void **state) {
  (void)state;
  enum { N_CHILDREN = 6 };
  pid_t children[N_CHILDREN];
  smr_claims *claims = NULL;
  char *beat = NULL, name[256];
  size_t bytes = 0;
  int n_settled = 0;
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 0));
  assert_ok(smr_claims_open(scratch_path("out"), "writer-1", 60, &claims));
  scratch_get("out/claims/writer-1.beat", &beat, &bytes);
  smr_claims_close(&claims);
  /* A dead one's heart makes all of them wait for the same time. */
  scratch_put("out/claims/writer-1.beat", beat, bytes);
  smr_memory_free(beat);
  for (int i = 0; i < N_CHILDREN; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      const smr_status opened = smr_folder_open(scratch_path("out"), yaml, keys, 1);
      _exit(opened == SMR_OK ? 1 : strstr(smr_error_message(), "aside") != NULL ? 2 : 3);
    }
  }
  for (int i = 0; i < N_CHILDREN; i++) {
    int result = 0;
    assert_int_equal(waitpid(children[i], &result, 0), children[i]);
    assert_true(WIFEXITED(result));
    assert_in_range(WEXITSTATUS(result), 1, 2);
    n_settled += WEXITSTATUS(result) == 1;
  }
  assert_in_range(n_settled, 1, N_CHILDREN);
  assert_int_equal(scratch_count(".", "out.old-", name), 1);
  assert_true(smr_file_exists(scratch_path("out/job.keys")));
}

static void test_damaged(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t bytes;
    const char *message;
  } damages[] = {{"data.features=60\nexperiment", 27, "damaged at line 2"},
                 {"", 0, "damaged at line 1"},
                 {"\xff\xfe\n", 3, "damaged at line 1"},
                 {"experiment=ridge\n\nseed=1\n", 25, "damaged at line 2"},
                 {"experiment=ridge\n\0\0\0\0", 21, "byte 0"}};
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 1));
    scratch_put("out/job.keys", damages[i].text, damages[i].bytes);
    assert_fails(smr_folder_open(scratch_path("out"), yaml, keys, 0), SMR_ERR_INPUT,
                 damages[i].message);
    assert_fails(smr_folder_open(scratch_path("out"), yaml, keys, 0), SMR_ERR_INPUT, "job.keys");
  }
}

static void test_foreign(void **state) {
  (void)state;
  char *text = NULL;
  assert_int_equal(mkdir(scratch_path("home"), 0777), 0);
  scratch_put("home/job.yaml", "mine", 4);
  for (int is_fresh = 0; is_fresh < 2; is_fresh++) {
    assert_fails(smr_folder_open(scratch_path("home"), yaml, keys, is_fresh), SMR_ERR_USAGE,
                 "job.yaml");
  }
  check_content("home/job.yaml", "mine");
  assert_fails(smr_folder_read_job(scratch_path("home"), &text), SMR_ERR_USAGE, "job.keys");
  assert_fails(smr_folder_read_job(scratch_path("nowhere"), &text), SMR_ERR_USAGE, "nowhere");
  assert_null(text);
  assert_fails(smr_folder_open(scratch_path("home/job.yaml"), yaml, keys, 0), SMR_ERR_USAGE,
               "is a file");
  assert_int_equal(smr_folder_open(scratch_path("home/job.yaml/x"), yaml, keys, 0), SMR_ERR_IO);
  assert_fails(smr_folder_open("", yaml, keys, 0), SMR_ERR_USAGE, "empty");
}

/* What a kill leaves of a folder that was being made. */
static void test_half_made(void **state) {
  (void)state;
  assert_int_equal(mkdir(scratch_path("out"), 0777), 0);
  assert_int_equal(mkdir(scratch_path("out/log"), 0777), 0);
  scratch_put("out/job.keys.tmp.4711", "seed", 4);
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 0));
  assert_int_equal(unlink(scratch_path("out/job.yaml")), 0);
  assert_int_equal(rmdir(scratch_path("out/parts")), 0);
  char *text = NULL;
  assert_fails(smr_folder_read_job(scratch_path("out"), &text), SMR_ERR_USAGE, "job.yaml");
  assert_ok(smr_folder_open(scratch_path("out"), yaml, keys, 0));
  check_content("out/job.yaml", yaml);
  assert_true(smr_file_is_folder(scratch_path("out/parts")));
}

static void test_together(void **state) {
  (void)state;
  enum { N_CHILDREN = 8, N_FOLDERS = 20 };
  pid_t children[N_CHILDREN];
  for (int i = 0; i < N_CHILDREN; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      int n_failed = 0;
      for (int j = 0; j < N_FOLDERS; j++) {
        char name[32];
        snprintf(name, sizeof name, "out-%d", j);
        n_failed += smr_folder_open(scratch_path(name), yaml, keys, 0) != SMR_OK;
      }
      _exit(n_failed);
    }
  }
  for (int i = 0; i < N_CHILDREN; i++) {
    int result = 0;
    assert_int_equal(waitpid(children[i], &result, 0), children[i]);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
  }
  char name[256];
  assert_int_equal(scratch_count("out-0", "", name), 6);
}

int main(void) {
#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_create, scratch_destroy)
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(test_new),       SCRATCH_TEST(test_another_job),
      SCRATCH_TEST(test_free_keys), SCRATCH_TEST(test_fresh),
      SCRATCH_TEST(test_foreign),   SCRATCH_TEST(test_half_made),
      SCRATCH_TEST(test_together),  SCRATCH_TEST(test_fresh_at_work),
      SCRATCH_TEST(test_damaged),   SCRATCH_TEST(test_fresh_together)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
