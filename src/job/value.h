/* Values of keys: from YAML scalars, as canonical text, into structs. */
#ifndef SIMMER_JOB_VALUE_H
#define SIMMER_JOB_VALUE_H

#include "node.h"
#include "simmer/job/key.h"

/* One value: i for BOOL, INT, CHOICE and BYTES, d for REAL and DURATION, s for STRING. */
typedef union {
  int64_t i;
  double d;
  const char *s;
} smr_value;

/* Which member of a value a key's type uses. */
typedef enum { SMR_KIND_INTEGER, SMR_KIND_REAL, SMR_KIND_TEXT } smr_value_kind;

/* Values of a key, [n]; a scalar has one. Owned by the job's arena. */
typedef struct {
  int64_t n;
  int64_t *integers;   /* kind INTEGER */
  double *reals;       /* kind REAL; for INTEGER as well once it is an axis */
  const char **texts;  /* kind TEXT */
  const char *written; /* the generator, as it can be written again; NULL for values one by one */
} smr_list;

/* A value that is `auto`. */
enum { SMR_AUTO = -1 };

/* INTS -> INT, REALS -> REAL, others as they are. */
smr_key_type smr_value_get_type(const smr_key *key);
smr_value_kind smr_value_get_kind(const smr_key *key);
bool smr_value_is_list(const smr_key *key);

/* "an integer from 1 to 1e12 (rows), or auto": what one value of the key must be. Returns buffer.
 */
enum { SMR_EXPECT_BYTES = 512 };
const char *smr_value_expect(const smr_key *key, char buffer[SMR_EXPECT_BYTES]);

/* The range of a number alone: "from 1 to 1e12", ">= 0", "". Returns buffer. */
const char *smr_value_get_range(const smr_key *key, char buffer[SMR_EXPECT_BYTES]);

/* A number in YAML's decimal forms; false for anything else, inf and nan included. */
bool smr_value_parse_number(const char *text, double *number);
/* The same for a whole number, also written as 1e6. */
bool smr_value_parse_integer(const char *text, int64_t *number);

/* Range check of a number. */
bool smr_value_is_in_range(const smr_key *key, smr_value value);
/* Reads a scalar as a value of the key, range included. False after a complaint. A text stays the
 * node's. Local. */
bool smr_value_read(smr_complaints *complaints, const smr_key *key, const smr_node *node,
                    smr_value *value);
/* The same without the range: what a generator is made of. False, without a complaint. Local. */
bool smr_value_convert(const smr_key *key, const smr_node *node, smr_value *value);

/* Adds a value's canonical text: the shortest decimal that reads back as the same number, names of
 * choices, texts as they are. */
smr_status smr_value_add_text(const smr_key *key, smr_value value, smr_text *out) SMR_NODISCARD;
smr_status smr_value_add_real(double value, smr_text *out) SMR_NODISCARD;

/* <0, 0, >0 as a comes before, is, or comes after b. */
int smr_value_compare(const smr_key *key, smr_value a, smr_value b);

smr_value smr_list_get(const smr_key *key, const smr_list *list, int64_t index);

#endif
