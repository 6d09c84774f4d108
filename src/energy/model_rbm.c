/* An RBM along the path from independent units. V: visible units; H: hidden units; n: rows. */
#include <inttypes.h>
#include <math.h>

#include "simmer/base/memory.h"
#include "simmer/base/vector.h"
#include "simmer/energy/model.h"

typedef struct {
  smr_energy_model model; /* what callers see */
  smr_rbm rbm;
  const float *base; /* a [V], or NULL */
} rbm_model;

static smr_status compute_energy(const void *self, int64_t n, const float *const *parts,
                                 float *work, double *u) {
  const rbm_model *m = self;
  const int64_t n_visible = m->rbm.n_visible;
  const int64_t n_hidden = m->rbm.n_hidden;
  smr_rbm_multiply_hidden(&m->rbm, n, parts[0], work);
  for (int64_t i = 0; i < n; i++) {
    const float *v = parts[0] + i * n_visible;
    const float *h = parts[1] + i * n_hidden;
    double sum = 0.0;
    for (int64_t j = 0; j < n_visible; j++) {
      double base = m->base == NULL ? 0.0 : (double)m->base[j];
      sum += (double)v[j] * ((double)m->rbm.visible_bias[j] - base);
    }
    for (int64_t j = 0; j < n_hidden; j++) {
      sum += (double)h[j] * ((double)work[i * n_hidden + j] + (double)m->rbm.hidden_bias[j]);
    }
    u[i] = -sum;
  }
  return SMR_OK;
}

static smr_status sweep(const void *self, const smr_energy_draw *draw, int64_t n,
                        const double *beta, float *const *parts, float *work) {
  const rbm_model *m = self;
  const smr_vector_tempered hidden = {{n, m->rbm.n_hidden, m->rbm.hidden_bias}, beta, NULL};
  const smr_vector_tempered visible = {{n, m->rbm.n_visible, m->rbm.visible_bias}, beta, m->base};
  (void)work;
  smr_rbm_multiply_hidden(&m->rbm, n, parts[0], parts[1]);
  smr_vector_sample_tempered(draw->key, 2 * draw->sweep, draw->first_row, &hidden, parts[1],
                             parts[1]);
  smr_rbm_multiply_visible(&m->rbm, n, parts[1], parts[0]);
  smr_vector_sample_tempered(draw->key, 2 * draw->sweep + 1, draw->first_row, &visible, parts[0],
                             parts[0]);
  return SMR_OK;
}

static smr_status start(const void *self, const smr_energy_draw *draw, int64_t n,
                        float *const *parts) {
  const rbm_model *m = self;
  const int64_t n_visible = m->rbm.n_visible;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n_visible; j++) {
      parts[0][i * n_visible + j] = m->base == NULL ? 0.0F : m->base[j];
    }
  }
  smr_vector_logistic(n * n_visible, parts[0]);
  smr_vector_bernoulli(draw->key, 2 * draw->sweep, draw->first_row, n, n_visible, parts[0],
                       parts[0]);
  for (int64_t i = 0; i < n * m->rbm.n_hidden; i++) {
    parts[1][i] = 0.5F;
  }
  smr_vector_bernoulli(draw->key, 2 * draw->sweep + 1, draw->first_row, n, m->rbm.n_hidden,
                       parts[1], parts[1]);
  return SMR_OK;
}

smr_status smr_energy_create_rbm(const smr_rbm *rbm, const float *base_bias,
                                 smr_energy_model **out) {
  rbm_model *m = NULL;
  double log_z0 = (double)rbm->n_hidden * log(2.0);
  *out = NULL;
  for (int64_t j = 0; j < rbm->n_visible; j++) {
    const double a = base_bias == NULL ? 0.0 : (double)base_bias[j];
    if (!isfinite(a)) {
      SMR_FAIL(SMR_ERR_INPUT, "log odds of the base rate of visible unit %" PRId64 ": %g", j, a);
    }
    log_z0 += fmax(a, 0.0) + log1p(exp(-fabs(a)));
  }
  SMR_TRY(smr_memory_alloc(1, sizeof *m, "an energy model", &m));
  m->rbm = *rbm;
  m->base = base_bias;
  m->model = (smr_energy_model){.name = "rbm",
                                .n_parts = 2,
                                .widths = {rbm->n_visible, rbm->n_hidden},
                                .work_floats = rbm->n_hidden,
                                .log_z0 = log_z0,
                                .sweep_flops = 4.0 * (double)rbm->n_visible * (double)rbm->n_hidden,
                                .self = m,
                                .energy = compute_energy,
                                .sweep = sweep,
                                .start = start};
  *out = &m->model;
  return SMR_OK;
}

/* Every kind of model is one block of memory that begins with what callers see. */
void smr_energy_destroy(smr_energy_model **model) {
  smr_memory_free(*model);
  *model = NULL;
}
