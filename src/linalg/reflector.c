/* Block reflectors. */
#include "reflector.h"

#include <cblas.h>
#include <string.h>

#include "dots.h"
#include "narrow.h"
#include "simmer/linalg/kernel.h"

static void clear_triangle(int width, double *a, int64_t lda) {
  for (int c = 0; c < width; c++) {
    memset(a + c * lda, 0, (size_t)c * sizeof *a);
    a[c * lda + c] = 1.0;
  }
}

void smr_panel_clear_triangle(double *a, int lda) {
  clear_triangle(SMR_PANEL, a, lda);
}

double smr_sum_squares(int64_t n, const double *x) {
  return smr_dot(n, x, x);
}

double smr_dot(int64_t n, const double *x, const double *y) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    sum += x[i] * y[i];
  }
  return sum;
}

int smr_pad(int n) {
  return (n + 7) / 8 * 8;
}

void smr_groups_multiply(const smr_groups *groups, bool transposed, int m, int k, const double *a,
                         int lda) {
  /* A strip of a stays in the cache while all groups use it. */
  enum { STRIP = 128 };
  const int64_t group = (int64_t)groups->ld * SMR_COLUMN_BLOCK;
  for (int first = 0; first < m; first += STRIP) {
    int rows = m - first < STRIP ? m - first : STRIP;
    const double *strip = a + (transposed ? (int64_t)first * lda : first);
    for (int g = 0; g < groups->n_groups; g++) {
      cblas_dgemm(CblasColMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, rows,
                  SMR_COLUMN_BLOCK, k, 1.0, strip, lda, groups->x + g * group, groups->ld, 0.0,
                  groups->y + g * group + first, groups->ld);
    }
  }
}

static int get_width(int count, int first) {
  return count - first < SMR_PANEL ? count - first : SMR_PANEL;
}

void smr_reflector_build_t(int rows, int width, const double *v, int ld, const double *tau,
                           double *t) {
  double gram[SMR_PANEL * SMR_PANEL];
  smr_dots_run(&(smr_dots){rows, width, width, true, v, ld, v, ld, gram, SMR_PANEL});
  for (int j = 0; j < width; j++) {
    double *column = t + (int64_t)j * SMR_PANEL;
    for (int i = 0; i < j; i++) {
      double sum = 0.0;
      for (int l = i; l < j; l++) {
        sum += t[l * SMR_PANEL + i] * gram[j * SMR_PANEL + l];
      }
      column[i] = -tau[j] * sum;
    }
    column[j] = tau[j];
  }
}

void smr_chain_build(smr_chain *chain, const double *tau) {
  int64_t ld = chain->ld;
  for (int first = 0; first < chain->count; first += SMR_PANEL) {
    int width = get_width(chain->count, first);
    double *v = chain->v + first * ld + first;
    for (int c = 0; c < width; c++) {
      memset(chain->v + (first + c) * ld, 0, (size_t)first * sizeof *v);
    }
    clear_triangle(width, v, ld);
    smr_reflector_build_t(chain->rows - first, width, v, chain->ld, tau + first,
                          chain->t + (int64_t)first * SMR_PANEL);
  }
}

static void apply_block(const smr_chain *chain, int first, bool transposed, double *c, int ldc,
                        double *work) {
  int rows = chain->ld - first;
  int width = get_width(smr_pad(chain->count), first);
  const double *v = chain->v + (int64_t)first * chain->ld + first;
  const double *t = chain->t + (int64_t)first * SMR_PANEL;
  smr_dots_run(&(smr_dots){rows, width, SMR_COLUMN_BLOCK, false, v, chain->ld, c + first, ldc, work,
                           SMR_PANEL});
  cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, transposed ? CblasTrans : CblasNoTrans,
              CblasNonUnit, width, SMR_COLUMN_BLOCK, -1.0, t, SMR_PANEL, work, SMR_PANEL);
  smr_narrow_add(
      &(smr_narrow){rows, SMR_COLUMN_BLOCK, width, v, chain->ld, work, SMR_PANEL, c + first, ldc});
}

void smr_chain_apply(const smr_chain *chain, bool transposed, int n_groups, double *c, int ldc,
                     double *work) {
  int n_blocks = (chain->count + SMR_PANEL - 1) / SMR_PANEL;
  for (int b = 0; b < n_blocks; b++) {
    int block = transposed ? b : n_blocks - 1 - b;
    for (int g = 0; g < n_groups; g++) {
      apply_block(chain, block * SMR_PANEL, transposed, c + (int64_t)g * ldc * SMR_COLUMN_BLOCK,
                  ldc, work);
    }
  }
}
