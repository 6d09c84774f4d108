/* The progress thread. */
#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/store/claims.h"

enum { BAR_CELLS = 20 };

struct smr_progress {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool is_ending;
  char folder[SMR_PATH_BYTES];
  int64_t n_total, n_before;
  double start_s, last_line_s;
};

/* Units that count: finished ones, and shares of those that tell how far they are. */
typedef struct {
  int64_t n_done, n_failed;
  double partly;
  const char *now; /* what the first of the latter says of itself; NULL if none */
} tally;

/* A report of a unit that tells how far it is begins with a percentage. */
static void add_beat(tally *sum, const smr_beat *beat) {
  double percent = 0;
  int used = 0;
  sum->n_done += beat->n_done;
  sum->n_failed += beat->n_failed;
  if (sscanf(beat->now, "%lf%% %n", &percent, &used) == 1 && used > 0) {
    sum->partly += percent / 100;
    sum->now = sum->now == NULL ? beat->now + used : sum->now;
  }
}

static void format_line(const smr_progress *progress, const tally *sum, bool with_bar, char *line,
                        size_t bytes) {
  double elapsed = smr_clock_monotonic_s() - progress->start_s;
  double worked = (double)sum->n_done + sum->partly;
  double rate = elapsed > 0 ? worked / elapsed : 0;
  int64_t n_finished =
      smr_int_min(progress->n_before + sum->n_done + sum->n_failed, progress->n_total);
  double finished = fmin((double)n_finished + sum->partly, (double)progress->n_total);
  double share = progress->n_total > 0 ? finished / (double)progress->n_total : 1;
  char bar[64] = "", failed[48] = "", left[64] = "", duration[32];
  if (with_bar) {
    int full = (int)(share * BAR_CELLS);
    snprintf(bar, sizeof bar, "[%.*s%*s] ", full, "####################", BAR_CELLS - full, "");
  }
  if (sum->n_failed > 0) {
    snprintf(failed, sizeof failed, ", %" PRId64 " failed", sum->n_failed);
  }
  if (rate > 0) {
    smr_clock_format_duration(((double)progress->n_total - finished) / rate, duration,
                              sizeof duration);
    if (rate >= 0.1) {
      snprintf(left, sizeof left, ", %.3g units/s, %s left", rate, duration);
    } else {
      snprintf(left, sizeof left, ", %s left", duration);
    }
  }
  snprintf(line, bytes, "%s%" PRId64 "/%" PRId64 " units (%.1f %%)%s%s%s%s", bar, n_finished,
           progress->n_total, 100 * share, failed, left, sum->now != NULL ? "; " : "",
           sum->now != NULL ? sum->now : "");
}

static void show(smr_progress *progress) {
  smr_beat *beats = NULL;
  int64_t n = 0;
  tally sum = {0};
  if (smr_claims_read_beats(progress->folder, &beats, &n) != SMR_OK) {
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    add_beat(&sum, &beats[i]);
  }
  char line[480], live[500];
  if (smr_log_is_terminal()) {
    format_line(progress, &sum, true, line, sizeof line);
    snprintf(live, sizeof live, "simmer: %s", line);
    smr_log_live(live);
    smr_memory_free(beats);
    return;
  }
  /* In a log file: after 10 s, then at growing distances, at most 5 minutes. */
  double now = smr_clock_monotonic_s();
  double gap = fmin(fmax(10, 0.5 * (progress->last_line_s - progress->start_s)), 300);
  if (now - progress->last_line_s >= gap) {
    progress->last_line_s = now;
    format_line(progress, &sum, false, line, sizeof line);
    smr_log_info("%s", line);
  }
  smr_memory_free(beats);
}

static void *run(void *argument) {
  smr_progress *progress = argument;
  pthread_mutex_lock(&progress->lock);
  while (!progress->is_ending) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 500 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&progress->wake, &progress->lock, &until);
    if (!progress->is_ending) {
      show(progress);
    }
  }
  pthread_mutex_unlock(&progress->lock);
  return NULL;
}

static int start_thread(smr_progress *progress) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&progress->lock, NULL);
  pthread_cond_init(&progress->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  /* Signals are for the main thread. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&progress->thread, NULL, run, progress);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

smr_status smr_progress_start(const char *folder, int64_t n_total, int64_t n_before,
                              smr_progress **out) {
  smr_progress *progress = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *progress, "progress line", &progress));
  snprintf(progress->folder, sizeof progress->folder, "%s", folder);
  progress->n_total = n_total;
  progress->n_before = n_before;
  progress->start_s = smr_clock_monotonic_s();
  progress->last_line_s = progress->start_s;
  int code = start_thread(progress);
  if (code != 0) {
    smr_memory_free(progress);
    SMR_FAIL(SMR_ERR_MEMORY, "no thread for the progress line: %s", strerror(code));
  }
  *out = progress;
  return SMR_OK;
}

void smr_progress_end(smr_progress **progress) {
  smr_progress *p = *progress;
  if (p == NULL) {
    return;
  }
  pthread_mutex_lock(&p->lock);
  p->is_ending = true;
  pthread_cond_signal(&p->wake);
  pthread_mutex_unlock(&p->lock);
  pthread_join(p->thread, NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  smr_log_live("");
  smr_memory_free(p);
  *progress = NULL;
}
