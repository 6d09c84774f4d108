/* The rows of a matrix with fewer rows than columns, from a triangle that holds them. Private to
 * src/linalg. */
#ifndef SIMMER_SRC_LINALG_WIDE_H
#define SIMMER_SRC_LINALG_WIDE_H

#include "triangle.h"

/* The first n_cols columns of a triangle whose rank is at most q <= n_cols by the number of rows
 * behind it: r[q x n_cols] column-major and z[q] = Q'(triangle, target) for some Q that leaves
 * nothing but rounding errors below its first q rows; *outside = what is there of the target,
 * squared. SMR_ERR_MEMORY. Local, thread-safe. */
smr_status smr_wide_read(const smr_triangle *triangle, int64_t n_cols, int64_t q, double *r,
                         double *z, double *outside) SMR_NODISCARD;

#endif
