/* Singular values, |U'y| and residuals through QR of [X | y] and the SVD of its triangle, against
 * linalg_reference.txt (60 digits by mpmath, and SciPy). */
#include <inttypes.h>

#include "mpi_frame.h"
#include "simmer/linalg/qr.h"
#include "simmer/linalg/svd.h"

enum { MAX_SIDE = 32 };

typedef struct {
  char name[32];
  int64_t m, n, k;
  double a[MAX_SIDE * MAX_SIDE], y[MAX_SIDE];
  double s[MAX_SIDE], beta[MAX_SIDE], tails[MAX_SIDE];
} reference;

static void read_numbers(FILE *file, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    assert_int_equal(fscanf(file, "%lf", x + i), 1);
  }
}

static int read_reference(FILE *file, reference *r) {
  if (fscanf(file, "%31s %" SCNd64 " %" SCNd64, r->name, &r->m, &r->n) != 3) {
    return 0;
  }
  assert_true(r->m < MAX_SIDE && r->n < MAX_SIDE);
  r->k = r->m < r->n ? r->m : r->n;
  read_numbers(file, r->m * r->n, r->a);
  read_numbers(file, r->m, r->y);
  read_numbers(file, r->k, r->s);
  read_numbers(file, r->k, r->beta);
  read_numbers(file, r->n + 1, r->tails);
  return 1;
}

static smr_status read_rows(void *self, int thread, int64_t first, int64_t count, double *x,
                            int64_t ld, double *y) {
  const reference *r = self;
  (void)thread;
  for (int64_t c = 0; c < r->n; c++) {
    memcpy(x + c * ld, r->a + c * r->m + first, (size_t)count * sizeof *x);
  }
  memcpy(y, r->y + first, (size_t)count * sizeof *y);
  return SMR_OK;
}

static void check(reference *r) {
  smr_grid *grid = NULL;
  smr_qr *qr = NULL;
  smr_svd *svd = NULL;
  double beta[MAX_SIDE];
  smr_row_source source = {.n_rows = r->m, .n_cols = r->n, .self = r, .read = read_rows};
  assert_ok(smr_grid_create(test_world, &grid));
  assert_ok(smr_qr_create(grid, &source, false, &qr));
  smr_qr_view v = smr_qr_get(qr);
  assert_ok(smr_svd_create(grid, SMR_SVD_AUTO, v.n_used, v.n_cols, v.r, v.n_used, &svd));
  assert_ok(smr_svd_project_left(svd, 1, v.z, beta));
  assert_int_equal(smr_svd_count(svd), r->k);
  for (int64_t i = 0; i < r->k; i++) {
    /* Normwise theory allows 1e-15 s_1. The columns' grading survives in R, so that even values of
     * 1e-12 s_1 are good to ten digits. */
    assert_close(smr_svd_get_values(svd)[i], r->s[i], 1e-10, 0.0);
    assert_close(fabs(beta[i]), r->beta[i], 1e-10, 1e-12);
  }
  for (int64_t c = 0; c <= r->n; c++) {
    assert_close(smr_qr_get_tail(qr, c), r->tails[c], 1e-10, 1e-25);
  }
  smr_svd_destroy(&svd);
  smr_qr_destroy(&qr);
  smr_grid_destroy(&grid);
}

static void test_reference(void **state) {
  static reference r;
  int n = 0;
  (void)state;
  smr_linalg_start(NULL);
  FILE *file = fopen(SIMMER_TEST_REFERENCE "/linalg_reference.txt", "r");
  assert_non_null(file);
  while (read_reference(file, &r)) {
    check(&r);
    n++;
  }
  fclose(file);
  assert_int_equal(n, 4);
}

MPI_TEST_MAIN(cmocka_unit_test(test_reference))
