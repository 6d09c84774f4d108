/* The heartbeat: a record of fixed size, rewritten in place.
 *
 * Each beat opens, writes and closes the file: that is when NFS carries it to the server. A reader
 * that meets a write finds a record whose CRC is wrong, and looks again later. The thread blocks
 * all signals, and touches neither MPI nor HDF5. */
#include "heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "owner.h"
#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/hash.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"

enum { RECORD_BYTES = 640, CRC_BYTES = 9 /* "01234567\n" */ };
static const char record_format[] =
    "simmer beat 1\nbeat %020" PRId64 "\ndone %020" PRId64 "\nfailed %020" PRId64
    "\nseconds %020" PRId64 "\nwriter %s\nhost %s\nnow %s\n";

struct smr_heartbeat {
  char path[SMR_PATH_BYTES];
  double interval_s;
  pthread_t thread;
  int has_thread, has_lock;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t wake;
  int must_end;
  smr_beat beat;
  double start_s;
  double clock_s, ticked_s; /* the clock, and when (monotonic) it was put forward */
};

/* Copies with what would break a line replaced. */
static void copy_clean(char *to, size_t to_bytes, const char *from) {
  size_t i = 0;
  for (; from[i] != '\0' && i + 1 < to_bytes; i++) {
    to[i] = from[i];
    if ((unsigned char)from[i] < ' ') {
      to[i] = ' ';
    }
  }
  to[i] = '\0';
}

static void format_record(const smr_beat *beat, char record[RECORD_BYTES]) {
  char text[RECORD_BYTES];
  int length = snprintf(text, sizeof text, record_format, beat->beat, beat->n_done, beat->n_failed,
                        beat->elapsed_s, beat->writer, beat->host, beat->now);
  memset(record, ' ', RECORD_BYTES);
  memcpy(record, text, (size_t)length);
  snprintf(text, sizeof text, "%08" PRIx32 "\n", smr_crc32(0, record, RECORD_BYTES - CRC_BYTES));
  memcpy(record + RECORD_BYTES - CRC_BYTES, text, CRC_BYTES);
}

/* The text behind "key " up to the end of its line; the number of characters. */
static size_t find_value(const char *record, const char *key, const char **value) {
  char start[16];
  snprintf(start, sizeof start, "\n%s ", key);
  const char *found = strstr(record, start);
  *value = found == NULL ? "" : found + strlen(start);
  return strcspn(*value, "\n");
}

static void get_text(const char *record, const char *key, char *text, size_t text_bytes) {
  const char *value = NULL;
  size_t n = find_value(record, key, &value);
  n = n < text_bytes ? n : text_bytes - 1;
  memcpy(text, value, n);
  text[n] = '\0';
}

static int64_t get_number(const char *record, const char *key) {
  const char *value = NULL;
  (void)find_value(record, key, &value);
  return strtoll(value, NULL, 10);
}

static int parse_record(const char *record, smr_beat *beat) {
  char crc[CRC_BYTES + 1];
  snprintf(crc, sizeof crc, "%08" PRIx32 "\n", smr_crc32(0, record, RECORD_BYTES - CRC_BYTES));
  if (memcmp(record + RECORD_BYTES - CRC_BYTES, crc, CRC_BYTES) != 0) {
    return 0;
  }
  *beat = (smr_beat){0};
  beat->beat = get_number(record, "beat");
  beat->n_done = get_number(record, "done");
  beat->n_failed = get_number(record, "failed");
  beat->elapsed_s = get_number(record, "seconds");
  get_text(record, "writer", beat->writer, sizeof beat->writer);
  get_text(record, "host", beat->host, sizeof beat->host);
  get_text(record, "now", beat->now, sizeof beat->now);
  return 1;
}

int smr_beat_read(const char *path, smr_beat *beat) {
  char record[RECORD_BYTES + 1] = "";
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  struct stat facts = {0};
  ssize_t got = pread(file, record, RECORD_BYTES, 0);
  int has_facts = fstat(file, &facts) == 0;
  close(file);
  if (got != RECORD_BYTES || !parse_record(record, beat)) {
    return 0;
  }
  beat->quiet_s = has_facts ? difftime(time(NULL), facts.st_mtime) : 0;
  beat->quiet_s = beat->quiet_s > 0 ? beat->quiet_s : 0;
  return 1;
}

static smr_status write_beat(const char *path, const smr_beat *beat) {
  char record[RECORD_BYTES];
  format_record(beat, record);
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  }
  ssize_t written = pwrite(file, record, sizeof record, 0);
  int cause = written < 0 ? errno : ENOSPC;
  int is_failure = written != (ssize_t)sizeof record;
  /* A network file system may report a full disk only here. */
  if (close(file) != 0 && !is_failure && errno != EINTR) {
    is_failure = 1;
    cause = errno;
  }
  if (is_failure) {
    SMR_FAIL(cause == ENOSPC || cause == EDQUOT ? SMR_ERR_FULL : SMR_ERR_IO, "cannot write %s: %s",
             path, strerror(cause));
  }
  return SMR_OK;
}

/* Puts the clock forward; a long gap means that this process didn't run. */
static void tick(smr_heartbeat *heartbeat) {
  double now = smr_clock_monotonic_s();
  double gap = now - heartbeat->ticked_s;
  double longest = 2 * heartbeat->interval_s;
  heartbeat->clock_s += gap < longest ? gap : longest;
  heartbeat->ticked_s = now;
}

/* Waits for the next beat; 0 when it is time to end. */
static int wait_for_beat(smr_heartbeat *heartbeat, smr_beat *beat) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  double seconds = (double)until.tv_nsec * 1e-9 + heartbeat->interval_s;
  time_t whole = (time_t)seconds;
  until.tv_sec += whole;
  until.tv_nsec = (long)((seconds - (double)whole) * 1e9);
  pthread_mutex_lock(&heartbeat->lock);
  int result = 0;
  while (!heartbeat->must_end && result != ETIMEDOUT) {
    result = pthread_cond_timedwait(&heartbeat->wake, &heartbeat->lock, &until);
  }
  int goes_on = !heartbeat->must_end;
  heartbeat->beat.beat++;
  heartbeat->beat.elapsed_s = (int64_t)(smr_clock_monotonic_s() - heartbeat->start_s);
  *beat = heartbeat->beat;
  pthread_mutex_unlock(&heartbeat->lock);
  return goes_on;
}

static void *run_thread(void *argument) {
  smr_heartbeat *heartbeat = argument;
  smr_beat beat;
  int has_warned = 0;
  while (wait_for_beat(heartbeat, &beat)) {
    if (write_beat(heartbeat->path, &beat) != SMR_OK && !has_warned) {
      has_warned = 1;
      smr_log_warning("%s; others may take over what this process works on", smr_error_message());
    }
    pthread_mutex_lock(&heartbeat->lock);
    tick(heartbeat);
    pthread_mutex_unlock(&heartbeat->lock);
  }
  return NULL;
}

static smr_status create_lock(smr_heartbeat *heartbeat) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  int result = pthread_cond_init(&heartbeat->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  if (result == 0) {
    result = pthread_mutex_init(&heartbeat->lock, NULL);
  }
  if (result != 0) {
    SMR_FAIL(SMR_ERR_LIMIT, "cannot create a lock: %s", strerror(result));
  }
  heartbeat->has_lock = 1;
  return SMR_OK;
}

static smr_status start_thread(smr_heartbeat *heartbeat) {
  /* Signals go to the threads that know what to do with them. */
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int result = pthread_create(&heartbeat->thread, NULL, run_thread, heartbeat);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (result != 0) {
    SMR_FAIL(SMR_ERR_LIMIT, "cannot start the heartbeat thread: %s", strerror(result));
  }
  heartbeat->has_thread = 1;
  return SMR_OK;
}

smr_status smr_heartbeat_start(const char *folder, const char *writer, double lease_s,
                               smr_heartbeat **out) {
  smr_status status = SMR_OK;
  smr_heartbeat *heartbeat = NULL;
  char name[SMR_OWNER_NAME_BYTES + 8];
  *out = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *heartbeat, "heartbeat", (void *)&heartbeat));
  snprintf(name, sizeof name, "%s.beat", writer);
  SMR_TRY_DONE(smr_file_join(heartbeat->path, folder, name));
  heartbeat->interval_s = lease_s / 6 < 1 ? lease_s / 6 : 1;
  heartbeat->start_s = smr_clock_monotonic_s();
  heartbeat->ticked_s = heartbeat->start_s;
  copy_clean(heartbeat->beat.writer, sizeof heartbeat->beat.writer, writer);
  smr_owner_get_host(heartbeat->beat.host);
  SMR_TRY_DONE(write_beat(heartbeat->path, &heartbeat->beat));
  SMR_TRY_DONE(create_lock(heartbeat));
  SMR_TRY_DONE(start_thread(heartbeat));
  *out = heartbeat;
  heartbeat = NULL;
done:
  smr_heartbeat_stop(&heartbeat);
  return status;
}

void smr_heartbeat_stop(smr_heartbeat **heartbeat) {
  smr_heartbeat *ending = *heartbeat;
  if (ending == NULL) {
    return;
  }
  if (ending->has_thread) {
    pthread_mutex_lock(&ending->lock);
    ending->must_end = 1;
    pthread_cond_signal(&ending->wake);
    pthread_mutex_unlock(&ending->lock);
    pthread_join(ending->thread, NULL);
  }
  if (ending->has_lock) {
    pthread_mutex_destroy(&ending->lock);
    pthread_cond_destroy(&ending->wake);
  }
  if (ending->path[0] != '\0') {
    (void)unlink(ending->path);
  }
  smr_memory_free(ending);
  *heartbeat = NULL;
}

void smr_heartbeat_report(smr_heartbeat *heartbeat, int64_t n_done, int64_t n_failed,
                          const char *now) {
  pthread_mutex_lock(&heartbeat->lock);
  heartbeat->beat.n_done = n_done;
  heartbeat->beat.n_failed = n_failed;
  copy_clean(heartbeat->beat.now, sizeof heartbeat->beat.now, now);
  pthread_mutex_unlock(&heartbeat->lock);
}

double smr_heartbeat_get_clock_s(smr_heartbeat *heartbeat) {
  pthread_mutex_lock(&heartbeat->lock);
  tick(heartbeat);
  double clock_s = heartbeat->clock_s;
  pthread_mutex_unlock(&heartbeat->lock);
  return clock_s;
}
