/* Energy models for sampling: batches of states, each row at its own inverse temperature, along the
 * path E_beta(x) = beta E(x) + (1 - beta) E_0(x) from a model of independent units (beta = 0) to
 * the model itself (beta = 1).
 *
 * A state is one row of each of at most two matrices ("parts": visible and hidden units of an RBM;
 * the spins of an Ising or Hopfield model), float32, row-major. A call works on n rows of one
 * shard: its bits depend on (n, model, arguments) alone. Everything here is local and thread-safe.
 */
#ifndef SIMMER_ENERGY_MODEL_H
#define SIMMER_ENERGY_MODEL_H

#include <stdint.h>

#include "simmer/base/error.h"
#include "simmer/base/random.h"
#include "simmer/energy/rbm.h"

enum { SMR_ENERGY_PARTS = 2 };

/* Random numbers of a sweep: row i takes those of (key, first_row + i, sweep). */
typedef struct {
  smr_random_key key;
  uint64_t sweep;
  int64_t first_row; /* global number of row 0; the rows of a call are consecutive */
} smr_energy_draw;

typedef struct smr_energy_model smr_energy_model;
struct smr_energy_model {
  const char *name;
  int n_parts;
  int64_t widths[SMR_ENERGY_PARTS]; /* units of each part */
  int64_t work_floats;              /* workspace per row */
  double log_z0;                    /* ln of the sum over states of exp(-E_0) */
  double sweep_flops;               /* per row, for `plan` */
  const void *self;
  /* u[n] = E(x) - E_0(x) of every row: the reduced potential is E_0 + beta u. */
  smr_status (*energy)(const void *self, int64_t n, const float *const *parts, float *work,
                       double *u);
  /* One block-Gibbs sweep of every row at beta[n], in place; leaves exp(-E_beta) invariant. */
  smr_status (*sweep)(const void *self, const smr_energy_draw *draw, int64_t n, const double *beta,
                      float *const *parts, float *work);
  /* Independent states of E_0. */
  smr_status (*start)(const void *self, const smr_energy_draw *draw, int64_t n,
                      float *const *parts);
};

/* An RBM with E_0 = -a'v (a [V] borrowed, log odds of the base rates, NULL for zeros; hidden units
 * at 1/2); parts v and h; a sweep draws h given v, then v given h: two GEMMs. What the view points
 * to is borrowed until destroyed. SMR_ERR_INPUT when a isn't finite. */
smr_status smr_energy_create_rbm(const smr_rbm *rbm, const float *base_bias,
                                 smr_energy_model **out) SMR_NODISCARD;
/* Periodic L x L Ising model, E = -K sum s s' over bonds, units {0,1} standing for spins -1, +1,
 * E_0 = 0; checkerboard sweeps; L even, >= 2 (bonds counted twice at L = 2, as periodicity does),
 * else SMR_ERR_INPUT. */
smr_status smr_energy_create_ising(int64_t side, double coupling,
                                   smr_energy_model **out) SMR_NODISCARD;
/* Hopfield network of n units storing patterns xi [n_patterns x n] in {0,1} by Hebb's rule, E =
 * -1/2 s'Js with J = sum xi xi' / n, zero diagonal, s = 2x - 1 (Hopfield 1982), E_0 = 0; serial
 * sweeps of n n_patterns operations. The patterns are copied. SMR_ERR_INPUT when one isn't binary;
 * SMR_ERR_LIMIT when n n_patterns is beyond 2^30. */
smr_status smr_energy_create_hopfield(int64_t n_units, int64_t n_patterns, const uint8_t *patterns,
                                      smr_energy_model **out) SMR_NODISCARD;
void smr_energy_destroy(smr_energy_model **model);

#endif
