/* Transforms by small factors, and Bluestein's for the rest.
 *
 * n = length, m = length of the inner transform (n itself, or the power of two of the convolution),
 * s = stride: a transform of s interleaved sequences of length l = m / s. */
#include "fft.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { MAX_FACTOR = 13, MAX_FACTORS = 64 };

struct smr_fft {
  int64_t n, m;
  int n_factors;
  int64_t factor[MAX_FACTORS];
  double complex *root;     /* [m] exp(-2 pi i k / m) */
  double complex *chirp;    /* [n] exp(-pi i k^2 / n); NULL without a convolution */
  double complex *spectrum; /* [m] transform of the conjugate chirp, over m */
};

/* exp(-2 pi i k / n), 0 <= k < n, from an angle of at most pi / 4. */
static double complex get_root(int64_t k, int64_t n) {
  const double turn = 6.283185307179586476925;
  const int64_t eighth = 8 * k / n;
  const int64_t from = (eighth + 1) / 2; /* quarter turns to the nearest axis */
  const double angle = turn * ((double)(4 * k - from * n) / (double)(4 * n));
  const double c = cos(angle);
  const double s = sin(angle);
  switch (from % 4) {
  case 0:
    return smr_complex(c, -s);
  case 1:
    return smr_complex(-s, -c);
  case 2:
    return smr_complex(-c, s);
  default:
    return smr_complex(s, c);
  }
}

/* a b, without C's care for infinities. */
static inline double complex multiply(double complex a, double complex b) {
  return smr_complex(creal(a) * creal(b) - cimag(a) * cimag(b),
                     creal(a) * cimag(b) + cimag(a) * creal(b));
}

/* Factors of n up to MAX_FACTOR, 4 before 2; returns what is left. */
static int64_t split(int64_t n, smr_fft *fft) {
  fft->n_factors = 0;
  while (n % 4 == 0) {
    fft->factor[fft->n_factors++] = 4;
    n /= 4;
  }
  for (int64_t f = 2; f <= MAX_FACTOR; f++) {
    while (n % f == 0) {
      fft->factor[fft->n_factors++] = f;
      n /= f;
    }
  }
  return n;
}

/* One step by factor f, from x to y: s sequences of length f r become f s of length r (Stockham).
 * Sums over f terms are written out: f is at most 13. Inlined where f is known. */
static inline __attribute__((always_inline)) void
step_by(const smr_fft *fft, int64_t f, int64_t s, const double complex *x, double complex *y) {
  double complex turn[MAX_FACTOR * MAX_FACTOR];
  const int64_t m = fft->m;
  const int64_t r = m / (f * s);
  for (int64_t k = 0; k < f * f; k++) {
    turn[k] = fft->root[(k / f) * (k % f) % f * (m / f)];
  }
  for (int64_t p = 0; p < r; p++) {
    for (int64_t j = 0; j < f; j++) {
      const double complex twiddle = fft->root[p * j * s];
      double complex *to = y + s * (f * p + j);
      for (int64_t q = 0; q < s; q++) {
        double complex sum = x[q + s * p];
        for (int64_t i = 1; i < f; i++) {
          sum += multiply(x[q + s * (p + r * i)], turn[j * f + i]);
        }
        to[q] = multiply(sum, twiddle);
      }
    }
  }
}

static void step(const smr_fft *fft, int64_t f, int64_t s, const double complex *x,
                 double complex *y) {
  switch (f) {
  case 2:
    step_by(fft, 2, s, x, y);
    break;
  case 3:
    step_by(fft, 3, s, x, y);
    break;
  case 4:
    step_by(fft, 4, s, x, y);
    break;
  case 5:
    step_by(fft, 5, s, x, y);
    break;
  default:
    step_by(fft, f, s, x, y);
  }
}

/* The inner transform of length m, in place. */
static void transform(const smr_fft *fft, double complex *x, double complex *work) {
  double complex *from = x;
  double complex *to = work;
  int64_t s = 1;
  for (int i = 0; i < fft->n_factors; i++) {
    step(fft, fft->factor[i], s, from, to);
    s *= fft->factor[i];
    double complex *swap = from;
    from = to;
    to = swap;
  }
  if (from != x) {
    memcpy(x, from, (size_t)fft->m * sizeof *x);
  }
}

static smr_status make_roots(smr_fft *fft) {
  SMR_TRY(smr_memory_alloc(fft->m, sizeof *fft->root, "Fourier transform", &fft->root));
  for (int64_t k = 0; k < fft->m; k++) {
    fft->root[k] = get_root(k, fft->m);
  }
  return SMR_OK;
}

/* With j k = (j^2 + k^2 - (j - k)^2) / 2 the transform is a convolution with the conjugate chirp.
 */
static smr_status make_chirp(smr_fft *fft) {
  double complex *work = NULL;
  const int64_t n = fft->n;
  SMR_TRY(smr_memory_alloc(n, sizeof *fft->chirp, "Fourier transform", &fft->chirp));
  SMR_TRY(smr_memory_alloc(fft->m, sizeof *fft->spectrum, "Fourier transform", &fft->spectrum));
  SMR_TRY(smr_memory_alloc(fft->m, sizeof *work, "Fourier transform", &work));
  int64_t square = 0; /* k^2 mod 2n */
  for (int64_t k = 0; k < n; k++) {
    fft->chirp[k] = get_root(square, 2 * n);
    fft->spectrum[k] = conj(fft->chirp[k]);
    fft->spectrum[k > 0 ? fft->m - k : 0] = fft->spectrum[k];
    square = (square + 2 * k + 1) % (2 * n);
  }
  transform(fft, fft->spectrum, work);
  for (int64_t k = 0; k < fft->m; k++) {
    fft->spectrum[k] /= (double)fft->m;
  }
  smr_memory_free(work);
  return SMR_OK;
}

smr_status smr_fft_create(int64_t n, smr_fft **out) {
  smr_fft *fft = NULL;
  smr_status status = SMR_OK;
  *out = NULL;
  if (n < 1 || n > (int64_t)1 << 40) {
    SMR_FAIL(SMR_ERR_LIMIT, "the length of a Fourier transform is out of range");
  }
  SMR_TRY_DONE(smr_memory_alloc(1, sizeof *fft, "Fourier transform", &fft));
  fft->n = n;
  fft->m = n;
  const bool is_smooth = split(n, fft) == 1;
  if (!is_smooth) {
    for (fft->m = 1; fft->m < 2 * n - 1;) {
      fft->m *= 2;
    }
    (void)split(fft->m, fft);
  }
  SMR_TRY_DONE(make_roots(fft));
  if (!is_smooth) {
    SMR_TRY_DONE(make_chirp(fft));
  }
  *out = fft;
  fft = NULL;
done:
  smr_fft_destroy(&fft);
  return status;
}

void smr_fft_destroy(smr_fft **fft) {
  if (fft != NULL && *fft != NULL) {
    smr_memory_free((*fft)->root);
    smr_memory_free((*fft)->chirp);
    smr_memory_free((*fft)->spectrum);
    smr_memory_free(*fft);
    *fft = NULL;
  }
}

int64_t smr_fft_count_work(const smr_fft *fft) {
  return 2 * fft->m;
}

void smr_fft_run(const smr_fft *fft, double complex *x, double complex *work) {
  if (fft->chirp == NULL) {
    transform(fft, x, work);
    return;
  }
  double complex *inner = work + fft->m;
  memset(inner, 0, (size_t)fft->m * sizeof *inner);
  for (int64_t k = 0; k < fft->n; k++) {
    inner[k] = multiply(x[k], fft->chirp[k]);
  }
  transform(fft, inner, work);
  /* The inverse transform is the forward one of the conjugates. */
  for (int64_t k = 0; k < fft->m; k++) {
    inner[k] = conj(multiply(inner[k], fft->spectrum[k]));
  }
  transform(fft, inner, work);
  for (int64_t k = 0; k < fft->n; k++) {
    x[k] = multiply(conj(inner[k]), fft->chirp[k]);
  }
}
