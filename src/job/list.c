/* Lists and their generators.
 *
 * Generated reals are computed in long double from the decimal numbers as written, then rounded to
 * 15 significant digits: steps of 0.1 give 0.3, and a grid that is extended keeps its values. */
#include "list.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 int128;

typedef enum { RANGE, LINSPACE, LOGSPACE, COUNT, N_GENERATORS } generator;

static const struct {
  const char *name, *form;
} generators[N_GENERATORS] = {{"range", "{range: [from, to, step]}"},
                              {"linspace", "{linspace: [from, to, n]}"},
                              {"logspace", "{logspace: [from, to, n]}"},
                              {"count", "{count: n}"}};

smr_status smr_list_create(smr_arena *arena, const smr_key *key, int64_t n, smr_list *list) {
  *list = (smr_list){.n = n};
  switch (smr_value_get_kind(key)) {
  case SMR_KIND_REAL:
    return smr_arena_alloc(arena, n, sizeof *list->reals, key->name, &list->reals);
  case SMR_KIND_TEXT:
    return smr_arena_alloc(arena, n, sizeof *list->texts, key->name, &list->texts);
  default:
    return smr_arena_alloc(arena, n, sizeof *list->integers, key->name, &list->integers);
  }
}

void smr_list_set(const smr_key *key, smr_list *list, int64_t index, smr_value value) {
  switch (smr_value_get_kind(key)) {
  case SMR_KIND_REAL:
    list->reals[index] = value.d;
    break;
  case SMR_KIND_TEXT:
    list->texts[index] = value.s;
    break;
  default:
    list->integers[index] = value.i;
  }
}

int smr_list_compare(const smr_key *key, const smr_list *list, int64_t i, int64_t j) {
  return smr_value_compare(key, smr_list_get(key, list, i), smr_list_get(key, list, j));
}

/* Takes n values off what the job's lists may hold. */
static bool take_budget(smr_list_reader *reader, const smr_key *key, const smr_node *node,
                        long double n) {
  if (!(n <= (long double)reader->n_left)) {
    smr_complaints_add(reader->complaints, node->place,
                       "%s would have %.0Lf values; all lists of a job may hold %d together",
                       key->name, n, SMR_LIST_LIMIT);
    return false;
  }
  reader->n_left -= (int64_t)n;
  return true;
}

/* A generator being read: its three numbers and what it says. */
typedef struct {
  generator kind;
  const smr_key *key;
  const smr_node *node;      /* the mapping */
  const smr_node *arguments; /* the list, or the count */
  bool is_whole;             /* from, to and step are `integers` */
  int64_t integers[3];
  long double reals[3];
  int64_t n;
} recipe;

/* The decimal number that a double stands for, with the digits of a long double. */
static long double get_decimal(double value) {
  smr_text text = {0};
  long double decimal = value;
  if (smr_value_add_real(value, &text) == SMR_OK) {
    decimal = strtold(text.data, NULL);
  }
  smr_text_clear(&text);
  return decimal;
}

static double round_real(long double value) {
  char digits[40];
  snprintf(digits, sizeof digits, "%.14Le", value);
  double rounded = strtod(digits, NULL);
  return isfinite(rounded) ? rounded + 0.0 : (double)value;
}

static bool complain_form(smr_list_reader *reader, const recipe *r) {
  smr_complaints_add(reader->complaints, r->arguments->place, "%s: %s is written %s%s",
                     r->key->name, generators[r->kind].name, generators[r->kind].form,
                     r->kind == COUNT      ? " with n >= 1, for 0, 1, ..., n-1"
                     : r->kind == RANGE    ? ", both ends included"
                     : r->kind == LOGSPACE ? " with from, to > 0 themselves (no exponents) "
                                             "and n >= 1"
                                           : " with n >= 1");
  return false;
}

static bool read_number_of_values(const smr_node *node, int64_t *n) {
  return node->kind == SMR_NODE_SCALAR && node->is_plain &&
         smr_value_parse_integer(node->text, n) && *n >= 1;
}

/* One of from, to, step: a number, for sizes and durations also with their units. */
static bool read_argument(recipe *r, const smr_node *node, int index) {
  smr_value value = {0};
  if (node->kind != SMR_NODE_SCALAR) {
    return false;
  }
  if (smr_value_get_kind(r->key) == SMR_KIND_REAL || r->kind != RANGE) {
    double number = 0;
    bool is_duration = r->key->type == SMR_KEY_DURATION && strchr(node->text, ':') != NULL;
    if (is_duration && smr_value_convert(r->key, node, &value)) {
      number = value.d;
    } else if (!node->is_plain || !smr_value_parse_number(node->text, &number)) {
      return false;
    }
    r->reals[index] = get_decimal(number);
    return true;
  }
  r->is_whole = true;
  if (smr_value_parse_integer(node->text, &r->integers[index])) {
    return node->is_plain;
  }
  bool is_size = r->key->type == SMR_KEY_BYTES && strcmp(node->text, "auto") != 0;
  bool is_read = is_size && smr_value_convert(r->key, node, &value);
  r->integers[index] = value.i;
  return is_read;
}

static bool read_arguments(recipe *r) {
  if (r->kind == COUNT) {
    return read_number_of_values(r->arguments, &r->n);
  }
  if (r->arguments->kind != SMR_NODE_LIST || r->arguments->n != 3) {
    return false;
  }
  const smr_node *from = r->arguments->first;
  const smr_node *to = from->next;
  if (!read_argument(r, from, 0) || !read_argument(r, to, 1)) {
    return false;
  }
  if (r->kind == RANGE) {
    return read_argument(r, to->next, 2);
  }
  bool is_positive = r->reals[0] > 0 && r->reals[1] > 0;
  return read_number_of_values(to->next, &r->n) && (r->kind != LOGSPACE || is_positive);
}

/* How many values a range has; 0 when it leads nowhere. */
static long double count_range(const recipe *r) {
  if (r->is_whole) {
    int128 width = (int128)r->integers[1] - r->integers[0];
    int128 step = r->integers[2];
    int128 n = width != 0 && (width < 0) != (step < 0) ? 0 : width / step + 1;
    return (long double)n;
  }
  /* A last value within half a billionth of a step beyond the end is the end itself. */
  return floorl((r->reals[1] - r->reals[0]) / r->reals[2] + 0.5e-9L + 1);
}

static bool size_range(smr_list_reader *reader, recipe *r) {
  bool is_still = r->is_whole ? r->integers[2] == 0 : r->reals[2] == 0;
  long double n = is_still ? 0 : count_range(r);
  if (is_still || !(n >= 1)) {
    smr_complaints_add(reader->complaints, r->arguments->place, "%s: this range is empty%s",
                       r->key->name,
                       is_still ? ", its step is 0" : ": its step leads away from its end");
    return false;
  }
  if (!take_budget(reader, r->key, r->node, n)) {
    return false;
  }
  r->n = (int64_t)n;
  return true;
}

static long double make_real(const recipe *r, int64_t i) {
  long double from = r->reals[0];
  long double to = r->reals[1];
  long double last = (long double)(r->n - 1);
  if (r->kind == COUNT) {
    return (long double)i;
  }
  if (r->kind == RANGE) {
    long double value = from + (long double)i * r->reals[2];
    return fabsl(value) < 1e-14L * fabsl(r->reals[2]) ? 0 : value;
  }
  if (r->n == 1) {
    return from;
  }
  long double rest = last - (long double)i;
  if (r->kind == LOGSPACE) {
    return i == 0      ? from
           : rest == 0 ? to
                       : powl(10, (log10l(from) * rest + log10l(to) * (long double)i) / last);
  }
  long double value = (from * rest + to * (long double)i) / last;
  return fabsl(value) < 1e-14L * fabsl(to - from) / last ? 0 : value;
}

/* Value i; whole numbers from real generators are rounded. False when it can't be a number of the
 * key's kind. */
static bool make_value(const recipe *r, int64_t i, smr_value *value) {
  if (smr_value_get_kind(r->key) == SMR_KIND_REAL) {
    value->d = round_real(make_real(r, i));
    return true;
  }
  if (r->is_whole) {
    /* In unsigned arithmetic: the result is between the ends, a product on the way may not be. */
    value->i = (int64_t)((uint64_t)r->integers[0] + (uint64_t)i * (uint64_t)r->integers[2]);
    return true;
  }
  long double real = roundl(make_real(r, i));
  if (!(fabsl(real) < 9e18L)) {
    return false;
  }
  value->i = (int64_t)real;
  return true;
}

static bool fill(smr_list_reader *reader, const recipe *r, smr_list *list) {
  char expected[SMR_EXPECT_BYTES];
  for (int64_t i = 0; i < r->n; i++) {
    smr_value value = {0};
    bool is_minus_one = false;
    bool is_made = make_value(r, i, &value);
    if (is_made && (r->key->flags & SMR_KEY_OR_AUTO) != 0) {
      is_minus_one =
          smr_value_get_kind(r->key) == SMR_KIND_REAL ? value.d == SMR_AUTO : value.i == SMR_AUTO;
    }
    if (!is_made || is_minus_one || !smr_value_is_in_range(r->key, value)) {
      smr_complaints_add(reader->complaints, r->node->place,
                         "%s must be %s, and value %" PRId64 " of this %s isn't", r->key->name,
                         smr_value_expect(r->key, expected), i + 1, generators[r->kind].name);
      return false;
    }
    smr_list_set(r->key, list, i, value);
  }
  return true;
}

static smr_status add_argument(const recipe *r, int index, smr_text *out) {
  if (r->is_whole) {
    return smr_text_add(out, "%" PRId64, r->integers[index]);
  }
  return smr_value_add_real((double)r->reals[index], out);
}

/* The generator as one would write it, so that the resolved job stays short. */
static smr_status write_recipe(smr_arena *arena, const recipe *r, const char **written) {
  smr_text text = {0};
  smr_status status = SMR_OK;
  if (r->kind == COUNT) {
    SMR_TRY_DONE(smr_text_add(&text, "{count: %" PRId64 "}", r->n));
  } else {
    SMR_TRY_DONE(smr_text_add(&text, "{%s: [", generators[r->kind].name));
    SMR_TRY_DONE(add_argument(r, 0, &text));
    SMR_TRY_DONE(smr_text_add(&text, ", "));
    SMR_TRY_DONE(add_argument(r, 1, &text));
    SMR_TRY_DONE(smr_text_add(&text, ", "));
    if (r->kind == RANGE) {
      SMR_TRY_DONE(add_argument(r, 2, &text));
    } else {
      SMR_TRY_DONE(smr_text_add(&text, "%" PRId64, r->n));
    }
    SMR_TRY_DONE(smr_text_add(&text, "]}"));
  }
  status = smr_arena_copy(arena, text.data, text.length, written);
done:
  smr_text_clear(&text);
  return status;
}

/* Which generator a mapping names, N_GENERATORS for none. */
static generator find_generator(const smr_node *node) {
  int found = N_GENERATORS;
  for (int i = 0; i < N_GENERATORS && node->n == 1; i++) {
    if (strcmp(node->first->key->text, generators[i].name) == 0) {
      found = i;
    }
  }
  return (generator)found;
}

static void complain_no_list(smr_list_reader *reader, const smr_key *key, const smr_node *node) {
  const char *hint = "";
  int best = 3;
  for (int i = 0; i < N_GENERATORS && node->n == 1; i++) {
    int distance = smr_text_distance(node->first->key->text, generators[i].name);
    if (distance < best) {
      best = distance;
      hint = generators[i].form;
    }
  }
  smr_complaints_add(reader->complaints, node->n > 0 ? node->first->key->place : node->place,
                     "%s takes a list in brackets or one of range, linspace, logspace, count%s%s%s",
                     key->name, hint[0] != '\0' ? "; did you mean " : "", hint,
                     hint[0] != '\0' ? "?" : "");
}

static smr_status read_generator(smr_list_reader *reader, const smr_key *key, const smr_node *node,
                                 smr_list *list, bool *is_good) {
  recipe r = {.kind = find_generator(node), .key = key, .node = node};
  *is_good = false;
  if (r.kind == N_GENERATORS) {
    complain_no_list(reader, key, node);
    return SMR_OK;
  }
  smr_key_type type = smr_value_get_type(key);
  if (type == SMR_KEY_BOOL || type == SMR_KEY_CHOICE || type == SMR_KEY_STRING) {
    smr_complaints_add(reader->complaints, node->place, "%s makes numbers, but %s takes others",
                       generators[r.kind].name, key->name);
    return SMR_OK;
  }
  r.arguments = node->first;
  if (!read_arguments(&r)) {
    complain_form(reader, &r);
    return SMR_OK;
  }
  if (r.kind == RANGE ? !size_range(reader, &r) : !take_budget(reader, key, node, r.n)) {
    return SMR_OK;
  }
  SMR_TRY(smr_list_create(reader->complaints->arena, key, r.n, list));
  *is_good = fill(reader, &r, list);
  return write_recipe(reader->complaints->arena, &r, &list->written);
}

static smr_status read_values(smr_list_reader *reader, const smr_key *key, const smr_node *node,
                              smr_list *list, bool *is_good) {
  *is_good = false;
  if (node->n == 0) {
    smr_complaints_add(reader->complaints, node->place, "%s has an empty list", key->name);
    return SMR_OK;
  }
  if (!take_budget(reader, key, node, node->n)) {
    return SMR_OK;
  }
  SMR_TRY(smr_list_create(reader->complaints->arena, key, node->n, list));
  int64_t n = 0;
  for (const smr_node *child = node->first; child != NULL; child = child->next) {
    smr_value value = {0};
    if (smr_value_read(reader->complaints, key, child, &value)) {
      smr_list_set(key, list, n++, value);
    }
  }
  *is_good = n == node->n;
  return SMR_OK;
}

smr_status smr_list_read(smr_list_reader *reader, const smr_key *key, const smr_node *node,
                         smr_list *list, bool *is_good) {
  if (node->kind == SMR_NODE_MAPPING) {
    return read_generator(reader, key, node, list, is_good);
  }
  if (node->kind == SMR_NODE_LIST) {
    return read_values(reader, key, node, list, is_good);
  }
  smr_value value = {0};
  *is_good = smr_value_read(reader->complaints, key, node, &value);
  if (*is_good) {
    SMR_TRY(smr_list_create(reader->complaints->arena, key, 1, list));
    smr_list_set(key, list, 0, value);
  }
  return SMR_OK;
}

smr_status smr_list_get_texts(smr_arena *arena, const smr_key *key, const smr_list *list,
                              const char ***texts) {
  smr_text all = {0};
  smr_status status = SMR_OK;
  const char *at = NULL;
  SMR_TRY_DONE(smr_arena_alloc(arena, list->n, sizeof **texts, "values as texts", texts));
  for (int64_t i = 0; i < list->n; i++) {
    SMR_TRY_DONE(smr_value_add_text(key, smr_list_get(key, list, i), &all));
    SMR_TRY_DONE(smr_text_add_bytes(&all, "", 1));
  }
  SMR_TRY_DONE(smr_arena_copy(arena, all.data, all.length, &at));
  for (int64_t i = 0; i < list->n; i++) {
    (*texts)[i] = at;
    at += strlen(at) + 1;
  }
done:
  smr_text_clear(&all);
  return status;
}
