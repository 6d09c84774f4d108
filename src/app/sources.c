/* The image sources of a job, each looked at and opened once. */
#include "sources.h"

#include <inttypes.h>
#include <string.h>

#include "image_keys.h"
#include "simmer/base/memory.h"

const char *const smr_image_binarizations[] = {"sample", "threshold", "none", NULL};

static smr_hash add_text(smr_hash hash, const char *text) {
  return smr_hash_add(hash, text, strlen(text) + 1);
}

/* Of everything that says which rows there are and what they look like, but the seed, which a job
 * has one of. */
static smr_hash hash_source(const smr_image_config *config) {
  const char *const texts[] = {config->file,         config->labels, config->test_file,
                               config->test_labels,  config->x_name, config->y_name,
                               config->mnist_folder, config->fields, config->tangents};
  const int64_t integers[] = {config->source,     config->first,      config->count,
                              config->test_count, config->side,       config->sweeps,
                              config->binarize,   config->is_inverted};
  const double reals[] = {config->coupling, config->threshold, config->holdout};
  smr_hash hash = smr_hash_start();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    hash = add_text(hash, texts[i]);
  }
  hash = smr_hash_add(hash, integers, sizeof integers);
  return smr_hash_add(hash, reals, sizeof reals);
}

static int64_t find_source(const smr_hash *keys, int64_t n, const smr_image_config *config) {
  const smr_hash key = hash_source(config);
  for (int64_t i = 0; i < n; ++i) {
    if (smr_hash_compare(keys[i], key) == 0) {
      return i;
    }
  }
  return -1;
}

/* The different sources of a job, one for most. */
typedef struct {
  int64_t n;
  smr_hash keys[SMR_MOST_SOURCES];
  smr_image_config configs[SMR_MOST_SOURCES];
} source_list;

static smr_status list_sources(const smr_source_kind *kind, const smr_job *job, source_list *list) {
  void *config = NULL;
  smr_status status = SMR_OK;
  list->n = 0;
  SMR_TRY(smr_memory_alloc(1, kind->config_bytes, "configuration", &config));
  for (int64_t cell = 0; cell < smr_job_count_cells(job); ++cell) {
    smr_common_config common;
    smr_image_config images;
    smr_job_configure(job, cell, &common, config);
    if (!kind->get(&common, config, &images) || find_source(list->keys, list->n, &images) >= 0) {
      continue;
    }
    if (list->n == SMR_MOST_SOURCES) {
      SMR_FAIL_DONE(SMR_ERR_LIMIT, "a job may read %d different data sources at most",
                    SMR_MOST_SOURCES);
    }
    list->keys[list->n] = hash_source(&images);
    list->configs[list->n++] = images;
  }
done:
  smr_memory_free(config);
  return status;
}

/* --- before units run --- */

static const char *file_key(const smr_image_config *config) {
  switch (config->source) {
  case SMR_IMAGES_IDX:
  case SMR_IMAGES_HDF5:
    return "data.file";
  case SMR_IMAGES_INFIMNIST:
    return "data.mnist";
  case SMR_IMAGES_ISING:
  case SMR_IMAGES_BARS:
    return "data.side";
  default:
    return "data.source";
  }
}

static smr_status check_source(const smr_job *job, const smr_image_config *config,
                               const smr_inputs *inputs, smr_image_shape *shape, smr_text *report) {
  const bool needs_file = config->source == SMR_IMAGES_IDX || config->source == SMR_IMAGES_HDF5;
  *shape = (smr_image_shape){0};
  if (needs_file && config->file[0] == '\0') {
    return smr_job_complain(job, "data.file", report, "data.source %s needs a data.file",
                            config->source == SMR_IMAGES_IDX ? "idx" : "hdf5");
  }
  const smr_status status = smr_images_inspect(config, inputs->data_folder, shape);
  if (status != SMR_OK) {
    *shape = (smr_image_shape){0};
  }
  if (status == SMR_ERR_MISSING && inputs->is_later) {
    smr_inputs_await(smr_error_message());
  } else if (status != SMR_OK) {
    return smr_job_complain(job, file_key(config), report, "%s", smr_error_message());
  }
  return SMR_OK;
}

smr_status smr_sources_check(const smr_source_kind *kind, const smr_job *job,
                             const smr_inputs *inputs, smr_source_survey *survey,
                             smr_text *report) {
  source_list *list = NULL;
  smr_status verdict = SMR_OK;
  SMR_TRY(smr_memory_alloc(1, sizeof *list, "image sources", &list));
  smr_status status = list_sources(kind, job, list);
  for (int64_t i = 0; status == SMR_OK && i < list->n; ++i) {
    smr_status found = check_source(job, &list->configs[i], inputs, &survey->shapes[i], report);
    verdict = found != SMR_OK ? found : verdict;
    survey->keys[i] = list->keys[i];
    survey->n = i + 1;
  }
  smr_memory_free(list);
  return status != SMR_OK ? status : verdict;
}

const smr_image_shape *smr_sources_find_shape(const smr_source_survey *survey,
                                              const smr_image_config *config) {
  const int64_t at = survey == NULL ? -1 : find_source(survey->keys, survey->n, config);
  return at >= 0 && survey->shapes[at].n_pixels > 0 ? &survey->shapes[at] : NULL;
}

/* --- opened --- */

struct smr_sources {
  source_list list;
  smr_images *images[SMR_MOST_SOURCES];
};

smr_status smr_sources_open(const smr_context *world, const smr_source_kind *kind,
                            const smr_job *job, const char *data_folder, smr_sources **out) {
  smr_sources *made = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *made, "image sources", &made);
  *out = made;
  if (status == SMR_OK) {
    status = list_sources(kind, job, &made->list);
  }
  SMR_TRY(smr_agree(world, status));
  for (int64_t i = 0; i < made->list.n; ++i) {
    SMR_TRY(smr_images_open(world, &made->list.configs[i], data_folder, &made->images[i]));
  }
  return SMR_OK;
}

void smr_sources_close(smr_sources **sources) {
  smr_sources *made = *sources;
  if (made == NULL) {
    return;
  }
  for (int64_t i = 0; i < made->list.n; ++i) {
    smr_images_close(&made->images[i]);
  }
  smr_memory_free(made);
  *sources = NULL;
}

const smr_images *smr_sources_find(const smr_sources *sources, const smr_image_config *config) {
  return sources->images[find_source(sources->list.keys, sources->list.n, config)];
}

smr_status smr_sources_list_inputs(const smr_sources *sources, smr_text *lines) {
  char hash[SMR_HASH_TEXT_BYTES];
  for (int64_t i = 0; i < sources->list.n; ++i) {
    const smr_image_config *config = &sources->list.configs[i];
    const uint32_t crc = smr_images_get_shape(sources->images[i]).crc;
    if (crc != 0) {
      SMR_TRY(smr_text_add(lines, "%08" PRIx32 " data %s (%.8s)\n", crc,
                           config->file[0] != '\0' ? config->file : config->mnist_folder,
                           smr_hash_format(sources->list.keys[i], hash)));
    }
  }
  return SMR_OK;
}
