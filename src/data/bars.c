/* Bars and stripes (MacKay, "Information Theory, Inference, and Learning Algorithms", 2003): S x S
 * images whose every row is on or off, or whose every column is. There are 2^(S+1) - 2: all on and
 * all off are both, and are counted once.
 *
 * Numbers 0..2^S-1 are rows, row i on when bit i is set; from there on columns, by bits 1..2^S-2.
 */
#include "image_source.h"

enum { MAX_SIDE = 32 };

static smr_status plan_bars(const smr_image_config *config, const char *data_folder,
                            smr_image_plan *plan, void **reader) {
  (void)data_folder, (void)reader;
  if (config->side < 1 || config->side > MAX_SIDE) {
    SMR_FAIL(SMR_ERR_INPUT, "bars and stripes have a side of 1 to %d, not %lld", (int)MAX_SIDE,
             (long long)config->side);
  }
  *plan = (smr_image_plan){.height = config->side,
                           .width = config->side,
                           .end = ((int64_t)2 << config->side) - 2,
                           .is_two_valued = 1};
  SMR_TRY(smr_image_plan_rows(config, plan->end, 0, plan));
  plan->test_first = plan->n_rows;
  if (plan->n_test > plan->end - plan->n_rows) {
    SMR_FAIL(SMR_ERR_INPUT,
             "%lld bars and stripes to test on, after %lld to train on: of side %lld there are "
             "only %lld",
             (long long)plan->n_test, (long long)plan->n_rows, (long long)config->side,
             (long long)plan->end);
  }
  return SMR_OK;
}

static smr_status generate_bars(const smr_images *images, int64_t first, int64_t n, uint8_t *pixels,
                                uint8_t *labels) {
  const int64_t side = images->shape.width;
  for (int64_t i = 0; i < n; i++) {
    const int64_t number = first + i, n_rows = (int64_t)1 << side;
    const bool is_rows = number < n_rows;
    const int64_t bits = is_rows ? number : number - n_rows + 1;
    uint8_t *out = pixels + i * side * side;
    for (int64_t p = 0; p < side * side; p++) {
      out[p] = (bits >> (is_rows ? p / side : p % side) & 1) != 0 ? 255 : 0;
    }
    if (labels != NULL) {
      labels[i] = SMR_NO_LABEL;
    }
  }
  return SMR_OK;
}

const smr_image_ops smr_image_bars_ops = {
    .name = "bars", .plan = plan_bars, .generate = generate_bars, .flops_per_pixel = 4.0};
