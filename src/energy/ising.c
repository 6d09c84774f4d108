/* Kaufman's partition function, and the RBM with a hidden unit a bond. L: side of the lattice. */
#include "simmer/energy/ising.h"

#include <inttypes.h>
#include <math.h>

static const double pi = 3.14159265358979323846;
static const double ln_2 = 0.69314718055994530942;
static const double largest_coupling = 300.0; /* cosh 2K is finite */

/* gamma_q >= 0 with cosh gamma_q = cosh^2 2K / sinh 2K - cos(pi q / L), without cancellation where
 * it is near 0: cosh gamma_q - 1 = (sinh 2K - 1)^2 / sinh 2K + 2 sin^2(pi q / 2L). */
static double find_gamma(double sinh_2k, double angle) {
  const double t =
      (sinh_2k - 1.0) * ((sinh_2k - 1.0) / sinh_2k) + 2.0 * sin(angle / 2) * sin(angle / 2);
  return t > 1e100 ? log(t) + ln_2 : log1p(t + sqrt(t) * sqrt(t + 2.0));
}

/* ln of the products of 2 cosh and of |2 sinh| of L gamma_q / 2, over q = first, first + 2, …. */
static void add_products(int64_t side, double sinh_2k, int64_t first, double *log_cosh,
                         double *log_sinh) {
  *log_cosh = 0.0;
  *log_sinh = 0.0;
  for (int64_t r = 0; r < side; r++) {
    const double y =
        (double)side * find_gamma(sinh_2k, pi * (double)(2 * r + first) / (double)side);
    *log_cosh += y / 2 + log1p(exp(-y));
    *log_sinh += y / 2 + log(-expm1(-y));
  }
}

smr_status smr_ising_log_z(int64_t side, double coupling, double *log_z) {
  const double n_sites = (double)side * (double)side;
  if (side < 1 || !(fabs(coupling) <= largest_coupling) || (coupling < 0.0 && side % 2 != 0)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "no exact ln Z of a periodic Ising model of side %" PRId64 " at coupling %g", side,
             coupling);
  }
  /* Flipping every second spin of an even lattice changes the sign of K. */
  const double k = fabs(coupling);
  if (k < 1e-150) {
    *log_z = n_sites * ln_2;
    return SMR_OK;
  }
  const double sinh_2k = sinh(2.0 * k);
  double terms[4];
  add_products(side, sinh_2k, 1, &terms[0], &terms[1]);
  add_products(side, sinh_2k, 0, &terms[2], &terms[3]);
  /* gamma_0 = 2K + ln tanh K is the only one that may be negative: below the critical point. */
  const double sign = sinh_2k < 1.0 ? -1.0 : 1.0;
  const double largest = fmax(terms[0], terms[2]);
  const double sum = exp(terms[0] - largest) + exp(terms[1] - largest) + exp(terms[2] - largest) +
                     sign * exp(terms[3] - largest);
  *log_z = n_sites / 2 * log(2.0 * sinh_2k) + largest + log(sum) - ln_2;
  return SMR_OK;
}

/* Bond 2s joins site s to its right neighbour, bond 2s + 1 to the one below. */
static void fill_weights(int64_t side, float strength, float *w) {
  const int64_t n_bonds = 2 * side * side;
  for (int64_t i = 0; i < side * side * n_bonds; i++) {
    w[i] = 0.0F;
  }
  for (int64_t row = 0; row < side; row++) {
    for (int64_t column = 0; column < side; column++) {
      const int64_t site = row * side + column;
      const int64_t right = row * side + (column + 1) % side;
      const int64_t below = (row + 1) % side * side + column;
      w[site * n_bonds + 2 * site] += strength;
      w[right * n_bonds + 2 * site] += strength;
      w[site * n_bonds + 2 * site + 1] += strength;
      w[below * n_bonds + 2 * site + 1] += strength;
    }
  }
}

smr_status smr_ising_make_rbm(int64_t side, double coupling, float *w, float *visible_bias,
                              float *hidden_bias, double *log_z) {
  const double n_sites = (double)side * (double)side;
  if (!(coupling > 0.0)) {
    SMR_FAIL(SMR_ERR_INPUT, "an Ising RBM has a positive coupling, not %g", coupling);
  }
  SMR_TRY(smr_ising_log_z(side, coupling, log_z));
  /* acosh(e^{2K}) = ln(e^{2K} + sqrt(e^{4K} - 1)). */
  const double strength =
      (2.0 * coupling + log1p(sqrt(-expm1(-4.0 * coupling)))) / 2.0; /* w of the header */
  *log_z += 2.0 * n_sites * (ln_2 + coupling) - 4.0 * n_sites * strength;
  fill_weights(side, (float)(4.0 * strength), w);
  for (int64_t i = 0; i < side * side; i++) {
    visible_bias[i] = (float)(-8.0 * strength);
  }
  for (int64_t j = 0; j < 2 * side * side; j++) {
    hidden_bias[j] = (float)(-4.0 * strength);
  }
  return SMR_OK;
}
