/* Digits that need no download: strokes in many handwritings, deformed by the engine of InfiMNIST,
 * image by image by their number alone. Numbers from smr_image_test_numbers on are written by hands
 * of their own: test images. */
#include "deform.h"
#include "image_source.h"
#include "simmer/base/integer.h"
#include "strokes.h"

enum {
  DIGITS = 10,
  TRAIN_HANDS = 256,
  TEST_HANDS = 64,
  HANDS = TRAIN_HANDS + TEST_HANDS,
  FIELD_FLOATS = SMR_DEFORM_FIELDS * SMR_DEFORM_PIXELS,
  DEFAULT_COUNT = 60000,
  DEFAULT_TEST = 10000
};

/* Of the choices for an image; any fixed number would do. */
static const uint64_t stream = 0x6469676974730001;

static smr_status plan_digits(const smr_image_config *config, const char *data_folder,
                              smr_image_plan *plan, void **reader) {
  (void)data_folder, (void)reader;
  *plan = (smr_image_plan){.height = SMR_DEFORM_SIDE,
                           .width = SMR_DEFORM_SIDE,
                           .first = config->first,
                           .test_first = smr_image_test_numbers,
                           .end = 2 * smr_image_test_numbers,
                           .n_kept = (int64_t)DIGITS * HANDS,
                           .n_floats = FIELD_FLOATS,
                           .has_labels = 1};
  return smr_image_plan_rows(config, DEFAULT_COUNT, DEFAULT_TEST, plan);
}

/* Base images are in the order of hands, ten digits each. */
static smr_status make_digits(const smr_image_config *config, const smr_image_plan *plan,
                              const smr_image_memory *memory, int64_t part, int64_t n_parts) {
  int64_t first = 0, count = 0;
  (void)config;
  smr_int_share(plan->n_kept, n_parts, part, &first, &count);
#pragma omp parallel for schedule(dynamic, 16)
  for (int64_t i = first; i < first + count; i++) {
    smr_strokes_draw((int)(i % DIGITS), i / DIGITS, memory->pixels + i * SMR_DEFORM_PIXELS);
    memory->labels[i] = (uint8_t)(i % DIGITS);
  }
  smr_deform_make_fields(memory->tables, part, n_parts);
  return SMR_OK;
}

/* `words` are 256 random bits of the number: 64 choose the base image, 64 two fields, 64 the
 * shift. */
static void make_image(const smr_images *images, int64_t base, const uint64_t words[4],
                       uint8_t *out) {
  float t0[SMR_DEFORM_PIXELS], t1[SMR_DEFORM_PIXELS];
  const uint8_t *x = images->memory.pixels + base * SMR_DEFORM_PIXELS;
  const uint64_t fields[2] = {(uint32_t)words[1] % SMR_DEFORM_FIELDS,
                              (words[1] >> 32) % SMR_DEFORM_FIELDS};
  smr_deform_make_tangents(x, t0, t1);
  smr_deform_apply(x, 1.0F, images->memory.tables + fields[0] * SMR_DEFORM_PIXELS,
                   images->memory.tables + fields[1] * SMR_DEFORM_PIXELS, t0, t1, out);
  smr_deform_shift((int64_t)(words[2] % SMR_DEFORM_SHIFTS), out);
}

static smr_status generate_digits(const smr_images *images, int64_t first, int64_t n,
                                  uint8_t *pixels, uint8_t *labels) {
  const smr_random_key key = {.seed = 0, .stream = stream};
  for (int64_t i = 0; i < n; i++) {
    uint64_t words[4];
    const bool is_test = first + i >= smr_image_test_numbers;
    smr_random_bits(key, (uint64_t)(first + i), 0, 0, words);
    const int64_t hand = is_test ? TRAIN_HANDS + (int64_t)((words[0] >> 32) % TEST_HANDS)
                                 : (int64_t)((words[0] >> 32) % TRAIN_HANDS);
    const int64_t digit = (int64_t)((uint32_t)words[0] % DIGITS);
    make_image(images, hand * DIGITS + digit, words, pixels + i * SMR_DEFORM_PIXELS);
    if (labels != NULL) {
      labels[i] = (uint8_t)digit;
    }
  }
  return SMR_OK;
}

const smr_image_ops smr_image_digits_ops = {.name = "digits",
                                            .plan = plan_digits,
                                            .make = make_digits,
                                            .generate = generate_digits,
                                            .flops_per_pixel = 24.0};
