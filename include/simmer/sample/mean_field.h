/* Free energies of an RBM by mean fields: naive (order 1, a lower bound of ln Z) and second-order
 * TAP (order 2) (Gabrie, Tramel, Krzakala 2015). -F of the best of n_starts fixed points of damped
 * iterations from random means, or where those ended when none was reached; no standard error.
 *
 * The iterations can be interrupted: their state goes into checkpoints. Rank 0 computes, and all
 * ranks have what it found: the same bits on any number of ranks. Models are replicated. */
#ifndef SIMMER_SAMPLE_MEAN_FIELD_H
#define SIMMER_SAMPLE_MEAN_FIELD_H

#include "simmer/base/array.h"
#include "simmer/comm/context.h"
#include "simmer/energy/rbm.h"

typedef struct smr_mean_field smr_mean_field;

/* Before the first start of order 1. The model is borrowed until destroy. SMR_ERR_INPUT for no
 * starts, SMR_ERR_NUMERIC for NaN or Inf in the model. Collective on context. */
smr_status smr_mean_field_create(const smr_context *context, const smr_rbm *rbm, int64_t n_starts,
                                 uint64_t seed, smr_mean_field **out) SMR_NODISCARD;
void smr_mean_field_destroy(smr_mean_field **field);
/* At most n_iterations more, of one start. Collective. */
void smr_mean_field_advance(smr_mean_field *field, int64_t n_iterations);
/* Starts that are done, those of order 1 first: 2 n_starts in the end. */
int64_t smr_mean_field_get_turn(const smr_mean_field *field);
/* The best so far of order 1 or 2; NaN before the first start is done. */
double smr_mean_field_get_log_z(const smr_mean_field *field, int order, bool *is_converged);
/* Appends the arrays to go on from; read into them, then resume. */
smr_status smr_mean_field_list_state(smr_mean_field *field, smr_state *state) SMR_NODISCARD;
/* SMR_ERR_INPUT when what was read is no state of these iterations. Collective. */
smr_status smr_mean_field_resume(smr_mean_field *field) SMR_NODISCARD;

#endif
