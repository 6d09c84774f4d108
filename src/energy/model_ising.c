/* The Ising model, spin by spin: sites of one colour of the checkerboard don't touch each other, so
 * that a colour is drawn at once. L: side; n: rows. */
#include <inttypes.h>
#include <math.h>

#include "simmer/base/memory.h"
#include "simmer/base/vector.h"
#include "simmer/energy/model.h"

enum { N_SUMS = 5, LARGEST_SIDE = 1 << 14 }; /* numbers of neighbours that are up: 0 to 4 */

typedef struct {
  smr_energy_model model; /* what callers see */
  int64_t side;
  double coupling;
} ising_model;

static smr_status compute_energy(const void *self, int64_t n, const float *const *parts,
                                 float *work, double *u) {
  const ising_model *m = self;
  const int64_t side = m->side;
  (void)work;
  for (int64_t i = 0; i < n; i++) {
    const float *x = parts[0] + i * side * side;
    int64_t n_unlike = 0;
    for (int64_t row = 0; row < side; row++) {
      const float *below = x + (row + 1) % side * side;
      for (int64_t column = 0; column < side; column++) {
        const float spin = x[row * side + column];
        n_unlike += spin != x[row * side + (column + 1) % side];
        n_unlike += spin != below[column];
      }
    }
    u[i] = -m->coupling * (double)(2 * side * side - 2 * n_unlike);
  }
  return SMR_OK;
}

/* p [L^2 / 2] of the sites of a colour, in row-major order: row r's begin at column (r + colour)
 * mod 2. */
static void find_probabilities(int64_t side, int colour, const float table[N_SUMS], const float *x,
                               float *p) {
  for (int64_t row = 0; row < side; row++) {
    const float *here = x + row * side;
    const float *above = x + (row + side - 1) % side * side;
    const float *below = x + (row + 1) % side * side;
    for (int64_t column = (row + colour) % 2; column < side; column += 2) {
      const float sum = above[column] + below[column] + here[(column + side - 1) % side] +
                        here[(column + 1) % side];
      *p++ = table[(int)sum];
    }
  }
}

static void put_sites(int64_t side, int colour, const float *drawn, float *x) {
  for (int64_t row = 0; row < side; row++) {
    for (int64_t column = (row + colour) % 2; column < side; column += 2) {
      x[row * side + column] = *drawn++;
    }
  }
}

static smr_status sweep(const void *self, const smr_energy_draw *draw, int64_t n,
                        const double *beta, float *const *parts, float *work) {
  const ising_model *m = self;
  const int64_t n_sites = m->side * m->side;
  for (int colour = 0; colour < 2; colour++) {
    for (int64_t i = 0; i < n; i++) {
      float table[N_SUMS];
      for (int k = 0; k < N_SUMS; k++) {
        table[k] = (float)(2.0 * beta[i] * m->coupling * (double)(2 * k - 4));
      }
      smr_vector_logistic(N_SUMS, table);
      find_probabilities(m->side, colour, table, parts[0] + i * n_sites, work + i * (n_sites / 2));
    }
    smr_vector_bernoulli(draw->key, 2 * draw->sweep + (uint64_t)colour, draw->first_row, n,
                         n_sites / 2, work, work);
    for (int64_t i = 0; i < n; i++) {
      put_sites(m->side, colour, work + i * (n_sites / 2), parts[0] + i * n_sites);
    }
  }
  return SMR_OK;
}

static smr_status start(const void *self, const smr_energy_draw *draw, int64_t n,
                        float *const *parts) {
  const ising_model *m = self;
  const int64_t n_sites = m->side * m->side;
  for (int64_t i = 0; i < n * n_sites; i++) {
    parts[0][i] = 0.5F;
  }
  smr_vector_bernoulli(draw->key, 2 * draw->sweep, draw->first_row, n, n_sites, parts[0], parts[0]);
  return SMR_OK;
}

smr_status smr_energy_create_ising(int64_t side, double coupling, smr_energy_model **out) {
  ising_model *m = NULL;
  *out = NULL;
  if (side < 2 || side > LARGEST_SIDE || side % 2 != 0 || !isfinite(coupling)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "an Ising model of side %" PRId64 " and coupling %g: the side must be even, from 2 to "
             "%d",
             side, coupling, LARGEST_SIDE);
  }
  SMR_TRY(smr_memory_alloc(1, sizeof *m, "an energy model", &m));
  m->side = side;
  m->coupling = coupling;
  m->model = (smr_energy_model){.name = "ising",
                                .n_parts = 1,
                                .widths = {side * side},
                                .work_floats = side * side / 2,
                                .log_z0 = (double)(side * side) * log(2.0),
                                .sweep_flops = 10.0 * (double)(side * side),
                                .self = m,
                                .energy = compute_energy,
                                .sweep = sweep,
                                .start = start};
  *out = &m->model;
  return SMR_OK;
}
