/* Integer logarithm for scales and trees. */
#ifndef SIMMER_COMM_LOG2_H
#define SIMMER_COMM_LOG2_H

#include <stdint.h>

/* Smallest s in 0..62 with n <= 2^s. Local. */
static inline int ceil_log2(int64_t n) {
  int s = 0;
  while (s < 62 && ((int64_t)1 << s) < n) {
    s++;
  }
  return s;
}

#endif
