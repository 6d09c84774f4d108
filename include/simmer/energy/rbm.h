/* The restricted Boltzmann machine with {0,1} units, E(v,h) = -v'Wh - b'v - c'h (Smolensky 1986;
 * Hinton, "A practical guide to training RBMs", 2010).
 *
 * Letters: V visible units, H hidden units, n rows of a shard. All matrices are row-major and
 * float32. A call is one set of GEMMs on one BLAS thread, but for the products of states: its bits
 * depend on (n, V, H) alone. Everything here is local and thread-safe. */
#ifndef SIMMER_ENERGY_RBM_H
#define SIMMER_ENERGY_RBM_H

#include <stdint.h>

#include "simmer/base/error.h"
#include "simmer/base/random.h"

/* A view of parameters that somebody else owns. */
typedef struct {
  int64_t n_visible, n_hidden;
  const float *w;            /* W [V x H] */
  const float *visible_bias; /* b [V] */
  const float *hidden_bias;  /* c [H] */
} smr_rbm;

/* x [n x H] = v W for v [n x V] of zeros and ones alone (what isn't 0 counts as 1), without biases:
 * subset sums of four rows of W at a time are looked up, two to four times as fast as SGEMM. A
 * row's bits depend on that row and W alone, not on n. x doesn't overlap v. */
void smr_rbm_multiply_hidden(const smr_rbm *rbm, int64_t n, const float *v, float *x);
/* x [n x V] = h W' for h [n x H], likewise. */
void smr_rbm_multiply_visible(const smr_rbm *rbm, int64_t n, const float *h, float *x);
/* h [n x H] = p(h = 1 | v) for v [n x V], values in [0,1]. SMR_ERR_LIMIT when a size is beyond
 * BLAS. */
smr_status smr_rbm_hidden(const smr_rbm *rbm, int64_t n, const float *v, float *h) SMR_NODISCARD;
/* v [n x V] = p(v = 1 | h) for h [n x H]. */
smr_status smr_rbm_visible(const smr_rbm *rbm, int64_t n, const float *h, float *v) SMR_NODISCARD;
/* The random numbers of a draw: unit j of row i takes word j of smr_vector_random_words(key, step,
 * first_row + i) as its uniform number. */
typedef struct {
  smr_random_key key;
  uint64_t step;
  int64_t first_row;
} smr_rbm_draw;
/* p [n x H] = p(h = 1 | v), and h [n x H] drawn from it, 0 or 1; h may be p. */
smr_status smr_rbm_draw_hidden(const smr_rbm *rbm, const smr_rbm_draw *draw, int64_t n,
                               const float *v, float *p, float *h) SMR_NODISCARD;
/* p [n x V] = p(v = 1 | h), and v [n x V] drawn from it; v may be p. */
smr_status smr_rbm_draw_visible(const smr_rbm *rbm, const smr_rbm_draw *draw, int64_t n,
                                const float *h, float *p, float *v) SMR_NODISCARD;
/* f[n] = F(v) = -b'v - sum_j softplus(c_j + (v'W)_j), summed in double; work [n x H] ends as v'W.
 */
smr_status smr_rbm_free_energy(const smr_rbm *rbm, int64_t n, const float *v, float *work,
                               double *f) SMR_NODISCARD;

#endif
