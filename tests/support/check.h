/* Assertions that cmocka lacks, and the frame of an MPI test program. */
#ifndef SIMMER_TESTS_CHECK_H
#define SIMMER_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "simmer/base/error.h"

/* Fails with the message when a call doesn't end in SMR_OK. */
#define assert_ok(call)                                                                   \
  do {                                                                                    \
    const smr_status check_status_ = (call);                                              \
    if (check_status_ != SMR_OK) {                                                        \
      fail_msg("%s: %s: %s", #call, smr_status_text(check_status_), smr_error_message()); \
    }                                                                                     \
  } while (0)

/* Fails unless a call ends in `expected` with `part` in its message. */
#define assert_fails(call, expected, part)                                                         \
  do {                                                                                             \
    const smr_status check_status_ = (call);                                                       \
    if (check_status_ != (expected)) {                                                             \
      fail_msg("%s: got \"%s\" (%s)", #call, smr_status_text(check_status_), smr_error_message()); \
    }                                                                                              \
    if (strstr(smr_error_message(), (part)) == NULL) {                                             \
      fail_msg("%s: message \"%s\" lacks \"%s\"", #call, smr_error_message(), (part));             \
    }                                                                                              \
  } while (0)

/* |a - b| <= absolute + relative * |b|; NaN only equals NaN. */
#define assert_close(a, b, relative, absolute)                                                     \
  do {                                                                                             \
    const double check_a_ = (a), check_b_ = (b);                                                   \
    const int check_nan_ = isnan(check_a_) || isnan(check_b_);                                     \
    if (check_nan_ ? isnan(check_a_) != isnan(check_b_)                                            \
                   : check_a_ != check_b_ &&                                                       \
                         !(fabs(check_a_ - check_b_) <= (absolute) + (relative)*fabs(check_b_))) { \
      fail_msg("%s = %.17g, expected %s = %.17g (off by %.3g)", #a, check_a_, #b, check_b_,        \
               check_a_ - check_b_);                                                               \
    }                                                                                              \
  } while (0)

#endif
