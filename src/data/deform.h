/* Deforming 28 x 28 images by the index rule of InfiMNIST (Loosli, Canu, Bottou 2006): displacement
 * fields times tangent images, then a shift by one pixel. Private to src/data; local, thread-safe.
 *
 * D = 784 pixels, row-major. Arithmetic is float32 in the order written, each operation rounded by
 * itself. */
#ifndef SIMMER_SRC_DATA_DEFORM_H
#define SIMMER_SRC_DATA_DEFORM_H

#include <stdint.h>

enum {
  SMR_DEFORM_SIDE = 28,
  SMR_DEFORM_PIXELS = 784,
  SMR_DEFORM_FIELDS = 1522,
  SMR_DEFORM_SHIFTS = 9
};

/* Smooth random displacement field number `field` of our own, in pixels: Gaussian noise smoothed by
 * a Gaussian of 5 pixels, 1 pixel rms, at most 2.5. */
void smr_deform_make_field(int64_t field, float out[SMR_DEFORM_PIXELS]);
/* Part `part` of `n_parts` of all fields, by the threads of this rank; tables[fields x D]. */
void smr_deform_make_fields(float *tables, int64_t part, int64_t n_parts);
/* Tangent images of our own: derivatives along x (t0) and y (t1) of the image smoothed by the
 * binomial filter 1 2 1, as central differences; zero beyond the border. */
void smr_deform_make_tangents(const uint8_t x[SMR_DEFORM_PIXELS], float t0[SMR_DEFORM_PIXELS],
                              float t1[SMR_DEFORM_PIXELS]);
/* out = x + sign (f0 t0 - f1 t1), clamped to 0..255 and truncated; sign is 1 or -1. */
void smr_deform_apply(const uint8_t x[SMR_DEFORM_PIXELS], float sign,
                      const float f0[SMR_DEFORM_PIXELS], const float f1[SMR_DEFORM_PIXELS],
                      const float t0[SMR_DEFORM_PIXELS], const float t1[SMR_DEFORM_PIXELS],
                      uint8_t out[SMR_DEFORM_PIXELS]);
/* Shift 0 up, 1 down, 2 left, 3 right, 4 up-left, 5 up-right, 6 down-left, 7 down-right (vertical
 * first), 8 none; left and right with the original's quirk (they run over row ends). In place. */
void smr_deform_shift(int64_t shift, uint8_t x[SMR_DEFORM_PIXELS]);

#endif
