/* Collection: parts are read once each where the order of work follows the order of cells, through
 * a cache. */
#include "collect.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "simmer/base/clock.h"
#include "simmer/base/file.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/store/results.h"
#include "version.h"

enum { CACHE_BYTES = 512 << 20, MOST_CACHED = 1024, RUN_CELLS = 256, MOST_LISTED = 5 };

typedef struct {
  int64_t part, n_rows, last_use;
  double *records;
} cached_part;

typedef struct {
  const smr_ledger *ledger;
  const smr_units *units;
  smr_schema outputs, summaries;
  int64_t record_length, summary_length;
  smr_layout *layout;
  smr_results *results;
  cached_part cache[MOST_CACHED];
  int64_t n_cached, cached_bytes, uses;
  /* A run of cells on its way out. */
  int64_t n_run;
  double *records;
  uint8_t *status;
  const double **finished;
  double *summary;
  void *config;
} collector;

void smr_schema_clear(smr_schema *schema) {
  /* One block each, made by the experiment: dimensions are its first member. */
  void *block = NULL;
  memcpy(&block, &schema->dimensions, sizeof block);
  smr_memory_free(block);
  *schema = (smr_schema){0};
}

static void evict_oldest(collector *c) {
  int64_t oldest = 0;
  for (int64_t i = 1; i < c->n_cached; ++i) {
    oldest = c->cache[i].last_use < c->cache[oldest].last_use ? i : oldest;
  }
  c->cached_bytes -= c->cache[oldest].n_rows * c->record_length * (int64_t)sizeof(double);
  smr_memory_free(c->cache[oldest].records);
  c->cache[oldest] = c->cache[--c->n_cached];
}

static smr_status load_part(collector *c, int64_t part, const cached_part **out) {
  for (int64_t i = 0; i < c->n_cached; ++i) {
    if (c->cache[i].part == part) {
      c->cache[i].last_use = ++c->uses;
      *out = &c->cache[i];
      return SMR_OK;
    }
  }
  while (c->n_cached == MOST_CACHED || (c->n_cached > 0 && c->cached_bytes > CACHE_BYTES)) {
    evict_oldest(c);
  }
  cached_part *entry = &c->cache[c->n_cached];
  *entry = (cached_part){.part = part, .last_use = ++c->uses};
  SMR_TRY(smr_ledger_read_part(c->ledger, part, &c->outputs, &entry->n_rows, &entry->records));
  c->cached_bytes += entry->n_rows * c->record_length * (int64_t)sizeof(double);
  c->n_cached++;
  *out = entry;
  return SMR_OK;
}

/* Status and record of one cell into place `at` of the run. */
static smr_status load_cell(collector *c, int64_t cell, int64_t at) {
  double *record = c->records + at * c->record_length;
  c->status[at] = c->units->status[cell];
  const smr_ledger_entry *entry = smr_ledger_find(c->ledger, c->units->hashes[cell]);
  if (c->status[at] != SMR_UNIT_DONE || entry == NULL) {
    for (int64_t i = 0; i < c->record_length; ++i) {
      record[i] = NAN;
    }
    return SMR_OK;
  }
  const cached_part *part = NULL;
  SMR_TRY(load_part(c, entry->part, &part));
  if (part->records == NULL || entry->row >= part->n_rows) {
    SMR_FAIL(SMR_ERR_CORRUPT, "part %s lacks a unit that its journal promises",
             smr_ledger_get_part_name(c->ledger, entry->part));
  }
  memcpy(record, part->records + entry->row * c->record_length,
         (size_t)c->record_length * sizeof(double));
  return SMR_OK;
}

static smr_status collect_plain(collector *c) {
  for (int64_t first = 0; first < c->units->n_cells; first += c->n_run) {
    int64_t count = smr_int_min(c->n_run, c->units->n_cells - first);
    for (int64_t i = 0; i < count; ++i) {
      SMR_TRY(load_cell(c, first + i, i));
    }
    SMR_TRY(smr_results_write(c->results, first, count, c->status, c->records));
  }
  return SMR_OK;
}

static smr_status summarize(collector *c, int64_t cell, int64_t n_replicates,
                            int64_t reduced_cell) {
  int64_t n = 0;
  for (int64_t i = 0; i < n_replicates; ++i) {
    if (c->status[i] == SMR_UNIT_DONE) {
      c->finished[n++] = c->records + i * c->record_length;
    }
  }
  for (int64_t i = 0; i < c->summary_length; ++i) {
    c->summary[i] = NAN;
  }
  smr_common_config common;
  smr_job_configure(c->units->job, cell, &common, c->config);
  SMR_TRY(c->units->experiment->summarize(c->config, &c->outputs, &c->summaries, n, c->finished,
                                          c->summary));
  for (int64_t s = 0; s < c->summaries.n_outputs; ++s) {
    SMR_TRY(smr_results_write_summary(c->results, s, reduced_cell, 1,
                                      c->summary + smr_schema_get_offset(&c->summaries, s)));
  }
  return SMR_OK;
}

/* All replicates of a cell together; they lie `stride` cells apart. */
static smr_status collect_replicates(collector *c, int reduced) {
  int64_t stride = 1, n_replicates = smr_job_get_dimension(c->units->job, reduced);
  for (int64_t d = reduced + 1; d < smr_job_count_dimensions(c->units->job); ++d) {
    stride *= smr_job_get_dimension(c->units->job, d);
  }
  int64_t n_reduced = c->units->n_cells / n_replicates;
  for (int64_t r = 0; r < n_reduced; ++r) {
    int64_t first = r / stride * (stride * n_replicates) + r % stride;
    for (int64_t i = 0; i < n_replicates; ++i) {
      SMR_TRY(load_cell(c, first + i * stride, i));
      if (stride > 1) {
        SMR_TRY(smr_results_write(c->results, first + i * stride, 1, &c->status[i],
                                  c->records + i * c->record_length));
      }
    }
    if (stride == 1) {
      SMR_TRY(smr_results_write(c->results, first, n_replicates, c->status, c->records));
    }
    SMR_TRY(summarize(c, first, n_replicates, r));
  }
  return SMR_OK;
}

static smr_status prepare(collector *c, const char *folder) {
  const smr_units *units = c->units;
  SMR_TRY(units->experiment->describe(units->job, &c->outputs, &c->summaries));
  SMR_TRY(smr_schema_count(&c->outputs, &c->record_length));
  SMR_TRY(smr_schema_count(&c->summaries, &c->summary_length));
  SMR_TRY(smr_layout_create(folder, units, &c->outputs, &c->layout));
  int reduced = smr_layout_get_reduced(c->layout);
  c->n_run = reduced < 0 ? RUN_CELLS : smr_job_get_dimension(units->job, reduced);
  SMR_TRY(smr_memory_alloc(c->n_run * c->record_length, sizeof(double), "records of a run of cells",
                           &c->records));
  SMR_TRY(smr_memory_alloc(c->n_run, 1, "status of a run of cells", &c->status));
  SMR_TRY(smr_memory_alloc(c->n_run, sizeof(double *), "records of replicates", &c->finished));
  SMR_TRY(smr_memory_alloc(c->summary_length, sizeof(double), "summaries", &c->summary));
  return smr_memory_alloc(1, units->experiment->table->config_bytes, "configuration", &c->config);
}

static smr_status open_results(collector *c, const char *folder) {
  smr_results_summary *list = NULL;
  int reduced = smr_layout_get_reduced(c->layout);
  int64_t n = reduced < 0 ? 0 : c->summaries.n_outputs;
  SMR_TRY(smr_memory_alloc(n, sizeof *list, "summaries", &list));
  for (int64_t i = 0; i < n; ++i) {
    list[i].output = c->summaries.outputs[i];
  }
  smr_status status =
      smr_results_create(folder, smr_layout_get(c->layout), reduced, n, list, &c->results);
  smr_memory_free(list);
  return status;
}

static void clear(collector *c) {
  while (c->n_cached > 0) {
    evict_oldest(c);
  }
  smr_results_abandon(&c->results);
  smr_layout_destroy(&c->layout);
  smr_schema_clear(&c->outputs);
  smr_schema_clear(&c->summaries);
  smr_memory_free(c->records);
  smr_memory_free(c->status);
  smr_memory_free(c->finished);
  smr_memory_free(c->summary);
  smr_memory_free(c->config);
  smr_memory_free(c);
}

smr_status smr_collect_verify(smr_ledger *ledger, int64_t *n_dropped) {
  *n_dropped = 0;
  for (int64_t part = 0; part < smr_ledger_count_parts(ledger); ++part) {
    if (smr_ledger_verify_part(ledger, part) != SMR_OK) {
      smr_log_warning("%s; its units will be computed again", smr_error_message());
      SMR_TRY(smr_ledger_drop_part(ledger, part));
      ++*n_dropped;
    }
  }
  return SMR_OK;
}

smr_status smr_collect_measure(const smr_units *units, int64_t *record_bytes,
                               int64_t *result_bytes) {
  smr_schema outputs = {0}, summaries = {0};
  int64_t record = 0, summary = 0;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(units->experiment->describe(units->job, &outputs, &summaries));
  SMR_TRY_DONE(smr_schema_count(&outputs, &record));
  SMR_TRY_DONE(smr_schema_count(&summaries, &summary));
  SMR_TRY_DONE(smr_int_multiply(record, 8, "bytes of a record", record_bytes));
  SMR_TRY_DONE(
      smr_int_multiply(*record_bytes, units->n_cells, "bytes of results.h5", result_bytes));
done:
  smr_schema_clear(&outputs);
  smr_schema_clear(&summaries);
  return status;
}

smr_collect_counts smr_collect_count(smr_units *units, const smr_ledger *ledger) {
  smr_units_load(units, ledger);
  return (smr_collect_counts){
      smr_units_count(units, SMR_UNIT_DONE), smr_units_count(units, SMR_UNIT_FAILED),
      smr_units_count(units, SMR_UNIT_QUARANTINED), smr_units_count(units, SMR_UNIT_PENDING),
      smr_units_count(units, SMR_UNIT_EXCLUDED)};
}

smr_status smr_collect(const char *folder, smr_units *units, smr_ledger *ledger) {
  collector *c = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *c, "collection", &c));
  c->ledger = ledger;
  c->units = units;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(prepare(c, folder));
  SMR_TRY_DONE(open_results(c, folder));
  int reduced = smr_layout_get_reduced(c->layout);
  SMR_TRY_DONE(reduced < 0 ? collect_plain(c) : collect_replicates(c, reduced));
  SMR_TRY_DONE(smr_results_finish(&c->results));
done:
  clear(c);
  return status;
}

void smr_collect_print_failures(const smr_units *units, const smr_ledger *ledger) {
  int64_t n = 0;
  char text[256];
  for (int64_t cell = 0; cell < units->n_cells; ++cell) {
    const smr_ledger_entry *entry = smr_ledger_find(ledger, units->hashes[cell]);
    bool is_bad =
        units->status[cell] == SMR_UNIT_FAILED || units->status[cell] == SMR_UNIT_QUARANTINED;
    if (!is_bad || entry == NULL || ++n > MOST_LISTED) {
      continue;
    }
    smr_job_describe(units->job, cell, text, sizeof text);
    if (units->status[cell] == SMR_UNIT_QUARANTINED) {
      smr_log_warning("unit %s is quarantined: its process died every time it ran", text);
    } else {
      smr_log_warning("unit %s failed: %s", text, entry->message);
    }
  }
  if (n > MOST_LISTED) {
    smr_log_warning("and %" PRId64 " more failed", n - MOST_LISTED);
  }
}

smr_status smr_collect_note_run(const char *folder, const smr_run_facts *facts) {
  char path[SMR_PATH_BYTES], date[32], cpu[256];
  SMR_TRY(smr_file_join(path, folder, "log/runs.log"));
  /* One short write in append mode: jobs that start at once keep each other's lines. */
  FILE *file = fopen(path, "a");
  if (file == NULL) {
    SMR_FAIL(SMR_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  }
  int length = fprintf(
      file, "date=%s ranks=%d threads=%d simmer=%s commit=%s numerics=%d cpu=\"%s\" hosts=\"%s\"\n",
      smr_clock_format_date(date, sizeof date), facts->n_ranks, facts->n_threads, smr_version(),
      smr_version_git_commit(), SMR_NUMERICS_VERSION, smr_version_cpu(cpu, sizeof cpu),
      facts->hosts);
  if (fclose(file) != 0 || length < 0) {
    SMR_FAIL(errno == ENOSPC ? SMR_ERR_FULL : SMR_ERR_IO, "cannot write %s: %s", path,
             strerror(errno));
  }
  return SMR_OK;
}
