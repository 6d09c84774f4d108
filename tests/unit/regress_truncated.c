/* Truncated SVD, its corner, and Picard's condition against dense matrices in 60 digits and a
 * second writing in NumPy (see reference/choosers_make.py). */
#include "simmer/regress/truncated.h"

#include "../reference/choosers_reference.h"
#include "check.h"
#include "simmer/regress/picard.h"

enum { N_CASES = sizeof reference_cases / sizeof reference_cases[0] };

static smr_spectrum get_spectrum(const reference_case *c) {
  return (smr_spectrum){c->n, c->p, c->k, c->has_intercept, c->s, c->beta, c->tail};
}

/* s and beta rounded to doubles; beta / s of a small s keeps that. */
static const double relative = 1e-12;

static void test_norms(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    double residual[K_MAX + 1], solution[K_MAX + 1], gcv[K_MAX + 1], error[K_MAX + 1];
    assert_int_equal(smr_truncated_count(&spectrum), c->rank);
    smr_truncated_norms(&spectrum, residual, solution);
    smr_truncated_gcv(&spectrum, gcv);
    smr_truncated_error(&spectrum, c->truth, c->truth_null2, error);
    for (int64_t r = 0; r <= c->rank; r++) {
      /* The reference's last residual may be 1e-60 instead of 0. */
      assert_close(residual[r], c->residual[r], relative, 1e-50);
      assert_close(solution[r], c->solution[r], relative, 0.0);
      assert_close(gcv[r], c->rank_gcv[r], relative, 1e-99);
      assert_close(error[r], c->rank_error[r], 1e-10, 0.0); /* w - w* may cancel digits */
    }
  }
}

static void test_coefficients(void **state) {
  (void)state;
  const reference_case *c = &reference_cases[0];
  const smr_spectrum spectrum = get_spectrum(c);
  double w[K_MAX];
  for (int64_t rank = 0; rank <= c->rank; rank++) {
    double squares = 0.0;
    smr_truncated_coefficients(&spectrum, rank, w);
    for (int64_t i = 0; i < c->k; i++) {
      squares += w[i] * w[i];
      assert_true(i < rank || w[i] == 0.0);
    }
    assert_close(sqrt(squares), c->solution[rank], relative, 0.0);
  }
}

static void test_choices(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    smr_rank_choice corner;
    assert_ok(smr_truncated_corner(&spectrum, &corner));
    assert_int_equal(corner.rank, c->corner);
    const smr_rank_choice quasi = smr_truncated_quasiopt(&spectrum);
    assert_int_equal(quasi.status, c->rank_change > 0 ? SMR_CHOICE_INTERIOR : SMR_CHOICE_EDGE);
    if (c->rank_change > 0) {
      assert_int_equal(quasi.rank, c->rank_change);
    }
    const smr_rank_choice reached = smr_truncated_discrepancy(&spectrum, c->sigma);
    assert_int_equal(reached.rank, c->rank_discrepancy >= 0 ? c->rank_discrepancy : c->rank);
    assert_int_equal(smr_truncated_discrepancy(&spectrum, NAN).status, SMR_CHOICE_NO_NOISE);
    const smr_rank_choice all = smr_truncated_discrepancy(&spectrum, 1e6);
    assert_int_equal(all.rank, 0);
    assert_int_equal(all.status, SMR_CHOICE_EDGE);
  }
}

/* Two straight legs, the corner where they meet, also with a cluster of short steps there. */
static void test_corner(void **state) {
  (void)state;
  enum { N = 41, MIDDLE = 20 };
  double residual[N], solution[N];
  int64_t corner = -2;
  for (int i = 0; i < N; i++) {
    const int after = i > MIDDLE ? i - MIDDLE : 0, before = i < MIDDLE ? i : MIDDLE;
    residual[i] = pow(10.0, -0.2 * before - 0.001 * after);
    solution[i] = pow(10.0, 0.001 * before + 0.2 * after);
  }
  assert_ok(smr_corner_find(N, residual, solution, &corner));
  assert_int_equal(corner, MIDDLE);
  /* The mirror image has no corner. */
  for (int i = 0; i < N; i++) {
    const int after = i > MIDDLE ? i - MIDDLE : 0, before = i < MIDDLE ? i : MIDDLE;
    residual[i] = pow(10.0, -0.001 * before - 0.2 * after);
    solution[i] = pow(10.0, 0.2 * before + 0.001 * after);
  }
  assert_ok(smr_corner_find(N, residual, solution, &corner));
  assert_int_equal(corner, -1);
  /* Nothing to see in fewer than three points, zeros and equal points left out. */
  const double zeros[] = {3.0, 0.0, 2.0, 2.0}, ones[] = {1.0, 2.0, 3.0, 3.0};
  assert_ok(smr_corner_find(4, zeros, ones, &corner));
  assert_int_equal(corner, -1);
  assert_ok(smr_corner_find(0, zeros, ones, &corner));
  assert_int_equal(corner, -1);
}

static void test_flat(void **state) {
  (void)state;
  const double s[] = {100.0, 10.0, 1.0, 0.1}, beta[] = {1.0, 1.0, 1.0, 1.0};
  const smr_spectrum spectrum = {.n = 9, .p = 4, .k = 4, .s = s, .beta = beta};
  const double flat[] = {9.0, 1.001, 1.0, 1.002, 9.0}, sharp[] = {9.0, 1.5, 1.0, 1.5, 9.0};
  assert_int_equal(smr_truncated_minimum(&spectrum, flat).status, SMR_CHOICE_FLAT);
  assert_int_equal(smr_truncated_minimum(&spectrum, sharp).status, SMR_CHOICE_INTERIOR);
  assert_int_equal(smr_truncated_minimum(&spectrum, sharp).rank, 2);
}

/* Ranks without a value: passed over, no end of a flat stretch, and the last one with a value is an
 * edge. */
static void test_gaps(void **state) {
  (void)state;
  const double s[] = {100.0, 10.0, 1.0, 0.1}, beta[] = {1.0, 1.0, 1.0, 1.0}, none = (double)NAN;
  const smr_spectrum spectrum = {.n = 9, .p = 4, .k = 4, .s = s, .beta = beta};
  const double edge[] = {9.0, 3.0, 1.0, none, none}, inner[] = {9.0, none, 1.0, none, 2.0};
  const double flat[] = {9.0, 1.001, none, 1.0, 9.0}, nothing[] = {none, none, none, none, none};
  assert_int_equal(smr_truncated_minimum(&spectrum, edge).rank, 2);
  assert_int_equal(smr_truncated_minimum(&spectrum, edge).status, SMR_CHOICE_EDGE);
  assert_int_equal(smr_truncated_minimum(&spectrum, inner).rank, 2);
  assert_int_equal(smr_truncated_minimum(&spectrum, inner).status, SMR_CHOICE_INTERIOR);
  assert_int_equal(smr_truncated_minimum(&spectrum, flat).rank, 3);
  assert_int_equal(smr_truncated_minimum(&spectrum, flat).status, SMR_CHOICE_FLAT);
  assert_int_equal(smr_truncated_minimum(&spectrum, nothing).rank, -1);
  assert_int_equal(smr_truncated_minimum(&spectrum, nothing).status, SMR_CHOICE_NOTHING);
}

static void test_picard(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    const smr_picard picard = smr_picard_check(&spectrum, c->sigma);
    assert_int_equal(picard.level, (int64_t)c->picard[0]);
    assert_close(picard.slope_beta, c->picard[1], 1e-10, 1e-12); /* a fit by another route */
    assert_close(picard.slope_s, c->picard[2], 1e-10, 1e-12);
    assert_int_equal(picard.verdict, (int)c->picard[3]);
    assert_close(smr_picard_noise(&spectrum), c->noise, 1e-10, 0.0);
  }
}

/* s falls by 10 a mode, beta by 100 before it levels off at 1e-6: the condition holds; with beta
 * falling by 3 it is violated. */
static void test_picard_by_hand(void **state) {
  (void)state;
  double s[20], steep[20], shallow[20];
  for (int i = 0; i < 20; i++) {
    const double sign = i % 3 == 0 ? -1.0 : 1.0;
    s[i] = pow(10.0, -0.5 * i);
    steep[i] = sign * fmax(pow(10.0, -1.0 * i), 1e-6 * (1.0 + 0.3 * sin(i)));
    shallow[i] = sign * fmax(pow(10.0, -0.25 * i), 1e-6);
  }
  const smr_spectrum good = {.n = 20, .p = 20, .k = 20, .s = s, .beta = steep};
  smr_picard picard = smr_picard_check(&good, 1e-6);
  assert_int_equal(picard.level, 6); /* 1e-5 is beyond 3.5 sigma, 1e-6 isn't */
  assert_close(picard.slope_beta, -1.0, 1e-12, 0.0);
  assert_close(picard.slope_s, -0.5, 1e-12, 0.0);
  assert_int_equal(picard.verdict, SMR_PICARD_HOLDS);
  assert_close(smr_picard_noise(&good), 1e-6, 0.2, 0.0);
  const smr_spectrum bad = {.n = 20, .p = 20, .k = 20, .s = s, .beta = shallow};
  assert_int_equal(smr_picard_check(&bad, 1e-6).verdict, SMR_PICARD_VIOLATED);
  /* All noise: nothing before the level. */
  picard = smr_picard_check(&good, 10.0);
  assert_int_equal(picard.level, 0);
  assert_true(isnan(picard.slope_beta));
  assert_int_equal(picard.verdict, SMR_PICARD_UNDECIDED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_norms),   cmocka_unit_test(test_coefficients),
      cmocka_unit_test(test_choices), cmocka_unit_test(test_corner),
      cmocka_unit_test(test_flat),    cmocka_unit_test(test_gaps),
      cmocka_unit_test(test_picard),  cmocka_unit_test(test_picard_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
