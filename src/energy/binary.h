/* Products of states of zeros and ones with a matrix of floats: sums of every subset of four of its
 * rows are made once for many states, and looked up for each.
 *
 * Letters: n states (rows), K units of each, N columns of the product. */
#ifndef SIMMER_ENERGY_BINARY_H
#define SIMMER_ENERGY_BINARY_H

#include <stdbool.h>
#include <stdint.h>

/* x [n x N] = states [n x K] F; F [K x N] is w as it is stored or, transposed, w [N x K], either
 * with ld floats from row to row. All row-major; what isn't 0 in `states` counts as 1. x doesn't
 * overlap the others. */
typedef struct {
  bool is_transposed;
  int64_t n, n_inner, n_columns;
  const float *states, *w;
  int64_t ld;
  float *x;
} smr_binary_product;

/* A row's bits depend on that row and on F alone: (((w0 + w1) + w2) + w3) of each four rows of F,
 * without those that are off and with w2 + w3 first where it is a pair, added up in order. Local,
 * thread-safe. */
void smr_binary_multiply(const smr_binary_product *product);

#endif
