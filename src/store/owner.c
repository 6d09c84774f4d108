/* Who owns a claim.
 *
 * A process is named by its kernel's boot id, its namespaces, its PID and its start time: a PID
 * that was given to another process has another start time, and a PID of another container or host
 * says nothing here. Nor does a start time that was read in another time namespace, where the
 * kernel counts from another moment. */
#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simmer/base/hash.h"

static const char first_line[] = "simmer claim 1\n";
enum { CRC_LINE_BYTES = 13 }; /* "crc 01234567\n" */

/* Copies with control characters replaced, so that a value never breaks its line. */
static void copy_clean(char *to, size_t to_bytes, const char *from) {
  size_t i = 0;
  for (; from != NULL && from[i] != '\0' && i + 1 < to_bytes; i++) {
    to[i] = from[i];
    if ((unsigned char)from[i] < ' ') {
      to[i] = '_';
    }
  }
  to[i] = '\0';
}

/* The first line of a small file, "" when it can't be read. */
static void read_line(const char *path, char *line, size_t line_bytes) {
  line[0] = '\0';
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return;
  }
  ssize_t got = read(file, line, line_bytes - 1);
  line[got > 0 ? got : 0] = '\0';
  line[strcspn(line, "\n")] = '\0';
  close(file);
}

/* State letter and start time of a process (fields 3 and 22 of its stat file); 0 when they can't be
 * read. The program's name before them may hold blanks and parentheses. */
static int read_process(int64_t pid, char *state, int64_t *start_time) {
  char path[64];
  char line[1024];
  snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
  read_line(path, line, sizeof line);
  const char *field = strrchr(line, ')');
  if (field == NULL || field[1] != ' ') {
    return 0;
  }
  field += 2;
  *state = field[0];
  for (int i = 3; i < 22; i++) {
    field = strchr(field, ' ');
    if (field == NULL) {
      return 0;
    }
    field++;
  }
  *start_time = strtoll(field, NULL, 10);
  return 1;
}

void smr_owner_get_host(char host[SMR_OWNER_NAME_BYTES]) {
  char name[SMR_OWNER_NAME_BYTES] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
    snprintf(name, sizeof name, "unknown-host");
  }
  copy_clean(host, SMR_OWNER_NAME_BYTES, name);
}

static void get_slurm(smr_owner *owner) {
  copy_clean(owner->cluster, sizeof owner->cluster, getenv("SLURM_CLUSTER_NAME"));
  copy_clean(owner->job, sizeof owner->job, getenv("SLURM_JOB_ID"));
  const char *array = getenv("SLURM_ARRAY_JOB_ID");
  const char *task = getenv("SLURM_ARRAY_TASK_ID");
  if (array != NULL && task != NULL) {
    char name[SMR_OWNER_FIELD_BYTES];
    snprintf(name, sizeof name, "%s_%s", array, task);
    copy_clean(owner->array_task, sizeof owner->array_task, name);
  }
  /* Slurm sets the count from the first restart on. */
  const char *restart = getenv("SLURM_RESTART_COUNT");
  owner->restart = restart == NULL ? 0 : strtoll(restart, NULL, 10);
}

/* "pid:[4026531836] time:[4026531834]", less what this kernel doesn't know. */
static void get_namespaces(char text[SMR_OWNER_FIELD_BYTES]) {
  static const char *const links[] = {"/proc/self/ns/pid", "/proc/self/ns/time"};
  char all[SMR_OWNER_FIELD_BYTES] = "";
  size_t length = 0;
  for (size_t i = 0; i < sizeof links / sizeof *links && length + 2 < sizeof all; i++) {
    const size_t start = length + (length > 0);
    const ssize_t n = readlink(links[i], all + start, sizeof all - 1 - start);
    if (n > 0 && length > 0) {
      all[length] = ' ';
    }
    length = n > 0 ? start + (size_t)n : length;
  }
  all[length] = '\0';
  copy_clean(text, SMR_OWNER_FIELD_BYTES, all);
}

void smr_owner_get_self(const char *writer, smr_owner *owner) {
  *owner = (smr_owner){.pid = getpid(), .start_time = -1};
  char state = 0;
  copy_clean(owner->writer, sizeof owner->writer, writer);
  smr_owner_get_host(owner->host);
  read_line("/proc/sys/kernel/random/boot_id", owner->boot, sizeof owner->boot);
  get_namespaces(owner->pid_namespace);
  (void)read_process(owner->pid, &state, &owner->start_time);
  get_slurm(owner);
}

size_t smr_owner_format(const smr_owner *owner, char text[SMR_OWNER_TEXT_BYTES]) {
  int n = snprintf(
      text, SMR_OWNER_TEXT_BYTES,
      "%swriter %s\nhost %s\nboot %s\npid_namespace %s\npid %" PRId64 "\nstart_time %" PRId64
      "\ncluster %s\njob %s\narray_task %s\nrestart %" PRId64 "\n",
      first_line, owner->writer, owner->host, owner->boot, owner->pid_namespace, owner->pid,
      owner->start_time, owner->cluster, owner->job, owner->array_task, owner->restart);
  size_t length = (size_t)n;
  snprintf(text + length, SMR_OWNER_TEXT_BYTES - length, "crc %08" PRIx32 "\n",
           smr_crc32(0, text, length));
  return length + CRC_LINE_BYTES;
}

/* Value of the line "key value", "" when there is none. */
static void get_value(const char *text, const char *key, char *value, size_t value_bytes) {
  size_t key_length = strlen(key);
  value[0] = '\0';
  for (const char *line = text; *line != '\0';) {
    size_t length = strcspn(line, "\n");
    if (length > key_length && strncmp(line, key, key_length) == 0 && line[key_length] == ' ') {
      size_t n = length - key_length - 1;
      n = n < value_bytes ? n : value_bytes - 1;
      memcpy(value, line + key_length + 1, n);
      value[n] = '\0';
      return;
    }
    line += length + (line[length] == '\n');
  }
}

static int64_t get_number(const char *text, const char *key) {
  char value[32];
  get_value(text, key, value, sizeof value);
  return value[0] == '\0' ? -1 : strtoll(value, NULL, 10);
}

static int is_whole(const char *text, size_t bytes) {
  char crc_line[CRC_LINE_BYTES + 1];
  size_t start = sizeof first_line - 1;
  if (bytes < start + CRC_LINE_BYTES || memcmp(text, first_line, start) != 0) {
    return 0;
  }
  size_t length = bytes - CRC_LINE_BYTES;
  snprintf(crc_line, sizeof crc_line, "crc %08" PRIx32 "\n", smr_crc32(0, text, length));
  return memcmp(text + length, crc_line, CRC_LINE_BYTES) == 0;
}

int smr_owner_parse(const char *text, size_t bytes, smr_owner *owner) {
  char copy[SMR_OWNER_TEXT_BYTES];
  *owner = (smr_owner){.pid = -1, .start_time = -1, .restart = -1};
  if (bytes >= sizeof copy || !is_whole(text, bytes)) {
    return 0;
  }
  memcpy(copy, text, bytes);
  copy[bytes] = '\0';
  get_value(copy, "writer", owner->writer, sizeof owner->writer);
  get_value(copy, "host", owner->host, sizeof owner->host);
  get_value(copy, "boot", owner->boot, sizeof owner->boot);
  get_value(copy, "pid_namespace", owner->pid_namespace, sizeof owner->pid_namespace);
  get_value(copy, "cluster", owner->cluster, sizeof owner->cluster);
  get_value(copy, "job", owner->job, sizeof owner->job);
  get_value(copy, "array_task", owner->array_task, sizeof owner->array_task);
  owner->pid = get_number(copy, "pid");
  owner->start_time = get_number(copy, "start_time");
  owner->restart = get_number(copy, "restart");
  return owner->writer[0] != '\0';
}

static int is_process_gone(int64_t pid, int64_t start_time) {
  if (pid <= 0 || pid > INT32_MAX) {
    return 0;
  }
  /* kill() sees processes that a /proc mounted with hidepid doesn't show. */
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
    return 1;
  }
  char state = 0;
  int64_t start_now = -1;
  if (!read_process(pid, &state, &start_now)) {
    return 0;
  }
  return state == 'Z' || state == 'X' || (start_time >= 0 && start_now != start_time);
}

static int is_same(const char *a, const char *b) {
  return a[0] != '\0' && strcmp(a, b) == 0;
}

int smr_owner_is_gone(const smr_owner *owner, const smr_owner *self) {
  if (is_same(owner->boot, self->boot) && is_same(owner->pid_namespace, self->pid_namespace) &&
      is_process_gone(owner->pid, owner->start_time)) {
    return 1;
  }
  return is_same(owner->job, self->job) && strcmp(owner->cluster, self->cluster) == 0 &&
         owner->restart >= 0 && owner->restart < self->restart;
}

const char *smr_owner_describe(const smr_owner *owner, char *buffer, size_t buffer_bytes) {
  const char *job = owner->array_task[0] != '\0' ? owner->array_task : owner->job;
  if (job[0] != '\0') {
    snprintf(buffer, buffer_bytes, "job %s on %s (process %" PRId64 ")", job, owner->host,
             owner->pid);
  } else {
    snprintf(buffer, buffer_bytes, "process %" PRId64 " on %s", owner->pid, owner->host);
  }
  return buffer;
}
