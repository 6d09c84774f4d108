/* Preloaded by the storm: from STORM_CLOCK_AFTER seconds after a process's start on, its wall clock
 * stands STORM_CLOCK_SHIFT seconds off. The monotonic clock is left alone. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double start_s, after_s, shift_s;

static double get_monotonic_s(void) {
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
  const char *after = getenv("STORM_CLOCK_AFTER");
  const char *shift = getenv("STORM_CLOCK_SHIFT");
  after_s = after == NULL ? 0 : atof(after);
  shift_s = shift == NULL ? 0 : atof(shift);
  start_s = get_monotonic_s();
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) &&
      get_monotonic_s() - start_s >= after_s) {
    time->tv_sec += (time_t)shift_s;
  }
  return (int)result;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  value->tv_sec = now.tv_sec;
  value->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}
