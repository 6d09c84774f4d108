/* model.h5: a trained RBM, W [visible x hidden], visible_bias, hidden_bias, with where it comes
 * from. Local; no MPI. */
#ifndef SIMMER_STORE_MODEL_H
#define SIMMER_STORE_MODEL_H

#include "simmer/store/array.h"

/* float32, row-major. Optional arrays are NULL. */
typedef struct {
  int64_t n_visible, n_hidden;
  int64_t height, width; /* of the visible units as an image; 0 when unknown */
  int64_t n_train;       /* rows of the training data, behind visible_mean; 0 when unknown */
  float *w;              /* W [visible x hidden] */
  float *visible_bias, *hidden_bias;
  float *visible_offset, *hidden_offset; /* optional: centring */
  float *visible_mean;                   /* optional: mean of the training data, base rates */
  int64_t n_samples;
  float *samples; /* optional: [n_samples x visible] probabilities of fantasy particles */
} smr_model;

/* Room, zeroed, for a model of these sizes: all arrays with n_samples >= 0 (samples only above 0);
 * only the required ones with n_samples = -1. Freed by smr_model_clear. SMR_ERR_MEMORY. */
smr_status smr_model_create(int64_t n_visible, int64_t n_hidden, int64_t n_samples,
                            smr_model *model) SMR_NODISCARD;
/* Sealed small-file write (array.h). height, width and n_train become attributes image_height,
 * image_width and n_train. SMR_ERR_NUMERIC for what isn't finite: nothing is written. */
smr_status smr_model_write(const char *path, const smr_model *model, int64_t n_attributes,
                           const smr_attribute *attributes) SMR_NODISCARD;
/* Reads and checks: shapes that agree, every number finite in single precision; float64 files are
 * narrowed. SMR_ERR_INPUT, SMR_ERR_CORRUPT, SMR_ERR_IO name the file, the dataset and what is
 * wrong. Freed by smr_model_clear; empty on failure. */
smr_status smr_model_read(const char *path, smr_model *model) SMR_NODISCARD;
void smr_model_clear(smr_model *model);
/* CRC-32 of what sampling a model depends on: sizes, W, biases, mean and rows of the training data.
 * A model that was trained again to the same bits has the same. */
uint32_t smr_model_find_crc(const smr_model *model);

#endif
