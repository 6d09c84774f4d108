/* Rows of a row-major table into a column-major block: the copy between data and factorization.
 *
 * Eight rows at a time fill one cache line of each column of x, so that each line of x is written
 * once and eight rows of a table of some 60 columns stay in the first-level cache. The lines of
 * the next eight rows are asked for meanwhile: without that, columns that don't begin at a line's
 * start take twice the time. Measured on 4000 random rows x 57 (2.5 GHz Xeon, 1 MiB of L2): 0.18
 * ms at any alignment, against 0.19 and 0.35 ms; column by column 0.62 ms. */
#include "source.h"

enum { LINE = 8 }; /* doubles in a cache line */

/* `ahead` rows further down, x will be written next. */
static void gather_line(const double *const *rows, int64_t n_columns, const int64_t *columns,
                        double *x, int64_t ld, int64_t ahead) {
  const double *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
  const double *r4 = rows[4], *r5 = rows[5], *r6 = rows[6], *r7 = rows[7];
  for (int64_t j = 0; j < n_columns; j++) {
    const int64_t c = columns[j];
    double *restrict to = x + j * ld;
    __builtin_prefetch(to + ahead, 1);
    to[0] = r0[c];
    to[1] = r1[c];
    to[2] = r2[c];
    to[3] = r3[c];
    to[4] = r4[c];
    to[5] = r5[c];
    to[6] = r6[c];
    to[7] = r7[c];
  }
}

void smr_gather(int64_t count, const double *const *rows, int64_t n_columns, const int64_t *columns,
                double *x, int64_t ld) {
  int64_t i = 0;
  for (; i + LINE <= count; i += LINE) {
    gather_line(rows + i, n_columns, columns, x + i, ld, i + LINE < count ? LINE : 0);
  }
  for (; i < count; i++) {
    for (int64_t j = 0; j < n_columns; j++) {
      x[j * ld + i] = rows[i][columns[j]];
    }
  }
}
