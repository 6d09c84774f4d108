/* Lists of values: one by one, or made by range, linspace, logspace, count. */
#ifndef SIMMER_JOB_LIST_H
#define SIMMER_JOB_LIST_H

#include "value.h"

/* Values that all lists of one job may hold together: a typing error must not take all memory. */
enum { SMR_LIST_LIMIT = 10000000 };

typedef struct {
  smr_complaints *complaints;
  int64_t n_left; /* of SMR_LIST_LIMIT */
} smr_list_reader;

/* Reads a node as the values of a key, each checked. *is_good is false after a complaint. Local. */
smr_status smr_list_read(smr_list_reader *reader, const smr_key *key, const smr_node *node,
                         smr_list *list, bool *is_good) SMR_NODISCARD;
/* Storage for n values of the key's kind. Local. */
smr_status smr_list_create(smr_arena *arena, const smr_key *key, int64_t n,
                           smr_list *list) SMR_NODISCARD;
void smr_list_set(const smr_key *key, smr_list *list, int64_t index, smr_value value);

/* <0, 0, >0 as value i of the list comes before, is, or comes after value j. */
int smr_list_compare(const smr_key *key, const smr_list *list, int64_t i, int64_t j);
/* All values as canonical texts, [n]. Local. */
smr_status smr_list_get_texts(smr_arena *arena, const smr_key *key, const smr_list *list,
                              const char ***texts) SMR_NODISCARD;

#endif
