/* What a checkpoint of an RBM's training holds. */
#include <math.h>

#include "rbm_gradient.h"

typedef struct {
  const char *name, *meaning;
  int n_dimensions;
  int64_t shape[2];
  const char *dimensions[2];
  float *data;
} float_array;

static smr_status append_floats(smr_state *state, const float_array *a) {
  smr_state_array array = {.array = {.name = a->name,
                                     .type = SMR_F32,
                                     .n_dimensions = a->n_dimensions,
                                     .meaning = a->meaning,
                                     .data = a->data}};
  for (int i = 0; i < a->n_dimensions; i++) {
    array.array.shape[i] = a->shape[i];
    array.array.dimensions[i] = a->dimensions[i];
  }
  return smr_state_append(state, &array);
}

enum { N_ARRAYS = 8 };

static void list_floats(const rbm_gradient *g, float_array out[N_ARRAYS]) {
  const int64_t v = g->n_visible;
  const int64_t h = g->n_hidden;
  const float_array all[N_ARRAYS] = {
      {"W", "weights", 2, {v, h}, {"visible", "hidden"}, g->w},
      {"visible_bias", "biases of visible units", 1, {v}, {"visible"}, g->b},
      {"hidden_bias", "biases of hidden units", 1, {h}, {"hidden"}, g->c},
      {"momentum_W", "last step of the weights", 2, {v, h}, {"visible", "hidden"}, g->momentum_w},
      {"momentum_visible_bias", "last step of the biases", 1, {v}, {"visible"}, g->momentum_b},
      {"momentum_hidden_bias", "last step of the biases", 1, {h}, {"hidden"}, g->momentum_c},
      {"visible_offset", "moving mean of visible units", 1, {v}, {"visible"}, g->mu},
      {"hidden_offset", "moving mean of hidden units", 1, {h}, {"hidden"}, g->lambda}};
  for (int i = 0; i < N_ARRAYS; i++) {
    out[i] = all[i];
  }
}

smr_status rbm_gradient_list_state(void *self, smr_state *state) {
  rbm_gradient *g = self;
  float_array arrays[N_ARRAYS];
  list_floats(g, arrays);
  for (int i = 0; i < N_ARRAYS; i++) {
    SMR_TRY(append_floats(state, &arrays[i]));
  }
  if (g->chains == NULL) {
    return SMR_OK;
  }
  return smr_state_append(state,
                          &(smr_state_array){.array = {.name = "chains",
                                                       .type = SMR_U8,
                                                       .n_dimensions = 2,
                                                       .shape = {g->batch_rows, g->n_visible},
                                                       .dimensions = {"chain", "visible"},
                                                       .meaning = "states of persistent chains",
                                                       .data = g->chains},
                                             .is_distributed = true,
                                             .first_row = g->first_row,
                                             .n_rows = g->n_rows});
}

smr_status rbm_gradient_check_state(const void *self) {
  const rbm_gradient *g = self;
  float_array arrays[N_ARRAYS];
  list_floats(g, arrays);
  for (int a = 0; a < N_ARRAYS; a++) {
    const int is_offset = a >= N_ARRAYS - 2;
    int64_t n = arrays[a].shape[0] * (arrays[a].n_dimensions > 1 ? arrays[a].shape[1] : 1);
    for (int64_t i = 0; i < n; i++) {
      float x = arrays[a].data[i];
      if (!isfinite(x) || (is_offset && !(x >= 0 && x <= 1))) {
        SMR_FAIL(SMR_ERR_INPUT, "the state to go on from holds %s = %g", arrays[a].name, (double)x);
      }
    }
  }
  for (int64_t i = 0; g->chains != NULL && i < g->n_rows * g->n_visible; i++) {
    if (g->chains[i] > 1) {
      SMR_FAIL(SMR_ERR_INPUT, "the state to go on from has a chain that isn't binary");
    }
  }
  return SMR_OK;
}
