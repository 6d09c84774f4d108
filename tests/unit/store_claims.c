/* One owner for each block; dead owners are found out, living and stopped ones do no harm. */
#include "store_scratch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "simmer/base/clock.h"
#include "simmer/base/hash.h"
#include "simmer/base/log.h"
#include "simmer/store/claims.h"

/* A lease that no test outlives, and one that a test can wait for. */
static const double long_lease_s = 1000;
static const double short_lease_s = 0.3;
enum { N_RACERS = 4, N_BLOCKS = 200 };

static smr_claims *open_claims(const char *writer, double lease_s) {
  smr_claims *claims = NULL;
  assert_ok(smr_claims_open(scratch_folder, writer, lease_s, &claims));
  return claims;
}

static smr_claim_outcome take(smr_claims *claims, const char *block, int64_t expected_generation) {
  smr_claim_outcome outcome = SMR_CLAIM_DONE;
  int64_t generation = -1;
  assert_ok(smr_claims_take(claims, block, &outcome, &generation));
  if (outcome == SMR_CLAIM_TAKEN || outcome == SMR_CLAIM_INHERITED) {
    assert_int_equal(generation, expected_generation);
  }
  return outcome;
}

/* Takes again and again until the block is no longer busy. */
static smr_claim_outcome wait_for(smr_claims *claims, const char *block, int64_t generation) {
  smr_claim_outcome outcome = SMR_CLAIM_BUSY;
  while (outcome == SMR_CLAIM_BUSY) {
    outcome = take(claims, block, generation);
    smr_clock_sleep(0.02);
  }
  return outcome;
}

/* Puts `value` into the line of `key` of a claim file, with the right checksum. */
static void forge(const char *name, const char *key, const char *value) {
  size_t bytes = 0;
  char *text = NULL;
  scratch_get(name, &text, &bytes);
  char forged[4096];
  char start[64];
  snprintf(start, sizeof start, "\n%s ", key);
  char *line = strstr(text, start);
  assert_non_null(line);
  size_t head = (size_t)(line - text) + strlen(start);
  const char *rest = strchr(text + head, '\n');
  int n = snprintf(forged, sizeof forged, "%.*s%s%s", (int)head, text, value, rest);
  size_t length = (size_t)n - strlen("crc 01234567\n");
  snprintf(forged + length, sizeof forged - length, "crc %08" PRIx32 "\n",
           smr_crc32(0, forged, length));
  scratch_put(name, forged, strlen(forged));
  smr_memory_free(text);
}

/* Leaves claims/<block>.0 of a writer that has no process any more to be asked. */
static void make_foreign_claim(const char *writer, const char *block) {
  char name[128];
  smr_claims *owner = open_claims("maker", long_lease_s);
  assert_int_equal(take(owner, block, 0), SMR_CLAIM_TAKEN);
  smr_claims_close(&owner);
  char freed[160];
  snprintf(name, sizeof name, "claims/%s.0", block);
  snprintf(freed, sizeof freed, "claims/%s.free0", block);
  assert_int_equal(rename(scratch_path(freed), scratch_path(name)), 0);
  forge(name, "writer", writer);
  forge(name, "boot", "another-kernel");
}

static void test_take_finish_hand_back(void **state) {
  (void)state;
  char text[128];
  smr_claims *a = open_claims("a", long_lease_s);
  smr_claims *b = open_claims("b", long_lease_s);
  assert_string_equal(smr_claims_describe_owner(a, "x", text, sizeof text), "nobody");
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(b, "x", 0), SMR_CLAIM_BUSY);
  assert_non_null(strstr(smr_claims_describe_owner(b, "x", text, sizeof text), "process"));
  assert_int_equal(take(b, "y", 0), SMR_CLAIM_TAKEN);
  assert_ok(smr_claims_finish(a, "x"));
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_DONE);
  smr_claims_refresh(b);
  assert_int_equal(take(b, "x", 0), SMR_CLAIM_DONE);
  assert_ok(smr_claims_hand_back(b, "y"));
  assert_int_equal(take(b, "y", 1), SMR_CLAIM_TAKEN);
  smr_claims_close(&b); /* hands y back */
  smr_claims_refresh(a);
  assert_int_equal(take(a, "y", 2), SMR_CLAIM_TAKEN);
  assert_fails(smr_claims_finish(a, "x"), SMR_ERR_INTERNAL, "isn't held");
  smr_claims_close(&a);
  smr_claims_close(&a);
  char name[256];
  assert_int_equal(scratch_count("claims", ".beat", name), 0);
}

/* What others do within the second that a listing is good for. */
static void test_old_view(void **state) {
  (void)state;
  smr_claims *a = open_claims("a", long_lease_s);
  smr_claims *b = open_claims("b", long_lease_s);
  assert_int_equal(take(a, "other", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(b, "finished", 0), SMR_CLAIM_TAKEN);
  assert_ok(smr_claims_finish(b, "finished"));
  assert_int_equal(take(b, "free", 0), SMR_CLAIM_TAKEN);
  assert_ok(smr_claims_hand_back(b, "free"));
  assert_int_equal(take(a, "finished", 0), SMR_CLAIM_DONE);
  assert_int_equal(take(a, "free", 1), SMR_CLAIM_TAKEN);
  smr_claims_close(&a);
  smr_claims_close(&b);
}

static void test_is_touched(void **state) {
  (void)state;
  smr_claims *a = open_claims("a", long_lease_s);
  smr_claims *b = open_claims("b", long_lease_s);
  assert_false(smr_claims_is_touched(b, "x"));
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_TAKEN);
  assert_true(smr_claims_is_touched(a, "x"));
  smr_claims_refresh(b);
  assert_true(smr_claims_is_touched(b, "x"));
  assert_ok(smr_claims_hand_back(a, "x"));
  smr_claims_refresh(b);
  assert_false(smr_claims_is_touched(b, "x"));
  assert_int_equal(take(b, "x", 1), SMR_CLAIM_TAKEN);
  assert_ok(smr_claims_finish(b, "x"));
  assert_true(smr_claims_is_touched(b, "x"));
  smr_claims_close(&a);
  smr_claims_close(&b);
}

static void test_reopen(void **state) {
  (void)state;
  smr_claims *a = open_claims("a", long_lease_s);
  smr_claims *b = open_claims("b", long_lease_s);
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_TAKEN);
  assert_ok(smr_claims_reopen(b, "x"));
  assert_int_equal(take(b, "x", 0), SMR_CLAIM_BUSY);
  assert_ok(smr_claims_finish(a, "x"));
  smr_claims_refresh(b);
  assert_ok(smr_claims_reopen(b, "x"));
  assert_int_equal(take(b, "x", 1), SMR_CLAIM_TAKEN);
  smr_claims_refresh(a);
  assert_int_equal(take(a, "x", 0), SMR_CLAIM_BUSY);
  assert_ok(smr_claims_finish(b, "x"));
  assert_ok(smr_claims_reopen(a, "never-seen"));
  smr_claims_close(&a);
  smr_claims_close(&b);
}

/* A child that takes "x", says so, and waits; then finishes when it gets a byte. */
static pid_t start_owner(double lease_s, int *from_child, int *to_child) {
  int up[2];
  int down[2];
  assert_int_equal(pipe(up), 0);
  assert_int_equal(pipe(down), 0);
  pid_t child = fork();
  if (child == 0) {
    smr_claims *claims = NULL;
    smr_claim_outcome outcome = SMR_CLAIM_DONE;
    int64_t generation = 0;
    char byte = 'f';
    if (smr_claims_open(scratch_folder, "child", lease_s, &claims) == SMR_OK &&
        smr_claims_take(claims, "x", &outcome, &generation) == SMR_OK &&
        outcome == SMR_CLAIM_TAKEN) {
      byte = 't';
    }
    int is_good = write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) == 1 &&
                  smr_claims_finish(claims, "x") == SMR_OK;
    smr_claims_close(&claims);
    _exit(is_good ? 0 : 1);
  }
  char byte = 0;
  assert_int_equal(read(up[0], &byte, 1), 1);
  assert_int_equal(byte, 't');
  close(up[1]);
  close(down[0]);
  *from_child = up[0];
  *to_child = down[1];
  return child;
}

static void test_killed_owner(void **state) {
  (void)state;
  for (int is_reaped = 0; is_reaped < 2; is_reaped++) {
    int from_child = -1;
    int to_child = -1;
    siginfo_t information;
    pid_t child = start_owner(long_lease_s, &from_child, &to_child);
    smr_claims *claims = open_claims("parent", long_lease_s);
    assert_int_equal(take(claims, "x", 0), SMR_CLAIM_BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    /* Until it is reaped, a killed process is there as a zombie. */
    assert_int_equal(waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT), 0);
    if (is_reaped) {
      assert_int_equal(waitpid(child, NULL, 0), child);
    }
    assert_int_equal(wait_for(claims, "x", 1), SMR_CLAIM_INHERITED);
    assert_ok(smr_claims_hand_back(claims, "x"));
    assert_int_equal(take(claims, "x", 2), SMR_CLAIM_TAKEN);
    smr_claims_close(&claims);
    if (!is_reaped) {
      assert_int_equal(waitpid(child, NULL, 0), child);
    }
    close(from_child);
    close(to_child);
    assert_int_equal(scratch_destroy(NULL), 0);
    assert_int_equal(mkdir(scratch_folder, 0777), 0);
  }
}

/* An owner that was stopped for longer than the lease wakes up and finishes. */
static void test_stopped_owner(void **state) {
  (void)state;
  for (int heir_is_first = 0; heir_is_first < 2; heir_is_first++) {
    int from_child = -1;
    int to_child = -1;
    int result = 0;
    char name[256];
    pid_t child = start_owner(short_lease_s, &from_child, &to_child);
    smr_claims *claims = open_claims("parent", short_lease_s);
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(wait_for(claims, "x", 1), SMR_CLAIM_INHERITED);
    if (heir_is_first) {
      assert_ok(smr_claims_finish(claims, "x"));
    }
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(write(to_child, "!", 1), 1);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    assert_true(smr_file_exists(scratch_path("claims/x.done")));
    if (!heir_is_first) {
      assert_true(smr_file_exists(scratch_path("claims/x.1")));
      assert_ok(smr_claims_finish(claims, "x"));
    }
    assert_int_equal(scratch_count("claims", "x.", name), 1);
    smr_claims_close(&claims);
    close(from_child);
    close(to_child);
    assert_int_equal(scratch_destroy(NULL), 0);
    assert_int_equal(mkdir(scratch_folder, 0777), 0);
  }
}

/* The PID of a dead owner may have been given to another process: to ours, here. */
static void test_pid_reuse(void **state) {
  (void)state;
  smr_claims *owner = open_claims("a", long_lease_s);
  smr_claims *claims = open_claims("b", long_lease_s);
  assert_int_equal(take(owner, "x", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(owner, "y", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(owner, "z", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(owner, "t", 0), SMR_CLAIM_TAKEN);
  forge("claims/x.0", "writer", "reused");
  forge("claims/x.0", "start_time", "1");
  forge("claims/y.0", "writer", "other-kernel");
  forge("claims/y.0", "start_time", "1");
  forge("claims/y.0", "boot", "another-kernel");
  forge("claims/z.0", "writer", "other-container");
  forge("claims/z.0", "start_time", "1");
  forge("claims/z.0", "pid_namespace", "pid:[1]");
  /* In another time namespace the same process has another start time. */
  char here[64] = "";
  char clock[64] = "";
  char both[160];
  char *text = NULL;
  size_t bytes = 0;
  assert_true(readlink("/proc/self/ns/pid", here, sizeof here - 1) > 0);
  if (readlink("/proc/self/ns/time", clock, sizeof clock - 1) > 0) {
    snprintf(both, sizeof both, "\npid_namespace %s %s\n", here, clock);
    scratch_get("claims/t.0", &text, &bytes);
    assert_non_null(strstr(text, both));
    smr_memory_free(text);
  }
  snprintf(both, sizeof both, "%s time:[1]", here);
  forge("claims/t.0", "writer", "other-clock");
  forge("claims/t.0", "start_time", "1");
  forge("claims/t.0", "pid_namespace", both);
  smr_claims_refresh(claims);
  assert_int_equal(take(claims, "x", 1), SMR_CLAIM_INHERITED);
  assert_int_equal(take(claims, "y", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(claims, "z", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(claims, "t", 0), SMR_CLAIM_BUSY);
  smr_claims_close(&claims);
  smr_claims_close(&owner);
}

static void test_job_restarted(void **state) {
  (void)state;
  static const struct {
    const char *cluster, *job, *restart;
    smr_claim_outcome outcome;
  } cases[] = {{"c", "77", "0", SMR_CLAIM_INHERITED}, {"c", "77", "1", SMR_CLAIM_INHERITED},
               {"c", "77", "2", SMR_CLAIM_BUSY},      {"c", "77", "3", SMR_CLAIM_BUSY},
               {"c", "78", "0", SMR_CLAIM_BUSY},      {"d", "77", "0", SMR_CLAIM_BUSY},
               {"c", "", "0", SMR_CLAIM_BUSY}};
  enum { N_CASES = sizeof cases / sizeof *cases };
  char block[N_CASES][16];
  char name[64];
  char writer[32];
  setenv("SLURM_CLUSTER_NAME", "c", 1);
  setenv("SLURM_JOB_ID", "77", 1);
  setenv("SLURM_ARRAY_JOB_ID", "70", 1);
  setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  setenv("SLURM_RESTART_COUNT", "2", 1);
  for (int i = 0; i < N_CASES; i++) {
    snprintf(block[i], sizeof block[i], "b%d", i);
    snprintf(name, sizeof name, "claims/b%d.0", i);
    snprintf(writer, sizeof writer, "writer-%d", i);
    make_foreign_claim(writer, block[i]);
    forge(name, "cluster", cases[i].cluster);
    forge(name, "job", cases[i].job);
    forge(name, "restart", cases[i].restart);
  }
  smr_claims *claims = open_claims("observer", long_lease_s);
  for (int i = 0; i < N_CASES; i++) {
    assert_int_equal(take(claims, block[i], 1), cases[i].outcome);
  }
  char text[128];
  char expected[160];
  char host[100] = "";
  gethostname(host, sizeof host - 1);
  snprintf(expected, sizeof expected, "job 70_3 on %s (process %ld)", host, (long)getpid());
  assert_string_equal(smr_claims_describe_owner(claims, block[3], text, sizeof text), expected);
  smr_claims_close(&claims);
  unsetenv("SLURM_CLUSTER_NAME");
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_ARRAY_JOB_ID");
  unsetenv("SLURM_ARRAY_TASK_ID");
  unsetenv("SLURM_RESTART_COUNT");
}

static int64_t read_beat(const char *writer) {
  smr_beat *beats = NULL;
  int64_t n = 0;
  int64_t beat = -1;
  assert_ok(smr_claims_read_beats(scratch_folder, &beats, &n));
  for (int64_t i = 0; i < n; i++) {
    beat = strcmp(beats[i].writer, writer) == 0 ? beats[i].beat : beat;
  }
  smr_memory_free(beats);
  return beat;
}

/* An owner on another kernel is judged by its heartbeat alone. */
static void test_silence(void **state) {
  (void)state;
  make_foreign_claim("silent", "x");
  make_foreign_claim("beating", "y");
  smr_claims *owner = open_claims("beating", short_lease_s);
  smr_claims *claims = open_claims("observer", short_lease_s);
  assert_int_equal(take(claims, "x", 0), SMR_CLAIM_BUSY);
  /* Thirty beats are five leases. */
  int64_t first = read_beat("beating");
  assert_true(first >= 0);
  while (read_beat("beating") < first + 30) {
    assert_int_equal(take(claims, "y", 0), SMR_CLAIM_BUSY);
    smr_clock_sleep(0.02);
  }
  assert_int_equal(wait_for(claims, "x", 1), SMR_CLAIM_INHERITED);
  smr_claims_close(&owner);
  assert_int_equal(wait_for(claims, "y", 1), SMR_CLAIM_INHERITED);
  smr_claims_close(&claims);
}

/* Between its creation and its content a claim is empty; a kill may leave it so, or torn. */
static void test_damaged_claim(void **state) {
  (void)state;
  smr_claims *claims = open_claims("observer", short_lease_s);
  smr_claims *owner = open_claims("owner", short_lease_s);
  char text[64];
  assert_int_equal(take(owner, "torn", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(owner, "late", 0), SMR_CLAIM_TAKEN);
  size_t bytes = 0;
  char *late = NULL;
  scratch_get("claims/late.0", &late, &bytes);
  assert_int_equal(truncate(scratch_path("claims/torn.0"), 100), 0);
  scratch_put("claims/late.0", "", 0);
  scratch_put("claims/empty.4", "", 0);
  scratch_put("claims/large.0", late, bytes);
  FILE *large = fopen(scratch_path("claims/large.0"), "a");
  for (int i = 0; i < 4000; i++) {
    fputc('x', large);
  }
  fclose(large);
  smr_claims_refresh(claims);
  assert_int_equal(take(claims, "empty", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(claims, "torn", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(claims, "late", 0), SMR_CLAIM_BUSY);
  assert_int_equal(take(claims, "large", 0), SMR_CLAIM_BUSY);
  assert_string_equal(smr_claims_describe_owner(claims, "empty", text, sizeof text),
                      "an unknown owner");
  scratch_put("claims/late.0", late, bytes);
  assert_int_equal(wait_for(claims, "empty", 5), SMR_CLAIM_INHERITED);
  assert_int_equal(wait_for(claims, "torn", 1), SMR_CLAIM_INHERITED);
  assert_int_equal(wait_for(claims, "large", 1), SMR_CLAIM_INHERITED);
  /* Its content came after all: its owner lives. */
  assert_int_equal(take(claims, "late", 0), SMR_CLAIM_BUSY);
  smr_memory_free(late);
  smr_claims_close(&owner);
  smr_claims_close(&claims);
}

/* A claim that is empty now and torn then is being written, slowly: its lease begins anew. */
static void test_growing_claim(void **state) {
  (void)state;
  char text[64] = "";
  smr_claims *claims = open_claims("observer", short_lease_s);
  scratch_put("claims/x.0", "", 0);
  int64_t first = read_beat("observer");
  for (int64_t beat = first; beat < first + 30; beat = read_beat("observer")) {
    snprintf(text, sizeof text, "simmer claim 1\n%lld", (long long)beat);
    scratch_put("claims/x.0", text, strlen(text));
    assert_int_equal(take(claims, "x", 1), SMR_CLAIM_BUSY);
    smr_clock_sleep(0.01);
  }
  assert_int_equal(wait_for(claims, "x", 1), SMR_CLAIM_INHERITED);
  smr_claims_close(&claims);
}

/* Somebody tidied up the folder by hand. */
static void test_vanished_claim(void **state) {
  (void)state;
  smr_claims *claims = open_claims("w", long_lease_s);
  assert_int_equal(take(claims, "x", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(take(claims, "y", 0), SMR_CLAIM_TAKEN);
  assert_int_equal(unlink(scratch_path("claims/x.0")), 0);
  assert_int_equal(unlink(scratch_path("claims/y.0")), 0);
  assert_ok(smr_claims_finish(claims, "x"));
  assert_ok(smr_claims_hand_back(claims, "y"));
  assert_int_equal(take(claims, "y", 0), SMR_CLAIM_TAKEN);
  smr_claims_close(&claims);
}

/* Takes, and at times hands back, until everything is done; writes a line per finished block. */
static int race(int racer) {
  char writer[16];
  char path[64];
  char block[16];
  smr_claims *claims = NULL;
  snprintf(writer, sizeof writer, "racer-%d", racer);
  snprintf(path, sizeof path, "taken-%d", racer);
  FILE *log = fopen(scratch_path(path), "w");
  if (log == NULL || smr_claims_open(scratch_folder, writer, long_lease_s, &claims) != SMR_OK) {
    return 1;
  }
  for (int n_done = 0; n_done < N_BLOCKS;) {
    n_done = 0;
    for (int i = 0; i < N_BLOCKS; i++) {
      smr_claim_outcome outcome = SMR_CLAIM_BUSY;
      int64_t generation = 0;
      snprintf(block, sizeof block, "b%03d", i);
      if (smr_claims_take(claims, block, &outcome, &generation) != SMR_OK ||
          outcome == SMR_CLAIM_INHERITED) {
        return 2;
      }
      n_done += outcome == SMR_CLAIM_DONE;
      if (outcome == SMR_CLAIM_TAKEN && generation == 0 && i % 5 == racer) {
        if (smr_claims_hand_back(claims, block) != SMR_OK) {
          return 3;
        }
      } else if (outcome == SMR_CLAIM_TAKEN) {
        fprintf(log, "%d\n", i);
        if (smr_claims_finish(claims, block) != SMR_OK) {
          return 4;
        }
      }
    }
    smr_clock_sleep(0.01);
  }
  smr_claims_close(&claims);
  return fclose(log) == 0 ? 0 : 5;
}

static void test_race(void **state) {
  (void)state;
  pid_t children[N_RACERS];
  int n_taken[N_BLOCKS] = {0};
  int result = 0;
  for (int i = 0; i < N_RACERS; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      _exit(race(i));
    }
  }
  for (int i = 0; i < N_RACERS; i++) {
    assert_int_equal(waitpid(children[i], &result, 0), children[i]);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    char path[64];
    int block = 0;
    snprintf(path, sizeof path, "taken-%d", i);
    FILE *log = fopen(scratch_path(path), "r");
    assert_non_null(log);
    while (fscanf(log, "%d", &block) == 1) {
      n_taken[block]++;
    }
    fclose(log);
  }
  for (int i = 0; i < N_BLOCKS; i++) {
    assert_int_equal(n_taken[i], 1);
  }
}

static void test_beats(void **state) {
  (void)state;
  smr_beat *beats = NULL;
  int64_t n = -1;
  assert_ok(smr_claims_read_beats(scratch_folder, &beats, &n));
  assert_int_equal(n, 0);
  smr_memory_free(beats);
  smr_claims *claims = open_claims("w", short_lease_s);
  scratch_put("claims/torn.beat", "simmer beat", 11);
  smr_claims_report(claims, 41, 2, "lambda=3\nreplicate=4");
  int64_t first = read_beat("w");
  while (read_beat("w") < first + 2) {
    smr_clock_sleep(0.02);
  }
  assert_ok(smr_claims_read_beats(scratch_folder, &beats, &n));
  assert_int_equal(n, 1);
  assert_string_equal(beats[0].writer, "w");
  assert_string_equal(beats[0].now, "lambda=3 replicate=4");
  assert_int_equal(beats[0].n_done, 41);
  assert_int_equal(beats[0].n_failed, 2);
  assert_true(strlen(beats[0].host) > 0);
  smr_memory_free(beats);
  smr_claims_close(&claims);
}

static void test_failures(void **state) {
  (void)state;
  char name[256];
  smr_claim_outcome outcome = SMR_CLAIM_BUSY;
  int64_t generation = 0;
  smr_claims *claims = open_claims("w", long_lease_s);
  assert_fails(smr_claims_take(claims, "a/b", &outcome, &generation), SMR_ERR_INTERNAL, "a/b");
  assert_fails(smr_claims_take(claims, "", &outcome, &generation), SMR_ERR_INTERNAL, "name");
  setenv("SIMMER_FAULT", "claims.create:*:1", 1);
  assert_fails(smr_claims_take(claims, "x", &outcome, &generation), SMR_ERR_IO, "x.0");
  unsetenv("SIMMER_FAULT");
  /* No byte fits: no claim is left behind. */
  const struct rlimit none = {0, RLIM_INFINITY};
  const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  smr_log_set_level(SMR_LOG_SILENT);
  setrlimit(RLIMIT_FSIZE, &none);
  smr_status status = smr_claims_take(claims, "x", &outcome, &generation);
  setrlimit(RLIMIT_FSIZE, &all);
  assert_int_equal(status, SMR_ERR_IO);
  assert_int_equal(scratch_count("claims", "x.", name), 0);
  assert_int_equal(take(claims, "x", 0), SMR_CLAIM_TAKEN);
  smr_claims_close(&claims);
  smr_claims *other = NULL;
  assert_fails(smr_claims_open(scratch_folder, "a/b", 1, &other), SMR_ERR_INTERNAL, "writer");
  assert_fails(smr_claims_open(scratch_folder, "a", 0, &other), SMR_ERR_INTERNAL, "lease");
  scratch_put("plain", "", 0);
  assert_int_equal(smr_claims_open(scratch_path("plain"), "a", 1, &other), SMR_ERR_IO);
  assert_null(other);
}

int main(void) {
#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_create, scratch_destroy)
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(test_take_finish_hand_back),
      SCRATCH_TEST(test_old_view),
      SCRATCH_TEST(test_is_touched),
      SCRATCH_TEST(test_reopen),
      SCRATCH_TEST(test_killed_owner),
      SCRATCH_TEST(test_stopped_owner),
      SCRATCH_TEST(test_pid_reuse),
      SCRATCH_TEST(test_job_restarted),
      SCRATCH_TEST(test_silence),
      SCRATCH_TEST(test_damaged_claim),
      SCRATCH_TEST(test_growing_claim),
      SCRATCH_TEST(test_vanished_claim),
      SCRATCH_TEST(test_race),
      SCRATCH_TEST(test_beats),
      SCRATCH_TEST(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
