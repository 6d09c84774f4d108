/* What a file holds, as a list; and the way to a variable of it. */
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "sheet.h"

static const char *get_type_name(smr_array_type type) {
  static const char *const names[] = {"float64", "float32", "int64", "int32", "uint8", "text"};
  return names[type];
}

/* Lines of a text after the first stand under it. */
static smr_status add_indented(smr_text *out, const char *text, int indent) {
  for (;;) {
    const char *end = strchr(text, '\n');
    const int length = (int)(end != NULL ? (size_t)(end - text) : strlen(text));
    SMR_TRY(smr_text_add(out, "%.*s\n", length, text));
    if (end == NULL || end[1] == '\0') {
      return SMR_OK;
    }
    text = end + 1;
    SMR_TRY(smr_text_add(out, "%*s", indent, ""));
  }
}

static smr_status show_attributes(smr_arrays *arrays, smr_text *out) {
  int64_t n = 0;
  const char *const *names = NULL;
  int width = 0;
  SMR_TRY(smr_arrays_list_attributes(arrays, &n, &names));
  for (int64_t i = 0; i < n; i++) {
    width = (int)strlen(names[i]) > width ? (int)strlen(names[i]) : width;
  }
  for (int64_t i = 0; i < n; i++) {
    const char *text = NULL;
    SMR_TRY(smr_arrays_get_attribute(arrays, arrays->file, names[i], &text));
    SMR_TRY(smr_text_add(out, "  %-*s  ", width, names[i]));
    SMR_TRY(add_indented(out, text != NULL ? text : "(not shown)", width + 4));
  }
  return n > 0 ? smr_text_add(out, "\n") : SMR_OK;
}

static smr_status add_dimensions(smr_sheet *sheet, const smr_array *array) {
  smr_status status = SMR_OK;
  smr_text text = {0};
  SMR_TRY_DONE(smr_text_add(&text, "%s", ""));
  for (int d = 0; d < array->n_dimensions; d++) {
    SMR_TRY_DONE(smr_text_add(&text, "%s%s: %lld", d > 0 ? ", " : "", array->dimensions[d],
                              (long long)array->shape[d]));
  }
  SMR_TRY_DONE(smr_sheet_add(sheet, text.data));
done:
  smr_text_clear(&text);
  return status;
}

static smr_status add_row(smr_sheet *sheet, smr_arrays *arrays, const char *name) {
  smr_array array;
  const smr_status status = smr_arrays_inspect(arrays, name, &array);
  SMR_TRY(smr_sheet_add(sheet, name));
  if (status == SMR_ERR_INPUT || status == SMR_ERR_LIMIT) { /* a kind that only others know */
    smr_error_clear();
    SMR_TRY(smr_sheet_add(sheet, "other"));
    SMR_TRY(smr_sheet_add(sheet, ""));
    SMR_TRY(smr_sheet_add(sheet, ""));
    return smr_sheet_add(sheet, "");
  }
  SMR_TRY(status);
  SMR_TRY(smr_sheet_add(sheet, get_type_name(array.type)));
  SMR_TRY(add_dimensions(sheet, &array));
  SMR_TRY(smr_sheet_add(sheet, array.unit != NULL ? array.unit : ""));
  return smr_sheet_add(sheet, array.meaning != NULL ? array.meaning : "");
}

static smr_status show_list(smr_arrays *arrays, bool csv, smr_text *out) {
  static const char *const titles[] = {"variable", "type", "dimensions", "unit", "meaning"};
  smr_status status = SMR_OK;
  smr_sheet sheet = {.is_csv = csv, .n_columns = 5, .out = out};
  int64_t n = 0;
  const char *const *names = NULL;
  if (!csv) {
    SMR_TRY_DONE(smr_text_add(out, "%s\n", arrays->name));
    SMR_TRY_DONE(show_attributes(arrays, out));
  }
  SMR_TRY_DONE(smr_arrays_list(arrays, &n, &names));
  for (int i = 0; i < 5; i++) {
    SMR_TRY_DONE(smr_sheet_add(&sheet, titles[i]));
  }
  for (int64_t i = 0; i < n; i++) {
    SMR_TRY_DONE(add_row(&sheet, arrays, names[i]));
  }
  SMR_TRY_DONE(smr_sheet_print(&sheet));
done:
  smr_sheet_clear(&sheet);
  return status;
}

/* Unknown names are the user's, so they get the nearest one and the whole list. */
static smr_status check_variable(smr_arrays *arrays, const char *name) {
  smr_status status = SMR_OK;
  smr_text list = {0};
  int64_t n = 0, nearest = 0;
  const char *const *names = NULL;
  int least = INT32_MAX;
  SMR_TRY_DONE(smr_arrays_list(arrays, &n, &names));
  for (int64_t i = 0; i < n; i++) {
    const int distance = smr_text_distance(name, names[i]);
    if (distance == 0) {
      goto done;
    }
    if (distance < least) {
      least = distance;
      nearest = i;
    }
    SMR_TRY_DONE(smr_text_add(&list, "%s%s", i > 0 ? ", " : "", names[i]));
  }
  if (n == 0) {
    SMR_FAIL_DONE(SMR_ERR_USAGE, "%s has no variables", arrays->name);
  }
  SMR_FAIL_DONE(SMR_ERR_USAGE, "%s has no variable \"%s\"; did you mean \"%s\"? It has: %s",
                arrays->name, name, names[nearest], list.data);
done:
  smr_text_clear(&list);
  return status;
}

smr_status smr_arrays_show(const char *path, const char *name, bool csv, smr_text *out) {
  smr_status status = SMR_OK;
  smr_arrays *arrays = NULL;
  SMR_TRY_DONE(smr_arrays_open(path, &arrays));
  if (name == NULL) {
    SMR_TRY_DONE(show_list(arrays, csv, out));
    goto done;
  }
  SMR_TRY_DONE(check_variable(arrays, name));
  SMR_TRY_DONE(smr_show_variable(arrays, name, csv, out));
done:
  smr_arrays_close(&arrays);
  return status;
}
