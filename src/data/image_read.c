/* Rows of a stream as numbers: the hot path of training on images. D = pixels of an image. */
#include <inttypes.h>
#include <string.h>

#include "image_source.h"
#include "simmer/base/vector.h"

static smr_status check_rows(const smr_images *images, smr_stream stream, int64_t n,
                             const int64_t *rows) {
  const int64_t end = smr_images_count(images, stream);
  for (int64_t i = 0; i < n; i++) {
    if (rows[i] < 0 || rows[i] >= end) {
      SMR_FAIL(SMR_ERR_INTERNAL, "there is no row %" PRId64 " in a stream of %" PRId64 " rows",
               rows[i], end);
    }
  }
  return SMR_OK;
}

/* The image of a number: where it is kept, or made in `work`. */
static inline smr_status get_pixels(const smr_images *images, int64_t number,
                                    uint8_t work[SMR_GENERATED_PIXELS], const uint8_t **pixels) {
  if (images->ops->is_kept) {
    *pixels = images->memory.pixels + number * images->shape.n_pixels;
    return SMR_OK;
  }
  *pixels = work;
  return images->ops->generate(images, number, 1, work, NULL);
}

/* Byte -> number in [0,1], inverted where `flip` is 255. */
static void to_levels(int64_t n, const uint8_t *pixels, uint8_t flip, float *out) {
  for (int64_t p = 0; p < n; p++) {
    out[p] = (float)(uint8_t)(pixels[p] ^ flip) / 255.0F;
  }
}

static void to_threshold(int64_t n, const uint8_t *pixels, uint8_t flip, int32_t first_on,
                         float *out) {
  for (int64_t p = 0; p < n; p++) {
    out[p] = (float)((int32_t)(uint8_t)(pixels[p] ^ flip) >= first_on);
  }
}

static void convert_row(const smr_images *images, smr_stream stream, int64_t row, uint64_t draw,
                        const uint8_t *pixels, float *out) {
  const int64_t n = images->shape.n_pixels;
  const uint8_t flip = images->config.is_inverted ? 255 : 0;
  const bool is_plain =
      images->config.binarize == SMR_BINARIZE_NONE || images->plan.is_two_valued != 0;
  if (!is_plain && images->config.binarize == SMR_BINARIZE_THRESHOLD) {
    to_threshold(n, pixels, flip, (int32_t)images->first_on, out);
    return;
  }
  to_levels(n, pixels, flip, out);
  if (!is_plain) {
    smr_vector_bernoulli(images->sample_keys[stream], draw, row, 1, n, out, out);
  }
}

smr_status smr_images_read(const smr_images *images, smr_stream stream, int64_t n,
                           const int64_t *rows, uint64_t draw, float *out) {
  _Alignas(64) uint8_t work[SMR_GENERATED_PIXELS];
  SMR_TRY(check_rows(images, stream, n, rows));
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *pixels = NULL;
    SMR_TRY(get_pixels(images, smr_image_find(images, stream, rows[i]), work, &pixels));
    convert_row(images, stream, rows[i], draw, pixels, out + i * images->shape.n_pixels);
  }
  return SMR_OK;
}

smr_status smr_images_read_bytes(const smr_images *images, smr_stream stream, int64_t n,
                                 const int64_t *rows, uint8_t *pixels, uint8_t *labels) {
  const int64_t n_pixels = images->shape.n_pixels;
  SMR_TRY(check_rows(images, stream, n, rows));
  for (int64_t i = 0; i < n; i++) {
    const int64_t number = smr_image_find(images, stream, rows[i]);
    uint8_t *label = labels == NULL ? NULL : labels + i;
    if (!images->ops->is_kept) {
      SMR_TRY(images->ops->generate(images, number, 1, pixels + i * n_pixels, label));
      continue;
    }
    memcpy(pixels + i * n_pixels, images->memory.pixels + number * n_pixels, (size_t)n_pixels);
    if (label != NULL) {
      *label = images->memory.labels[number];
    }
  }
  return SMR_OK;
}

smr_status smr_images_generate(const smr_images *images, int64_t first, int64_t n, uint8_t *pixels,
                               uint8_t *labels) {
  if (images->ops->generate == NULL) {
    SMR_FAIL(SMR_ERR_INPUT, "source %s reads files: it makes no images", images->ops->name);
  }
  if (first < 0 || n < 0 || first > images->plan.end || n > images->plan.end - first) {
    SMR_FAIL(SMR_ERR_INPUT,
             "there are no images %" PRId64 " to %" PRId64 ": %s makes numbers 0 to %" PRId64,
             first, first + n - 1, images->ops->name, images->plan.end - 1);
  }
  return images->ops->generate(images, first, n, pixels, labels);
}
