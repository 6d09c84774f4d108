/* YAML text as a tree of nodes that know where they were written. */
#ifndef SIMMER_JOB_NODE_H
#define SIMMER_JOB_NODE_H

#include "report.h"

typedef enum { SMR_NODE_SCALAR, SMR_NODE_LIST, SMR_NODE_MAPPING } smr_node_kind;

typedef struct smr_node {
  smr_node_kind kind;
  bool is_plain; /* a scalar without quotes */
  smr_place place;
  const char *text;     /* of a scalar, terminated */
  struct smr_node *key; /* of a mapping's value */
  struct smr_node *first, *last, *next;
  int64_t n; /* children */
} smr_node;

/* Reads source `index` of complaints from byte `start` on. *root is NULL when there is nothing but
 * comments, or after a syntax error, which is then among the complaints. Local. */
smr_status smr_node_read(smr_complaints *complaints, int64_t index, size_t start,
                         smr_node **root) SMR_NODISCARD;

/* Bytes of the UTF-8 character at `text` and its code point; 0 bytes when there is none. Local. */
size_t smr_node_decode(const char *text, size_t left, uint32_t *code);

/* True for an empty value, ~ and null. */
bool smr_node_is_null(const smr_node *node);
/* Where a value's key was written, or the value itself where it has none. */
smr_place smr_node_get_key_place(const smr_node *node);

#endif
