/* Before units run: checks of a ridge job against its data, the cost of a unit, and the datasets
 * that units share. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ridge.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/kernel.h"

/* --- datasets: one for every data file of the job --- */

typedef struct {
  int64_t n;
  smr_dataset **datasets;
  smr_data_config *configs;
} ridge_state;

/* Two configurations that read the same rows. */
static bool is_same_source(const smr_data_config *a, const smr_data_config *b) {
  return a->source == b->source &&
         (a->source == SMR_SOURCE_TEACHER ||
          (strcmp(a->file, b->file) == 0 && strcmp(a->x_name, b->x_name) == 0 &&
           strcmp(a->y_name, b->y_name) == 0 && a->target_column == b->target_column &&
           a->labels_to_signs == b->labels_to_signs));
}

static int64_t find_source(const smr_data_config *known, int64_t n, const smr_data_config *config) {
  for (int64_t i = 0; i < n; ++i) {
    if (is_same_source(&known[i], config)) {
      return i;
    }
  }
  return -1;
}

enum { MOST_SOURCES = 64 };

/* The different sources of a job; most jobs have one. */
static smr_status list_sources(const smr_job *job, smr_data_config known[MOST_SOURCES],
                               int64_t *n) {
  *n = 0;
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_ridge_config config;
    smr_job_configure(job, cell, &common, &config);
    if (find_source(known, *n, &config.data) >= 0) {
      continue;
    }
    if (*n == MOST_SOURCES) {
      SMR_FAIL(SMR_ERR_LIMIT, "a job may read %d different data sources at most", MOST_SOURCES);
    }
    known[(*n)++] = config.data;
  }
  return SMR_OK;
}

smr_status smr_ridge_open(const smr_context *world, const smr_job *job, const char *data_folder,
                          void **state) {
  smr_data_config known[MOST_SOURCES];
  int64_t n = 0;
  SMR_TRY(list_sources(job, known, &n));
  ridge_state *made = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *made, "datasets", &made);
  if (status == SMR_OK) {
    status = smr_memory_alloc(n, sizeof(smr_dataset *), "datasets", &made->datasets);
  }
  if (status == SMR_OK) {
    status = smr_memory_alloc(n, sizeof(smr_data_config), "data sources", &made->configs);
  }
  *state = made;
  SMR_TRY(smr_agree(world, status));
  memcpy(made->configs, known, (size_t)n * sizeof known[0]);
  for (; made->n < n; ++made->n) {
    SMR_TRY(smr_dataset_open(world, &known[made->n], data_folder, &made->datasets[made->n]));
  }
  return SMR_OK;
}

void smr_ridge_close(void **state) {
  ridge_state *made = *state;
  if (made == NULL) {
    return;
  }
  for (int64_t i = 0; i < made->n; ++i) {
    smr_dataset_close(&made->datasets[i]);
  }
  smr_memory_free(made->datasets);
  smr_memory_free(made->configs);
  smr_memory_free(made);
  *state = NULL;
}

smr_status smr_ridge_list_inputs(void *state, const smr_job *job, smr_text *lines) {
  const ridge_state *made = state;
  (void)job;
  for (int64_t i = 0; i < made->n; ++i) {
    const smr_data_config *config = &made->configs[i];
    if (config->source == SMR_SOURCE_CSV || config->source == SMR_SOURCE_HDF5) {
      SMR_TRY(smr_text_add(lines, "%08" PRIx32 " data %s (%s, %s, column %" PRId64 "%s)\n",
                           smr_dataset_get_shape(made->datasets[i]).crc, config->file,
                           config->x_name, config->y_name, config->target_column,
                           config->labels_to_signs ? ", signs" : ""));
    }
  }
  return SMR_OK;
}

const smr_dataset *smr_ridge_find_dataset(void *state, const smr_data_config *config) {
  const ridge_state *made = state;
  return made->datasets[find_source(made->configs, made->n, config)];
}

/* --- checks --- */

static void check_source(const smr_job *job, const char *data_folder, const smr_data_config *config,
                         smr_data_shape *shape, smr_text *report, smr_status *verdict) {
  *shape = (smr_data_shape){.n_rows = INT64_MAX, .n_features = INT64_MAX};
  if (config->source != SMR_SOURCE_TEACHER && config->file[0] == '\0') {
    *verdict = smr_job_complain(job, "data.file", report, "data.source %s needs a data.file",
                                config->source == SMR_SOURCE_CSV ? "csv" : "hdf5");
    return;
  }
  smr_status status = smr_dataset_inspect(config, data_folder, shape);
  if (status != SMR_OK) {
    *verdict = smr_job_complain(job, "data.file", report, "%s", smr_error_message());
  }
}

/* Mistakes of one cell, each named once. */
typedef struct {
  bool rows, features;
} found_mistakes;

static void check_cell(const smr_job *job, const smr_ridge_config *config,
                       const smr_data_shape *shape, found_mistakes *found, smr_text *report,
                       smr_status *verdict) {
  const int64_t most = smr_ridge_max_features(config);
  if (!found->rows && config->instances > shape->n_rows) {
    found->rows = true;
    *verdict =
        smr_job_complain(job, "data.instances", report,
                         "%" PRId64 " training rows are more than the %" PRId64 " rows of '%s'",
                         config->instances, shape->n_rows, config->data.file);
  }
  if (!found->rows && config->data.source != SMR_SOURCE_TEACHER &&
      config->data.test_instances != 0 && config->instances == shape->n_rows) {
    found->rows = true;
    *verdict = smr_job_complain(job, "data.instances", report,
                                "all %" PRId64 " rows of '%s' would train and none be left to test "
                                "on; use fewer, or set data.test_instances to 0",
                                shape->n_rows, config->data.file);
  }
  if (!found->features && most > shape->n_features) {
    found->features = true;
    *verdict =
        smr_job_complain(job, "data.features", report,
                         "%" PRId64 " features are more than the %" PRId64 " columns of '%s'", most,
                         shape->n_features, config->data.file);
  }
}

smr_status smr_ridge_check(const smr_job *job, const char *data_folder, void *survey,
                           smr_text *report) {
  (void)survey;
  smr_data_config known[MOST_SOURCES];
  smr_data_shape shapes[MOST_SOURCES] = {{0}};
  int64_t n = 0;
  SMR_TRY(list_sources(job, known, &n));
  smr_status verdict = SMR_OK;
  for (int64_t i = 0; i < n; ++i) {
    check_source(job, data_folder, &known[i], &shapes[i], report, &verdict);
  }
  found_mistakes found = {false, false};
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_ridge_config config;
    smr_job_configure(job, cell, &common, &config);
    const smr_data_shape *shape = &shapes[find_source(known, n, &config.data)];
    if (shape->n_rows > 0 && !smr_job_is_excluded(job, cell)) {
      check_cell(job, &config, shape, &found, report, &verdict);
    }
  }
  return verdict;
}

/* --- cost --- */

int64_t smr_ridge_count_test(const smr_ridge_config *config) {
  const bool is_auto = config->data.test_instances < 0;
  return is_auto && config->data.source == SMR_SOURCE_TEACHER ? 1000 : config->data.test_instances;
}

void smr_ridge_plan(const void *config, const void *survey, int n_ranks, smr_unit_cost *cost) {
  (void)survey;
  const smr_ridge_config *ridge = config;
  const int64_t n = ridge->instances, n_max = smr_ridge_max_features(ridge);
  const int64_t c = smr_ridge_padded_lambdas(ridge);
  const bool is_teacher = ridge->data.source == SMR_SOURCE_TEACHER;
  /* How many rows a file leaves to test on isn't known here; a few thousand is the usual size. */
  int64_t n_test = smr_ridge_count_test(ridge);
  n_test = n_test < 0 ? 4000 : n_test;
  int64_t columns = smr_int_max(n_max, ridge->data.teacher_features);
  *cost = (smr_unit_cost){.flops = smr_qr_count_flops(n, n_max)};
  int64_t svd_bytes = 0;
  for (int64_t f = 0; f < ridge->features.n; ++f) {
    int64_t p = ridge->features.values[f], m = smr_int_min(n, p);
    double flops = smr_svd_count_flops(m, p, c);
    /* Half of a bidiagonalization is matrix-vector products. */
    cost->flops += 0.6 * flops + 2.0 * (double)n_test * (double)p * (double)c;
    cost->slow_flops += 0.4 * flops + 8.0 * (double)n_test * (double)ridge->lambda.n + 4e4;
    svd_bytes = smr_int_max(svd_bytes, smr_svd_count_bytes(m, p, n_ranks) +
                                           8 * (m * p + (2 * c + 4) * (m + p)));
  }
  /* Gathered or generated rows; a normal deviate costs about as much as 40 operations. */
  cost->slow_flops += (double)(n + n_test) * (double)columns * (is_teacher ? 40.0 : 4.0);
  cost->memory_bytes = smr_qr_count_bytes(n, n_max, n_ranks) + svd_bytes +
                       8 * (ridge->features.n * (n_max + 1) * c + 512 * (columns + n_max + c));
  int64_t blocks = smr_int_ceil_divide(n, 1024);
  cost->n_shards = smr_int_max(blocks, smr_int_ceil_divide(n_test, 512));
}
