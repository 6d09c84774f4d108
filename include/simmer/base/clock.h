/* Clocks. Intervals come from the monotonic clock, dates from the wall clock. All local. */
#ifndef SIMMER_BASE_CLOCK_H
#define SIMMER_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* Seconds on a clock that never goes back; its zero is arbitrary. */
double smr_clock_monotonic_s(void);
/* Now as "2026-11-21T03:32:00Z". Returns buffer. */
const char *smr_clock_format_date(char *buffer, size_t buffer_bytes);
/* A duration as "41 s", "3 min 05 s", "2 h 07 min", "1.2 ms". Returns buffer. */
const char *smr_clock_format_duration(double seconds, char *buffer, size_t buffer_bytes);
/* "HH:MM:SS", "MM:SS", "D-HH:MM:SS" (Slurm's forms) or plain minutes -> seconds. SMR_ERR_USAGE. */
smr_status smr_clock_parse_duration(const char *text, double *seconds) SMR_NODISCARD;
void smr_clock_sleep(double seconds);
/* Median of n > 0 repeated measurements, the upper one of an even number; they get sorted. */
double smr_clock_median(int64_t n, double *measured);

#endif
