/* Images as rows to train on. */
#include "simmer/train/trainer.h"

static smr_status read_rows(const void *self, int64_t n, const int64_t *rows, uint64_t draw,
                            float *out) {
  return smr_images_read(self, SMR_STREAM_TRAIN, n, rows, draw, out);
}

static smr_status get_mean(const void *self, const smr_context *context, double *mean) {
  return smr_images_get_mean(context, self, mean);
}

smr_status smr_trainer_create(const smr_context *context, const smr_train_config *config,
                              const smr_rbm_config *rbm_config, const smr_images *images,
                              const smr_rbm *start, smr_trainer **out) {
  const smr_train_rows rows = {.self = images,
                               .n_rows = smr_images_count(images, SMR_STREAM_TRAIN),
                               .n_pixels = smr_images_get_shape(images).n_pixels,
                               .read = read_rows,
                               .get_mean = get_mean};
  return smr_trainer_create_on(context, config, rbm_config, &rows, start, out);
}
