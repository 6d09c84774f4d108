/* Products of columns with columns. Private to src/linalg. Local, thread-safe. */
#ifndef SIMMER_SRC_LINALG_DOTS_H
#define SIMMER_SRC_LINALG_DOTS_H

#include <stdbool.h>
#include <stdint.h>

/* out [m x n] = v [rows x m]' c [rows x n], column-major, rows >= 1; with is_upper only what is
 * needed for the upper triangle is sure to be there. */
typedef struct {
  int64_t rows;
  int m, n;
  bool is_upper;
  const double *v;
  int64_t ldv;
  const double *c;
  int64_t ldc;
  double *out;
  int64_t ldo;
} smr_dots;
/* Bits of an element depend on rows and on its columns alone. */
void smr_dots_run(const smr_dots *dots);

#endif
