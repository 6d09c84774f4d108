/* The overview as a page for people, and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "overview.h"
#include "simmer/base/clock.h"

enum { BAR_CELLS = 30, PLOT_ROWS = 8, STRIKING_QUIET_S = 5 };

/* --- for people --- */

static smr_status write_counts(const smr_overview *o, smr_text *out) {
  const int64_t n = o->units->n_ordered;
  const int64_t n_finished = n - o->n_pending;
  const double share = n > 0 ? (double)n_finished / (double)n : 1;
  const int full = (int)(share * BAR_CELLS);
  char left[32], bar[BAR_CELLS + 1];
  memset(bar, '#', BAR_CELLS);
  bar[full] = '\0';
  SMR_TRY(smr_text_add(out, "%s: %s \"%s\"\n", o->job.folder, o->job.experiment->name,
                       smr_job_get_common(o->job.job)->name));
  SMR_TRY(smr_text_add(out, "[%s%*s] %.1f %%  %" PRId64 " of %" PRId64 " units done", bar,
                       BAR_CELLS - full, "", 100 * share, o->n_done, n));
  if (o->n_failed > 0) {
    SMR_TRY(smr_text_add(out, ", %" PRId64 " failed", o->n_failed));
  }
  if (o->n_quarantined > 0) {
    SMR_TRY(smr_text_add(out, ", %" PRId64 " quarantined", o->n_quarantined));
  }
  SMR_TRY(smr_text_add(out, ", %" PRId64 " pending\n", o->n_pending));
  if (isfinite(o->left_s) && o->n_pending > 0) {
    SMR_TRY(smr_text_add(out, "about %s left, at %.3g units/s\n",
                         smr_clock_format_duration(o->left_s, left, sizeof left), o->rate));
  }
  return SMR_OK;
}

static smr_status write_worker(const smr_beat *beat, smr_text *out) {
  char run[32], age[32];
  SMR_TRY(smr_text_add(out, "  %-16s %6" PRId64 " done", beat->host, beat->n_done));
  if (beat->n_failed > 0) {
    SMR_TRY(smr_text_add(out, ", %" PRId64 " failed", beat->n_failed));
  }
  SMR_TRY(smr_text_add(out, " in %s   %s",
                       smr_clock_format_duration((double)beat->elapsed_s, run, sizeof run),
                       beat->now));
  if (beat->quiet_s > STRIKING_QUIET_S) {
    SMR_TRY(smr_text_add(out, "   (last sign of life %s ago)",
                         smr_clock_format_duration(beat->quiet_s, age, sizeof age)));
  }
  return smr_text_add(out, "\n");
}

/* Of those that don't beat any more, one line, and only while something is left to do. */
static smr_status write_silent(const smr_overview *o, smr_text *out) {
  const int64_t n = o->n_beats - o->n_alive;
  double least = INFINITY;
  char age[32];
  for (int64_t i = 0; i < o->n_beats; ++i) {
    if (!smr_overview_is_alive(o, &o->beats[i])) {
      least = fmin(least, o->beats[i].quiet_s);
    }
  }
  if (n == 0 || o->n_pending == 0) {
    return SMR_OK;
  }
  return smr_text_add(
      out,
      "%" PRId64 " group%s ended without a farewell: no sign of life for %s; dead, or cut off\n", n,
      n == 1 ? "" : "s", smr_clock_format_duration(least, age, sizeof age));
}

static smr_status write_activity(const smr_overview *o, smr_text *out) {
  SMR_TRY(smr_text_add(out, o->n_alive > 0 ? "\nat work\n" : "nobody is at work here\n"));
  for (int64_t i = 0; i < o->n_beats; ++i) {
    if (smr_overview_is_alive(o, &o->beats[i])) {
      SMR_TRY(write_worker(&o->beats[i], out));
    }
  }
  return write_silent(o, out);
}

static const char *get_message(const smr_overview *o, int64_t cell) {
  const smr_ledger_entry *entry = smr_ledger_find(o->ledger, o->units->hashes[cell]);
  if (o->units->status[cell] == SMR_UNIT_QUARANTINED) {
    return "its process died every time it ran";
  }
  return entry != NULL ? entry->message : "";
}

static smr_status write_failures(const smr_overview *o, smr_text *out) {
  const int64_t n = o->n_failed + o->n_quarantined;
  char text[256];
  if (n == 0) {
    return SMR_OK;
  }
  SMR_TRY(
      smr_text_add(out, "\nfailed ('simmer retry %s' lets them be tried again)\n", o->job.folder));
  for (int64_t i = 0; i < o->n_bad; ++i) {
    smr_job_describe(o->job.job, o->bad[i], text, sizeof text);
    SMR_TRY(smr_text_add(out, "  %s: %s\n", text[0] != '\0' ? text : "the only unit",
                         get_message(o, o->bad[i])));
  }
  return n > o->n_bad ? smr_text_add(out, "  and %" PRId64 " more\n", n - o->n_bad) : SMR_OK;
}

/* Rows of a plot from the highest value to the lowest. */
static void draw(const smr_overview_training *t, double low, double high,
                 char rows[PLOT_ROWS][SMR_OVERVIEW_POINTS + 1]) {
  for (int r = 0; r < PLOT_ROWS; ++r) {
    memset(rows[r], ' ', SMR_OVERVIEW_POINTS);
    rows[r][SMR_OVERVIEW_POINTS] = '\0';
  }
  for (int64_t i = 0; i < t->n; ++i) {
    if (isfinite(t->value[i])) {
      double share = high > low ? (t->value[i] - low) / (high - low) : 0.5;
      rows[PLOT_ROWS - 1 - (int)lround(share * (PLOT_ROWS - 1))][i] = '*';
    }
  }
}

static smr_status write_training(const smr_overview_training *t, smr_text *out) {
  char rows[PLOT_ROWS][SMR_OVERVIEW_POINTS + 1];
  double low = (double)INFINITY, high = -(double)INFINITY;
  if (t->n == 0) {
    return SMR_OK;
  }
  for (int64_t i = 0; i < t->n; ++i) {
    low = isfinite(t->value[i]) ? fmin(low, t->value[i]) : low;
    high = isfinite(t->value[i]) ? fmax(high, t->value[i]) : high;
  }
  draw(t, low, high, rows);
  SMR_TRY(smr_text_add(
      out, "\n%s of units/%s (%" PRId64 " unit%s with a history): %.6g at step %.0f\n", t->name,
      t->unit, t->n_units, t->n_units == 1 ? "" : "s", t->value[t->n - 1], t->step[t->n - 1]));
  for (int r = 0; r < PLOT_ROWS; ++r) {
    double value = high - (high - low) * r / (PLOT_ROWS - 1);
    SMR_TRY(smr_text_add(out, "  %10.5g |%s\n", value, rows[r]));
  }
  return smr_text_add(out, "  %10s +step %.0f .. %.0f\n", "", t->step[0], t->step[t->n - 1]);
}

static smr_status write_batch_jobs(const smr_overview *o, smr_text *out) {
  if (o->n_batch_jobs == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_text_add(out, "\nslurm\n"));
  for (int64_t i = 0; i < o->n_batch_jobs; ++i) {
    const smr_overview_batch_job *job = &o->batch_jobs[i];
    SMR_TRY(smr_text_add(out, "  %-10s %-12s %s of %s   %s\n", job->id, job->state, job->used,
                         job->limit, job->where));
  }
  return SMR_OK;
}

smr_status smr_overview_write_text(const smr_overview *overview, smr_text *out) {
  SMR_TRY(write_counts(overview, out));
  SMR_TRY(write_activity(overview, out));
  SMR_TRY(write_failures(overview, out));
  SMR_TRY(write_training(&overview->training, out));
  return write_batch_jobs(overview, out);
}

smr_status smr_overview_write_brief(const smr_overview *overview, smr_text *out) {
  const smr_overview *o = overview;
  return smr_text_add(out, "%" PRId64 " %" PRId64 ".%" PRId64 ".%" PRId64 "\n", o->n_pending,
                      o->n_done, o->n_failed + o->n_quarantined, o->n_steps);
}

/* --- JSON --- */

/* NaN and infinities are null in JSON. */
static smr_status add_number(smr_text *out, double value) {
  return isfinite(value) ? smr_text_add(out, "%.17g", value) : smr_text_add(out, "null");
}

static smr_status add_member(smr_text *out, const char *name, const char *words) {
  SMR_TRY(smr_text_add(out, "\"%s\": ", name));
  SMR_TRY(smr_text_add_json(out, words));
  return smr_text_add(out, ", ");
}

static smr_status write_beats(const smr_overview *o, smr_text *out) {
  SMR_TRY(smr_text_add(out, ",\n \"groups\": ["));
  for (int64_t i = 0; i < o->n_beats; ++i) {
    const smr_beat *beat = &o->beats[i];
    SMR_TRY(smr_text_add(out, "%s\n  {", i > 0 ? "," : ""));
    SMR_TRY(add_member(out, "writer", beat->writer));
    SMR_TRY(add_member(out, "host", beat->host));
    SMR_TRY(add_member(out, "now", beat->now));
    SMR_TRY(smr_text_add(out,
                         "\"done\": %" PRId64 ", \"failed\": %" PRId64 ", \"seconds\": %" PRId64
                         ", \"quiet_seconds\": %.0f, \"is_alive\": %s}",
                         beat->n_done, beat->n_failed, beat->elapsed_s, beat->quiet_s,
                         smr_overview_is_alive(o, beat) ? "true" : "false"));
  }
  return smr_text_add(out, "]");
}

static smr_status write_bad(const smr_overview *o, smr_text *out) {
  char text[256], hash[SMR_HASH_TEXT_BYTES];
  SMR_TRY(smr_text_add(out, ",\n \"failures\": ["));
  for (int64_t i = 0; i < o->n_bad; ++i) {
    smr_job_describe(o->job.job, o->bad[i], text, sizeof text);
    smr_hash_format(o->units->hashes[o->bad[i]], hash);
    SMR_TRY(smr_text_add(out, "%s\n  {", i > 0 ? "," : ""));
    SMR_TRY(add_member(out, "unit", hash));
    SMR_TRY(add_member(out, "cell", text));
    SMR_TRY(smr_text_add(out, "\"message\": "));
    SMR_TRY(smr_text_add_json(out, get_message(o, o->bad[i])));
    SMR_TRY(smr_text_add(out, "}"));
  }
  return smr_text_add(out, "]");
}

static smr_status write_history(const smr_overview_training *t, smr_text *out) {
  if (t->n == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_text_add(out, ",\n \"training\": {"));
  SMR_TRY(add_member(out, "unit", t->unit));
  SMR_TRY(add_member(out, "metric", t->name));
  SMR_TRY(smr_text_add(out, "\"histories\": %" PRId64 ", \"step\": [", t->n_units));
  for (int64_t i = 0; i < t->n; ++i) {
    SMR_TRY(smr_text_add(out, "%s%.0f", i > 0 ? ", " : "", t->step[i]));
  }
  SMR_TRY(smr_text_add(out, "], \"value\": ["));
  for (int64_t i = 0; i < t->n; ++i) {
    SMR_TRY(smr_text_add(out, "%s", i > 0 ? ", " : ""));
    SMR_TRY(add_number(out, t->value[i]));
  }
  return smr_text_add(out, "]}");
}

static smr_status write_slurm(const smr_overview *o, smr_text *out) {
  SMR_TRY(smr_text_add(out, ",\n \"slurm\": ["));
  for (int64_t i = 0; i < o->n_batch_jobs; ++i) {
    const smr_overview_batch_job *job = &o->batch_jobs[i];
    SMR_TRY(smr_text_add(out, "%s\n  {", i > 0 ? "," : ""));
    SMR_TRY(add_member(out, "id", job->id));
    SMR_TRY(add_member(out, "state", job->state));
    SMR_TRY(add_member(out, "used", job->used));
    SMR_TRY(add_member(out, "limit", job->limit));
    SMR_TRY(smr_text_add(out, "\"where\": "));
    SMR_TRY(smr_text_add_json(out, job->where));
    SMR_TRY(smr_text_add(out, "}"));
  }
  return smr_text_add(out, "]");
}

smr_status smr_overview_write_json(const smr_overview *overview, smr_text *out) {
  const smr_overview *o = overview;
  SMR_TRY(smr_text_add(out, "{"));
  SMR_TRY(add_member(out, "folder", o->job.folder));
  SMR_TRY(add_member(out, "experiment", o->job.experiment->name));
  SMR_TRY(add_member(out, "name", smr_job_get_common(o->job.job)->name));
  SMR_TRY(smr_text_add(out,
                       "\n \"units\": %" PRId64 ", \"done\": %" PRId64 ", \"failed\": %" PRId64
                       ", \"quarantined\": %" PRId64 ", \"pending\": %" PRId64
                       ", \"excluded\": %" PRId64 ",\n \"units_per_second\": ",
                       o->units->n_ordered, o->n_done, o->n_failed, o->n_quarantined, o->n_pending,
                       o->n_excluded));
  SMR_TRY(add_number(out, o->rate));
  SMR_TRY(smr_text_add(out, ", \"seconds_left\": "));
  SMR_TRY(add_number(out, o->left_s));
  SMR_TRY(write_beats(o, out));
  SMR_TRY(write_bad(o, out));
  SMR_TRY(write_history(&o->training, out));
  SMR_TRY(write_slurm(o, out));
  return smr_text_add(out, "}\n");
}
