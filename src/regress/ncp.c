/* Cumulative periodograms of residuals: lambdas are dealt to ranks and threads.
 *
 * n rows, q = floor(n / 2) frequencies, h = length of the transform. For even n the residuals' even
 * and odd rows are the real and imaginary parts of a sequence of h = n / 2; else h = n. */
#include "simmer/regress/ncp.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "fft.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"

typedef struct {
  int64_t n, q, h;
  smr_fft *fft;
  double complex *turn;   /* [q + 1] exp(-2 pi i j / n), for even n */
  int64_t stride;         /* of a thread's memory */
  double complex *memory; /* [threads][h + work + q] */
} ncp_run;

/* Numbers that D is made of: the frequencies below n / 2 less one. */
static int64_t count_uniforms(int64_t n) {
  return smr_int_max((n - 1) / 2 - 1, 0);
}

static smr_status allocate(int n_threads, int64_t n, ncp_run *run) {
  *run = (ncp_run){.n = n, .q = n / 2, .h = n % 2 == 0 ? n / 2 : n};
  SMR_TRY(smr_fft_create(run->h, &run->fft));
  SMR_TRY(smr_memory_alloc(run->q + 1, sizeof *run->turn, "periodogram", &run->turn));
  for (int64_t j = 0; j <= run->q; j++) {
    const double angle = 6.283185307179586476925 * ((double)j / (double)n);
    run->turn[j] = smr_complex(cos(angle), -sin(angle));
  }
  run->stride = run->h + smr_fft_count_work(run->fft) + run->q;
  return smr_memory_alloc(n_threads * run->stride, sizeof *run->memory, "periodogram",
                          &run->memory);
}

static void clear(ncp_run *run) {
  smr_fft_destroy(&run->fft);
  smr_memory_free(run->turn);
  smr_memory_free(run->memory);
}

static double square(double complex z) {
  return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* Frequency j of n from the transform Z of even + i odd rows: E = (Z_j + conj Z_-j) / 2, O = (Z_j -
 * conj Z_-j) / 2i, E + turn O. */
static double complex untangle(const ncp_run *run, const double complex *z, int64_t j) {
  const double complex a = z[j % run->h];
  const double complex b = conj(z[(run->h - j) % run->h]);
  const double complex turn = run->turn[j];
  const double complex difference = a - b;
  const double complex odd = smr_complex(cimag(difference), -creal(difference));
  return 0.5 * (a + b +
                smr_complex(creal(turn) * creal(odd) - cimag(turn) * cimag(odd),
                            creal(turn) * cimag(odd) + cimag(turn) * creal(odd)));
}

/* power[q] of residuals r[n], up to a common factor that keeps squares in range. Returns ||r||^2
 * with the same factor. */
static double transform(const ncp_run *run, const double *r, double complex *memory,
                        double *power) {
  const bool is_even = run->n % 2 == 0;
  double largest = 0.0;
  for (int64_t i = 0; i < run->n; i++) {
    const double size = fabs(r[i]);
    largest = size > largest ? size : largest;
  }
  /* A power of two in the range of a double, for numbers below it too. */
  const int exponent = largest > 0.0 ? -ilogb(largest) : 0;
  const double scale = ldexp(1.0, exponent < DBL_MAX_EXP ? exponent : DBL_MAX_EXP - 1);
  for (int64_t i = 0; i < run->h; i++) {
    memory[i] = is_even ? smr_complex(scale * r[2 * i], scale * r[2 * i + 1])
                        : smr_complex(scale * r[i], 0.0);
  }
  double energy = 0.0;
  for (int64_t i = 0; i < run->h; i++) {
    energy += square(memory[i]);
  }
  smr_fft_run(run->fft, memory, memory + run->h);
  for (int64_t j = 1; j <= run->q; j++) {
    power[j - 1] = square(is_even ? untangle(run, memory, j) : memory[j]);
  }
  return energy;
}

/* ||c - v||_2. */
static double measure_distance(const ncp_run *run, double total, const double *power) {
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t j = 0; j < run->q; j++) {
    sum += power[j];
    const double off = sum / total - (double)(j + 1) / (double)run->q;
    squares += off * off;
  }
  return sqrt(squares);
}

/* D of the header; `least`: power that is rounding. */
static double measure_deviation(const ncp_run *run, const double *power, double least) {
  const int64_t count = count_uniforms(run->n);
  double total = 0.0;
  double sum = 0.0;
  double largest = 0.0;
  for (int64_t j = 0; j <= count; j++) {
    total += power[j];
  }
  /* Nothing but the highest frequency: as far from white as can be. */
  if (!(total > least)) {
    return 1.0;
  }
  for (int64_t j = 0; j < count; j++) {
    const double before = (double)j / (double)count;
    const double after = (double)(j + 1) / (double)count;
    sum += power[j];
    largest = fmax(largest, fmax(sum / total - before, after - sum / total));
  }
  return largest;
}

/* energy: the squared norm of what was transformed. */
static void compare(const ncp_run *run, double energy, const double *power, double *distance,
                    double *deviation) {
  double total = 0.0;
  for (int64_t j = 0; j < run->q; j++) {
    total += power[j];
  }
  /* What is within the transform's rounding errors is none. */
  const double least = 1e-30 * (double)run->q * energy;
  const bool exists = total > least;
  *distance = exists ? measure_distance(run, total, power) : (double)NAN;
  *deviation = exists ? measure_deviation(run, power, least) : (double)NAN;
}

static void run_lambda(const ncp_run *run, int thread, const double *r, double *distance,
                       double *deviation) {
  double complex *memory = run->memory + thread * run->stride;
  void *power = memory + run->stride - run->q;
  const double energy = transform(run, r, memory, power);
  compare(run, energy, power, distance, deviation);
}

/* Every value is a number on one rank and zero on the others: their bits, as integers, add up
 * exactly. */
static smr_status share(const smr_context *context, int64_t n, double *values) {
  void *bits = values;
  return context->size > 1 ? smr_reduce_count(context, n, bits) : SMR_OK;
}

smr_status smr_ncp_run(const smr_context *context, int64_t n, int64_t n_lambda,
                       const double *residual, double *distance, double *deviation) {
  const int n_threads = omp_get_max_threads();
  ncp_run run = {.n = n};
  int64_t first = 0;
  int64_t count = 0;
  smr_status status = smr_agree(context, n > 1 ? allocate(n_threads, n, &run) : SMR_OK);
  if (status != SMR_OK) {
    goto done;
  }
  memset(distance, 0, (size_t)n_lambda * sizeof *distance);
  memset(deviation, 0, (size_t)n_lambda * sizeof *deviation);
  smr_int_share(n_lambda, context->size, context->rank, &first, &count);
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_threads) if (n_threads > 1)
  for (int64_t l = first; l < first + count; l++) {
    if (n > 1) {
      run_lambda(&run, omp_get_thread_num(), residual + l * n, &distance[l], &deviation[l]);
    } else {
      distance[l] = NAN;
      deviation[l] = NAN;
    }
  }
  SMR_TRY_DONE(share(context, n_lambda, distance));
  SMR_TRY_DONE(share(context, n_lambda, deviation));
done:
  clear(&run);
  return status;
}

int64_t smr_ncp_select_ranks(int64_t n_ranks, int64_t *ranks) {
  enum { ALL = SMR_NCP_RANKS / 2 };
  const bool is_whole = n_ranks <= SMR_NCP_RANKS;
  const int64_t count = smr_int_min(n_ranks, SMR_NCP_RANKS);
  const double last = (double)(n_ranks - 1);
  for (int64_t i = 0; i < count; i++) {
    const double step = (double)(i - ALL + 1) / (double)(SMR_NCP_RANKS - ALL);
    /* Where the sequence is slower than the integers it keeps up with them. */
    ranks[i] = is_whole || i < ALL
                   ? i
                   : smr_int_max(i, (int64_t)(0.5 + (ALL - 1) * pow(last / (ALL - 1), step)));
  }
  return count;
}

double smr_ncp_significance(int64_t n, double deviation) {
  enum { N_TERMS = 100 };
  const int64_t count = count_uniforms(n);
  if (isnan(deviation) || count < 1) {
    return isnan(deviation) ? (double)NAN : 1.0;
  }
  const double root = sqrt((double)count);
  const double x = deviation * (root + 0.12 + 0.11 / root);
  double sum = 0.0;
  /* Below 0.3 the probability is 1 - 1e-5 and the series converges slowly. */
  if (x < 0.3) {
    return 1.0;
  }
  for (int k = 1; k <= N_TERMS; k++) {
    sum += (k % 2 ? 2.0 : -2.0) * exp(-2.0 * k * k * x * x);
  }
  return fmin(1.0, fmax(0.0, sum));
}

int64_t smr_ncp_count_bytes(int64_t n, int64_t n_lambda) {
  const int64_t numbers = 10 * n * omp_get_max_threads() + 8 * n;
  return (int64_t)sizeof(double complex) * numbers + 2 * n_lambda * (int64_t)sizeof(double);
}

double smr_ncp_count_flops(int64_t n, int64_t n_lambda) {
  /* Transforms by factors up to 13, or two convolutions of up to four times the length. */
  return 40.0 * (double)n * log2((double)n + 2.0) * (double)n_lambda;
}
