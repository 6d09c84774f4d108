/* The registry of image sources, and their way into memory that the ranks of a node share. */
#include "simmer/data/images.h"

#include <math.h>
#include <string.h>

#include "image_source.h"
#include "simmer/base/fault.h"
#include "simmer/base/hash.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static const smr_image_ops *const sources[] = {
    [SMR_IMAGES_DIGITS] = &smr_image_digits_ops, [SMR_IMAGES_IDX] = &smr_image_idx_ops,
    [SMR_IMAGES_HDF5] = &smr_image_hdf5_ops,     [SMR_IMAGES_ISING] = &smr_image_ising_ops,
    [SMR_IMAGES_BARS] = &smr_image_bars_ops,     [SMR_IMAGES_INFIMNIST] = &smr_image_infimnist_ops,
};
enum { N_SOURCES = sizeof sources / sizeof sources[0], ALIGNMENT = 64, FEW_BYTES = 256 };

/* ---- Plans. ---- */

/* The source's functions, NULL when the configuration makes no sense. */
static const smr_image_ops *check_config(const smr_image_config *config, smr_status *status) {
  if (config->source < 0 || config->source >= N_SOURCES || sources[config->source] == NULL) {
    *status =
        smr_error_set(SMR_ERR_INTERNAL, "there is no source of images number %d", config->source);
    return NULL;
  }
  if (config->binarize < SMR_BINARIZE_SAMPLE || config->binarize > SMR_BINARIZE_NONE) {
    *status =
        smr_error_set(SMR_ERR_INTERNAL, "there is no way to binarize number %d", config->binarize);
    return NULL;
  }
  if (!(config->holdout >= 0.0 && config->holdout <= 0.5)) {
    *status = smr_error_set(
        SMR_ERR_INPUT, "the share of rows to hold out is %g: it must be 0 to 0.5", config->holdout);
    return NULL;
  }
  *status = SMR_OK;
  return sources[config->source];
}

smr_status smr_image_plan_rows(const smr_image_config *config, int64_t default_count,
                               int64_t default_test, smr_image_plan *plan) {
  plan->n_rows = config->count < 0 ? default_count : config->count;
  plan->n_test = config->test_count < 0 ? default_test : config->test_count;
  /* Training rows end where test rows begin, when those come behind. */
  const int64_t end = plan->test_first > plan->first ? plan->test_first : plan->end;
  if (plan->first < 0 || plan->n_rows > end - plan->first) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld images from number %lld on: %s makes numbers 0 to %lld",
             (long long)plan->n_rows, (long long)plan->first, sources[config->source]->name,
             (long long)end - 1);
  }
  if (plan->n_test > plan->end - plan->test_first) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld test images are asked for: %s makes %lld",
             (long long)plan->n_test, sources[config->source]->name,
             (long long)(plan->end - plan->test_first));
  }
  return SMR_OK;
}

void smr_image_widen(int64_t n, uint8_t *pixels) {
  uint8_t largest = 0;
  for (int64_t i = 0; i < n; i++) {
    largest = pixels[i] > largest ? pixels[i] : largest;
  }
  for (int64_t i = 0; largest == 1 && i < n; i++) {
    pixels[i] = pixels[i] == 1 ? 255 : 0;
  }
}

/* Where the parts of a plan lie in one piece of memory. */
typedef struct {
  int64_t labels, tables, bytes;
} layout;

static smr_status add_aligned(int64_t *sum, int64_t n, int64_t item_bytes) {
  int64_t bytes = 0;
  SMR_TRY(smr_int_multiply(n, item_bytes, "the bytes of images", &bytes));
  SMR_TRY(smr_int_add(*sum, bytes + ALIGNMENT, "the bytes of images", &bytes));
  *sum = bytes / ALIGNMENT * ALIGNMENT;
  return SMR_OK;
}

static smr_status make_layout(const smr_image_plan *plan, layout *out) {
  int64_t at = 0, n_pixels = 0;
  SMR_TRY(smr_int_multiply(plan->height, plan->width, "the pixels of an image", &n_pixels));
  SMR_TRY(add_aligned(&at, plan->n_kept, n_pixels));
  out->labels = at;
  SMR_TRY(add_aligned(&at, plan->n_kept, 1));
  out->tables = at;
  SMR_TRY(add_aligned(&at, plan->n_floats, sizeof(float)));
  out->bytes = at;
  return SMR_OK;
}

/* All that follows from configuration and plan. */
static smr_status set_up(const smr_image_config *config, const smr_image_ops *ops,
                         const smr_image_plan *plan, smr_images *images) {
  layout place = {0};
  SMR_TRY(make_layout(plan, &place));
  images->ops = ops;
  images->plan = *plan;
  images->config = *config;
  images->config.file = images->config.labels = images->config.test_file = NULL;
  images->config.test_labels = images->config.x_name = images->config.y_name = NULL;
  images->config.mnist_folder = images->config.fields = images->config.tangents = NULL;
  images->n_held = llround(100.0 * config->holdout);
  images->hold_key = smr_random_stream("images.holdout", config->seed, 0);
  while (images->first_on < FEW_BYTES && !((double)images->first_on / 255.0 >= config->threshold)) {
    images->first_on++;
  }
  for (uint64_t s = 0; s < 3; s++) {
    images->sample_keys[s] =
        (smr_random_key){.seed = config->seed, .stream = smr_random_stream("images.sample", s, 0)};
  }
  const int64_t n_valid = smr_image_count_held(images->n_held, images->hold_key, plan->n_rows);
  const double flops =
      3.0 + (ops->is_kept ? 0.0 : ops->flops_per_pixel) +
      (config->binarize == SMR_BINARIZE_SAMPLE && !plan->is_two_valued ? 12.0 : 0.0);
  images->shape = (smr_image_shape){.n_train = plan->n_rows - n_valid,
                                    .n_valid = n_valid,
                                    .n_test = plan->n_test,
                                    .height = plan->height,
                                    .width = plan->width,
                                    .n_pixels = plan->height * plan->width,
                                    .is_generated = !ops->is_kept,
                                    .has_labels = plan->has_labels != 0,
                                    .shared_bytes = place.bytes};
  images->shape.flops_per_image = flops * (double)images->shape.n_pixels;
  return SMR_OK;
}

smr_status smr_images_inspect(const smr_image_config *config, const char *data_folder,
                              smr_image_shape *shape) {
  smr_image_plan plan = {0};
  smr_images images = {0};
  void *reader = NULL;
  smr_status status = SMR_OK;
  const smr_image_ops *ops = check_config(config, &status);
  if (ops == NULL) {
    return status;
  }
  status = ops->plan(config, data_folder, &plan, &reader);
  if (ops->close != NULL) {
    ops->close(reader);
  }
  SMR_TRY(status);
  SMR_TRY(set_up(config, ops, &plan, &images));
  *shape = images.shape;
  return SMR_OK;
}

/* ---- Opening. ---- */

typedef struct {
  const smr_context *context, *node;
  const smr_image_config *config;
  const smr_image_ops *ops;
  void *reader;
  smr_image_plan plan;
} opening;

static smr_status plan_images(opening *o, const char *data_folder) {
  if (smr_fault("images.open")) {
    SMR_FAIL(SMR_ERR_IO, "fault images.open");
  }
  return o->ops->plan(o->config, data_folder, &o->plan, &o->reader);
}

static smr_status fill_images(opening *o, const smr_image_memory *memory) {
  if (smr_fault("images.read")) {
    SMR_FAIL(SMR_ERR_IO, "fault images.read");
  }
  return o->ops->fill == NULL ? SMR_OK : o->ops->fill(o->reader, &o->plan, memory);
}

/* What `bytes` bytes hold must be the same on every node: results would differ too. Collective. */
static smr_status compare_nodes(const opening *o, const void *data, int64_t bytes) {
  uint32_t crc = 0;
  if (!smr_any(o->context, o->node->size != o->context->size)) {
    return SMR_OK;
  }
  if (o->node->rank == 0) {
    crc = smr_crc32(0, data, (size_t)bytes);
  }
  uint32_t root = crc;
  smr_broadcast(o->context, 0, &root, sizeof root);
  const bool is_same = o->node->rank != 0 || root == crc;
  return smr_agree(o->context,
                   is_same ? SMR_OK
                           : smr_error_set(SMR_ERR_INPUT,
                                           "the images of source %s are not the same here as on "
                                           "the node of rank 0",
                                           o->ops->name));
}

/* The plan of each node's first rank to all its ranks. Collective. */
static smr_status share_plan(opening *o, const char *data_folder) {
  const bool is_filler = o->node->rank == 0;
  SMR_TRY(smr_agree(o->context, is_filler ? plan_images(o, data_folder) : SMR_OK));
  smr_broadcast(o->node, 0, &o->plan, sizeof o->plan);
  return compare_nodes(o, &o->plan, sizeof o->plan);
}

/* Files are read by one rank a node, the rest is made by all of them. Collective. */
static smr_status fill_memory(opening *o, smr_images *images) {
  layout place = {0};
  SMR_TRY(smr_agree(o->context, make_layout(&o->plan, &place)));
  SMR_TRY(smr_shared_create(o->context, place.bytes, &images->shared));
  uint8_t *base = smr_shared_get(images->shared);
  const bool is_filler = smr_shared_is_filler(images->shared) != 0;
  images->memory = (smr_image_memory){.pixels = base,
                                      .labels = base + place.labels,
                                      .tables = (float *)(void *)(base + place.tables)};
  SMR_TRY(smr_agree(o->context, is_filler ? fill_images(o, &images->memory) : SMR_OK));
  smr_shared_sync(images->shared);
  SMR_TRY(smr_agree(o->context, o->ops->make == NULL
                                    ? SMR_OK
                                    : o->ops->make(o->config, &o->plan, &images->memory,
                                                   o->node->rank, o->node->size)));
  smr_shared_sync(images->shared);
  if (o->ops->fill != NULL) {
    images->shape.crc = is_filler ? smr_crc32(0, base, (size_t)place.bytes) : 0;
    smr_broadcast(o->node, 0, &images->shape.crc, sizeof images->shape.crc);
  }
  return compare_nodes(o, base, place.bytes);
}

static smr_status open_all(opening *o, const char *data_folder, smr_images *images) {
  smr_context *node = NULL;
  smr_status status = smr_context_split_node(o->context, &node);
  if (status != SMR_OK) {
    return status;
  }
  o->node = node;
  SMR_TRY_DONE(share_plan(o, data_folder));
  SMR_TRY_DONE(smr_agree(o->context, set_up(o->config, o->ops, &o->plan, images)));
  SMR_TRY_DONE(fill_memory(o, images));
done:
  if (o->ops->close != NULL) {
    o->ops->close(o->reader);
  }
  smr_context_destroy(&node);
  return status;
}

smr_status smr_images_open(const smr_context *context, const smr_image_config *config,
                           const char *data_folder, smr_images **out) {
  smr_images *images = NULL;
  smr_status status = SMR_OK;
  opening o = {.context = context, .config = config, .ops = check_config(config, &status)};
  *out = NULL;
  if (status == SMR_OK) {
    status = smr_memory_alloc(1, sizeof *images, "images", &images);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK || o.ops == NULL || images == NULL) {
    goto done;
  }
  SMR_TRY_DONE(open_all(&o, data_folder, images));
  *out = images;
  images = NULL;
done:
  smr_images_close(&images);
  return status;
}

void smr_images_close(smr_images **images) {
  if (images != NULL && *images != NULL) {
    smr_shared_destroy(&(*images)->shared);
    smr_memory_free(*images);
    *images = NULL;
  }
}

smr_image_shape smr_images_get_shape(const smr_images *images) {
  return images->shape;
}

int64_t smr_images_count(const smr_images *images, smr_stream stream) {
  switch (stream) {
  case SMR_STREAM_TRAIN:
    return images->shape.n_train;
  case SMR_STREAM_VALID:
    return images->shape.n_valid;
  case SMR_STREAM_TEST:
  default:
    return images->shape.n_test;
  }
}

int64_t smr_image_find(const smr_images *images, smr_stream stream, int64_t row) {
  if (stream == SMR_STREAM_TEST) {
    return images->plan.test_first + row;
  }
  return images->plan.first +
         smr_image_split(images->n_held, images->hold_key, stream == SMR_STREAM_VALID, row);
}
