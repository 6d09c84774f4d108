/* Which passes through which points fail or wait, as the environment says. */
#include "simmer/base/fault.h"

#include <stdlib.h>
#include <string.h>

#include "simmer/base/clock.h"

#ifdef SIMMER_FAULTS

static int fault_rank = 0;
/* Passes through the site of SIMMER_FAULT in this process; threads share the count. */
static int fault_passes = 0;

void smr_fault_set_rank(int world_rank) {
  fault_rank = world_rank;
  /* Passes made before the rank was known counted as rank 0's. */
  __atomic_store_n(&fault_passes, 0, __ATOMIC_RELAXED);
}

/* A whole number at *text, which then points behind it. Returns 0 when there is none. */
static int parse_number(const char **text, long *value) {
  char *end = NULL;
  *value = strtol(*text, &end, 10);
  int is_number = end != *text;
  *text = end;
  return is_number;
}

/* Takes site:rank:count apart. Returns 1 and the count when site and rank are this pass's. A
 * specification that can't be read matches nothing. */
static int match_fault(const char *spec, const char *site, long *count) {
  size_t length = strlen(site);
  long rank = fault_rank;
  *count = 1;
  if (strncmp(spec, site, length) != 0 || spec[length] != ':') {
    return 0;
  }
  const char *rest = spec + length + 1;
  if (*rest == '*') {
    rest++;
  } else if (!parse_number(&rest, &rank)) {
    return 0;
  }
  if (*rest == ':') {
    rest++;
    if (!parse_number(&rest, count)) {
      return 0;
    }
  }
  return *rest == '\0' && rank == fault_rank;
}

int smr_fault(const char *site) {
  const char *spec = getenv("SIMMER_FAULT");
  long count = 0;
  if (spec == NULL || !match_fault(spec, site, &count)) {
    return 0;
  }
  return __atomic_add_fetch(&fault_passes, 1, __ATOMIC_RELAXED) == count;
}

void smr_fault_delay(const char *site) {
  const char *spec = getenv("SIMMER_DELAY");
  const size_t length = strlen(site);
  long milliseconds = 0;
  if (spec == NULL || strncmp(spec, site, length) != 0 || spec[length] != ':') {
    return;
  }
  const char *rest = spec + length + 1;
  if (parse_number(&rest, &milliseconds) && *rest == '\0' && milliseconds > 0) {
    smr_clock_sleep(1e-3 * (double)milliseconds);
  }
}

#else

void smr_fault_set_rank(int world_rank) {
  (void)world_rank;
}

int smr_fault(const char *site) {
  (void)site;
  return 0;
}

void smr_fault_delay(const char *site) {
  (void)site;
}

#endif
