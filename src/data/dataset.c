/* The registry of data sources, and a file's way into memory that the ranks of a node share. */
#include "simmer/data/dataset.h"

#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "source.h"

static const smr_source_ops *const sources[] = {
    [SMR_SOURCE_TEACHER] = &smr_source_teacher_ops,
    [SMR_SOURCE_CSV] = &smr_source_csv_ops,
    [SMR_SOURCE_HDF5] = &smr_source_hdf5_ops,
    [SMR_SOURCE_PROBLEM] = &smr_source_problem_ops,
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

static smr_status find_ops(const smr_data_config *config, const smr_source_ops **ops) {
  if (config->source < 0 || config->source >= N_SOURCES) {
    (void)smr_error_set(SMR_ERR_INTERNAL, "there is no data source number %d", config->source);
    return SMR_ERR_INTERNAL;
  }
  *ops = sources[config->source];
  return SMR_OK;
}

static const smr_data_shape endless = {.n_rows = INT64_MAX, .n_features = INT64_MAX};

/* What the ranks of a node, and then the nodes, must know alike of a file. */
typedef struct {
  int64_t n_rows, n_features;
  int64_t bytes; /* of x and y together */
  int64_t crc;   /* of x and y */
  int64_t is_classification, is_constant;
} table_header;

/* One rank's reading of a file; zero-initialised, end_reading frees. */
typedef struct {
  const smr_source_ops *ops;
  const smr_data_config *config;
  void *reader;
  table_header header;
} reading;

static smr_status begin_reading(reading *r, const char *data_folder) {
  char path[SMR_PATH_BYTES];
  table_header *header = &r->header;
  int64_t values = 0;
  if (smr_fault("data.open")) {
    SMR_FAIL(SMR_ERR_IO, "fault data.open");
  }
  SMR_TRY(smr_data_find_file(r->config->file, data_folder, path));
  SMR_TRY(r->ops->reader->open(r->config, path, &r->reader, &header->n_rows, &header->n_features));
  SMR_TRY(smr_int_multiply(header->n_rows, header->n_features + 1, "the values of a data file",
                           &values));
  return smr_int_multiply(values, sizeof(double), "the bytes of a data file", &header->bytes);
}

/* Reads into data (x, then y), or only checks when that is NULL. */
static smr_status finish_reading(reading *r, double *data) {
  smr_labels labels = {0};
  table_header *header = &r->header;
  double *y = data == NULL ? NULL : data + header->n_rows * header->n_features;
  if (smr_fault("data.read")) {
    SMR_FAIL(SMR_ERR_IO, "fault data.read");
  }
  SMR_TRY(r->ops->reader->scan(r->reader, data, y, &labels));
  header->is_constant = labels.n == 1;
  header->is_classification = r->config->labels_to_signs && labels.n == 2;
  if (data == NULL) {
    return SMR_OK;
  }
  if (header->is_classification) {
    const double larger = labels.value[0] > labels.value[1] ? labels.value[0] : labels.value[1];
    for (int64_t i = 0; i < header->n_rows; i++) {
      y[i] = y[i] == larger ? 1.0 : -1.0;
    }
  }
  header->crc = (int64_t)smr_crc32(0, data, (size_t)header->bytes);
  return SMR_OK;
}

static void end_reading(reading *r) {
  if (r->ops != NULL && r->ops->reader != NULL) {
    r->ops->reader->close(r->reader);
  }
  r->reader = NULL;
}

static smr_data_shape get_table_shape(const table_header *header) {
  return (smr_data_shape){.n_rows = header->n_rows,
                          .n_features = header->n_features,
                          .file_bytes = header->bytes,
                          .crc = (uint32_t)header->crc,
                          .is_classification = header->is_classification != 0,
                          .is_constant = header->is_constant != 0};
}

smr_status smr_dataset_inspect(const smr_data_config *config, const char *data_folder,
                               smr_data_shape *shape) {
  reading r = {.config = config};
  smr_status status = SMR_OK;
  SMR_TRY(find_ops(config, &r.ops));
  if (r.ops->reader == NULL) {
    *shape = endless;
    return SMR_OK;
  }
  SMR_TRY_DONE(begin_reading(&r, data_folder));
  SMR_TRY_DONE(finish_reading(&r, NULL));
  *shape = get_table_shape(&r.header);
done:
  end_reading(&r);
  return status;
}

/* The header of each node's filler to all its ranks, and an agreed error when nodes differ: their
 * results would differ too. Collective. */
static smr_status share_header(const smr_context *context, smr_shared *shared, reading *r) {
  table_header *here = smr_shared_get(shared);
  if (smr_shared_is_filler(shared)) {
    *here = r->header;
  }
  smr_shared_sync(shared);
  r->header = *here;
  smr_shared_sync(shared); /* Nobody writes the next one before all have read this one. */
  table_header root = r->header;
  smr_broadcast(context, 0, &root, sizeof root);
  const bool is_same = root.n_rows == r->header.n_rows && root.n_features == r->header.n_features &&
                       root.crc == r->header.crc &&
                       root.is_classification == r->header.is_classification;
  return smr_agree(context,
                   is_same ? SMR_OK
                           : smr_error_set(SMR_ERR_INPUT,
                                           "the data file %s is not the same here (%lld rows, %lld "
                                           "features) as on the node of rank 0 (%lld, %lld)",
                                           r->config->file, (long long)r->header.n_rows,
                                           (long long)r->header.n_features, (long long)root.n_rows,
                                           (long long)root.n_features));
}

/* Shapes first, since all must ask for the same shared memory; then the filler reads into it.
 * Collective. */
static smr_status open_table(const smr_context *context, reading *r, const char *data_folder,
                             smr_dataset *dataset) {
  smr_shared *head = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(smr_shared_create(context, sizeof(table_header), &head));
  const int is_filler = smr_shared_is_filler(head);
  SMR_TRY_DONE(smr_agree(context, is_filler ? begin_reading(r, data_folder) : SMR_OK));
  SMR_TRY_DONE(share_header(context, head, r));
  SMR_TRY_DONE(smr_shared_create(context, r->header.bytes, &dataset->shared));
  double *data = smr_shared_get(dataset->shared);
  SMR_TRY_DONE(smr_agree(context, is_filler ? finish_reading(r, data) : SMR_OK));
  smr_shared_sync(dataset->shared);
  SMR_TRY_DONE(share_header(context, head, r));
  dataset->shape = get_table_shape(&r->header);
  dataset->table = (smr_table){.n_rows = r->header.n_rows,
                               .n_features = r->header.n_features,
                               .x = data,
                               .y = data + r->header.n_rows * r->header.n_features};
done:
  end_reading(r);
  smr_shared_destroy(&head);
  return status;
}

smr_status smr_dataset_open(const smr_context *context, const smr_data_config *config,
                            const char *data_folder, smr_dataset **out) {
  smr_dataset *dataset = NULL;
  reading r = {.config = config};
  smr_status local = find_ops(config, &r.ops);
  if (local == SMR_OK) {
    local = smr_memory_alloc(1, sizeof *dataset, "a dataset", &dataset);
  }
  smr_status status = smr_agree(context, local);
  if (status != SMR_OK || local != SMR_OK) {
    goto done;
  }
  dataset->ops = r.ops;
  dataset->source = config->source;
  dataset->shape = endless;
  if (r.ops->reader != NULL) {
    SMR_TRY_DONE(open_table(context, &r, data_folder, dataset));
  }
  *out = dataset;
  dataset = NULL;
done:
  smr_dataset_close(&dataset);
  return status;
}

void smr_dataset_close(smr_dataset **dataset) {
  if (dataset != NULL && *dataset != NULL) {
    smr_shared_destroy(&(*dataset)->shared);
    smr_memory_free(*dataset);
    *dataset = NULL;
  }
}

smr_data_shape smr_dataset_get_shape(const smr_dataset *dataset) {
  return dataset->shape;
}
