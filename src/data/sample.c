/* One replicate's view of a dataset: checks of what is asked for, then the source's own part. */
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/data/dataset.h"
#include "source.h"

static smr_status check_request(const smr_sample *sample) {
  const smr_data_shape *shape = &sample->dataset->shape;
  if (sample->config.source != sample->dataset->source || sample->replicate < 0 ||
      sample->n_train < 0 || sample->n_features < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a sample of another source, or of less than nothing");
  }
  if (sample->n_features > shape->n_features) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld features are asked for, but the data has %lld",
             (long long)sample->n_features, (long long)shape->n_features);
  }
  return SMR_OK;
}

smr_status smr_sample_create(const smr_dataset *dataset, const smr_data_config *config,
                             int64_t replicate, int64_t n_train, int64_t n_features,
                             smr_sample **out) {
  smr_sample *sample = NULL;
  smr_status status = SMR_OK;
  SMR_TRY(smr_memory_alloc(1, sizeof *sample, "a sample", &sample));
  *sample = (smr_sample){.dataset = dataset,
                         .config = *config,
                         .replicate = replicate,
                         .n_train = n_train,
                         .n_features = n_features};
  SMR_TRY_DONE(check_request(sample));
  SMR_TRY_DONE(smr_memory_alloc(n_features, sizeof *sample->columns, "columns", &sample->columns));
  SMR_TRY_DONE(dataset->ops->create_sample(sample));
  *out = sample;
  sample = NULL;
done:
  smr_sample_destroy(&sample);
  return status;
}

void smr_sample_destroy(smr_sample **sample) {
  if (sample != NULL && *sample != NULL) {
    smr_memory_free((*sample)->rows);
    smr_memory_free((*sample)->columns);
    smr_memory_free((*sample)->truth);
    smr_memory_free((*sample)->scales);
    smr_memory_free((*sample)->rotation);
    smr_memory_free(*sample);
    *sample = NULL;
  }
}

int64_t smr_sample_count_test(const smr_sample *sample) {
  return sample->n_test;
}

smr_status smr_sample_read(const smr_sample *sample, bool is_test, int64_t first, int64_t count,
                           int64_t n_features, double *x, int64_t ld, double *y) {
  const int64_t n = is_test ? sample->n_test : sample->n_train;
  if (first < 0 || count < 0 || first > n - count || n_features < 0 ||
      n_features > sample->n_features || (n_features > 0 && ld < count)) {
    SMR_FAIL(SMR_ERR_INTERNAL, "rows %lld to %lld of %lld, or features %lld of %lld, can't be read",
             (long long)first, (long long)(first + count), (long long)n, (long long)n_features,
             (long long)sample->n_features);
  }
  return count == 0
             ? SMR_OK
             : sample->dataset->ops->read(sample, is_test, first, count, n_features, x, ld, y);
}

int smr_sample_get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest) {
  if (sample->dataset->ops->get_truth == NULL) {
    return 0;
  }
  sample->dataset->ops->get_truth(sample, k, w, norm_of_rest);
  return 1;
}

int smr_sample_is_noise_only(const smr_sample *sample) {
  return sample->config.source == SMR_SOURCE_TEACHER && sample->config.teacher_features < 0;
}

int smr_sample_is_isotropic(const smr_sample *sample) {
  return sample->config.source == SMR_SOURCE_TEACHER &&
         sample->config.design.kind == SMR_DESIGN_GAUSSIAN;
}
