/* Running residuals and leverages over the ranks of truncated SVD. Letters as in loo_ranks.h.
 *
 * Measured on one core of a Zen 5, 2000 x 500, all 501 ranks: 1 ms, by samples of the whole run.
 */
#include "loo_ranks.h"

#include <math.h>
#include <string.h>

#include "simmer/base/integer.h"

/* Sum of squared errors at one rank. A row that doesn't count stays clear of a division by 0. */
static double sum_errors(const smr_loo_rank_block *block, double cutoff) {
  const double *numerator = block->numerator;
  const double *denominator = block->denominator;
  const double *share = block->share;
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < block->count; i++) {
    const double left = denominator[i] + (1.0 - share[i]);
    const double error = share[i] * (numerator[i] / left);
    const double square = error * error;
    sum += left > cutoff ? square : (double)NAN;
  }
  return sum;
}

/* Mode j of a block put to what is left of it (sign 1), or taken off. */
static void move_mode(const smr_loo_ranks *ranks, const smr_loo_rank_block *block, int64_t j,
                      double sign) {
  const double *u = block->rows->u + j * block->rows->ld;
  const double beta = sign * ranks->basis->beta[j];
  double *numerator = block->numerator;
  double *denominator = block->denominator;
#pragma omp simd
  for (int64_t i = 0; i < block->count; i++) {
    numerator[i] += u[i] * beta;
    denominator[i] += sign * (u[i] * u[i]);
  }
}

static void start(const smr_loo_ranks *ranks, const smr_loo_rank_block *block) {
  const smr_loo_basis *basis = ranks->basis;
  const smr_loo_rows *rows = block->rows;
  for (int64_t i = 0; i < block->count; i++) {
    const bool is_square = basis->is_square;
    block->numerator[i] = is_square ? rows->rest[i] : rows->y[i];
    block->denominator[i] = is_square ? rows->outer[i] : 1.0 - (double)basis->i0 / (double)basis->n;
    block->share[i] = block->is_delicate[i] ? 0.0 : 1.0;
  }
}

/* Index of a rank among those kept, -1 when it isn't. */
static int64_t find_kept(const smr_loo_ranks *ranks, int64_t rank) {
  int64_t low = 0;
  int64_t high = ranks->n_kept;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (ranks->kept[middle] < rank) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ranks->n_kept && ranks->kept[low] == rank ? low : -1;
}

static void put_rank(const smr_loo_ranks *ranks, const smr_loo_rank_block *block, int64_t rank,
                     double cutoff, double *sums) {
  if (rank >= ranks->n_ranks) {
    return;
  }
  const int64_t place = ranks->residual != NULL ? find_kept(ranks, rank) : -1;
  if (place >= 0) {
    memcpy(ranks->residual + place * ranks->basis->n + block->first, block->numerator,
           (size_t)block->count * sizeof(double));
  }
  sums[rank] += sum_errors(block, cutoff);
}

void smr_loo_ranks_add(const smr_loo_ranks *ranks, const smr_loo_rank_block *block, double *sums) {
  const int64_t q = ranks->basis->q;
  const double cutoff = smr_loo_basis_cutoff(ranks->basis);
  start(ranks, block);
  if (ranks->basis->is_square) {
    for (int64_t rank = q; rank >= 0; rank--) {
      if (rank < q) {
        move_mode(ranks, block, rank, 1.0);
      }
      put_rank(ranks, block, rank, cutoff, sums);
    }
  } else {
    for (int64_t rank = 0; rank <= smr_int_min(q, ranks->n_ranks - 1); rank++) {
      if (rank > 0) {
        move_mode(ranks, block, rank - 1, -1.0);
      }
      put_rank(ranks, block, rank, cutoff, sums);
    }
  }
  for (int64_t rank = q + 1; rank < ranks->n_ranks; rank++) {
    sums[rank] = NAN;
  }
}

/* Whether a sum up to this rank is nearer to the truth than one down to it. Column j of U is known
 * to about eps s_1 / s_j: going up D_i is off by that at j = rank, going down, by sqrt(D_i) times
 * that at j = q. */
static bool is_better_up(const smr_loo_basis *basis, int64_t rank, double denominator) {
  const double ratio = rank > 0 ? basis->s[basis->q - 1] / basis->s[rank - 1] : 0.0;
  return denominator > ratio * ratio;
}

void smr_loo_ranks_add_delicate(const smr_loo_ranks *ranks, const smr_loo_delicate_row *row,
                                double *loo) {
  const smr_loo_basis *basis = ranks->basis;
  const double cutoff = smr_loo_basis_cutoff(basis);
  double numerator = row->y;
  double denominator = 1.0 - (double)basis->i0 / (double)basis->n;
  int64_t first = 0; /* rank that is too delicate to go up to */
  for (; first <= basis->q && is_better_up(basis, first, denominator); first++) {
    const double error = numerator / denominator;
    if (first < ranks->n_ranks) {
      loo[first] += error * error;
    }
    if (first < basis->q) {
      numerator -= row->u[first] * basis->beta[first];
      denominator -= row->u[first] * row->u[first];
    }
  }
  numerator = row->rest;
  denominator = row->outer;
  for (int64_t rank = basis->q; rank >= first; rank--) {
    const double error = numerator / denominator;
    if (rank < ranks->n_ranks) {
      loo[rank] += denominator > cutoff ? error * error : (double)NAN;
    }
    if (rank > 0) {
      numerator += row->u[rank - 1] * basis->beta[rank - 1];
      denominator += row->u[rank - 1] * row->u[rank - 1];
    }
  }
}
