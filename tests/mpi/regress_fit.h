/* A ridge fit of a matrix in memory, as the experiment makes it: QR, columns scaled, SVD. */
#ifndef SIMMER_TESTS_REGRESS_FIT_H
#define SIMMER_TESTS_REGRESS_FIT_H

#include "mpi_frame.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/regress/loo.h"

typedef struct {
  int64_t n, p;
  double *x; /* [n x p] */
  double *y; /* [n] */
  bool fails;
} matrix;

static smr_status read_matrix(void *self, int thread, int64_t first, int64_t count, double *x,
                              int64_t ld, double *y) {
  const matrix *m = self;
  (void)thread;
  if (m->fails) {
    SMR_FAIL(SMR_ERR_IO, "the disk is gone");
  }
  for (int64_t c = 0; c < m->p; c++) {
    memcpy(x + c * ld, m->x + c * m->n + first, (size_t)count * sizeof *x);
  }
  memcpy(y, m->y + first, (size_t)count * sizeof *y);
  return SMR_OK;
}

typedef struct {
  smr_row_source source;
  smr_grid *grid;
  smr_qr *qr;
  smr_svd *svd;
  smr_spectrum spectrum;
  double *triangle, *beta, *scale;
} fitted;

static inline void scale_columns(fitted *f, bool standardize) {
  const smr_qr_view v = smr_qr_get(f->qr);
  memcpy(f->triangle, v.r, (size_t)(v.n_used * v.n_cols) * sizeof(double));
  for (int64_t j = 0; j < v.n_cols; j++) {
    double squares = 0.0;
    for (int64_t i = 0; i < v.n_used; i++) {
      squares += v.r[j * v.n_used + i] * v.r[j * v.n_used + i];
    }
    f->scale[j] = standardize && squares > 0.0 ? sqrt(squares / (double)v.n_rows) : 1.0;
    for (int64_t i = 0; i < v.n_used; i++) {
      f->triangle[j * v.n_used + i] /= f->scale[j];
    }
  }
}

static inline smr_loo_fit fit_matrix(const smr_context *context, matrix *m, bool intercept,
                                     bool standardize, fitted *f) {
  *f = (fitted){.source = {m->n, m->p, m, read_matrix}};
  assert_ok(smr_grid_create(context, &f->grid));
  assert_ok(smr_qr_create(f->grid, &f->source, intercept, &f->qr));
  const smr_qr_view v = smr_qr_get(f->qr);
  const int64_t k = v.n_used;
  assert_ok(smr_memory_alloc(k * m->p, sizeof(double), "triangle", &f->triangle));
  assert_ok(smr_memory_alloc(k, sizeof(double), "beta", &f->beta));
  assert_ok(smr_memory_alloc(m->p, sizeof(double), "scale", &f->scale));
  scale_columns(f, standardize);
  if (k > 0) {
    assert_ok(smr_svd_create(f->grid, SMR_SVD_AUTO, k, m->p, f->triangle, k, &f->svd));
    assert_ok(smr_svd_project_left(f->svd, 1, v.z, f->beta));
  }
  f->spectrum = (smr_spectrum){.n = m->n,
                               .p = m->p,
                               .k = k,
                               .has_intercept = intercept,
                               .s = k > 0 ? smr_svd_get_values(f->svd) : f->beta,
                               .beta = f->beta,
                               .tail = smr_qr_get_tail(f->qr, m->p)};
  return (smr_loo_fit){.grid = f->grid,
                       .source = &f->source,
                       .spectrum = &f->spectrum,
                       .svd = f->svd,
                       .triangle = f->triangle,
                       .mean = v.mean,
                       .mean_y = v.mean_y,
                       .scale = standardize ? f->scale : NULL};
}

static inline void clear_fit(fitted *f) {
  smr_memory_free(f->triangle);
  smr_memory_free(f->beta);
  smr_memory_free(f->scale);
  smr_svd_destroy(&f->svd);
  smr_qr_destroy(&f->qr);
  smr_grid_destroy(&f->grid);
}

#endif
