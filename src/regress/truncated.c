/* Truncated SVD: its curves over the rank, and the ranks they choose. Letters: k singular values,
 * r = numerical rank. */
#include "simmer/regress/truncated.h"

#include <math.h>

#include "filter.h"
#include "simmer/base/memory.h"

int64_t smr_truncated_count(const smr_spectrum *spectrum) {
  const double cutoff = smr_filter_cutoff(spectrum);
  int64_t r = 0;
  while (r < spectrum->k && spectrum->s[r] > cutoff) {
    r++;
  }
  return r;
}

/* Residuals squared, from the last rank down so that small ones keep their digits. */
static void fill_residual2(const smr_spectrum *spectrum, int64_t r, double *residual2) {
  double sum = spectrum->tail;
  for (int64_t i = spectrum->k - 1; i >= r; i--) {
    sum += spectrum->beta[i] * spectrum->beta[i];
  }
  residual2[r] = sum;
  for (int64_t i = r - 1; i >= 0; i--) {
    sum += spectrum->beta[i] * spectrum->beta[i];
    residual2[i] = sum;
  }
}

void smr_truncated_norms(const smr_spectrum *spectrum, double *residual, double *solution) {
  const int64_t r = smr_truncated_count(spectrum);
  double sum = 0.0;
  fill_residual2(spectrum, r, residual);
  for (int64_t i = 0; i <= r; i++) {
    residual[i] = sqrt(residual[i]);
    solution[i] = sqrt(sum);
    if (i < r) {
      const double coefficient = spectrum->beta[i] / spectrum->s[i];
      sum += coefficient * coefficient;
    }
  }
}

void smr_truncated_gcv(const smr_spectrum *spectrum, double *gcv) {
  const int64_t r = smr_truncated_count(spectrum);
  fill_residual2(spectrum, r, gcv);
  for (int64_t i = 0; i <= r; i++) {
    const double left = (double)(spectrum->n - spectrum->has_intercept - i);
    gcv[i] = left > 0.0 ? (double)spectrum->n * (gcv[i] / left) / left : (double)NAN;
  }
}

void smr_truncated_error(const smr_spectrum *spectrum, const double *truth, double truth_null2,
                         double *error) {
  const int64_t r = smr_truncated_count(spectrum);
  double missed = truth_null2, made = 0.0;
  for (int64_t i = spectrum->k - 1; i >= r; i--) {
    missed += truth[i] * truth[i];
  }
  error[r] = missed;
  for (int64_t i = r - 1; i >= 0; i--) {
    missed += truth[i] * truth[i];
    error[i] = missed;
  }
  for (int64_t i = 0; i < r; i++) {
    const double wrong = spectrum->beta[i] / spectrum->s[i] - truth[i];
    made += wrong * wrong;
    error[i + 1] += made;
  }
}

void smr_truncated_coefficients(const smr_spectrum *spectrum, int64_t rank, double *c) {
  for (int64_t i = 0; i < spectrum->k; i++) {
    c[i] = i < rank ? spectrum->beta[i] / spectrum->s[i] : 0.0;
  }
}

/* Where rank k stands among the lambdas: log10 of s_k^2. Rank 0 stands with rank 1. */
static double get_place(const smr_spectrum *spectrum, int64_t rank) {
  return 2.0 * log10(spectrum->s[rank > 0 ? rank - 1 : 0]);
}

/* Ranks without a value may lie within a flat stretch, not at its ends. */
static bool is_flat(const smr_spectrum *spectrum, int64_t r, const double *curve, int64_t best) {
  const double bound = curve[best] + SMR_FLAT_RISE * fabs(curve[best]);
  int64_t low = best, high = best;
  for (int64_t i = best - 1; i >= 0 && !(curve[i] > bound); i--) {
    low = isnan(curve[i]) ? low : i;
  }
  for (int64_t i = best + 1; i <= r && !(curve[i] > bound); i++) {
    high = isnan(curve[i]) ? high : i;
  }
  return get_place(spectrum, low) - get_place(spectrum, high) >= SMR_FLAT_DECADES;
}

smr_rank_choice smr_truncated_minimum(const smr_spectrum *spectrum, const double *curve) {
  const int64_t r = smr_truncated_count(spectrum);
  smr_rank_choice choice = {-1, NAN, SMR_CHOICE_NOTHING};
  int64_t last = -1;
  for (int64_t i = 0; i <= r; i++) {
    last = isnan(curve[i]) ? last : i;
    if (!isnan(curve[i]) && (choice.rank < 0 || curve[i] < choice.value)) {
      choice = (smr_rank_choice){i, curve[i], SMR_CHOICE_INTERIOR};
    }
  }
  if (choice.rank >= 0 && (choice.rank == 0 || choice.rank == last)) {
    choice.status = SMR_CHOICE_EDGE;
  } else if (choice.rank > 0 && is_flat(spectrum, r, curve, choice.rank)) {
    choice.status = SMR_CHOICE_FLAT;
  }
  return choice;
}

static double get_step(const smr_spectrum *spectrum, int64_t rank) {
  return fabs(spectrum->beta[rank - 1] / spectrum->s[rank - 1]);
}

smr_rank_choice smr_truncated_quasiopt(const smr_spectrum *spectrum) {
  const int64_t r = smr_truncated_count(spectrum);
  smr_rank_choice choice = {-1, NAN, SMR_CHOICE_NOTHING}, lowest = choice;
  for (int64_t i = 1; i <= r; i++) {
    const double here = get_step(spectrum, i);
    if (lowest.rank < 0 || here < lowest.value) {
      lowest = (smr_rank_choice){i, here, SMR_CHOICE_EDGE};
    }
    const bool is_inner = i > 1 && i < r;
    if (is_inner && here < get_step(spectrum, i - 1) && here < get_step(spectrum, i + 1) &&
        (choice.rank < 0 || here < choice.value)) {
      choice = (smr_rank_choice){i, here, SMR_CHOICE_INTERIOR};
    }
  }
  return choice.rank > 0 ? choice : lowest;
}

smr_rank_choice smr_truncated_discrepancy(const smr_spectrum *spectrum, double sigma) {
  if (isnan(sigma)) {
    return (smr_rank_choice){-1, NAN, SMR_CHOICE_NO_NOISE};
  }
  const double target = smr_choose_discrepancy_target(spectrum, sigma);
  const int64_t r = smr_truncated_count(spectrum);
  double residual2 = spectrum->tail;
  for (int64_t i = spectrum->k - 1; i >= r; i--) {
    residual2 += spectrum->beta[i] * spectrum->beta[i];
  }
  int64_t rank = r;
  if (sqrt(residual2) > target) {
    return (smr_rank_choice){r, sqrt(residual2), SMR_CHOICE_EDGE};
  }
  while (rank > 0) {
    const double more = residual2 + spectrum->beta[rank - 1] * spectrum->beta[rank - 1];
    if (sqrt(more) > target) {
      break;
    }
    residual2 = more;
    rank--;
  }
  return (smr_rank_choice){rank, sqrt(residual2),
                           rank == 0 || rank == r ? SMR_CHOICE_EDGE : SMR_CHOICE_INTERIOR};
}

smr_status smr_truncated_corner(const smr_spectrum *spectrum, smr_rank_choice *choice) {
  const int64_t r = smr_truncated_count(spectrum);
  double *residual = NULL, *solution = NULL;
  int64_t corner = -1;
  smr_status status = SMR_OK;
  *choice = (smr_rank_choice){-1, NAN, SMR_CHOICE_NO_CORNER};
  SMR_TRY_DONE(smr_memory_alloc(r + 1, sizeof(double), "residual norms", &residual));
  SMR_TRY_DONE(smr_memory_alloc(r + 1, sizeof(double), "solution norms", &solution));
  smr_truncated_norms(spectrum, residual, solution);
  SMR_TRY_DONE(smr_corner_find(r + 1, residual, solution, &corner));
  if (corner >= 0) {
    *choice = (smr_rank_choice){corner, residual[corner], SMR_CHOICE_INTERIOR};
    choice->status = corner <= 1 || corner == r ? SMR_CHOICE_EDGE : SMR_CHOICE_INTERIOR;
  }
done:
  smr_memory_free(residual);
  smr_memory_free(solution);
  return status;
}
