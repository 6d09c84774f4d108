/* What a trainer hands out and takes back: offsets, checkpoints, a comparison of replicas. */
#include <inttypes.h>

#include "simmer/base/hash.h"
#include "simmer/base/memory.h"
#include "simmer/linalg/grid.h"
#include "trainer_private.h"

void smr_trainer_get_offsets(const smr_trainer *t, const float **visible, const float **hidden) {
  *visible = t->rbm->mu;
  *hidden = t->rbm->lambda;
}

smr_status smr_trainer_list_state(smr_trainer *t, smr_state *state) {
  const smr_array scalars[] = {
      {.name = "step", .type = SMR_I64, .meaning = "minibatches done", .data = &t->step},
      {.name = "gradient_norm",
       .type = SMR_F64,
       .meaning = "norm of the last gradient",
       .data = &t->gradient_norm}};
  SMR_TRY(t->model.list_state(t->model.self, state));
  for (int i = 0; i < 2; i++) {
    SMR_TRY(smr_state_append(state, &(smr_state_array){.array = scalars[i]}));
  }
  return t->ladder != NULL ? rbm_ladder_list_state(t->ladder, state) : SMR_OK;
}

smr_status smr_trainer_resume(smr_trainer *t) {
  smr_status status = SMR_OK;
  if (t->step < 0 || t->step > t->n_steps) {
    status =
        smr_error_set(SMR_ERR_INPUT, "the state to go on from is at step %" PRId64 " of %" PRId64,
                      t->step, t->n_steps);
  }
  if (status == SMR_OK) {
    status = t->model.check_state(t->model.self);
  }
  SMR_TRY(smr_agree(t->context, status));
  return t->ladder != NULL ? rbm_ladder_resume(t->ladder) : SMR_OK;
}

smr_status smr_trainer_check_replicas(const smr_trainer *t) {
  const smr_rbm rbm = smr_trainer_get_rbm(t);
  char *hosts = NULL;
  smr_hash hash =
      smr_hash_add(smr_hash_start(), rbm.w, (size_t)(rbm.n_visible * rbm.n_hidden) * sizeof *rbm.w);
  hash = smr_hash_add(hash, rbm.visible_bias, (size_t)rbm.n_visible * sizeof *rbm.w);
  hash = smr_hash_add(hash, rbm.hidden_bias, (size_t)rbm.n_hidden * sizeof *rbm.w);
  smr_hash first = hash;
  smr_broadcast(t->context, 0, &first, sizeof first);
  int differs = smr_hash_compare(first, hash) != 0;
  if (!smr_any(t->context, differs)) {
    return SMR_OK;
  }
  SMR_TRY(smr_context_list_hosts(t->context, &hosts));
  smr_status status = SMR_OK;
  if (differs) {
    status = smr_error_set(SMR_ERR_INTERNAL,
                           "after %" PRId64 " steps its weights differ from rank 0's: on a mixture "
                           "of CPU types set OPENBLAS_CORETYPE (this rank's BLAS runs for %s); the "
                           "hosts are %s",
                           t->step, smr_linalg_core_type(), hosts);
  }
  smr_memory_free(hosts);
  return smr_agree(t->context, status);
}
