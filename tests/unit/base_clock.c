/* Durations in and out, dates, and clocks that go forwards. */
#include "check.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "simmer/base/clock.h"

static void test_format_duration(void **state) {
  (void)state;
  static const struct {
    double seconds;
    const char *text;
  } cases[] = {
      {0, "0 s"},
      {2.5e-8, "25 ns"},
      {1.5e-6, "1.5 us"},
      {0.0012, "1.2 ms"},
      {0.9994, "999 ms"},
      {0.9996, "1.0 s"},
      {0.00099996, "1 ms"},
      {1.25, "1.2 s"},
      {9.94, "9.9 s"},
      {9.96, "10 s"},
      {41, "41 s"},
      {59.4, "59 s"},
      {59.6, "1 min 00 s"},
      {185, "3 min 05 s"},
      {3599.6, "1 h 00 min"},
      {7620, "2 h 07 min"},
      {7649, "2 h 07 min"},
      {86399, "1 d 00 h"},
      {86400, "1 d 00 h"},
      {273600, "3 d 04 h"},
      {-1, "unknown"},
      {(double)NAN, "unknown"},
      {(double)INFINITY, "unknown"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char buffer[64];
    assert_string_equal(smr_clock_format_duration(cases[i].seconds, buffer, sizeof buffer),
                        cases[i].text);
  }
  char small[4];
  assert_string_equal(smr_clock_format_duration(185, small, sizeof small), "3 m");
}

static void test_parse_duration(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } cases[] = {
      {"0", 0},
      {"90", 5400},
      {"01:30", 90},
      {"90:00", 5400},
      {"1:02:03", 3723},
      {"100:00:00", 360000},
      {"2-03:04:05", 183845},
      {"2-3", 183600},
      {"2-03:04", 183840},
      {"0-00:00:01", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double seconds = -1;
    assert_ok(smr_clock_parse_duration(cases[i].text, &seconds));
    assert_close(seconds, cases[i].seconds, 0, 0);
  }
}

static void test_parse_mistakes(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "x",
                                      "1h",
                                      "-5",
                                      "+5",
                                      " 5",
                                      "5 ",
                                      "1:",
                                      ":30",
                                      "1:60",
                                      "1::2",
                                      "1:2:3:4",
                                      "1:60:00",
                                      "1-24",
                                      "1-",
                                      "1-2-3",
                                      "1-1:60",
                                      "1.5",
                                      "99999999999999999999"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    double seconds = -1;
    assert_fails(smr_clock_parse_duration(texts[i], &seconds), SMR_ERR_USAGE, texts[i]);
    assert_close(seconds, -1.0, 0, 0);
  }
}

static void test_date(void **state) {
  (void)state;
  char buffer[32];
  struct tm parts = {0};
  time_t before = time(NULL);
  const char *end =
      strptime(smr_clock_format_date(buffer, sizeof buffer), "%Y-%m-%dT%H:%M:%SZ", &parts);
  time_t after = time(NULL);
  assert_non_null(end);
  assert_int_equal(*end, '\0');
  assert_in_range(timegm(&parts), before, after);
  assert_true(strlen(smr_clock_format_date(buffer, 8)) < 8);
}

static void ignore_alarm(int number) {
  (void)number;
}

/* A lower bound on time is no timing test: it holds on any machine. */
static void test_sleep_outlasts_signals(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = ignore_alarm};
  struct sigaction before;
  const struct itimerval often = {{0, 2000}, {0, 2000}};
  const struct itimerval never = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, &before);
  setitimer(ITIMER_REAL, &often, NULL);
  double start = smr_clock_monotonic_s();
  smr_clock_sleep(0.03);
  double end = smr_clock_monotonic_s();
  setitimer(ITIMER_REAL, &never, NULL);
  sigaction(SIGALRM, &before, NULL);
  /* Two clock readings as doubles: good to a microsecond. */
  assert_true(end - start >= 0.03 - 1e-6);
  smr_clock_sleep(0);
  smr_clock_sleep(-1);
  smr_clock_sleep((double)NAN);
}

static void test_monotonic(void **state) {
  (void)state;
  double last = smr_clock_monotonic_s();
  for (int i = 0; i < 1000; i++) {
    double now = smr_clock_monotonic_s();
    assert_true(now >= last);
    last = now;
  }
}

static void test_median(void **state) {
  double odd[] = {3, -1, 2}, even[] = {4, 1, 3, 2}, one[] = {7};
  (void)state;
  assert_true(smr_clock_median(3, odd) == 2);
  assert_true(smr_clock_median(4, even) == 3);
  assert_true(smr_clock_median(1, one) == 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_median),         cmocka_unit_test(test_format_duration),
      cmocka_unit_test(test_parse_duration), cmocka_unit_test(test_parse_mistakes),
      cmocka_unit_test(test_date),           cmocka_unit_test(test_sleep_outlasts_signals),
      cmocka_unit_test(test_monotonic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
