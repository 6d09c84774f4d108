/* The teacher: X by a design (design.c), y = X w* (truth.c) + noise (noise.c). */
#include "generator.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

static smr_status create_sample(smr_sample *sample) {
  SMR_TRY(smr_generator_create(sample));
  sample->n_signal = smr_int_max(0, sample->config.teacher_features);
  sample->sigma = sample->config.noise;
  if (sample->n_signal > 0) {
    SMR_TRY(smr_memory_alloc(sample->n_signal, sizeof *sample->truth, "w*", &sample->truth));
    smr_truth_make(sample, sample->n_signal, sample->truth);
  }
  return smr_design_create(sample);
}

static void get_truth(const smr_sample *sample, int64_t k, double *w, double *norm_of_rest) {
  if (sample->config.teacher_features >= 0) {
    smr_generator_get_truth(sample, k, w, norm_of_rest);
    return;
  }
  *norm_of_rest = 0.0;
  smr_truth_make(sample, k, w);
}

const smr_source_ops smr_source_teacher_ops = {
    .name = "teacher",
    .create_sample = create_sample,
    .make_row = smr_design_make_row,
    .read = smr_generator_read,
    .get_truth = get_truth,
};
