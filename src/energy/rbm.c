/* Products of states; conditional probabilities, draws and free energies of an RBM: one GEMM, then
 * one pass over its result. V: visible units; H: hidden units; n: rows. */
#include "simmer/energy/rbm.h"

#include "binary.h"
#include "simmer/base/vector.h"
#include "simmer/linalg/kernel.h"

void smr_rbm_multiply_hidden(const smr_rbm *rbm, int64_t n, const float *v, float *x) {
  smr_binary_multiply(&(smr_binary_product){.n = n,
                                            .n_inner = rbm->n_visible,
                                            .n_columns = rbm->n_hidden,
                                            .states = v,
                                            .w = rbm->w,
                                            .ld = rbm->n_hidden,
                                            .x = x});
}

void smr_rbm_multiply_visible(const smr_rbm *rbm, int64_t n, const float *h, float *x) {
  smr_binary_multiply(&(smr_binary_product){.is_transposed = true,
                                            .n = n,
                                            .n_inner = rbm->n_hidden,
                                            .n_columns = rbm->n_visible,
                                            .states = h,
                                            .w = rbm->w,
                                            .ld = rbm->n_hidden,
                                            .x = x});
}

/* The products of any rows, means too. */
static smr_status project_hidden(const smr_rbm *rbm, int64_t n, const float *v, float *x) {
  return smr_kernel_sgemm(&(smr_sgemm){.m = n,
                                       .n = rbm->n_hidden,
                                       .k = rbm->n_visible,
                                       .a = v,
                                       .lda = rbm->n_visible,
                                       .b = rbm->w,
                                       .ldb = rbm->n_hidden,
                                       .alpha = 1.0F,
                                       .c = x,
                                       .ldc = rbm->n_hidden});
}

static smr_status project_visible(const smr_rbm *rbm, int64_t n, const float *h, float *x) {
  return smr_kernel_sgemm(&(smr_sgemm){.is_b_transposed = true,
                                       .m = n,
                                       .n = rbm->n_visible,
                                       .k = rbm->n_hidden,
                                       .a = h,
                                       .lda = rbm->n_hidden,
                                       .b = rbm->w,
                                       .ldb = rbm->n_hidden,
                                       .alpha = 1.0F,
                                       .c = x,
                                       .ldc = rbm->n_visible});
}

smr_status smr_rbm_hidden(const smr_rbm *rbm, int64_t n, const float *v, float *h) {
  SMR_TRY(project_hidden(rbm, n, v, h));
  smr_vector_logistic_bias(n, rbm->n_hidden, rbm->hidden_bias, h);
  return SMR_OK;
}

smr_status smr_rbm_visible(const smr_rbm *rbm, int64_t n, const float *h, float *v) {
  SMR_TRY(project_visible(rbm, n, h, v));
  smr_vector_logistic_bias(n, rbm->n_visible, rbm->visible_bias, v);
  return SMR_OK;
}

smr_status smr_rbm_draw_hidden(const smr_rbm *rbm, const smr_rbm_draw *draw, int64_t n,
                               const float *v, float *p, float *h) {
  const smr_vector_units units = {n, rbm->n_hidden, rbm->hidden_bias};
  SMR_TRY(project_hidden(rbm, n, v, p));
  smr_vector_sample(draw->key, draw->step, draw->first_row, &units, p, h);
  return SMR_OK;
}

smr_status smr_rbm_draw_visible(const smr_rbm *rbm, const smr_rbm_draw *draw, int64_t n,
                                const float *h, float *p, float *v) {
  const smr_vector_units units = {n, rbm->n_visible, rbm->visible_bias};
  SMR_TRY(project_visible(rbm, n, h, p));
  smr_vector_sample(draw->key, draw->step, draw->first_row, &units, p, v);
  return SMR_OK;
}

smr_status smr_rbm_free_energy(const smr_rbm *rbm, int64_t n, const float *v, float *work,
                               double *f) {
  SMR_TRY(project_hidden(rbm, n, v, work));
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    for (int64_t j = 0; j < rbm->n_visible; j++) {
      sum += (double)v[i * rbm->n_visible + j] * (double)rbm->visible_bias[j];
    }
    f[i] =
        -sum - smr_vector_sum_softplus(rbm->n_hidden, work + i * rbm->n_hidden, rbm->hidden_bias);
  }
  return SMR_OK;
}
