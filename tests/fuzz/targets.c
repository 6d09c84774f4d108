/* Each target writes its bytes where the reader looks for them (a folder in memory) and goes
 * through everything the reader offers. */
#include "targets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/app/experiment.h"
#include "../../src/data/image_source.h"
#include "../../src/data/source.h"
#include "simmer/base/file.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/store/journal.h"
#include "simmer/store/model.h"

/* Values that a reader may ask memory for here; a header can't make it more than the file holds. */
enum { MOST_VALUES = 1 << 22 };

static char folder[] = "/dev/shm/simmer-fuzz-XXXXXX";

static void remove_folder(void) {
  char path[SMR_PATH_BYTES];
  snprintf(path, sizeof path, "%s/journal/x.log", folder);
  unlink(path);
  snprintf(path, sizeof path, "%s/journal", folder);
  rmdir(path);
  snprintf(path, sizeof path, "%s/f", folder);
  unlink(path);
  rmdir(folder);
}

/* The bytes as a file of the folder. */
static void put(const char *name, const uint8_t *data, size_t size) {
  static int is_made = 0;
  char path[SMR_PATH_BYTES];
  if (!is_made) {
    is_made = 1;
    smr_log_set_level(SMR_LOG_SILENT);
    if (mkdtemp(folder) == NULL) {
      abort();
    }
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/journal", folder);
    if (smr_file_make_folder(path) != SMR_OK) {
      abort();
    }
  }
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, data, size) != (ssize_t)size || close(file) != 0) {
    abort();
  }
}

static void fuzz_job(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  smr_text report = {0};
  smr_job *job = NULL;
  memcpy(text, data, size);
  text[size] = '\0';
  smr_status status = smr_job_parse(text, "fuzz.yaml", 0, NULL, smr_experiment_count(),
                                    smr_experiment_list(), &report, &job);
  if ((status == SMR_OK) != (job != NULL) || (status == SMR_ERR_JOB) != (report.data != NULL)) {
    abort(); /* a mistake without a message, or a message without a mistake */
  }
  if (job != NULL) {
    const smr_experiment *experiment = smr_experiment_get(smr_job_get_experiment(job));
    smr_common_config common;
    void *config = calloc(1, experiment->table->config_bytes);
    int64_t n = smr_job_count_cells(job);
    for (int64_t cell = 0; cell < n && cell < 64; ++cell) {
      char buffer[64];
      smr_job_configure(job, cell, &common, config);
      (void)smr_job_identify(job, cell, "");
      (void)smr_job_describe(job, n - 1 - cell, buffer, sizeof buffer);
    }
    free(config);
  }
  smr_job_destroy(&job);
  smr_text_clear(&report);
  free(text);
}

static void read_table(const smr_table_reader *ops, const smr_data_config *config) {
  void *reader = NULL;
  char path[SMR_PATH_BYTES];
  int64_t n = 0, p = 0, size = 0;
  smr_labels labels = {0};
  snprintf(path, sizeof path, "%s/f", folder);
  if (ops->open(config, path, &reader, &n, &p) == SMR_OK &&
      ops->scan(reader, NULL, NULL, &labels) == SMR_OK &&
      !__builtin_mul_overflow(n, p + 1, &size) && size <= MOST_VALUES) {
    double *x = malloc((size_t)size * sizeof *x);
    smr_labels again = {0};
    if (ops->scan(reader, x, x + n * p, &again) != SMR_OK || again.n != labels.n) {
      abort(); /* what was checked can't be read */
    }
    free(x);
  }
  ops->close(reader);
}

static void fuzz_csv(const uint8_t *data, size_t size) {
  put("f", data, size);
  read_table(smr_source_csv_ops.reader, &(smr_data_config){.file = "f", .target_column = -1});
  read_table(smr_source_csv_ops.reader, &(smr_data_config){.file = "f", .target_column = 0});
}

static void read_images(const smr_image_ops *ops, const smr_image_config *config) {
  void *reader = NULL;
  smr_image_plan plan = {0};
  int64_t size = 0;
  if (ops->plan(config, folder, &plan, &reader) == SMR_OK &&
      !__builtin_mul_overflow(plan.n_kept, plan.height * plan.width + 1, &size) &&
      size <= MOST_VALUES) {
    uint8_t *bytes = malloc((size_t)size);
    const smr_image_memory memory = {bytes, bytes + plan.n_kept * plan.height * plan.width, NULL};
    (void)!ops->fill(reader, &plan, &memory);
    free(bytes);
  }
  ops->close(reader);
}

static smr_image_config image_file(int source, const char *labels) {
  return (smr_image_config){.source = source,
                            .file = "f",
                            .labels = labels,
                            .x_name = "X",
                            .y_name = "y",
                            .count = -1,
                            .test_count = -1};
}

static void fuzz_idx(const uint8_t *data, size_t size) {
  put("f", data, size);
  smr_image_config alone = image_file(SMR_IMAGES_IDX, "");
  smr_image_config both = image_file(SMR_IMAGES_IDX, "f");
  read_images(&smr_image_idx_ops, &alone);
  read_images(&smr_image_idx_ops, &both);
}

static void fuzz_hdf5(const uint8_t *data, size_t size) {
  put("f", data, size);
  read_table(smr_source_hdf5_ops.reader,
             &(smr_data_config){.file = "f", .x_name = "X", .y_name = "y"});
  smr_image_config images = image_file(SMR_IMAGES_HDF5, "");
  read_images(&smr_image_hdf5_ops, &images);
}

static void fuzz_model(const uint8_t *data, size_t size) {
  char path[SMR_PATH_BYTES];
  smr_model model = {0};
  smr_text text = {0};
  put("f", data, size);
  snprintf(path, sizeof path, "%s/f", folder);
  (void)!smr_model_read(path, &model);
  smr_model_clear(&model);
  (void)!smr_arrays_show(path, NULL, false, &text);
  smr_text_clear(&text);
}

static void fuzz_journal(const uint8_t *data, size_t size) {
  smr_ledger *ledger = NULL;
  put("journal/x.log", data, size);
  if (smr_ledger_read(folder, &ledger) == SMR_OK) {
    int64_t n = smr_ledger_count_parts(ledger);
    while (n > 0) {
      if (smr_ledger_verify_part(ledger, --n) != SMR_OK) {
        (void)!smr_ledger_drop_part(ledger, n);
      }
    }
  }
  smr_ledger_destroy(&ledger);
}

fuzz_target fuzz_find(const char *name) {
  static const struct {
    const char *name;
    fuzz_target target;
  } all[] = {{"job", fuzz_job},   {"csv", fuzz_csv},     {"idx", fuzz_idx},
             {"hdf5", fuzz_hdf5}, {"model", fuzz_model}, {"journal", fuzz_journal}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    if (strcmp(all[i].name, name) == 0) {
      return all[i].target;
    }
  }
  return NULL;
}
