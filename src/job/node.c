/* Builds nodes from libfyaml's events.
 *
 * Events rather than its documents: they carry positions for every node, let all duplicate keys be
 * reported in one go, and need no recursion. */
#include "node.h"

#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_LIMIT = 32, TEXT_LIMIT = 1 << 26 };

typedef struct {
  smr_complaints *complaints;
  int64_t source;
  const char *text; /* what libfyaml sees: the source from `start` on */
  size_t start, length;
  smr_node *stack[DEPTH_LIMIT];
  int depth;
  smr_node *root;
  smr_node *keys[DEPTH_LIMIT]; /* of each open mapping: waits for its value */
  size_t last_end;             /* where an empty value is said to be */
  int n_documents;
  bool is_bad; /* a mistake that makes the rest unreadable */
} reader;

bool smr_node_is_null(const smr_node *node) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
  bool is_null = false;
  if (node->kind == SMR_NODE_SCALAR && node->is_plain) {
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
      is_null = is_null || strcmp(node->text, nulls[i]) == 0;
    }
  }
  return is_null;
}

smr_place smr_node_get_key_place(const smr_node *node) {
  return node->key != NULL ? node->key->place : node->place;
}

static void refuse(reader *in, smr_place place, const char *message) {
  smr_complaints_add(in->complaints, place, "%s", message);
  in->is_bad = true;
}

size_t smr_node_decode(const char *text, size_t left, uint32_t *code) {
  const unsigned char *at = (const unsigned char *)text;
  size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
  uint32_t value = bytes == 1 ? at[0] : at[0] & (0xffU >> (bytes + 1));
  if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4 || bytes > left) {
    return 0;
  }
  for (size_t i = 1; i < bytes; i++) {
    if ((at[i] & 0xc0U) != 0x80U) {
      return 0;
    }
    value = value << 6 | (at[i] & 0x3fU);
  }
  /* Overlong forms, surrogates, and what lies beyond Unicode. */
  bool is_bad = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000) ||
                (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff;
  *code = value;
  return is_bad ? 0 : bytes;
}

/* What YAML takes as it is; the rest must be written by an escape in double quotes. */
static bool is_printable(uint32_t code) {
  if (code < 0x20) {
    return code == '\t' || code == '\n' || code == '\r';
  }
  return code < 0x7f || code == 0x85 || (code >= 0xa0 && code != 0xfffe && code != 0xffff);
}

static bool is_text(const char *text, size_t length) {
  uint32_t code = 0;
  for (size_t i = 0; i < length;) {
    size_t bytes = smr_node_decode(text + i, length - i, &code);
    if (bytes == 0 || code == 0) {
      return false;
    }
    i += bytes;
  }
  return true;
}

/* libfyaml ends quietly at a byte that isn't UTF-8, so such bytes are found before it starts. */
static void check_characters(reader *in) {
  uint32_t code = 0;
  for (size_t i = 0; i < in->length;) {
    size_t bytes = smr_node_decode(in->text + i, in->length - i, &code);
    if (bytes == 0 || !is_printable(code)) {
      smr_place place = {in->source, in->start + i, in->start + i + 1};
      refuse(in, place, "there is no such character in a job file, which is written in UTF-8");
      return;
    }
    i += bytes;
  }
}

static smr_place get_place(const reader *in, struct fy_event *event, bool is_quoted) {
  const struct fy_mark *from = fy_event_start_mark(event);
  const struct fy_mark *to = fy_event_end_mark(event);
  smr_place place = {in->source, in->last_end, in->last_end};
  if (from != NULL && from->input_pos <= in->length) {
    place.start = in->start + from->input_pos;
    place.end = to != NULL && to->input_pos <= in->length ? in->start + to->input_pos : place.start;
    if (is_quoted) {
      /* libfyaml's marks lie inside the quotes. */
      place.start -= place.start > in->start;
      place.end += place.end < in->start + in->length;
    }
  }
  return place;
}

/* Puts a finished or opened node into its parent. */
static void attach(reader *in, smr_node *node) {
  if (in->depth == 0) {
    in->root = node;
    return;
  }
  smr_node *parent = in->stack[in->depth - 1];
  if (parent->kind == SMR_NODE_MAPPING) {
    if (in->keys[in->depth - 1] == NULL) {
      if (node->kind != SMR_NODE_SCALAR) {
        refuse(in, node->place, "a key must be a name, not a list or a mapping");
        return;
      }
      in->keys[in->depth - 1] = node;
      return;
    }
    node->key = in->keys[in->depth - 1];
    in->keys[in->depth - 1] = NULL;
  }
  if (parent->last != NULL) {
    parent->last->next = node;
  } else {
    parent->first = node;
  }
  parent->last = node;
  parent->n++;
}

static smr_status add_scalar(reader *in, struct fy_event *event, smr_node *node) {
  struct fy_token *token = event->scalar.value;
  enum fy_scalar_style style = token != NULL ? fy_token_scalar_style(token) : FYSS_PLAIN;
  node->kind = SMR_NODE_SCALAR;
  node->is_plain = style == FYSS_PLAIN;
  node->place = get_place(in, event, style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED);
  size_t length = 0;
  const char *text = token != NULL ? fy_token_get_text(token, &length) : NULL;
  if (text == NULL) {
    text = "";
    length = 0;
  }
  if (!is_text(text, length)) {
    refuse(in, node->place, "an escape in this text stands for no character");
    return SMR_OK;
  }
  return smr_arena_copy(in->complaints->arena, text, length, &node->text);
}

static void open_collection(reader *in, struct fy_event *event, smr_node *node) {
  node->kind = event->type == FYET_MAPPING_START ? SMR_NODE_MAPPING : SMR_NODE_LIST;
  node->place = get_place(in, event, false);
  attach(in, node);
  if (in->depth == DEPTH_LIMIT) {
    refuse(in, node->place, "lists and mappings are nested too deeply here");
    return;
  }
  in->keys[in->depth] = NULL;
  in->stack[in->depth++] = node;
}

static void close_collection(reader *in, struct fy_event *event) {
  smr_place place = get_place(in, event, false);
  smr_node *node = in->depth > 0 ? in->stack[--in->depth] : NULL;
  /* A list in brackets ends at its bracket; one without ends somewhere below, and only its start
   * is shown. */
  if (node != NULL && place.end > place.start) {
    node->place.end = place.end;
  }
}

/* A tag or anchor on a node, which job files don't take. */
static bool has_property(const struct fy_event *event) {
  switch (event->type) {
  case FYET_SCALAR:
    return event->scalar.tag != NULL || event->scalar.anchor != NULL;
  case FYET_SEQUENCE_START:
    return event->sequence_start.tag != NULL || event->sequence_start.anchor != NULL;
  case FYET_MAPPING_START:
    return event->mapping_start.tag != NULL || event->mapping_start.anchor != NULL;
  default:
    return event->type == FYET_ALIAS;
  }
}

static smr_status handle_event(reader *in, struct fy_event *event) {
  if (has_property(event)) {
    refuse(in, get_place(in, event, false),
           "YAML's tags (!), anchors (&) and aliases (*) are not taken in a job file; "
           "put a text that begins with one of them in quotes");
    return SMR_OK;
  }
  smr_node *node = NULL;
  switch (event->type) {
  case FYET_DOCUMENT_START:
    if (++in->n_documents > 1) {
      refuse(in, get_place(in, event, false), "a job file holds one document; this starts another");
    }
    return SMR_OK;
  case FYET_SCALAR:
  case FYET_SEQUENCE_START:
  case FYET_MAPPING_START:
    SMR_TRY(smr_arena_alloc(in->complaints->arena, 1, sizeof *node, "a part of the job", &node));
    break;
  case FYET_SEQUENCE_END:
  case FYET_MAPPING_END:
    close_collection(in, event);
    return SMR_OK;
  default:
    return SMR_OK;
  }
  if (event->type != FYET_SCALAR) {
    open_collection(in, event, node);
    return SMR_OK;
  }
  SMR_TRY(add_scalar(in, event, node));
  in->last_end = node->place.end;
  if (!in->is_bad) {
    attach(in, node);
  }
  return SMR_OK;
}

/* Byte of a line and column counted from 1. */
static size_t find_offset(const reader *in, int line, int column) {
  size_t at = 0;
  for (int i = 1; i < line; i++) {
    const char *end = memchr(in->text + at, '\n', in->length - at);
    if (end == NULL) {
      return in->length;
    }
    at = (size_t)(end - in->text) + 1;
  }
  for (int i = 1; i < column && at < in->length && in->text[at] != '\n'; i++) {
    at++;
    while (at < in->length && ((unsigned char)in->text[at] & 0xc0U) == 0x80U) {
      at++;
    }
  }
  return at;
}

/* True when the line of `at` or the next one is indented by a tab. */
static bool has_tab_indent(const reader *in, size_t at) {
  size_t line = at;
  while (line > 0 && in->text[line - 1] != '\n') {
    line--;
  }
  const char *next = strchr(in->text + line, '\n');
  const char *lines[2] = {in->text + line, next != NULL ? next + 1 : ""};
  bool has_tab = false;
  for (int i = 0; i < 2; i++) {
    has_tab = has_tab || lines[i][strspn(lines[i], " ")] == '\t';
  }
  return has_tab;
}

/* libfyaml's first message in our form. It stops at its first error. */
static void report_syntax(reader *in, struct fy_diag *diag) {
  void *iterator = NULL;
  const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
  const char *message = error != NULL ? error->msg : "this is no YAML from here on";
  size_t at = error != NULL ? find_offset(in, error->line, error->column) : in->length;
  smr_place place = {in->source, in->start + at, in->start + at + 1};
  const char *hint = "";
  if (strstr(message, "without a closing") != NULL && in->depth > 0) {
    /* The bracket that is open tells more than the end of the file. */
    const smr_node *open = in->stack[in->depth - 1];
    place = open->place.end > open->place.start ? open->place : place;
  } else if (has_tab_indent(in, at)) {
    hint = "; a tab can't indent in YAML, use spaces";
  } else if (strcmp(message, "invalid multiline plain key") == 0) {
    hint = "; is the next line indented too far, or a ':' or quote missing?";
  }
  smr_complaints_add(in->complaints, place, "this is no YAML: %s%s", message, hint);
  in->is_bad = true;
}

static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t length) {
  (void)diag;
  (void)user;
  (void)text;
  (void)length;
}

static smr_status read_events(reader *in, struct fy_parser *parser, struct fy_diag *diag) {
  smr_status status = SMR_OK;
  bool is_complete = false;
  while (status == SMR_OK && !in->is_bad && !is_complete) {
    struct fy_event *event = fy_parser_parse(parser);
    if (event == NULL) {
      break;
    }
    is_complete = event->type == FYET_STREAM_END;
    status = handle_event(in, event);
    fy_parser_event_free(parser, event);
  }
  void *iterator = NULL;
  bool has_error = fy_diag_errors_iterate(diag, &iterator) != NULL;
  if (status == SMR_OK && !in->is_bad && (has_error || !is_complete)) {
    report_syntax(in, diag);
  }
  return status;
}

static smr_status parse(reader *in) {
  smr_status status = SMR_OK;
  struct fy_diag_cfg diag_setup;
  fy_diag_cfg_default(&diag_setup);
  diag_setup.fp = NULL;
  diag_setup.output_fn = drop_output;
  diag_setup.colorize = false;
  struct fy_parser *parser = NULL;
  struct fy_diag *diag = fy_diag_create(&diag_setup);
  if (diag == NULL) {
    SMR_FAIL_DONE(SMR_ERR_MEMORY, "not enough memory to read YAML");
  }
  fy_diag_set_collect_errors(diag, true);
  struct fy_parse_cfg setup = {.search_path = "",
                               .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                        FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
                               .diag = diag};
  parser = fy_parser_create(&setup);
  if (parser == NULL || fy_parser_set_string(parser, in->text, in->length) != 0) {
    SMR_FAIL_DONE(SMR_ERR_MEMORY, "not enough memory to read YAML");
  }
  status = read_events(in, parser, diag);
done:
  fy_parser_destroy(parser);
  fy_diag_destroy(diag);
  return status;
}

smr_status smr_node_read(smr_complaints *complaints, int64_t index, size_t start, smr_node **root) {
  const smr_source *source = &complaints->sources[index];
  reader in = {.complaints = complaints,
               .source = index,
               .text = source->text + start,
               .start = start,
               .length = source->length - start,
               .last_end = start};
  *root = NULL;
  if (in.length > TEXT_LIMIT) {
    refuse(&in, (smr_place){index, 0, 0}, "this file is too large for a job file");
    return SMR_OK;
  }
  check_characters(&in);
  if (in.is_bad || in.length == 0) {
    return SMR_OK;
  }
  SMR_TRY(parse(&in));
  *root = in.is_bad ? NULL : in.root;
  return SMR_OK;
}
