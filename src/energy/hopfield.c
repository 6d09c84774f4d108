/* A Hopfield network by its overlaps with the patterns, so that J is never made: with m_p = sum_i
 * xi_pi s_i, the field on unit i is (sum_p xi_pi m_p - P s_i) / n. Overlaps are integers. N: units;
 * P: patterns; n: rows. */
#include <inttypes.h>
#include <math.h>

#include "simmer/base/memory.h"
#include "simmer/base/vector.h"
#include "simmer/energy/model.h"

typedef struct {
  smr_energy_model model; /* what callers see */
  int64_t n_units, n_patterns;
  double coupling; /* 1 / N */
  int32_t xi[];    /* [N x P], -1 or 1 */
} hopfield_model;

static const int64_t most_products = (int64_t)1 << 30; /* N P, so that a field is an int32 */

/* overlaps [P] of a state x [N]. */
static void find_overlaps(const hopfield_model *m, const float *x, int32_t *overlaps) {
  for (int64_t p = 0; p < m->n_patterns; p++) {
    overlaps[p] = 0;
  }
  for (int64_t i = 0; i < m->n_units; i++) {
    const int32_t spin = x[i] != 0.0F ? 1 : -1;
    const int32_t *xi = m->xi + i * m->n_patterns;
    for (int64_t p = 0; p < m->n_patterns; p++) {
      overlaps[p] += spin * xi[p];
    }
  }
}

/* The row's workspace holds P overlaps, then N words: floats only by its declaration. */
static int32_t *get_overlaps(float *work) {
  return (int32_t *)(void *)work;
}

static smr_status compute_energy(const void *self, int64_t n, const float *const *parts,
                                 float *work, double *u) {
  const hopfield_model *m = self;
  int32_t *overlaps = get_overlaps(work);
  for (int64_t i = 0; i < n; i++) {
    double sum = -(double)(m->n_patterns * m->n_units);
    find_overlaps(m, parts[0] + i * m->n_units, overlaps);
    for (int64_t p = 0; p < m->n_patterns; p++) {
      sum += (double)overlaps[p] * (double)overlaps[p];
    }
    u[i] = -0.5 * m->coupling * sum;
  }
  return SMR_OK;
}

/* Draws unit i of x given the others and updates the overlaps. */
static void draw_unit(const hopfield_model *m, int64_t i, double beta, uint32_t word, float *x,
                      int32_t *overlaps) {
  const int32_t *xi = m->xi + i * m->n_patterns;
  const int32_t spin = x[i] != 0.0F ? 1 : -1;
  int32_t field = -(int32_t)m->n_patterns * spin;
  for (int64_t p = 0; p < m->n_patterns; p++) {
    field += xi[p] * overlaps[p];
  }
  const double probability = 1.0 / (1.0 + exp(-2.0 * beta * m->coupling * (double)field));
  const int32_t drawn = (double)word * 0x1p-32 < probability ? 1 : -1;
  if (drawn == spin) {
    return;
  }
  x[i] = drawn > 0 ? 1.0F : 0.0F;
  for (int64_t p = 0; p < m->n_patterns; p++) {
    overlaps[p] += 2 * drawn * xi[p];
  }
}

static smr_status sweep(const void *self, const smr_energy_draw *draw, int64_t n,
                        const double *beta, float *const *parts, float *work) {
  const hopfield_model *m = self;
  int32_t *overlaps = get_overlaps(work);
  uint32_t *words = (uint32_t *)(void *)(work + m->n_patterns);
  for (int64_t row = 0; row < n; row++) {
    float *x = parts[0] + row * m->n_units;
    find_overlaps(m, x, overlaps);
    smr_vector_random_words(draw->key, draw->sweep, (uint64_t)(draw->first_row + row), m->n_units,
                            words);
    for (int64_t i = 0; i < m->n_units; i++) {
      draw_unit(m, i, beta[row], words[i], x, overlaps);
    }
  }
  return SMR_OK;
}

static smr_status start(const void *self, const smr_energy_draw *draw, int64_t n,
                        float *const *parts) {
  const hopfield_model *m = self;
  for (int64_t i = 0; i < n * m->n_units; i++) {
    parts[0][i] = 0.5F;
  }
  smr_vector_bernoulli(draw->key, draw->sweep, draw->first_row, n, m->n_units, parts[0], parts[0]);
  return SMR_OK;
}

static smr_status check(int64_t n_units, int64_t n_patterns, const uint8_t *patterns) {
  if (n_units < 1 || n_patterns < 0) {
    SMR_FAIL(SMR_ERR_INPUT, "a Hopfield network of %" PRId64 " units and %" PRId64 " patterns",
             n_units, n_patterns);
  }
  if (n_patterns > most_products / n_units) {
    SMR_FAIL(SMR_ERR_LIMIT,
             "a Hopfield network of %" PRId64 " units and %" PRId64
             " patterns: their product may be 2^30",
             n_units, n_patterns);
  }
  for (int64_t k = 0; k < n_patterns * n_units; k++) {
    if (patterns[k] > 1) {
      SMR_FAIL(SMR_ERR_INPUT, "pattern %" PRId64 " of a Hopfield network isn't binary",
               k / n_units);
    }
  }
  return SMR_OK;
}

smr_status smr_energy_create_hopfield(int64_t n_units, int64_t n_patterns, const uint8_t *patterns,
                                      smr_energy_model **out) {
  hopfield_model *m = NULL;
  *out = NULL;
  SMR_TRY(check(n_units, n_patterns, patterns));
  const int64_t n_products = n_units * n_patterns;
  SMR_TRY(smr_memory_alloc((int64_t)sizeof *m + n_products * (int64_t)sizeof *m->xi, 1,
                           "an energy model", &m));
  m->n_units = n_units;
  m->n_patterns = n_patterns;
  m->coupling = 1.0 / (double)n_units;
  for (int64_t k = 0; k < n_products; k++) {
    m->xi[k % n_units * n_patterns + k / n_units] = patterns[k] != 0 ? 1 : -1;
  }
  m->model = (smr_energy_model){.name = "hopfield",
                                .n_parts = 1,
                                .widths = {n_units},
                                .work_floats = n_patterns + n_units,
                                .log_z0 = (double)n_units * log(2.0),
                                .sweep_flops = 4.0 * (double)n_products,
                                .self = m,
                                .energy = compute_energy,
                                .sweep = sweep,
                                .start = start};
  *out = &m->model;
  return SMR_OK;
}
