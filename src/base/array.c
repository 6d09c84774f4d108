/* Lists of the arrays that a component's state is made of. */
#include "simmer/base/array.h"

smr_status smr_state_append(smr_state *state, const smr_state_array *array) {
  if (state->n >= SMR_STATE_ARRAYS) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a state of more than %d arrays", (int)SMR_STATE_ARRAYS);
  }
  state->arrays[state->n++] = *array;
  return SMR_OK;
}
