/* Clocks, and durations as people and Slurm write them. */
#include "simmer/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

double smr_clock_monotonic_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *smr_clock_format_date(char *buffer, size_t buffer_bytes) {
  time_t now = time(NULL);
  struct tm parts;
  if (gmtime_r(&now, &parts) == NULL ||
      strftime(buffer, buffer_bytes, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    snprintf(buffer, buffer_bytes, "unknown");
  }
  return buffer;
}

/* Below ten seconds, with fractions. The bounds keep rounding from printing 1000 of a unit. */
static void format_short(double seconds, char *buffer, size_t buffer_bytes) {
  if (seconds == 0) {
    snprintf(buffer, buffer_bytes, "0 s");
  } else if (seconds < 0.9995e-6) {
    snprintf(buffer, buffer_bytes, "%.3g ns", 1e9 * seconds);
  } else if (seconds < 0.9995e-3) {
    snprintf(buffer, buffer_bytes, "%.3g us", 1e6 * seconds);
  } else if (seconds < 0.9995) {
    snprintf(buffer, buffer_bytes, "%.3g ms", 1e3 * seconds);
  } else {
    snprintf(buffer, buffer_bytes, "%.1f s", seconds);
  }
}

const char *smr_clock_format_duration(double seconds, char *buffer, size_t buffer_bytes) {
  /* Beyond a hundred thousand years nothing is known, and whole seconds must fit an integer. */
  if (!(seconds >= 0 && seconds < 3e12)) {
    snprintf(buffer, buffer_bytes, "unknown");
    return buffer;
  }
  long long whole = llround(seconds);
  long long minutes = (whole + MINUTE / 2) / MINUTE;
  long long hours = (whole + HOUR / 2) / HOUR;
  if (seconds < 9.95) {
    format_short(seconds, buffer, buffer_bytes);
  } else if (whole < MINUTE) {
    snprintf(buffer, buffer_bytes, "%lld s", whole);
  } else if (whole < HOUR) {
    snprintf(buffer, buffer_bytes, "%lld min %02lld s", whole / MINUTE, whole % MINUTE);
  } else if (minutes < DAY / MINUTE) {
    snprintf(buffer, buffer_bytes, "%lld h %02lld min", minutes / 60, minutes % 60);
  } else {
    snprintf(buffer, buffer_bytes, "%lld d %02lld h", hours / 24, hours % 24);
  }
  return buffer;
}

/* Digits at *text, of which there must be one; *text then points behind them. */
static int parse_number(const char **text, long *value) {
  char *end = NULL;
  if (!isdigit((unsigned char)**text)) {
    return 0;
  }
  *value = strtol(*text, &end, 10);
  *text = end;
  return *value < 1000000000;
}

/* Up to three numbers with colons between, and nothing behind. Returns how many, 0 for a mistake.
 */
static int parse_fields(const char *text, long fields[3]) {
  for (int n = 0; n < 3; n++) {
    if (!parse_number(&text, &fields[n])) {
      return 0;
    }
    if (*text == '\0') {
      return n + 1;
    }
    if (*text++ != ':') {
      return 0;
    }
  }
  return 0;
}

smr_status smr_clock_parse_duration(const char *text, double *seconds) {
  /* Seconds of a field by the number of fields: minutes, MM:SS, HH:MM:SS; after days HH, HH:MM. */
  static const long units[] = {HOUR, MINUTE, 1};
  const char *clock = text;
  long days = 0;
  long fields[3] = {0, 0, 0};
  int has_days = parse_number(&clock, &days) && *clock == '-';
  int n = parse_fields(has_days ? clock + 1 : text, fields);
  int first = has_days || n == 3 ? 0 : 1;
  int is_good = n > 0 && (!has_days || fields[0] < 24);
  for (int i = 1; i < n; i++) {
    is_good = is_good && fields[i] < 60;
  }
  if (!is_good) {
    SMR_FAIL(SMR_ERR_USAGE,
             "\"%s\" is no duration; write HH:MM:SS, MM:SS, D-HH:MM:SS or a number of minutes",
             text);
  }
  double sum = has_days ? (double)days * DAY : 0;
  for (int i = 0; i < n; i++) {
    sum += (double)fields[i] * (double)units[first + i];
  }
  *seconds = sum;
  return SMR_OK;
}

void smr_clock_sleep(double seconds) {
  if (!(seconds > 0)) {
    return;
  }
  double whole = floor(fmin(seconds, 1e9));
  struct timespec rest = {(time_t)whole, (long)(1e9 * (fmin(seconds, 1e9) - whole))};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double smr_clock_median(int64_t n, double *measured) {
  qsort(measured, (size_t)n, sizeof *measured, compare_doubles);
  return measured[n / 2];
}
