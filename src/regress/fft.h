/* Discrete Fourier transform of any length, for the periodograms of residuals. Local, pure.
 *
 * N = 2^a 3^b 5^c … is transformed by its factors up to 13 (Cooley, Tukey 1965); a length with a
 * larger prime factor as a convolution of length 2^m >= 2N - 1 (Bluestein 1970). */
#ifndef SIMMER_REGRESS_FFT_H
#define SIMMER_REGRESS_FFT_H

#include <complex.h>
#include <stdint.h>

#include "simmer/base/error.h"

/* re + i im, whatever they are; <complex.h> of the C library has CMPLX for one compiler only. */
static inline double complex smr_complex(double re, double im) {
  const union {
    double parts[2];
    double complex number;
  } made = {{re, im}};
  return made.number;
}

typedef struct smr_fft smr_fft;

/* Tables for one length n >= 1; used by many threads at once. SMR_ERR_MEMORY, SMR_ERR_LIMIT. */
smr_status smr_fft_create(int64_t n, smr_fft **out) SMR_NODISCARD;
void smr_fft_destroy(smr_fft **fft);
/* Complex numbers that smr_fft_run needs to work in. */
int64_t smr_fft_count_work(const smr_fft *fft);
/* x[n] = sum over i of x[i] exp(-2 pi i j / n), in place; errors are about 1e-16 log2(n) of the
 * norm. */
void smr_fft_run(const smr_fft *fft, double complex *x, double complex *work);

#endif
