/* Decimal text to double. Nearly every number in a data file has few digits, and those take the
 * fast path of Clinger ("How to read floating point numbers accurately", 1990): an integer below
 * 2^53 times or over an exact power of ten is rounded once, hence correctly. The C library does the
 * rest. Nothing here or elsewhere in simmer calls setlocale, so that strtod's point is a point. */
#include "csv_number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POWER = 22, MAX_DIGITS = 18 };

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* An exponent's value after e, +, -; false when it is malformed or has more than four digits. */
static bool parse_exponent(const char *p, const char *end, int *exponent) {
  const bool is_negative = p < end && *p == '-';
  p += p < end && (*p == '-' || *p == '+');
  if (p == end || end - p > 4) {
    return false;
  }
  int value = 0;
  for (; p < end; p++) {
    if (!is_digit(*p)) {
      return false;
    }
    value = 10 * value + (*p - '0');
  }
  *exponent = is_negative ? -value : value;
  return true;
}

/* True when the text is a plain decimal number small enough to be exact here. */
static bool parse_fast(const char *p, const char *end, double *value) {
  static const double powers[MAX_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const bool is_negative = *p == '-';
  p += *p == '-' || *p == '+';
  int64_t digits = 0;
  int n_digits = 0;
  int n_decimals = 0;
  bool has_point = false;
  for (; p < end && (is_digit(*p) || (*p == '.' && !has_point)); p++) {
    if (*p == '.') {
      has_point = true;
      continue;
    }
    if (++n_digits > MAX_DIGITS) {
      return false;
    }
    digits = 10 * digits + (*p - '0');
    n_decimals += has_point;
  }
  int exponent = 0;
  if (n_digits == 0 || digits > INT64_C(1) << 53) {
    return false;
  }
  if (p < end && ((*p != 'e' && *p != 'E') || !parse_exponent(p + 1, end, &exponent))) {
    return false;
  }
  exponent -= n_decimals;
  if (exponent < -MAX_POWER || exponent > MAX_POWER) {
    return false;
  }
  const double magnitude =
      exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
  *value = is_negative ? -magnitude : magnitude;
  return true;
}

smr_field smr_csv_parse_number(const char *begin, const char *end, double *value) {
  if (begin == end) {
    return SMR_FIELD_EMPTY;
  }
  if (parse_fast(begin, end, value)) {
    return SMR_FIELD_NUMBER;
  }
  /* strtod would take hexadecimal digits too. */
  const size_t length = (size_t)(end - begin);
  if (memchr(begin, 'x', length) != NULL || memchr(begin, 'X', length) != NULL) {
    return SMR_FIELD_TEXT;
  }
  char *stop = NULL;
  *value = strtod(begin, &stop);
  if (stop != end) {
    return SMR_FIELD_TEXT;
  }
  return isfinite(*value) ? SMR_FIELD_NUMBER : SMR_FIELD_NOT_FINITE;
}
