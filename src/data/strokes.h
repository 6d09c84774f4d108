/* Ten digits drawn as strokes, in many handwritings. Private to src/data; local, thread-safe. */
#ifndef SIMMER_SRC_DATA_STROKES_H
#define SIMMER_SRC_DATA_STROKES_H

#include <stdint.h>

#include "deform.h"

/* Digit 0..9 by hand number `hand` as a 28 x 28 image of grey levels, its centre of mass in the
 * middle: shape, slant, size, thickness, position and curvature are functions of (digit, hand). */
void smr_strokes_draw(int digit, int64_t hand, uint8_t out[SMR_DEFORM_PIXELS]);

#endif
