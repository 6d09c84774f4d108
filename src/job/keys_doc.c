/* `simmer keys` and docs/job-file.md: all there is to say about the keys, from their tables. */
#include <stdio.h>
#include <string.h>

#include "model.h"

enum { KEY, TYPE, RANGE, UNIT, DEFAULT, AXIS, N_COLUMNS, CELL_BYTES = 256, MEANING_WIDTH = 92 };

static const char *const titles[N_COLUMNS] = {"key", "type", "range", "unit", "default", "axis"};

/* What is written, and how. */
typedef struct {
  int64_t n_experiments;
  const smr_job_experiment *experiments;
  const char *prefix;
  bool markdown;
  int widths[N_COLUMNS];
  smr_text *out;
} writer;

static void add_cell(char cell[CELL_BYTES], const char *between, const char *text) {
  size_t used = strlen(cell);
  snprintf(cell + used, CELL_BYTES - used, "%s%s", used > 0 ? between : "", text);
}

static void fill_range(const writer *w, const smr_key *key, char cell[CELL_BYTES]) {
  char range[SMR_EXPECT_BYTES];
  cell[0] = '\0';
  if (strcmp(key->name, "experiment") == 0) {
    for (int64_t i = 0; i < w->n_experiments; i++) {
      add_cell(cell, ", ", w->experiments[i].name);
    }
  } else if (key->type == SMR_KEY_CHOICE) {
    for (const char *const *choice = key->choices; *choice != NULL; choice++) {
      add_cell(cell, ", ", *choice);
    }
  } else if (key->type != SMR_KEY_BOOL && key->type != SMR_KEY_STRING) {
    add_cell(cell, "", smr_value_get_range(key, range));
  }
}

static const char *get_axis_text(const smr_key *key) {
  if ((key->flags & (SMR_KEY_RUN | SMR_KEY_NO_SWEEP)) != 0) {
    return "no";
  }
  return smr_value_is_list(key) ? "inner" : "yes";
}

static void fill_row(const writer *w, const smr_key *key, char row[N_COLUMNS][CELL_BYTES]) {
  bool is_required = key->default_text == NULL || (key->flags & SMR_KEY_REQUIRED) != 0;
  snprintf(row[KEY], CELL_BYTES, "%s", key->name);
  snprintf(row[TYPE], CELL_BYTES, "%s%s", smr_key_type_text(key->type),
           (key->flags & SMR_KEY_OR_AUTO) != 0 ? " or auto" : "");
  fill_range(w, key, row[RANGE]);
  snprintf(row[UNIT], CELL_BYTES, "%s", key->unit != NULL ? key->unit : "");
  snprintf(row[DEFAULT], CELL_BYTES, "%s", is_required ? "required" : key->default_text);
  snprintf(row[AXIS], CELL_BYTES, "%s", get_axis_text(key));
}

static bool is_wanted(const writer *w, const smr_key *key) {
  return strncmp(key->name, w->prefix, strlen(w->prefix)) == 0;
}

static bool has_wanted(const writer *w, const smr_key_table *table) {
  bool has_one = false;
  for (int64_t i = 0; i < table->n_keys; i++) {
    has_one = has_one || is_wanted(w, &table->keys[i]);
  }
  return has_one;
}

static void measure(writer *w, const smr_key_table *table) {
  char row[N_COLUMNS][CELL_BYTES];
  for (int64_t i = 0; i < table->n_keys; i++) {
    if (!is_wanted(w, &table->keys[i])) {
      continue;
    }
    fill_row(w, &table->keys[i], row);
    for (int c = 0; c < N_COLUMNS; c++) {
      int width = (int)strlen(row[c]);
      w->widths[c] = width > w->widths[c] ? width : w->widths[c];
    }
  }
}

/* Text of a table's cell: a bar would end it. */
static smr_status add_markdown(smr_text *out, const char *text) {
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '|' || *at == '<' || *at == '*' || *at == '_') {
      SMR_TRY(smr_text_add_bytes(out, "\\", 1));
    }
    SMR_TRY(smr_text_add_bytes(out, at, 1));
  }
  return SMR_OK;
}

/* The meaning in lines of its own, below the row. */
static smr_status add_wrapped(smr_text *out, const char *text) {
  while (*text != '\0') {
    size_t length = strlen(text);
    if (length > MEANING_WIDTH) {
      length = MEANING_WIDTH;
      while (length > 0 && text[length] != ' ') {
        length--;
      }
      length = length > 0 ? length : strcspn(text, " ");
    }
    SMR_TRY(smr_text_add(out, "      %.*s\n", (int)length, text));
    text += length;
    text += strspn(text, " ");
  }
  return SMR_OK;
}

static smr_status add_text_row(const writer *w, char row[N_COLUMNS][CELL_BYTES]) {
  size_t start = w->out->length;
  for (int c = 0; c < N_COLUMNS; c++) {
    SMR_TRY(smr_text_add(w->out, "  %-*s", w->widths[c], row[c]));
  }
  while (w->out->length > start && w->out->data[w->out->length - 1] == ' ') {
    w->out->length--;
  }
  return smr_text_add(w->out, "\n");
}

static smr_status add_row(const writer *w, const smr_key *key) {
  char row[N_COLUMNS][CELL_BYTES];
  fill_row(w, key, row);
  if (!w->markdown) {
    SMR_TRY(add_text_row(w, row));
    return add_wrapped(w->out, key->meaning);
  }
  SMR_TRY(smr_text_add(w->out, "| `%s` |", row[KEY]));
  for (int c = TYPE; c < N_COLUMNS; c++) {
    bool is_code = c == DEFAULT && strcmp(row[c], "required") != 0;
    SMR_TRY(smr_text_add(w->out, is_code ? " `" : " "));
    SMR_TRY(is_code ? smr_text_add(w->out, "%s", row[c]) : add_markdown(w->out, row[c]));
    SMR_TRY(smr_text_add(w->out, is_code ? "` |" : " |"));
  }
  SMR_TRY(smr_text_add(w->out, " "));
  SMR_TRY(add_markdown(w->out, key->meaning));
  return smr_text_add(w->out, " |\n");
}

static size_t get_section_length(const smr_key *key) {
  const char *dot = strchr(key->name, '.');
  return dot != NULL ? (size_t)(dot - key->name) : 0;
}

static bool is_same_section(const smr_key *a, const smr_key *b) {
  size_t length = get_section_length(a);
  return length == get_section_length(b) && strncmp(a->name, b->name, length) == 0;
}

static smr_status add_section_head(const writer *w, const smr_key *key) {
  size_t length = get_section_length(key);
  if (!w->markdown) {
    return SMR_OK;
  }
  if (length > 0) {
    SMR_TRY(smr_text_add(w->out, "\n### %.*s\n", (int)length, key->name));
  }
  return smr_text_add(w->out, "\n| key | type | range | unit | default | axis | meaning |\n"
                              "|---|---|---|---|---|---|---|\n");
}

static smr_status add_table(const writer *w, const smr_key_table *table, const char *title) {
  const smr_key *last = NULL;
  if (!has_wanted(w, table)) {
    return SMR_OK;
  }
  SMR_TRY(smr_text_add(w->out, w->markdown ? "\n## %s\n" : "\n%s\n", title));
  for (int64_t i = 0; i < table->n_keys; i++) {
    const smr_key *key = &table->keys[i];
    if (!is_wanted(w, key)) {
      continue;
    }
    if (last == NULL || !is_same_section(last, key)) {
      SMR_TRY(add_section_head(w, key));
    }
    SMR_TRY(add_row(w, key));
    last = key;
  }
  return SMR_OK;
}

static const char introduction[] =
    "# Job files\n"
    "\n"
    "A job file is YAML. It names an experiment, gives its keys values, and says which keys to\n"
    "vary. This page is made from the tables that `simmer keys` shows.\n"
    "\n"
    "```yaml\n"
    "name: danger-zone            # output goes to out/<name>\n"
    "experiment: ridge\n"
    "data:  {source: teacher, features: 60, noise: 0.5}\n"
    "ridge: {lambda: {logspace: [1e-8, 1e4, 61]}}\n"
    "sweep:                       # every combination of the axes is one unit of work\n"
    "  data.instances: {range: [10, 200, 2]}\n"
    "  replicate: {count: 100}\n"
    "```\n"
    "\n"
    "Keys may be nested (`data: {noise: 0.5}`) or dotted (`data.noise: 0.5`), anywhere. An "
    "unknown\n"
    "key, a wrong type or a value out of range is an error with its line and column, and nothing\n"
    "runs. `auto`, where a key takes it, lets simmer choose.\n"
    "\n"
    "- **Sizes** are numbers of bytes or `500 MB`, `2 GiB`. **Durations** are seconds or "
    "`HH:MM:SS`.\n"
    "- **Lists** are written in brackets or made: `{range: [from, to, step]}` with both ends,\n"
    "  `{linspace: [from, to, n]}`, `{logspace: [from, to, n]}` with ends as they are (not\n"
    "  exponents), and `{count: n}` for 0, 1, ..., n-1. One value is a list of one. Made reals "
    "are\n"
    "  rounded to 15 significant digits, and for integer keys to whole numbers.\n"
    "- **sweep** maps keys to lists; each is an axis. A key is given in its section or in the\n"
    "  sweep, not in both, and every value of an axis is there once. Column `axis` below says "
    "which\n"
    "  keys can be axes. An *inner* axis is a list that one unit computes as a whole.\n"
    "- **zip** in the sweep joins axes that go together, value by value:\n"
    "  `zip: [{data.instances: [10, 20], data.noise: [0.1, 0.2]}]`.\n"
    "- **exclude** in the sweep takes combinations out:\n"
    "  `exclude: [{data.instances: 10, replicate: [0, 1]}]`.\n"
    "- **Overrides** on the command line replace what the file says: `-s data.noise=0.1`, or an\n"
    "  axis: `-s 'sweep.data.instances=[20, 40]'`. A value takes the place of an axis, an axis\n"
    "  that of a value.\n"
    "\n"
    "Keys of `run` say how to run, not what to compute: changing them keeps finished work.\n";

smr_status smr_job_write_keys(int64_t n_experiments, const smr_job_experiment *experiments,
                              const char *prefix, bool markdown, smr_text *out) {
  char title[CELL_BYTES];
  char head[N_COLUMNS][CELL_BYTES];
  writer w = {n_experiments, experiments, prefix != NULL ? prefix : "", markdown, {0}, out};
  for (int c = 0; c < N_COLUMNS; c++) {
    w.widths[c] = (int)strlen(titles[c]);
    snprintf(head[c], CELL_BYTES, "%s", titles[c]);
  }
  measure(&w, smr_key_common());
  for (int64_t i = 0; i < n_experiments; i++) {
    measure(&w, experiments[i].table);
  }
  SMR_TRY(markdown ? smr_text_add(out, "%s", introduction) : add_text_row(&w, head));
  SMR_TRY(add_table(&w, smr_key_common(), markdown ? "Every job" : "every job"));
  for (int64_t i = 0; i < n_experiments; i++) {
    snprintf(title, sizeof title, markdown ? "Experiment `%s`" : "experiment %s",
             experiments[i].name);
    SMR_TRY(add_table(&w, experiments[i].table, title));
  }
  return SMR_OK;
}
