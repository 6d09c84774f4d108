/* One value: what a key takes, what a scalar says, and how it is written canonically. */
#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/clock.h"

enum { NUMBER_BYTES = 32 };

/* Beyond 2^53 a double no longer holds every whole number. */
static const double largest_exact = 9007199254740992.0;

smr_key_type smr_value_get_type(const smr_key *key) {
  if (key->type == SMR_KEY_INTS) {
    return SMR_KEY_INT;
  }
  return key->type == SMR_KEY_REALS ? SMR_KEY_REAL : key->type;
}

smr_value_kind smr_value_get_kind(const smr_key *key) {
  switch (smr_value_get_type(key)) {
  case SMR_KEY_REAL:
  case SMR_KEY_DURATION:
    return SMR_KIND_REAL;
  case SMR_KEY_STRING:
    return SMR_KIND_TEXT;
  default:
    return SMR_KIND_INTEGER;
  }
}

bool smr_value_is_list(const smr_key *key) {
  return key->type == SMR_KEY_INTS || key->type == SMR_KEY_REALS;
}

/* A limit as one would write it: 1e12 rather than 1e+12. */
static const char *format_limit(double limit, char buffer[NUMBER_BYTES]) {
  snprintf(buffer, NUMBER_BYTES, fabs(limit) < 1e7 ? "%.15g" : "%.6g", limit);
  char *plus = strstr(buffer, "e+");
  if (plus != NULL) {
    const char *digits = plus + 2 + strspn(plus + 2, "0");
    memmove(plus + 1, digits, strlen(digits) + 1);
  }
  return buffer;
}

const char *smr_value_get_range(const smr_key *key, char buffer[SMR_EXPECT_BYTES]) {
  char low[NUMBER_BYTES];
  char high[NUMBER_BYTES];
  bool has_low = isfinite(key->minimum);
  bool has_high = isfinite(key->maximum);
  bool is_open = (key->flags & SMR_KEY_OPEN_MINIMUM) != 0;
  format_limit(key->minimum, low);
  format_limit(key->maximum, high);
  if (has_low && has_high && is_open) {
    snprintf(buffer, SMR_EXPECT_BYTES, "> %s and <= %s", low, high);
  } else if (has_low && has_high) {
    snprintf(buffer, SMR_EXPECT_BYTES, "from %s to %s", low, high);
  } else if (has_low) {
    snprintf(buffer, SMR_EXPECT_BYTES, is_open ? "> %s" : ">= %s", low);
  } else if (has_high) {
    snprintf(buffer, SMR_EXPECT_BYTES, "<= %s", high);
  } else {
    buffer[0] = '\0';
  }
  return buffer;
}

/* "auto, gram or gesvd". */
static void list_choices(const smr_key *key, char *buffer, size_t buffer_bytes) {
  size_t used = 0;
  buffer[0] = '\0';
  for (const char *const *choice = key->choices; *choice != NULL && used < buffer_bytes; choice++) {
    const char *between = choice == key->choices ? "" : choice[1] == NULL ? " or " : ", ";
    int more = snprintf(buffer + used, buffer_bytes - used, "%s%s", between, *choice);
    used += more > 0 ? (size_t)more : 0;
  }
}

const char *smr_value_expect(const smr_key *key, char buffer[SMR_EXPECT_BYTES]) {
  char range[SMR_EXPECT_BYTES];
  char unit[NUMBER_BYTES] = "";
  bool is_auto = (key->flags & SMR_KEY_OR_AUTO) != 0;
  smr_key_type type = smr_value_get_type(key);
  const char *what = type == SMR_KEY_INT ? "an integer" : "a number";
  smr_value_get_range(key, range);
  switch (type) {
  case SMR_KEY_BOOL:
    snprintf(buffer, SMR_EXPECT_BYTES, "true or false");
    return buffer;
  case SMR_KEY_STRING:
    snprintf(buffer, SMR_EXPECT_BYTES, "a text");
    return buffer;
  case SMR_KEY_CHOICE:
    list_choices(key, buffer, SMR_EXPECT_BYTES);
    return buffer;
  case SMR_KEY_BYTES:
    what = "a size (bytes, 500 MB, 2 GiB)";
    break;
  case SMR_KEY_DURATION:
    what = "a duration (seconds or HH:MM:SS)";
    break;
  default:
    if (key->unit != NULL && key->unit[0] != '\0') {
      snprintf(unit, sizeof unit, " (%s)", key->unit);
    }
  }
  snprintf(buffer, SMR_EXPECT_BYTES, "%s%s%.100s%s%s", what, range[0] != '\0' ? " " : "", range,
           unit, is_auto ? ", or auto" : "");
  return buffer;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or behind the point. */
static bool is_number(const char *text, bool *is_whole) {
  const char *at = text + (*text == '+' || *text == '-');
  size_t before = strspn(at, "0123456789");
  at += before;
  *is_whole = before > 0 && *at == '\0';
  size_t behind = 0;
  if (*at == '.') {
    at++;
    behind = strspn(at, "0123456789");
    at += behind;
  }
  if (before + behind == 0) {
    return false;
  }
  if (*at == 'e' || *at == 'E') {
    at++;
    at += *at == '+' || *at == '-';
    size_t digits = strspn(at, "0123456789");
    at += digits;
    if (digits == 0) {
      return false;
    }
  }
  return *at == '\0';
}

bool smr_value_parse_number(const char *text, double *number) {
  bool is_whole = false;
  if (!is_number(text, &is_whole)) {
    return false;
  }
  *number = strtod(text, NULL) + 0.0; /* -0 becomes 0: they are one value. */
  return isfinite(*number);
}

bool smr_value_parse_integer(const char *text, int64_t *number) {
  bool is_whole = false;
  double real = 0;
  if (!is_number(text, &is_whole)) {
    return false;
  }
  if (is_whole) {
    errno = 0;
    *number = strtoll(text, NULL, 10);
    return errno == 0;
  }
  if (!smr_value_parse_number(text, &real) || real != floor(real) || fabs(real) > largest_exact) {
    return false;
  }
  *number = (int64_t)real;
  return true;
}

bool smr_value_is_in_range(const smr_key *key, smr_value value) {
  double number = 0;
  switch (smr_value_get_type(key)) {
  case SMR_KEY_INT:
  case SMR_KEY_BYTES:
    number = (double)value.i;
    break;
  case SMR_KEY_REAL:
  case SMR_KEY_DURATION:
    number = value.d;
    break;
  default:
    return true;
  }
  if ((key->flags & SMR_KEY_OR_AUTO) != 0 && number == SMR_AUTO) {
    /* Only `auto` gets here with this number, see smr_value_convert. */
    return true;
  }
  bool is_above =
      (key->flags & SMR_KEY_OPEN_MINIMUM) != 0 ? number > key->minimum : number >= key->minimum;
  return is_above && number <= key->maximum;
}

static bool parse_bytes(const char *text, int64_t *bytes) {
  static const struct {
    const char *name;
    double factor;
  } units[] = {{"B", 1},
               {"kB", 1e3},
               {"KB", 1e3},
               {"MB", 1e6},
               {"GB", 1e9},
               {"TB", 1e12},
               {"KiB", 1024.0},
               {"MiB", 1048576.0},
               {"GiB", 1073741824.0},
               {"TiB", 1099511627776.0}};
  if (smr_value_parse_integer(text, bytes)) {
    return true;
  }
  char digits[NUMBER_BYTES];
  size_t length = strcspn(text, " kKMGTB");
  if (length >= sizeof digits) {
    return false;
  }
  memcpy(digits, text, length);
  digits[length] = '\0';
  const char *unit = text + length + strspn(text + length, " ");
  double number = 0;
  if (!smr_value_parse_number(digits, &number)) {
    return false;
  }
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    double product = number * units[i].factor;
    if (strcmp(unit, units[i].name) == 0 && fabs(product) < 9e18) {
      *bytes = llround(product);
      return true;
    }
  }
  return false;
}

static bool parse_duration(const char *text, double *seconds) {
  if (smr_value_parse_number(text, seconds)) {
    return true;
  }
  if (strchr(text, ':') == NULL) {
    return false;
  }
  if (smr_clock_parse_duration(text, seconds) != SMR_OK) {
    smr_error_clear();
    return false;
  }
  return true;
}

static bool parse_choice(const smr_key *key, const char *text, int64_t *index) {
  for (int64_t i = 0; key->choices[i] != NULL; i++) {
    if (strcmp(key->choices[i], text) == 0) {
      *index = i;
      return true;
    }
  }
  return false;
}

bool smr_value_convert(const smr_key *key, const smr_node *node, smr_value *value) {
  if (node->kind != SMR_NODE_SCALAR || smr_node_is_null(node)) {
    return false;
  }
  const char *text = node->text;
  smr_value_kind kind = smr_value_get_kind(key);
  if ((key->flags & SMR_KEY_OR_AUTO) != 0 && strcmp(text, "auto") == 0) {
    if (kind == SMR_KIND_REAL) {
      value->d = SMR_AUTO;
    } else {
      value->i = SMR_AUTO;
    }
    return true;
  }
  bool is_read = false;
  switch (smr_value_get_type(key)) {
  case SMR_KEY_BOOL:
    value->i = strcmp(text, "true") == 0;
    return node->is_plain && (value->i == 1 || strcmp(text, "false") == 0);
  case SMR_KEY_INT:
    is_read = node->is_plain && smr_value_parse_integer(text, &value->i);
    break;
  case SMR_KEY_REAL:
    is_read = node->is_plain && smr_value_parse_number(text, &value->d);
    break;
  case SMR_KEY_CHOICE:
    return parse_choice(key, text, &value->i);
  case SMR_KEY_STRING:
    value->s = text;
    return true;
  case SMR_KEY_BYTES:
    is_read = parse_bytes(text, &value->i);
    break;
  case SMR_KEY_DURATION:
    is_read = parse_duration(text, &value->d);
    break;
  default:
    break;
  }
  /* -1 is how `auto` is stored, so nobody may write it. */
  bool is_minus_one = kind == SMR_KIND_REAL ? value->d == SMR_AUTO : value->i == SMR_AUTO;
  return is_read && !((key->flags & SMR_KEY_OR_AUTO) != 0 && is_minus_one);
}

/* Nearest choice for "did you mean", NULL when none is near. */
static const char *find_near_choice(const smr_key *key, const char *text) {
  const char *best = NULL;
  int best_distance = 3;
  for (const char *const *choice = key->choices; *choice != NULL; choice++) {
    int distance = smr_text_distance(*choice, text);
    if (distance < best_distance && distance < (int)strlen(*choice)) {
      best = *choice;
      best_distance = distance;
    }
  }
  return best;
}

bool smr_value_read(smr_complaints *complaints, const smr_key *key, const smr_node *node,
                    smr_value *value) {
  char expected[SMR_EXPECT_BYTES];
  char quote[SMR_QUOTE_BYTES];
  if (smr_value_convert(key, node, value) && smr_value_is_in_range(key, *value)) {
    return true;
  }
  smr_value_expect(key, expected);
  if (smr_node_is_null(node)) {
    smr_complaints_add(complaints, smr_node_get_key_place(node), "%s has no value; it must be %s",
                       key->name, expected);
    return false;
  }
  if (node->kind != SMR_NODE_SCALAR) {
    smr_complaints_add(complaints, node->place, "%s must be %s, not a %s", key->name, expected,
                       node->kind == SMR_NODE_LIST ? "list" : "mapping");
    return false;
  }
  const char *near = key->type == SMR_KEY_CHOICE ? find_near_choice(key, node->text) : NULL;
  smr_complaints_add(complaints, node->place, "%s must be %s, not %s%s%s%s", key->name, expected,
                     smr_report_quote(node->text, quote), near != NULL ? "; did you mean '" : "",
                     near != NULL ? near : "", near != NULL ? "'?" : "");
  return false;
}

smr_status smr_value_add_real(double value, smr_text *out) {
  char text[NUMBER_BYTES];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) {
      break;
    }
  }
  return smr_text_add_bytes(out, text, strlen(text));
}

smr_status smr_value_add_text(const smr_key *key, smr_value value, smr_text *out) {
  char digits[NUMBER_BYTES];
  const char *text = NULL;
  bool is_auto_allowed = (key->flags & SMR_KEY_OR_AUTO) != 0;
  switch (smr_value_get_type(key)) {
  case SMR_KEY_BOOL:
    text = value.i != 0 ? "true" : "false";
    break;
  case SMR_KEY_CHOICE:
    text = key->choices[value.i];
    break;
  case SMR_KEY_STRING:
    text = value.s;
    break;
  case SMR_KEY_REAL:
  case SMR_KEY_DURATION:
    if (!is_auto_allowed || value.d != SMR_AUTO) {
      return smr_value_add_real(value.d, out);
    }
    text = "auto";
    break;
  default:
    snprintf(digits, sizeof digits, "%" PRId64, value.i);
    text = is_auto_allowed && value.i == SMR_AUTO ? "auto" : digits;
  }
  return smr_text_add_bytes(out, text, strlen(text));
}

smr_value smr_list_get(const smr_key *key, const smr_list *list, int64_t index) {
  smr_value value = {0};
  switch (smr_value_get_kind(key)) {
  case SMR_KIND_REAL:
    value.d = list->reals[index];
    break;
  case SMR_KIND_TEXT:
    value.s = list->texts[index];
    break;
  default:
    value.i = list->integers[index];
  }
  return value;
}

int smr_value_compare(const smr_key *key, smr_value a, smr_value b) {
  switch (smr_value_get_kind(key)) {
  case SMR_KIND_REAL:
    return (a.d > b.d) - (a.d < b.d);
  case SMR_KIND_TEXT:
    return strcmp(a.s, b.s);
  default:
    return (a.i > b.i) - (a.i < b.i);
  }
}
