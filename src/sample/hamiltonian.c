/* Energies of every visible state: an RBM's free energies, the Ising model, smoothed data. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>

#include "precise.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/sample/renormalize.h"

enum { LOW_BITS = 10, MOST_SIDE = 4 };

/* --- free energies --- */

/* A state is (high, low): the input to a hidden unit is a part of high, bias included, and a part
 * of low, which is in a table. */
typedef struct {
  const smr_rbm *rbm;
  int64_t n_low, n_high; /* states */
  int64_t low_bits;
  double *low;  /* [n_low x H] */
  double *high; /* [threads x H] */
} inputs;

static smr_status check_model(const smr_rbm *rbm) {
  if (rbm->n_visible < 1 || rbm->n_visible > SMR_RENORMALIZE_MOST_UNITS || rbm->n_hidden < 1) {
    SMR_FAIL(SMR_ERR_LIMIT,
             "every state of %" PRId64 " visible units is gone through: there may be 1 to %d",
             rbm->n_visible, (int)SMR_RENORMALIZE_MOST_UNITS);
  }
  double sum = 0;
  for (int64_t i = 0; i < rbm->n_visible * rbm->n_hidden; ++i) {
    sum += fabs((double)rbm->w[i]);
  }
  for (int64_t i = 0; i < rbm->n_visible; ++i) {
    sum += fabs((double)rbm->visible_bias[i]);
  }
  for (int64_t j = 0; j < rbm->n_hidden; ++j) {
    sum += fabs((double)rbm->hidden_bias[j]);
  }
  if (!isfinite(sum)) {
    SMR_FAIL(SMR_ERR_NUMERIC, "parameters of the RBM are not finite");
  }
  return SMR_OK;
}

/* x [H] += the rows of W, from `first` on, of the bits of a state that are set. */
static void add_rows(const smr_rbm *rbm, int64_t first, int64_t state, double *x) {
  for (int64_t i = first; state != 0; ++i, state >>= 1) {
    if ((state & 1) != 0) {
      for (int64_t j = 0; j < rbm->n_hidden; ++j) {
        x[j] += (double)rbm->w[i * rbm->n_hidden + j];
      }
    }
  }
}

static double visible_energy(const smr_rbm *rbm, int64_t state) {
  smr_compensated sum = {0};
  for (int64_t i = 0; i < rbm->n_visible; ++i) {
    if ((state >> i & 1) != 0) {
      smr_compensated_add(&sum, -(double)rbm->visible_bias[i]);
    }
  }
  return smr_compensated_get(&sum);
}

static void fill_high(const inputs *in, int64_t high, double *f) {
  const int64_t n_hidden = in->rbm->n_hidden;
  double *x = in->high + (int64_t)omp_get_thread_num() * n_hidden;
  for (int64_t j = 0; j < n_hidden; ++j) {
    x[j] = (double)in->rbm->hidden_bias[j];
  }
  add_rows(in->rbm, in->low_bits, high, x);
  for (int64_t low = 0; low < in->n_low; ++low) {
    const int64_t state = high * in->n_low + low;
    const double *y = in->low + low * n_hidden;
    smr_compensated sum = {0};
    for (int64_t j = 0; j < n_hidden; ++j) {
      smr_compensated_add(&sum, smr_softplus(x[j] + y[j]));
    }
    f[state] = visible_energy(in->rbm, state) - smr_compensated_get(&sum);
  }
}

smr_status smr_renormalize_free_energies(const smr_rbm *rbm, double *f) {
  smr_status status = SMR_OK;
  inputs in = {.rbm = rbm};
  SMR_TRY(check_model(rbm));
  in.low_bits = smr_int_min(rbm->n_visible, LOW_BITS);
  in.n_low = (int64_t)1 << in.low_bits;
  in.n_high = (int64_t)1 << (rbm->n_visible - in.low_bits);
  const int n_threads = omp_get_max_threads();
  SMR_TRY_DONE(smr_memory_alloc(in.n_low * rbm->n_hidden, sizeof *in.low, "inputs of hidden units",
                                &in.low));
  SMR_TRY_DONE(smr_memory_alloc(n_threads * rbm->n_hidden, sizeof *in.high,
                                "inputs of hidden units", &in.high));
  for (int64_t low = 0; low < in.n_low; ++low) {
    add_rows(rbm, 0, low, in.low + low * rbm->n_hidden);
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_threads)
  for (int64_t high = 0; high < in.n_high; ++high) {
    fill_high(&in, high, f);
  }
done:
  smr_memory_free(in.low);
  smr_memory_free(in.high);
  return status;
}

/* --- data --- */

smr_status smr_renormalize_fill_ising(int64_t side, double coupling, double *h) {
  if (side < 2 || side > MOST_SIDE) {
    SMR_FAIL(SMR_ERR_LIMIT, "an Ising model to go through has a side of 2 to %d, not %" PRId64,
             (int)MOST_SIDE, side);
  }
  const int64_t n_sites = side * side;
  for (int64_t state = 0; state < (int64_t)1 << n_sites; ++state) {
    int64_t equal = 0; /* bonds between equal spins */
    for (int64_t i = 0; i < n_sites; ++i) {
      const int64_t row = i / side, column = i % side;
      const int64_t right = row * side + (column + 1) % side;
      const int64_t down = (row + 1) % side * side + column;
      equal += ((state >> i ^ state >> right) & 1) == 0;
      equal += ((state >> i ^ state >> down) & 1) == 0;
    }
    h[state] = -coupling * (double)(2 * equal - 2 * n_sites);
  }
  return SMR_OK;
}

smr_status smr_renormalize_fill_smoothed(int64_t n, const int64_t *counts, double smoothing,
                                         double *h) {
  int64_t total = 0;
  if (!(smoothing > 0 && smoothing <= 1)) {
    SMR_FAIL(SMR_ERR_INPUT,
             "the Hamiltonian of data wants some probability for every state: the smoothing must "
             "be above 0, and 1 at most, not %g",
             smoothing);
  }
  for (int64_t s = 0; s < n; ++s) {
    if (counts[s] < 0) {
      SMR_FAIL(SMR_ERR_INPUT, "state %" PRId64 " of the data is counted %" PRId64 " times", s,
               counts[s]);
    }
    SMR_TRY(smr_int_add(total, counts[s], "rows of data", &total));
  }
  if (total == 0) {
    SMR_FAIL(SMR_ERR_INPUT, "no rows of data to take a Hamiltonian from");
  }
  for (int64_t s = 0; s < n; ++s) {
    h[s] = -log((1.0 - smoothing) * (double)counts[s] / (double)total + smoothing / (double)n);
  }
  return SMR_OK;
}

double smr_renormalize_log_z(int64_t n, const double *energies) {
  double lowest = energies[0];
  for (int64_t s = 1; s < n; ++s) {
    lowest = fmin(lowest, energies[s]);
  }
  smr_compensated sum = {0};
  for (int64_t s = 0; s < n; ++s) {
    smr_compensated_add(&sum, exp(lowest - energies[s]));
  }
  return log(smr_compensated_get(&sum)) - lowest;
}
