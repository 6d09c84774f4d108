/* Images in IDX files: training images, and test images in a file of their own. */
#include "idx.h"
#include "image_source.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

typedef struct {
  smr_idx_file images, labels;
} idx_pair;

typedef struct {
  idx_pair train, test;
} idx_reader;

static bool is_given(const char *name) {
  return name != NULL && name[0] != '\0';
}

/* Opens images and labels, which must be as many; *n of them are to be used. */
static smr_status open_pair(const char *images, const char *labels, const char *data_folder,
                            int64_t count, idx_pair *pair, int64_t *n) {
  SMR_TRY(smr_idx_open(images, data_folder, SMR_IDX_IMAGES, &pair->images));
  *n = count < 0 ? pair->images.n : count;
  if (*n > pair->images.n) {
    SMR_FAIL(SMR_ERR_INPUT, "%s has %lld images, and the first %lld of them are asked for",
             pair->images.path, (long long)pair->images.n, (long long)*n);
  }
  if (!is_given(labels)) {
    return SMR_OK;
  }
  SMR_TRY(smr_idx_open(labels, data_folder, SMR_IDX_LABELS, &pair->labels));
  if (pair->labels.n != pair->images.n) {
    SMR_FAIL(SMR_ERR_INPUT, "%s has %lld labels, but %s has %lld images", pair->labels.path,
             (long long)pair->labels.n, pair->images.path, (long long)pair->images.n);
  }
  return SMR_OK;
}

static smr_status plan_idx(const smr_image_config *config, const char *data_folder,
                           smr_image_plan *plan, void **reader) {
  idx_reader *r = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *r, "an IDX reader", &r));
  *reader = r;
  r->train.images.fd = r->train.labels.fd = r->test.images.fd = r->test.labels.fd = -1;
  const smr_idx_file *train = &r->train.images, *test = &r->test.images;
  SMR_TRY(open_pair(config->file, config->labels, data_folder, config->count, &r->train,
                    &plan->n_rows));
  if (plan->n_rows == 0) {
    SMR_FAIL(SMR_ERR_INPUT, "no images of %s are asked for", train->path);
  }
  if (is_given(config->test_file)) {
    SMR_TRY(open_pair(config->test_file, config->test_labels, data_folder, config->test_count,
                      &r->test, &plan->n_test));
    if (test->height != train->height || test->width != train->width) {
      SMR_FAIL(SMR_ERR_INPUT, "%s has images of %lld x %lld pixels, but %s of %lld x %lld",
               train->path, (long long)train->height, (long long)train->width, test->path,
               (long long)test->height, (long long)test->width);
    }
  }
  plan->height = train->height;
  plan->width = train->width;
  plan->test_first = plan->n_rows;
  plan->n_kept = plan->end = plan->n_rows + plan->n_test;
  plan->has_labels = is_given(config->labels);
  return SMR_OK;
}

static smr_status fill_pair(const idx_pair *pair, int64_t n, int64_t n_pixels, uint8_t *pixels,
                            uint8_t *labels) {
  SMR_TRY(smr_idx_read(&pair->images, n, pixels));
  smr_image_widen(n * n_pixels, pixels);
  if (pair->labels.n > 0) {
    return smr_idx_read(&pair->labels, n, labels);
  }
  for (int64_t i = 0; i < n; i++) {
    labels[i] = SMR_NO_LABEL;
  }
  return SMR_OK;
}

static smr_status fill_idx(void *reader, const smr_image_plan *plan,
                           const smr_image_memory *memory) {
  const idx_reader *r = reader;
  const int64_t n_pixels = plan->height * plan->width;
  SMR_TRY(fill_pair(&r->train, plan->n_rows, n_pixels, memory->pixels, memory->labels));
  if (plan->n_test == 0) {
    return SMR_OK;
  }
  return fill_pair(&r->test, plan->n_test, n_pixels, memory->pixels + plan->n_rows * n_pixels,
                   memory->labels + plan->n_rows);
}

static void close_idx(void *reader) {
  idx_reader *r = reader;
  if (r != NULL) {
    smr_idx_close(&r->train.images);
    smr_idx_close(&r->train.labels);
    smr_idx_close(&r->test.images);
    smr_idx_close(&r->test.labels);
    smr_memory_free(r);
  }
}

const smr_image_ops smr_image_idx_ops = {
    .name = "idx", .plan = plan_idx, .fill = fill_idx, .close = close_idx, .is_kept = true};
