/* Reading the claims folder: listings, claims, and the liveness of their owners. */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/clock.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"

static const double listing_age_s = 1.0;
/* A listing may take this share of the time, whatever the file system. */
static const double listing_share = 0.05;

typedef enum { FILE_OTHER, FILE_CLAIM, FILE_FREE, FILE_DONE } file_kind;

/* Decimal digits only, at most 18 of them. */
static int parse_generation(const char *digits, int64_t *generation) {
  size_t n = strspn(digits, "0123456789");
  if (n == 0 || n > 18 || digits[n] != '\0') {
    return 0;
  }
  *generation = strtoll(digits, NULL, 10);
  return 1;
}

/* Takes a file name apart; `block` gets what stands before the last full stop. */
static file_kind parse_name(const char *name, char block[SMR_BLOCK_NAME_BYTES],
                            int64_t *generation) {
  const char *dot = strrchr(name, '.');
  if (dot == NULL || dot == name || dot - name >= SMR_BLOCK_NAME_BYTES) {
    return FILE_OTHER;
  }
  memcpy(block, name, (size_t)(dot - name));
  block[dot - name] = '\0';
  if (strcmp(dot, ".done") == 0) {
    return FILE_DONE;
  }
  if (strncmp(dot, ".free", 5) == 0 && parse_generation(dot + 5, generation)) {
    return FILE_FREE;
  }
  return parse_generation(dot + 1, generation) ? FILE_CLAIM : FILE_OTHER;
}

smr_status smr_watch_get_block(smr_claims *claims, const char *name, smr_block **block) {
  int64_t index = 0;
  int64_t n = claims->block_names.n;
  SMR_TRY(smr_grow(n + 1, sizeof *claims->blocks, "blocks", &claims->block_capacity,
                   (void *)&claims->blocks));
  SMR_TRY(smr_names_add(&claims->block_names, name, &index));
  *block = &claims->blocks[index];
  if (index == n) {
    **block = (smr_block){.top = -1, .held = -1, .examined = -1, .owner = -1};
  }
  return SMR_OK;
}

static smr_status note_file(smr_claims *claims, const char *name) {
  char block_name[SMR_BLOCK_NAME_BYTES];
  int64_t generation = -1;
  smr_block *block = NULL;
  file_kind kind = parse_name(name, block_name, &generation);
  if (kind == FILE_OTHER) {
    return SMR_OK;
  }
  SMR_TRY(smr_watch_get_block(claims, block_name, &block));
  if (block->listing != claims->n_listings) {
    block->listing = claims->n_listings;
    block->top = -1;
    block->is_free = 0;
    block->is_done = 0;
  }
  if (kind == FILE_DONE) {
    block->is_done = 1;
  } else if (generation > block->top) {
    block->top = generation;
    block->is_free = kind == FILE_FREE;
  }
  return SMR_OK;
}

static smr_status list_folder(smr_claims *claims) {
  DIR *folder = opendir(claims->folder);
  if (folder == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot list %s: %s", claims->folder, strerror(errno));
  }
  claims->n_listings++;
  smr_status status = SMR_OK;
  errno = 0;
  for (const struct dirent *file = readdir(folder); file != NULL && status == SMR_OK;
       file = readdir(folder)) {
    status = note_file(claims, file->d_name);
    errno = 0;
  }
  if (status == SMR_OK && errno != 0) {
    status = smr_error_set(SMR_ERR_IO, "cannot list %s: %s", claims->folder, strerror(errno));
  }
  closedir(folder);
  return status;
}

/* Blocks whose files are all gone are as if never seen. */
static void forget_vanished(smr_claims *claims) {
  for (int64_t i = 0; i < claims->block_names.n; i++) {
    smr_block *block = &claims->blocks[i];
    if (block->listing != claims->n_listings) {
      block->top = -1;
      block->is_free = 0;
      block->is_done = 0;
    }
  }
}

smr_status smr_watch_list(smr_claims *claims) {
  double start = smr_clock_monotonic_s();
  double age = listing_age_s;
  if (claims->listing_cost_s / listing_share > age) {
    age = claims->listing_cost_s / listing_share;
  }
  if (!claims->is_stale && start - claims->listed_s < age) {
    return SMR_OK;
  }
  SMR_TRY(list_folder(claims));
  forget_vanished(claims);
  claims->is_stale = 0;
  claims->listed_s = smr_clock_monotonic_s();
  claims->listing_cost_s = claims->listed_s - start;
  return SMR_OK;
}

/* How often a claim or a heartbeat is looked at: at most every half second. */
static double get_look_interval_s(const smr_claims *claims) {
  return claims->lease_s / 4 < 0.5 ? claims->lease_s / 4 : 0.5;
}

/* Index of an owner among the observed. */
static smr_status observe(smr_claims *claims, const smr_owner *owner, int64_t *index) {
  SMR_TRY(smr_grow(claims->writer_names.n + 1, sizeof *claims->observed, "owners of claims",
                   &claims->observed_capacity, (void *)&claims->observed));
  SMR_TRY(smr_names_add(&claims->writer_names, owner->writer, index));
  smr_observed *observed = &claims->observed[*index];
  if (!observed->is_known) {
    *observed = (smr_observed){.owner = *owner, .is_known = 1, .beat = -1};
    observed->seen_s = -get_look_interval_s(claims);
    observed->changed_s = smr_heartbeat_get_clock_s(claims->heartbeat);
  }
  return SMR_OK;
}

/* Reads a claim file; -1 when it can't be opened. */
static int64_t read_claim(const smr_claims *claims, const char *name, int64_t generation,
                          char text[SMR_OWNER_TEXT_BYTES]) {
  char path[SMR_PATH_BYTES + SMR_CLAIM_NAME_BYTES];
  snprintf(path, sizeof path, "%s/%s.%lld", claims->folder, name, (long long)generation);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return -1;
  }
  ssize_t got = 0;
  do {
    got = read(file, text, SMR_OWNER_TEXT_BYTES);
  } while (got < 0 && errno == EINTR);
  close(file);
  return got;
}

smr_status smr_watch_examine(smr_claims *claims, const char *name) {
  smr_block *block = NULL;
  smr_owner owner;
  char text[SMR_OWNER_TEXT_BYTES];
  SMR_TRY(smr_watch_get_block(claims, name, &block));
  double now = smr_clock_monotonic_s();
  int is_same = block->examined == block->top;
  int is_damaged = block->owner < 0;
  if (is_same && (!is_damaged || now - block->seen_s < get_look_interval_s(claims))) {
    return SMR_OK;
  }
  int64_t bytes = read_claim(claims, name, block->top, text);
  if (bytes < 0) {
    claims->is_stale = 1; /* renamed meanwhile */
    return SMR_OK;
  }
  block->examined = block->top;
  block->seen_s = now;
  if (smr_owner_parse(text, (size_t)bytes, &owner)) {
    return observe(claims, &owner, &block->owner);
  }
  block->owner = -1;
  uint32_t damage = smr_crc32(0, text, (size_t)bytes);
  if (!is_same || damage != block->damage) {
    block->damage = damage;
    block->changed_s = smr_heartbeat_get_clock_s(claims->heartbeat);
  }
  return SMR_OK;
}

/* Is the owner's heartbeat unchanged for too long? A missing one counts as unchanged. */
static int is_silent(smr_claims *claims, smr_observed *observed) {
  char path[SMR_PATH_BYTES + SMR_CLAIM_NAME_BYTES];
  smr_beat beat;
  snprintf(path, sizeof path, "%s/%s.beat", claims->folder, observed->owner.writer);
  double now = smr_heartbeat_get_clock_s(claims->heartbeat);
  if (smr_beat_read(path, &beat) && beat.beat != observed->beat) {
    observed->beat = beat.beat;
    observed->changed_s = now;
  }
  return now - observed->changed_s >= claims->lease_s;
}

/* Looks at an owner now and then; a silent one may speak again. */
static int is_dead(smr_claims *claims, int64_t index) {
  smr_observed *observed = &claims->observed[index];
  double now = smr_clock_monotonic_s();
  if (!observed->is_gone && now - observed->seen_s >= get_look_interval_s(claims)) {
    observed->seen_s = now;
    observed->is_gone = smr_owner_is_gone(&observed->owner, &claims->self);
    observed->is_silent = is_silent(claims, observed);
  }
  return observed->is_gone || observed->is_silent;
}

smr_status smr_watch_judge(smr_claims *claims, const char *name, smr_claim_outcome *outcome) {
  smr_block *block = NULL;
  *outcome = SMR_CLAIM_BUSY;
  SMR_TRY(smr_watch_get_block(claims, name, &block));
  if (block->is_done) {
    *outcome = SMR_CLAIM_DONE;
    return SMR_OK;
  }
  if (block->held >= 0) {
    return SMR_OK;
  }
  if (block->top < 0 || block->is_free) {
    *outcome = SMR_CLAIM_TAKEN;
    return SMR_OK;
  }
  SMR_TRY(smr_watch_examine(claims, name));
  if (claims->is_stale) {
    return SMR_OK;
  }
  double now = smr_heartbeat_get_clock_s(claims->heartbeat);
  int is_lost =
      block->owner < 0 ? now - block->changed_s >= claims->lease_s : is_dead(claims, block->owner);
  if (is_lost) {
    *outcome = SMR_CLAIM_INHERITED;
  }
  return SMR_OK;
}
