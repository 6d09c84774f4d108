/* What to say about a name that doesn't exist. */
#include <stdio.h>
#include <string.h>

#include "model.h"

static const char *get_last_part(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL ? dot + 1 : name;
}

/* How far a name is from a key, by its whole or by its last part; large when it isn't near. */
static int get_distance(const char *name, const char *key) {
  enum { FAR = 1000 };
  int whole = smr_text_distance(name, key);
  int part = smr_text_distance(get_last_part(name), get_last_part(key));
  bool is_near = whole <= 1 + (int)strlen(key) / 5 && whole < (int)strlen(key);
  bool is_part_near = part <= (int)strlen(get_last_part(key)) / 4;
  int distance = is_near ? whole : FAR;
  return is_part_near && part + 1 < distance ? part + 1 : distance;
}

typedef struct {
  char *text;
  size_t bytes, used;
} line;

/* Adds a name to an enumeration; what doesn't fit is left out. */
static void add_name(line *out, const char *name, size_t length) {
  const char *between = out->used > 0 ? ", " : "";
  if (out->used + length + 8 < out->bytes) {
    int more = snprintf(out->text + out->used, out->bytes - out->used, "%s%.*s", between,
                        (int)length, name);
    out->used += more > 0 ? (size_t)more : 0;
  }
}

/* Names directly below a section ("" for the top), each once. Keys of a section follow each other,
 * so that a subsection shows up only where it begins. */
static void list_names(const smr_job *job, const char *section, size_t length, line *out) {
  const char *last = "";
  size_t last_length = 0;
  for (int64_t i = 0; i < job->n_slots; i++) {
    const char *key = job->slots[i].key->name;
    if (length > 0 && (strncmp(key, section, length) != 0 || key[length] != '.')) {
      continue;
    }
    const char *name = key + length + (length > 0);
    size_t name_length = strcspn(name, ".");
    if (name_length != last_length || strncmp(name, last, last_length) != 0) {
      add_name(out, name, name_length);
    }
    last = name;
    last_length = name_length;
  }
  if (length == 0) {
    add_name(out, "sweep", 5);
  }
}

/* Nearest section of the job, in part[] once found. */
static int find_near_section(const smr_job *job, const char *name, char *part, size_t part_bytes) {
  int best = (int)strlen(name) / 3 + 1;
  bool is_found = false;
  for (int64_t i = 0; i < job->n_slots; i++) {
    const char *key = job->slots[i].key->name;
    const char *dot = strrchr(key, '.');
    char section[SMR_QUOTE_BYTES];
    if (dot == NULL || (size_t)(dot - key) >= sizeof section) {
      continue;
    }
    snprintf(section, sizeof section, "%.*s", (int)(dot - key), key);
    int distance = smr_text_distance(name, section);
    if (distance < best) {
      best = distance;
      is_found = true;
      snprintf(part, part_bytes, "%s", section);
    }
  }
  return is_found ? best : -1;
}

const char *smr_suggest_key(const smr_job *job, const char *name, char buffer[SMR_SUGGEST_BYTES]) {
  const char *best = NULL;
  char section[SMR_QUOTE_BYTES] = "sweep";
  int best_distance = 100;
  for (int64_t i = 0; i < job->n_slots; i++) {
    int distance = get_distance(name, job->slots[i].key->name);
    if (distance < best_distance) {
      best_distance = distance;
      best = job->slots[i].key->name;
    }
  }
  int section_distance = smr_text_distance(name, "sweep") < 3
                             ? 1
                             : find_near_section(job, name, section, sizeof section);
  if (section_distance >= 0 && section_distance < best_distance) {
    best = section;
  }
  if (best != NULL) {
    snprintf(buffer, SMR_SUGGEST_BYTES, "did you mean '%s'?", best);
    return buffer;
  }
  const char *dot = strrchr(name, '.');
  size_t length = dot != NULL ? (size_t)(dot - name) : 0;
  char above[SMR_QUOTE_BYTES] = "";
  if (length < sizeof above) {
    snprintf(above, sizeof above, "%.*s", (int)length, name);
  }
  if (!smr_job_is_section(job, above)) {
    above[0] = '\0';
  }
  int used =
      snprintf(buffer, SMR_SUGGEST_BYTES, above[0] != '\0' ? "%s has " : "there are ", above);
  line out = {buffer + used, SMR_SUGGEST_BYTES - (size_t)used, 0};
  list_names(job, above, strlen(above), &out);
  return buffer;
}

const char *smr_suggest_experiment(int64_t n, const smr_job_experiment *experiments,
                                   const char *name, int64_t *nearest,
                                   char buffer[SMR_SUGGEST_BYTES]) {
  int best = 3;
  line out = {buffer, SMR_SUGGEST_BYTES, 0};
  *nearest = -1;
  for (int64_t i = 0; i < n; i++) {
    int distance = smr_text_distance(name, experiments[i].name);
    if (distance < best) {
      best = distance;
      *nearest = i;
    }
  }
  if (*nearest >= 0) {
    snprintf(buffer, SMR_SUGGEST_BYTES, "did you mean '%s'?", experiments[*nearest].name);
    return buffer;
  }
  out.used = (size_t)snprintf(buffer, SMR_SUGGEST_BYTES, "there ");
  for (int64_t i = 0; i < n; i++) {
    const char *between = i == 0 ? (n == 1 ? "is " : "are ") : ", ";
    if (out.used + strlen(experiments[i].name) + 8 < out.bytes) {
      out.used += (size_t)snprintf(buffer + out.used, out.bytes - out.used, "%s%s", between,
                                   experiments[i].name);
    }
  }
  return buffer;
}
