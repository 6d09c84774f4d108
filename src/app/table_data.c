/* Datasets that the units of a job share, and checks of the job against them. */
#include "table_data.h"

#include <inttypes.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

const char *const smr_table_sources[] = {"teacher", "csv", "hdf5", "problem", NULL};
const char *const smr_table_designs[] = {"gaussian",    "smooth",     "power_law",
                                         "exponential", "duplicated", NULL};
const char *const smr_table_truths[] = {"random", "decaying", "smooth", "constant", "single", NULL};
const char *const smr_table_noise_models[] = {"iid", "ar1", "heteroscedastic", "student_t", NULL};
const char *const smr_table_problems[] = {"shaw", "phillips", "deriv2", "baart",
                                          "heat", "foxgood",  NULL};

bool smr_table_is_file(const smr_data_config *data) {
  return data->source == SMR_SOURCE_CSV || data->source == SMR_SOURCE_HDF5;
}

int64_t smr_table_count_test(const smr_data_config *data, int64_t instances) {
  const bool has_ordered_rows =
      data->source == SMR_SOURCE_PROBLEM ||
      (data->source == SMR_SOURCE_TEACHER && data->design.kind == SMR_DESIGN_SMOOTH);
  if (data->test_instances >= 0 || smr_table_is_file(data)) {
    return data->test_instances;
  }
  return has_ordered_rows ? instances : 1000;
}

static bool is_rotated(const smr_data_config *data) {
  return data->source == SMR_SOURCE_TEACHER && data->design.rotate &&
         (data->design.kind == SMR_DESIGN_POWER_LAW || data->design.kind == SMR_DESIGN_EXPONENTIAL);
}

int64_t smr_table_count_columns(const smr_data_config *data, int64_t instances, int64_t columns) {
  if (data->source == SMR_SOURCE_PROBLEM) {
    return smr_int_max(columns, instances);
  }
  if (data->source != SMR_SOURCE_TEACHER) {
    return columns;
  }
  columns = smr_int_max(columns, data->teacher_features);
  return is_rotated(data) ? smr_int_max(columns, data->design.columns) : columns;
}

/* A normal deviate or an exponential costs about as much as 40 operations, an entry of a kernel as
 * 160. */
double smr_table_count_row_flops(const smr_data_config *data, int64_t instances, int64_t columns) {
  const double width = (double)smr_table_count_columns(data, instances, columns);
  if (smr_table_is_file(data)) {
    return 4.0 * width;
  }
  const double rotation = is_rotated(data) ? 4.0 * width * width : 0.0;
  return (data->source == SMR_SOURCE_PROBLEM ? 160.0 : 40.0) * width + rotation;
}

int64_t smr_table_count_bytes(const smr_data_config *data, int64_t columns) {
  const int64_t width = smr_table_count_columns(data, 0, columns);
  return is_rotated(data) ? 4 * width * (width + 1) : 0;
}

int64_t smr_table_max_features(const smr_ints *features) {
  int64_t most = 0;
  for (int64_t i = 0; i < features->n; ++i) {
    most = smr_int_max(most, features->values[i]);
  }
  return most;
}

/* --- datasets: one for every data file of the job --- */

typedef struct {
  int64_t n;
  smr_dataset **datasets;
  smr_data_config *configs;
} table_state;

/* Two configurations that read the same rows. */
static bool is_same_source(const smr_data_config *a, const smr_data_config *b) {
  return a->source == b->source &&
         (!smr_table_is_file(a) ||
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

/* This part of one cell's configuration; `config` is room for the whole. */
static smr_table_part configure(const smr_table_view *view, const smr_job *job, int64_t cell,
                                void *config) {
  smr_common_config common;
  smr_job_configure(job, cell, &common, config);
  return view->get(config);
}

static smr_status allocate_config(const smr_table_view *view, void **config) {
  return smr_memory_alloc(1, view->table->config_bytes, "a unit's configuration", config);
}

/* The different sources of a job; most jobs have one. */
static smr_status list_sources(const smr_table_view *view, const smr_job *job,
                               smr_data_config known[MOST_SOURCES], int64_t *n) {
  void *config = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(allocate_config(view, &config));
  *n = 0;
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    const smr_table_part part = configure(view, job, cell, config);
    if (find_source(known, *n, &part.data) >= 0) {
      continue;
    }
    if (*n == MOST_SOURCES) {
      SMR_FAIL_DONE(SMR_ERR_LIMIT, "a job may read %d different data sources at most",
                    MOST_SOURCES);
    }
    known[(*n)++] = part.data;
  }
done:
  smr_memory_free(config);
  return status;
}

smr_status smr_table_open(const smr_table_view *view, const smr_context *world, const smr_job *job,
                          const char *data_folder, void **state) {
  smr_data_config known[MOST_SOURCES];
  int64_t n = 0;
  SMR_TRY(list_sources(view, job, known, &n));
  table_state *made = NULL;
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

void smr_table_close(void **state) {
  table_state *made = *state;
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

smr_status smr_table_list_inputs(void *state, const smr_job *job, smr_text *lines) {
  const table_state *made = state;
  (void)job;
  for (int64_t i = 0; i < made->n; ++i) {
    const smr_data_config *config = &made->configs[i];
    if (smr_table_is_file(config)) {
      SMR_TRY(smr_text_add(lines, "%08" PRIx32 " data %s (%s, %s, column %" PRId64 "%s)\n",
                           smr_dataset_get_shape(made->datasets[i]).crc, config->file,
                           config->x_name, config->y_name, config->target_column,
                           config->labels_to_signs ? ", signs" : ""));
    }
  }
  return SMR_OK;
}

const smr_dataset *smr_table_find(void *state, const smr_data_config *config) {
  const table_state *made = state;
  return made->datasets[find_source(made->configs, made->n, config)];
}

/* --- checks --- */

static void check_source(const smr_job *job, const smr_inputs *inputs,
                         const smr_data_config *config, smr_data_shape *shape, smr_text *report,
                         smr_status *verdict) {
  *shape = (smr_data_shape){.n_rows = INT64_MAX, .n_features = INT64_MAX};
  if (smr_table_is_file(config) && config->file[0] == '\0') {
    *verdict = smr_job_complain(job, "data.file", report, "data.source %s needs a data.file",
                                config->source == SMR_SOURCE_CSV ? "csv" : "hdf5");
    return;
  }
  smr_status status = smr_dataset_inspect(config, inputs->data_folder, shape);
  if (status == SMR_ERR_MISSING && inputs->is_later) {
    *shape = (smr_data_shape){0};
    smr_inputs_await(smr_error_message());
  } else if (status != SMR_OK) {
    *verdict = smr_job_complain(job, "data.file", report, "%s", smr_error_message());
  } else if (shape->is_constant && shape->n_rows > 1) {
    *verdict = smr_job_complain(job, "data.file", report,
                                "the targets of '%s' are the same number in all %" PRId64
                                " rows: there is nothing to learn from them",
                                config->file, shape->n_rows);
  }
}

static void check_classes(const smr_job *job, const smr_data_config *config,
                          const smr_data_shape *shape, smr_text *report, smr_status *verdict) {
  if (config->source == SMR_SOURCE_PROBLEM) {
    *verdict = smr_job_complain(job, "data.source", report,
                                "the targets of an ill-posed problem are values of a function: "
                                "there are no two classes to tell apart");
  }
  if (!smr_table_is_file(config) || shape->n_rows == 0 || shape->is_classification) {
    return;
  }
  *verdict = config->labels_to_signs
                 ? smr_job_complain(job, "data.file", report,
                                    "the targets of '%s' don't take just two values: there are no "
                                    "two classes to tell apart",
                                    config->file)
                 : smr_job_complain(job, "data.labels_to_signs", report,
                                    "two classes are told apart by signs: set it to true");
}

/* Mistakes of one cell, each named once. */
typedef struct {
  bool rows, features, columns;
} found_mistakes;

static void check_problem(const smr_job *job, const smr_table_part *config, found_mistakes *found,
                          smr_text *report, smr_status *verdict) {
  const int64_t most = smr_table_max_features(&config->features);
  const int64_t divisor = smr_problem_get_divisor(config->data.problem);
  if (!found->features && most > config->instances) {
    found->features = true;
    *verdict = smr_job_complain(job, "data.features", report,
                                "%" PRId64 " features are more than the columns of a problem on "
                                "%" PRId64 " cells (data.instances)",
                                most, config->instances);
  }
  if (!found->rows && config->instances % divisor != 0) {
    found->rows = true;
    *verdict =
        smr_job_complain(job, "data.instances", report,
                         "data.problem %s needs a multiple of %" PRId64 " cells, not %" PRId64,
                         smr_table_problems[config->data.problem], divisor, config->instances);
  }
}

/* A rotated design has as many columns as are fitted or carry signal, or more. */
static void check_rotation(const smr_job *job, const smr_table_part *config, found_mistakes *found,
                           smr_text *report, smr_status *verdict) {
  const int64_t columns = config->data.design.columns;
  const int64_t width =
      smr_int_max(smr_table_max_features(&config->features), config->data.teacher_features);
  if (!found->columns && columns >= 0 && columns < width) {
    found->columns = true;
    *verdict = smr_job_complain(job, "data.design_columns", report,
                                "a rotated design of %" PRId64 " columns has no %" PRId64
                                " of them to fit or for the true coefficients",
                                columns, width);
  }
}

static void check_cell(const smr_job *job, const smr_table_part *config,
                       const smr_data_shape *shape, found_mistakes *found, smr_text *report,
                       smr_status *verdict) {
  const int64_t most = smr_table_max_features(&config->features);
  if (config->data.source == SMR_SOURCE_PROBLEM) {
    check_problem(job, config, found, report, verdict);
  } else if (is_rotated(&config->data)) {
    check_rotation(job, config, found, report, verdict);
  }
  if (!found->rows && config->instances > shape->n_rows) {
    found->rows = true;
    *verdict =
        smr_job_complain(job, "data.instances", report,
                         "%" PRId64 " training rows are more than the %" PRId64 " rows of '%s'",
                         config->instances, shape->n_rows, config->data.file);
  }
  if (!found->rows && smr_table_is_file(&config->data) && config->data.test_instances != 0 &&
      config->instances == shape->n_rows) {
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

smr_status smr_table_check(const smr_table_view *view, const smr_job *job, const smr_inputs *inputs,
                           smr_text *report) {
  smr_data_config known[MOST_SOURCES];
  smr_data_shape shapes[MOST_SOURCES] = {{0}};
  int64_t n = 0;
  void *config = NULL;
  SMR_TRY(list_sources(view, job, known, &n));
  SMR_TRY(allocate_config(view, &config));
  smr_status verdict = SMR_OK;
  for (int64_t i = 0; i < n; ++i) {
    check_source(job, inputs, &known[i], &shapes[i], report, &verdict);
    if (view->needs_classes) {
      check_classes(job, &known[i], &shapes[i], report, &verdict);
    }
  }
  found_mistakes found = {false, false, false};
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    const smr_table_part part = configure(view, job, cell, config);
    const smr_data_shape *shape = &shapes[find_source(known, n, &part.data)];
    if (shape->n_rows > 0 && !smr_job_is_excluded(job, cell)) {
      check_cell(job, &part, shape, &found, report, &verdict);
    }
  }
  smr_memory_free(config);
  return verdict;
}
