/* Choosers of lambda against dense matrices in 60 digits (see reference/choosers_make.py), at
 * their edges, and by what a minimum must fulfil. */
#include "simmer/regress/choosers.h"

#include "../reference/choosers_reference.h"
#include "check.h"

enum { N_CASES = sizeof reference_cases / sizeof reference_cases[0] };

/* Rounding the 60-digit s and beta to doubles costs a few 1e-16, a sum over 32 of them a few more;
 * second derivatives and (n - dof)^2 of problems whose 1 - f nearly vanish lose three digits. */
static const double relative = 1e-12;

static smr_spectrum get_spectrum(const reference_case *c) {
  return (smr_spectrum){c->n, c->p, c->k, c->has_intercept, c->s, c->beta, c->tail};
}

static void test_gcv(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    double curve[N_LAMBDAS];
    for (int j = 0; j < N_LAMBDAS; j++) {
      curve[j] = smr_choose_gcv_at(&spectrum, reference_lambdas[j]);
      if (!isnan(c->gcv[j])) {
        assert_close(curve[j], c->gcv[j], relative, 0.0);
      }
    }
    const int skip = isnan(c->gcv[0]); /* singular values that are rounding: no limit to compare */
    const smr_choice choice =
        smr_choose_minimum(N_LAMBDAS - skip, reference_lambdas + skip, curve + skip, NULL);
    assert_int_equal(choice.index + skip, c->best_gcv);
  }
}

static double get_gcv(const void *self, double lambda) {
  return smr_choose_gcv_at(self, lambda);
}

/* A refined minimum is no worse than the grid's, and lower than a little to its sides. */
static void test_refined(void **state) {
  (void)state;
  int n_inner = 0;
  for (int i = 0; i < N_CASES; i++) {
    const smr_spectrum spectrum = get_spectrum(&reference_cases[i]);
    const smr_lambda_function function = {get_gcv, &spectrum};
    double curve[N_LAMBDAS];
    for (int j = 1; j < N_LAMBDAS; j++) {
      curve[j] = get_gcv(&spectrum, reference_lambdas[j]);
    }
    const smr_choice choice =
        smr_choose_minimum(N_LAMBDAS - 1, reference_lambdas + 1, curve + 1, &function);
    if (choice.status == SMR_CHOICE_EDGE) {
      continue;
    }
    n_inner++;
    assert_true(choice.value <= curve[choice.index + 1]);
    assert_close(choice.value, get_gcv(&spectrum, choice.lambda), 0.0, 0.0);
    assert_true(choice.value <= get_gcv(&spectrum, choice.lambda * 1.01));
    assert_true(choice.value <= get_gcv(&spectrum, choice.lambda / 1.01));
    assert_true(fabs(log10(choice.lambda / reference_lambdas[choice.index + 1])) <= 0.5);
  }
  assert_true(n_inner >= 6);
}

static void test_curvature(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    double curve[N_LAMBDAS];
    for (int j = 0; j < N_LAMBDAS; j++) {
      curve[j] = smr_choose_curvature_at(&spectrum, reference_lambdas[j]);
      /* The reference's own differences are good to 1e-12 of the largest slope. */
      assert_close(curve[j], c->curvature[j], 1e-8, 1e-9);
    }
    const smr_choice choice = smr_choose_lcurve(&spectrum, N_LAMBDAS, reference_lambdas, curve);
    if (choice.status == SMR_CHOICE_NO_CORNER) {
      assert_true(c->curvature[c->best_curvature] <= 0.0);
      continue;
    }
    assert_int_equal(choice.index, c->best_curvature);
    assert_true(choice.value >= curve[choice.index]);
  }
}

static void test_quasiopt(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    double curve[N_LAMBDAS];
    for (int j = 0; j < N_LAMBDAS; j++) {
      curve[j] = smr_choose_quasiopt_at(&spectrum, reference_lambdas[j]);
      /* A difference of solutions over 1e-15: its square is far below. */
      assert_close(curve[j], c->change[j], relative, 0.0);
    }
    const smr_choice choice = smr_choose_quasiopt(&spectrum, N_LAMBDAS, reference_lambdas, curve);
    if (c->best_change >= 0) {
      assert_int_equal(choice.status, SMR_CHOICE_INTERIOR);
      assert_int_equal(choice.index, c->best_change);
      assert_true(choice.value <= curve[choice.index]);
    } else {
      assert_int_equal(choice.status, SMR_CHOICE_EDGE);
    }
  }
}

static void test_discrepancy(void **state) {
  (void)state;
  int n_inner = 0;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    const smr_choice choice =
        smr_choose_discrepancy(&spectrum, N_LAMBDAS - 1, reference_lambdas + 1, c->sigma);
    if (choice.status == SMR_CHOICE_INTERIOR) {
      n_inner++;
      /* The slope of the residual may be small: its last digit over it. */
      assert_close(choice.lambda, c->discrepancy, 1e-9, 0.0);
      assert_close(choice.value, smr_choose_discrepancy_target(&spectrum, c->sigma), 1e-12, 0.0);
    } else {
      assert_int_equal(choice.status, SMR_CHOICE_EDGE);
    }
    /* With lambda = 0 at the end of the grid the same root is found. */
    const smr_choice again =
        smr_choose_discrepancy(&spectrum, N_LAMBDAS, reference_lambdas, c->sigma);
    if (choice.status == SMR_CHOICE_INTERIOR) {
      assert_close(again.lambda, choice.lambda, 1e-9, 0.0);
    }
  }
  assert_true(n_inner >= 8);
}

static void test_discrepancy_edges(void **state) {
  (void)state;
  const double s[] = {2.0, 1.0}, beta[] = {3.0, 1.0}, lambda[] = {0.01, 0.1, 1.0};
  const smr_spectrum spectrum = {.n = 9, .p = 2, .k = 2, .s = s, .beta = beta, .tail = 4.0};
  assert_int_equal(smr_choose_discrepancy(&spectrum, 3, lambda, NAN).status, SMR_CHOICE_NO_NOISE);
  const smr_choice low = smr_choose_discrepancy(&spectrum, 3, lambda, 0.1);
  assert_int_equal(low.status, SMR_CHOICE_EDGE);
  assert_int_equal(low.index, 0);
  const smr_choice high = smr_choose_discrepancy(&spectrum, 3, lambda, 5.0); /* beyond ||y|| */
  assert_int_equal(high.status, SMR_CHOICE_EDGE);
  assert_int_equal(high.index, 2);
  /* One row is the intercept's: 1.01 sigma sqrt(8). */
  smr_spectrum centred = spectrum;
  centred.has_intercept = true;
  assert_close(smr_choose_discrepancy_target(&centred, 1.0), 1.01 * sqrt(8.0), 1e-15, 0.0);
}

static void test_error(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const reference_case *c = &reference_cases[i];
    const smr_spectrum spectrum = get_spectrum(c);
    for (int j = 1; j < N_LAMBDAS; j++) {
      const double error =
          smr_choose_error_at(&spectrum, reference_lambdas[j], c->truth, c->truth_null2);
      assert_close(error, c->error[j], 1e-11, 0.0); /* w - w* may cancel a digit */
    }
  }
}

static void test_minimum(void **state) {
  (void)state;
  const double lambda[] = {0.0, 0.01, 0.1, 1.0, 10.0, 100.0};
  const double down[] = {5, 4, 3, 2, 1, 0.5}, nothing[] = {NAN, NAN, NAN, NAN, NAN, NAN};
  const double flat[] = {9, 1.002, 1.001, 1, 1.003, 9}, gap[] = {NAN, 2, 1, NAN, 3, 4};
  assert_int_equal(smr_choose_minimum(6, lambda, down, NULL).status, SMR_CHOICE_EDGE);
  assert_int_equal(smr_choose_minimum(6, lambda, down, NULL).index, 5);
  assert_int_equal(smr_choose_minimum(6, lambda, nothing, NULL).status, SMR_CHOICE_NOTHING);
  assert_int_equal(smr_choose_minimum(6, lambda, nothing, NULL).index, -1);
  assert_int_equal(smr_choose_minimum(6, lambda, flat, NULL).status, SMR_CHOICE_FLAT);
  assert_int_equal(smr_choose_minimum(6, lambda, gap, NULL).status, SMR_CHOICE_INTERIOR);
  assert_close(smr_choose_minimum(6, lambda, gap, NULL).lambda, 0.1, 0.0, 0.0);
  assert_int_equal(smr_choose_minimum(1, lambda, down, NULL).status, SMR_CHOICE_EDGE);
  /* (log10 lambda + 0.2)^2: a parabola is met exactly. */
  const double bowl[] = {NAN, 3.24, 0.64, 0.04, 1.44, 4.84};
  const smr_choice choice = smr_choose_minimum(6, lambda, bowl, NULL);
  assert_int_equal(choice.index, 3);
  assert_close(log10(choice.lambda), -0.2, 1e-14, 0.0);
  assert_close(choice.value, 0.0, 0.0, 1e-15);
}

/* One singular value and nothing outside: ln w against ln residual is concave everywhere. */
static void test_no_corner(void **state) {
  (void)state;
  const double s[] = {1.0}, beta[] = {1.0}, lambda[] = {0.01, 0.1, 1.0, 10.0};
  const smr_spectrum spectrum = {.n = 3, .p = 1, .k = 1, .s = s, .beta = beta};
  double curve[4];
  for (int j = 0; j < 4; j++) {
    curve[j] = smr_choose_curvature_at(&spectrum, lambda[j]);
    assert_true(curve[j] < 0.0);
  }
  const smr_choice choice = smr_choose_lcurve(&spectrum, 4, lambda, curve);
  assert_int_equal(choice.status, SMR_CHOICE_NO_CORNER);
  assert_true(isnan(choice.lambda));
}

static void test_empty(void **state) {
  (void)state;
  const double lambda[] = {0.0, 1.0};
  const smr_spectrum spectrum = {.n = 1, .p = 3, .k = 0, .has_intercept = true};
  assert_true(isnan(smr_choose_gcv_at(&spectrum, 1.0)));
  assert_true(isnan(smr_choose_curvature_at(&spectrum, 1.0)));
  assert_int_equal(smr_choose_quasiopt(&spectrum, 2, lambda, lambda).status, SMR_CHOICE_NOTHING);
  assert_close(smr_choose_error_at(&spectrum, 1.0, NULL, 4.0), 4.0, 0.0, 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gcv),         cmocka_unit_test(test_refined),
      cmocka_unit_test(test_curvature),   cmocka_unit_test(test_quasiopt),
      cmocka_unit_test(test_discrepancy), cmocka_unit_test(test_discrepancy_edges),
      cmocka_unit_test(test_error),       cmocka_unit_test(test_minimum),
      cmocka_unit_test(test_no_corner),   cmocka_unit_test(test_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
