/* Who owns a claim: the text of a claim file, and whether its process can be seen to be gone. */
#ifndef SIMMER_STORE_OWNER_H
#define SIMMER_STORE_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include "simmer/base/error.h"

enum { SMR_OWNER_NAME_BYTES = 128, SMR_OWNER_FIELD_BYTES = 80, SMR_OWNER_TEXT_BYTES = 1024 };

/* Text fields are "" and numbers -1 where nothing is known. */
typedef struct {
  char writer[SMR_OWNER_NAME_BYTES];
  char host[SMR_OWNER_NAME_BYTES];
  char boot[SMR_OWNER_FIELD_BYTES];          /* of this start of the kernel */
  char pid_namespace[SMR_OWNER_FIELD_BYTES]; /* in which `pid` means something; and of times */
  int64_t pid, start_time;                   /* start in clock ticks since the kernel's start */
  char cluster[SMR_OWNER_FIELD_BYTES];       /* Slurm's, as are the following */
  char job[SMR_OWNER_FIELD_BYTES];
  char array_task[SMR_OWNER_FIELD_BYTES]; /* "120_3" */
  int64_t restart;
} smr_owner;

/* This process as an owner. Local. */
void smr_owner_get_self(const char *writer, smr_owner *owner);
/* The text of a claim file; its length is returned. Local. */
size_t smr_owner_format(const smr_owner *owner, char text[SMR_OWNER_TEXT_BYTES]);
/* 1 when the text is whole (its last line has the CRC of the others), else 0. Local. */
int smr_owner_parse(const char *text, size_t bytes, smr_owner *owner);
/* 1 when the owner certainly runs no more: its process is gone from the kernel `self` runs on, or
 * it was an earlier start of self's own Slurm job. 0 says nothing. Local. */
int smr_owner_is_gone(const smr_owner *owner, const smr_owner *self);
/* "job 123 on node7 (process 4711)". Returns buffer. Local. */
const char *smr_owner_describe(const smr_owner *owner, char *buffer, size_t buffer_bytes);
/* The name of this host. Local. */
void smr_owner_get_host(char host[SMR_OWNER_NAME_BYTES]);

#endif
