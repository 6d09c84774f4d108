/* Taking, finishing and handing back blocks of units.
 *
 * Every file is created with O_EXCL by one process, and only that process renames it: to .done when
 * the block is finished, to .free<generation> when it is handed back. So an owner that was taken
 * for dead and wakes up can do no harm, and no generation is ever used twice. A claim that is made
 * on an old view of the folder is found out by looking again after creating it. Should two owners
 * work on one block after all, they compute the same bits. */
#include "simmer/store/claims.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/clock.h"
#include "simmer/base/fault.h"
#include "simmer/base/memory.h"
#include "watch.h"

/* Hearts beat at least once a second, which a file system may show late. */
enum { ATTEMPTS = 4, LONGEST_QUIET_S = 3 };
/* Where no heart ever beat, somebody may be just about to begin. */
static const double shortest_quiet_s = 0.5;
typedef char claim_path[SMR_PATH_BYTES + SMR_CLAIM_NAME_BYTES];

static int is_good_name(const char *name) {
  size_t length = strlen(name);
  if (length == 0 || length >= SMR_OWNER_NAME_BYTES || name[0] == '.') {
    return 0;
  }
  for (size_t i = 0; i < length; i++) {
    if (name[i] == '/' || (unsigned char)name[i] <= ' ') {
      return 0;
    }
  }
  return 1;
}

static void get_path(const smr_claims *claims, const char *block, int64_t generation,
                     claim_path path) {
  snprintf(path, sizeof(claim_path), "%s/%s.%" PRId64, claims->folder, block, generation);
}

static void get_free_path(const smr_claims *claims, const char *block, int64_t generation,
                          claim_path path) {
  snprintf(path, sizeof(claim_path), "%s/%s.free%" PRId64, claims->folder, block, generation);
}

static void get_done_path(const smr_claims *claims, const char *block, claim_path path) {
  snprintf(path, sizeof(claim_path), "%s/%s.done", claims->folder, block);
}

smr_status smr_claims_open(const char *folder, const char *writer, double lease_s,
                           smr_claims **out) {
  smr_status status = SMR_OK;
  smr_claims *claims = NULL;
  *out = NULL;
  if (!is_good_name(writer) || !(lease_s > 0)) {
    SMR_FAIL(SMR_ERR_INTERNAL, "claims need a plain writer's name and a lease above 0 s");
  }
  SMR_TRY(smr_memory_alloc(1, sizeof *claims, "claims", (void *)&claims));
  SMR_TRY_DONE(smr_file_join(claims->folder, folder, "claims"));
  SMR_TRY_DONE(smr_file_make_folder(claims->folder));
  smr_owner_get_self(writer, &claims->self);
  claims->lease_s = lease_s;
  claims->is_stale = 1;
  SMR_TRY_DONE(smr_heartbeat_start(claims->folder, writer, lease_s, &claims->heartbeat));
  *out = claims;
  claims = NULL;
done:
  smr_claims_close(&claims);
  return status;
}

void smr_claims_close(smr_claims **claims) {
  smr_claims *closing = *claims;
  if (closing == NULL) {
    return;
  }
  /* A failure here is no news: others find out that this process is gone. What was said of an
   * earlier one is kept. */
  char message[1024];
  snprintf(message, sizeof message, "%s", smr_error_message());
  for (int64_t i = 0; i < closing->block_names.n; i++) {
    if (closing->blocks[i].held >= 0 &&
        smr_claims_hand_back(closing, closing->block_names.names[i]) != SMR_OK) {
      smr_error_set(SMR_ERR_IO, "%s", message);
    }
  }
  smr_heartbeat_stop(&closing->heartbeat);
  smr_names_clear(&closing->block_names);
  smr_names_clear(&closing->writer_names);
  smr_memory_free(closing->blocks);
  smr_memory_free(closing->observed);
  smr_memory_free(closing);
  *claims = NULL;
}

static smr_status fail_io(const char *what, const char *path, int cause) {
  smr_status status = cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO;
  return smr_error_set(status, "cannot %s %s: %s", what, path, strerror(cause));
}

/* Network file systems may repeat a request whose answer was lost, and then report our own file as
 * somebody else's. */
static int is_our_file(const char *path, const char *text, size_t bytes) {
  char found[SMR_OWNER_TEXT_BYTES];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  ssize_t got = read(file, found, sizeof found);
  close(file);
  return got == (ssize_t)bytes && memcmp(found, text, bytes) == 0;
}

/* Creates a claim file with our name in it; *is_ours = 0 when it is there already. */
static smr_status create_claim(const smr_claims *claims, const char *path, int *is_ours) {
  char text[SMR_OWNER_TEXT_BYTES];
  size_t bytes = smr_owner_format(&claims->self, text);
  *is_ours = 0;
  if (smr_fault("claims.create")) {
    return fail_io("create", path, EIO);
  }
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0 && errno == EEXIST) {
    *is_ours = is_our_file(path, text, bytes);
    return SMR_OK;
  }
  if (file < 0) {
    return fail_io("create", path, errno);
  }
  ssize_t written = 0;
  do {
    written = write(file, text, bytes);
  } while (written < 0 && errno == EINTR);
  int cause = written < 0 ? errno : ENOSPC;
  int is_whole = written == (ssize_t)bytes;
  if (close(file) != 0 && is_whole && errno != EINTR) {
    is_whole = 0;
    cause = errno;
  }
  if (!is_whole) {
    (void)unlink(path);
    return fail_io("write", path, cause);
  }
  *is_ours = 1;
  return SMR_OK;
}

/* Was the claim made on an old view of the folder? Its generation was free for taking only if it
 * was neither finished nor handed back nor followed by another. */
static int is_overtaken(const smr_claims *claims, const char *block, int64_t generation) {
  claim_path path;
  get_done_path(claims, block, path);
  if (access(path, F_OK) == 0) {
    return 1;
  }
  get_free_path(claims, block, generation, path);
  if (access(path, F_OK) == 0) {
    return 1;
  }
  get_path(claims, block, generation + 1, path);
  return access(path, F_OK) == 0;
}

/* Claims one generation of a block; *is_ours = 0 when somebody else was faster. */
static smr_status claim(smr_claims *claims, const char *block, int64_t generation, int *is_ours) {
  claim_path path;
  get_path(claims, block, generation, path);
  SMR_TRY(create_claim(claims, path, is_ours));
  if (*is_ours && is_overtaken(claims, block, generation)) {
    *is_ours = 0;
    (void)unlink(path);
  }
  if (!*is_ours) {
    claims->is_stale = 1;
    return SMR_OK;
  }
  smr_block *entry = NULL;
  SMR_TRY(smr_watch_get_block(claims, block, &entry));
  entry->held = generation;
  entry->top = generation;
  entry->is_free = 0;
  return SMR_OK;
}

smr_status smr_claims_take(smr_claims *claims, const char *block, smr_claim_outcome *outcome,
                           int64_t *generation) {
  *outcome = SMR_CLAIM_BUSY;
  *generation = 0;
  if (!is_good_name(block)) {
    SMR_FAIL(SMR_ERR_INTERNAL, "\"%s\" can't be the name of a block", block);
  }
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    smr_block *entry = NULL;
    int is_ours = 0;
    SMR_TRY(smr_watch_list(claims));
    SMR_TRY(smr_watch_judge(claims, block, outcome));
    SMR_TRY(smr_watch_get_block(claims, block, &entry));
    *generation = entry->top + 1;
    if (*outcome == SMR_CLAIM_TAKEN || *outcome == SMR_CLAIM_INHERITED) {
      SMR_TRY(claim(claims, block, *generation, &is_ours));
    }
    if (is_ours || !claims->is_stale) {
      return SMR_OK;
    }
  }
  /* The folder changes faster than it can be looked at: somebody is at work. */
  *outcome = SMR_CLAIM_BUSY;
  return SMR_OK;
}

/* A claim gets its next name. One that is gone was taken over while we were taken for dead: no
 * harm. */
static smr_status move_claim(const char *from, const char *to) {
  if (rename(from, to) != 0 && errno != ENOENT) {
    return fail_io("rename", from, errno);
  }
  return SMR_OK;
}

/* The entry of a block that we hold. */
static smr_status get_held(smr_claims *claims, const char *block, smr_block **entry) {
  SMR_TRY(smr_watch_get_block(claims, block, entry));
  if ((*entry)->held < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "block %s isn't held by this process", block);
  }
  return SMR_OK;
}

smr_status smr_claims_finish(smr_claims *claims, const char *block) {
  smr_block *entry = NULL;
  claim_path from;
  claim_path to;
  SMR_TRY(get_held(claims, block, &entry));
  get_path(claims, block, entry->held, from);
  get_done_path(claims, block, to);
  SMR_TRY(move_claim(from, to));
  entry->held = -1;
  entry->is_done = 1;
  return SMR_OK;
}

smr_status smr_claims_hand_back(smr_claims *claims, const char *block) {
  smr_block *entry = NULL;
  claim_path from;
  claim_path to;
  SMR_TRY(get_held(claims, block, &entry));
  get_path(claims, block, entry->held, from);
  get_free_path(claims, block, entry->held, to);
  SMR_TRY(move_claim(from, to));
  entry->is_free = entry->top == entry->held;
  entry->held = -1;
  claims->is_stale = 1;
  return SMR_OK;
}

smr_status smr_claims_check_lost(smr_claims *claims, const char *block, int *is_lost) {
  smr_block *entry = NULL;
  *is_lost = 0;
  SMR_TRY(get_held(claims, block, &entry));
  claims->is_stale = 1;
  SMR_TRY(smr_watch_list(claims));
  SMR_TRY(smr_watch_get_block(claims, block, &entry));
  if (entry->is_done || entry->top > entry->held) {
    *is_lost = 1;
    entry->held = -1;
  }
  return SMR_OK;
}

smr_status smr_claims_reopen(smr_claims *claims, const char *block) {
  smr_block *entry = NULL;
  claim_path from;
  claim_path to;
  SMR_TRY(smr_watch_list(claims));
  SMR_TRY(smr_watch_get_block(claims, block, &entry));
  if (!entry->is_done) {
    return SMR_OK;
  }
  get_done_path(claims, block, from);
  get_free_path(claims, block, entry->top + 1, to);
  SMR_TRY(move_claim(from, to));
  entry->is_done = 0;
  entry->top++;
  entry->is_free = 1;
  return SMR_OK;
}

int smr_claims_is_touched(smr_claims *claims, const char *block) {
  if (smr_watch_list(claims) != SMR_OK) {
    smr_error_clear(); /* taking it will say what is wrong */
    return 0;
  }
  int64_t index = smr_names_find(&claims->block_names, block);
  if (index < 0) {
    return 0;
  }
  const smr_block *entry = &claims->blocks[index];
  return entry->is_done || (entry->top >= 0 && !entry->is_free);
}

void smr_claims_refresh(smr_claims *claims) {
  claims->is_stale = 1;
}

const char *smr_claims_describe_owner(smr_claims *claims, const char *block, char *buffer,
                                      size_t buffer_bytes) {
  snprintf(buffer, buffer_bytes, "nobody");
  int64_t index = smr_names_find(&claims->block_names, block);
  if (index < 0 || claims->blocks[index].top < 0 || claims->blocks[index].is_free ||
      claims->blocks[index].is_done) {
    return buffer;
  }
  if (claims->blocks[index].held >= 0) {
    return smr_owner_describe(&claims->self, buffer, buffer_bytes);
  }
  if (smr_watch_examine(claims, block) != SMR_OK) {
    smr_error_clear();
  }
  const smr_block *entry = &claims->blocks[index];
  if (entry->examined != entry->top || entry->owner < 0) {
    snprintf(buffer, buffer_bytes, "an unknown owner");
    return buffer;
  }
  return smr_owner_describe(&claims->observed[entry->owner].owner, buffer, buffer_bytes);
}

void smr_claims_report(smr_claims *claims, int64_t n_done, int64_t n_failed, const char *now) {
  smr_heartbeat_report(claims->heartbeat, n_done, n_failed, now);
}

static smr_status read_beats(DIR *files, const char *folder, smr_beat **beats, int64_t *n) {
  int64_t capacity = 0;
  for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
    char path[SMR_PATH_BYTES];
    const char *dot = strrchr(file->d_name, '.');
    if (dot == NULL || strcmp(dot, ".beat") != 0) {
      continue;
    }
    SMR_TRY(smr_file_join(path, folder, file->d_name));
    SMR_TRY(smr_grow(*n + 1, sizeof **beats, "heartbeats", &capacity, (void *)beats));
    *n += smr_beat_read(path, &(*beats)[*n]);
  }
  return SMR_OK;
}

smr_status smr_claims_read_beats(const char *folder, smr_beat **beats, int64_t *n) {
  char path[SMR_PATH_BYTES];
  *beats = NULL;
  *n = 0;
  SMR_TRY(smr_file_join(path, folder, "claims"));
  DIR *files = opendir(path);
  if (files == NULL && errno != ENOENT) {
    return fail_io("list", path, errno);
  }
  smr_status status = SMR_OK;
  if (files != NULL) {
    status = read_beats(files, path, beats, n);
    closedir(files);
  }
  if (status != SMR_OK) {
    smr_memory_free(*beats);
    *beats = NULL;
    *n = 0;
  }
  return status;
}

/* 1 when one of `now` has beaten since `before`, or is new. */
static int find_beating(int64_t n_before, const smr_beat *before, int64_t n_now,
                        const smr_beat *now, int64_t *which) {
  for (*which = 0; *which < n_now; ++*which) {
    int64_t i = 0;
    while (i < n_before && strcmp(before[i].writer, now[*which].writer) != 0) {
      i++;
    }
    if (i == n_before || before[i].beat != now[*which].beat) {
      return 1;
    }
  }
  return 0;
}

smr_status smr_claims_check_quiet(const char *folder) {
  const double start = smr_clock_monotonic_s();
  smr_beat *before = NULL, *now = NULL;
  int64_t n_before = 0, n_now = 0, which = 0;
  smr_status status = SMR_OK;
  SMR_TRY(smr_claims_read_beats(folder, &before, &n_before));
  const double deadline = start + (n_before > 0 ? LONGEST_QUIET_S : shortest_quiet_s);
  while (smr_clock_monotonic_s() < deadline) {
    smr_clock_sleep(0.1);
    smr_memory_free(now);
    now = NULL;
    SMR_TRY_DONE(smr_claims_read_beats(folder, &now, &n_now));
    if (find_beating(n_before, before, n_now, now, &which)) {
      SMR_FAIL_DONE(SMR_ERR_USAGE,
                    "somebody is at work in %s, on %s: stop that first ('simmer status %s' shows "
                    "it), or choose another folder with -o",
                    folder, now[which].host, folder);
    }
  }
done:
  smr_memory_free(before);
  smr_memory_free(now);
  return status;
}
